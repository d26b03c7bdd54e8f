// SPDX-License-Identifier: Apache-2.0
/*
 * share.c - rootfs and volumes for the file server, in kata-runtime.
 *
 * Trees are cloned in the engine's mount namespace (open_tree), get their
 * flags while nobody can see them (mount_setattr), and are attached by a
 * child process that entered the holder (move_mount). The file server's
 * namespace is owned by a child user namespace, so the kernel locks read-only,
 * nosuid and nodev there. Needs CAP_SYS_ADMIN in the user namespace. Hostile:
 * everything below the rootfs, so mount points are made by openat2 in root.
 *
 * #syscalls:runtime open_tree mount_setattr move_mount setns
 * #caps:runtime/command sys_admin - rootfs and volumes into the mount holder
 */
#include "share.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "alloc.h"
#include "auto.h"
#include "fd.h"
#include "path.h"

/* linux/mount.h and sys/mount.h cannot be included together. */
#define PROPAGATION_PRIVATE (1ull << 18)

static int clone_tree(int source_fd, const char *path, struct err *err)
{
	int fd = (int)syscall(SYS_open_tree, source_fd, "",
			      AT_EMPTY_PATH | OPEN_TREE_CLONE |
				      OPEN_TREE_CLOEXEC | AT_RECURSIVE);

	return fd < 0 ? err_set(err, errno, "clone the mount at %s", path) : fd;
}

static int set_flags(int fd, uint64_t flags, const char *what, struct err *err)
{
	struct mount_attr attr = { .attr_set = flags,
				   .propagation = PROPAGATION_PRIVATE };

	if (syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH | AT_RECURSIVE,
		    &attr, sizeof(attr)) < 0)
		return err_set(err, errno, "set mount flags of %s", what);
	return 0;
}

/*
 * Two clones of what was opened and looked at as path: one for the file
 * server, one for the mirror. The guest executes from its own memory: to the
 * server a program is data, and what the guest writes must not become text of
 * a server that was taken over.
 */
static int open_pair(struct share_tree *tree, int source_fd, const char *path,
		     uint64_t flags, struct err *err)
{
	tree->fd = clone_tree(source_fd, path, err);
	if (tree->fd < 0 ||
	    set_flags(tree->fd, flags | MOUNT_ATTR_NOEXEC, path, err) < 0)
		return -err->code;
	tree->mirror_fd = clone_tree(source_fd, path, err);
	if (tree->mirror_fd < 0 ||
	    set_flags(tree->mirror_fd, flags, path, err) < 0)
		return -err->code;
	return 0;
}

static struct share_tree *add_tree(struct share *share, bool is_dir)
{
	struct share_tree *tree;

	share->tree = xgrow(share->tree, share->count, share->count + 1,
			    sizeof(*share->tree));
	tree = &share->tree[share->count++];
	tree->fd = tree->mirror_fd = -1;
	tree->is_dir = is_dir;
	return tree;
}

/* A host path of mounts, opened once: the path may change its meaning. */
struct source {
	int fd; /* O_PATH; -1 for what the guest makes itself */
	char *path;
	bool is_dir;
};

/* Only directories and regular files can be shared with another kernel. */
static int open_source(struct source *source, size_t index, struct err *err)
{
	const char *path = source->path;
	struct stat st;

	source->fd = open(path, O_PATH | O_CLOEXEC);
	if (source->fd < 0 || fstat(source->fd, &st) < 0)
		return err_set(err, errno, "mounts[%zu]: source %s", index,
			       path);
	source->is_dir = S_ISDIR(st.st_mode);
	if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
		return err_msg(
			err, EOPNOTSUPP,
			"mounts[%zu]: source %s is a %s, which cannot be shared with the VM",
			index, path,
			S_ISSOCK(st.st_mode) ? "socket" :
			S_ISFIFO(st.st_mode) ? "fifo" :
					       "device node");
	return 0;
}

/* *ret has an entry for each of mounts, also on failure. */
static int open_sources(const struct bundle *bundle, struct source **ret,
			struct err *err)
{
	const struct oci_spec *spec = bundle->spec;
	struct source *source = xcalloc(spec->mount_count + 1, sizeof(*source));

	*ret = source;
	for (size_t i = 0; i < spec->mount_count; i++)
		source[i] = (struct source){ .fd = -1, .is_dir = true };
	for (size_t i = 0; i < spec->mount_count; i++) {
		if (bundle_mount_kind(&spec->mounts[i]) != MOUNT_HOST)
			continue;
		source[i].path = bundle_mount_source(bundle, &spec->mounts[i]);
		if (open_source(&source[i], i, err) < 0)
			return -err->code;
	}
	return 0;
}

static void close_sources(struct source *source, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (source[i].fd >= 0)
			close(source[i].fd);
		free(source[i].path);
	}
	free(source);
}

static uint64_t mount_flags(const struct oci_mount *mount)
{
	/* The guest's kernel enforces nosuid and noexec among its processes;
	 * here they keep the host safe from what the container writes. */
	uint64_t flags = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;

	if (mount_has_option(mount, "ro") || mount_has_option(mount, "rro"))
		flags |= MOUNT_ATTR_RDONLY;
	return flags;
}

static int open_mount(const struct bundle *bundle, size_t index,
		      const struct source *source, struct share *share,
		      struct err *err)
{
	struct share_tree *tree = add_tree(share, source->is_dir);

	snprintf(tree->name, sizeof(tree->name), "m%zu", index);
	if (open_pair(tree, source->fd, source->path,
		      mount_flags(&bundle->spec->mounts[index]), err) < 0)
		return err_wrap(err, "mounts[%zu]", index);
	return 0;
}

