// SPDX-License-Identifier: Apache-2.0
/*
 * proxy-console.c - what the guest's console and the jails' programs print.
 *
 * Runs in kata-proxy, most of the time confined. Needs no rights. Hostile:
 * every byte. Kept in fixed rings, given out as a bounded number of lines of
 * bounded length, escaped.
 *
 * #syscalls:proxy read
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "proxy.h"

#define LINE_RAW_MAX 150 /* of one line, before it is escaped */
#define LOG_LINES 24
#define DRAIN_TURNS 32
#define PANIC "Kernel panic"

/* --- console ----------------------------------------------------------------- */

/* A line of the console, as positions of the ring's endless tape. */
struct span {
	size_t at;
	size_t len;
};

static char tape(const struct proxy *proxy, size_t at)
{
	return (char)proxy->console_kept[at % PROXY_CONSOLE_KEPT];
}

static bool ends_line(char c)
{
	return c == '\n' || c == '\r';
}

/* The line that ends before *end, which moves to its start. False: none left */
static bool line_before(const struct proxy *proxy, size_t first, size_t *end,
			struct span *ret)
{
	size_t stop, start;

	while (*end > first && ends_line(tape(proxy, *end - 1)))
		(*end)--;
	if (*end == first)
		return false;
	stop = start = *end;
	while (start > first && !ends_line(tape(proxy, start - 1)))
		start--;
	*end = start;
	*ret = (struct span){ start, stop - start };
	return true;
}

static void copy_line(const struct proxy *proxy, const struct span *span,
		      char ret[RECORD_LINE_MAX])
{
	char raw[LINE_RAW_MAX];
	size_t len = min_size(span->len, sizeof(raw));

	for (size_t i = 0; i < len; i++)
		raw[i] = tape(proxy, span->at + i);
	log_escape(ret, RECORD_LINE_MAX, raw, len);
}

/*
 * The last lines, oldest first, at most max. A panic that lies further back
 * (its trace is long) stands in the oldest one's place.
 */
size_t console_lines(const struct proxy *proxy, char (*ret)[RECORD_LINE_MAX],
		     size_t max)
{
	size_t have = min_size(proxy->console_len, PROXY_CONSOLE_KEPT);
	size_t first = proxy->console_len - have, end = proxy->console_len;
	struct span span;
	char line[RECORD_LINE_MAX];
	size_t count = 0;

	while (count < max && line_before(proxy, first, &end, &span))
		copy_line(proxy, &span, ret[max - ++count]);
	memmove(ret, ret[max - count], count * sizeof(*ret));
	while (count == max && line_before(proxy, first, &end, &span)) {
		copy_line(proxy, &span, line);
		if (strstr(line, PANIC))
			memcpy(ret[0], line, sizeof(line));
	}
	return count;
}

/* One line that says most: that of a panic, else the last. May be empty. */
void console_headline(const struct proxy *proxy, char ret[RECORD_LINE_MAX])
{
	char lines[RECORD_LINES_MAX][RECORD_LINE_MAX];
	size_t count = console_lines(proxy, lines, RECORD_LINES_MAX);
	size_t pick = count;

	ret[0] = '\0';
	for (size_t i = 0; i < count && pick == count; i++)
		if (strstr(lines[i], PANIC))
			pick = i;
	if (pick == count && count > 0)
		pick = count - 1;
	if (pick < count)
		memcpy(ret, lines[pick], RECORD_LINE_MAX);
}

/* While it runs, with --debug: whole lines go to the log, up to a limit. */
static void follow(struct proxy *proxy, const char *data, size_t len)
{
	for (size_t i = 0; i < len && proxy->follow_left > 0; i++) {
		if (!ends_line(data[i]))
			proxy->follow_line[proxy->follow_len++] = data[i];
		if ((ends_line(data[i]) ||
		     proxy->follow_len == sizeof(proxy->follow_line)) &&
		    proxy->follow_len > 0) {
			log_guest("console", proxy->follow_line,
				  proxy->follow_len);
			proxy->follow_left -=
				min_size(proxy->follow_left, proxy->follow_len);
			proxy->follow_len = 0;
			if (proxy->follow_left == 0)
				log_warn("the console prints too much: no more of it is kept");
		}
	}
}

/* Return: bytes read, 0 when there is nothing now */
static size_t console_read(struct proxy *proxy)
{
	char data[4096];
	ssize_t n = read(proxy->console.fd, data, sizeof(data));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0) {
		proxy_forget(proxy, &proxy->console);
		return 0;
	}
	for (ssize_t i = 0; i < n; i++)
		proxy->console_kept[proxy->console_len++ % PROXY_CONSOLE_KEPT] =
			(uint8_t)data[i];
	follow(proxy, data, (size_t)n);
	return (size_t)n;
}

void console_handle(struct proxy *proxy, struct source *source, uint32_t events)
{
	(void)source;
	(void)events;
	console_read(proxy);
}

/* The last words may still be on their way when the end is seen. */
void console_drain(struct proxy *proxy)
{
	for (int i = 0; i < DRAIN_TURNS && proxy->console.fd >= 0; i++)
		if (console_read(proxy) == 0)
			return;
}

/* The last lines of the console, one log line each. */
void console_report(const struct proxy *proxy)
{
	char lines[LOG_LINES][RECORD_LINE_MAX];
	size_t count = console_lines(proxy, lines, LOG_LINES);

	for (size_t i = 0; i < count; i++)
		log_warn("guest console: %s", lines[i]);
}

/* --- what the jails print ------------------------------------------------------ */

static void log_jail(const struct voice *voice)
{
	char text[4 * sizeof(voice->line) + 1];

	log_escape(text, sizeof(text), voice->line, voice->len);
	log_warn("%s prints: %s", voice->what, text);
}

static void voice_line(struct voice *voice)
{
	size_t had = voice->left;

	if (voice->len == 0)
		return;
	log_escape(voice->last, sizeof(voice->last), voice->line,
		   min_size(voice->len, LINE_RAW_MAX));
	if (had > 0)
		log_jail(voice);
	voice->left -= min_size(had, voice->len);
	if (had > 0 && voice->left == 0)
		log_warn("%s prints too much: no more of it is kept",
			 voice->what);
	voice->len = 0;
}

/*
 * A pipe and not the log itself: what a captured program prints is escaped and
 * bounded, and it cannot read or forge what others logged. Read to the end
 * even when nothing is kept, so that nobody blocks on a full pipe.
 */
static size_t voice_read(struct proxy *proxy, struct voice *voice)
{
	char data[4096];
	ssize_t n = read(voice->source.fd, data, sizeof(data));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0) {
		voice_line(voice);
		proxy_forget(proxy, &voice->source);
		return 0;
	}
	for (ssize_t i = 0; i < n; i++) {
		if (data[i] != '\n')
			voice->line[voice->len++] = data[i];
		if (data[i] == '\n' || voice->len == sizeof(voice->line))
			voice_line(voice);
	}
	return (size_t)n;
}

void voice_handle(struct proxy *proxy, struct source *source, uint32_t events)
{
	(void)events;
	voice_read(proxy, (struct voice *)source);
}

/* What a program printed before it ended. */
void voice_drain(struct proxy *proxy, struct voice *voice)
{
	for (int i = 0; i < DRAIN_TURNS && voice->source.fd >= 0; i++)
		if (voice_read(proxy, voice) == 0)
			break;
	voice_line(voice); /* also one without its end */
}
