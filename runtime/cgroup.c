// SPDX-License-Identifier: Apache-2.0
/*
 * cgroup.c - host cgroups of a sandbox, in kata-runtime, by the file system;
 * with the systemd driver, what systemd made (cgroup-unit.c) from there on.
 * Rights: what the caller has; a rootless caller on cgroup v1 has none, which
 * is reported and not hidden. The guest enforces the container's own limits;
 * these bound the VM as a whole.
 */
#include "cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auto.h"
#include "fd.h"
#include "path.h"

#define MOUNTINFO_MAX (4u << 20)
#define VM_TASKS_MAX 1024

struct hierarchy {
	char *mount_point;
	char *options; /* super block options: names the v1 controllers */
	bool v2;
};

static const char *const controller[] = { "cpu", "memory", "pids", "cpuset" };

/* One cgroup_make() under way. */
struct making {
	const struct oci_resources *resources;
	struct cgroup_limits limits;
	bool systemd; /* what is above the directory is systemd's business */
	unsigned wanted, applied; /* enum cgroup_controller */
	struct cgroup cgroup;
	struct strv *notes;
};

/* One line of mountinfo, proc(5). True when it is a cgroup mount at its root. */
static bool parse_mount(char *line, struct hierarchy *ret)
{
	char *field[6], *save = NULL, *dash, *type, *options;
	size_t n = 0;

	dash = strstr(line, " - ");
	if (!dash)
		return false;
	*dash = '\0';
	for (char *f = strtok_r(line, " ", &save); f && n < 6;
	     f = strtok_r(NULL, " ", &save))
		field[n++] = f;
	if (n < 6 || strcmp(field[3], "/") != 0)
		return false;
	type = strtok_r(dash + 3, " ", &save);
	if (!type || !strtok_r(NULL, " ", &save))
		return false;
	options = strtok_r(NULL, " ", &save);
	if (strcmp(type, "cgroup") != 0 && strcmp(type, "cgroup2") != 0)
		return false;
	ret->v2 = strcmp(type, "cgroup2") == 0;
	ret->mount_point = xstrdup(field[4]);
	ret->options = xstrdup(options ? options : "");
	return true;
}

static int write_value(const char *dir, const char *file, const char *fmt,
		       int64_t value, struct err *err)
{
	AUTO_FREE char *path = xasprintf("%s/%s", dir, file);
	AUTO_FREE char *text = NULL;

	text = strcmp(fmt, "%lld") == 0 ? xasprintf("%lld", (long long)value) :
					  xstrdup(fmt);
	return path_write_file(AT_FDCWD, path, text, err);
}

static bool has_controller(const struct hierarchy *h, const char *dir,
			   const char *name)
{
	AUTO_FREE char *list = NULL, *path = NULL;
	struct err err = ERR_INIT;
	char *save = NULL;

	if (h->v2) {
		path = xasprintf("%s/cgroup.controllers", dir);
		if (path_read_file(AT_FDCWD, path, 4096, &list, &err) < 0)
			return false;
	} else {
		list = xstrdup(h->options);
	}
	for (char *at = strtok_r(list, " ,\n", &save); at;
	     at = strtok_r(NULL, " ,\n", &save))
		if (strcmp(at, name) == 0)
			return true;
	return false;
}

static bool has_text(const char *text)
{
	return text && *text;
}

unsigned cgroup_wanted(const struct oci_resources *res)
{
	unsigned mask = CGROUP_PIDS;

	if (res->has_memory_limit && res->memory_limit > 0)
		mask |= CGROUP_MEMORY;
	if (res->has_cpu_quota && res->cpu_quota > 0)
		mask |= CGROUP_CPU;
	if (has_text(res->cpuset_cpus) || has_text(res->cpuset_mems))
		mask |= CGROUP_CPUSET;
	return mask;
}

void cgroup_limits_make(const struct oci_resources *res, uint32_t overhead_mib,
			struct cgroup_limits *ret)
{
	struct cgroup_limits limits = { .tasks = VM_TASKS_MAX };

