// SPDX-License-Identifier: Apache-2.0
/*
 * fd.c - descriptors: whole reads and writes, passing over UNIX sockets, and
 * inheritance by name. Linked by every process; bytes read are the caller's
 * to distrust.
 *
 * #syscalls:proxy,shim write close
 * #syscalls:shim poll
 */
#include "fd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "alloc.h"
#include "auto.h"

int fd_write_all(int fd, const void *data, size_t len)
{
	const char *at = data;

	while (len > 0) {
		ssize_t n = write(fd, at, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

ssize_t fd_read_full(int fd, void *data, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = read(fd, (char *)data + done, len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

int fd_read_text(int fd, size_t max, char **ret_text, size_t *ret_len,
		 struct err *err)
{
	size_t size = 4096, used = 0;
	AUTO_FREE char *text = xcalloc(1, size);

	for (;;) {
		ssize_t n = fd_read_full(fd, text + used, size - used - 1);

		if (n < 0)
			return err_set(err, (int)-n, "read");
		used += (size_t)n;
		if (used > max)
			return err_msg(err, EFBIG, "larger than %zu bytes", max);
		if (used < size - 1)
			break;
		text = xgrow(text, size, size * 2, 1);
		size *= 2;
	}
	text[used] = '\0';
	*ret_text = take_ptr(text);
	if (ret_len)
		*ret_len = used;
	return 0;
}

int fd_set_cloexec(int fd, bool on)
{
	return fcntl(fd, F_SETFD, on ? FD_CLOEXEC : 0) < 0 ? -errno : 0;
}

int fd_set_nonblock(int fd, bool on)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0)
		return -errno;
	flags = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
	return fcntl(fd, F_SETFL, flags) < 0 ? -errno : 0;
}

int fd_memfd(const char *name, const void *data, size_t len, struct err *err)
{
	AUTO_FD int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int r;

	if (fd < 0)
		return err_set(err, errno, "memfd %s", name);
	r = fd_write_all(fd, data, len);
	if (r < 0)
		return err_set(err, -r, "write memfd %s", name);
	if (fcntl(fd, F_ADD_SEALS,
		  F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
		return err_set(err, errno, "seal memfd %s", name);
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_set(err, errno, "rewind memfd %s", name);
	return take_fd(&fd);
}

union fd_control {
	char bytes[CMSG_SPACE(FD_PASS_MAX * sizeof(int))];
	struct cmsghdr align;
};

int fd_send(int sock, const void *data, size_t len, const int *fds, size_t count)
{
	union fd_control control = { { 0 } };
	struct iovec iov = { .iov_base = (void *)(uintptr_t)data,
			     .iov_len = len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	if (count > FD_PASS_MAX)
		return -E2BIG;
	if (count > 0) {
		struct cmsghdr *c;

		msg.msg_control = control.bytes;
		msg.msg_controllen = CMSG_SPACE(count * sizeof(int));
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(c), fds, count * sizeof(int));
	}
	do {
		n = sendmsg(sock, &msg, MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -EMSGSIZE;
}

/* Takes the descriptors of a message out; more than max is a protocol error. */
static int collect_fds(struct msghdr *msg, int *fds, size_t max,
		       size_t *ret_count)
{
	struct cmsghdr *c;
	size_t used = 0;
	int r = 0;

	for (c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		size_t count;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (used < max) {
				fds[used++] = fd;
			} else {
				close(fd);
				r = -EPROTO;
			}
		}
	}
	if (r < 0) {
		while (used > 0)
			close(fds[--used]);
	}
	*ret_count = used;
	return r;
}

ssize_t fd_recv(int sock, void *data, size_t len, int *fds, size_t max,
		size_t *ret_count)
{
	union fd_control control;
	struct iovec iov = { .iov_base = data, .iov_len = len };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control.bytes,
			      .msg_controllen = sizeof(control.bytes) };
	size_t count = 0;
	ssize_t n;
	int r;

	do {
		n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	r = collect_fds(&msg, fds, max, &count);
	if (r < 0)
		return r;
	if (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
		while (count > 0)
			close(fds[--count]);
		return -EPROTO;
	}
	if (ret_count)
		*ret_count = count;
	return n;
}

int fd_wait_in(int fd, int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int r;

	do {
		r = poll(&p, 1, timeout_ms);
	} while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : r;
}

int fd_names_parse(const char *list, struct fd_name *table, size_t count,
		   struct err *err)
{
	AUTO_FREE char *copy = xstrdup(list);
	char *save = NULL;
	int fd = 3;

	for (char *name = strtok_r(copy, ",", &save); name;
	     name = strtok_r(NULL, ",", &save), fd++) {
		size_t i = 0;
		int r;

		while (i < count && strcmp(table[i].name, name) != 0)
			i++;
		if (i == count)
			return err_msg(err, EINVAL, "--fds: unknown name %s",
				       name);
		if (table[i].fd >= 0)
			return err_msg(err, EINVAL, "--fds: %s twice", name);
		r = fd_set_cloexec(fd, true);
		if (r < 0)
			return err_set(err, -r, "--fds: %s is descriptor %d",
				       name, fd);
		table[i].fd = fd;
	}
	return 0;
}
