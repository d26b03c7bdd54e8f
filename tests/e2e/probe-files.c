// SPDX-License-Identifier: Apache-2.0
/*
 * probe-files.c - the probe's verb "files": every kind of request to a file
 * system that a program can make, so that a file server meets all of them.
 * Prints "what=errno", 0 for what works.
 */
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#define PAGE 4096

static void report(const char *what, long r)
{
	printf("%s=%d\n", what, r < 0 ? errno : 0);
}

#define TRY(what, call) report(what, (long)(call))

static void make_names(int dir)
{
	TRY("mkdir", mkdirat(dir, "d", 0750));
	TRY("mkdir-again", mkdirat(dir, "d", 0750));
	TRY("fifo", mknodat(dir, "fifo", S_IFIFO | 0600, 0));
	TRY("node", mknodat(dir, "node", S_IFREG | 0600, 0));
	TRY("symlink", symlinkat("f", dir, "l"));
	TRY("link", linkat(dir, "node", dir, "node2", 0));
	TRY("rename", renameat(dir, "node2", dir, "node3"));
	TRY("noreplace",
	    syscall(SYS_renameat2, dir, "node", dir, "node3", RENAME_NOREPLACE));
	TRY("exchange",
	    syscall(SYS_renameat2, dir, "f", dir, "node", RENAME_EXCHANGE));
}

static void write_ways(int fd)
{
	char page[PAGE];
	struct iovec part[] = { { page, 7 }, { page + 100, PAGE - 100 } };

	memset(page, 'x', sizeof(page));
	TRY("write", write(fd, page, sizeof(page)));
	TRY("pwrite", pwrite(fd, page, 1000, 12345));
	TRY("writev", writev(fd, part, 2));
	TRY("pwritev", pwritev(fd, part, 2, 77777));
	TRY("fsync", fsync(fd));
	TRY("fdatasync", fdatasync(fd));
	TRY("syncfs", syncfs(fd));
}

static void read_ways(int fd)
{
	char page[PAGE];
	struct iovec part[] = { { page, 7 }, { page + 100, PAGE - 100 } };

	TRY("seek", lseek(fd, 0, SEEK_SET));
	TRY("read", read(fd, page, sizeof(page)));
	TRY("pread", pread(fd, page, 1000, 12345));
	TRY("readv", readv(fd, part, 2));
	TRY("preadv", preadv(fd, part, 2, 77777));
	TRY("fadvise", posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED));
	TRY("reread", pread(fd, page, sizeof(page), 0));
	TRY("seek-data", lseek(fd, 0, SEEK_DATA));
	TRY("seek-hole", lseek(fd, 0, SEEK_HOLE));
}

static void size_ways(int dir, int fd)
{
	int to = openat(dir, "copy", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	TRY("fallocate", fallocate(fd, 0, 0, 65536));
	TRY("keep-size", fallocate(fd, FALLOC_FL_KEEP_SIZE, 65536, 65536));
	TRY("punch-hole",
	    fallocate(fd, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, PAGE,
		      PAGE));
	TRY("truncate", ftruncate(fd, 50000));
	TRY("copy-range", copy_file_range(fd, NULL, to, NULL, 20000, 0));
	TRY("sendfile", sendfile(to, fd, NULL, 10000));
	close(to);
}

static void lock_ways(int fd)
{
	struct flock lock = { .l_type = F_WRLCK, .l_len = 10 };

	TRY("flock", flock(fd, LOCK_EX | LOCK_NB));
	TRY("unflock", flock(fd, LOCK_UN));
	TRY("setlk", fcntl(fd, F_SETLK, &lock));
	TRY("getlk", fcntl(fd, F_GETLK, &lock));
	lock = (struct flock){ .l_type = F_RDLCK, .l_len = 10 };
	TRY("ofd-setlk", fcntl(fd, F_OFD_SETLK, &lock));
}

static void xattr_ways(int dir, int fd)
{
	char path[64], list[1024];

	snprintf(path, sizeof(path), "/proc/self/fd/%d/fifo", dir);
	TRY("fsetxattr", fsetxattr(fd, "user.a", "1", 1, 0));
	TRY("fgetxattr", fgetxattr(fd, "user.a", list, sizeof(list)));
	TRY("flistxattr", flistxattr(fd, list, sizeof(list)));
	TRY("fremovexattr", fremovexattr(fd, "user.a"));
	TRY("fgetxattr-none", fgetxattr(fd, "user.a", list, sizeof(list)));
	TRY("fifo-setxattr", setxattr(path, "user.a", "1", 1, 0));
	TRY("fifo-getxattr", getxattr(path, "user.a", list, sizeof(list)));
	TRY("fifo-listxattr", listxattr(path, list, sizeof(list)));
	TRY("fifo-removexattr", removexattr(path, "user.a"));
	snprintf(path, sizeof(path), "/proc/self/fd/%d/l", dir);
	TRY("link-setxattr", lsetxattr(path, "trusted.a", "1", 1, 0));
	TRY("link-listxattr", llistxattr(path, list, sizeof(list)));
	TRY("link-removexattr", lremovexattr(path, "trusted.a"));
}

static void attribute_ways(int dir, int fd)
{
	const struct timespec time[2] = { { .tv_sec = 1 }, { .tv_sec = 2 } };
	struct statx seen;
	struct statfs fs;
	char link[64];

	TRY("fchmod", fchmod(fd, 04711));
	TRY("fchmodat", fchmodat(dir, "d", 0700, 0));
	TRY("fchown", fchown(fd, 1, 1));
	TRY("lchown", fchownat(dir, "l", 1, 1, AT_SYMLINK_NOFOLLOW));
	TRY("futimens", futimens(fd, time));
	TRY("utimensat", utimensat(dir, "l", time, AT_SYMLINK_NOFOLLOW));
	TRY("statx", statx(dir, "f", 0, STATX_ALL, &seen));
	TRY("fstatfs", fstatfs(fd, &fs));
	TRY("readlink", readlinkat(dir, "l", link, sizeof(link)));
	TRY("access", faccessat(dir, "f", R_OK, 0));
	TRY("dir-fsync", fsync(dir));
}

static void map_ways(int fd)
{
	char *map = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	TRY("mmap", map == MAP_FAILED ? -1 : 0);
	if (map == MAP_FAILED)
		return;
	map[10] = 'y';
	TRY("msync", msync(map, PAGE, MS_SYNC));
	munmap(map, PAGE);
}

static void remove_names(int dir)
{
	static const char *const file[] = { "f",    "copy",  "l",     "fifo",
					    "node", "node3", "append" };

	for (size_t i = 0; i < sizeof(file) / sizeof(*file); i++)
		TRY("unlink", unlinkat(dir, file[i], 0));
	TRY("rmdir-wrong", unlinkat(dir, ".", AT_REMOVEDIR));
	TRY("rmdir", unlinkat(dir, "d", AT_REMOVEDIR));
}

int probe_files(int argc, char **argv)
{
	int dir = argc > 0 ? open(argv[0], O_RDONLY | O_DIRECTORY | O_CLOEXEC) :
			     -1;
	int fd, append;

	if (dir < 0)
		return 1;
	fd = openat(dir, "f", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	TRY("create", fd);
	append = openat(dir, "append",
			O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	TRY("append", write(append, "a", 1));
	close(append);
	make_names(dir);
	write_ways(fd);
	read_ways(fd);
	size_ways(dir, fd);
	lock_ways(fd);
	xattr_ways(dir, fd);
	map_ways(fd);
	attribute_ways(dir, fd);
	TRY("close", close(fd));
	remove_names(dir);
	close(dir);
	return 0;
}
