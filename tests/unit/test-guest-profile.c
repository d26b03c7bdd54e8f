// SPDX-License-Identifier: Apache-2.0
/*
 * test-guest-profile.c - which container gets our seccomp profile in the
 * guest, what that profile lets through as compiled, and the floor below it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "auto.h"
#include "guest-profile.h"
#include "path.h"
#include "seccomp.h"
#include "skip.h"

#define DIR TEST_DIR "/../seccomp-profiles/guest/"
#define NATIVE AUDIT_ARCH_X86_64
#define X32_BIT 0x40000000
/* Docker's default profile, on x86-64, where no capability is asked about. */
#define DOCKER_UNCONDITIONAL 286
#define ALLOW SECCOMP_RET_ALLOW
#define ERRNO(n) (SECCOMP_RET_ERRNO | (n))
#define ROOTED                                                                 \
	"{\"ociVersion\":\"1.0.2\",\"root\":{\"path\":\"r\"},\"linux\":{%s}%s}"

struct filter {
	struct sock_filter *code;
	size_t len;
	bool saw_args; /* the last run read an argument */
};

/* The instructions that libseccomp writes. */
static uint32_t run(struct filter *filter, const struct seccomp_data *data)
{
	uint32_t a = 0;

	filter->saw_args = false;
	for (size_t pc = 0; pc < filter->len; pc++) {
		const struct sock_filter *at = &filter->code[pc];
		bool yes;

		switch (at->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			memcpy(&a, (const char *)data + at->k, sizeof(a));
			filter->saw_args |= at->k >=
					    offsetof(struct seccomp_data, args);
			continue;
		case BPF_ALU | BPF_AND | BPF_K:
			a &= at->k;
			continue;
		case BPF_RET | BPF_K:
			return at->k;
		case BPF_JMP | BPF_JA:
			pc += at->k;
			continue;
		case BPF_JMP | BPF_JEQ | BPF_K:
			yes = a == at->k;
			break;
		case BPF_JMP | BPF_JGT | BPF_K:
			yes = a > at->k;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			yes = a >= at->k;
			break;
		default:
			fail_msg("instruction 0x%x", at->code);
			return 0;
		}
		pc += yes ? at->jt : at->jf;
	}
	fail_msg("the filter ends without a word");
	return 0;
}

static uint32_t call(struct filter *filter, long nr, uint64_t a0, uint64_t a1)
{
	struct seccomp_data data = { .nr = (int)nr, .arch = NATIVE };

	data.args[0] = a0;
	data.args[1] = a1;
	return run(filter, &data);
}

static struct filter compiled(const struct oci_seccomp *profile)
{
	struct filter filter = { 0 };
	struct strv unknown = { 0 };
	struct err err = ERR_INIT;
	void *bpf = NULL;

	if (seccomp_compile(profile, &bpf, &filter.len, &unknown, &err) < 0)
		fail_msg("%s", err.text);
	/* A name that is not known would be a call that is not judged. */
	if (unknown.count)
		fail_msg("unknown: %s", unknown.item[0]);
	filter.code = bpf;
	filter.len /= sizeof(*filter.code);
	return filter;
}

static char *file(const char *name)
{
	AUTO_FREE char *path = xasprintf(DIR "%s", name);
	struct err err = ERR_INIT;
	char *text = NULL;

	if (path_read_file(AT_FDCWD, path, 1u << 20, &text, &err) < 0)
		fail_msg("%s", err.text);
	return text;
}

/* more: what follows the linux object, from its comma on. */
static struct oci_spec *spec_with(const char *in_linux, const char *more)
{
	AUTO_FREE char *text = xasprintf(ROOTED, in_linux, more);
	struct oci_spec *spec = NULL;
	struct err err = ERR_INIT;

	if (oci_spec_parse(text, strlen(text), &spec, &err) < 0)
		fail_msg("%s", err.text);
	return spec;
}

#define PROCESS_WITH(caps)                                                     \
	",\"process\":{\"cwd\":\"/\",\"args\":[\"a\"],\"user\":{\"uid\":0,"    \
	"\"gid\":0},\"capabilities\":{\"bounding\":[" caps "]}}"

static struct filter profile_for(const char *process)
{
	struct oci_spec *spec = spec_with("", process);
	AUTO_FREE char *text = file("default.json");
	struct err err = ERR_INIT;
	struct filter filter;

	if (guest_profile_set(spec, text, strlen(text), &err) < 0)
		fail_msg("%s", err.text);
	filter = compiled(spec->linux_.seccomp);
	oci_spec_free(spec);
	return filter;
}

