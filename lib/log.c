// SPDX-License-Identifier: Apache-2.0
/*
 * log.c - one line a message, to one descriptor, in one write(2), so that
 * several processes may share a file opened with O_APPEND.
 *
 * #syscalls:proxy,shim write
 * #syscalls:proxy,shim clock_gettime - unobserved: the vDSO answers where it can
 */
#include "log.h"

#include <stdarg.h>
#include <string.h>
#include <time.h>

#include "fd.h"

#define LINE_MAX_BYTES 2048
#define GUEST_MAX_BYTES 256

static struct {
	const char *program;
	int fd;
	enum log_level level;
	bool json;
} sink = { .program = "kata", .fd = 2, .level = LOG_LEVEL_WARN };

static const char *const level_name[] = { "error", "warning", "info", "debug" };
static_assert(ARRAY_SIZE(level_name) == LOG_LEVEL_MAX, "a name for each level");

void log_init(const char *program, int fd, enum log_level level, bool json)
{
	sink.program = program;
	sink.fd = fd;
	sink.level = level;
	sink.json = json;
	/* libc reads /etc/localtime at its first conversion: now, while the
	 * process may still open files. */
	tzset();
}

size_t log_escape(char *out, size_t out_size, const void *data, size_t len)
{
	const unsigned char *in = data;
	size_t used = 0;

	for (size_t i = 0; i < len && used + 5 <= out_size; i++) {
		if (in[i] >= 0x20 && in[i] < 0x7f && in[i] != '\\') {
			out[used++] = (char)in[i];
			continue;
		}
		snprintf(out + used, out_size - used, "\\x%02x", in[i]);
		used += 4;
	}
	if (out_size > 0)
		out[used < out_size ? used : out_size - 1] = '\0';
	return used;
}

static void json_quote(char *out, size_t size, const char *text)
{
	size_t used = 0;

	for (; *text && used + 7 < size; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '"' || c == '\\') {
			out[used++] = '\\';
			out[used++] = (char)c;
		} else if (c < 0x20) {
			snprintf(out + used, size - used, "\\u%04x", c);
			used += 6;
		} else {
			out[used++] = (char)c;
		}
	}
	out[used] = '\0';
}

void log_write(enum log_level level, const char *fmt, ...)
{
	char text[LINE_MAX_BYTES / 2], quoted[LINE_MAX_BYTES - 256];
	char line[LINE_MAX_BYTES], when[32] = "";
	struct timespec now;
	struct tm tm;
	va_list ap;
	int n;

	if (sink.fd < 0 || level > sink.level)
		return;
	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	/* A name in a message must not begin a line of its own. */
	for (char *at = text; *at; at++)
		if ((unsigned char)*at < 0x20 || *at == 0x7f)
			*at = '?';
	clock_gettime(CLOCK_REALTIME, &now);
	if (gmtime_r(&now.tv_sec, &tm))
		strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
	if (sink.json) {
		json_quote(quoted, sizeof(quoted), text);
		n = snprintf(
			line, sizeof(line),
			"{\"time\":\"%s\",\"level\":\"%s\",\"program\":\"%s\",\"msg\":\"%s\"}\n",
			when, level_name[level], sink.program, quoted);
	} else {
		n = snprintf(line, sizeof(line), "%s %s %s: %s\n", when,
			     level_name[level], sink.program, text);
	}
	if (n > 0)
		IGNORE(fd_write_all(sink.fd, line,
				    min_size((size_t)n, sizeof(line) - 1)) < 0,
		       "there is nowhere else to report to");
}

void log_guest(const char *what, const void *data, size_t len)
{
	char text[4 * GUEST_MAX_BYTES + 1];

	log_escape(text, sizeof(text), data, min_size(len, GUEST_MAX_BYTES));
	log_write(LOG_LEVEL_WARN, "guest %s: %s", what, text);
}
