// SPDX-License-Identifier: Apache-2.0
/*
 * mirror.c - the mount namespace that engines enter through our pid.
 *
 * Runs in kata-shim as pid 1 of fresh pid and mount namespaces, before it
 * confines itself; needs CAP_SYS_ADMIN and CAP_SYS_CHROOT in its user
 * namespace. Hostile: every name, symlink and file in the container's root.
 *
 * Engines do setns to this namespace and then read and write below "/"
 * (`podman cp`, `top`). So its root is the container's root with the
 * container's host mounts, read-only where the container's is, and nothing of
 * the host can be named in it. What lives in the guest only (its tmpfs, /sys)
 * cannot be mirrored: an empty read-only tmpfs stands there, so that a write
 * fails instead of landing in the root's directory beneath.
 *
 * Order, and why:
 *  1. everything private: nothing propagates between us and the engine;
 *  2. proc and the device nodes are taken while the old root is visible: the
 *     kernel lets a user namespace mount proc only where one is seen already;
 *  3. the root is made read-only, nosuid, nodev before anything can use it;
 *  4. pivot_root(".", "."), then the old root is detached for good;
 *  5. mounts, each target resolved beneath the new root by descriptor.
 *
 * #syscalls:shim/root mount umount2 pivot_root open_tree move_mount fsopen
 * #syscalls:shim/root openat newfstatat close
 * #syscalls:shim/root fsconfig fsmount mount_setattr openat2 fchdir chdir
 * #caps:shim/root sys_admin - the mounts of the mirror
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "auto.h"
#include "hooks.h"
#include "log.h"
#include "path.h"
#include "shim.h"

#define STAND_INS_MAX 256

static const char *const device_name[] = { "null", "zero", "full", "random",
					   "urandom" };

struct mirror {
	int root_fd; /* of the new root, O_PATH */
	int proc_fd;
	int device_fd[ARRAY_SIZE(device_name)];
	int stand_in[STAND_INS_MAX]; /* made read-only at the end */
	size_t stand_in_count;
};

static void mirror_done(struct mirror *mirror)
{
	auto_close_(&mirror->root_fd);
	auto_close_(&mirror->proc_fd);
	for (size_t i = 0; i < ARRAY_SIZE(device_name); i++)
		auto_close_(&mirror->device_fd[i]);
	for (size_t i = 0; i < mirror->stand_in_count; i++)
		close(mirror->stand_in[i]);
}

static int attr_apply(int fd, uint64_t attr, struct err *err)
{
	struct mount_attr set = { .attr_set = attr, .propagation = MS_PRIVATE };

	if (mount_setattr(fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &set,
			  sizeof(set)) < 0)
		return err_set(err, errno, "set mount attributes");
	return 0;
}

