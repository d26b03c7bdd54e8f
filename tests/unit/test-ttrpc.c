// SPDX-License-Identifier: Apache-2.0
/* test-ttrpc.c - frames, envelopes and the incremental reader. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "agent.pb-c.h"
#include "alloc.h"
#include "auto.h"
#include "fd.h"
#include "ttrpc.h"

static void test_header(void **state)
{
	struct ttrpc_header in = { .length = 0x01020304, .stream = 7, .type = 2 };
	static const uint8_t want[] = { 1, 2, 3, 4, 0, 0, 0, 7, 2, 0 };
	uint8_t bytes[TTRPC_HEADER_SIZE];
	struct err err = ERR_INIT;
	struct ttrpc_header out;

	(void)state;
	ttrpc_header_encode(&in, bytes);
	assert_memory_equal(bytes, want, sizeof(want));
	assert_int_equal(ttrpc_header_decode(bytes, &out, &err), -EMSGSIZE);
	in.length = TTRPC_PAYLOAD_MAX;
	ttrpc_header_encode(&in, bytes);
	assert_int_equal(ttrpc_header_decode(bytes, &out, &err), 0);
	assert_int_equal(out.length, TTRPC_PAYLOAD_MAX);
	assert_int_equal(out.stream, 7);
	for (unsigned type = 0; type < 256; type++) {
		bytes[8] = (uint8_t)type;
		assert_int_equal(ttrpc_header_decode(bytes, &out, &err),
				 type >= 1 && type <= 3 ? 0 : -EPROTO);
	}
}

static void test_request_round_trip(void **state)
{
	AUTO_FREE uint8_t *frame = NULL;
	struct ttrpc_request request;
	struct ttrpc_header header;
	struct err err = ERR_INIT;
	size_t len;

	(void)state;
	assert_int_equal(ttrpc_request_encode(5, "grpc.Health", "Check", "a\0b",
					      3, 10000000000, &frame, &len, &err),
			 0);
	assert_int_equal(ttrpc_header_decode(frame, &header, &err), 0);
	assert_int_equal(header.length, len - TTRPC_HEADER_SIZE);
	assert_int_equal(header.stream, 5);
	assert_int_equal(header.type, TTRPC_REQUEST);
	assert_int_equal(ttrpc_request_decode(frame + TTRPC_HEADER_SIZE,
					      header.length, &request, &err),
			 0);
	assert_string_equal(request.service, "grpc.Health");
	assert_string_equal(request.method, "Check");
	assert_int_equal(request.payload_len, 3);
	assert_memory_equal(request.payload, "a\0b", 3);
	assert_true(request.timeout_nano == 10000000000);
	ttrpc_request_done(&request);
}

/* Bytes as another implementation writes them: golden. */
static void test_golden(void **state)
{
	static const uint8_t request[] = "\x0a\x03"
					 "a.b"
					 "\x12\x01"
					 "c"
					 "\x20\x05"
					 "\x2a\x06"
					 "\x0a\x01"
					 "k"
					 "\x12\x01"
					 "v";
	static const uint8_t response[] = "\x0a\x06\x08\x05\x12\x02"
					  "no"
					  "\x12\x02"
					  "hi";
	struct ttrpc_response answer;
	struct err err = ERR_INIT;
	struct ttrpc_request out;

	(void)state;
	assert_int_equal(
		ttrpc_request_decode(request, sizeof(request) - 1, &out, &err),
		0);
	assert_string_equal(out.service, "a.b");
	assert_int_equal(out.timeout_nano, 5);
	assert_int_equal(out.payload_len, 0);
	ttrpc_request_done(&out);
	assert_int_equal(ttrpc_response_decode(response, sizeof(response) - 1,
					       &answer, &err),
			 0);
	assert_int_equal(answer.code, TTRPC_NOT_FOUND);
	assert_string_equal(answer.message, "no");
	assert_int_equal(answer.payload_len, 2);
	ttrpc_response_done(&answer);
	/* Nothing at all is a success without a body. */
	assert_int_equal(ttrpc_response_decode(response, 0, &answer, &err), 0);
	assert_int_equal(answer.code, 0);
	ttrpc_response_done(&answer);
}

