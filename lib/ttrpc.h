/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ttrpc frames and unary calls, host and guest. Frame: u32be length, u32be
 * stream id, u8 type, u8 flags, payload (docs/protocol.md). All lengths that
 * come from the other side are checked before anything is allocated.
 */
#ifndef LIB_TTRPC_H
#define LIB_TTRPC_H

#include "err.h"

#define TTRPC_HEADER_SIZE 10
#define TTRPC_PAYLOAD_MAX (4u << 20)

enum ttrpc_type {
	TTRPC_REQUEST = 1,
	TTRPC_RESPONSE = 2,
	TTRPC_DATA = 3,
	/*
	 * Between shim and proxy only, never on the guest's port (stream id 0):
	 * WILL: payload is a request payload the proxy sends to the agent when
	 * this connection ends without DONE. MAIN: the end of this connection
	 * ends the sandbox. DONE: forget the will.
	 */
	TTRPC_PROXY_WILL = 0xf0,
	TTRPC_PROXY_MAIN = 0xf1,
	TTRPC_PROXY_DONE = 0xf2,
	/*
	 * Proxy to shim, the last frame: why the sandbox ends, then the last
	 * lines of the guest's console, one a line, escaped.
	 */
	TTRPC_PROXY_END = 0xf3
};

#define TTRPC_END_MAX 4096

struct ttrpc_header {
	uint32_t length;
	uint32_t stream;
	uint8_t type;
	uint8_t flags;
};

/* grpc status codes that cross the wire */
enum ttrpc_code {
	TTRPC_OK = 0,
	TTRPC_UNKNOWN = 2,
	TTRPC_INVALID_ARGUMENT = 3,
	TTRPC_DEADLINE_EXCEEDED = 4,
	TTRPC_NOT_FOUND = 5,
	TTRPC_ALREADY_EXISTS = 6,
	TTRPC_PERMISSION_DENIED = 7,
	TTRPC_FAILED_PRECONDITION = 9,
	TTRPC_UNIMPLEMENTED = 12,
	TTRPC_INTERNAL = 13,
	TTRPC_UNAVAILABLE = 14
};

void ttrpc_header_encode(const struct ttrpc_header *header,
			 uint8_t out[TTRPC_HEADER_SIZE]);
/* Checks length and type against what may come from a peer (1, 2 or 3). */
int ttrpc_header_decode(const uint8_t in[TTRPC_HEADER_SIZE],
			struct ttrpc_header *ret, struct err *err) MUST_CHECK;

struct ttrpc_request { /* owned strings and bytes */
	char *service;
	char *method;
	uint8_t *payload;
	size_t payload_len;
	int64_t timeout_nano;
};

int ttrpc_request_decode(const uint8_t *data, size_t len,
			 struct ttrpc_request *ret, struct err *err) MUST_CHECK;
void ttrpc_request_done(struct ttrpc_request *request);
/* Whole frame (header included), owned by the caller. */
int ttrpc_request_encode(uint32_t stream, const char *service,
			 const char *method, const void *payload, size_t len,
			 int64_t timeout_nano, uint8_t **ret_frame,
			 size_t *ret_len, struct err *err) MUST_CHECK;
int ttrpc_response_encode(uint32_t stream, enum ttrpc_code code,
			  const char *message, const void *payload, size_t len,
			  uint8_t **ret_frame, size_t *ret_len,
			  struct err *err) MUST_CHECK;

#define TTRPC_DATA_HEAD_MAX 32
/*
 * Start of an OK response whose payload is a message with nothing but bytes in
 * field 1: all but these bytes, which follow. Return: its length
 */
size_t ttrpc_data_head_encode(uint32_t stream, size_t len,
			      uint8_t out[TTRPC_DATA_HEAD_MAX]);

struct ttrpc_response {
	int32_t code;
	char *message; /* owned; from the peer: hostile text, NULL when none */
	const uint8_t *payload; /* within what was decoded; NULL when none */
	size_t payload_len;
};

int ttrpc_response_decode(const uint8_t *data, size_t len,
			  struct ttrpc_response *ret,
			  struct err *err) MUST_CHECK;
void ttrpc_response_done(struct ttrpc_response *response);

/*
 * Incremental frame reader with one growing buffer (up to the frame limit).
 * Feed it what a non-blocking read gave; take whole frames out.
 */
struct ttrpc_reader {
	uint8_t *data;
	size_t len;
	size_t size;
	size_t max_payload;
	bool allow_proxy_types;
};

void ttrpc_reader_init(struct ttrpc_reader *reader, size_t max_payload);
void ttrpc_reader_done(struct ttrpc_reader *reader);
/*
 * Reads from fd (non-blocking). Return: 1 got bytes, 0 end of file, -EAGAIN,
 * -errno
 */
int ttrpc_reader_fill(struct ttrpc_reader *reader, int fd) MUST_CHECK;
/*
 * Next whole frame: 1 and *ret_payload points into the reader until the next
 * call of ttrpc_reader_consume(); 0 none yet; -errno a malformed one.
 */
int ttrpc_reader_next(struct ttrpc_reader *reader, struct ttrpc_header *ret,
		      const uint8_t **ret_payload, struct err *err) MUST_CHECK;
void ttrpc_reader_consume(struct ttrpc_reader *reader,
			  const struct ttrpc_header *header);

#endif
