// SPDX-License-Identifier: Apache-2.0
/*
 * copyup.c - fills a new tmpfs with what the image has at its place
 * (tmpcopyup). Runs in the container's set-up. The image's tree is hostile:
 * nothing is followed, special files are refused, depth is bounded, and the
 * size is bounded by the tmpfs and the container's memory limit.
 */
#include "mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auto.h"
#include "fd.h"

#define DEPTH_MAX 64
#define CHUNK (64 * 1024)

static int copy_tree(int from_fd, int to_fd, unsigned depth, struct err *err);

static int copy_owner(int fd, const struct stat *st, const char *name,
		      struct err *err)
{
	const struct timespec times[2] = { st->st_atim, st->st_mtim };

	if (fchown(fd, st->st_uid, st->st_gid) < 0 ||
	    fchmod(fd, st->st_mode & 07777) < 0 || futimens(fd, times) < 0)
		return err_set(err, errno, "copy %s", name);
	return 0;
}

static int copy_file(int from_dir, int to_dir, const char *name,
		     const struct stat *st, struct err *err)
{
	static char chunk[CHUNK];
	AUTO_FD int in = openat(from_dir, name,
				O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	AUTO_FD int out = -1;
	ssize_t n;

	if (in < 0)
		return err_set(err, errno, "copy %s", name);
	out = openat(to_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
		     0600);
	if (out < 0)
		return err_set(err, errno, "copy %s", name);
	while ((n = fd_read_full(in, chunk, sizeof(chunk))) > 0) {
		int r = fd_write_all(out, chunk, (size_t)n);

		if (r < 0)
			return err_set(err, -r, "copy %s", name);
	}
	if (n < 0)
		return err_set(err, (int)-n, "copy %s", name);
	return copy_owner(out, st, name, err);
}

static int copy_link(int from_dir, int to_dir, const char *name,
		     const struct stat *st, struct err *err)
{
	char target[4096];
	ssize_t n = readlinkat(from_dir, name, target, sizeof(target) - 1);

	if (n < 0)
		return err_set(err, errno, "copy link %s", name);
	target[n] = '\0';
	if (symlinkat(target, to_dir, name) < 0 ||
	    fchownat(to_dir, name, st->st_uid, st->st_gid,
		     AT_SYMLINK_NOFOLLOW) < 0)
		return err_set(err, errno, "copy link %s", name);
	return 0;
}

static int copy_directory(int from_dir, int to_dir, const char *name,
			  const struct stat *st, unsigned depth, struct err *err)
{
	AUTO_FD int in = openat(from_dir, name,
				O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	AUTO_FD int out = -1;
	int r;

	if (in < 0)
		return err_set(err, errno, "copy directory %s", name);
	if (mkdirat(to_dir, name, 0700) < 0)
		return err_set(err, errno, "copy directory %s", name);
	out = openat(to_dir, name,
		     O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (out < 0)
		return err_set(err, errno, "copy directory %s", name);
	r = copy_tree(in, out, depth + 1, err);
	return r < 0 ? r : copy_owner(out, st, name, err);
}

static int copy_entry(int from_dir, int to_dir, const char *name,
		      unsigned depth, struct err *err)
{
	struct stat st;

	if (fstatat(from_dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_set(err, errno, "copy %s", name);
	switch (st.st_mode & S_IFMT) {
	case S_IFREG:
		return copy_file(from_dir, to_dir, name, &st, err);
	case S_IFLNK:
		return copy_link(from_dir, to_dir, name, &st, err);
	case S_IFDIR:
		return copy_directory(from_dir, to_dir, name, &st, depth, err);
	default:
		return err_msg(err, EOPNOTSUPP,
			       "tmpcopyup: %s is a special file", name);
	}
}

static int copy_tree(int from_fd, int to_fd, unsigned depth, struct err *err)
{
	AUTO_CLOSEDIR DIR *dir = NULL;
	struct dirent *entry;
	int fd, r;

	if (depth > DEPTH_MAX)
		return err_msg(err, ELOOP, "tmpcopyup: the tree is too deep");
	fd = openat(from_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_set(err, errno, "read directory");
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return err_set(err, ENOMEM, "read directory");
	}
	while (errno = 0, (entry = readdir(dir))) {
		if (strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0)
			continue;
		r = copy_entry(fd, to_fd, entry->d_name, depth, err);
		if (r < 0)
			return r;
	}
	return errno ? err_set(err, errno, "read directory") : 0;
}

/**
 * copy_up() - Copy a directory's contents, owner, mode and times
 * @from_fd:	Directory of the image, an O_PATH descriptor will do
 * @to_fd:	Top of the new file system
 * @err:	Filled on failure
 *
 * Return: 0 or -errno
 */
int copy_up(int from_fd, int to_fd, struct err *err)
{
	AUTO_FD int out = openat(to_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (out < 0)
		return err_set(err, errno, "open the new file system");
	return copy_tree(from_fd, out, 0, err);
}
