// SPDX-License-Identifier: Apache-2.0
/* test-foreground.c - whose terminal is stdin of run and exec? */
/* link: runtime/foreground.o */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "runtime/foreground.h"

enum { BEGUN = 10, REFUSED, NO_TERMINAL = 20, NOT_STOPPED, OTHER_STATUS };

struct job {
	bool reads;	 /* what is typed */
	bool ignores;	 /* SIGTTOU */
	bool redirected; /* stdin is no terminal */
	bool in_session; /* of the terminal */
	int stopped_by;	 /* signal expected at first, 0: none */
	int status;	 /* expected at last */
};

static void run_job(const struct job *job)
{
	struct err err = ERR_INIT;

	if (job->in_session)
		setpgid(0, 0);
	else
		setsid();
	signal(SIGTTOU, job->ignores ? SIG_IGN : SIG_DFL);
	if (job->redirected)
		dup2(open("/dev/null", O_RDONLY), STDIN_FILENO);
	_exit(foreground_begin(job->reads, &err) < 0 ? REFUSED : BEGUN);
}

/* A shell: leads the session, and its job begins in the background. */
static int run_shell(const struct job *job)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY), slave, status;
	pid_t pid;

	setsid();
	if (grantpt(master) < 0 || unlockpt(master) < 0)
		return NO_TERMINAL;
	slave = open(ptsname(master), O_RDWR | O_NOCTTY);
	if (slave < 0 || ioctl(slave, TIOCSCTTY, 0) < 0)
		return NO_TERMINAL;
	dup2(slave, STDIN_FILENO);
	signal(SIGTTOU, SIG_IGN);
	pid = fork();
	if (pid == 0)
		run_job(job);
	if (waitpid(pid, &status, WUNTRACED) != pid)
		return NOT_STOPPED;
	if (job->stopped_by) {
		if (!WIFSTOPPED(status) || WSTOPSIG(status) != job->stopped_by)
			return NOT_STOPPED;
		tcsetpgrp(STDIN_FILENO, pid);
		kill(-pid, SIGCONT);
		waitpid(pid, &status, 0);
	}
	if (!WIFEXITED(status) || WEXITSTATUS(status) != job->status)
		return OTHER_STATUS;
	return 0;
}

static int status_of(const struct job *job)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		alarm(20);
		_exit(run_shell(job));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void test_background_waits_for_the_terminal(void **state UNUSED)
{
	const struct job job = { .reads = true,
				 .in_session = true,
				 .stopped_by = SIGTTOU,
				 .status = BEGUN };

	assert_int_equal(status_of(&job), 0);
}

static void test_background_that_cannot_wait_is_refused(void **state UNUSED)
{
	const struct job job = { .reads = true,
				 .in_session = true,
				 .ignores = true,
				 .status = REFUSED };

	assert_int_equal(status_of(&job), 0);
}

static void test_other_stdin_is_fine(void **state UNUSED)
{
	const struct job redirected = { .reads = true,
					.in_session = true,
					.redirected = true,
					.status = BEGUN };
	const struct job other_session = { .reads = true, .status = BEGUN };

	const struct job console_socket = { .in_session = true,
					    .status = BEGUN };

	assert_int_equal(status_of(&console_socket), 0);
	assert_int_equal(status_of(&redirected), 0);
	assert_int_equal(status_of(&other_session), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_background_waits_for_the_terminal),
		cmocka_unit_test(test_background_that_cannot_wait_is_refused),
		cmocka_unit_test(test_other_stdin_is_fine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
