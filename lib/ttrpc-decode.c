// SPDX-License-Identifier: Apache-2.0
/*
 * ttrpc-decode.c - reads the two envelope messages of ttrpc; see ttrpc.h.
 *
 * Linked by kata-shim (host) and kata-agent (guest); kata-proxy has no use for
 * it. Needs no rights. Every byte is hostile. The envelope (Request, Response,
 * Status) has three string or bytes fields and two integers, so it is coded by
 * hand: strict, without recursion, and with a cap on every length. Fields that
 * ttrpc defines and we have no use for (metadata, details) and unknown ones are
 * stepped over; a group, a field that comes twice or a wrong wire type is an
 * error.
 */
#include <errno.h>
#include <string.h>

#include "alloc.h"
#include "ttrpc-wire.h"
#include "ttrpc.h"

struct wire_field {
	uint32_t number;
	enum wire_type type;
	uint64_t value;	     /* WIRE_VARINT */
	const uint8_t *data; /* WIRE_BYTES */
	size_t len;
};

struct wire_in {
	const uint8_t *pos;
	const uint8_t *end;
};

static int varint_decode(struct wire_in *in, uint64_t *ret)
{
	uint64_t value = 0;

	for (unsigned shift = 0; shift < 70; shift += 7) {
		uint8_t byte;

		if (in->pos == in->end)
			return -EPROTO;
		byte = *in->pos++;
		if (shift == 63 && byte > 1)
			return -EPROTO;
		value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80)) {
			*ret = value;
			return 0;
		}
	}
	return -EPROTO;
}

static int bytes_take(struct wire_in *in, uint64_t len, const uint8_t **ret)
{
	if (len > (size_t)(in->end - in->pos))
		return -EPROTO;
	*ret = in->pos;
	in->pos += len;
	return 0;
}

/* Next field: 1, end of message: 0, malformed: -EPROTO. */
static int field_decode(struct wire_in *in, struct wire_field *ret)
{
	struct wire_field field = { .number = 0 };
	const uint8_t *skipped;
	uint64_t tag, len;
	int r;

	if (in->pos == in->end)
		return 0;
	if (varint_decode(in, &tag) < 0 || tag > UINT32_MAX || tag < 8)
		return -EPROTO;
	field.number = (uint32_t)(tag >> 3);
	field.type = (enum wire_type)(tag & 7);
	switch (field.type) {
	case WIRE_VARINT:
		r = varint_decode(in, &field.value);
		break;
	case WIRE_BYTES:
		r = varint_decode(in, &len);
		if (r < 0)
			break;
		r = bytes_take(in, len, &field.data);
		field.len = (size_t)len;
		break;
	case WIRE_FIXED64:
		r = bytes_take(in, 8, &skipped);
		break;
	case WIRE_FIXED32:
		r = bytes_take(in, 4, &skipped);
		break;
	default:
		return -EPROTO;
	}
	if (r < 0)
		return r;
	*ret = field;
	return 1;
}

/* Text without NUL; a field that was already there is refused. */
static int text_decode(const struct wire_field *field, size_t max, char **ret)
{
	if (field->type != WIRE_BYTES || *ret || field->len > max)
		return -EPROTO;
	if (field->len && memchr(field->data, '\0', field->len))
		return -EPROTO;
	*ret = xstrndup((const char *)field->data, field->len);
	return 0;
}

static int blob_decode(const struct wire_field *field, uint8_t **ret,
		       size_t *ret_len)
{
	if (field->type != WIRE_BYTES || *ret)
		return -EPROTO;
	*ret = xcalloc(field->len, 1);
	if (field->len)
		memcpy(*ret, field->data, field->len);
	*ret_len = field->len;
	return 0;
}

static int request_field(const struct wire_field *field,
			 struct ttrpc_request *request)
{
	switch (field->number) {
	case 1:
		return text_decode(field, NAME_LEN_MAX, &request->service);
	case 2:
		return text_decode(field, NAME_LEN_MAX, &request->method);
	case 3:
		return blob_decode(field, &request->payload,
				   &request->payload_len);
	case 4:
		if (field->type != WIRE_VARINT)
			return -EPROTO;
		request->timeout_nano = (int64_t)field->value;
		return request->timeout_nano < 0 ? -EPROTO : 0;
	default:
		return 0;
	}
}

/**
 * ttrpc_request_decode() - Read the payload of a REQUEST frame
 * @data:	Payload of the frame, hostile
 * @len:	Its length
 * @ret:	Filled on success; ttrpc_request_done() frees what it owns
 * @err:	Filled on failure
 *
 * A request without service or method is malformed; an absent payload is an
 * empty one.
 *
 * Return: 0 or -EPROTO
 */
int ttrpc_request_decode(const uint8_t *data, size_t len,
			 struct ttrpc_request *ret, struct err *err)
{
	struct ttrpc_request request = { .service = NULL };
	struct wire_in in = { .pos = data, .end = data + len };
	struct wire_field field;
	int r;

	while ((r = field_decode(&in, &field)) > 0) {
		r = request_field(&field, &request);
		if (r < 0)
			break;
	}
	if (r < 0 || !request.service || !request.method) {
		ttrpc_request_done(&request);
		return err_msg(err, EPROTO, "malformed ttrpc request");
	}
	*ret = request;
	return 0;
}

void ttrpc_request_done(struct ttrpc_request *request)
{
	free(request->service);
	free(request->method);
	free(request->payload);
	*request = (struct ttrpc_request){ .service = NULL };
}

static int status_decode(const struct wire_field *status,
			 struct ttrpc_response *response)
{
	struct wire_in in = { .pos = status->data,
			      .end = status->data + status->len };
	struct wire_field field;
	int r;

	while ((r = field_decode(&in, &field)) > 0) {
		if (field.number == 1) {
			if (field.type != WIRE_VARINT)
				return -EPROTO;
			response->code = (int32_t)(uint32_t)field.value;
		} else if (field.number == 2) {
			r = text_decode(&field, MESSAGE_LEN_MAX,
					&response->message);
			if (r < 0)
				return r;
		}
	}
	return r;
}

/**
 * ttrpc_response_decode() - Read the payload of a RESPONSE frame
 * @data:	Payload of the frame, hostile
 * @len:	Its length
 * @ret:	Filled on success; ttrpc_response_done() frees what it owns. Its
 *		payload is where it was: output is not copied once more
 * @err:	Filled on failure
 *
 * A response without a status is a success, as in other implementations.
 *
 * Return: 0 or -EPROTO
 */
int ttrpc_response_decode(const uint8_t *data, size_t len,
			  struct ttrpc_response *ret, struct err *err)
{
	struct ttrpc_response response = { .code = 0 };
	struct wire_in in = { .pos = data, .end = data + len };
	struct wire_field field;
	bool has_status = false;
	int r;

	while ((r = field_decode(&in, &field)) > 0) {
		if (field.number == 1) {
			r = -EPROTO;
			if (field.type == WIRE_BYTES && !has_status)
				r = status_decode(&field, &response);
			has_status = true;
		} else if (field.number == 2) {
			r = field.type != WIRE_BYTES || response.payload ?
				    -EPROTO :
				    0;
			response.payload = field.data;
			response.payload_len = field.len;
		}
		if (r < 0)
			break;
	}
	if (r < 0) {
		ttrpc_response_done(&response);
		return err_msg(err, EPROTO, "malformed ttrpc response");
	}
	*ret = response;
	return 0;
}

void ttrpc_response_done(struct ttrpc_response *response)
{
	free(response->message);
	*response = (struct ttrpc_response){ .code = 0 };
}
