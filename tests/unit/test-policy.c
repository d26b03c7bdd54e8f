// SPDX-License-Identifier: Apache-2.0
/*
 * test-policy.c - the jail policy reader: the policies that are shipped, and
 * one damaged policy per rule.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auto.h"
#include "path.h"
#include "policy.h"

#define POLICIES TEST_DIR "/../jailer/policies/"
#define ALL_NS "\"user\",\"mnt\",\"pid\",\"net\",\"ipc\",\"uts\",\"cgroup\""
#define HEAD(identity)                                                         \
	"{\"name\":\"x\",\"program\":\"/usr/bin/x\",\"identity\":\"" identity  \
	"\",\"namespaces\":[" ALL_NS "],\"seccomp\":\"x\""

static struct policy *shipped(const char *name)
{
	AUTO_FREE char *path = xasprintf(POLICIES "%s.json", name);
	AUTO_FREE char *text = NULL;
	struct policy *policy = NULL;
	struct err err = ERR_INIT;

	assert_int_equal(
		path_read_file(AT_FDCWD, path, POLICY_BYTES_MAX, &text, &err),
		0);
	if (policy_parse(text, strlen(text), &policy, &err) < 0)
		fail_msg("%s: %s", name, err.text);
	assert_string_equal(policy->name, name);
	return policy;
}

static void test_shipped_vmm(void **state)
{
	static const char *const name[] = { "qemu-kvm", "qemu-tcg" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(name); i++) {
		struct policy *policy = shipped(name[i]);

		assert_int_equal(policy->identity, POLICY_ID_OWN);
		assert_int_equal(policy->caps | policy->start_caps, 0);
		assert_int_equal(policy->own_filters, 1);
		assert_int_equal(policy->early_threads, 0);
		assert_false(policy->proc);
		assert_true(policy->libraries);
		assert_int_equal(policy_has_device(policy, "/dev/kvm"), i == 0);
		assert_true(strv_has(&policy->fds, "qmp"));
		assert_false(strv_has(&policy->fds, "info"));
		for (size_t n = 0; n < policy->bind_count; n++)
			assert_false(policy->binds[n].writable);
		policy_free(policy);
	}
}

static void check_file_server(const char *name, unsigned early_threads)
{
	struct policy *policy = shipped(name);

	assert_int_equal(policy->identity, POLICY_ID_WHOLE_MAP);
	assert_int_equal(policy->caps, 0x880000db);
	assert_int_equal(policy->start_caps,
			 (UINT64_C(1) << CAP_SYS_CHROOT) |
				 (UINT64_C(1) << CAP_SETPCAP));
	assert_int_equal(policy->early_threads, early_threads);
	assert_int_equal(policy->rlimits[0].resource, RLIMIT_CORE);
	assert_int_equal(policy->rlimits[0].value, 0);
	policy_free(policy);
}

static void test_shipped_file_server(void **state)
{
	(void)state;
	check_file_server("virtiofsd", 1);
	check_file_server("virtiofsd-rs", 0);
}

/* Parses text; the error must hold the word. */
static void refused(const char *text, const char *word)
{
	struct policy *policy = NULL;
	struct err err = ERR_INIT;
	int r = policy_parse(text, strlen(text), &policy, &err);

	if (r >= 0)
		fail_msg("accepted: %s", text);
	assert_null(policy);
	if (!strstr(err.text, word))
		fail_msg("\"%s\" does not say \"%s\"", err.text, word);
}

static void test_smallest(void **state)
{
	struct policy *policy = NULL;
	struct err err = ERR_INIT;
	static const char text[] = HEAD("own") "}";

	(void)state;
	assert_int_equal(policy_parse(text, strlen(text), &policy, &err), 0);
	assert_int_equal(policy->bind_count, 0);
	assert_int_equal(policy->caps, 0);
	policy_free(policy);
}

