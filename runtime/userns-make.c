// SPDX-License-Identifier: Apache-2.0
/*
 * userns-make.c - a user namespace with the caller's subordinate ids, in
 * kata-runtime of a plain user. Rights: none; newuidmap and newgidmap, set-uid
 * root and of the distribution, check /etc/subuid and /etc/subgid and write
 * the maps. They are run by absolute path, with an empty environment, without
 * any descriptor of ours but a pipe for what they say.
 *
 * A child makes the namespace and waits; this process has it mapped, looks at
 * the maps, takes a descriptor and ends the child. So a failure leaves the
 * caller in its own namespace, able to write its log. The child has a
 * parent-death signal: a killed runtime leaves nothing. No other process of
 * the sandbox needs one for this, because nothing outlives its work here.
 *
 * Hostile: nothing. The user owns the namespace and could make the same one.
 *
 * #syscalls:runtime unshare prctl clone
 * #files:runtime /etc/subuid r - the ranges of a plain user
 * #files:runtime /etc/subgid r - the ranges of a plain user
 */
#include "userns-make.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "auto.h"
#include "fd.h"
#include "foreign.h"
#include "hooks.h"
#include "path.h"

#define TOOL_MS 10000
#define MAP_BYTES_MAX 65536
#define SAID_MAX 4096

void userns_maps_done(struct userns_maps *maps)
{
	id_map_done(&maps->uids);
	id_map_done(&maps->gids);
}

bool userns_maps_single(const struct userns_maps *maps)
{
	return id_map_size(&maps->uids) == 1 || id_map_size(&maps->gids) == 1;
}

/* Whether a file of /proc/sys holds this one digit. */
static bool sysctl_is(const char *path, char digit)
{
	AUTO_FREE char *text = NULL;
	struct err err = ERR_INIT;

	return path_read_file(AT_FDCWD, path, 64, &text, &err) == 0 &&
	       text[0] == digit && !isdigit((unsigned char)text[1]);
}

int userns_refused(int code, const char *what, struct err *err)
{
	if (code == ENOSPC || code == EUSERS ||
	    sysctl_is("/proc/sys/user/max_user_namespaces", '0'))
		return err_msg(
			err, code,
			"%s: the kernel allows no more of them; raise the sysctl "
			"user.max_user_namespaces",
			what);
	if (sysctl_is("/proc/sys/kernel/unprivileged_userns_clone", '0'))
		return err_msg(
			err, code,
			"%s: switched off for ordinary users; set the sysctl "
			"kernel.unprivileged_userns_clone to 1",
			what);
	if (sysctl_is("/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
		      '1'))
		return err_msg(
			err, code,
			"%s: AppArmor forbids it to programs without a profile that "
			"grants userns (the sysctl "
			"kernel.apparmor_restrict_unprivileged_userns is 1); load ours, "
			"share/kata/apparmor/kata-runtime of the installation",
			what);
	return err_set(
		err, code,
		"%s: refused by a seccomp filter, a chroot or a security module of this "
		"session",
		what);
}

/* --- newuidmap and newgidmap --------------------------------------------- */

/* What would make it fail with a word that helps nobody. */
static int check_tool(const char *path, struct err *err)
{
	struct statvfs fs;
	struct stat st;

	if (stat(path, &st) < 0)
		return err_set(
			err, errno,
			"%s is needed for the ids of containers; install the package uidmap "
			"(or shadow-utils)",
			path);
	if (path_check_trusted(path, err) < 0)
		return -err->code;
	if (!(st.st_uid == 0 && (st.st_mode & S_ISUID)) &&
	    getxattr(path, "security.capability", NULL, 0) <= 0)
		return err_msg(
			err, EPERM,
			"%s is neither set-uid root nor has file capabilities: install its "
			"package again, or chmod u+s it",
			path);
	if (statvfs(path, &fs) < 0)
		return err_set(err, errno, "%s", path);
	if (fs.f_flag & ST_NOSUID)
		return err_msg(
			err, EPERM,
			"%s lies on a file system mounted nosuid: it has no rights there; "
			"remount it suid",
			path);
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)
		return err_msg(
			err, EPERM,
			"%s has no rights in a session with no_new_privs: call kata-runtime "
			"without it",
			path);
	return 0;
}

/* The first line of what it said, printable. */
static const char *first_line(char *said)
{
	said[strcspn(said, "\n")] = '\0';
	for (char *at = said; *at; at++)
		if (!isprint((unsigned char)*at))
			*at = '?';
	return *said ? said : "it gave no reason";
}

