// SPDX-License-Identifier: Apache-2.0
/* test-err.c - setting, wrapping and cutting of struct err. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "err.h"

static void test_set(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(err_set(&err, ENOENT, "open %s", "x"), -ENOENT);
	assert_int_equal(err.code, ENOENT);
	assert_string_equal(err.text, "open x: No such file or directory");
	assert_int_equal(err_set(&err, 0, "odd"), -EIO);
	assert_int_equal(err_set(&err, -5, "odd"), -EIO);
	err_clear(&err);
	assert_int_equal(err.code, 0);
	assert_string_equal(err.text, "");
}

static void test_msg(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(err_msg(&err, EINVAL, "rule %d", 7), -EINVAL);
	assert_string_equal(err.text, "rule 7");
	assert_int_equal(err_msg(&err, 0, "x"), -EIO);
}

static void test_wrap(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	err_msg(&err, EPERM, "inner");
	assert_int_equal(err_wrap(&err, "middle %s", "m"), -EPERM);
	assert_int_equal(err_wrap(&err, "outer"), -EPERM);
	assert_string_equal(err.text, "outer: middle m: inner");
}

static void test_long_text(void **state)
{
	struct err err = ERR_INIT;
	char big[2 * ERR_TEXT_MAX];

	(void)state;
	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	err_set(&err, EINVAL, "%s", big);
	assert_int_equal(strlen(err.text), ERR_TEXT_MAX - 1);
	err_wrap(&err, "%s", big);
	assert_int_equal(strlen(err.text), ERR_TEXT_MAX - 1);
	err_msg(&err, EINVAL, "%s", big);
	assert_int_equal(err.code, EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_msg),
		cmocka_unit_test(test_wrap),
		cmocka_unit_test(test_long_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
