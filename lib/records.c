// SPDX-License-Identifier: Apache-2.0
/*
 * records.c - fixed-size records over SOCK_SEQPACKET; see records.h.
 *
 * Linked by kata-runtime, kata-proxy and kata-shim. Needs no rights. Proxy and
 * shim talk to a guest, so what they send is checked as if the guest had
 * written it: magic, type, exact size, terminated printable texts, counts.
 *
 * #syscalls:proxy,shim sendto recvmsg
 */
#include "records.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "fd.h"

#define LANDLOCK_ABI_MAX 1000 /* no kernel gets there */

static const uint16_t record_size[RECORD_TYPE_MAX] = {
	[RECORD_ERROR] = sizeof(struct record_error),
	[RECORD_OK] = sizeof(struct record_plain),
	[RECORD_PROXY_READY] = sizeof(struct record_confined),
	[RECORD_PROXY_CONT] = sizeof(struct record_plain),
	[RECORD_PROXY_QUIT] = sizeof(struct record_plain),
	[RECORD_PROXY_PING] = sizeof(struct record_plain),
	[RECORD_SHIM_READBACK] = sizeof(struct record_readback),
	[RECORD_SHIM_START] = sizeof(struct record_start),
	[RECORD_SHIM_SIGNAL] = sizeof(struct record_signal),
	[RECORD_SHIM_STARTED] = sizeof(struct record_plain),
	[RECORD_PROXY_LAST_WORDS] = sizeof(struct record_words),
	[RECORD_PROXY_TELL] = sizeof(struct record_plain),
	[RECORD_SHIM_STATUS] = sizeof(struct record_plain),
	[RECORD_SHIM_STATUS_IS] = sizeof(struct record_status_is),
	[RECORD_SHIM_PAUSE] = sizeof(struct record_plain),
	[RECORD_SHIM_RESUME] = sizeof(struct record_plain),
	[RECORD_SHIM_UPDATE] = sizeof(struct record_update),
	[RECORD_SHIM_STATS] = sizeof(struct record_plain),
	[RECORD_SHIM_STATS_ARE] = sizeof(struct record_stats),
	[RECORD_SHIM_WAIT_OOM] = sizeof(struct record_plain),
	[RECORD_SHIM_ITEM] = sizeof(struct record_item),
	[RECORD_SHIM_CONFINED] = sizeof(struct record_confined),
};

static_assert(sizeof(union record) <= UINT16_MAX, "size is 16 bits");

void record_init(union record *record, enum record_type type)
{
	BUG_ON(type <= 0 || type >= RECORD_TYPE_MAX);
	memset(record, 0, sizeof(*record));
	record->h.magic = RECORD_MAGIC;
	record->h.type = (uint16_t)type;
	record->h.size = record_size[type];
}

int record_send(int sock, const union record *record, struct err *err)
{
	ssize_t sent;

	BUG_ON(record->h.magic != RECORD_MAGIC || !record->h.type ||
	       record->h.type >= RECORD_TYPE_MAX ||
	       record->h.size != record_size[record->h.type]);
	do {
		sent = send(sock, record, record->h.size, MSG_NOSIGNAL);
	} while (sent < 0 && errno == EINTR);
	if (sent < 0)
		return err_set(err, errno, "send record");
	if (sent != record->h.size)
		return err_msg(err, EIO, "send record: cut short");
	return 0;
}

static bool is_printable(unsigned char c)
{
	return c >= 0x20 && c <= 0x7e;
}

int record_send_error(int sock, const struct err *what, struct err *err)
{
	union record record;
	size_t len = strnlen(what->text, ERR_TEXT_MAX - 1);

	record_init(&record, RECORD_ERROR);
	record.error.code = what->code > 0 ? what->code : EIO;
	/* The other end takes one line of printable ASCII. */
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)what->text[i];

		record.error.text[i] = is_printable(c) ? (char)c :
				       c < 0x80	       ? ' ' :
							 '?';
	}
	return record_send(sock, &record, err);
}

/* Terminated within its field, printable ASCII alone. */
static bool is_text(const char *text, size_t size)
{
	size_t len = strnlen(text, size);

	if (len == size)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!is_printable((unsigned char)text[i]))
			return false;
	return true;
}

static bool is_family_prefix(unsigned family, unsigned prefix)
{
	return (family == AF_INET && prefix <= 32) ||
	       (family == AF_INET6 && prefix <= 128);
}

static bool start_is_good(const struct record_start *start)
{
	if (start->has_network > 1 || start->addr_count > RECORD_ADDRS_MAX ||
	    start->route_count > RECORD_ROUTES_MAX || start->mtu > 1u << 20 ||
	    !is_text(start->name, sizeof(start->name)))
		return false;
	if (start->has_network && !start->name[0])
		return false;
	for (size_t i = 0; i < start->addr_count; i++)
		if (!is_family_prefix(start->addr[i].family,
				      start->addr[i].prefix))
			return false;
	for (size_t i = 0; i < start->route_count; i++) {
		const struct record_route *route = &start->route[i];

		if (!is_family_prefix(route->family, route->dest_prefix) ||
		    route->has_gateway > 1 || route->has_source > 1)
			return false;
	}
	return true;
}

