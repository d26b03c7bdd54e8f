// SPDX-License-Identifier: Apache-2.0
/*
 * launch-spec.c - from the OCI messages of the host to struct launch. Runs in
 * kata-agent before any fork. The messages are checked here in full: what the
 * agent cannot do is refused by its JSON path, never left out.
 */
#include "launch.h"

#include <errno.h>
#include <limits.h>
#include <linux/mount.h>
#include <string.h>

#include "path.h"
#include "rlimit.h"
#include "sysctl.h"

#define GROUPS_MAX 65536
#define RLIMITS_MAX 64
#define DEVICES_MAX 1024
#define PATHS_MAX 1024
#define STRINGS_MAX 65536

static void copy_strings(struct strv *to, char **from, size_t count)
{
	for (size_t i = 0; i < count; i++)
		strv_add(to, from[i]);
}

/* --- process --------------------------------------------------------------- */

static int take_rlimits(const Grpc__Process *process, const char *prefix,
			struct launch *ret, struct err *err)
{
	if (process->n_rlimits > RLIMITS_MAX)
		return err_msg(err, EINVAL, "%s.rlimits: too many", prefix);
	ret->rlimits = xcalloc(process->n_rlimits + 1, sizeof(*ret->rlimits));
	for (size_t i = 0; i < process->n_rlimits; i++) {
		const Grpc__POSIXRlimit *from = process->rlimits[i];
		struct launch_rlimit *to = &ret->rlimits[i];

		to->resource = rlimit_number(from->type);
		if (to->resource < 0)
			return err_msg(
				err, EOPNOTSUPP,
				"%s.rlimits[%zu].type: \"%.64s\" is unknown",
				prefix, i, from->type);
		if (from->soft > from->hard)
			return err_msg(err, EINVAL,
				       "%s.rlimits[%zu].soft: above hard",
				       prefix, i);
		to->value.rlim_cur = from->soft;
		to->value.rlim_max = from->hard;
	}
	ret->rlimit_count = process->n_rlimits;
	return 0;
}

static int take_cap_set(char **names, size_t count, const char *prefix,
			const char *set, uint64_t *ret, struct err *err)
{
	for (size_t i = 0; i < count; i++) {
		int cap = caps_from_name(names[i]);

		if (cap < 0)
			return err_msg(
				err, EINVAL,
				"%s.capabilities.%s[%zu]: \"%.64s\" is unknown",
				prefix, set, i, names[i]);
		*ret |= UINT64_C(1) << cap;
	}
	return 0;
}

/* No capabilities object: none at all. */
static int take_caps(const Grpc__LinuxCapabilities *from, const char *prefix,
		     struct caps_sets *to, struct err *err)
{
	int r;

	if (!from)
		return 0;
	r = take_cap_set(from->bounding, from->n_bounding, prefix, "bounding",
			 &to->bounding, err);
	if (r == 0)
		r = take_cap_set(from->effective, from->n_effective, prefix,
				 "effective", &to->effective, err);
	if (r == 0)
		r = take_cap_set(from->inheritable, from->n_inheritable, prefix,
				 "inheritable", &to->inheritable, err);
	if (r == 0)
		r = take_cap_set(from->permitted, from->n_permitted, prefix,
				 "permitted", &to->permitted, err);
	if (r == 0)
		r = take_cap_set(from->ambient, from->n_ambient, prefix,
				 "ambient", &to->ambient, err);
	/* The kernel allows no more; runc drops the rest in silence as well,
	 * and its own template asks for it. */
	to->ambient &= to->permitted & to->inheritable;
	return r;
}

