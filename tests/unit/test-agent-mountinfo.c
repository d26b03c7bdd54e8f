// SPDX-License-Identifier: Apache-2.0
/* link: agent/mountinfo.o */
/* Tables of mounts, from a directory in place of /proc. */
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

#include "agent/mountinfo.h"
#include "alloc.h"
#include "path.h"
#include "readback-kinds.h"

#define KEPT_MAX 8

static char directory[] = "/tmp/test-agent-mountinfo-XXXXXX";
static int dir_fd;
static struct err err;

static struct {
	struct mount_line line[KEPT_MAX];
	size_t count;
	size_t enough; /* 0: never */
} seen;

static int set_up(void **state UNUSED)
{
	assert_non_null(mkdtemp(directory));
	dir_fd = open(directory, O_RDONLY | O_DIRECTORY);
	assert_int_equal(mkdirat(dir_fd, "7", 0700), 0);
	return dir_fd < 0;
}

static int tear_down(void **state UNUSED)
{
	close(dir_fd);
	return path_remove_tree(AT_FDCWD, directory, &err);
}

/* The same text so often. */
static void put(const char *text, size_t times)
{
	int fd = openat(dir_fd, "7/mountinfo", O_WRONLY | O_CREAT | O_TRUNC,
			0600);

	assert_true(fd >= 0);
	for (size_t i = 0; i < times; i++)
		assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void more(const char *text)
{
	int fd = openat(dir_fd, "7/mountinfo", O_WRONLY | O_APPEND);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static bool keep(const struct mount_line *line, void *ctx)
{
	assert_ptr_equal(ctx, &seen);
	if (seen.count < KEPT_MAX)
		seen.line[seen.count] = *line;
	return ++seen.count != seen.enough;
}

static int each(size_t enough)
{
	memset(&seen, 0, sizeof(seen));
	seen.enough = enough;
	err_clear(&err);
	return mountinfo_each(dir_fd, "7", keep, &seen, &err);
}

static void test_lines(void **state UNUSED)
{
	put("36 35 98:0 / / rw,relatime - virtiofs share rw\n"
	    "37 36 0:9 /a\\040ro,nosuid /ro ro,nosuid,nodev,noexec,nosymfollow"
	    " shared:5 master:1 - tmpfs ro rw\n"
	    "38 36 0:9 / /shared:1 rw shared:2 propagate_from:3 - proc - rw\n",
	    1);
	assert_int_equal(each(0), 0);
	assert_int_equal(seen.count, 3);
	assert_int_equal(seen.line[0].id, 36);
	assert_int_equal(seen.line[0].flags, 0);
	assert_false(seen.line[0].is_tmpfs);
	assert_int_equal(seen.line[1].id, 37);
	assert_int_equal(seen.line[1].flags,
			 READBACK_FLAG_RDONLY | READBACK_FLAG_NOSUID |
				 READBACK_FLAG_NODEV | READBACK_FLAG_NOEXEC |
				 READBACK_FLAG_NOSYMFOLLOW |
				 READBACK_FLAG_SHARED);
	assert_true(seen.line[1].is_tmpfs);
	assert_int_equal(seen.line[2].flags, READBACK_FLAG_SHARED);
	assert_false(seen.line[2].is_tmpfs);
}

/* No further than it must: what comes behind may be anything. */
static void test_enough(void **state UNUSED)
{
	put("36 35 98:0 / / rw - virtiofs share rw\n", 2);
	more("no mount at all\n");
	assert_int_equal(each(2), 0);
	assert_int_equal(seen.count, 2);
	assert_int_equal(each(0), -EIO);
}

static void test_none(void **state UNUSED)
{
	put("", 1);
	assert_int_equal(each(0), 0);
	assert_int_equal(seen.count, 0);
	unlinkat(dir_fd, "7/mountinfo", 0);
	assert_int_equal(each(0), -ENOENT);
}

/* Longer than what is read at once, and cut anywhere by it. */
static void test_many(void **state UNUSED)
{
	put("36 35 98:0 / / ro - tmpfs share rw\n", 30011);
	more("4000000000 35 98:0 / / rw - tmpfs share rw\n");
	assert_int_equal(each(0), 0);
	assert_int_equal(seen.count, 30012);
	assert_int_equal(each(30012), 0);
	assert_int_equal(seen.line[7].flags, READBACK_FLAG_RDONLY);
}

static char *long_line(size_t len)
{
	char *line = xcalloc(1, len + 1);
	size_t n = (size_t)snprintf(line, len, "36 35 98:0 / /");

	memset(line + n, 'x', len - n);
	memcpy(line + len - 23, " ro - tmpfs source rw\n", 22);
	line[len - 1] = '\0';
	return line;
}

static void test_long_line(void **state UNUSED)
{
	char *line = long_line(64u << 10);

	/* the end of the line is the last byte that fits */
	put(line, 2);
	assert_int_equal(each(0), 0);
	assert_int_equal(seen.count, 2);
	assert_int_equal(seen.line[1].flags, READBACK_FLAG_RDONLY);
	free(line);
	line = long_line((64u << 10) + 2);
	put(line, 1);
	assert_int_equal(each(0), -EFBIG);
	assert_non_null(strstr(err.text, "line of mountinfo is longer"));
	free(line);
}

static void test_large_table(void **state UNUSED)
{
	char *line = long_line(32u << 10);
	size_t count = MOUNTINFO_MAX / strlen(line);

	put(line, count);
	assert_int_equal(each(0), 0);
	assert_int_equal(seen.count, count);
	put(line, count + 3);
	assert_int_equal(each(0), -EFBIG);
	assert_non_null(
		strstr(err.text, "table of mounts is larger than 16 MiB"));
	/* but not where what is looked for comes before */
	assert_int_equal(each(count), 0);
	free(line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_enough),
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_long_line),
		cmocka_unit_test(test_large_table),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