static bool wanted(const char *in_linux, const char *more)
{
	struct oci_spec *spec = spec_with(in_linux, more);
	bool r = guest_profile_wanted(spec);

	oci_spec_free(spec);
	return r;
}

#define MANAGER(name) "\"io.container.manager\":\"" name "\""
#define SAYS(key, value) "\"io.podman.annotations." key "\":\"" value "\""
#define CRI "\"io.kubernetes.cri.container-type\":\"container\""
#define NOTES(what) ",\"annotations\":{" what "}"

static void test_wanted(void **state UNUSED)
{
	static const char devices[] =
		"\"resources\":{\"devices\":[{\"allow\":true,\"access\":\"rwm\"}]}";
	static const char profile[] =
		"\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\"}";

	assert_true(wanted("", ""));
	assert_false(wanted(profile, ""));
	assert_false(wanted(
		"", NOTES(MANAGER("libpod") "," SAYS("seccomp", "unconfined"))));
	assert_false(wanted(
		"", NOTES(MANAGER("libpod") "," SAYS("privileged", "TRUE"))));
	/* How docker and containerd say privileged. */
	assert_false(wanted(devices, PROCESS_WITH("\"CAP_SYS_ADMIN\","
						  "\"CAP_SYS_RAWIO\"")));
	assert_true(wanted(devices, PROCESS_WITH("\"CAP_SYS_ADMIN\"")));
	/* The same words in the config.json of anybody else. */
	assert_true(wanted("", NOTES(SAYS("seccomp", "unconfined"))));
	assert_true(wanted(
		"", NOTES(MANAGER("cri-o") "," SAYS("seccomp", "unconfined"))));
	assert_true(wanted(
		"", NOTES(MANAGER("cri-o") "," SAYS("privileged", "TRUE"))));
	assert_true(wanted(
		"", NOTES(MANAGER("libpod") "," SAYS("seccomp", "Unconfined"))));
	/* containerd hands on what a pod says, beside keys of its own. */
	assert_true(wanted("", NOTES(MANAGER("libpod") "," SAYS(
				       "seccomp", "unconfined") "," CRI)));
	assert_true(wanted("", NOTES(CRI "," MANAGER("libpod") "," SAYS(
				       "privileged", "TRUE"))));
	assert_false(wanted(
		"", NOTES("\"io.kubernetes.cri-o.TTY\":\"false\"," MANAGER(
			    "libpod") "," SAYS("seccomp", "unconfined"))));
	assert_true(wanted("", NOTES(MANAGER("libpod") "," SAYS(
				       "seccomp", "/unconfined"))));
}

static void test_size(void **state UNUSED)
{
	struct filter filter = profile_for(PROCESS_WITH(""));
	size_t always = 0, sometimes = 0;

	for (long nr = 0; nr < 512; nr++) {
		uint32_t r = call(&filter, nr, 0, 0);

		if (filter.saw_args)
			sometimes++;
		else
			always += r == ALLOW;
	}
	print_message("  %zu always, %zu by argument\n", always, sometimes);
	assert_in_range(always, 200, DOCKER_UNCONDITIONAL);
	assert_int_equal(sometimes, 3); /* clone, socket, personality */
	free(filter.code);
}

static void test_arguments(void **state UNUSED)
{
	static const int fine[] = { AF_UNIX, AF_INET, AF_INET6, AF_NETLINK,
				    AF_PACKET };
	static const unsigned namespaces[] = { CLONE_NEWUSER,  CLONE_NEWNS,
					       CLONE_NEWPID,   CLONE_NEWNET,
					       CLONE_NEWIPC,   CLONE_NEWUTS,
					       CLONE_NEWCGROUP };
	struct filter filter = profile_for(PROCESS_WITH(""));

	for (size_t i = 0; i < ARRAY_SIZE(fine); i++)
		assert_int_equal(
			call(&filter, SYS_socket, (uint64_t)fine[i], 0), ALLOW);
	assert_int_equal(call(&filter, SYS_socket, 38, 0), ERRNO(EAFNOSUPPORT));
	assert_int_equal(call(&filter, SYS_socket, 40, 0), ERRNO(EAFNOSUPPORT));
	/* The kernel takes the family from 32 bits. */
	assert_int_not_equal(call(&filter, SYS_socket, 1ull << 32 | 38, 0),
			     ALLOW);
	for (size_t i = 0; i < ARRAY_SIZE(namespaces); i++)
		assert_int_not_equal(
			call(&filter, SYS_clone, namespaces[i] | 17u, 0), ALLOW);
	assert_int_equal(call(&filter, SYS_clone, 17, 0), ALLOW);
	assert_int_equal(call(&filter, SYS_clone, 0x3d0f00, 0), ALLOW);
	assert_int_equal(call(&filter, SYS_clone3, 0, 0), ERRNO(ENOSYS));
	assert_int_equal(call(&filter, SYS_personality, 0x40000, 0),
			 ERRNO(ENOSYS));
	free(filter.code);
}