static bool readback_is_good(const struct record_readback *readback)
{
	return readback->seccomp_mode <= 2 && readback->no_new_privs <= 1 &&
	       readback->holds_execs <= 1 && readback->memory_max >= -1 &&
	       readback->pids_max >= -1 && readback->cpu_quota >= -1 &&
	       readback->cpu_period >= -1 &&
	       readback->memory_swap_max >= READBACK_NO_FILE &&
	       readback->memory_low >= READBACK_NO_FILE &&
	       readback->cpu_weight >= READBACK_NO_FILE &&
	       readback->io_weight >= READBACK_NO_FILE &&
	       readback->umask <= 0777 &&
	       readback->item_count <= READBACK_ITEMS_MAX &&
	       is_text(readback->cgroup, sizeof(readback->cgroup)) &&
	       is_text(readback->cwd, sizeof(readback->cwd)) &&
	       is_text(readback->agent_version,
		       sizeof(readback->agent_version)) &&
	       is_text(readback->kernel, sizeof(readback->kernel));
}

static bool stats_are_good(const struct record_stats *stats)
{
	if (stats->value_count > RECORD_VALUES_MAX ||
	    stats->link_count > RECORD_LINKS_MAX)
		return false;
	for (size_t i = 0; i < stats->value_count; i++)
		if (!is_text(stats->value[i].name, sizeof(stats->value[i].name)))
			return false;
	for (size_t i = 0; i < stats->link_count; i++)
		if (!is_text(stats->link[i].name, sizeof(stats->link[i].name)))
			return false;
	return true;
}

static bool record_is_good(const union record *record)
{
	switch (record->h.type) {
	case RECORD_ERROR:
		return record->error.code > 0 && record->error.code < 4096 &&
		       is_text(record->error.text, sizeof(record->error.text));
	case RECORD_SHIM_READBACK:
		return readback_is_good(&record->readback);
	case RECORD_SHIM_ITEM:
		return record->item.kind > 0 &&
		       record->item.kind < READBACK_KIND_MAX &&
		       is_text(record->item.text, sizeof(record->item.text));
	case RECORD_PROXY_READY:
	case RECORD_SHIM_CONFINED:
		return record->confined.landlock <= LANDLOCK_ABI_MAX;
	case RECORD_SHIM_START:
		return start_is_good(&record->start);
	case RECORD_SHIM_SIGNAL:
		return record->signal.signal <= 64 && record->signal.all <= 1;
	case RECORD_PROXY_LAST_WORDS:
		return record->words.failed <= 1 &&
		       is_text(record->words.reason,
			       sizeof(record->words.reason)) &&
		       is_text(record->words.headline,
			       sizeof(record->words.headline));
	case RECORD_SHIM_STATUS_IS:
		return record->status.status > 0 &&
		       record->status.status < RECORD_STATUS_MAX;
	case RECORD_SHIM_UPDATE:
		return is_text(record->update.json, sizeof(record->update.json));
	case RECORD_SHIM_STATS_ARE:
		return stats_are_good(&record->stats);
	default:
		return true;
	}
}

static int wait_readable(int sock, int timeout_ms, struct err *err)
{
	int r = fd_wait_in(sock, timeout_ms);

	if (r < 0)
		return err_set(err, -r, "wait for a record");
	if (r == 0)
		return err_msg(err, ETIMEDOUT, "no record within %d ms",
			       timeout_ms);
	return 0;
}

/**
 * record_recv() - Receive one record and check all of it
 * @sock:	SOCK_SEQPACKET; descriptors that ride along are refused
 * @ret:	Filled on success only
 * @timeout_ms:	-1 for no limit
 * @err:	Filled on failure, or from a RECORD_ERROR
 *
 * Return: type; -EPIPE when the peer is gone; -ETIMEDOUT; -EAGAIN on a
 * non-blocking socket with @timeout_ms -1; -EPROTO for what no peer of ours
 * sends; the negated code of a RECORD_ERROR
 */
int record_recv(int sock, union record *ret, int timeout_ms, struct err *err)
{
	union record record;
	struct iovec iov = { .iov_base = &record, .iov_len = sizeof(record) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t got;
	int r;

	if (timeout_ms >= 0) {
		r = wait_readable(sock, timeout_ms, err);
		if (r < 0)
			return r;
	}
	memset(&record, 0, sizeof(record));
	do {
		/* Without a control buffer the kernel drops passed descriptors. */
		got = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	} while (got < 0 && errno == EINTR);
	if (got == 0 || (got < 0 && errno == ECONNRESET))
		return err_msg(err, EPIPE,
			       "the other end closed the connection");
	if (got < 0)
		return err_set(err, errno, "receive record");
	if (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC) ||
	    (size_t)got < sizeof(record.h) || record.h.magic != RECORD_MAGIC ||
	    !record.h.type || record.h.type >= RECORD_TYPE_MAX ||
	    record.h.size != record_size[record.h.type] ||
	    (size_t)got != record.h.size || !record_is_good(&record))
		return err_msg(err, EPROTO, "malformed record");
	if (record.h.type == RECORD_ERROR)
		return err_msg(err, record.error.code, "%s", record.error.text);
	*ret = record;
	return record.h.type;
}

int record_expect(int sock, enum record_type type, union record *ret,
		  int timeout_ms, struct err *err)
{
	union record record;
	int r = record_recv(sock, &record, timeout_ms, err);

	if (r < 0)
		return r;
	if (r != (int)type)
		return err_msg(err, EPROTO, "record of type %d, expected %d", r,
			       type);
	*ret = record;
	return 0;
}
