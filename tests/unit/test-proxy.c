// SPDX-License-Identifier: Apache-2.0
/* test-proxy.c - frames between shims and a guest that may be hostile. */
/* link: shim/proxy-forward.o shim/proxy-loop.o shim/proxy-qmp.o */
/* link: shim/proxy-control.o shim/proxy-jails.o shim/proxy-flow.o */
/* link: shim/proxy-shims.o shim/proxy-console.o */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "fd.h"
#include "log.h"
#include "shim/proxy.h"

static struct proxy proxy; /* too large for a stack */
static int guest_fd;	   /* the guest's end of the port */
static int qmp_fd;

/* Belongs to privs; the tests never get as far as QEMU's greeting. */
int proxy_confine(struct proxy *unused, struct err *err)
{
	(void)unused;
	return err_msg(err, ENOSYS, "not in this test");
}

static void unused_source(struct source *source)
{
	source->fd = -1;
	source->events = 0;
}

static void watch(struct source *source, int fd,
		  void (*handle)(struct proxy *, struct source *, uint32_t))
{
	source->fd = fd;
	source->handle = handle;
	assert_int_equal(fd_set_nonblock(fd, true), 0);
	assert_int_equal(proxy_watch(&proxy, source, EPOLLIN), 0);
}

static int set_up(void **state)
{
	int pair[2];

	(void)state;
	log_init("test-proxy", -1, LOG_LEVEL_ERROR, false);
	memset(&proxy, 0, sizeof(proxy));
	proxy.sandbox = "test";
	proxy.uid = geteuid();
	proxy.next_guest_id = 1;
	proxy.cont_reply_fd = proxy.quit_reply_fd = proxy.seccomp_fd = -1;
	unused_source(&proxy.creator);
	unused_source(&proxy.control_listen);
	unused_source(&proxy.agent_listen);
	unused_source(&proxy.console);
	unused_source(&proxy.fs.voice.source);
	unused_source(&proxy.vmm.voice.source);
	unused_source(&proxy.fs.source);
	for (size_t i = 0; i < PROXY_CONTROLS_MAX; i++)
		unused_source(&proxy.controls[i]);
	for (size_t i = 0; i < PROXY_CLIENTS_MAX; i++)
		unused_source(&proxy.clients[i].source);
	proxy.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	proxy.vmm.source.fd = proxy.epoll_fd; /* "alive" */
	socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair);
	watch(&proxy.agent, pair[0], forward_agent);
	guest_fd = pair[1];
	assert_int_equal(fd_set_nonblock(guest_fd, true), 0);
	socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair);
	watch(&proxy.qmp.source, pair[0], qmp_handle);
	proxy.qmp.state = QMP_IDLE;
	qmp_fd = pair[1];
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	for (size_t i = 0; i < PROXY_CLIENTS_MAX; i++)
		proxy_forget(&proxy, &proxy.clients[i].source);
	proxy_forget(&proxy, &proxy.agent);
	proxy_forget(&proxy, &proxy.qmp.source);
	if (guest_fd >= 0)
		close(guest_fd);
	close(qmp_fd);
	close(proxy.epoll_fd);
	return 0;
}

static void turns(int count)
{
	for (int i = 0; i < count; i++)
		proxy_turn(&proxy, 5);
}

/* A shim: through a listening socket of its own, as accept4() is part of it. */
static int connect_shim(void)
{
	struct sockaddr_storage address;
	socklen_t len = sizeof(address);
	sa_family_t family = AF_UNIX;
	struct source listener = { .fd = socket(AF_UNIX, SOCK_STREAM, 0) };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	assert_int_equal(
		bind(listener.fd, (struct sockaddr *)&family, sizeof(family)),
		0);
	assert_int_equal(listen(listener.fd, 1), 0);
	assert_int_equal(
		getsockname(listener.fd, (struct sockaddr *)&address, &len), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, len), 0);
	shims_accept(&proxy, &listener, EPOLLIN);
	close(listener.fd);
	return fd;
}

