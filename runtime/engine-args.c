// SPDX-License-Identifier: Apache-2.0
/*
 * engine-args.c - what engines put on the command lines of kata-runtime. The
 * caller is trusted with its own files and sockets; what cannot be honoured is
 * refused by name. Needs no rights.
 */
#include "engine-args.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "alloc.h"
#include "auto.h"
#include "fd.h"
#include "ids.h"
#include "num.h"
#include "path.h"

#define PRESERVE_MAX 1024

int operand_id(int argc, char **argv, int at, const char **ret_id,
	       struct err *err)
{
	if (at < 0)
		return at;
	if (at >= argc)
		return err_msg(err, EINVAL, "a container ID is needed");
	if (at + 1 < argc)
		return err_msg(err, EINVAL, "unexpected operand \"%.64s\"",
			       argv[at + 1]);
	*ret_id = argv[at];
	return ids_check(argv[at], err);
}

int terminal_check(const char *console_socket, bool foreground, struct err *err)
{
	if (console_socket)
		return 0;
	if (!foreground)
		return err_msg(
			err, EINVAL,
			"process.terminal: detached, there must be a --console-socket");
	if (!isatty(STDIN_FILENO))
		return err_msg(
			err, ENOTTY,
			"process.terminal: no --console-socket, and stdin is not a terminal");
	return 0;
}

/*
 * LISTEN_FDS counts only for the process that LISTEN_PID names; conmon names
 * us. What a service manager left in the environment for another does not.
 */
static int listen_fds(uint32_t *ret, struct err *err)
{
	const char *count = getenv("LISTEN_FDS"), *pid = getenv("LISTEN_PID");
	uint32_t named;

	*ret = 0;
	if (!count || !pid || num_parse_u32(pid, INT_MAX, &named) < 0 ||
	    (pid_t)named != getpid())
		return 0;
	if (num_parse_u32(count, PRESERVE_MAX, ret) < 0)
		return err_msg(err, EINVAL,
			       "LISTEN_FDS: \"%.32s\" is not a number", count);
	return 0;
}

static const char *kind_of(const struct stat *st)
{
	switch (st->st_mode & S_IFMT) {
	case S_IFSOCK:
		return "a socket";
	case S_IFIFO:
		return "a pipe";
	case S_IFREG:
		return "a file";
	case S_IFDIR:
		return "a directory";
	case S_IFCHR:
	case S_IFBLK:
		return "a device";
	default:
		return "a handle of the kernel";
	}
}

/*
 * A descriptor is a handle of the host's kernel: its position, locks and peer
 * are there. A copy under the same number would look like it and be another.
 */
int preserve_fds_check(uint32_t inherited, const char *value, struct err *err)
{
	uint32_t count = 0, listening;
	struct stat st;

	if (value && num_parse_u32(value, PRESERVE_MAX, &count) < 0)
		return err_msg(err, EINVAL,
			       "--preserve-fds: \"%.32s\" is not a number",
			       value);
	if (listen_fds(&listening, err) < 0)
		return -err->code;
	count += listening;
	if (count == 0)
		return 0;
	if (count > inherited || fstat(3, &st) < 0)
		return err_msg(err, EBADF,
			       "%s: of %u descriptors from 3 on, %u is not open",
			       listening ? "LISTEN_FDS" : "--preserve-fds",
			       count, 3 + inherited);
	return err_msg(
		err, EOPNOTSUPP,
		"%s %u: descriptor 3 is %s of the host's kernel and cannot be passed into a VM",
		listening ? "LISTEN_FDS" : "--preserve-fds", count,
		kind_of(&st));
}

int pid_file_check(const char *path, struct err *err)
{
	AUTO_FREE char *copy = NULL;
	const char *dir;

	if (!path)
		return 0;
	copy = xstrdup(path);
	dir = dirname(copy);
	if (access(dir, W_OK) < 0)
		return err_set(err, errno, "pid file %s: directory %s", path,
			       dir);
	return 0;
}

int pid_file_write(const char *path, pid_t pid, struct err *err)
{
	AUTO_FREE char *dir_copy = xstrdup(path), *name_copy = xstrdup(path);
	AUTO_FD int dir_fd = -1;
	char text[16];
	int n = snprintf(text, sizeof(text), "%d", pid);

	dir_fd = open(dirname(dir_copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd < 0)
		return err_set(err, errno, "pid file %s", path);
	if (path_write_atomic(dir_fd, basename(name_copy), text, (size_t)n,
			      err) < 0)
		return err_wrap(err, "pid file");
	return 0;
}

int engine_connect(const char *path, const char *what, struct err *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	AUTO_FD int fd = -1;

	if (strlen(path) >= sizeof(address.sun_path))
		return err_msg(err, ENAMETOOLONG, "%s %s", what, path);
	memcpy(address.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_set(err, errno, "socket");
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return err_set(err, errno, "%s %s", what, path);
	return take_fd(&fd);
}

int pidfd_send(int sock, int pidfd, struct err *err)
{
	static const char name[] = "pidfd";
	int r = fd_send(sock, name, sizeof(name), &pidfd, 1);

	return r < 0 ? err_set(err, -r, "send the pidfd") : 0;
}
