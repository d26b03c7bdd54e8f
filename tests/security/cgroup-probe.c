// SPDX-License-Identifier: Apache-2.0
/*
 * cgroup-probe.c - runtime/cgroup*.c on a real cgroup v2, for
 * tests/security/test_cgroup2.py: a static program, run as root of a machine
 * that is thrown away. One line an attempt: "NAME ok", or "NAME" and what was
 * found instead.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "auto.h"
#include "path.h"
#include "runtime/cgroup.h"

#define ROOT "/sys/fs/cgroup"
#define NAME "/kata/one"
#define DIR_ ROOT NAME
#define LATE "/late"
#define MIB (1ll << 20)
#define TASKS 1024 /* pids.max that cgroup.c sets */

static struct cgroup cgroup;
static struct strv made;

__attribute__((format(printf, 3, 4))) static void
say(const char *name, bool good, const char *fmt, ...)
{
	va_list args;

	printf("%s ", name);
	va_start(args, fmt);
	if (good)
		printf("ok");
	else
		vprintf(fmt, args);
	va_end(args);
	printf("\n");
	fflush(stdout);
}

static void is(const char *name, const char *file, const char *wanted)
{
	AUTO_FREE char *path = xasprintf(DIR_ "/%s", file);
	AUTO_FREE char *text = NULL;
	struct err err = ERR_INIT;

	if (path_read_file(AT_FDCWD, path, 4096, &text, &err) < 0) {
		say(name, false, "%s", err.text);
		return;
	}
	text[strcspn(text, "\n")] = '\0';
	say(name, strcmp(text, wanted) == 0, "%s is %s", file, text);
}

static void make(const struct oci_resources *res)
{
	struct strv notes = { 0 };
	struct err err = ERR_INIT;
	int r = cgroup_plan(CGROUP_MANAGER_CGROUPFS, NAME, &made, &err);

	say("plan", r == 0 && made.count == 1 && strv_has(&made, DIR_),
	    "%d %zu", r, made.count);
	r = cgroup_make(CGROUP_MANAGER_CGROUPFS, NAME, res, 16, &cgroup, &notes,
			&err);
	say("make", r == 0 && notes.count == 0 && !cgroup.incomplete,
	    "%d %s; %s", r, err.text, notes.count ? notes.item[0] : "no note");
	say("made", cgroup.made.count == 1 && strv_has(&cgroup.made, DIR_),
	    "%zu", cgroup.made.count);
	is("memory", "memory.max", "83886080");
	is("cpu", "cpu.max", "150000 100000");
	is("tasks", "pids.max", "1024");
}

/* Planned, and then another made it: it is joined, and not ours. */
static void make_late(const struct oci_resources *res)
{
	struct cgroup late = { 0 };
	struct strv plan = { 0 }, notes = { 0 };
	struct err err = ERR_INIT;
	int r = cgroup_plan(CGROUP_MANAGER_CGROUPFS, LATE, &plan, &err);

	if (r == 0 && mkdir(ROOT LATE, 0755) == 0)
		r = cgroup_make(CGROUP_MANAGER_CGROUPFS, LATE, res, 16, &late,
				&notes, &err);
	say("late",
	    r == 0 && plan.count == 1 && late.made.count == 0 &&
		    strv_has(&late.dirs, ROOT LATE),
	    "%d %zu %zu %zu", r, plan.count, late.made.count, late.dirs.count);
	rmdir(ROOT LATE);
}

/* Return: a child that has joined, and does what then() does. */
static pid_t member(void (*then)(void))
{
	pid_t pid = fork();
	struct err err = ERR_INIT;

	if (pid == 0) {
		if (cgroup_join(&cgroup.dirs, 0, &err) < 0)
			_exit(99);
		then();
		_exit(0);
	}
	return pid;
}

static void wait_for_ever(void)
{
	for (;;)
		pause();
}