static void send_header(int fd, uint32_t length, uint32_t stream, uint8_t type)
{
	struct ttrpc_header header = { length, stream, type, 0 };
	uint8_t bytes[TTRPC_HEADER_SIZE];

	ttrpc_header_encode(&header, bytes);
	assert_int_equal(send(fd, bytes, sizeof(bytes), MSG_NOSIGNAL),
			 sizeof(bytes));
}

static void send_bytes(int fd, char byte, size_t len)
{
	char data[4096];

	memset(data, byte, sizeof(data));
	while (len > 0) {
		size_t n = min_size(len, sizeof(data));

		assert_int_equal(send(fd, data, n, MSG_NOSIGNAL), n);
		len -= n;
	}
}

/* Next whole frame at the other end; false when none has come. */
static bool take_frame(int fd, struct ttrpc_header *ret, char *first)
{
	uint8_t bytes[TTRPC_HEADER_SIZE];
	struct err err = ERR_INIT;
	char data[65536];

	if (recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) != sizeof(bytes))
		return false;
	assert_int_equal(ttrpc_header_decode(bytes, ret, &err), 0);
	assert_true(ret->length <= sizeof(data));
	*first = '\0';
	if (ret->length > 0) {
		assert_int_equal(
			recv(fd, data, ret->length, MSG_DONTWAIT | MSG_WAITALL),
			ret->length);
		*first = data[0];
		for (uint32_t i = 0; i < ret->length; i++)
			assert_true(data[i] == *first || data[i] == '\0');
	}
	return true;
}

static void test_streams_are_remapped(void **state)
{
	int a = connect_shim(), b = connect_shim();
	struct ttrpc_header first, second, answer;
	char byte;

	(void)state;
	send_header(a, 3, 1, TTRPC_REQUEST);
	send_bytes(a, 'a', 3);
	send_header(b, 3, 1, TTRPC_REQUEST);
	send_bytes(b, 'b', 3);
	turns(4);
	assert_true(take_frame(guest_fd, &first, &byte));
	assert_true(take_frame(guest_fd, &second, &byte));
	assert_int_not_equal(first.stream, second.stream);
	assert_int_equal(byte, 'b');
	send_header(guest_fd, 2, second.stream, TTRPC_RESPONSE);
	send_bytes(guest_fd, 'x', 2);
	turns(4);
	assert_false(take_frame(a, &answer, &byte));
	assert_true(take_frame(b, &answer, &byte));
	assert_int_equal(answer.stream, 1);
	assert_int_equal(byte, 'x');
	close(a);
	close(b);
}

static void test_unknown_stream_ends_the_vm(void **state)
{
	(void)state;
	send_header(guest_fd, 0, 77, TTRPC_RESPONSE);
	turns(3);
	assert_true(proxy.ending);
	assert_non_null(strstr(proxy.reason, "nobody asked"));
}

static void test_oversized_frame_ends_the_vm(void **state)
{
	(void)state;
	send_header(guest_fd, TTRPC_PAYLOAD_MAX + 1, 1, TTRPC_RESPONSE);
	turns(3);
	assert_true(proxy.ending);
}

static void test_main_end_is_seen_while_the_guest_does_not_read(void **state)
{
	int main_fd = connect_shim(), other = connect_shim();

	(void)state;
	send_header(main_fd, 0, 0, TTRPC_PROXY_MAIN);
	turns(2);
	assert_true(proxy.had_main);
	/* A frame larger than every buffer on the way: it stays half sent. */
	assert_int_equal(fd_set_nonblock(other, true), 0);
	send_header(other, TTRPC_PAYLOAD_MAX, 1, TTRPC_REQUEST);
	for (int i = 0; i < 200; i++) {
		char data[4096] = { 0 };

		IGNORE(send(other, data, sizeof(data), MSG_NOSIGNAL) < 0,
		       "full is what is wanted");
		turns(1);
	}
	assert_false(proxy.ending);
	close(main_fd);
	turns(3);
	assert_true(proxy.ending);
	close(other);
}

