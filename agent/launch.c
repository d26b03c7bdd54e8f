// SPDX-License-Identifier: Apache-2.0
/*
 * launch.c - the fork. Runs in kata-agent. The child is placed in its cgroup,
 * and an init in its pid namespace, by the clone itself, so that there is no
 * moment at which it is somewhere else. An exec that could be looked into
 * starts in our own pid namespace; all the rest is setup.c.
 *
 * #syscalls:agent clone3 setns
 */
#include "launch.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "auto.h"
#include "path.h"
#include "process.h"

#define CGROUP_LINE_MAX 8192

/* Ends of the child; ours are put into the process at once. */
struct child_ends {
	int sync_fd, go_fd, pty_fd, stdio[3];
};

static void close_ends(struct child_ends *ends)
{
	auto_close_(&ends->sync_fd);
	auto_close_(&ends->go_fd);
	auto_close_(&ends->pty_fd);
	for (int i = 0; i < 3; i++)
		auto_close_(&ends->stdio[i]);
}

static int make_pipe(struct stream *stream, bool to_child, uid_t uid, gid_t gid,
		     int *ret_child_fd, struct err *err)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_set(err, errno, "pipe");
	*ret_child_fd = fds[to_child ? 0 : 1];
	/* Larger is faster; the default works too. */
	IGNORE(fcntl(fds[0], F_SETPIPE_SZ, AGENT_PIPE_SIZE), "speed only");
	/* The user may open /dev/stdout and its like again. */
	if (fchown(*ret_child_fd, uid, gid) < 0) {
		close(fds[to_child ? 1 : 0]);
		return err_set(err, errno, "owner of the pipe");
	}
	return stream_open(stream, fds[to_child ? 1 : 0], err);
}

/*
 * Pipes, because a container may get hold of the process's ends: a socket
 * would let it send descriptors, which are the agent's to close.
 */
static int make_channel(struct process *process, bool terminal,
			struct child_ends *ends, struct err *err)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_set(err, errno, "set-up channel");
	process->sync_fd = fds[0];
	ends->sync_fd = fds[1];
	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_set(err, errno, "set-up channel");
	ends->go_fd = fds[0];
	process->go_fd = fds[1];
	if (!terminal)
		return 0;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		return err_set(err, errno, "channel for the terminal");
	process->pty_fd = fds[0];
	ends->pty_fd = fds[1];
	return 0;
}

static int make_ends(struct process *process, const struct launch *launch,
		     struct child_ends *ends, struct err *err)
{
	int r = make_channel(process, launch->terminal, ends, err);

	if (r < 0 || launch->terminal)
		return r;
	r = make_pipe(&process->in, true, launch->uid, launch->gid,
		      &ends->stdio[0], err);
	if (r == 0)
		r = make_pipe(&process->out, false, launch->uid, launch->gid,
			      &ends->stdio[1], err);
	if (r == 0)
		r = make_pipe(&process->err, false, launch->uid, launch->gid,
			      &ends->stdio[2], err);
	return r;
}

static long clone_into(struct process *process, int cgroup_fd, bool is_init)
{
	struct clone_args args = {
		.flags = CLONE_INTO_CGROUP | CLONE_PIDFD |
			 (is_init ? CLONE_NEWPID : 0u),
		.exit_signal = SIGCHLD,
		.cgroup = (uint64_t)cgroup_fd,
		.pidfd = (uint64_t)(uintptr_t)&process->pidfd,
	};

	return syscall(SYS_clone3, &args, sizeof(args));
}

/*
 * A container that runs an init system has moved itself into groups below its
 * own, and its own then takes no processes: go where its init is.
 */
static long clone_beside(struct agent *agent, struct process *process,
			 const struct process *init)
{
	const struct container *container = process->container;
	AUTO_FREE char *file = xasprintf("%d/cgroup", (int)init->pid);
	AUTO_FREE char *own = xasprintf("0::/kata/%s/", container->id);
	AUTO_FREE char *text = NULL;
	struct err err = ERR_INIT;
	long pid = -1;
	int fd = -1, code = EBUSY;

	if (path_read_file(agent->proc_fd, file, CGROUP_LINE_MAX, &text,
			   &err) == 0 &&
	    strncmp(text, own, strlen(own)) == 0) {
		text[strcspn(text, "\n")] = '\0';
		fd = path_open_beneath(container->cgroup_fd, text + strlen(own),
				       O_RDONLY | O_DIRECTORY, 0, &err);
	}
	if (fd >= 0) {
		pid = clone_into(process, fd, false);
		code = errno;
		close(fd);
	}
	errno = code;
	return pid;
}

