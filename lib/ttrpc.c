// SPDX-License-Identifier: Apache-2.0
/*
 * ttrpc.c - frames: headers, a reader, and the writing of both envelope
 * messages; see ttrpc.h. Their reading is in ttrpc-decode.c.
 *
 * Linked by kata-proxy, kata-shim (host) and kata-agent (guest). Needs no
 * rights. Hostile: headers and lengths, from the guest on the host side, from
 * the host's side in the guest.
 *
 * #syscalls:shim read
 */
#include "ttrpc.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "alloc.h"
#include "ttrpc-wire.h"

#define READER_START 4096
#define READER_KEEP (128u << 10)

static void put_be32(uint8_t *out, uint32_t value)
{
	out[0] = (uint8_t)(value >> 24);
	out[1] = (uint8_t)(value >> 16);
	out[2] = (uint8_t)(value >> 8);
	out[3] = (uint8_t)value;
}

static uint32_t get_be32(const uint8_t *in)
{
	return (uint32_t)in[0] << 24 | (uint32_t)in[1] << 16 |
	       (uint32_t)in[2] << 8 | in[3];
}

/* --- frame header ------------------------------------------------------- */

void ttrpc_header_encode(const struct ttrpc_header *header,
			 uint8_t out[TTRPC_HEADER_SIZE])
{
	put_be32(out, header->length);
	put_be32(out + 4, header->stream);
	out[8] = header->type;
	out[9] = header->flags;
}

static bool is_peer_type(uint8_t type)
{
	return type == TTRPC_REQUEST || type == TTRPC_RESPONSE ||
	       type == TTRPC_DATA;
}

static bool is_proxy_type(uint8_t type)
{
	return type == TTRPC_PROXY_WILL || type == TTRPC_PROXY_MAIN ||
	       type == TTRPC_PROXY_DONE || type == TTRPC_PROXY_END;
}

static int header_decode(const uint8_t *in, bool allow_proxy_types,
			 struct ttrpc_header *ret, struct err *err)
{
	struct ttrpc_header header = {
		.length = get_be32(in),
		.stream = get_be32(in + 4),
		.type = in[8],
		.flags = in[9],
	};

	if (header.length > TTRPC_PAYLOAD_MAX)
		return err_msg(err, EMSGSIZE,
			       "ttrpc frame of %u bytes exceeds the limit of %u",
			       header.length, TTRPC_PAYLOAD_MAX);
	if (!is_peer_type(header.type) &&
	    !(allow_proxy_types && is_proxy_type(header.type)))
		return err_msg(err, EPROTO, "ttrpc frame of unknown type %u",
			       header.type);
	*ret = header;
	return 0;
}

int ttrpc_header_decode(const uint8_t in[TTRPC_HEADER_SIZE],
			struct ttrpc_header *ret, struct err *err)
{
	return header_decode(in, false, ret, err);
}

/* --- encoding of the envelope ------------------------------------------- */

static size_t varint_size(uint64_t value)
{
	size_t size = 1;

	for (; value >= 0x80; value >>= 7)
		size++;
	return size;
}

static uint8_t *varint_put(uint8_t *out, uint64_t value)
{
	for (; value >= 0x80; value >>= 7)
		*out++ = (uint8_t)(value | 0x80);
	*out++ = (uint8_t)value;
	return out;
}

/* Field numbers here are below 16, so a tag is one byte. */
static size_t bytes_size(size_t len)
{
	return len ? 1 + varint_size(len) + len : 0;
}

static uint8_t *bytes_put(uint8_t *out, unsigned number, const void *data,
			  size_t len)
{
	if (!len)
		return out;
	*out++ = (uint8_t)(number << 3 | WIRE_BYTES);
	out = varint_put(out, len);
	memcpy(out, data, len);
	return out + len;
}

/* Room for header and body; the header is written. */
static int frame_new(uint32_t stream, enum ttrpc_type type, size_t body,
		     uint8_t **ret_frame, struct err *err)
{
	struct ttrpc_header header = { .stream = stream, .type = type };

	if (body > TTRPC_PAYLOAD_MAX)
		return err_msg(
			err, EMSGSIZE,
			"ttrpc message of %zu bytes exceeds the limit of %u",
			body, TTRPC_PAYLOAD_MAX);
	header.length = (uint32_t)body;
	*ret_frame = xcalloc(1, TTRPC_HEADER_SIZE + body);
	ttrpc_header_encode(&header, *ret_frame);
	return 0;
}

