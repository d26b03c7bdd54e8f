// SPDX-License-Identifier: Apache-2.0
/*
 * io.c - pumps between the engine's stdio and the guest's streams.
 *
 * Runs in kata-shim, confined. Needs no rights. Hostile: the guest's output,
 * which is only copied; the amount is what we asked for or the sandbox ends.
 *
 * One write and two reads in flight a stream, and none while bytes are kept
 * that the engine has not taken: memory is bounded by one chunk to the guest
 * and two from it, and a side that does not read stops the other. The engine's
 * descriptors are shared with other processes (a shell, conmon): O_NONBLOCK
 * would leak to them, so each write to a pipe says RWF_NOWAIT, or where the
 * kernel does not know that, takes one page after poll(2) said that there is
 * room. An engine that closed its reading end must not stop the container:
 * output is then read and dropped.
 *
 * #syscalls:shim/start newfstatat ioctl
 * #syscalls:shim read write recvfrom sendto poll
 * #syscalls:shim pwritev2 - RWF_NOWAIT: as much as a shared pipe has room for
 * #syscalls:shim dup2 - stdio that is nobody's any more becomes /dev/null
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "agent.pb-c.h"
#include "alloc.h"
#include "log.h"
#include "shim.h"

#define LAST_WORDS_MS 200

static void input_pump(struct shim *shim);
static void output_pump(struct shim_output *output);

static void progress(struct shim *shim)
{
	shim->idle_since_ms = loop_now_ms();
}

/* A violation of the protocol: the guest is not to be talked to any more. */
static void violated(struct shim *shim, const char *what)
{
	struct err err = ERR_INIT;

	err_msg(&err, ECONNRESET, "the agent answered %s with a wrong length",
		what);
	loop_broken(shim, &err);
}

/* --- engine to guest ---------------------------------------------------- */

static void input_stop(struct shim *shim)
{
	struct shim_input *input = &shim->input;

	if (loop_watch(shim, &input->source, 0) < 0)
		log_warn("stdin: cannot stop watching");
	input->ended = true;
	input->len = 0;
	free(input->chunk);
	input->chunk = NULL;
	/* The engine's writer learns that nobody reads. A terminal stays. */
	if (!shim->terminal && dup2(shim->null_fd, STDIN_FILENO) < 0)
		log_warn("stdin: cannot close");
}

static void closed(void *ctx, const ProtobufCMessage *message,
		   const struct err *err)
{
	(void)ctx;
	(void)message;
	if (err)
		log_debug("close stdin: %s", err->text);
}

/* End of file from the engine: the process must see it too. */
static void input_end(struct shim *shim)
{
	Grpc__CloseStdinRequest request = GRPC__CLOSE_STDIN_REQUEST__INIT;
	struct err err = ERR_INIT;

	input_stop(shim);
	if (shim->terminal)
		return; /* the hang-up came as a signal */
	request.container_id = (char *)(uintptr_t)shim->id;
	request.exec_id = (char *)(uintptr_t)shim->process_id;
	if (agent_call_start(&shim->agent, AGENT_CLOSE_STDIN, &request.base,
			     AGENT_CALL_TIMEOUT_MS, closed, shim, &err) < 0)
		log_warn("close stdin: %s", err.text);
}

static void written(void *ctx, const ProtobufCMessage *message,
		    const struct err *err)
{
	const Grpc__WriteStreamResponse *reply = (const void *)message;
	struct shim *shim = ctx;
	struct shim_input *input = &shim->input;

	input->in_flight = false;
	if (input->ended)
		return;
	if (err) {
		/* The process closed its stdin or ended. */
		log_debug("write stdin: %s", err->text);
		input_stop(shim);
		return;
	}
	if (!reply->len || reply->len > input->len) {
		violated(shim, "WriteStdin");
		return;
	}
	input->start += reply->len;
	input->len -= reply->len;
	input_pump(shim);
}

static void input_send(struct shim *shim)
{
	Grpc__WriteStreamRequest request = GRPC__WRITE_STREAM_REQUEST__INIT;
	struct shim_input *input = &shim->input;
	struct err err = ERR_INIT;

	request.container_id = (char *)(uintptr_t)shim->id;
	request.exec_id = (char *)(uintptr_t)shim->process_id;
	request.data.data = input->chunk + input->start;
	request.data.len = input->len;
	/* No deadline: a process that does not read is none of our business. */
	if (agent_call_start(&shim->agent, AGENT_WRITE_STDIN, &request.base,
			     AGENT_NO_TIMEOUT, written, shim, &err) < 0) {
		log_warn("write stdin: %s", err.text);
		input_stop(shim);
		return;
	}
	input->in_flight = true;
}

