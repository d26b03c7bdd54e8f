// SPDX-License-Identifier: Apache-2.0
/*
 * test-confine.c - how proxy and shim give up their rights: each stage in a
 * child, in a user namespace of its own where the stage needs rights. Needs
 * none itself, but user namespaces.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "auto.h"
#include "caps.h"
#include "confine.h"
#include "fd.h"
#include "skip.h"

#define NO_USERNS 77

/* Runs what in a child. Return: its exit status; err's text goes to stderr */
static int in_child(int (*what)(struct err *err))
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		struct err err = ERR_INIT;
		int r = what(&err);

		if (r && err.text[0])
			fprintf(stderr, "%s\n", err.text);
		_exit(r);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* Every capability, over nothing that is ours. */
static void new_userns(void)
{
	if (unshare(CLONE_NEWUSER) < 0)
		_exit(NO_USERNS);
}

static void expect_good(int (*what)(struct err *err))
{
	int r = in_child(what);

	if (r == NO_USERNS)
		skip_because("no user namespaces, or a filter here");
	assert_int_equal(r, 0);
}

static int start_stage(struct err *err)
{
	struct confine confine = { .groups_fixed = true };
	struct rlimit core;

	if (confine_start(&confine, err) < 0)
		return 1;
	if (getsid(0) != getpid() || prctl(PR_GET_DUMPABLE) != 0)
		return 2;
	if (getrlimit(RLIMIT_CORE, &core) < 0 || core.rlim_max != 0)
		return 3;
	/* once more is fine */
	return confine_start(&confine, err) < 0 ? 4 : 0;
}

static void test_start(void **state)
{
	(void)state;
	expect_good(start_stage);
}

static int write_file(const char *path, const char *text)
{
	AUTO_FD int fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd < 0 ? -errno : fd_write_all(fd, text, strlen(text));
}

static int denied_groups(struct err *err)
{
	struct confine confine = { 0 };

	new_userns();
	if (write_file("/proc/self/setgroups", "deny") < 0)
		return 1;
	if (confine_start(&confine, err) < 0)
		return 2;
	return confine.groups_fixed ? 0 : 3;
}

static void test_denied_groups_are_seen(void **state)
{
	(void)state;
	expect_good(denied_groups);
}

static int lower_limits(struct err *err)
{
	static const struct confine_limit limits[] = {
		{ RLIMIT_NOFILE, 40, "nofile" },
		{ RLIMIT_MEMLOCK, 0, "memlock" },
	};
	static const struct confine_limit raise[] = {
		{ RLIMIT_NOFILE, 41, "nofile" },
	};
	struct rlimit now;

	new_userns(); /* not even root may raise one from in there */
	if (confine_limits(limits, 2, err) < 0)
		return 1;
	if (getrlimit(RLIMIT_NOFILE, &now) < 0 || now.rlim_cur != 40 ||
	    now.rlim_max != 40)
		return 2;
	if (confine_limits(raise, 1, err) != -EPERM)
		return 3;
	return strstr(err->text, "limit nofile") ? 0 : 4;
}

static void test_limits(void **state)
{
	(void)state;
	expect_good(lower_limits);
}

static ino_t ns_inode(const char *path)
{
	struct stat st;

	return stat(path, &st) < 0 ? 0 : st.st_ino;
}

static int own_namespaces(struct err *err)
{
	ino_t net, uts, mnt;

	new_userns();
	net = ns_inode("/proc/self/ns/net");
	uts = ns_inode("/proc/self/ns/uts");
	mnt = ns_inode("/proc/self/ns/mnt");
	if (confine_namespaces(CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS |
				       CLONE_NEWCGROUP,
			       err) < 0)
		return 1;
	if (ns_inode("/proc/self/ns/net") == net ||
	    ns_inode("/proc/self/ns/uts") == uts)
		return 2;
	return ns_inode("/proc/self/ns/mnt") == mnt ? 0 : 3;
}

static int namespaces_refused(struct err *err)
{
	static const struct caps_sets none;

	new_userns();
	if (caps_apply(&none, err) < 0)
		return 1;
	return confine_namespaces(CLONE_NEWNET, err) == -EPERM ? 0 : 2;
}

static void test_namespaces(void **state)
{
	(void)state;
	expect_good(own_namespaces);
	expect_good(namespaces_refused);
}

static int give_up(struct err *err)
{
	struct confine confine = { 0 };

	new_userns();
	if (confine_start(&confine, err) < 0)
		return 1;
	confine.groups_fixed = true; /* no map: nobody may set them */
	if (confine_rights(&confine, err) < 0)
		return 2;
	/* It reads all five sets, and could change none any more. */
	if (caps_drop_all(err) < 0 ||
	    prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		return 3;
	/* bit 0: uid 0 is nothing special at execve(2); locked with bit 1 */
	if ((prctl(PR_GET_SECUREBITS, 0, 0, 0, 0) & 3) != 3)
		return 4;
	return prctl(PR_SET_SECUREBITS, 0, 0, 0, 0) < 0 ? 0 : 5;
}

static int groups_that_stay(struct err *err)
{
	struct confine confine = { 0 };

	new_userns();
	if (confine_start(&confine, err) < 0)
		return 1;
	confine.groups_fixed = false; /* so they must go, and cannot */
	if (confine_rights(&confine, err) >= 0)
		return 2;
	return strstr(err->text, "drop groups") ? 0 : 3;
}

static int dumpable_again(struct err *err)
{
	struct confine confine = { 0 };

	new_userns();
	if (confine_start(&confine, err) < 0 ||
	    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0)
		return 1;
	confine.groups_fixed = true;
	if (confine_rights(&confine, err) >= 0)
		return 2;
	return strstr(err->text, "dumpable") ? 0 : 3;
}

static void test_rights(void **state)
{
	(void)state;
	expect_good(give_up);
	expect_good(groups_that_stay);
	expect_good(dumpable_again);
}

static int filter_of(const void *data, size_t len, struct err *err)
{
	AUTO_FD int fd = fd_memfd("filter", data, len, err);

	return fd < 0 ? -err->code : confine_filter(fd, err);
}

static int filters(struct err *err)
{
	static const struct sock_filter allow[] = {
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return 1;
	if (filter_of("", 0, err) >= 0 || !strstr(err->text, "seccomp filter"))
		return 2;
	if (filter_of(allow, sizeof(allow) - 1, err) >= 0)
		return 3;
	if (filter_of("not BPF.", 8, err) >= 0)
		return 4;
	if (prctl(PR_GET_SECCOMP, 0, 0, 0, 0) != SECCOMP_MODE_DISABLED)
		return NO_USERNS; /* the tests run under a filter */
	if (filter_of(allow, sizeof(allow), err) < 0)
		return 5;
	return prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == SECCOMP_MODE_FILTER ? 0 : 6;
}

static void test_filter(void **state)
{
	(void)state;
	expect_good(filters);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_start),
		cmocka_unit_test(test_denied_groups_are_seen),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_namespaces),
		cmocka_unit_test(test_rights),
		cmocka_unit_test(test_filter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
