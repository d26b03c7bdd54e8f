/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A jail policy: what one program may be and see, as data (JSON). The jailer
 * enforces it, the verifier compares a live process with it, audit prints it.
 * Unknown keys, wrong types and unsafe values are errors.
 */
#ifndef LIB_POLICY_H
#define LIB_POLICY_H

#include "alloc.h"
#include "err.h"

#define POLICY_BYTES_MAX (256 * 1024)
#define POLICY_BWRAP "/usr/bin/bwrap" /* every jail is made by it */
/*
 * What bubblewrap executes in every jail, to become the program under Landlock
 * and seccomp (kata-jail-exec, beside kata-jailer), and where it stands there.
 */
#define POLICY_EXEC_NAME "kata-jail-exec"
#define POLICY_TWIN_NAME "kata-jail-twin" /* in its place, in a twin */
#define POLICY_EXEC "/jail-exec"

enum policy_identity {
	POLICY_ID_OWN, /* one id per sandbox, single-id user namespace */
	POLICY_ID_WHOLE_MAP, /* uid 0 of a child user namespace that holds the whole map */
	POLICY_ID_SELF, /* no jail: a program of ours that confines itself */
	POLICY_ID_MAX
};

enum policy_ns { /* bit numbers in policy.namespaces */
		 POLICY_NS_USER,
		 POLICY_NS_MNT,
		 POLICY_NS_PID,
		 POLICY_NS_NET,
		 POLICY_NS_IPC,
		 POLICY_NS_UTS,
		 POLICY_NS_CGROUP,
		 POLICY_NS_MAX
};
extern const char *const policy_ns_name[POLICY_NS_MAX]; /* as in /proc/PID/ns */

struct policy_rlimit {
	int resource;	/* RLIMIT_* */
	char *name;	/* "nofile" */
	uint64_t value; /* soft = hard */
};

struct policy_bind {
	char *source; /* host path; NULL: given by the caller under `name` */
	char *name;   /* "kernel", "share" ... for what only the start knows */
	char *target; /* in the jail */
	bool writable;
	bool device;
	bool optional; /* a missing source is fine */
};

/* Landlock: what stays possible at and beneath a path of the jail. */
struct policy_access {
	char *path;
	uint32_t access; /* enum landlock_fs */
};

struct policy {
	char *name;    /* "qemu-kvm" */
	char *program; /* host path, the same in the jail; a name for SELF */
	enum policy_identity identity;
	uint32_t namespaces; /* bits of enum policy_ns; all seven for a jail */
	uint64_t caps;	     /* kept, as capability bits; 0 for none */
	uint64_t start_caps; /* additionally held until the program drops them */
	char *seccomp; /* profile name: seccomp/NAME.bpf beside the policies */
	uint32_t own_filters; /* filters the program is known to add by itself */
	/*
	 * Threads that it has before it drops the start capabilities and adds
	 * those filters, and that keep what the jail gave.
	 */
	uint32_t early_threads;
	char *selinux_type; /* NULL: none */
	struct policy_bind *binds;
	size_t bind_count;
	struct strv dirs;  /* empty directories */
	struct strv tmpfs; /* private tmpfs mounts */
	bool proc;	   /* a procfs of its own pid namespace on /proc */
	bool libraries;	   /* add the program's shared libraries, read-only */
	struct policy_rlimit *rlimits;
	size_t rlimit_count;
	/* instead of, or beside, what follows from binds (jailer/rules.c) */
	struct policy_access *landlock;
	size_t landlock_count;
	struct strv env; /* names allowed in the program's environment */
	struct strv fds; /* names of descriptors it may inherit */
};

int policy_parse(const char *text, size_t len, struct policy **ret,
		 struct err *err) MUST_CHECK;
/* Checks owner and mode of the file and its parents, then parses. */
int policy_load(const char *path, struct policy **ret,
		struct err *err) MUST_CHECK;
void policy_free(struct policy *policy);
/* The oldest Landlock ABI that leaves this program what it needs. */
int policy_landlock_abi(const struct policy *policy);
/* Some bind is this device, "/dev/kvm". */
bool policy_has_device(const struct policy *policy, const char *device);

#endif
