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
 *   confine  Should: small limits, no capability in any set, no_new_privs,
 *            filter. Mustn't: leave a way to open, mount, fork or execute.
 *            Still works after: the open descriptors, accept, epoll, memory.
 *
 * Only after the last stage is a byte of the guest read.
 *
 * #syscalls:shim/start setsid prctl prlimit64 openat readlink
 * #caps:shim/start cap_sys_admin cap_sys_chroot - mounts, pivot_root, setns
 * #files:shim share/kata/seccomp/shim.bpf r - the filter
 */
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "auto.h"
#include "caps.h"
#include "path.h"
#include "seccomp.h"
#include "shim.h"

#define FILTER_BYTES_MAX (64u << 10)

static int limit(int resource, rlim_t value, const char *name, struct err *err)
{
	struct rlimit both = { .rlim_cur = value, .rlim_max = value };

	if (setrlimit(resource, &both) < 0)
		return err_set(err, errno, "limit %s", name);
	return 0;
}

/**
 * privs_start() - First stage: what must be so before anything is read
 * @err:	Filled on failure
 *
 * The session is ours, so that the pty's slave can become the controlling
 * terminal and so that an engine that kills the process group meets only us.
 *
 * Return: 0 or -errno
 */
int privs_start(struct err *err)
{
	if (setsid() < 0 && getsid(0) != getpid())
		return err_set(err, errno, "start a session");
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return err_set(err, errno, "become undumpable");
	if (prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0) < 0)
		return err_set(err, errno, "clear the parent-death signal");
	/* Or the first log line would read a file of the container's root. */
	if (setenv("TZ", "UTC0", 1) < 0)
		return err_set(err, errno, "set the time zone");
	tzset();
	umask(022);
	return limit(RLIMIT_CORE, 0, "core", err);
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
 * privs_seccomp_open() - Open our filter beside the program
 * @err:	Filled on failure
 *
 * Used when the runtime did not pass it. The way leads over /proc/self/exe,
 * so it works only before the mirror is built.
 *
 * Return: descriptor, or -errno
 */
int privs_seccomp_open(struct err *err)
{
	static const char own[] = "libexec/kata/kata-shim";
	char exe[4096];
	ssize_t len = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	AUTO_FREE char *path = NULL;
	char *tail;
	int fd;

	if (len < 0)
		return err_set(err, errno, "read /proc/self/exe");
	exe[len] = '\0';
	tail = strstr(exe, own);
	if (!tail || tail[sizeof(own) - 1] != '\0')
		return err_msg(err, ENOENT,
			       "seccomp filter: %s is not installed as %s", exe,
			       own);
	*tail = '\0';
	path = xasprintf("%sshare/kata/seccomp/shim.bpf", exe);
	fd = path_open_trusted(path, err);
	return fd < 0 ? err_wrap(err, "seccomp filter") : fd;
}

static int limits_apply(struct err *err)
{
	int r;

	r = limit(RLIMIT_NOFILE, 64, "nofile", err);
	if (r == 0)
		r = limit(RLIMIT_NPROC, 0, "nproc", err);
	if (r == 0)
		r = limit(RLIMIT_MEMLOCK, 0, "memlock", err);
	if (r == 0)
		r = limit(RLIMIT_MSGQUEUE, 0, "msgqueue", err);
#ifndef __SANITIZE_ADDRESS__
	/* Far above need; a bug that follows guest bytes ends here. */
	if (r == 0)
		r = limit(RLIMIT_DATA, 96u << 20, "data", err);
#endif
	return r;
}

/**
 * privs_confine() - Last stage: give everything up
 * @seccomp_fd:	Compiled filter
 * @err:	Filled on failure
 *
 * Return: 0 or -errno; after a failure the caller must end
 */
int privs_confine(int seccomp_fd, struct err *err)
{
	AUTO_FREE char *bpf = NULL;
	size_t len;
	int r;

	if (fd_read_text(seccomp_fd, FILTER_BYTES_MAX, &bpf, &len, err) < 0)
		return err_wrap(err, "seccomp filter");
	r = limits_apply(err);
	if (r < 0)
		return r;
	/* Before the capabilities go: dropping the bounding set needs one. */
	r = caps_drop_all(err);
	if (r < 0)
		return err_wrap(err, "drop capabilities");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_set(err, errno, "set no_new_privs");
	r = seccomp_filter_load(bpf, len, 0, err);
	if (r < 0)
		return err_wrap(err, "seccomp filter");
	return 0;
}
