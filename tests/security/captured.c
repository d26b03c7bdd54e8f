// SPDX-License-Identifier: Apache-2.0
/*
 * captured.c - takes a thread of a live process over, as an attacker does who
 * runs code in it, and makes it execute system calls. For test_captured.py,
 * which speaks to it by lines. Needs root of the initial namespace.
 *
 *	captured PID TID
 *	captured --filtered FILE...	a child of our own under these filters
 *
 *	call NR ARG...	up to six numbers; answers "= RESULT", "killed SIGNAL",
 *			"blocked" (after five seconds, interrupted), "executed"
 *	call32 NR ARG...	the same by int 0x80, as an i386 program does
 *	put ADDR HEX	answers "ok"
 *	get ADDR LEN	answers "hex ..."
 *	filters		answers "filter HEX" each, oldest first, then "ok"
 *
 * The end of the input puts the thread back to where it was. Nothing of the
 * program is changed: the instruction is one that its text has already.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define ARGS 6
#define LINE_MAX_BYTES (256u << 10)
#define CALL_SECONDS 5
#define FILTERS_MAX 16
#define PENDING_MAX 16

struct captive {
	pid_t pid;
	pid_t tid;
	int mem_fd;
	struct user_regs_struct saved;
	unsigned long native; /* address of a syscall instruction */
	unsigned long compat; /* of int 0x80; 0: the text has none */
};

static volatile sig_atomic_t late;

static void __attribute__((format(printf, 1, 2))) die(const char *format, ...)
{
	int code = errno;
	va_list args;

	va_start(args, format);
	fprintf(stderr, "captured: ");
	vfprintf(stderr, format, args);
	fprintf(stderr, ": %s\n", strerror(code));
	va_end(args);
	exit(1);
}

static _Noreturn void report_end(int status)
{
	printf("killed %d\n", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
	fflush(stdout);
	exit(0);
}

/* A thread that executes a program becomes the first of its process. */
static _Noreturn void report_exec(void)
{
	printf("executed\n");
	fflush(stdout);
	exit(0);
}

static void on_alarm(int signo)
{
	(void)signo;
	late = 1;
}

static unsigned long find_bytes(const struct captive *c, unsigned long from,
				unsigned long to, const char *bytes, size_t len)
{
	size_t size = to - from;
	char *text = malloc(size), *at;
	unsigned long found = 0;

	if (!text)
		die("malloc");
	if (pread(c->mem_fd, text, size, (off_t)from) != (ssize_t)size) {
		free(text);
		return 0;
	}
	at = memmem(text, size, bytes, len);
	if (at)
		found = from + (unsigned long)(at - text);
	free(text);
	return found;
}

/* The first such instructions in the program's text and its libraries'. */
static void find_gadgets(struct captive *c)
{
	char path[64], line[4096];
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%d/maps", c->pid);
	maps = fopen(path, "re");
	if (!maps)
		die("open %s", path);
	while (fgets(line, sizeof(line), maps)) {
		unsigned long from, to;
		char rights[8];

		if (sscanf(line, "%lx-%lx %7s", &from, &to, rights) != 3 ||
		    strcmp(rights, "r-xp") != 0 || !strchr(line, '/'))
			continue;
		if (!c->native)
			c->native = find_bytes(c, from, to, "\x0f\x05", 2);
		if (!c->compat)
			c->compat = find_bytes(c, from, to, "\xcd\x80", 2);
	}
	fclose(maps);
	if (!c->native)
		die("no syscall instruction in the text of %d", c->pid);
}

/* A child that a call made: it must not run on in the middle of nowhere. */
static void end_child(const struct captive *c)
{
	unsigned long child = 0;

	if (ptrace(PTRACE_GETEVENTMSG, c->tid, NULL, &child) == 0 && child > 0)
		kill((pid_t)child, SIGKILL);
}

static bool is_stop_of(int status, int signo)
{
	return WIFSTOPPED(status) && WSTOPSIG(status) == signo;
}

/*
 * Lets the thread go on to the next entry or exit of a call. Returns the
 * waitpid() status: such a stop, the end of the process, or, with *blocked set,
 * the stop of an interrupt.
 */
static int step(const struct captive *c, bool *blocked)
{
	int status = 0;

	for (;;) {
		if (ptrace(PTRACE_SYSCALL, c->tid, NULL, NULL) < 0 &&
		    errno != ESRCH)
			die("PTRACE_SYSCALL");
		while (waitpid(c->tid, &status, __WALL) < 0) {
			if (errno == ECHILD)
				report_exec();
			if (errno != EINTR)
				die("waitpid %d", c->tid);
			if (late &&
			    ptrace(PTRACE_INTERRUPT, c->tid, NULL, NULL) == 0)
				*blocked = true;
			late = 0;
		}
		if (!WIFSTOPPED(status) || is_stop_of(status, SIGTRAP | 0x80))
			return status;
		if (status >> 16 == PTRACE_EVENT_STOP && *blocked)
			return status;
		if (status >> 16 == PTRACE_EVENT_FORK ||
		    status >> 16 == PTRACE_EVENT_VFORK ||
		    status >> 16 == PTRACE_EVENT_CLONE)
			end_child(c);
		/* any other stop, and a signal that came meanwhile: go on */
	}
}

/* To where the kernel looks at signals: there a call can be taken up again. */
static void interrupt(const struct captive *c, bool is_stopped)
{
	int status = 0;

	if (ptrace(PTRACE_INTERRUPT, c->tid, NULL, NULL) < 0 ||
	    (is_stopped && ptrace(PTRACE_CONT, c->tid, NULL, NULL) < 0))
		die("PTRACE_INTERRUPT");
	for (;;) {
		if (waitpid(c->tid, &status, __WALL) < 0)
			die("waitpid %d", c->tid);
		if (!WIFSTOPPED(status))
			report_end(status);
		if (status >> 16 == PTRACE_EVENT_STOP)
			return;
		if (ptrace(PTRACE_CONT, c->tid, NULL, NULL) < 0)
			die("PTRACE_CONT");
	}
}

static void open_memory(struct captive *c)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/mem", c->pid);
	c->mem_fd = open(path, O_RDWR | O_CLOEXEC);
	if (c->mem_fd < 0)
		die("open %s", path);
}