/* The same bytes as an answer that was packed whole, for each size of length. */
static void test_data_head(void **state)
{
	static const size_t lens[] = { 1, 127, 128, 16383, 16384, 256 << 10 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lens); i++) {
		size_t len = lens[i], payload_len, head_len, frame_len;
		AUTO_FREE uint8_t *payload = xcalloc(len + 8, 1);
		AUTO_FREE uint8_t *frame = NULL;
		Grpc__ReadStreamResponse answer =
			GRPC__READ_STREAM_RESPONSE__INIT;
		AUTO_FREE uint8_t *data = xcalloc(len, 1);
		uint8_t head[TTRPC_DATA_HEAD_MAX];
		struct err err = ERR_INIT;

		answer.data.data = data;
		answer.data.len = len;
		payload_len = protobuf_c_message_pack(&answer.base, payload);
		assert_int_equal(ttrpc_response_encode(77, TTRPC_OK, NULL,
						       payload, payload_len,
						       &frame, &frame_len, &err),
				 0);
		head_len = ttrpc_data_head_encode(77, len, head);
		assert_int_equal(head_len + len, frame_len);
		assert_memory_equal(head, frame, head_len);
	}
}

static void test_response_round_trip(void **state)
{
	AUTO_FREE uint8_t *frame = NULL;
	struct ttrpc_response answer;
	struct err err = ERR_INIT;
	size_t len;

	(void)state;
	assert_int_equal(ttrpc_response_encode(9, TTRPC_INTERNAL, "why", "p", 1,
					       &frame, &len, &err),
			 0);
	assert_int_equal(ttrpc_response_decode(frame + TTRPC_HEADER_SIZE,
					       len - TTRPC_HEADER_SIZE, &answer,
					       &err),
			 0);
	assert_int_equal(answer.code, TTRPC_INTERNAL);
	assert_string_equal(answer.message, "why");
	assert_memory_equal(answer.payload, "p", 1);
	ttrpc_response_done(&answer);
	assert_int_equal(ttrpc_response_encode(9, TTRPC_OK, NULL, NULL,
					       TTRPC_PAYLOAD_MAX + 1, &frame,
					       &len, &err),
			 -EMSGSIZE);
}

static void test_malformed(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
	} bad[] = {
		{ "\x0a", 1 }, /* no length */
		{ "\x0a\x05"
		  "a",
		  3 },		   /* longer than the rest */
		{ "\x08\x01", 2 }, /* wrong wire type */
		{ "\x0b", 1 },	   /* group */
		{ "\x00\x01", 2 }, /* field 0 */
		{ "\x0a\x01"
		  "a\x0a\x01"
		  "b",
		  6 }, /* twice */
		{ "\x0a\x02"
		  "a\0",
		  4 },		   /* NUL in text */
		{ "\x31\x01", 2 }, /* short fixed64 */
		{ "\x35\x01", 2 }, /* short fixed32 */
		{ "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11 },
		{ "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 11 },
		{ "\x0a\xff\xff\xff\xff\x0f", 6 },
	};
	struct ttrpc_response response;
	struct ttrpc_request request;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		const uint8_t *bytes = (const uint8_t *)bad[i].bytes;
		struct err err = ERR_INIT;

		assert_int_equal(
			ttrpc_request_decode(bytes, bad[i].len, &request, &err),
			-EPROTO);
		assert_true(err.code == EPROTO && err.text[0]);
	}
	/* Status: twice, wrong type, nested nonsense, payload twice. */
	static const char *const status[] = { "\x0a\x02\x08\x01\x0a\x02\x08\x01",
					      "\x08\x01", "\x0a\x01\x08",
					      "\x12\x01"
					      "a\x12\x01"
					      "b" };
	for (size_t i = 0; i < ARRAY_SIZE(status); i++) {
		struct err err = ERR_INIT;

		assert_int_equal(ttrpc_response_decode(
					 (const uint8_t *)status[i],
					 strlen(status[i]), &response, &err),
				 -EPROTO);
	}
}

