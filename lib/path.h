/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths under someone else's control: everything resolves beneath a directory
 * descriptor by openat2(2), symlinks cannot leave it, /proc magic links are
 * refused. No fallback for kernels before 5.6: they are not supported.
 */
#ifndef LIB_PATH_H
#define LIB_PATH_H

#include "err.h"

/*
 * Opens path (absolute or not) as seen with root_fd for /
 * (RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS). Close-on-exec.
 */
int path_open_in_root(int root_fd, const char *path, int flags, mode_t mode,
		      struct err *err) MUST_CHECK;
/*
 * Same, with no symlink at all allowed (RESOLVE_BENEATH | NO_SYMLINKS); path
 * is relative. For our own directories.
 */
int path_open_beneath(int dir_fd, const char *path, int flags, mode_t mode,
		      struct err *err) MUST_CHECK;
/*
 * Makes every missing directory of path inside root_fd (mode as given), and
 * returns an O_PATH descriptor of the last one. Symlinks resolve inside the
 * root.
 */
int path_mkdirs_in_root(int root_fd, const char *path, mode_t mode,
			struct err *err) MUST_CHECK;
/*
 * Makes sure that path exists in root_fd as a mount point: a directory when
 * is_dir, otherwise an empty regular file. Return: O_PATH descriptor.
 */
int path_mount_point(int root_fd, const char *path, bool is_dir,
		     struct err *err) MUST_CHECK;
/*
 * Checks that the file that path leads to and every directory above it belong
 * to root or the calling user and are writable by nobody else (sticky
 * directories excepted); the same for links on the way. In a user namespace
 * other than the initial one an unmapped owner counts as root: the two cannot
 * be told apart there.
 */
int path_check_trusted(const char *path, struct err *err) MUST_CHECK;
/* The same check, and the file opened for reading, close-on-exec. */
int path_open_trusted(const char *path, struct err *err) MUST_CHECK;
/* Writes a file by temporary name, fsync-free, and rename. Mode 0600. */
int path_write_atomic(int dir_fd, const char *name, const void *data,
		      size_t len, struct err *err) MUST_CHECK;
/* Removes a directory and all in it without crossing mounts or symlinks. */
int path_remove_tree(int dir_fd, const char *name, struct err *err) MUST_CHECK;
/* Writes text to an existing file in one write(2), as /proc and cgroups need. */
int path_write_file(int dir_fd, const char *path, const char *text,
		    struct err *err) MUST_CHECK;
/* Reads a small file whole; caller frees *ret_text. */
int path_read_file(int dir_fd, const char *path, size_t max, char **ret_text,
		   struct err *err) MUST_CHECK;
/* "/a//b/./../c" to "/c"; caller frees. The path must be absolute. */
char *path_normalise(const char *path);

#endif
