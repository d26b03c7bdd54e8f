/* SPDX-License-Identifier: Apache-2.0 */
/* Runs the engine's hooks on the host; see hook-run.c. */
#ifndef RUNTIME_HOOK_RUN_H
#define RUNTIME_HOOK_RUN_H

#include "oci.h"

/* What a hook reads as the container's state; everything is borrowed. */
struct hook_state {
	const char *id;
	const char *status; /* "creating", "running", "stopped" */
	const char *bundle;
	const struct oci_pairs *annotations;
	pid_t pid; /* of the shim; 0 when there is none any more */
};

/*
 * Runs a list in its order, up to the first that fails. kind is the list's
 * JSON path ("hooks.prestart"), for the error.
 */
int hook_run_list(const struct oci_hook_list *list, const char *kind,
		  const struct hook_state *state, struct err *err) MUST_CHECK;
/* Runs all of a list; what fails is a line on stderr. */
void hook_run_all(const struct oci_hook_list *list, const char *kind,
		  const struct hook_state *state);

#endif
