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
/*
 * Calls call() under the pool's lock if the id is this sandbox's by the pool's
 * word. The record alone does not say so: once freed, the id is the next
 * sandbox's, and the record of a delete that was killed still names it.
 */
int uid_pool_while_ours(const struct runtime *rt, const struct state *state,
			int (*call)(void *arg, struct err *err), void *arg,
			struct err *err) MUST_CHECK;
/* Frees the id if it is this sandbox's; fine when it is not there. */
int uid_pool_release(const struct runtime *rt, const struct state *state,
		     struct err *err) MUST_CHECK;

#endif