/**
 * ttrpc_request_encode() - Build a REQUEST frame
 * @stream:	Stream id, odd for a client
 * @service:	"grpc.AgentService"
 * @method:	"CreateContainer"
 * @payload:	Encoded message, may be NULL when @len is 0
 * @len:	Its length
 * @timeout_nano: Deadline that the server applies, 0 for none
 * @ret_frame:	Whole frame, header included; the caller frees it
 * @ret_len:	Its length
 * @err:	Filled on failure
 *
 * Return: 0 or -EMSGSIZE
 */
int ttrpc_request_encode(uint32_t stream, const char *service,
			 const char *method, const void *payload, size_t len,
			 int64_t timeout_nano, uint8_t **ret_frame,
			 size_t *ret_len, struct err *err)
{
	size_t service_len = strlen(service), method_len = strlen(method);
	size_t body;
	uint8_t *frame, *out;
	int r;

	BUG_ON(timeout_nano < 0 || service_len > NAME_LEN_MAX ||
	       method_len > NAME_LEN_MAX);
	if (len > TTRPC_PAYLOAD_MAX)
		return err_msg(err, EMSGSIZE, "ttrpc request too large");
	body = bytes_size(service_len) + bytes_size(method_len) +
	       bytes_size(len) +
	       (timeout_nano ? 1 + varint_size((uint64_t)timeout_nano) : 0);
	r = frame_new(stream, TTRPC_REQUEST, body, &frame, err);
	if (r < 0)
		return r;
	out = frame + TTRPC_HEADER_SIZE;
	out = bytes_put(out, 1, service, service_len);
	out = bytes_put(out, 2, method, method_len);
	out = bytes_put(out, 3, payload, len);
	if (timeout_nano) {
		*out++ = 4 << 3 | WIRE_VARINT;
		out = varint_put(out, (uint64_t)timeout_nano);
	}
	BUG_ON(out != frame + TTRPC_HEADER_SIZE + body);
	*ret_frame = frame;
	*ret_len = TTRPC_HEADER_SIZE + body;
	return 0;
}

/**
 * ttrpc_response_encode() - Build a RESPONSE frame
 * @stream:	Stream id of the request
 * @code:	Status
 * @message:	Text for a status other than OK, cut at 16 KiB; may be NULL
 * @payload:	Encoded message, may be NULL when @len is 0
 * @len:	Its length
 * @ret_frame:	Whole frame, header included; the caller frees it
 * @ret_len:	Its length
 * @err:	Filled on failure
 *
 * Return: 0 or -EMSGSIZE
 */
int ttrpc_response_encode(uint32_t stream, enum ttrpc_code code,
			  const char *message, const void *payload, size_t len,
			  uint8_t **ret_frame, size_t *ret_len, struct err *err)
{
	size_t message_len = message ? strnlen(message, MESSAGE_LEN_MAX) : 0;
	size_t status, body;
	uint8_t *frame, *out;
	int r;

	BUG_ON((int)code < 0);
	if (len > TTRPC_PAYLOAD_MAX)
		return err_msg(err, EMSGSIZE, "ttrpc response too large");
	status = (code ? 1 + varint_size(code) : 0) + bytes_size(message_len);
	/* The status is always written, even empty: some clients want it. */
	body = 1 + varint_size(status) + status + bytes_size(len);
	r = frame_new(stream, TTRPC_RESPONSE, body, &frame, err);
	if (r < 0)
		return r;
	out = frame + TTRPC_HEADER_SIZE;
	*out++ = 1 << 3 | WIRE_BYTES;
	out = varint_put(out, status);
	if (code) {
		*out++ = 1 << 3 | WIRE_VARINT;
		out = varint_put(out, code);
	}
	out = bytes_put(out, 2, message, message_len);
	out = bytes_put(out, 2, payload, len);
	BUG_ON(out != frame + TTRPC_HEADER_SIZE + body);
	*ret_frame = frame;
	*ret_len = TTRPC_HEADER_SIZE + body;
	return 0;
}

