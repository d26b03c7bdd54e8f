// SPDX-License-Identifier: Apache-2.0
/* link: runtime/cgroup.o runtime/cgroup-end.o runtime/cgroup-update.o */
/*
 * test-cgroup.c - which controllers are asked for, and where they are enabled.
 * A directory with plain files stands for a cgroup v2 tree.
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
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "auto.h"
#include "path.h"
#include "runtime/cgroup.h"

static char top[] = "/tmp/test-cgroup-XXXXXX";
static int top_fd = -1;

static void put(const char *name)
{
	AUTO_FD int fd =
		openat(top_fd, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
}

static int set_up(void **state)
{
	(void)state;
	if (!mkdtemp(top))
		return -1;
	top_fd = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (mkdirat(top_fd, "r", 0700) || mkdirat(top_fd, "r/a", 0700) ||
	    mkdirat(top_fd, "r/a/b", 0700))
		return -1;
	put("cgroup.subtree_control");
	put("r/cgroup.subtree_control");
	put("r/a/cgroup.subtree_control");
	put("r/a/b/cgroup.subtree_control");
	return 0;
}

static int tear_down(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	IGNORE(path_remove_tree(top_fd, "r", &err) < 0, "seen below");
	unlinkat(top_fd, "cgroup.subtree_control", 0);
	close(top_fd);
	return rmdir(top);
}

static void holds(const char *name, const char *wanted)
{
	AUTO_FREE char *text = NULL;
	struct err err = ERR_INIT;

	if (path_read_file(top_fd, name, 64, &text, &err) < 0)
		fail_msg("%s", err.text);
	assert_string_equal(text, wanted);
}

static void test_enable(void **state)
{
	AUTO_FREE char *root = xasprintf("%s/r", top);

	(void)state;
	cgroup_enable(root, "/a/b", CGROUP_MEMORY);
	holds("cgroup.subtree_control", ""); /* above the mount */
	holds("r/cgroup.subtree_control", "+memory");
	holds("r/a/cgroup.subtree_control", "+memory");
	holds("r/a/b/cgroup.subtree_control", ""); /* the container's own */
	/* one write each: here they lie over one another */
	cgroup_enable(root, "/a", CGROUP_CPU | CGROUP_PIDS);
	holds("r/cgroup.subtree_control", "+pidsry");
	holds("r/a/cgroup.subtree_control", "+memory");
	cgroup_enable(root, "/not/there", CGROUP_CPU);
}

static void test_wanted(void **state)
{
	struct oci_resources res = { 0 };

	(void)state;
	assert_int_equal(cgroup_wanted(&res), CGROUP_PIDS);
	res.has_memory_limit = true;
	res.memory_limit = -1;
	res.has_cpu_quota = true;
	res.cpu_quota = -1;
	assert_int_equal(cgroup_wanted(&res), CGROUP_PIDS);
	res.memory_limit = 1 << 20;
	res.cpu_quota = 1000;
	assert_int_equal(cgroup_wanted(&res),
			 CGROUP_PIDS | CGROUP_MEMORY | CGROUP_CPU);
}

static void test_limits(void **state)
{
	struct oci_resources res = { 0 };
	struct cgroup_limits limits;

	(void)state;
	cgroup_limits_make(&res, 16, &limits);
	assert_int_equal(limits.memory, 0);
	assert_int_equal(limits.cpu_quota, 0);
	assert_int_equal(limits.cpu_weight, 0);
	assert_int_equal(limits.tasks, 1024);
	res = (struct oci_resources){ .has_memory_limit = true,
				      .memory_limit = 1 << 20,
				      .has_cpu_quota = true,
				      .cpu_quota = 50000,
				      .has_cpu_shares = true,
				      .cpu_shares = 1024 };
	cgroup_limits_make(&res, 16, &limits);
	assert_int_equal(limits.memory, 17 << 20);
	assert_int_equal(limits.cpu_quota, 150000); /* one CPU for the VMM */
	assert_int_equal(limits.cpu_period, 100000);
	assert_int_equal(limits.cpu_weight, 39);
	res.memory_limit = res.cpu_quota = -1;
	cgroup_limits_make(&res, 16, &limits);
	assert_int_equal(limits.memory, 0);
	assert_int_equal(limits.cpu_quota, 0);
}

