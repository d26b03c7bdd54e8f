// SPDX-License-Identifier: Apache-2.0
/*
 * test-child.c - what a spawned program inherits, and how failures before its
 * first instruction come back. Uses /bin/sh.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "auto.h"
#include "child.h"

/* Runs a shell script; its output is in out, its wait status returned. */
static int shell(const char *script, const struct fd_name *fds, size_t count,
		 const struct strv *env, char *out, size_t out_size)
{
	struct strv argv = { 0 };
	struct child child = CHILD_INIT;
	struct err err = ERR_INIT;
	struct child_spec spec = { .path = "/bin/sh",
				   .argv = &argv,
				   .env = env,
				   .fds = fds,
				   .fd_count = count,
				   .stdio = { -1, -1, -1 } };
	int p[2], status;
	ssize_t n;

	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	strv_add(&argv, "sh");
	strv_add(&argv, "-c");
	strv_add(&argv, script);
	spec.stdio[1] = p[1];
	if (child_spawn(&spec, &child, &err) < 0)
		fail_msg("%s", err.text);
	close(p[1]);
	n = fd_read_full(p[0], out, out_size - 1);
	assert_true(n >= 0);
	out[n] = '\0';
	close(p[0]);
	status = child_wait(&child, 10000);
	assert_int_equal(child.pid, 0);
	assert_int_equal(child.pidfd, -1);
	strv_done(&argv);
	return status;
}

static void test_status(void **state)
{
	char out[64];
	int status = shell("echo hi; exit 7", NULL, 0, NULL, out, sizeof(out));

	(void)state;
	assert_string_equal(out, "hi\n");
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 7);
	status = shell("kill -9 $$", NULL, 0, NULL, out, sizeof(out));
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGKILL);
}

static void test_inherits_named_only(void **state)
{
	/* open on purpose, without close-on-exec, as engines leave them */
	int stray = dup(0), high = fcntl(0, F_DUPFD, 200);
	AUTO_FD int one = memfd_create("one", MFD_CLOEXEC);
	AUTO_FD int two = memfd_create("two", MFD_CLOEXEC);
	/* in an order that collides with the targets */
	const struct fd_name fds[] = { { "two", two },
				       { "one", one },
				       { "again", two } };
	char out[512];

	(void)state;
	assert_int_equal(write(one, "1", 1), 1);
	assert_int_equal(write(two, "2", 1), 1);
	shell("for f in 3 4 5; do read x </proc/self/fd/$f; echo $f=$x; done;"
	      "cd /proc/$$/fd && for f in *; do"
	      /* the shell's own, for reading the directory, is gone again */
	      " case $f in [0-5]|10) ;; *) [ ! -L $f ] || echo extra $f;; esac; done",
	      fds, 3, NULL, out, sizeof(out));
	assert_string_equal(out, "3=2\n4=1\n5=2\n");
	close(stray);
	close(high);
}

static void test_environment(void **state)
{
	struct strv env = { 0 };
	char out[512];

	(void)state;
	shell("tr '\\0' '\\n' </proc/$$/environ | /usr/bin/tr -d '\\n'; echo .",
	      NULL, 0, NULL, out, sizeof(out));
	assert_string_equal(out, ".\n");
	strv_add(&env, "KEY=value");
	shell("echo \"$KEY\"", NULL, 0, &env, out, sizeof(out));
	assert_string_equal(out, "value\n");
	strv_done(&env);
}

static void test_signals_reset(void **state)
{
	char out[512];
	unsigned long long blocked, ignored;
	char *end = NULL;
	sigset_t set, old;

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, &old);
	shell("while read a b; do case $a in SigBlk:|SigIgn:) echo $b;; esac; "
	      "done </proc/$$/status",
	      NULL, 0, NULL, out, sizeof(out));
	blocked = strtoull(out, &end, 16);
	ignored = strtoull(end, NULL, 16);
	assert_true(blocked == 0);
	/* 32 and 33 belong to libc, which lets nobody set them */
	assert_true((ignored & ~0x180000000ULL) == 0);
	sigprocmask(SIG_SETMASK, &old, NULL);
	signal(SIGPIPE, SIG_DFL);
}

static int refuse_prepare(void *arg, struct err *err)
{
	return err_set(err, *(int *)arg, "what it cannot do");
}

static int refuse_without_words(void *arg, struct err *err UNUSED)
{
	return -*(int *)arg;
}

/* A failure in the child before execve is a failure of child_spawn(). */
static void expect_failure(struct child_spec *spec, int code, const char *text)
{
	struct strv argv = { 0 };
	struct child child = CHILD_INIT;
	struct err err = ERR_INIT;
	int r;

	strv_add(&argv, "x");
	spec->argv = &argv;
	r = child_spawn(spec, &child, &err);
	if (r != -code)
		fail_msg("%d (%s), not %d", r, err.text, -code);
	assert_string_equal(err.text, text);
	assert_int_equal(child.pid, 0);
	strv_done(&argv);
}