static int take_user(const Grpc__User *user, const char *prefix,
		     struct launch *ret, struct err *err)
{
	if (!user)
		return 0;
	if (user->n_additionalgids > GROUPS_MAX)
		return err_msg(err, EINVAL, "%s.user.additionalGids: too many",
			       prefix);
	if (user->uid == UINT32_MAX || user->gid == UINT32_MAX)
		return err_msg(err, EINVAL, "%s.user: no such id", prefix);
	ret->uid = user->uid;
	ret->gid = user->gid;
	ret->group_count = user->n_additionalgids;
	ret->groups = xcalloc(ret->group_count + 1, sizeof(*ret->groups));
	if (ret->group_count)
		memcpy(ret->groups, user->additionalgids,
		       ret->group_count * sizeof(*ret->groups));
	if (user->has_umask_case == GRPC__USER__HAS_UMASK_UMASK) {
		if (user->umask > 0777)
			return err_msg(err, EINVAL, "%s.user.umask: above 0777",
				       prefix);
		ret->has_umask = true;
		ret->umask = user->umask;
	}
	return 0;
}

static int take_console(const Grpc__Process *process, const char *prefix,
			struct launch *ret, struct err *err)
{
	const Grpc__Box *box = process->consolesize;

	ret->terminal = process->terminal;
	if (!box)
		return 0;
	if (box->height > UINT16_MAX || box->width > UINT16_MAX)
		return err_msg(err, EINVAL, "%s.consoleSize: too large", prefix);
	ret->rows = (uint16_t)box->height;
	ret->columns = (uint16_t)box->width;
	return 0;
}

static int take_strings(const Grpc__Process *process, const char *prefix,
			struct launch *ret, struct err *err)
{
	if (process->n_args == 0)
		return err_msg(err, EINVAL, "%s.args: must not be empty",
			       prefix);
	if (process->n_args > STRINGS_MAX || process->n_env > STRINGS_MAX)
		return err_msg(err, EINVAL, "%s: too many strings", prefix);
	copy_strings(&ret->args, process->args, process->n_args);
	for (size_t i = 0; i < process->n_env; i++) {
		if (!strchr(process->env[i], '='))
			return err_msg(err, EINVAL, "%s.env[%zu]: has no \"=\"",
				       prefix, i);
		if (strncmp(process->env[i], "HOME=", 5) == 0 &&
		    process->env[i][5])
			ret->has_home = true;
		strv_add(&ret->env, process->env[i]);
	}
	if (process->cwd[0] && process->cwd[0] != '/')
		return err_msg(err, EINVAL, "%s.cwd: must be absolute", prefix);
	ret->cwd = xstrdup(process->cwd[0] ? process->cwd : "/");
	return 0;
}

int launch_from_process(const Grpc__Process *process, const char *prefix,
			struct launch *ret, struct err *err)
{
	int r;

	if (!process)
		return err_msg(err, EINVAL, "%s: is missing", prefix);
	if (process->selinuxlabel[0])
		return err_msg(err, EOPNOTSUPP,
			       "%s.selinuxLabel: no SELinux policy in the guest",
			       prefix);
	if (process->oomscoreadj < -1000 || process->oomscoreadj > 1000)
		return err_msg(err, EINVAL, "%s.oomScoreAdj: out of range",
			       prefix);
	ret->oom_score_adj = process->oomscoreadj;
	ret->no_new_privs = process->nonewprivileges;
	r = take_strings(process, prefix, ret, err);
	if (r == 0)
		r = take_console(process, prefix, ret, err);
	if (r == 0)
		r = take_user(process->user, prefix, ret, err);
	if (r == 0)
		r = take_caps(process->capabilities, prefix, &ret->caps, err);
	if (r == 0)
		r = take_rlimits(process, prefix, ret, err);
	return r;
}

/* --- root and mounts --------------------------------------------------------- */

static int take_root(const Grpc__Root *root, struct launch_root *ret,
		     struct err *err)
{
	static const char prefix[] = AGENT_RUN_DIR "/";

	if (!root || strncmp(root->path, prefix, sizeof(prefix) - 1) != 0 ||
	    !root->path[sizeof(prefix) - 1])
		return err_msg(err, EINVAL,
			       "root.path: must be below " AGENT_RUN_DIR);
	ret->path = xstrdup(root->path + sizeof(prefix) - 1);
	ret->readonly = root->readonly;
	return 0;
}

