/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroupfs, v2, v1 and hybrid: the directory that the engine named, in every
 * hierarchy that we may write. The systemd driver (cgroup-unit.h) comes before
 * and ends here.
 */
#ifndef RUNTIME_CGROUP_H
#define RUNTIME_CGROUP_H

#include "alloc.h"
#include "err.h"
#include "oci.h"

/* --cgroup-manager; --systemd-cgroup is another spelling of the second */
enum cgroup_manager {
	CGROUP_MANAGER_CGROUPFS,
	CGROUP_MANAGER_SYSTEMD,
	CGROUP_MANAGER_DISABLED, /* none is made */
	CGROUP_MANAGER_MAX
};

struct cgroup {
	struct strv dirs; /* absolute, made (or found) and ours to join */
	struct strv made; /* of these and others: those that we made */
	bool incomplete;  /* a limit that was asked for has no effect */
};

/* What the host holds the sandbox to: the spec's, and room for the VMM. */
struct cgroup_limits {
	int64_t memory;	     /* bytes; 0: none */
	int64_t cpu_quota;   /* microseconds in each period; 0: none */
	uint64_t cpu_period; /* set with a quota */
	uint64_t cpu_weight; /* as cpu.weight; 0: none */
	uint64_t tasks;
};
void cgroup_limits_make(const struct oci_resources *resources,
			uint32_t overhead_mib, struct cgroup_limits *ret);
/*
 * path: linux.cgroupsPath, NULL when absent; with the systemd driver the
 * control group of the unit, which is there (cgroup-unit.h). Limits are the
 * spec's plus overhead_mib of memory for the VMM. A hierarchy that cannot be written is
 * left out and named in notes, and so is a limit that no hierarchy took. With
 * nothing to join, dirs is empty. After a failure ret->made alone is filled:
 * what could not be removed again.
 */
int cgroup_make(enum cgroup_manager manager, const char *path,
		const struct oci_resources *resources, uint32_t overhead_mib,
		struct cgroup *ret, struct strv *notes,
		struct err *err) MUST_CHECK;
/*
 * Adds to ret the directories that cgroup_make() would make, to be recorded
 * before it does: should it be killed, they are ours to remove, and whoever is
 * in them is ours to end. Not those that are there already. Once it has, what
 * holds is ret->made: somebody else may have made one of them in between.
 */
int cgroup_plan(enum cgroup_manager manager, const char *path, struct strv *ret,
		struct err *err) MUST_CHECK;
enum cgroup_controller {
	CGROUP_CPU = 1 << 0,
	CGROUP_MEMORY = 1 << 1,
	CGROUP_PIDS = 1 << 2,
	CGROUP_CPUSET = 1 << 3
};
/*
 * cgroup v2: gives the controllers of the mask to every directory below
 * mount_point down to the last of path, as far as they can be had.
 */
void cgroup_enable(const char *mount_point, const char *path, unsigned mask);
/* Controllers whose limits the spec asks for; a bound on tasks always. */
unsigned cgroup_wanted(const struct oci_resources *resources);
/*
 * What is there, changed while the VM runs: all of it or nothing. The memory
 * limit is not lowered below what the VM uses, since the kernel would end it;
 * the guest holds the container to its own. A cpuset without a cgroup of ours
 * that could hold it is refused.
 */
struct cgroup_undo { /* what was written before, in order */
	struct strv files, values;
};
int cgroup_update(const struct strv *dirs,
		  const struct oci_resources *resources, uint32_t overhead_mib,
		  struct cgroup_undo *ret_undo, struct err *err) MUST_CHECK;
void cgroup_undo(const struct cgroup_undo *undo);
void cgroup_undo_done(struct cgroup_undo *undo);
/* Moves a process (0: the caller) into every directory. */
int cgroup_join(const struct strv *dirs, pid_t pid, struct err *err) MUST_CHECK;
/*
 * Reads back that the process is in every directory; what names it in errors.
 * -EPERM: it is not
 */
int cgroup_check(const struct strv *dirs, pid_t pid, const char *what,
		 struct err *err) MUST_CHECK;
/*
 * Ends every process in the directories but the caller, by cgroup.kill where
 * the kernel has it. What it cannot end, cgroup_remove() runs into.
 */
void cgroup_kill(const struct strv *dirs);
/*
 * Removes the directories that are there; tries for five seconds while
 * processes are leaving. One that was not made by us and has others in it stays.
 */
int cgroup_remove(const struct strv *dirs, const struct strv *made,
		  struct err *err) MUST_CHECK;

#endif
