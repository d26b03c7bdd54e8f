// SPDX-License-Identifier: Apache-2.0
/*
 * err.c - errors as data; see err.h. Linked by every process.
 *
 * #syscalls:proxy,shim write - last words of a bug
 */
#include "err.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

void end_at_once(const char *where, const char *what)
{
	char line[300];
	int n = snprintf(line, sizeof(line), "%s: %s\n", where, what);

	if (n > 0)
		IGNORE(write(STDERR_FILENO, line,
			     min_size((size_t)n, sizeof(line) - 1)) < 0,
		       "there is nowhere else to say it");
	__builtin_trap();
}

PRINTF(2, 0)
static void text_add(struct err *err, const char *fmt, va_list ap)
{
	if (vsnprintf(err->text, sizeof(err->text), fmt, ap) < 0)
		err->text[0] = '\0';
}

int err_set(struct err *err, int code, const char *fmt, ...)
{
	va_list ap;
	size_t used;

	if (code <= 0)
		code = EIO;
	err->code = code;
	va_start(ap, fmt);
	text_add(err, fmt, ap);
	va_end(ap);
	used = strlen(err->text);
	snprintf(err->text + used, sizeof(err->text) - used, ": %s",
		 strerror(code));
	return -code;
}

int err_msg(struct err *err, int code, const char *fmt, ...)
{
	va_list ap;

	err->code = code > 0 ? code : EIO;
	va_start(ap, fmt);
	text_add(err, fmt, ap);
	va_end(ap);
	return -err->code;
}

int err_wrap(struct err *err, const char *fmt, ...)
{
	char old[ERR_TEXT_MAX];
	va_list ap;
	size_t used;

	BUG_ON(err->code <= 0);
	memcpy(old, err->text, sizeof(old));
	va_start(ap, fmt);
	text_add(err, fmt, ap);
	va_end(ap);
	used = strlen(err->text);
	snprintf(err->text + used, sizeof(err->text) - used, ": %s", old);
	return -err->code;
}

void err_clear(struct err *err)
{
	err->code = 0;
	err->text[0] = '\0';
}
