// SPDX-License-Identifier: Apache-2.0
/*
 * toml.c - strict reader of the part of TOML that configuration.toml uses; see
 * toml.h. Runs in kata-runtime without any right. The file belongs to root or
 * the caller; its bytes are treated as hostile all the same.
 *
 * One pass, no recursion. What a full TOML reader would take and this one does
 * not (dates, floats, inline tables, arrays of tables, dotted keys, multi-line
 * strings) is an error with its line, never a guess.
 */
#include "toml.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "auto.h"

#define NAME_MAX_LEN 128 /* of a key or table header */
#define ENTRIES_MAX 4096
#define ARRAY_MAX 4096 /* strings in one array */

struct reader {
	const char *at;
	const char *end;
	const char *name; /* of the file, for errors */
	unsigned line;
	char *table;
	struct strv tables; /* headers seen */
	struct toml *toml;
	struct err *err;
};

static int fail(struct reader *in, const char *fmt, ...) PRINTF(2, 3);
static int fail(struct reader *in, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	if (vsnprintf(text, sizeof(text), fmt, ap) < 0)
		text[0] = '\0';
	va_end(ap);
	return err_msg(in->err, EINVAL, "%s:%u: %s", in->name, in->line, text);
}

static int peek(const struct reader *in)
{
	return in->at < in->end ? (unsigned char)*in->at : -1;
}

static bool take(struct reader *in, char c)
{
	if (peek(in) != c)
		return false;
	in->at++;
	return true;
}

static void skip_blanks(struct reader *in)
{
	while (peek(in) == ' ' || peek(in) == '\t')
		in->at++;
}

static bool is_control(int c)
{
	return (c >= 0 && c < 0x20 && c != '\t') || c == 0x7f;
}

/* "\n" or "\r\n"; false when something else is there. */
static bool take_newline(struct reader *in)
{
	const char *start = in->at;

	take(in, '\r');
	if (!take(in, '\n')) {
		in->at = start;
		return false;
	}
	in->line++;
	return true;
}

static int skip_comment(struct reader *in)
{
	if (!take(in, '#'))
		return 0;
	while (in->at < in->end && peek(in) != '\n' && peek(in) != '\r') {
		if (is_control(peek(in)))
			return fail(in, "control character in a comment");
		in->at++;
	}
	return 0;
}

/* Blanks, a comment, and the end of the line or of the text. */
static int take_line_end(struct reader *in)
{
	int r;

	skip_blanks(in);
	r = skip_comment(in);
	if (r < 0)
		return r;
	if (in->at == in->end || take_newline(in))
		return 0;
	return fail(in, "unexpected text at the end of the line");
}

/* Any number of blanks, comments and line ends, as inside of an array. */
static int skip_space(struct reader *in)
{
	int r;

	do {
		skip_blanks(in);
		r = skip_comment(in);
		if (r < 0)
			return r;
	} while (take_newline(in));
	return 0;
}

static bool is_bare(int c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '_' || c == '-';
}

static int read_bare(struct reader *in, char **ret)
{
	const char *start = in->at;

	while (is_bare(peek(in)))
		in->at++;
	if (in->at == start)
		return fail(in, "a bare key must be here");
	if (in->at - start > NAME_MAX_LEN)
		return fail(in, "key of more than %d characters", NAME_MAX_LEN);
	*ret = xstrndup(start, (size_t)(in->at - start));
	return 0;
}

/* Unicode scalar value as UTF-8; returns its length. */
static size_t put_code(char *out, uint32_t code)
{
	static const unsigned char lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
	size_t n = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;

	for (size_t i = n - 1; i > 0; i--) {
		out[i] = (char)(0x80 | (code & 0x3f));
		code >>= 6;
	}
	out[0] = (char)(lead[n] | code);
	return n;
}

