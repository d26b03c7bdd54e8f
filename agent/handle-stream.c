// SPDX-License-Identifier: Apache-2.0
/*
 * handle-stream.c - standard streams and terminals of processes. Runs in
 * kata-agent.
 */
#include "dispatch.h"

#include <errno.h>
#include <sys/ioctl.h>

#include "process.h"

int handle_write_stdin(const struct call *call, const ProtobufCMessage *request,
		       struct err *err)
{
	const Grpc__WriteStreamRequest *from =
		(const Grpc__WriteStreamRequest *)request;
	struct process *process = process_find(call->agent, from->container_id,
					       from->exec_id, err);

	if (!process)
		return -err->code;
	return stream_write(call->agent, &process->in, call->stream,
			    from->data.data, from->data.len, err);
}

static int read_stream(const struct call *call, const ProtobufCMessage *request,
		       bool is_err, struct err *err)
{
	const Grpc__ReadStreamRequest *from =
		(const Grpc__ReadStreamRequest *)request;
	struct process *process = process_find(call->agent, from->container_id,
					       from->exec_id, err);

	if (!process)
		return -err->code;
	return stream_read(call->agent, is_err ? &process->err : &process->out,
			   call->stream, from->len, err);
}

int handle_read_stdout(const struct call *call, const ProtobufCMessage *request,
		       struct err *err)
{
	return read_stream(call, request, false, err);
}

int handle_read_stderr(const struct call *call, const ProtobufCMessage *request,
		       struct err *err)
{
	return read_stream(call, request, true, err);
}

int handle_close_stdin(const struct call *call, const ProtobufCMessage *request,
		       struct err *err)
{
	const Grpc__CloseStdinRequest *from =
		(const Grpc__CloseStdinRequest *)request;
	struct process *process = process_find(call->agent, from->container_id,
					       from->exec_id, err);

	if (!process)
		return -err->code;
	stream_close_input(call->agent, &process->in);
	call_reply_empty(call);
	return 0;
}

int handle_tty_win_resize(const struct call *call,
			  const ProtobufCMessage *request, struct err *err)
{
	const Grpc__TtyWinResizeRequest *from =
		(const Grpc__TtyWinResizeRequest *)request;
	struct process *process = process_find(call->agent, from->container_id,
					       from->exec_id, err);
	struct winsize size;

	if (!process)
		return -err->code;
	if (!process->terminal || process->out.fd < 0)
		return err_msg(err, ENOTTY, "the process has no terminal");
	if (from->row > UINT16_MAX || from->column > UINT16_MAX)
		return err_msg(err, EINVAL, "row, column: too large");
	size = (struct winsize){ .ws_row = (unsigned short)from->row,
				 .ws_col = (unsigned short)from->column };
	if (ioctl(process->out.fd, TIOCSWINSZ, &size) < 0)
		return err_set(err, errno, "resize");
	call_reply_empty(call);
	return 0;
}
