// SPDX-License-Identifier: Apache-2.0
/* link: agent/mount-options.o agent/launch-spec.o agent/sysctl.o */
/* link: agent/lookup.o agent/cgroup-plan.o agent/device-filter.o */
/* link: agent/readback.o agent/readback-root.o agent/readback-names.o */
/* link: agent/readback-process.o agent/net-text.o agent/mountinfo.o */
/* Pure parts of kata-agent: specs to plans, names, tables and texts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <linux/mount.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/cgroup.h"
#include "agent/launch.h"
#include "agent/net-text.h"
#include "agent/readback.h"
#include "agent/setup.h"
#include "agent/sysctl.h"

#define SHARE AGENT_SHARE_DIR "/c1/m0"

static int parse(const char *type, const char *source, const char *destination,
		 const char *const *options, struct mount_plan *plan,
		 struct err *err)
{
	struct mount_request request = { .type = type,
					 .source = source,
					 .destination = destination,
					 .options = (char **)(uintptr_t)options };

	while (options && options[request.option_count])
		request.option_count++;
	return mount_plan_parse(&request, "mounts[3]", plan, err);
}

static void test_mount_bind(void **state UNUSED)
{
	static const char *const options[] = { "rbind", "ro",	    "nosuid",
					       "nodev", "rprivate", NULL };
	struct err err = ERR_INIT;
	struct mount_plan plan;

	assert_int_equal(parse("bind", SHARE, "//a/./b", options, &plan, &err),
			 0);
	assert_string_equal(plan.destination, "/a/b");
	assert_string_equal(plan.source, "shared/containers/c1/m0");
	assert_null(plan.fstype);
	assert_true(plan.recursive);
	assert_int_equal(plan.attr_set, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID |
						MOUNT_ATTR_NODEV);
	mount_plan_done(&plan);
}

/* The words that the specification demands and mount(8) knows. */
static void test_mount_words(void **state UNUSED)
{
	static const char *const one[] = {
		"async",	 "atime",	"bind",
		"defaults",	 "dev",		"diratime",
		"dirsync",	 "exec",	"iversion",
		"lazytime",	 "loud",	"noatime",
		"nodev",	 "nodiratime",	"noexec",
		"noiversion",	 "nolazytime",	"norelatime",
		"nostrictatime", "nosuid",	"private",
		"rbind",	 "relatime",	"ro",
		"rprivate",	 "runbindable", "rw",
		"silent",	 "strictatime", "suid",
		"sync",		 "unbindable",
	};
	struct err err = ERR_INIT;
	struct mount_plan plan;

	for (size_t i = 0; i < ARRAY_SIZE(one); i++) {
		const char *const options[] = { one[i], NULL };

		assert_int_equal(
			parse("bind", SHARE, "/a", options, &plan, &err), 0);
		mount_plan_done(&plan);
	}
}

static void test_mount_last_word_wins(void **state UNUSED)
{
	static const char *const options[] = { "ro",	      "rw",  "noatime",
					       "strictatime", "rro", NULL };
	struct err err = ERR_INIT;
	struct mount_plan plan;

	assert_int_equal(parse("tmpfs", "t", "/t", options, &plan, &err), 0);
	assert_int_equal(plan.attr_set, MOUNT_ATTR_STRICTATIME);
	assert_true(plan.attr_clear & MOUNT_ATTR_RDONLY);
	assert_int_equal(plan.recursive_set, MOUNT_ATTR_RDONLY);
	mount_plan_done(&plan);
}

static void test_mount_data(void **state UNUSED)
{
	static const char *const options[] = { "size=1m", "nosuid", "tmpcopyup",
					       "mode=1777", NULL };
	struct err err = ERR_INIT;
	struct mount_plan plan;

	assert_int_equal(parse("tmpfs", "t", "/t", options, &plan, &err), 0);
	assert_true(plan.copy_up);
	assert_int_equal(plan.data.count, 2);
	assert_string_equal(plan.data.item[1], "mode=1777");
	mount_plan_done(&plan);
}

