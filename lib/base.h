/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes and checks that every file may use. */
#ifndef LIB_BASE_H
#define LIB_BASE_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>

#include "banned.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define MUST_CHECK __attribute__((warn_unused_result))
#define NORETURN __attribute__((noreturn))
#define PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define UNUSED __attribute__((unused))

/*
 * Last words by write(2), then a trap: the filters of our programs allow no
 * more, and an abort(3) without its system calls would not be one. In err.c
 */
NORETURN void end_at_once(const char *where, const char *what);

#define TEXT_OF_(x) #x
#define TEXT_OF(x) TEXT_OF_(x)

/* A bug in this program, never a bad input: ends the process in every build. */
#define BUG_ON(cond)                                                           \
	do {                                                                   \
		if (__builtin_expect(!!(cond), 0))                             \
			end_at_once("bug: " __FILE__ ":" TEXT_OF(__LINE__),    \
				    #cond);                                    \
	} while (0)

/* Drops a result on purpose; the reason is for the reader. */
#define IGNORE(expr, why)                                                      \
	do {                                                                   \
		static_assert(sizeof(why) > 1, "a reason is needed");          \
		if (expr) {                                                    \
		}                                                              \
	} while (0)

static inline size_t min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

#endif
