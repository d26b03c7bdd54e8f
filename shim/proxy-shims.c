// SPDX-License-Identifier: Apache-2.0
/*
 * proxy-shims.c - the shims' side of kata-proxy: connections, frames on their
 * way to the guest, and what a shim's death means. Runs confined. Shims are
 * ours, but one may have been taken over by the guest bytes it decoded: it
 * gets no more than its own streams.
 *
 * #syscalls:proxy read accept4 sendto close
 */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log.h"
#include "proxy.h"

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

void shims_gone(struct proxy *proxy, struct client *client, const char *why)
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
		shims_gone(proxy, client, strerror(-r));
}

static void client_handle(struct proxy *proxy, struct source *source,
			  uint32_t events)
{
	struct client *client = (struct client *)source;
	int r = 1;

	if (events & EPOLLOUT)
		forward_flush(proxy);
	/* it may be gone by now; the others must go on in any case */
	if (client->source.fd < 0)
		r = 0;
	else if (events & (EPOLLHUP | EPOLLERR | EPOLLRDHUP))
		client->hung_up = true;
	while (r > 0 && !client->hung_up && (events & EPOLLIN))
		r = client_step(proxy, client);
	if (r < 0)
		shims_gone(proxy, client, strerror(-r));
	forward_update(proxy);
}

static struct client *free_client(struct proxy *proxy)
{
	for (size_t i = 0; i < PROXY_CLIENTS_MAX; i++)
		if (proxy->clients[i].source.fd < 0 &&
		    proxy->clients[i].will_len == 0)
			return &proxy->clients[i];
	return NULL;
}

void shims_accept(struct proxy *proxy, struct source *source, uint32_t events)
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

uint32_t shims_interest(const struct proxy *proxy, const struct client *client)
{
	uint32_t events = EPOLLRDHUP; /* its end must always be seen */
	bool may_send = proxy->sender == client ||
			(!proxy->sender && proxy->pad_left == 0);

	if (client->hung_up)
		return 0; /* seen: forward_update() reads the rest */
	if (client->payload_is_will ||
	    (may_send && flow_room(&proxy->to_guest) >= 2 * TTRPC_HEADER_SIZE))
		events |= EPOLLIN;
	if (proxy->receiver == client && proxy->from_guest.len > 0)
		events |= EPOLLOUT;
	return events;
}

/* Whatever a dead shim left undone. Return: true while some of it waits */
bool shims_settle(struct proxy *proxy)
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
 * A shim in the middle of a frame cannot take another one: it only sees the
 * end of the channel, the log has the rest.
 */
void shims_last_words(struct proxy *proxy)
{
	char text[TTRPC_HEADER_SIZE + TTRPC_END_MAX];
	char lines[RECORD_LINES_MAX][RECORD_LINE_MAX];
	size_t count = console_lines(proxy, lines, RECORD_LINES_MAX);
	struct ttrpc_header header = { .type = TTRPC_PROXY_END };
	size_t len = TTRPC_HEADER_SIZE;

	len += (size_t)snprintf(text + len, ERR_TEXT_MAX, "%s", proxy->reason);
	for (size_t i = 0; i < count && proxy->failed; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "\n%s",
					lines[i]);
	header.length = (uint32_t)(len - TTRPC_HEADER_SIZE);
	ttrpc_header_encode(&header, (uint8_t *)text);
	for (size_t i = 0; i < PROXY_CLIENTS_MAX; i++) {
		struct client *client = &proxy->clients[i];

		if (client->source.fd < 0 ||
		    (proxy->receiver == client && proxy->guest_begun))
			continue;
		IGNORE(send(client->source.fd, text, len,
			    MSG_NOSIGNAL | MSG_DONTWAIT) < 0,
		       "the end of the channel says it, too");
	}
}
