// SPDX-License-Identifier: Apache-2.0
/*
 * proxy-forward.c - ttrpc frames between many shims and the guest's one port.
 *
 * Only headers are read. A frame's payload is copied through two fixed
 * buffers; stream ids are re-mapped so that shims cannot meet. Hostile: every
 * byte from the guest. Shims are ours, but one may have been taken over by the
 * guest bytes it decoded: it gets no more than its own streams.
 *
 * #syscalls:proxy read write accept4 getsockopt fcntl
 */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log.h"
#include "proxy.h"

static void update_interest(struct proxy *proxy);

/* --- flows ----------------------------------------------------------------- */

static size_t flow_room(const struct flow *flow)
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

static void flow_put(struct flow *flow, const void *data, size_t len)
{
	BUG_ON(len > flow_room(flow));
	if (flow->start + flow->len + len > PROXY_FLOW_SIZE)
		flow_compact(flow);
	memcpy(flow->data + flow->start + flow->len, data, len);
	flow->len += len;
}

static void flow_drop(struct flow *flow, size_t len)
{
	flow->start += len;
	flow->len -= len;
	if (flow->len == 0)
		flow->start = 0;
}

/* Return: bytes read (> 0), 0 at end of file, -EAGAIN, -errno */
static ssize_t flow_fill(struct flow *flow, int fd, size_t max)
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
static ssize_t flow_write(struct flow *flow, int fd, size_t max)
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

static struct stream *stream_find(struct proxy *proxy, uint32_t guest_id)
{
	for (size_t i = 0; i < PROXY_STREAMS_MAX; i++)
		if (proxy->streams[i].guest_id == guest_id)
			return &proxy->streams[i];
	return NULL;
}

