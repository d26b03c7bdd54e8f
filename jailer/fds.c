// SPDX-License-Identifier: Apache-2.0
/*
 * fds.c - what the program inherits. bubblewrap passes every descriptor on,
 * so the jailer closes what it was not told about and lets through only what
 * the policy names. Rights: none.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd.h"
#include "hooks.h"

#include "jail.h"

static bool is_own(const struct jail *jail, int fd)
{
	return fd == jail->info_fd || fd == jail->log_fd || fd == jail->alive_fd;
}

/**
 * fds_close_others() - Close everything behind the named descriptors
 * @named:	How many are named: 3 to 3 + @named - 1
 * @err:	Filled on failure
 *
 * Return: 0 or -errno
 *
 * #syscalls:jailer/start close_range fcntl
 */
int fds_close_others(size_t named, struct err *err)
{
	if (close_range(3 + (unsigned)named, ~0u, 0) < 0)
		return err_set(err, errno, "close other descriptors");
	for (size_t i = 0; i < named; i++)
		if (fd_set_cloexec(3 + (int)i, true) < 0)
			return err_set(err, EBADF, "descriptor %zu of --fds",
				       i + 3);
	return 0;
}

/**
 * fds_check() - Compare the named descriptors with the policy
 * @jail:	With its policy loaded
 * @err:	Filled on failure
 *
 * A directory is never let through, whatever its name: it would lead out of
 * the jail.
 *
 * Return: 0, -EPERM for one the policy does not know, -errno
 */
int fds_check(struct jail *jail, struct err *err)
{
	struct stat st;

	for (size_t i = 0; i < jail->fds.count; i++) {
		int fd = 3 + (int)i;

		if (is_own(jail, fd))
			continue;
		if (!strv_has(&jail->policy->fds, jail->fds.item[i]))
			return err_msg(
				err, EPERM,
				"--fds: the policy does not let %s through",
				jail->fds.item[i]);
		if (fstat(fd, &st) < 0)
			return err_set(err, errno, "descriptor %s",
				       jail->fds.item[i]);
		if (S_ISDIR(st.st_mode))
			return err_msg(err, EPERM, "--fds: %s is a directory",
				       jail->fds.item[i]);
	}
	return 0;
}

/**
 * fds_bind_life() - End with the sandbox, whoever's child we are
 * @jail:	With alive_fd, or -1
 * @err:	Filled on failure
 *
 * A parent-death signal asks whether the dying parent may signal us. The proxy
 * has another id and no capability: it may not (kernel, kill_ok_by_cred). The
 * owner of a descriptor is asked with the rights of the process that set it,
 * which is this one under its final id; it survives execve, and so does the
 * pid, which becomes bubblewrap's monitor. Its own child dies with it by the
 * ordinary way, both having one id.
 *
 * Return: 0, -EPIPE when the sandbox has ended already, -errno
 */
int fds_bind_life(const struct jail *jail, struct err *err)
{
	struct pollfd gone = { .fd = jail->alive_fd };
	int flags;

	if (jail->alive_fd < 0)
		return 0;
	flags = fcntl(jail->alive_fd, F_GETFL);
	if (flags < 0 || fcntl(jail->alive_fd, F_SETOWN, getpid()) < 0 ||
	    fcntl(jail->alive_fd, F_SETSIG, SIGKILL) < 0 ||
	    fcntl(jail->alive_fd, F_SETFL, flags | O_ASYNC) < 0)
		return err_set(err, errno, "bind to the sandbox's life");
	if (poll(&gone, 1, 0) < 0)
		return err_set(err, errno, "look at the sandbox's life");
	if (gone.revents)
		return err_msg(err, EPIPE, "the sandbox has ended");
	return 0;
}

/*
 * bwrap closes the first three itself once it has read or written them;
 * kata-jail-exec the next ones.
 */
static int keep(int fd)
{
	return fd < 0 ? 0 : fd_set_cloexec(fd, false);
}

/**
 * fds_mark() - Take close-on-exec from what bwrap and the program need
 * @jail:	Complete
 * @err:	Filled on failure
 *
 * Return: 0 or -errno
 */
int fds_mark(const struct jail *jail, struct err *err)
{
	int r = keep(jail->info_fd);

	if (r == 0)
		r = keep(jail->alive_fd);
	if (r == 0)
		r = keep(jail->args_fd);
	if (r == 0)
		r = keep(jail->seccomp_fd);
	if (r == 0)
		r = keep(jail->landlock_fd);
	if (r == 0)
		r = keep(jail->report_fd);
	for (size_t i = 0; r == 0 && i < jail->fds.count; i++)
		if (!is_own(jail, 3 + (int)i))
			r = keep(3 + (int)i);
	if (hook_is_broken("fds"))
		r = open("/", O_RDONLY | O_DIRECTORY) < 0 ? -errno : r;
	return r < 0 ? err_set(err, -r, "keep descriptors") : 0;
}