static void test_failures(void **state)
{
	const struct fd_name bad_fd = { "bad", 999 };
	int code = EXDEV;
	struct child_spec missing = { .path = "/nope", .stdio = { -1, -1, -1 } };
	struct child_spec stdio = { .path = "/bin/true",
				    .stdio = { 999, -1, -1 } };
	struct child_spec fds = { .path = "/bin/true",
				  .stdio = { -1, -1, -1 },
				  .fds = &bad_fd,
				  .fd_count = 1 };
	struct child_spec prepare = { .path = "/bin/true",
				      .stdio = { -1, -1, -1 },
				      .prepare = refuse_prepare,
				      .prepare_arg = &code };

	(void)state;
	expect_failure(&missing, ENOENT,
		       "execute /nope: No such file or directory");
	expect_failure(&stdio, EBADF, "execute /bin/true: Bad file descriptor");
	expect_failure(&fds, EBADF, "execute /bin/true: Bad file descriptor");
	expect_failure(&prepare, EXDEV,
		       "what it cannot do: Invalid cross-device link");
	prepare.prepare = refuse_without_words;
	expect_failure(&prepare, EXDEV,
		       "execute /bin/true: Invalid cross-device link");
	missing.path = "/";
	expect_failure(&missing, EACCES, "execute /: Permission denied");
}

static void test_end(void **state)
{
	struct strv argv = { 0 };
	struct child child = CHILD_INIT, empty = CHILD_INIT;
	struct err err = ERR_INIT;
	struct child_spec spec = { .path = "/bin/sleep",
				   .argv = &argv,
				   .stdio = { -1, -1, -1 } };
	pid_t pid;

	(void)state;
	strv_add(&argv, "sleep");
	strv_add(&argv, "1000");
	assert_int_equal(child_spawn(&spec, &child, &err), 0);
	pid = child.pid;
	assert_true(fcntl(child.pidfd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(child_wait(&child, 20), -ETIMEDOUT);
	child_end(&child);
	assert_int_equal(kill(pid, 0), -1);
	child_end(&child);
	child_end(&empty);
	strv_done(&argv);
}

/* ends: by itself at once; stopped: nothing but SIGKILL ends it. */
static pid_t forked(bool stopped)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0 && !stopped)
		_exit(3);
	if (pid == 0)
		for (;;)
			raise(SIGSTOP);
	if (stopped)
		assert_int_equal(waitpid(pid, NULL, WUNTRACED), pid);
	return pid;
}

static void test_end_within(void **state)
{
	pid_t pid = forked(false);
	int status = 0;

	(void)state;
	assert_true(child_end_within(pid, 10000, 10000, &status));
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 3);
	assert_int_equal(kill(pid, 0), -1);
	for (int grace_ms = 0; grace_ms <= 50; grace_ms += 50) {
		pid = forked(true);
		alarm(20);
		assert_true(child_end_within(pid, grace_ms, 10000, &status));
		alarm(0);
		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), SIGKILL);
		assert_int_equal(kill(pid, 0), -1);
	}
	/* reaped by somebody else, or never ours */
	assert_false(child_end_within(pid, 10, 10, &status));
}

static void test_death_signal(void **state)
{
	int p[2], status;
	char byte;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		struct strv argv = { 0 };
		struct child child = CHILD_INIT;
		struct err err = ERR_INIT;
		struct child_spec spec = { .path = "/bin/sleep",
					   .argv = &argv,
					   .stdio = { -1, p[1], -1 },
					   .death_signal = true };

		strv_add(&argv, "sleep");
		strv_add(&argv, "1000");
		syscall(SYS_exit_group, child_spawn(&spec, &child, &err) < 0);
	}
	close(p[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), 0);
	/* sleep held the other end: end of file says that it is gone */
	assert_int_equal(fd_wait_in(p[0], 5000), 1);
	assert_int_equal(read(p[0], &byte, 1), 0);
	close(p[0]);
}

