// SPDX-License-Identifier: Apache-2.0
/*
 * installed-filters.c - copies the seccomp filters of a live thread out of the
 * kernel. Runs in kata-runtime, called by root of the host: the kernel gives
 * them (PTRACE_SECCOMP_GET_FILTER, kernel/seccomp.c) to CAP_SYS_ADMIN of the
 * initial user namespace alone, and not to a process under a filter itself.
 *
 * The thread is seized, not attached to: no signal is sent, nobody's wait is
 * disturbed, one thread is held for some microseconds while the others run on,
 * and a stopped process stays stopped. A call that waits is begun again as
 * after any stop (restart_syscall, which a profile must therefore allow). Should this
 * process end in between, the kernel lets go of the thread.
 *
 * Hostile: for audit the process may be captured; what is copied is checked by
 * filter_check() before it is used.
 */
#include "installed-filters.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>

#include "alloc.h"
#include "auto.h"
#include "caps.h"
#include "path.h"
#include "userns.h"

#define YAMA_SCOPE "/proc/sys/kernel/yama/ptrace_scope"
#define YAMA_NOBODY '3' /* Documentation/admin-guide/LSM/Yama.rst: no attach */
#define STATUS_MAX 65536
#define STOP_MS 2000
#define STOP_STEP_NS 20000

/* Root as well; and it cannot be taken back before the next boot. */
bool installed_yama_refuses(void)
{
	AUTO_FREE char *scope = NULL;
	struct err ignored = ERR_INIT;

	return path_read_file(AT_FDCWD, YAMA_SCOPE, 64, &scope, &ignored) == 0 &&
	       scope[0] == YAMA_NOBODY;
}

bool installed_filters_allowed(const char **ret_why)
{
	struct caps_sets caps;
	struct err err = ERR_INIT;

	*ret_why = NULL;
	if (!userns_is_initial())
		*ret_why = "only root of the host can read it";
	else if (caps_read(0, &caps, &err) < 0 ||
		 !(caps.effective & UINT64_C(1) << CAP_SYS_ADMIN) ||
		 !(caps.effective & UINT64_C(1) << CAP_SYS_PTRACE))
		*ret_why = "needs CAP_SYS_ADMIN and CAP_SYS_PTRACE";
	else if (prctl(PR_GET_SECCOMP, 0, 0, 0, 0) != 0)
		*ret_why = "the caller runs under a filter itself";
	else if (installed_yama_refuses())
		*ret_why = "kernel.yama.ptrace_scope is 3";
	return !*ret_why;
}

void filter_stack_done(struct filter_stack *stack)
{
	for (size_t i = 0; i < stack->count; i++)
		free(stack->filter[i].insn);
	*stack = (struct filter_stack)FILTER_STACK_INIT;
}

bool filter_stack_is_same(const struct filter_stack *a,
			  const struct filter_stack *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (a->filter[i].count != b->filter[i].count ||
		    memcmp(a->filter[i].insn, b->filter[i].insn,
			   a->filter[i].count * sizeof(*a->filter[i].insn)) != 0)
			return false;
	return true;
}

/*
 * A thread that cannot be stopped (it sleeps in the kernel) is no reason to
 * wait for ever. Should it have stopped for a signal that came just now, that
 * is *ret_signal, and is handed on.
 */
static int wait_stopped(pid_t tid, int *ret_signal, struct err *err)
{
	const struct timespec pause = { .tv_nsec = STOP_STEP_NS };
	struct timespec now, end;
	int status;
	pid_t r;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += STOP_MS / 1000;
	for (;;) {
		r = waitpid(tid, &status, WNOHANG | __WALL);
		if (r == tid && !WIFSTOPPED(status))
			return err_msg(err, ESRCH, "thread %d has ended", tid);
		if (r == tid) {
			*ret_signal = status >> 16 ? 0 : WSTOPSIG(status);
			return 0;
		}
		if (r < 0 && errno != EINTR)
			return err_set(err, errno, "wait for thread %d", tid);
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (now.tv_sec > end.tv_sec ||
		    (now.tv_sec == end.tv_sec && now.tv_nsec >= end.tv_nsec))
			return err_msg(err, ETIMEDOUT,
				       "thread %d does not stop", tid);
		nanosleep(&pause, NULL);
	}
}

