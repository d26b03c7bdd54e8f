// SPDX-License-Identifier: Apache-2.0
/*
 * path.c - paths under someone else's control. Image authors choose every
 * name and symlink below a rootfs: all walking is done by openat2(2) relative
 * to a descriptor, so no check can be raced.
 */
#include "path.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "alloc.h"
#include "auto.h"
#include "fd.h"
#include "userns.h"

#define LINKS_MAX 16
#define OPEN_TRIES 128

static int openat2_(int dir_fd, const char *path, int flags, mode_t mode,
		    uint64_t resolve)
{
	struct open_how how = {
		.flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
		.mode = flags & (O_CREAT | O_TMPFILE) ? mode : 0,
		.resolve = resolve,
	};
	int fd, tries = 0;

	/* EAGAIN: something was renamed meanwhile; an attacker could go on. */
	do {
		fd = (int)syscall(SYS_openat2, dir_fd, path, &how, sizeof(how));
	} while (fd < 0 && (errno == EINTR || errno == EAGAIN) &&
		 ++tries < OPEN_TRIES);
	return fd < 0 ? -errno : fd;
}

int path_open_in_root(int root_fd, const char *path, int flags, mode_t mode,
		      struct err *err)
{
	int fd = openat2_(root_fd, path, flags, mode,
			  RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);

	return fd < 0 ? err_set(err, -fd, "open %s in the root", path) : fd;
}

int path_open_beneath(int dir_fd, const char *path, int flags, mode_t mode,
		      struct err *err)
{
	int fd = openat2_(dir_fd, path, flags, mode,
			  RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);

	return fd < 0 ? err_set(err, -fd, "open %s", path) : fd;
}

/*
 * One step down: opens name in dir_fd, making the directory when it is
 * missing. A symlink is resolved inside root_fd from the text walked so far.
 */
static int step_down(int root_fd, const char *so_far, mode_t mode,
		     struct err *err)
{
	const char *slash = strrchr(so_far, '/');
	AUTO_FREE char *parent = NULL;
	AUTO_FD int parent_fd = -1;
	int fd = openat2_(root_fd, so_far, O_PATH | O_DIRECTORY, 0,
			  RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);