static ssize_t input_read(const struct shim_input *input)
{
	ssize_t n;

	do {
		if (input->kind == SHIM_FD_SOCKET)
			n = recv(STDIN_FILENO, input->chunk, SHIM_CHUNK,
				 MSG_DONTWAIT);
		else
			n = read(STDIN_FILENO, input->chunk, SHIM_CHUNK);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

/* The descriptor is ready, or never blocks. */
static void input_take(struct shim *shim)
{
	struct shim_input *input = &shim->input;
	ssize_t n = input_read(input);

	if (n == -EAGAIN)
		return;
	if (n <= 0) {
		if (n < 0 && n != -EIO)
			log_warn("stdin: %s", strerror((int)-n));
		input_end(shim);
		return;
	}
	input->start = 0;
	input->len = (size_t)n;
	input_pump(shim);
}

static void input_handle(struct shim *shim, struct shim_source *source,
			 uint32_t events)
{
	(void)source;
	(void)events;
	if (!shim->input.ended && !shim->input.in_flight && !shim->input.len)
		input_take(shim);
}

static void input_pump(struct shim *shim)
{
	struct shim_input *input = &shim->input;
	uint32_t events = 0;

	if (input->ended || input->in_flight)
		return;
	if (!input->len && input->kind != SHIM_FD_FILE)
		events = EPOLLIN;
	if (loop_watch(shim, &input->source, events) < 0) {
		log_warn("stdin: cannot be watched");
		input_end(shim);
		return;
	}
	if (input->len)
		input_send(shim);
	else if (input->kind == SHIM_FD_FILE)
		input_take(shim);
}

/* --- guest to engine ---------------------------------------------------- */

static ssize_t write_page(int fd, const uint8_t *data, size_t len)
{
	struct pollfd pfd = { .fd = fd, .events = POLLOUT };

	if (poll(&pfd, 1, 0) < 0)
		return -1;
	if (pfd.revents & (POLLERR | POLLNVAL)) {
		errno = EPIPE;
		return -1;
	}
	if (!(pfd.revents & POLLOUT)) {
		errno = EAGAIN;
		return -1;
	}
	return write(fd, data, min_size(len, PIPE_BUF));
}

/*
 * As much as there is room for. Pipes know RWF_NOWAIT since Linux 6.4, a
 * terminal does not.
 */
static ssize_t write_pipe(struct shim_output *output, const uint8_t *data,
			  size_t len)
{
	struct iovec iov = { (void *)(uintptr_t)data, len };
	ssize_t n;

	if (output->by_page)
		return write_page(output->source.fd, data, len);
	n = pwritev2(output->source.fd, &iov, 1, -1, RWF_NOWAIT);
	if (n >= 0 ||
	    (errno != EOPNOTSUPP && errno != EINVAL && errno != ENOSYS))
		return n;
	output->by_page = true;
	return write_page(output->source.fd, data, len);
}

static ssize_t write_some(struct shim_output *output, const uint8_t *data,
			  size_t len)
{
	int fd = output->source.fd;
	ssize_t n;

	do {
		if (output->kind == SHIM_FD_PIPE)
			n = write_pipe(output, data, len);
		else if (output->kind == SHIM_FD_SOCKET)
			n = send(fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
		else
			n = write(fd, data, len);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

/* Writes what the engine takes now; 0 progress is fine. */
static size_t output_write(struct shim_output *output, const uint8_t *data,
			   size_t len)
{
	size_t done = 0;

	while (done < len && !output->discard) {
		ssize_t n = write_some(output, data + done, len - done);

		if (n == -EAGAIN)
			break;
		if (n < 0) {
			/* The container goes on without a reader. */
			log_info("descriptor %d: %s; output is dropped from now on",
				 output->source.fd, strerror((int)-n));
			output->discard = true;
			break;
		}
		done += (size_t)n;
	}
	if (done)
		progress(output->shim);
	return output->discard ? len : done;
}

/* Behind what is kept already: never more than SHIM_READS chunks in all. */
static void output_keep(struct shim_output *output, const uint8_t *data,
			size_t len)
{
	uint8_t *rest = xcalloc(output->len + len, 1);

	if (output->len)
		memcpy(rest, output->rest + output->start, output->len);
	memcpy(rest + output->len, data, len);
	free(output->rest);
	output->rest = rest;
	output->start = 0;
	output->len += len;
}

static void output_rest(struct shim_output *output)
{
	size_t done =
		output_write(output, output->rest + output->start, output->len);

	output->start += done;
	output->len -= done;
	if (output->len)
		return;
	free(output->rest);
	output->rest = NULL;
}

static void output_handle(struct shim *shim, struct shim_source *source,
			  uint32_t events)
{
	struct shim_output *output = (struct shim_output *)source;

	(void)shim;
	(void)events;
	if (output->len)
		output_rest(output);
	output_pump(output);
}

static void got_output(void *ctx, const ProtobufCMessage *message,
		       const struct err *err)
{
	const Grpc__ReadStreamResponse *reply = (const void *)message;
	struct shim_output *output = ctx;
	struct shim *shim = output->shim;
	size_t done = 0;

	output->reads--;
	progress(shim);
	/* Of the reads that wait at the end, each is told. */
	if (output->ended)
		return;
	if (err) {
		log_warn("read output: %s", err->text);
		output->ended = true;
		return;
	}
	if (reply->data.len > SHIM_CHUNK) {
		violated(shim, "a read");
		return;
	}
	if (!reply->data.len) {
		output->ended = true;
		return;
	}
	if (!output->len)
		done = output_write(output, reply->data.data, reply->data.len);
	if (done < reply->data.len)
		output_keep(output, reply->data.data + done,
			    reply->data.len - done);
	output_pump(output);
}

static void output_read(struct shim_output *output)
{
	Grpc__ReadStreamRequest request = GRPC__READ_STREAM_REQUEST__INIT;
	struct shim *shim = output->shim;
	struct err err = ERR_INIT;

	request.container_id = (char *)(uintptr_t)shim->id;
	request.exec_id = (char *)(uintptr_t)shim->process_id;
	request.len = SHIM_CHUNK;
	if (agent_call_start(&shim->agent, output->method, &request.base,
			     AGENT_NO_TIMEOUT, got_output, output, &err) < 0) {
		log_warn("read output: %s", err.text);
		output->ended = true;
		return;
	}
	output->reads++;
}

static void output_pump(struct shim_output *output)
{
	struct shim *shim = output->shim;
	bool wait = output->len > 0 && output->kind != SHIM_FD_FILE;
	int r = loop_watch(shim, &output->source, wait ? EPOLLOUT : 0);

	if (r < 0) {
		log_warn("descriptor %d cannot be watched: %s",
			 output->source.fd, strerror(-r));
		output->discard = true;
		output->len = 0;
		free(output->rest);
		output->rest = NULL;
	}
	while (!output->len && output->reads < SHIM_READS && !output->ended)
		output_read(output);
}

/* --- both --------------------------------------------------------------- */

static enum shim_fd_kind kind_of(const struct shim *shim, int fd)
{
	struct stat st;

	if (shim->own_stdio & 1u << fd)
		return SHIM_FD_OWN;
	if (fstat(fd, &st) < 0)
		return SHIM_FD_FILE;
	if (S_ISSOCK(st.st_mode))
		return SHIM_FD_SOCKET;
	if (S_ISFIFO(st.st_mode) || (S_ISCHR(st.st_mode) && isatty(fd)))
		return SHIM_FD_PIPE;
	return SHIM_FD_FILE;
}

/**
 * io_init() - Look at the engine's descriptors; before the shim confines itself
 * @shim:	After tty_open()
 * @err:	Filled on failure
 *
 * Return: 0 or -errno
 */
int io_init(struct shim *shim, struct err *err)
{
	(void)err;
	shim->input.source.fd = STDIN_FILENO;
	shim->input.source.handle = input_handle;
	shim->input.kind = kind_of(shim, STDIN_FILENO);
	for (int i = 0; i < 2; i++) {
		struct shim_output *output = &shim->output[i];

		output->source.fd = STDOUT_FILENO + i;
		output->source.handle = output_handle;
		output->shim = shim;
		output->method = i ? AGENT_READ_STDERR : AGENT_READ_STDOUT;
		output->kind = kind_of(shim, STDOUT_FILENO + i);
	}
	/* A terminal has one output stream. */
	shim->output[1].ended = shim->terminal;
	return 0;
}

/* Asks for output, which may be before the process runs. */
void io_listen(struct shim *shim)
{
	output_pump(&shim->output[0]);
	output_pump(&shim->output[1]);
}

/* The process runs: begin to pump. */
void io_start(struct shim *shim)
{
	if (!shim->input.ended) /* it may have told its end already */
		shim->input.chunk = xcalloc(SHIM_CHUNK, 1);
	io_listen(shim);
	input_pump(shim);
}

bool io_drained(const struct shim *shim)
{
	for (int i = 0; i < 2; i++)
		if (!shim->output[i].ended || shim->output[i].len)
			return false;
	return true;
}

bool io_blocked(const struct shim *shim)
{
	return shim->output[0].len || shim->output[1].len;
}

void io_abandon(struct shim *shim)
{
	if (!shim->input.ended)
		input_stop(shim);
}

void io_last_words(struct shim *shim, const char *text, size_t len)
{
	struct shim_output *output = &shim->output[1];
	struct pollfd pfd = { .fd = STDERR_FILENO, .events = POLLOUT };
	ssize_t n;

	if (poll(&pfd, 1, LAST_WORDS_MS) < 0 || !(pfd.revents & POLLOUT))
		return; /* nobody reads; the log has it */
	n = write_some(output, (const uint8_t *)text, len);
	IGNORE(n < 0, "the log has it");
}

/* The caller is gone, and its descriptors are somebody else's now. */
void io_discard(struct shim *shim)
{
	io_abandon(shim);
	for (int i = 0; i < 2; i++) {
		shim->output[i].discard = true;
		if (shim->state < SHIM_RUNNING)
			continue;
		if (shim->output[i].len)
			output_rest(&shim->output[i]);
		output_pump(&shim->output[i]);
	}
	for (int fd = 0; fd < 3; fd++)
		if (dup2(shim->null_fd, fd) < 0)
			log_warn("descriptor %d: cannot let go", fd);
}
