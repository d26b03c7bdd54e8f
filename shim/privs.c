// SPDX-License-Identifier: Apache-2.0
/*
 * privs.c - the rights of kata-shim, stage by stage.
 *
 * Runs in kata-shim, which starts with every capability of its user namespace
 * (never the initial one's for an ordinary user) because it builds a mount
 * namespace. The order matters:
 *
 *   start    nothing trusted is lost yet. Should: own session, not dumpable,
 *            no core, a fixed time zone. Mustn't: open anything hostile.
 *   (mirror.c, tty.c: mounts, pivot; or privs_join() for an exec)
 *   confine  Should: small limits, no group, no capability in any set and no
 *            way back to one, no_new_privs, filter. Mustn't: leave a way to
 *            open, mount, fork or execute. Still works after: the open
 *            descriptors, accept, epoll, memory.
 *
 * Only after the last stage is a byte of the guest read.
 *
 * #stages:shim start root confine steady
 * #holds:shim ids: 0
 * #holds:shim groups: none
 * #holds:shim capabilities: none
 * #holds:shim securebits: locked
 * #holds:shim no_new_privs: yes
 * #holds:shim filters: 1 (shim)
 * #holds:shim namespaces: own mnt pid ipc uts; container's net cgroup; shared user
 * #holds:shim dumpable: no
 * #holds:shim root: a mirror of the container's
 * #syscalls:shim/start prctl umask
 * #syscalls:shim/root setns chdir
 * #caps:shim/root sys_admin sys_chroot - an exec enters its container's mounts
 */
#include <errno.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "shim.h"

/**
 * privs_start() - First stage: what must be so before anything is read
 * @confine:	Filled, for privs_confine()
 * @err:	Filled on failure
 *
 * The session is ours, so that the pty's slave can become the controlling
 * terminal and so that an engine that kills the process group meets only us.
 *
 * Return: 0 or -errno
 */
int privs_start(struct confine *confine, struct err *err)
{
	if (confine_start(confine, err) < 0)
		return -err->code;
	if (prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0) < 0)
		return err_set(err, errno, "clear the parent-death signal");
	/* Or the first log line would read a file of the container's root. */
	if (setenv("TZ", "UTC0", 1) < 0)
		return err_set(err, errno, "set the time zone");
	tzset();
	umask(022);
	return 0;
}

/**
 * privs_join() - Enter the mount namespace of the container's shim
 * @mntns_fd:	Namespace descriptor that the runtime opened
 * @err:	Filled on failure
 *
 * An exec is a namespace handle as well. After this no path of the host can
 * be named.
 *
 * Return: 0 or -errno
 */
int privs_join(int mntns_fd, struct err *err)
{
	if (setns(mntns_fd, CLONE_NEWNS) < 0)
		return err_set(err, errno,
			       "enter the container's mount namespace");
	if (chdir("/") < 0)
		return err_set(err, errno, "go to the container's root");
	return 0;
}

/**
 * privs_confine() - Last stage: give everything up
 * @confine:	From privs_start(); what Landlock gave is added
 * @seccomp_fd:	Compiled filter
 * @err:	Filled on failure
 *
 * Return: 0 or -errno; after a failure the caller must end
 */
int privs_confine(struct confine *confine, int seccomp_fd, struct err *err)
{
	static const struct confine_limit limits[] = {
		{ RLIMIT_NOFILE, 64, "nofile" },
		{ RLIMIT_NPROC, 0, "nproc" },
		{ RLIMIT_MEMLOCK, 0, "memlock" },
		{ RLIMIT_MSGQUEUE, 0, "msgqueue" },
#ifndef __SANITIZE_ADDRESS__
		/* Far above need; a bug that follows guest bytes ends here. */
		{ RLIMIT_DATA, 96u << 20, "data" },
#endif
	};

	if (confine_limits(limits, ARRAY_SIZE(limits), err) < 0 ||
	    confine_rights(confine, err) < 0)
		return -err->code;
	return confine_filter(seccomp_fd, err);
}
