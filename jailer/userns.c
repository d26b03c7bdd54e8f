// SPDX-License-Identifier: Apache-2.0
/*
 * userns.c - the file server's user namespace: a child of the caller's that
 * maps every id of it to itself. bwrap alone can map a single id only, and
 * the server must give files to any id of the container. Capabilities that the
 * server keeps are valid in this namespace and nowhere else.
 *
 * Rights: CAP_SETUID, CAP_SETGID and CAP_SETFCAP over the caller's map.
 * Linux 5.12 and later ask for the last when id 0 is mapped.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "auto.h"
#include "fd.h"
#include "num.h"
#include "path.h"

#include "jail.h"

#define MAP_MAX (64 * 1024)
#define EXTENTS_MAX 340 /* user_namespaces(7) */

/**
 * userns_identity_map() - Map for a child that has all ids of its parent
 * @map:	/proc/self/uid_map or gid_map of the parent
 * @ret:	Text to write; owned by the caller
 * @err:	Filled on failure
 *
 * Return: 0 or -EINVAL
 */
int userns_identity_map(const char *map, char **ret, struct err *err)
{
	AUTO_FREE char *copy = xstrdup(map);
	AUTO_FREE char *text = xstrdup("");
	char *save = NULL;
	size_t count = 0;

	for (char *line = strtok_r(copy, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		char *more = NULL, *field[4];
		uint32_t first, size;
		char *longer;

		for (int i = 0; i < 4; i++)
			field[i] = strtok_r(i ? NULL : line, " \t", &more);
		if (!field[2] || field[3] ||
		    num_parse_u32(field[0], UINT32_MAX, &first) < 0 ||
		    num_parse_u32(field[2], UINT32_MAX, &size) < 0 || size == 0)
			return err_msg(err, EINVAL,
				       "id map: line %zu not understood",
				       count + 1);
		if (++count > EXTENTS_MAX)
			return err_msg(err, EINVAL, "id map: too many lines");
		longer = xasprintf("%s%u %u %u\n", text, first, first, size);
		free(text);
		text = longer;
	}
	if (count == 0)
		return err_msg(err, EINVAL, "id map: empty");
	*ret = take_ptr(text);
	return 0;
}

static int write_map(pid_t pid, const char *name, struct err *err)
{
	AUTO_FREE char *own = xasprintf("/proc/self/%s", name);
	AUTO_FREE char *child = xasprintf("/proc/%d/%s", pid, name);
	AUTO_FREE char *map = NULL, *text = NULL;
	int r = path_read_file(AT_FDCWD, own, MAP_MAX, &map, err);

	if (r == 0)
		r = userns_identity_map(map, &text, err);
	return r < 0 ? r : path_write_file(AT_FDCWD, child, text, err);
}

/*
 * In the child: makes the namespace, waits for its map, then forbids any
 * further user namespace inside it (bwrap's --disable-userns does that only for
 * a namespace that bwrap makes).
 */
static NORETURN void run_child(int sock)
{
	struct err err = ERR_INIT;
	char byte = 0;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || unshare(CLONE_NEWUSER) < 0)
		err_set(&err, errno, "unshare user namespace");
	if (fd_write_all(sock, &err, sizeof(err)) < 0 || err.code ||
	    fd_read_full(sock, &byte, 1) != 1)
		_exit(1);
	IGNORE(path_write_file(AT_FDCWD, "/proc/sys/user/max_user_namespaces",
			       "0", &err) < 0,
	       "err says so, and is sent");
	IGNORE(fd_write_all(sock, &err, sizeof(err)) < 0, "parent sees the end");
	IGNORE(fd_read_full(sock, &byte, 1) < 0, "waits to be ended");
	_exit(0);
}

static int hear(int sock, struct err *err)
{
	struct err said;

	if (fd_read_full(sock, &said, sizeof(said)) != sizeof(said))
		return err_msg(err, EIO, "helper of the user namespace ended");
	if (said.code) {
		*err = said;
		return -said.code;
	}
	return 0;
}

static int set_up(pid_t pid, int sock, int *ret_fd, struct err *err)
{
	AUTO_FREE char *path = xasprintf("/proc/%d/ns/user", pid);
	AUTO_FD int fd = -1;
	int r = hear(sock, err);

	if (r == 0)
		r = write_map(pid, "uid_map", err);
	if (r == 0)
		r = write_map(pid, "gid_map", err);
	if (r < 0)
		return r;
	r = fd_write_all(sock, "", 1);
	if (r < 0)
		return err_set(err, -r, "helper of the user namespace");
	r = hear(sock, err);
	if (r < 0)
		return r;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_set(err, errno, "open %s", path);
	*ret_fd = take_fd(&fd);
	return 0;
}

/**
 * userns_make_whole() - Make the namespace and keep it by descriptor
 * @ret_fd:	Close-on-exec descriptor
 * @err:	Filled on failure
 *
 * Return: 0 or -errno
 *
 * #syscalls:jailer/userns unshare clone socketpair
 * #caps:jailer/userns setuid setgid setfcap - id map of the child namespace
 */
int userns_make_whole(int *ret_fd, struct err *err)
{
	AUTO_FD int mine = -1;
	int pair[2];
	pid_t pid;
	int r;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return err_set(err, errno, "socketpair");
	mine = pair[0];
	pid = fork();
	if (pid == 0) {
		close(pair[0]);
		run_child(pair[1]);
	}
	r = errno;
	close(pair[1]);
	if (pid < 0)
		return err_set(err, r, "fork");
	r = set_up(pid, mine, ret_fd, err);
	kill(pid, SIGKILL);
	IGNORE(waitpid(pid, NULL, 0) < 0, "it has been killed");
	return r < 0 ? err_wrap(err, "user namespace of the file server") : 0;
}