static int attach(int tree_fd, int target_fd, struct err *err)
{
	if (move_mount(tree_fd, "", target_fd, "",
		       MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return err_set(err, errno, "attach mount");
	return 0;
}

/* A detached mount of a file system without a device. */
static int new_mount(const char *type, const char *size, unsigned attr,
		     struct err *err)
{
	AUTO_FD int fs_fd = fsopen(type, FSOPEN_CLOEXEC);
	int fd;

	if (fs_fd < 0)
		return err_set(err, errno, "open file system %s", type);
	if (size &&
	    (fsconfig(fs_fd, FSCONFIG_SET_STRING, "size", size, 0) < 0 ||
	     fsconfig(fs_fd, FSCONFIG_SET_STRING, "mode", "0755", 0) < 0))
		return err_set(err, errno, "configure %s", type);
	if (fsconfig(fs_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return err_set(err, errno, "create %s", type);
	fd = fsmount(fs_fd, FSMOUNT_CLOEXEC, attr);
	if (fd < 0)
		return err_set(err, errno, "mount %s", type);
	return fd;
}

static int new_tmpfs(struct err *err)
{
	return new_mount(
		"tmpfs", "256k",
		MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, err);
}

/* Step 2: what can be had only while the engine's root is still there. */
static int take_from_host(struct mirror *mirror, struct err *err)
{
	mirror->proc_fd = new_mount("proc", NULL,
				    MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID |
					    MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
				    err);
	if (mirror->proc_fd < 0)
		return mirror->proc_fd;
	for (size_t i = 0; i < ARRAY_SIZE(device_name); i++) {
		AUTO_FREE char *path = xasprintf("/dev/%s", device_name[i]);

		mirror->device_fd[i] = open_tree(
			AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
		if (mirror->device_fd[i] < 0 && errno != ENOENT)
			return err_set(err, errno, "take %s", path);
	}
	return 0;
}

/* Steps 3 and 4. Mounted over "/", so no directory of the host is needed. */
static int pivot(int rootfs_fd, bool readonly, struct err *err)
{
	uint64_t attr = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;

	if (readonly)
		attr |= MOUNT_ATTR_RDONLY;
	if (attr_apply(rootfs_fd, attr, err) < 0)
		return err_wrap(err, "container root");
	if (move_mount(rootfs_fd, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return err_set(err, errno, "attach the container's root");
	if (fchdir(rootfs_fd) < 0)
		return err_set(err, errno, "go to the container's root");
	if (syscall(SYS_pivot_root, ".", ".") < 0)
		return err_set(err, errno, "pivot_root to the container's root");
	/* "." names what is stacked on top there: the old root. */
	if (umount2(".", MNT_DETACH) < 0)
		return err_set(err, errno, "detach the host's root");
	if (chdir("/") < 0)
		return err_set(err, errno, "go to the new root");
	return 0;
}

/*
 * /proc and /dev must be directories of the root itself: behind a symlink the
 * mount would land elsewhere. Return: descriptor, -ENOENT, -errno
 */
static int open_plain_dir(struct mirror *mirror, const char *name,
			  struct err *err)
{
	int fd = path_open_in_root(mirror->root_fd, name,
				   O_PATH | O_DIRECTORY | O_NOFOLLOW, 0, err);

	if (fd == -ENOTDIR || fd == -ELOOP)
		return err_msg(err, ENOTDIR,
			       "/%s in the container's root is not a directory",
			       name);
	return fd;
}

static int mount_proc(struct mirror *mirror, struct err *err)
{
	AUTO_FD int target_fd = open_plain_dir(mirror, "proc", err);

	if (target_fd == -ENOENT)
		return 0; /* nothing lies beneath that could be written */
	if (target_fd < 0)
		return target_fd;
	if (attach(mirror->proc_fd, target_fd, err) < 0)
		return err_wrap(err, "/proc");
	return 0;
}

static int remember_stand_in(struct mirror *mirror, int fd, struct err *err)
{
	if (mirror->stand_in_count == STAND_INS_MAX) {
		close(fd);
		return err_msg(err, E2BIG,
			       "more than %d mounts that live in the guest",
			       STAND_INS_MAX);
	}
	mirror->stand_in[mirror->stand_in_count++] = fd;
	return 0;
}

static int add_devices(struct mirror *mirror, int dev_fd, struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(device_name); i++) {
		AUTO_FD int fd = -1;

		if (mirror->device_fd[i] < 0)
			continue;
		fd = path_open_beneath(dev_fd, device_name[i],
				       O_CREAT | O_EXCL | O_WRONLY, 0666, err);
		if (fd < 0)
			return fd;
		if (attach(mirror->device_fd[i], fd, err) < 0)
			return err_wrap(err, "/dev/%s", device_name[i]);
	}
	return 0;
}

static int mount_dev(struct mirror *mirror, struct err *err)
{
	AUTO_FD int target_fd = open_plain_dir(mirror, "dev", err);
	int dev_fd, r;

	if (target_fd == -ENOENT)
		return 0;
	if (target_fd < 0)
		return target_fd;
	dev_fd = new_tmpfs(err);
	if (dev_fd < 0)
		return dev_fd;
	r = remember_stand_in(mirror, dev_fd, err);
	if (r < 0)
		return r;
	if (attach(dev_fd, target_fd, err) < 0)
		return err_wrap(err, "/dev");
	return add_devices(mirror, dev_fd, err);
}

static bool is_readonly(const struct oci_mount *mount)
{
	return strv_has(&mount->options, "ro") ||
	       strv_has(&mount->options, "rro");
}

/* A host bind: the tree that the runtime took, at its destination. */
static int mount_bind(struct mirror *mirror, const struct oci_mount *mount,
		      int tree_fd, struct err *err)
{
	uint64_t attr = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
	AUTO_FD int target_fd = -1;
	struct stat st;

	if (fstat(tree_fd, &st) < 0)
		return err_set(err, errno, "stat mount source");
	if (is_readonly(mount))
		attr |= MOUNT_ATTR_RDONLY;
	if (attr_apply(tree_fd, attr, err) < 0)
		return -err->code;
	target_fd = path_mount_point(mirror->root_fd, mount->destination,
				     S_ISDIR(st.st_mode), err);
	if (target_fd < 0)
		return target_fd;
	return attach(tree_fd, target_fd, err);
}

static int mount_stand_in(struct mirror *mirror, const struct oci_mount *mount,
			  struct err *err)
{
	AUTO_FD int target_fd = path_mount_point(mirror->root_fd,
						 mount->destination, true, err);
	int fd, r;

	if (target_fd < 0)
		return target_fd;
	fd = new_tmpfs(err);
	if (fd < 0)
		return fd;
	r = remember_stand_in(mirror, fd, err);
	if (r < 0)
		return r;
	return attach(fd, target_fd, err);
}

static bool is_beneath(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	return strncmp(path, dir, len) == 0 &&
	       (path[len] == '\0' || path[len] == '/');
}

static int mount_one(struct mirror *mirror, const struct oci_mount *mount,
		     int tree_fd, struct err *err)
{
	if (tree_fd >= 0)
		return mount_bind(mirror, mount, tree_fd, err);
	/* Both are there already, read-only, with nothing of the root beneath. */
	if (is_beneath(mount->destination, "/proc") ||
	    is_beneath(mount->destination, "/dev"))
		return 0;
	return mount_stand_in(mirror, mount, err);
}

static int mount_all(struct mirror *mirror, const struct shim_fds *fds,
		     const struct oci_spec *spec, struct err *err)
{
	for (size_t i = 0; i < spec->mount_count; i++) {
		const struct oci_mount *mount = &spec->mounts[i];
		int tree_fd = i < fds->mount_count ? fds->mounts[i] : -1;

		if (mount_one(mirror, mount, tree_fd, err) < 0)
			return err_wrap(err, "mirror of mount %s",
					mount->destination);
	}
	for (size_t i = 0; i < mirror->stand_in_count; i++) {
		struct mount_attr set = { .attr_set = MOUNT_ATTR_RDONLY };

		/* Not recursive: volumes beneath keep their own mode. */
		if (mount_setattr(mirror->stand_in[i], "", AT_EMPTY_PATH, &set,
				  sizeof(set)) < 0)
			return err_set(err, errno, "make a mount read-only");
	}
	return 0;
}

static int build(struct mirror *mirror, const struct shim_fds *fds,
		 const struct oci_spec *spec, struct err *err)
{
	int r;

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return err_set(err, errno, "make mounts private");
	r = take_from_host(mirror, err);
	if (r == 0)
		r = pivot(fds->rootfs, spec->root_readonly, err);
	if (r < 0)
		return r;
	mirror->root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (mirror->root_fd < 0)
		return err_set(err, errno, "open the new root");
	r = mount_proc(mirror, err);
	if (r == 0)
		r = mount_dev(mirror, err);
	if (r == 0)
		r = mount_all(mirror, fds, spec, err);
	return r;
}

/**
 * mirror_build() - Make this mount namespace show what the guest sees
 * @fds:	rootfs and mounts are detached trees; they stay the caller's
 * @spec:	Mounts and root.readonly
 * @err:	Filled on failure; the caller must end then
 *
 * Afterwards no path of the host can be named by this process.
 *
 * Return: 0 or -errno
 */
int mirror_build(const struct shim_fds *fds, const struct oci_spec *spec,
		 struct err *err)
{
	struct mirror mirror = { .root_fd = -1, .proc_fd = -1 };
	int r;

	if (hook_is_broken("root"))
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(device_name); i++)
		mirror.device_fd[i] = -1;
	r = build(&mirror, fds, spec, err);
	mirror_done(&mirror);
	return r;
}
