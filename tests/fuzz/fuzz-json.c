// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz-json.c - any bytes to lib/json.c; what is taken must come back the same
 * from the writer.
 */
#include <string.h>

#include "json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_value(struct json_writer *w, const char *key,
			const struct json *value)
{
	switch (value->type) {
	case JSON_OBJECT:
		json_begin_object(w, key);
		for (size_t i = 0; i < value->count; i++)
			write_value(w, value->keys[i], &value->items[i]);
		json_end_object(w);
		break;
	case JSON_ARRAY:
		json_begin_array(w, key);
		for (size_t i = 0; i < value->count; i++)
			write_value(w, NULL, &value->items[i]);
		json_end_array(w);
		break;
	case JSON_BOOL:
		json_bool(w, key, value->boolean);
		break;
	case JSON_NULL:
		json_string(w, key, NULL);
		break;
	default: /* numbers as strings: the writer has integers only */
		json_string(w, key, value->text);
	}
}

static void compare(const struct json *a, const struct json *b)
{
	bool number = a->type == JSON_NUMBER && b->type == JSON_STRING;

	BUG_ON(a->type != b->type && !number);
	BUG_ON(a->count != b->count);
	BUG_ON(a->text && strcmp(a->text, b->text) != 0);
	for (size_t i = 0; i < a->count; i++) {
		if (a->type == JSON_OBJECT)
			BUG_ON(strcmp(a->keys[i], b->keys[i]) != 0);
		compare(&a->items[i], &b->items[i]);
	}
}

static void read_all_ways(const struct json *tree)
{
	struct err err = ERR_INIT;
	const struct json *found;
	const char *text;
	struct strv list = { 0 };
	uint64_t u;
	int64_t i;
	bool b;

	IGNORE(json_get_string(tree, "p", "a", &text, &err), "fuzzing");
	IGNORE(json_get_bool(tree, "p", "a", &b, &err), "fuzzing");
	IGNORE(json_get_u64(tree, "p", "a", 1000, &u, &err), "fuzzing");
	IGNORE(json_get_i64(tree, "p", "a", &i, &err), "fuzzing");
	IGNORE(json_get_object(tree, "p", "a", &found, &err), "fuzzing");
	IGNORE(json_get_strv(tree, "p", "a", &list, &err), "fuzzing");
	strv_done(&list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json_writer w = { .pretty = size % 2 };
	struct json *tree = NULL, *again = NULL;
	struct err err = ERR_INIT;

	if (json_parse((const char *)data, size, &json_limits_qmp, &tree,
		       &err) < 0) {
		BUG_ON(err.code == 0 || !err.text[0]);
		return 0;
	}
	read_all_ways(tree);
	write_value(&w, NULL, tree);
	if (json_parse(w.text, w.len, &json_limits_config, &again, &err) < 0) {
		fprintf(stderr, "%s: %s\n", err.text, w.text);
		abort();
	}
	compare(tree, again);
	json_free(tree);
	json_free(again);
	json_writer_done(&w);
	return 0;
}
