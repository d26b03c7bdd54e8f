// SPDX-License-Identifier: Apache-2.0
/* test-userns.c - the text of uid_map, and which namespace it is of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "userns.h"

static int parse(const char *text, struct userns_extent *ret)
{
	char line[128];

	snprintf(line, sizeof(line), "%s", text);
	return userns_extent_parse(line, ret);
}

static void test_extent(void **state)
{
	struct userns_extent e = { 0 };

	(void)state;
	assert_int_equal(parse("         0     100000      65536\n", &e), 0);
	assert_int_equal(e.inside, 0);
	assert_int_equal(e.outside, 100000);
	assert_int_equal(e.count, 65536);
	assert_int_equal(parse("1 2 4294967295", &e), 0);
	assert_int_equal(e.count, UINT32_MAX);
	assert_int_equal(parse("1 2 4294967296", &e), -ERANGE);
	assert_int_equal(parse("1 2", &e), -EINVAL);
	assert_int_equal(parse("", &e), -EINVAL);
	assert_int_equal(parse("1 2 -3", &e), -EINVAL);
	assert_int_equal(parse("1 2 3 4", &e), -EINVAL);
}

static void test_initial(void **state)
{
	(void)state;
	assert_true(userns_map_is_initial("         0          0 4294967295\n"));
	assert_false(userns_map_is_initial("         0       1000          1\n"));
	assert_false(userns_map_is_initial("0 1000 1\n1 100000 65536\n"));
	assert_false(userns_map_is_initial("1 0 4294967295\n"));
	assert_false(
		userns_map_is_initial("0 0 65536\n65536 65536 4294901759\n"));
	assert_false(userns_map_is_initial(""));
}

static void test_single(void **state)
{
	(void)state;
	assert_true(userns_map_is_single("         0       1000          1\n"));
	assert_true(userns_map_is_single("0 1000 1"));
	assert_false(userns_map_is_single("0 1000 2\n"));
	assert_false(userns_map_is_single("0 1000 1\n1 100000 1\n"));
	assert_false(userns_map_is_single("         0          0 4294967295\n"));
	assert_false(userns_map_is_single(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_extent),
		cmocka_unit_test(test_single),
		cmocka_unit_test(test_initial),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
