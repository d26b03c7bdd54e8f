// SPDX-License-Identifier: Apache-2.0
/*
 * jail-filter.c - reads the compiled filter that kata-jailer handed on and loads
 * it. Part of kata-jail-exec and of kata-jail-twin. Input: a sealed memfd of
 * kata-jailer; read strictly all the same.
 */
#include "jail-filter.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct sock_filter filter[BPF_MAXINSNS + 1];
static struct sock_fprog prog = { .filter = filter };

int jail_read_all(int fd, void *data, size_t size, const char *what,
		  size_t *ret, struct err *err)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = read(fd, (char *)data + done, size - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set(err, errno, "read %s", what);
		if (n == 0)
			break;
		done += (size_t)n;
	}
	if (done == 0 || done == size)
		return err_msg(err, EINVAL, "%s: %s", what,
			       done ? "too long" : "empty");
	*ret = done;
	return 0;
}

int jail_filter_read(int fd, struct err *err)
{
	size_t len;

	if (jail_read_all(fd, filter, sizeof(filter), "seccomp filter", &len,
			  err) < 0)
		return -err->code;
	if (len % sizeof(filter[0]) != 0)
		return err_msg(err, EINVAL, "seccomp filter: %zu bytes", len);
	prog.len = (unsigned short)(len / sizeof(filter[0]));
	return 0;
}

int jail_filter_load(struct err *err)
{
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) < 0)
		return err_set(err, errno, "load the seccomp filter");
	return 0;
}
