/* SPDX-License-Identifier: Apache-2.0 */
/* Verification of a sandbox's jails before the guest runs. */
#ifndef RUNTIME_JAIL_CHECK_H
#define RUNTIME_JAIL_CHECK_H

#include "sandbox.h"

/* Where the policies put the guest's files. */
#define JAIL_KERNEL "/guest/vmlinux"
#define JAIL_INITRD "/guest/initrd.img"

/*
 * Compares the container's shim, once it has confined itself, with its policy.
 */
int jail_check_shim(struct runtime *rt, const struct state *state,
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
