// SPDX-License-Identifier: Apache-2.0
/*
 * proxy-control.c - records from kata-runtime: the creating one over the
 * inherited socket, later ones over control.sock. Only our own user connects
 * (0700 directory, 0600 socket, SO_PEERCRED).
 *
 * #syscalls:proxy accept4 close
 */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fd.h"
#include "log.h"
#include "proxy.h"

static void reply(int fd, enum record_type type)
{
	struct err err = ERR_INIT;
	union record record;

	if (fd < 0)
		return;
	record_init(&record, type);
	if (record_send(fd, &record, &err) < 0)
		log_warn("answer to the runtime: %s", err.text);
}

void control_ready(struct proxy *proxy)
{
	struct err err = ERR_INIT;
	union record record;

	if (proxy->creator.fd < 0)
		return;
	record_init(&record, RECORD_PROXY_READY);
	record.confined.landlock = proxy->confine.landlock;
	if (record_send(proxy->creator.fd, &record, &err) < 0)
		log_warn("answer to the runtime: %s", err.text);
}

void control_continued(struct proxy *proxy)
{
	reply(proxy->cont_reply_fd, RECORD_OK);
	proxy->cont_reply_fd = -1;
}

/* Tells whoever waits why nothing more will come. */
void control_failed(struct proxy *proxy)
{
	struct err what = ERR_INIT, err = ERR_INIT;
	int fd = proxy->cont_reply_fd >= 0 ? proxy->cont_reply_fd :
					     proxy->creator.fd;

	if (fd < 0)
		return;
	err_msg(&what, EIO, "sandbox: %s", proxy->reason);
	if (record_send_error(fd, &what, &err) < 0)
		log_warn("report to the runtime: %s", err.text);
}

static void tell(struct proxy *proxy, int fd)
{
	struct err err = ERR_INIT;
	union record record;

	console_drain(proxy);
	record_init(&record, RECORD_PROXY_LAST_WORDS);
	record.words.failed = proxy->failed;
	snprintf(record.words.reason, sizeof(record.words.reason), "%s",
		 proxy->reason);
	console_headline(proxy, record.words.headline);
	/* A runtime that waits for nothing must not stop us. */
	if (record_send(fd, &record, &err) < 0)
		log_info("last words to the runtime: %s", err.text);
}

void control_last_words(struct proxy *proxy)
{
	if (proxy->creator.fd >= 0)
		tell(proxy, proxy->creator.fd);
}

void control_ended(struct proxy *proxy)
{
	reply(proxy->quit_reply_fd, RECORD_OK);
}

static void serve(struct proxy *proxy, int fd, const union record *record)
{
	struct err what = ERR_INIT, err = ERR_INIT;

	switch ((enum record_type)record->h.type) {
	case RECORD_PROXY_PING:
		reply(fd, RECORD_OK);
		return;
	case RECORD_PROXY_TELL:
		tell(proxy, fd);
		return;
	case RECORD_PROXY_CONT:
		if (proxy->running || proxy->qmp.state != QMP_IDLE)
			break;
		proxy->cont_reply_fd = fd;
		qmp_cont(proxy);
		return;
	case RECORD_PROXY_QUIT:
		proxy->quit_reply_fd = fd;
		proxy_end(proxy, false, "the runtime asked for it");
		return;
	default:
		break;
	}
	err_msg(&what, EPROTO, "record %u is not expected now", record->h.type);
	if (record_send_error(fd, &what, &err) < 0)
		log_warn("answer to the runtime: %s", err.text);
}

static void forget_control(struct proxy *proxy, struct source *source)
{
	if (proxy->cont_reply_fd == source->fd)
		proxy->cont_reply_fd = -1;
	if (proxy->quit_reply_fd == source->fd)
		proxy->quit_reply_fd = -1;
	proxy_forget(proxy, source);
}

static void control_handle(struct proxy *proxy, struct source *source,
			   uint32_t events)
{
	struct err err = ERR_INIT;
	union record record;
	int r = record_recv(source->fd, &record, -1, &err);

	(void)events;
	if (r >= 0)
		serve(proxy, source->fd, &record);
	else if (r != -EAGAIN)
		forget_control(proxy, source);
}

void control_creator(struct proxy *proxy, struct source *source, uint32_t events)
{
	control_handle(proxy, source, events);
	if (source->fd < 0 && !proxy->had_main)
		proxy_end(proxy, true, "the creating runtime is gone");
}

void control_accept(struct proxy *proxy, struct source *source, uint32_t events)
{
	int fd = accept4(source->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	if (fd < 0)
		return;
	for (size_t i = 0;
	     i < PROXY_CONTROLS_MAX && proxy_peer_is_us(proxy, fd); i++) {
		struct source *control = &proxy->controls[i];

		if (control->fd >= 0)
			continue;
		control->fd = fd;
		control->events = 0;
		control->handle = control_handle;
		if (proxy_watch(proxy, control, EPOLLIN) < 0)
			proxy_forget(proxy, control);
		return;
	}
	log_warn("a control connection was refused");
	close(fd);
}