static void capture(struct captive *c)
{
	unsigned long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK |
				PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE;

	open_memory(c);
	find_gadgets(c);
	if (ptrace(PTRACE_SEIZE, c->tid, NULL, options) < 0)
		die("PTRACE_SEIZE %d", c->tid);
	interrupt(c, false);
	if (ptrace(PTRACE_GETREGS, c->tid, NULL, &c->saved) < 0)
		die("PTRACE_GETREGS");
}

static void let_go(const struct captive *c)
{
	if (ptrace(PTRACE_SETREGS, c->tid, NULL, &c->saved) < 0 ||
	    ptrace(PTRACE_DETACH, c->tid, NULL, NULL) < 0)
		die("let go of %d", c->tid);
}

/*
 * A filter that kills sends a signal that nothing can hold up, which is seen
 * once the call has been left.
 */
static void see_end(const struct captive *c)
{
	struct __ptrace_peeksiginfo_args all = { .nr = PENDING_MAX };
	siginfo_t pending[PENDING_MAX];
	int status = 0;
	long count = ptrace(PTRACE_PEEKSIGINFO, c->tid, &all, pending);

	for (long i = 0; i < count; i++) {
		if (pending[i].si_signo != SIGSYS)
			continue;
		do {
			if (ptrace(PTRACE_CONT, c->tid, NULL, NULL) < 0)
				die("PTRACE_CONT");
			if (waitpid(c->tid, &status, __WALL) < 0)
				die("waitpid %d", c->tid);
		} while (WIFSTOPPED(status));
		report_end(status);
	}
}

static void set_args(struct user_regs_struct *regs, unsigned long nr,
		     const unsigned long arg[ARGS], bool compat)
{
	regs->orig_rax = (unsigned long)-1; /* nothing to take up again */
	regs->rax = nr;
	if (compat) {
		regs->rbx = arg[0];
		regs->rcx = arg[1];
		regs->rdx = arg[2];
		regs->rsi = arg[3];
		regs->rdi = arg[4];
		regs->rbp = arg[5];
	} else {
		regs->rdi = arg[0];
		regs->rsi = arg[1];
		regs->rdx = arg[2];
		regs->r10 = arg[3];
		regs->r8 = arg[4];
		regs->r9 = arg[5];
	}
}

/* It was killed while it stood still. */
static _Noreturn void see_killed(const struct captive *c)
{
	int status = 0;

	do {
		if (waitpid(c->tid, &status, __WALL) < 0)
			die("waitpid %d", c->tid);
	} while (WIFSTOPPED(status));
	report_end(status);
}

static void call(const struct captive *c, unsigned long nr,
		 const unsigned long arg[ARGS], bool compat)
{
	const struct itimerval limit = { .it_value.tv_sec = CALL_SECONDS,
					 .it_interval.tv_sec = 1 };
	const struct itimerval off = { .it_value.tv_sec = 0 };
	struct user_regs_struct regs = c->saved;
	bool blocked = false;
	int status;

	if (compat && !c->compat) {
		printf("none\n");
		return;
	}
	set_args(&regs, nr, arg, compat);
	regs.rip = compat ? c->compat : c->native;
	if (ptrace(PTRACE_SETREGS, c->tid, NULL, &regs) < 0) {
		if (errno == ESRCH)
			see_killed(c);
		die("PTRACE_SETREGS");
	}
	/* again and again: one may come just before the wait */
	setitimer(ITIMER_REAL, &limit, NULL);
	status = step(c, &blocked); /* at its entry */
	if (is_stop_of(status, SIGTRAP | 0x80))
		status = step(c, &blocked);
	setitimer(ITIMER_REAL, &off, NULL);
	late = 0;
	if (!WIFSTOPPED(status))
		report_end(status);
	if (ptrace(PTRACE_GETREGS, c->tid, NULL, &regs) < 0)
		die("PTRACE_GETREGS");
	see_end(c);
	interrupt(c, true);
	if (blocked)
		printf("blocked\n");
	else
		printf("= %lld\n",
		       compat ? (long long)(int)regs.rax : (long long)regs.rax);
}