/*
 * Where the container's processes may look into others, an exec is born by a
 * helper (setup.c); that costs a second fork. Where none can, because the
 * kernel shows a process that is not dumpable only to who holds one of the
 * capabilities left out here, an exec starts in the container's pid namespace
 * at once. These are what engines give by default, and the network's.
 */
static bool may_look(const struct caps_sets *caps)
{
	static const unsigned harmless[] = {
		CAP_CHOWN,   CAP_DAC_OVERRIDE, CAP_FOWNER,
		CAP_FSETID,  CAP_KILL,	       CAP_SETGID,
		CAP_SETUID,  CAP_SETPCAP,      CAP_NET_BIND_SERVICE,
		CAP_NET_RAW, CAP_NET_ADMIN,    CAP_SYS_CHROOT,
		CAP_MKNOD,   CAP_AUDIT_WRITE,  CAP_SETFCAP,
	};
	uint64_t all = caps->bounding | caps->permitted | caps->effective |
		       caps->inheritable | caps->ambient;

	for (size_t i = 0; i < ARRAY_SIZE(harmless); i++)
		all &= ~(UINT64_C(1) << harmless[i]);
	return all != 0;
}

/*
 * What has begun without a helper has all rights until its exec, and the
 * container may have stopped it there: nobody may look before it is through.
 */
static int check_look(const struct process *process,
		      const struct launch *launch, struct err *err)
{
	struct container *container = process->container;

	if (container->may_look || !may_look(&launch->caps))
		return 0;
	for (const struct process *at = container->processes; at; at = at->next)
		if (at != process && at->state < PROCESS_RUNNING)
			return err_msg(
				err, EBUSY,
				"exec %s is being set up and could be taken over: try again",
				at->exec_id);
	container->may_look = true;
	return 0;
}

/*
 * As fork(), but into a cgroup. A process joins a pid namespace by being born
 * there: for an exec without a helper the agent points its children's
 * namespace at the container's for the length of this call.
 */
static int clone_child(struct agent *agent, struct process *process,
		       const struct process *init, struct err *err)
{
	bool direct = init && !process->has_helper;
	long pid;
	int code;

	if (direct && setns(init->pidfd, CLONE_NEWPID) < 0)
		return err_set(err, errno, "enter the pid namespace");
	pid = clone_into(process, process->container->cgroup_fd, !init);
	if (pid < 0 && errno == EBUSY && init)
		pid = clone_beside(agent, process, init);
	code = errno;
	if (pid == 0)
		return 0;
	if (direct && setns(agent->pidns_fd, CLONE_NEWPID) < 0)
		BUG_ON("no way back to the own pid namespace");
	if (pid < 0)
		return err_set(err, code, "start a process");
	process->pid = (pid_t)pid;
	return 1;
}

/* RLIMIT_NPROC as the process will have it: the spec's, or ours. */
static int take_nproc(struct process *process, const struct launch *launch,
		      struct err *err)
{
	if (getrlimit(RLIMIT_NPROC, &process->nproc) < 0)
		return err_set(err, errno, "RLIMIT_NPROC");
	for (size_t i = 0; i < launch->rlimit_count; i++)
		if (launch->rlimits[i].resource == RLIMIT_NPROC)
			process->nproc = launch->rlimits[i].value;
	return 0;
}

int launch_start(struct agent *agent, struct process *process,
		 struct launch *launch, struct process *init, struct err *err)
{
	struct child_ends ends = { -1, -1, -1, { -1, -1, -1 } };
	int r = make_ends(process, launch, &ends, err);

	process->terminal = launch->terminal;
	if (r == 0)
		r = check_look(process, launch, err);
	process->has_helper = init && process->container->may_look;
	launch->by_helper = process->has_helper;
	if (r == 0)
		r = take_nproc(process, launch, err);
	if (r == 0 && process->has_helper)
		r = sync_expect_birth(process, err);
	if (r < 0) {
		close_ends(&ends);
		return r;
	}
	launch->nofile = agent->nofile;
	launch->is_init = !init;
	launch->join_fd = init ? init->pidfd : -1;
	launch->proc_fd = agent->proc_fd;
	launch->birth = process->birth;
	launch->sync_fd = ends.sync_fd;
	launch->go_fd = ends.go_fd;
	launch->pty_fd = ends.pty_fd;
	memcpy(launch->stdio, ends.stdio, sizeof(ends.stdio));
	r = clone_child(agent, process, init, err);
	if (r == 0)
		setup_child(launch);
	close_ends(&ends);
	if (r < 0)
		return r;
	return process_started(agent, process, err);
}
