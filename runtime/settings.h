/* SPDX-License-Identifier: Apache-2.0 */
/*
 * configuration.toml: Kata's key names where the behaviour is the same. The
 * user's file, else the system's, else the defaults, then drop-ins; resolved
 * at create and kept in the sandbox's state. runtime/settings-keys.c has every
 * key, runtime/configuration.toml describes them.
 */
#ifndef RUNTIME_SETTINGS_H
#define RUNTIME_SETTINGS_H

#include "accel.h"
#include "alloc.h"
#include "err.h"

enum layer_bit { /* required = [...] */
		 LAYER_CGROUP = 1 << 0,
		 LAYER_SELINUX = 1 << 1,
		 LAYER_LANDLOCK = 1 << 2,
		 LAYER_KVM = 1 << 3
};
#define LAYER_COUNT 4
extern const char *const layer_name[LAYER_COUNT]; /* by bit number */

enum net_model { NET_TCFILTER, NET_NONE, NET_MODEL_MAX };
extern const char *const net_model_name[NET_MODEL_MAX];

enum fs_cache { FS_CACHE_NEVER, FS_CACHE_AUTO, FS_CACHE_ALWAYS, FS_CACHE_MAX };
extern const char *const fs_cache_name[FS_CACHE_MAX];

struct setting_origin { /* where a key was set; file NULL: default */
	char *file;
	unsigned line;
};

struct settings {
	char *source;		       /* base file in force, NULL: defaults */
	struct strv files;	       /* every file that was read, in order */
	struct setting_origin *origin; /* one for each of settings_keys[] */

	enum accel_request accelerator;
	char *kernel, *initrd, *jailer, *proxy, *shim, *policies, *seccomp;
	char *kernel_params;		/* checked words, or "" */
	char *cpu_features;		/* checked list for -cpu, or "" */
	struct strv enable_annotations; /* names, after ".hypervisor." */
	enum net_model network;
	enum fs_cache fs_cache;

	uint32_t default_vcpus;
	uint32_t default_maxvcpus; /* 0: the host's */
	uint32_t default_memory_mib;
	uint32_t default_maxmemory_mib; /* 0: the host's */
	uint32_t overhead_memory_mib;	/* of the VM, above the limit */
	uint32_t cgroup_overhead_mib;	/* of the host's cgroup, above the VM */
	uint32_t reclaim_memory;	/* booleans, like the next three */
	uint32_t guest_debug, agent_debug, runtime_debug;

	uint32_t dial_timeout, dial_timeout_tcg; /* seconds */
	uint32_t create_timeout; /* seconds, on top of the boot */
	uint32_t sandbox_uid_base, sandbox_uid_count;
	uint32_t required; /* enum layer_bit */
	bool single_id;	   /* go on where the caller has no subordinate ids */
};

/*
 * option: --config, or NULL. Sibling programs and guest files default to what
 * lies beside this executable. is_root: real root, who ignores users' files.
 */
int settings_load(struct settings *ret, const char *option, bool is_root,
		  struct err *err) MUST_CHECK;
void settings_done(struct settings *settings);
/* Where kata-jailer will find kata-jail-exec: beside itself. Caller frees. */
char *settings_jail_exec(const struct settings *settings);
/* Directory of the user's own configuration, or NULL. The caller frees it. */
char *settings_user_dir(void);

#define SETTINGS_SYSTEM_DIR "/etc/kata"
#define SETTINGS_FILE "configuration.toml"
#define SETTINGS_DROP_INS "config.d"

#endif
