// SPDX-License-Identifier: Apache-2.0
/*
 * json.c - JSON text to an owned tree, and a writer; the only user of yajl.
 *
 * Runs in kata-runtime (config.json), kata-jailer (policies), kata-proxy (QMP)
 * and the build-time filter compiler. Needs no right. The text is hostile: it
 * is cut off at the caller's limits before yajl or we allocate for it, must be
 * UTF-8, and may hold neither a NUL in a string nor one key twice in an
 * object. Only yajl's streaming parser is used.
 */
#include "json.h"

#include <errno.h>
#include <string.h>
#include <yajl/yajl_parse.h>

#include "auto.h"

#define JSON_DEPTH_MAX 64 /* above every limit in use: size of the stack */
#define PLACE_MAX 256	  /* bytes of a path in an error, about */

const struct json_limits json_limits_config = {
	.bytes = 4u << 20,
	.depth = 32,
	.values = 200000,
};

const struct json_limits json_limits_qmp = {
	.bytes = 64u << 10,
	.depth = 16,
	.values = 4096,
};

struct builder {
	const struct json_limits *limits;
	struct json *root;
	struct json *stack[JSON_DEPTH_MAX]; /* open containers, outermost first */
	size_t depth;
	size_t values;
	char *key; /* of the value that comes next; owned */
	struct err *err;
	bool failed; /* err is filled */
};

/* For callbacks: 0 tells yajl to stop. */
static int stop(struct builder *b, int code, const char *text)
{
	b->failed = true;
	err_msg(b->err, code, "JSON: %s", text);
	return 0;
}

/* Arrays double at powers of two, so the count alone tells their size. */
static bool array_is_full(size_t count)
{
	return (count & (count - 1)) == 0;
}

/* A new value where the parser stands; NULL when a limit is hit. */
static struct json *value_new(struct builder *b, enum json_type type)
{
	struct json *parent, *value;

	if (++b->values > b->limits->values) {
		stop(b, E2BIG, "too many values");
		return NULL;
	}
	if (b->depth == 0) {
		b->root = xcalloc(1, sizeof(*b->root));
		b->root->type = type;
		return b->root;
	}
	parent = b->stack[b->depth - 1];
	if (array_is_full(parent->count)) {
		size_t size = parent->count ? parent->count * 2 : 1;

		parent->items = xgrow(parent->items, parent->count, size,
				      sizeof(*parent->items));
		if (parent->type == JSON_OBJECT)
			parent->keys = xgrow(parent->keys, parent->count, size,
					     sizeof(*parent->keys));
	}
	if (parent->type == JSON_OBJECT)
		parent->keys[parent->count] = take_ptr(b->key);
	value = &parent->items[parent->count++];
	memset(value, 0, sizeof(*value));
	value->type = type;
	return value;
}

static int container_open(struct builder *b, enum json_type type)
{
	struct json *value;

	if (b->depth >= b->limits->depth)
		return stop(b, E2BIG, "nested too deeply");
	value = value_new(b, type);
	if (!value)
		return 0;
	b->stack[b->depth++] = value;
	return 1;
}

static int on_null(void *ctx)
{
	return value_new(ctx, JSON_NULL) != NULL;
}

static int on_boolean(void *ctx, int boolean)
{
	struct json *value = value_new(ctx, JSON_BOOL);

	if (!value)
		return 0;
	value->boolean = boolean != 0;
	return 1;
}

static int on_number(void *ctx, const char *text, size_t len)
{
	struct json *value = value_new(ctx, JSON_NUMBER);

	if (!value)
		return 0;
	value->text = xstrndup(text, len);
	return 1;
}

/*
 * Copies a string. yajl lets half surrogate pairs and overlong forms through,
 * and "\u0000" is a NUL.
 */
static char *string_copy(struct builder *b, const unsigned char *text,
			 size_t len)
{
	AUTO_FREE char *copy = NULL;
	size_t step = 0;

	if (memchr(text, '\0', len)) {
		stop(b, EINVAL, "NUL in a string");
		return NULL;
	}
	copy = xstrndup((const char *)text, len);
	for (const char *at = copy; *at; at += step) {
		step = json_utf8_length(at);
		if (step == 0) {
			stop(b, EINVAL, "a string is not UTF-8");
			return NULL;
		}
	}
	return take_ptr(copy);
}

static int on_string(void *ctx, const unsigned char *text, size_t len)
{
	char *copy = string_copy(ctx, text, len);
	struct json *value = copy ? value_new(ctx, JSON_STRING) : NULL;

	if (!value) {
		free(copy);
		return 0;
	}
	value->text = copy;
	return 1;
}

static int on_map_key(void *ctx, const unsigned char *text, size_t len)
{
	struct builder *b = ctx;

	b->key = string_copy(b, text, len);
	return b->key != NULL;
}

static int on_start_map(void *ctx)
{
	return container_open(ctx, JSON_OBJECT);
}

static int on_start_array(void *ctx)
{
	return container_open(ctx, JSON_ARRAY);
}

static int on_end_array(void *ctx)
{
	struct builder *b = ctx;

	b->depth--;
	return 1;
}