static void test_capabilities(void **state UNUSED)
{
	static const struct {
		const char *process;
		long nr;
	} each[] = {
		{ PROCESS_WITH("\"CAP_SYS_ADMIN\""), SYS_mount },
		{ PROCESS_WITH("\"CAP_SYS_ADMIN\""), SYS_unshare },
		{ PROCESS_WITH("\"CAP_SYS_ADMIN\""), SYS_clone3 },
		{ PROCESS_WITH("\"CAP_SYS_CHROOT\""), SYS_chroot },
		{ PROCESS_WITH("\"CAP_SYS_BOOT\""), SYS_reboot },
		{ PROCESS_WITH("\"CAP_SYSLOG\""), SYS_syslog },
		{ PROCESS_WITH("\"CAP_SYS_TIME\""), SYS_settimeofday },
		{ PROCESS_WITH("\"CAP_SYS_PTRACE\""), SYS_kcmp },
		{ PROCESS_WITH("\"CAP_SYS_TTY_CONFIG\""), SYS_vhangup },
		{ PROCESS_WITH("\"CAP_DAC_READ_SEARCH\""),
		  SYS_open_by_handle_at },
	};
	struct filter none = profile_for(PROCESS_WITH("\"CAP_CHOWN\""));

	for (size_t i = 0; i < ARRAY_SIZE(each); i++) {
		struct filter filter = profile_for(each[i].process);

		assert_int_equal(call(&filter, each[i].nr, 0, 0), ALLOW);
		assert_int_not_equal(call(&none, each[i].nr, 0, 0), ALLOW);
		/* No capability brings these. */
		assert_int_not_equal(call(&filter, SYS_keyctl, 0, 0), ALLOW);
		assert_int_not_equal(call(&filter, SYS_kexec_load, 0, 0), ALLOW);
		free(filter.code);
	}
	assert_int_equal(call(&none, SYS_mount, 0, 0), ERRNO(EPERM));
	assert_int_equal(call(&none, 500, 0, 0), ERRNO(ENOSYS));
	free(none.code);
}

static struct filter floor_filter(const char *name)
{
	AUTO_FREE char *text = file(name);
	struct oci_seccomp *profile = NULL;
	struct err err = ERR_INIT;
	struct filter filter;

	if (seccomp_profile_parse(text, strlen(text), &profile, &err) < 0)
		fail_msg("%s", err.text);
	filter = compiled(profile);
	seccomp_profile_free(profile);
	return filter;
}

static void test_floor(void **state UNUSED)
{
	static const long never[] = {
		SYS_init_module,
		SYS_finit_module,
		SYS_delete_module,
		SYS_kexec_load,
		SYS_kexec_file_load,
		SYS_swapon,
		SYS_acct,
		SYS_iopl,
		SYS_ioperm,
		SYS_userfaultfd,
		SYS_perf_event_open,
		SYS_io_uring_setup,
	};
	struct filter filter = floor_filter("floor.json");
	size_t denied = 0, sometimes = 0;

	for (size_t i = 0; i < ARRAY_SIZE(never); i++)
		assert_int_not_equal(call(&filter, never[i], 0, 0), ALLOW);
	for (uint64_t high = 0; high < 2; high++) {
		assert_int_equal(call(&filter, SYS_socket, high << 32 | 40, 0),
				 ERRNO(EAFNOSUPPORT));
		assert_int_equal(call(&filter, SYS_socket, high << 32 | 38, 0),
				 ERRNO(EAFNOSUPPORT));
		assert_int_equal(call(&filter, SYS_ioctl, 0, high << 40 | 0x5412),
				 ERRNO(EPERM));
		assert_int_equal(call(&filter, SYS_bpf, high << 32 | 13, 0),
				 ERRNO(EPERM));
	}
	assert_int_equal(call(&filter, SYS_ioctl, 0, 0x5413), ALLOW);
	assert_int_equal(call(&filter, SYS_bpf, 5, 0), ALLOW);
	assert_int_equal(call(&filter, SYS_mount, 0, 0), ALLOW);
	assert_int_equal(call(&filter, SYS_read | X32_BIT, 0, 0),
			 SECCOMP_RET_KILL_PROCESS);
	for (long nr = 0; nr < 512; nr++) {
		uint32_t r = call(&filter, nr, 0, 0);

		sometimes += filter.saw_args;
		denied += !filter.saw_args && r != ALLOW;
	}
	print_message("  %zu never, %zu by argument\n", denied, sometimes);
	assert_int_equal(sometimes, 4); /* socket, socketpair, ioctl, bpf */
	free(filter.code);
}

