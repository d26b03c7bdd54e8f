// SPDX-License-Identifier: Apache-2.0
/* link: runtime/accel.o runtime/boot-cache.o */
/*
 * test-accel.c - choosing the accelerator: names, the bound on time, the
 * record of this boot. What /dev/kvm is worth differs from host to host, so
 * the choice itself is only checked for consistency.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "auto.h"
#include "path.h"
#include "runtime/accel.h"

static char dir[] = "/tmp/test-accel-XXXXXX";
static int dir_fd = -1;

static int set_up(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return dir_fd < 0 ? -1 : 0;
}

static int tear_down(void **state)
{
	(void)state;
	unlinkat(dir_fd, ".accel-time", 0);
	close(dir_fd);
	return rmdir(dir);
}

static void test_names(void **state)
{
	(void)state;
	assert_int_equal(accel_request_parse("auto"), ACCEL_WANT_AUTO);
	assert_int_equal(accel_request_parse("kvm"), ACCEL_WANT_KVM);
	assert_int_equal(accel_request_parse("tcg"), ACCEL_WANT_TCG);
	assert_int_equal(accel_request_parse("KVM"), -EINVAL);
	assert_int_equal(accel_request_parse(""), -EINVAL);
}

static void test_tcg(void **state)
{
	struct accel_choice choice;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(accel_choose(ACCEL_WANT_TCG, -1, &choice, &err), 0);
	assert_int_equal(choice.accel, ACCEL_TCG);
	assert_true(strlen(choice.reason) > 0);
}

/* Figures that were seen, in microseconds. */
static void test_real_or_not(void **state)
{
	(void)state;
	assert_true(accel_is_real(100, 60));	  /* silicon */
	assert_true(accel_is_real(12000, 600));	  /* nested */
	assert_true(accel_is_real(80000, 2500));  /* nested, others busy */
	assert_false(accel_is_real(140000, 60));  /* emulated */
	assert_false(accel_is_real(90000, 88));	  /* emulated */
	assert_false(accel_is_real(500000, 300)); /* emulated, others busy */
	assert_false(accel_is_real(90000, 0));	  /* nothing to compare with */
}

static long ms_since(const struct timespec *start)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - start->tv_sec) * 1000 +
	       (now.tv_nsec - start->tv_nsec) / 1000000;
}

static void test_auto(void **state)
{
	struct accel_choice first, second;
	struct err err = ERR_INIT;
	struct timespec start;

	(void)state;
	clock_gettime(CLOCK_MONOTONIC, &start);
	assert_int_equal(accel_choose(ACCEL_WANT_AUTO, dir_fd, &first, &err), 0);
	/* 1 s by design; some slack for a loaded machine and sanitizers */
	assert_true(ms_since(&start) < 2000);
	assert_true(strlen(first.reason) > 0);
	assert_int_equal(accel_choose(ACCEL_WANT_AUTO, dir_fd, &second, &err),
			 0);
	assert_int_equal(first.accel, second.accel);
	if (second.cached)
		assert_string_equal(first.reason, second.reason);
	if (first.accel == ACCEL_TCG) {
		assert_int_equal(
			accel_choose(ACCEL_WANT_KVM, dir_fd, &second, &err),
			-ENODEV);
		assert_non_null(strstr(err.text, "KVM is demanded"));
	}
}

/* A record of another boot, or garbage, is measured again. */
static void test_stale(void **state)
{
	static const char *const text[] = {
		"1 00000000-0000-0000-0000-000000000000 1\n",
		"",
		"1\n",
		"2 x 1\n",
		"1 x y z\n",
	};
	struct accel_choice choice;
	struct err err = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(text); i++) {
		assert_int_equal(path_write_atomic(dir_fd, ".accel-time", text[i],
						   strlen(text[i]), &err),
				 0);
		assert_int_equal(
			accel_choose(ACCEL_WANT_AUTO, dir_fd, &choice, &err), 0);
		assert_false(choice.cached);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),	    cmocka_unit_test(test_tcg),
		cmocka_unit_test(test_real_or_not), cmocka_unit_test(test_auto),
		cmocka_unit_test(test_stale),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
