// SPDX-License-Identifier: Apache-2.0
/* test-json.c - parser limits, typed access and the writer of lib/json*.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "json.h"

static struct json *parse(const char *text)
{
	struct err err = ERR_INIT;
	struct json *tree = NULL;

	if (json_parse(text, strlen(text), &json_limits_config, &tree, &err) < 0)
		fail_msg("%s: %s", text, err.text);
	return tree;
}

static void refuse(const char *text, size_t len, int code, const char *words)
{
	struct err err = ERR_INIT;
	struct json *tree = NULL;

	assert_int_equal(json_parse(text, len, &json_limits_qmp, &tree, &err),
			 -code);
	assert_null(tree);
	if (!strstr(err.text, words))
		fail_msg("\"%s\" is not in \"%s\"", words, err.text);
}

static void test_tree(void **state)
{
	struct json *tree =
		parse("{\"a\":[1,-2.5e3,\"x\\u00e9\",null,true],\"b\":{}}");
	const struct json *a = json_get(tree, "a");

	(void)state;
	assert_int_equal(tree->type, JSON_OBJECT);
	assert_int_equal(a->count, 5);
	assert_string_equal(a->items[0].text, "1");
	assert_string_equal(a->items[1].text, "-2.5e3");
	assert_string_equal(a->items[2].text, "x\xc3\xa9");
	assert_int_equal(a->items[3].type, JSON_NULL);
	assert_true(a->items[4].boolean);
	assert_int_equal(json_get(tree, "b")->count, 0);
	assert_null(json_get(tree, "c"));
	assert_null(json_get(a, "a"));
	json_free(tree);
	json_free(NULL);
}

static void test_refused(void **state)
{
	static const struct {
		const char *text, *words;
	} bad[] = {
		{ "", "" },
		{ "   ", "" },
		{ "{", "" },
		{ "{\"a\":1,}", "" },
		{ "[1] x", "" },
		{ "[1][2]", "" },
		{ "// c\n1", "" },
		{ "{\"a\":1,\"b\":2,\"a\":3}", "JSON: key \"a\" twice" },
		{ "{\"o\":[0,{\"b\":1,\"b\":2}]}",
		  "JSON: o[1]: key \"b\" twice" },
		{ "[\"a\\u0000b\"]", "NUL" },
		{ "{\"a\\u0000b\":1}", "NUL" },
		{ "[\"\xff\"]", "" },
		{ "[\"\\ude00\"]", "not UTF-8" },
		{ "[\"\xc0\x80\"]", "" },
		{ "{\"\\ude00\":1}", "not UTF-8" },
		{ "[01]", "" },
		{ "[+1]", "" },
		{ "[\"a\nb\"]", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		refuse(bad[i].text, strlen(bad[i].text), EINVAL, bad[i].words);
	refuse("[1\0]", 4, EINVAL, "");
}

static void test_limits(void **state)
{
	char deep[40] = "";
	struct json *tree = NULL;
	struct err err = ERR_INIT;
	const struct json_limits three = { .bytes = 64, .depth = 2, .values = 3 };

	(void)state;
	memset(deep, '[', 17);
	refuse(deep, 17, E2BIG, "deep");
	assert_int_equal(json_parse("[1,2]", 5, &three, &tree, &err), 0);
	json_free(tree);
	tree = NULL;
	assert_int_equal(json_parse("[1,2,3]", 7, &three, &tree, &err), -E2BIG);
	assert_int_equal(
		json_parse("{\"a\":{\"b\":{}}}", 14, &three, &tree, &err),
		-E2BIG);
	assert_int_equal(json_parse(deep, 65, &three, &tree, &err), -EFBIG);
}

static void test_many_keys(void **state)
{
	struct json_writer w = { .pretty = false };
	struct json *tree;
	char key[16];

	(void)state;
	json_begin_object(&w, NULL);
	for (int i = 0; i < 50000; i++) {
		snprintf(key, sizeof(key), "k%d", i);
		json_u64(&w, key, 1);
	}
	json_end_object(&w);
	tree = parse(w.text);
	assert_int_equal(tree->count, 50000);
	json_free(tree);
	json_writer_done(&w);
}

static void test_integers(void **state)
{
	struct json *tree = parse(
		"{\"max\":18446744073709551615,\"over\":18446744073709551616,"
		"\"neg\":-9223372036854775808,\"frac\":1.5,\"exp\":1e3,"
		"\"s\":\"1\",\"n\":null,\"big\":9223372036854775808}");
	struct err err = ERR_INIT;
	uint64_t u = 7;
	int64_t i = 7;

	(void)state;
	assert_int_equal(json_get_u64(tree, "p", "max", UINT64_MAX, &u, &err),
			 1);
	assert_true(u == UINT64_MAX);
	assert_int_equal(json_get_i64(tree, "p", "neg", &i, &err), 1);
	assert_true(i == INT64_MIN);
	u = 7;
	assert_int_equal(json_get_u64(tree, "p", "none", 1, &u, &err), 0);
	assert_int_equal(json_get_u64(tree, "p", "n", 1, &u, &err), 0);
	assert_int_equal(json_get_u64(tree, "p", "over", UINT64_MAX, &u, &err),
			 -EINVAL);
	assert_int_equal(json_get_u64(tree, "p", "neg", UINT64_MAX, &u, &err),
			 -EINVAL);
	assert_int_equal(json_get_u64(tree, "p", "frac", UINT64_MAX, &u, &err),
			 -EINVAL);
	assert_int_equal(json_get_u64(tree, "p", "exp", UINT64_MAX, &u, &err),
			 -EINVAL);
	assert_int_equal(json_get_u64(tree, "p", "max", 5, &u, &err), -EINVAL);
	assert_int_equal(json_get_i64(tree, "p", "big", &i, &err), -EINVAL);
	assert_int_equal(u, 7);
	assert_int_equal(json_get_u64(tree, "p.q", "s", 5, &u, &err), -EINVAL);
	assert_string_equal(
		err.text,
		"p.q.s: is a string, must be an integer that is not negative");
	json_free(tree);
}

static void test_typed(void **state)
{
	struct json *tree = parse(
		"{\"b\":true,\"s\":\"x\",\"o\":{},\"a\":[\"p\",\"q\"],\"m\":[\"p\",1]}");
	struct strv list = { 0 };
	const struct json *found = NULL;
	const char *text = NULL;
	struct err err = ERR_INIT;
	bool flag = false;

	(void)state;
	assert_int_equal(json_get_bool(tree, "", "b", &flag, &err), 1);
	assert_true(flag);
	assert_int_equal(json_get_string(tree, "", "s", &text, &err), 1);
	assert_string_equal(text, "x");
	assert_int_equal(json_get_object(tree, "", "o", &found, &err), 1);
	assert_int_equal(json_get_array(tree, "", "a", &found, &err), 1);
	assert_int_equal(json_get_strv(tree, "", "a", &list, &err), 1);
	assert_int_equal(list.count, 2);
	assert_int_equal(json_get_strv(tree, "top", "m", &list, &err), -EINVAL);
	assert_string_equal(err.text, "top.m[1]: is a number, must be a string");
	assert_int_equal(list.count, 2);
	assert_int_equal(json_get_bool(tree, "", "s", &flag, &err), -EINVAL);
	assert_string_equal(err.text, "s: is a string, must be a boolean");
	assert_int_equal(json_get_object(tree, "", "a", &found, &err), -EINVAL);
	assert_int_equal(json_get_array(tree, "", "o", &found, &err), -EINVAL);
	assert_int_equal(json_get_string(tree, "", "b", &text, &err), -EINVAL);
	strv_done(&list);
	json_free(tree);
}

static void test_writer(void **state)
{
	struct json_writer w = { .pretty = false };
	struct strv list = { 0 };

	(void)state;
	json_begin_object(&w, NULL);
	json_strv(&w, "l0", &list);
	strv_add(&list, "x\"");
	strv_add(&list, "");
	json_strv(&w, "l2", &list);
	strv_done(&list);
	json_string(&w, "s", "a\"\\\n\t\x01\x7f");
	json_string(&w, "bad", "x\xffy\xe2\x82");
	json_string(&w, "good", "\xe2\x82\xac\xf0\x9f\x98\x80");
	json_string(&w, "none", NULL);
	json_begin_array(&w, "a");
	json_u64(&w, NULL, UINT64_MAX);
	json_i64(&w, NULL, INT64_MIN);
	json_begin_object(&w, NULL);
	json_end_object(&w);
	json_end_array(&w);
	json_bool(&w, "t", true);
	json_end_object(&w);
	assert_string_equal(
		w.text,
		"{\"l0\":[],\"l2\":[\"x\\\"\",\"\"],\"s\":\"a\\\"\\\\\\n\\t\\u0001\\u007f\","
		"\"bad\":\"x\\ufffdy\\ufffd\\ufffd\","
		"\"good\":\"\xe2\x82\xac\xf0\x9f\x98\x80\",\"none\":null,"
		"\"a\":[18446744073709551615,-9223372036854775808,{}],"
		"\"t\":true}");
	json_free(parse(w.text));
	json_writer_done(&w);
	assert_null(w.text);
}

static void test_writer_pretty(void **state)
{
	struct json_writer w = { .pretty = true };

	(void)state;
	json_begin_object(&w, NULL);
	json_begin_array(&w, "a");
	json_u64(&w, NULL, 1);
	json_end_array(&w);
	json_begin_object(&w, "e");
	json_end_object(&w);
	json_end_object(&w);
	assert_string_equal(w.text,
			    "{\n  \"a\": [\n    1\n  ],\n  \"e\": {}\n}");
	json_writer_done(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tree),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_many_keys),
		cmocka_unit_test(test_integers),
		cmocka_unit_test(test_typed),
		cmocka_unit_test(test_writer),
		cmocka_unit_test(test_writer_pretty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
