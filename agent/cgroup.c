// SPDX-License-Identifier: Apache-2.0
/*
 * cgroup.c - linux.resources of a container as cgroup v2 files in the guest.
 * Runs in kata-agent. A setting without a counterpart, or whose file the
 * guest's kernel does not have, is refused by its JSON path. In these
 * messages 0 means "not given" and -1 "no limit".
 */
#include "cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "auto.h"
#include "path.h"

#define PERIOD_DEFAULT 100000

static int set_text(int cgroup_fd, const char *file, const char *text,
		    const char *where, struct err *err)
{
	int r = path_write_file(cgroup_fd, file, text, err);

	return r < 0 ? err_wrap(err, "linux.resources.%s", where) : 0;
}

static int set_limit(int cgroup_fd, const char *file, int64_t value,
		     const char *where, struct err *err)
{
	AUTO_FREE char *text = value < 0 ? xstrdup("max") :
					   xasprintf("%" PRId64, value);

	return set_text(cgroup_fd, file, text, where, err);
}

static int refuse(const char *where, struct err *err)
{
	return err_msg(err, EOPNOTSUPP,
		       "linux.resources.%s: not supported in the guest", where);
}

/* memory.swap is memory and swap together; cgroup v2 counts swap alone. */
static int set_swap(int cgroup_fd, const Grpc__LinuxMemory *memory,
		    struct err *err)
{
	int64_t swap = memory->swap;

	if (swap > 0 && memory->limit <= 0)
		return err_msg(err, EINVAL,
			       "linux.resources.memory.swap: needs a limit");
	if (swap > 0 && swap < memory->limit)
		return err_msg(err, EINVAL,
			       "linux.resources.memory.swap: below the limit");
	if (swap > 0)
		swap -= memory->limit;
	/* A guest kernel without swap cannot exceed any limit on it. */
	if (faccessat(cgroup_fd, "memory.swap.max", F_OK, 0) < 0 &&
	    errno == ENOENT)
		return 0;
	return set_limit(cgroup_fd, "memory.swap.max", swap, "memory.swap", err);
}

static int set_memory(int cgroup_fd, const Grpc__LinuxMemory *memory,
		      struct err *err)
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
		r = set_limit(cgroup_fd, "memory.max", memory->limit,
			      "memory.limit", err);
	if (r == 0 && memory->swap)
		r = set_swap(cgroup_fd, memory, err);
	if (r == 0 && memory->reservation)
		r = set_limit(cgroup_fd, "memory.low",
			      memory->reservation < 0 ? 0 : memory->reservation,
			      "memory.reservation", err);
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

static int set_quota(int cgroup_fd, const Grpc__LinuxCPU *cpu, struct err *err)
{
	uint64_t period = cpu->period ? cpu->period : PERIOD_DEFAULT;
	AUTO_FREE char *text =
		cpu->quota > 0 ?
			xasprintf("%" PRId64 " %" PRIu64, cpu->quota, period) :
			xasprintf("max %" PRIu64, period);

	return set_text(cgroup_fd, "cpu.max", text, "cpu.quota", err);
}

static int set_number(int cgroup_fd, const char *file, uint64_t value,
		      const char *where, struct err *err)
{
	AUTO_FREE char *text = xasprintf("%" PRIu64, value);

	return set_text(cgroup_fd, file, text, where, err);
}