/* A free entry with a guest id nobody waits for; NULL when too many wait. */
static struct stream *stream_new(struct proxy *proxy, struct client *client,
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

/* --- shims ----------------------------------------------------------------- */

static void put_header(struct proxy *proxy, uint32_t stream, uint32_t length)
{
	struct ttrpc_header header = { .length = length,
				       .stream = stream,
				       .type = TTRPC_REQUEST };
	uint8_t bytes[TTRPC_HEADER_SIZE];

	ttrpc_header_encode(&header, bytes);
	flow_put(&proxy->to_guest, bytes, sizeof(bytes));
}

/*
 * Sends the request that a shim left for the case of its own death. While a
 * frame is on its way, or there is no room, it waits in its slot; a guest that
 * never makes room meets the stuck deadline.
 */
static void try_will(struct proxy *proxy, struct client *client)
{
	struct stream *stream;

	if (proxy->pad_left > 0 || proxy->sender ||
	    flow_room(&proxy->to_guest) < TTRPC_HEADER_SIZE + client->will_len)
		return;
	stream = stream_new(proxy, NULL, 0);
	if (!stream)
		return;
	put_header(proxy, stream->guest_id, (uint32_t)client->will_len);
	flow_put(&proxy->to_guest, client->will, client->will_len);
	client->will_len = 0;
}

/*
 * The frame of a dead sender was announced with its length: the rest goes as
 * zeros, which the agent refuses as a malformed request.
 */
static void pad_frame(struct proxy *proxy)
{
	static const uint8_t zeros[4096];

	while (proxy->pad_left > 0 && flow_room(&proxy->to_guest) > 0) {
		size_t n = min_size(min_size(proxy->pad_left, sizeof(zeros)),
				    flow_room(&proxy->to_guest));

		flow_put(&proxy->to_guest, zeros, n);
		proxy->pad_left -= (uint32_t)n;
	}
}

static void client_gone(struct proxy *proxy, struct client *client,
			const char *why)
{
	bool was_main = client->is_main;

	proxy_forget(proxy, &client->source);
	for (size_t i = 0; i < PROXY_STREAMS_MAX; i++)
		if (proxy->streams[i].client == client)
			proxy->streams[i].client = NULL;
	if (proxy->receiver == client) {
		proxy->receiver = NULL;
		proxy->guest_drop = true;
	}
	if (proxy->sender == client) {
		proxy->sender = NULL;
		proxy->pad_left = client->payload_left;
		pad_frame(proxy);
	}
	if (client->will_len > 0 && !was_main)
		try_will(proxy, client);
	/* A will that must wait keeps its slot (see flush_wills). */
	if (client->will_len == 0 || was_main)
		memset(client, 0, sizeof(*client));
	client->source.fd = -1;
	client->hung_up = client->will_len > 0;
	if (was_main)
		proxy_end(proxy, false, "the container's shim ended (%s)", why);
}

/* Wills that had to wait. */
static void flush_wills(struct proxy *proxy)
{
	for (size_t i = 0; i < PROXY_CLIENTS_MAX; i++) {
		struct client *client = &proxy->clients[i];

		if (client->source.fd >= 0 || client->will_len == 0)
			continue;
		try_will(proxy, client);
		if (client->will_len > 0)
			continue;
		memset(client, 0, sizeof(*client));
		client->source.fd = -1;
	}
}

static int start_will(struct client *client, const struct ttrpc_header *header)
{
	if (header->length == 0 || header->length > PROXY_WILL_MAX ||
	    client->will_len > 0)
		return -EPROTO;
	client->payload_is_will = true;
	client->payload_left = header->length;
	client->will_wanted = header->length;
	return 0;
}

static int proxy_frame(struct proxy *proxy, struct client *client,
		       const struct ttrpc_header *header)
{
	if (header->type == TTRPC_PROXY_WILL)
		return start_will(client, header);
	if (header->length != 0)
		return -EPROTO;
	if (header->type == TTRPC_PROXY_DONE) {
		client->will_len = 0;
		return 0;
	}
	if (header->type != TTRPC_PROXY_MAIN || proxy->had_main)
		return -EPROTO;
	client->is_main = true;
	proxy->had_main = true;
	return 0;
}

static uint32_t be32(const uint8_t *in)
{
	uint32_t value;

	memcpy(&value, in, sizeof(value));
	return ntohl(value);
}

/* A whole header has come from a shim. 0, or -errno to drop the shim. */
static int client_header(struct proxy *proxy, struct client *client)
{
	struct ttrpc_header header = { .length = be32(client->header),
				       .stream = be32(client->header + 4),
				       .type = client->header[8] };
	struct stream *stream;

	client->header_len = 0;
	if (header.type >= TTRPC_PROXY_WILL)
		return proxy_frame(proxy, client, &header);
	if (header.type != TTRPC_REQUEST || header.length > TTRPC_PAYLOAD_MAX)
		return -EPROTO;
	stream = stream_new(proxy, client, header.stream);
	if (!stream)
		return -ENOBUFS;
	put_header(proxy, stream->guest_id, header.length);
	client->payload_left = header.length;
	if (header.length > 0)
		proxy->sender = client;
	return 0;
}

static ssize_t read_header(struct client *client)
{
	ssize_t n = read(client->source.fd, client->header + client->header_len,
			 TTRPC_HEADER_SIZE - client->header_len);

	if (n > 0)
		client->header_len += (size_t)n;
	return n < 0 ? -errno : n;
}

static ssize_t read_will(struct client *client)
{
	size_t have = client->will_wanted - client->payload_left;
	ssize_t n = read(client->source.fd, client->will + have,
			 client->payload_left);

	if (n <= 0)
		return n < 0 ? -errno : 0;
	client->payload_left -= (uint32_t)n;
	if (client->payload_left == 0) {
		client->payload_is_will = false;
		client->will_len = client->will_wanted;
	}
	return n;
}

static ssize_t read_payload(struct proxy *proxy, struct client *client)
{
	ssize_t n = flow_fill(&proxy->to_guest, client->source.fd,
			      client->payload_left);

	if (n > 0)
		client->payload_left -= (uint32_t)n;
	if (client->payload_left == 0)
		proxy->sender = NULL;
	return n;
}

/* Reads what this shim may send now. 1 go on, 0 stop, -errno drop it. */
static int client_step(struct proxy *proxy, struct client *client)
{
	ssize_t n;
	int r;

	if (client->payload_is_will) {
		n = read_will(client);
	} else if (proxy->sender == client) {
		n = read_payload(proxy, client);
	} else if (proxy->sender || proxy->pad_left > 0 ||
		   flow_room(&proxy->to_guest) < 2 * TTRPC_HEADER_SIZE) {
		return 0; /* another frame is on its way */
	} else {
		n = read_header(client);
	}
	if (n == -EAGAIN || n == -EINTR)
		return 0;
	if (n <= 0)
		return n < 0 ? (int)n : -EPIPE;
	if (client->header_len == TTRPC_HEADER_SIZE) {
		r = client_header(proxy, client);
		if (r < 0)
			return r;
	}
	return 1;
}

static void flush_receiver(struct proxy *proxy);

/*
 * A shim that is gone may have left frames, its DONE among them. They are read
 * as soon as the way to the guest is free; the container's own shim has no
 * more say, its end is the sandbox's.
 */
static void settle_hung_up(struct proxy *proxy, struct client *client)
{
	int r = client->is_main ? -EPIPE : 1;

	while (r > 0)
		r = client_step(proxy, client);
	if (r < 0)
		client_gone(proxy, client, strerror(-r));
}

static void client_handle(struct proxy *proxy, struct source *source,
			  uint32_t events)
{
	struct client *client = (struct client *)source;
	int r = 1;

	if (events & EPOLLOUT)
		flush_receiver(proxy);
	if (client->source.fd < 0)
		return;
	if (events & (EPOLLHUP | EPOLLERR | EPOLLRDHUP))
		client->hung_up = true;
	while (r > 0 && !client->hung_up && (events & EPOLLIN))
		r = client_step(proxy, client);
	if (r < 0)
		client_gone(proxy, client, strerror(-r));
	update_interest(proxy);
}

static struct client *free_client(struct proxy *proxy)
{
	for (size_t i = 0; i < PROXY_CLIENTS_MAX; i++)
		if (proxy->clients[i].source.fd < 0 &&
		    proxy->clients[i].will_len == 0)
			return &proxy->clients[i];
	return NULL;
}

void forward_accept(struct proxy *proxy, struct source *source, uint32_t events)
{
	int fd = accept4(source->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct client *client = free_client(proxy);

	(void)events;
	if (fd < 0)
		return;
	if (!client || proxy->ending || !proxy_peer_is_us(proxy, fd)) {
		log_warn("a connection to the agent channel was refused");
		close(fd);
		return;
	}
	memset(client, 0, sizeof(*client));
	client->source.fd = fd;
	client->source.handle = client_handle;
	if (proxy_watch(proxy, &client->source, EPOLLIN) < 0)
		proxy_forget(proxy, &client->source);
}

/* --- guest ----------------------------------------------------------------- */

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
		client_gone(proxy, client, strerror((int)-written));
		return 1;
	}
	proxy->guest_left -= (uint32_t)written;
	return 1;
}

