// SPDX-License-Identifier: Apache-2.0
/*
 * calls.c - calls NR[:ARG...]...: makes each system call in a child and prints
 * its number and what came of it: "NR=ERRNO" (0: it worked), "NR=SIG N".
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int make(char *text, unsigned long *args)
{
	char *save = NULL;
	int n = 0;

	for (char *at = strtok_r(text, ":", &save); at && n < 7;
	     at = strtok_r(NULL, ":", &save))
		args[n++] = strtoul(at, NULL, 0);
	return n;
}

static void try(char *text)
{
	unsigned long a[7] = { 0 };
	int status;
	pid_t pid;

	if (make(text, a) < 1)
		return;
	pid = (pid_t)syscall(SYS_fork);
	if (pid == 0) {
		long r = syscall((long)a[0], a[1], a[2], a[3], a[4], a[5], a[6]);

		_exit(r < 0 ? errno : 0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		exit(1);
	if (WIFSIGNALED(status))
		printf("%ld=SIG %d\n", (long)a[0], WTERMSIG(status));
	else
		printf("%ld=%d\n", (long)a[0], WEXITSTATUS(status));
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		try(argv[i]);
	return 0;
}
