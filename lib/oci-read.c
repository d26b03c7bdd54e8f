// SPDX-License-Identifier: Apache-2.0
/*
 * oci-read.c - checked reads from one JSON object, see oci-read.h. Runs in
 * kata-runtime and in the build-time filter compiler, without any right. The
 * JSON is hostile in content.
 */
#include "oci-read.h"

#include <errno.h>
#include <string.h>

/* "<parent>.<key>" or "<key>"; a longer path is cut, it serves messages only. */
static void path_join(char *out, const char *parent, const char *key)
{
	int n = snprintf(out, OCI_PATH_MAX, "%s%s%s", parent,
			 *parent ? "." : "", key);

	if (n < 0)
		out[0] = '\0';
}

void oci_in_init(struct oci_in *in, const struct json *obj, const char *path,
		 struct err *err)
{
	*in = (struct oci_in){ .obj = obj, .err = err };
	path_join(in->path, "", path);
	if (obj->type != JSON_OBJECT)
		in->r = err_msg(err, EINVAL, "%s%smust be a JSON object",
				in->path, *in->path ? ": " : "");
}

void oci_fail(struct oci_in *in, const char *key, int code, const char *what)
{
	char path[OCI_PATH_MAX];

	if (in->r < 0)
		return;
	path_join(path, in->path, key);
	in->r = err_msg(in->err, code, "%s: %s", path, what);
}

bool oci_has(struct oci_in *in, const char *key)
{
	const struct json *value = json_get(in->obj, key);

	return value && value->type != JSON_NULL;
}

bool oci_has_content(struct oci_in *in, const char *key)
{
	const struct json *value = json_get(in->obj, key);

	if (!value || value->type == JSON_NULL)
		return false;
	if (value->type == JSON_ARRAY || value->type == JSON_OBJECT)
		return value->count > 0;
	return true;
}

/* Result of a json_get_*(): true when read. */
static bool took(struct oci_in *in, int r)
{
	if (r < 0)
		in->r = r;
	return r > 0;
}

bool oci_read_string(struct oci_in *in, const char *key, char **ret)
{
	const char *text = NULL;

	if (in->r < 0 ||
	    !took(in, json_get_string(in->obj, in->path, key, &text, in->err)))
		return false;
	free(*ret);
	*ret = xstrdup(text);
	return true;
}

bool oci_read_bool(struct oci_in *in, const char *key, bool *ret)
{
	return in->r >= 0 &&
	       took(in, json_get_bool(in->obj, in->path, key, ret, in->err));
}

bool oci_read_u32(struct oci_in *in, const char *key, uint32_t max,
		  uint32_t *ret)
{
	uint64_t value = 0;

	if (in->r < 0 || !took(in, json_get_u64(in->obj, in->path, key, max,
						&value, in->err)))
		return false;
	*ret = (uint32_t)value;
	return true;
}

bool oci_read_u64(struct oci_in *in, const char *key, uint64_t *ret)
{
	return in->r >= 0 && took(in, json_get_u64(in->obj, in->path, key,
						   UINT64_MAX, ret, in->err));
}

bool oci_read_i64(struct oci_in *in, const char *key, int64_t *ret)
{
	return in->r >= 0 &&
	       took(in, json_get_i64(in->obj, in->path, key, ret, in->err));
}

void oci_read_strv(struct oci_in *in, const char *key, struct strv *ret)
{
	struct oci_list list;

	oci_enter_list(in, key, OCI_STRINGS_MAX, &list);
	if (list.count > 0)
		took(in, json_get_strv(in->obj, in->path, key, ret, in->err));
}

void oci_read_pairs(struct oci_in *in, const char *key, struct oci_pairs *ret)
{
	struct oci_in map;

	if (!oci_enter(in, key, &map))
		return;
	if (map.obj->count > OCI_STRINGS_MAX) {
		oci_fail(in, key, E2BIG, "too many entries");
		return;
	}
	ret->item = xcalloc(map.obj->count, sizeof(*ret->item));
	for (size_t i = 0; i < map.obj->count && map.r >= 0; i++) {
		const struct json *value = &map.obj->items[i];
		struct oci_pair *pair = &ret->item[ret->count];

		if (value->type != JSON_STRING) {
			oci_fail(&map, map.obj->keys[i], EINVAL,
				 "must be a string");
			break;
		}
		pair->key = xstrdup(map.obj->keys[i]);
		pair->value = xstrdup(value->text);
		ret->count++;
	}
	oci_leave(in, &map);
}

void oci_need_string(struct oci_in *in, const char *key, char **ret)
{
	oci_read_string(in, key, ret);
	if (!*ret || !**ret)
		oci_fail(in, key, EINVAL, "is missing");
}

void oci_need_u32(struct oci_in *in, const char *key, uint32_t *ret)
{
	if (!oci_read_u32(in, key, UINT32_MAX, ret))
		oci_fail(in, key, EINVAL, "is missing");
}

void oci_need_u64(struct oci_in *in, const char *key, uint64_t *ret)
{
	if (!oci_read_u64(in, key, ret))
		oci_fail(in, key, EINVAL, "is missing");
}

bool oci_enter(struct oci_in *in, const char *key, struct oci_in *ret_child)
{
	const struct json *obj = NULL;

	if (in->r < 0 ||
	    !took(in, json_get_object(in->obj, in->path, key, &obj, in->err)))
		return false;
	*ret_child = (struct oci_in){ .obj = obj, .err = in->err };
	path_join(ret_child->path, in->path, key);
	return true;
}

void oci_enter_list(struct oci_in *in, const char *key, size_t max,
		    struct oci_list *ret)
{
	*ret = (struct oci_list){ .array = NULL };
	if (in->r < 0 || !took(in, json_get_array(in->obj, in->path, key,
						  &ret->array, in->err)))
		return;
	if (ret->array->count > max) {
		oci_fail(in, key, E2BIG, "too many entries");
		return;
	}
	path_join(ret->path, in->path, key);
	ret->count = ret->array->count;
}

bool oci_enter_item(struct oci_in *in, const struct oci_list *list, size_t n,
		    struct oci_in *ret_child)
{
	char path[OCI_PATH_MAX];
	int cut;

	if (in->r < 0)
		return false;
	cut = snprintf(path, sizeof(path), "%.160s[%zu]", list->path, n);
	BUG_ON(cut < 0);
	oci_in_init(ret_child, &list->array->items[n], path, in->err);
	oci_leave(in, ret_child);
	return in->r >= 0;
}

void oci_leave(struct oci_in *in, const struct oci_in *child)
{
	if (in->r >= 0)
		in->r = child->r;
}

void oci_pairs_done(struct oci_pairs *pairs)
{
	for (size_t i = 0; i < pairs->count; i++) {
		free(pairs->item[i].key);
		free(pairs->item[i].value);
	}
	free(pairs->item);
	*pairs = (struct oci_pairs){ 0 };
}
