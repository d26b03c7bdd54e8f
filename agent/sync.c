// SPDX-License-Identifier: Apache-2.0
/*
 * sync.c - the agent's end of the set-up channel: what a child that becomes a
 * container's process reports, until its exec closes the channel. Runs in
 * kata-agent.
 *
 * An exec may come in two steps (setup.c): a helper in our own pid namespace
 * does the set-up with the rights it needs, and its child, born into the
 * container's pid namespace, has none left to steal. The kernel writes that
 * child's number into a page that only the helper and we have, before the
 * child runs; from then on the child is the process.
 *
 * Hostile: the container. One that may trace gets hold of all that the child
 * has, which is therefore no more than the ends of two pipes: it can write in
 * the child's place, but send us nothing, and not name another process. The
 * socket for the terminal is closed before anything can see who holds it.
 */
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "auto.h"
#include "container.h"
#include "fd.h"
#include "log.h"
#include "readback.h"

/* READY and FAILED are all that ours write. */
#define MESSAGES_MAX 4
#define PAGE 4096

static void drop_fd(int *fd)
{
	int taken = take_fd(fd);

	if (taken >= 0)
		close(taken);
}

void sync_close(struct agent *agent, struct process *process)
{
	loop_forget(agent, &process->sync);
	drop_fd(&process->sync_fd);
	drop_fd(&process->go_fd);
	drop_fd(&process->pty_fd);
}

void sync_drop_report(struct process *process)
{
	if (!process->report)
		return;
	readback_done(process->report);
	free(process->report);
	process->report = NULL;
}

/* Sent before READY, and by who cannot be seen: it is there, or will not be. */
static int take_terminal(struct process *process, struct err *err)
{
	AUTO_FD int pty_fd = take_fd(&process->pty_fd);
	AUTO_FD int master_fd = -1;
	size_t count = 0;
	ssize_t n;
	char byte;
	int fd, r;

	r = fd_set_nonblock(pty_fd, true);
	if (r < 0)
		return err_set(err, -r, "channel for the terminal");
	n = fd_recv(pty_fd, &byte, 1, &fd, 1, &count);
	if (n < 0 || count != 1)
		return err_set(err, n < 0 ? (int)-n : EIO, "terminal");
	master_fd = fd;
	fd = fcntl(master_fd, F_DUPFD_CLOEXEC, 3);
	if (fd < 0)
		return err_set(err, errno, "terminal");
	r = stream_open(&process->in, fd, err);
	return r < 0 ? r : stream_open(&process->out, take_fd(&master_fd), err);
}

static int take_report(struct agent *agent, struct process *process,
		       struct err *err)
{
	process->report = xcalloc(1, sizeof(*process->report));
	grpc__read_back__init(process->report);
	return readback_take(agent, process, process->report, err);
}

/*
 * The process is made, and frozen: the answer of CreateContainer, or of an
 * ExecProcess that asked for that.
 */
