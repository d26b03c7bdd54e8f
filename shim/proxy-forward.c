// SPDX-License-Identifier: Apache-2.0
/*
 * proxy-forward.c - ttrpc frames between many shims and the guest's one port:
 * the guest's side, and who is listened to.
 *
 * Only headers are read. A frame's payload is copied through two fixed
 * buffers; stream ids are re-mapped so that shims cannot meet. Runs confined.
 * Hostile: every byte from the guest.
 *
 * #syscalls:proxy read sendto
 */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "log.h"
#include "proxy.h"

/* A whole header has come from the guest. 0, or -errno: the VM must end. */
static int guest_header(struct proxy *proxy, struct err *err)
{
	uint8_t bytes[TTRPC_HEADER_SIZE];
	struct ttrpc_header header;
	struct stream *stream;
	int r;

	memcpy(bytes, proxy->from_guest.data + proxy->from_guest.start,
	       sizeof(bytes));
	r = ttrpc_header_decode(bytes, &header, err);
	if (r < 0)
		return r;
	stream = header.stream ? stream_find(proxy, header.stream) : NULL;
	if (header.type != TTRPC_RESPONSE || !stream)
		return err_msg(
			err, EPROTO,
			"frame of type %u for stream %u, which nobody asked for",
			header.type, header.stream);
	proxy->receiver = stream->client;
	proxy->guest_drop = !stream->client;
	proxy->guest_left = header.length + TTRPC_HEADER_SIZE;
	header.stream = stream->client_id;
	memset(stream, 0, sizeof(*stream));
	ttrpc_header_encode(&header, bytes);
	memcpy(proxy->from_guest.data + proxy->from_guest.start, bytes,
	       sizeof(bytes));
	return 0;
}

/* Moves the frame at hand on to its shim. 1 moved, 0 nothing to move now. */
static int push_to_receiver(struct proxy *proxy)
{
	size_t n = min_size(proxy->guest_left, proxy->from_guest.len);
	struct client *client = proxy->receiver;
	ssize_t written;

	if (n == 0)
		return 0;
	if (proxy->guest_drop) {
		flow_drop(&proxy->from_guest, n);
		proxy->guest_left -= (uint32_t)n;
		return 1;
	}
	written = flow_write(&proxy->from_guest, client->source.fd, n);
	if (written == -EAGAIN)
		return 0;
	if (written < 0) {
		shims_gone(proxy, client, strerror((int)-written));
		return 1;
	}
	proxy->guest_left -= (uint32_t)written;
	proxy->guest_begun = true;
	return 1;
}

void forward_flush(struct proxy *proxy)
{
	struct err err = ERR_INIT;

	/* The shims have been told that it is over: nothing may follow. */
	while (!proxy->ending || !proxy->failed) {
		if (proxy->guest_left > 0) {
			if (!push_to_receiver(proxy))
				return;
			continue;
		}
		proxy->receiver = NULL;
		proxy->guest_drop = proxy->guest_begun = false;
		if (proxy->from_guest.len < TTRPC_HEADER_SIZE)
			return;
		if (guest_header(proxy, &err) < 0) {
			proxy_end(proxy, true, "the guest sent a %s", err.text);
			proxy_forget(proxy, &proxy->agent);
			return;
		}
	}
}

static void read_guest(struct proxy *proxy)
{
	ssize_t n =
		flow_fill(&proxy->from_guest, proxy->agent.fd, PROXY_FLOW_SIZE);

	if (n > 0 || n == -EAGAIN)
		return;
	proxy_forget(proxy, &proxy->agent);
	proxy_suspect(proxy, "the VM closed the agent channel");
}

/* Return: bytes that went to the guest */
static size_t write_guest(struct proxy *proxy)
{
	ssize_t n;

	if (proxy->to_guest.len == 0)
		return 0;
	n = flow_write(&proxy->to_guest, proxy->agent.fd, PROXY_FLOW_SIZE);
	if (n >= 0)
		return (size_t)n;
	if (n != -EAGAIN) {
		proxy_forget(proxy, &proxy->agent);
		/* a write may find the end before a read does */
		proxy_suspect(
			proxy,
			n == -EPIPE || n == -ECONNRESET ?
				"the VM closed the agent channel" :
				"the VM does not take what is sent to the agent");
	}
	return 0;
}

void forward_agent(struct proxy *proxy, struct source *source, uint32_t events)
{
	if (events & EPOLLOUT)
		write_guest(proxy);
	if (source->fd >= 0 && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		read_guest(proxy);
	forward_flush(proxy);
	forward_update(proxy);
}

/* --- who is listened to ----------------------------------------------------- */

/*
 * A guest that stops reading its port must not hide that a shim is gone: it
 * has PROXY_STUCK_MS to take what is owed to it.
 */
static void settle_all(struct proxy *proxy)
{
	bool waiting = shims_settle(proxy);

	while (proxy->agent.fd >= 0 && proxy->to_guest.len > 0 &&
	       write_guest(proxy) > 0 && waiting)
		waiting = shims_settle(proxy);
	if (!waiting)
		memset(&proxy->stuck_deadline, 0, sizeof(proxy->stuck_deadline));
	else if (proxy->stuck_deadline.tv_sec == 0)
		proxy_set_deadline(&proxy->stuck_deadline, PROXY_STUCK_MS);
}

void forward_update(struct proxy *proxy)
{
	uint32_t agent_events = 0;

	settle_all(proxy);
	/*
	 * A receiver that is gone by now left its frame in the buffer. When
	 * that is full no event would come any more to make room in it.
	 */
	while (proxy->guest_drop && proxy->from_guest.len > 0 &&
	       !(proxy->ending && proxy->failed)) {
		forward_flush(proxy);
		settle_all(proxy);
	}
	if (flow_room(&proxy->from_guest) > 0)
		agent_events |= EPOLLIN;
	if (proxy->to_guest.len > 0)
		agent_events |= EPOLLOUT;
	if (proxy_watch(proxy, &proxy->agent, agent_events) < 0)
		proxy_end(proxy, true, "cannot watch the agent channel");
	for (size_t i = 0; i < PROXY_CLIENTS_MAX; i++) {
		struct client *client = &proxy->clients[i];

		if (client->source.fd >= 0 &&
		    proxy_watch(proxy, &client->source,
				shims_interest(proxy, client)) < 0)
			proxy_end(proxy, true, "cannot watch a shim");
	}
}
