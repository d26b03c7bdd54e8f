// SPDX-License-Identifier: Apache-2.0
/* test-tsc.c - the clock's frequency is measured once per boot, not per start */
/* link: runtime/tsc.o runtime/boot-cache.o */
#include "runtime/tsc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "alloc.h"
#include "auto.h"
#include "path.h"
#include "runtime/boot-cache.h"

static char dir[] = "/tmp/test-tsc-XXXXXX";
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
	unlinkat(dir_fd, ".tsc", 0);
	unlinkat(dir_fd, ".x", 0);
	close(dir_fd);
	return rmdir(dir);
}

/* One start that asks at once. */
static uint32_t measure(int root_fd)
{
	struct err err = ERR_INIT;
	uint64_t tsc, ns;
	uint32_t khz = 1;

	tsc_mark(&tsc, &ns);
	assert_int_equal(tsc_khz(root_fd, tsc, ns, &khz, &err), 0);
	return khz;
}

static void test_kept(void **state)
{
	uint64_t kept = 0;
	uint32_t khz;

	(void)state;
	khz = measure(dir_fd);
	assert_true(khz > 100000);
	assert_true(boot_cache_load(dir_fd, ".tsc", UINT32_MAX, &kept));
	assert_int_equal(kept, khz);
	/* the very number again: it was not measured twice */
	assert_int_equal(measure(dir_fd), khz);
}

/* A number of another machine is not believed, whatever the boot id says. */
static void test_moved(void **state)
{
	struct err err = ERR_INIT;
	uint32_t khz = measure(-1);
	uint32_t again;

	(void)state;
	assert_int_equal(boot_cache_save(dir_fd, ".tsc", khz / 2, &err), 0);
	again = measure(dir_fd);
	assert_in_range(again, khz - khz / 100, khz + khz / 100);
}

static void test_cache(void **state)
{
	static const char *const bad[] = {
		"",
		"1\n",
		"1 x 5\n",
		"2 x 5\n",
		"1 00000000-0000-0000-0000-000000000000 5\n",
	};
	struct err err = ERR_INIT;
	uint64_t value = 7;

	(void)state;
	assert_false(boot_cache_load(dir_fd, ".x", 10, &value));
	assert_int_equal(boot_cache_save(dir_fd, ".x", 9, &err), 0);
	assert_true(boot_cache_load(dir_fd, ".x", 9, &value));
	assert_int_equal(value, 9);
	assert_false(boot_cache_load(dir_fd, ".x", 8, &value));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(path_write_atomic(dir_fd, ".x", bad[i],
						   strlen(bad[i]), &err),
				 0);
		assert_false(boot_cache_load(dir_fd, ".x", 10, &value));
	}
	assert_int_equal(boot_cache_save(-1, ".x", 9, &err), 0);
	assert_false(boot_cache_load(-1, ".x", 10, &value));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kept),
		cmocka_unit_test(test_moved),
		cmocka_unit_test(test_cache),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
