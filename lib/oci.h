/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config.json of the OCI runtime specification (1.0 to 1.3) as checked
 * structs. Unknown properties are ignored, wrong types are refused with their
 * JSON path. What this reader accepts is not yet supported: oci_unsupported()
 * names the first thing that the runtime cannot honour.
 */
#ifndef LIB_OCI_H
#define LIB_OCI_H

#include "alloc.h"
#include "err.h"
#include "json.h"

/* Counts a config.json may not exceed; each is far above what engines send. */
#define OCI_MOUNTS_MAX 1024
#define OCI_RLIMITS_MAX 64
#define OCI_DEVICES_MAX 1024
#define OCI_MAPPINGS_MAX 340 /* kernel limit, user_namespaces(7) */
#define OCI_HOOKS_MAX 64     /* of one kind */
#define OCI_STRINGS_MAX 65536
#define OCI_SYSCALL_GROUPS_MAX 4096

struct oci_pair {
	char *key;
	char *value;
};

struct oci_pairs {
	struct oci_pair *item;
	size_t count;
};

struct oci_rlimit {
	char *type; /* "RLIMIT_NOFILE" */
	uint64_t hard;
	uint64_t soft;
};

struct oci_caps {
	struct strv bounding, effective, inheritable, permitted, ambient;
};

struct oci_user {
	uint32_t uid;
	uint32_t gid;
	uint32_t *additional_gids;
	size_t additional_gid_count;
	bool has_umask;
	uint32_t umask;
	char *username;
};

struct oci_process {
	bool terminal;
	uint32_t console_height; /* rows; 0 when not given */
	uint32_t console_width;
	struct oci_user user;
	struct strv args;
	struct strv env;
	char *cwd;
	bool has_caps;
	struct oci_caps caps;
	struct oci_rlimit *rlimits;
	size_t rlimit_count;
	bool no_new_privileges;
	char *apparmor_profile;
	char *selinux_label;
	bool has_oom_score_adj;
	int64_t oom_score_adj;
	bool has_scheduler;    /* process.scheduler present */
	bool has_io_priority;  /* process.ioPriority present */
	bool has_cpu_affinity; /* process.execCPUAffinity present */
};

struct oci_mount {
	char *destination; /* absolute, normalised */
	char *source; /* NULL when absent; relative ones are to the bundle */
	char *type;   /* NULL when absent */
	struct strv options;
	bool has_id_mappings;
};

struct oci_device {
	char *path;
	char type; /* 'c', 'b', 'u' or 'p' */
	int64_t major, minor;
	bool has_mode;
	uint32_t mode;
	uint32_t uid, gid;
};

struct oci_device_rule {
	bool allow;
	char *type;	      /* "a", "c", "b" or NULL */
	int64_t major, minor; /* -1: any */
	char *access;
};

struct oci_resources {
	bool present;
	struct oci_device_rule *devices;
	size_t device_count;
	bool has_memory_limit, has_memory_swap, has_memory_reservation;
	bool has_memory_other; /* swappiness or disableOOMKiller asked for */
	int64_t memory_limit, memory_swap,
		memory_reservation; /* bytes; -1 no limit */
	bool has_cpu_shares, has_cpu_quota, has_cpu_period;
	bool has_cpu_other; /* realtime*, burst or idle asked for */
	uint64_t cpu_shares;
	int64_t cpu_quota;
	uint64_t cpu_period; /* microseconds */
	char *cpuset_cpus, *cpuset_mems;
	bool has_pids_limit;
	int64_t pids_limit;
	bool has_block_io_weight;
	uint64_t block_io_weight;
	bool has_block_io_other; /* throttle or per-device settings present */
	bool has_hugepages, has_network, has_rdma;
	struct oci_pairs unified;
};

struct oci_seccomp_arg {
	uint32_t index;
	uint64_t value, value_two;
	char *op;
};

struct oci_syscall {
	struct strv names;
	char *action;
	bool has_errno;
	uint32_t errno_ret;
	struct oci_seccomp_arg *args;
	size_t arg_count;
};

struct oci_seccomp {
	char *default_action;
	bool has_default_errno;
	uint32_t default_errno;
	struct strv architectures;
	struct strv flags;
	char *listener_path; /* NULL when absent */
	struct oci_syscall *syscalls;
	size_t syscall_count;
};

struct oci_mapping {
	uint32_t host_id, container_id, size;
};

struct oci_namespace {
	char *type; /* pid network mount ipc uts user cgroup time */
	char *path; /* NULL: a new one */
};