static void test_head(void **state)
{
	(void)state;
	refused("[]", "object");
	refused("{}", "name");
	refused(HEAD("own") ",\"seccmop\":\"y\"}", "unknown key");
	refused(HEAD("own") ",\"name\":\"y\"}", "name");
	refused(HEAD("root") "}", "identity");
	refused("{\"name\":\"x\",\"program\":\"bin/x\"}", "absolute");
	refused("{\"name\":\"x\",\"program\":\"/usr/../x\"}", "plain form");
	refused("{\"name\":\"x\",\"program\":\"/proc/self/exe\"}",
		"program: /proc/self/exe: nothing of /proc");
	refused("{\"name\":\"../x\",\"program\":\"/x\"}", "no name");
	refused("{\"name\":\"x\",\"program\":\"/usr/bin/x\",\"identity\":\"own\","
		"\"namespaces\":[\"user\",\"mnt\",\"pid\",\"ipc\",\"uts\",\"cgroup\"],"
		"\"seccomp\":\"x\"}",
		"net is missing");
	refused("{\"name\":\"x\",\"program\":\"/usr/bin/x\",\"identity\":\"own\","
		"\"namespaces\":[" ALL_NS "]}",
		"seccomp: missing");
	refused("{\"name\":\"x\",\"program\":\"/usr/bin/x\",\"identity\":\"own\","
		"\"namespaces\":[\"time\"],\"seccomp\":\"x\"}",
		"unknown");
	refused(HEAD("own") ",\"selinuxType\":\"a:b\"}", "selinuxType");
	refused(HEAD("own") ",\"ownFilters\":-1}", "ownFilters");
	refused(HEAD("own") ",\"earlyThreads\":9}", "earlyThreads");
	refused(HEAD("own") ",\"libraries\":1}", "libraries");
}

#define SELF_HEAD                                                              \
	"{\"name\":\"x\",\"program\":\"kata-x\",\"identity\":\"self\","        \
	"\"seccomp\":\"x\","
#define SELF SELF_HEAD "\"namespaces\":[\"mnt\",\"net\"]"

/* A program that confines itself: what a jailer would do is no part of it. */
static void test_self(void **state)
{
	static const char *const name[] = { "kata-proxy", "kata-shim" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(name); i++) {
		struct policy *policy = shipped(name[i]);

		assert_int_equal(policy->identity, POLICY_ID_SELF);
		assert_string_equal(policy->program, name[i]);
		assert_true(policy->namespaces & 1u << POLICY_NS_MNT);
		assert_false(policy->namespaces & 1u << POLICY_NS_USER);
		assert_int_equal(policy->env.count, 0);
		policy_free(policy);
	}
	refused(SELF ",\"binds\":[{\"name\":\"y\",\"target\":\"/y\"}]}",
		"binds");
	refused(SELF ",\"directories\":[\"/y\"]}", "directories");
	refused(SELF ",\"tmpfs\":[\"/y\"]}", "tmpfs");
	refused(SELF ",\"proc\":true}", "proc");
	refused(SELF ",\"libraries\":true}", "libraries");
	refused(SELF ",\"ownFilters\":1}", "ownFilters");
	refused(SELF ",\"earlyThreads\":1}", "earlyThreads");
	refused(SELF ",\"capabilities\":[\"chown\"]}", "capabilities");
	refused(SELF ",\"landlock\":[{\"path\":\"/y\",\"access\":[]}]}",
		"landlock");
	refused(SELF_HEAD "\"namespaces\":[\"net\"]}", "mnt is missing");
	refused("{\"name\":\"x\",\"program\":\"/usr/bin/x\",\"identity\":\"self\","
		"\"namespaces\":[\"mnt\"],\"seccomp\":\"x\"}",
		"program: \"/usr/bin/x\" is no name");
}

static void test_caps(void **state)
{
	(void)state;
	refused(HEAD("own") ",\"capabilities\":[\"chown\"]}", "cap_chown");
	refused(HEAD("whole-map") ",\"capabilities\":[\"sys_admin\"]}",
		"cap_sys_admin");
	refused(HEAD("whole-map") ",\"capabilities\":[\"sys_chroot\"]}",
		"cap_sys_chroot");
	refused(HEAD("whole-map") ",\"startCapabilities\":[\"sys_ptrace\"]}",
		"cap_sys_ptrace");
	refused(HEAD("whole-map") ",\"capabilities\":[\"chwon\"]}",
		"capabilities");
	refused(HEAD("whole-map") ",\"capabilities\":[\"chown\",\"chown\"]}",
		"twice");
}

