// SPDX-License-Identifier: Apache-2.0
/*
 * identity.c - the jail's own id. Should: leave no id, no group and no
 * capability of the caller. Mustn't: run before mounts and user namespace are
 * made, which need them. The file server keeps the number 0, but enters its own
 * user namespace, beyond which that number and its capabilities mean nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auto.h"
#include "hooks.h"
#include "path.h"
#include "userns.h"

#include "jail.h"

#define KVM "/dev/kvm"
#define MAP_MAX (64 * 1024)
#define NO_ID 65534 /* how an unmapped group shows */

/*
 * Groups the jail needs to open /dev/kvm by path: none where others may open
 * it; its group where that has a number here; all of the caller's where the
 * group is unmapped, as in a rootless session: an unmapped one cannot be
 * chosen, only kept. The jail's file system hides what else they would open.
 */
static int set_groups(const struct jail *jail, const struct stat *kvm,
		      struct err *err)
{
	gid_t group;
	size_t count = 0;

	if (kvm && !(kvm->st_mode & S_IWOTH) && (kvm->st_mode & S_IWGRP)) {
		group = kvm->st_gid;
		if (group == NO_ID)
			return 0;
		count = 1;
	}
	if (hook_is_broken("groups")) {
		group = jail->uid - 1;
		count = 1;
	}
	if (setgroups(count, &group) < 0)
		return err_set(err, errno, "set supplementary groups");
	return 0;
}

static int set_ids(const struct jail *jail, struct err *err)
{
	uid_t ids[3];
	uid_t uid = jail->uid;

	if (hook_is_broken("uid"))
		return 0;
	if (setresgid(uid, uid, uid) < 0)
		return err_set(err, errno, "take gid %u", uid);
	if (setresuid(uid, uid, uid) < 0)
		return err_set(err, errno, "take uid %u", uid);
	if (getresuid(&ids[0], &ids[1], &ids[2]) < 0 || ids[0] != uid ||
	    ids[1] != uid || ids[2] != uid || setuid(0) == 0)
		return err_msg(err, EPERM, "uid %u did not stick", uid);
	return 0;
}

/* The option must not weaken a jail that could have had an id of its own. */
static int check_single(struct err *err)
{
	static const char *const file[] = { "/proc/self/uid_map",
					    "/proc/self/gid_map" };

	for (size_t i = 0; i < ARRAY_SIZE(file); i++) {
		AUTO_FREE char *map = NULL;

		if (path_read_file(AT_FDCWD, file[i], MAP_MAX, &map, err) < 0)
			return -err->code;
		if (userns_map_is_single(map))
			return 0;
	}
	return err_msg(err, EPERM,
		       "--single-id: this user namespace has more than one id");
}

/*
 * With a single id the kernel may deny setgroups(2) to the whole namespace: the
 * caller's groups stay then, which the verifier expects and reports.
 */
static int drop_groups(const struct jail *jail, struct err *err)
{
	if (setgroups(0, NULL) < 0 && !(jail->single_id && errno == EPERM))
		return err_set(err, errno, "set supplementary groups");
	return 0;
}

/* From here on nothing of the caller's user namespace can be touched. */
static int enter_userns(const struct jail *jail, struct err *err)
{
	if (drop_groups(jail, err) < 0)
		return -err->code;
	if (hook_is_broken("user"))
		return 0;
	if (setns(jail->userns_fd, CLONE_NEWUSER) < 0)
		return err_set(err, errno,
			       "enter the file server's user namespace");
	if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
		return err_set(err, errno, "take id 0 of the user namespace");
	return 0;
}

/*
 * Where 0 is the only id bubblewrap starts as 0 with capabilities, as it does
 * for the file server: its monitor and the program end up with none, and the
 * verifier reads the program back.
 */
static int take_identity(const struct jail *jail, const struct stat *kvm,
			 struct err *err)
{
	int r;

	if (jail->single_id && check_single(err) < 0)
		return -err->code;
	if (jail->policy->identity == POLICY_ID_WHOLE_MAP)
		return enter_userns(jail, err);
	if (jail->single_id)
		return drop_groups(jail, err);
	r = set_groups(jail, kvm, err);
	return r < 0 ? r : set_ids(jail, err);
}

/* The id change cleared the signal, and the parent may have died before. */
static int rearm_death(const struct jail *jail, struct err *err)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return err_set(err, errno, "arm the parent-death signal");
	if (getppid() != jail->parent)
		return err_msg(err, ESRCH, "the parent has ended");
	return 0;
}

/**
 * identity_apply() - Take the sandbox's id
 * @jail:	With policy and, for an own identity, the id
 * @err:	Filled on failure
 *
 * Return: 0 or -errno
 *
 * #syscalls:jailer/identity setgroups setresgid setresuid setns prctl capset
 * #caps:jailer/identity setuid setgid - own id of the sandbox
 */
int identity_apply(const struct jail *jail, struct err *err)
{
	bool wants_kvm = policy_has_device(jail->policy, KVM);
	bool own = jail->policy->identity == POLICY_ID_OWN;
	struct stat kvm;
	int r;

	if (jail->single_id && jail->has_uid)
		return err_msg(err, EINVAL,
			       "--uid and --single-id exclude each other");
	if (own && !jail->single_id && (!jail->has_uid || jail->uid == 0))
		return err_msg(
			err, EINVAL,
			"--uid: this jail needs an id of its own, other than 0");
	if (!own && jail->has_uid)
		return err_msg(err, EINVAL,
			       "--uid: this jail has no id of its own");
	if (wants_kvm && stat(JAIL_STAGE "/kvm", &kvm) < 0)
		return err_set(err, errno, "stat " KVM);
	r = take_identity(jail, wants_kvm ? &kvm : NULL, err);
	if (r == 0)
		r = rearm_death(jail, err);
	if (r < 0)
		return r;
	if (wants_kvm && access(JAIL_STAGE "/kvm", R_OK | W_OK) < 0)
		return err_set(
			err, errno,
			KVM ": uid %u of the jail may not use it (mode "
			    "%04o); add the caller to its group, or choose TCG",
			jail->uid, kvm.st_mode & 07777);
	return 0;
}
