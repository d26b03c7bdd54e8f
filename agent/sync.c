// SPDX-License-Identifier: Apache-2.0
/*
 * sync.c - the agent's end of the set-up channel: what a child that becomes a
 * container's process reports, until its exec closes the channel. Runs in
 * kata-agent.
 *
 * An exec may come in two steps (setup.c): a helper in our own pid namespace
 * does the set-up with the rights it needs, and its child, born into the
 * container's pid namespace, has none left to steal. The helper tells that
 * child's number by SYNC_CHILD; from then on the child is the process.
 *
 * Hostile: the container. One that may trace can write to the channel in the
 * child's place, never in the helper's: the kernel says who wrote (its pid as
 * we see it), and a number can only be forged of what the forger can see.
 */
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "container.h"
#include "fd.h"
#include "log.h"
#include "readback.h"

void sync_close(struct agent *agent, struct process *process)
{
	loop_forget(agent, &process->sync);
	if (process->sync_fd >= 0)
		close(process->sync_fd);
	process->sync_fd = -1;
}

void sync_drop_report(struct process *process)
{
	if (!process->report)
		return;
	readback_done(process->report);
	free(process->report);
	process->report = NULL;
}

static void take_terminal(struct process *process, int *master_fd)
{
	struct err err = ERR_INIT;
	int write_fd = fcntl(*master_fd, F_DUPFD_CLOEXEC, 3);

	if (write_fd < 0) {
		err_set(&process->setup_err, errno, "terminal");
		return;
	}
	if (stream_open(&process->in, write_fd, &err) < 0 ||
	    stream_open(&process->out, *master_fd, &err) < 0)
		process->setup_err = err;
	*master_fd = -1;
}

static int take_report(struct agent *agent, struct process *process,
		       struct err *err)
{
	process->report = xcalloc(1, sizeof(*process->report));
	grpc__read_back__init(process->report);
	return readback_take(agent, process, process->report, err);
}

/* The init is made, and frozen: CreateContainer's answer. */
static void reply_created(struct agent *agent, struct process *process)
{
	Grpc__CreateContainerResponse answer =
		GRPC__CREATE_CONTAINER_RESPONSE__INIT;
	struct call call = { agent, process->setup_stream };

	answer.read_back = process->report;
	process->setup_stream = 0;
	call_reply(&call, &answer.base);
	sync_drop_report(process);
}

/*
 * The helper counts as a process of the user, so it cannot have a limit on
 * their number that is meant for what it starts.
 */
static int set_process_limit(const struct process *process, struct err *err)
{
	if (!process->is_born)
		return 0;
	if (prlimit(process->pid, RLIMIT_NPROC, &process->nproc, NULL) < 0)
		return err_set(err, errno, "RLIMIT_NPROC");
	return 0;
}

static void on_ready(struct agent *agent, struct process *process)
{
	struct err err = ERR_INIT;
	int r;

	if (process->state != PROCESS_SETUP)
		return;
	process->state = PROCESS_FROZEN;
	r = process->setup_err.code ? -process->setup_err.code : 0;
	if (r == 0)
		r = set_process_limit(process, &err);
	if (r == 0)
		r = take_report(agent, process, &err);
	if (r == 0 && process->is_init)
		reply_created(agent, process);
	else if (r == 0)
		r = process_go(process, &err);
	if (r == 0)
		return;
	if (err.code)
		process->setup_err = err;
	process->state = PROCESS_SETUP; /* reaping answers the call */
	IGNORE(process_signal(process, SIGKILL, &err), "it may be gone");
}

void sync_exec_seen(struct agent *agent, struct process *process)
{
	Grpc__ExecProcessResponse answer = GRPC__EXEC_PROCESS_RESPONSE__INIT;
	struct call call = { agent, process->setup_stream };

	process->state = PROCESS_RUNNING;
	process->setup_stream = 0;
	answer.read_back = process->report; /* none for StartContainer */
	call_reply(&call, &answer.base);
	sync_drop_report(process);
}

/* A container that may trace can write this in the child's place. */
static void take_failure(struct process *process, struct err *from)
{
	from->text[sizeof(from->text) - 1] = '\0';
	if (from->code <= 0)
		from->code = EIO;
	process->setup_err = *from;
}

