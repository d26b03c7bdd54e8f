// SPDX-License-Identifier: Apache-2.0
/*
 * stream.c - standard streams of a process: ReadStdout, ReadStderr,
 * WriteStdin and CloseStdin as requests that wait in a queue until the pipe
 * or terminal can serve them. Runs in kata-agent. The bytes are the
 * container's and are never looked at.
 */
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "fd.h"
#include "log.h"

/* Of every container's output: on the heap, which hide.c can empty. */
static uint8_t *read_buffer;

static struct call call_of(struct agent *agent, const struct stream_call *from)
{
	return (struct call){ .agent = agent, .stream = from->stream };
}

static void drop_first(struct stream *stream)
{
	struct stream_call *first = stream->calls;

	stream->calls = first->next;
	stream->call_count--;
	free(first->data);
	free(first);
}

static int queue_call(struct stream *stream, struct stream_call *entry,
		      struct err *err)
{
	struct stream_call **at = &stream->calls;

	if (stream->call_count >= AGENT_STREAM_CALLS_MAX) {
		free(entry->data);
		free(entry);
		return err_msg(err, EBUSY, "too many calls wait on the stream");
	}
	while (*at)
		at = &(*at)->next;
	*at = entry;
	stream->call_count++;
	return 0;
}

static void watch(struct agent *agent, struct stream *stream, uint32_t events)
{
	struct err err = ERR_INIT;

	if (events == 0)
		loop_forget(agent, &stream->source);
	else if (loop_watch(agent, &stream->source, events, &err) < 0)
		log_err("stream of %s: %s", stream->process->container->id,
			err.text);
}

/* --- output ---------------------------------------------------------------- */

static void answer_end(struct agent *agent, struct stream *stream)
{
	Grpc__ReadStreamResponse answer = GRPC__READ_STREAM_RESPONSE__INIT;
	struct call call = call_of(agent, stream->calls);

	drop_first(stream);
	stream->end_told = true;
	process_check_done(agent, stream->process);
	call_reply(&call, &answer.base);
}

/* Return: bytes that were answered, 0 at the end, -errno */
static ssize_t answer_read(const struct call *call, const struct stream *stream,
			   size_t want)
{
	ssize_t n = -EBUSY;

	if (!stream->process->terminal)
		n = call_reply_pipe(call, stream->fd, want);
	if (n != -EBUSY)
		return n;
	do {
		n = read(stream->fd, read_buffer + CALL_DATA_ROOM, want);
	} while (n < 0 && errno == EINTR);
	if (n > 0)
		call_reply_data(call, read_buffer, (size_t)n);
	return n < 0 ? -errno : n;
}

/* An exited process writes no more; a terminal gets a moment to deliver. */
static bool is_drained(const struct process *process)
{
	return process->state == PROCESS_EXITED &&
	       (!process->terminal || loop_now_ms() >= process->drain_until_ms);
}

void stream_pump_out(struct agent *agent, struct stream *stream)
{
	while (stream->calls) {
		struct call call = call_of(agent, stream->calls);
		size_t want = min_size(stream->calls->want, AGENT_READ_SIZE_MAX);
		ssize_t n = 0;

		if (stream->is_last)
			want = min_size(want, stream->left);
		/* The container may open its pipe again: an end stays one. */
		if (stream->fd >= 0 && want > 0 && !stream->end_told)
			n = answer_read(&call, stream, want);
		if (n == -EAGAIN && !is_drained(stream->process)) {
			watch(agent, stream, EPOLLIN);
			return;
		}
		/* A terminal without processes says EIO: the end. */
		if (n <= 0) {
			answer_end(agent, stream);
			continue;
		}
		drop_first(stream);
		stream->left -= stream->is_last ? (size_t)n : 0;
	}
	watch(agent, stream, 0);
}

void stream_end(struct agent *agent, struct stream *stream)
{
	int count = 0;

	/*
	 * Survivors of an exec may write for ever. A terminal's buffers cannot
	 * be counted: it ends when it is empty.
	 */
	if (stream->fd >= 0 && !stream->process->terminal &&
	    ioctl(stream->fd, FIONREAD, &count) == 0) {
		stream->left = (size_t)count;
		stream->is_last = true;
	}
	stream_pump_out(agent, stream);
}

int stream_read(struct agent *agent, struct stream *stream, uint32_t call,
		uint32_t want, struct err *err)
{
	struct stream_call *entry;
	int r;

	if (want == 0)
		return err_msg(err, EINVAL, "a read of no bytes");
	entry = xcalloc(1, sizeof(*entry));
	entry->stream = call;
	entry->want = want;
	r = queue_call(stream, entry, err);
	if (r < 0)
		return r;
	if (stream->call_count == 1)
		stream_pump_out(agent, stream);
	return 0;
}