static int set_cpu(int cgroup_fd, const Grpc__LinuxCPU *cpu, struct err *err)
{
	int r = 0;

	if (!cpu)
		return 0;
	if (cpu->realtimeruntime || cpu->realtimeperiod)
		return refuse("cpu.realtimeRuntime", err);
	if (cpu->shares)
		r = set_number(cgroup_fd, "cpu.weight",
			       cgroup_weight_of_shares(cpu->shares),
			       "cpu.shares", err);
	if (r == 0 && (cpu->quota || cpu->period))
		r = set_quota(cgroup_fd, cpu, err);
	if (r == 0 && cpu->burst)
		r = set_number(cgroup_fd, "cpu.max.burst", cpu->burst,
			       "cpu.burst", err);
	if (r == 0 && cpu->has_idle_case == GRPC__LINUX_CPU__HAS_IDLE_IDLE)
		r = set_limit(cgroup_fd, "cpu.idle", cpu->idle != 0, "cpu.idle",
			      err);
	if (r == 0 && cpu->cpus[0])
		r = set_text(cgroup_fd, "cpuset.cpus", cpu->cpus, "cpu.cpus",
			     err);
	if (r == 0 && cpu->mems[0])
		r = set_text(cgroup_fd, "cpuset.mems", cpu->mems, "cpu.mems",
			     err);
	return r;
}

static int set_block_io(int cgroup_fd, const Grpc__LinuxBlockIO *io,
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
	return set_number(cgroup_fd, "io.weight",
			  1 + (uint64_t)(io->weight - 10) * 9999 / 990,
			  "blockIO.weight", err);
}

static int set_unified(int cgroup_fd, const Grpc__LinuxResources *from,
		       struct err *err)
{
	static const char fine[] =
		"abcdefghijklmnopqrstuvwxyz0123456789._-KMGBkmg";

	for (size_t i = 0; i < from->n_unified; i++) {
		const char *key = from->unified[i]->key;
		const char *dot = strchr(key, '.');
		AUTO_FREE char *where = xasprintf("unified[%.64s]", key);
		int r;

		/* "cgroup.*" would move or freeze, not limit. */
		if (!dot || dot == key || key[strspn(key, fine)] ||
		    strstr(key, "..") || strncmp(key, "cgroup.", 7) == 0)
			return refuse(where, err);
		r = set_text(cgroup_fd, key, from->unified[i]->value, where,
			     err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int set_huge_pages(int cgroup_fd, const Grpc__LinuxResources *from,
			  struct err *err)
{
	for (size_t i = 0; i < from->n_hugepagelimits; i++) {
		const Grpc__LinuxHugepageLimit *at = from->hugepagelimits[i];
		AUTO_FREE char *file = NULL;
		int r;

		if (at->pagesize[strspn(at->pagesize, "0123456789KMGB")])
			return refuse("hugepageLimits.pageSize", err);
		file = xasprintf("hugetlb.%s.max", at->pagesize);
		r = set_number(cgroup_fd, file, at->limit, "hugepageLimits",
			       err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int check_network(const Grpc__LinuxNetwork *network, struct err *err)
{
	if (network && (network->classid || network->n_priorities))
		return refuse("network", err);
	return 0;
}

/**
 * cgroup_apply() - All of linux.resources
 * @cgroup_fd:	The container's cgroup, a directory
 * @resources:	As the host sent it, may be NULL
 * @err:	Filled on failure, with the JSON path
 *
 * Return: 0 or -errno
 */
int cgroup_apply(int cgroup_fd, const Grpc__LinuxResources *resources,
		 struct err *err)
{
	int r;

	if (!resources)
		return device_filter_attach(cgroup_fd, NULL, 0, err);
	r = set_memory(cgroup_fd, resources->memory, err);
	if (r == 0)
		r = set_cpu(cgroup_fd, resources->cpu, err);
	if (r == 0 && resources->pids && resources->pids->limit)
		r = set_limit(cgroup_fd, "pids.max", resources->pids->limit,
			      "pids.limit", err);
	if (r == 0)
		r = set_block_io(cgroup_fd, resources->blockio, err);
	if (r == 0)
		r = set_huge_pages(cgroup_fd, resources, err);
	if (r == 0)
		r = check_network(resources->network, err);
	if (r == 0)
		r = set_unified(cgroup_fd, resources, err);
	if (r == 0)
		r = device_filter_attach(cgroup_fd, resources->devices,
					 resources->n_devices, err);
	return r;
}