static int copy_filter(pid_t tid, size_t index, struct filter *ret,
		       struct err *err)
{
	long count = ptrace(PTRACE_SECCOMP_GET_FILTER, tid, index, NULL);
	AUTO_FREE struct sock_filter *insn = NULL;

	if (count < 0)
		return err_set(err, errno, "filter %zu of thread %d", index,
			       tid);
	if (count == 0 || count > BPF_MAXINSNS)
		return err_msg(err, EPROTO,
			       "filter %zu of thread %d: %ld instructions",
			       index, tid, count);
	insn = xcalloc((size_t)count, sizeof(*insn));
	if (ptrace(PTRACE_SECCOMP_GET_FILTER, tid, index, insn) != count)
		return err_set(err, errno ? errno : EPROTO,
			       "filter %zu of thread %d", index, tid);
	ret->count = (size_t)count;
	ret->insn = take_ptr(insn);
	return 0;
}

static bool has_filter(pid_t tid)
{
	AUTO_FREE char *path = xasprintf("/proc/%d/status", tid);
	AUTO_FREE char *text = NULL;
	struct err ignored = ERR_INIT;

	return path_read_file(AT_FDCWD, path, STATUS_MAX, &text, &ignored) == 0 &&
	       strstr(text, "\nSeccomp:\t2\n");
}

/*
 * EINVAL: the thread has no filter, or the kernel is built without
 * CONFIG_CHECKPOINT_RESTORE and says so of every thread (the stub in
 * include/linux/seccomp.h). Asked again once a filter is seen, since another
 * thread may have just put it there (TSYNC); what is there stays.
 */
static int why_none(pid_t tid, struct err *err)
{
	if (!has_filter(tid) ||
	    ptrace(PTRACE_SECCOMP_GET_FILTER, tid, 0, NULL) >= 0 ||
	    errno != EINVAL)
		return -EINVAL;
	return err_msg(err, EOPNOTSUPP,
		       "thread %d: this kernel does not give its filters", tid);
}

/* The kernel counts from the oldest: until there is no further one. */
static int copy_all(pid_t tid, struct filter_stack *ret, struct err *err)
{
	struct filter_stack oldest_first = FILTER_STACK_INIT;
	int r = 0;

	while (r == 0) {
		struct filter next = { 0 };

		r = copy_filter(tid, oldest_first.count, &next, err);
		if (r == 0 && oldest_first.count == FILTER_STACK_MAX) {
			free(next.insn);
			r = err_msg(err, E2BIG, "more than %d filters",
				    FILTER_STACK_MAX);
		} else if (r == 0) {
			oldest_first.filter[oldest_first.count++] = next;
		}
	}
	if (r == -EINVAL && oldest_first.count == 0)
		r = why_none(tid, err);
	if (r != -ENOENT && !(r == -EINVAL && oldest_first.count == 0)) {
		filter_stack_done(&oldest_first);
		return r;
	}
	err_clear(err);
	ret->count = oldest_first.count;
	for (size_t i = 0; i < ret->count; i++)
		ret->filter[i] = oldest_first.filter[ret->count - 1 - i];
	return 0;
}

int installed_filters_read(pid_t tid, struct filter_stack *ret, struct err *err)
{
	int r, signal = 0;

	if (ptrace(PTRACE_SEIZE, tid, NULL, NULL) < 0)
		return err_set(err, errno, "look into thread %d", tid);
	if (ptrace(PTRACE_INTERRUPT, tid, NULL, NULL) < 0)
		return err_set(err, errno, "stop thread %d", tid);
	r = wait_stopped(tid, &signal, err);
	if (r == 0)
		r = copy_all(tid, ret, err);
	IGNORE(ptrace(PTRACE_DETACH, tid, NULL, signal) < 0,
	       "it has ended, or did not stop: then our own end lets it go");
	for (size_t i = 0; r == 0 && i < ret->count; i++)
		r = filter_check(&ret->filter[i], err);
	return r;
}
