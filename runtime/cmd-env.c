// SPDX-License-Identifier: Apache-2.0
/*
 * cmd-env.c - kata-runtime env (kata-env): what is in force and on what host,
 * with Kata's field names where there is such a field. Starts no VM; asks QEMU,
 * the file server and bubblewrap for their versions once their files have been
 * found to be nobody else's. What is missing is an empty string here and an
 * error of create.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "auto.h"
#include "child.h"
#include "env-host.h"
#include "fd.h"
#include "file-server.h"
#include "filter.h"
#include "foreign.h"
#include "opts.h"
#include "path.h"
#include "policy.h"
#include "report.h"
#include "runtime.h"
#include "settings-keys.h"
#include "sha256.h"
#include "sizing.h"
#include "state.h"

/* Of this report, not of Kata's: fields are only ever added in a 1.x. */
#define FORMAT_VERSION "1.0.0"
#define FILE_BYTES_MAX (1u << 20)
#define BWRAP "/usr/bin/bwrap"

static const char *const policy_file[] = { "qemu-kvm",	 "qemu-tcg",
					   "virtiofsd",	 "virtiofsd-rs",
					   "kata-proxy", "kata-shim" };
static const char *const filter_file[] = { "proxy",	"shim",
					   "qemu-kvm",	"qemu-tcg",
					   "virtiofsd", "virtiofsd-rs" };

/* --- programs ---------------------------------------------------------------- */

static void report_line(struct report *r, const char *key, char *text,
			const char *says, const struct err *err)
{
	AUTO_FREE char *unknown = NULL;
	const char *line;

	if (err->code || !text) {
		unknown = xasprintf("unknown: %s", err->text);
		report_string(r, key, unknown);
		return;
	}
	line = child_line(text, says);
	report_string(r, key, line ? line : child_line(text, ""));
}

/* The line of "PROGRAM --version" that says it, or why there is none. */
static void report_version(struct report *r, const char *key, const char *path,
			   const char *says)
{
	AUTO_FREE char *text = NULL;
	struct err err = ERR_INIT;

	if (!path) {
		report_string(r, key, "");
		return;
	}
	IGNORE(foreign_version(path, NULL, &text, &err) < 0, "err says so");
	report_line(r, key, text, says, &err);
}

/* It is known by its policy, which is that of what is installed. */
static void report_file_server(struct report *r, const struct policy *fs,
			       const struct file_server *server)
{
	AUTO_FREE char *text = NULL;
	struct err err = ERR_INIT;

	report_string(r, "VirtioFSDaemon", fs ? fs->program : NULL);
	if (!fs) {
		report_string(r, "VirtioFSDaemonVersion", "");
		return;
	}
	IGNORE(file_server_version(fs->program, &text, &err) < 0, "err says so");
	report_line(r, "VirtioFSDaemonVersion", text, server->says, &err);
}

static struct policy *load_policy(const struct settings *s, const char *name,
				  struct err *err)
{
	AUTO_FREE char *path = xasprintf("%s/%s.json", s->policies, name);
	struct policy *policy = NULL;

	return policy_load(path, &policy, err) < 0 ? NULL : policy;
}

/* --- Kata's tables ------------------------------------------------------------ */

static void report_runtime(struct report *r, const struct runtime *rt)
{
	const struct settings *s = &rt->settings;
	unsigned v[3] = { 0 };
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *end = NULL;
	const char *at = KATA_VERSION;

	for (size_t i = 0; i < ARRAY_SIZE(v); i++, at = end + (*end == '.'))
		v[i] = (unsigned)strtoul(at, &end, 10);
	self[n < 0 ? 0 : n] = '\0';
	report_begin(r, "Runtime");
	report_bool(r, "Debug", rt->debug || s->runtime_debug);
	report_bool(r, "Trace", false);
	report_bool(r, "DisableGuestSeccomp", false);
	report_bool(r, "DisableNewNetNs", false);
	report_bool(r, "SandboxCgroupOnly", true);
	report_list(r, "Experimental", &(struct strv){ 0 });
	report_string(r, "GuestSeLinuxLabel", "");
	report_string(r, "Path", self);
	report_string(r, "StateRoot", rt->root);
	report_begin(r, "Version");
	report_string(r, "OCI", KATA_SPEC);
	report_begin(r, "Version");
	report_string(r, "Semver", KATA_VERSION);
	report_u64(r, "Major", v[0]);
	report_u64(r, "Minor", v[1]);
	report_u64(r, "Patch", v[2]);
	report_string(r, "Commit", KATA_COMMIT);
	report_end(r);
	report_end(r);
	report_begin(r, "Config");
	report_string(r, "Path", s->source);
	report_list(r, "Files", &s->files);
	report_end(r);
	report_end(r);
}

