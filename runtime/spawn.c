// SPDX-License-Identifier: Apache-2.0
/*
 * spawn.c - the double fork that makes a shim, in kata-runtime.
 *
 * Order matters: the cgroup before the cgroup namespace, the network namespace
 * while its descriptor's owner is still our user namespace, the pid namespace
 * before the second fork (it applies to children only). B calls setsid(), so
 * that it can take a controlling terminal and has a process group of its own.
 *
 * #syscalls:runtime clone unshare setns - a shim in namespaces of its own
 * #caps:runtime/command sys_admin - the shim's namespaces
 */
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "auto.h"
#include "cgroup-unit.h"
#include "child.h"

#define NEW_NAMESPACES                                                         \
	(CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS |            \
	 CLONE_NEWCGROUP)
#define JOINED_NAMESPACES                                                      \
	(CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS |           \
	 CLONE_NEWCGROUP)

/* What A and B tell the runtime, in one write each. */
struct report {
	pid_t pid; /* A: B's pid; 0 otherwise */
	struct err err;
};

static NORETURN void fail(int report_fd, const struct err *err)
{
	struct report report = { .err = *err };

	IGNORE(fd_write_all(report_fd, &report, sizeof(report)) < 0,
	       "the runtime sees the end of file");
	_exit(1);
}

static NORETURN void run_b(const struct spawn_shim *spec, int report_fd)
{
	static char *empty[] = { NULL };
	AUTO_FREE struct fd_name *fds =
		xcalloc(spec->fd_count + 1, sizeof(*fds));
	struct err err = ERR_INIT;
	int r;

	child_reset_signals();
	if (setsid() < 0) {
		err_set(&err, errno, "setsid");
		fail(report_fd, &err);
	}
	memcpy(fds, spec->fds, spec->fd_count * sizeof(*fds));
	fds[spec->fd_count] = (struct fd_name){ "report", report_fd };
	r = child_place_fds(fds, spec->fd_count + 1);
	report_fd = 3 + (int)spec->fd_count;
	if (r == 0)
		r = fd_set_cloexec(report_fd, true);
	if (r == 0) {
		execve(spec->path, spec->argv->item, empty);
		r = -errno;
	}
	err_set(&err, -r, "execute %s", spec->path);
	fail(report_fd, &err);
}

static int join_shim(const struct process_ref *shim, struct err *err)
{
	AUTO_FD int fd = process_pidfd(shim, err);

	if (fd < 0)
		return fd;
	/* setns(2) with a pidfd, Linux 5.8 */
	if (setns(fd, JOINED_NAMESPACES) < 0)
		return err_set(err, errno, "enter the container's namespaces");
	return 0;
}

static int enter(const struct spawn_shim *spec, struct err *err)
{
	if (spec->cgroups && cgroup_unit_join(spec->unit, spec->cgroups, err) < 0)
		return -err->code;
	if (spec->join)
		return join_shim(spec->join, err);
	if (spec->net_fd >= 0 && setns(spec->net_fd, CLONE_NEWNET) < 0)
		return err_set(err, errno, "enter the network namespace");
	if (unshare(NEW_NAMESPACES) < 0)
		return err_set(err, errno, "unshare the shim's namespaces");
	return 0;
}

static NORETURN void run_a(const struct spawn_shim *spec, int report_fd)
{
	struct report report = { .err = ERR_INIT };
	struct err err = ERR_INIT;
	pid_t pid;

	if (enter(spec, &err) < 0)
		fail(report_fd, &err);
	pid = fork();
	if (pid == 0)
		run_b(spec, report_fd);
	if (pid < 0) {
		err_set(&err, errno, "fork");
		fail(report_fd, &err);
	}
	report.pid = pid;
	IGNORE(fd_write_all(report_fd, &report, sizeof(report)) < 0,
	       "the runtime sees the end of file");
	_exit(0);
}

/* A's report and, if exec fails, B's: until the end of file. */
static int read_reports(int fd, pid_t *ret_pid, struct err *err)
{
	struct report report;
	pid_t pid = 0;
	ssize_t n;

	while ((n = fd_read_full(fd, &report, sizeof(report))) ==
	       (ssize_t)sizeof(report)) {
		if (report.err.code) {
			*err = report.err;
			return err_wrap(err, "shim");
		}
		pid = report.pid;
	}
	if (n != 0 || pid <= 0)
		return err_msg(err, EIO,
			       "shim: the forking child gave no answer");
	*ret_pid = pid;
	return 0;
}

int spawn_shim(const struct spawn_shim *spec, pid_t *ret_pid, struct err *err)
{
	int pipe_fd[2], status, r;
	pid_t a;

	if (pipe2(pipe_fd, O_CLOEXEC) < 0)
		return err_set(err, errno, "pipe");
	a = fork();
	if (a == 0) {
		close(pipe_fd[0]);
		run_a(spec, pipe_fd[1]);
	}
	close(pipe_fd[1]);
	if (a < 0) {
		close(pipe_fd[0]);
		return err_set(err, errno, "fork");
	}
	r = read_reports(pipe_fd[0], ret_pid, err);
	close(pipe_fd[0]);
	if (waitpid(a, &status, 0) < 0 && r == 0)
		r = err_set(err, errno, "wait for the forking child");
	return r;
}
