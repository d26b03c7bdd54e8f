// SPDX-License-Identifier: Apache-2.0
/*
 * jail-twin.c - kata-jail-twin: what bubblewrap executes in a twin of a jail
 * (kata-jailer --twin), in the place of kata-jail-exec. The jail is the same in
 * everything: namespaces, ids, capabilities, limits, root, and the filter's
 * bytes; but no program of anybody else comes into it. Each call that is asked
 * for is tried in a child that has loaded the filter, and what became of the
 * child is printed, a line a call. What that proves, and to whom, is for
 * runtime/twin.c.
 *
 * usage: kata-jail-twin RULES-FD FILTER-FD REPORT-FD|- PROGRAM CALL...
 * CALL		n (native), x (x32) or i (i386), the number, and up to four
 *		arguments: n41,2,1
 * prints	CALL killed | errno N | returned | signal N; errno 0 is a result
 *		of 0, which a filter can give as well
 *
 * Rights: none. Landlock's rules are not applied: they have a proof of their
 * own, and would end a call that the filter let through.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "jail-filter.h"

#define EXIT_JAIL 125
#define X32_BIT 0x40000000L
#define ARGS_MAX 4
#define CALL_SECONDS 2

/* Exit codes of a child; an errno is itself. */
#define CHILD_RETURNED 250
#define CHILD_UNTRIED 251
#define CHILD_CONTROL 252

static NORETURN void fail(const struct err *err)
{
	dprintf(STDERR_FILENO, "kata-jail-twin: %s\n", err->text);
	_exit(EXIT_JAIL);
}

static void read_filter(const char *text)
{
	struct err err = ERR_INIT;
	char *end;
	long fd = strtol(text, &end, 10);

	if (*end || end == text) {
		err_msg(&err, EINVAL, "no seccomp filter in descriptor %s",
			text);
		fail(&err);
	}
	if (jail_filter_read((int)fd, &err) < 0)
		fail(&err);
}

static long call_i386(long number, const long *arg)
{
	long r;

	__asm__ volatile("int $0x80"
			 : "=a"(r)
			 : "a"(number), "b"(arg[0]), "c"(arg[1]), "d"(arg[2]),
			   "S"(arg[3]), "D"(0L)
			 : "memory", "r8", "r9", "r10", "r11");
	return (int)r;
}

static long call_native(long number, const long *arg)
{
	long r;
	register long fourth __asm__("r10") = arg[3];

	__asm__ volatile("syscall"
			 : "=a"(r)
			 : "a"(number), "D"(arg[0]), "S"(arg[1]), "d"(arg[2]),
			   "r"(fourth)
			 : "memory", "rcx", "r11");
	return r;
}

/* "n41,2,1"; text is cut up. Return: whether it is a call */
static bool parse(char *text, long *ret_number, long arg[ARGS_MAX])
{
	char *save = NULL, *end, *word = strtok_r(text + 1, ",", &save);

	if (!word || !strchr("nxi", text[0]))
		return false;
	*ret_number = strtol(word, &end, 10);
	for (int i = 0; !*end && (word = strtok_r(NULL, ",", &save)); i++) {
		if (i == ARGS_MAX)
			return false;
		arg[i] = (long)strtoul(word, &end, 0);
	}
	return !*end;
}

/*
 * In the child. Whatever becomes of it, it does not wait for ever. Without a
 * call it ends, in the way that must work.
 */
static NORETURN void try_call(char *text)
{
	long number = SYS_exit_group, r, arg[ARGS_MAX] = { 0 };
	char kind = text ? text[0] : 'n';
	struct err err = ERR_INIT;

	alarm(CALL_SECONDS);
	if (text && !parse(text, &number, arg))
		_exit(CHILD_UNTRIED);
	if (jail_filter_load(&err) < 0)
		_exit(CHILD_UNTRIED);
	if (!text)
		arg[0] = CHILD_CONTROL;
	if (kind == 'i')
		r = call_i386(number, arg);
	else
		r = call_native(kind == 'x' ? number | X32_BIT : number, arg);
	for (;;)
		syscall(SYS_exit_group,
			r <= 0 && r > -CHILD_RETURNED ? -r : CHILD_RETURNED);
}

static int run(char *text)
{
	struct err err = ERR_INIT;
	int status;
	pid_t pid = fork();

	if (pid == 0)
		try_call(text);
	if (pid < 0 || waitpid(pid, &status, 0) != pid) {
		err_set(&err, errno, "try a call");
		fail(&err);
	}
	return status;
}

static void tell(const char *call, int status)
{
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
		printf("%s killed\n", call);
	else if (WIFSIGNALED(status))
		printf("%s signal %d\n", call, WTERMSIG(status));
	else if (WEXITSTATUS(status) < CHILD_RETURNED)
		printf("%s errno %d\n", call, WEXITSTATUS(status));
	else
		printf("%s returned\n", call);
}

int main(int argc, char **argv)
{
	struct err err = ERR_INIT;
	int status;

	if (argc < 6) {
		err_msg(&err, EINVAL,
			"usage: kata-jail-twin RULES FILTER REPORT PROGRAM CALL...");
		fail(&err);
	}
	read_filter(argv[2]);
	/* or everything would look as if it had been killed */
	status = run(NULL);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != CHILD_CONTROL) {
		err_msg(&err, EPROTO,
			"under the filter a process cannot even end");
		fail(&err);
	}
	for (int i = 5; i < argc; i++) {
		char name[64];

		snprintf(name, sizeof(name), "%s", argv[i]);
		status = run(argv[i]);
		if (WIFEXITED(status) && WEXITSTATUS(status) == CHILD_UNTRIED) {
			err_msg(&err, EINVAL, "%s could not be tried", name);
			fail(&err);
		}
		tell(name, status);
	}
	return fflush(stdout) == 0 ? 0 : EXIT_JAIL;
}