	if (res->has_memory_limit && res->memory_limit > 0)
		limits.memory =
			res->memory_limit + ((int64_t)overhead_mib << 20);
	if (res->has_cpu_quota && res->cpu_quota > 0) {
		limits.cpu_period = res->has_cpu_period && res->cpu_period ?
					    res->cpu_period :
					    100000;
		/* One CPU more for the VMM's own work, the boot above all; the
		 * guest holds the container to its share. */
		limits.cpu_quota = res->cpu_quota + (int64_t)limits.cpu_period;
	}
	if (res->has_cpu_shares && res->cpu_shares)
		limits.cpu_weight = oci_weight_of_shares(res->cpu_shares);
	*ret = limits;
}

static int apply_quota(const struct hierarchy *h, const char *dir,
		       const struct cgroup_limits *limits, struct err *err)
{
	AUTO_FREE char *both = NULL;

	both = xasprintf("%lld %llu", (long long)limits->cpu_quota,
			 (unsigned long long)limits->cpu_period);
	if (h->v2)
		return write_value(dir, "cpu.max", both, 0, err);
	if (write_value(dir, "cpu.cfs_period_us", "%lld",
			(int64_t)limits->cpu_period, err) < 0)
		return -err->code;
	return write_value(dir, "cpu.cfs_quota_us", "%lld", limits->cpu_quota,
			   err);
}

static int apply_cpu(const struct hierarchy *h, const char *dir,
		     const struct making *m, struct err *err)
{
	uint64_t shares = m->resources->cpu_shares;

	if (m->limits.cpu_weight > 0 &&
	    write_value(dir, h->v2 ? "cpu.weight" : "cpu.shares", "%lld",
			(int64_t)(h->v2 ? m->limits.cpu_weight : shares),
			err) < 0)
		return -err->code;
	return m->limits.cpu_quota > 0 ? apply_quota(h, dir, &m->limits, err) :
					 0;
}

/* The VM's threads run where the container may; both files in v1 and v2. */
static int apply_cpuset(const char *dir, const struct oci_resources *res,
			struct err *err)
{
	if (has_text(res->cpuset_cpus) &&
	    write_value(dir, "cpuset.cpus", res->cpuset_cpus, 0, err) < 0)
		return -err->code;
	if (has_text(res->cpuset_mems) &&
	    write_value(dir, "cpuset.mems", res->cpuset_mems, 0, err) < 0)
		return -err->code;
	return 0;
}

static int apply_one(const struct hierarchy *h, const char *dir, unsigned bit,
		     const struct making *m, struct err *err)
{
	switch (bit) {
	case CGROUP_CPU:
		return apply_cpu(h, dir, m, err);
	case CGROUP_CPUSET:
		return apply_cpuset(dir, m->resources, err);
	case CGROUP_MEMORY:
		return write_value(
			dir, h->v2 ? "memory.max" : "memory.limit_in_bytes",
			"%lld", m->limits.memory, err);
	default:
		return write_value(dir, "pids.max", "%lld",
				   (int64_t)m->limits.tasks, err);
	}
}

/* A weight is no limit: nothing is missed where it cannot be had. */
static unsigned useful(const struct making *m)
{
	return m->wanted | (m->limits.cpu_weight > 0 ? CGROUP_CPU : 0);
}

static int apply_limits(const struct hierarchy *h, const char *dir,
			struct making *m, struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(controller); i++) {
		unsigned bit = 1u << i;

		if (!(useful(m) & bit) || !has_controller(h, dir, controller[i]))
			continue;
		if (apply_one(h, dir, bit, m, err) < 0)
			return -err->code;
		m->applied |= bit;
	}
	return 0;
}

static void enable_in(const char *dir, unsigned mask)
{
	AUTO_FREE char *file = xasprintf("%s/cgroup.subtree_control", dir);

	/* One by one: the kernel takes all that is in one write, or nothing. */
	for (size_t i = 0; i < ARRAY_SIZE(controller); i++) {
		AUTO_FREE char *text = xasprintf("+%s", controller[i]);
		struct err err = ERR_INIT;

		if (mask & (1u << i))
			IGNORE(path_write_file(AT_FDCWD, file, text, &err) < 0,
			       "what cannot be had is missed when limits are set");
	}
}

