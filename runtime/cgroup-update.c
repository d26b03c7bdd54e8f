// SPDX-License-Identifier: Apache-2.0
/*
 * cgroup-update.c - host cgroups of a running sandbox, for kata-runtime
 * update. Rights: what the caller has. Each file that is there is written;
 * what it said before is kept, so that a refusal later on undoes all.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "auto.h"
#include "cgroup.h"
#include "num.h"
#include "path.h"

#define VALUE_MAX_BYTES 4096
#define NO_LIMIT (-1)
/* A VM that uses all but this much is not pressed further. */
#define HEADROOM (16ll << 20)

struct updating {
	const struct oci_resources *resources;
	uint32_t overhead_mib;
	struct cgroup_undo *undo;
	bool cpuset_done;
};

static char *read_value(const char *dir, const char *name)
{
	AUTO_FREE char *path = xasprintf("%s/%s", dir, name);
	struct err err = ERR_INIT;
	char *text = NULL;

	if (path_read_file(AT_FDCWD, path, VALUE_MAX_BYTES, &text, &err) < 0)
		return NULL;
	text[strcspn(text, "\n")] = '\0';
	return text;
}

/* Absent: nothing to do there. */
static int change(struct updating *u, const char *dir, const char *name,
		  const char *value, struct err *err)
{
	AUTO_FREE char *path = xasprintf("%s/%s", dir, name);
	AUTO_FREE char *before = read_value(dir, name);

	if (!before || strcmp(before, value) == 0)
		return 0;
	if (path_write_file(AT_FDCWD, path, value, err) < 0)
		return -err->code;
	strv_add(&u->undo->files, path);
	strv_add(&u->undo->values, before);
	return 1;
}

/* "max" and what is no number are no limit. */
static int64_t parse_number(const char *text)
{
	uint64_t value;

	return num_parse_u64(text, INT64_MAX, &value) < 0 ? NO_LIMIT :
							    (int64_t)value;
}

static int64_t number_in(const char *dir, const char *name)
{
	AUTO_FREE char *text = read_value(dir, name);

	return text ? parse_number(text) : NO_LIMIT;
}

static int update_memory(struct updating *u, const char *dir, bool v2,
			 struct err *err)
{
	const char *name = v2 ? "memory.max" : "memory.limit_in_bytes";
	int64_t limit = u->resources->memory_limit, now, used;
	AUTO_FREE char *text = NULL;

	if (!u->resources->has_memory_limit)
		return 0;
	now = number_in(dir, name);
	used = number_in(dir, v2 ? "memory.current" : "memory.usage_in_bytes");
	if (limit > 0)
		limit += (int64_t)u->overhead_mib << 20;
	if (limit > 0 && (now < 0 || limit < now) && used + HEADROOM > limit)
		return 0;
	text = limit > 0 ? xasprintf("%lld", (long long)limit) :
			   xstrdup(v2 ? "max" : "-1");
	return change(u, dir, name, text, err);
}

/* The period and quota of now where one is not given. */
static void cpu_now(const char *dir, bool v2, int64_t *quota, int64_t *period)
{
	AUTO_FREE char *both = v2 ? read_value(dir, "cpu.max") : NULL;
	char *space = both ? strchr(both, ' ') : NULL;

	if (!v2) {
		*quota = number_in(dir, "cpu.cfs_quota_us");
		*period = number_in(dir, "cpu.cfs_period_us");
	} else if (space) {
		*space = '\0';
		*quota = parse_number(both);
		*period = parse_number(space + 1);
	}
	if (*period <= 0)
		*period = 100000;
	if (*quota > 0) /* without the VMM's own CPU, as it was asked for */
		*quota -= *period;
}

static int update_cpu(struct updating *u, const char *dir, bool v2,
		      struct err *err)
{
	const struct oci_resources *res = u->resources;
	int64_t quota = NO_LIMIT, period = 100000;
	AUTO_FREE char *text = NULL;
	int r;