static void test_start_time(void **state)
{
	uint64_t own = 0, again = 0;
	siginfo_t info;
	pid_t pid;

	(void)state;
	assert_int_equal(pid_start_time(getpid(), &own), 0);
	assert_int_equal(prctl(PR_SET_NAME, "a) Z (1 2"), 0);
	assert_int_equal(pid_start_time(getpid(), &again), 0);
	assert_true(own == again && own > 0);
	assert_int_equal(pid_start_time(0x3fffffff, &again), -ESRCH);
	pid = fork();
	if (pid == 0)
		syscall(SYS_exit_group, 0);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	assert_int_equal(pid_start_time(pid, &again), -ESRCH); /* a zombie */
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* That there is no descriptor for the look does not make it gone. */
static void test_start_time_unknown(void **state)
{
	struct rlimit limit, none;
	uint64_t start;
	pid_t parent;
	int r, r_parent;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = limit;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	r = pid_start_time(getpid(), &start);
	r_parent = pid_parent(getpid(), &parent);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(r, -EMFILE);
	assert_int_equal(r_parent, -EMFILE);
}

static void test_fds_arg(void **state)
{
	const struct fd_name fds[] = { { "a", 1 }, { "bc", 2 } };
	AUTO_FREE char *two = child_fds_arg(fds, 2);
	AUTO_FREE char *none = child_fds_arg(fds, 0);

	(void)state;
	assert_string_equal(two, "a,bc");
	assert_string_equal(none, "");
}

static void test_parent(void **state)
{
	pid_t parent = 0;

	(void)state;
	assert_int_equal(pid_parent(getpid(), &parent), 0);
	assert_int_equal(parent, getppid());
	assert_int_equal(pid_parent(0x3fffffff, &parent), -ESRCH);
}

static int output(const char *script, int timeout_ms, char **ret,
		  struct err *err)
{
	struct strv argv = { 0 };
	int r;

	strv_add(&argv, "sh");
	strv_add(&argv, "-c");
	strv_add(&argv, script);
	r = child_output("/bin/sh", &argv, timeout_ms, 1000, ret, err);
	strv_done(&argv);
	return r;
}

static void refuse_output(const char *script, int timeout_ms, int code,
			  const char *text)
{
	struct err err = ERR_INIT;
	char *out = NULL;

	assert_int_equal(output(script, timeout_ms, &out, &err), -code);
	assert_null(out);
	assert_non_null(strstr(err.text, text));
	/* nothing waits to be reaped */
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

static void test_output(void **state)
{
	struct strv argv = { 0 };
	struct err err = ERR_INIT;
	char *out = NULL;
	int status = output("echo out; read x; echo $?$x >&2; exit 3", 10000,
			    &out, &err);

	(void)state;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 3);
	assert_string_equal(out, "out\n1\n");
	free(out);
	/* as much as it may say, and nothing at all */
	assert_int_equal(output("printf %1000d 1", 10000, &out, &err), 0);
	assert_int_equal(strlen(out), 1000);
	free(out);
	assert_int_equal(output("exit 0", 10000, &out, &err), 0);
	assert_string_equal(out, "");
	free(out);
	strv_add(&argv, "x");
	assert_int_equal(
		child_output("/nonexistent", &argv, 1000, 10, &out, &err),
		-ENOENT);
	strv_done(&argv);
}

static void test_output_bounds(void **state)
{
	(void)state;
	refuse_output("printf %1001d 1", 10000, EFBIG, "more than 1000 bytes");
	refuse_output("while :; do echo more; done", 10000, EFBIG, "more than");
	refuse_output("exec sleep 1000", 50, ETIMEDOUT, "within 50 ms");
	/* says that it has ended, and has not */
	refuse_output("exec sleep 1000 >&- 2>&-", 50, ETIMEDOUT, "within");
	/* has ended, but somebody holds its output */
	refuse_output("sleep 3 & exit 0", 200, ETIMEDOUT, "within");
}

static void test_line(void **state)
{
	char text[] = "ERROR: ld.so: x bubblewrap 1\nbubblewrap 0.8.0\nmore";
	char first[] = "bubblewrap 0.9.0", none[] = "bubble\nwrap\n";

	(void)state;
	assert_null(child_line(text, "wrap"));
	assert_string_equal(child_line(text, "bubblewrap "), "bubblewrap 0.8.0");
	assert_string_equal(child_line(first, "bubblewrap "), first);
	assert_null(child_line(none, "bubblewrap "));
	assert_string_equal(child_line(none, ""), "bubble");
}

static void test_output_death_signal(void **state)
{
	AUTO_FREE char *script = NULL;
	char text[2];
	int p[2];
	pid_t pid;

	(void)state;
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	script = xasprintf("exec >/proc/%d/fd/%d; echo x; exec sleep 1000",
			   getpid(), p[1]);
	pid = fork();
	if (pid == 0) {
		struct err err = ERR_INIT;
		char *out = NULL;

		syscall(SYS_exit_group, output(script, 100000, &out, &err) < 0);
	}
	assert_int_equal(fd_read_full(p[0], text, 2), 2);
	close(p[1]);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(fd_wait_in(p[0], 5000), 1);
	assert_int_equal(read(p[0], text, 1), 0);
	close(p[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_inherits_named_only),
		cmocka_unit_test(test_environment),
		cmocka_unit_test(test_signals_reset),
		cmocka_unit_test(test_failures),
		cmocka_unit_test(test_end),
		cmocka_unit_test(test_end_within),
		cmocka_unit_test(test_death_signal),
		cmocka_unit_test(test_start_time),
		cmocka_unit_test(test_start_time_unknown),
		cmocka_unit_test(test_fds_arg),
		cmocka_unit_test(test_parent),
		cmocka_unit_test(test_output),
		cmocka_unit_test(test_output_bounds),
		cmocka_unit_test(test_line),
		cmocka_unit_test(test_output_death_signal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
