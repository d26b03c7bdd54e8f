// SPDX-License-Identifier: Apache-2.0
/* test-mcs.c - lib/mcs: levels are read strictly and written as the kernel does. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "auto.h"
#include "mcs.h"

static struct mcs_range parse(const char *text)
{
	struct mcs_range range;
	struct err err = ERR_INIT;

	assert_int_equal(mcs_range_parse(text, &range, &err), 0);
	return range;
}

static void test_reads_and_writes_levels(void **state)
{
	/* what is read, its low end, its high end */
	static const char *const table[][3] = {
		{ "s0", "s0", "s0" },
		{ "s0:c0", "s0:c0", "s0:c0" },
		{ "s0:c3,c9", "s0:c3,c9", "s0:c3,c9" },
		{ "s0:c9,c3", "s0:c3,c9", "s0:c3,c9" },
		{ "s0:c4,c5", "s0:c4,c5", "s0:c4,c5" },
		{ "s0:c4,c5,c6", "s0:c4.c6", "s0:c4.c6" },
		{ "s0:c1023", "s0:c1023", "s0:c1023" },
		{ "s0-s0:c0.c1023", "s0", "s0:c0.c1023" },
		{ "s0:c7-s0:c1.c9", "s0:c7", "s0:c1.c9" },
		{ "s0:c63,c64", "s0:c63,c64", "s0:c63,c64" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct mcs_range range = parse(table[i][0]);
		AUTO_FREE char *low = mcs_level(&range.low);
		AUTO_FREE char *high = mcs_level(&range.high);

		assert_string_equal(low, table[i][1]);
		assert_string_equal(high, table[i][2]);
	}
}

static void test_refuses_what_is_no_level(void **state)
{
	static const char *const bad[] = {
		"",	    "s1",	"s0:",
		"s0:c",	    "s0:c1024", "s0:c01",
		"s0:c1,",   "s0:c1 ",	" s0",
		"s0:c5.c5", "s0:c9.c3", "s0:c1-s0",
		"s0-",	    "s00",	"s0:d1",
		"s0:c-1",   "s0:c1;c2", "s0-s15:c1",
		"S0",	    "s0:c1\n",	"s0:c99999999999999999",
		"s0-s0-s0", "s0:c1..c3"
	};
	struct mcs_range range;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct err err = ERR_INIT;

		assert_int_equal(mcs_range_parse(bad[i], &range, &err), -EINVAL);
	}
}

static void test_dominance(void **state)
{
	struct mcs_range all = parse("s0-s0:c0.c1023");
	struct mcs_range some = parse("s0:c3,c900");
	struct mcs_range other = parse("s0:c3,c901");

	(void)state;
	assert_true(mcs_has_all(&all.high, &some.high));
	assert_false(mcs_has_all(&all.low, &some.high));
	assert_false(mcs_has_all(&other.high, &some.high));
	assert_true(mcs_has_all(&some.high, &all.low));
}

static void test_every_pair_can_be_picked_and_none_is_of_one(void **state)
{
	struct mcs_range five = parse("s0:c2,c63,c64,c700,c1023");
	char *seen[20];
	size_t count = 0;

	(void)state;
	for (uint64_t a = 0; a < 5; a++)
		for (uint64_t b = 0; b < 4; b++) {
			struct mcs_set pair;

			assert_int_equal(
				mcs_pick_pair(&five.high, a + 5 * 77, b, &pair),
				0);
			assert_int_equal(mcs_count(&pair), 2);
			assert_true(mcs_has_all(&five.high, &pair));
			seen[count++] = mcs_level(&pair);
		}
	for (size_t i = 0; i < count; i++) {
		size_t same = 0;

		for (size_t j = 0; j < count; j++)
			same += strcmp(seen[i], seen[j]) == 0;
		assert_int_equal(same, 2); /* each of the ten in both orders */
	}
	for (size_t i = 0; i < count; i++)
		free(seen[i]);
}

static void test_no_pair_of_fewer_than_two(void **state)
{
	struct mcs_range none = parse("s0"), one = parse("s0:c5");
	struct mcs_set pair;

	(void)state;
	assert_int_equal(mcs_pick_pair(&none.high, 1, 2, &pair), -ENOSPC);
	assert_int_equal(mcs_pick_pair(&one.high, 1, 2, &pair), -ENOSPC);
}

static void test_range_up_to(void **state)
{
	struct mcs_range some = parse("s0:c3,c900"), none = parse("s0");
	AUTO_FREE char *text = mcs_range_up_to(&some.high);
	AUTO_FREE char *low = mcs_range_up_to(&none.high);

	(void)state;
	assert_string_equal(text, "s0-s0:c3,c900");
	assert_string_equal(low, "s0");
}

static void test_range_of_a_label(void **state)
{
	(void)state;
	assert_string_equal(mcs_of_label("u:r:t_t:s0:c1,c2"), "s0:c1,c2");
	assert_string_equal(mcs_of_label("u:r:t:s0-s0:c0.c1023"),
			    "s0-s0:c0.c1023");
	assert_null(mcs_of_label("u:r:t"));
	assert_null(mcs_of_label("u:r:t:"));
	assert_null(mcs_of_label("u::t:s0"));
	assert_null(mcs_of_label(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads_and_writes_levels),
		cmocka_unit_test(test_refuses_what_is_no_level),
		cmocka_unit_test(test_dominance),
		cmocka_unit_test(
			test_every_pair_can_be_picked_and_none_is_of_one),
		cmocka_unit_test(test_no_pair_of_fewer_than_two),
		cmocka_unit_test(test_range_up_to),
		cmocka_unit_test(test_range_of_a_label),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
