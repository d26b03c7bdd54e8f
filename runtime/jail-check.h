/* SPDX-License-Identifier: Apache-2.0 */
/* Verification of a sandbox's jails before the guest runs. */
#ifndef RUNTIME_JAIL_CHECK_H
#define RUNTIME_JAIL_CHECK_H

#include "sandbox.h"

/* Where the policies put the guest's files. */
#define JAIL_KERNEL "/guest/vmlinux"
#define JAIL_INITRD "/guest/initrd.img"

/*
 * What shims are compared with, by the record; freed by policy_free(). Whose it
 * is can be seen best before a user namespace is entered.
 */
int jail_check_shim_policy(const struct state *state, struct policy **ret,
			   struct err *err) MUST_CHECK;
/*
 * Waits at control_fd until a shim, new and of whatever role, has confined
 * itself, compares it with the policy, and lets it go on: no byte of the guest
 * has been read yet. *report is filled, and freed by verify_report_done().
 * -EPERM names the first difference; the shim still waits then, and ends when
 * control_fd is closed.
 */
int jail_check_shim(struct runtime *rt, const struct state *state,
		    const struct policy *policy, pid_t pid, int control_fd,
		    struct verify_report *report, struct err *err) MUST_CHECK;
/* The same for the container's, whose report is kept with the others. */
int jail_check_own_shim(struct sandbox *sandbox, int control_fd,
			struct err *err) MUST_CHECK;
/*
 * Learns both programs' pids from bubblewrap, records them, and compares the
 * live processes, the proxy among them, with their policies. -EPERM names the first difference,
 * -EBUSY a process that has the VMM's id besides.
 */
int jail_check(struct sandbox *sandbox, const char *vmm_policy,
	       struct err *err) MUST_CHECK;
/*
 * After a failed create: learns the pids of jails that are still coming up, so
 * that they can be ended. Does nothing when they are known.
 */
void jail_check_learn(struct sandbox *sandbox);
/* Test builds only: adds the switch that breaks a layer of "vmm" or "fs". */
void jail_check_break_args(struct strv *argv, const char *jail);

#endif