void cgroup_enable(const char *mount_point, const char *path, unsigned mask)
{
	AUTO_FREE char *dir = xasprintf("%s%s", mount_point, path);

	for (char *at = dir + strlen(mount_point); (at = strchr(at, '/')); at++) {
		*at = '\0';
		enable_in(dir, mask);
		*at = '/';
	}
}

/* Return: 1 the last one was made, 0 it was there, -errno */
static int make_dirs(const char *mount_point, const char *path)
{
	AUTO_FREE char *dir = xasprintf("%s%s", mount_point, path);

	for (char *at = dir + strlen(mount_point) + 1; (at = strchr(at, '/'));
	     at++) {
		*at = '\0';
		if (mkdir(dir, 0755) < 0 && errno != EEXIST)
			return -errno;
		*at = '/';
	}
	if (mkdir(dir, 0755) == 0)
		return 1;
	return errno == EEXIST ? 0 : -errno;
}

/* cpuset of v1 starts empty and refuses processes until it has values. */
static int inherit_cpuset(const struct hierarchy *h, const char *path,
			  struct err *err)
{
	static const char *const file[] = { "cpuset.cpus", "cpuset.mems" };
	size_t base = strlen(h->mount_point);
	AUTO_FREE char *dir = xasprintf("%s%s", h->mount_point, path);

	for (char *at = dir + base; *at;) {
		char *end = strchr(at + 1, '/');
		AUTO_FREE char *parent = xstrndup(dir, (size_t)(at - dir));
		AUTO_FREE char *here =
			xstrndup(dir, end ? (size_t)(end - dir) : strlen(dir));

		for (size_t i = 0; i < ARRAY_SIZE(file); i++) {
			AUTO_FREE char *from =
				xasprintf("%s/%s", parent, file[i]);
			AUTO_FREE char *to = xasprintf("%s/%s", here, file[i]);
			AUTO_FREE char *value = NULL, *have = NULL;

			if (path_read_file(AT_FDCWD, to, 4096, &have, err) < 0 ||
			    path_read_file(AT_FDCWD, from, 4096, &value, err) < 0)
				return -err->code;
			if (have[strspn(have, " \n")] != '\0')
				continue;
			value[strcspn(value, "\n")] = '\0';
			if (path_write_file(AT_FDCWD, to, value, err) < 0)
				return -err->code;
		}
		if (!end)
			break;
		at = end;
	}
	return 0;
}

static int use_hierarchy(const struct hierarchy *h, const char *path, void *arg,
			 struct err *err)
{
	struct making *m = arg;
	AUTO_FREE char *dir = xasprintf("%s%s", h->mount_point, path);
	AUTO_FREE char *procs = xasprintf("%s/cgroup.procs", dir);
	int r = make_dirs(h->mount_point, path);

	if (r > 0)
		strv_add(&m->cgroup.made, dir);
	if (r >= 0 && access(procs, W_OK) < 0)
		r = -errno;
	if (r < 0) {
		strv_addf(m->notes, "cgroup %s: not writable here (%s)",
			  h->mount_point, strerror(-r));
		return 0;
	}
	strv_add(&m->cgroup.dirs, dir);
	if (h->v2 && !m->systemd)
		cgroup_enable(h->mount_point, path, useful(m));
	else if (!h->v2 && has_controller(h, dir, "cpuset") &&
		 inherit_cpuset(h, path, err) < 0)
		return -err->code;
	return apply_limits(h, dir, m, err);
}

/*
 * On a hybrid host any one of the hierarchies may have had the controller. A
 * user's manager gives what user@.service was given, and no more.
 */
