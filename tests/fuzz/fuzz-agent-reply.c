// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz-agent-reply.c - any bytes as the agent's side of the channel, with one
 * call of every kind open, and as the body of every answer.
 */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent-client.h"
#include "agent.pb-c.h"
#include "fd.h"
#include "health.pb-c.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void replied(void *ctx, const ProtobufCMessage *message,
		    const struct err *err)
{
	unsigned *count = ctx;

	(*count)++;
	BUG_ON(message && err);
	if (!err)
		return;
	BUG_ON(!err->code);
	for (const char *at = err->text; *at; at++)
		BUG_ON(*at < 0x20 || *at > 0x7e); /* escaped */
}

static void bodies(const uint8_t *data, size_t size)
{
	for (int method = 0; method < AGENT_METHOD_MAX; method++) {
		ProtobufCMessage *message = NULL;
		struct err err = ERR_INIT;

		if (agent_reply_decode((enum agent_method)method, data, size,
				       &message, &err) < 0)
			BUG_ON(message || !err.code);
		agent_message_free(message);
	}
}

static void call_some(struct agent_client *client, unsigned *count)
{
	Grpc__CheckRequest check = GRPC__CHECK_REQUEST__INIT;
	Grpc__WaitProcessRequest wait = GRPC__WAIT_PROCESS_REQUEST__INIT;
	Grpc__ReadStreamRequest read_ = GRPC__READ_STREAM_REQUEST__INIT;
	Grpc__CreateContainerRequest create =
		GRPC__CREATE_CONTAINER_REQUEST__INIT;
	struct err err = ERR_INIT;

	BUG_ON(agent_call_start(client, AGENT_CHECK, &check.base, 1000, replied,
				count, &err) < 0 ||
	       agent_call_start(client, AGENT_WAIT_PROCESS, &wait.base,
				AGENT_NO_TIMEOUT, replied, count, &err) < 0 ||
	       agent_call_start(client, AGENT_READ_STDOUT, &read_.base,
				AGENT_NO_TIMEOUT, replied, count, &err) < 0 ||
	       agent_call_start(client, AGENT_CREATE_CONTAINER, &create.base,
				1000, replied, count, &err) < 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct agent_client client;
	struct err err = ERR_INIT;
	unsigned count = 0;
	int fd[2], size_max = 1 << 20;

	bodies(data, size);
	BUG_ON(socketpair(AF_UNIX, SOCK_STREAM, 0, fd) < 0);
	BUG_ON(setsockopt(fd[1], SOL_SOCKET, SO_SNDBUF, &size_max,
			  sizeof(size_max)) < 0);
	BUG_ON(agent_client_init(&client, fd[0], &err) < 0);
	call_some(&client, &count);
	BUG_ON(fd_write_all(fd[1], data, size) < 0);
	shutdown(fd[1], SHUT_WR);
	BUG_ON(agent_client_handle(&client, EPOLLIN | EPOLLOUT, &err) !=
	       -ECONNRESET); /* at the latest at the end of the stream */
	BUG_ON(count > 4);
	agent_client_done(&client);
	close(fd[0]);
	close(fd[1]);
	return 0;
}
