/* SPDX-License-Identifier: Apache-2.0 */
/* Starts a kata-shim as the pid that the engine will watch. */
#ifndef RUNTIME_SPAWN_H
#define RUNTIME_SPAWN_H

#include "alloc.h"
#include "err.h"
#include "fd.h"
#include "state.h"

struct spawn_shim {
	const char *path; /* kata-shim */
	const struct strv *argv;
	const struct fd_name *fds; /* 3, 4, ... in the shim */
	size_t fd_count;
	const struct strv *cgroups;	/* joined first */
	const struct cgroup_unit *unit; /* that they are of, with cgroups */
	int net_fd; /* network namespace to enter, -1: stay */
	/* NULL: new pid, mount, ipc, uts and cgroup namespaces; else enter
	 * those of this process (a shim), but mount */
	const struct process_ref *join;
};

/*
 * Forks A, which enters the namespaces and forks B, which becomes kata-shim;
 * A exits, so that the engine (the nearest sub-reaper) is B's parent. stdio is
 * inherited. ret_pid is B's pid in the caller's namespace. A failed exec is
 * reported here.
 */
int spawn_shim(const struct spawn_shim *spec, pid_t *ret_pid,
	       struct err *err) MUST_CHECK;

#endif
