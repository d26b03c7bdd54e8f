// SPDX-License-Identifier: Apache-2.0
/* link: runtime/hook-run.o */
/*
 * test-hook-run.c - hooks as real programs: what they get, what their end means,
 * and that a hook which hangs is ended with what it started.
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
#include <time.h>
#include <unistd.h>

#include "auto.h"
#include "path.h"
#include "runtime/hook-run.h"

static char top[] = "/tmp/test-hook-run-XXXXXX";
static struct oci_pair pair = { (char *)"key", (char *)"a \"value\"" };
static const struct oci_pairs annotations = { &pair, 1 };
static const struct hook_state told = { .id = "c1",
					.status = "creating",
					.bundle = "/b",
					.annotations = &annotations,
					.pid = 42 };

static int set_up(void **state)
{
	(void)state;
	return mkdtemp(top) && chdir(top) == 0 ? 0 : -1;
}

static int tear_down(void **state)
{
	AUTO_FD int tmp_fd = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct err err = ERR_INIT;

	(void)state;
	return chdir("/") == 0 ?
		       path_remove_tree(tmp_fd, top + strlen("/tmp/"), &err) :
		       -1;
}

/* A list of one: sh -c SCRIPT, with nothing but PATH in its environment. */
static struct oci_hook_list shell(struct oci_hook *hook, const char *script,
				  uint32_t timeout)
{
	*hook = (struct oci_hook){ .path = xstrdup("/bin/sh"),
				   .timeout = timeout };
	strv_add(&hook->args, "hook");
	strv_add(&hook->args, "-c");
	strv_add(&hook->args, script);
	strv_add(&hook->args, "argument");
	strv_add(&hook->env, "PATH=/usr/bin:/bin");
	strv_add(&hook->env, "ONLY=this");
	return (struct oci_hook_list){ hook, 1 };
}

static void free_hook(struct oci_hook *hook)
{
	free(hook->path);
	strv_done(&hook->args);
	strv_done(&hook->env);
}

static int run(const char *script, uint32_t timeout, struct err *err)
{
	struct oci_hook hook;
	struct oci_hook_list list = shell(&hook, script, timeout);
	int r = hook_run_list(&list, "hooks.prestart", &told, err);

	free_hook(&hook);
	return r;
}

static char *file(const char *name)
{
	struct err err = ERR_INIT;
	char *text = NULL;

	if (path_read_file(AT_FDCWD, name, 65536, &text, &err) < 0)
		fail_msg("%s", err.text);
	return text;
}

static void test_what_it_gets(void **state)
{
	struct err err = ERR_INIT;
	AUTO_FREE char *text = NULL;

	(void)state;
	setenv("SECRET", "of the caller", 1);
	assert_int_equal(run("cat >got; echo \"$0 $ONLY $SECRET\" >>got; "
			     "ls /proc/self/fd | tr '\\n' ' ' >>got",
			     0, &err),
			 0);
	text = file("got");
	/* 3 is ls' own, on the directory */
	assert_string_equal(
		text, "{\"ociVersion\":\"1.2.0\",\"id\":\"c1\","
		      "\"status\":\"creating\",\"pid\":42,\"bundle\":\"/b\","
		      "\"annotations\":{\"key\":\"a \\\"value\\\"\"}}"
		      "argument this \n0 1 2 3 ");
}

static void test_failing(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(
		run("echo one; printf 'two\\033[31m\\n' >&2; exit 7", 0, &err),
		-ECANCELED);
	assert_string_equal(err.text, "hooks.prestart[0]: hook /bin/sh exited "
				      "with status 7: one two [31m");
	assert_int_equal(run("kill -9 $$", 0, &err), -ECANCELED);
	assert_non_null(strstr(err.text, "was killed by signal 9"));
	/* the end of a long output is what counts */
	assert_int_equal(
		run("yes | head -c 300000; echo the end; exit 1", 0, &err),
		-ECANCELED);
	assert_non_null(strstr(err.text, "y the end"));
}

/* What a hook leaves behind may say as much as it likes. */
static void test_flood_after_the_end(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	alarm(20); /* its default ends this program */
	assert_int_equal(
		run("yes flood & yes flood & yes flood & exit 0", 0, &err), 0);
	assert_int_equal(run("yes flood & sleep 0.2; exit 3", 0, &err),
			 -ECANCELED);
	alarm(0);
	assert_non_null(strstr(err.text, "flood"));
}

static void test_no_program(void **state)
{
	struct oci_hook hook = { .path = (char *)"/nonexistent/hook" };
	struct oci_hook_list list = { &hook, 1 };
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(hook_run_list(&list, "hooks.poststart", &told, &err),
			 -ENOENT);
	assert_non_null(strstr(err.text, "hooks.poststart[0]: "));
	assert_non_null(strstr(err.text, "/nonexistent/hook"));
}

static void test_time_out(void **state)
{
	struct err err = ERR_INIT;
	time_t start = time(NULL);

	(void)state;
	assert_int_equal(run("(sleep 4; touch survived) & sleep 600", 1, &err),
			 -ETIMEDOUT);
	assert_non_null(strstr(err.text, "did not end within 1 second"));
	assert_true(time(NULL) - start < 30);
	sleep(4);
	assert_int_equal(access("survived", F_OK), -1);
}

/* A daemon that a hook leaves behind holds its output open. */
static void test_background(void **state)
{
	struct err err = ERR_INIT;
	time_t start = time(NULL);

	(void)state;
	assert_int_equal(run("sleep 20 & echo $! >pid", 0, &err), 0);
	assert_true(time(NULL) - start < 10);
	assert_int_equal(run("kill $(cat pid)", 0, &err), 0);
}

static void test_order(void **state)
{
	struct oci_hook hook[3];
	struct oci_hook_list list = { hook, 3 };
	struct err err = ERR_INIT;
	AUTO_FREE char *text = NULL, *all = NULL;

	(void)state;
	shell(&hook[0], "echo 1 >>order", 0);
	shell(&hook[1], "echo 2 >>order; exit 1", 0);
	shell(&hook[2], "echo 3 >>order", 0);
	assert_int_equal(hook_run_list(&list, "hooks.prestart", &told, &err),
			 -ECANCELED);
	assert_non_null(strstr(err.text, "hooks.prestart[1]: "));
	text = file("order");
	assert_string_equal(text, "1\n2\n");
	hook_run_all(&list, "hooks.poststop", &told);
	all = file("order");
	assert_string_equal(all, "1\n2\n1\n2\n3\n");
	for (size_t i = 0; i < 3; i++)
		free_hook(&hook[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_it_gets),
		cmocka_unit_test(test_failing),
		cmocka_unit_test(test_flood_after_the_end),
		cmocka_unit_test(test_no_program),
		cmocka_unit_test(test_time_out),
		cmocka_unit_test(test_background),
		cmocka_unit_test(test_order),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
