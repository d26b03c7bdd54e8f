// SPDX-License-Identifier: Apache-2.0
/*
 * verify-self.c - what kata-proxy and kata-shim have that a jail has not. Part
 * of verify.c; runs in kata-runtime. They live in the caller's user namespace,
 * so it is their being undumpable that keeps the user's other processes out.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "auto.h"
#include "caps.h"
#include "num.h"
#include "path.h"
#include "verify-parts.h"

/* Exit codes of the looking child. */
enum { SHUT, OPEN, CANNOT_LOOK, NOT_THERE };

static bool may_have(const struct verify *v, const char *what)
{
	return strv_has(&v->policy->fds, what);
}

/* Written to, at the end, and never read: flags of /proc/PID/fdinfo, octal. */
static bool is_append_only(const struct verify *v, const char *number)
{
	AUTO_FREE char *path = xasprintf("fdinfo/%s", number);
	AUTO_FREE char *text = NULL;
	struct err err = ERR_INIT;
	char value[32];
	unsigned long flags;

	if (path_read_file(v->proc_fd, path, VERIFY_FILE_MAX, &text, &err) < 0 ||
	    verify_status_field(text, "flags", value, sizeof(value)) < 0)
		return false;
	flags = strtoul(value, NULL, 8);
	return (flags & O_ACCMODE) == O_WRONLY && (flags & O_APPEND);
}

bool verify_self_fd(const struct verify *v, const char *number,
		    const char *link, const struct stat *st)
{
	if (strcmp(link, "anon_inode:[pidfd]") == 0)
		return true;
	if (S_ISREG(st->st_mode) && is_append_only(v, number) &&
	    may_have(v, "log"))
		return true;
	/* majors 136 to 143 are the pty's slaves, 5:2 its master */
	if (S_ISCHR(st->st_mode) && may_have(v, "terminal") &&
	    ((major(st->st_rdev) >= 136 && major(st->st_rdev) <= 143) ||
	     st->st_rdev == makedev(5, 2)))
		return true;
	/* the engine's choice; a directory would be a way out */
	return may_have(v, "stdio") && strlen(number) == 1 &&
	       number[0] <= '2' && !S_ISDIR(st->st_mode);
}

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static char *shown_file(const struct stat *st)
{
	return xasprintf("inode %llu of device %u:%u",
			 (unsigned long long)st->st_ino, major(st->st_dev),
			 minor(st->st_dev));
}

/* The mount holder's: the host's tree, or a copy of it, has other names. */
static int holder_root(struct verify *v, struct err *err)
{
	AUTO_FD int fd =
		openat(v->proc_fd, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct strv names = { 0 };
	bool ok;
	int r;

	if (fd < 0)
		return err_set(err, errno, "open root");
	r = verify_list_names(fd, &names, err);
	ok = names.count == 1 && strcmp(names.item[0], "share") == 0;
	if (r >= 0)
		verify_add(v, "root", ok, xstrdup("share"),
			   ok ? xstrdup("share") :
				xasprintf("%zu other entries", names.count));
	strv_done(&names);
	return r;
}

/**
 * verify_own_root() - Has a program of ours left the host's tree?
 * @v:		expect->root tells which root it must have
 * @err:	Filled on failure
 *
 * Return: 0 or -errno
 */
int verify_own_root(struct verify *v, struct err *err)
{
	const char *path = v->expect->root;
	struct stat root, cwd, wanted;

	if (fstatat(v->proc_fd, "root", &root, 0) < 0 ||
	    fstatat(v->proc_fd, "cwd", &cwd, 0) < 0)
		return err_set(err, errno, "look at root and cwd");
	if (!path && holder_root(v, err) < 0)
		return -err->code;
	if (path && stat(path, &wanted) < 0)
		return err_set(err, errno, "stat %s", path);
	if (path)
		verify_add(v, "root", is_same(&root, &wanted),
			   shown_file(&wanted), shown_file(&root));
	verify_add(v, "working directory", is_same(&cwd, &root),
		   xstrdup("its root"),
		   is_same(&cwd, &root) ? xstrdup("its root") :
					  shown_file(&cwd));
	return 0;
}

/*
 * In the child: a process of the same user and user namespace, without any
 * capability. The kernel lets it follow /proc/PID/exe of every process that it
 * could trace (ptrace(2), access mode checking), which is all of its user's
 * but the undumpable ones.
 */
static int look(int proc_fd, uint32_t uid, uint32_t gid, int ns_fd)
{
	const struct caps_sets none = { 0 };
	struct err err = ERR_INIT;
	char link[64];

	if (ns_fd >= 0 && setns(ns_fd, CLONE_NEWUSER) < 0)
		return CANNOT_LOOK;
	if (setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0 ||
	    caps_apply(&none, &err) < 0)
		return CANNOT_LOOK;
	if (readlinkat(proc_fd, "exe", link, sizeof(link)) >= 0)
		return OPEN;
	if (errno == ENOENT)
		return NOT_THERE;
	return errno == EACCES || errno == EPERM ? SHUT : CANNOT_LOOK;
}

static bool is_same_namespace(int ns_fd)
{
	struct stat theirs, ours;

	return fstat(ns_fd, &theirs) == 0 &&
	       stat("/proc/self/ns/user", &ours) == 0 &&
	       theirs.st_ino == ours.st_ino;
}

/* The child must be in their user namespace: its owner sees everything. */
static int ask_child(struct verify *v, int *ret_code, struct err *err)
{
	AUTO_FD int ns_fd = openat(v->proc_fd, "ns/user", O_RDONLY | O_CLOEXEC);
	bool same;
	int status;
	pid_t pid, r;

	if (ns_fd < 0)
		return err_set(err, errno, "open ns/user");
	same = is_same_namespace(ns_fd);
	pid = fork();
	if (pid == 0)
		_exit(look(v->proc_fd, v->expect->uid, v->expect->gid,
			   same ? -1 : ns_fd));
	if (pid < 0)
		return err_set(err, errno, "a child that looks");
	do {
		r = waitpid(pid, &status, 0);
	} while (r < 0 && errno == EINTR);
	if (r != pid)
		return err_set(err, errno, "wait for the child that looks");
	*ret_code = WIFEXITED(status) ? WEXITSTATUS(status) : CANNOT_LOOK;
	return 0;
}

/**
 * verify_undumpable() - Can the user's other processes take hold of it?
 * @v:		expect->uid and gid are those of the process in its namespace
 * @err:	Filled on failure
 *
 * Return: 0 or -errno
 */
int verify_undumpable(struct verify *v, struct err *err)
{
	static const char *const found[] = { "shut", "open", "not told" };
	int code = CANNOT_LOOK;
	char link[64];

	if (ask_child(v, &code, err) < 0)
		return -err->code;
	/*
	 * Under hidepid=2 what may not be traced is not there (fs/proc/base.c:
	 * proc_pid_permission()); nor is what has ended, which we tell apart.
	 */
	if (code == NOT_THERE &&
	    readlinkat(v->proc_fd, "exe", link, sizeof(link)) >= 0)
		code = SHUT;
	if (code > CANNOT_LOOK)
		code = CANNOT_LOOK;
	verify_add(v, "to the user's other processes", code == SHUT,
		   xstrdup(found[SHUT]), xstrdup(found[code]));
	return 0;
}
