// SPDX-License-Identifier: Apache-2.0
/*
 * cgroup-plan.c - linux.resources of a container as a list of cgroup v2 files
 * and what to write into each. Runs in kata-agent; needs no rights, and reads
 * only what the container's own cgroup says now. A setting without a
 * counterpart is refused by its JSON path. In these messages 0 means "not
 * given" and -1 "no limit". The host's values are trusted with the guest, not
 * to be well formed: names that become file names are checked here.
 */
#include "cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "auto.h"
#include "path.h"

#define PERIOD_DEFAULT "100000"
#define MEMORY_MAX "memory.max"

/* Takes text over. */
static void add(struct cgroup_plan *plan, const char *file, char *text,
		const char *where)
{
	struct cgroup_write *write;

	plan->writes = xgrow(plan->writes, plan->count, plan->count + 1,
			     sizeof(*plan->writes));
	write = &plan->writes[plan->count++];
	write->file = xstrdup(file);
	write->text = text;
	write->where = xasprintf("linux.resources.%s", where);
}

static void add_limit(struct cgroup_plan *plan, const char *file, int64_t value,
		      const char *where)
{
	add(plan, file,
	    value < 0 ? xstrdup("max") : xasprintf("%" PRId64, value), where);
}

static void add_number(struct cgroup_plan *plan, const char *file,
		       uint64_t value, const char *where)
{
	add(plan, file, xasprintf("%" PRIu64, value), where);
}

static int refuse(const char *where, struct err *err)
{
	return err_msg(err, EOPNOTSUPP,
		       "linux.resources.%s: not supported in the guest", where);
}

/* The limit that swap counts from: the new one, else that of now; 0 none. */
static int64_t limit_for_swap(int cgroup_fd, const Grpc__LinuxMemory *memory)
{
	AUTO_FREE char *text = NULL;
	struct err err = ERR_INIT;

	if (memory->limit)
		return memory->limit < 0 ? 0 : memory->limit;
	if (path_read_file(cgroup_fd, MEMORY_MAX, 64, &text, &err) < 0)
		return 0;
	return strtoll(text, NULL, 10); /* "max": 0 */
}

/* memory.swap is memory and swap together; cgroup v2 counts swap alone. */
static int plan_swap(int cgroup_fd, const Grpc__LinuxMemory *memory,
		     struct cgroup_plan *plan, struct err *err)
{
	int64_t swap = memory->swap;
	int64_t limit = limit_for_swap(cgroup_fd, memory);

	if (swap > 0 && !limit)
		return err_msg(err, EINVAL,
			       "linux.resources.memory.swap: needs a limit");
	if (swap > 0 && swap < limit)
		return err_msg(err, EINVAL,
			       "linux.resources.memory.swap: below the limit");
	if (swap > 0)
		swap -= limit;
	/* A guest kernel without swap cannot exceed any limit on it. */
	if (faccessat(cgroup_fd, "memory.swap.max", F_OK, 0) < 0 &&
	    errno == ENOENT)
		return 0;
	add_limit(plan, "memory.swap.max", swap, "memory.swap");
	return 0;
}

static int plan_memory(int cgroup_fd, const Grpc__LinuxMemory *memory,
		       struct cgroup_plan *plan, struct err *err)
{
	int r = 0;

	if (!memory)
		return 0;
	if (memory->kernel)
		return refuse("memory.kernel", err);
	if (memory->kerneltcp)
		return refuse("memory.kernelTCP", err);
	if (memory->swappiness)
		return refuse("memory.swappiness", err);
	if (memory->disableoomkiller)
		return refuse("memory.disableOOMKiller", err);
	if (memory->limit)
		add_limit(plan, MEMORY_MAX, memory->limit, "memory.limit");
	if (memory->swap)
		r = plan_swap(cgroup_fd, memory, plan, err);
	if (r == 0 && memory->reservation)
		add_limit(plan, "memory.low",
			  memory->reservation < 0 ? 0 : memory->reservation,
			  "memory.reservation");
	return r;
}

