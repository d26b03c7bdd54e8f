/* SPDX-License-Identifier: Apache-2.0 */
/* One id per sandbox for its VMM, unique among the state roots of a user. */
#ifndef RUNTIME_UID_POOL_H
#define RUNTIME_UID_POOL_H

#include "state.h"

/*
 * Rootless: the highest free id of our map, downwards; real root: from
 * sandbox_uid_base. The id serves as uid and gid. -ENOSPC names the fix.
 * Sets uid and uid_pool of the state.
 */
int uid_pool_take(const struct runtime *rt, struct state *state,
		  struct err *err) MUST_CHECK;
/* Frees the id if it is this sandbox's; fine when it is not there. */
int uid_pool_release(const struct runtime *rt, const struct state *state,
		     struct err *err) MUST_CHECK;

#endif
