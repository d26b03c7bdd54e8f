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
#include "agent-client.h"

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
#include "health.pb-c.h"
#include "log.h"

#define CHECK_INTERVAL_MS 5000
/* Each Check that was not answered keeps its entry: a share of them at most. */
#define CHECKS_MAX (AGENT_CALLS_MAX / 4)
#define ERROR_TEXT_MAX 400
/* Requests are ours; this only stops a bug from eating memory. */
#define OUT_MAX (2 * (TTRPC_PAYLOAD_MAX + TTRPC_HEADER_SIZE))

#define SERVICE_AGENT "grpc.AgentService"
#define SERVICE_HEALTH "grpc.Health"

struct method {
	const char *service;
	const char *name;
	const ProtobufCMessageDescriptor *request;
	const ProtobufCMessageDescriptor *reply; /* NULL: answer not used */
};

#define METHOD(name_, request_, reply_)                                        \
	{                                                                      \
		SERVICE_AGENT, name_, &grpc__##request_##__descriptor, reply_  \
	}
#define REPLY(name_) &grpc__##name_##__descriptor

static const struct method methods[] = {
	[AGENT_CHECK] = { SERVICE_HEALTH, "Check",
			  &grpc__check_request__descriptor,
			  REPLY(health_check_response) },
	[AGENT_CREATE_SANDBOX] =
		METHOD("CreateSandbox", create_sandbox_request, NULL),
	[AGENT_DESTROY_SANDBOX] =
		METHOD("DestroySandbox", destroy_sandbox_request, NULL),
	[AGENT_CREATE_CONTAINER] = METHOD("CreateContainer",
					  create_container_request,
					  REPLY(create_container_response)),
	[AGENT_START_CONTAINER] =
		METHOD("StartContainer", start_container_request, NULL),
	[AGENT_REMOVE_CONTAINER] =
		METHOD("RemoveContainer", remove_container_request, NULL),
	[AGENT_EXEC_PROCESS] = METHOD("ExecProcess", exec_process_request,
				      REPLY(exec_process_response)),
	[AGENT_SIGNAL_PROCESS] =
		METHOD("SignalProcess", signal_process_request, NULL),
	[AGENT_WAIT_PROCESS] = METHOD("WaitProcess", wait_process_request,
				      REPLY(wait_process_response)),
	[AGENT_WRITE_STDIN] = METHOD("WriteStdin", write_stream_request,
				     REPLY(write_stream_response)),
	[AGENT_READ_STDOUT] = METHOD("ReadStdout", read_stream_request,
				     REPLY(read_stream_response)),
	[AGENT_READ_STDERR] = METHOD("ReadStderr", read_stream_request,
				     REPLY(read_stream_response)),
	[AGENT_CLOSE_STDIN] = METHOD("CloseStdin", close_stdin_request, NULL),
	[AGENT_TTY_WIN_RESIZE] =
		METHOD("TtyWinResize", tty_win_resize_request, NULL),
	[AGENT_UPDATE_INTERFACE] =
		METHOD("UpdateInterface", update_interface_request, NULL),
	[AGENT_UPDATE_ROUTES] =
		METHOD("UpdateRoutes", update_routes_request, NULL),
	[AGENT_ADD_ARP_NEIGHBORS] =
		METHOD("AddARPNeighbors", add_arpneighbors_request, NULL),
	[AGENT_SET_GUEST_DATE_TIME] =
		METHOD("SetGuestDateTime", set_guest_date_time_request, NULL),
	[AGENT_RESEED_RANDOM_DEV] =
		METHOD("ReseedRandomDev", reseed_random_dev_request, NULL),
	[AGENT_GUEST_DETAILS] = METHOD("GetGuestDetails", guest_details_request,
				       REPLY(guest_details_response)),
	[AGENT_PAUSE_CONTAINER] =
		METHOD("PauseContainer", pause_container_request, NULL),
	[AGENT_RESUME_CONTAINER] =
		METHOD("ResumeContainer", resume_container_request, NULL),
	[AGENT_UPDATE_CONTAINER] = METHOD("UpdateContainer",
					  update_container_request,
					  REPLY(update_container_response)),
	[AGENT_STATS_CONTAINER] = METHOD("StatsContainer",
					 stats_container_request,
					 REPLY(stats_container_response)),
	[AGENT_GET_OOM_EVENT] =
		METHOD("GetOOMEvent", get_oomevent_request, REPLY(oomevent)),
};
static_assert(ARRAY_SIZE(methods) == AGENT_METHOD_MAX, "a row for each method");