static int take_mounts(const Grpc__Spec *spec, struct launch_root *ret,
		       struct err *err)
{
	if (spec->n_mounts > MOUNTS_MAX)
		return err_msg(err, EINVAL, "mounts: too many");
	ret->mounts = xcalloc(spec->n_mounts + 1, sizeof(*ret->mounts));
	for (size_t i = 0; i < spec->n_mounts; i++) {
		const Grpc__Mount *from = spec->mounts[i];
		struct mount_request request = {
			.destination = from->destination,
			.source = from->source,
			.type = from->type,
			.options = from->options,
			.option_count = from->n_options,
		};
		char where[32];
		int r;

		snprintf(where, sizeof(where), "mounts[%zu]", i);
		r = mount_plan_parse(&request, where, &ret->mounts[i], err);
		if (r < 0)
			return r;
		ret->mount_count++;
	}
	return 0;
}

/* Devices of the guest's own kernel that harm nobody; all are 'c'. A fifo
 * ('p') is no device at all. */
static const struct {
	unsigned major, minor;
} harmless[] = { { 1, 3 }, { 1, 5 }, { 1, 7 }, { 1, 8 }, { 1, 9 }, { 5, 0 } };

static int take_device(const Grpc__LinuxDevice *from, size_t i,
		       struct launch_device *to, struct err *err)
{
	bool is_char = strcmp(from->type, "c") == 0 ||
		       strcmp(from->type, "u") == 0;
	bool known = strcmp(from->type, "p") == 0;

	to->is_fifo = known;
	for (size_t k = 0; is_char && k < ARRAY_SIZE(harmless); k++)
		known |= from->major == harmless[k].major &&
			 from->minor == harmless[k].minor;
	if (!known)
		return err_msg(
			err, EOPNOTSUPP,
			"linux.devices[%zu]: \"%.64s\" is a device of the host",
			i, from->path);
	if (from->path[0] != '/')
		return err_msg(err, EINVAL,
			       "linux.devices[%zu].path: must be absolute", i);
	to->path = path_normalise(from->path);
	if (strncmp(to->path, "/dev/", 5) != 0)
		return err_msg(err, EOPNOTSUPP,
			       "linux.devices[%zu].path: is not below /dev", i);
	to->major = (unsigned)from->major;
	to->minor = (unsigned)from->minor;
	to->mode = from->filemode ? from->filemode & 0777 : 0666;
	to->uid = from->uid;
	to->gid = from->gid;
	return 0;
}

static int take_devices(const Grpc__Linux *from, struct launch_root *ret,
			struct err *err)
{
	if (from->n_devices > DEVICES_MAX)
		return err_msg(err, EINVAL, "linux.devices: too many");
	ret->devices = xcalloc(from->n_devices + 1, sizeof(*ret->devices));
	for (size_t i = 0; i < from->n_devices; i++) {
		int r = take_device(from->devices[i], i, &ret->devices[i], err);

		ret->device_count++;
		if (r < 0)
			return r;
	}
	return 0;
}

/*
 * Every container gets pid, mount, ipc, uts and cgroup namespaces of its own,
 * asked for or not, and shares the guest's network, which is the sandbox's.
 */
static int check_namespaces(const Grpc__Linux *from, struct err *err)
{
	static const char *const fine[] = { "pid", "mount",  "ipc",
					    "uts", "cgroup", "network" };

	for (size_t i = 0; i < from->n_namespaces; i++) {
		const Grpc__LinuxNamespace *at = from->namespaces[i];
		bool known = false;

		for (size_t k = 0; k < ARRAY_SIZE(fine); k++)
			known |= strcmp(fine[k], at->type) == 0;
		if (!known)
			return err_msg(
				err, EOPNOTSUPP,
				"linux.namespaces[%zu].type: \"%.32s\" is not supported",
				i, at->type);
		if (at->path[0] && strcmp(at->type, "network") != 0)
			return err_msg(
				err, EOPNOTSUPP,
				"linux.namespaces[%zu].path: joining is not supported",
				i);
	}
	return 0;
}

