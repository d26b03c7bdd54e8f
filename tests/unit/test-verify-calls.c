// SPDX-License-Identifier: Apache-2.0
/* link: runtime/verify.o runtime/verify-status.o runtime/verify-files.o */
/* link: runtime/verify-mounts.o runtime/verify-inside.o runtime/verify-landlock.o */
/* link: runtime/verify-layout.o */
/* link: runtime/verify-calls.o runtime/installed-filters.o runtime/verify-self.o */
/*
 * test-verify-calls.c - the filters of live processes, read back and compared
 * with the one that the policy names. Reading needs root of the host.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "auto.h"
#include "fd.h"
#include "filter.h"
#include "runtime/installed-filters.h"
#include "runtime/verify-parts.h"
#include "seccomp.h"
#include "skip.h"

#define BUILT TEST_DIR "/../build/share/kata/seccomp"
#define NR offsetof(struct seccomp_data, nr)

static struct sock_filter no_execve[] = {
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, NR),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_execve, 2, 0),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_execveat, 1, 0),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
};
static struct sock_filter allow_all[] = {
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
};

/* What the child does to itself; NULL: nothing. */
struct setting {
	const char *ours;
	struct sock_filter *own;
	size_t own_count;
	bool early_thread; /* made before any filter, and left without */
	bool synced;	   /* except ours: that is put on it too */
};

/* A kernel without CONFIG_CHECKPOINT_RESTORE: its stub, in libc's place. */
static bool filters_not_given;

long ptrace(enum __ptrace_request request, ...)
{
	pid_t pid;
	void *addr, *data;
	va_list args;

	va_start(args, request);
	pid = va_arg(args, pid_t);
	addr = va_arg(args, void *);
	data = va_arg(args, void *);
	va_end(args);
	if (filters_not_given && request == PTRACE_SECCOMP_GET_FILTER) {
		errno = EINVAL;
		return -1;
	}
	return syscall(SYS_ptrace, request, pid, addr, data);
}

static int hold_fd; /* the child ends when its other end closes */

static void *wait_for_end(void *arg)
{
	char byte;

	(void)arg;
	IGNORE(read(hold_fd, &byte, 1) < 0, "the process is killed");
	return NULL;
}

static int begun_fd[2];

/* From its byte on it calls nothing that a filter could mind. */
static void *early_thread(void *arg)
{
	if (write(begun_fd[1], "", 1) != 1)
		_exit(1);
	return wait_for_end(arg);
}

static void start_early_thread(void)
{
	pthread_t thread;
	char byte;

	if (pipe2(begun_fd, O_CLOEXEC) < 0 ||
	    pthread_create(&thread, NULL, early_thread, NULL) != 0 ||
	    read(begun_fd[0], &byte, 1) != 1)
		_exit(1);
}

static void set_up(const struct setting *set)
{
	AUTO_FREE void *bpf = NULL;
	struct err err = ERR_INIT;
	unsigned ours_flags = set->synced ? SECCOMP_FILTER_FLAG_TSYNC : 0;
	size_t len = 0;

	if (set->early_thread)
		start_early_thread();
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		_exit(1);
	if (set->ours && (filter_read(BUILT, set->ours, &bpf, &len, &err) < 0 ||
			  seccomp_filter_load(bpf, len, ours_flags, &err) < 0))
		_exit(1);
	if (set->own &&
	    seccomp_filter_load(set->own, set->own_count * sizeof(*set->own), 0,
				&err) < 0)
		_exit(1);
}

