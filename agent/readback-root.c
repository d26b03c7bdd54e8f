// SPDX-License-Identifier: Apache-2.0
/*
 * readback-root.c - what the kernel says about the file system of an init that
 * is frozen: mounts and their flags, masked and read-only paths, devices; and
 * whether a process works inside of its root.
 * Runs in kata-agent. The image is hostile, so every path is resolved inside
 * the container's root, by descriptor; nothing of the container runs yet.
 *
 * A path leads to a mount, the mount's number (statx(2), Linux 5.8) to the
 * line of mountinfo that has its flags. Nothing is asked of the file server.
 */
#include "readback.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/stat.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "auto.h"
#include "mountinfo.h"
#include "path.h"

struct mount_table {
	struct mount_line *line;
	size_t count;
};

static bool keep_line(const struct mount_line *line, void *ctx)
{
	struct mount_table *table = ctx;

	table->line = xgrow(table->line, table->count, table->count + 1,
			    sizeof(*table->line));
	table->line[table->count++] = *line;
	return true;
}

static const struct mount_line *find_mount(const struct mount_table *table,
					   uint64_t id)
{
	for (size_t i = 0; i < table->count; i++)
		if (table->line[i].id == id)
			return &table->line[i];
	return NULL;
}

/* A path of the container, looked at. */
struct sight {
	bool exists, is_mount; /* is_mount: the root of one */
	bool is_null;	       /* the device */
	uint64_t mount_id;
	const struct mount_line *mount;
};

/*
 * Of the kernel's own structures: the file server is not asked. Return: 0
 * also where there is no such path
 */
static int look(int root_fd, const char *path, const struct mount_table *table,
		struct sight *ret, struct err *err)
{
	AUTO_FD int fd = path_open_in_root(root_fd, path, O_PATH, 0, err);
	struct statx st;

	*ret = (struct sight){ 0 };
	if (fd == -ENOENT || fd == -ENOTDIR) {
		err_clear(err);
		return 0;
	}
	if (fd < 0)
		return err_wrap(err, "read-back");
	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC,
		  STATX_TYPE | STATX_MNT_ID, &st) < 0)
		return err_set(err, errno, "read-back: %s", path);
	ret->exists = true;
	ret->is_mount = st.stx_attributes & STATX_ATTR_MOUNT_ROOT;
	ret->is_null = S_ISCHR(st.stx_mode) && st.stx_rdev_major == 1 &&
		       st.stx_rdev_minor == 3;
	ret->mount_id = st.stx_mnt_id;
	ret->mount = find_mount(table, st.stx_mnt_id);
	if (!ret->mount)
		return err_msg(err, EIO, "read-back: no mount of %s", path);
	return 0;
}

/*
 * Each destination must be the root of a mount. Where two of the list lead to
 * one mount (/run and, by a symlink of the image, /var/run) it is the later
 * one's.
 */
static int take_mounts(const struct readback_wanted *wanted, int root_fd,
		       const struct mount_table *table, Grpc__ReadBack *to,
		       struct err *err)
{
	size_t count = wanted->mounts.count;
	AUTO_FREE struct sight *seen = xcalloc(count + 1, sizeof(*seen));
	int r = 0;

	for (size_t i = 0; r == 0 && i < count; i++)
		r = look(root_fd, wanted->mounts.item[i], table, &seen[i], err);
	for (size_t i = 0; r == 0 && i < count; i++) {
		uint64_t state = READBACK_THERE;

		if (!seen[i].is_mount)
			state = READBACK_ABSENT;
		for (size_t k = i + 1; k < count; k++)
			if (seen[i].is_mount && seen[k].is_mount &&
			    seen[k].mount_id == seen[i].mount_id)
				state = READBACK_HIDDEN;
		readback_add(to, READBACK_MOUNT, i,
			     (uint64_t[]){ state, seen[i].mount ?
							  seen[i].mount->flags :
							  0 },
			     2);
	}
	return r;
}

/* The null device upon a file, or nothing at all upon a directory. */
static bool is_masked(const struct sight *seen)
{
	return seen->is_mount &&
	       (seen->is_null || (seen->mount->is_tmpfs &&
				  seen->mount->flags & READBACK_FLAG_RDONLY));
}

static bool is_readonly(const struct sight *seen)
{
	return seen->mount->flags & READBACK_FLAG_RDONLY;
}

