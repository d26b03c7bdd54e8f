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

#endif
