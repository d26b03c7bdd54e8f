// SPDX-License-Identifier: Apache-2.0
/*
 * probe.c - runs inside a test's container and reports what it finds there, as
 * "key=value" lines. Static, so that any image can hold it. No rights of its
 * own; its only input is its command line.
 */
#include "probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <mntent.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct verb {
	const char *name;
	int (*run)(int argc, char **argv);
};

static int number(const char *text)
{
	return (int)strtol(text, NULL, 10);
}

/* Identity, capabilities and filters, from /proc/self/status. */
static int probe_status(int argc, char **argv)
{
	static const char *const wanted[] = {
		"Uid",	      "Gid",	 "Groups",	   "CapInh",
		"CapPrm",     "CapEff",	 "CapBnd",	   "CapAmb",
		"NoNewPrivs", "Seccomp", "Seccomp_filters"
	};
	FILE *file = fopen("/proc/self/status", "re");
	char line[4096], *value;
	mode_t mask;

	(void)argc;
	(void)argv;
	if (!file)
		return 1;
	while (fgets(line, sizeof(line), file)) {
		value = strchr(line, ':');
		if (!value)
			continue;
		*value++ = '\0';
		value += strspn(value, "\t ");
		value[strcspn(value, "\n")] = '\0';
		for (size_t i = 0; i < COUNT(wanted); i++)
			if (strcmp(line, wanted[i]) == 0)
				printf("%s=%s\n", line, value);
	}
	fclose(file);
	mask = umask(0);
	umask(mask);
	printf("umask=%03o\n", (unsigned)mask);
	return 0;
}

static int probe_limits(int argc, char **argv)
{
	static const struct {
		int resource;
		const char *name;
	} all[] = {
		{ RLIMIT_NOFILE, "nofile" },	{ RLIMIT_NPROC, "nproc" },
		{ RLIMIT_CORE, "core" },	{ RLIMIT_FSIZE, "fsize" },
		{ RLIMIT_STACK, "stack" },	{ RLIMIT_MEMLOCK, "memlock" },
		{ RLIMIT_MSGQUEUE, "msgqueue" }
	};
	struct rlimit limit;

	(void)argc;
	(void)argv;
	for (size_t i = 0; i < COUNT(all); i++) {
		if (getrlimit(all[i].resource, &limit) < 0)
			return 1;
		printf("%s=%lld:%lld\n", all[i].name, (long long)limit.rlim_cur,
		       (long long)limit.rlim_max);
	}
	return 0;
}

static int probe_ns(int argc, char **argv)
{
	static const char *const all[] = { "user", "mnt", "pid",   "net",
					   "ipc",  "uts", "cgroup" };
	char path[64], link[64];

	(void)argc;
	(void)argv;
	for (size_t i = 0; i < COUNT(all); i++) {
		ssize_t len;

		snprintf(path, sizeof(path), "/proc/self/ns/%s", all[i]);
		len = readlink(path, link, sizeof(link) - 1);
		if (len < 0)
			return 1;
		link[len] = '\0';
		printf("%s=%s\n", all[i], link);
	}
	return 0;
}

static int probe_mounts(int argc, char **argv)
{
	FILE *file = setmntent("/proc/self/mounts", "re");
	struct mntent *entry;

	(void)argc;
	(void)argv;
	if (!file)
		return 1;
	while ((entry = getmntent(file)))
		printf("%s=%s %s\n", entry->mnt_dir, entry->mnt_type,
		       entry->mnt_opts);
	endmntent(file);
	return 0;
}

/* exit N */
static int probe_exit(int argc, char **argv)
{
	return argc > 0 ? number(argv[0]) : 0;
}

static void crash_bus(void)
{
	FILE *file = tmpfile();
	volatile char *page;

	if (!file)
		return;
	page = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fileno(file), 0);
	if (page != MAP_FAILED)
		(void)*page; /* past the end of an empty file */
}

/*
 * crash NAME: a fault, not a kill(): pid 1 of a pid namespace cannot send
 * itself a signal that it does not handle.
 */
static int probe_crash(int argc, char **argv)
{
	const char *name = argc > 0 ? argv[0] : "";
	volatile char *volatile nowhere = (volatile char *)16;

	if (strcmp(name, "segv") == 0)
		(void)*nowhere;
	else if (strcmp(name, "bus") == 0)
		crash_bus();
	else if (strcmp(name, "ill") == 0)
		__asm__ volatile("ud2");
	else if (strcmp(name, "trap") == 0)
		__asm__ volatile("int3");
	else if (strcmp(name, "fpe") == 0)
		__asm__ volatile("xor %%ecx, %%ecx\n\tdiv %%ecx"
				 :
				 : "a"(1), "d"(0)
				 : "ecx");
	return 1; /* the fault did not end it */
}

/* kill N: sends itself a signal (not as pid 1). */
static int probe_kill(int argc, char **argv)
{
	if (argc > 0 && kill(getpid(), number(argv[0])) == 0)
		pause();
	return 1;
}

static volatile sig_atomic_t seen[NSIG];

static void note_signal(int signo)
{
	seen[signo] = 1;
}

