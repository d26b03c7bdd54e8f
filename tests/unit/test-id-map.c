// SPDX-License-Identifier: Apache-2.0
/* link: runtime/id-map.o */
/* test-id-map.c - subordinate id files to maps; what must be refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "auto.h"
#include "runtime/id-map.h"

static const struct id_owner ann = { "ann", 1000, 1000 };

/* The map's text, or NULL with what was said in *err. */
static char *map_of(const char *text, const struct id_owner *owner,
		    struct err *err)
{
	struct id_map map = { 0 };
	char *out;

	err_clear(err);
	if (id_map_from_ranges(text, "/etc/subuid", owner, &map, err) < 0)
		return NULL;
	out = id_map_text(&map);
	id_map_done(&map);
	return out;
}

static void check_map(const char *text, const char *wanted)
{
	struct err err = ERR_INIT;
	AUTO_FREE char *found = map_of(text, &ann, &err);

	assert_string_equal(err.text, "");
	assert_string_equal(found, wanted);
}

static void check_refused(const char *text, const char *part)
{
	struct err err = ERR_INIT;

	assert_null(map_of(text, &ann, &err));
	if (!strstr(err.text, part))
		fail_msg("\"%s\" does not say \"%s\"", err.text, part);
}

static void test_ranges(void **state)
{
	(void)state;
	check_map("", "0 1000 1\n");
	check_map("bob:100000:65536\n", "0 1000 1\n");
	check_map("ann:100000:65536\n", "0 1000 1\n1 100000 65536\n");
	check_map("bob:1:2\nann:100000:65536", "0 1000 1\n1 100000 65536\n");
	/* under the number, and both; the order is by the first id */
	check_map("1000:100000:10\n", "0 1000 1\n1 100000 10\n");
	check_map("ann:300000:5\n1000:200000:7\n",
		  "0 1000 1\n1 200000 7\n8 300000 5\n");
	check_map("ann:300000:5\n1000:300000:5\n", "0 1000 1\n1 300000 5\n");
	/* names that only begin alike */
	check_map("anna:100000:10\nan:100010:10\n10000:100020:10\n",
		  "0 1000 1\n");
	/* every id there is */
	check_map("ann:0:1000\nann:1001:4294966294\n",
		  "0 1000 1\n1 0 1000\n1001 1001 4294966294\n");
	/* what is nobody's business here */
	check_map("# comment\n\nbroken\nbob:x:y\nann:100000:1\n",
		  "0 1000 1\n1 100000 1\n");
}

static void test_no_name(void **state)
{
	const struct id_owner number = { NULL, 1000, 1000 };
	struct err err = ERR_INIT;
	AUTO_FREE char *found =
		map_of("ann:100000:10\n1000:200000:10\n", &number, &err);

	(void)state;
	assert_string_equal(found, "0 1000 1\n1 200000 10\n");
}

static void test_refused(void **state)
{
	(void)state;
	check_refused("ann:100000:10\nann:100009:10\n", "overlap");
	check_refused("ann:100000:10\n1000:100000:11\n", "overlap");
	check_refused("ann:990:11\n", "own id 1000");
	check_refused("ann:100000:10\nbob:100009:1\n", "bob's");
	check_refused("bob:0:4294967295\nann:100000:10\n", "bob's");
	check_refused("ann:100000\n", "NAME:FIRST:COUNT");
	check_refused("ann:-1:5\n", "NAME:FIRST:COUNT");
	check_refused("ann:1x:5\n", "NAME:FIRST:COUNT");
	check_refused("ann:100000:0\n", "NAME:FIRST:COUNT");
	check_refused("ann:100000:5:6\n", "NAME:FIRST:COUNT");
	check_refused("ann:4294967290:10\n", "NAME:FIRST:COUNT");
	/* names the line's owner, not what else the line holds */
	check_refused("ann:bad\n", "line of ann is");
}

static void test_many(void **state)
{
	AUTO_FREE char *text = xstrdup("");

	(void)state;
	for (int i = 0; i < ID_MAP_EXTENTS_MAX; i++) {
		char *longer = xasprintf("%sann:%d:1\n", text, 100000 + 2 * i);

		free(text);
		text = longer;
	}
	check_refused(text, "more than");
}

static void test_text(void **state)
{
	struct err err = ERR_INIT;
	struct id_map map = { 0 };
	struct strv argv = { 0 };
	AUTO_FREE char *text = NULL;
	uint32_t id = 0;

	(void)state;
	assert_int_equal(id_map_parse("         0       1000          1\n"
				      "         1     100000      65536\n",
				      &map, &err),
			 0);
	text = id_map_text(&map);
	assert_string_equal(text, "0 1000 1\n1 100000 65536\n");
	assert_int_equal(id_map_size(&map), 65537);
	assert_int_equal(id_map_outside(&map, 0, &id), 0);
	assert_int_equal(id, 1000);
	assert_int_equal(id_map_outside(&map, 65536, &id), 0);
	assert_int_equal(id, 165535);
	assert_int_equal(id_map_outside(&map, 65537, &id), -ENOENT);
	id_map_args(&map, &argv);
	assert_int_equal(argv.count, 6);
	assert_string_equal(argv.item[4], "100000");
	strv_done(&argv);
	id_map_done(&map);
	assert_int_equal(id_map_parse("", &map, &err), -EINVAL);
	assert_int_equal(id_map_parse("0 1\n", &map, &err), -EINVAL);
	assert_int_equal(id_map_parse("0 1 0\n", &map, &err), -EINVAL);
	assert_int_equal(id_map_parse("0 1 1 1\n", &map, &err), -EINVAL);
	assert_int_equal(id_map_parse("0 1 -1\n", &map, &err), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ranges),	cmocka_unit_test(test_no_name),
		cmocka_unit_test(test_refused), cmocka_unit_test(test_many),
		cmocka_unit_test(test_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
