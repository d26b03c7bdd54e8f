// SPDX-License-Identifier: Apache-2.0
/* link: runtime/twin.o runtime/boot-cache.o */
/*
 * test-twin-special.c - a profile that came to allow what no jail may do: there
 * is no call left to try, and that must not pass. filter_read() of this program
 * stands for lib/filter.c's, which knows the filters of this build alone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <string.h>

#include "auto.h"
#include "filter.h"
#include "runtime/twin.h"

static const struct sock_filter allow_all =
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);

int filter_read(const char *dir, const char *name, void **ret_bpf,
		size_t *ret_len, struct err *err)
{
	(void)dir;
	(void)name;
	(void)err;
	*ret_bpf = xcalloc(1, sizeof(allow_all));
	*ret_len = sizeof(allow_all);
	memcpy(*ret_bpf, &allow_all, sizeof(allow_all));
	return 0;
}

const char *filter_digest(const char *name)
{
	(void)name;
	return NULL;
}

static void test_allowed(void **state)
{
	struct strv none = { 0 };
	/* a jailer that answers for no call, because none is asked for */
	const struct twin_spec spec = { .jailer = "/bin/true",
					.policies = TEST_DIR
					"/../jailer/policies",
					.policy = "qemu-tcg",
					.args = &none,
					.root_fd = -1 };
	struct twin_result result;
	struct err err = ERR_INIT;

	(void)state;
	if (twin_try(&spec, &result, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(result.tried, 0);
	assert_true(result.through > 10);
	assert_string_equal(result.first, "call n41,2,1: the filter allows it");
	twin_result_done(&result);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_allowed) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
