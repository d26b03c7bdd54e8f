// SPDX-License-Identifier: Apache-2.0
/* test-opts.c - option tables as engines fill them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "opts.h"

static const char *name;
static bool force;

static int parse(int argc, const char *const *argv, struct err *err)
{
	const struct opt table[] = {
		{ "name", 'n', "TEXT", "a value", &name, NULL },
		{ "force", 'f', NULL, "a flag", NULL, &force },
	};

	name = NULL;
	force = false;
	return opts_parse(table, ARRAY_SIZE(table), argc,
			  (char **)(uintptr_t)argv, 1, err);
}

#define PARSE(...)                                                             \
	parse((int)ARRAY_SIZE(((const char *[]){ "x", __VA_ARGS__ })),         \
	      (const char *[]){ "x", __VA_ARGS__ }, &err)

static void test_both_spellings(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(PARSE("--name", "a", "ID"), 3);
	assert_string_equal(name, "a");
	assert_int_equal(PARSE("--name=b", "-f", "ID"), 3);
	assert_string_equal(name, "b");
	assert_true(force);
	assert_int_equal(PARSE("-n", "c"), 3);
	assert_string_equal(name, "c");
}

static void test_last_value_wins(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(PARSE("--name=a", "--name", "b"), 4);
	assert_string_equal(name, "b");
}

static void test_list(void **state)
{
	struct strv list = { 0 };
	struct err err = ERR_INIT;
	const struct opt table[] = {
		{ "env", 'e', "NAME=VALUE", "again and again", NULL, &list },
	};
	char *argv[] = { (char[]){ "x" }, (char[]){ "-e" }, (char[]){ "a=1" },
			 (char[]){ "--env=b=2" }, (char[]){ "ID" } };

	(void)state;
	assert_int_equal(opts_parse(table, 1, 5, argv, 1, &err), 4);
	assert_int_equal(list.count, 2);
	assert_string_equal(list.item[0], "a=1");
	assert_string_equal(list.item[1], "b=2");
	strv_done(&list);
	assert_int_equal(opts_parse(table, 1, 2, argv, 1, &err), -EINVAL);
}

static void test_empty_value_is_a_value(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(PARSE("--name="), 2);
	assert_string_equal(name, "");
}

static void test_operands_end_the_options(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(PARSE("ID", "-f"), 1);
	assert_false(force);
	assert_int_equal(PARSE("--", "-f"), 2);
	assert_false(force);
	assert_int_equal(PARSE("-"), 1); /* alone: an operand */
}

static void test_no_operands(void **state)
{
	const struct opt table[] = {
		{ "force", 'f', NULL, "a flag", NULL, &force },
	};
	struct err err = ERR_INIT;
	char *argv[] = { (char[]){ "x" }, (char[]){ "-f" }, (char[]){ "more" } };
	char *unknown[] = { (char[]){ "x" }, (char[]){ "-g" } };

	(void)state;
	force = false;
	assert_int_equal(opts_parse_all(table, 1, 2, argv, 1, &err), 0);
	assert_true(force);
	assert_int_equal(opts_parse_all(NULL, 0, 1, argv, 1, &err), 0);
	assert_int_equal(opts_parse_all(table, 1, 3, argv, 1, &err), -EINVAL);
	assert_string_equal(err.text, "unexpected operand \"more\"");
	err_clear(&err);
	assert_int_equal(opts_parse_all(table, 1, 2, unknown, 1, &err), -EINVAL);
	assert_non_null(strstr(err.text, "-g"));
}

static void test_flag_values(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(PARSE("--force=false"), 2);
	assert_false(force);
	assert_int_equal(PARSE("--force=true"), 2);
	assert_true(force);
	assert_int_equal(PARSE("--force=maybe"), -EINVAL);
	assert_non_null(strstr(err.text, "force"));
}

static void test_errors_name_the_option(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(PARSE("--nme", "a"), -EINVAL);
	assert_non_null(strstr(err.text, "--nme"));
	assert_int_equal(PARSE("--name"), -EINVAL);
	assert_non_null(strstr(err.text, "--name"));
	assert_int_equal(PARSE("-x"), -EINVAL);
	assert_int_equal(PARSE("-fn"), -EINVAL);
	assert_int_equal(PARSE("--nam"), -EINVAL); /* no abbreviations */
}

static void test_help(void **state)
{
	bool help = false;
	const struct opt own[] = {
		{ "help", 'h', NULL, "own help", NULL, &help },
	};
	char *argv[] = { (char[]){ "x" }, (char[]){ "--help" }, NULL };
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(PARSE("--help"), -OPTS_HELP);
	assert_int_equal(PARSE("-h"), -OPTS_HELP);
	/* anywhere else it is an option like others, or an operand */
	assert_int_equal(PARSE("-f", "--help"), -EINVAL);
	assert_int_equal(PARSE("ID", "--help"), 1);
	assert_int_equal(opts_parse(NULL, 0, 2, argv, 1, &err), -OPTS_HELP);
	assert_int_equal(opts_parse(own, 1, 2, argv, 1, &err), 2);
	assert_true(help);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_spellings),
		cmocka_unit_test(test_last_value_wins),
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_empty_value_is_a_value),
		cmocka_unit_test(test_operands_end_the_options),
		cmocka_unit_test(test_no_operands),
		cmocka_unit_test(test_flag_values),
		cmocka_unit_test(test_errors_name_the_option),
		cmocka_unit_test(test_help),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