	if (fd != -ENOENT)
		return fd < 0 ? err_set(err, -fd, "open %s in the root", so_far) :
				fd;
	parent = slash ? xstrndup(so_far, (size_t)(slash - so_far)) :
			 xstrdup("");
	parent_fd = openat2_(root_fd, *parent ? parent : ".",
			     O_PATH | O_DIRECTORY, 0,
			     RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
	if (parent_fd < 0)
		return err_set(err, -parent_fd, "open %s in the root", parent);
	if (mkdirat(parent_fd, slash ? slash + 1 : so_far, mode) < 0 &&
	    errno != EEXIST)
		return err_set(err, errno, "make %s in the root", so_far);
	fd = openat2_(root_fd, so_far, O_PATH | O_DIRECTORY, 0,
		      RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
	return fd < 0 ? err_set(err, -fd, "open %s in the root", so_far) : fd;
}

int path_mkdirs_in_root(int root_fd, const char *path, mode_t mode,
			struct err *err)
{
	AUTO_FREE char *absolute = xasprintf("/%s", path);
	AUTO_FREE char *clean = path_normalise(absolute);
	AUTO_FD int fd = -1;

	fd = openat2_(root_fd, ".", O_PATH | O_DIRECTORY, 0, RESOLVE_IN_ROOT);
	if (fd < 0)
		return err_set(err, -fd, "open the root");
	for (char *at = clean + 1; *at;) {
		char *end = strchr(at, '/');
		int next;

		if (end)
			*end = '\0';
		next = step_down(root_fd, clean + 1, mode, err);
		if (next < 0)
			return next;
		close(fd);
		fd = next;
		if (!end)
			break;
		*end = '/';
		at = end + 1;
	}
	return take_fd(&fd);
}

/*
 * The text that path leads to when it is a symlink, absolute inside the root;
 * NULL when it is none. Only for making what is missing at its end: opening
 * resolves it again, by the kernel and inside the root.
 */
static char *link_target(int root_fd, const char *path)
{
	AUTO_FD int fd = openat2_(root_fd, path, O_PATH | O_NOFOLLOW, 0,
				  RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
	const char *slash = strrchr(path, '/');
	AUTO_FREE char *joined = NULL;
	char target[PATH_MAX];
	ssize_t n = fd < 0 ? -1 : readlinkat(fd, "", target, sizeof(target) - 1);

	if (n <= 0)
		return NULL;
	target[n] = '\0';
	if (target[0] == '/')
		return path_normalise(target);
	joined = xasprintf("%.*s/%s", slash ? (int)(slash - path) : 0, path,
			   target);
	return path_normalise(joined);
}

static int make_parent(int root_fd, const char *path, struct err *err)
{
	const char *slash = strrchr(path, '/');
	AUTO_FREE char *parent =
		xstrndup(path, slash ? (size_t)(slash - path) : 0);
	int fd = path_mkdirs_in_root(root_fd, parent, 0755, err);

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

/*
 * An empty file where path leads to, through dangling symlinks too (images
 * have /etc/resolv.conf as one). O_EXCL: what somebody else puts there
 * meanwhile is never opened, so no fifo can block and no device react.
 */
static int make_file(int root_fd, const char *path, struct err *err)
{
	AUTO_FREE char *at = xstrdup(path);

	for (int depth = 0; depth < LINKS_MAX; depth++) {
		char *target;
		int fd;

		if (make_parent(root_fd, at, err) < 0)
			return -err->code;
		fd = openat2_(root_fd, at,
			      O_RDONLY | O_CREAT | O_EXCL | O_NOCTTY, 0644,
			      RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
		if (fd >= 0)
			close(fd);
		else if (fd != -EEXIST)
			return err_set(err, -fd, "make %s in the root", path);
		target = fd == -EEXIST ? link_target(root_fd, at) : NULL;
		if (!target)
			return path_open_in_root(root_fd, path, O_PATH, 0, err);
		free(at);
		at = target;
	}
	return err_set(err, ELOOP, "make %s in the root", path);
}

int path_mount_point(int root_fd, const char *path, bool is_dir, struct err *err)
{
	AUTO_FREE char *clean = NULL;
	AUTO_FD int fd = -1;
	struct stat st;

	clean = path_normalise(path);
	fd = openat2_(root_fd, clean, O_PATH, 0,
		      RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
	if (fd == -ENOENT) {
		if (is_dir)
			return path_mkdirs_in_root(root_fd, clean, 0755, err);
		return make_file(root_fd, clean, err);
	}
	if (fd < 0)
		return err_set(err, -fd, "open %s in the root", clean);
	if (fstat(fd, &st) < 0)
		return err_set(err, errno, "stat %s", clean);
	if (is_dir && !S_ISDIR(st.st_mode))
		return err_msg(err, ENOTDIR, "mount point %s: not a directory",
			       clean);
	if (!is_dir && S_ISDIR(st.st_mode))
		return err_msg(err, EISDIR, "mount point %s: is a directory",
			       clean);
	return take_fd(&fd);
}

/*
 * In the initial user namespace 65534 is the user nobody, whom nothing makes
 * trusted. In another one it stands for every owner without a place in the
 * map, the host's root among them.
 */
static bool owner_is_trusted(uid_t uid)
{
	if (uid == USERNS_OVERFLOW_ID && uid != geteuid())
		return !userns_is_initial();
	return uid == 0 || uid == geteuid();
}

static int check_one(const char *path, bool is_parent, struct err *err)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return err_set(err, errno, "stat %s", path);
	if (S_ISLNK(st.st_mode))
		return err_msg(err, ELOOP, "%s: is a symbolic link", path);
	if (!owner_is_trusted(st.st_uid))
		return err_msg(
			err, EPERM,
			"%s: owned by uid %u, must be root's or the caller's",
			path, st.st_uid);
	if ((st.st_mode & (S_IWGRP | S_IWOTH)) &&
	    !(is_parent && (st.st_mode & S_ISVTX)))
		return err_msg(
			err, EPERM,
			"%s: writable by group or others (mode %04o): chmod go-w",
			path, st.st_mode & 07777);
	return 0;
}

/* A path without symlinks, and everything above it. */
static int check_chain(const char *real, bool is_parent, struct err *err)
{
	AUTO_FREE char *above = xstrdup(real);
	int r = check_one(above, is_parent, err);

	while (r == 0 && strcmp(above, "/") != 0) {
		char *slash = strrchr(above, '/');

		if (slash == above)
			slash++;
		*slash = '\0';
		r = check_one(above, true, err);
	}
	return r;
}

/*
 * Whoever made a link chose what it leads to: he must be trusted as well, and
 * so must the directory that holds it.
 */
static int check_link(const char *path, struct err *err)
{
	AUTO_FREE char *copy = xstrdup(path), *real = NULL;
	struct stat st;

	if (lstat(path, &st) < 0)
		return err_set(err, errno, "stat %s", path);
	if (!S_ISLNK(st.st_mode))
		return 0;
	if (!owner_is_trusted(st.st_uid))
		return err_msg(
			err, EPERM,
			"%s: a symbolic link of uid %u, must be root's or the caller's",
			path, st.st_uid);
	real = realpath(dirname(copy), NULL);
	return real ? check_chain(real, true, err) :
		      err_set(err, errno, "resolve %s", path);
}

/* Every link among the given names; those that links lead on to are theirs. */
static int check_links(const char *path, struct err *err)
{
	AUTO_FREE char *part = xstrdup(path);
	int r = 0;

	for (char *at = part + strspn(part, "/"); r == 0 && *at;) {
		char *end = at + strcspn(at, "/");
		char after = *end;

		*end = '\0';
		r = check_link(part, err);
		*end = after;
		at = end + strspn(end, "/");
	}
	return r;
}

/* The path without symlinks, after the check; NULL with err otherwise. */
static char *trusted_real(const char *path, struct err *err)
{
	AUTO_FREE char *real = realpath(path, NULL);

	if (!real) {
		err_set(err, errno, "resolve %s", path);
		return NULL;
	}
	if (check_links(path, err) < 0 || check_chain(real, false, err) < 0)
		return NULL;
	return take_ptr(real);
}

int path_check_trusted(const char *path, struct err *err)
{
	AUTO_FREE char *real = trusted_real(path, err);

	return real ? 0 : -err->code;
}

int path_open_trusted(const char *path, struct err *err)
{
	AUTO_FREE char *real = trusted_real(path, err);
	int fd;

	if (!real)
		return -err->code;
	fd = open(real, O_RDONLY | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC);
	return fd < 0 ? err_set(err, errno, "open %s", real) : fd;
}

int path_write_atomic(int dir_fd, const char *name, const void *data,
		      size_t len, struct err *err)
{
	AUTO_FREE char *temp = xasprintf(".%s.%d", name, getpid());
	AUTO_FD int fd = -1;
	int r;

	IGNORE(unlinkat(dir_fd, temp, 0) < 0, "normally absent");
	fd = openat(dir_fd, temp,
		    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_set(err, errno, "create %s", temp);
	r = fd_write_all(fd, data, len);
	if (r < 0)
		err_set(err, -r, "write %s", name);
	else if (renameat(dir_fd, temp, dir_fd, name) < 0)
		r = err_set(err, errno, "rename %s", name);
	if (r < 0)
		IGNORE(unlinkat(dir_fd, temp, 0) < 0, "reported already");
	return r;
}

static int remove_children(int fd, dev_t dev, unsigned depth, struct err *err);

static int remove_entry(int dir_fd, const char *name, dev_t dev, unsigned depth,
			struct err *err)
{
	AUTO_FD int fd = -1;
	struct stat st;
	int r;

	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 :
					 err_set(err, errno, "stat %s", name);
	if (!S_ISDIR(st.st_mode)) {
		if (unlinkat(dir_fd, name, 0) < 0 && errno != ENOENT)
			return err_set(err, errno, "remove %s", name);
		return 0;
	}
	if (st.st_dev != dev)
		return err_msg(err, EBUSY, "%s: is a mount, not removed", name);
	fd = openat(dir_fd, name,
		    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_set(err, errno, "open %s", name);
	r = remove_children(fd, dev, depth + 1, err);
	if (r < 0)
		return r;
	if (unlinkat(dir_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return err_set(err, errno, "remove %s", name);
	return 0;
}

static int remove_children(int fd, dev_t dev, unsigned depth, struct err *err)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	AUTO_CLOSEDIR DIR *dir = copy >= 0 ? fdopendir(copy) : NULL;
	struct dirent *entry;
	int r = 0;

	if (!dir) {
		r = err_set(err, errno, "list directory");
		if (copy >= 0)
			close(copy);
		return r;
	}
	if (depth > 16)
		return err_msg(err, ELOOP, "directory tree too deep");
	while (r == 0 && (entry = readdir(dir))) {
		if (strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0)
			continue;
		r = remove_entry(fd, entry->d_name, dev, depth, err);
	}
	return r;
}

int path_remove_tree(int dir_fd, const char *name, struct err *err)
{
	struct stat st;

	if (fstat(dir_fd, &st) < 0)
		return err_set(err, errno, "stat parent of %s", name);
	return remove_entry(dir_fd, name, st.st_dev, 0, err);
}

int path_write_file(int dir_fd, const char *path, const char *text,
		    struct err *err)
{
	AUTO_FD int fd = openat(dir_fd, path, O_WRONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return err_set(err, errno, "open %s", path);
	n = write(fd, text, strlen(text));
	if (n < 0)
		return err_set(err, errno, "write \"%s\" to %s", text, path);
	if ((size_t)n != strlen(text))
		return err_msg(err, EIO, "write \"%s\" to %s: short", text,
			       path);
	return 0;
}

int path_read_file(int dir_fd, const char *path, size_t max, char **ret_text,
		   struct err *err)
{
	AUTO_FD int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return err_set(err, errno, "open %s", path);
	if (fd_read_text(fd, max, ret_text, NULL, err) < 0)
		return err_wrap(err, "%s", path);
	return 0;
}

char *path_normalise(const char *path)
{
	char *out = xcalloc(1, strlen(path) + 2);
	size_t used = 0;

	while (*path) {
		size_t len = strcspn(path, "/");

		if (len == 2 && memcmp(path, "..", 2) == 0) {
			while (used > 0 && out[used - 1] != '/')
				used--;
			if (used > 0)
				used--;
		} else if (len > 0 && !(len == 1 && path[0] == '.')) {
			out[used++] = '/';
			memcpy(out + used, path, len);
			used += len;
		}
		path += len;
		path += strspn(path, "/");
	}
	if (used == 0)
		out[used++] = '/';
	out[used] = '\0';
	return out;
}
