// SPDX-License-Identifier: Apache-2.0
/*
 * verify-inside.c - a jail's mount namespace, seen from its own root: a
 * program that changed its root hides the rest of its jail from /proc/PID.
 * Part of verify.c. A child of kata-runtime enters the namespace and only
 * looks: it lists "/" and reads the host's /proc, which it opened before.
 * Needs CAP_SYS_ADMIN over the namespace's owner. It keeps the caller's user,
 * pid and other namespaces, so nothing in the jail can see or trace it.
 * Hostile: names and mount points.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "auto.h"
#include "fd.h"
#include "path.h"
#include "verify-parts.h"

#define NAMES_BYTES_MAX (VERIFY_NAMES_MAX * 256) /* NAME_MAX and a NUL each */

/* What the child sends; names (each with its NUL) and mountinfo follow. */
struct answer {
	struct err err;
	size_t names_len;
	size_t mounts_len;
};

static int look(int ns_fd, int host_proc_fd, struct verify_inside *ret,
		struct err *err)
{
	AUTO_FD int root_fd = -1;

	/* this makes the namespace's root ours, whatever its programs did */
	if (setns(ns_fd, CLONE_NEWNS) < 0)
		return err_set(err, errno, "enter its mount namespace");
	root_fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root_fd < 0)
		return err_set(err, errno, "open the root of its namespace");
	if (verify_list_names(root_fd, &ret->names, err) < 0)
		return -err->code;
	return path_read_file(host_proc_fd, "self/mountinfo", VERIFY_FILE_MAX,
			      &ret->mountinfo, err);
}

/* In the child. Return: its exit status */
static int look_and_tell(int ns_fd, int host_proc_fd, int out_fd)
{
	struct verify_inside inside = { 0 };
	struct answer answer = { .err = ERR_INIT };
	int r = look(ns_fd, host_proc_fd, &inside, &answer.err);

	for (size_t i = 0; r == 0 && i < inside.names.count; i++)
		answer.names_len += strlen(inside.names.item[i]) + 1;
	if (r == 0)
		answer.mounts_len = strlen(inside.mountinfo);
	if (fd_write_all(out_fd, &answer, sizeof(answer)) < 0 || r < 0)
		return 1;
	for (size_t i = 0; i < inside.names.count; i++)
		if (fd_write_all(out_fd, inside.names.item[i],
				 strlen(inside.names.item[i]) + 1) < 0)
			return 1;
	return fd_write_all(out_fd, inside.mountinfo, answer.mounts_len) < 0;
}

static int read_exactly(int fd, void *data, size_t len, struct err *err)
{
	ssize_t n = fd_read_full(fd, data, len);

	if (n < 0)
		return err_set(err, (int)-n, "read from the looking child");
	if ((size_t)n != len)
		return err_msg(err, EIO, "the looking child said too little");
	return 0;
}

static int receive(int fd, struct verify_inside *ret, struct err *err)
{
	AUTO_FREE char *names = NULL;
	struct answer answer;

	if (read_exactly(fd, &answer, sizeof(answer), err) < 0)
		return -err->code;
	if (answer.err.code) {
		*err = answer.err;
		return -err->code;
	}
	if (answer.names_len > NAMES_BYTES_MAX ||
	    answer.mounts_len > VERIFY_FILE_MAX)
		return err_msg(err, E2BIG, "the looking child says too much");
	names = xcalloc(1, answer.names_len + 1);
	ret->mountinfo = xcalloc(1, answer.mounts_len + 1);
	if (read_exactly(fd, names, answer.names_len, err) < 0 ||
	    read_exactly(fd, ret->mountinfo, answer.mounts_len, err) < 0)
		return -err->code;
	for (char *at = names; at < names + answer.names_len;
	     at += strlen(at) + 1)
		strv_add(&ret->names, at);
	return 0;
}

/**
 * verify_inside_read() - List the root of a mount namespace and its mounts
 * @proc_fd:	/proc/PID of a process in it
 * @ret:	Filled; freed by the caller in every case
 * @err:	Filled on failure
 *
 * Return: 0 or -errno
 *
 * #syscalls:runtime setns pipe2 clone wait4
 */
int verify_inside_read(int proc_fd, struct verify_inside *ret, struct err *err)
{
	AUTO_FD int ns_fd = openat(proc_fd, "ns/mnt", O_RDONLY | O_CLOEXEC);
	AUTO_FD int host_proc_fd =
		open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int pair[2], status, r;
	pid_t pid, ended;

	if (ns_fd < 0)
		return err_set(err, errno, "open its mount namespace");
	if (host_proc_fd < 0)
		return err_set(err, errno, "open /proc");
	if (pipe2(pair, O_CLOEXEC) < 0)
		return err_set(err, errno, "pipe");
	pid = fork();
	if (pid == 0)
		_exit(look_and_tell(ns_fd, host_proc_fd, pair[1]));
	r = pid < 0 ? err_set(err, errno, "fork") : 0;
	close(pair[1]);
	if (r == 0)
		r = receive(pair[0], ret, err);
	close(pair[0]);
	if (pid < 0)
		return r;
	do
		ended = waitpid(pid, &status, 0);
	while (ended < 0 && errno == EINTR);
	if (r < 0)
		return r;
	if (ended < 0)
		return err_set(err, errno, "wait for the looking child");
	if (status != 0)
		return err_msg(err, EIO, "the looking child failed");
	return 0;
}

void verify_inside_done(struct verify_inside *inside)
{
	strv_done(&inside->names);
	free(inside->mountinfo);
	inside->mountinfo = NULL;
}
