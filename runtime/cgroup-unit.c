// SPDX-License-Identifier: Apache-2.0
/*
 * cgroup-unit.c - the scope of a sandbox, made, changed and ended by systemd
 * for kata-runtime. Rights: to speak with the system's manager as root, with
 * the caller's own otherwise; that is also the manager's to decide. Inputs are
 * the engine's (path, limits) and, for annotations, the pod author's: see
 * unit-annotations.c.
 */
#include "cgroup-unit.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "auto.h"
#include "child.h"
#include "fd.h"
#include "num.h"
#include "path.h"
#include "sdbus.h"
#include "unit-annotations.h"
#include "unit-name.h"

#define OPEN_MS 10000
#define START_MS 30000
#define STOP_MS 30000
#define ANCHOR_MS 1000 /* to see that it may go */
/* Versions of systemd that brought a property. */
#define HAS_QUOTA_PERIOD 242
#define HAS_CPUSET 244
#define CPUS_MAX 8192
/* systemd keeps whole percents of a CPU: below one, its reload would take more
 * away than was asked for. */
#define PERCENT 10000ull
#define SECOND 1000000ull
/* v1's word for no limit is a number of pages short of this */
#define V1_UNLIMITED (INT64_MAX - (1ll << 20))
#define WEIGHT_MAX 10000

bool cgroup_unit_is_wanted(enum cgroup_manager manager, const char *path)
{
	if (manager == CGROUP_MANAGER_DISABLED)
		return false;
	return manager == CGROUP_MANAGER_SYSTEMD || unit_name_is_path(path);
}

/* --- the manager ----------------------------------------------------------- */

/* D-Bus addresses escape what is not one of these. */
static void add_address(struct strv *ret, const char *dir, const char *tail)
{
	static const char plain[] = "0123456789abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ-_/.\\*";
	AUTO_FREE char *text = xcalloc(3, strlen(dir) + 1);
	size_t n = 0;

	for (const char *at = dir; *at; at++)
		if (strchr(plain, *at))
			text[n++] = *at;
		else
			n += (size_t)snprintf(text + n, 4, "%%%02x",
					      (unsigned char)*at);
	strv_addf(ret, "unix:path=%s%s", text, tail);
}

static void candidates(bool is_system, struct strv *ret)
{
	const char *given = getenv(is_system ? "DBUS_SYSTEM_BUS_ADDRESS" :
					       "DBUS_SESSION_BUS_ADDRESS");
	const char *dir = getenv("XDG_RUNTIME_DIR");

	if (given && *given)
		strv_add(ret, given);
	if (is_system) {
		strv_add(ret, "unix:path=/run/dbus/system_bus_socket");
		strv_add(ret, "unix:path=/run/systemd/private");
	} else if (dir && *dir == '/') {
		add_address(ret, dir, "/systemd/private");
		add_address(ret, dir, "/bus");
	}
}

static int no_manager(bool is_system, const struct strv *said, struct err *err)
{
	AUTO_FREE char *all = xstrdup(said->count ? said->item[0] : "");

	for (size_t i = 1; i < said->count; i++) {
		AUTO_FREE char *before = all;

		all = xasprintf("%s; %s", before, said->item[i]);
	}
	if (is_system)
		return err_msg(
			err, EHOSTUNREACH,
			"the systemd driver is asked for and no systemd answers "
			"(the cgroupfs driver needs none): %s",
			all);
	return err_msg(
		err, EHOSTUNREACH,
		"the systemd driver is asked for and no systemd of this user answers "
		"(a login or `loginctl enable-linger` starts one; "
		"the cgroupfs driver needs none): %s",
		said->count ?
			all :
			"neither DBUS_SESSION_BUS_ADDRESS nor XDG_RUNTIME_DIR is set");
}

/* *ret_address is the one that answered. */
static int find_manager(bool is_system, char **ret_address, struct err *err)
{
	struct strv list = { 0 }, said = { 0 };
	AUTO_SDBUS struct sdbus *bus = NULL;
	int r = -ENOENT;

	candidates(is_system, &list);
	for (size_t i = 0; i < list.count && r < 0; i++) {
		struct err one = ERR_INIT;

		r = sdbus_open(list.item[i], OPEN_MS, &bus, &one);
		if (r == 0)
			*ret_address = xstrdup(list.item[i]);
		else
			strv_add(&said, one.text);
	}
	if (r < 0)
		r = no_manager(is_system, &said, err);
	strv_done(&list);
	strv_done(&said);
	return r;
}

