// SPDX-License-Identifier: Apache-2.0
/* test-agent-client.c - calls, deadlines, and answers that are wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent-client.h"
#include "agent.pb-c.h"
#include "alloc.h"
#include "auto.h"
#include "health.pb-c.h"

static struct agent_client client;
static int ours = -1, peer = -1;

struct outcome {
	unsigned count;
	int code;
	char text[ERR_TEXT_MAX];
	int32_t status;
};

static int set_up(void **state)
{
	struct err err = ERR_INIT;
	int fd[2];

	(void)state;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd) < 0)
		return -1;
	ours = fd[0];
	peer = fd[1];
	return agent_client_init(&client, ours, &err);
}

static int tear_down(void **state)
{
	(void)state;
	agent_client_done(&client);
	close(ours);
	if (peer >= 0)
		close(peer);
	return 0;
}

static void note(void *ctx, const ProtobufCMessage *message,
		 const struct err *err)
{
	struct outcome *outcome = ctx;

	outcome->count++;
	outcome->code = err ? err->code : 0;
	if (err)
		memcpy(outcome->text, err->text, sizeof(outcome->text));
	if (message &&
	    message->descriptor == &grpc__wait_process_response__descriptor)
		outcome->status =
			((const Grpc__WaitProcessResponse *)message)->status;
}

static void wait_call(struct outcome *outcome, int timeout_ms)
{
	Grpc__WaitProcessRequest request = GRPC__WAIT_PROCESS_REQUEST__INIT;
	struct err err = ERR_INIT;

	request.container_id = (char *)"c";
	assert_int_equal(agent_call_start(&client, AGENT_WAIT_PROCESS,
					  &request.base, timeout_ms, note,
					  outcome, &err),
			 0);
}

static void answer(uint32_t stream, int code, const char *message,
		   const char *body, size_t len)
{
	AUTO_FREE uint8_t *frame = NULL;
	struct err err = ERR_INIT;
	size_t size;

	assert_int_equal(ttrpc_response_encode(stream, (enum ttrpc_code)code,
					       message, body, len, &frame,
					       &size, &err),
			 0);
	assert_int_equal(write(peer, frame, size), size);
}

static int handle(void)
{
	struct err err = ERR_INIT;

	return agent_client_handle(&client, EPOLLIN | EPOLLOUT, &err);
}

static void test_request_on_the_wire(void **state)
{
	struct outcome outcome = { 0 };
	struct ttrpc_request request;
	struct ttrpc_header header;
	struct err err = ERR_INIT;
	uint8_t bytes[512];
	ssize_t n;

	(void)state;
	wait_call(&outcome, 10000);
	assert_int_equal(agent_client_events(&client), EPOLLIN | EPOLLOUT);
	assert_int_equal(handle(), 0);
	assert_int_equal(agent_client_events(&client), EPOLLIN);
	n = read(peer, bytes, sizeof(bytes));
	assert_true(n > TTRPC_HEADER_SIZE);
	assert_int_equal(ttrpc_header_decode(bytes, &header, &err), 0);
	assert_int_equal(header.stream % 2, 1);
	assert_int_equal(ttrpc_request_decode(bytes + TTRPC_HEADER_SIZE,
					      header.length, &request, &err),
			 0);
	assert_string_equal(request.service, "grpc.AgentService");
	assert_string_equal(request.method, "WaitProcess");
	assert_true(request.timeout_nano == 10000000000);
	assert_memory_equal(request.payload,
			    "\x0a\x01"
			    "c",
			    3);
	ttrpc_request_done(&request);
	assert_true(agent_client_timeout(&client) > 9000);
}

static void test_answers_in_any_order(void **state)
{
	struct outcome first = { 0 }, second = { 0 };

	(void)state;
	wait_call(&first, AGENT_NO_TIMEOUT);
	wait_call(&second, AGENT_NO_TIMEOUT);
	assert_int_equal(agent_client_timeout(&client), -1);
	answer(3, 0, NULL, "\x08\x07", 2);
	answer(1, 5, "gone\x1b[31m\n", NULL, 0);
	assert_int_equal(handle(), 0);
	assert_int_equal(second.count, 1);
	assert_int_equal(second.code, 0);
	assert_int_equal(second.status, 7);
	assert_int_equal(first.count, 1);
	assert_int_equal(first.code, ENOENT);
	assert_string_equal(first.text, "gone\\x1b[31m\\x0a");
}

static void test_long_message_is_cut(void **state)
{
	AUTO_FREE char *text = xcalloc(1, 10001);
	struct outcome outcome = { 0 };

	(void)state;
	memset(text, '\n', 10000);
	wait_call(&outcome, AGENT_NO_TIMEOUT);
	answer(1, 13, text, NULL, 0);
	assert_int_equal(handle(), 0);
	assert_int_equal(outcome.code, EIO);
	assert_true(strlen(outcome.text) <= 400);
}

static void test_deadline_and_late_answer(void **state)
{
	struct outcome outcome = { 0 };

	(void)state;
	wait_call(&outcome, 1);
	usleep(3000);
	assert_int_equal(agent_client_timeout(&client), 0);
	agent_client_expire(&client);
	assert_int_equal(outcome.count, 1);
	assert_int_equal(outcome.code, ETIMEDOUT);
	assert_int_equal(agent_client_timeout(&client), -1);
	/* Late, but an answer to a call of ours: dropped. */
	answer(1, 0, NULL, NULL, 0);
	assert_int_equal(handle(), 0);
	assert_int_equal(outcome.count, 1);
	/* Once more is one too many. */
	answer(1, 0, NULL, NULL, 0);
	assert_int_equal(handle(), -ECONNRESET);
}

