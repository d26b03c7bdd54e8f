/* SPDX-License-Identifier: Apache-2.0 */
/* Containers from the agent's side: list, cgroup, removal. */
#ifndef AGENT_CONTAINER_H
#define AGENT_CONTAINER_H

#include "agent.h"

/* A new entry of the list with its own empty cgroup. */
int container_new(struct agent *agent, const char *id,
		  struct container **ret_container, struct err *err) MUST_CHECK;
/* Its processes must be gone; removes the cgroup. */
void container_free(struct agent *agent, struct container *container);
/* SIGKILL to everything in its cgroup. */
int container_kill_all(struct container *container, struct err *err) MUST_CHECK;
bool container_is_alive(const struct container *container);
/* Finishes removals and DestroySandbox once the processes are gone. */
void container_check_removal(struct agent *agent);

/* --- refresh.c --- */
void container_refresh(const struct container *container);

/* --- freezer.c --- */
int freezer_pause(struct agent *agent, struct container *container,
		  uint32_t stream, struct err *err) MUST_CHECK;
int freezer_resume(struct container *container, struct err *err) MUST_CHECK;
/* Paused, or about to be: a new process would never answer. */
bool freezer_is_paused(const struct container *container);
/* Gives up on a container that did not come to rest in time. */
void freezer_expire(struct agent *agent, struct container *container,
		    int64_t now_ms);
void freezer_done(struct agent *agent, struct container *container);

/* --- oom.c --- */
int oom_watch(struct agent *agent, struct container *container,
	      struct err *err) MUST_CHECK;
/* Tells what is new; before an exit is told, so that its cause is known. */
void oom_check(struct agent *agent, struct container *container);
int oom_wait(struct agent *agent, struct container *container, uint32_t stream,
	     struct err *err) MUST_CHECK;
/* The container goes; calls that name it fail. */
void oom_done(struct agent *agent, struct container *container);
/* The sandbox has ended; all calls fail. */
void oom_end(struct agent *agent);
/* oom_kill in the text of memory.events. */
uint64_t oom_kills(const char *events);

#endif
