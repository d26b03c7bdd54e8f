/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors: whole reads and writes, passing, and named inheritance. */
#ifndef LIB_FD_H
#define LIB_FD_H

#include "err.h"

/* At most this many descriptors ride on one message. */
#define FD_PASS_MAX 64

int fd_write_all(int fd, const void *data, size_t len) MUST_CHECK; /* 0, -errno */
/* Reads until len bytes or end of file. Return: bytes read, or -errno */
ssize_t fd_read_full(int fd, void *data, size_t len) MUST_CHECK;
/*
 * Reads a whole file of at most max bytes, NUL-terminated after *ret_len.
 * *ret_text is owned by the caller. -EFBIG when larger.
 */
int fd_read_text(int fd, size_t max, char **ret_text, size_t *ret_len,
		 struct err *err) MUST_CHECK;
int fd_set_cloexec(int fd, bool on) MUST_CHECK;
int fd_set_nonblock(int fd, bool on) MUST_CHECK;
/* Sealed, read-only memfd that holds data; position 0. */
int fd_memfd(const char *name, const void *data, size_t len,
	     struct err *err) MUST_CHECK;

/* Sends data with count descriptors (none taken over). Return 0 or -errno. */
int fd_send(int sock, const void *data, size_t len, const int *fds,
	    size_t count) MUST_CHECK;
/*
 * Receives at most len bytes and at most max descriptors, close-on-exec.
 * *ret_count says how many came (surplus ones are closed and give -EPROTO).
 * Return: bytes, 0 at end of file, -errno
 */
ssize_t fd_recv(int sock, void *data, size_t len, int *fds, size_t max,
		size_t *ret_count) MUST_CHECK;
/* Waits for POLLIN. Return: 1 ready, 0 timeout, -errno */
int fd_wait_in(int fd, int timeout_ms) MUST_CHECK;

/* A descriptor that a child gets under a name; fd -1 means absent. */
struct fd_name {
	const char *name;
	int fd;
};

/*
 * Reads the argument of --fds, "a,b,c": the descriptors 3, 4, 5 in that order.
 * Every name must be in the table; each is set close-on-exec. Names of the
 * table that are not listed keep -1.
 */
int fd_names_parse(const char *list, struct fd_name *table, size_t count,
		   struct err *err) MUST_CHECK;

#endif