static void test_binds(void **state)
{
#define BIND(text) HEAD("own") ",\"binds\":[" text "]}"
#define NAMED "{\"name\":\"a\",\"target\":\"/x\"}"
	(void)state;
	refused(BIND("{\"target\":\"/x\"}"), "binds[0]: needs either source");
	refused(BIND("{\"source\":\"/a\",\"name\":\"b\",\"target\":\"/x\"}"),
		"either");
	refused(BIND("{\"source\":\"/a\"}"), "binds[0].target: missing");
	refused(BIND("{\"source\":\"/a\",\"target\":\"/\"}"),
		"binds[0].target: / is not");
	refused(BIND("{\"source\":\"/a/../b\",\"target\":\"/x\"}"),
		"binds[0].source: /a/../b is not in plain form");
	refused(BIND("{\"source\":\"/a\\nb\",\"target\":\"/x\"}"),
		"binds[0].source: control");
	refused(BIND("{\"source\":\"a\",\"target\":\"/x\"}"),
		"binds[0].source: must be an absolute path");
	refused(BIND("{\"source\":\"/proc/1/root\",\"target\":\"/x\"}"),
		"binds[0].source: /proc/1/root: nothing of /proc");
	refused(BIND("{\"source\":\"/var/run\",\"target\":\"/x\"}"),
		"nothing of /var/run");
	refused(BIND("{\"source\":\"/dev/kvm\",\"target\":\"/dev/kvm\"}"),
		"nothing of /dev");
	refused(BIND("{\"source\":\"/a\",\"target\":\"/sys/x\"}"),
		"binds[0].target: /sys/x is no place");
	refused(BIND("{\"name\":\"A\",\"target\":\"/x\"}"),
		"binds[0].name: \"A\" is no name");
	refused(BIND(NAMED ",{\"name\":\"a\",\"target\":\"/y\"}"),
		"binds[1].name: same as binds[0]");
	refused(BIND("{\"name\":\"a\",\"target\":\"/x\",\"rw\":true}"),
		"binds[0].rw: unknown key");
	refused(BIND("{\"name\":\"a\",\"target\":\"/x\",\"name\":\"b\"}"),
		"binds[0]: key \"name\" twice");
	refused(BIND("{\"name\":\"a\",\"target\":\"/x\",\"source\":null}"),
		"binds[0].source: is null");
	refused(BIND("7"), "binds[0]: must be an object");
}

static void test_devices_and_writable(void **state)
{
#define DEVICE(source, target)                                                 \
	BIND("{\"source\":\"" source "\",\"target\":\"" target                 \
	     "\",\"device\":true}")
	(void)state;
	refused(DEVICE("/etc/kvm", "/etc/kvm"),
		"binds[0].source: /etc/kvm is not among the devices");
	refused(DEVICE("/dev/sda", "/dev/sda"),
		"binds[0].source: /dev/sda is not among the devices");
	refused(DEVICE("/dev/kvm", "/k"), "binds[0].target: a device is bound");
	refused(BIND("{\"name\":\"a\",\"target\":\"/x\",\"device\":true}"),
		"binds[0].device: needs a source");
	refused(BIND("{\"source\":\"/etc\",\"target\":\"/etc\",\"writable\":true}"),
		"binds[0].writable: only a named bind");
}

static void test_places(void **state)
{
#define FILES(text) HEAD("own") "," text "}"
	(void)state;
	refused(BIND(NAMED ",{\"name\":\"b\",\"target\":\"/x\"}"),
		"binds[1].target: /x is given twice, see binds[0].target");
	refused(BIND(NAMED ",{\"name\":\"b\",\"target\":\"/x/y\"}"),
		"binds[1].target: /x/y lies below /x of binds[0].target");
	refused(BIND("{\"name\":\"b\",\"target\":\"/x/y\"}," NAMED),
		"binds[1].target: /x hides /x/y of binds[0].target");
	refused(BIND("{\"source\":\"/a\",\"target\":\"/usr/bin/x\"}"),
		"/usr/bin/x is given twice, see program");
	refused(BIND("{\"source\":\"/a\",\"target\":\"/usr\"}"),
		"/usr hides /usr/bin/x of program");
	refused(FILES("\"tmpfs\":[\"/x\"],\"binds\":[" NAMED "]"),
		"binds[0].target: /x is given twice, see tmpfs[0]");
	refused(FILES("\"directories\":[\"/t/x\"],\"tmpfs\":[\"/t\"]"),
		"tmpfs[0]: /t hides /t/x of directories[0]");
	refused(FILES("\"proc\":true,\"tmpfs\":[\"/proc\"]"),
		"tmpfs[0]: /proc is given twice, see proc");
	refused(FILES("\"directories\":[\"/proc/x\"]"),
		"directories[0]: /proc/x is no place");
}

static void test_place_below_a_tmpfs(void **state)
{
	static const char text[] =
		HEAD("own") ",\"tmpfs\":[\"/t\"],\"binds\":[{\"name\":\"a\","
			    "\"target\":\"/t/x\"}]}";
	struct policy *policy = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(policy_parse(text, strlen(text), &policy, &err), 0);
	assert_string_equal(policy->binds[0].target, "/t/x");
	policy_free(policy);
}

