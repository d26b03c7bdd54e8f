// SPDX-License-Identifier: Apache-2.0
/*
 * test-filter.c - filters as files: only the bytes of this build are opened.
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

#include "alloc.h"
#include "auto.h"
#include "fd.h"
#include "filter.h"
#include "path.h"

#define BUILT TEST_DIR "/../build/share/kata/seccomp"

static char dir[] = "/var/tmp/kata-filter.XXXXXX";

static int set_up(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int tear_down(void **state)
{
	struct err err = ERR_INIT;
	AUTO_FD int fd = open("/var/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	return path_remove_tree(fd, strrchr(dir, '/') + 1, &err);
}

/* The built filter as DIR/NAME.bpf, cut to len, one bit of byte `flip` turned. */
static void place(const char *name, size_t cut, ssize_t flip)
{
	AUTO_FREE char *path = xasprintf("%s/%s.bpf", dir, name);
	AUTO_FREE void *data = NULL;
	size_t len = 0;
	struct err err = ERR_INIT;
	AUTO_FD int fd = -1;

	if (filter_read(BUILT, "proxy", &data, &len, &err) < 0)
		fail_msg("%s", err.text);
	if (flip >= 0)
		((char *)data)[flip] ^= 1;
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, data, len - cut), 0);
}

static void expect(const char *name, int code, const char *text)
{
	struct err err = ERR_INIT;
	AUTO_FREE char *path = xasprintf("%s/%s.bpf", dir, name);

	assert_int_equal(filter_open(dir, name, &err), -code);
	assert_non_null(strstr(err.text, text));
	assert_non_null(strstr(err.text, path));
}

static void test_built(void **state)
{
	static const char *const name[] = { "qemu-tcg",	 "qemu-kvm",
					    "virtiofsd", "virtiofsd-rs",
					    "proxy",	 "shim" };
	struct err err = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(name); i++) {
		assert_non_null(filter_digest(name[i]));
		assert_int_equal(filter_check_file(BUILT, name[i], &err), 0);
	}
	assert_null(filter_digest("none"));
	assert_null(filter_digest(""));
}

static void test_altered(void **state)
{
	(void)state;
	place("proxy", 0, 0);
	expect("proxy", EBADMSG, "altered");
	place("proxy", 0, 17);
	expect("proxy", EBADMSG, "altered");
	place("proxy", 8, -1);
	expect("proxy", EBADMSG, "altered");
	/* a filter of ours, but not that one */
	place("shim", 0, -1);
	expect("shim", EBADMSG, "altered");
	place("mine", 0, -1);
	expect("mine", ENOENT, "no filter of that name");
	expect("virtiofsd", ENOENT, "No such file");
}

static void test_sealed_copy(void **state)
{
	struct err err = ERR_INIT;
	AUTO_FREE char *text = NULL;
	AUTO_FREE void *data = NULL;
	AUTO_FD int fd = -1;
	size_t len = 0, whole = 0;

	(void)state;
	place("proxy", 0, -1);
	fd = filter_open(dir, "proxy", &err);
	assert_true(fd >= 0);
	place("proxy", 0, 3); /* too late */
	assert_true(write(fd, "x", 1) < 0);
	assert_int_equal(fd_read_text(fd, 65536, &text, &len, &err), 0);
	assert_int_equal(filter_read(BUILT, "proxy", &data, &whole, &err), 0);
	assert_int_equal(len, whole);
	assert_memory_equal(text, data, len);
}

static void test_writable(void **state)
{
	AUTO_FREE char *path = xasprintf("%s/proxy.bpf", dir);

	(void)state;
	place("proxy", 0, -1);
	assert_int_equal(chmod(path, 0666), 0);
	expect("proxy", EPERM, "writable");
	assert_int_equal(unlink(path), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_built),
		cmocka_unit_test(test_altered),
		cmocka_unit_test(test_sealed_copy),
		cmocka_unit_test(test_writable),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