/* The second floor: whatever is asked of bpf(2), and nothing else. */
static void test_floor_of_devices(void **state UNUSED)
{
	struct filter filter = floor_filter("floor-devices.json");

	for (long nr = 0; nr < 512; nr++) {
		assert_int_equal(call(&filter, nr, 5, 0),
				 nr == SYS_bpf ? ERRNO(EPERM) : ALLOW);
		assert_false(filter.saw_args);
	}
	assert_int_equal(call(&filter, SYS_bpf | X32_BIT, 0, 0),
			 SECCOMP_RET_KILL_PROCESS);
	free(filter.code);
}

/*
 * Every call of the guest's kernel, as far as its source is here, has a name
 * in libseccomp: or an engine's rule against it would be none.
 */
static void test_names_of_the_kernel(void **state UNUSED)
{
	AUTO_FREE char *pattern = xasprintf(
		"%s/.cache/kata-osbuilder/work-*/source/arch/x86/entry/syscalls/syscall_64.tbl",
		getenv("HOME") ? getenv("HOME") : "");
	struct strv names = { 0 }, unknown = { 0 };
	struct oci_syscall rule = { .action = "SCMP_ACT_ERRNO" };
	struct oci_seccomp profile = { .default_action = "SCMP_ACT_ALLOW",
				       .syscalls = &rule,
				       .syscall_count = 1 };
	char line[256], abi[16], name[64];
	struct err err = ERR_INIT;
	void *bpf = NULL;
	glob_t found;
	size_t len;
	FILE *table;

	if (glob(pattern, 0, NULL, &found) != 0)
		skip_because("the guest kernel's source is not in the cache");
	table = fopen(found.gl_pathv[0], "re");
	assert_non_null(table);
	while (fgets(line, sizeof(line), table))
		if (sscanf(line, "%*d %15s %63s", abi, name) == 2 &&
		    strcmp(abi, "x32") != 0)
			strv_add(&names, name);
	fclose(table);
	globfree(&found);
	assert_in_range(names.count, 350, 500);
	rule.names = names;
	assert_int_equal(seccomp_compile(&profile, &bpf, &len, &unknown, &err),
			 0);
	for (size_t i = 0; i < unknown.count; i++)
		print_message("  unknown: %s\n", unknown.item[i]);
	assert_int_equal(unknown.count, 0);
	free(bpf);
	strv_done(&names);
}

static void refused(const char *text, const char *why)
{
	struct oci_spec *spec = spec_with("", PROCESS_WITH(""));
	struct err err = ERR_INIT;

	assert_int_equal(guest_profile_set(spec, text, strlen(text), &err),
			 -EINVAL);
	assert_non_null(strstr(err.text, why));
	assert_null(spec->linux_.seccomp);
	oci_spec_free(spec);
}

#define RULE(more)                                                             \
	"{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[{\"names\":["     \
	"\"read\"],\"action\":\"SCMP_ACT_ALLOW\"," more "}]}"

static void test_refused(void **state UNUSED)
{
	struct oci_seccomp *profile = NULL;
	struct err err = ERR_INIT;

	refused("{", "profile");
	refused(RULE("\"includes\":{\"arches\":[\"amd64\"]}"), "arches");
	refused(RULE("\"includes\":{}"), "includes.caps");
	refused(RULE("\"excludes\":{\"caps\":[]}"), "excludes.caps");
	refused(RULE("\"include\":{\"caps\":[\"CAP_CHOWN\"]}"), "include");
	/* Where nobody asks for capabilities a condition is no part of a rule. */
	assert_int_equal(
		seccomp_profile_parse(
			RULE("\"includes\":{\"caps\":[\"CAP_CHOWN\"]}"),
			strlen(RULE("\"includes\":{\"caps\":[\"CAP_CHOWN\"]}")),
			&profile, &err),
		-EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wanted),
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_arguments),
		cmocka_unit_test(test_capabilities),
		cmocka_unit_test(test_floor),
		cmocka_unit_test(test_floor_of_devices),
		cmocka_unit_test(test_names_of_the_kernel),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
