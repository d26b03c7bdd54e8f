// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz-records.c - any bytes as a record of a captured proxy or shim. The first
 * byte picks the type, whose header is put right, so that the checks of the
 * fields are met; what is taken has terminated, printable texts.
 */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "records.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *text, size_t size)
{
	size_t len = strnlen(text, size);

	BUG_ON(len == size);
	for (size_t i = 0; i < len; i++)
		BUG_ON(text[i] < 0x20 || text[i] > 0x7e);
}

static void check(const union record *record)
{
	switch (record->h.type) {
	case RECORD_SHIM_READBACK:
		check_text(record->readback.kernel,
			   sizeof(record->readback.kernel));
		check_text(record->readback.cgroup,
			   sizeof(record->readback.cgroup));
		check_text(record->readback.cwd, sizeof(record->readback.cwd));
		BUG_ON(record->readback.seccomp_mode > 2 ||
		       record->readback.item_count > READBACK_ITEMS_MAX);
		break;
	case RECORD_SHIM_ITEM:
		check_text(record->item.text, sizeof(record->item.text));
		BUG_ON(record->item.kind == 0 ||
		       record->item.kind >= READBACK_KIND_MAX);
		break;
	case RECORD_PROXY_LAST_WORDS:
		check_text(record->words.reason, sizeof(record->words.reason));
		check_text(record->words.headline,
			   sizeof(record->words.headline));
		break;
	case RECORD_SHIM_STATS_ARE:
		BUG_ON(record->stats.value_count > RECORD_VALUES_MAX ||
		       record->stats.link_count > RECORD_LINKS_MAX);
		for (size_t i = 0; i < record->stats.value_count; i++)
			check_text(record->stats.value[i].name,
				   sizeof(record->stats.value[i].name));
		break;
	default:
		break;
	}
}

/* The header of a type, as its sender would write it. */
static size_t put_header(uint8_t *out, uint8_t pick)
{
	union record record;

	record_init(&record,
		    (enum record_type)(1 + pick % (RECORD_TYPE_MAX - 1)));
	memcpy(out, &record.h, sizeof(record.h));
	return record.h.size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t bytes[sizeof(union record) + 16] = { 0 };
	struct err err = ERR_INIT;
	union record record;
	size_t len;
	int pair[2], r;

	if (size < 2)
		return 0;
	if (data[0] & 0x80) { /* as they are */
		len = min_size(size - 1, sizeof(bytes));
		memcpy(bytes, data + 1, len);
	} else {
		len = put_header(bytes, data[0]);
		memcpy(bytes + sizeof(record.h), data + 1,
		       min_size(size - 1, len - sizeof(record.h)));
	}
	BUG_ON(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0);
	BUG_ON(send(pair[0], bytes, len, 0) < 0);
	r = record_recv(pair[1], &record, 0, &err);
	if (r > 0)
		check(&record);
	else
		check_text(err.text, sizeof(err.text));
	close(pair[0]);
	close(pair[1]);
	return 0;
}