uint64_t cgroup_weight_of_shares(uint64_t shares)
{
	if (shares < 2)
		shares = 2;
	if (shares > 262144)
		shares = 262144;
	return 1 + (shares - 2) * 9999 / 262142;
}

/*
 * cpu.max holds both; the half that was not given stays what it is. A burst
 * must never exceed the quota, so a new one is set from 0 after the quota.
 */
static void plan_quota(int cgroup_fd, const Grpc__LinuxCPU *cpu,
		       struct cgroup_plan *plan)
{
	AUTO_FREE char *now = NULL;
	struct err err = ERR_INIT;
	const char *quota, *period = PERIOD_DEFAULT;
	AUTO_FREE char *new_quota = NULL;
	AUTO_FREE char *new_period = NULL;
	char *space;

	if (path_read_file(cgroup_fd, "cpu.max", 64, &now, &err) < 0)
		now = xstrdup("max"); /* writing it tells what is wrong */
	now[strcspn(now, "\n")] = '\0';
	quota = now;
	space = strchr(now, ' ');
	if (space) {
		*space = '\0';
		period = space + 1;
	}
	if (cpu->quota) {
		new_quota = cpu->quota < 0 ? xstrdup("max") :
					     xasprintf("%" PRId64, cpu->quota);
		quota = new_quota;
	}
	if (cpu->period) {
		new_period = xasprintf("%" PRIu64, cpu->period);
		period = new_period;
	}
	if (cpu->burst)
		add_number(plan, "cpu.max.burst", 0, "cpu.burst");
	add(plan, "cpu.max", xasprintf("%s %s", quota, period),
	    cpu->quota ? "cpu.quota" : "cpu.period");
}

static int plan_cpu(int cgroup_fd, const Grpc__LinuxCPU *cpu,
		    struct cgroup_plan *plan, struct err *err)
{
	bool has_idle;

	if (!cpu)
		return 0;
	if (cpu->realtimeruntime || cpu->realtimeperiod)
		return refuse("cpu.realtimeRuntime", err);
	has_idle = cpu->has_idle_case == GRPC__LINUX_CPU__HAS_IDLE_IDLE;
	/* An idle group takes no weight. */
	if (has_idle && !cpu->idle)
		add_number(plan, "cpu.idle", 0, "cpu.idle");
	if (cpu->shares)
		add_number(plan, "cpu.weight",
			   cgroup_weight_of_shares(cpu->shares), "cpu.shares");
	if (cpu->quota || cpu->period)
		plan_quota(cgroup_fd, cpu, plan);
	if (cpu->burst)
		add_number(plan, "cpu.max.burst", cpu->burst, "cpu.burst");
	if (has_idle && cpu->idle)
		add_number(plan, "cpu.idle", 1, "cpu.idle");
	if (cpu->cpus[0])
		add(plan, "cpuset.cpus", xstrdup(cpu->cpus), "cpu.cpus");
	if (cpu->mems[0])
		add(plan, "cpuset.mems", xstrdup(cpu->mems), "cpu.mems");
	return 0;
}

static int plan_block_io(const Grpc__LinuxBlockIO *io, struct cgroup_plan *plan,
			 struct err *err)
{
	if (!io)
		return 0;
	if (io->leafweight)
		return refuse("blockIO.leafWeight", err);
	/* These name devices of the host. */
	if (io->n_weightdevice)
		return refuse("blockIO.weightDevice", err);
	if (io->n_throttlereadbpsdevice || io->n_throttlewritebpsdevice ||
	    io->n_throttlereadiopsdevice || io->n_throttlewriteiopsdevice)
		return refuse("blockIO.throttle", err);
	if (!io->weight)
		return 0;
	if (io->weight < 10 || io->weight > 1000)
		return err_msg(err, EINVAL,
			       "linux.resources.blockIO.weight: out of range");
	add_number(plan, "io.weight",
		   1 + (uint64_t)(io->weight - 10) * 9999 / 990,
		   "blockIO.weight");
	return 0;
}

