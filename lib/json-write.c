// SPDX-License-Identifier: Apache-2.0
/*
 * json-write.c - JSON text from values. Runs where json.c runs. Strings may be
 * hostile: control characters are escaped, and bytes that are not UTF-8 become
 * U+FFFD, so that the result is always JSON.
 */
#include "json.h"

#include <string.h>

#define SIZE_FIRST 256
#define REPLACEMENT 0xfffd /* stands for bytes that are no character */

static void put(struct json_writer *w, const char *text, size_t len)
{
	if (w->size - w->len <= len) {
		size_t size = w->size ? w->size : SIZE_FIRST;

		while (size - w->len <= len)
			size *= 2;
		w->text = xgrow(w->text, w->size, size, 1);
		w->size = size;
	}
	memcpy(w->text + w->len, text, len);
	w->len += len;
	w->text[w->len] = '\0';
}

static void put_text(struct json_writer *w, const char *text)
{
	put(w, text, strlen(text));
}

size_t json_utf8_length(const char *text)
{
	const unsigned char *at = (const unsigned char *)text;
	static const struct {
		unsigned char lead_min, lead_max, second_min, second_max, length;
	} form[] = {
		{ 0x01, 0x7f, 0, 0, 1 },       { 0xc2, 0xdf, 0x80, 0xbf, 2 },
		{ 0xe0, 0xe0, 0xa0, 0xbf, 3 }, { 0xe1, 0xec, 0x80, 0xbf, 3 },
		{ 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 },
		{ 0xf0, 0xf0, 0x90, 0xbf, 4 }, { 0xf1, 0xf3, 0x80, 0xbf, 4 },
		{ 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(form); i++) {
		if (at[0] < form[i].lead_min || at[0] > form[i].lead_max)
			continue;
		if (form[i].length == 1)
			return 1;
		if (at[1] < form[i].second_min || at[1] > form[i].second_max)
			return 0;
		for (size_t n = 2; n < form[i].length; n++)
			if ((at[n] & 0xc0) != 0x80)
				return 0;
		return form[i].length;
	}
	return 0;
}

static void put_escaped(struct json_writer *w, unsigned code)
{
	char text[16];

	switch (code) {
	case '\n':
		put_text(w, "\\n");
		break;
	case '\t':
		put_text(w, "\\t");
		break;
	case '"':
		put_text(w, "\\\"");
		break;
	case '\\':
		put_text(w, "\\\\");
		break;
	default:
		snprintf(text, sizeof(text), "\\u%04x", code);
		put_text(w, text);
	}
}

static void put_quoted(struct json_writer *w, const char *value)
{
	put(w, "\"", 1);
	while (*value) {
		size_t len = json_utf8_length(value);
		unsigned char c = (unsigned char)*value;

		if (len == 0)
			put_escaped(w, REPLACEMENT);
		else if (c < 0x20 || c == 0x7f || c == '"' || c == '\\')
			put_escaped(w, c);
		else
			put(w, value, len);
		value += len ? len : 1;
	}
	put(w, "\"", 1);
}

static void put_line(struct json_writer *w)
{
	if (!w->pretty)
		return;
	put(w, "\n", 1);
	for (unsigned i = 0; i < w->depth; i++)
		put(w, "  ", 2);
}

/* What stands before a value: comma, line break, key. */
static void put_start(struct json_writer *w, const char *key)
{
	if (w->need_comma)
		put(w, ",", 1);
	if (w->depth > 0)
		put_line(w);
	if (key) {
		put_quoted(w, key);
		put_text(w, w->pretty ? ": " : ":");
	}
	w->need_comma = true;
}

static void container_begin(struct json_writer *w, const char *key,
			    const char *bracket)
{
	put_start(w, key);
	put(w, bracket, 1);
	w->depth++;
	w->need_comma = false;
}

static void container_end(struct json_writer *w, const char *bracket)
{
	BUG_ON(w->depth == 0);
	w->depth--;
	if (w->need_comma)
		put_line(w);
	put(w, bracket, 1);
	w->need_comma = true;
}

void json_begin_object(struct json_writer *w, const char *key)
{
	container_begin(w, key, "{");
}

void json_end_object(struct json_writer *w)
{
	container_end(w, "}");
}

void json_begin_array(struct json_writer *w, const char *key)
{
	container_begin(w, key, "[");
}

void json_end_array(struct json_writer *w)
{
	container_end(w, "]");
}

void json_string(struct json_writer *w, const char *key, const char *value)
{
	put_start(w, key);
	if (value)
		put_quoted(w, value);
	else
		put_text(w, "null");
}

void json_u64(struct json_writer *w, const char *key, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	put_start(w, key);
	put_text(w, text);
}

void json_i64(struct json_writer *w, const char *key, int64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%lld", (long long)value);
	put_start(w, key);
	put_text(w, text);
}

void json_bool(struct json_writer *w, const char *key, bool value)
{
	put_start(w, key);
	put_text(w, value ? "true" : "false");
}

/* An array of strings. */
void json_strv(struct json_writer *w, const char *key, const struct strv *list)
{
	json_begin_array(w, key);
	for (size_t i = 0; i < list->count; i++)
		json_string(w, NULL, list->item[i]);
	json_end_array(w);
}

/* Frees the text and makes the writer ready for another one. */
void json_writer_done(struct json_writer *w)
{
	free(w->text);
	*w = (struct json_writer){ .pretty = w->pretty };
}
