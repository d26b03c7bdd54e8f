/* SPDX-License-Identifier: Apache-2.0 */
/* Processes by the id they run as; in kata-runtime, read from /proc. */
#ifndef RUNTIME_PROC_UID_H
#define RUNTIME_PROC_UID_H

#include <sys/types.h>

#include "err.h"

/* Real uid of a process, as this user namespace counts. -ESRCH: it is gone */
int proc_uid(pid_t pid, uint32_t *ret, struct err *err) MUST_CHECK;
/*
 * Calls each(pid, arg, err) for every process whose real uid is uid, as this
 * user namespace counts, until one call returns other than 0.
 * Return: what that call returned; 0; -errno when one cannot be told
 */
int proc_each_of_uid(uint32_t uid,
		     int (*each)(pid_t pid, void *arg, struct err *err),
		     void *arg, struct err *err) MUST_CHECK;
/*
 * Same, and a process that may not be looked at (hidepid, an LSM) is passed
 * over: for those that run below a user namespace of ours, which we may see.
 */
int proc_each_seen_of_uid(uint32_t uid,
			  int (*each)(pid_t pid, void *arg, struct err *err),
			  void *arg, struct err *err) MUST_CHECK;

#endif
