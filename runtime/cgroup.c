// SPDX-License-Identifier: Apache-2.0
/*
 * cgroup.c - host cgroups of a sandbox, in kata-runtime, by the file system.
 * Rights: what the caller has; a rootless caller on cgroup v1 has none, which
 * is reported and not hidden. The guest enforces the container's own limits;
 * these bound the VM as a whole.
 */
#include "cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
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

static int apply_cpu(const struct hierarchy *h, const char *dir,
		     const struct oci_resources *res, struct err *err)
{
	AUTO_FREE char *both = NULL;
	int64_t quota;
	uint64_t period = res->has_cpu_period ? res->cpu_period : 100000;

	if (!res->has_cpu_quota || res->cpu_quota <= 0)
		return 0;
	/* One CPU more for the VMM's own work, the boot above all; the guest
	 * holds the container to its share. */
	quota = res->cpu_quota + (int64_t)period;
	both = xasprintf("%lld %llu", (long long)quota,
			 (unsigned long long)period);
	if (h->v2)
		return write_value(dir, "cpu.max", both, 0, err);
	if (write_value(dir, "cpu.cfs_period_us", "%lld", (int64_t)period,
			err) < 0)
		return -err->code;
	return write_value(dir, "cpu.cfs_quota_us", "%lld", quota, err);
}

static int apply_limits(const struct hierarchy *h, const char *dir,
			const struct oci_resources *res, uint32_t overhead_mib,
			struct err *err)
{
	if (has_controller(h, dir, "pids") &&
	    write_value(dir, "pids.max", "%lld", VM_TASKS_MAX, err) < 0)
		return -err->code;
	if (has_controller(h, dir, "memory") && res->has_memory_limit &&
	    res->memory_limit > 0) {
		int64_t limit =
			res->memory_limit + ((int64_t)overhead_mib << 20);

		if (write_value(dir,
				h->v2 ? "memory.max" : "memory.limit_in_bytes",
				"%lld", limit, err) < 0)
			return -err->code;
	}
	if (has_controller(h, dir, "cpu") && apply_cpu(h, dir, res, err) < 0)
		return -err->code;
	return 0;
}

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
	return mkdir(dir, 0755) < 0 && errno != EEXIST ? -errno : 0;
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

static int use_hierarchy(const struct hierarchy *h, const char *path,
			 const struct oci_resources *res, uint32_t overhead_mib,
			 struct cgroup *cgroup, struct strv *notes,
			 struct err *err)
{
	AUTO_FREE char *dir = xasprintf("%s%s", h->mount_point, path);
	AUTO_FREE char *procs = xasprintf("%s/cgroup.procs", dir);
	int r = make_dirs(h->mount_point, path);

	if (r == 0 && access(procs, W_OK) < 0)
		r = -errno;
	if (r < 0) {
		strv_addf(notes, "cgroup %s: not writable here (%s)",
			  h->mount_point, strerror(-r));
		return 0;
	}
	strv_add(&cgroup->dirs, dir);
	if (!h->v2 && has_controller(h, dir, "cpuset") &&
	    inherit_cpuset(h, path, err) < 0)
		return -err->code;
	return apply_limits(h, dir, res, overhead_mib, err);
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

int cgroup_make(const char *path, const struct oci_resources *resources,
		uint32_t overhead_mib, struct cgroup *ret, struct strv *notes,
		struct err *err)
{
	AUTO_FREE char *mounts = NULL;
	struct cgroup cgroup = { 0 };
	char *line, *save = NULL;
	int r = 0;

	if (!path || !*path || strchr(path, ':')) {
		strv_add(notes,
			 path && strchr(path, ':') ?
				 "cgroup: the systemd driver is not supported yet" :
				 "cgroup: the engine named none");
		*ret = cgroup;
		return 0;
	}
	if (check_path(path, err) < 0 ||
	    path_read_file(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_MAX,
			   &mounts, err) < 0)
		return -err->code;
	for (line = strtok_r(mounts, "\n", &save); line && r == 0;
	     line = strtok_r(NULL, "\n", &save)) {
		struct hierarchy h = { 0 };

		if (!parse_mount(line, &h))
			continue;
		r = use_hierarchy(&h, path, resources, overhead_mib, &cgroup,
				  notes, err);
		free(h.mount_point);
		free(h.options);
	}
	if (r < 0) {
		struct err ignored = ERR_INIT;

		IGNORE(cgroup_remove(&cgroup.dirs, &ignored) < 0,
		       "the first error is the one to report");
		strv_done(&cgroup.dirs);
		return err_wrap(err, "cgroup");
	}
	*ret = cgroup;
	return 0;
}

int cgroup_join(const struct strv *dirs, pid_t pid, struct err *err)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", pid);
	for (size_t i = 0; i < dirs->count; i++) {
		AUTO_FREE char *procs =
			xasprintf("%s/cgroup.procs", dirs->item[i]);

		if (path_write_file(AT_FDCWD, procs, text, err) < 0)
			return err_wrap(err, "join cgroup");
	}
	return 0;
}

int cgroup_remove(const struct strv *dirs, struct err *err)
{
	const struct timespec pause = { 0, 20000000 };

	for (size_t i = 0; i < dirs->count; i++) {
		int tries = 50;

		while (rmdir(dirs->item[i]) < 0 && errno != ENOENT) {
			if (errno != EBUSY || tries-- == 0)
				return err_set(err, errno, "remove cgroup %s",
					       dirs->item[i]);
			nanosleep(&pause, NULL);
		}
	}
	return 0;
}
