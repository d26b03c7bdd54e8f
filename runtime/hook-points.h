/* SPDX-License-Identifier: Apache-2.0 */
/* When the hooks of config.json run; see hook-points.c. */
#ifndef RUNTIME_HOOK_POINTS_H
#define RUNTIME_HOOK_POINTS_H

#include "oci.h"
#include "state.h"

/* Everything is made, the init process waits: prestart, createRuntime. */
int hook_point_created(int dir_fd, const struct oci_spec *spec,
		       struct state *state, struct err *err) MUST_CHECK;
/* The user's program runs: poststart. A hook that fails ends the container. */
int hook_point_started(int dir_fd, const struct state *state,
		       struct err *err) MUST_CHECK;
/* All but ID/ is gone: poststop. What fails is told on stderr. */
void hook_point_stopped(int dir_fd, const struct state *state);

#endif