static pid_t start(const struct setting *set, int *ret_hold)
{
	int ready[2], hold[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	assert_int_equal(pipe2(hold, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		hold_fd = hold[0];
		close(hold[1]);
		set_up(set);
		if (write(ready[1], "", 1) != 1)
			_exit(1);
		wait_for_end(NULL);
		for (;;)
			wait_for_end(NULL);
	}
	close(ready[1]);
	close(hold[0]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	*ret_hold = hold[1];
	return pid;
}

static const struct verify_check *find(const struct verify_report *report,
				       const char *name)
{
	for (size_t i = 0; i < report->count; i++)
		if (strcmp(report->check[i].name, name) == 0)
			return &report->check[i];
	fail_msg("no check %s", name);
	return NULL;
}

/* Return: what verify_calls() finds of a process of that setting. */
static struct verify_report judged(const struct setting *set,
				   const struct policy *policy)
{
	const struct verify_expect expect = { .filters = BUILT };
	struct verify_report report = VERIFY_REPORT_INIT;
	struct verify v = { .policy = policy,
			    .expect = &expect,
			    .report = &report };
	AUTO_FREE char *path = NULL;
	AUTO_FD int proc_fd = -1;
	struct err err = ERR_INIT;
	int hold, r, status;
	pid_t pid = start(set, &hold);

	path = xasprintf("/proc/%d", pid);
	proc_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	v.proc_fd = proc_fd;
	report.pid = pid;
	r = verify_calls(&v, &err);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	close(hold);
	if (r < 0)
		fail_msg("%s", err.text);
	return report;
}

/* wanted: of the check "seccomp calls", or NULL when it must hold. */
static void judge(const struct setting *set, const struct policy *policy,
		  bool installed, const char *wanted)
{
	struct verify_report report = judged(set, policy);
	const struct verify_check *calls;

	assert_int_equal(find(&report, "seccomp filter")->ok, installed);
	calls = find(&report, "seccomp calls");
	assert_false(calls->unmade);
	if (calls->ok != !wanted || (wanted && !strstr(calls->actual, wanted)))
		fail_msg("seccomp calls: %s", calls->actual);
	if (!wanted)
		assert_non_null(strstr(calls->actual, " always, "));
	verify_report_done(&report);
}

static const struct policy alone = { .seccomp = (char *)"proxy" };
static const struct policy stacked = { .seccomp = (char *)"qemu-tcg",
				       .own_filters = 1 };

static void need_rights(void)
{
	const char *why;

	if (!installed_filters_allowed(&why))
		skip_because(why);
}

static void test_sound(void **state)
{
	const struct setting one = { .ours = "proxy" };
	const struct setting two = { .ours = "qemu-tcg",
				     .own = no_execve,
				     .own_count = ARRAY_SIZE(no_execve) };

	(void)state;
	need_rights();
	judge(&one, &alone, true, NULL);
	judge(&two, &stacked, true, NULL);
}

static void test_no_filter(void **state)
{
	const struct setting none = { 0 };
	const struct setting another = { .ours = "shim" };
	const struct setting open = { .own = allow_all,
				      .own_count = ARRAY_SIZE(allow_all) };

	(void)state;
	need_rights();
	judge(&none, &alone, false, "ours is not among them");
	judge(&another, &alone, false, "ours is not among them");
	judge(&open, &alone, false, "ours is not among them");
}

/* The program was to add a filter of its own, and did not, or a useless one. */
static void test_no_own_filter(void **state)
{
	const struct setting missing = { .ours = "qemu-tcg" };
	const struct setting useless = { .ours = "qemu-tcg",
					 .own = allow_all,
					 .own_count = ARRAY_SIZE(allow_all) };

	(void)state;
	need_rights();
	judge(&missing, &stacked, true, "execve is by argument");
	judge(&useless, &stacked, true, "execve is by argument");
}

/* A thread that was made before, and that no TSYNC reached. */
static void test_thread(void **state)
{
	const struct setting set = { .ours = "proxy", .early_thread = true };

	(void)state;
	need_rights();
	judge(&set, &alone, true, "a thread has 0 filters");
}

/* One that lacks the program's own filter is an early one, if there may be any. */
static void test_early_thread(void **state)
{
	const struct setting set = { .ours = "qemu-tcg",
				     .own = no_execve,
				     .own_count = ARRAY_SIZE(no_execve),
				     .early_thread = true,
				     .synced = true };
	struct policy with_early = stacked;

	(void)state;
	need_rights();
	with_early.early_threads = 1;
	judge(&set, &with_early, true, NULL);
	judge(&set, &stacked, true, "execve is by argument");
}

/* Reading disturbs nobody: the process goes on, untraced. */
static void test_untouched(void **state)
{
	const struct setting set = { .ours = "proxy" };
	struct filter_stack stack = FILTER_STACK_INIT;
	struct err err = ERR_INIT;
	int hold, status;
	pid_t pid;

	(void)state;
	need_rights();
	pid = start(&set, &hold);
	for (unsigned i = 0; i < 20; i++) {
		if (installed_filters_read(pid, &stack, &err) < 0)
			fail_msg("%s", err.text);
		assert_int_equal(stack.count, 1);
		filter_stack_done(&stack);
	}
	assert_int_equal(kill(pid, SIGSTOP), 0);
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	assert_int_equal(installed_filters_read(pid, &stack, &err), 0);
	filter_stack_done(&stack);
	assert_int_equal(waitpid(pid, &status, WNOHANG), 0);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	close(hold);
	assert_int_equal(installed_filters_read(pid, &stack, &err), -ESRCH);
}

/* What was installed first is last in the list. */
static void test_order(void **state)
{
	const struct setting two = { .ours = "qemu-tcg",
				     .own = no_execve,
				     .own_count = ARRAY_SIZE(no_execve) };
	struct filter_stack stack = FILTER_STACK_INIT;
	struct err err = ERR_INIT;
	int hold;
	pid_t pid;

	(void)state;
	need_rights();
	pid = start(&two, &hold);
	assert_int_equal(installed_filters_read(pid, &stack, &err), 0);
	assert_int_equal(stack.count, 2);
	assert_int_equal(stack.filter[0].count, ARRAY_SIZE(no_execve));
	assert_memory_equal(stack.filter[0].insn, no_execve, sizeof(no_execve));
	filter_stack_done(&stack);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(hold);
}

/* Without the rights the file stands for it, and the report says so. */
static void test_rootless(void **state)
{
	const struct verify_expect expect = { .filters = BUILT };
	struct verify_report report = VERIFY_REPORT_INIT;
	struct verify v = { .policy = &alone,
			    .expect = &expect,
			    .report = &report };
	struct err err = ERR_INIT;
	const char *why;

	(void)state;
	if (installed_filters_allowed(&why))
		skip_because("only for a caller without the rights");
	assert_int_equal(verify_calls(&v, &err), 0);
	assert_true(find(&report, "seccomp filter")->ok);
	assert_true(find(&report, "seccomp calls")->unmade);
	assert_non_null(strstr(find(&report, "seccomp calls")->actual, why));
	verify_report_done(&report);
}

/* The file stands for it then, as without the rights; no lie about threads. */
static void test_not_given(void **state)
{
	const struct setting sound = { .ours = "proxy" }, none = { 0 };
	struct verify_report report;

	(void)state;
	need_rights();
	filters_not_given = true;
	report = judged(&sound, &alone);
	assert_true(find(&report, "seccomp filter")->ok);
	assert_true(find(&report, "seccomp calls")->unmade);
	assert_non_null(strstr(find(&report, "seccomp calls")->actual,
			       "CHECKPOINT_RESTORE"));
	verify_report_done(&report);
	judge(&none, &alone, false, "a thread has 0 filters");
	filters_not_given = false;
}

/* In a child with a mount namespace of its own: what Yama would say. */
static void yama_says(const char *scope, const char *wanted)
{
	AUTO_FD int fd = -1;
	const char *why;
	bool allowed;

	if (unshare(CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("none", "/proc/sys/kernel", "tmpfs", 0, NULL) < 0 ||
	    mkdir("/proc/sys/kernel/yama", 0755) < 0)
		_exit(2);
	fd = open("/proc/sys/kernel/yama/ptrace_scope",
		  O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0 || write(fd, scope, strlen(scope)) != (ssize_t)strlen(scope))
		_exit(3);
	allowed = installed_filters_allowed(&why);
	_exit(allowed == !wanted && (!wanted || strstr(why, wanted)) ? 0 : 4);
}

static void test_yama(void **state)
{
	static const char *const scope[] = { "0\n", "1\n", "2\n", "3\n" };
	int status;

	(void)state;
	need_rights();
	for (size_t i = 0; i < ARRAY_SIZE(scope); i++) {
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid == 0)
			yama_says(scope[i], i == 3 ? "ptrace_scope" : NULL);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sound),
		cmocka_unit_test(test_no_filter),
		cmocka_unit_test(test_no_own_filter),
		cmocka_unit_test(test_thread),
		cmocka_unit_test(test_early_thread),
		cmocka_unit_test(test_untouched),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_rootless),
		cmocka_unit_test(test_not_given),
		cmocka_unit_test(test_yama),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
