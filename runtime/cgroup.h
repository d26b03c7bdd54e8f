/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroupfs, v2, v1 and hybrid: the directory that the engine named, in every
 * hierarchy that we may write.
 */
#ifndef RUNTIME_CGROUP_H
#define RUNTIME_CGROUP_H

#include "alloc.h"
#include "err.h"
#include "oci.h"

struct cgroup {
	struct strv dirs; /* absolute, made (or found) and ours to join */
};

/*
 * path: linux.cgroupsPath, NULL when absent. Limits are the spec's plus
 * overhead_mib of memory for the VMM. A hierarchy that cannot be written is
 * left out and named in notes. With nothing to join, dirs is empty.
 */
int cgroup_make(const char *path, const struct oci_resources *resources,
		uint32_t overhead_mib, struct cgroup *ret, struct strv *notes,
		struct err *err) MUST_CHECK;
/* Moves a process (0: the caller) into every directory. */
int cgroup_join(const struct strv *dirs, pid_t pid, struct err *err) MUST_CHECK;
/* Removes the directories; tries for a second while processes are leaving. */
int cgroup_remove(const struct strv *dirs, struct err *err) MUST_CHECK;

#endif
