// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz-ttrpc.c - any bytes as a stream of frames, and as both envelopes. What
 * is taken must come back the same after it was written again.
 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "auto.h"
#include "fd.h"
#include "ttrpc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void request_again(const struct ttrpc_request *in)
{
	AUTO_FREE uint8_t *frame = NULL;
	struct ttrpc_request out;
	struct err err = ERR_INIT;
	size_t len;

	BUG_ON(ttrpc_request_encode(1, in->service, in->method, in->payload,
				    in->payload_len, in->timeout_nano, &frame,
				    &len, &err) < 0);
	BUG_ON(ttrpc_request_decode(frame + TTRPC_HEADER_SIZE,
				    len - TTRPC_HEADER_SIZE, &out, &err) < 0 &&
	       *in->service && *in->method);
	if (!*in->service || !*in->method)
		return; /* an empty text is not written: "absent" to a reader */
	BUG_ON(strcmp(in->service, out.service) != 0 ||
	       strcmp(in->method, out.method) != 0 ||
	       in->payload_len != out.payload_len ||
	       in->timeout_nano != out.timeout_nano);
	if (in->payload_len)
		BUG_ON(memcmp(in->payload, out.payload, in->payload_len) != 0);
	ttrpc_request_done(&out);
}

static void response_again(const struct ttrpc_response *in)
{
	AUTO_FREE uint8_t *frame = NULL;
	struct ttrpc_response out;
	struct err err = ERR_INIT;
	size_t len;

	if (in->code < 0)
		return; /* not ours to send */
	BUG_ON(ttrpc_response_encode(1, (enum ttrpc_code)in->code, in->message,
				     in->payload, in->payload_len, &frame, &len,
				     &err) < 0);
	BUG_ON(ttrpc_response_decode(frame + TTRPC_HEADER_SIZE,
				     len - TTRPC_HEADER_SIZE, &out, &err) < 0);
	BUG_ON(in->code != out.code || in->payload_len != out.payload_len);
	if (in->message && *in->message)
		BUG_ON(strcmp(in->message, out.message) != 0);
	ttrpc_response_done(&out);
}

static void envelopes(const uint8_t *data, size_t size)
{
	struct ttrpc_response response;
	struct ttrpc_request request;
	struct err err = ERR_INIT;

	if (ttrpc_request_decode(data, size, &request, &err) == 0) {
		request_again(&request);
		ttrpc_request_done(&request);
	}
	if (ttrpc_response_decode(data, size, &response, &err) == 0) {
		response_again(&response);
		ttrpc_response_done(&response);
	}
}

static void stream(const uint8_t *data, size_t size)
{
	AUTO_FD int fd = memfd_create("fuzz", MFD_CLOEXEC);
	struct ttrpc_reader reader;
	struct ttrpc_header header;
	struct err err = ERR_INIT;
	const uint8_t *payload;
	int r = 1;

	BUG_ON(fd < 0 || fd_write_all(fd, data, size) < 0 ||
	       lseek(fd, 0, SEEK_SET) < 0);
	ttrpc_reader_init(&reader, 8192);
	reader.allow_proxy_types = size % 2;
	while (r > 0 && ttrpc_reader_fill(&reader, fd) == 1) {
		while ((r = ttrpc_reader_next(&reader, &header, &payload,
					      &err)) == 1) {
			envelopes(payload, header.length);
			ttrpc_reader_consume(&reader, &header);
		}
		BUG_ON(r < 0 && !err.text[0]);
		r = r < 0 ? r : 1;
	}
	ttrpc_reader_done(&reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	envelopes(data, size);
	stream(data, size);
	return 0;
}
