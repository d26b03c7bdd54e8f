// SPDX-License-Identifier: Apache-2.0
/*
 * channel.c - the virtio-serial port: request frames in, answer frames out.
 * Runs in kata-agent. The host is trusted with the guest; its frames are
 * still bounded (lib/ttrpc). When the host closes the port the sandbox is
 * over: the machine ends.
 */
#include "agent.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#include "auto.h"
#include "boot.h"
#include "dispatch.h"
#include "log.h"

/* Host limit of lib/ttrpc; a request may hold a whole OCI configuration. */
#define FRAME_MAX TTRPC_PAYLOAD_MAX

static int write_some(struct channel *channel)
{
	while (channel->head) {
		struct channel_frame *frame = channel->head;
		ssize_t n = write(channel->fd, frame->data + frame->done,
				  frame->len - frame->done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		frame->done += (size_t)n;
		if (frame->done < frame->len)
			continue;
		channel->head = frame->next;
		if (!channel->head)
			channel->tail = &channel->head;
		free(frame->data);
		free(frame);
	}
	return 0;
}

static void write_out(struct agent *agent)
{
	struct channel *channel = &agent->channel;
	struct err err = ERR_INIT;
	int r = write_some(channel);

	if (r < 0 && r != -EAGAIN)
		boot_fatal("write to the host: %s", strerror(-r));
	r = loop_watch(agent, &channel->source,
		       EPOLLIN | (channel->head ? EPOLLOUT : 0u), &err);
	if (r < 0)
		boot_fatal("%s", err.text);
}

static void read_in(struct agent *agent)
{
	struct channel *channel = &agent->channel;
	struct ttrpc_header header;
	const uint8_t *payload;
	struct err err = ERR_INIT;
	int r;

	r = ttrpc_reader_fill(&channel->reader, channel->fd);
	if (r == 0)
		boot_end("the host closed the channel");
	if (r < 0 && r != -EAGAIN)
		boot_fatal("read from the host: %s", strerror(-r));
	for (;;) {
		r = ttrpc_reader_next(&channel->reader, &header, &payload, &err);
		if (r < 0)
			boot_fatal("bad frame from the host: %s", err.text);
		if (r == 0)
			return;
		dispatch_frame(agent, &header, payload);
		ttrpc_reader_consume(&channel->reader, &header);
	}
}

static void channel_ready(struct agent *agent, struct source *source UNUSED,
			  uint32_t events)
{
	if (events & EPOLLIN)
		read_in(agent);
	else if (events & (EPOLLHUP | EPOLLERR))
		boot_end("the host closed the channel");
	if (events & EPOLLOUT)
		write_out(agent);
}

/**
 * channel_start() - Serve requests on the port
 * @agent:	Agent whose loop is ready
 * @fd:		The port, non-blocking; taken over
 * @err:	Filled on failure
 *
 * Return: 0 or -errno
 */
int channel_start(struct agent *agent, int fd, struct err *err)
{
	struct channel *channel = &agent->channel;

	channel->fd = fd;
	channel->head = NULL;
	channel->tail = &channel->head;
	channel->source.fd = fd;
	channel->source.ready = channel_ready;
	ttrpc_reader_init(&channel->reader, FRAME_MAX);
	return loop_watch(agent, &channel->source, EPOLLIN, err);
}

/* Takes the frame over; writes at once when nothing waits before it. */
static void send_frame(struct agent *agent, uint8_t *data, size_t len)
{
	struct channel_frame *frame = xcalloc(1, sizeof(*frame));
	bool idle = !agent->channel.head;

	frame->data = data;
	frame->len = len;
	*agent->channel.tail = frame;
	agent->channel.tail = &frame->next;
	if (idle)
		write_out(agent);
}

static void send_answer(const struct call *call, enum ttrpc_code code,
			const char *text, const void *payload, size_t len)
{
	struct err err = ERR_INIT;
	uint8_t *frame;
	size_t frame_len;

	if (!call->stream)
		return;
	if (ttrpc_response_encode(call->stream, code, text, payload, len,
				  &frame, &frame_len, &err) < 0) {
		/* Too large for a frame: only our own answers can be. */
		log_err("answer on stream %u: %s", call->stream, err.text);
		BUG_ON(ttrpc_response_encode(call->stream, TTRPC_INTERNAL,
					     err.text, NULL, 0, &frame,
					     &frame_len, &err) < 0);
	}
	send_frame(call->agent, frame, frame_len);
}

void call_reply(const struct call *call, const ProtobufCMessage *message)
{
	size_t len = protobuf_c_message_get_packed_size(message);
	AUTO_FREE uint8_t *payload = xcalloc(len ? len : 1, 1);

	protobuf_c_message_pack(message, payload);
	send_answer(call, TTRPC_OK, NULL, payload, len);
}

void call_reply_empty(const struct call *call)
{
	send_answer(call, TTRPC_OK, NULL, NULL, 0);
}

static enum ttrpc_code code_of(int code)
{
	switch (code) {
	case EINVAL:
	case ERANGE:
		return TTRPC_INVALID_ARGUMENT;
	case ESRCH:
		return TTRPC_NOT_FOUND;
	case EEXIST:
		return TTRPC_ALREADY_EXISTS;
	case EBUSY:
		return TTRPC_FAILED_PRECONDITION;
	case EOPNOTSUPP:
		return TTRPC_UNIMPLEMENTED;
	case ENOTTY:
		return TTRPC_UNAVAILABLE;
	case EPERM:
		return TTRPC_PERMISSION_DENIED;
	default:
		return TTRPC_INTERNAL;
	}
}

void call_fail(const struct call *call, const struct err *err)
{
	send_answer(call, code_of(err->code), err->text, NULL, 0);
}