/* --- the anchor ------------------------------------------------------------ */

static int anchor_make(struct cgroup_anchor *ret, struct err *err)
{
	int ends[2];
	pid_t pid;
	char byte;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_set(err, errno, "pipe");
	pid = fork();
	if (pid == 0) {
		close(ends[1]);
		/* a terminal's Ctrl-C is for whoever made it */
		IGNORE(setsid() < 0, "it may be a leader already");
		IGNORE(fd_read_full(ends[0], &byte, 1) < 0, "the end is all");
		_exit(0);
	}
	close(ends[0]);
	if (pid < 0) {
		close(ends[1]);
		return err_set(err, errno, "fork");
	}
	*ret = (struct cgroup_anchor){ .pid = pid, .fd = ends[1] };
	return 0;
}

void cgroup_unit_let_go(struct cgroup_anchor *anchor)
{
	if (anchor->fd >= 0)
		close(anchor->fd);
	if (anchor->pid > 0)
		IGNORE(!child_end_within(anchor->pid, ANCHOR_MS, ANCHOR_MS, NULL),
		       "the scope's end is its end");
	*anchor = (struct cgroup_anchor)CGROUP_ANCHOR_INIT;
}

/* --- properties ------------------------------------------------------------ */

/* "0-3,7" as the bit mask that AllowedCPUs= is over D-Bus. */
static int add_cpuset(struct sdbus_properties *list, const char *name,
		      const char *text, struct err *err)
{
	AUTO_FREE char *copy = xstrdup(text);
	uint8_t mask[CPUS_MAX / 8] = { 0 };
	char *at = copy, *part;
	size_t length = 0;

	while ((part = strsep(&at, ","))) {
		char *dash = strchr(part, '-');
		uint32_t first, last;

		if (dash)
			*dash++ = '\0';
		if (num_parse_u32(part, CPUS_MAX - 1, &first) < 0 ||
		    num_parse_u32(dash ? dash : part, CPUS_MAX - 1, &last) < 0 ||
		    last < first)
			return err_msg(
				err, EINVAL,
				"linux.resources.cpu: \"%.64s\" is no list",
				text);
		for (uint32_t i = first; i <= last; i++)
			mask[i / 8] |= (uint8_t)(1u << i % 8);
		if (last / 8 + 1 > length)
			length = last / 8 + 1;
	}
	sdbus_add_bytes(list, name, mask, length);
	return 0;
}

static void add_quota(struct sdbus_properties *list, uint64_t quota,
		      uint64_t period, uint32_t version)
{
	uint64_t each = quota * SECOND / period;

	each = (each + PERCENT - 1) / PERCENT * PERCENT;
	sdbus_add_number(list, "CPUQuotaPerSecUSec", SDBUS_U64, each);
	if (version >= HAS_QUOTA_PERIOD)
		sdbus_add_number(list, "CPUQuotaPeriodUSec", SDBUS_U64, period);
}

static int add_limits(const struct cgroup_unit_spec *spec, uint32_t version,
		      struct sdbus_properties *list, struct err *err)
{
	const struct oci_resources *res = spec->resources;
	struct cgroup_limits limits;

	cgroup_limits_make(res, spec->overhead_mib, &limits);
	sdbus_add_number(list, "TasksMax", SDBUS_U64, limits.tasks);
	if (limits.memory > 0)
		sdbus_add_number(list, "MemoryMax", SDBUS_U64,
				 (uint64_t)limits.memory);
	if (limits.cpu_quota > 0)
		add_quota(list, (uint64_t)limits.cpu_quota, limits.cpu_period,
			  version);
	if (limits.cpu_weight > 0)
		sdbus_add_number(list, "CPUWeight", SDBUS_U64,
				 limits.cpu_weight);
	if (version < HAS_CPUSET)
		return 0;
	if (res->cpuset_cpus && *res->cpuset_cpus &&
	    add_cpuset(list, "AllowedCPUs", res->cpuset_cpus, err) < 0)
		return -err->code;
	if (res->cpuset_mems && *res->cpuset_mems)
		return add_cpuset(list, "AllowedMemoryNodes", res->cpuset_mems,
				  err);
	return 0;
}

/*
 * Annotations come after what they may change, and before what they may not.
 * Without DefaultDependencies a shutdown does not end the scope before the
 * engine's service, which stops its containers in order.
 */
static int make_properties(const struct cgroup_unit_spec *spec,
			   const struct cgroup_unit *unit, uint32_t version,
			   struct sdbus_properties *list, struct err *err)
{
	AUTO_FREE char *slice = NULL;

