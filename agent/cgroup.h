/* SPDX-License-Identifier: Apache-2.0 */
/* Limits of a container: cgroup v2 files and the device filter. */
#ifndef AGENT_CGROUP_H
#define AGENT_CGROUP_H

#include "agent.h"

/* Applies linux.resources; NULL: only the device filter's defaults. */
int cgroup_apply(int cgroup_fd, const Grpc__LinuxResources *resources,
		 struct err *err) MUST_CHECK;
/* cgroup v1 shares (2 to 262144) as a v2 weight (1 to 10000). */
uint64_t cgroup_weight_of_shares(uint64_t shares);

/* device-filter.c: which device nodes may be opened and made. */
int device_filter_attach(int cgroup_fd, Grpc__LinuxDeviceCgroup *const *rules,
			 size_t count, struct err *err) MUST_CHECK;

/* stats.c: fills message; what it points to lives until stats_done(). */
int stats_take(struct agent *agent, int cgroup_fd,
	       Grpc__StatsContainerResponse *message,
	       struct err *err) MUST_CHECK;
void stats_done(Grpc__StatsContainerResponse *message);

#endif
