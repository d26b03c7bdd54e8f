// SPDX-License-Identifier: Apache-2.0
/*
 * uid-pool.c - ids of VMMs, in kata-runtime. One file uids/N per id in use,
 * holding the sandbox's name, made with O_EXCL under a lock on the directory.
 */
#include "uid-pool.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc.h"
#include "auto.h"
#include "fd.h"
#include "path.h"

#define MAP_MAX 65536

struct range {
	uint32_t first, last; /* ids of our namespace, inclusive */
};

static int open_pool(const struct runtime *rt, struct err *err)
{
	AUTO_FD int fd = -1;

	if (mkdirat(rt->root_fd, ".uids", 0700) < 0 && errno != EEXIST)
		return err_set(err, errno, "make uid pool");
	fd = path_open_beneath(rt->root_fd, ".uids", O_RDONLY | O_DIRECTORY, 0,
			       err);
	if (fd < 0)
		return fd;
	if (flock(fd, LOCK_EX) < 0)
		return err_set(err, errno, "lock uid pool");
	return take_fd(&fd);
}

/* The extent of a map that holds its highest ids. */
static int highest_extent(const char *file, struct range *ret, struct err *err)
{
	AUTO_FREE char *text = NULL;
	char *line, *save = NULL;
	bool found = false;

	if (path_read_file(AT_FDCWD, file, MAP_MAX, &text, err) < 0)
		return -err->code;
	for (line = strtok_r(text, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		unsigned inside, outside, count;

		if (sscanf(line, "%u %u %u", &inside, &outside, &count) != 3 ||
		    count == 0)
			continue;
		if (!found || inside > ret->first)
			*ret = (struct range){ inside, inside + count - 1 };
		found = true;
	}
	return found ? 0 : err_msg(err, EINVAL, "%s is empty", file);
}

/* Ids that exist as uid and as gid, without the caller's own 0. */
static int own_range(const struct runtime *rt, struct range *ret,
		     struct err *err)
{
	struct range uids = { 0, 0 }, gids = { 0, 0 };

	if (rt->initial_userns) {
		ret->first = rt->settings.sandbox_uid_base;
		ret->last = ret->first + rt->settings.sandbox_uid_count - 1;
		return 0;
	}
	if (highest_extent("/proc/self/uid_map", &uids, err) < 0 ||
	    highest_extent("/proc/self/gid_map", &gids, err) < 0)
		return -err->code;
	ret->first = uids.first > gids.first ? uids.first : gids.first;
	ret->last = uids.last < gids.last ? uids.last : gids.last;
	if (ret->first == 0)
		ret->first = 1;
	if (ret->last <= ret->first)
		return err_msg(
			err, ENOSPC,
			"no subordinate ids for the VMM: add ranges for this user to "
			"/etc/subuid and /etc/subgid (or set security.single_id)");
	return 0;
}

static int try_id(int pool_fd, const char *sandbox, uint32_t id, struct err *err)
{
	char name[16];
	AUTO_FD int fd = -1;
	int r;

	snprintf(name, sizeof(name), "%u", id);
	fd = openat(pool_fd, name,
		    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return errno == EEXIST ?
			       -EEXIST :
			       err_set(err, errno, "uid pool: %s", name);
	r = fd_write_all(fd, sandbox, strlen(sandbox));
	return r < 0 ? err_set(err, -r, "uid pool: %s", name) : 0;
}

int uid_pool_take(struct runtime *rt, const char *sandbox, uint32_t *ret_uid,
		  struct err *err)
{
	AUTO_FD int pool_fd = open_pool(rt, err);
	struct range range = { 0, 0 };

	if (pool_fd < 0 || own_range(rt, &range, err) < 0)
		return -err->code;
	for (uint32_t id = range.last; id >= range.first && id > 0; id--) {
		int r = try_id(pool_fd, sandbox, id, err);

		if (r == -EEXIST)
			continue;
		if (r == 0)
			*ret_uid = id;
		return r;
	}
	return err_msg(err, ENOSPC, "every id for VMMs is in use (%u to %u)",
		       range.first, range.last);
}

int uid_pool_release(struct runtime *rt, const char *sandbox, uint32_t uid,
		     struct err *err)
{
	AUTO_FD int pool_fd = -1;
	AUTO_FREE char *owner = NULL;
	struct err ignored = ERR_INIT;
	char name[16];

	if (uid == 0)
		return 0;
	pool_fd = open_pool(rt, err);
	if (pool_fd < 0)
		return pool_fd;
	snprintf(name, sizeof(name), "%u", uid);
	if (path_read_file(pool_fd, name, 256, &owner, &ignored) < 0)
		return 0; /* freed already */
	if (strcmp(owner, sandbox) != 0)
		return 0;
	if (unlinkat(pool_fd, name, 0) < 0 && errno != ENOENT)
		return err_set(err, errno, "free id %u", uid);
	return 0;
}
