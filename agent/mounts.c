// SPDX-License-Identifier: Apache-2.0
/*
 * mounts.c - carries mount plans out. Runs in a forked child of the agent, as
 * guest root in the container's new mount namespace, before any program of
 * the container. The rootfs is hostile: it chooses every name and symlink, so
 * targets are reached by descriptors below root_fd (lib/path) and mounts are
 * attached to descriptors, never to paths.
 *
 * #caps:agent/setup sys_admin - the container's mounts
 * #syscalls:agent/setup open_tree move_mount mount_setattr fsopen fsconfig fsmount
 */
#include "mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "auto.h"
#include "hooks.h"
#include "path.h"

static int set_option(int fs_fd, const char *option, struct err *err)
{
	const char *equals = strchr(option, '=');
	AUTO_FREE char *key = NULL;
	int r;

	if (equals) {
		key = xstrndup(option, (size_t)(equals - option));
		r = fsconfig(fs_fd, FSCONFIG_SET_STRING, key, equals + 1, 0);
	} else {
		r = fsconfig(fs_fd, FSCONFIG_SET_FLAG, option, NULL, 0);
	}
	return r < 0 ? err_set(err, errno, "mount option \"%.128s\"", option) :
		       0;
}

int mount_make(const char *fstype, const struct strv *data, uint64_t attrs,
	       struct err *err)
{
	AUTO_FD int fs_fd = fsopen(fstype, FSOPEN_CLOEXEC);
	int fd;

