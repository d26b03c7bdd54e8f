// SPDX-License-Identifier: Apache-2.0
/*
 * proxy-qmp.c - the sole owner of QEMU's machine protocol. Three commands go
 * out, one at a time, each with a number; what comes back is hostile once the
 * guest runs: one JSON object a line, bounded in length, depth and number, and
 * nothing of it is acted upon but the answer to the command under way and the
 * names of two events. Whatever QEMU would not send ends the sandbox.
 *
 * #syscalls:proxy read sendto
 */
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "json.h"
#include "log.h"
#include "proxy.h"

/* A VM sends a handful of events in its whole life. */
#define WINDOW_MS 1000
#define WINDOW_MESSAGES 200
#define REFUSAL_RAW_MAX 100

static const char *const command_name[QMP_STATE_MAX] = {
	[QMP_CAPABILITIES] = "qmp_capabilities",
	[QMP_CONT] = "cont",
	[QMP_QUIT] = "quit",
};

/*
 * QEMU builds its machine between greeting and first answer: seconds on a host
 * that is busy or itself emulated.
 */
static const int answer_ms[QMP_STATE_MAX] = {
	[QMP_CAPABILITIES] = 15000,
	[QMP_CONT] = 8000,
	[QMP_QUIT] = 5000,
};

/* The peer is no QEMU, or one that was captured: nothing more is awaited. */
PRINTF(2, 3)
static void fault(struct proxy *proxy, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	if (vsnprintf(text, sizeof(text), fmt, ap) < 0)
		text[0] = '\0';
	va_end(ap);
	proxy->qmp.faulty = true;
	proxy_end(proxy, true, "QMP: %s", text);
}

static void send_command(struct proxy *proxy, enum qmp_state state)
{
	struct qmp *qmp = &proxy->qmp;
	char text[64];
	int len;

	if (qmp->source.fd < 0)
		return;
	qmp->id++;
	len = snprintf(text, sizeof(text), "{\"execute\":\"%s\",\"id\":%u}\n",
		       command_name[state], qmp->id);
	if (send(qmp->source.fd, text, (size_t)len, MSG_NOSIGNAL) != len) {
		proxy_forget(proxy, &qmp->source);
		proxy_suspect(proxy, "QMP: the VMM does not listen");
		return;
	}
	qmp->state = state;
	proxy_set_deadline(&qmp->deadline, answer_ms[state]);
}

void qmp_cont(struct proxy *proxy)
{
	send_command(proxy, QMP_CONT);
}

void qmp_quit(struct proxy *proxy)
{
	send_command(proxy, QMP_QUIT);
}

void qmp_late(struct proxy *proxy)
{
	if (proxy->qmp.state == QMP_GREETING)
		fault(proxy, "the VMM did not greet in time");
	else
		fault(proxy, "no answer to %s within %d s",
		      command_name[proxy->qmp.state] ?
			      command_name[proxy->qmp.state] :
			      "a command",
		      answer_ms[proxy->qmp.state] / 1000);
}

static void greeted(struct proxy *proxy, const struct json *message)
{
	const struct json *greeting = json_get(message, "QMP");

	if (!greeting || greeting->type != JSON_OBJECT)
		fault(proxy, "the first message is no greeting");
	else
		send_command(proxy, QMP_CAPABILITIES);
}

static void answered(struct proxy *proxy)
{
	enum qmp_state was = proxy->qmp.state;
	struct err err = ERR_INIT;

	memset(&proxy->qmp.deadline, 0, sizeof(proxy->qmp.deadline));
	proxy->qmp.state = QMP_IDLE;
	if (was == QMP_CAPABILITIES && proxy->ending) {
		qmp_quit(proxy);
	} else if (was == QMP_CAPABILITIES) {
		/* QEMU has all its devices, so virtiofsd has served it: both
		 * jails stand. The guest has not run an instruction. */
		if (proxy_confine(proxy, &err) < 0)
			proxy_end(proxy, true, "confinement: %s", err.text);
		else
			control_ready(proxy);
	} else if (was == QMP_CONT) {
		proxy->running = true;
		control_continued(proxy);
	}
}

static void refused(struct proxy *proxy, const struct json *error)
{
	struct err err = ERR_INIT;
	const char *desc = "no description";
	char text[256];

	IGNORE(json_get_string(error, "error", "desc", &desc, &err) < 0,
	       "the default says so");
	log_escape(text, sizeof(text), desc,
		   min_size(strlen(desc), REFUSAL_RAW_MAX));
	fault(proxy, "the VMM refused %s: %s", command_name[proxy->qmp.state],
	      text);
}

/* Is it about the one command under way? An answer names its number. */
static bool is_awaited(const struct proxy *proxy, const struct json *message)
{
	const struct json *id = json_get(message, "id");
	char want[16];

	if (!command_name[proxy->qmp.state] || !id || id->type != JSON_NUMBER)
		return false;
	snprintf(want, sizeof(want), "%u", proxy->qmp.id);
	return strcmp(id->text, want) == 0;
}

