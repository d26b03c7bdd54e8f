// SPDX-License-Identifier: Apache-2.0
/*
 * test-caps.c - names and the five capability sets. What needs rights runs in
 * a child, in a user namespace where the caller is not root.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <linux/capability.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "caps.h"
#include "skip.h"

#define BIT(cap) (UINT64_C(1) << (cap))
#define CHILD_SKIP 77

static void test_names(void **state)
{
	(void)state;
	assert_int_equal(caps_from_name("CAP_CHOWN"), CAP_CHOWN);
	assert_int_equal(caps_from_name("chown"), CAP_CHOWN);
	assert_int_equal(caps_from_name("cap_Net_Raw"), CAP_NET_RAW);
	assert_int_equal(caps_from_name("CAP_CHECKPOINT_RESTORE"),
			 CAP_CHECKPOINT_RESTORE);
	assert_int_equal(caps_from_name(""), -EINVAL);
	assert_int_equal(caps_from_name("CAP_"), -EINVAL);
	assert_int_equal(caps_from_name("CAP_CAP_CHOWN"), -EINVAL);
	assert_int_equal(caps_from_name("5"), -EINVAL);
	assert_int_equal(caps_from_name("CAP_NOPE"), -EINVAL);
	for (unsigned cap = 0; cap <= CAP_LAST_CAP; cap++)
		assert_int_equal(caps_from_name(caps_to_name(cap)), cap);
	assert_string_equal(caps_to_name(CAP_SYS_ADMIN), "cap_sys_admin");
	assert_null(caps_to_name(CAP_LAST_CAP + 1));
	assert_null(caps_to_name(9999));
}

static void test_list(void **state)
{
	struct strv names = { 0 };
	struct err err = ERR_INIT;
	uint64_t bits = 5;

	(void)state;
	strv_add(&names, "CAP_CHOWN");
	strv_add(&names, "CAP_KILL");
	assert_int_equal(caps_from_strv(&names, &bits, &err), 0);
	assert_true(bits == (BIT(CAP_CHOWN) | BIT(CAP_KILL)));
	strv_add(&names, "CAP_WHAT");
	assert_int_equal(caps_from_strv(&names, &bits, &err), -EINVAL);
	assert_non_null(strstr(err.text, "CAP_WHAT"));
	assert_true(bits == (BIT(CAP_CHOWN) | BIT(CAP_KILL)));
	strv_done(&names);
}

static void test_read(void **state)
{
	struct caps_sets own, same;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(caps_read(0, &own, &err), 0);
	assert_int_equal(caps_read(getpid(), &same, &err), 0);
	assert_memory_equal(&own, &same, sizeof(own));
	assert_true((own.effective & ~own.permitted) == 0);
	assert_int_equal(caps_read(0x3fffffff, &own, &err), -ENOENT);
	/* a process may name itself like a line of its status */
	assert_int_equal(prctl(PR_SET_NAME, "CapEff:\tffff"), 0);
	assert_int_equal(caps_read(0, &same, &err), 0);
	assert_true(same.effective == own.effective);
}

/* Runs body with all capabilities over a user namespace; its exit status. */
static void in_child(int (*body)(struct err *err))
{
	struct err err = ERR_INIT;
	int status, r;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		if (unshare(CLONE_NEWUSER) < 0 && geteuid() != 0)
			_exit(CHILD_SKIP);
		r = body(&err);
		if (r != 0)
			fprintf(stderr, "step %d: %s\n", r, err.text);
		_exit(r);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == CHILD_SKIP)
		skip_because("a capability of this test is missing");
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static int apply_body(struct err *err)
{
	struct caps_sets want = {
		.permitted = BIT(CAP_KILL) | BIT(CAP_CHOWN),
		.effective = BIT(CAP_KILL),
		.inheritable = BIT(CAP_KILL),
		.ambient = BIT(CAP_KILL),
		.bounding = BIT(CAP_KILL) | BIT(CAP_CHOWN) | BIT(CAP_SETPCAP),
	};
	struct caps_sets now;

	if (caps_bound(want.bounding, err) < 0)
		return 1;
	if (caps_apply(&want, err) < 0)
		return 2;
	if (caps_read(0, &now, err) < 0)
		return 3;
	if (memcmp(&now, &want, sizeof(now)) != 0)
		return 4;
	/* gone for good, and said so */
	want.permitted |= BIT(CAP_SYS_ADMIN);
	if (caps_apply(&want, err) >= 0)
		return 5;
	/* no CAP_SETPCAP any more */
	return caps_bound(0, err) == -EPERM ? 0 : 6;
}

static int drop_body(struct err *err)
{
	static const struct caps_sets none = { 0 };
	struct caps_sets now;

	if (caps_drop_all(err) < 0)
		return 1;
	if (caps_read(0, &now, err) < 0)
		return 2;
	if (memcmp(&now, &none, sizeof(now)) != 0)
		return 3;
	return caps_drop_all(err) == 0 ? 0 : 4; /* once more is fine */
}

static int unsound_body(struct err *err)
{
	struct caps_sets want = { .effective = 1 };

	if (caps_apply(&want, err) != -EINVAL)
		return 1;
	want = (struct caps_sets){ .permitted = 1, .ambient = 1 };
	if (caps_apply(&want, err) != -EINVAL)
		return 2;
	want = (struct caps_sets){ .permitted = BIT(63) };
	return caps_apply(&want, err) < 0 ? 0 : 3;
}

static void test_apply(void **state)
{
	(void)state;
	in_child(apply_body);
}

static void test_drop_all(void **state)
{
	(void)state;
	in_child(drop_body);
}

static void test_unsound_sets(void **state)
{
	(void)state;
	in_child(unsound_body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_apply),
		cmocka_unit_test(test_drop_all),
		cmocka_unit_test(test_unsound_sets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