/* Where the innermost open container stands, "binds[2]"; "" at the top. */
static char *place_of(const struct builder *b, size_t depth)
{
	char *path = xstrdup("");

	for (size_t i = 0; i < depth && strlen(path) < PLACE_MAX; i++) {
		const struct json *at = b->stack[i];
		char *longer;

		longer = at->type == JSON_OBJECT ?
				 xasprintf("%s%s%.64s", path, *path ? "." : "",
					   at->keys[at->count - 1]) :
				 xasprintf("%s[%zu]", path, at->count - 1);
		free(path);
		path = longer;
	}
	return path;
}

static int key_order(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Sorts instead of comparing each with each: one object may have 200 000. */
static int on_end_map(void *ctx)
{
	struct builder *b = ctx;
	const struct json *map = b->stack[--b->depth];
	AUTO_FREE char **sorted = NULL;

	if (map->count < 2)
		return 1;
	sorted = xcalloc(map->count, sizeof(*sorted));
	memcpy(sorted, map->keys, map->count * sizeof(*sorted));
	qsort(sorted, map->count, sizeof(*sorted), key_order);
	for (size_t i = 1; i < map->count; i++) {
		AUTO_FREE char *place = NULL;

		if (strcmp(sorted[i - 1], sorted[i]) != 0)
			continue;
		place = place_of(b, b->depth);
		b->failed = true;
		err_msg(b->err, EINVAL,
			"JSON: %s%skey \"%.64s\" twice in one object", place,
			*place ? ": " : "", sorted[i]);
		return 0;
	}
	return 1;
}

static const yajl_callbacks callbacks = {
	.yajl_null = on_null,
	.yajl_boolean = on_boolean,
	.yajl_number = on_number,
	.yajl_string = on_string,
	.yajl_start_map = on_start_map,
	.yajl_map_key = on_map_key,
	.yajl_end_map = on_end_map,
	.yajl_start_array = on_start_array,
	.yajl_end_array = on_end_array,
};

/* yajl does not check what its allocators return. */
static void *yajl_malloc_checked(void *ctx UNUSED, size_t size)
{
	return xcalloc(1, size);
}

static void *yajl_realloc_checked(void *ctx UNUSED, void *ptr, size_t size)
{
	return xgrow(ptr, size, size, 1); /* equal counts: nothing is zeroed */
}

static void yajl_free_plain(void *ctx UNUSED, void *ptr)
{
	free(ptr);
}

static yajl_alloc_funcs allocators = {
	.malloc = yajl_malloc_checked,
	.realloc = yajl_realloc_checked,
	.free = yajl_free_plain,
};

static void auto_yajl_(yajl_handle *handle)
{
	if (*handle)
		yajl_free(*handle);
}

/* yajl's own reason, without its trailing newline and without input text. */
static int syntax_error(yajl_handle handle, struct err *err)
{
	unsigned char *text = yajl_get_error(handle, 0, NULL, 0);
	size_t at = yajl_get_bytes_consumed(handle);
	int r;

	text[strcspn((char *)text, "\n")] = '\0';
	r = err_msg(err, EINVAL, "JSON: %s (byte %zu)", (char *)text, at);
	yajl_free_error(handle, text);
	return r;
}

static int parse_run(struct builder *b, const char *text, size_t len,
		     struct err *err)
{
	__attribute__((cleanup(auto_yajl_)))
	yajl_handle handle = yajl_alloc(&callbacks, &allocators, b);
	yajl_status status;

	BUG_ON(!handle);
	status = yajl_parse(handle, (const unsigned char *)text, len);
	if (status == yajl_status_ok)
		status = yajl_complete_parse(handle);
	if (b->failed)
		return -err->code;
	if (status != yajl_status_ok)
		return syntax_error(handle, err);
	if (!b->root)
		return err_msg(err, EINVAL, "JSON: no value");
	return 0;
}

/**
 * json_parse() - Text to tree
 * @text:	JSON, UTF-8; hostile
 * @len:	Its length
 * @limits:	What it may need at most
 * @ret_tree:	Owned by the caller (json_free)
 * @err:	Filled on failure
 *
 * Return: 0; -EFBIG or -E2BIG above a limit; -EINVAL
 */
int json_parse(const char *text, size_t len, const struct json_limits *limits,
	       struct json **ret_tree, struct err *err)
{
	struct builder b = { .limits = limits, .err = err };
	int r;

	BUG_ON(limits->depth > JSON_DEPTH_MAX);
	if (len > limits->bytes)
		return err_msg(err, EFBIG, "JSON: longer than %zu bytes",
			       limits->bytes);
	r = parse_run(&b, text, len, err);
	free(b.key);
	if (r < 0) {
		json_free(b.root);
		return r;
	}
	*ret_tree = b.root;
	return 0;
}

/* Recursion is bounded by JSON_DEPTH_MAX. */
static void value_done(struct json *value)
{
	for (size_t i = 0; i < value->count; i++) {
		if (value->keys)
			free(value->keys[i]);
		value_done(&value->items[i]);
	}
	free(value->keys);
	free(value->items);
	free(value->text);
}

void json_free(struct json *tree)
{
	if (!tree)
		return;
	value_done(tree);
	free(tree);
}
