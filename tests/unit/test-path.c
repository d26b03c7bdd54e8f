// SPDX-License-Identifier: Apache-2.0
/*
 * test-path.c - a root with hostile links in it, trusted files, and our own
 * state directory. Works in a directory of its own below TMPDIR.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auto.h"
#include "path.h"
#include "userns.h"

static char top[512];
static int top_fd = -1, root_fd = -1;

static void put(int dir_fd, const char *name, const char *text)
{
	AUTO_FD int fd = openat(dir_fd, name,
				O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

static int setup(void **state)
{
	const char *tmp = getenv("TMPDIR");

	(void)state;
	snprintf(top, sizeof(top), "%s/kata-test-path.XXXXXX",
		 tmp ? tmp : "/tmp");
	if (!mkdtemp(top))
		return -1;
	top_fd = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (mkdirat(top_fd, "root", 0700) < 0)
		return -1;
	root_fd = openat(top_fd, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	put(top_fd, "secret", "s");
	put(root_fd, "file", "f");
	return mkdirat(root_fd, "dir", 0700) ||
	       mkdirat(root_fd, "dir/sub", 0700) ||
	       symlinkat("../../../../secret", root_fd, "up") ||
	       symlinkat("/dir", root_fd, "abs") ||
	       symlinkat("/proc/self/root", root_fd, "magic") ||
	       symlinkat("loop", root_fd, "loop") ||
	       symlinkat("/made/late", root_fd, "dangling");
}

static int teardown(void **state)
{
	struct err err = ERR_INIT;
	AUTO_FD int parent =
		openat(top_fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = path_remove_tree(parent, strrchr(top, '/') + 1, &err);

	(void)state;
	close(root_fd);
	close(top_fd);
	return r;
}

static bool exists(int dir_fd, const char *name)
{
	return faccessat(dir_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void test_in_root(void **state)
{
	struct err err = ERR_INIT;
	AUTO_FD int file =
		path_open_in_root(root_fd, "/file", O_RDONLY, 0, &err);
	AUTO_FD int dots =
		path_open_in_root(root_fd, "../../file", O_RDONLY, 0, &err);
	AUTO_FD int abs = path_open_in_root(root_fd, "abs/sub", O_PATH, 0, &err);

	(void)state;
	assert_true(file >= 0);
	assert_true(fcntl(file, F_GETFD) & FD_CLOEXEC);
	assert_true(dots >= 0);
	assert_true(abs >= 0);
	assert_int_equal(path_open_in_root(root_fd, "up", O_RDONLY, 0, &err),
			 -ENOENT);
	assert_int_equal(path_open_in_root(root_fd, "loop", O_RDONLY, 0, &err),
			 -ELOOP);
	assert_int_equal(path_open_in_root(root_fd, "magic/etc", O_PATH, 0, &err),
			 -ENOENT);
}

static void test_magic_link(void **state)
{
	struct err err = ERR_INIT;
	AUTO_FD int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	assert_true(proc >= 0);
	assert_int_equal(
		path_open_in_root(proc, "self/root/etc", O_PATH, 0, &err),
		-ELOOP);
	assert_int_equal(path_open_in_root(proc, "self/fd/0", O_PATH, 0, &err),
			 -ELOOP);
}

static void test_beneath(void **state)
{
	struct err err = ERR_INIT;
	AUTO_FD int sub = path_open_beneath(root_fd, "dir/sub", O_PATH, 0, &err);

	(void)state;
	assert_true(sub >= 0);
	assert_int_equal(
		path_open_beneath(root_fd, "../secret", O_RDONLY, 0, &err),
		-EXDEV);
	assert_int_equal(
		path_open_beneath(root_fd, "/etc/passwd", O_RDONLY, 0, &err),
		-EXDEV);
	assert_int_equal(path_open_beneath(root_fd, "abs/sub", O_PATH, 0, &err),
			 -ELOOP);
	assert_int_equal(path_open_beneath(root_fd, "up", O_RDONLY, 0, &err),
			 -ELOOP);
}

static void test_mkdirs(void **state)
{
	struct err err = ERR_INIT;
	AUTO_FD int fd =
		path_mkdirs_in_root(root_fd, "/x/y/../y//z", 0750, &err);
	AUTO_FD int linked = path_mkdirs_in_root(root_fd, "abs/new", 0700, &err);
	AUTO_FD int itself = path_mkdirs_in_root(root_fd, "/", 0700, &err);
	struct stat made, root;

	(void)state;
	assert_true(fd >= 0);
	assert_true(exists(root_fd, "x/y/z"));
	assert_true(linked >= 0);
	assert_true(exists(root_fd, "dir/new"));
	assert_true(itself >= 0);
	assert_int_equal(fstat(itself, &made), 0);
	assert_int_equal(fstat(root_fd, &root), 0);
	assert_int_equal(made.st_ino, root.st_ino);
	assert_true(path_mkdirs_in_root(root_fd, "file/x", 0700, &err) < 0);
	assert_true(path_mkdirs_in_root(root_fd, "loop/x", 0700, &err) < 0);
	assert_false(exists(top_fd, "x"));
}

static void test_mount_point(void **state)
{
	struct err err = ERR_INIT;
	AUTO_FD int dir = path_mount_point(root_fd, "/mnt/a", true, &err);
	AUTO_FD int file = path_mount_point(root_fd, "/etc/b", false, &err);
	AUTO_FD int flat = path_mount_point(root_fd, "/top-file", false, &err);
	AUTO_FD int again = path_mount_point(root_fd, "/file", false, &err);
	struct stat st;

	(void)state;
	assert_true(dir >= 0);
	assert_int_equal(fstat(dir, &st), 0);
	assert_true(S_ISDIR(st.st_mode));
	if (file < 0)
		fail_msg("%s", err.text);
	assert_int_equal(fstat(file, &st), 0);
	assert_true(S_ISREG(st.st_mode));
	assert_true(flat >= 0);
	assert_true(again >= 0);
	assert_int_equal(path_mount_point(root_fd, "/file", true, &err),
			 -ENOTDIR);
	assert_int_equal(path_mount_point(root_fd, "/dir", false, &err),
			 -EISDIR);
	assert_true(path_mount_point(root_fd, "/loop", false, &err) < 0);
}

static void test_mount_point_links(void **state)
{
	struct err err = ERR_INIT;
	AUTO_FD int hidden = path_mount_point(root_fd, "/abs/x/f", false, &err);
	AUTO_FD int up = path_mount_point(root_fd, "/up", false, &err);
	AUTO_FREE char *outside = NULL;
	AUTO_FD int late = -1;

	(void)state;
	/* a link out of the root to nowhere: made inside, or refused */
	assert_true(up < 0 || exists(root_fd, "secret"));
	assert_int_equal(path_read_file(top_fd, "secret", 10, &outside, &err),
			 0);
	assert_string_equal(outside, "s");
	assert_true(hidden >= 0);
	assert_true(exists(root_fd, "dir/x/f"));
	assert_false(exists(top_fd, "x"));
	/* a dangling link: its target is made, inside the root */
	late = path_mount_point(root_fd, "/dangling", false, &err);
	assert_true(late >= 0);
	assert_true(exists(root_fd, "made/late"));
	assert_false(exists(top_fd, "made"));
	assert_int_equal(path_mount_point(root_fd, "/dangling", true, &err),
			 -ENOTDIR);
}

