// SPDX-License-Identifier: Apache-2.0
/*
 * test-selinux.c - lib/selinux where SELinux is off: nothing may pretend that
 * a label was set. Where it is on, the labels are read back.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "auto.h"
#include "path.h"
#include "selinux.h"
#include "skip.h"

static void test_off_never_sets_a_label(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	if (selinux_is_on())
		skip_because("SELinux is on");
	assert_true(selinux_set_exec("system_u:system_r:kata_t:s0", &err) < 0);
	assert_true(err.code > 0);
}

static void test_off_gives_no_label_with_a_type(void **state)
{
	AUTO_FREE char *label = NULL;
	struct err err = ERR_INIT;

	(void)state;
	if (selinux_is_on())
		skip_because("SELinux is on");
	assert_true(selinux_with("kata_t", NULL, &label, &err) < 0);
	assert_null(label);
}

/* Each of these would go on with less than was asked for. */
static void test_off_takes_no_range_and_makes_no_label(void **state)
{
	struct err range = ERR_INIT, files = ERR_INIT, type = ERR_INIT;

	(void)state;
	if (selinux_is_on())
		skip_because("SELinux is on");
	assert_true(selinux_set_range("s0:c1,c2", &range) < 0);
	assert_true(selinux_set_create("kata_t", "s0", &files) < 0);
	assert_true(selinux_is_permissive("u:r:kata_t:s0", &type) < 0);
	assert_false(selinux_is_enforcing());
}

static void test_type_is_compared_as_a_whole(void **state)
{
	(void)state;
	assert_true(selinux_has_type("u:r:kata_t:s0:c1,c2", "kata_t"));
	assert_false(selinux_has_type("u:r:kata_t2:s0", "kata_t"));
	assert_false(selinux_has_type("kata_t:r:other_t:s0", "kata_t"));
	assert_false(selinux_has_type("", "kata_t"));
}

/* Of whoever the directory is, and not of a number. */
static void test_label_is_read_through_the_directory(void **state)
{
	char directory[] = "/tmp/test-selinux-XXXXXX";
	AUTO_FREE char *label = NULL;
	AUTO_FD int tmp_fd = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_FD int fd = -1;
	struct err err = ERR_INIT;

	(void)state;
	assert_non_null(mkdtemp(directory));
	fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(selinux_get_at(fd, &label, &err), -ENOENT);
	assert_int_equal(mkdirat(fd, "attr", 0700), 0);
	assert_int_equal(path_write_file(fd, "attr/current", "", &err), -ENOENT);
	close(openat(fd, "attr/current", O_CREAT | O_WRONLY, 0600));
	assert_int_equal(selinux_get_at(fd, &label, &err), -ESRCH);
	assert_int_equal(
		path_write_file(fd, "attr/current", "u:r:t:s0\n", &err), 0);
	assert_int_equal(selinux_get_at(fd, &label, &err), 0);
	assert_string_equal(label, "u:r:t:s0");
	assert_int_equal(
		path_remove_tree(tmp_fd, directory + strlen("/tmp/"), &err), 0);
}

static void test_on_reads_its_own_label(void **state)
{
	AUTO_FREE char *label = NULL;
	struct err err = ERR_INIT;

	(void)state;
	if (!selinux_is_on())
		skip_because("SELinux is off on this host");
	assert_int_equal(selinux_get(getpid(), &label, &err), 0);
	assert_non_null(strchr(label, ':'));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_off_never_sets_a_label),
		cmocka_unit_test(test_off_gives_no_label_with_a_type),
		cmocka_unit_test(test_off_takes_no_range_and_makes_no_label),
		cmocka_unit_test(test_type_is_compared_as_a_whole),
		cmocka_unit_test(test_label_is_read_through_the_directory),
		cmocka_unit_test(test_on_reads_its_own_label),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