static int plan_unified(const Grpc__LinuxResources *from,
			struct cgroup_plan *plan, struct err *err)
{
	static const char fine[] =
		"abcdefghijklmnopqrstuvwxyz0123456789._-KMGBkmg";

	for (size_t i = 0; i < from->n_unified; i++) {
		const char *key = from->unified[i]->key;
		const char *dot = strchr(key, '.');
		AUTO_FREE char *where = xasprintf("unified[%.64s]", key);

		/* "cgroup.*" would move or freeze, not limit. */
		if (!dot || dot == key || key[strspn(key, fine)] ||
		    strstr(key, "..") || strncmp(key, "cgroup.", 7) == 0)
			return refuse(where, err);
		add(plan, key, xstrdup(from->unified[i]->value), where);
	}
	return 0;
}

static int plan_huge_pages(const Grpc__LinuxResources *from,
			   struct cgroup_plan *plan, struct err *err)
{
	for (size_t i = 0; i < from->n_hugepagelimits; i++) {
		const Grpc__LinuxHugepageLimit *at = from->hugepagelimits[i];
		AUTO_FREE char *file = NULL;

		if (at->pagesize[strspn(at->pagesize, "0123456789KMGB")])
			return refuse("hugepageLimits.pageSize", err);
		file = xasprintf("hugetlb.%s.max", at->pagesize);
		add_number(plan, file, at->limit, "hugepageLimits");
	}
	return 0;
}

static int check_network(const Grpc__LinuxNetwork *network, struct err *err)
{
	if (network && (network->classid || network->n_priorities))
		return refuse("network", err);
	return 0;
}

/*
 * A lower memory.max may kill, which nothing undoes: it comes when everything
 * else has worked. The order among several of them stays.
 */
static void memory_max_last(struct cgroup_plan *plan)
{
	struct cgroup_write *sorted =
		xcalloc(plan->count ? plan->count : 1, sizeof(*sorted));
	size_t used = 0;

	for (int last = 0; last < 2; last++)
		for (size_t i = 0; i < plan->count; i++)
			if ((strcmp(plan->writes[i].file, MEMORY_MAX) == 0) ==
			    last)
				sorted[used++] = plan->writes[i];
	free(plan->writes);
	plan->writes = sorted;
}

/**
 * cgroup_plan_make() - What to write for linux.resources, devices excepted
 * @cgroup_fd:	The container's cgroup, a directory
 * @from:	As the host sent it
 * @plan:	Zeroed; to be freed with cgroup_plan_done() in any case
 * @err:	Filled on failure, with the JSON path
 *
 * Return: 0 or -errno
 */
int cgroup_plan_make(int cgroup_fd, const Grpc__LinuxResources *from,
		     struct cgroup_plan *plan, struct err *err)
{
	int r = plan_memory(cgroup_fd, from->memory, plan, err);

	if (r == 0)
		r = plan_cpu(cgroup_fd, from->cpu, plan, err);
	if (r == 0 && from->pids && from->pids->limit)
		add_limit(plan, "pids.max", from->pids->limit, "pids.limit");
	if (r == 0)
		r = plan_block_io(from->blockio, plan, err);
	if (r == 0)
		r = plan_huge_pages(from, plan, err);
	if (r == 0)
		r = check_network(from->network, err);
	if (r == 0)
		r = plan_unified(from, plan, err);
	if (r == 0)
		memory_max_last(plan);
	return r;
}

void cgroup_plan_done(struct cgroup_plan *plan)
{
	for (size_t i = 0; i < plan->count; i++) {
		free(plan->writes[i].file);
		free(plan->writes[i].text);
		free(plan->writes[i].where);
	}
	free(plan->writes);
	*plan = (struct cgroup_plan){ 0 };
}
