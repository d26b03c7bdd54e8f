// SPDX-License-Identifier: Apache-2.0
/* test-fd.c - whole reads and writes, memfds, passing, named inheritance. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "auto.h"
#include "fd.h"

static int open_fds(void)
{
	int count = 0;

	for (int fd = 0; fd < 1024; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

static void test_memfd(void **state)
{
	struct err err = ERR_INIT;
	AUTO_FD int fd = fd_memfd("t", "hello", 5, &err);
	AUTO_FREE char *text = NULL;
	size_t len = 0;

	(void)state;
	assert_true(fd >= 0);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(write(fd, "x", 1), -1);
	assert_int_equal(ftruncate(fd, 0), -1);
	assert_int_equal(fd_read_text(fd, 5, &text, &len, &err), 0);
	assert_int_equal(len, 5);
	assert_string_equal(text, "hello");
}

static void test_read_limits(void **state)
{
	static const size_t sizes[] = { 0, 1, 4094, 4095, 4096, 4097, 20000 };
	struct err err = ERR_INIT;
	char *data = calloc(1, 20000);

	(void)state;
	assert_non_null(data);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		AUTO_FD int fd = fd_memfd("t", data, sizes[i], &err);
		AUTO_FREE char *text = NULL;
		size_t len = 99;

		assert_int_equal(fd_read_text(fd, sizes[i], &text, &len, &err),
				 0);
		assert_int_equal(len, sizes[i]);
		assert_int_equal(text[len], '\0');
		if (sizes[i] == 0)
			continue;
		assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
		assert_int_equal(
			fd_read_text(fd, sizes[i] - 1, &text, &len, &err),
			-EFBIG);
	}
	assert_true(fd_read_text(-1, 1, &data, NULL, &err) < 0);
	free(data);
}

static void test_whole(void **state)
{
	int p[2];
	char got[8] = "";

	(void)state;
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	assert_int_equal(fd_write_all(p[1], "abc", 3), 0);
	assert_int_equal(fd_wait_in(p[0], 1000), 1);
	close(p[1]);
	assert_int_equal(fd_read_full(p[0], got, sizeof(got)), 3);
	assert_int_equal(fd_read_full(p[0], got, sizeof(got)), 0);
	close(p[0]);
	assert_int_equal(fd_write_all(p[1], "x", 1), -EBADF);
	assert_int_equal(fd_read_full(p[0], got, 1), -EBADF);
}

static void test_flags(void **state)
{
	int p[2];
	char byte;

	(void)state;
	assert_int_equal(pipe(p), 0);
	assert_int_equal(fd_set_cloexec(p[0], true), 0);
	assert_true(fcntl(p[0], F_GETFD) & FD_CLOEXEC);
	assert_int_equal(fd_set_cloexec(p[0], false), 0);
	assert_false(fcntl(p[0], F_GETFD) & FD_CLOEXEC);
	assert_int_equal(fd_set_nonblock(p[0], true), 0);
	assert_int_equal(read(p[0], &byte, 1), -1);
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(fd_wait_in(p[0], 0), 0);
	assert_int_equal(fd_set_nonblock(p[0], false), 0);
	close(p[0]);
	close(p[1]);
	assert_int_equal(fd_set_cloexec(p[0], true), -EBADF);
	assert_int_equal(fd_set_nonblock(p[0], true), -EBADF);
}

static void test_pass(void **state)
{
	int sock[2], got[2] = { -1, -1 }, sent[3] = { 0, 1, 2 };
	char data[4];
	size_t count = 9;
	int before;

	(void)state;
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sock), 0);
	before = open_fds();
	assert_int_equal(fd_send(sock[0], "abc", 3, sent, 2), 0);
	assert_int_equal(fd_recv(sock[1], data, sizeof(data), got, 2, &count),
			 3);
	assert_int_equal(count, 2);
	assert_true(fcntl(got[1], F_GETFD) & FD_CLOEXEC);
	close(got[0]);
	close(got[1]);

	/* more than expected: refused, and nothing leaks */
	assert_int_equal(fd_send(sock[0], "abc", 3, sent, 3), 0);
	assert_int_equal(fd_recv(sock[1], data, sizeof(data), got, 2, &count),
			 -EPROTO);
	assert_int_equal(fd_send(sock[0], "abc", 3, sent, 1), 0);
	assert_int_equal(fd_recv(sock[1], data, sizeof(data), NULL, 0, &count),
			 -EPROTO);
	/* a longer message than the buffer */
	assert_int_equal(fd_send(sock[0], "abcdef", 6, sent, 1), 0);
	assert_int_equal(fd_recv(sock[1], data, sizeof(data), got, 2, &count),
			 -EPROTO);
	assert_int_equal(open_fds(), before);

	assert_int_equal(fd_send(sock[0], "a", 1, sent, FD_PASS_MAX + 1),
			 -E2BIG);
	close(sock[0]);
	assert_int_equal(fd_recv(sock[1], data, sizeof(data), got, 2, &count),
			 0);
	assert_int_equal(fd_send(sock[1], "a", 1, NULL, 0), -EPIPE);
	close(sock[1]);
}

static void test_names(void **state)
{
	struct fd_name table[] = { { "one", -1 }, { "two", -1 }, { "rest", -1 } };
	struct err err = ERR_INIT;
	int kept[2] = { dup(3), dup(4) };

	(void)state;
	assert_int_equal(dup2(0, 3), 3);
	assert_int_equal(dup2(0, 4), 4);
	assert_int_equal(fd_names_parse("two,one", table, 3, &err), 0);
	assert_int_equal(table[0].fd, 4);
	assert_int_equal(table[1].fd, 3);
	assert_int_equal(table[2].fd, -1);
	assert_true(fcntl(3, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(fd_names_parse("one", table, 3, &err), -EINVAL);
	table[0].fd = table[1].fd = -1;
	assert_int_equal(fd_names_parse("one,one", table, 3, &err), -EINVAL);
	table[0].fd = -1;
	assert_int_equal(fd_names_parse("what", table, 3, &err), -EINVAL);
	close(3);
	assert_int_equal(fd_names_parse("one", table, 3, &err), -EBADF);
	close(4);
	for (int i = 0; i < 2; i++) {
		if (kept[i] < 0)
			continue;
		assert_int_equal(dup2(kept[i], 3 + i), 3 + i);
		close(kept[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memfd),
		cmocka_unit_test(test_read_limits),
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_pass),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