static bool is_below(const char *path, const char *parent)
{
	size_t len = strlen(parent);

	return strncmp(path, parent, len) == 0 && path[len] == '/';
}

/* A destination inside an earlier mount is not the rootfs' to provide. */
static bool inside_other_mount(const struct oci_spec *spec, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (is_below(spec->mounts[index].destination,
			     spec->mounts[i].destination))
			return true;
	return false;
}

/* Made before the tree is read-only, as runc leaves them in the rootfs too. */
static int make_mount_points(const struct oci_spec *spec, int root_fd,
			     const struct source *source, struct err *err)
{
	for (size_t i = 0; i < spec->mount_count; i++) {
		int fd;

		if (inside_other_mount(spec, i))
			continue;
		fd = path_mount_point(root_fd, spec->mounts[i].destination,
				      source[i].is_dir, err);
		if (fd == -EROFS) { /* an image mounted read-only by the engine */
			err_clear(err);
			continue;
		}
		if (fd < 0)
			return err_wrap(err, "mounts[%zu].destination", i);
		close(fd);
	}
	return 0;
}

static int open_trees(const struct bundle *bundle, int root_fd,
		      const struct source *source, struct share *share,
		      struct err *err)
{
	struct share_tree *root = add_tree(share, true);
	uint64_t flags = MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID;
	int r;

	if (bundle->spec->root_readonly)
		flags |= MOUNT_ATTR_RDONLY;
	snprintf(root->name, sizeof(root->name), "rootfs");
	r = open_pair(root, root_fd, bundle->rootfs, flags, err);
	for (size_t i = 0; r == 0 && i < bundle->spec->mount_count; i++)
		if (source[i].fd >= 0)
			r = open_mount(bundle, i, &source[i], share, err);
	return r;
}

int share_open(const struct bundle *bundle, struct share *ret, struct err *err)
{
	AUTO_FD int root_fd =
		open(bundle->rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct source *source = NULL;
	struct share share = { 0 };
	int r;

	if (root_fd < 0)
		return err_set(err, errno, "root.path %s", bundle->rootfs);
	r = open_sources(bundle, &source, err);
	if (r == 0)
		r = make_mount_points(bundle->spec, root_fd, source, err);
	if (r == 0)
		r = open_trees(bundle, root_fd, source, &share, err);
	close_sources(source, bundle->spec->mount_count);
	if (r < 0) {
		share_done(&share);
		return r;
	}
	*ret = share;
	return 0;
}

void share_done(struct share *share)
{
	for (size_t i = 0; i < share->count; i++) {
		if (share->tree[i].fd >= 0)
			close(share->tree[i].fd);
		if (share->tree[i].mirror_fd >= 0)
			close(share->tree[i].mirror_fd);
	}
	free(share->tree);
	*share = (struct share){ 0 };
}

static int attach_one(int dir_fd, const struct share_tree *tree, struct err *err)
{
	AUTO_FD int target = -1;

	if (tree->is_dir) {
		if (mkdirat(dir_fd, tree->name, 0755) < 0)
			return err_set(err, errno, "make %s", tree->name);
	} else {
		AUTO_FD int file =
			openat(dir_fd, tree->name,
			       O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

		if (file < 0)
			return err_set(err, errno, "make %s", tree->name);
	}
	target = openat(dir_fd, tree->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (target < 0)
		return err_set(err, errno, "open %s", tree->name);
	if (syscall(SYS_move_mount, tree->fd, "", target, "",
		    MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return err_set(err, errno, "attach %s", tree->name);
	return 0;
}

/* In a child process: nothing of the caller's namespaces changes. */
static int attach_all(const struct share *share, int ns_fd, const char *path,
		      const char *id, struct err *err)
{
	AUTO_FREE char *dir = xasprintf("%s/%s", path, id);
	AUTO_FD int dir_fd = -1;

	if (setns(ns_fd, CLONE_NEWNS) < 0)
		return err_set(err, errno, "enter the mount holder");
	if (mkdir(dir, 0755) < 0)
		return err_set(err, errno, "make %s", dir);
	dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir_fd < 0)
		return err_set(err, errno, "open %s", dir);
	for (size_t i = 0; i < share->count; i++)
		if (attach_one(dir_fd, &share->tree[i], err) < 0)
			return -err->code;
	return 0;
}

int share_attach(const struct share *share, pid_t holder, const char *path,
		 const char *id, struct err *err)
{
	AUTO_FREE char *ns = xasprintf("/proc/%d/ns/mnt", holder);
	AUTO_FD int ns_fd = open(ns, O_RDONLY | O_CLOEXEC);
	int report[2], status;
	pid_t pid;
	ssize_t n;

	if (ns_fd < 0)
		return err_set(err, errno, "open %s", ns);
	if (pipe2(report, O_CLOEXEC) < 0)
		return err_set(err, errno, "pipe");
	pid = fork();
	if (pid == 0) {
		struct err child = ERR_INIT;

		if (attach_all(share, ns_fd, path, id, &child) < 0)
			IGNORE(fd_write_all(report[1], &child, sizeof(child)) < 0,
			       "the exit status says so too");
		_exit(child.code ? 1 : 0);
	}
	close(report[1]);
	if (pid < 0) {
		close(report[0]);
		return err_set(err, errno, "fork");
	}
	n = fd_read_full(report[0], err, sizeof(*err));
	close(report[0]);
	if (waitpid(pid, &status, 0) < 0)
		return err_set(err, errno, "wait for the attaching child");
	if (n == sizeof(*err))
		return err_wrap(err, "share");
	if (status != 0)
		return err_msg(err, EIO, "share: the attaching child failed");
	return 0;
}