	if (!res->has_cpu_quota && !res->has_cpu_period)
		return 0;
	cpu_now(dir, v2, &quota, &period);
	if (res->has_cpu_quota)
		quota = res->cpu_quota;
	if (res->has_cpu_period)
		period = (int64_t)res->cpu_period;
	if (quota > 0)
		quota += period;
	if (v2) {
		text = quota > 0 ? xasprintf("%lld %lld", (long long)quota,
					     (long long)period) :
				   xasprintf("max %lld", (long long)period);
		return change(u, dir, "cpu.max", text, err);
	}
	text = xasprintf("%lld", (long long)period);
	/* No quota stands between two that may not fit each other's period. */
	r = change(u, dir, "cpu.cfs_quota_us", "-1", err);
	if (r >= 0)
		r = change(u, dir, "cpu.cfs_period_us", text, err);
	free(text);
	text = xasprintf("%lld", (long long)(quota > 0 ? quota : NO_LIMIT));
	if (r >= 0)
		r = change(u, dir, "cpu.cfs_quota_us", text, err);
	return r;
}

static int update_weight(struct updating *u, const char *dir, bool v2,
			 struct err *err)
{
	uint64_t shares = u->resources->cpu_shares;
	AUTO_FREE char *text = NULL;

	if (!u->resources->has_cpu_shares || !shares)
		return 0;
	text = xasprintf(
		"%llu", (unsigned long long)(v2 ? oci_weight_of_shares(shares) :
						  shares));
	return change(u, dir, v2 ? "cpu.weight" : "cpu.shares", text, err);
}

static int update_cpuset(struct updating *u, const char *dir, struct err *err)
{
	static const char *const name[] = { "cpuset.cpus", "cpuset.mems" };
	const char *const text[] = { u->resources->cpuset_cpus,
				     u->resources->cpuset_mems };

	for (size_t i = 0; i < ARRAY_SIZE(name); i++) {
		AUTO_FREE char *path = xasprintf("%s/%s", dir, name[i]);

		if (!text[i] || !*text[i] || access(path, F_OK) < 0)
			continue;
		u->cpuset_done = true;
		if (change(u, dir, name[i], text[i], err) < 0)
			return -err->code;
	}
	return 0;
}

static int update_dir(struct updating *u, const char *dir, struct err *err)
{
	AUTO_FREE char *controllers = xasprintf("%s/cgroup.controllers", dir);
	bool v2 = access(controllers, F_OK) == 0;

	if (update_cpuset(u, dir, err) < 0 || update_cpu(u, dir, v2, err) < 0 ||
	    update_weight(u, dir, v2, err) < 0 ||
	    update_memory(u, dir, v2, err) < 0)
		return -err->code;
	return 0;
}

int cgroup_update(const struct strv *dirs,
		  const struct oci_resources *resources, uint32_t overhead_mib,
		  struct cgroup_undo *ret_undo, struct err *err)
{
	struct updating u = { .resources = resources,
			      .overhead_mib = overhead_mib,
			      .undo = ret_undo };
	int r = 0;

	for (size_t i = 0; i < dirs->count && r >= 0; i++)
		r = update_dir(&u, dirs->item[i], err);
	if (r >= 0 && (cgroup_wanted(resources) & CGROUP_CPUSET) &&
	    !u.cpuset_done)
		r = err_msg(
			err, EOPNOTSUPP,
			"linux.resources.cpu.cpus: the sandbox has no cpuset cgroup on the host");
	if (r < 0)
		cgroup_undo(ret_undo);
	return r < 0 ? r : 0;
}

void cgroup_undo(const struct cgroup_undo *undo)
{
	for (size_t i = undo->files.count; i-- > 0;) {
		struct err err = ERR_INIT;

		if (path_write_file(AT_FDCWD, undo->files.item[i],
				    undo->values.item[i], &err) < 0)
			fprintf(stderr, "kata-runtime: undo: %s\n", err.text);
	}
}

void cgroup_undo_done(struct cgroup_undo *undo)
{
	strv_done(&undo->files);
	strv_done(&undo->values);
}