static int check_linux(const Grpc__Linux *from, struct err *err)
{
	if (from->n_uidmappings)
		return err_msg(err, EOPNOTSUPP,
			       "linux.uidMappings: not supported in the guest");
	if (from->n_gidmappings)
		return err_msg(err, EOPNOTSUPP,
			       "linux.gidMappings: not supported in the guest");
	if (from->mountlabel[0])
		return err_msg(
			err, EOPNOTSUPP,
			"linux.mountLabel: no SELinux policy in the guest");
	if (from->intelrdt)
		return err_msg(err, EOPNOTSUPP,
			       "linux.intelRdt: not supported in the guest");
	if (from->n_maskedpaths > PATHS_MAX || from->n_readonlypaths > PATHS_MAX)
		return err_msg(err, EINVAL, "linux.maskedPaths: too many");
	return check_namespaces(from, err);
}

static int check_hooks(const Grpc__Hooks *hooks, struct err *err)
{
	if (hooks && (hooks->n_prestart || hooks->n_poststart ||
		      hooks->n_poststop || hooks->n_createruntime ||
		      hooks->n_createcontainer || hooks->n_startcontainer))
		return err_msg(err, EOPNOTSUPP, "hooks: not run in the guest");
	return 0;
}

static int take_linux(const Grpc__Linux *from, struct launch_root *ret,
		      struct err *err)
{
	int r = check_linux(from, err);

	if (r < 0)
		return r;
	if (mount_propagation_parse(from->rootfspropagation, &ret->propagation,
				    &ret->propagation_recursive) < 0)
		return err_msg(err, EINVAL,
			       "linux.rootfsPropagation: \"%.32s\" is unknown",
			       from->rootfspropagation);
	copy_strings(&ret->masked, from->maskedpaths, from->n_maskedpaths);
	copy_strings(&ret->read_only, from->readonlypaths,
		     from->n_readonlypaths);
	r = take_devices(from, ret, err);
	for (size_t i = 0; r == 0 && i < from->n_sysctl; i++)
		r = sysctl_parse(from->sysctl[i]->key, from->sysctl[i]->value,
				 &ret->sysctl_path, &ret->sysctl_value, err);
	return r;
}

static int take_name(const char *name, const char *where, char **ret,
		     struct err *err)
{
	if (!*name)
		return 0;
	if (strlen(name) > 64)
		return err_msg(err, EINVAL, "%s: longer than 64 bytes", where);
	*ret = xstrdup(name);
	return 0;
}

int launch_root_from_spec(const Grpc__Spec *spec, struct launch_root *ret,
			  struct err *err)
{
	int r = check_hooks(spec->hooks, err);

	if (r == 0 && (spec->solaris || spec->windows))
		r = err_msg(err, EOPNOTSUPP,
			    "solaris, windows: not this system");
	if (r == 0)
		r = take_root(spec->root, ret, err);
	if (r == 0)
		r = take_name(spec->hostname, "hostname", &ret->hostname, err);
	if (r == 0)
		r = take_name(spec->domainname, "domainname", &ret->domainname,
			      err);
	if (r == 0)
		r = take_mounts(spec, ret, err);
	if (r < 0)
		return r;
	if (!spec->linux_)
		return err_msg(err, EINVAL, "linux: is missing");
	return take_linux(spec->linux_, ret, err);
}

void launch_done(struct launch *launch)
{
	struct launch_root *root = &launch->root;

	strv_done(&launch->args);
	strv_done(&launch->env);
	free(launch->cwd);
	free(launch->groups);
	free(launch->rlimits);
	free(root->path);
	for (size_t i = 0; i < root->mount_count; i++)
		mount_plan_done(&root->mounts[i]);
	free(root->mounts);
	for (size_t i = 0; i < root->device_count; i++)
		free(root->devices[i].path);
	free(root->devices);
	strv_done(&root->masked);
	strv_done(&root->read_only);
	free(root->hostname);
	free(root->domainname);
	strv_done(&root->sysctl_path);
	strv_done(&root->sysctl_value);
}
