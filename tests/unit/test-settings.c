// SPDX-License-Identifier: Apache-2.0
/* link: runtime/settings.o runtime/accel.o */
/* test-settings.c - layers that configuration.toml may require. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auto.h"
#include "runtime/settings.h"

static int load(const char *text, struct settings *ret, struct err *err)
{
	char path[] = "/tmp/test-settings-XXXXXX";
	AUTO_FD int fd = mkstemp(path);
	int r;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	r = settings_load(ret, path, true, err);
	unlink(path);
	return r;
}

static void test_required(void **state)
{
	struct settings s = { 0 };
	struct err err = ERR_INIT;

	(void)state;
	if (load("[security]\nrequired = [\"cgroup\", \"selinux\"]\n", &s,
		 &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(s.required, LAYER_CGROUP | LAYER_SELINUX);
	settings_done(&s);
	assert_int_equal(load("[security]\nrequired = []\n", &s, &err), 0);
	assert_int_equal(s.required, 0);
	settings_done(&s);
}

/* The file that is installed says what happens without it. */
static void test_shipped_file_holds_the_defaults(void **state)
{
	struct settings file = { 0 }, none = { 0 };
	struct err err = ERR_INIT;

	(void)state;
	if (access("/etc/kata/configuration.toml", F_OK) == 0)
		skip();
	if (settings_load(&file, TEST_DIR "/../runtime/configuration.toml",
			  true, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(settings_load(&none, NULL, true, &err), 0);
	assert_int_equal(file.accelerator, none.accelerator);
	assert_int_equal(file.default_vcpus, none.default_vcpus);
	assert_int_equal(file.default_memory_mib, none.default_memory_mib);
	assert_int_equal(file.memory_overhead_mib, none.memory_overhead_mib);
	assert_int_equal(file.boot_timeout_kvm, none.boot_timeout_kvm);
	assert_int_equal(file.boot_timeout_tcg, none.boot_timeout_tcg);
	assert_int_equal(file.required, none.required);
	assert_int_equal(file.sandbox_uid_base, none.sandbox_uid_base);
	assert_int_equal(file.sandbox_uid_count, none.sandbox_uid_count);
	assert_string_equal(file.kernel, none.kernel);
	settings_done(&file);
	settings_done(&none);
}

static void refuse(const char *text, int code, const char *part)
{
	struct settings s = { 0 };
	struct err err = ERR_INIT;

	assert_int_equal(load(text, &s, &err), -code);
	if (!strstr(err.text, part))
		fail_msg("%s", err.text);
	settings_done(&s);
}

static void test_refused(void **state)
{
	(void)state;
	refuse("[security]\n\nrequired = [\"kvm\", \"landlock\"]\n", EOPNOTSUPP,
	       "line 3: security.required: layer \"landlock\" is not supported yet");
	refuse("[security]\nrequired = [\"apparmor\"]\n", EINVAL,
	       "line 2: security.required: unknown layer \"apparmor\"");
	refuse("[security]\nrequired = \"kvm\"\n", EINVAL, "line 2:");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_required),
		cmocka_unit_test(test_shipped_file_holds_the_defaults),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
