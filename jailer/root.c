// SPDX-License-Identifier: Apache-2.0
/*
 * root.c - the jailer's own mount namespace, from which bwrap takes its binds
 * and in which bwrap's monitor process stays. Its root is a small tmpfs that
 * holds /usr, /proc and what this jail binds, nothing else:
 *  - a named source may lie below a directory that the jail's id cannot
 *    search, such as a home of mode 0700; here it stands at /jail/N;
 *  - the caller's other mounts are not kept alive: a copy of another
 *    container's overlay in the monitor's namespace would hold its upper
 *    directory for as long as this sandbox lives.
 *
 * Propagation is slave, not private: what the mount holder attaches to the
 * share later must still arrive, and what it detaches must go.
 *
 * Rights: CAP_SYS_ADMIN in the caller's user namespace. Source paths come from
 * kata-runtime and the policy; none is under a container's control.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "auto.h"

#include "jail.h"

#define TREES_MAX 160
#define STAGE (&JAIL_STAGE[1]) /* relative to the new root */
#define BASE "/tmp" /* any directory will do: it is covered, then left */

/* A mount tree that waits for its place below the new root. */
struct tree {
	int fd;
	bool is_dir;
	char place[64]; /* relative to the new root */
};

struct trees {
	struct tree item[TREES_MAX];
	size_t count;
};

bool root_is_staged(const struct policy_bind *bind)
{
	static const char *const seen[] = { "/usr/", "/lib/", "/lib64/" };

	if (!bind->source)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(seen); i++)
		if (strncmp(bind->source, seen[i], strlen(seen[i])) == 0)
			return false;
	return true;
}

static void trees_done(struct trees *trees)
{
	for (size_t i = 0; i < trees->count; i++)
		close(trees->item[i].fd);
	trees->count = 0;
}

