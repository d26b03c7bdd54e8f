// SPDX-License-Identifier: Apache-2.0
/* link: runtime/unit-name.o runtime/unit-annotations.o */
/*
 * test-unit-name.c - linux.cgroupsPath and annotations as the systemd driver
 * reads them, with what podman, CRI-O and containerd write.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "auto.h"
#include "runtime/unit-annotations.h"
#include "runtime/unit-name.h"

static void test_form(void **state)
{
	(void)state;
	assert_true(unit_name_is_path("machine.slice:libpod:abc"));
	assert_true(unit_name_is_path("::abc"));
	assert_false(unit_name_is_path("/libpod_parent/libpod-a:b:c"));
	assert_false(unit_name_is_path("a.slice:b"));
	assert_false(unit_name_is_path(""));
	assert_false(unit_name_is_path(NULL));
}

static void test_scope(void **state)
{
	static const struct {
		const char *path, *name; /* NULL: refused */
	} all[] = {
		{ "machine.slice:libpod:abc", "libpod-abc.scope" },
		{ "kubepods-burstable-pod1_2.slice:cri-containerd:f00",
		  "cri-containerd-f00.scope" },
		{ ":crio:f00", "crio-f00.scope" },
		{ "user.slice::f00", "f00.scope" },
		{ NULL, "kata-my-id.scope" },
		{ "", "kata-my-id.scope" },
		{ "/machine.slice/libpod-abc", NULL },
		{ "/a:b:c", NULL },
		{ "a.slice:b", NULL },
		{ "a.slice:b:c:d", NULL },
		{ "a.slice:b:", NULL },
		{ "a.slice:b:c.slice", NULL },
		{ "a.slice:b:../c", NULL },
		{ "a.slice:b:c d", NULL },
		{ "a.slice:b:c\n", NULL },
		{ "a.slice::.c", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		AUTO_FREE char *name = NULL;
		struct err err = ERR_INIT;
		int r = unit_name_scope(all[i].path, "my-id", &name, &err);

		if (all[i].name) {
			assert_int_equal(r, 0);
			assert_string_equal(name, all[i].name);
		} else {
			assert_int_equal(r, -EINVAL);
			assert_non_null(strstr(err.text, "linux.cgroupsPath"));
			assert_null(name);
		}
	}
}

static void test_long_scope(void **state)
{
	AUTO_FREE char *path = xasprintf("a.slice:b:%0300d", 1);
	AUTO_FREE char *name = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(unit_name_scope(path, "x", &name, &err), -EINVAL);
}

