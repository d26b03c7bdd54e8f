// SPDX-License-Identifier: Apache-2.0
/* test-alloc.c - growing, string lists, scope hand-over, end of memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "alloc.h"
#include "auto.h"

static void test_grow_zeroes(void **state)
{
	int *list = NULL;

	(void)state;
	list = xgrow(list, 0, 4, sizeof(*list));
	for (int i = 0; i < 4; i++) {
		assert_int_equal(list[i], 0);
		list[i] = i + 1;
	}
	list = xgrow(list, 4, 100, sizeof(*list));
	assert_int_equal(list[3], 4);
	for (int i = 4; i < 100; i++)
		assert_int_equal(list[i], 0);
	free(list);
}

static void test_strings(void **state)
{
	AUTO_FREE char *a = xstrdup("abc");
	AUTO_FREE char *b = xstrndup("abcdef", 2);
	AUTO_FREE char *c = xasprintf("%s-%d", a, 7);

	(void)state;
	assert_string_equal(a, "abc");
	assert_string_equal(b, "ab");
	assert_string_equal(c, "abc-7");
}

static void test_strv(void **state)
{
	struct strv list = { 0 };

	(void)state;
	assert_false(strv_has(&list, "a"));
	strv_done(&list);
	for (int i = 0; i < 100; i++) {
		strv_addf(&list, "n%d", i);
		assert_null(list.item[list.count]);
	}
	strv_add(&list, "end");
	assert_int_equal(list.count, 101);
	assert_string_equal(list.item[42], "n42");
	assert_true(strv_has(&list, "end"));
	assert_false(strv_has(&list, "en"));
	strv_done(&list);
	assert_null(list.item);
	assert_int_equal(list.count, 0);
}

static void test_hand_over(void **state)
{
	char *text = xstrdup("x");
	char *taken = take_ptr(text);
	int fd = 5;

	(void)state;
	assert_null(text);
	assert_string_equal(taken, "x");
	free(taken);
	assert_int_equal(take_fd(&fd), 5);
	assert_int_equal(fd, -1);
}

static void test_end_of_memory(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0) {
		struct rlimit none = { 0, 0 };
		volatile size_t much = SIZE_MAX / 4;

		setrlimit(RLIMIT_CORE, &none);
		fclose(stderr);
		free(xcalloc(much, 8)); /* the product overflows */
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_false(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_grow_zeroes),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_strv),
		cmocka_unit_test(test_hand_over),
		cmocka_unit_test(test_end_of_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
