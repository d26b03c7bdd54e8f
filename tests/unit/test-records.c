// SPDX-License-Identifier: Apache-2.0
/* test-records.c - records between runtime, proxy and shim. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fd.h"
#include "records.h"

static int ours = -1, theirs = -1;

static int set_up(void **state)
{
	int fd[2];

	(void)state;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fd) < 0)
		return -1;
	ours = fd[0];
	theirs = fd[1];
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	close(ours);
	if (theirs >= 0)
		close(theirs);
	return 0;
}

static void test_every_type(void **state)
{
	(void)state;
	for (int type = RECORD_OK; type < RECORD_TYPE_MAX; type++) {
		union record in, out;
		struct err err = ERR_INIT;

		record_init(&in, (enum record_type)type);
		if (type == RECORD_SHIM_STATUS_IS)
			in.status.status = RECORD_STATUS_RUNNING;
		if (type == RECORD_SHIM_ITEM)
			in.item.kind = READBACK_RLIMIT;
		assert_int_equal(record_send(theirs, &in, &err), 0);
		assert_int_equal(record_recv(ours, &out, 1000, &err), type);
		assert_memory_equal(&in, &out, in.h.size);
	}
}

static void test_error_becomes_err(void **state)
{
	struct err what = { .code = ENOENT,
			    .text = "no\nsuch\x1b th\xc3\xafng" };
	struct err err = ERR_INIT;
	union record out;

	(void)state;
	assert_int_equal(record_send_error(theirs, &what, &err), 0);
	assert_int_equal(record_recv(ours, &out, 1000, &err), -ENOENT);
	assert_int_equal(err.code, ENOENT);
	assert_string_equal(err.text, "no such  th??ng");
}

static void test_timeout_and_end(void **state)
{
	struct err err = ERR_INIT;
	union record out;

	(void)state;
	assert_int_equal(record_recv(ours, &out, 10, &err), -ETIMEDOUT);
	assert_int_equal(fd_set_nonblock(ours, true), 0);
	assert_int_equal(record_recv(ours, &out, -1, &err), -EAGAIN);
	close(theirs);
	theirs = -1;
	assert_int_equal(record_recv(ours, &out, 1000, &err), -EPIPE);
}

static void test_expect(void **state)
{
	struct err err = ERR_INIT;
	union record in, out;

	(void)state;
	record_init(&in, RECORD_PROXY_PING);
	assert_int_equal(record_send(theirs, &in, &err), 0);
	assert_int_equal(record_expect(ours, RECORD_OK, &out, 1000, &err),
			 -EPROTO);
	assert_int_equal(record_send(theirs, &in, &err), 0);
	assert_int_equal(
		record_expect(ours, RECORD_PROXY_PING, &out, 1000, &err), 0);
}

static void refuse_bytes(const void *data, size_t len)
{
	struct err err = ERR_INIT;
	union record out;

	assert_int_equal(send(theirs, data, len, 0), len);
	assert_int_equal(record_recv(ours, &out, 1000, &err), -EPROTO);
}

static void test_header_is_checked(void **state)
{
	uint8_t large[sizeof(union record) + 1] = { 0 };
	union record record;

	(void)state;
	refuse_bytes("x", 1);
	refuse_bytes(large, sizeof(large));
	record_init(&record, RECORD_OK);
	refuse_bytes(&record, record.h.size - 1);
	refuse_bytes(&record, (size_t)record.h.size + 1);
	record.h.magic ^= 1;
	refuse_bytes(&record, record.h.size);
	record_init(&record, RECORD_OK);
	record.h.type = 0;
	refuse_bytes(&record, record.h.size);
	record.h.type = RECORD_TYPE_MAX;
	refuse_bytes(&record, record.h.size);
	record.h.type = RECORD_SHIM_START;
	refuse_bytes(&record, record.h.size);
}

static void test_fields_are_checked(void **state)
{
	union record r;

	(void)state;
	record_init(&r, RECORD_ERROR);
	r.error.code = 0;
	refuse_bytes(&r, r.h.size);
	r.error.code = 1;
	memset(r.error.text, 'a', sizeof(r.error.text));
	refuse_bytes(&r, r.h.size);
	memset(r.error.text, 0, sizeof(r.error.text));
	r.error.text[0] = '\x1b';
	refuse_bytes(&r, r.h.size);

	r.error.text[0] = '\x7f';
	refuse_bytes(&r, r.h.size);
	r.error.text[0] = '\x9b'; /* CSI of an 8-bit terminal */
	refuse_bytes(&r, r.h.size);

	record_init(&r, RECORD_SHIM_READBACK);
	r.readback.seccomp_mode = 3;
	refuse_bytes(&r, r.h.size);
	record_init(&r, RECORD_SHIM_READBACK);
	r.readback.memory_max = -2;
	refuse_bytes(&r, r.h.size);
	record_init(&r, RECORD_SHIM_READBACK);
	memset(r.readback.kernel, 'k', sizeof(r.readback.kernel));
	refuse_bytes(&r, r.h.size);

	record_init(&r, RECORD_SHIM_READBACK);
	r.readback.item_count = READBACK_ITEMS_MAX + 1;
	refuse_bytes(&r, r.h.size);
	record_init(&r, RECORD_SHIM_READBACK);
	memset(r.readback.cgroup, 'k', sizeof(r.readback.cgroup));
	refuse_bytes(&r, r.h.size);
	record_init(&r, RECORD_SHIM_READBACK);
	r.readback.cpu_weight = READBACK_NO_FILE - 1;
	refuse_bytes(&r, r.h.size);
	record_init(&r, RECORD_SHIM_ITEM);
	refuse_bytes(&r, r.h.size); /* without a kind */
	r.item.kind = READBACK_KIND_MAX;
	refuse_bytes(&r, r.h.size);
	r.item.kind = READBACK_NAME;
	r.item.text[0] = '\x1b';
	refuse_bytes(&r, r.h.size);

	record_init(&r, RECORD_SHIM_SIGNAL);
	r.signal.signal = 65;
	refuse_bytes(&r, r.h.size);

	record_init(&r, RECORD_SHIM_STATUS_IS);
	refuse_bytes(&r, r.h.size);
	r.status.status = RECORD_STATUS_MAX;
	refuse_bytes(&r, r.h.size);
	record_init(&r, RECORD_SHIM_UPDATE);
	memset(r.update.json, ' ', sizeof(r.update.json));
	refuse_bytes(&r, r.h.size);
}