static void test_atomic(void **state)
{
	struct err err = ERR_INIT;
	AUTO_FREE char *text = NULL;
	struct stat st;

	(void)state;
	assert_int_equal(path_write_atomic(root_fd, "state", "one", 3, &err), 0);
	assert_int_equal(path_write_atomic(root_fd, "state", "two", 3, &err), 0);
	assert_int_equal(path_read_file(root_fd, "state", 10, &text, &err), 0);
	assert_string_equal(text, "two");
	assert_int_equal(fstatat(root_fd, "state", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_true(path_write_atomic(root_fd, "none/x", "a", 1, &err) < 0);
	assert_int_equal(path_read_file(root_fd, "state", 2, &text, &err),
			 -EFBIG);
	assert_int_equal(path_read_file(root_fd, "nope", 2, &text, &err),
			 -ENOENT);
	assert_int_equal(path_write_file(root_fd, "state", "three", &err), 0);
	assert_int_equal(path_write_file(root_fd, "nope", "x", &err), -ENOENT);
}

static void test_remove(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(mkdirat(top_fd, "t", 0700), 0);
	assert_int_equal(mkdirat(top_fd, "t/u", 0700), 0);
	put(top_fd, "t/u/f", "x");
	put(top_fd, "keep", "x");
	assert_int_equal(symlinkat("../keep", top_fd, "t/l"), 0);
	assert_int_equal(symlinkat("../root", top_fd, "t/d"), 0);
	assert_int_equal(path_remove_tree(top_fd, "t", &err), 0);
	assert_false(exists(top_fd, "t"));
	assert_true(exists(top_fd, "keep"));
	assert_true(exists(root_fd, "file"));
	assert_int_equal(path_remove_tree(top_fd, "t", &err), 0);
}

static void test_trusted(void **state)
{
	struct err err = ERR_INIT;
	char path[600];
	int fd;

	(void)state;
	snprintf(path, sizeof(path), "%s/keep2", top);
	put(top_fd, "keep2", "x");
	if (path_check_trusted(path, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(fchmodat(top_fd, "keep2", 0620, 0), 0);
	assert_int_equal(path_check_trusted(path, &err), -EPERM);
	assert_int_equal(fchmodat(top_fd, "keep2", 0602, 0), 0);
	assert_int_equal(path_check_trusted(path, &err), -EPERM);
	assert_int_equal(fchmodat(top_fd, "keep2", 0600, 0), 0);
	assert_int_equal(fchmod(top_fd, 0770), 0);
	assert_int_equal(path_check_trusted(path, &err), -EPERM);
	assert_int_equal(fchmod(top_fd, 01777), 0); /* sticky: as /tmp */
	assert_int_equal(path_check_trusted(path, &err), 0);
	if (geteuid() == 0) {
		assert_int_equal(fchownat(top_fd, "keep2", 12345, 0, 0), 0);
		assert_int_equal(path_check_trusted(path, &err), -EPERM);
		assert_int_equal(path_open_trusted(path, &err), -EPERM);
		/* the real nobody; elsewhere what has no place in the map */
		assert_int_equal(
			fchownat(top_fd, "keep2", USERNS_OVERFLOW_ID, 0, 0), 0);
		assert_int_equal(path_check_trusted(path, &err),
				 userns_is_initial() ? -EPERM : 0);
		assert_int_equal(fchownat(top_fd, "keep2", 0, 0, 0), 0);
	}
	fd = path_open_trusted(path, &err);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(path_open_trusted("/nope/nope", &err), -ENOENT);
	assert_int_equal(fchmod(top_fd, 0700), 0);
	assert_int_equal(path_check_trusted("/nope/nope", &err), -ENOENT);
}

static void test_normalise(void **state)
{
	static const char *const pair[][2] = {
		{ "/", "/" },
		{ "//", "/" },
		{ "/a", "/a" },
		{ "/a/", "/a" },
		{ "/a//b/./../c", "/a/c" },
		{ "/..", "/" },
		{ "/../../a", "/a" },
		{ "/a/..", "/" },
		{ "/.a/..b/...", "/.a/..b/..." },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(pair); i++) {
		AUTO_FREE char *clean = path_normalise(pair[i][0]);

		assert_string_equal(clean, pair[i][1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_in_root),
		cmocka_unit_test(test_magic_link),
		cmocka_unit_test(test_beneath),
		cmocka_unit_test(test_mkdirs),
		cmocka_unit_test(test_mount_point),
		cmocka_unit_test(test_mount_point_links),
		cmocka_unit_test(test_atomic),
		cmocka_unit_test(test_remove),
		cmocka_unit_test(test_trusted),
		cmocka_unit_test(test_normalise),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