	if (unit_name_slice(spec->path, spec->is_system, &slice, err) < 0)
		return -err->code;
	sdbus_add_number(list, "DefaultDependencies", SDBUS_BOOL, false);
	sdbus_add_text(list, "CollectMode", "inactive-or-failed");
	if (unit_annotations_add(spec->annotations, list, err) < 0)
		return -err->code;
	sdbus_add_text(list, "Description", unit->description);
	sdbus_add_text(list, "Slice", slice);
	sdbus_add_number(list, "Delegate", SDBUS_BOOL, true);
	sdbus_add_number(list, "CPUAccounting", SDBUS_BOOL, true);
	sdbus_add_number(list, "MemoryAccounting", SDBUS_BOOL, true);
	sdbus_add_number(list, "TasksAccounting", SDBUS_BOOL, true);
	return add_limits(spec, version, list, err);
}

/* --- start ----------------------------------------------------------------- */

int cgroup_unit_plan(const struct cgroup_unit_spec *spec,
		     struct cgroup_unit *ret, struct err *err)
{
	struct cgroup_unit unit = { 0 };
	struct sdbus_properties unused = { 0 };
	struct timespec now;
	int r;

	if (unit_name_scope(spec->path, spec->id, &unit.name, err) < 0)
		return -err->code;
	clock_gettime(CLOCK_REALTIME, &now);
	unit.description = xasprintf("kata-runtime container %s (%lld.%09ld)",
				     spec->id, (long long)now.tv_sec,
				     now.tv_nsec);
	r = make_properties(spec, &unit, HAS_CPUSET, &unused, err);
	sdbus_properties_done(&unused);
	if (r == 0)
		r = find_manager(spec->is_system, &unit.bus, err);
	if (r < 0)
		cgroup_unit_done(&unit);
	else
		*ret = unit;
	return r;
}

/* A failed one of that name, which nobody collected, is no obstacle. */
static int free_name(struct sdbus *bus, const struct cgroup_unit *unit,
		     struct err *err)
{
	AUTO_FREE char *state = NULL;
	int r = sdbus_get_text(bus, unit->name, "Unit", "ActiveState", &state,
			       err);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	if (strcmp(state, "failed") != 0 && strcmp(state, "inactive") != 0)
		return err_msg(
			err, EEXIST,
			"linux.cgroupsPath: systemd has a unit %s, which is %s: "
			"another container's, or left over",
			unit->name, state);
	r = sdbus_reset_failed(bus, unit->name, err);
	return r == -ENOENT ? 0 : r;
}

static int start(struct sdbus *bus, const struct cgroup_unit *unit,
		 const struct sdbus_properties *list, struct err *err)
{
	int r = sdbus_start_scope(bus, unit->name, list, START_MS, err);

	if (r != -EEXIST)
		return r;
	err_clear(err);
	r = free_name(bus, unit, err);
	if (r < 0)
		return r;
	err_clear(err);
	return sdbus_start_scope(bus, unit->name, list, START_MS, err);
}

/* It is where its name says, or limits of a slice above would not hold. */
static int check_place(const struct cgroup_unit_spec *spec,
		       const struct cgroup_unit *unit, const char *path,
		       struct err *err)
{
	AUTO_FREE char *slice = NULL;
	AUTO_FREE char *above = NULL;
	AUTO_FREE char *tail = NULL;
	size_t len = strlen(path);

	if (unit_name_slice(spec->path, spec->is_system, &slice, err) < 0 ||
	    unit_name_expand_slice(slice, &above, err) < 0)
		return -err->code;
	tail = xasprintf("%s/%s", above, unit->name);
	if (len < strlen(tail) || strcmp(path + len - strlen(tail), tail) != 0)
		return err_msg(err, EPERM,
			       "systemd put %s at \"%.128s\", and not in %s",
			       unit->name, path, above);
	return 0;
}

int cgroup_unit_start(const struct cgroup_unit_spec *spec,
		      const struct cgroup_unit *unit,
		      struct cgroup_anchor *ret_anchor, char **ret_path,
		      struct err *err)
{
	AUTO_SDBUS struct sdbus *bus = NULL;
	struct cgroup_anchor anchor = CGROUP_ANCHOR_INIT;
	struct sdbus_properties list = { 0 };
	AUTO_FREE char *path = NULL;
	int r = sdbus_open(unit->bus, OPEN_MS, &bus, err);