static int take_paths(const struct strv *paths, enum readback_kind kind,
		      bool (*is_closed)(const struct sight *), int root_fd,
		      const struct mount_table *table, Grpc__ReadBack *to,
		      struct err *err)
{
	for (size_t i = 0; i < paths->count; i++) {
		struct sight seen;
		uint64_t state = READBACK_ABSENT;

		if (look(root_fd, paths->item[i], table, &seen, err) < 0)
			return -err->code;
		if (seen.exists)
			state = is_closed(&seen) ? READBACK_THERE :
						   READBACK_BARE;
		readback_add(to, kind, i, &state, 1);
	}
	return 0;
}

static int take_devices(const struct strv *paths, int root_fd,
			Grpc__ReadBack *to, struct err *err)
{
	for (size_t i = 0; i < paths->count; i++) {
		AUTO_FD int fd = path_open_in_root(root_fd, paths->item[i],
						   O_PATH | O_NOFOLLOW, 0, err);
		struct stat st;

		if (fd < 0 || fstat(fd, &st) < 0)
			return err_set(err, errno, "read-back: %s",
				       paths->item[i]);
		readback_add(
			to, READBACK_DEVICE, i,
			(uint64_t[]){ st.st_mode,
				      (uint64_t)major(st.st_rdev) << 32 |
					      minor(st.st_rdev),
				      (uint64_t)st.st_uid << 32 | st.st_gid },
			3);
	}
	return 0;
}

static int take_all(const struct readback_wanted *wanted, int root_fd,
		    const struct mount_table *table, Grpc__ReadBack *to,
		    struct err *err)
{
	struct sight root;
	int r = look(root_fd, "/", table, &root, err);

	if (r < 0)
		return r;
	readback_add(to, READBACK_ROOT, 0, &root.mount->flags, 1);
	r = take_mounts(wanted, root_fd, table, to, err);
	if (r == 0)
		r = take_paths(&wanted->masked, READBACK_MASKED, is_masked,
			       root_fd, table, to, err);
	if (r == 0)
		r = take_paths(&wanted->read_only, READBACK_READONLY,
			       is_readonly, root_fd, table, to, err);
	if (r == 0)
		r = take_devices(&wanted->devices, root_fd, to, err);
	return r;
}

int readback_root(struct agent *agent, pid_t pid,
		  const struct readback_wanted *wanted, Grpc__ReadBack *to,
		  struct err *err)
{
	AUTO_FREE char *who = xasprintf("%d", (int)pid);
	AUTO_FREE char *root = xasprintf("%d/root", (int)pid);
	AUTO_FD int root_fd =
		openat(agent->proc_fd, root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct mount_table table = { 0 };
	int r;

	if (root_fd < 0)
		return err_set(err, errno, "read-back: the container's root");
	r = mountinfo_each(agent->proc_fd, who, keep_line, &table, err);
	if (r == 0)
		r = take_all(wanted, root_fd, &table, to, err);
	free(table.line);
	return r;
}

struct search {
	uint64_t id;
	bool found;
};

static bool is_not_it(const struct mount_line *line, void *ctx)
{
	struct search *search = ctx;

	search->found = line->id == search->id;
	return !search->found;
}

/*
 * mountinfo lists what the process's root leads to and nothing else, so a
 * directory that leaked into the process, of another mount table or from above
 * the root, is on a mount that it does not name. The link's text would not
 * tell: it starts with '/' wherever the directory is. The mount is looked for
 * as far as it is: a container that goes on mounting does not hinder an exec
 * on a mount that was there before.
 */
int readback_cwd_is_inside(struct agent *agent, pid_t pid, bool *ret,
			   struct err *err)
{
	AUTO_FREE char *who = xasprintf("%d", (int)pid);
	AUTO_FREE char *cwd = xasprintf("%d/cwd", (int)pid);
	AUTO_FD int fd = openat(agent->proc_fd, cwd, O_PATH | O_CLOEXEC);
	struct search search = { 0 };
	struct statx st;
	int r;

	if (fd < 0)
		return err_set(err, errno, "read-back: %s", cwd);
	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_MNT_ID,
		  &st) < 0)
		return err_set(err, errno, "read-back: %s", cwd);
	search.id = st.stx_mnt_id;
	r = mountinfo_each(agent->proc_fd, who, is_not_it, &search, err);
	if (r < 0)
		return r;
	*ret = search.found;
	return 0;
}

/* Flags of the mount that is the agent's own root. */
int readback_own_root(struct agent *agent, uint64_t *ret, struct err *err)
{
	AUTO_FD int root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct mount_table table = { 0 };
	struct sight root;
	int r = mountinfo_each(agent->proc_fd, "self", keep_line, &table, err);

	if (r == 0)
		r = look(root_fd, "/", &table, &root, err);
	if (r == 0)
		*ret = root.mount->flags;
	free(table.line);
	return r;
}
