/* SPDX-License-Identifier: Apache-2.0 */
/* One id per sandbox for its VMM, unique among the state roots of a user. */
#ifndef RUNTIME_UID_POOL_H
#define RUNTIME_UID_POOL_H

#include "oci.h"
#include "state.h"

/*
 * Finds or makes the pool and sets uid_pool, to be recorded before an id is
 * taken. Fine when it is set already.
 */
int uid_pool_open(const struct runtime *rt, struct state *state,
		  struct err *err) MUST_CHECK;
/* Opens and locks the directory; the lock ends with the descriptor. */
int uid_pool_lock(const char *path, struct err *err) MUST_CHECK;
/*
 * The same of the pool that the record names, to free what is taken from it.
 * Return: 1 with *ret_fd, the caller's; 0 none is named, or it has gone and
 * everything with it; -errno
 */
int uid_pool_lock_if_there(const struct state *state, int *ret_fd,
			   struct err *err) MUST_CHECK;
/*
 * Rootless: the highest free id of our map, downwards; real root: the same from
 * sandbox_uid_base and _count. It serves as uid and gid, is none that the spec
 * names or maps (NULL: all are fine), and no process has it, as whatever.
 * Sets uid of the state. -ENOSPC names the fix.
 */
int uid_pool_take(const struct runtime *rt, const struct oci_spec *spec,
		  struct state *state, struct err *err) MUST_CHECK;
/*
 * A create that was killed may have taken an id that its record does not name:
 * sets uid of such a state from the pool's own word.
 */
int uid_pool_find(const struct runtime *rt, struct state *state,
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