	if (r == 0)
		r = make_properties(spec, unit, sdbus_version(bus), &list, err);
	if (r == 0)
		r = anchor_make(&anchor, err);
	if (r == 0) {
		sdbus_add_number(&list, "PIDs", SDBUS_PIDS,
				 (uint64_t)anchor.pid);
		r = start(bus, unit, &list, err);
	}
	sdbus_properties_done(&list);
	if (r == 0)
		r = sdbus_get_text(bus, unit->name, "Scope", "ControlGroup",
				   &path, err);
	if (r == 0)
		r = check_place(spec, unit, path, err);
	if (r < 0) {
		cgroup_unit_let_go(&anchor);
		return r;
	}
	*ret_anchor = anchor;
	*ret_path = take_ptr(path);
	return 0;
}

/* --- afterwards ------------------------------------------------------------ */

/*
 * From a login session's scope into one of the user's manager: the kernel
 * wants the right to write above both, which only the system's has.
 */
int cgroup_unit_join(const struct cgroup_unit *unit, const struct strv *dirs,
		     struct err *err)
{
	AUTO_SDBUS struct sdbus *bus = NULL;
	int r = cgroup_join(dirs, 0, err);

	if (!unit->name || (r != -EACCES && r != -EPERM))
		return r;
	err_clear(err);
	if (sdbus_open(unit->bus, OPEN_MS, &bus, err) < 0 ||
	    sdbus_attach(bus, unit->name, getpid(), err) < 0)
		return err_wrap(err, "join cgroup");
	return cgroup_check(dirs, getpid(), "the child", err);
}

/*
 * The file's first line, of whichever directory has it; the caller's, NULL
 * where none has. What is not told to systemd it takes back when it reloads, so
 * a limit that cannot be read is an error.
 */
static int value_of(const struct strv *dirs, const char *name, char **ret,
		    struct err *err)
{
	*ret = NULL;
	for (size_t i = 0; i < dirs->count; i++) {
		AUTO_FREE char *path = xasprintf("%s/%s", dirs->item[i], name);
		int r = path_read_file(AT_FDCWD, path, 4096, ret, err);

		if (r == 0)
			(*ret)[strcspn(*ret, "\n")] = '\0';
		if (r != -ENOENT)
			return r;
		err_clear(err);
	}
	return 0;
}

/* "max", "-1" and v1's largest number: UINT64_MAX, which is "infinity". */
static int limit_parse(const char *text, uint64_t *ret, struct err *err)
{
	if (strcmp(text, "max") == 0 || strcmp(text, "-1") == 0)
		*ret = UINT64_MAX;
	else if (num_parse_u64(text, UINT64_MAX, ret) < 0)
		return err_msg(err, EIO, "\"%.32s\" is no limit", text);
	else if (*ret > V1_UNLIMITED)
		*ret = UINT64_MAX;
	return 0;
}

/* Return: 1; 0 no directory has the file; -errno */
static int number_of(const struct strv *dirs, const char *name, uint64_t *ret,
		     struct err *err)
{
	AUTO_FREE char *text = NULL;

	if (value_of(dirs, name, &text, err) < 0)
		return -err->code;
	if (!text)
		return 0;
	text[strcspn(text, " ")] = '\0'; /* cpu.max has two */
	return limit_parse(text, ret, err) < 0 ? err_wrap(err, "%s", name) : 1;
}

static int number_of_either(const struct strv *dirs, const char *v2,
			    const char *v1, uint64_t *ret, struct err *err)
{
	int r = number_of(dirs, v2, ret, err);

	return r == 0 ? number_of(dirs, v1, ret, err) : r;
}

static int period_of(const struct strv *dirs, uint64_t *ret, struct err *err)
{
	AUTO_FREE char *both = NULL, *v1 = NULL;
	const char *text;

	if (value_of(dirs, "cpu.max", &both, err) < 0 ||
	    value_of(dirs, "cpu.cfs_period_us", &v1, err) < 0)
		return -err->code;
	text = both ? strchr(both, ' ') : v1;
	if (both && text)
		text++;
	if (!text || num_parse_u64(text, SECOND, ret) < 0 || !*ret)
		return err_msg(err, EIO, "no period of the CPU quota");
	return 0;
}

static int read_quota(const struct strv *dirs, uint32_t version,
		      struct sdbus_properties *list, struct err *err)
{
	uint64_t value, period;
	int r = number_of_either(dirs, "cpu.max", "cpu.cfs_quota_us", &value,
				 err);

