/* SPDX-License-Identifier: Apache-2.0 */
/* Limits of a container: cgroup v2 files and the device filter. */
#ifndef AGENT_CGROUP_H
#define AGENT_CGROUP_H

#include "agent.h"

/* cgroup-plan.c: one setting of linux.resources as one write. */
struct cgroup_write {
	char *file; /* below the container's cgroup, one component */
	char *text;
	char *where; /* its JSON path, for errors */
};

struct cgroup_plan {
	struct cgroup_write *writes; /* in the order they are made */
	size_t count;
};

int cgroup_plan_make(int cgroup_fd, const Grpc__LinuxResources *from,
		     struct cgroup_plan *plan, struct err *err) MUST_CHECK;
void cgroup_plan_done(struct cgroup_plan *plan);
/* cgroup v1 shares (2 to 262144) as a v2 weight (1 to 10000). */
uint64_t cgroup_weight_of_shares(uint64_t shares);

/* Applies linux.resources; NULL: only the device filter's defaults. */
int cgroup_apply(int cgroup_fd, const Grpc__LinuxResources *resources,
		 struct err *err) MUST_CHECK;
/* Changes what is given, all of it or nothing; device rules are refused. */
int cgroup_update(int cgroup_fd, const Grpc__LinuxResources *resources,
		  struct err *err) MUST_CHECK;

/* device-filter.c: which device nodes may be opened and made. */
int device_filter_attach(int cgroup_fd, Grpc__LinuxDeviceCgroup *const *rules,
			 size_t count, struct err *err) MUST_CHECK;
/* Nothing is left to refuse; as oci_allows_every_device() has it. */
bool device_filter_allows_all(Grpc__LinuxDeviceCgroup *const *rules,
			      size_t count);

/* stats.c: fills message; what it points to lives until stats_done(). */
int stats_take(struct agent *agent, int cgroup_fd,
	       Grpc__StatsContainerResponse *message,
	       struct err *err) MUST_CHECK;
void stats_done(Grpc__StatsContainerResponse *message);
/* The text of io.stat, for tests too; freed by stats_block_io_done(). */
Grpc__BlkioStats *stats_block_io(const char *text);
void stats_block_io_done(Grpc__BlkioStats *stats);

#endif