	if (fs_fd < 0)
		return err_set(err, errno, "file system %s", fstype);
	/* Some file systems show their source, so give it a name. */
	if (strcmp(fstype, "virtiofs") != 0 && strcmp(fstype, "9p") != 0 &&
	    fsconfig(fs_fd, FSCONFIG_SET_STRING, "source", fstype, 0) < 0)
		return err_set(err, errno, "mount source");
	for (size_t i = 0; data && i < data->count; i++) {
		int r = set_option(fs_fd, data->item[i], err);

		if (r < 0)
			return r;
	}
	if (fsconfig(fs_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return err_set(err, errno, "make file system %s", fstype);
	if (hook_is_broken("mount-flags"))
		attrs = 0;
	fd = fsmount(fs_fd, FSMOUNT_CLOEXEC, (unsigned)attrs);
	return fd < 0 ? err_set(err, errno, "mount %s", fstype) : fd;
}

int mount_attach(int tree_fd, int target_fd, struct err *err)
{
	if (move_mount(tree_fd, "", target_fd, "",
		       MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return err_set(err, errno, "attach mount");
	return 0;
}

static int set_attrs(int fd, uint64_t set, uint64_t clear,
		     unsigned long propagation, bool recursive, struct err *err)
{
	struct mount_attr attr = { .attr_set = set,
				   .attr_clr = clear,
				   .propagation = propagation };

	/* The kernel takes atime bits only together with their mask. */
	if (set & MOUNT_ATTR__ATIME || clear & MOUNT_ATTR__ATIME)
		attr.attr_clr |= MOUNT_ATTR__ATIME;
	if (!attr.attr_set && !attr.attr_clr && !propagation)
		return 0;
	if (mount_setattr(fd, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0u),
			  &attr, sizeof(attr)) < 0)
		return err_set(err, errno, "mount attributes");
	return 0;
}

/* O_DIRECTORY makes the kernel cross into a submount of the file server. */
static int open_source(int run_fd, const char *path, struct err *err)
{
	int fd = path_open_beneath(run_fd, path, O_PATH | O_DIRECTORY, 0, err);

	if (fd == -ENOTDIR) {
		err_clear(err);
		fd = path_open_beneath(run_fd, path, O_PATH, 0, err);
	}
	return fd;
}

static int make_bind(const struct mount_plan *plan, int run_fd,
		     bool *ret_is_dir, struct err *err)
{
	AUTO_FD int source_fd = open_source(run_fd, plan->source, err);
	AUTO_FD int tree_fd = -1;
	struct stat st;
	int r;

	if (source_fd < 0)
		return source_fd;
	if (fstat(source_fd, &st) < 0)
		return err_set(err, errno, "look at the source");
	*ret_is_dir = S_ISDIR(st.st_mode);
	tree_fd = open_tree(source_fd, "",
			    OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH |
				    (plan->recursive ? AT_RECURSIVE : 0u));
	if (tree_fd < 0)
		return err_set(err, errno, "copy the source's mount");
	r = set_attrs(tree_fd, plan->attr_set, plan->attr_clear, 0,
		      plan->recursive, err);
	return r < 0 ? r : take_fd(&tree_fd);
}

/*
 * Where an image puts a symlink at /proc or /sys the mount would land
 * elsewhere, and later steps trust what is there.
 */
static int open_target(const struct mount_plan *plan, int root_fd, bool is_dir,
		       struct err *err)
{
	int fd = path_mount_point(root_fd, plan->destination, is_dir, err);
	int check_fd;

	if (fd < 0 || !plan->fstype ||
	    (strcmp(plan->fstype, "proc") != 0 &&
	     strcmp(plan->fstype, "sysfs") != 0))
		return fd;
	check_fd = path_open_beneath(root_fd, plan->destination + 1,
				     O_PATH | O_DIRECTORY, 0, err);
	if (check_fd < 0) {
		close(fd);
		return check_fd;
	}
	close(fd);
	return check_fd;
}

/*
 * A symlink of the image can lead any destination into /proc, over what later
 * steps mask there: only what was allowed by name may be covered.
 */
static int check_target(const struct mount_plan *plan, int target_fd,
			struct err *err)
{
	struct statfs fs;

	if (fstatfs(target_fd, &fs) < 0)
		return err_set(err, errno, "look at the target");
	if (fs.f_type == PROC_SUPER_MAGIC &&
	    !mount_covers_proc(plan->destination))
		return err_msg(err, EPERM, "it leads into a proc file system");
	return 0;
}

static bool has_mode(const struct mount_plan *plan)
{
	for (size_t i = 0; i < plan->data.count; i++)
		if (strncmp(plan->data.item[i], "mode=", 5) == 0)
			return true;
	return false;
}

/* A tmpfs without a mode of its own looks like the directory it covers. */
static int take_mode(int target_fd, int tree_fd, struct err *err)
{
	AUTO_FD int fd =
		openat(tree_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(target_fd, &st) < 0 ||
	    fchmod(fd, st.st_mode & 07777) < 0)
		return err_set(err, errno, "mode of the new tmpfs");
	return 0;
}

static int apply_one(const struct mount_plan *plan, int run_fd, int root_fd,
		     struct err *err)
{
	AUTO_FD int tree_fd = -1;
	AUTO_FD int target_fd = -1;
	bool is_dir = true;
	bool is_tmpfs = plan->fstype && strcmp(plan->fstype, "tmpfs") == 0;
	/* A tmpfs is prepared before it turns read-only. */
	uint64_t late = is_tmpfs ? MOUNT_ATTR_RDONLY : 0;
	int r;

	tree_fd = plan->fstype ?
			  mount_make(plan->fstype,
				     strcmp(plan->fstype, "cgroup2") == 0 ?
					     NULL :
					     &plan->data,
				     plan->attr_set & ~late, err) :
			  make_bind(plan, run_fd, &is_dir, err);
	if (tree_fd < 0)
		return tree_fd;
	target_fd = open_target(plan, root_fd, is_dir, err);
	if (target_fd < 0)
		return target_fd;
	r = check_target(plan, target_fd, err);
	if (r < 0)
		return r;
	if (is_tmpfs && !has_mode(plan)) {
		r = take_mode(target_fd, tree_fd, err);
		if (r < 0)
			return r;
	}
	if (plan->copy_up) {
		r = copy_up(target_fd, tree_fd, err);
		if (r < 0)
			return r;
	}
	r = mount_attach(tree_fd, target_fd, err);
	if (r == 0)
		r = set_attrs(tree_fd, plan->attr_set & late, 0, 0, false, err);
	if (r == 0)
		r = set_attrs(tree_fd, plan->recursive_set,
			      plan->recursive_clear, 0, true, err);
	if (r == 0)
		r = set_attrs(tree_fd, 0, 0, plan->propagation,
			      plan->propagation_recursive, err);
	return r;
}

/**
 * mount_plan_apply() - One mount of the spec, below the new root
 * @plan:	What to mount where
 * @run_fd:	AGENT_RUN_DIR in this mount namespace
 * @root_fd:	Top of the container's root
 * @err:	Filled on failure, with the destination
 *
 * Return: 0 or -errno
 */
int mount_plan_apply(const struct mount_plan *plan, int run_fd, int root_fd,
		     struct err *err)
{
	int r = apply_one(plan, run_fd, root_fd, err);

	return r < 0 ? err_wrap(err, "mount on %s", plan->destination) : 0;
}

/* An empty tmpfs copy would take a user's quota; this one holds nothing. */
static int mask_directory(int target_fd, struct err *err)
{
	struct strv data = { 0 };
	AUTO_FD int tree_fd = -1;

	strv_add(&data, "size=0");
	strv_add(&data, "nr_inodes=1");
	strv_add(&data, "mode=0555");
	tree_fd = mount_make("tmpfs", &data,
			     MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID |
				     MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
			     err);
	strv_done(&data);
	return tree_fd < 0 ? tree_fd : mount_attach(tree_fd, target_fd, err);
}

int mount_mask(int root_fd, int null_fd, const char *path, struct err *err)
{
	AUTO_FD int target_fd = path_open_in_root(root_fd, path, O_PATH, 0, err);
	AUTO_FD int tree_fd = -1;
	struct stat st;
	int r;

	if (target_fd == -ENOENT || target_fd == -ENOTDIR) {
		err_clear(err);
		return 0; /* nothing there to hide */
	}
	if (target_fd < 0)
		return err_wrap(err, "mask");
	if (fstat(target_fd, &st) < 0)
		return err_set(err, errno, "mask %s", path);
	if (S_ISDIR(st.st_mode)) {
		r = mask_directory(target_fd, err);
		return r < 0 ? err_wrap(err, "mask %s", path) : 0;
	}
	tree_fd = open_tree(null_fd, "",
			    OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
	if (tree_fd < 0)
		return err_set(err, errno, "mask %s", path);
	r = mount_attach(tree_fd, target_fd, err);
	return r < 0 ? err_wrap(err, "mask %s", path) : 0;
}

int mount_make_readonly(int root_fd, const char *path, struct err *err)
{
	AUTO_FD int target_fd = path_open_in_root(root_fd, path, O_PATH, 0, err);
	AUTO_FD int tree_fd = -1;
	int r;

	if (target_fd == -ENOENT || target_fd == -ENOTDIR) {
		err_clear(err);
		return 0;
	}
	if (target_fd < 0)
		return err_wrap(err, "make read-only");
	tree_fd = open_tree(target_fd, "",
			    OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC |
				    AT_EMPTY_PATH | AT_RECURSIVE);
	if (tree_fd < 0)
		return err_set(err, errno, "make %s read-only", path);
	r = set_attrs(tree_fd, MOUNT_ATTR_RDONLY, 0, 0, true, err);
	if (r == 0)
		r = mount_attach(tree_fd, target_fd, err);
	return r < 0 ? err_wrap(err, "make %s read-only", path) : 0;
}