/* The digits of \uXXXX or \UXXXXXXXX; returns bytes written. */
static int read_code(struct reader *in, int digits, char *out)
{
	static const char hex[] = "0123456789abcdefABCDEF";
	uint32_t code = 0;

	for (int i = 0; i < digits; i++) {
		const char *digit = peek(in) > 0 ? strchr(hex, peek(in)) : NULL;

		if (!digit)
			return fail(in, "escape needs %d hexadecimal digits",
				    digits);
		code = code << 4 |
		       (uint32_t)(digit - hex - (digit - hex > 15 ? 6 : 0));
		in->at++;
	}
	if (code == 0 || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
		return fail(in, "escape is no usable character");
	return (int)put_code(out, code);
}

/* What follows a backslash; returns bytes written. */
static int read_escape(struct reader *in, char *out)
{
	static const char from[] = "btnfr\"\\", to[] = "\b\t\n\f\r\"\\";
	int c = peek(in);
	const char *known = c > 0 ? strchr(from, c) : NULL;

	if (c < 0)
		return fail(in, "the string does not end");
	in->at++;
	if (known) {
		*out = to[known - from];
		return 1;
	}
	if (c == 'u' || c == 'U')
		return read_code(in, c == 'u' ? 4 : 8, out);
	return fail(in, "unknown escape in a string");
}

static int read_string(struct reader *in, char **ret)
{
	char quote = *in->at++;
	const char *stop = memchr(in->at, '\n', (size_t)(in->end - in->at));
	size_t len = 0, room = (size_t)((stop ? stop : in->end) - in->at);
	AUTO_FREE char *text = xcalloc(room + 1, 1); /* no escape grows */

	while (!take(in, quote)) {
		int n = 1;

		if (in->at == in->end || is_control(peek(in)))
			return fail(
				in,
				"string without end, or with a control character");
		if (quote == '"' && take(in, '\\'))
			n = read_escape(in, text + len);
		else
			text[len] = *in->at++;
		if (n < 0)
			return n;
		len += (size_t)n;
	}
	if (len == 0 && peek(in) == quote)
		return fail(in, "multi-line strings are not supported");
	*ret = take_ptr(text);
	return 0;
}

/* -?(0|[1-9][0-9]*) */
static int read_integer(struct reader *in, int64_t *ret)
{
	bool negative = take(in, '-');
	uint64_t value = 0, max = (uint64_t)INT64_MAX + negative;
	const char *start = in->at;

	for (; peek(in) >= '0' && peek(in) <= '9'; in->at++) {
		unsigned digit = (unsigned)(*in->at - '0');

		if (value > (max - digit) / 10)
			return fail(in, "number needs more than 64 bits");
		value = value * 10 + digit;
	}
	if (in->at == start)
		return fail(in, "a value must be here");
	if (*start == '0' && in->at - start > 1)
		return fail(in, "number with a leading zero");
	*ret = negative ? (int64_t)(0 - value) : (int64_t)value;
	return 0;
}

static bool take_word(struct reader *in, const char *word)
{
	size_t len = strlen(word);

	if ((size_t)(in->end - in->at) < len || memcmp(in->at, word, len) != 0)
		return false;
	in->at += len;
	return true;
}

static bool at_string(const struct reader *in)
{
	return peek(in) == '"' || peek(in) == '\'';
}

/* Array of strings; a comma after the last one is fine. */
static int read_array(struct reader *in, struct strv *ret)
{
	int r;

	in->at++;
	for (;;) {
		AUTO_FREE char *item = NULL;

		r = skip_space(in);
		if (r < 0)
			return r;
		if (take(in, ']'))
			return 0;
		if (!at_string(in))
			return fail(in, "arrays hold strings only");
		r = read_string(in, &item);
		if (r < 0)
			return r;
		if (ret->count >= ARRAY_MAX)
			return fail(in, "array of more than %d strings",
				    ARRAY_MAX);
		strv_add(ret, item);
		r = skip_space(in);
		if (r < 0)
			return r;
		if (!take(in, ',') && peek(in) != ']')
			return fail(in, "a comma or ] must be here");
	}
}

static int read_value(struct reader *in, struct toml_entry *entry)
{
	if (at_string(in)) {
		entry->type = TOML_STRING;
		return read_string(in, &entry->string);
	}
	if (peek(in) == '[') {
		entry->type = TOML_STRV;
		return read_array(in, &entry->strings);
	}
	entry->type = TOML_BOOL;
	entry->boolean = take_word(in, "true");
	if (entry->boolean || take_word(in, "false"))
		return 0;
	entry->type = TOML_INTEGER;
	return read_integer(in, &entry->integer);
}

/* The entry whose key was just read must be the only one of its name. */
static int check_unique(struct reader *in, const struct toml_entry *entry)
{
	for (const struct toml_entry *other = in->toml->entry; other < entry;
	     other++)
		if (strcmp(other->key, entry->key) == 0 &&
		    strcmp(other->table, entry->table) == 0)
			return fail(in, "key %s was set in line %u already",
				    entry->key, other->line);
	return 0;
}

static int read_entry(struct reader *in)
{
	struct toml *toml = in->toml;
	struct toml_entry *entry;
	AUTO_FREE char *key = NULL;
	int r = read_bare(in, &key);

	if (r < 0)
		return r;
	if (toml->count >= ENTRIES_MAX)
		return fail(in, "more than %d keys", ENTRIES_MAX);
	toml->entry = xgrow(toml->entry, toml->count, toml->count + 1,
			    sizeof(*toml->entry));
	entry = &toml->entry[toml->count++];
	entry->table = xstrdup(in->table);
	entry->key = take_ptr(key);
	entry->line = in->line;
	r = check_unique(in, entry);
	if (r < 0)
		return r;
	skip_blanks(in);
	if (!take(in, '='))
		return fail(in, "= must follow the key %s", entry->key);
	skip_blanks(in);
	return read_value(in, entry);
}

/* [name] or [name.name]; blanks around the names are fine. */
static int read_header(struct reader *in)
{
	char *name = xstrdup("");
	int r;

	in->at++;
	if (peek(in) == '[') {
		free(name);
		return fail(in, "arrays of tables are not supported");
	}
	do {
		AUTO_FREE char *part = NULL;
		char *longer;

		skip_blanks(in);
		r = read_bare(in, &part);
		if (r < 0) {
			free(name);
			return r;
		}
		longer = xasprintf("%s%s%s", name, *name ? "." : "", part);
		free(name);
		name = longer;
		skip_blanks(in);
	} while (take(in, '.') && strlen(name) <= NAME_MAX_LEN);
	free(in->table);
	in->table = name;
	if (strlen(name) > NAME_MAX_LEN)
		return fail(in, "table name of more than %d characters",
			    NAME_MAX_LEN);
	if (!take(in, ']'))
		return fail(in, "] must close the table header");
	if (strv_has(&in->tables, name))
		return fail(in, "table [%s] is there twice", name);
	if (in->tables.count >= ENTRIES_MAX)
		return fail(in, "more than %d tables", ENTRIES_MAX);
	strv_add(&in->tables, name);
	return 0;
}

static int read_all(struct reader *in)
{
	int r;

	for (;;) {
		r = skip_space(in);
		if (r < 0)
			return r;
		if (in->at == in->end)
			return 0;
		r = peek(in) == '[' ? read_header(in) : read_entry(in);
		if (r < 0)
			return r;
		r = take_line_end(in);
		if (r < 0)
			return r;
	}
}

/**
 * toml_parse() - Text to a flat list of entries
 * @name:	Of the file, for errors
 * @text:	TOML
 * @len:	Its length
 * @ret:	Filled on success; the caller frees it by toml_done()
 * @err:	Filled on failure, "NAME:LINE: ..."
 *
 * Return: 0; -EFBIG above TOML_BYTES_MAX; -EINVAL
 */
int toml_parse(const char *name, const char *text, size_t len, struct toml *ret,
	       struct err *err)
{
	struct toml toml = { 0 };
	struct reader in = {
		.at = text,
		.end = text + len,
		.name = name,
		.line = 1,
		.toml = &toml,
		.err = err,
	};
	int r;

	if (len > TOML_BYTES_MAX)
		return err_msg(err, EFBIG, "%s: longer than %d bytes", name,
			       TOML_BYTES_MAX);
	in.table = xstrdup("");
	r = read_all(&in);
	free(in.table);
	strv_done(&in.tables);
	if (r < 0)
		toml_done(&toml);
	else
		*ret = toml;
	return r;
}

void toml_done(struct toml *toml)
{
	for (size_t i = 0; i < toml->count; i++) {
		free(toml->entry[i].table);
		free(toml->entry[i].key);
		free(toml->entry[i].string);
		strv_done(&toml->entry[i].strings);
	}
	free(toml->entry);
	*toml = (struct toml){ 0 };
}