	if (r <= 0)
		return r;
	if (value == UINT64_MAX)
		sdbus_add_number(list, "CPUQuotaPerSecUSec", SDBUS_U64, value);
	else if (period_of(dirs, &period, err) < 0)
		return -err->code;
	else
		add_quota(list, value, period, version);
	return 1;
}

static int read_cpu(const struct strv *dirs, uint32_t version,
		    struct sdbus_properties *list, struct err *err)
{
	uint64_t value;
	int r = read_quota(dirs, version, list, err);

	if (r <= 0)
		return r; /* no controller */
	r = number_of(dirs, "cpu.weight", &value, err);
	if (r > 0 && value <= WEIGHT_MAX)
		sdbus_add_number(list, "CPUWeight", SDBUS_U64, value);
	if (r != 0)
		return r;
	r = number_of(dirs, "cpu.shares", &value, err);
	if (r > 0 && value != UINT64_MAX)
		sdbus_add_number(list, "CPUWeight", SDBUS_U64,
				 oci_weight_of_shares(value));
	return r;
}

static int read_limits(const struct strv *dirs, uint32_t version,
		       struct sdbus_properties *list, struct err *err)
{
	static const char *const set[][2] = { { "cpuset.cpus", "AllowedCPUs" },
					      { "cpuset.mems",
						"AllowedMemoryNodes" } };
	uint64_t value;
	int r = number_of_either(dirs, "memory.max", "memory.limit_in_bytes",
				 &value, err);

	if (r > 0)
		sdbus_add_number(list, "MemoryMax", SDBUS_U64, value);
	if (r < 0 || read_cpu(dirs, version, list, err) < 0)
		return -err->code;
	for (size_t i = 0; i < ARRAY_SIZE(set) && version >= HAS_CPUSET; i++) {
		AUTO_FREE char *text = NULL;

		if (value_of(dirs, set[i][0], &text, err) < 0 ||
		    (text && *text && add_cpuset(list, set[i][1], text, err) < 0))
			return -err->code;
	}
	return 0;
}

/* systemd has written its own, in whole percents. */
static int write_exactly(const struct strv *dirs, const char *name,
			 const char *text, struct err *err)
{
	for (size_t i = 0; i < dirs->count && text; i++) {
		AUTO_FREE char *path = xasprintf("%s/%s", dirs->item[i], name);

		if (access(path, F_OK) == 0)
			return path_write_file(AT_FDCWD, path, text, err);
	}
	return 0;
}

int cgroup_unit_follow(const struct cgroup_unit *unit, const struct strv *dirs,
		       struct err *err)
{
	AUTO_SDBUS struct sdbus *bus = NULL;
	struct sdbus_properties list = { 0 };
	AUTO_FREE char *cpu = NULL;
	int r;

	if (!unit->name)
		return 0;
	if (sdbus_open(unit->bus, OPEN_MS, &bus, err) < 0)
		return -err->code;
	r = value_of(dirs, "cpu.max", &cpu, err);
	if (r == 0)
		r = read_limits(dirs, sdbus_version(bus), &list, err);
	if (r == 0)
		r = sdbus_set_properties(bus, unit->name, &list, err);
	if (r == 0)
		r = write_exactly(dirs, "cpu.max", cpu, err);
	sdbus_properties_done(&list);
	return r;
}

/* Return: 1 it is the one that we made, 0 it is not there or not ours */
static int is_ours(struct sdbus *bus, const struct cgroup_unit *unit,
		   struct err *err)
{
	AUTO_FREE char *text = NULL;
	int r = sdbus_get_text(bus, unit->name, "Unit", "Description", &text,
			       err);

	if (r == -ENOENT) {
		err_clear(err);
		return 0;
	}
	return r < 0 ? r : strcmp(text, unit->description) == 0;
}

int cgroup_unit_end(const struct cgroup_unit *unit, const struct strv *dirs,
		    struct err *err)
{
	AUTO_SDBUS struct sdbus *bus = NULL;
	int r;

	if (!unit->name)
		return 0;
	r = sdbus_open(unit->bus, OPEN_MS, &bus, err);
	if (r == -ENOENT || r == -ECONNREFUSED || r == -EHOSTUNREACH) {
		err_clear(err);
		return 0;
	}
	if (r == 0)
		r = is_ours(bus, unit, err);
	if (r <= 0)
		return r;
	cgroup_kill(dirs);
	return sdbus_stop_unit(bus, unit->name, STOP_MS, err);
}