/* --- input ----------------------------------------------------------------- */

static void close_input(struct agent *agent, struct stream *stream)
{
	loop_forget(agent, &stream->source);
	if (stream->fd >= 0)
		close(stream->fd);
	stream->fd = -1;
}

static void answer_write(struct agent *agent, struct stream *stream)
{
	Grpc__WriteStreamResponse answer = GRPC__WRITE_STREAM_RESPONSE__INIT;
	struct call call = call_of(agent, stream->calls);

	answer.len = (uint32_t)(stream->calls->written + stream->calls->done);
	drop_first(stream);
	call_reply(&call, &answer.base);
}

static void fail_writes(struct agent *agent, struct stream *stream, int code)
{
	struct err err = ERR_INIT;

	err_set(&err, code, "write to standard input");
	while (stream->calls) {
		struct call call = call_of(agent, stream->calls);

		drop_first(stream);
		call_fail(&call, &err);
	}
}

static void pump_in(struct agent *agent, struct stream *stream)
{
	while (stream->calls && stream->fd >= 0) {
		struct stream_call *first = stream->calls;
		ssize_t n = write(stream->fd, first->data + first->done,
				  first->len - first->done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			watch(agent, stream, EPOLLOUT);
			return;
		}
		if (n < 0) {
			int code = errno;

			close_input(agent, stream);
			fail_writes(agent, stream, code);
			return;
		}
		first->done += (size_t)n;
		if (first->done == first->len)
			answer_write(agent, stream);
	}
	watch(agent, stream, 0);
	if (stream->close_when_written)
		close_input(agent, stream);
}

static int queue_write(struct stream *stream, uint32_t call, const uint8_t *data,
		       size_t len, size_t written, struct err *err)
{
	struct stream_call *entry = xcalloc(1, sizeof(*entry));

	entry->stream = call;
	entry->written = written;
	entry->len = len - written;
	entry->data = xcalloc(entry->len ? entry->len : 1, 1);
	if (entry->len)
		memcpy(entry->data, data + written, entry->len);
	return queue_call(stream, entry, err);
}

int stream_write(struct agent *agent, struct stream *stream, uint32_t call,
		 const void *data, size_t len, struct err *err)
{
	Grpc__WriteStreamResponse answer = GRPC__WRITE_STREAM_RESPONSE__INIT;
	struct call now = { agent, call };
	bool is_first = !stream->calls;
	size_t written = 0;
	ssize_t n;
	int r;

	if (stream->fd < 0 || stream->close_when_written)
		return err_msg(err, EPIPE, "standard input is closed");
	if (is_first) {
		/* What fits at once is not copied; errors show below. */
		n = write(stream->fd, data, len);
		written = n > 0 ? (size_t)n : 0;
	}
	if (is_first && written == len) {
		answer.len = (uint32_t)len;
		call_reply(&now, &answer.base);
		return 0;
	}
	r = queue_write(stream, call, data, len, written, err);
	if (r == 0 && is_first)
		pump_in(agent, stream);
	return r;
}

void stream_close_input(struct agent *agent, struct stream *stream)
{
	/* The end of a terminal's input is a character, not a closed end. */
	if (stream->fd < 0 || stream->process->terminal)
		return;
	stream->close_when_written = true;
	if (!stream->calls)
		close_input(agent, stream);
}

/* --- both ------------------------------------------------------------------ */

static void stream_ready(struct agent *agent, struct source *source,
			 uint32_t events UNUSED)
{
	struct stream *stream = container_of(source, struct stream, source);

	if (stream == &stream->process->in)
		pump_in(agent, stream);
	else
		stream_pump_out(agent, stream);
}

void stream_init(struct stream *stream, struct process *process)
{
	if (!read_buffer)
		read_buffer = xcalloc(1, CALL_DATA_ROOM + AGENT_READ_SIZE_MAX);
	stream->fd = -1;
	stream->process = process;
	stream->source.ready = stream_ready;
}

int stream_open(struct stream *stream, int fd, struct err *err)
{
	int r;

	stream->fd = fd;
	stream->source.fd = fd;
	r = fd_set_nonblock(fd, true);
	return r < 0 ? err_set(err, -r, "non-blocking stream") : 0;
}

void stream_done(struct agent *agent, struct stream *stream)
{
	close_input(agent, stream);
	if (stream == &stream->process->in)
		fail_writes(agent, stream, EPIPE);
	else
		stream_pump_out(agent, stream);
}