static void put(const struct captive *c, unsigned long addr, const char *hex)
{
	size_t len = strlen(hex) / 2;
	unsigned char *data = malloc(len + 1);

	if (!data)
		die("malloc");
	for (size_t i = 0; i < len; i++)
		if (sscanf(hex + 2 * i, "%2hhx", &data[i]) != 1)
			die("put: %s", hex);
	if (pwrite(c->mem_fd, data, len, (off_t)addr) != (ssize_t)len)
		die("write to %#lx", addr);
	free(data);
	printf("ok\n");
}

static void get(const struct captive *c, unsigned long addr, size_t len)
{
	unsigned char *data = malloc(len + 1);

	if (!data)
		die("malloc");
	if (pread(c->mem_fd, data, len, (off_t)addr) != (ssize_t)len)
		die("read from %#lx", addr);
	printf("hex ");
	for (size_t i = 0; i < len; i++)
		printf("%02x", data[i]);
	printf("\n");
	free(data);
}

static void print_filters(const struct captive *c)
{
	static struct sock_filter code[BPF_MAXINSNS];

	for (unsigned long i = 0; i < FILTERS_MAX; i++) {
		long count = ptrace(PTRACE_SECCOMP_GET_FILTER, c->tid, i, code);

		if (count < 0 && (errno == ENOENT || errno == EINVAL))
			break; /* EINVAL: no filter at all */
		if (count < 0)
			die("PTRACE_SECCOMP_GET_FILTER");
		printf("filter ");
		for (size_t n = 0; n < (size_t)count * sizeof(*code); n++)
			printf("%02x", ((const unsigned char *)code)[n]);
		printf("\n");
	}
	printf("ok\n");
}

static void obey(const struct captive *c, char *line)
{
	char *rest = line, *word = strsep(&rest, " \n");
	unsigned long number[ARGS + 1] = { 0 };
	char *end;

	if (strcmp(word, "filters") == 0) {
		print_filters(c);
		return;
	}
	if (strcmp(word, "put") == 0) {
		number[0] = strtoul(rest, &end, 0);
		end[strcspn(end, "\n")] = '\0';
		put(c, number[0], end + 1);
		return;
	}
	for (int i = 0; i <= ARGS && rest && *rest; i++)
		number[i] = strtoul(strsep(&rest, " \n"), NULL, 0);
	if (strcmp(word, "get") == 0)
		get(c, number[0], number[1]);
	else if (strcmp(word, "call") == 0)
		call(c, number[0], number + 1, false);
	else if (strcmp(word, "call32") == 0)
		call(c, number[0], number + 1, true);
	else
		die("unknown command %s", word);
}

static void load_filter(const char *path)
{
	static struct sock_filter code[BPF_MAXINSNS];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t size = fd < 0 ? -1 : read(fd, code, sizeof(code));
	struct sock_fprog prog = {
		.len = (unsigned short)((size_t)size / sizeof(*code)),
		.filter = code,
	};

	if (size <= 0)
		die("filter %s", path);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) < 0)
		die("load %s", path);
	close(fd);
}

/* A program with these filters and nothing else, which waits in read(). */
static pid_t make_filtered(int count, char **paths)
{
	int ready[2], wait_for[2];
	char byte = 0;
	pid_t pid;

	if (pipe2(ready, O_CLOEXEC) < 0 || pipe2(wait_for, O_CLOEXEC) < 0)
		die("pipe");
	pid = fork();
	if (pid < 0)
		die("fork");
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (int i = 0; i < count; i++)
			load_filter(paths[i]);
		if (write(ready[1], &byte, 1) == 1)
			(void)!read(wait_for[0], &byte, 1);
		_exit(0);
	}
	if (read(ready[0], &byte, 1) != 1)
		die("the filtered child");
	return pid;
}

int main(int argc, char **argv)
{
	struct sigaction alarmed = { .sa_handler = on_alarm };
	struct captive c = { .mem_fd = -1 };
	char *line = malloc(LINE_MAX_BYTES);

	if (!line || argc < 3) {
		fprintf(stderr,
			"usage: captured PID TID | --filtered FILE...\n");
		return 2;
	}
	sigaction(SIGALRM, &alarmed, NULL);
	if (strcmp(argv[1], "--filtered") == 0) {
		c.pid = c.tid = make_filtered(argc - 2, argv + 2);
	} else {
		c.pid = atoi(argv[1]);
		c.tid = atoi(argv[2]);
	}
	capture(&c);
	printf("captured\n");
	fflush(stdout);
	while (fgets(line, LINE_MAX_BYTES, stdin)) {
		obey(&c, line);
		fflush(stdout);
	}
	let_go(&c);
	free(line);
	return 0;
}
