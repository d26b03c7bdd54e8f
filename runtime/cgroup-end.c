// SPDX-License-Identifier: Apache-2.0
/*
 * cgroup-end.c - who is in a sandbox's host cgroups, and their end; in
 * kata-runtime. Rights: what the caller has. What a cgroup's files say is the
 * kernel's; the numbers in them may be another process's a moment later, hence
 * the pidfds.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "auto.h"
#include "cgroup.h"
#include "child.h"
#include "num.h"
#include "path.h"

#define PROCS_MAX (1u << 20)
#define KILL_TRIES 20
#define REMOVE_TRIES 250 /* 20 ms apart */

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

/* The processes of one directory; -ENOENT: there is none such. */
static int read_procs(const char *dir, char **ret, struct err *err)
{
	AUTO_FREE char *path = xasprintf("%s/cgroup.procs", dir);

	return path_read_file(AT_FDCWD, path, PROCS_MAX, ret, err);
}

static bool has_pid(const char *procs, pid_t pid)
{
	AUTO_FREE char *copy = xstrdup(procs);
	char *save = NULL;
	uint32_t number;

	for (char *at = strtok_r(copy, "\n", &save); at;
	     at = strtok_r(NULL, "\n", &save))
		if (num_parse_u32(at, INT32_MAX, &number) == 0 &&
		    (pid_t)number == pid)
			return true;
	return false;
}

int cgroup_check(const struct strv *dirs, pid_t pid, const char *what,
		 struct err *err)
{
	for (size_t i = 0; i < dirs->count; i++) {
		AUTO_FREE char *procs = NULL;

		if (read_procs(dirs->item[i], &procs, err) < 0)
			return err_wrap(err, "cgroup");
		if (!has_pid(procs, pid))
			return err_msg(
				err, EPERM,
				"cgroup: %s (pid %d) is not in %s, where all of the sandbox is",
				what, pid, dirs->item[i]);
	}
	return 0;
}

/* Only what is in there still once we hold on to it. */
static void kill_member(const char *dir, pid_t pid)
{
	AUTO_FREE char *procs = NULL;
	struct err ignored = ERR_INIT;
	AUTO_FD int fd = pidfd_open_checked(pid, &ignored);

	if (fd < 0 || read_procs(dir, &procs, &ignored) < 0 ||
	    !has_pid(procs, pid))
		return;
	IGNORE(syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0) < 0,
	       "it has ended, or the directory's removal fails and says so");
}

/* Return: how many were there besides us. */
static size_t kill_members(const char *dir, const char *procs)
{
	AUTO_FREE char *copy = xstrdup(procs);
	char *save = NULL;
	size_t count = 0;
	uint32_t pid;

	for (char *at = strtok_r(copy, "\n", &save); at;
	     at = strtok_r(NULL, "\n", &save)) {
		/* 0: a process of a pid namespace that we cannot see */
		if (num_parse_u32(at, INT32_MAX, &pid) < 0 || pid == 0 ||
		    (pid_t)pid == getpid())
			continue;
		kill_member(dir, (pid_t)pid);
		count++;
	}
	return count;
}

static void kill_in(const char *dir)
{
	const struct timespec pause = { 0, 5000000 };
	AUTO_FREE char *file = xasprintf("%s/cgroup.kill", dir);

	for (int i = 0; i < KILL_TRIES; i++) {
		AUTO_FREE char *procs = NULL;
		struct err err = ERR_INIT;

		if (read_procs(dir, &procs, &err) < 0)
			return;
		/* v2 since Linux 5.14: all at once, those below as well. */
		if (!has_pid(procs, getpid()) && access(file, W_OK) == 0 &&
		    path_write_file(AT_FDCWD, file, "1", &err) == 0)
			return;
		if (kill_members(dir, procs) == 0)
			return;
		nanosleep(&pause, NULL);
	}
}

void cgroup_kill(const struct strv *dirs)
{
	for (size_t i = 0; i < dirs->count; i++)
		kill_in(dirs->item[i]);
}

/* One that was planned and never made: whatever rmdir says of it. */
static bool is_absent(const char *dir, int code)
{
	return code == ENOENT || (access(dir, F_OK) < 0 && errno == ENOENT);
}

static int remove_dir(const char *dir, bool ours, struct err *err)
{
	const struct timespec pause = { 0, 20000000 };
	/* A thousand processes that were killed take seconds to go. */
	int tries = ours ? REMOVE_TRIES : REMOVE_TRIES / 5;

	while (rmdir(dir) < 0) {
		int code = errno;

		if (is_absent(dir, code))
			break;
		if (code == EBUSY && tries-- > 0)
			nanosleep(&pause, NULL);
		else if (code == EBUSY && !ours)
			break; /* somebody else's, who still uses it */
		else
			return err_set(err, code, "remove cgroup %s", dir);
	}
	return 0;
}

int cgroup_remove(const struct strv *dirs, const struct strv *made,
		  struct err *err)
{
	for (size_t i = 0; i < made->count; i++)
		if (remove_dir(made->item[i], true, err) < 0)
			return -err->code;
	for (size_t i = 0; i < dirs->count; i++)
		if (!strv_has(made, dirs->item[i]) &&
		    remove_dir(dirs->item[i], false, err) < 0)
			return -err->code;
	return 0;
}
