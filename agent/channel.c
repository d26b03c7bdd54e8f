// SPDX-License-Identifier: Apache-2.0
/*
 * channel.c - the virtio-serial port: request frames in, answer frames out.
 * Runs in kata-agent. The host is trusted with the guest; its frames are
 * still bounded (lib/ttrpc). When the host closes the port the sandbox is
 * over: the machine ends.
 */
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "auto.h"
#include "boot.h"
#include "dispatch.h"
#include "log.h"

/* Host limit of lib/ttrpc; a request may hold a whole OCI configuration. */
#define FRAME_MAX TTRPC_PAYLOAD_MAX

/*
 * Times that the relay is filled for one answer. A pipe of 1 MiB, all that a
 * container may have unless it is privileged, has four relays' buffers.
 */
#define FILLS_MAX 16

/* --- the relay ------------------------------------------------------------- */

/* Without it, or a smaller one, things work and are slower. */
static void open_relay(struct channel *channel)
{
	channel->relay_used = false;
	channel->relay[0] = channel->relay[1] = -1;
	if (pipe2(channel->relay, O_CLOEXEC | O_NONBLOCK) < 0) {
		log_warn("relay: %s", strerror(errno));
		return;
	}
	IGNORE(fcntl(channel->relay[0], F_SETPIPE_SZ, AGENT_READ_SIZE_MAX) < 0,
	       "speed only");
}

static void reopen_relay(struct channel *channel)
{
	for (size_t i = 0; i < ARRAY_SIZE(channel->relay); i++)
		if (channel->relay[i] >= 0)
			close(channel->relay[i]);
	open_relay(channel);
}

/*
 * A write that faults leaves a buffer of no bytes in a pipe. Such buffers are
 * moved as others are, and would fill the relay for good: only a read drops
 * them. For a relay without bytes.
 */
static void drop_empty_buffers(struct channel *channel)
{
	uint8_t byte;
	ssize_t n;

	/* 0 is a packet of no bytes, and not the end: we could write. */
	do {
		n = read(channel->relay[0], &byte, sizeof(byte));
	} while (n == 0 || (n < 0 && errno == EINTR));
	if (n < 0 && errno == EAGAIN)
		return;
	reopen_relay(channel);
}

