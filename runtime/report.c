// SPDX-License-Identifier: Apache-2.0
/* report.c - TOML or JSON from one sequence of calls; see report.h. No rights. */
#include "report.h"

#include <inttypes.h>
#include <string.h>

#include "auto.h"

/* As JSON writes it, which TOML's basic strings read as well. */
static void print_string(FILE *out, const char *text)
{
	struct json_writer w = { 0 };

	json_string(&w, NULL, text);
	fputs(w.text, out);
	json_writer_done(&w);
}

static bool is_bare(const char *name)
{
	return *name && !name[strspn(name, "abcdefghijklmnopqrstuvwxyz"
					   "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
					   "0123456789_-")];
}

static void print_name(FILE *out, const char *name)
{
	if (is_bare(name))
		fputs(name, out);
	else
		print_string(out, name);
}

static void indent(const struct report *r)
{
	for (size_t i = 1; i < r->path.count; i++)
		fputs("  ", r->out);
}

static void begin_value(const struct report *r, const char *key)
{
	indent(r);
	fputs("  ", r->out);
	print_name(r->out, key);
	fputs(" = ", r->out);
}

void report_begin(struct report *r, const char *name)
{
	if (r->json) {
		if (r->w.len == 0)
			json_begin_object(&r->w, NULL);
		json_begin_object(&r->w, name);
		return;
	}
	strv_add(&r->path, name);
	putc('\n', r->out);
	indent(r);
	for (size_t i = 0; i < r->path.count; i++) {
		putc(i == 0 ? '[' : '.', r->out);
		print_name(r->out, r->path.item[i]);
	}
	fputs("]\n", r->out);
}

void report_end(struct report *r)
{
	if (r->json) {
		json_end_object(&r->w);
		return;
	}
	BUG_ON(r->path.count == 0);
	free(r->path.item[--r->path.count]);
	r->path.item[r->path.count] = NULL;
}

void report_string(struct report *r, const char *key, const char *value)
{
	if (!value)
		value = "";
	if (r->json) {
		json_string(&r->w, key, value);
		return;
	}
	begin_value(r, key);
	print_string(r->out, value);
	putc('\n', r->out);
}

void report_u64(struct report *r, const char *key, uint64_t value)
{
	if (r->json) {
		json_u64(&r->w, key, value);
		return;
	}
	begin_value(r, key);
	fprintf(r->out, "%" PRIu64 "\n", value);
}

void report_bool(struct report *r, const char *key, bool value)
{
	if (r->json) {
		json_bool(&r->w, key, value);
		return;
	}
	begin_value(r, key);
	fputs(value ? "true\n" : "false\n", r->out);
}

void report_list(struct report *r, const char *key, const struct strv *list)
{
	if (r->json) {
		json_strv(&r->w, key, list);
		return;
	}
	begin_value(r, key);
	putc('[', r->out);
	for (size_t i = 0; i < list->count; i++) {
		fputs(i ? ", " : "", r->out);
		print_string(r->out, list->item[i]);
	}
	fputs("]\n", r->out);
}

void report_done(struct report *r)
{
	if (r->json) {
		json_end_object(&r->w);
		fprintf(r->out, "%s\n", r->w.text);
		json_writer_done(&r->w);
	}
	strv_done(&r->path);
}
