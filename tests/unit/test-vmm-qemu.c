// SPDX-License-Identifier: Apache-2.0
/* test-vmm-qemu.c - what every command line of QEMU's must and mustn't have. */
/* link: runtime/vmm-qemu.o */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "runtime/vmm.h"

static struct vmm_config config(enum accel accel)
{
	return (struct vmm_config){
		.accel = accel,
		.kernel = "/k",
		.initrd = "/i",
		.kernel_params = "",
		.cpu_features = "",
		.memory_mib = 256,
		.vcpus = 2,
		.tsc_khz = 2000000,
		.net_fd = -1,
	};
}

static const char *value_of(const struct strv *argv, const char *option)
{
	for (size_t i = 0; i + 1 < argv->count; i++)
		if (strcmp(argv->item[i], option) == 0)
			return argv->item[i + 1];
	fail_msg("no %s", option);
	return NULL;
}

/* Nested virtualization: security.md E10, whatever the administrator adds. */
static void test_never_nested(void **state UNUSED)
{
	static const char *const features[] = { "", "+aes", "-avx2,+aes" };

	for (int accel = 0; accel < ACCEL_MAX; accel++)
		for (size_t i = 0; i < ARRAY_SIZE(features); i++) {
			struct vmm_config c = config((enum accel)accel);
			struct strv argv = { 0 };
			const char *cpu;

			c.cpu_features = features[i];
			vmm_qemu_args(&c, &argv);
			cpu = value_of(&argv, "-cpu");
			assert_non_null(strstr(cpu, ",-vmx,-svm"));
			assert_null(strstr(cpu, "+vmx"));
			assert_null(strstr(cpu, "+svm"));
			strv_done(&argv);
		}
}

static void test_closed(void **state UNUSED)
{
	static const char *const must[] = { "-S", "-nodefaults",
					    "-no-user-config", "-no-reboot" };

	for (int accel = 0; accel < ACCEL_MAX; accel++) {
		struct vmm_config c = config((enum accel)accel);
		struct strv argv = { 0 };

		vmm_qemu_args(&c, &argv);
		for (size_t i = 0; i < ARRAY_SIZE(must); i++)
			assert_true(strv_has(&argv, must[i]));
		assert_string_equal(
			value_of(&argv, "-sandbox"),
			"on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny");
		assert_non_null(
			strstr(value_of(&argv, "-M"), "dump-guest-core=off"));
		strv_done(&argv);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_never_nested),
		cmocka_unit_test(test_closed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