/**
 * ttrpc_data_head_encode() - What goes before the bytes of an answer
 * @stream:	Stream id of the request
 * @len:	Bytes that follow, > 0 and so few that a frame holds them
 * @out:	Header, empty status, and the start of a payload whose only field
 *		is number 1
 *
 * The bytes themselves need not pass through the caller's memory.
 *
 * Return: length of @out
 */
size_t ttrpc_data_head_encode(uint32_t stream, size_t len,
			      uint8_t out[TTRPC_DATA_HEAD_MAX])
{
	size_t payload = bytes_size(len);
	size_t body = 2 + bytes_size(payload);
	struct ttrpc_header header = { .stream = stream,
				       .type = TTRPC_RESPONSE };
	uint8_t *at = out + TTRPC_HEADER_SIZE;

	BUG_ON(!len || len > TTRPC_PAYLOAD_MAX || body > TTRPC_PAYLOAD_MAX);
	header.length = (uint32_t)body;
	ttrpc_header_encode(&header, out);
	*at++ = 1 << 3 | WIRE_BYTES;
	*at++ = 0;
	*at++ = 2 << 3 | WIRE_BYTES;
	at = varint_put(at, payload);
	*at++ = 1 << 3 | WIRE_BYTES;
	at = varint_put(at, len);
	return (size_t)(at - out);
}

/* --- frame reader ------------------------------------------------------- */

void ttrpc_reader_init(struct ttrpc_reader *reader, size_t max_payload)
{
	BUG_ON(max_payload > TTRPC_PAYLOAD_MAX);
	*reader = (struct ttrpc_reader){ .max_payload = max_payload };
}

void ttrpc_reader_done(struct ttrpc_reader *reader)
{
	free(reader->data);
	reader->data = NULL;
	reader->len = reader->size = 0;
}

/*
 * The buffer grows with what arrived, never with what a header promises: a
 * peer that announces a large frame and sends nothing costs nothing.
 */
static int reader_make_room(struct ttrpc_reader *reader)
{
	size_t max = TTRPC_HEADER_SIZE + reader->max_payload;
	size_t size;

	if (reader->len < reader->size)
		return 0;
	if (reader->size >= max)
		return -EMSGSIZE; /* the caller did not take frames out */
	size = reader->size ? reader->size * 2 : READER_START;
	size = min_size(size, max);
	/* Equal counts: nothing is zeroed that is overwritten at once. */
	reader->data = xgrow(reader->data, size, size, 1);
	reader->size = size;
	return 0;
}

int ttrpc_reader_fill(struct ttrpc_reader *reader, int fd)
{
	ssize_t got;
	int r = reader_make_room(reader);

	if (r < 0)
		return r;
	do {
		got = read(fd, reader->data + reader->len,
			   reader->size - reader->len);
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		return errno == EWOULDBLOCK ? -EAGAIN : -errno;
	reader->len += (size_t)got;
	return got > 0;
}

int ttrpc_reader_next(struct ttrpc_reader *reader, struct ttrpc_header *ret,
		      const uint8_t **ret_payload, struct err *err)
{
	struct ttrpc_header header;
	int r;

	if (reader->len < TTRPC_HEADER_SIZE)
		return 0;
	r = header_decode(reader->data, reader->allow_proxy_types, &header, err);
	if (r < 0)
		return r;
	if (header.length > reader->max_payload)
		return err_msg(err, EMSGSIZE,
			       "ttrpc frame of %u bytes exceeds the limit of %zu",
			       header.length, reader->max_payload);
	if (reader->len - TTRPC_HEADER_SIZE < header.length)
		return 0;
	*ret = header;
	*ret_payload = reader->data + TTRPC_HEADER_SIZE;
	return 1;
}

void ttrpc_reader_consume(struct ttrpc_reader *reader,
			  const struct ttrpc_header *header)
{
	size_t used = TTRPC_HEADER_SIZE + (size_t)header->length;

	BUG_ON(used > reader->len);
	reader->len -= used;
	memmove(reader->data, reader->data + used, reader->len);
	/* Large frames come in rows: the buffer goes when a small one ends it. */
	if (!reader->len && reader->size > READER_KEEP && used <= READER_KEEP / 2)
		ttrpc_reader_done(reader);
}
