/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A report that is TOML for people or JSON for programs. Values of a table come
 * before the tables in it. Strings may be hostile: they are escaped.
 */
#ifndef RUNTIME_REPORT_H
#define RUNTIME_REPORT_H

#include "alloc.h"
#include "json.h"

struct report {
	bool json;
	FILE *out; /* of TOML; JSON is in w */
	struct json_writer w;
	struct strv path; /* tables that are open */
};

void report_begin(struct report *r, const char *name);
void report_end(struct report *r);
/* NULL is written as "". */
void report_string(struct report *r, const char *key, const char *value);
void report_u64(struct report *r, const char *key, uint64_t value);
void report_bool(struct report *r, const char *key, bool value);
void report_list(struct report *r, const char *key, const struct strv *list);
/* Prints the end of JSON; the report is empty afterwards. */
void report_done(struct report *r);

#endif