static void note_missing(struct making *m, const char *path)
{
	unsigned missing = m->wanted & ~m->applied;
	const char *manager = m->systemd ? strstr(path, "/user@") : NULL;
	int len = manager ? (int)strcspn(manager + 1, "/") : 0;

	for (size_t i = 0; i < ARRAY_SIZE(controller); i++)
		if ((missing & (1u << i)) && manager)
			strv_addf(
				m->notes,
				"cgroup: %s limit not applied: the controller "
				"is not delegated to %.*s (Delegate=cpu cpuset "
				"io memory pids in a drop-in for user@.service "
				"does it)",
				controller[i], len, manager + 1);
		else if (missing & (1u << i))
			strv_addf(m->notes, "cgroup: %s limit not applied",
				  controller[i]);
	m->cgroup.incomplete = missing != 0;
}

/* Calls call() for every cgroup mount of the text, until one fails. */
static int each_hierarchy(char *mounts,
			  int (*call)(const struct hierarchy *h, const char *path,
				      void *arg, struct err *err),
			  const char *path, void *arg, struct err *err)
{
	char *line, *save = NULL;
	int r = 0;

	for (line = strtok_r(mounts, "\n", &save); line && r == 0;
	     line = strtok_r(NULL, "\n", &save)) {
		struct hierarchy h = { 0 };

		if (!parse_mount(line, &h))
			continue;
		r = call(&h, path, arg, err);
		free(h.mount_point);
		free(h.options);
	}
	return r;
}

static int check_path(const char *path, struct err *err)
{
	if (path[0] != '/' || strstr(path, "/../") || strchr(path, '\n') ||
	    (strlen(path) >= 3 && strcmp(path + strlen(path) - 3, "/..") == 0))
		return err_msg(
			err, EINVAL,
			"linux.cgroupsPath: must be absolute, without \"..\"");
	return 0;
}

/* Why there will be none, NULL: there will be one. */
static const char *reason_for_none(enum cgroup_manager manager, const char *path)
{
	if (manager == CGROUP_MANAGER_DISABLED)
		return "cgroup: none is made (--cgroup-manager disabled)";
	return path && *path ? NULL : "cgroup: the engine named none";
}

static int plan_in(const struct hierarchy *h, const char *path, void *arg,
		   struct err *err UNUSED)
{
	AUTO_FREE char *dir = xasprintf("%s%s", h->mount_point, path);

	if (access(dir, F_OK) < 0 && errno == ENOENT)
		strv_add(arg, dir);
	return 0;
}

int cgroup_plan(enum cgroup_manager manager, const char *path, struct strv *ret,
		struct err *err)
{
	AUTO_FREE char *mounts = NULL;

	if (reason_for_none(manager, path))
		return 0;
	if (check_path(path, err) < 0 ||
	    path_read_file(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_MAX,
			   &mounts, err) < 0)
		return -err->code;
	return each_hierarchy(mounts, plan_in, path, ret, err);
}

int cgroup_make(enum cgroup_manager manager, const char *path,
		const struct oci_resources *resources, uint32_t overhead_mib,
		struct cgroup *ret, struct strv *notes, struct err *err)
{
	AUTO_FREE char *mounts = NULL;
	struct making m = { .resources = resources,
			    .systemd = manager == CGROUP_MANAGER_SYSTEMD,
			    .wanted = cgroup_wanted(resources),
			    .notes = notes };
	const char *none = reason_for_none(manager, path);

	cgroup_limits_make(resources, overhead_mib, &m.limits);
	if (none) {
		strv_add(notes, none);
		m.cgroup.incomplete = true;
		*ret = m.cgroup;
		return 0;
	}
	if (check_path(path, err) < 0 ||
	    path_read_file(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_MAX,
			   &mounts, err) < 0)
		return -err->code;
	if (each_hierarchy(mounts, use_hierarchy, path, &m, err) < 0) {
		struct err ignored = ERR_INIT;

		if (cgroup_remove(&m.cgroup.dirs, &m.cgroup.made, &ignored) == 0)
			strv_done(&m.cgroup.made);
		strv_done(&m.cgroup.dirs);
		*ret = (struct cgroup){ .made = m.cgroup.made };
		return err_wrap(err, "cgroup");
	}
	note_missing(&m, path);
	*ret = m.cgroup;
	return 0;
}