/* Nothing named by the engine is reported, and no cgroup counts as complete. */
static void test_none(void **state)
{
	static const char *const path[] = { NULL, "" };
	struct oci_resources res = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(path); i++) {
		struct cgroup cgroup = { 0 };
		struct strv notes = { 0 };
		struct err err = ERR_INIT;

		assert_int_equal(cgroup_make(CGROUP_MANAGER_CGROUPFS, path[i],
					     &res, 1, &cgroup, &notes, &err),
				 0);
		assert_true(cgroup.incomplete);
		assert_int_equal(cgroup.dirs.count, 0);
		assert_int_equal(notes.count, 1);
		strv_done(&notes);
	}
}

static void put_text(const char *name, const char *text)
{
	AUTO_FREE char *path = xasprintf("%s/r/%s", top, name);
	AUTO_FCLOSE FILE *file = fopen(path, "we");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
}

static void expect(const char *name, const char *text)
{
	AUTO_FREE char *path = xasprintf("%s/r/%s", top, name);
	AUTO_FREE char *now = NULL;
	struct err err = ERR_INIT;

	assert_int_equal(path_read_file(AT_FDCWD, path, 4096, &now, &err), 0);
	assert_string_equal(now, text);
}

/* Plain files stand for the kernel's: values of one length, then. */
static void make_v2(void)
{
	put_text("cgroup.controllers", "cpu memory cpuset\n");
	put_text("memory.max", "115343360\n");
	put_text("memory.current", "60000000\n");
	put_text("cpu.max", "150000 100000\n");
	put_text("cpu.weight", "99\n");
}

static void test_update(void **state)
{
	struct oci_resources res = { .has_memory_limit = true,
				     .memory_limit = 120000000,
				     .has_cpu_quota = true,
				     .cpu_quota = 70000,
				     .has_cpu_shares = true,
				     .cpu_shares = 1024 };
	struct strv dirs = { 0 };
	struct cgroup_undo undo = { 0 };
	struct err err = ERR_INIT;

	(void)state;
	make_v2();
	strv_addf(&dirs, "%s/r", top);
	assert_int_equal(cgroup_update(&dirs, &res, 1, &undo, &err), 0);
	expect("memory.max", "121048576\n");
	expect("cpu.max", "170000 100000\n"); /* one CPU for the VMM */
	expect("cpu.weight", "39\n");
	cgroup_undo(&undo);
	expect("memory.max", "115343360\n");
	expect("cpu.max", "150000 100000\n");
	expect("cpu.weight", "99\n");
	cgroup_undo_done(&undo);
	strv_done(&dirs);
}

/* The kernel would end a VM that uses more than a new limit. */
static void test_update_does_not_kill(void **state)
{
	struct oci_resources res = { .has_memory_limit = true,
				     .memory_limit = 50000000 };
	struct strv dirs = { 0 };
	struct cgroup_undo undo = { 0 };
	struct err err = ERR_INIT;

	(void)state;
	make_v2();
	strv_addf(&dirs, "%s/r", top);
	assert_int_equal(cgroup_update(&dirs, &res, 1, &undo, &err), 0);
	expect("memory.max", "115343360\n");
	assert_int_equal(undo.files.count, 0);
	strv_done(&dirs);
}

static void test_update_all_or_nothing(void **state)
{
	struct oci_resources res = { .has_cpu_quota = true,
				     .cpu_quota = 70000,
				     .cpuset_cpus = (char[]){ "0" } };
	struct strv dirs = { 0 };
	struct cgroup_undo undo = { 0 };
	struct err err = ERR_INIT;

	(void)state;
	make_v2(); /* no cpuset.cpus there */
	strv_addf(&dirs, "%s/r", top);
	assert_int_equal(cgroup_update(&dirs, &res, 1, &undo, &err),
			 -EOPNOTSUPP);
	expect("cpu.max", "150000 100000\n");
	cgroup_undo_done(&undo);
	strv_done(&dirs);
}

