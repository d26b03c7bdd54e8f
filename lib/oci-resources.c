// SPDX-License-Identifier: Apache-2.0
/*
 * oci-resources.c - linux.resources, from config.json and from `update`. Runs
 * in kata-runtime without any right; types, ranges and counts are checked.
 */
#include <errno.h>
#include <string.h>

#include "oci-read.h"

static void read_device_rule(struct oci_in *in, struct oci_device_rule *ret)
{
	ret->major = ret->minor = -1;
	oci_read_bool(in, "allow", &ret->allow);
	oci_read_string(in, "type", &ret->type);
	if (ret->type && (strlen(ret->type) != 1 || !strchr("abc", *ret->type)))
		oci_fail(in, "type", EINVAL, "must be a, b or c");
	oci_read_i64(in, "major", &ret->major);
	oci_read_i64(in, "minor", &ret->minor);
	if (ret->major < -1 || ret->minor < -1)
		oci_fail(in, "major", EINVAL, "a device number is negative");
	oci_read_string(in, "access", &ret->access);
	if (ret->access && ret->access[strspn(ret->access, "rwm")])
		oci_fail(in, "access", EINVAL, "must be made of r, w and m");
}

static void read_device_rules(struct oci_in *in, struct oci_resources *ret)
{
	struct oci_list list;
	struct oci_in item;

	oci_enter_list(in, "devices", OCI_DEVICES_MAX, &list);
	ret->devices = xcalloc(list.count, sizeof(*ret->devices));
	for (size_t i = 0; i < list.count; i++) {
		if (!oci_enter_item(in, &list, i, &item))
			return;
		read_device_rule(&item, &ret->devices[ret->device_count++]);
		oci_leave(in, &item);
	}
}

static void read_memory(struct oci_in *in, struct oci_resources *ret)
{
	bool no_oom_killer = false;
	struct oci_in memory;

	if (!oci_enter(in, "memory", &memory))
		return;
	ret->has_memory_limit =
		oci_read_i64(&memory, "limit", &ret->memory_limit);
	ret->has_memory_swap = oci_read_i64(&memory, "swap", &ret->memory_swap);
	ret->has_memory_reservation =
		oci_read_i64(&memory, "reservation", &ret->memory_reservation);
	oci_read_bool(&memory, "disableOOMKiller", &no_oom_killer);
	ret->has_memory_other = no_oom_killer || oci_has(&memory, "swappiness");
	oci_leave(in, &memory);
}

/* there, and neither 0 nor false */
static bool is_set(struct oci_in *in, const char *key)
{
	int64_t value = 0;

	oci_read_i64(in, key, &value);
	return value != 0;
}

static void read_cpu(struct oci_in *in, struct oci_resources *ret)
{
	static const char *const other[] = { "realtimeRuntime",
					     "realtimePeriod", "burst", "idle" };
	struct oci_in cpu;

	if (!oci_enter(in, "cpu", &cpu))
		return;
	ret->has_cpu_shares = oci_read_u64(&cpu, "shares", &ret->cpu_shares);
	ret->has_cpu_quota = oci_read_i64(&cpu, "quota", &ret->cpu_quota);
	ret->has_cpu_period = oci_read_u64(&cpu, "period", &ret->cpu_period);
	oci_read_string(&cpu, "cpus", &ret->cpuset_cpus);
	oci_read_string(&cpu, "mems", &ret->cpuset_mems);
	for (size_t i = 0; i < ARRAY_SIZE(other); i++)
		ret->has_cpu_other |= is_set(&cpu, other[i]);
	oci_leave(in, &cpu);
}

static void read_block_io(struct oci_in *in, struct oci_resources *ret)
{
	static const char *const other[] = {
		"leafWeight",
		"weightDevice",
		"throttleReadBpsDevice",
		"throttleWriteBpsDevice",
		"throttleReadIOPSDevice",
		"throttleWriteIOPSDevice",
	};
	struct oci_in block;

	if (!oci_enter(in, "blockIO", &block))
		return;
	ret->has_block_io_weight =
		oci_read_u64(&block, "weight", &ret->block_io_weight);
	for (size_t i = 0; i < ARRAY_SIZE(other); i++)
		ret->has_block_io_other |= oci_has_content(&block, other[i]);
	oci_leave(in, &block);
}

static void read_pids(struct oci_in *in, struct oci_resources *ret)
{
	struct oci_in pids;

	if (!oci_enter(in, "pids", &pids))
		return;
	ret->has_pids_limit = oci_read_i64(&pids, "limit", &ret->pids_limit);
	oci_leave(in, &pids);
}

static void read_network(struct oci_in *in, struct oci_resources *ret)
{
	struct oci_in network;

	if (!oci_enter(in, "network", &network))
		return;
	ret->has_network = is_set(&network, "classID") ||
			   oci_has_content(&network, "priorities");
	oci_leave(in, &network);
}

void oci_resources_read(struct oci_in *in, struct oci_resources *ret)
{
	ret->present = true;
	read_device_rules(in, ret);
	read_memory(in, ret);
	read_cpu(in, ret);
	read_block_io(in, ret);
	read_pids(in, ret);
	read_network(in, ret);
	ret->has_hugepages = oci_has_content(in, "hugepageLimits");
	ret->has_rdma = oci_has_content(in, "rdma");
	oci_read_pairs(in, "unified", &ret->unified);
}

void oci_resources_done(struct oci_resources *resources)
{
	for (size_t i = 0; i < resources->device_count; i++) {
		free(resources->devices[i].type);
		free(resources->devices[i].access);
	}
	free(resources->devices);
	free(resources->cpuset_cpus);
	free(resources->cpuset_mems);
	oci_pairs_done(&resources->unified);
	*resources = (struct oci_resources){ 0 };
}

/**
 * oci_resources_parse() - The object that `update --resources` sends
 * @text:	JSON; any part of linux.resources
 * @len:	Its length
 * @ret:	Owned by the caller (oci_resources_free)
 * @err:	Filled on failure
 *
 * Return: 0 or -errno
 */
int oci_resources_parse(const char *text, size_t len,
			struct oci_resources **ret, struct err *err)
{
	struct oci_resources *resources;
	struct json *tree = NULL;
	struct oci_in in;
	int r = json_parse(text, len, &json_limits_config, &tree, err);

	if (r < 0)
		return r;
	resources = xcalloc(1, sizeof(*resources));
	oci_in_init(&in, tree, "", err);
	oci_resources_read(&in, resources);
	json_free(tree);
	if (in.r < 0) {
		oci_resources_free(resources);
		return in.r;
	}
	*ret = resources;
	return 0;
}

void oci_resources_free(struct oci_resources *resources)
{
	if (!resources)
		return;
	oci_resources_done(resources);
	free(resources);
}
