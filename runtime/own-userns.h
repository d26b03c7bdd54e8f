/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The user namespace that a sandbox lives in, for a caller that is in none: an
 * ordinary user in a plain shell. Root, and whoever an engine put into a
 * namespace, pass through every function here unchanged.
 */
#ifndef RUNTIME_OWN_USERNS_H
#define RUNTIME_OWN_USERNS_H

#include "state.h"

/* An ordinary user in the initial user namespace, after state_root_open(). */
bool own_userns_is_plain(const struct runtime *rt);
/*
 * create, run: makes a namespace with the caller's subordinate ids and enters
 * it, with a mount namespace of its own. Afterwards this process is what it
 * would be inside podman's. The settings must be loaded.
 */
int own_userns_enter_new(struct runtime *rt, struct err *err) MUST_CHECK;
/* Writes down the maps of the current namespace. */
int own_userns_record(const struct runtime *rt, struct state *state,
		      struct err *err) MUST_CHECK;
/*
 * Later commands: enters the namespace that the sandbox's processes keep.
 * -ESRCH when none of them lives.
 */
int own_userns_join(struct runtime *rt, const struct state *state,
		    struct err *err) MUST_CHECK;
/*
 * delete, when files of other ids are in the way: a new namespace with the
 * maps that the sandbox had.
 */
int own_userns_enter_same(struct runtime *rt, const struct state *state,
			  struct err *err) MUST_CHECK;

#endif