static void handle_all(void)
{
	struct sigaction action = { .sa_handler = note_signal };

	for (int i = 1; i < NSIG; i++)
		if (i != SIGKILL && i != SIGSTOP && i != SIGCHLD &&
		    sigaction(i, &action, NULL) < 0 && errno != EINVAL)
			perror("sigaction");
}

/* signals LAST: prints each signal it gets; exits with 7 at LAST. */
static int probe_signals(int argc, char **argv)
{
	int last = argc > 0 ? number(argv[0]) : SIGTERM;
	sigset_t all, old;

	handle_all();
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &old);
	puts("ready");
	fflush(stdout);
	for (;;) {
		sigsuspend(&old);
		for (int i = 1; i < NSIG; i++) {
			if (!seen[i])
				continue;
			seen[i] = 0;
			printf("got %d\n", i);
			fflush(stdout);
			if (i == last)
				return 7;
		}
	}
}

static void print_size(void)
{
	struct winsize size = { 0 };

	if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) < 0)
		printf("tty=no\n");
	else
		printf("tty=%u %u\n", size.ws_row, size.ws_col);
	fflush(stdout);
}

/* tty [CHANGES]: the terminal's rows and columns, and again at each change. */
static int probe_tty(int argc, char **argv)
{
	int changes = argc > 0 ? number(argv[0]) : 0;
	sigset_t set;
	int signo;

	sigemptyset(&set);
	sigaddset(&set, SIGWINCH);
	sigprocmask(SIG_BLOCK, &set, NULL);
	print_size();
	while (changes-- > 0) {
		if (sigwait(&set, &signo) != 0)
			return 1;
		print_size();
	}
	return 0;
}

/* calls NR[:ARG...]...: the same of calls by number, NR=0 for one that works. */
static int probe_calls(int argc, char **argv)
{
	for (int i = 0; i < argc; i++) {
		unsigned long a[7] = { 0 };
		char *save = NULL;
		int n = 0;
		long r;

		for (char *at = strtok_r(argv[i], ":", &save); at && n < 7;
		     at = strtok_r(NULL, ":", &save))
			a[n++] = strtoul(at, NULL, 0);
		errno = 0;
		r = syscall((long)a[0], a[1], a[2], a[3], a[4], a[5], a[6]);
		printf("%lu=%d\n", a[0], r < 0 ? errno : 0);
	}
	return 0;
}

/* errno CALL PATH: the number that one system call fails with, 0 if it works. */
static int probe_errno(int argc, char **argv)
{
	long r;

	if (argc < 2)
		return 1;
	errno = 0;
	if (strcmp(argv[0], "mkdir") == 0)
		r = syscall(SYS_mkdir, argv[1], 0755);
	else if (strcmp(argv[0], "chroot") == 0)
		r = syscall(SYS_chroot, argv[1]);
	else if (strcmp(argv[0], "keyctl") == 0)
		r = syscall(SYS_keyctl, 0, -2, 0, 0, 0);
	else if (strcmp(argv[0], "mknod") == 0)
		r = syscall(SYS_mknod, argv[1], S_IFCHR | 0600, 0x103);
	else
		return 1;
	printf("%s=%d\n", argv[0], r < 0 ? errno : 0);
	return 0;
}

/* The body of an HTTP/1.0 answer to stdout. */
static int copy_body(FILE *answer)
{
	char line[4096];
	size_t len;

	do {
		if (!fgets(line, sizeof(line), answer))
			return 1;
	} while (strcmp(line, "\r\n") != 0);
	while ((len = fread(line, 1, sizeof(line), answer)) > 0)
		if (fwrite(line, 1, len, stdout) != len)
			return 1;
	return ferror(answer) || fflush(stdout) != 0;
}

/* fetch ADDRESS PORT PATH: HTTP without a resolver. */
static int probe_fetch(int argc, char **argv)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	struct timeval limit = { .tv_sec = 30 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), r;
	FILE *answer;

	if (argc < 3 || fd < 0 || inet_pton(AF_INET, argv[0], &to.sin_addr) != 1)
		return 2;
	to.sin_port = htons((uint16_t)number(argv[1]));
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0 ||
	    connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0) {
		perror("connect");
		return 1;
	}
	dprintf(fd, "GET %s HTTP/1.0\r\n\r\n", argv[2]);
	answer = fdopen(fd, "r");
	if (!answer)
		return 1;
	r = copy_body(answer);
	fclose(answer);
	return r;
}

static const struct verb verbs[] = {
	{ "status", probe_status }, { "limits", probe_limits },
	{ "ns", probe_ns },	    { "mounts", probe_mounts },
	{ "exit", probe_exit },	    { "crash", probe_crash },
	{ "kill", probe_kill },	    { "signals", probe_signals },
	{ "tty", probe_tty },	    { "errno", probe_errno },
	{ "calls", probe_calls },   { "fetch", probe_fetch },
	{ "files", probe_files },
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < COUNT(verbs); i++)
		if (strcmp(argv[1], verbs[i].name) == 0)
			return verbs[i].run(argc - 2, argv + 2);
	fprintf(stderr, "usage: probe VERB [ARGUMENT...]\n");
	return 2;
}
