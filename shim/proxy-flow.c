// SPDX-License-Identifier: Apache-2.0
/*
 * proxy-flow.c - kata-proxy's two byte buffers, one each way, and the table of
 * calls that wait for the guest. Runs confined; the bytes are copied, never
 * looked at.
 *
 * #syscalls:proxy read sendto
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy.h"

size_t flow_room(const struct flow *flow)
{
	return PROXY_FLOW_SIZE - flow->len;
}

static void flow_compact(struct flow *flow)
{
	if (flow->start == 0)
		return;
	memmove(flow->data, flow->data + flow->start, flow->len);
	flow->start = 0;
}

void flow_put(struct flow *flow, const void *data, size_t len)
{
	BUG_ON(len > flow_room(flow));
	if (flow->start + flow->len + len > PROXY_FLOW_SIZE)
		flow_compact(flow);
	memcpy(flow->data + flow->start + flow->len, data, len);
	flow->len += len;
}

void flow_drop(struct flow *flow, size_t len)
{
	flow->start += len;
	flow->len -= len;
	if (flow->len == 0)
		flow->start = 0;
}

/* Return: bytes read (> 0), 0 at end of file, -EAGAIN, -errno */
ssize_t flow_fill(struct flow *flow, int fd, size_t max)
{
	size_t room = min_size(flow_room(flow), max);
	ssize_t n;

	if (room == 0)
		return -EAGAIN;
	if (flow->start + flow->len + room > PROXY_FLOW_SIZE)
		flow_compact(flow);
	do {
		n = read(fd, flow->data + flow->start + flow->len, room);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	flow->len += (size_t)n;
	return n;
}

/* Return: bytes written, or -errno */
ssize_t flow_write(struct flow *flow, int fd, size_t max)
{
	ssize_t n;

	do {
		n = send(fd, flow->data + flow->start, min_size(flow->len, max),
			 MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	flow_drop(flow, (size_t)n);
	return n;
}

/* --- streams --------------------------------------------------------------- */

struct stream *stream_find(struct proxy *proxy, uint32_t guest_id)
{
	for (size_t i = 0; i < PROXY_STREAMS_MAX; i++)
		if (proxy->streams[i].guest_id == guest_id)
			return &proxy->streams[i];
	return NULL;
}

/* A free entry with a guest id nobody waits for; NULL when too many wait. */
struct stream *stream_new(struct proxy *proxy, struct client *client,
			  uint32_t client_id)
{
	struct stream *stream = stream_find(proxy, 0);

	if (!stream)
		return NULL;
	do {
		proxy->next_guest_id += 2;
		if (proxy->next_guest_id >= 0x7fffffff)
			proxy->next_guest_id = 1;
	} while (stream_find(proxy, proxy->next_guest_id));
	stream->guest_id = proxy->next_guest_id;
	stream->client_id = client_id;
	stream->client = client;
	return stream;
}
