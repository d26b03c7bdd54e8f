// SPDX-License-Identifier: Apache-2.0
/* link: runtime/settings.o runtime/settings-keys.o runtime/settings-value.o */
/* link: runtime/guest-params.o runtime/sizing.o runtime/accel.o runtime/boot-cache.o */
/* link: runtime/annotations.o */
/*
 * test-settings.c - configuration.toml: every kind of value, drop-ins, unsafe
 * files, the table of keys against the documents, and the size of a VM.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auto.h"
#include "path.h"
#include "runtime/settings-keys.h"
#include "runtime/settings.h"
#include "runtime/annotations.h"
#include "runtime/sizing.h"
#include "skip.h"

static char dir[64]; /* of one test, 0700 */
static char file[96];

static int make_dir(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/test-settings-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(file, sizeof(file), "%s/configuration.toml", dir);
	return 0;
}

static int remove_dir(void **state)
{
	AUTO_FD int fd = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct err err = ERR_INIT;

	(void)state;
	if (path_remove_tree(fd, dir + strlen("/tmp/"), &err) < 0)
		fail_msg("%s", err.text);
	return 0;
}

static void put(const char *path, const char *text)
{
	AUTO_FD int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static int load(const char *text, struct settings *ret, struct err *err)
{
	put(file, text);
	return settings_load(ret, file, true, err);
}

/* Loads what must be fine. */
static void take(const char *text, struct settings *ret)
{
	struct err err = ERR_INIT;

	if (load(text, ret, &err) < 0)
		fail_msg("%s", err.text);
}

static void refuse(const char *text, const char *part)
{
	struct settings s = { 0 };
	struct err err = ERR_INIT;

	assert_true(load(text, &s, &err) < 0);
	if (!strstr(err.text, part) || !strstr(err.text, file))
		fail_msg("%s", err.text);
	settings_done(&s);
}

static void test_required(void **state)
{
	struct settings s = { 0 };

	(void)state;
	take("[security]\nrequired = [\"cgroup\", \"selinux\"]\n", &s);
	assert_int_equal(s.required, LAYER_CGROUP | LAYER_SELINUX);
	settings_done(&s);
	take("[security]\nrequired = []\n", &s);
	assert_int_equal(s.required, 0);
	settings_done(&s);
}

/* The file that is installed says what happens without it, key by key. */
static void test_shipped_file_holds_the_defaults(void **state)
{
	struct settings shipped = { 0 }, none = { 0 };
	struct err err = ERR_INIT;
	size_t set = 0;

	(void)state;
	if (settings_load(&shipped, TEST_DIR "/../runtime/configuration.toml",
			  true, &err) < 0)
		fail_msg("%s", err.text);
	take("", &none);
	for (size_t i = 0; i < settings_key_count; i++) {
		AUTO_FREE char *a = settings_text(&shipped, &settings_keys[i]);
		AUTO_FREE char *b = settings_text(&none, &settings_keys[i]);

		assert_int_equal(!a, !b);
		if (a)
			assert_string_equal(a, b);
		set += shipped.origin[i].file != NULL;
	}
	assert_true(set >= 20);
	settings_done(&shipped);
	settings_done(&none);
}

static const char *named(const char *text, const char *name)
{
	size_t len = strlen(name);
	const char *at = text;

	while ((at = strstr(at, name))) {
		if ((at == text || at[-1] == '\n' || at[-1] == ' ') &&
		    strncmp(at + len, " =", 2) == 0)
			return at;
		at++;
	}
	return NULL;
}

/* ... and describes every key that can be set to more than one value. */
static void test_shipped_file_names_every_key(void **state)
{
	AUTO_FREE char *text = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(path_read_file(AT_FDCWD,
					TEST_DIR "/../runtime/configuration.toml",
					65536, &text, &err),
			 0);
	for (size_t i = 0; i < settings_key_count; i++) {
		const struct key *key = &settings_keys[i];

		if (key->kind != KIND_NONE && key->kind != KIND_FIXED &&
		    !named(text, key->name))
			fail_msg("configuration.toml lacks %s.%s", key->table,
				 key->name);
	}
}

/* docs/migrating-from-kata.md holds the program's own tables. */
static void test_document_is_the_table(void **state)
{
	AUTO_FREE char *doc = NULL, *table = NULL;
	struct err err = ERR_INIT;
	size_t len = 0;
	FILE *out = open_memstream(&table, &len);

	(void)state;
	assert_non_null(out);
	settings_print_keys(out);
	assert_int_equal(fclose(out), 0);
	assert_int_equal(path_read_file(AT_FDCWD,
					TEST_DIR
					"/../docs/migrating-from-kata.md",
					262144, &doc, &err),
			 0);
	if (!strstr(doc, table))
		fail_msg("docs/migrating-from-kata.md differs from "
			 "`kata-runtime env --keys`: put its output in");
}

static void test_every_key_is_known_once(void **state)
{
	(void)state;
	for (size_t i = 0; i < settings_key_count; i++) {
		const struct key *key = &settings_keys[i];
		AUTO_FREE char *copy = xstrdup(key->name);
		char *save = NULL;

		assert_true(strlen(key->text) > 0);
		assert_int_equal(key->verdict == KEY_REFUSED,
				 key->kind == KIND_NONE);
		if (strchr(key->table, '*'))
			continue;
		for (char *at = strtok_r(copy, " ", &save); at;
		     at = strtok_r(NULL, " ", &save))
			assert_ptr_equal(settings_key(key->table, at), key);
	}
	assert_null(settings_key("runtime", "enable_debu"));
	assert_null(settings_key("runtime", "enable_debug2"));
	assert_null(settings_key("", "kernel"));
	assert_null(settings_key("hypervisor", "kernel"));
	assert_non_null(settings_key("hypervisor.qemu",
				     "disk_rate_limiter_bw_max_rate"));
	assert_non_null(settings_key("hypervisor.clh", "kernel"));
}

static void test_values(void **state)
{
	struct settings s = { 0 };

	(void)state;
	take("[hypervisor.qemu]\nkernel = \"/k\"\ndefault_vcpus = 3\n"
	     "default_maxvcpus = 7\ndefault_memory = 64\n"
	     "accelerator = \"tcg\"\nvirtio_fs_cache = \"never\"\n"
	     "reclaim_guest_freed_memory = false\nenable_debug = true\n"
	     "cpu_features = \"pmu=off,+x2apic,-avx\"\n"
	     "kernel_params = \"mitigations=off sysctl.vm.swappiness=1 nosmt "
	     "sysctl.net.ipv4.tcp_rmem=4096,8192,16384 sysctl.fs.file-max=9\"\n"
	     "machine_type = \"microvm\"\nrootless = true\n"
	     "[runtime]\ninternetworking_model = \"none\"\n"
	     "disable_guest_seccomp = false\nexperimental = []\n"
	     "[agent.kata]\ndial_timeout = 5\nkernel_modules=[]\n"
	     "[proxy.kata]\npath = \"/p\"\n[shim.kata]\npath = \"/s\"\n",
	     &s);
	assert_string_equal(s.kernel, "/k");
	assert_string_equal(s.proxy, "/p");
	assert_string_equal(s.shim, "/s");
	assert_int_equal(s.default_vcpus, 3);
	assert_int_equal(s.default_maxvcpus, 7);
	assert_int_equal(s.default_memory_mib, 64);
	assert_int_equal(s.accelerator, ACCEL_WANT_TCG);
	assert_int_equal(s.fs_cache, FS_CACHE_NEVER);
	assert_int_equal(s.reclaim_memory, 0);
	assert_int_equal(s.guest_debug, 1);
	assert_int_equal(s.network, NET_NONE);
	assert_int_equal(s.dial_timeout, 5);
	assert_string_equal(s.source, file);
	assert_int_equal(
		s.origin[settings_key("runtime", "internetworking_model") -
			 settings_keys]
			.line,
		15);
	settings_done(&s);
	take("[hypervisor.qemu]\ndefault_vcpus = 0\n", &s);
	assert_int_equal(s.default_vcpus, 1);
	settings_done(&s);
	take("[hypervisor.qemu]\ndefault_vcpus = -1\n", &s);
	assert_int_equal(s.default_vcpus, sizing_host_vcpus());
	settings_done(&s);
}

#define Q "[hypervisor.qemu]\n"

static void test_refused(void **state)
{
	static const char *const bad[][2] = {
		{ "[security]\nrequired = [\"apparmor\"]\n",
		  ":2: security.required: unknown layer \"apparmor\"" },
		{ "[security]\nrequired = \"kvm\"\n", ":2: " },
		{ Q "kernle = \"/k\"\n",
		  ":2: unknown key hypervisor.qemu.kernle" },
		{ "kernel = \"/k\"\n", ":1: unknown key kernel" },
		{ "[nothing]\na = 1\n", ":2: unknown key nothing.a" },
		{ Q "kernel = \"/k\"\nkernel = \"/k\"\n",
		  ":3: key kernel was set in line 2 already" },
		{ Q "[hypervisor.qemu]\n", ":2: table [hypervisor.qemu]" },
		{ Q "kernel = \"k\"\n", "must be an absolute path" },
		{ Q "kernel = 1\n", "must be an absolute path" },
		{ Q "kernel = \"/a\\nb\"\n", "control character" },
		{ Q "default_vcpus = \"1\"\n", "must be a number from 0 to 128" },
		{ Q "default_vcpus = 129\n", "must be a number from 0 to 128" },
		{ Q "default_vcpus = 1.5\n", ":2: " },
		{ Q "default_maxvcpus = -1\n", "must be a number from 0 to 128" },
		{ Q "default_memory = 63\n", "from 64 to 1048576" },
		{ Q "default_memory = 99999999999999999999\n", "64 bits" },
		{ Q "default_vcpus = 4\ndefault_maxvcpus = 2\n",
		  ":2: hypervisor.qemu.default_vcpus (4) is above default_maxvcpus" },
		{ Q "default_maxmemory = 255\n",
		  ":2: hypervisor.qemu.default_memory (256) is above default_maxmemory" },
		{ Q "reclaim_guest_freed_memory = 1\n", "true or false" },
		{ Q "accelerator = \"xen\"\n",
		  ":2: hypervisor.qemu.accelerator: must be \"auto\", \"kvm\" or \"tcg\"" },
		{ Q "virtio_fs_cache = \"metadata\"\n", "must be \"never\"" },
		{ Q "machine_type = \"q35\"\n", "only \"microvm\" is possible" },
		{ Q "path = \"/usr/bin/qemu\"\n",
		  ":2: hypervisor.qemu.path: this key of Kata is refused" },
		{ Q "virtio_fs_extra_args = [\"-o\"]\n", "is refused" },
		{ Q "rootless = false\n", "only true is possible" },
		{ "[runtime]\ndisable_guest_seccomp = true\n",
		  "only false is possible" },
		{ "[runtime]\ninternetworking_model = \"macvtap\"\n",
		  "must be \"tcfilter\" or \"none\"" },
		{ "[agent.kata]\ndebug_console_enabled = true\n",
		  "only false is possible" },
		{ "[agent.kata]\nkernel_modules = [\"x\"]\n",
		  "only [] is possible" },
		{ "[agent.kata]\ndial_timeout = 0\n", "from 1 to 600" },
		{ "[hypervisor.firecracker]\nkernel = \"/k\"\n",
		  "is the only hypervisor" },
		{ Q "kernel_params = \"init=/bin/sh\"\n",
		  "\"init\" is not on the list" },
		{ Q "kernel_params = \"agent.debug_console\"\n",
		  "is not on the list" },
		{ Q "kernel_params = \"loglevel=x\"\n", "must be a number" },
		{ Q "kernel_params = \"nosmt=1\"\n", "takes no value" },
		{ Q "kernel_params = \"mitigations=\"\n", "needs a value" },
		{ Q "kernel_params = \"lsm=a;b\"\n", "is not allowed" },
		{ Q "kernel_params = \"nosmt\\tnopti\"\n", "printable ASCII" },
		{ Q "kernel_params = \"sysctl.=1\"\n", "is not on the list" },
		{ Q "kernel_params = \"sysctl.vm.=1\"\n", "is not on the list" },
		{ Q "kernel_params = \"sysctl.kernel.panic=0\"\n",
		  "\"sysctl.kernel.panic\" is not on the list" },
		{ Q "kernel_params = \"sysctl.kernel/panic=0\"\n",
		  "is not on the list" },
		{ Q "kernel_params = \"sysctl.fs.suid_dumpable=2\"\n",
		  "is not on the list" },
		{ Q "kernel_params = 'sysctl.vm.\"x=1'\n", "is not on the list" },
		{ Q "kernel_params = \"sysctl.net./../kernel.panic=0\"\n",
		  "is not on the list" },
		{ Q "kernel_params = 'overlay.\"x=1'\n", "is not on the list" },
		{ Q "kernel_params = \"overlay.Index=on\"\n",
		  "is not on the list" },
		{ "[security]\nsandbox_uid_base = 4294900000\n"
		  "sandbox_uid_count = 100000\n",
		  ":3: security.sandbox_uid_base (4294900000) and" },
		{ "[security]\nsandbox_uid_count = 67296\n"
		  "sandbox_uid_base = 4294900000\n",
		  "go beyond the last id" },
		{ Q "cpu_features = \"+vmx\"\n", "nested virtualization" },
		{ Q "cpu_features = \"svm=on\"\n", "nested virtualization" },
		{ Q "cpu_features = \"vmx-ept=on\"\n", "nested virtualization" },
		{ Q "cpu_features = \"a b\"\n", "no processor feature" },
		{ Q "cpu_features = \"vendor=evil\"\n", "NAME=on or NAME=off" },
		{ Q "cpu_features = \"+a,,\"\n", "no processor feature" },
		{ Q "enable_annotations = [\"kernel_params\"]\n",
		  "only default_vcpus, default_memory" },
		{ Q "enable_annotations = [\".*\"]\n", "only default_vcpus" },
		{ Q "enable_annotations = \"default_vcpus\"\n", "list of names" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		refuse(bad[i][0], bad[i][1]);
}

/* Nothing but a number, a name and a reason: one line. */
static void test_refused_in_one_line(void **state)
{
	(void)state;
	for (size_t i = 0; i < settings_key_count; i++) {
		const struct key *key = &settings_keys[i];
		AUTO_FREE char *name =
			xstrndup(key->name, strcspn(key->name, " *"));
		AUTO_FREE char *text = NULL;
		struct settings s = { 0 };
		struct err err = ERR_INIT;

		if (key->kind != KIND_NONE || strchr(key->table, '*'))
			continue;
		text = xasprintf("[%s]\n%s = 1\n", key->table, name);
		assert_int_equal(load(text, &s, &err), -EOPNOTSUPP);
		assert_null(strchr(err.text, '\n'));
		if (!strstr(err.text, key->text)) /* nor was it cut */
			fail_msg("%s", err.text);
		settings_done(&s);
	}
}

static void drop_in(const char *name, const char *text)
{
	AUTO_FREE char *path = xasprintf("%s/config.d", dir);
	AUTO_FREE char *at = xasprintf("%s/%s", path, name);

	assert_true(mkdir(path, 0755) == 0 || errno == EEXIST);
	put(at, text);
}

static void test_drop_ins(void **state)
{
	struct settings s = { 0 };
	struct err err = ERR_INIT;

	(void)state;
	drop_in("20-b.toml", Q "default_memory = 300\ndefault_vcpus = 2\n");
	drop_in("10-a.toml", Q "default_memory = 200\ndial_timeout = 1\n");
	drop_in("30-c.toml.bak", "nonsense");
	drop_in(".hidden.toml", "nonsense");
	assert_true(load(Q "default_memory = 100\n", &s, &err) < 0);
	assert_non_null(strstr(err.text, "/config.d/10-a.toml:3: unknown key"));
	settings_done(&s);
	drop_in("10-a.toml", Q "default_memory = 200\noverhead_memory = 16\n");
	take(Q "default_memory = 100\ndefault_maxmemory = 400\n", &s);
	assert_int_equal(s.default_memory_mib, 300);
	assert_int_equal(s.default_maxmemory_mib, 400);
	assert_int_equal(s.overhead_memory_mib, 16);
	assert_int_equal(s.default_vcpus, 2);
	assert_int_equal(s.files.count, 3);
	assert_string_equal(s.source, file);
	assert_non_null(strstr(
		s.origin[settings_key("hypervisor.qemu", "default_memory") -
			 settings_keys]
			.file,
		"20-b.toml"));
	settings_done(&s);
}

/* HOME of a user: the user's file, or drop-ins alone; not for real root. */
static void test_user_directory(void **state)
{
	AUTO_FREE char *own = xasprintf("%s/kata", dir);
	struct settings s = { 0 };
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(mkdir(own, 0700), 0);
	assert_int_equal(setenv("XDG_CONFIG_HOME", dir, 1), 0);
	snprintf(dir + strlen(dir), sizeof(dir) - strlen(dir), "/kata");
	drop_in("a.toml", Q "default_memory = 333\n");
	assert_int_equal(settings_load(&s, NULL, false, &err), 0);
	assert_int_equal(s.default_memory_mib, 333);
	settings_done(&s);
	assert_int_equal(settings_load(&s, NULL, true, &err), 0);
	assert_int_not_equal(s.default_memory_mib, 333);
	settings_done(&s);
	snprintf(file, sizeof(file), "%s/configuration.toml", dir);
	put(file, Q "default_memory = 444\ndefault_vcpus = 5\n");
	assert_int_equal(settings_load(&s, NULL, false, &err), 0);
	assert_int_equal(s.default_memory_mib, 333);
	assert_int_equal(s.default_vcpus, 5);
	assert_string_equal(s.source, file);
	settings_done(&s);
	/* a link that leads nowhere is no absent file */
	assert_int_equal(unlink(file), 0);
	assert_int_equal(symlink("/nonexistent/x", file), 0);
	assert_true(settings_load(&s, NULL, false, &err) < 0);
	settings_done(&s);
	assert_int_equal(unsetenv("XDG_CONFIG_HOME"), 0);
	dir[strlen(dir) - 5] = '\0';
}

/* XDG_CONFIG_HOME=HOME is as if there were none, or an error. */
static void load_with(const char *home, const char *part)
{
	struct settings s = { 0 };
	struct err err = ERR_INIT;
	int r;

	assert_int_equal(setenv("XDG_CONFIG_HOME", home, 1), 0);
	r = settings_load(&s, NULL, false, &err);
	assert_int_equal(unsetenv("XDG_CONFIG_HOME"), 0);
	if (part ? r >= 0 || !strstr(err.text, part) : r < 0)
		fail_msg("%s: %s", home, err.text);
	settings_done(&s);
}

/* Only what is surely not there, or another's, is passed over. */
static void test_user_directory_unknown(void **state)
{
	AUTO_FREE char *own = xasprintf("%s/kata", dir);
	AUTO_FREE char *plain = xasprintf("%s/plain", dir);

	(void)state;
	load_with("/nonexistent", NULL);
	put(plain, "");
	load_with(plain, NULL); /* ENOTDIR */
	assert_int_equal(symlink("kata", own), 0);
	load_with(dir, "/kata: Too many levels of symbolic links");
	assert_int_equal(unlink(own), 0);
	if (geteuid() == 0)
		return; /* may look into everything */
	if (access("/root", X_OK) < 0)
		load_with("/root", NULL);
	assert_int_equal(mkdir(own, 0), 0);
	load_with(dir, "/kata: Permission denied");
	assert_int_equal(chmod(own, 0700), 0);
	assert_int_equal(chmod(dir, 0600), 0);
	load_with(dir, "/kata: Permission denied");
	assert_int_equal(chmod(dir, 0700), 0);
}

static void refuse_file(const char *part)
{
	struct settings s = { 0 };
	struct err err = ERR_INIT;

	assert_true(settings_load(&s, file, true, &err) < 0);
	if (!strstr(err.text, part))
		fail_msg("%s", err.text);
	assert_null(strchr(err.text, '\n'));
	settings_done(&s);
}

static void test_unsafe_files(void **state)
{
	AUTO_FREE char *sub = xasprintf("%s/config.d", dir);
	AUTO_FREE char *one = xasprintf("%s/a.toml", sub);

	(void)state;
	refuse_file("No such file");
	put(file, "");
	assert_int_equal(chmod(file, 0664), 0);
	refuse_file("writable by group or others (mode 0664)");
	assert_int_equal(chmod(file, 0646), 0);
	refuse_file("writable by group or others");
	assert_int_equal(chmod(file, 0644), 0);
	assert_int_equal(chmod(dir, 0777), 0);
	refuse_file("writable by group or others (mode 0777)");
	assert_int_equal(chmod(dir, 0700), 0);
	drop_in("a.toml", "");
	assert_int_equal(chmod(sub, 0775), 0);
	refuse_file("config.d: writable by group or others");
	assert_int_equal(chmod(sub, 0755), 0);
	assert_int_equal(chmod(one, 0666), 0);
	refuse_file("a.toml: writable by group or others");
	assert_int_equal(unlink(one), 0);
	assert_int_equal(mkdir(one, 0755), 0);
	refuse_file("a.toml");
}

/* Root can make what another user would have made. */
static void test_files_of_others(void **state)
{
	AUTO_FREE char *other = xasprintf("%s/other.toml", dir);

	(void)state;
	if (geteuid() != 0)
		skip_because("only root can make a file of another user");
	put(file, "");
	assert_int_equal(chown(file, 1234, 1234), 0);
	refuse_file("owned by uid 1234, must be root's or the caller's");
	put(other, "");
	assert_int_equal(chown(other, 1234, 1234), 0);
	assert_int_equal(unlink(file), 0);
	assert_int_equal(symlink(other, file), 0);
	refuse_file("other.toml: owned by uid 1234");
	/* another's link to a file that is fine: who chose it is not */
	assert_int_equal(chown(other, 0, 0), 0);
	assert_int_equal(lchown(file, 1234, 1234), 0);
	refuse_file("configuration.toml: a symbolic link of uid 1234");
	assert_int_equal(lchown(file, 0, 0), 0);
	assert_int_equal(chown(dir, 1234, 1234), 0);
	refuse_file("owned by uid 1234");
	assert_int_equal(chown(dir, 0, 0), 0);
}

/* --- sizing ------------------------------------------------------------------ */

static uint32_t vcpus(const struct settings *s, int64_t quota, uint64_t period,
		      const char *cpus)
{
	struct oci_resources res = { .has_cpu_quota = quota != 0,
				     .cpu_quota = quota,
				     .has_cpu_period = period != 0,
				     .cpu_period = period,
				     .cpuset_cpus = (char *)cpus };
	struct sizing sizing;
	struct err err = ERR_INIT;

	return sizing_make(s, &res, &sizing, &err) < 0 ? 0 : sizing.vcpus;
}

static void test_vcpus(void **state)
{
	struct settings s = { .default_vcpus = 9, .default_memory_mib = 256 };
	uint32_t host = sizing_host_vcpus();

	(void)state;
	assert_int_equal(vcpus(&s, 0, 0, NULL), 9);
	assert_int_equal(vcpus(&s, -1, 0, ""), 9);
	assert_int_equal(vcpus(&s, 1, 0, NULL), 1);
	assert_int_equal(vcpus(&s, 50000, 100000, NULL), 1);
	assert_int_equal(vcpus(&s, 100000, 0, NULL), 1);
	assert_int_equal(vcpus(&s, 100001, 0, NULL), host < 2 ? 1 : 2);
	assert_int_equal(vcpus(&s, INT64_MAX, 1, NULL), host);
	assert_int_equal(vcpus(&s, 1000000, 0, "3"), 1);
	assert_int_equal(vcpus(&s, 0, 0, "0-127"), host);
	s.default_maxvcpus = 1;
	assert_int_equal(vcpus(&s, 0, 0, "0-1,3"), 1);
	assert_int_equal(vcpus(&s, 0, 0, "1-0"), 0);
	assert_int_equal(vcpus(&s, 0, 0, "a"), 0);
	assert_int_equal(vcpus(&s, 0, 0, "0,"), 0);
	assert_int_equal(vcpus(&s, 0, 0, "0-"), 0);
	assert_int_equal(vcpus(&s, 0, 0, "4294967296"), 0);
}

static void test_memory(void **state)
{
	struct settings s = { .default_vcpus = 1,
			      .default_memory_mib = 256,
			      .overhead_memory_mib = 64,
			      .cgroup_overhead_mib = 100 };
	struct oci_resources res = { 0 };
	struct sizing sizing;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(sizing_make(&s, &res, &sizing, &err), 0);
	assert_int_equal(sizing.memory_mib, 256);
	assert_int_equal(sizing.cgroup_extra_mib, 64 + 6 + 100);
	res.has_memory_limit = true;
	res.memory_limit = -1;
	assert_int_equal(sizing_make(&s, &res, &sizing, &err), 0);
	assert_int_equal(sizing.memory_mib, 256);
	res.memory_limit = 100 << 20;
	assert_int_equal(sizing_make(&s, &res, &sizing, &err), 0);
	assert_int_equal(sizing.memory_mib, 170); /* 164 * 41/40, even */
	assert_int_equal(sizing.cgroup_extra_mib, 170);
	assert_false(sizing.cut);
	res.memory_limit = 1;
	assert_int_equal(sizing_make(&s, &res, &sizing, &err), 0);
	assert_int_equal(sizing.memory_mib, 68);
	res.memory_limit = INT64_MAX;
	assert_int_equal(sizing_make(&s, &res, &sizing, &err), 0);
	assert_int_equal(sizing.memory_mib, sizing_host_memory_mib());
	assert_true(sizing.cut);
	s.default_maxmemory_mib = 300;
	assert_int_equal(sizing_make(&s, &res, &sizing, &err), 0);
	assert_int_equal(sizing.memory_mib, 300);
}

static int annotate(struct settings *s, const char *key, const char *value,
		    struct err *err)
{
	struct oci_pair pair = { (char *)key, (char *)value };
	struct oci_spec spec = { .annotations = { &pair, 1 } };

	return annotations_apply(s, &spec, err);
}

#define NOTE "io.katacontainers.config."

static void test_annotations(void **state)
{
	static const char *const refused[] = {
		"io.katacontainers.config_path",
		"io.katacontainers.config",
		NOTE "x",
		NOTE "hypervisor.path",
		NOTE "hypervisor.kernel_params",
		NOTE "hypervisor.default_vcpus.x",
		NOTE "runtime.disable_guest_seccomp",
		NOTE "agent.policy",
		NOTE "agent.default_vcpus",
	};
	struct settings s = { .default_vcpus = 1, .default_memory_mib = 256 };
	struct err err = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		strv_add(&s.enable_annotations, "default_vcpus");
		assert_int_equal(annotate(&s, refused[i], "1", &err), -EPERM);
		assert_non_null(strstr(err.text, refused[i]));
	}
	strv_done(&s.enable_annotations);
	assert_int_equal(annotate(&s, "io.kubernetes.x", "1", &err), 0);
	assert_int_equal(annotate(&s, NOTE "hypervisor.default_vcpus", "1", &err),
			 -EPERM);
	strv_add(&s.enable_annotations, "default_memory");
	assert_int_equal(annotate(&s, NOTE "hypervisor.default_vcpus", "1", &err),
			 -EPERM);
	assert_int_equal(
		annotate(&s, NOTE "hypervisor.default_memory", "512", &err), 0);
	assert_int_equal(s.default_memory_mib, 512);
	s.default_maxmemory_mib = 600;
	assert_int_equal(
		annotate(&s, NOTE "hypervisor.default_memory", "601", &err),
		-EINVAL);
	assert_int_equal(
		annotate(&s, NOTE "hypervisor.default_memory", "1", &err),
		-EINVAL);
	assert_int_equal(
		annotate(&s, NOTE "hypervisor.default_memory", "-1", &err),
		-EINVAL);
	assert_int_equal(s.default_memory_mib, 512);
	strv_done(&s.enable_annotations);
}

static void enable_all(struct settings *s)
{
	strv_add(&s->enable_annotations, "default_vcpus");
	strv_add(&s->enable_annotations, "default_memory");
	strv_add(&s->enable_annotations, "reclaim_guest_freed_memory");
	strv_add(&s->enable_annotations, "virtio_fs_cache");
}

static void test_annotations_have_types(void **state)
{
	static const struct {
		const char *name, *value;
		int result;
	} note[] = {
		{ "reclaim_guest_freed_memory", "1", -EINVAL },
		{ "reclaim_guest_freed_memory", "TRUE", -EINVAL },
		{ "reclaim_guest_freed_memory", "", -EINVAL },
		{ "reclaim_guest_freed_memory", "true", 0 },
		{ "virtio_fs_cache", "always,source=/", -EINVAL },
		{ "virtio_fs_cache", "metadata", -EINVAL },
		{ "virtio_fs_cache", "", -EINVAL },
		{ "virtio_fs_cache", "always", 0 },
		{ "default_memory", "100 ", -EINVAL },
		{ "default_memory", "0x100", -EINVAL },
		{ "default_memory", "100,share=on", -EINVAL },
	};
	struct settings s = { .default_memory_mib = 256 };
	struct err err = ERR_INIT;

	(void)state;
	enable_all(&s);
	for (size_t i = 0; i < ARRAY_SIZE(note); i++) {
		AUTO_FREE char *name =
			xasprintf(NOTE "hypervisor.%s", note[i].name);

		assert_int_equal(annotate(&s, name, note[i].value, &err),
				 note[i].result);
		if (note[i].result < 0)
			assert_non_null(strstr(err.text, name));
	}
	assert_int_equal(s.reclaim_memory, true);
	assert_int_equal(s.fs_cache, FS_CACHE_ALWAYS);
	assert_int_equal(s.default_memory_mib, 256);
	strv_done(&s.enable_annotations);
}

static const char *const hostile_value[] = {
	"1", "true", "none", "/etc/shadow", "../x", "a,b=c -x", ""
};

/*
 * Whatever the value, it is refused by name and not a byte of the settings is
 * another, however much the administrator lets through.
 */
static void changes_nothing(struct settings *s, const char *name, int expect)
{
	const struct settings before = *s;

	for (size_t i = 0; i < ARRAY_SIZE(hostile_value); i++) {
		struct err err = ERR_INIT;
		int r = annotate(s, name, hostile_value[i], &err);

		if (r != expect || memcmp(s, &before, sizeof(before)) != 0)
			fail_msg("%s=%s: %d %s", name, hostile_value[i], r,
				 err.text);
		if (r < 0)
			assert_non_null(strstr(err.text, "io.katacontainers"));
	}
}

static bool has_type(const char *table, const char *name)
{
	AUTO_FREE char *full = xasprintf("%s.%s", table, name);
	const struct key *key = settings_annotation(full);

	return key && key->kind != KIND_NONE;
}

/* Every key of Kata's configuration.toml, as annotation of each family. */
static void test_every_annotation_of_kata(void **state)
{
	static const char *const family[] = { NOTE "hypervisor", NOTE "runtime",
					      NOTE "agent" };
	struct settings s = { .default_memory_mib = 256 };
	size_t count = 0, typed = 0;

	(void)state;
	enable_all(&s);
	for (size_t i = 0; i < settings_key_count; i++) {
		AUTO_FREE char *names = xstrdup(settings_keys[i].name);
		char *save = NULL;

		for (char *name = strtok_r(names, " ", &save); name;
		     name = strtok_r(NULL, " ", &save)) {
			for (size_t f = 0; f < ARRAY_SIZE(family); f++) {
				AUTO_FREE char *full =
					xasprintf("%s.%s", family[f], name);

				if (has_type(family[f], name)) {
					typed++;
					continue;
				}
				changes_nothing(&s, full, -EPERM);
				count++;
			}
		}
	}
	assert_int_equal(typed, 4);
	assert_true(count > 400);
	strv_done(&s.enable_annotations);
}

/* Further ones that Kata's versions read (kata.md 4.5), or look as if. */
static void test_other_annotations(void **state)
{
	static const char *const refused[] = {
		"io.katacontainers.config_path",
		NOTE "hypervisor.asset_hash_type",
		NOTE "hypervisor.kernel_hash",
		NOTE "hypervisor.image_hash",
		NOTE "hypervisor.initrd_hash",
		NOTE "hypervisor.jailer_hash",
		NOTE "hypervisor.cc_init_data",
		NOTE "runtime.shared_mounts",
		NOTE "runtime.sandbox_bind_mounts",
		NOTE "runtime.disable_guest_seccomp",
		NOTE "agent.kernel_modules",
		NOTE "hypervisor.default_memory ",
		NOTE "Hypervisor.default_memory",
		NOTE "hypervisor..default_memory",
		NOTE "hypervisor.default_memory/x",
		NOTE "hypervisor.qemu.default_memory",
	};
	static const char *const ignored[] = {
		"io.katacontainers.pkg.oci.bundle_path",
		"io.katacontainers.pkg.oci.container_type",
		"io.katacontainers.container.resource.swap_in_bytes",
		"io.katacontainers.fs-opt.layer",
		"io.kubernetes.cri-o.ContainerType",
		"io.kubernetes.cri-o.SandboxID",
		"io.kubernetes.cri.sandbox-id",
		"io.container.manager",
	};
	struct settings s = { .default_memory_mib = 256 };

	(void)state;
	enable_all(&s);
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++)
		changes_nothing(&s, refused[i], -EPERM);
	for (size_t i = 0; i < ARRAY_SIZE(ignored); i++)
		changes_nothing(&s, ignored[i], 0);
	strv_done(&s.enable_annotations);
}

/* Two hundred made up ones, the same in each run. */
static void test_generated_annotations(void **state)
{
	static const char *const begin[] = {
		NOTE "hypervisor.",   NOTE "runtime.", NOTE "agent.", NOTE,
		"io.katacontainers.", "io.x."
	};
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz_-./=, 0";
	struct settings s = { .default_memory_mib = 256 };
	uint32_t random = 1;

	(void)state;
	enable_all(&s);
	for (size_t i = 0; i < 200; i++) {
		const char *front = begin[i % ARRAY_SIZE(begin)];
		AUTO_FREE char *name = NULL;
		char tail[24] = "";

		for (size_t n = 0; n < 1 + i % (sizeof(tail) - 1); n++) {
			random = random * 1664525 + 1013904223;
			tail[n] =
				letters[(random >> 16) % (sizeof(letters) - 1)];
		}
		name = xasprintf("%s%s", front, tail);
		changes_nothing(
			&s, name,
			strncmp(front, NOTE, strlen(NOTE)) == 0 ? -EPERM : 0);
	}
	strv_done(&s.enable_annotations);
}

#define WITH_DIR(test)                                                         \
	cmocka_unit_test_setup_teardown(test, make_dir, remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_DIR(test_required),
		WITH_DIR(test_shipped_file_holds_the_defaults),
		cmocka_unit_test(test_shipped_file_names_every_key),
		cmocka_unit_test(test_document_is_the_table),
		cmocka_unit_test(test_every_key_is_known_once),
		WITH_DIR(test_values),
		WITH_DIR(test_refused),
		WITH_DIR(test_refused_in_one_line),
		WITH_DIR(test_drop_ins),
		WITH_DIR(test_user_directory),
		WITH_DIR(test_user_directory_unknown),
		WITH_DIR(test_unsafe_files),
		WITH_DIR(test_files_of_others),
		cmocka_unit_test(test_vcpus),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_annotations),
		cmocka_unit_test(test_annotations_have_types),
		cmocka_unit_test(test_every_annotation_of_kata),
		cmocka_unit_test(test_other_annotations),
		cmocka_unit_test(test_generated_annotations),
	};

	umask(022);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