struct oci_linux {
	struct oci_namespace *namespaces;
	size_t namespace_count;
	struct oci_mapping *uid_mappings, *gid_mappings;
	size_t uid_mapping_count, gid_mapping_count;
	struct oci_pairs sysctl;
	char *cgroups_path;
	struct oci_resources resources;
	struct oci_device *devices;
	size_t device_count;
	struct oci_seccomp *seccomp; /* NULL when absent */
	char *rootfs_propagation;
	struct strv masked_paths, readonly_paths;
	char *mount_label;
	bool has_intel_rdt, has_personality, has_time_offsets, has_net_devices;
	bool has_memory_policy;
};

struct oci_hook {
	char *path;	  /* absolute */
	struct strv args; /* argv, args[0] included; empty: the path alone */
	struct strv env;  /* the whole environment */
	uint32_t timeout; /* seconds; 0: none was given */
};

struct oci_hook_list {
	struct oci_hook *item;
	size_t count;
};

struct oci_hooks {
	struct oci_hook_list prestart, create_runtime, create_container,
		start_container, poststart, poststop;
};

struct oci_spec {
	char *version;
	struct oci_process process;
	bool has_process;
	char *root_path; /* as written */
	bool root_readonly;
	char *hostname;
	char *domainname;
	struct oci_mount *mounts;
	size_t mount_count;
	struct oci_hooks hooks;
	struct oci_pairs annotations;
	struct oci_linux linux_;
	bool has_vm; /* the "vm" object: a hypervisor chosen by the spec */
};

/* *ret_spec is owned by the caller (oci_spec_free). */
int oci_spec_parse(const char *text, size_t len, struct oci_spec **ret_spec,
		   struct err *err) MUST_CHECK;
void oci_spec_free(struct oci_spec *spec);
/* The process object of `exec --process FILE`. */
int oci_process_parse(const char *text, size_t len,
		      struct oci_process **ret_process,
		      struct err *err) MUST_CHECK;
void oci_process_free(struct oci_process *process);
/* JSON that oci_process_parse() reads as the same; owned by the caller. */
char *oci_process_format(const struct oci_process *process);
/* linux.resources alone, as `update --resources` sends it. */
int oci_resources_parse(const char *text, size_t len,
			struct oci_resources **ret, struct err *err) MUST_CHECK;
void oci_resources_free(struct oci_resources *resources);
/*
 * JSON that oci_resources_parse() reads as the same, but for what
 * oci_resources_unsupported() refuses; owned by the caller.
 */
char *oci_resources_format(const struct oci_resources *resources);

/*
 * linux.resources.cpu.shares as cpu.weight, as every runtime turns it. Here
 * because tests/security/cgroup-probe.c, which is static, links no parser.
 */
static inline uint64_t oci_weight_of_shares(uint64_t shares)
{
	uint64_t in = shares < 2 ? 2 : shares > 262144 ? 262144 : shares;

	return 1 + (in - 2) * 9999 / 262142;
}

/* Is there any, of whatever kind? */
bool oci_hooks_any(const struct oci_hooks *hooks);
/* NULL when absent. */
const char *oci_annotation(const struct oci_spec *spec, const char *key);
/* NULL when the spec has no such namespace entry. */
const struct oci_namespace *oci_namespace(const struct oci_spec *spec,
					  const char *type);
/*
 * Drops binds and nodes of devices that the guest has itself and, from a
 * privileged container, those of the host. Return: how many of the
 * host's were dropped
 */
size_t oci_leave_out_devices(struct oci_spec *spec);
/* Do the device rules leave nothing to refuse? */
bool oci_allows_every_device(const struct oci_resources *resources);
/* Was it written by podman, buildah or another of libpod? */
bool oci_is_libpods(const struct oci_spec *spec);
/* Does the engine want a container with everything that there is? */
bool oci_is_privileged(const struct oci_spec *spec);
void oci_mount_done(struct oci_mount *mount);
/*
 * Refuses, by JSON path, what neither runtime nor agent can do yet; never
 * ignores it silently. 0 when everything in the spec will be honoured.
 */
int oci_unsupported(const struct oci_spec *spec, struct err *err) MUST_CHECK;
int oci_process_unsupported(const struct oci_process *process,
			    struct err *err) MUST_CHECK;
int oci_resources_unsupported(const struct oci_resources *resources,
			      struct err *err) MUST_CHECK;

#endif