/* The helper's child is the process now; the helper itself is about to end. */
static void take_child(struct agent *agent, struct process *process, pid_t pid)
{
	int status;

	process->helper_pid = process->pid;
	process->pid = pid;
	process->has_helper = false;
	process->is_born = true;
	close(process->pidfd);
	process->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (process_take_stray(agent, pid, &status)) {
		/* Not from here: the caller may be at its end already. */
		process->has_ended = true;
		process->status = status;
		agent->tick_ms = 0;
		return;
	}
	if (process->pidfd < 0)
		err_set(&process->setup_err, errno, "pidfd of the process");
	if (process->is_ready)
		on_ready(agent, process);
}

struct message {
	struct sync_message body;
	pid_t from; /* as the kernel says */
	int fd;	    /* -1: none */
};

static void take_control(struct msghdr *msg, struct message *ret)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		struct ucred who;

		if (c->cmsg_level != SOL_SOCKET)
			continue;
		if (c->cmsg_type == SCM_CREDENTIALS) {
			memcpy(&who, CMSG_DATA(c), sizeof(who));
			ret->from = who.pid;
		} else if (c->cmsg_type == SCM_RIGHTS && ret->fd < 0) {
			memcpy(&ret->fd, CMSG_DATA(c), sizeof(ret->fd));
		}
	}
}

/* Return: bytes; a second descriptor does not fit, and the kernel drops it */
static ssize_t receive(int sync_fd, struct message *ret)
{
	union {
		char bytes[CMSG_SPACE(sizeof(struct ucred)) +
			   CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = { &ret->body, sizeof(ret->body) };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control.bytes,
			      .msg_controllen = sizeof(control.bytes) };
	ssize_t n;

	ret->fd = -1;
	ret->from = 0;
	do {
		n = recvmsg(sync_fd, &msg, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	take_control(&msg, ret);
	return n;
}

static void take_message(struct agent *agent, struct process *process,
			 struct message *message)
{
	/* The helper, or a child that no container can look into. */
	bool is_ours = message->from == process->pid && !process->is_born;

	switch (message->body.kind) {
	case SYNC_PTY:
		if (is_ours && message->fd >= 0 && process->terminal &&
		    process->state == PROCESS_SETUP && process->out.fd < 0)
			take_terminal(process, &message->fd);
		break;
	case SYNC_CHILD:
		if (is_ours && process->has_helper)
			take_child(agent, process, (pid_t)message->body.pid);
		break;
	case SYNC_FAILED:
		take_failure(process, &message->body.err);
		break;
	case SYNC_READY:
		process->is_ready = true;
		if (!process->has_helper)
			on_ready(agent, process);
		break;
	default:
		break;
	}
}

bool sync_step(struct agent *agent, struct process *process)
{
	struct message message = { 0 };
	ssize_t n = receive(process->sync_fd, &message);

	if (n == -EAGAIN)
		return false;
	if (n == sizeof(message.body)) {
		take_message(agent, process, &message);
	} else {
		sync_close(agent, process);
		if (process->state == PROCESS_STARTING &&
		    !process->setup_err.code)
			sync_exec_seen(agent, process);
	}
	if (message.fd >= 0)
		close(message.fd);
	return n == sizeof(message.body);
}

static void sync_ready(struct agent *agent, struct source *source,
		       uint32_t events UNUSED)
{
	struct process *process = container_of(source, struct process, sync);

	while (process->sync_fd >= 0 && sync_step(agent, process))
		;
}

int process_started(struct agent *agent, struct process *process,
		    struct err *err)
{
	int r = fd_set_nonblock(process->sync_fd, true);

	if (r < 0)
		return err_set(err, -r, "set-up channel");
	process->state = PROCESS_SETUP;
	process->sync.fd = process->sync_fd;
	process->sync.ready = sync_ready;
	return loop_watch(agent, &process->sync, EPOLLIN, err);
}

int process_go(struct process *process, struct err *err)
{
	if (process->state != PROCESS_FROZEN)
		return err_msg(err, EBUSY, "the process was already started");
	if (process->sync_fd < 0 || write(process->sync_fd, "g", 1) != 1)
		return err_msg(err, EBUSY, "the prepared process is gone");
	process->state = PROCESS_STARTING;
	return 0;
}
