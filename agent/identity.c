// SPDX-License-Identifier: Apache-2.0
/*
 * identity.c - limits, ids, capabilities, no_new_privs and the filter of a
 * process. Runs in the forked child; starts as guest root and ends with what
 * the spec gives. Every call is checked: a set that cannot be had ends the
 * start.
 *
 * #caps:agent/setup setuid setgid setpcap sys_resource - what the spec gives
 * #caps:agent/setup sys_admin - a filter without no_new_privs
 * #syscalls:agent/setup prctl setgroups setresgid setresuid capset seccomp prlimit64
 */
#include "setup.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "auto.h"
#include "hooks.h"
#include "path.h"
#include "seccomp.h"

int identity_limits(const struct launch *launch, struct err *err)
{
	const struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	long long oom = launch->oom_score_adj + hook_is_broken("oom");
	AUTO_FREE char *text = xasprintf("%lld", oom);
	int r = path_write_file(launch->proc_fd, "self/oom_score_adj", text,
				err);

	if (r < 0)
		return err_wrap(err, "process.oomScoreAdj");
	if (setrlimit(RLIMIT_NOFILE, &launch->nofile) < 0)
		return err_set(err, errno, "RLIMIT_NOFILE");
	/* For a helper: sync.c sets it on the process that is meant. */
	if (launch->by_helper && setrlimit(RLIMIT_NPROC, &unlimited) < 0)
		return err_set(err, errno, "RLIMIT_NPROC");
	for (size_t i = 0; i < launch->rlimit_count; i++) {
		if ((launch->by_helper &&
		     launch->rlimits[i].resource == RLIMIT_NPROC) ||
		    hook_is_broken("rlimits"))
			continue;
		if (setrlimit((__rlimit_resource_t)launch->rlimits[i].resource,
			      &launch->rlimits[i].value) < 0)
			return err_set(err, errno, "process.rlimits[%zu]", i);
	}
	return 0;
}

/*
 * seccomp-profiles/guest/floor.json, compiled when the agent was: what no
 * profile of an engine, and none at all, can give a container.
 */
static const struct sock_filter seccomp_floor[] = {
#include "guest-floor.inc"
};

/* floor-devices.json: for whoever may not use every device. */
static const struct sock_filter seccomp_floor_devices[] = {
#include "guest-floor-devices.inc"
};

/* Without no_new_privs a filter can be loaded by CAP_SYS_ADMIN alone. */
static bool loads_as_admin(const struct launch *launch)
{
	return !launch->no_new_privs || hook_is_broken("nnp");
}

/*
 * The floors first: a profile may forbid to load another filter. Whether
 * speculation is to be held back is for the profile to say.
 */
static int load_filters(const struct launch *launch, struct err *err)
{
	int r = 0;

	if (!hook_is_broken("floor"))
		r = seccomp_filter_load(seccomp_floor, sizeof(seccomp_floor),
					SECCOMP_FILTER_FLAG_SPEC_ALLOW, err);
	if (r == 0 && !launch->every_device && !hook_is_broken("floor-devices"))
		r = seccomp_filter_load(seccomp_floor_devices,
					sizeof(seccomp_floor_devices),
					SECCOMP_FILTER_FLAG_SPEC_ALLOW, err);
	if (r == 0 && launch->bpf && !hook_is_broken("profile"))
		r = seccomp_filter_load(launch->bpf, launch->bpf_len,
					launch->bpf_flags, err);
	return r;
}

static int change_ids(const struct launch *launch, struct err *err)
{
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
		return err_set(err, errno, "keep capabilities");
	if (setgroups(hook_is_broken("groups") ? 0 : launch->group_count,
		      launch->groups) < 0)
		return err_set(err, errno, "process.user.additionalGids");
	if (setresgid(launch->gid, launch->gid, launch->gid) < 0)
		return err_set(err, errno, "process.user.gid");
	if (setresuid(launch->uid, launch->uid, launch->uid) < 0)
		return err_set(err, errno, "process.user.uid");
	if (prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) < 0)
		return err_set(err, errno, "keep capabilities");
	return 0;
}

/**
 * identity_apply() - Become the user, with the capabilities of the spec
 * @launch:	What to become
 * @err:	Filled on failure
 *
 * Keeps CAP_SYS_ADMIN one step longer where identity_confine() needs it.
 * Return: 0 or -errno
 */
int identity_apply(const struct launch *launch, struct err *err)
{
	struct caps_sets sets = launch->caps;
	int r = hook_is_broken("bounding") ? 0 : caps_bound(sets.bounding, err);

	if (r == 0)
		r = change_ids(launch, err);
	if (r < 0)
		return r;
	if (loads_as_admin(launch)) {
		sets.permitted |= UINT64_C(1) << CAP_SYS_ADMIN;
		sets.effective |= UINT64_C(1) << CAP_SYS_ADMIN;
	}
	return caps_apply(&sets, err);
}

/**
 * identity_confine() - no_new_privs and seccomp; nothing follows but exec
 * @launch:	What to become
 * @err:	Filled on failure
 *
 * Return: 0 or -errno
 */
int identity_confine(const struct launch *launch, struct err *err)
{
	int r;

	if (launch->no_new_privs && !hook_is_broken("nnp") &&
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_set(err, errno, "no_new_privs");
	r = load_filters(launch, err);
	if (r == 0 && loads_as_admin(launch))
		r = caps_apply(&launch->caps, err);
	return r;
}
