// SPDX-License-Identifier: Apache-2.0
/*
 * foreground.c - kata-runtime run and exec while their process lives.
 *
 * The shim makes the caller's terminal raw and gives it back when it ends;
 * here its settings are kept as well, for a shim that is killed. When we are
 * killed, the shim does it: it sees its end of the control connection close.
 * Signals are passed on from the handler, so one that comes while the process
 * is being made is kept and delivered when it is there. Needs no rights.
 *
 * #syscalls:runtime prctl wait4
 */
#include "foreground.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static volatile pid_t watched;
static volatile sig_atomic_t held[NSIG];
static struct termios saved;
static bool is_saved;

/*
 * SIGWINCH among them: the shim is in a session of its own. SIGTSTP, too: we
 * would stop, and the shim go on to read what is typed at the shell.
 */
static const int passed[] = { SIGHUP,  SIGINT,	SIGQUIT, SIGTERM,  SIGUSR1,
			      SIGUSR2, SIGALRM, SIGCONT, SIGWINCH, SIGTSTP };

static void pass_on(int signo)
{
	int saved_errno = errno;

	if (watched > 0)
		kill(watched, signo);
	else
		held[signo] = 1;
	errno = saved_errno;
}

static bool is_in_background(void)
{
	pid_t owner = tcgetpgrp(STDIN_FILENO); /* -1: not of our session */

	return owner >= 0 && owner != getpgrp();
}

/*
 * The shim reads stdin, and the kernel keeps no order on a terminal of another
 * session: from the background it would take what the user types at the shell,
 * passwords as well. tcdrain(3) changes nothing and stops us, as it stops any
 * job of the background, until we have the terminal.
 */
static int wait_for_terminal(struct err *err)
{
	int r;

	if (!is_in_background())
		return 0;
	do {
		r = tcdrain(STDIN_FILENO);
	} while (r < 0 && errno == EINTR);
	/* Ours ignores SIGTTOU, or has no shell that could go on with it. */
	if (r < 0 || is_in_background())
		return err_msg(
			err, EIO,
			"stdin is a terminal that another job has: redirect it or --detach");
	return 0;
}

int foreground_begin(bool reads_stdin, struct err *err)
{
	struct sigaction action = { .sa_handler = pass_on,
				    .sa_flags = SA_RESTART };

	if (reads_stdin && wait_for_terminal(err) < 0)
		return -err->code;
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		return err_set(err, errno, "become a sub-reaper");
	is_saved = tcgetattr(STDIN_FILENO, &saved) == 0;
	for (size_t i = 0; i < ARRAY_SIZE(passed); i++)
		IGNORE(sigaction(passed[i], &action, NULL) < 0, "cannot fail");
	return 0;
}

void foreground_watch(pid_t pid)
{
	watched = pid;
	for (size_t i = 0; i < ARRAY_SIZE(passed); i++) {
		if (!held[passed[i]])
			continue;
		held[passed[i]] = 0;
		IGNORE(kill(pid, passed[i]) < 0, "it has ended: wait tells");
	}
}

int foreground_wait(pid_t pid, struct err *err)
{
	int status;

	for (;;) {
		pid_t r = waitpid(-1, &status, 0);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return err_set(err, errno, "wait for the process");
		if (r == pid)
			break; /* others are proxies and helpers of ours */
	}
	watched = 0;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) :
				     WEXITSTATUS(status);
}

/*
 * From the background, a change of the terminal's settings would stop us:
 * whoever has the terminal then has set it as it wants it.
 */
void foreground_end(void)
{
	if (!is_saved)
		return;
	is_saved = false;
	if (tcgetpgrp(STDIN_FILENO) == getpgrp())
		IGNORE(tcsetattr(STDIN_FILENO, TCSADRAIN, &saved) < 0,
		       "the terminal may be gone");
}
