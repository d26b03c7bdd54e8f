/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SELinux labels of what kata-runtime starts and makes; docs/selinux.md is the
 * table of them. Every call is a no-op where the sandbox has none.
 */
#ifndef RUNTIME_LABELS_H
#define RUNTIME_LABELS_H

#include "oci.h"
#include "state.h"

#define LABELS_PROXY "kata_proxy_t"
#define LABELS_SHIM "kata_shim_t"
#define LABELS_STATE "kata_state_t"

/*
 * Finds out whether this sandbox can have labels, and takes its categories:
 * those of the engine's process label, or a pair that nobody has. Needs
 * state->uid_pool. Sets selinux_absent, or selinux_level. What the settings
 * require and cannot be had is an error.
 */
int labels_take(const struct runtime *rt, const struct oci_spec *spec,
		struct state *state, struct err *err) MUST_CHECK;
/*
 * From here on this process has the sandbox's categories and no others. For
 * create and exec.
 */
int labels_enter(const struct state *state, struct err *err) MUST_CHECK;
/* What is made in between in the state directory has the sandbox's level. */
int labels_create(const struct state *state, struct err *err) MUST_CHECK;
void labels_create_done(const struct state *state);
/*
 * Label of the next program: a type of ours at the sandbox's level. Undone by
 * selinux_exec_done() in the process that called it; never leave it set.
 */
int labels_exec(const struct state *state, const char *type,
		struct err *err) MUST_CHECK;
/* The range of the file server: it makes files without a category. */
char *labels_fs_range(const struct state *state);
/* Gives the categories back; fine when there are none. */
int labels_release(const struct runtime *rt, const struct state *state,
		   struct err *err) MUST_CHECK;

#endif