static void test_stuck_guest_is_ended(void **state)
{
	int other = connect_shim();

	(void)state;
	assert_int_equal(fd_set_nonblock(other, true), 0);
	send_header(other, TTRPC_PAYLOAD_MAX, 1, TTRPC_REQUEST);
	for (int i = 0; i < 200; i++) {
		char data[4096] = { 0 };

		IGNORE(send(other, data, sizeof(data), MSG_NOSIGNAL) < 0,
		       "full is what is wanted");
		turns(1);
	}
	close(other);
	turns(3);
	assert_int_not_equal(proxy.stuck_deadline.tv_sec, 0);
	assert_false(proxy.ending);
	proxy_set_deadline(&proxy.stuck_deadline, 0);
	usleep(2000);
	turns(1);
	assert_true(proxy.ending);
}

/*
 * A shim goes while the guest's frame for it fills every buffer on the way:
 * what is left of the frame is dropped, and the others get theirs.
 */
static void test_dead_receiver_frees_the_way(void **state)
{
	int dying = connect_shim(), other = connect_shim();
	struct ttrpc_header first, second, answer;
	static const char zeros[4096];
	size_t left = 1u << 20;
	char byte;

	(void)state;
	send_header(dying, 0, 1, TTRPC_REQUEST);
	send_header(other, 0, 1, TTRPC_REQUEST);
	turns(4);
	assert_true(take_frame(guest_fd, &first, &byte));
	assert_true(take_frame(guest_fd, &second, &byte));
	send_header(guest_fd, (uint32_t)left, first.stream, TTRPC_RESPONSE);
	for (int i = 0; i < 2000 && left > 0; i++) {
		ssize_t n = send(guest_fd, zeros, min_size(left, sizeof(zeros)),
				 MSG_NOSIGNAL);

		if (n > 0)
			left -= (size_t)n;
		if (i == 600) {
			assert_int_equal(proxy.from_guest.len, PROXY_FLOW_SIZE);
			close(dying);
		}
		proxy_turn(&proxy, 0);
	}
	assert_int_equal(left, 0);
	send_header(guest_fd, 2, second.stream, TTRPC_RESPONSE);
	send_bytes(guest_fd, 'x', 2);
	turns(4);
	assert_true(take_frame(other, &answer, &byte));
	assert_int_equal(byte, 'x');
	close(other);
}

static void test_will_waits_for_the_frame_under_way(void **state)
{
	int a = connect_shim(), b = connect_shim();
	struct ttrpc_header header;
	char byte;

	(void)state;
	send_header(b, 4, 0, TTRPC_PROXY_WILL);
	send_bytes(b, 'w', 4);
	turns(2);
	send_header(a, 100, 1, TTRPC_REQUEST);
	send_bytes(a, 'a', 40); /* half a frame */
	turns(2);
	close(b);
	turns(3);
	send_bytes(a, 'a', 60);
	turns(4);
	assert_true(take_frame(guest_fd, &header, &byte));
	assert_int_equal(byte, 'a');
	assert_int_equal(header.length, 100);
	assert_true(take_frame(guest_fd, &header, &byte));
	assert_int_equal(byte, 'w');
	assert_int_equal(header.type, TTRPC_REQUEST);
	assert_int_equal(proxy.stuck_deadline.tv_sec, 0);
	close(a);
}