static void answer(struct proxy *proxy, const struct json *message,
		   const struct json *error, const struct json *value)
{
	if (!is_awaited(proxy, message))
		fault(proxy, "an answer to what was not asked");
	else if ((error && value) || (value && value->type != JSON_OBJECT) ||
		 (error && error->type != JSON_OBJECT))
		fault(proxy, "an answer of the wrong form");
	else if (error)
		refused(proxy, error);
	else
		answered(proxy);
}

/* "guest-reset", "guest-panic", ...: QEMU's fixed words, or nothing. */
static void shutdown_cause(const struct json *message, char *ret, size_t size)
{
	const struct json *cause = json_get(json_get(message, "data"), "reason");
	const char *allowed = "abcdefghijklmnopqrstuvwxyz-";

	ret[0] = '\0';
	if (!cause || cause->type != JSON_STRING)
		return;
	if (strlen(cause->text) < size &&
	    strspn(cause->text, allowed) == strlen(cause->text))
		memcpy(ret, cause->text, strlen(cause->text) + 1);
}

static void event(struct proxy *proxy, const struct json *message,
		  const struct json *name)
{
	char cause[32], line[RECORD_LINE_MAX];

	if (name->type != JSON_STRING) {
		fault(proxy, "an event without a name");
	} else if (strcmp(name->text, "GUEST_PANICKED") == 0) {
		proxy_end(proxy, true, "the guest kernel panicked");
	} else if (strcmp(name->text, "SHUTDOWN") == 0 && !proxy->ending) {
		console_drain(proxy);
		console_headline(proxy, line);
		shutdown_cause(message, cause, sizeof(cause));
		/* A panicked kernel resets the machine. */
		proxy_end(proxy, true, "%s%s%s%s",
			  strstr(line, "Kernel panic") ?
				  "the guest kernel panicked" :
				  "the VM shut down by itself",
			  cause[0] ? " (" : "", cause, cause[0] ? ")" : "");
	}
}

static void take_message(struct proxy *proxy, const char *line, size_t len)
{
	struct err err = ERR_INIT;
	struct json *message = NULL;
	const struct json *name, *error, *value;

	if (json_parse(line, len, &json_limits_qmp, &message, &err) < 0) {
		fault(proxy, "%s", err.text);
		return;
	}
	name = json_get(message, "event");
	error = json_get(message, "error");
	value = json_get(message, "return");
	if (proxy->qmp.state == QMP_GREETING)
		greeted(proxy, message);
	else if (name && !error && !value)
		event(proxy, message, name);
	else if (!name && (error || value))
		answer(proxy, message, error, value);
	else
		fault(proxy, "a message that QEMU does not send");
	json_free(message);
}

/* Return: false when there were too many lately */
static bool count_message(struct proxy *proxy)
{
	struct qmp *qmp = &proxy->qmp;

	if (qmp->count == 0 || proxy_left_ms(&qmp->window) == 0) {
		proxy_set_deadline(&qmp->window, WINDOW_MS);
		qmp->count = 0;
	}
	if (++qmp->count <= WINDOW_MESSAGES)
		return true;
	fault(proxy, "more than %d messages within a second", WINDOW_MESSAGES);
	return false;
}

/* Read on during the end as well: "quit" has an answer. */
static void take_lines(struct proxy *proxy)
{
	struct qmp *qmp = &proxy->qmp;
	size_t at = 0;
	char *end;

	while ((end = memchr(qmp->line + at, '\n', qmp->len - at))) {
		size_t len = (size_t)(end - qmp->line) - at;

		/* "\r\n" ends a line; an empty one is nothing. */
		if (!count_message(proxy))
			break;
		if (len > 1)
			take_message(proxy, qmp->line + at, len);
		at += len + 1;
	}
	if (end) { /* a flood */
		qmp->len = 0;
		return;
	}
	qmp->len -= at;
	memmove(qmp->line, qmp->line + at, qmp->len);
	if (qmp->len == sizeof(qmp->line)) {
		qmp->len = 0;
		fault(proxy, "line longer than %zu bytes", sizeof(qmp->line));
	}
}

void qmp_handle(struct proxy *proxy, struct source *source, uint32_t events)
{
	struct qmp *qmp = &proxy->qmp;
	ssize_t n;

	(void)events;
	n = read(source->fd, qmp->line + qmp->len, sizeof(qmp->line) - qmp->len);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		proxy_forget(proxy, source);
		memset(&qmp->deadline, 0, sizeof(qmp->deadline));
		if (qmp->state == QMP_QUIT)
			proxy_end(proxy, false, "the VMM closed its monitor");
		else
			proxy_suspect(proxy, "QMP: the VMM closed its monitor");
		return;
	}
	qmp->len += (size_t)n;
	take_lines(proxy);
}