static void test_limits_of_texts(void **state)
{
	AUTO_FREE char *text = xcalloc(1, 70000);
	AUTO_FREE uint8_t *frame = NULL;
	struct ttrpc_response answer;
	struct err err = ERR_INIT;
	size_t len;

	(void)state;
	memset(text, 'x', 69999);
	/* Ours is cut ... */
	assert_int_equal(ttrpc_response_encode(1, TTRPC_INTERNAL, text, NULL, 0,
					       &frame, &len, &err),
			 0);
	assert_int_equal(ttrpc_response_decode(frame + TTRPC_HEADER_SIZE,
					       len - TTRPC_HEADER_SIZE, &answer,
					       &err),
			 0);
	assert_int_equal(strlen(answer.message), 16384);
	ttrpc_response_done(&answer);
	/* ... and a longer one refused. */
	frame[TTRPC_HEADER_SIZE + 1]++;
	assert_int_equal(ttrpc_response_decode(frame + TTRPC_HEADER_SIZE,
					       len - TTRPC_HEADER_SIZE, &answer,
					       &err),
			 -EPROTO);
}

struct pair {
	int in, out;
};

static struct pair pipe_pair(void)
{
	int fd[2];

	assert_int_equal(pipe2(fd, O_CLOEXEC | O_NONBLOCK), 0);
	return (struct pair){ .in = fd[0], .out = fd[1] };
}

static void test_reader_byte_by_byte(void **state)
{
	struct pair pair = pipe_pair();
	AUTO_FREE uint8_t *frame = NULL;
	struct ttrpc_reader reader;
	struct ttrpc_header header;
	struct err err = ERR_INIT;
	const uint8_t *payload;
	size_t len;

	(void)state;
	assert_int_equal(ttrpc_request_encode(3, "s", "m", "body", 4, 0, &frame,
					      &len, &err),
			 0);
	ttrpc_reader_init(&reader, 1024);
	assert_int_equal(ttrpc_reader_fill(&reader, pair.in), -EAGAIN);
	for (size_t i = 0; i < len; i++) {
		assert_int_equal(
			ttrpc_reader_next(&reader, &header, &payload, &err), 0);
		assert_int_equal(write(pair.out, frame + i, 1), 1);
		assert_int_equal(ttrpc_reader_fill(&reader, pair.in), 1);
	}
	assert_int_equal(ttrpc_reader_next(&reader, &header, &payload, &err), 1);
	assert_memory_equal(payload, frame + TTRPC_HEADER_SIZE, header.length);
	ttrpc_reader_consume(&reader, &header);
	assert_int_equal(ttrpc_reader_next(&reader, &header, &payload, &err), 0);
	close(pair.out);
	assert_int_equal(ttrpc_reader_fill(&reader, pair.in), 0);
	ttrpc_reader_done(&reader);
	close(pair.in);
}

static void test_reader_limit_and_types(void **state)
{
	struct pair pair = pipe_pair();
	struct ttrpc_header header = { .length = 1025, .stream = 1, .type = 1 };
	uint8_t bytes[TTRPC_HEADER_SIZE];
	struct ttrpc_reader reader;
	struct err err = ERR_INIT;
	const uint8_t *payload;

	(void)state;
	ttrpc_reader_init(&reader, 1024);
	ttrpc_header_encode(&header, bytes);
	assert_int_equal(fd_write_all(pair.out, bytes, sizeof(bytes)), 0);
	assert_int_equal(ttrpc_reader_fill(&reader, pair.in), 1);
	assert_int_equal(ttrpc_reader_next(&reader, &header, &payload, &err),
			 -EMSGSIZE);
	/* What a header promises costs nothing. */
	assert_true(reader.size <= 4096);
	ttrpc_reader_done(&reader);

	header = (struct ttrpc_header){ .type = TTRPC_PROXY_MAIN };
	ttrpc_header_encode(&header, bytes);
	ttrpc_reader_init(&reader, 1024);
	assert_int_equal(fd_write_all(pair.out, bytes, sizeof(bytes)), 0);
	assert_int_equal(ttrpc_reader_fill(&reader, pair.in), 1);
	assert_int_equal(ttrpc_reader_next(&reader, &header, &payload, &err),
			 -EPROTO);
	reader.allow_proxy_types = true;
	assert_int_equal(ttrpc_reader_next(&reader, &header, &payload, &err), 1);
	ttrpc_reader_done(&reader);
	close(pair.in);
	close(pair.out);
}