static int run_tool(const char *path, pid_t pid, const struct id_map *map,
		    struct err *err)
{
	AUTO_FREE char *said = NULL;
	struct strv argv = { 0 };
	int status;

	if (check_tool(path, err) < 0)
		return -err->code;
	strv_add(&argv, path);
	strv_addf(&argv, "%d", pid);
	id_map_args(map, &argv);
	status = foreign_output(path, &argv, NULL, TOOL_MS, SAID_MAX, &said,
				err);
	strv_done(&argv);
	if (status <= 0)
		return status;
	return err_msg(
		err, EPERM,
		"%s failed: %.300s; check the user's ranges in /etc/subuid and /etc/subgid",
		path, first_line(said));
}

/* --- the maps ------------------------------------------------------------- */

/* The kernel lets everyone map their own id, if groups cannot be dropped. */
static int write_single(pid_t pid, const struct userns_maps *maps,
			struct err *err)
{
	const struct {
		const char *file;
		char *text;
	} each[] = {
		{ "setgroups", xstrdup("deny") },
		{ "uid_map", id_map_text(&maps->uids) },
		{ "gid_map", id_map_text(&maps->gids) },
	};
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(each); i++) {
		AUTO_FREE char *path =
			xasprintf("/proc/%d/%s", pid, each[i].file);

		if (r == 0)
			r = path_write_file(AT_FDCWD, path, each[i].text, err);
		free(each[i].text);
	}
	return r;
}

static int read_back(pid_t pid, const char *file, const struct id_map *map,
		     struct err *err)
{
	AUTO_FREE char *path = xasprintf("/proc/%d/%s", pid, file);
	AUTO_FREE char *text = NULL, *found = NULL, *wanted = id_map_text(map);
	struct id_map kernels = { 0 };

	if (path_read_file(AT_FDCWD, path, MAP_BYTES_MAX, &text, err) < 0 ||
	    id_map_parse(text, &kernels, err) < 0)
		return err_wrap(err, "%s", file);
	found = id_map_text(&kernels);
	id_map_done(&kernels);
	if (strcmp(found, wanted) != 0)
		return err_msg(err, EPERM,
			       "%s is not what was asked for: other ids", file);
	return 0;
}

static int map_ids(pid_t pid, const struct userns_maps *maps, struct err *err)
{
	int r;

	if (userns_maps_single(maps)) {
		r = write_single(pid, maps, err);
	} else {
		r = run_tool("/usr/bin/newuidmap", pid, &maps->uids, err);
		if (r == 0)
			r = run_tool("/usr/bin/newgidmap", pid, &maps->gids,
				     err);
	}
	if (r == 0)
		r = read_back(pid, "uid_map", &maps->uids, err);
	if (r == 0)
		r = read_back(pid, "gid_map", &maps->gids, err);
	return r;
}

/* --- the namespace ---------------------------------------------------------- */

static NORETURN void run_child(int sock, pid_t parent)
{
	int code = 0;
	char byte;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent ||
	    unshare(CLONE_NEWUSER) < 0)
		code = errno ? errno : ESRCH;
	if (fd_write_all(sock, &code, sizeof(code)) < 0 || code)
		_exit(1);
	IGNORE(fd_read_full(sock, &byte, 1) < 0, "waits to be ended");
	_exit(0);
}

static int set_up(pid_t pid, int sock, const struct userns_maps *maps,
		  struct err *err)
{
	AUTO_FREE char *path = xasprintf("/proc/%d/ns/user", pid);
	int code = 0, fd;

	if (fd_read_full(sock, &code, sizeof(code)) != sizeof(code))
		return err_msg(err, EIO, "its first process ended");
	if (code)
		return userns_refused(code, "making it", err);
	if (map_ids(pid, maps, err) < 0)
		return -err->code;
	hook_step("userns-mapped");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? err_set(err, errno, "open %s", path) : fd;
}

int userns_make(const struct userns_maps *maps, struct err *err)
{
	pid_t pid, parent = getpid();
	AUTO_FD int sock = -1;
	int pair[2], r;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return err_set(err, errno, "socketpair");
	sock = pair[0];
	pid = fork();
	if (pid == 0) {
		close(pair[0]);
		run_child(pair[1], parent);
	}
	r = errno;
	close(pair[1]);
	if (pid < 0)
		return err_set(err, r, "fork");
	r = set_up(pid, sock, maps, err);
	kill(pid, SIGKILL);
	IGNORE(waitpid(pid, NULL, 0) < 0, "it has been killed");
	return r < 0 ? err_wrap(err, "own user namespace") : r;
}
