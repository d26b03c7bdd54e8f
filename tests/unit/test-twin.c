// SPDX-License-Identifier: Apache-2.0
/* link: runtime/twin.o runtime/boot-cache.o */
/*
 * test-twin.c - what is asked of a twin jail and how its answers are judged,
 * with scripts in the jailer's place. A real twin: tests/e2e/90-jail.bats.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auto.h"
#include "fd.h"
#include "path.h"
#include "runtime/twin.h"

#define BUILT TEST_DIR "/../build/share/kata/seccomp"
#define SKIP_OPTIONS "while [ \"$1\" != -- ]; do shift; done; shift\n"
#define EACH "for c; do echo \"$c killed\"; done\n"

static char dir[] = "/var/tmp/kata-twin.XXXXXX";

static void write_file(const char *name, const char *text, mode_t mode)
{
	AUTO_FREE char *path = xasprintf("%s/%s", dir, name);
	AUTO_FD int fd = -1;

	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
}

static int set_up(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	write_file("t.json",
		   "{\"name\":\"t\",\"program\":\"/bin/true\","
		   "\"identity\":\"own\",\"namespaces\":[\"user\",\"mnt\","
		   "\"pid\",\"net\",\"ipc\",\"uts\",\"cgroup\"],"
		   "\"seccomp\":\"proxy\"}",
		   0644);
	return 0;
}

static int tear_down(void **state)
{
	struct err err = ERR_INIT;
	AUTO_FD int fd = open("/var/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	return path_remove_tree(fd, strrchr(dir, '/') + 1, &err);
}

static int try_again(int root_fd, struct twin_result *ret, struct err *err)
{
	AUTO_FREE char *jailer = xasprintf("%s/jailer", dir);
	struct strv none = { 0 };
	const struct twin_spec spec = { .jailer = jailer,
					.policies = dir,
					.filters = BUILT,
					.policy = "t",
					.args = &none,
					.root_fd = root_fd };

	return twin_try(&spec, ret, err);
}

static int try_with(const char *script, int root_fd, struct twin_result *ret,
		    struct err *err)
{
	AUTO_FREE char *text = xasprintf("#!/bin/sh\n%s", script);

	write_file("jailer", text, 0755);
	return try_again(root_fd, ret, err);
}

static void test_all_killed(void **state)
{
	struct twin_result result;
	struct err err = ERR_INIT;

	(void)state;
	if (try_with(SKIP_OPTIONS EACH, -1, &result, &err) < 0)
		fail_msg("%s", err.text);
	assert_true(result.tried > 3 * 640 - 80);
	assert_int_equal(result.through, 0);
	assert_null(result.first);
	twin_result_done(&result);
}

/* ptrace works, or is refused where it should have killed. */
static void test_through(void **state)
{
	static const char *const answer[] = { "returned", "errno 1",
					      "signal 14" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(answer); i++) {
		AUTO_FREE char *script = xasprintf(
			SKIP_OPTIONS
			"for c; do [ $c = n101 ] && echo $c %s || echo $c killed; done\n",
			answer[i]);
		AUTO_FREE char *first =
			xasprintf("call n101: %s, must be killed", answer[i]);
		struct twin_result result;
		struct err err = ERR_INIT;

		if (try_with(script, -1, &result, &err) < 0)
			fail_msg("%s", err.text);
		assert_int_equal(result.through, 1);
		assert_string_equal(result.first, first);
		twin_result_done(&result);
	}
}

/* An answer that is missing, too much, or of another call is no result. */
static void test_no_result(void **state)
{
	static const char *const script[] = {
		SKIP_OPTIONS "shift\n" EACH,
		SKIP_OPTIONS EACH "echo n1 killed\n",
		SKIP_OPTIONS "for c; do echo n0 killed; done\n",
		"exit 0\n",
		SKIP_OPTIONS EACH "exit 125\n",
		"kill -9 $$\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(script); i++) {
		struct twin_result result;
		struct err err = ERR_INIT;

		if (try_with(script[i], -1, &result, &err) >= 0)
			fail_msg("script %zu was taken", i);
		assert_non_null(strstr(err.text, "twin"));
		twin_result_done(&result);
	}
}

/* Good results hold for the boot, bad ones are tried again. */
static void test_cache(void **state)
{
	AUTO_FD int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct twin_result result;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(try_with(SKIP_OPTIONS
				  "for c; do echo $c returned; done\n",
				  fd, &result, &err),
			 0);
	assert_true(result.through > 1000);
	twin_result_done(&result);
	assert_int_equal(try_with(SKIP_OPTIONS EACH, fd, &result, &err), 0);
	assert_false(result.from_before);
	assert_int_equal(result.through, 0);
	twin_result_done(&result);
	assert_int_equal(try_again(fd, &result, &err), 0);
	assert_true(result.from_before);
	assert_true(result.tried > 1000);
	twin_result_done(&result);
	/* of another twin, or another jailer, nothing is known */
	write_file("kata-jail-twin", "", 0755);
	assert_int_equal(try_again(fd, &result, &err), 0);
	assert_false(result.from_before);
	twin_result_done(&result);
	assert_true(try_with("exit 1\n", fd, &result, &err) < 0);
	twin_result_done(&result);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_killed),
		cmocka_unit_test(test_through),
		cmocka_unit_test(test_no_result),
		cmocka_unit_test(test_cache),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