/* Return: bytes that the relay holds now; else as call_reply_pipe() */
static ssize_t fill_relay(struct channel *channel, int pipe_fd, size_t max)
{
	for (int i = 0; i < FILLS_MAX; i++) {
		int code, count = 0;
		ssize_t n;

		do {
			n = splice(pipe_fd, NULL, channel->relay[1], NULL, max,
				   SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
		} while (n < 0 && errno == EINTR);
		if (n > 0)
			return n;
		code = n < 0 ? errno : 0;
		drop_empty_buffers(channel);
		if (code != EAGAIN)
			return code ? -EBUSY : 0;
		/* Is there something behind the buffers of no bytes? */
		if (ioctl(pipe_fd, FIONREAD, &count) < 0 || count == 0)
			return -EAGAIN;
	}
	return -EBUSY;
}

/*
 * What the relay holds has been promised to the host, and can be lost: a page of
 * a file's cache whose write failed can no longer be read (EIO; 0 when it has
 * left the file too), and a port that takes none and does not say why has
 * dropped it (the driver does without memory). The host gets as many zeros: a
 * container must not be able to end the machine this way.
 */
static void lose_relayed(struct channel *channel, struct channel_frame *frame)
{
	if (!channel->loss_logged)
		log_warn("output: %zu bytes cannot be read any more, zeros are "
			 "in their place (said once)",
			 frame->relayed);
	channel->loss_logged = true;
	frame->lost = frame->relayed;
	frame->relayed = 0;
	reopen_relay(channel);
}

/* --- frames ---------------------------------------------------------------- */

static ssize_t write_relayed(const struct channel *channel, size_t len)
{
	ssize_t n = splice(channel->relay[0], NULL, channel->fd, NULL, len,
			   SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

	if (n == 0)
		errno = EIO;
	return n > 0 ? n : -1;
}

/* Return: 0 or -errno */
static int write_zeros(const struct channel *channel, size_t *left)
{
	static const uint8_t zeros[4096];

	while (*left > 0) {
		ssize_t n = write(channel->fd, zeros,
				  min_size(*left, sizeof(zeros)));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		*left -= (size_t)n;
	}
	return 0;
}

/* Return: whether the frame has been written, or -errno */
static int write_frame(struct channel *channel, struct channel_frame *frame)
{
	ssize_t n;

	while (frame->done < frame->len) {
		n = write(channel->fd, frame->data + frame->done,
			  frame->len - frame->done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		frame->done += (size_t)n;
	}
	while (frame->relayed > 0) {
		n = write_relayed(channel, frame->relayed);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EIO || errno == ENODATA)) {
			lose_relayed(channel, frame);
			break;
		}
		if (n < 0)
			return -errno;
		frame->relayed -= (size_t)n;
		channel->relay_used = frame->relayed > 0;
	}
	return write_zeros(channel, &frame->lost);
}

static int write_queue(struct channel *channel)
{
	while (channel->head) {
		struct channel_frame *frame = channel->head;
		int r = write_frame(channel, frame);

		if (r < 0)
			return r;
		channel->head = frame->next;
		if (!channel->head)
			channel->tail = &channel->head;
		free(frame->data);
		free(frame);
	}
	return 0;
}

static void watch_port(struct agent *agent)
{
	struct channel *channel = &agent->channel;
	struct err err = ERR_INIT;

	if (loop_watch(agent, &channel->source,
		       EPOLLIN | (channel->head ? EPOLLOUT : 0u), &err) < 0)
		boot_fatal("%s", err.text);
}

static void write_out(struct agent *agent)
{
	int r = write_queue(&agent->channel);

	if (r < 0 && r != -EAGAIN)
		boot_fatal("write to the host: %s", strerror(-r));
	watch_port(agent);
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
	open_relay(channel);
	ttrpc_reader_init(&channel->reader, FRAME_MAX);
	return loop_watch(agent, &channel->source, EPOLLIN, err);
}

/*
 * A frame, and bytes from the relay behind it. Written from where it is as far
 * as the port takes it now; only the rest is copied.
 */
static void send_frame(struct agent *agent, const uint8_t *data, size_t len,
		       size_t relayed)
{
	struct channel *channel = &agent->channel;
	struct channel_frame now = { .data = (uint8_t *)(uintptr_t)data,
				     .len = len,
				     .relayed = relayed };
	struct channel_frame *frame;
	int r = channel->head ? -EAGAIN : write_frame(channel, &now);

	if (r == 0)
		return;
	if (r != -EAGAIN)
		boot_fatal("write to the host: %s", strerror(-r));
	frame = xcalloc(1, sizeof(*frame));
	frame->len = len - now.done;
	frame->relayed = now.relayed;
	frame->lost = now.lost;
	frame->data = xcalloc(frame->len, 1);
	memcpy(frame->data, data + now.done, frame->len);
	*channel->tail = frame;
	channel->tail = &frame->next;
	watch_port(agent);
}

static void send_answer(const struct call *call, enum ttrpc_code code,
			const char *text, const void *payload, size_t len)
{
	struct err err = ERR_INIT;
	AUTO_FREE uint8_t *frame = NULL;
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
	send_frame(call->agent, frame, frame_len, 0);
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

void call_reply_data(const struct call *call, uint8_t *buffer, size_t len)
{
	uint8_t head[TTRPC_DATA_HEAD_MAX];
	size_t head_len = ttrpc_data_head_encode(call->stream, len, head);
	uint8_t *start = buffer + CALL_DATA_ROOM - head_len;

	if (!call->stream)
		return;
	memcpy(start, head, head_len);
	send_frame(call->agent, start, head_len + len, 0);
}

/*
 * The buffers of the pipe are moved into the relay, and from there to the port,
 * which takes the pages themselves. Not straight from pipe to port: who opens
 * /proc/self/fd/1 in the container can take bytes away between the count that
 * the frame's head gives and the bytes.
 */
ssize_t call_reply_pipe(const struct call *call, int pipe_fd, size_t max)
{
	struct channel *channel = &call->agent->channel;
	uint8_t head[TTRPC_DATA_HEAD_MAX];
	ssize_t n;

	if (channel->relay[0] < 0 || channel->relay_used || !call->stream)
		return -EBUSY;
	n = fill_relay(channel, pipe_fd, max);
	if (n <= 0)
		return n;
	channel->relay_used = true;
	send_frame(call->agent, head,
		   ttrpc_data_head_encode(call->stream, (size_t)n, head),
		   (size_t)n);
	return n;
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
