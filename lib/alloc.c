// SPDX-License-Identifier: Apache-2.0
/*
 * alloc.c - allocation that cannot fail; see alloc.h.
 *
 * #syscalls:proxy,shim brk mmap munmap - malloc of libc
 * #syscalls:shim mremap - realloc of what is larger than 128 KiB
 */
#include "alloc.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void *or_die(void *ptr)
{
	if (!ptr)
		end_at_once(program_invocation_short_name, "out of memory");
	return ptr;
}

void *xcalloc(size_t count, size_t size)
{
	return or_die(calloc(count ? count : 1, size ? size : 1));
}

void *xgrow(void *ptr, size_t old_count, size_t count, size_t size)
{
	char *grown = or_die(reallocarray(ptr, count ? count : 1, size));

	if (count > old_count)
		memset(grown + old_count * size, 0, (count - old_count) * size);
	return grown;
}

char *xstrdup(const char *text)
{
	return or_die(strdup(text));
}

char *xstrndup(const char *text, size_t len)
{
	return or_die(strndup(text, len));
}

PRINTF(1, 0)
static char *format(const char *fmt, va_list ap)
{
	char *text = NULL;

	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	return or_die(text);
}

char *xasprintf(const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = format(fmt, ap);
	va_end(ap);
	return text;
}

static void add_owned(struct strv *list, char *text)
{
	list->item = xgrow(list->item, list->item ? list->count + 1 : 0,
			   list->count + 2, sizeof(*list->item));
	list->item[list->count++] = text;
}

void strv_add(struct strv *list, const char *text)
{
	add_owned(list, xstrdup(text));
}

void strv_addf(struct strv *list, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add_owned(list, format(fmt, ap));
	va_end(ap);
}

bool strv_has(const struct strv *list, const char *text)
{
	for (size_t i = 0; i < list->count; i++)
		if (strcmp(list->item[i], text) == 0)
			return true;
	return false;
}

void strv_done(struct strv *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->item[i]);
	free(list->item);
	list->item = NULL;
	list->count = 0;
}