static void flush_receiver(struct proxy *proxy)
{
	struct err err = ERR_INIT;

	for (;;) {
		if (proxy->guest_left > 0) {
			if (!push_to_receiver(proxy))
				return;
			continue;
		}
		proxy->receiver = NULL;
		proxy->guest_drop = false;
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
	proxy_end(proxy, true, "the VM closed the agent channel");
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
		proxy_end(proxy, true, "agent channel: %s", strerror((int)-n));
	}
	return 0;
}

void forward_agent(struct proxy *proxy, struct source *source, uint32_t events)
{
	if (events & EPOLLOUT)
		write_guest(proxy);
	if (source->fd >= 0 && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		read_guest(proxy);
	flush_receiver(proxy);
	update_interest(proxy);
}

/* --- who is listened to ----------------------------------------------------- */

static uint32_t client_interest(const struct proxy *proxy,
				const struct client *client)
{
	uint32_t events = EPOLLRDHUP; /* its end must always be seen */
	bool may_send = proxy->sender == client ||
			(!proxy->sender && proxy->pad_left == 0);

	if (client->hung_up)
		return 0; /* seen: update_interest() reads the rest */
	if (client->payload_is_will ||
	    (may_send && flow_room(&proxy->to_guest) >= 2 * TTRPC_HEADER_SIZE))
		events |= EPOLLIN;
	if (proxy->receiver == client && proxy->from_guest.len > 0)
		events |= EPOLLOUT;
	return events;
}

/* Whatever a dead shim left undone. Return: true while some of it waits */
static bool settle(struct proxy *proxy)
{
	bool waiting = false;

	for (size_t i = 0; i < PROXY_CLIENTS_MAX; i++) {
		struct client *client = &proxy->clients[i];

		if (client->source.fd >= 0 && client->hung_up)
			settle_hung_up(proxy, client);
	}
	pad_frame(proxy);
	flush_wills(proxy);
	for (size_t i = 0; i < PROXY_CLIENTS_MAX; i++)
		waiting |= proxy->clients[i].hung_up;
	return waiting || proxy->pad_left > 0;
}

/*
 * A guest that stops reading its port must not hide that a shim is gone: it
 * has PROXY_STUCK_MS to take what is owed to it.
 */
static void settle_all(struct proxy *proxy)
{
	bool waiting = settle(proxy);

	while (proxy->agent.fd >= 0 && proxy->to_guest.len > 0 &&
	       write_guest(proxy) > 0 && waiting)
		waiting = settle(proxy);
	if (!waiting)
		memset(&proxy->stuck_deadline, 0, sizeof(proxy->stuck_deadline));
	else if (proxy->stuck_deadline.tv_sec == 0)
		proxy_set_deadline(&proxy->stuck_deadline, PROXY_STUCK_MS);
}

static void update_interest(struct proxy *proxy)
{
	uint32_t agent_events = 0;

	settle_all(proxy);
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
				client_interest(proxy, client)) < 0)
			proxy_end(proxy, true, "cannot watch a shim");
	}
}