/* Is it KVM? */
static bool report_accel(struct report *r, struct runtime *rt)
{
	enum accel_request want = rt->settings.required & LAYER_KVM ?
					  ACCEL_WANT_KVM :
					  rt->settings.accelerator;
	struct accel_choice choice = { 0 };
	struct err err = ERR_INIT;

	if (accel_choose(want, rt->root_fd, &choice, &err) < 0) {
		report_string(r, "Accelerator", "");
		report_string(r, "AcceleratorReason", err.text);
		return false;
	}
	report_string(r, "Accelerator", accel_name[choice.accel]);
	report_string(r, "AcceleratorReason", choice.reason);
	return choice.accel == ACCEL_KVM;
}

static bool report_hypervisor(struct report *r, struct runtime *rt,
			      const struct policy *vmm, const struct policy *fs)
{
	const struct settings *s = &rt->settings;
	bool kvm;

	report_begin(r, "Hypervisor");
	report_string(r, "MachineType", "microvm");
	report_string(r, "Path", vmm ? vmm->program : NULL);
	report_version(r, "Version", vmm ? vmm->program : NULL, "QEMU ");
	kvm = report_accel(r, rt);
	report_string(r, "BlockDeviceDriver", "");
	report_string(r, "EntropySource", "getrandom");
	report_string(r, "SharedFS", "virtio-fs");
	report_file_server(r, fs, rt->file_server);
	report_u64(r, "Msize9p", 0);
	report_u64(r, "MemorySlots", 0);
	report_u64(r, "PCIeRootPort", 0);
	report_u64(r, "PCIeSwitchPort", 0);
	report_bool(r, "HotplugVFIOOnRootBus", false);
	report_string(r, "HotPlugVFIO", "no-port");
	report_string(r, "ColdPlugVFIO", "no-port");
	report_bool(r, "Debug", s->guest_debug);
	report_bool(r, "UseVSock", false);
	report_u64(r, "DefaultVCPUs", s->default_vcpus);
	report_u64(r, "DefaultMemory", s->default_memory_mib);
	report_begin(r, "SecurityInfo");
	report_bool(r, "Rootless", true);
	report_bool(r, "DisableSeccomp", false);
	report_string(r, "GuestHookPath", "");
	report_list(r, "EnableAnnotations", &s->enable_annotations);
	report_bool(r, "ConfidentialGuest", false);
	report_end(r);
	report_end(r);
	return kvm;
}

static void report_path(struct report *r, const char *table, const char *path)
{
	report_begin(r, table);
	report_string(r, "Path", path);
	report_end(r);
}

static void report_assets(struct report *r, const struct settings *s)
{
	report_path(r, "Image", "");
	report_path(r, "Initrd", s->initrd);
	report_begin(r, "Kernel");
	report_string(r, "Path", s->kernel);
	report_string(r, "Parameters", s->kernel_params);
	report_end(r);
	report_begin(r, "Agent");
	report_string(r, "Type", "kata");
	report_bool(r, "Debug", s->agent_debug || s->runtime_debug);
	report_bool(r, "Trace", false);
	report_string(r, "TraceMode", "");
	report_string(r, "TraceType", "");
	report_end(r);
	report_path(r, "Proxy", s->proxy);
	report_path(r, "Shim", s->shim);
	report_begin(r, "Jailer");
	report_string(r, "Path", s->jailer);
	report_string(r, "Bubblewrap", BWRAP);
	report_version(r, "BubblewrapVersion", BWRAP, "bubblewrap ");
	report_end(r);
}

/* --- ours --------------------------------------------------------------------- */

/* The digest of a file that is nobody else's; an error in its place. */
static void report_digest(struct report *r, const char *key, const char *path)
{
	AUTO_FREE char *text = NULL;
	struct err err = ERR_INIT;
	AUTO_FD int fd = path_open_trusted(path, &err);
	char hex[SHA256_HEX_MAX];
	size_t len;

	if (fd < 0 || fd_read_text(fd, FILE_BYTES_MAX, &text, &len, &err) < 0) {
		AUTO_FREE char *why = xasprintf("unknown: %s", err.text);

		report_string(r, key, why);
		return;
	}
	sha256_hex(text, len, hex);
	report_string(r, key, hex);
}

static void report_policy(struct report *r, const struct settings *s,
			  const char *name)
{
	AUTO_FREE char *path = xasprintf("%s/%s.json", s->policies, name);
	struct err err = ERR_INIT;
	struct policy *policy = load_policy(s, name, &err);

	report_begin(r, name);
	report_string(r, "Path", path);
	report_digest(r, "SHA256", path);
	if (policy) {
		report_string(r, "Program", policy->program);
		report_string(r, "Seccomp", policy->seccomp);
		report_string(r, "SELinuxType", policy->selinux_type);
	} else {
		report_string(r, "Error", err.text);
	}
	report_end(r);
	policy_free(policy);
}

