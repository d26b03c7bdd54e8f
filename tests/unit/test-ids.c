// SPDX-License-Identifier: Apache-2.0
/* test-ids.c - container names and signals as engines write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "alloc.h"
#include "auto.h"
#include "ids.h"

static void test_ids(void **state)
{
	static const char *const good[] = { "a", "0", "_x", "A.b-c+d_e",
					    "f00dcafe" };
	static const char *const bad[] = { "",		".",   "..",  ".a",
					   "-a",	"a/b", "a b", "a\n",
					   "a\xc3\xa9", "a:b", "../x" };
	struct err err = ERR_INIT;
	char longest[ID_MAX + 2];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_int_equal(ids_check(good[i], &err), 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(ids_check(bad[i], &err), -EINVAL);
	memset(longest, 'a', sizeof(longest));
	longest[ID_MAX] = '\0';
	assert_int_equal(ids_check(longest, &err), 0);
	longest[ID_MAX] = 'a';
	longest[ID_MAX + 1] = '\0';
	assert_int_equal(ids_check(longest, &err), -EINVAL);
}

/* On the heap and exactly as long as it is: a read too far is seen. */
static int parse(const char *text)
{
	AUTO_FREE char *copy = xstrdup(text);
	struct err err = ERR_INIT;

	return signal_parse(copy, &err);
}

static void test_signals(void **state)
{
	(void)state;
	assert_int_equal(parse("KILL"), SIGKILL);
	assert_int_equal(parse("SIGKILL"), SIGKILL);
	assert_int_equal(parse("9"), 9);
	assert_int_equal(parse("0"), 0);
	assert_int_equal(parse("64"), 64);
	assert_int_equal(parse("TERM"), SIGTERM);
	assert_int_equal(parse("CLD"), SIGCHLD);
	assert_int_equal(parse("WINCH"), SIGWINCH);
	assert_int_equal(parse("RTMIN"), 34);
	assert_int_equal(parse("SIGRTMIN+3"), 37);
	assert_int_equal(parse("RTMAX"), 64);
	assert_int_equal(parse("RTMAX-1"), 63);
}

static void test_no_signals(void **state)
{
	static const char *const bad[] = { "",	      "65",	    "-1",
					   "SIG",     "X",	    "KIL",
					   "KILLX",   "SIGSIGKILL", "RTMIN-1",
					   "RTMAX+1", "RTMIN+31",   "RTMIN+",
					   "RTMI",    "kill ",	    "RTMINx" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (parse(bad[i]) >= 0)
			fail_msg("accepted: \"%s\"", bad[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ids),
		cmocka_unit_test(test_signals),
		cmocka_unit_test(test_no_signals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
