// SPDX-License-Identifier: Apache-2.0
/* test-toml.c - what lib/toml.c takes, and that it refuses all else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "toml.h"

static const struct toml_entry *find(const struct toml *toml, const char *table,
				     const char *key)
{
	for (size_t i = 0; i < toml->count; i++)
		if (strcmp(toml->entry[i].table, table) == 0 &&
		    strcmp(toml->entry[i].key, key) == 0)
			return &toml->entry[i];
	fail_msg("no %s.%s", table, key);
	return NULL;
}

static void test_all_kinds(void **state)
{
	static const char text[] = "# head\r\n"
				   "top = \"a\\tb\\u00e9\\U0001F600\" # c\n"
				   "lit = 'no \\ escape'\n"
				   "empty = \"\"\n"
				   "[hypervisor . qemu]\n"
				   "n = 42\nneg = -9223372036854775808\nzero=0\n"
				   "yes = true\nno=false\n"
				   "list = [ \"x\", # why\n  'y' ,\n]\n"
				   "none = []\n"
				   "[agent]\nn = 1";
	struct toml toml = { 0 };
	struct err err = ERR_INIT;
	const struct toml_entry *e;

	(void)state;
	if (toml_parse("f", text, strlen(text), &toml, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(toml.count, 11);
	assert_string_equal(find(&toml, "", "top")->string,
			    "a\tb\xc3\xa9\xf0\x9f\x98\x80");
	assert_string_equal(find(&toml, "", "lit")->string, "no \\ escape");
	assert_string_equal(find(&toml, "", "empty")->string, "");
	e = find(&toml, "hypervisor.qemu", "n");
	assert_int_equal(e->type, TOML_INTEGER);
	assert_int_equal(e->integer, 42);
	assert_int_equal(e->line, 6);
	assert_true(find(&toml, "hypervisor.qemu", "neg")->integer == INT64_MIN);
	assert_true(find(&toml, "hypervisor.qemu", "yes")->boolean);
	assert_false(find(&toml, "hypervisor.qemu", "no")->boolean);
	e = find(&toml, "hypervisor.qemu", "list");
	assert_int_equal(e->type, TOML_STRV);
	assert_int_equal(e->strings.count, 2);
	assert_string_equal(e->strings.item[1], "y");
	assert_int_equal(find(&toml, "hypervisor.qemu", "none")->strings.count,
			 0);
	assert_int_equal(find(&toml, "agent", "n")->integer, 1);
	toml_done(&toml);
	toml_done(&toml);
}

static void test_refused(void **state)
{
	static const char *const bad[] = {
		"a",
		"a =",
		"a = 1 b = 2",
		"= 1",
		"a = 1\na = 2",
		"[t]\n[t]",
		"[t",
		"[]",
		"[a.]",
		"[[t]]",
		"a = [1]",
		"a = [\"x\" \"y\"]",
		"a = [\"x\"",
		"a = \"x",
		"a = \"x\ny\"",
		"a = \"\\q\"",
		"a = \"\\u12\"",
		"a = \"\\u0000\"",
		"a = \"\\ud800\"",
		"a = \"\"\"x\"\"\"",
		"a = '''x'''",
		"a = 01",
		"a = 1.5",
		"a = 1_0",
		"a = 0x10",
		"a = +1",
		"a = -",
		"a = tru",
		"a = truex",
		"a = 9223372036854775808",
		"a.b = 1",
		"\"a\" = 1",
		"a = {}",
		"a = 1979-05-27",
		"a = \"\x01\"",
		"# \x01",
		"a = 1\rb = 2",
		"a = [,]",
		"a = \"\\",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct toml toml = { 0 };
		struct err err = ERR_INIT;

		if (toml_parse("f", bad[i], strlen(bad[i]), &toml, &err) !=
		    -EINVAL)
			fail_msg("accepted: %s", bad[i]);
		assert_non_null(strstr(err.text, "f:"));
		assert_null(toml.entry);
	}
}

static void test_line_in_error(void **state)
{
	struct toml toml = { 0 };
	struct err err = ERR_INIT;
	static const char text[] = "a = 1\n\n# x\na = 2\n";

	(void)state;
	assert_int_equal(toml_parse("f", text, strlen(text), &toml, &err),
			 -EINVAL);
	assert_string_equal(err.text, "f:4: key a was set in line 1 already");
}

static void test_limits(void **state)
{
	struct toml toml = { 0 };
	struct err err = ERR_INIT;
	char *text = xcalloc(TOML_BYTES_MAX + 2, 1);

	(void)state;
	memset(text, '\n', TOML_BYTES_MAX + 1);
	assert_int_equal(toml_parse("f", text, TOML_BYTES_MAX, &toml, &err), 0);
	toml_done(&toml);
	assert_int_equal(toml_parse("f", text, TOML_BYTES_MAX + 1, &toml, &err),
			 -EFBIG);
	memset(text, 'k', 200);
	assert_int_equal(toml_parse("f", text, 300, &toml, &err), -EINVAL);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_kinds),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_line_in_error),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
