// SPDX-License-Identifier: Apache-2.0
/* test-num.c - strict decimal numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "num.h"

static void test_taken(void **state)
{
	uint64_t u = 0;
	uint32_t v = 0;

	(void)state;
	assert_int_equal(num_parse_u64("0", 0, &u), 0);
	assert_int_equal(num_parse_u64("18446744073709551615", UINT64_MAX, &u),
			 0);
	assert_true(u == UINT64_MAX);
	assert_int_equal(num_parse_u64("007", 7, &u), 0);
	assert_int_equal(u, 7);
	assert_int_equal(num_parse_u32("4294967295", UINT32_MAX, &v), 0);
	assert_int_equal(v, UINT32_MAX);
}

static void test_refused(void **state)
{
	static const char *const bad[] = { "",	 " 1",	"1 ",  "+1",  "-1",
					   "1a", "0x1", "1.0", "1\n", "\xd9\xa1" };
	uint64_t u = 5;
	uint32_t v = 5;

	(void)state;
	assert_int_equal(num_parse_u64(NULL, 9, &u), -EINVAL);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(num_parse_u64(bad[i], UINT64_MAX, &u), -EINVAL);
	assert_int_equal(num_parse_u64("18446744073709551616", UINT64_MAX, &u),
			 -ERANGE);
	assert_int_equal(num_parse_u64("184467440737095516150", UINT64_MAX, &u),
			 -ERANGE);
	assert_int_equal(num_parse_u64("10", 9, &u), -ERANGE);
	assert_int_equal(num_parse_u32("4294967296", UINT32_MAX, &v), -ERANGE);
	assert_int_equal(u, 5);
	assert_int_equal(v, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_taken),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
