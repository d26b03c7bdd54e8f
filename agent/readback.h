/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel says about a prepared process, for the host to compare. */
#ifndef AGENT_READBACK_H
#define AGENT_READBACK_H

#include "agent.h"

/* Only memory_max, pids_max, cpu_quota and cpu_period. */
int readback_limits(int cgroup_fd, Grpc__ReadBack *message,
		    struct err *err) MUST_CHECK;
/* Fills message (strings and lists owned by it: readback_done()). */
int readback_take(struct agent *agent, const struct process *process,
		  Grpc__ReadBack *message, struct err *err) MUST_CHECK;
void readback_done(Grpc__ReadBack *message);

/* Value of "Name:\t..." in the text of /proc/PID/status; -ENOENT. */
int readback_field(const char *status, const char *name, int base,
		   uint64_t *ret) MUST_CHECK;

#endif
