// SPDX-License-Identifier: Apache-2.0
/*
 * agent-rss.c - init of a guest made for one measurement: starts the agent as
 * pid 1 of a namespace of its own, prints its resident memory to the console
 * after two seconds, and ends the machine. Guest root; no input.
 */
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <unistd.h>

static void become_agent(void)
{
	static char *const argv[] = { "/agent", NULL };
	static char *const env[] = { NULL };

	if (unshare(CLONE_NEWNS) == 0)
		execve(argv[0], argv, env);
	_exit(1);
}

static void print_rss(pid_t pid)
{
	char path[64], line[256];
	FILE *file;

	/* counted page by page: the figure in "status" lags by up to 64 pages */
	snprintf(path, sizeof(path), "/outer/%d/smaps_rollup", pid);
	file = fopen(path, "r");
	while (file && fgets(line, sizeof(line), file))
		if (strncmp(line, "Rss:", 4) == 0)
			printf("agent-rss %s", line + 4 + strspn(line + 4, " "));
	if (file)
		fclose(file);
	else
		puts("agent-rss: the agent is gone");
	fflush(stdout);
}

int main(void)
{
	pid_t pid;

	if (mount("proc", "/outer", "proc", 0, NULL) == 0 &&
	    unshare(CLONE_NEWPID) == 0) {
		pid = fork();
		if (pid == 0)
			become_agent();
		sleep(2);
		print_rss(pid);
	}
	sync();
	sleep(1); /* the console is written in the background */
	return reboot(RB_AUTOBOOT);
}