static void report_filter(struct report *r, const struct settings *s,
			  const char *name)
{
	AUTO_FREE char *path = xasprintf("%s/%s.bpf", s->seccomp, name);

	report_begin(r, name);
	report_string(r, "Path", path);
	report_digest(r, "SHA256", path);
	report_string(r, "BuiltSHA256", filter_digest(name));
	report_end(r);
}

static void report_layers(struct report *r, const char *key, uint32_t mask)
{
	struct strv list = { 0 };

	for (size_t i = 0; i < LAYER_COUNT; i++)
		if (mask & (1u << i))
			strv_add(&list, layer_name[i]);
	report_list(r, key, &list);
	strv_done(&list);
}

static void report_security(struct report *r, const struct settings *s)
{
	report_begin(r, "Security");
	report_layers(r, "Required", s->required);
	report_begin(r, "Policies");
	for (size_t i = 0; i < ARRAY_SIZE(policy_file); i++)
		report_policy(r, s, policy_file[i]);
	report_end(r);
	report_begin(r, "Filters");
	for (size_t i = 0; i < ARRAY_SIZE(filter_file); i++)
		report_filter(r, s, filter_file[i]);
	report_end(r);
	report_end(r);
}

static void report_value(struct report *r, const struct settings *s,
			 const struct key *key)
{
	const void *field = (const char *)s + key->offset;
	AUTO_FREE char *text = NULL;

	switch (key->kind) {
	case KIND_U32:
	case KIND_VCPUS:
		report_u64(r, "Value", *(const uint32_t *)field);
		return;
	case KIND_BOOL:
		report_bool(r, "Value", *(const bool *)field);
		return;
	case KIND_ANNOTATIONS:
		report_list(r, "Value", field);
		return;
	case KIND_LAYERS:
		report_layers(r, "Value", *(const uint32_t *)field);
		return;
	default: /* a string, in quotes */
		text = settings_text(s, key);
		text[strlen(text) - 1] = '\0';
		report_string(r, "Value", text + 1);
	}
}

/* Every key that has more than one value, and who set it. */
static void report_settings(struct report *r, const struct settings *s)
{
	report_begin(r, "Settings");
	for (size_t i = 0; i < settings_key_count; i++) {
		const struct key *key = &settings_keys[i];
		const struct setting_origin *origin = &s->origin[i];
		AUTO_FREE char *name = xasprintf("%s.%s", key->table, key->name);
		AUTO_FREE char *where =
			origin->file ?
				xasprintf("%s:%u", origin->file, origin->line) :
				xstrdup("default");

		if (key->kind == KIND_NONE || key->kind == KIND_FIXED)
			continue;
		report_begin(r, name);
		report_value(r, s, key);
		report_string(r, "Source", where);
		report_end(r);
	}
	report_end(r);
}

static void report_all(struct report *r, struct runtime *rt)
{
	struct err err = ERR_INIT;
	struct policy *vmm = load_policy(&rt->settings, "qemu-tcg", &err);
	struct policy *fs = NULL;
	bool kvm;

	if (file_server_find(rt, &rt->file_server, &err) == 0)
		fs = load_policy(&rt->settings, rt->file_server->policy, &err);

	report_begin(r, "Meta");
	report_string(r, "Version", FORMAT_VERSION);
	report_end(r);
	report_runtime(r, rt);
	kvm = report_hypervisor(r, rt, vmm, fs);
	report_assets(r, &rt->settings);
	env_report_host(r, kvm);
	report_security(r, &rt->settings);
	report_settings(r, &rt->settings);
	policy_free(vmm);
	policy_free(fs);
}

int cmd_env(struct runtime *rt, int argc, char **argv, int first,
	    struct err *err)
{
	struct report report = { .out = stdout, .w = { .pretty = true } };
	struct err no_root = ERR_INIT;
	bool keys = false;
	const struct opt table[] = {
		{ "json", 0, NULL, "JSON instead of TOML", NULL, &report.json },
		{ "keys", 0, NULL, "every key of Kata's and what became of it",
		  NULL, &keys },
	};
	int r = opts_parse_all(table, ARRAY_SIZE(table), argc, argv, first, err);

	if (r < 0)
		return r;
	if (keys) {
		settings_print_keys(stdout);
		return 0;
	}
	/* Only for the measurement that is kept there. */
	if (state_root_open(rt, &no_root) < 0)
		rt->root_fd = -1;
	if (settings_load(&rt->settings, rt->config_option,
			  rt->initial_userns && geteuid() == 0, err) < 0)
		return -err->code;
	report_all(&report, rt);
	report_done(&report);
	return ferror(stdout) || fflush(stdout) == EOF ?
		       err_set(err, errno, "write the report") :
		       0;
}
