/* SPDX-License-Identifier: Apache-2.0 */
/* Child processes: spawn with an explicit set of descriptors, pidfds. */
#ifndef LIB_CHILD_H
#define LIB_CHILD_H

#include "alloc.h"
#include "fd.h"

struct child {
	pid_t pid; /* 0 when none */
	int pidfd; /* close-on-exec, -1 when none */
};

#define CHILD_INIT                                                             \
	{                                                                      \
		.pid = 0, .pidfd = -1                                          \
	}

struct child_spec {
	const char *path;	   /* absolute; nothing is searched in PATH */
	const struct strv *argv;   /* argv[0] first */
	const struct strv *env;	   /* NULL: empty environment */
	const struct fd_name *fds; /* become 3, 4, 5 ...; fd -1 not allowed */
	size_t fd_count;
	int stdio[3];	   /* -1: /dev/null */
	bool death_signal; /* SIGKILL when the calling thread ends */
	/*
	 * In the child, before descriptors are placed; 0 or -errno, whose words
	 * are child_spawn()'s error. May be NULL.
	 */
	int (*prepare)(void *arg, struct err *err);
	void *prepare_arg;
};

/*
 * Puts descriptor i of fds at 3 + i, closes every other one from 3 on, and
 * clears close-on-exec on them. For use in a forked child only. 0 or -errno.
 */
int child_place_fds(const struct fd_name *fds, size_t count) MUST_CHECK;
/* Default dispositions (also SIGPIPE), empty mask. For a forked child. */
void child_reset_signals(void);
/*
 * fork and execve; what fails in the child is reported here, in its own words,
 * through a close-on-exec pipe. The caller owns ret_child.
 */
int child_spawn(const struct child_spec *spec, struct child *ret_child,
		struct err *err) MUST_CHECK;
/* "a,b,c" for --fds, from the names in order; the caller frees it. */
char *child_fds_arg(const struct fd_name *fds, size_t count);
/* Waits and reaps. Return: wait status as of waitpid(2), or -errno */
int child_wait(struct child *child, int timeout_ms) MUST_CHECK;
/*
 * Reaps one that has ended, as its pidfd said; never waits. Return: as above,
 * -EAGAIN while it lives
 */
int child_reap(struct child *child) MUST_CHECK;
/*
 * Runs a program to its end, with an empty environment, and keeps what it says
 * on stdout and stderr: at most max bytes, or -EFBIG. It is killed when it, or
 * whoever else holds its output, takes longer than timeout_ms (-ETIMEDOUT),
 * and with the calling thread. *ret_text, NUL-terminated, is the caller's, and
 * set unless the return is negative. Return: wait status, or -errno
 */
int child_output(const char *path, const struct strv *argv, int timeout_ms,
		 size_t max, char **ret_text, struct err *err) MUST_CHECK;
/* The same with child_spec.prepare, which gets no argument. */
int child_output_prepared(const char *path, const struct strv *argv,
			  int (*prepare)(void *arg, struct err *err),
			  int timeout_ms, size_t max, char **ret_text,
			  struct err *err) MUST_CHECK;
/*
 * Of what child_output() gave, the line that begins with prefix, cut off at its
 * end; NULL: none. The loader may have said something before.
 */
char *child_line(char *text, const char *prefix);
/* SIGKILL and reap; fine on an empty child. */
void child_end(struct child *child);
static inline void auto_child_(struct child *child)
{
	child_end(child);
}
#define AUTO_CHILD __attribute__((cleanup(auto_child_)))
/*
 * Ends a child that was only forked, within bounds: it has grace_ms to end by
 * itself (0: none), then SIGKILL and kill_ms to be gone. One that not even that
 * ends, inside a driver or frozen, is left, a zombie until the caller ends.
 * Return: it was reaped, and *ret_status, if not NULL, is its wait status; false
 * also when somebody else has reaped it
 */
bool child_end_within(pid_t pid, int grace_ms, int kill_ms, int *ret_status);

int pidfd_open_checked(pid_t pid, struct err *err) MUST_CHECK;
/*
 * Start time of a process in clock ticks since boot (field 22 of
 * /proc/PID/stat, proc(5)); tells a reused pid from the recorded process.
 * Return 0, -ESRCH when it is gone or a zombie, another -errno when that cannot
 * be told
 */
int pid_start_time(pid_t pid, uint64_t *ret_ticks) MUST_CHECK;
/* Parent of a live process, 0 when it is outside our pid namespace. Errors: as
 * above */
int pid_parent(pid_t pid, pid_t *ret_parent) MUST_CHECK;

#endif
