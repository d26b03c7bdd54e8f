/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Allocators that end the process when memory is out. Sizes that come from
 * outside are capped by their reader before they get here.
 */
#ifndef LIB_ALLOC_H
#define LIB_ALLOC_H

#include "base.h"

void *xcalloc(size_t count, size_t size) __attribute__((malloc));
/* Grows to count elements; the added part is zeroed. */
void *xgrow(void *ptr, size_t old_count, size_t count, size_t size) MUST_CHECK;
char *xstrdup(const char *text) __attribute__((malloc));
char *xstrndup(const char *text, size_t len) __attribute__((malloc));
char *xasprintf(const char *fmt, ...) PRINTF(1, 2) __attribute__((malloc));

/* NULL-terminated list of owned strings. */
struct strv {
	char **item; /* item[count] is NULL once anything was added */
	size_t count;
};

void strv_add(struct strv *list, const char *text);
void strv_addf(struct strv *list, const char *fmt, ...) PRINTF(2, 3);
bool strv_has(const struct strv *list, const char *text);
void strv_done(struct strv *list);

#endif
