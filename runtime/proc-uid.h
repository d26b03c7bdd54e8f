/* SPDX-License-Identifier: Apache-2.0 */
/* Processes by the id they run as; in kata-runtime, read from /proc. */
#ifndef RUNTIME_PROC_UID_H
#define RUNTIME_PROC_UID_H

#include <sys/types.h>

#include "err.h"

/* Real uid of a process, as this user namespace counts. -ESRCH: it is gone */
int proc_uid(pid_t pid, uint32_t *ret, struct err *err) MUST_CHECK;
/* Is the id any of its uids or gids, a supplementary one included? 1, 0 */
int proc_has_id(pid_t pid, uint32_t id, struct err *err) MUST_CHECK;
/*
 * Calls call(pid, arg, err) for every process that has the id (proc_has_id), as
 * this user namespace counts, until one call returns other than 0: a setuid
 * program's effective id is as good a way into a VMM of that id as a real one.
 * Return: what that call returned; 0; -errno when one cannot be told
 */
int proc_each_of_id(uint32_t id,
		    int (*call)(pid_t pid, void *arg, struct err *err),
		    void *arg, struct err *err) MUST_CHECK;
/*
 * Same by the real uid, and a process that may not be looked at (hidepid, an
 * LSM) is passed over: for those that run below a user namespace of ours, which
 * we may see.
 */
int proc_each_seen_of_uid(uint32_t uid,
			  int (*call)(pid_t pid, void *arg, struct err *err),
			  void *arg, struct err *err) MUST_CHECK;

#endif
