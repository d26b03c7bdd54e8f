// SPDX-License-Identifier: Apache-2.0
/*
 * control.c - records from later kata-runtime commands: START and SIGNAL here,
 * the others in manage.c.
 *
 * Runs in kata-shim, confined. Needs no rights. The socket lies in a 0700
 * directory and only our own user is served; a command that sends nonsense
 * loses its connection.
 *
 * START is served in one go (network, StartContainer): nothing else can happen
 * to a process that has not begun. SIGNAL must not stop the pumps, so its
 * answer comes when the agent's does.
 *
 * #syscalls:shim accept4 close
 * #syscalls:shim getsockopt - SO_PEERCRED: who commands
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent.pb-c.h"
#include "log.h"
#include "shim.h"

#define KILLED_MS 10000 /* for the guest to say that it ended an exec */

static const char *const state_name[] = {
	[SHIM_SETUP] = "being created", [SHIM_CREATED] = "created",
	[SHIM_RUNNING] = "running",	[SHIM_EXITED] = "stopped",
	[SHIM_END] = "stopped",
};
static_assert(ARRAY_SIZE(state_name) == SHIM_STATE_MAX, "a name for each state");

/* A slot may be free again: the next in the queue has its turn. */
static void peer_left(struct shim *shim)
{
	if (shim->listen_source.fd >= 0 &&
	    loop_watch(shim, &shim->listen_source, EPOLLIN) < 0)
		log_warn("commands are no longer served");
}

/* Closes; a command that did not wait for it is no error. */
void control_answer_record(struct shim_peer *peer, const union record *record)
{
	struct err err = ERR_INIT;

	peer->waiting = peer->wants_oom = false;
	peer_left(peer->shim);
	if (peer->source.fd < 0)
		return;
	if (record_send(peer->source.fd, record, &err) < 0)
		log_info("answer a command: %s", err.text);
	loop_close(peer->shim, &peer->source);
}

void control_answer(struct shim_peer *peer, const struct err *what)
{
	struct err err = ERR_INIT;
	union record record;

	if (!what) {
		record_init(&record, RECORD_OK);
		control_answer_record(peer, &record);
		return;
	}
	peer->waiting = peer->wants_oom = false;
	peer_left(peer->shim);
	if (peer->source.fd < 0)
		return;
	if (record_send_error(peer->source.fd, what, &err) < 0)
		log_info("answer a command: %s", err.text);
	loop_close(peer->shim, &peer->source);
}

/* --- START -------------------------------------------------------------- */

static int start_container(struct shim *shim, const struct record_start *start,
			   struct err *err)
{
	Grpc__StartContainerRequest request =
		GRPC__START_CONTAINER_REQUEST__INIT;
	int r;

	if (shim->role != SHIM_CONTAINER || shim->state != SHIM_CREATED)
		return err_msg(err, EINVAL,
			       "cannot start a container that is %s",
			       state_name[shim->state]);
	r = netconf_apply(shim, start, err);
	if (r < 0)
		return r;
	request.container_id = (char *)(uintptr_t)shim->id;
	return agent_call_wait(&shim->agent, AGENT_START_CONTAINER,
			       &request.base, AGENT_CALL_TIMEOUT_MS, NULL, err);
}

static void serve_start(struct shim_peer *peer, const struct record_start *start)
{
	struct shim *shim = peer->shim;
	enum shim_state before = shim->state;
	struct err err = ERR_INIT;
	int r = start_container(shim, start, &err);

	if (r < 0) {
		control_answer(peer, &err);
		if (r == -ECONNRESET)
			loop_broken(shim, &err);
		else if (before == SHIM_CREATED)
			/* As engines read it: not found, or not executable. */
			exit_with(shim, r == -ENOENT ? 127 : 126);
		return;
	}
	shim->state = SHIM_RUNNING;
	exit_watch(shim);
	io_start(shim);
	tty_resize(shim);
	signals_flush(shim);
	control_answer(peer, NULL);
}

/* --- SIGNAL ------------------------------------------------------------- */

static void signalled(void *ctx, const ProtobufCMessage *message,
		      const struct err *err)
{
	struct err gone = ERR_INIT;

	(void)message;
	if (err && err->code == ESRCH) {
		err_msg(&gone, ESRCH, "container not running");
		err = &gone;
	}
	control_answer(ctx, err);
}

static void signal_running(struct shim_peer *peer,
			   const struct record_signal *signal)
{
	Grpc__SignalProcessRequest request = GRPC__SIGNAL_PROCESS_REQUEST__INIT;
	struct shim *shim = peer->shim;
	struct err err = ERR_INIT;

	request.container_id = (char *)(uintptr_t)shim->id;
	/* The agent takes an empty exec id for every process. */
	if (!signal->all)
		request.exec_id = (char *)(uintptr_t)shim->process_id;
	request.signal = signal->signal;
	if (agent_call_start(&shim->agent, AGENT_SIGNAL_PROCESS, &request.base,
			     AGENT_CALL_TIMEOUT_MS, signalled, peer, &err) < 0) {
		control_answer(peer, &err);
		return;
	}
	peer->waiting = true;
}