static void test_slice(void **state)
{
	static const struct {
		const char *path;
		bool is_system;
		const char *slice; /* NULL: refused */
	} all[] = {
		{ "machine.slice:libpod:a", true, "machine.slice" },
		{ "a-b.slice:libpod:a", false, "a-b.slice" },
		{ ":libpod:a", true, "system.slice" },
		{ ":libpod:a", false, "user.slice" },
		{ NULL, true, "system.slice" },
		{ "", false, "user.slice" },
		{ "-.slice:libpod:a", true, "-.slice" },
		{ "machine:libpod:a", true, NULL },
		{ ".slice:libpod:a", true, NULL },
		{ "-a.slice:libpod:a", true, NULL },
		{ "a-.slice:libpod:a", true, NULL },
		{ "a--b.slice:libpod:a", true, NULL },
		{ "a/b.slice:libpod:a", true, NULL },
		{ "a.service:libpod:a", true, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		AUTO_FREE char *slice = NULL;
		struct err err = ERR_INIT;
		int r = unit_name_slice(all[i].path, all[i].is_system, &slice,
					&err);

		if (all[i].slice) {
			assert_int_equal(r, 0);
			assert_string_equal(slice, all[i].slice);
		} else {
			assert_int_equal(r, -EINVAL);
			assert_null(slice);
		}
	}
}

static void test_expand(void **state)
{
	static const struct {
		const char *slice, *path; /* NULL: refused */
	} all[] = {
		{ "machine.slice", "/machine.slice" },
		{ "a-b-c.slice", "/a.slice/a-b.slice/a-b-c.slice" },
		{ "-.slice", "" },
		{ "machine-libpod_pod_1.slice",
		  "/machine.slice/machine-libpod_pod_1.slice" },
		{ "a--b.slice", NULL },
		{ "a", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		AUTO_FREE char *path = NULL;
		struct err err = ERR_INIT;
		int r = unit_name_expand_slice(all[i].slice, &path, &err);

		assert_int_equal(r, all[i].path ? 0 : -EINVAL);
		if (all[i].path)
			assert_string_equal(path, all[i].path);
	}
}

/* --- annotations ----------------------------------------------------------- */

static int take(const char *name, const char *value,
		struct sdbus_properties *ret, struct err *err)
{
	AUTO_FREE char *key = xasprintf("org.systemd.property.%s", name);
	struct oci_pair pair[] = { { (char[]){ "io.foreign" }, (char[]){ "1" } },
				   { key, (char *)value } };
	const struct oci_pairs pairs = { pair, ARRAY_SIZE(pair) };

	return unit_annotations_add(&pairs, ret, err);
}

static void number_is(const char *name, const char *value, const char *property,
		      enum sdbus_type type, uint64_t wanted)
{
	struct sdbus_properties list = { 0 };
	struct err err = ERR_INIT;

	if (take(name, value, &list, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(list.count, 1);
	assert_string_equal(list.item[0].name, property);
	assert_int_equal(list.item[0].type, type);
	assert_int_equal(list.item[0].number, wanted);
	sdbus_properties_done(&list);
}

/* What podman and CRI-O write, and the forms that runc and crun take. */
static void test_numbers(void **state)
{
	(void)state;
	number_is("KillSignal", "15", "KillSignal", SDBUS_I32, 15);
	number_is("KillSignal", "int32 37", "KillSignal", SDBUS_I32, 37);
	number_is("TimeoutStopUSec", "uint64 10000000", "TimeoutStopUSec",
		  SDBUS_U64, 10000000);
	number_is("TimeoutStopUSec", "1", "TimeoutStopUSec", SDBUS_U64, 1);
	number_is("TimeoutStopUSec", "86400000000", "TimeoutStopUSec",
		  SDBUS_U64, 86400000000);
	number_is("TimeoutStopSec", "86400", "TimeoutStopUSec", SDBUS_U64,
		  86400000000);
	number_is("TimeoutStopSec", "10", "TimeoutStopUSec", SDBUS_U64,
		  10000000);
	number_is("TimeoutStopSec", "2.5", "TimeoutStopUSec", SDBUS_U64,
		  2500000);
	number_is("TimeoutStopSec", "0.0000019", "TimeoutStopUSec", SDBUS_U64,
		  1);
	number_is("DefaultDependencies", "true", "DefaultDependencies",
		  SDBUS_BOOL, 1);
	number_is("DefaultDependencies", " false ", "DefaultDependencies",
		  SDBUS_BOOL, 0);
}

static void test_strings(void **state)
{
	struct sdbus_properties list = { 0 };
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(
		take("CollectMode", "'inactive-or-failed'", &list, &err), 0);
	assert_string_equal(list.item[0].text, "inactive-or-failed");
	assert_int_equal(take("CollectMode", "\"inactive\"", &list, &err), 0);
	assert_int_equal(list.count, 1); /* the same, again */
	assert_string_equal(list.item[0].text, "inactive");
	assert_int_equal(take("After", "['crio.service', \"a\\\\x2d.mount\"]",
			      &list, &err),
			 0);
	assert_int_equal(list.count, 2);
	assert_int_equal(list.item[1].texts.count, 2);
	assert_string_equal(list.item[1].texts.item[0], "crio.service");
	assert_string_equal(list.item[1].texts.item[1], "a\\x2d.mount");
	assert_int_equal(take("After", "@as []", &list, &err), 0);
	assert_int_equal(list.item[1].texts.count, 0);
	sdbus_properties_done(&list);
}

static void test_refused(void **state)
{
	static const struct {
		const char *name, *value;
		int code;
	} all[] = {
		{ "KillSignal", "0", EINVAL },
		{ "KillSignal", "65", EINVAL },
		{ "KillSignal", "-9", EINVAL },
		{ "KillSignal", "'SIGTERM'", EINVAL },
		{ "KillSignal", "", EINVAL },
		{ "TimeoutStopUSec", "uint64 18446744073709551616", EINVAL },
		{ "TimeoutStopUSec", "10s", EINVAL },
		{ "TimeoutStopSec", "18446744073709", EINVAL },
		/* more than a day, and systemd's infinity */
		{ "TimeoutStopSec", "86401", EINVAL },
		{ "TimeoutStopSec", "86400.000001", EINVAL },
		{ "TimeoutStopSec", "18446744073708", EINVAL },
		{ "TimeoutStopSec", "infinity", EINVAL },
		{ "TimeoutStopUSec", "uint64 86400000001", EINVAL },
		{ "TimeoutStopUSec", "uint64 18446744073709551615", EINVAL },
		{ "TimeoutStopSec", "1.", EINVAL },
		{ "TimeoutStopSec", ".5x", EINVAL },
		{ "TimeoutStopSec", "1e3", EINVAL },
		{ "DefaultDependencies", "yes", EINVAL },
		{ "DefaultDependencies", "true false", EINVAL },
		{ "CollectMode", "inactive", EINVAL },
		{ "CollectMode", "'never'", EINVAL },
		{ "CollectMode", "'inactive", EINVAL },
		{ "After", "'a.service'", EINVAL },
		{ "After", "['a.service'", EINVAL },
		{ "After", "['a.service' 'b.service']", EINVAL },
		{ "After", "['a\\n.service']", EINVAL },
		{ "After", "[1]", EINVAL },
		{ "After", "['a']x", EINVAL },
		/* of what a scope knows, and of what a pod might like */
		{ "MemoryMax", "uint64 18446744073709551615", EPERM },
		{ "TasksMax", "uint64 5", EPERM },
		{ "Slice", "'-.slice'", EPERM },
		{ "Conflicts", "['sshd.service']", EPERM },
		{ "OnFailure", "['poweroff.target']", EPERM },
		{ "FailureAction", "'poweroff-immediate'", EPERM },
		{ "PIDs", "[uint32 1]", EPERM },
		{ "Delegate", "false", EPERM },
		{ "Description", "'x'", EPERM },
		{ "killSignal", "15", EPERM },
		{ "", "15", EPERM },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		struct sdbus_properties list = { 0 };
		struct err err = ERR_INIT;
		int r = take(all[i].name, all[i].value, &list, &err);

		if (r != -all[i].code)
			fail_msg("%s %s: %d", all[i].name, all[i].value, r);
		assert_non_null(strstr(err.text, "org.systemd.property."));
		assert_non_null(strstr(err.text, all[i].name));
		assert_int_equal(list.count, 0);
		sdbus_properties_done(&list);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_form),
		cmocka_unit_test(test_scope),
		cmocka_unit_test(test_long_scope),
		cmocka_unit_test(test_slice),
		cmocka_unit_test(test_expand),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