/* Recursive: a single mount with locked ones below cannot be copied alone. */
static int clone_tree(struct trees *trees, const char *source,
		      const char *place, struct err *err)
{
	struct tree *tree = &trees->item[trees->count];
	struct stat st;
	int fd;

	if (trees->count == TREES_MAX)
		return err_msg(err, E2BIG, "more than %d bind sources",
			       TREES_MAX);
	fd = (int)syscall(SYS_open_tree, AT_FDCWD, source,
			  OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
	if (fd < 0)
		return err_set(err, errno, "copy the mount tree %s", source);
	if (fstat(fd, &st) < 0) {
		close(fd);
		return err_set(err, errno, "stat %s", source);
	}
	tree->fd = fd;
	tree->is_dir = S_ISDIR(st.st_mode);
	snprintf(tree->place, sizeof(tree->place), "%s", place);
	trees->count++;
	return 0;
}

static int clone_bind(const struct jail *jail, size_t index,
		      struct trees *trees, struct err *err)
{
	const struct policy_bind *bind = &jail->policy->binds[index];
	const char *source = bind->name ? jail_named_path(jail, bind->name) :
					  bind->source;
	char place[64];
	int r;

	if (!root_is_staged(bind))
		return 0;
	if (!source)
		return bind->optional ?
			       0 :
			       err_msg(err, EINVAL, "--bind %s=PATH is missing",
				       bind->name);
	/* identity.c asks for this one by its name */
	if (bind->device && strcmp(bind->source, "/dev/kvm") == 0)
		snprintf(place, sizeof(place), "%s/kvm", STAGE);
	else
		snprintf(place, sizeof(place), "%s/%zu", STAGE, index);
	r = clone_tree(trees, source, place, err);
	if (r == -ENOENT && bind->optional && bind->source) {
		err_clear(err);
		return 0;
	}
	return r;
}

/* Every --bind must be one that the policy knows. */
static int check_named(const struct jail *jail, struct err *err)
{
	for (size_t i = 0; i < jail->named_count; i++) {
		size_t n = 0;

		while (n < jail->policy->bind_count &&
		       (!jail->policy->binds[n].name ||
			strcmp(jail->policy->binds[n].name,
			       jail->named[i].name) != 0))
			n++;
		if (n == jail->policy->bind_count)
			return err_msg(err, EPERM,
				       "--bind %s: the policy does not know it",
				       jail->named[i].name);
	}
	return 0;
}

/* /lib and friends: links into /usr on current systems, else directories. */
static int copy_link_or_tree(const char *path, int root_fd, struct trees *trees,
			     struct err *err)
{
	char target[256];
	ssize_t n = readlink(path, target, sizeof(target) - 1);

	if (n < 0 && errno == ENOENT)
		return 0;
	if (n < 0)
		return clone_tree(trees, path, path + 1, err);
	target[n] = '\0';
	if (symlinkat(target, root_fd, path + 1) < 0)
		return err_set(err, errno, "link %s", path);
	return 0;
}

static int clone_all(const struct jail *jail, struct trees *trees,
		     struct err *err)
{
	int r = check_named(jail, err);

	if (r == 0)
		r = clone_tree(trees, "/usr", "usr", err);
	if (r == 0)
		r = clone_tree(trees, "/proc", "proc", err);
	if (r == 0)
		r = clone_tree(trees, jail->exec, &JAIL_STAGE_EXEC[1], err);
	for (size_t i = 0; r == 0 && i < jail->policy->bind_count; i++)
		r = clone_bind(jail, i, trees, err);
	return r;
}

static int place_tree(int root_fd, const struct tree *tree, struct err *err)
{
	int r;

	if (tree->is_dir) {
		r = mkdirat(root_fd, tree->place, 0755);
	} else {
		r = openat(root_fd, tree->place,
			   O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
		if (r >= 0)
			close(r);
	}
	if (r < 0)
		return err_set(err, errno, "make %s", tree->place);
	if (syscall(SYS_move_mount, tree->fd, "", root_fd, tree->place,
		    MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return err_set(err, errno, "attach %s", tree->place);
	return 0;
}

static int fill_root(int root_fd, struct trees *trees, struct err *err)
{
	static const char *const links[] = { "/lib",	"/lib32", "/lib64",
					     "/libx32", "/bin",	  "/sbin" };
	int r = 0;

	/* bwrap builds the jail on a tmpfs over its own /tmp */
	if (mkdirat(root_fd, "tmp", 0755) < 0 ||
	    mkdirat(root_fd, STAGE, 0755) < 0)
		return err_set(err, errno, "make directories of the root");
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(links); i++)
		r = copy_link_or_tree(links[i], root_fd, trees, err);
	for (size_t i = 0; r == 0 && i < trees->count; i++)
		r = place_tree(root_fd, &trees->item[i], err);
	return r;
}

/* Leaves the old root and every mount below it behind. */
static int enter_root(int root_fd, struct err *err)
{
	if (fchdir(root_fd) < 0 || syscall(SYS_pivot_root, ".", ".") < 0)
		return err_set(err, errno, "enter the jailer's root");
	if (umount2(".", MNT_DETACH) < 0)
		return err_set(err, errno, "leave the caller's root");
	if (chdir("/") < 0)
		return err_set(err, errno, "chdir /");
	if (mount(NULL, "/", NULL,
		  MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV,
		  NULL) < 0)
		return err_set(err, errno, "make the jailer's root read-only");
	return 0;
}

/**
 * root_apply() - Move into an own mount namespace with the smallest root
 * @jail:	With policy and named sources
 * @err:	Filled on failure
 *
 * Return: 0 or -errno
 *
 * #syscalls:jailer/root unshare mount open_tree move_mount pivot_root umount2
 * #caps:jailer/root sys_admin - mount namespace; dropped by identity or bwrap
 */
int root_apply(const struct jail *jail, struct err *err)
{
	AUTO_FD int root_fd = -1;
	struct trees trees = { .count = 0 };
	int r;

	umask(022);
	if (unshare(CLONE_NEWNS) < 0)
		return err_set(err, errno, "unshare mount namespace");
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		return err_set(err, errno, "make mounts slaves");
	r = clone_all(jail, &trees, err);
	if (r == 0 && mount("jailer", BASE, "tmpfs", MS_NOSUID | MS_NODEV,
			    "mode=0755,size=1m") < 0)
		r = err_set(err, errno, "mount tmpfs");
	if (r == 0) {
		root_fd = open(BASE, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (root_fd < 0)
			r = err_set(err, errno, "open the new root");
	}
	if (r == 0)
		r = fill_root(root_fd, &trees, err);
	if (r == 0)
		r = enter_root(root_fd, err);
	trees_done(&trees);
	return r < 0 ? err_wrap(err, "mount namespace") : 0;
}