/* A child that only a signal ends. */
static pid_t sleeper(void)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		IGNORE(prctl(PR_SET_PDEATHSIG, SIGKILL) < 0, "a test's child");
		for (;;)
			pause();
	}
	return pid;
}

static bool is_killed(pid_t pid)
{
	int status = 0;

	return waitpid(pid, &status, WNOHANG) == pid && WIFSIGNALED(status);
}

static void put_procs(const char *name, pid_t one, pid_t two)
{
	AUTO_FREE char *text = xasprintf("%d\n%d\n0\n", one, two);

	put_text(name, text);
}

static void test_check(void **state)
{
	struct strv dirs = { 0 };
	struct err err = ERR_INIT;

	(void)state;
	strv_addf(&dirs, "%s/r/a", top);
	strv_addf(&dirs, "%s/r/a/b", top);
	put_procs("a/cgroup.procs", 123456, getpid());
	put_procs("a/b/cgroup.procs", getpid(), 123456);
	assert_int_equal(cgroup_check(&dirs, getpid(), "VMM", &err), 0);
	put_procs("a/b/cgroup.procs", getpid() + 1, 123456);
	assert_int_equal(cgroup_check(&dirs, getpid(), "VMM", &err), -EPERM);
	assert_non_null(strstr(err.text, "VMM"));
	assert_non_null(strstr(err.text, "/r/a/b"));
	strv_addf(&dirs, "%s/r/c", top);
	assert_int_equal(cgroup_check(&dirs, 123456, "VMM", &err), -ENOENT);
	strv_done(&dirs);
}

/* v1, and v2 before Linux 5.14: one by one, never the caller. */
static void test_kill_by_pid(void **state)
{
	pid_t member = sleeper(), stranger = sleeper();
	struct strv dirs = { 0 };

	(void)state;
	strv_addf(&dirs, "%s/r/a", top);
	strv_addf(&dirs, "%s/r/not/there", top);
	put_procs("a/cgroup.procs", getpid(), member);
	cgroup_kill(&dirs);
	assert_true(is_killed(member));
	assert_false(is_killed(stranger));
	assert_int_equal(kill(stranger, SIGKILL), 0);
	assert_int_equal(waitpid(stranger, NULL, 0), stranger);
	strv_done(&dirs);
}

static void test_kill_file(void **state)
{
	pid_t member = sleeper();
	struct strv dirs = { 0 };

	(void)state;
	strv_addf(&dirs, "%s/r/a", top);
	put_procs("a/cgroup.procs", member, member);
	put_text("a/cgroup.kill", "");
	cgroup_kill(&dirs);
	expect("a/cgroup.kill", "1");
	assert_false(is_killed(member)); /* it would be the kernel's work */
	/* not with ourselves in it */
	put_procs("a/cgroup.procs", member, getpid());
	put_text("a/cgroup.kill", "");
	cgroup_kill(&dirs);
	expect("a/cgroup.kill", "");
	assert_true(is_killed(member));
	strv_done(&dirs);
}

static void test_remove(void **state)
{
	struct strv dirs = { 0 }, made = { 0 };
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(mkdirat(top_fd, "r/made", 0700), 0);
	assert_int_equal(mkdirat(top_fd, "r/found", 0700), 0);
	strv_addf(&dirs, "%s/r/made", top);
	strv_addf(&dirs, "%s/r/found", top);
	strv_addf(&made, "%s/r/made", top);
	strv_addf(&made, "%s/r/planned/never/made", top);
	assert_int_equal(cgroup_remove(&dirs, &made, &err), 0);
	assert_int_equal(faccessat(top_fd, "r/made", F_OK, 0), -1);
	assert_int_equal(faccessat(top_fd, "r/found", F_OK, 0), -1);
	assert_int_equal(cgroup_remove(&dirs, &made, &err), 0);
	strv_done(&dirs);
	strv_done(&made);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_enable),
		cmocka_unit_test(test_wanted),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_update),
		cmocka_unit_test(test_update_does_not_kill),
		cmocka_unit_test(test_update_all_or_nothing),
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_kill_by_pid),
		cmocka_unit_test(test_kill_file),
		cmocka_unit_test(test_remove),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
