/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a long-lived program of ours gives up its rights, stage by stage. What
 * each keeps until when is in its privs.c; here is what they have in common.
 * Every stage is read back before it counts.
 */
#ifndef LIB_CONFINE_H
#define LIB_CONFINE_H

#include <sys/resource.h>

#include "err.h"

struct confine_limit {
	int resource; /* RLIMIT_* */
	rlim_t value; /* soft and hard */
	const char *name;
};

/* For confine_rights(); groups_fixed by confine_start(), landlock by it. */
struct confine {
	bool groups_fixed; /* setgroups(2) is denied in this user namespace */
	bool parent;	   /* of jails: Landlock must let its end reach them */
	uint32_t landlock; /* the ABI in force; 0: the kernel has none */
};

/*
 * First stage: own session, not dumpable, no core file. Needs /proc. Nothing
 * hostile may be open yet. 0 or -errno
 */
int confine_start(struct confine *confine, struct err *err) MUST_CHECK;
/*
 * unshare(2) of CLONE_NEW* flags, each compared with what was before. Needs
 * /proc and CAP_SYS_ADMIN in the user namespace. 0 or -errno
 */
int confine_namespaces(int flags, struct err *err) MUST_CHECK;
/* setrlimit(2) and getrlimit(2). 0 or -errno */
int confine_limits(const struct confine_limit *limits, size_t count,
		   struct err *err) MUST_CHECK;
/*
 * No group, no capability in any of the five sets and no way back to one by
 * uid 0, no_new_privs, and where the kernel has it Landlock without any rule:
 * no file, no TCP port, no other's abstract socket, no signal to others. 0 or
 * -errno; after a failure the caller must end.
 */
int confine_rights(struct confine *confine, struct err *err) MUST_CHECK;
/*
 * Last stage: the compiled filter that @fd holds; @fd stays open. What comes
 * after must be allowed by it. 0 or -errno
 */
int confine_filter(int fd, struct err *err) MUST_CHECK;

#endif