static void test_wait_times_out(void **state)
{
	Grpc__CheckRequest request = GRPC__CHECK_REQUEST__INIT;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(agent_call_wait(&client, AGENT_CHECK, &request.base,
					 20, NULL, &err),
			 -ETIMEDOUT);
	err_clear(&err);
	assert_int_equal(agent_check_wait(&client, 20, &err), -ETIMEDOUT);
}

static void test_wait_answers(void **state)
{
	AUTO_AGENT_MESSAGE ProtobufCMessage *message = NULL;
	Grpc__WaitProcessRequest request = GRPC__WAIT_PROCESS_REQUEST__INIT;
	struct err err = ERR_INIT;

	(void)state;
	answer(1, 0, NULL, "\x08\x2a", 2);
	answer(3, 6, "there", NULL, 0);
	assert_int_equal(agent_call_wait(&client, AGENT_WAIT_PROCESS,
					 &request.base, 1000, &message, &err),
			 -ECONNRESET); /* stream 3 was not asked for */
	agent_client_done(&client);
	assert_int_equal(agent_client_init(&client, ours, &err), 0);
	answer(1, 0, NULL, "\x08\x2a", 2);
	assert_int_equal(agent_call_wait(&client, AGENT_WAIT_PROCESS,
					 &request.base, 1000, &message, &err),
			 0);
	assert_int_equal(((Grpc__WaitProcessResponse *)message)->status, 42);
	answer(3, 6, "there", NULL, 0);
	assert_int_equal(agent_call_wait(&client, AGENT_WAIT_PROCESS,
					 &request.base, 1000, NULL, &err),
			 -EEXIST);
	assert_string_equal(err.text, "there");
	answer(5, 0, NULL, "\x08\x02", 2);
	assert_int_equal(agent_check_wait(&client, 1000, &err), -EIO);
}

static void broken_by(const void *data, size_t len)
{
	struct outcome outcome = { 0 };

	tear_down(NULL);
	assert_int_equal(set_up(NULL), 0);
	wait_call(&outcome, AGENT_NO_TIMEOUT);
	if (len) {
		assert_int_equal(write(peer, data, len), len);
	} else {
		close(peer);
		peer = -1;
	}
	assert_int_equal(handle(), -ECONNRESET);
	assert_int_equal(outcome.count, 0);
}

static void test_what_no_agent_sends(void **state)
{
	(void)state;
	broken_by(NULL, 0);				 /* end */
	broken_by("\0\0\0\0\0\0\0\1\1\0", 10);		 /* request */
	broken_by("\0\0\0\0\0\0\0\1\3\0", 10);		 /* data */
	broken_by("\0\0\0\0\0\0\0\0\2\0", 10);		 /* stream 0 */
	broken_by("\0\0\0\0\0\0\0\7\2\0", 10);		 /* unknown */
	broken_by("\0\0\0\0\0\0\0\1\xf1\0", 10);	 /* proxy's */
	broken_by("\0\x10\0\1\0\0\0\1\2\0", 10);	 /* 1 MiB + 1 */
	broken_by("\0\0\0\1\0\0\0\1\2\0\xff", 11);	 /* envelope */
	broken_by("\0\0\0\3\0\0\0\1\2\0\x12\1\x08", 13); /* message */
}