static void test_reader_large_and_many(void **state)
{
	static const uint8_t body[40000] = { 1, 2, 3 };
	struct pair pair = pipe_pair();
	AUTO_FREE uint8_t *frame = NULL;
	struct ttrpc_reader reader;
	struct ttrpc_header header;
	struct err err = ERR_INIT;
	const uint8_t *payload;
	unsigned seen = 0;
	size_t len, sent;

	(void)state;
	assert_int_equal(ttrpc_response_encode(3, TTRPC_OK, NULL, body,
					       sizeof(body), &frame, &len, &err),
			 0);
	ttrpc_reader_init(&reader, 50000);
	for (int i = 0; i < 5; i++) {
		for (sent = 0; sent < len;) {
			ssize_t n = write(pair.out, frame + sent, len - sent);

			if (n > 0)
				sent += (size_t)n;
			IGNORE(ttrpc_reader_fill(&reader, pair.in) < 0,
			       "may be empty");
			while (ttrpc_reader_next(&reader, &header, &payload,
						 &err) == 1) {
				ttrpc_reader_consume(&reader, &header);
				seen++;
			}
		}
	}
	while (ttrpc_reader_fill(&reader, pair.in) == 1)
		while (ttrpc_reader_next(&reader, &header, &payload, &err) == 1) {
			ttrpc_reader_consume(&reader, &header);
			seen++;
		}
	assert_int_equal(seen, 5);
	ttrpc_reader_done(&reader);
	close(pair.in);
	close(pair.out);
}

static void feed(struct ttrpc_reader *reader, struct pair *pair, size_t body)
{
	AUTO_FREE uint8_t *data = xcalloc(body, 1);
	AUTO_FREE uint8_t *frame = NULL;
	struct ttrpc_header header;
	struct err err = ERR_INIT;
	const uint8_t *payload;
	size_t len, sent = 0;

	assert_int_equal(ttrpc_response_encode(3, TTRPC_OK, NULL, data, body,
					       &frame, &len, &err),
			 0);
	while (sent < len) {
		ssize_t n = write(pair->out, frame + sent,
				  min_size(len - sent, 4096));

		if (n > 0)
			sent += (size_t)n;
		assert_int_equal(ttrpc_reader_fill(reader, pair->in), 1);
	}
	assert_int_equal(ttrpc_reader_next(reader, &header, &payload, &err), 1);
	ttrpc_reader_consume(reader, &header);
}

/* The buffer of large frames is kept until a small one comes. */
static void test_reader_keeps_its_buffer(void **state)
{
	struct pair pair = pipe_pair();
	struct ttrpc_reader reader;

	(void)state;
	ttrpc_reader_init(&reader, 1 << 20);
	feed(&reader, &pair, 256 << 10);
	assert_true(reader.size > 256 << 10);
	feed(&reader, &pair, 256 << 10);
	assert_true(reader.size > 256 << 10);
	feed(&reader, &pair, 10);
	assert_int_equal(reader.size, 0);
	ttrpc_reader_done(&reader);
	close(pair.in);
	close(pair.out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_header),
		cmocka_unit_test(test_request_round_trip),
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_response_round_trip),
		cmocka_unit_test(test_data_head),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_limits_of_texts),
		cmocka_unit_test(test_reader_byte_by_byte),
		cmocka_unit_test(test_reader_limit_and_types),
		cmocka_unit_test(test_reader_large_and_many),
		cmocka_unit_test(test_reader_keeps_its_buffer),
	};

	return cmocka_run_group_tests_name("ttrpc", tests, NULL, NULL);
}
