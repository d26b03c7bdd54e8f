// SPDX-License-Identifier: Apache-2.0
/*
 * rootfs.c - namespaces and root of a new container. Runs in the forked child
 * as guest root. The image below the root is hostile (mounts.c). Order: all
 * mounts while the old root is still there to take devices from, then
 * pivot_root, then what turns the new root read-only.
 *
 * #syscalls:agent/setup unshare mount pivot_root umount2 mount_setattr
 * #syscalls:agent/setup sethostname
 */
#include "setup.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "auto.h"
#include "hooks.h"
#include "path.h"
#include "sysctl.h"

static int new_namespaces(struct err *err)
{
	/* The cgroup namespace's root is the cgroup we were born into. */
	if (unshare(CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS |
		    CLONE_NEWCGROUP) < 0)
		return err_set(err, errno, "new namespaces");
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return err_set(err, errno, "private mounts");
	return 0;
}

static int name_host(const struct launch_root *root, struct err *err)
{
	if (hook_is_broken("hostname"))
		return sethostname("other", 5);
	if (root->hostname &&
	    sethostname(root->hostname, strlen(root->hostname)) < 0)
		return err_set(err, errno, "hostname");
	if (root->domainname &&
	    setdomainname(root->domainname, strlen(root->domainname)) < 0)
		return err_set(err, errno, "domainname");
	return 0;
}

/* The rootfs as a mount of its own. Return: its top */
static int attach_root(const struct launch_root *root, int run_fd,
		       struct err *err)
{
	AUTO_FD int source_fd = path_open_beneath(run_fd, root->path,
						  O_PATH | O_DIRECTORY, 0, err);
	AUTO_FD int place_fd = -1;
	AUTO_FD int tree_fd = -1;
	int r;

	if (source_fd < 0)
		return err_wrap(err, "root.path");
	tree_fd = open_tree(source_fd, "",
			    OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC |
				    AT_EMPTY_PATH | AT_RECURSIVE);
	if (tree_fd < 0)
		return err_set(err, errno, "root.path: copy the mount");
	place_fd = path_open_beneath(run_fd, "rootfs", O_PATH | O_DIRECTORY, 0,
				     err);
	if (place_fd < 0)
		return place_fd;
	r = mount_attach(tree_fd, place_fd, err);
	return r < 0 ? r : take_fd(&tree_fd);
}

/* The null device that masks files: opened by us, and looked at. */
static int open_null(struct err *err)
{
	AUTO_FD int fd = open("/dev/null", O_PATH | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set(err, errno, "open /dev/null");
	if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3))
		return err_msg(err, EIO, "/dev/null is not the null device");
	return take_fd(&fd);
}

static bool mounts_dev(const struct launch_root *root)
{
	for (size_t i = 0; i < root->mount_count; i++)
		if (strcmp(root->mounts[i].destination, "/dev") == 0)
			return true;
	return false;
}

/* Without a /dev of the spec the nodes still must not land in the image. */
static int default_dev(int run_fd, int root_fd, struct err *err)
{
	char *options[] = { (char *)"nosuid", (char *)"mode=755",
			    (char *)"size=64k" };
	struct mount_request request = { .destination = "/dev",
					 .source = "tmpfs",
					 .type = "tmpfs",
					 .options = options,
					 .option_count = ARRAY_SIZE(options) };
	struct mount_plan plan;
	int r = mount_plan_parse(&request, "/dev", &plan, err);

	if (r < 0)
		return r;
	r = mount_plan_apply(&plan, run_fd, root_fd, err);
	mount_plan_done(&plan);
	return r;
}

static int fill_root(const struct launch_root *root, int run_fd, int root_fd,
		     struct err *err)
{
	AUTO_FD int null_fd = open_null(err);
	int r = null_fd < 0 ? null_fd : 0;

	if (r == 0 && !mounts_dev(root))
		r = default_dev(run_fd, root_fd, err);
	for (size_t i = hook_is_broken("mount") ? 1 : 0;
	     r == 0 && i < root->mount_count; i++)
		r = mount_plan_apply(&root->mounts[i], run_fd, root_fd, err);
	if (r == 0)
		r = devices_make(root, root_fd, err);
	for (size_t i = 0;
	     r == 0 && i < root->read_only.count && !hook_is_broken("readonly");
	     i++)
		r = mount_make_readonly(root_fd, root->read_only.item[i], err);
	for (size_t i = 0;
	     r == 0 && i < root->masked.count && !hook_is_broken("masked"); i++)
		r = mount_mask(root_fd, null_fd, root->masked.item[i], err);
	return r;
}

/* The old root ends up below the new one and is let go. */
static int pivot(int root_fd, struct err *err)
{
	if (fchdir(root_fd) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 ||
	    umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return err_set(err, errno, "change root");
	return 0;
}

static int finish_root(const struct launch_root *root, int root_fd,
		       struct err *err)
{
	struct mount_attr attr = { .propagation = root->propagation };

	if (mount_setattr(
		    root_fd, "",
		    AT_EMPTY_PATH |
			    (root->propagation_recursive ? AT_RECURSIVE : 0u),
		    &attr, sizeof(attr)) < 0)
		return err_set(err, errno, "linux.rootfsPropagation");
	attr = (struct mount_attr){ .attr_set = MOUNT_ATTR_RDONLY };
	if (root->readonly && !hook_is_broken("root") &&
	    mount_setattr(root_fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
		return err_set(err, errno, "root.readonly");
	return 0;
}

/**
 * rootfs_enter() - Namespaces and root of a container's init
 * @launch:	With its root part filled
 * @err:	Filled on failure
 *
 * Should: leave the container's tree as /, and nothing of the guest's above.
 * Mustn't: run before start_alone(): descriptors would lead outside.
 * Return: 0 or -errno
 */
int rootfs_enter(const struct launch *launch, struct err *err)
{
	const struct launch_root *root = &launch->root;
	AUTO_FD int run_fd = -1;
	AUTO_FD int root_fd = -1;
	int r = new_namespaces(err);

	if (r == 0)
		r = name_host(root, err);
	if (r == 0)
		r = sysctl_apply(launch->proc_fd, &root->sysctl_path,
				 &root->sysctl_value, err);
	if (r < 0)
		return r;
	umask(0);
	run_fd = open(AGENT_RUN_DIR, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (run_fd < 0)
		return err_set(err, errno, "open " AGENT_RUN_DIR);
	root_fd = attach_root(root, run_fd, err);
	if (root_fd < 0)
		return root_fd;
	r = fill_root(root, run_fd, root_fd, err);
	if (r == 0)
		r = pivot(root_fd, err);
	if (r == 0)
		r = finish_root(root, root_fd, err);
	return r;
}