static void serve_signal(struct shim_peer *peer,
			 const struct record_signal *signal)
{
	struct shim *shim = peer->shim;
	struct err err = ERR_INIT;

	switch (shim->state) {
	case SHIM_CREATED:
		control_answer(peer, NULL);
		if (signal->signal)
			signals_forward(shim, signal->signal);
		break;
	case SHIM_RUNNING:
		if (signal->signal)
			signal_running(peer, signal);
		else
			control_answer(peer, NULL);
		break;
	default:
		err_msg(&err, ESRCH, "container not running");
		control_answer(peer, &err);
		break;
	}
}

/* --- the creating command ------------------------------------------------ */

/*
 * The command in the foreground was killed, and whatever it had as stdio is
 * not ours to use any more. An exec ends with it, as a child would; engines
 * end one that way; a guest that does not say so is not waited for. A container
 * goes on, without its terminal if it had one. What has ended already only had
 * output left, which nobody takes now.
 */
static void caller_gone(struct shim *shim, struct shim_source *source,
			uint32_t events)
{
	bool exited = shim->state == SHIM_EXITED;

	(void)events;
	loop_close(shim, source);
	if (shim->state == SHIM_END)
		return;
	tty_restore(shim);
	if (shim->role == SHIM_EXEC) {
		log_info("the command in the foreground is gone");
		io_discard(shim);
		signals_forward(shim, SIGKILL);
		exit_within(shim, 128 + SIGKILL, exited ? 0 : KILLED_MS);
	} else if (shim->terminal) {
		log_info("the terminal's command is gone");
		io_discard(shim);
		signals_forward(shim, SIGHUP);
		if (exited)
			exit_within(shim, 128 + SIGHUP, 0);
	}
}

int control_release(struct shim *shim, struct err *err)
{
	struct shim_source *source = &shim->caller_source;
	int r;

	source->fd = shim->fds.control;
	shim->fds.control = -1;
	source->handle = caller_gone;
	if (!shim->foreground) {
		loop_close(shim, source);
		return 0;
	}
	r = loop_watch(shim, source, EPOLLIN);
	return r < 0 ? err_set(err, -r, "watch the caller") : 0;
}

/* --- connections -------------------------------------------------------- */

static void peer_handle(struct shim *shim, struct shim_source *source,
			uint32_t events)
{
	struct shim_peer *peer = (struct shim_peer *)source;
	/* One record a connection: a second answer would find whoever has the
	 * slot by then. */
	bool busy = peer->waiting || peer->wants_oom;
	struct err err = ERR_INIT;
	union record record;
	int r;

	(void)events;
	r = record_recv(source->fd, &record, -1, &err);
	if (r == -EAGAIN)
		return;
	if (r == RECORD_SHIM_START && !busy) {
		serve_start(peer, &record.start);
	} else if (r == RECORD_SHIM_SIGNAL && !busy) {
		serve_signal(peer, &record.signal);
	} else if (r < 0 || busy || !manage_serve(peer, &record)) {
		if (r != -EPIPE)
			log_warn("a command sent what is not expected: %s",
				 r < 0 ? err.text : "wrong type");
		/* The slot is free when the agent has answered, too. */
		peer->wants_oom = false;
		loop_close(shim, source);
		peer_left(shim);
	}
}

static bool peer_is_us(const struct shim *shim, int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0 &&
	       cred.uid == shim->uid;
}

static struct shim_peer *peer_free(struct shim *shim)
{
	for (size_t i = 0; i < SHIM_PEERS_MAX; i++)
		if (shim->peers[i].source.fd < 0 && !shim->peers[i].waiting)
			return &shim->peers[i];
	return NULL;
}

static void listen_handle(struct shim *shim, struct shim_source *source,
			  uint32_t events)
{
	struct shim_peer *peer = peer_free(shim);
	int fd;

	(void)events;
	if (!peer) {
		/* It waits in the queue until a slot is free: peer_left() */
		IGNORE(loop_watch(shim, source, 0) < 0, "it stays as it is");
		return;
	}
	fd = accept4(source->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0)
		return;
	if (!peer_is_us(shim, fd)) {
		log_warn("a connection to the shim was refused");
		close(fd);
		return;
	}
	peer->source.fd = fd;
	peer->source.events = 0;
	if (loop_watch(shim, &peer->source, EPOLLIN) < 0)
		loop_close(shim, &peer->source);
}

/**
 * control_init() - Serve the listening socket; before the shim confines itself
 * @shim:	With the epoll set
 * @err:	Filled on failure
 *
 * Return: 0 or -errno
 */
int control_init(struct shim *shim, struct err *err)
{
	int r;

	for (size_t i = 0; i < SHIM_PEERS_MAX; i++) {
		shim->peers[i].source.fd = -1;
		shim->peers[i].source.handle = peer_handle;
		shim->peers[i].shim = shim;
	}
	shim->listen_source.fd = shim->fds.listen;
	shim->listen_source.handle = listen_handle;
	if (shim->fds.listen < 0)
		return 0;
	r = fd_set_nonblock(shim->fds.listen, true);
	if (r == 0)
		r = loop_watch(shim, &shim->listen_source, EPOLLIN);
	return r < 0 ? err_set(err, -r, "watch the listening socket") : 0;
}