static int64_t now_ms(void)
{
	struct timespec now;

	BUG_ON(clock_gettime(CLOCK_MONOTONIC, &now) < 0);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* --- decoding ----------------------------------------------------------- */

/* protobuf-c takes NULL as "give up", so a budget stops any amplification. */
static void *budget_alloc(void *budget, size_t size)
{
	size_t *left = budget;
	void *ptr;

	if (size > *left)
		return NULL;
	ptr = malloc(size ? size : 1);
	if (ptr)
		*left -= size;
	return ptr;
}

static void budget_free(void *budget, void *ptr)
{
	(void)budget; /* what was spent stays spent */
	free(ptr);
}

int agent_reply_decode(enum agent_method method, const void *data, size_t len,
		       struct ProtobufCMessage **ret_message, struct err *err)
{
	size_t budget = AGENT_MESSAGE_MAX;
	ProtobufCAllocator allocator = { .alloc = budget_alloc,
					 .free = budget_free,
					 .allocator_data = &budget };
	ProtobufCMessage *message;

	*ret_message = NULL;
	if (!methods[method].reply)
		return 0;
	message = protobuf_c_message_unpack(methods[method].reply, &allocator,
					    len, data);
	if (!message)
		return err_msg(err, EPROTO,
			       "the agent's answer to %s is malformed",
			       methods[method].name);
	*ret_message = message;
	return 0;
}

void agent_message_free(struct ProtobufCMessage *message)
{
	if (message)
		protobuf_c_message_free_unpacked(message, NULL);
}

static int status_to_errno(enum agent_method method, int32_t code)
{
	switch (code) {
	case TTRPC_INVALID_ARGUMENT:
		return EINVAL;
	case TTRPC_DEADLINE_EXCEEDED:
		return ETIMEDOUT;
	case TTRPC_NOT_FOUND:
		return method == AGENT_SIGNAL_PROCESS ? ESRCH : ENOENT;
	case TTRPC_ALREADY_EXISTS:
		return EEXIST;
	case TTRPC_PERMISSION_DENIED:
		return EACCES;
	case TTRPC_FAILED_PRECONDITION:
		return EBUSY;
	case TTRPC_UNIMPLEMENTED:
		return EOPNOTSUPP;
	case TTRPC_UNAVAILABLE:
		return EAGAIN;
	default:
		return EIO;
	}
}

/*
 * The agent's own words, because engines look for phrases in them, but only
 * as printable text of bounded length.
 */
static void status_to_err(enum agent_method method,
			  const struct ttrpc_response *response, struct err *err)
{
	int code = status_to_errno(method, response->code);
	char text[ERROR_TEXT_MAX];

	if (!response->message || !response->message[0]) {
		err_msg(err, code, "the agent refused %s (status %d)",
			methods[method].name, response->code);
		return;
	}
	log_escape(text, sizeof(text), response->message,
		   strlen(response->message));
	err_msg(err, code, "%s", text);
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
		status_to_err(call.method, &response, &refused);
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

static int request_pack(enum agent_method method,
			const ProtobufCMessage *request, uint32_t stream,
			int timeout_ms, uint8_t **ret_frame, size_t *ret_len,
			struct err *err)
{
	size_t size = protobuf_c_message_get_packed_size(request);
	int64_t nano = timeout_ms > 0 ? (int64_t)timeout_ms * 1000000 : 0;
	AUTO_FREE uint8_t *packed = NULL;

	BUG_ON(request->descriptor != methods[method].request);
	if (size > TTRPC_PAYLOAD_MAX)
		return err_msg(err, EMSGSIZE, "%s: request too large",
			       methods[method].name);
	packed = xcalloc(size, 1);
	BUG_ON(protobuf_c_message_pack(request, packed) != size);
	return ttrpc_request_encode(stream, methods[method].service,
				    methods[method].name, packed, size, nano,
				    ret_frame, ret_len, err);
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
	r = request_pack(method, request, stream, timeout_ms, &frame, &len, err);
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
		.deadline_ms = timeout_ms > 0 ? now_ms() + timeout_ms : -1,
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
	int r = request_pack(method, request, 0, AGENT_NO_TIMEOUT, &frame, &len,
			     err);

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
	left = next - now_ms();
	if (left <= 0)
		return 0;
	return left < INT_MAX ? (int)left : INT_MAX;
}

void agent_client_expire(struct agent_client *client)
{
	int64_t now = now_ms();

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
			methods[call.method].name);
		call_reply(client, &call, NULL, &late);
	}
}

/* --- one call at a time ------------------------------------------------- */

