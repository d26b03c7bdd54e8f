/* SPDX-License-Identifier: Apache-2.0 */
/* One id per sandbox for its VMM, unique in the state root. */
#ifndef RUNTIME_UID_POOL_H
#define RUNTIME_UID_POOL_H

#include "runtime.h"

/*
 * Rootless: the highest free id of our map, downwards; real root: from
 * sandbox_uid_base. The id serves as uid and gid. -ENOSPC names the fix.
 */
int uid_pool_take(struct runtime *rt, const char *sandbox, uint32_t *ret_uid,
		  struct err *err) MUST_CHECK;
/* Frees the id if it is this sandbox's; fine when it is not there. */
int uid_pool_release(struct runtime *rt, const char *sandbox, uint32_t uid,
		     struct err *err) MUST_CHECK;

#endif
