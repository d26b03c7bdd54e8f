// SPDX-License-Identifier: Apache-2.0
/*
 * devices.c - /dev of a container, and its terminals. Runs in the forked
 * child as guest root. At an exec the container has had time to put anything
 * at /dev/pts: what is opened there is looked at before it is used.
 *
 * #syscalls:agent/setup open_tree mknodat ioctl
 */
#include "setup.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "auto.h"
#include "path.h"

static const struct launch_device defaults[] = {
	{ .path = (char *)"null", .major = 1, .minor = 3, .mode = 0666 },
	{ .path = (char *)"zero", .major = 1, .minor = 5, .mode = 0666 },
	{ .path = (char *)"full", .major = 1, .minor = 7, .mode = 0666 },
	{ .path = (char *)"random", .major = 1, .minor = 8, .mode = 0666 },
	{ .path = (char *)"urandom", .major = 1, .minor = 9, .mode = 0666 },
	{ .path = (char *)"tty", .major = 5, .minor = 0, .mode = 0666 },
};

static const struct {
	const char *name, *target;
} links[] = {
	{ "fd", "/proc/self/fd" },	 { "stdin", "/proc/self/fd/0" },
	{ "stdout", "/proc/self/fd/1" }, { "stderr", "/proc/self/fd/2" },
	{ "ptmx", "pts/ptmx" },
};

static int make_node(int dir_fd, const char *name,
		     const struct launch_device *device, struct err *err)
{
	mode_t type = device->is_fifo ? S_IFIFO : S_IFCHR;
	dev_t number = device->is_fifo ? 0 :
					 makedev(device->major, device->minor);
	struct stat st;

	if (mknodat(dir_fd, name, type | device->mode, number) < 0) {
		if (errno != EEXIST)
			return err_set(err, errno, "make device %s", name);
		if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return err_set(err, errno, "look at device %s", name);
		if ((st.st_mode & S_IFMT) != type ||
		    (!device->is_fifo && st.st_rdev != number))
			return err_msg(err, EEXIST,
				       "another file is at device %s", name);
	}
	if ((device->uid || device->gid) &&
	    fchownat(dir_fd, name, device->uid, device->gid,
		     AT_SYMLINK_NOFOLLOW) < 0)
		return err_set(err, errno, "owner of device %s", name);
	return 0;
}

static int make_listed(const struct launch_device *device, int root_fd,
		       struct err *err)
{
	const char *slash = strrchr(device->path, '/');
	AUTO_FREE char *parent =
		xstrndup(device->path, (size_t)(slash - device->path));
	AUTO_FD int dir_fd = path_mkdirs_in_root(root_fd, parent, 0755, err);

	return dir_fd < 0 ? dir_fd : make_node(dir_fd, slash + 1, device, err);
}

int devices_make(const struct launch_root *root, int root_fd, struct err *err)
{
	AUTO_FD int dev_fd =
		path_open_beneath(root_fd, "dev", O_PATH | O_DIRECTORY, 0, err);
	struct statfs fs;
	int r = 0;

	if (dev_fd < 0)
		return err_wrap(err, "devices");
	/* A /dev that the spec binds from elsewhere has its own content. */
	if (fstatfs(dev_fd, &fs) < 0)
		return err_set(err, errno, "look at /dev");
	if (fs.f_type != TMPFS_MAGIC)
		return root->device_count ?
			       err_msg(err, EOPNOTSUPP,
				       "linux.devices: /dev is not a tmpfs") :
			       0;
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(defaults); i++)
		/* What the spec mounted at such a place is its wish. */
		if (faccessat(dev_fd, defaults[i].path, F_OK,
			      AT_SYMLINK_NOFOLLOW) < 0)
			r = make_node(dev_fd, defaults[i].path, &defaults[i],
				      err);
	for (size_t i = 0; r == 0 && i < root->device_count; i++)
		if (make_listed(&root->devices[i], root_fd, err) < 0)
			r = err_wrap(err, "linux.devices[%zu]", i);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(links); i++)
		if (symlinkat(links[i].target, dev_fd, links[i].name) < 0 &&
		    errno != EEXIST)
			r = err_set(err, errno, "make link /dev/%s",
				    links[i].name);
	return r;
}

/* --- terminals ---------------------------------------------------------------- */

static int open_master(int root_fd, struct err *err)
{
	AUTO_FD int fd = path_open_beneath(root_fd, "dev/pts/ptmx",
					   O_RDWR | O_NOCTTY, 0, err);
	struct statfs fs;
	struct stat st;
	int unlock = 0;

	if (fd < 0)
		return err_wrap(err, "process.terminal");
	if (fstatfs(fd, &fs) < 0 || fstat(fd, &st) < 0)
		return err_set(err, errno, "look at the terminal");
	if (fs.f_type != DEVPTS_SUPER_MAGIC || !S_ISCHR(st.st_mode) ||
	    st.st_rdev != makedev(5, 2))
		return err_msg(
			err, EPERM,
			"process.terminal: /dev/pts/ptmx is not a terminal master");
	if (ioctl(fd, TIOCSPTLCK, &unlock) < 0)
		return err_set(err, errno, "unlock the terminal");
	return take_fd(&fd);
}

static int bind_console(int root_fd, int slave_fd, struct err *err)
{
	AUTO_FD int target_fd = -1;
	AUTO_FD int tree_fd = -1;
	AUTO_FD int made_fd = path_open_beneath(
		root_fd, "dev/console",
		O_WRONLY | O_CREAT | O_NOCTTY | O_NONBLOCK, 0600, err);

	if (made_fd < 0)
		return err_wrap(err, "console");
	target_fd = path_open_beneath(root_fd, "dev/console", O_PATH, 0, err);
	if (target_fd < 0)
		return target_fd;
	tree_fd = open_tree(slave_fd, "",
			    OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
	if (tree_fd < 0)
		return err_set(err, errno, "bind the console");
	return mount_attach(tree_fd, target_fd, err);
}

int devices_terminal(const struct launch *launch, struct err *err)
{
	AUTO_FD int root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	AUTO_FD int master_fd = -1;
	AUTO_FD int slave_fd = -1;
	struct winsize size = { .ws_row = launch->rows,
				.ws_col = launch->columns };
	int r;

	if (root_fd < 0)
		return err_set(err, errno, "open the root");
	master_fd = open_master(root_fd, err);
	if (master_fd < 0)
		return master_fd;
	/* Not by name: the peer is what the master says it is. */
	slave_fd = ioctl(master_fd, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave_fd < 0)
		return err_set(err, errno, "open the terminal");
	if (launch->is_init) {
		r = bind_console(root_fd, slave_fd, err);
		if (r < 0)
			return r;
	}
	if (launch->rows && launch->columns &&
	    ioctl(master_fd, TIOCSWINSZ, &size) < 0)
		return err_set(err, errno, "size of the terminal");
	if (fchown(slave_fd, launch->uid, (gid_t)-1) < 0)
		return err_set(err, errno, "owner of the terminal");
	for (int i = 0; i < 3; i++)
		if (dup2(slave_fd, i) < 0)
			return err_set(err, errno, "standard streams");
	return take_fd(&master_fd);
}

int devices_take_terminal(struct err *err)
{
	if (ioctl(0, TIOCSCTTY, 0) < 0)
		return err_set(err, errno, "controlling terminal");
	return 0;
}
