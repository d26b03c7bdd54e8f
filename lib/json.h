/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON as an owned tree, built by yajl's streaming parser under limits on
 * size, depth, number of values and duplicate keys. json.c is the only user
 * of yajl. Numbers keep their text, so that no precision is lost.
 */
#ifndef LIB_JSON_H
#define LIB_JSON_H

#include "alloc.h"
#include "err.h"

enum json_type {
	JSON_NULL,
	JSON_BOOL,
	JSON_NUMBER,
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT,
	JSON_TYPE_MAX
};

struct json {
	enum json_type type;
	bool boolean;
	char *text; /* string without NUL inside, or number as written */
	struct json *items; /* array elements, or object values */
	char **keys;	    /* object only */
	size_t count;
};

struct json_limits {
	size_t bytes;  /* whole text */
	size_t depth;  /* nesting */
	size_t values; /* total number of values */
};

/* config.json and the like: 4 MiB, depth 32, 200 000 values */
extern const struct json_limits json_limits_config;
/* QMP replies: 64 KiB, depth 16, 4096 values */
extern const struct json_limits json_limits_qmp;

/* *ret_tree is owned by the caller (json_free). A duplicate key is an error. */
int json_parse(const char *text, size_t len, const struct json_limits *limits,
	       struct json **ret_tree, struct err *err) MUST_CHECK;
void json_free(struct json *tree);
/* NULL when obj is no object or has no such key; never owned. */
const struct json *json_get(const struct json *obj, const char *key);

/*
 * Typed access with the JSON path in the error ("process.user.uid: is a
 * string, must be an integer"). Absent: return 0 and leave *ret alone. Found:
 * return 1. Wrong type or range: -EINVAL. JSON null counts as absent.
 * Strings are borrowed from the tree.
 */
int json_get_string(const struct json *obj, const char *path, const char *key,
		    const char **ret, struct err *err) MUST_CHECK;
int json_get_bool(const struct json *obj, const char *path, const char *key,
		  bool *ret, struct err *err) MUST_CHECK;
int json_get_u64(const struct json *obj, const char *path, const char *key,
		 uint64_t max, uint64_t *ret, struct err *err) MUST_CHECK;
int json_get_i64(const struct json *obj, const char *path, const char *key,
		 int64_t *ret, struct err *err) MUST_CHECK;
int json_get_object(const struct json *obj, const char *path, const char *key,
		    const struct json **ret, struct err *err) MUST_CHECK;
int json_get_array(const struct json *obj, const char *path, const char *key,
		   const struct json **ret, struct err *err) MUST_CHECK;
/* Array of strings, copied. */
int json_get_strv(const struct json *obj, const char *path, const char *key,
		  struct strv *ret, struct err *err) MUST_CHECK;

/* Length of the UTF-8 sequence at text (RFC 3629); 0: none, or the end. */
size_t json_utf8_length(const char *text);

/* Writer: correct escaping, commas by itself. Text is owned by the writer. */
struct json_writer {
	char *text;
	size_t len;
	size_t size;
	bool need_comma;
	bool pretty;
	unsigned depth;
};

void json_begin_object(struct json_writer *w,
		       const char *key); /* key NULL in arrays, top level */
void json_end_object(struct json_writer *w);
void json_begin_array(struct json_writer *w, const char *key);
void json_end_array(struct json_writer *w);
void json_string(struct json_writer *w, const char *key,
		 const char *value); /* NULL: null */
void json_u64(struct json_writer *w, const char *key, uint64_t value);
void json_i64(struct json_writer *w, const char *key, int64_t value);
void json_bool(struct json_writer *w, const char *key, bool value);
void json_strv(struct json_writer *w, const char *key, const struct strv *list);
void json_writer_done(struct json_writer *w);

#endif
