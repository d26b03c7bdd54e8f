// SPDX-License-Identifier: Apache-2.0
/*
 * agent-client-wait.c - one call of the agent from start to end, for set-up
 * and clean-up, when there is no loop yet or none any more. Runs in kata-shim,
 * after it has confined itself, and in tests; needs no rights. Hostile: the
 * agent, which may answer late, byte by byte or not at all; every wait ends.
 *
 * #syscalls:shim poll
 * #syscalls:shim restart_syscall - a poll that SIGSTOP or a freezer broke off
 */
#include "agent-client-parts.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/epoll.h>

#include "agent.pb-c.h"
#include "alloc.h"
#include "auto.h"
#include "health.pb-c.h"

#define CHECK_INTERVAL_MS 5000
/* Each Check that was not answered keeps its entry: a share of them at most. */
#define CHECKS_MAX (AGENT_CALLS_MAX / 4)

/* Waits for the socket once; deadline in agent_client_now_ms() terms, -1 none. */
static int step(struct agent_client *client, int64_t deadline, struct err *err)
{
	struct pollfd pfd = { .fd = client->fd, .events = POLLIN };
	int64_t left = deadline < 0 ? -1 : deadline - agent_client_now_ms();
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
	int64_t deadline = agent_client_now_ms() + timeout_ms;
	int64_t interval = timeout_ms / CHECKS_MAX;

	if (interval < CHECK_INTERVAL_MS)
		interval = CHECK_INTERVAL_MS;
	for (;;) {
		AUTO_AGENT_MESSAGE ProtobufCMessage *message = NULL;
		int64_t left = deadline - agent_client_now_ms();
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