static void test_mount_refusals(void **state UNUSED)
{
	static const char *const odd[] = { "size=1m", NULL };
	static const char *const idmap[] = { "idmap", NULL };
	static const char *const copy[] = { "tmpcopyup", NULL };
	static const struct {
		const char *type, *source, *destination;
		const char *const *options;
		const char *text;
	} cases[] = {
		{ "bind", "/etc", "/a", NULL, "mounts[3].source" },
		{ "bind", AGENT_RUN_DIR "/", "/a", NULL, "mounts[3].source" },
		{ "bind", AGENT_RUN_DIR "x/y", "/a", NULL, "mounts[3].source" },
		{ "bind", NULL, "/a", NULL, "mounts[3].source" },
		{ "bind", SHARE, "/a", odd, "mounts[3].options" },
		{ "bind", SHARE, "/a", copy, "mounts[3].options" },
		{ "bind", SHARE, "/", NULL, "mounts[3].destination" },
		{ "bind", SHARE, "/a/..", NULL, "mounts[3].destination" },
		{ "bind", SHARE, "/proc", NULL, "mounts[3].destination" },
		{ "bind", SHARE, "/proc/sys", NULL, "mounts[3].destination" },
		{ "proc", "proc", "a", NULL, "mounts[3].destination" },
		{ "proc", "proc", "/p", copy, "mounts[3].options" },
		{ "tmpfs", "t", "/t", idmap, "mounts[3].options" },
		{ "ext4", "/dev/sda", "/a", NULL, "mounts[3].type" },
		{ NULL, "x", "/a", NULL, "mounts[3].type" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct err err = ERR_INIT;
		struct mount_plan plan;

		assert_true(parse(cases[i].type, cases[i].source,
				  cases[i].destination, cases[i].options, &plan,
				  &err) < 0);
		assert_non_null(strstr(err.text, cases[i].text));
	}
}

static void test_sysctl(void **state UNUSED)
{
	static const char *const bad[] = {
		"kernel.core_pattern",
		"vm.swappiness",
		"net..ipv4",
		"/net/ipv4",
		"net/../kernel/core_pattern",
		"fs.mqueue",
		"",
		"net.a b",
	};
	struct strv paths = { 0 }, values = { 0 };
	struct err err = ERR_INIT;

	assert_int_equal(
		sysctl_parse("net.ipv4.ip_forward", "1", &paths, &values, &err),
		0);
	assert_int_equal(sysctl_parse("net.ipv4.conf.eth0/1.forwarding", "1",
				      &paths, &values, &err),
			 0);
	assert_int_equal(
		sysctl_parse("kernel/shmmax", "1", &paths, &values, &err), 0);
	assert_string_equal(paths.item[0], "net/ipv4/ip_forward");
	assert_string_equal(paths.item[1], "net/ipv4/conf/eth0.1/forwarding");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_true(sysctl_parse(bad[i], "1", &paths, &values, &err) < 0);
	assert_true(sysctl_parse("net.x", "1\n2", &paths, &values, &err) < 0);
	assert_int_equal(paths.count, 3);
	strv_done(&paths);
	strv_done(&values);
}

static void test_passwd(void **state UNUSED)
{
	static const char text[] = "root:x:0:0:root:/root:/bin/sh\n"
				   "broken:x:7\n"
				   "rel:x:8:8::home/rel:/bin/sh\n"
				   ":::\n\n"
				   "user:x:1000:1000:A:/home/user";
	char *home = NULL;

	assert_true(lookup_passwd(text, 0, &home));
	assert_string_equal(home, "/root");
	free(home);
	assert_true(lookup_passwd(text, 1000, &home));
	assert_string_equal(home, "/home/user");
	free(home);
	assert_false(lookup_passwd(text, 7, &home));
	assert_false(lookup_passwd(text, 8, &home));
	assert_false(lookup_passwd("", 0, &home));
}

static void test_weight(void **state UNUSED)
{
	assert_int_equal(cgroup_weight_of_shares(0), 1);
	assert_int_equal(cgroup_weight_of_shares(2), 1);
	assert_int_equal(cgroup_weight_of_shares(1024), 39);
	assert_int_equal(cgroup_weight_of_shares(262144), 10000);
	assert_int_equal(cgroup_weight_of_shares(UINT64_MAX), 10000);
}

static void test_addresses(void **state UNUSED)
{
	uint8_t mac[6], bytes[16], family, prefix;
	char *text;

	assert_int_equal(net_text_mac("02:aB:00:00:00:fF", mac), 0);
	assert_int_equal(mac[1], 0xab);
	assert_int_equal(net_text_mac("02:ab:00:00:00", mac), -EINVAL);
	assert_int_equal(net_text_mac("02-ab-00-00-00-ff", mac), -EINVAL);
	assert_int_equal(net_text_mac("02:ab:00:00:00:fg", mac), -EINVAL);
	assert_int_equal(
		net_text_address("10.0.2.0/24", &family, bytes, &prefix), 0);
	assert_int_equal(prefix, 24);
	text = net_text_format(family, bytes, prefix);
	assert_string_equal(text, "10.0.2.0/24");
	free(text);
	assert_int_equal(net_text_address("fd00::1", &family, bytes, &prefix),
			 0);
	assert_int_equal(prefix, 128);
	assert_int_equal(net_text_address("10.0.2.0/33", &family, bytes, &prefix),
			 -EINVAL);
	assert_int_equal(net_text_address("x", &family, bytes, &prefix),
			 -EINVAL);
}

static void test_status_fields(void **state UNUSED)
{
	static const char text[] = "Name:\tSeccomp: 9\nSeccomp:\t2\n"
				   "Seccomp_filters:\t3\nCapEff:\t00ff\n";
	uint64_t value;

	assert_int_equal(readback_field(text, "Seccomp", 10, &value), 0);
	assert_int_equal(value, 2);
	assert_int_equal(readback_field(text, "CapEff", 16, &value), 0);
	assert_int_equal(value, 0xff);
	assert_int_equal(readback_field(text, "CapPrm", 16, &value), -ENOENT);
}

/* --- whole specs --------------------------------------------------------- */

static char *args[] = { (char *)"true" };

static int launch_of(Grpc__Process *process, struct err *err)
{
	struct launch launch = { 0 };
	int r = launch_from_process(process, "process", &launch, err);

	launch_done(&launch);
	return r;
}

static void test_process(void **state UNUSED)
{
	Grpc__Process process = GRPC__PROCESS__INIT;
	struct err err = ERR_INIT;

	assert_int_equal(launch_of(&process, &err), -EINVAL);
	process.n_args = 1;
	process.args = args;
	assert_int_equal(launch_of(&process, &err), 0);
	process.cwd = (char *)"relative";
	assert_int_equal(launch_of(&process, &err), -EINVAL);
	assert_non_null(strstr(err.text, "process.cwd"));
	process.cwd = (char *)"/";
	process.oomscoreadj = 1001;
	assert_int_equal(launch_of(&process, &err), -EINVAL);
	process.oomscoreadj = 0;
	process.n_env = 1;
	process.env = args;
	assert_int_equal(launch_of(&process, &err), -EINVAL);
	assert_non_null(strstr(err.text, "process.env[0]"));
}

static void test_process_rights(void **state UNUSED)
{
	Grpc__LinuxCapabilities caps = GRPC__LINUX_CAPABILITIES__INIT;
	Grpc__Process process = GRPC__PROCESS__INIT;
	Grpc__POSIXRlimit limit = GRPC__POSIXRLIMIT__INIT, *limits = &limit;
	struct launch launch = { 0 };
	struct err err = ERR_INIT;
	char *names[] = { (char *)"CAP_CHOWN", (char *)"CAP_KILL" };

	process.n_args = 1;
	process.args = args;
	process.capabilities = &caps;
	caps.n_permitted = 2;
	caps.permitted = names;
	assert_int_equal(
		launch_from_process(&process, "process", &launch, &err), 0);
	assert_int_equal(launch.caps.permitted, 1 << 0 | 1 << 5);
	assert_int_equal(launch.caps.effective, 0);
	launch_done(&launch);
	names[1] = (char *)"CAP_NOTHING";
	assert_int_equal(launch_of(&process, &err), -EINVAL);
	assert_non_null(strstr(err.text, "process.capabilities.permitted[1]"));
	process.capabilities = NULL;
	process.n_rlimits = 1;
	process.rlimits = &limits;
	limit.type = (char *)"RLIMIT_NOFILE";
	limit.soft = 2;
	limit.hard = 1;
	assert_int_equal(launch_of(&process, &err), -EINVAL);
	assert_non_null(strstr(err.text, "process.rlimits[0].soft"));
}

static int root_of(Grpc__Spec *spec, struct err *err)
{
	struct launch launch = { 0 };
	int r = launch_root_from_spec(spec, &launch.root, err);

	launch_done(&launch);
	return r;
}

static void test_root(void **state UNUSED)
{
	Grpc__Spec spec = GRPC__SPEC__INIT;
	Grpc__Linux linux_part = GRPC__LINUX__INIT;
	Grpc__Root root = GRPC__ROOT__INIT;
	Grpc__LinuxDevice device = GRPC__LINUX_DEVICE__INIT, *devices = &device;
	struct err err = ERR_INIT;

	assert_int_equal(root_of(&spec, &err), -EINVAL);
	spec.root = &root;
	root.path = (char *)"/etc";
	assert_int_equal(root_of(&spec, &err), -EINVAL);
	root.path = (char *)AGENT_SHARE_DIR "/c1/rootfs";
	assert_int_equal(root_of(&spec, &err), -EINVAL);
	spec.linux_ = &linux_part;
	assert_int_equal(root_of(&spec, &err), 0);
	linux_part.rootfspropagation = (char *)"odd";
	assert_int_equal(root_of(&spec, &err), -EINVAL);
	linux_part.rootfspropagation = (char *)"rslave";
	linux_part.n_devices = 1;
	linux_part.devices = &devices;
	device.path = (char *)"/dev/sda";
	device.type = (char *)"b";
	device.major = 8;
	assert_int_equal(root_of(&spec, &err), -EOPNOTSUPP);
	assert_non_null(strstr(err.text, "linux.devices[0]"));
	device.path = (char *)"/dev/x/null";
	device.type = (char *)"c";
	device.major = 1;
	device.minor = 3;
	assert_int_equal(root_of(&spec, &err), 0);
	device.path = (char *)"/etc/null";
	assert_int_equal(root_of(&spec, &err), -EOPNOTSUPP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mount_bind),
		cmocka_unit_test(test_mount_words),
		cmocka_unit_test(test_mount_last_word_wins),
		cmocka_unit_test(test_mount_data),
		cmocka_unit_test(test_mount_refusals),
		cmocka_unit_test(test_sysctl),
		cmocka_unit_test(test_passwd),
		cmocka_unit_test(test_weight),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_status_fields),
		cmocka_unit_test(test_process),
		cmocka_unit_test(test_process_rights),
		cmocka_unit_test(test_root),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
