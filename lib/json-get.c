// SPDX-License-Identifier: Apache-2.0
/*
 * json-get.c - typed, strict access to a JSON tree; every refusal names the
 * JSON path. Runs where json.c runs; the tree is hostile in content, sound in
 * structure.
 */
#include "json.h"

#include <errno.h>
#include <string.h>

#include "num.h"

static const char *const type_name[] = {
	[JSON_NULL] = "null",	    [JSON_BOOL] = "a boolean",
	[JSON_NUMBER] = "a number", [JSON_STRING] = "a string",
	[JSON_ARRAY] = "an array",  [JSON_OBJECT] = "an object",
};
static_assert(ARRAY_SIZE(type_name) == JSON_TYPE_MAX, "one name a type");

const struct json *json_get(const struct json *obj, const char *key)
{
	if (!obj || obj->type != JSON_OBJECT)
		return NULL;
	for (size_t i = 0; i < obj->count; i++)
		if (strcmp(obj->keys[i], key) == 0)
			return &obj->items[i];
	return NULL;
}

static int complain(const char *path, const char *key, int code, const char *is,
		    const char *must, struct err *err)
{
	return err_msg(err, code, "%s%s%s: is %.64s, must be %s", path,
		       *path ? "." : "", key, is, must);
}

/* 1 and *ret when there; 0 when absent or null; -EINVAL for another type. */
static int get_typed(const struct json *obj, const char *path, const char *key,
		     enum json_type type, const char *must,
		     const struct json **ret, struct err *err)
{
	const struct json *value = json_get(obj, key);

	if (!value || value->type == JSON_NULL)
		return 0;
	if (value->type != type)
		return complain(path, key, EINVAL, type_name[value->type], must,
				err);
	*ret = value;
	return 1;
}

int json_get_string(const struct json *obj, const char *path, const char *key,
		    const char **ret, struct err *err)
{
	const struct json *value = NULL;
	int r = get_typed(obj, path, key, JSON_STRING, "a string", &value, err);

	if (r > 0)
		*ret = value->text;
	return r;
}

int json_get_bool(const struct json *obj, const char *path, const char *key,
		  bool *ret, struct err *err)
{
	const struct json *value = NULL;
	int r = get_typed(obj, path, key, JSON_BOOL, "a boolean", &value, err);

	if (r > 0)
		*ret = value->boolean;
	return r;
}

int json_get_u64(const struct json *obj, const char *path, const char *key,
		 uint64_t max, uint64_t *ret, struct err *err)
{
	const struct json *value = NULL;
	int r = get_typed(obj, path, key, JSON_NUMBER,
			  "an integer that is not negative", &value, err);
	char range[64];

	if (r <= 0)
		return r;
	r = num_parse_u64(value->text, max, ret);
	if (r == 0)
		return 1;
	snprintf(range, sizeof(range), "an integer from 0 to %llu",
		 (unsigned long long)max);
	return complain(path, key, EINVAL, value->text, range, err);
}

int json_get_i64(const struct json *obj, const char *path, const char *key,
		 int64_t *ret, struct err *err)
{
	const struct json *value = NULL;
	int r = get_typed(obj, path, key, JSON_NUMBER, "an integer", &value,
			  err);
	uint64_t size = 0;
	bool negative;

	if (r <= 0)
		return r;
	negative = value->text[0] == '-';
	if (num_parse_u64(value->text + negative,
			  (uint64_t)INT64_MAX + negative, &size) < 0)
		return complain(path, key, EINVAL, value->text,
				"an integer of 64 bits", err);
	*ret = negative ? (int64_t)(0 - size) : (int64_t)size;
	return 1;
}

int json_get_object(const struct json *obj, const char *path, const char *key,
		    const struct json **ret, struct err *err)
{
	return get_typed(obj, path, key, JSON_OBJECT, "an object", ret, err);
}

int json_get_array(const struct json *obj, const char *path, const char *key,
		   const struct json **ret, struct err *err)
{
	return get_typed(obj, path, key, JSON_ARRAY, "an array", ret, err);
}

int json_get_strv(const struct json *obj, const char *path, const char *key,
		  struct strv *ret, struct err *err)
{
	const struct json *array = NULL;
	int r = json_get_array(obj, path, key, &array, err);

	if (r <= 0)
		return r;
	for (size_t i = 0; i < array->count; i++) {
		if (array->items[i].type != JSON_STRING)
			return err_msg(err, EINVAL,
				       "%s%s%s[%zu]: is %s, must be a string",
				       path, *path ? "." : "", key, i,
				       type_name[array->items[i].type]);
	}
	for (size_t i = 0; i < array->count; i++)
		strv_add(ret, array->items[i].text);
	return 1;
}
