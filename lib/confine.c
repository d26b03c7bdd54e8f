// SPDX-License-Identifier: Apache-2.0
/*
 * confine.c - how kata-proxy and kata-shim give up their rights; see confine.h.
 *
 * Runs in both before they read a byte of the guest; they have every
 * capability of their user namespace until confine_rights(). Nothing here is
 * hostile: it all comes from the kernel.
 *
 * What is not here, and why: no session keyring of their own (it would count
 * against the user's few keys, and no filter of ours allows a key call), no
 * limit on file size (an engine's stdout may be a file, the log is one).
 *
 * #caps:proxy/confine setpcap setgid - bounding set, groups
 * #caps:shim/confine setpcap setgid - bounding set, groups
 * #files:proxy/start /proc/self/setgroups r - may groups be dropped here
 * #files:shim/start /proc/self/setgroups r - may groups be dropped here
 * #syscalls:proxy/start setsid prctl prlimit64
 * #syscalls:proxy/apart unshare newfstatat
 * #syscalls:proxy/confine setgroups capset prctl prlimit64 seccomp
 * #syscalls:proxy/confine landlock_create_ruleset landlock_restrict_self
 * #syscalls:shim/confine setgroups capset prctl prlimit64 seccomp
 * #syscalls:shim/confine landlock_create_ruleset landlock_restrict_self
 */
#include "confine.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/securebits.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auto.h"
#include "caps.h"
#include "fd.h"
#include "hooks.h"
#include "landlock.h"
#include "seccomp.h"

#define FILTER_BYTES_MAX (64u << 10)
/* Whatever this makes of uid 0 and of execve(2), it is for good. */
#define SECURE_BITS                                                            \
	(SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |       \
	 SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED |             \
	 SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED)

int confine_limits(const struct confine_limit *limits, size_t count,
		   struct err *err)
{
	for (size_t i = 0; i < count && !hook_is_broken("rlimits"); i++) {
		rlim_t value = limits[i].value;
		struct rlimit both = { .rlim_cur = value, .rlim_max = value };
		struct rlimit now;

		if (setrlimit(limits[i].resource, &both) < 0 ||
		    getrlimit(limits[i].resource, &now) < 0)
			return err_set(err, errno, "limit %s", limits[i].name);
		if (now.rlim_cur != value || now.rlim_max != value)
			return err_msg(err, EPERM, "limit %s was not taken",
				       limits[i].name);
	}
	return 0;
}

/* user_namespaces(7): "deny" where a map was written without the right to. */
static int read_setgroups(bool *ret_fixed, struct err *err)
{
	AUTO_FD int fd = open("/proc/self/setgroups", O_RDONLY | O_CLOEXEC);
	char text[16] = "";
	ssize_t n;

	if (fd < 0)
		return err_set(err, errno, "open /proc/self/setgroups");
	n = fd_read_full(fd, text, sizeof(text) - 1);
	if (n < 0)
		return err_set(err, (int)-n, "read /proc/self/setgroups");
	*ret_fixed = strcmp(text, "deny\n") == 0;
	return 0;
}

static bool is_undumpable(void)
{
	return prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 ||
	       hook_is_broken("dumpable");
}

int confine_start(struct confine *confine, struct err *err)
{
	static const struct confine_limit core = { RLIMIT_CORE, 0, "core" };

	if (setsid() < 0 && getsid(0) != getpid())
		return err_set(err, errno, "start a session");
	if (prctl(PR_SET_DUMPABLE, hook_is_broken("dumpable"), 0, 0, 0) < 0)
		return err_set(err, errno, "become undumpable");
	if (!is_undumpable())
		return err_msg(err, EPERM, "still dumpable");
	if (confine_limits(&core, 1, err) < 0)
		return -err->code;
	return read_setgroups(&confine->groups_fixed, err);
}

int confine_namespaces(int flags, struct err *err)
{
	static const struct {
		int flag;
		const char *path;
	} known[] = {
		{ CLONE_NEWNS, "/proc/self/ns/mnt" },
		{ CLONE_NEWNET, "/proc/self/ns/net" },
		{ CLONE_NEWIPC, "/proc/self/ns/ipc" },
		{ CLONE_NEWUTS, "/proc/self/ns/uts" },
		{ CLONE_NEWCGROUP, "/proc/self/ns/cgroup" },
	};
	struct stat before[ARRAY_SIZE(known)], after;

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (hook_is_broken(known[i].path + sizeof("/proc/self/ns")))
			flags &= ~known[i].flag;
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if ((flags & known[i].flag) &&
		    stat(known[i].path, &before[i]) < 0)
			return err_set(err, errno, "look at %s", known[i].path);
	if (unshare(flags) < 0)
		return err_set(err, errno, "unshare namespaces");
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (!(flags & known[i].flag))
			continue;
		if (stat(known[i].path, &after) < 0)
			return err_set(err, errno, "look at %s", known[i].path);
		if (after.st_ino == before[i].st_ino)
			return err_msg(err, EPERM, "%s is the old one",
				       known[i].path);
	}
	return 0;
}

static int drop_groups(const struct confine *confine, struct err *err)
{
	if (confine->groups_fixed || hook_is_broken("groups"))
		return 0;
	if (setgroups(0, NULL) < 0)
		return err_set(err, errno, "drop groups");
	if (getgroups(0, NULL) != 0)
		return err_msg(err, EPERM, "groups are left");
	return 0;
}

static int take_landlock(struct confine *confine, struct err *err)
{
	int abi;

	if (hook_is_broken("landlock"))
		return 0;
	/* The signal that children asked for at a parent's end is the parent's
	 * as the kernel sees it, and they were born before its domain was. */
	abi = landlock_restrict(
		NULL, 0, confine->parent ? LANDLOCK_KEEP_SIGNALS : 0, err);
	if (abi < 0)
		return abi;
	confine->landlock = (uint32_t)abi;
	return 0;
}

int confine_rights(struct confine *confine, struct err *err)
{
	if (drop_groups(confine, err) < 0)
		return -err->code;
	/* Both need a capability; caps_drop_all() reads its work back. */
	if (prctl(PR_SET_SECUREBITS, SECURE_BITS, 0, 0, 0) < 0)
		return err_set(err, errno, "set securebits");
	if (prctl(PR_GET_SECUREBITS, 0, 0, 0, 0) != SECURE_BITS)
		return err_msg(err, EPERM, "securebits were not taken");
	if (!hook_is_broken("caps") && caps_drop_all(err) < 0)
		return err_wrap(err, "drop capabilities");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_set(err, errno, "set no_new_privs");
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		return err_msg(err, EPERM, "no_new_privs was not taken");
	if (take_landlock(confine, err) < 0)
		return -err->code;
	/* A change of ids would have set it again. */
	if (!is_undumpable())
		return err_msg(err, EPERM, "dumpable again");
	return 0;
}

int confine_filter(int fd, struct err *err)
{
	AUTO_FREE char *bpf = NULL;
	size_t len;

	if (hook_is_broken("seccomp"))
		return 0;
	if (fd_read_text(fd, FILTER_BYTES_MAX, &bpf, &len, err) < 0 ||
	    seccomp_filter_load(bpf, len, 0, err) < 0)
		return err_wrap(err, "seccomp filter");
	return 0;
}
