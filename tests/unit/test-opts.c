// SPDX-License-Identifier: Apache-2.0
/* test-opts.c - option tables, and help as the first word after a verb. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "opts.h"

#define ARGV(...) ((char *[]){ (char[]){ "p" }, __VA_ARGS__, NULL })

static const char *file;
static bool force, help;
static const struct opt table[] = {
	{ "file", 'f', "FILE", "a file", &file, NULL },
	{ "force", 0, NULL, "a flag", NULL, &force },
};

static int set_up(void **state)
{
	(void)state;
	file = NULL;
	force = help = false;
	return 0;
}

static int parse(int argc, char **argv)
{
	struct err err = ERR_INIT;
	int r = opts_parse(table, ARRAY_SIZE(table), argc, argv, 1, &err);

	assert_int_equal(r < 0 ? err.code : 0, r < 0 ? -r : 0);
	return r;
}

static void test_options(void **state)
{
	(void)state;
	assert_int_equal(parse(4, ARGV("--file", "a", "id")), 3);
	assert_string_equal(file, "a");
	assert_int_equal(parse(4, ARGV("--file=b", "--force", "id")), 3);
	assert_string_equal(file, "b");
	assert_true(force);
	assert_int_equal(parse(3, ARGV("-f", "c")), 3);
	assert_string_equal(file, "c");
	assert_int_equal(parse(2, ARGV("--nope")), -EINVAL);
	assert_int_equal(parse(2, ARGV("--file")), -EINVAL);
	assert_int_equal(parse(2, ARGV("--force=1")), -EINVAL);
	assert_int_equal(parse(3, ARGV("--", "--nope")), 2);
}

static void test_help(void **state)
{
	const struct opt own[] = {
		{ "help", 'h', NULL, "own help", NULL, &help },
	};
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(parse(2, ARGV("--help")), -OPTS_HELP);
	assert_int_equal(parse(2, ARGV("-h")), -OPTS_HELP);
	/* anywhere else it is an option like others, or an operand */
	assert_int_equal(parse(3, ARGV("--force", "--help")), -EINVAL);
	assert_int_equal(parse(3, ARGV("id", "--help")), 1);
	assert_int_equal(opts_parse(NULL, 0, 2, ARGV("--help"), 1, &err),
			 -OPTS_HELP);
	assert_int_equal(opts_parse(own, 1, 2, ARGV("--help"), 1, &err), 2);
	assert_true(help);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_options, set_up),
		cmocka_unit_test_setup(test_help, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