static void reply_frozen(struct agent *agent, struct process *process)
{
	Grpc__CreateContainerResponse created =
		GRPC__CREATE_CONTAINER_RESPONSE__INIT;
	Grpc__ExecProcessResponse held = GRPC__EXEC_PROCESS_RESPONSE__INIT;
	struct call call = { agent, process->setup_stream };

	created.read_back = held.read_back = process->report;
	process->setup_stream = 0;
	call_reply(&call, process->is_init ? &created.base : &held.base);
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

/* Its end is still to be reaped. */
static bool has_ended(const struct process *process)
{
	struct pollfd pidfd = { .fd = process->pidfd, .events = POLLIN };

	return process->pidfd < 0 || poll(&pidfd, 1, 0) > 0;
}

static void on_ready(struct agent *agent, struct process *process)
{
	struct err err = ERR_INIT;
	int r;

	if (process->state != PROCESS_SETUP)
		return;
	process->state = PROCESS_FROZEN;
	r = process->setup_err.code ? -process->setup_err.code : 0;
	if (r == 0 && process->terminal)
		r = take_terminal(process, &err);
	if (r == 0)
		r = set_process_limit(process, &err);
	if (r == 0)
		r = take_report(agent, process, &err);
	if (r == 0 && (process->is_init || process->is_held))
		reply_frozen(agent, process);
	else if (r == 0)
		r = process_go(process, &err);
	if (r == 0)
		return;
	/* What is missing of one that was killed meanwhile is no reason. */
	if (err.code && !has_ended(process))
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
	answer.read_back = process->report; /* none to StartContainer */
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

int sync_expect_birth(struct process *process, struct err *err)
{
	void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED)
		return err_set(err, errno, "page for the process's number");
	process->birth = page;
	return 0;
}

void sync_forget_birth(struct process *process)
{
	if (process->birth)
		BUG_ON(munmap((void *)(uintptr_t)process->birth, PAGE) < 0);
	process->birth = NULL;
}

/*
 * The number is that of a child of ours which nobody has reaped: process_reap()
 * comes here first. So it is no other's, and only one that it is reaping now
 * can be gone; its end is told next.
 */
void sync_take_birth(struct process *process)
{
	pid_t pid = process->birth ? *process->birth : 0;

	if (pid == 0)
		return;
	sync_forget_birth(process);
	process->helper_pid = process->pid;
	process->pid = pid;
	process->has_helper = false;
	process->is_born = true;
	close(process->pidfd);
	process->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (process->pidfd < 0 && errno == ESRCH)
		return;
	if (process->pidfd < 0)
		err_set(&process->setup_err, errno, "pidfd of the process");
	/* What it was to become has failed before it could be told. */
	if (process->setup_err.code)
		IGNORE(kill(pid, SIGKILL), "it may be gone");
}

static void take_message(struct agent *agent, struct process *process,
			 struct sync_message *message)
{
	switch (message->kind) {
	case SYNC_FAILED:
		take_failure(process, &message->err);
		break;
	case SYNC_READY:
		sync_take_birth(process);
		/* Before its number is known, it is not by the process. */
		if (!process->has_helper)
			on_ready(agent, process);
		break;
	default:
		break;
	}
}

/* The container has its hands on the process, or it is at its end anyhow. */
static void cut_off(struct agent *agent, struct process *process,
		    const char *why)
{
	struct err err = ERR_INIT;

	sync_close(agent, process);
	if (why && !process->setup_err.code)
		err_msg(&process->setup_err, EPROTO, "set-up channel: %s", why);
	IGNORE(process_signal(process, SIGKILL, &err), "it may be gone");
}

bool sync_step(struct agent *agent, struct process *process)
{
	struct sync_message message = { 0 };
	ssize_t n;

	do {
		n = read(process->sync_fd, &message, sizeof(message));
	} while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return false;
	if (n == sizeof(message) && ++process->sync_count <= MESSAGES_MAX) {
		take_message(agent, process, &message);
		return true;
	}
	if (n != 0) {
		cut_off(agent, process, "not of the process that was started");
	} else if (process->state == PROCESS_STARTING &&
		   !process->setup_err.code) {
		sync_close(agent, process);
		sync_exec_seen(agent, process);
	} else {
		cut_off(agent, process, NULL);
	}
	return false;
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

	/* Its other end may have been filled by a container. */
	if (r == 0)
		r = fd_set_nonblock(process->go_fd, true);
	if (r < 0)
		return err_set(err, -r, "set-up channel");
	process->state = PROCESS_SETUP;
	process->sync.fd = process->sync_fd;
	process->sync.ready = sync_ready;
	return loop_watch(agent, &process->sync, EPOLLIN, err);
}

/* As if its end had been seen already: of an exec that leaves no name. */
static int tell_gone(const struct process *process, struct err *err)
{
	if (process->is_init)
		return err_msg(err, EBUSY, "the prepared process is gone");
	return err_msg(
		err, ESRCH,
		"no such process: \"%.128s\" in container %s has ended before it was started",
		process->exec_id, process->container->id);
}

int process_go(struct process *process, struct err *err)
{
	struct err ignored = ERR_INIT;

	if (process->state != PROCESS_FROZEN)
		return err_msg(err, EBUSY, "the process was already started");
	/* It may be forged; a program that runs would be cut off for it. */
	if (process->setup_err.code) {
		*err = process->setup_err;
		IGNORE(process_signal(process, SIGKILL, &ignored),
		       "it may be gone");
		return -err->code;
	}
	if (process->go_fd < 0 || has_ended(process))
		return tell_gone(process, err);
	if (write(process->go_fd, "g", 1) != 1)
		return errno == EPIPE ?
			       tell_gone(process, err) :
			       err_set(err, errno, "let the process go");
	drop_fd(&process->go_fd);
	process->state = PROCESS_STARTING;
	return 0;
}
