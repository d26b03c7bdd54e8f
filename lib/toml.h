/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strict reader of the part of TOML that configuration.toml uses: [table] and
 * [dotted.table] headers, bare keys, basic and literal strings, integers,
 * booleans, one-line or multi-line arrays of those, comments. Anything else,
 * a duplicate key or table, a control character: an error with file and line.
 */
#ifndef LIB_TOML_H
#define LIB_TOML_H

#include "alloc.h"
#include "err.h"

#define TOML_BYTES_MAX (256 * 1024)

enum toml_type {
	TOML_STRING,
	TOML_INTEGER,
	TOML_BOOL,
	TOML_STRV,
	TOML_TYPE_MAX
};

struct toml_entry {
	char *table; /* "" at the top */
	char *key;
	unsigned line;
	enum toml_type type;
	char *string;
	int64_t integer;
	bool boolean;
	struct strv strings;
};

struct toml {
	struct toml_entry *entry;
	size_t count;
};

/* Errors begin with "NAME:LINE: ". */
int toml_parse(const char *name, const char *text, size_t len, struct toml *ret,
	       struct err *err) MUST_CHECK;
void toml_done(struct toml *toml);

#endif
