// SPDX-License-Identifier: Apache-2.0
/*
 * sizing.c - vCPUs and memory of a VM, in kata-runtime create. The VM is sized
 * once: machine microvm has no hotplug. A container that has limits gets what
 * they allow, and the guest's kernel and agent get theirs on top, so that a
 * container that takes all it may is ended by its own control group and not by
 * a guest that ran out of memory. Numbers come from config.json and from the
 * settings, which an annotation may have changed; each is checked.
 */
#include "sizing.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "auto.h"
#include "num.h"

#define VCPUS_MAX 128 /* the guest kernel's CONFIG_NR_CPUS */
#define MEMORY_MIN_MIB 64
#define MEMORY_MAX_MIB 1048576
#define PERIOD_DEFAULT 100000
#define CPU_NUMBER_MAX 65535
/*
 * What the guest's kernel needs for each MiB that it has: 1/64 to describe the
 * pages, the rest for tables and reserves that grow with them. Measured from 64
 * to 2048 MiB: what it cannot give away is 39 MiB and 1/42.
 */
#define MEMORY_SHARE 40

uint32_t sizing_host_vcpus(void)
{
	cpu_set_t set;
	int count;

	/* More processors than the set holds: then all that are online. */
	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		count = CPU_COUNT(&set);
	else
		count = (int)sysconf(_SC_NPROCESSORS_ONLN);
	if (count < 1)
		count = 1;
	return count > VCPUS_MAX ? VCPUS_MAX : (uint32_t)count;
}

uint32_t sizing_host_memory_mib(void)
{
	uint64_t pages = (uint64_t)sysconf(_SC_PHYS_PAGES);
	uint64_t mib = pages * (uint64_t)sysconf(_SC_PAGESIZE) >> 20;

	return mib > MEMORY_MAX_MIB ? MEMORY_MAX_MIB : (uint32_t)mib;
}

static uint32_t at_most(uint32_t wanted, uint32_t host)
{
	return wanted == 0 || wanted > host ? host : wanted;
}

/* "0-3,7": how many. */
static int count_cpus(const char *list, uint32_t *ret, struct err *err)
{
	AUTO_FREE char *copy = xstrdup(list);
	char *at = copy, *part;
	uint32_t count = 0;

	while ((part = strsep(&at, ","))) {
		char *dash = strchr(part, '-');
		uint32_t first, last;

		if (dash)
			*dash++ = '\0';
		if (num_parse_u32(part, CPU_NUMBER_MAX, &first) < 0 ||
		    num_parse_u32(dash ? dash : part, CPU_NUMBER_MAX, &last) < 0 ||
		    last < first)
			return err_msg(
				err, EINVAL,
				"linux.resources.cpu.cpus: \"%.64s\" is no list of processors",
				list);
		count += last - first + 1;
		if (count > CPU_NUMBER_MAX)
			count = CPU_NUMBER_MAX;
	}
	*ret = count;
	return 0;
}

static int vcpus_of(const struct settings *s, const struct oci_resources *res,
		    uint32_t *ret, struct err *err)
{
	uint32_t most = at_most(s->default_maxvcpus, sizing_host_vcpus());
	uint64_t wanted = 0;
	uint32_t set = 0;

	if (res->has_cpu_quota && res->cpu_quota > 0) {
		uint64_t period = res->has_cpu_period && res->cpu_period > 0 ?
					  res->cpu_period :
					  PERIOD_DEFAULT;

		wanted = ((uint64_t)res->cpu_quota - 1) / period + 1;
	}
	if (res->cpuset_cpus && *res->cpuset_cpus) {
		if (count_cpus(res->cpuset_cpus, &set, err) < 0)
			return -err->code;
		if (wanted == 0 || set < wanted)
			wanted = set;
	}
	if (wanted == 0)
		*ret = s->default_vcpus;
	else
		*ret = wanted > most ? most : (uint32_t)wanted;
	return 0;
}

static void memory_of(const struct settings *s, const struct oci_resources *res,
		      struct sizing *ret)
{
	uint32_t most =
		at_most(s->default_maxmemory_mib, sizing_host_memory_mib());
	uint64_t limit, wanted;

	if (!res->has_memory_limit || res->memory_limit <= 0) {
		ret->memory_mib = s->default_memory_mib;
		/* For a limit that an update may bring. */
		ret->cgroup_extra_mib = s->overhead_memory_mib +
					s->default_memory_mib / MEMORY_SHARE +
					s->cgroup_overhead_mib;
		return;
	}
	limit = ((uint64_t)res->memory_limit + (1 << 20) - 1) >> 20;
	wanted = limit + s->overhead_memory_mib;
	wanted += (wanted + MEMORY_SHARE - 1) / MEMORY_SHARE;
	wanted = (wanted + 1) & ~1ull;
	if (wanted < MEMORY_MIN_MIB)
		wanted = MEMORY_MIN_MIB;
	ret->cut = wanted > most;
	ret->memory_mib = ret->cut ? most : (uint32_t)wanted;
	ret->cgroup_extra_mib = s->cgroup_overhead_mib;
	if (ret->memory_mib > limit)
		ret->cgroup_extra_mib += ret->memory_mib - (uint32_t)limit;
}

/**
 * sizing_make() - Size of the VM for one container
 * @settings:	Defaults and bounds
 * @resources:	linux.resources
 * @ret:	Filled on success
 * @err:	Filled on failure, with the JSON path
 *
 * Return: 0 or -EINVAL
 */
int sizing_make(const struct settings *settings,
		const struct oci_resources *resources, struct sizing *ret,
		struct err *err)
{
	struct sizing made = { 0 };

	if (vcpus_of(settings, resources, &made.vcpus, err) < 0)
		return -err->code;
	memory_of(settings, resources, &made);
	*ret = made;
	return 0;
}