/* Waits for the socket once; deadline in now_ms() terms, -1 none. */
static int step(struct agent_client *client, int64_t deadline, struct err *err)
{
	struct pollfd pfd = { .fd = client->fd, .events = POLLIN };
	int64_t left = deadline < 0 ? -1 : deadline - now_ms();
	int next = agent_client_timeout(client);
	int r;

	if (client->out_len)
		pfd.events |= POLLOUT;
	if (deadline >= 0 && left < 0)
		left = 0;
	if (next >= 0 && (left < 0 || next < left))
		left = next;
	r = poll(&pfd, 1, left > INT_MAX ? INT_MAX : (int)left);
	if (r < 0 && errno != EINTR)
		return err_set(err, errno, "wait for the agent");
	if (r > 0) {
		uint32_t events = pfd.revents & POLLOUT ? EPOLLOUT : 0;

		if (pfd.revents & ~POLLOUT)
			events |= EPOLLIN;
		if (agent_client_handle(client, events, err) < 0)
			return -err->code;
	}
	/* Also after bytes: a peer that drips must not outlast the deadline. */
	agent_client_expire(client);
	return 0;
}

int agent_client_flush(struct agent_client *client, int timeout_ms,
		       struct err *err)
{
	int64_t deadline = now_ms() + timeout_ms;

	for (;;) {
		struct pollfd pfd = { .fd = client->fd, .events = POLLOUT };
		int64_t left = deadline - now_ms();
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

struct waiter {
	enum agent_method method;
	bool done;
	ProtobufCMessage *message;
	struct err err;
};

/* The answer lives only during the callback: keep a copy. */
static void waiter_reply(void *ctx, const ProtobufCMessage *message,
			 const struct err *err)
{
	struct waiter *waiter = ctx;
	AUTO_FREE uint8_t *packed = NULL;
	size_t size;

	waiter->done = true;
	if (err) {
		waiter->err = *err;
		return;
	}
	if (!message)
		return;
	size = protobuf_c_message_get_packed_size(message);
	packed = xcalloc(size, 1);
	protobuf_c_message_pack(message, packed);
	if (agent_reply_decode(waiter->method, packed, size, &waiter->message,
			       &waiter->err) < 0)
		return; /* the error is in the waiter */
}

/* A frame that goes away must not leave a pointer to its waiter behind. */
static void waiter_forget(struct agent_client *client, struct waiter *waiter)
{
	for (size_t i = 0; i < AGENT_CALLS_MAX; i++)
		if (client->calls[i].stream && client->calls[i].ctx == waiter)
			client->calls[i].reply = NULL;
}

int agent_call_wait(struct agent_client *client, enum agent_method method,
		    const ProtobufCMessage *request, int timeout_ms,
		    ProtobufCMessage **ret_message, struct err *err)
{
	struct waiter waiter = { .method = method, .err = ERR_INIT };
	int r;

	BUG_ON(client->in_callback);
	r = agent_call_start(client, method, request, timeout_ms, waiter_reply,
			     &waiter, err);
	while (r == 0 && !waiter.done)
		r = step(client, -1, err);
	if (r < 0) {
		waiter_forget(client, &waiter);
		agent_message_free(waiter.message);
		return r;
	}
	if (waiter.err.code) {
		*err = waiter.err;
		return -err->code;
	}
	if (ret_message)
		*ret_message = waiter.message;
	else
		agent_message_free(waiter.message);
	return 0;
}

int agent_check_wait(struct agent_client *client, int timeout_ms,
		     struct err *err)
{
	Grpc__CheckRequest request = GRPC__CHECK_REQUEST__INIT;
	int64_t deadline = now_ms() + timeout_ms;
	int64_t interval = timeout_ms / CHECKS_MAX;

	if (interval < CHECK_INTERVAL_MS)
		interval = CHECK_INTERVAL_MS;
	for (;;) {
		AUTO_AGENT_MESSAGE ProtobufCMessage *message = NULL;
		int64_t left = deadline - now_ms();
		int r;

		if (left <= 0)
			return err_msg(
				err, ETIMEDOUT,
				"the agent did not answer within %d s of the VM's start",
				timeout_ms / 1000);
		if (left > interval)
			left = interval;
		r = agent_call_wait(client, AGENT_CHECK, &request.base,
				    (int)left, &message, err);
		if (r == -ETIMEDOUT)
			continue;
		if (r < 0)
			return r;
		if (!message ||
		    ((Grpc__HealthCheckResponse *)message)->status !=
			    GRPC__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING)
			return err_msg(err, EIO,
				       "the agent says that it is not serving");
		return 0;
	}
}