static void eat(void)
{
	volatile char *at = mmap(NULL, 200 * MIB, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	for (long long i = 0; at != MAP_FAILED && i < 200 * MIB; i += 4096)
		at[i] = 1;
}

static void multiply(void)
{
	int count = 1;

	for (; count < 2 * TASKS; count++) {
		pid_t pid = fork();

		if (pid < 0)
			break;
		if (pid == 0)
			wait_for_ever();
	}
	_exit(count == TASKS && errno == EAGAIN ? 7 : 8);
}

static bool settles(pid_t pid, const char *state)
{
	const struct timespec pause = { 0, 20000000 };

	for (int i = 0; i < 250; i++) {
		struct err err = ERR_INIT;

		if ((cgroup_check(&cgroup.dirs, pid, state, &err) == 0))
			return true;
		nanosleep(&pause, NULL);
	}
	return false;
}

static void join_and_check(void)
{
	struct err err = ERR_INIT;
	pid_t pid = member(wait_for_ever);
	int r;

	say("inside", settles(pid, "child"), "it never joined");
	r = cgroup_check(&cgroup.dirs, getpid(), "VMM", &err);
	say("outside", r == -EPERM, "%d", r);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void hold(void)
{
	struct oci_resources more = { .has_memory_limit = true,
				      .memory_limit = 300 * MIB };
	struct cgroup_undo undo = { 0 };
	struct err err = ERR_INIT;
	int status = 0;
	pid_t pid = member(eat);

	waitpid(pid, &status, 0);
	say("memory holds", WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL,
	    "status %x", (unsigned)status);
	/* a thousand processes need some */
	IGNORE(cgroup_update(&cgroup.dirs, &more, 16, &undo, &err) < 0,
	       "seen at what comes next");
	cgroup_undo_done(&undo);
	pid = member(multiply);
	waitpid(pid, &status, 0);
	say("tasks hold", WIFEXITED(status) && WEXITSTATUS(status) == 7,
	    "status %x", (unsigned)status);
}

static void update(const struct oci_resources *res)
{
	struct oci_resources less = *res;
	struct cgroup_undo undo = { 0 };
	struct err err = ERR_INIT;
	int r;

	less.memory_limit = 100 * MIB;
	r = cgroup_update(&cgroup.dirs, &less, 16, &undo, &err);
	say("update", r == 0, "%d %s", r, err.text);
	is("updated memory", "memory.max", "121634816");
	cgroup_undo(&undo);
	is("undone memory", "memory.max", "83886080");
	cgroup_undo_done(&undo);
}

/* The thousand of multiply(), and one further down, end at once. */
static void end(void)
{
	struct strv below = { 0 };
	struct err err = ERR_INIT;
	pid_t pid = fork();
	int r, status = 0;

	strv_add(&below, DIR_ "/below");
	if (pid == 0) {
		if (mkdir(DIR_ "/below", 0755) < 0 ||
		    cgroup_join(&below, 0, &err) < 0)
			_exit(98);
		wait_for_ever();
	}
	for (int i = 0; i < 250 && cgroup_check(&below, pid, "x", &err); i++)
		usleep(20000);
	say("kill file", access(DIR_ "/cgroup.kill", W_OK) == 0, "%s",
	    strerror(errno));
	cgroup_kill(&made);
	waitpid(pid, &status, 0);
	say("kill below", WIFSIGNALED(status), "status %x", (unsigned)status);
	rmdir(DIR_ "/below");
	err_clear(&err);
	r = cgroup_remove(&cgroup.dirs, &made, &err);
	say("remove", r == 0 && access(DIR_, F_OK) < 0, "%d %s", r, err.text);
}

int main(void)
{
	const struct oci_resources res = { .has_memory_limit = true,
					   .memory_limit = 64 * MIB,
					   .has_cpu_quota = true,
					   .cpu_quota = 50000 };

	signal(SIGCHLD, SIG_DFL);
	make(&res);
	make_late(&res);
	join_and_check();
	update(&res);
	hold();
	end();
	return 0;
}