static void test_will_waits_for_room(void **state)
{
	int b = connect_shim();
	struct ttrpc_header header;
	char byte;

	(void)state;
	send_header(b, 4, 0, TTRPC_PROXY_WILL);
	send_bytes(b, 'w', 4);
	turns(2);
	/* As if whole frames of others had filled the buffer. */
	proxy.to_guest.len = PROXY_FLOW_SIZE - 5;
	for (size_t i = 0; i < 100; i++) { /* and the guest does not read */
		char data[65536] = { 0 };

		if (send(proxy.agent.fd, data, sizeof(data),
			 MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
			break;
	}
	close(b);
	turns(3);
	assert_false(proxy.ending);
	assert_int_not_equal(proxy.stuck_deadline.tv_sec, 0);
	/* The guest reads on: everything else first, then the will. */
	proxy.to_guest.start = proxy.to_guest.len = 0;
	while (recv(guest_fd, &header, sizeof(header), MSG_DONTWAIT) > 0)
		;
	turns(3);
	assert_true(take_frame(guest_fd, &header, &byte));
	assert_int_equal(byte, 'w');
}

static void test_done_forgets_the_will(void **state)
{
	int b = connect_shim();
	struct ttrpc_header header;
	char byte;

	(void)state;
	send_header(b, 4, 0, TTRPC_PROXY_WILL);
	send_bytes(b, 'w', 4);
	send_header(b, 0, 0, TTRPC_PROXY_DONE);
	close(b);
	turns(4);
	assert_false(take_frame(guest_fd, &header, &byte));
	assert_false(proxy.ending);
}

static void test_dead_sender_is_padded(void **state)
{
	int a = connect_shim();
	struct ttrpc_header header;
	char byte;

	(void)state;
	send_header(a, 1000, 1, TTRPC_REQUEST);
	send_bytes(a, 'a', 10);
	turns(2);
	close(a);
	turns(4);
	assert_true(take_frame(guest_fd, &header, &byte));
	assert_int_equal(header.length, 1000);
	/* The answer to it finds nobody, and is no error. */
	send_header(guest_fd, 5, header.stream, TTRPC_RESPONSE);
	send_bytes(guest_fd, 'x', 5);
	turns(3);
	assert_false(proxy.ending);
	assert_int_equal(proxy.from_guest.len, 0);
}

static void test_second_main_is_refused(void **state)
{
	int a = connect_shim(), b = connect_shim();
	char byte;

	(void)state;
	send_header(a, 0, 0, TTRPC_PROXY_MAIN);
	turns(2);
	send_header(b, 0, 0, TTRPC_PROXY_MAIN);
	turns(3);
	assert_int_equal(recv(b, &byte, 1, MSG_DONTWAIT), 0); /* closed */
	assert_false(proxy.ending);
	close(a);
	close(b);
}

/* A listener of the proxy's own, so that accepting is part of a turn. */
static struct sockaddr_storage listen_here(socklen_t *ret_len)
{
	struct sockaddr_storage address;
	sa_family_t family = AF_UNIX;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	*ret_len = sizeof(address);
	assert_int_equal(bind(fd, (struct sockaddr *)&family, sizeof(family)),
			 0);
	assert_int_equal(listen(fd, 4), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, ret_len),
			 0);
	watch(&proxy.agent_listen, fd, shims_accept);
	return address;
}

/* The slot of one that dies goes to one that comes in the same round. */
static void test_stale_event_is_not_the_next_ones(void **state)
{
	int a = connect_shim(), b = socket(AF_UNIX, SOCK_STREAM, 0);
	struct sockaddr_storage address;
	struct ttrpc_header header;
	socklen_t len;
	char byte;

	(void)state;
	address = listen_here(&len);
	send_header(a, 0, 1, TTRPC_REQUEST);
	turns(2);
	assert_true(take_frame(guest_fd, &header, &byte));
	/* In this order: an answer that finds its shim dead, a new shim, and
	 * the end of the dead one. */
	send_header(guest_fd, 0, header.stream, TTRPC_RESPONSE);
	assert_int_equal(connect(b, (struct sockaddr *)&address, len), 0);
	close(a);
	turns(4);
	assert_true(proxy.clients[0].source.fd >= 0);
	assert_false(proxy.clients[0].hung_up);
	assert_int_equal(proxy.stuck_deadline.tv_sec, 0);
	send_header(b, 0, 1, TTRPC_REQUEST);
	turns(2);
	assert_true(take_frame(guest_fd, &header, &byte));
	close(b);
	proxy_forget(&proxy, &proxy.agent_listen);
}

static void test_closed_port_ends_the_vm(void **state)
{
	(void)state;
	close(guest_fd);
	guest_fd = -1;
	turns(3);
	/* The VMM's own end, which says more, has a moment. */
	assert_false(proxy.ending);
	proxy_set_deadline(&proxy.suspect_deadline, 0);
	usleep(2000);
	turns(1);
	assert_true(proxy.ending);
	assert_true(proxy.failed);
}

static void print(const char *text)
{
	int pair[2];

	socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair);
	watch(&proxy.console, pair[0], console_handle);
	assert_int_equal(send(pair[1], text, strlen(text), 0), strlen(text));
	turns(2);
	close(pair[1]);
	proxy_forget(&proxy, &proxy.console);
}

