/* SPDX-License-Identifier: Apache-2.0 */
/*
 * configuration.toml: strict, few keys. The user's file, else the system's,
 * else the defaults; resolved at create and kept in the sandbox's state.
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

struct settings {
	char *source; /* path of the file in force, NULL: defaults */
	enum accel_request accelerator;
	char *kernel, *initrd, *jailer, *proxy, *shim, *policies, *seccomp;
	uint32_t default_memory_mib;
	uint32_t default_vcpus;
	uint32_t memory_overhead_mib;
	uint32_t boot_timeout_kvm, boot_timeout_tcg; /* seconds */
	uint32_t sandbox_uid_base, sandbox_uid_count;
	uint32_t required; /* enum layer_bit */
	bool single_id;	   /* go on where the caller has no subordinate ids */
};

/*
 * option: --config, or NULL. Sibling programs and guest files default to what
 * lies beside this executable.
 */
int settings_load(struct settings *ret, const char *option, bool is_root,
		  struct err *err) MUST_CHECK;
void settings_done(struct settings *settings);

#endif