static void test_rest(void **state)
{
	(void)state;
	refused(HEAD("own") ",\"rlimits\":{\"cpu\":1}}",
		"rlimits.cpu: unknown limit");
	refused(HEAD("own") ",\"rlimits\":{\"core\":\"0\"}}", "rlimits.core");
	refused(HEAD("own") ",\"rlimits\":{\"core\":null}}",
		"rlimits.core: is null");
	refused(HEAD("own") ",\"rlimits\":{\"core\":1}}",
		"rlimits.core: is 1, must be an integer from 0 to 0");
	refused(HEAD("own") ",\"rlimits\":{\"nofile\":1048577}}",
		"rlimits.nofile: is 1048577");
	refused(HEAD("own") ",\"rlimits\":{\"core\":0,\"core\":0}}",
		"rlimits: key \"core\" twice");
	refused(HEAD("own") ",\"environment\":[\"A=B\"]}",
		"environment[0]: \"A=B\"");
	refused(HEAD("own") ",\"descriptors\":[\"x\",\"a,b\"]}",
		"descriptors[1]: \"a,b\"");
	refused(HEAD("own") ",\"tmpfs\":[\"tmp\"]}", "tmpfs[0]: must be an");
	refused(HEAD("own") ",\"directories\":[\"/a\",\"/a\"]}",
		"directories[1]: /a twice");
	refused(HEAD("own") ",\"libraries\":null}", "libraries: is null");
	refused(HEAD("own") ",\"comment\":[]}", "comment: must be a string");
}

#define RULES(list) HEAD("own") ",\"landlock\":[" list "]}"

static void test_landlock(void **state)
{
	struct policy *policy = shipped("virtiofsd");

	(void)state;
	assert_int_equal(policy->landlock_count, 1);
	assert_string_equal(policy->landlock[0].path, "/share");
	assert_int_equal(policy->landlock[0].access, 0x7ffe);
	assert_int_equal(policy_landlock_abi(policy), 2);
	policy_free(policy);
	policy = shipped("qemu-kvm");
	assert_int_equal(policy->landlock_count, 0);
	assert_int_equal(policy_landlock_abi(policy), 1);
	policy_free(policy);

	refused(RULES("7"), "landlock[0]: must be an object");
	refused(RULES("{\"access\":[]}"), "landlock[0]: missing");
	refused(RULES("{\"path\":\"/a\"}"), "landlock[0]: missing");
	refused(RULES("{\"path\":\"a\",\"access\":[]}"), "absolute");
	refused(RULES("{\"path\":\"/a/..\",\"access\":[]}"), "plain form");
	refused(RULES("{\"path\":\"/a\",\"access\":[\"execute\"]}"),
		"no right that a policy may give");
	refused(RULES("{\"path\":\"/a\",\"access\":[\"mount\"]}"),
		"no right that a policy may give");
	refused(RULES("{\"path\":\"/a\",\"access\":[],\"x\":1}"), "unknown key");
	refused(RULES("{\"path\":\"/a\",\"access\":[]},"
		      "{\"path\":\"/a\",\"access\":[]}"),
		"landlock[1]: same path as landlock[0]");
}

static void test_writable_file(void **state)
{
	char dir[] = "/tmp/test-policy-XXXXXX";
	struct policy *policy = NULL;
	struct err err = ERR_INIT;
	AUTO_FREE char *path = NULL, *other = NULL;
	AUTO_FD int fd = -1;

	(void)state;
	assert_non_null(mkdtemp(dir));
	path = xasprintf("%s/x.json", dir);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_true(write(fd, HEAD("own") "}", strlen(HEAD("own") "}")) > 0);
	assert_int_equal(policy_load(path, &policy, &err), 0);
	policy_free(policy);
	policy = NULL;
	other = xasprintf("%s/y.json", dir);
	assert_int_equal(rename(path, other), 0);
	assert_int_equal(policy_load(other, &policy, &err), -EINVAL);
	assert_non_null(strstr(err.text, "name: is \"x\""));
	assert_int_equal(rename(other, path), 0);
	assert_int_equal(fchmod(fd, 0622), 0);
	assert_int_equal(policy_load(path, &policy, &err), -EPERM);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(policy_load(path, &policy, &err), -ENOENT);
	assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shipped_vmm),
		cmocka_unit_test(test_shipped_file_server),
		cmocka_unit_test(test_smallest),
		cmocka_unit_test(test_head),
		cmocka_unit_test(test_self),
		cmocka_unit_test(test_caps),
		cmocka_unit_test(test_binds),
		cmocka_unit_test(test_devices_and_writable),
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_place_below_a_tmpfs),
		cmocka_unit_test(test_rest),
		cmocka_unit_test(test_landlock),
		cmocka_unit_test(test_writable_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
