// SPDX-License-Identifier: Apache-2.0
/*
 * proxy-qmp.c - the sole owner of QEMU's machine protocol. Five commands go
 * out; what comes back is hostile once the guest runs: one JSON object a line,
 * bounded, parsed under limits, and nothing of it is acted upon but
 * "return", "error" and the name of an event.
 *
 * #syscalls:proxy read sendto
 */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "json.h"
#include "log.h"
#include "proxy.h"

#define QMP_MS 5000

static void send_command(struct proxy *proxy, enum qmp_state state,
			 const char *text)
{
	size_t len = strlen(text);

	if (proxy->qmp.source.fd < 0)
		return;
	if (send(proxy->qmp.source.fd, text, len, MSG_NOSIGNAL) != (ssize_t)len) {
		proxy_forget(proxy, &proxy->qmp.source);
		proxy_end(proxy, true, "QMP: the VMM does not listen");
		return;
	}
	proxy->qmp.state = state;
	proxy_set_deadline(&proxy->qmp.deadline, QMP_MS);
}

void qmp_cont(struct proxy *proxy)
{
	send_command(proxy, QMP_CONT, "{\"execute\":\"cont\"}\n");
}

void qmp_quit(struct proxy *proxy)
{
	send_command(proxy, QMP_QUIT, "{\"execute\":\"quit\"}\n");
}

static void greeted(struct proxy *proxy, const struct json *message)
{
	if (!json_get(message, "QMP")) {
		proxy_end(proxy, true, "QMP: no greeting");
		return;
	}
	send_command(proxy, QMP_CAPABILITIES,
		     "{\"execute\":\"qmp_capabilities\"}\n");
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
	log_escape(text, sizeof(text), desc, min_size(strlen(desc), 60));
	proxy_end(proxy, true, "QMP refused a command: %s", text);
}

static void event(struct proxy *proxy, const char *name)
{
	if (strcmp(name, "GUEST_PANICKED") == 0)
		proxy_end(proxy, true, "the guest kernel panicked");
	else if (strcmp(name, "SHUTDOWN") == 0 && !proxy->ending)
		proxy_end(proxy, true, "the VM shut down by itself");
}

static void take_message(struct proxy *proxy, const char *line, size_t len)
{
	struct err err = ERR_INIT;
	struct json *message = NULL;
	const struct json *field;

	if (json_parse(line, len, &json_limits_qmp, &message, &err) < 0) {
		proxy_end(proxy, true, "QMP: %s", err.text);
		return;
	}
	if (proxy->qmp.state == QMP_GREETING)
		greeted(proxy, message);
	else if ((field = json_get(message, "event")) &&
		 field->type == JSON_STRING)
		event(proxy, field->text);
	else if ((field = json_get(message, "error")))
		refused(proxy, field);
	else if (json_get(message, "return"))
		answered(proxy);
	else
		proxy_end(proxy, true, "QMP: unknown message");
	json_free(message);
}

static void take_lines(struct proxy *proxy)
{
	struct qmp *qmp = &proxy->qmp;
	size_t at = 0;
	char *end;

	while ((end = memchr(qmp->line + at, '\n', qmp->len - at))) {
		size_t len = (size_t)(end - qmp->line) - at;

		/* "\r\n" ends a line; an empty one is nothing. */
		if (len > 1)
			take_message(proxy, qmp->line + at, len);
		at += len + 1;
	}
	qmp->len -= at;
	memmove(qmp->line, qmp->line + at, qmp->len);
	if (qmp->len == sizeof(qmp->line)) {
		qmp->len = 0;
		proxy_end(proxy, true, "QMP: line longer than %zu bytes",
			  sizeof(qmp->line));
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
		proxy_end(proxy, qmp->state != QMP_QUIT,
			  "the VMM closed its monitor");
		return;
	}
	qmp->len += (size_t)n;
	take_lines(proxy);
}