static void test_memory_budget(void **state)
{
	const size_t count = 300000;
	AUTO_FREE uint8_t *outer = xcalloc(count * 2 + 16, 1);
	ProtobufCMessage *message = NULL;
	struct err err = ERR_INIT;
	size_t len = 0;

	(void)state;
	/* seccomp_unknown (field 21) as many empty strings. */
	outer[len++] = 0xc2; /* field 1000, bytes */
	outer[len++] = 0x3e;
	for (size_t n = count * 3; n; n >>= 7)
		outer[len++] = (uint8_t)((n & 0x7f) | (n >> 7 ? 0x80 : 0));
	outer = xgrow(outer, count * 2 + 16, count * 3 + 16, 1);
	for (size_t i = 0; i < count; i++) {
		outer[len++] = 0xaa;
		outer[len++] = 0x01;
		outer[len++] = 0x00;
	}
	assert_int_equal(agent_reply_decode(AGENT_CREATE_CONTAINER, outer, len,
					    &message, &err),
			 -EPROTO);
	assert_null(message);
	/* The same with few of them is fine. */
	assert_int_equal(agent_reply_decode(AGENT_CREATE_CONTAINER,
					    "\xc2\x3e\x03\xaa\x01\x00", 6,
					    &message, &err),
			 0);
	agent_message_free(message);
}

static void test_too_many_calls(void **state)
{
	Grpc__CheckRequest request = GRPC__CHECK_REQUEST__INIT;
	struct outcome outcome = { 0 };
	struct err err = ERR_INIT;

	(void)state;
	for (int i = 0; i < AGENT_CALLS_MAX; i++)
		wait_call(&outcome, AGENT_NO_TIMEOUT);
	assert_int_equal(agent_call_start(&client, AGENT_CHECK, &request.base,
					  1000, note, &outcome, &err),
			 -EBUSY);
	assert_int_equal(outcome.count, 0);
}

static void test_proxy_frames(void **state)
{
	Grpc__SignalProcessRequest will = GRPC__SIGNAL_PROCESS_REQUEST__INIT;
	struct ttrpc_request request;
	struct err err = ERR_INIT;
	uint8_t bytes[512];
	ssize_t n;

	(void)state;
	will.container_id = (char *)"c";
	will.exec_id = (char *)"e";
	will.signal = 9;
	assert_int_equal(
		agent_proxy_frame(&client, TTRPC_PROXY_MAIN, NULL, 0, &err), 0);
	assert_int_equal(agent_proxy_will(&client, AGENT_SIGNAL_PROCESS,
					  &will.base, &err),
			 0);
	assert_int_equal(agent_client_flush(&client, 1000, &err), 0);
	n = read(peer, bytes, sizeof(bytes));
	assert_true(n > 2 * TTRPC_HEADER_SIZE);
	assert_memory_equal(bytes, "\0\0\0\0\0\0\0\0\xf1\0", 10);
	assert_int_equal(bytes[18], TTRPC_PROXY_WILL);
	assert_int_equal(ttrpc_request_decode(bytes + 20, (size_t)n - 20,
					      &request, &err),
			 0);
	assert_string_equal(request.method, "SignalProcess");
	assert_memory_equal(request.payload,
			    "\x0a\x01"
			    "c\x12\x01"
			    "e\x18\x09",
			    8);
	ttrpc_request_done(&request);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_request_on_the_wire),
		TEST(test_answers_in_any_order),
		TEST(test_long_message_is_cut),
		TEST(test_deadline_and_late_answer),
		TEST(test_wait_times_out),
		TEST(test_wait_answers),
		TEST(test_what_no_agent_sends),
		TEST(test_memory_budget),
		TEST(test_too_many_calls),
		TEST(test_proxy_frames),
	};

	return cmocka_run_group_tests_name("agent-client", tests, NULL, NULL);
}