static void test_console_lines(void **state)
{
	char lines[4][RECORD_LINE_MAX], head[RECORD_LINE_MAX];
	char longest[600];

	(void)state;
	assert_int_equal(console_lines(&proxy, lines, 4), 0);
	console_headline(&proxy, head);
	assert_string_equal(head, "");
	print("one\r\n\n\ntwo\x1b[31m\n");
	assert_int_equal(console_lines(&proxy, lines, 4), 2);
	assert_string_equal(lines[0], "one");
	assert_string_equal(lines[1], "two\\x1b[31m");
	memset(longest, 0xff, sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	print(longest);
	assert_int_equal(console_lines(&proxy, lines, 4), 3);
	assert_true(strlen(lines[2]) < RECORD_LINE_MAX);
	print("\nKernel panic - not syncing: x\n1\n2\n3\n4\n5\n");
	assert_int_equal(console_lines(&proxy, lines, 4), 4);
	assert_string_equal(lines[0], "Kernel panic - not syncing: x");
	assert_string_equal(lines[1], "3");
	assert_string_equal(lines[3], "5");
	console_headline(&proxy, head);
	assert_string_equal(head, "Kernel panic - not syncing: x");
	for (int i = 0; i < 3000; i++)
		print("x\nyz\n"); /* the ring's end comes around */
	assert_int_equal(console_lines(&proxy, lines, 4), 4);
	assert_string_equal(lines[3], "yz");
}

/* A shim learns why, unless it has half a frame. */
static void test_last_words(void **state)
{
	int a = connect_shim(), b = connect_shim();
	struct ttrpc_header header;
	char data[8192], byte;

	(void)state;
	send_header(b, 0, 1, TTRPC_REQUEST);
	turns(2);
	assert_true(take_frame(guest_fd, &header, &byte));
	send_header(guest_fd, 100, header.stream, TTRPC_RESPONSE);
	send_bytes(guest_fd, 'x', 10);
	turns(3);
	print("bye\x07\n");
	proxy_end(&proxy, true, "because\n%s", "\x1b");
	assert_int_equal(recv(a, data, sizeof(data), MSG_DONTWAIT),
			 TTRPC_HEADER_SIZE + strlen("because??\nbye\\x07"));
	assert_int_equal((uint8_t)data[8], TTRPC_PROXY_END);
	assert_memory_equal(data + TTRPC_HEADER_SIZE, "because??\nbye\\x07",
			    strlen("because??\nbye\\x07"));
	assert_int_equal(recv(b, data, sizeof(data), MSG_DONTWAIT), 20);
	/* Nothing of the guest follows. */
	send_bytes(guest_fd, 'x', 90);
	turns(3);
	assert_true(recv(b, data, sizeof(data), MSG_DONTWAIT) < 0);
	close(a);
	close(b);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_streams_are_remapped),
		TEST(test_unknown_stream_ends_the_vm),
		TEST(test_oversized_frame_ends_the_vm),
		TEST(test_main_end_is_seen_while_the_guest_does_not_read),
		TEST(test_stuck_guest_is_ended),
		TEST(test_dead_receiver_frees_the_way),
		TEST(test_will_waits_for_the_frame_under_way),
		TEST(test_will_waits_for_room),
		TEST(test_done_forgets_the_will),
		TEST(test_dead_sender_is_padded),
		TEST(test_second_main_is_refused),
		TEST(test_stale_event_is_not_the_next_ones),
		TEST(test_closed_port_ends_the_vm),
		TEST(test_console_lines),
		TEST(test_last_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