static void test_stats_are_checked(void **state)
{
	struct err err = ERR_INIT;
	union record r, out;

	(void)state;
	record_init(&r, RECORD_SHIM_STATS_ARE);
	r.stats.value_count = RECORD_VALUES_MAX + 1;
	refuse_bytes(&r, r.h.size);
	r.stats.value_count = 0;
	r.stats.link_count = RECORD_LINKS_MAX + 1;
	refuse_bytes(&r, r.h.size);
	r.stats.link_count = 1;
	r.stats.link[0].name[0] = '\n';
	refuse_bytes(&r, r.h.size);
	memset(r.stats.link[0].name, 'a', sizeof(r.stats.link[0].name));
	refuse_bytes(&r, r.h.size);
	memcpy(r.stats.link[0].name, "eth0", sizeof("eth0"));
	r.stats.value_count = 1;
	r.stats.value[0].name[0] = '\x1b';
	refuse_bytes(&r, r.h.size);
	r.stats.value[0].name[0] = 'x';
	assert_int_equal(record_send(theirs, &r, &err), 0);
	assert_int_equal(record_recv(ours, &out, 1000, &err),
			 RECORD_SHIM_STATS_ARE);
}

static void test_start_is_checked(void **state)
{
	struct err err = ERR_INIT;
	union record r, out;

	(void)state;
	record_init(&r, RECORD_SHIM_START);
	r.start.has_network = 1;
	refuse_bytes(&r, r.h.size); /* without a name */
	snprintf(r.start.name, sizeof(r.start.name), "eth0");
	r.start.addr_count = 1;
	r.start.addr[0].family = AF_INET;
	r.start.addr[0].prefix = 33;
	refuse_bytes(&r, r.h.size);
	r.start.addr[0].prefix = 24;
	r.start.route_count = RECORD_ROUTES_MAX + 1;
	refuse_bytes(&r, r.h.size);
	r.start.route_count = 1;
	refuse_bytes(&r, r.h.size); /* family 0 */
	r.start.route[0].family = AF_INET6;
	r.start.route[0].dest_prefix = 64;
	assert_int_equal(record_send(theirs, &r, &err), 0);
	assert_int_equal(record_recv(ours, &out, 1000, &err), RECORD_SHIM_START);
}

/* Descriptors that ride along are not taken. */
static void test_no_descriptors(void **state)
{
	struct err err = ERR_INIT;
	union record r, out;
	int next = dup(ours);

	(void)state;
	close(next);
	record_init(&r, RECORD_OK);
	assert_int_equal(fd_send(theirs, &r, r.h.size, &theirs, 1), 0);
	assert_int_equal(record_recv(ours, &out, 1000, &err), -EPROTO);
	assert_int_equal(dup(ours), next);
	close(next);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_every_type),	      TEST(test_error_becomes_err),
		TEST(test_timeout_and_end),   TEST(test_expect),
		TEST(test_header_is_checked), TEST(test_fields_are_checked),
		TEST(test_start_is_checked),  TEST(test_no_descriptors),
		TEST(test_stats_are_checked),
	};

	return cmocka_run_group_tests_name("records", tests, NULL, NULL);
}
