// SPDX-License-Identifier: Apache-2.0
/*
 * agent-client.c - calls of the agent protocol; see agent-client.h.
 *
 * Runs in kata-shim, after it has confined itself, and in tests. Needs no
 * rights beyond a connected socket. Hostile: every byte read. Limits: one
 * frame (AGENT_FRAME_MAX), decoded size (AGENT_MESSAGE_MAX, by an allocator
 * that counts), number of calls in flight (ours, so the agent cannot raise
 * it), texts (escaped and cut to a struct err). An answer to a stream that
 * nobody waits for, a frame that is no response, or a body that does not
 * decode breaks the client for good.
 *
 * #syscalls:shim read sendto poll clock_gettime
 */
#include "agent-client-parts.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

#include "agent.pb-c.h"
#include "alloc.h"
#include "auto.h"
#include "fd.h"

/* Requests are ours; this only stops a bug from eating memory. */
#define OUT_MAX (2 * (TTRPC_PAYLOAD_MAX + TTRPC_HEADER_SIZE))

int64_t agent_client_now_ms(void)
{
	struct timespec now;

	BUG_ON(clock_gettime(CLOCK_MONOTONIC, &now) < 0);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* --- calls in flight ---------------------------------------------------- */

static struct agent_call *call_find(struct agent_client *client, uint32_t stream)
{
	for (size_t i = 0; i < AGENT_CALLS_MAX; i++)
		if (client->calls[i].stream == stream)
			return &client->calls[i];
	return NULL;
}

/* Odd, as a client's are, and not in use. */
static uint32_t stream_new(struct agent_client *client)
{
	uint32_t stream;

	do {
		stream = client->next_stream;
		client->next_stream += 2;
	} while (call_find(client, stream));
	return stream;
}

static void call_reply(struct agent_client *client,
		       const struct agent_call *call,
		       const ProtobufCMessage *message, const struct err *err)
{
	if (!call->reply)
		return;
	client->in_callback = true;
	call->reply(call->ctx, message, err);
	client->in_callback = false;
}

static int call_finish(struct agent_client *client, uint32_t stream,
		       const uint8_t *payload, size_t len, struct err *err)
{
	struct agent_call *entry = call_find(client, stream);
	struct ttrpc_response response;
	AUTO_AGENT_MESSAGE ProtobufCMessage *message = NULL;
	struct err refused = ERR_INIT;
	struct agent_call call;
	int r;

	if (!stream || !entry)
		return err_msg(err, EPROTO,
			       "the agent answered a call that was not made");
	call = *entry;
	r = ttrpc_response_decode(payload, len, &response, err);
	if (r < 0)
		return r;
	if (response.code != TTRPC_OK)
		agent_status_to_err(call.method, &response, &refused);
	else
		r = agent_reply_decode(call.method, response.payload,
				       response.payload_len, &message, err);
	ttrpc_response_done(&response);
	if (r < 0)
		return r;
	*entry = (struct agent_call){ .stream = 0 };
	call_reply(client, &call, message, refused.code ? &refused : NULL);
	return 0;
}

/* --- writing ------------------------------------------------------------ */

static int out_append(struct agent_client *client, const void *data, size_t len,
		      struct err *err)
{
	if (client->out_start) {
		memmove(client->out, client->out + client->out_start,
			client->out_len);
		client->out_start = 0;
	}
	if (client->out_len + len > OUT_MAX)
		return err_msg(err, ENOBUFS, "too much waits for the agent");
	if (client->out_len + len > client->out_size) {
		client->out = xgrow(client->out, client->out_size,
				    client->out_len + len, 1);
		client->out_size = client->out_len + len;
	}
	memcpy(client->out + client->out_len, data, len);
	client->out_len += len;
	return 0;
}

/* Writes what the socket takes now. */
static int out_write(struct agent_client *client, struct err *err)
{
	while (client->out_len) {
		ssize_t n = send(client->fd, client->out + client->out_start,
				 client->out_len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return 0;
		if (n < 0)
			return err_set(err, errno, "write to the agent channel");
		client->out_start += (size_t)n;
		client->out_len -= (size_t)n;
	}
	free(client->out);
	client->out = NULL;
	client->out_start = client->out_size = 0;
	return 0;
}

/**
 * agent_call_start() - Send a request
 * @client:	From agent_client_init()
 * @method:	Which call
 * @request:	Message of the type that belongs to @method; borrowed
 * @timeout_ms:	AGENT_NO_TIMEOUT or > 0
 * @reply:	Called once with the outcome, unless the client breaks first
 * @ctx:	For @reply
 * @err:	Filled on failure
 *
 * Return: 0; -EBUSY when too many calls are open; -EMSGSIZE
 */
int agent_call_start(struct agent_client *client, enum agent_method method,
		     const ProtobufCMessage *request, int timeout_ms,
		     agent_reply_fn reply, void *ctx, struct err *err)
{
	struct agent_call *call = call_find(client, 0);
	AUTO_FREE uint8_t *frame = NULL;
	uint32_t stream;
	size_t len;
	int r;

	if (!call)
		return err_msg(err, EBUSY, "too many calls to the agent");
	stream = stream_new(client);
	r = agent_request_pack(method, request, stream, timeout_ms, &frame,
			       &len, err);
	if (r < 0)
		return r;
	r = out_append(client, frame, len, err);
	if (r < 0)
		return r;
	*call = (struct agent_call){
		.stream = stream,
		.method = method,
		.reply = reply,
		.ctx = ctx,
		.deadline_ms =
			timeout_ms > 0 ? agent_client_now_ms() + timeout_ms : -1,
	};
	return 0;
}

int agent_proxy_frame(struct agent_client *client, enum ttrpc_type type,
		      const void *payload, size_t len, struct err *err)
{
	struct ttrpc_header header = { .length = (uint32_t)len,
				       .type = (uint8_t)type };
	uint8_t bytes[TTRPC_HEADER_SIZE];
	int r;

	BUG_ON(type < TTRPC_PROXY_WILL || len > TTRPC_PAYLOAD_MAX);
	ttrpc_header_encode(&header, bytes);
	r = out_append(client, bytes, sizeof(bytes), err);
	if (r < 0 || !len)
		return r;
	return out_append(client, payload, len, err);
}

int agent_proxy_will(struct agent_client *client, enum agent_method method,
		     const ProtobufCMessage *request, struct err *err)
{
	AUTO_FREE uint8_t *frame = NULL;
	size_t len;
	int r = agent_request_pack(method, request, 0, AGENT_NO_TIMEOUT, &frame,
				   &len, err);

	if (r < 0)
		return r;
	return agent_proxy_frame(client, TTRPC_PROXY_WILL,
				 frame + TTRPC_HEADER_SIZE,
				 len - TTRPC_HEADER_SIZE, err);
}

/* --- life and events ---------------------------------------------------- */

int agent_client_init(struct agent_client *client, int fd, struct err *err)
{
	int r = fd_set_nonblock(fd, true);

	if (r < 0)
		return err_set(err, -r, "agent channel");
	*client = (struct agent_client){ .fd = fd, .next_stream = 1 };
	ttrpc_reader_init(&client->reader, AGENT_FRAME_MAX);
	client->reader.allow_proxy_types = true;
	return 0;
}

void agent_client_done(struct agent_client *client)
{
	ttrpc_reader_done(&client->reader);
	free(client->out);
	free(client->last_words);
	*client = (struct agent_client){ .fd = -1 };
}

uint32_t agent_client_events(const struct agent_client *client)
{
	return EPOLLIN | (client->out_len ? EPOLLOUT : 0);
}

/*
 * The proxy's last frame: it knows why. Its bytes are printable but for the
 * line ends; one that was captured could send others, so they are checked.
 */
static int sandbox_ended(struct agent_client *client, const uint8_t *payload,
			 size_t len, struct err *err)
{
	size_t first;

	if (len > TTRPC_END_MAX)
		return err_msg(err, EPROTO,
			       "the proxy's last words are too long");
	free(client->last_words);
	client->last_words = xstrndup((const char *)payload, len);
	for (char *at = client->last_words; *at; at++)
		if (*at != '\n' && (*at < 0x20 || *at > 0x7e))
			*at = '?';
	first = strcspn(client->last_words, "\n");
	return err_msg(err, ECONNRESET, "%.*s", (int)min_size(first, 400),
		       client->last_words);
}

const char *agent_client_console(const struct agent_client *client)
{
	const char *line = client->last_words;

	if (line)
		line = strchr(line, '\n');
	return line ? line + 1 : NULL;
}

static int dispatch_frames(struct agent_client *client, struct err *err)
{
	struct ttrpc_header header;
	const uint8_t *payload;
	int r;

	while ((r = ttrpc_reader_next(&client->reader, &header, &payload, err)) >
	       0) {
		if (header.type == TTRPC_PROXY_END && header.stream == 0)
			return sandbox_ended(client, payload, header.length,
					     err);
		if (header.type != TTRPC_RESPONSE)
			return err_msg(err, EPROTO,
				       "the agent sent a frame of type %u",
				       header.type);
		r = call_finish(client, header.stream, payload, header.length,
				err);
		if (r < 0)
			return r;
		ttrpc_reader_consume(&client->reader, &header);
	}
	return r;
}

/* Reads until the socket is empty; a frame at a time is decoded. */
static int read_all(struct agent_client *client, struct err *err)
{
	int r;

	for (;;) {
		r = ttrpc_reader_fill(&client->reader, client->fd);
		if (r == -EAGAIN)
			return 0;
		if (r < 0)
			return err_set(err, -r, "read from the agent channel");
		if (r == 0)
			return err_msg(err, ECONNRESET,
				       "the agent channel was closed");
		r = dispatch_frames(client, err);
		if (r < 0)
			return r;
	}
}

int agent_client_handle(struct agent_client *client, uint32_t events,
			struct err *err)
{
	int r = 0;

	BUG_ON(client->in_callback);
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		r = read_all(client, err);
	if (r == 0) {
		r = out_write(client, err);
		/* A proxy that is gone has said why before. */
		if (r < 0)
			IGNORE(read_all(client, err) < 0, "r has it");
	}
	if (r < 0) {
		/* Whatever it was: nothing more can be called. */
		err->code = ECONNRESET;
		return -ECONNRESET;
	}
	return 0;
}

int agent_client_timeout(const struct agent_client *client)
{
	int64_t next = -1, left;

	for (size_t i = 0; i < AGENT_CALLS_MAX; i++) {
		const struct agent_call *call = &client->calls[i];

		if (!call->stream || call->deadline_ms < 0)
			continue;
		if (next < 0 || call->deadline_ms < next)
			next = call->deadline_ms;
	}
	if (next < 0)
		return -1;
	left = next - agent_client_now_ms();
	if (left <= 0)
		return 0;
	return left < INT_MAX ? (int)left : INT_MAX;
}

void agent_client_expire(struct agent_client *client)
{
	int64_t now = agent_client_now_ms();

	for (size_t i = 0; i < AGENT_CALLS_MAX; i++) {
		struct agent_call call = client->calls[i];
		struct err late = ERR_INIT;

		if (!call.stream || call.deadline_ms < 0 ||
		    call.deadline_ms > now)
			continue;
		/* The entry stays until the late answer has come. */
		client->calls[i].reply = NULL;
		client->calls[i].deadline_ms = -1;
		err_msg(&late, ETIMEDOUT, "the agent did not answer %s in time",
			agent_method_name(call.method));
		call_reply(client, &call, NULL, &late);
	}
}

int agent_client_flush(struct agent_client *client, int timeout_ms,
		       struct err *err)
{
	int64_t deadline = agent_client_now_ms() + timeout_ms;

	for (;;) {
		struct pollfd pfd = { .fd = client->fd, .events = POLLOUT };
		int64_t left = deadline - agent_client_now_ms();
		int r = out_write(client, err);

		if (r < 0 || !client->out_len)
			return r;
		if (left <= 0)
			return err_msg(err, ETIMEDOUT,
				       "the agent channel takes no bytes");
		if (poll(&pfd, 1, (int)left) < 0 && errno != EINTR)
			return err_set(err, errno, "wait for the agent channel");
	}
}
