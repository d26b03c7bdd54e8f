/* SPDX-License-Identifier: Apache-2.0 */
/* What happens to a container that exists: start, pause, resume, status. */
#ifndef RUNTIME_LIFECYCLE_H
#define RUNTIME_LIFECYCLE_H

#include "records.h"
#include "state.h"

/* Longer than any single call of the agent. */
#define SHIM_CALL_MS 15000

/*
 * One record to the container's shim, and its answer of one type into
 * *ret_answer. -EPIPE, -ECONNREFUSED: the shim is gone
 */
int shim_call(int dir_fd, const union record *request, enum record_type answer,
	      int timeout_ms, union record *ret_answer,
	      struct err *err) MUST_CHECK;
/*
 * state_load(), and an unsettled record completed by what the shim says. A
 * shim that does not answer leaves what was true before the verb that was cut.
 */
int container_load(int dir_fd, struct state *ret, struct err *err) MUST_CHECK;
/* A stopped container has none; otherwise the shim's. */
pid_t container_pid(const struct state *state, enum state_status status);

int container_start(struct runtime *rt, const char *id,
		    struct err *err) MUST_CHECK;
/* pause: freeze it; otherwise thaw it. */
int container_pause(struct runtime *rt, const char *id, bool pause,
		    struct err *err) MUST_CHECK;

#endif
