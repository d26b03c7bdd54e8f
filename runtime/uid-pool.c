// SPDX-License-Identifier: Apache-2.0
/*
 * uid-pool.c - ids of VMMs, in kata-runtime. One file .uids/N per id in use,
 * holding the sandbox's state directory, made with O_EXCL under a lock. The
 * pool lies in the default state root whatever --root says: two roots with a
 * pool each would give the same id to two VMMs.
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
#include "proc-uid.h"
#include "userns.h"

#define MAP_MAX 65536
#define OWNER_MAX 8192

struct range {
	uint32_t first, last; /* ids of our namespace, inclusive */
};

static int lock_pool(const char *path, struct err *err)
{
	AUTO_FD int fd =
		open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	int r;

	if (fd < 0)
		return err_set(err, errno, "open uid pool %s", path);
	if (fstat(fd, &st) < 0)
		return err_set(err, errno, "stat uid pool %s", path);
	if (st.st_uid != geteuid())
		return err_msg(err, EPERM, "uid pool %s: owned by uid %u", path,
			       st.st_uid);
	do {
		r = flock(fd, LOCK_EX);
	} while (r < 0 && errno == EINTR);
	if (r < 0)
		return err_set(err, errno, "lock uid pool %s", path);
	return take_fd(&fd);
}

static int open_pool(const struct runtime *rt, char **ret_path, struct err *err)
{
	AUTO_FREE char *root = NULL, *path = NULL;
	struct err no_default = ERR_INIT;
	AUTO_FD int root_fd = state_default_open(rt, &root, &no_default);
	int fd;

	/* Without a default root (no XDG_RUNTIME_DIR) the given one is all. */
	path = xasprintf("%s/.uids", root_fd < 0 ? rt->root : root);
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return err_set(err, errno, "make uid pool %s", path);
	fd = lock_pool(path, err);
	if (fd >= 0)
		*ret_path = take_ptr(path);
	return fd;
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
		struct userns_extent e;

		if (userns_extent_parse(line, &e) < 0)
			return err_msg(err, EINVAL, "%s: malformed", file);
		if (e.count == 0)
			continue;
		if (!found || e.inside > ret->first)
			*ret = (struct range){ e.inside,
					       e.inside + e.count - 1 };
		found = true;
	}
	return found ? 0 : err_msg(err, EINVAL, "%s is empty", file);
}

/*
 * Ids that exist as uid and as gid, without the caller's own 0. Return: 0; 1
 * when that is the only one and the settings allow to go on with it; -errno
 */
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
	if (ret->last == 0 && rt->settings.single_id)
		return 1;
	if (ret->last <= ret->first)
		return err_msg(
			err, ENOSPC,
			"no subordinate ids for the VMM: add ranges for this user to "
			"/etc/subuid and /etc/subgid, or set single_id = true under "
			"[security] in configuration.toml");
	return 0;
}

static int try_id(int pool_fd, const char *owner, uint32_t id, struct err *err)
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
	r = fd_write_all(fd, owner, strlen(owner));
	return r < 0 ? err_set(err, -r, "uid pool: %s", name) : 0;
}

static void unlink_id(int pool_fd, uint32_t id)
{
	char name[16];

	snprintf(name, sizeof(name), "%u", id);
	IGNORE(unlinkat(pool_fd, name, 0) < 0, "a lost id, no more");
}

/* What stands in the file: names of containers repeat among state roots. */
static char *owner_of(const struct runtime *rt, const struct state *state)
{
	return xasprintf("%s/%s", rt->root, state->id);
}

static int found(pid_t pid UNUSED, void *arg UNUSED, struct err *err UNUSED)
{
	return 1;
}

/*
 * A user with two XDG_RUNTIME_DIRs (a login, and a session that has none and
 * for which podman makes one) has two pools of the same ids. What runs says
 * that an id is taken, whoever's list it is on; jail_check() looks once more,
 * for two that take it at the same moment.
 */
static int is_running(uint32_t id, struct err *err)
{
	return proc_each_of_uid(id, found, NULL, err);
}

int uid_pool_take(const struct runtime *rt, struct state *state, struct err *err)
{
	AUTO_FREE char *path = NULL, *owner = owner_of(rt, state);
	AUTO_FD int pool_fd = open_pool(rt, &path, err);
	struct range range = { 0, 0 };
	int single;

	if (pool_fd < 0)
		return pool_fd;
	single = own_range(rt, &range, err);
	if (single < 0)
		return single;
	state->single_id = single;
	if (single)
		return 0;
	for (uint32_t id = range.last; id >= range.first && id > 0; id--) {
		int r;

		if (id == USERNS_OVERFLOW_ID) /* nobody's, and everybody's */
			continue;
		r = try_id(pool_fd, owner, id, err);
		if (r == -EEXIST)
			continue;
		if (r < 0)
			return r;
		r = is_running(id, err);
		if (r != 0)
			unlink_id(pool_fd, id);
		if (r < 0)
			return r;
		if (r > 0)
			continue;
		state->uid = id;
		state->uid_pool = take_ptr(path);
		return 0;
	}
	return err_msg(err, ENOSPC, "every id for VMMs is in use (%u to %u)",
		       range.first, range.last);
}

/*
 * Opens and locks the pool if it says that the id is this sandbox's. Return: 1
 * with *ret_fd; 0 it is another's or nobody's; -errno
 */
static int lock_if_ours(const struct runtime *rt, const struct state *state,
			int *ret_fd, struct err *err)
{
	AUTO_FREE char *have = NULL, *owner = owner_of(rt, state);
	AUTO_FD int pool_fd = -1;
	char name[16];
	int r;

	if (state->uid == 0 || !state->uid_pool)
		return 0;
	pool_fd = lock_pool(state->uid_pool, err);
	if (pool_fd == -ENOENT) {
		err_clear(err);
		return 0;
	}
	if (pool_fd < 0)
		return pool_fd;
	snprintf(name, sizeof(name), "%u", state->uid);
	r = path_read_file(pool_fd, name, OWNER_MAX, &have, err);
	if (r == -ENOENT) {
		err_clear(err);
		return 0; /* freed already */
	}
	if (r < 0)
		return err_wrap(err, "uid pool %s", state->uid_pool);
	if (strcmp(have, owner) != 0)
		return 0;
	*ret_fd = take_fd(&pool_fd);
	return 1;
}

int uid_pool_while_ours(const struct runtime *rt, const struct state *state,
			int (*call)(void *arg, struct err *err), void *arg,
			struct err *err)
{
	AUTO_FD int pool_fd = -1;
	int r = lock_if_ours(rt, state, &pool_fd, err);

	return r > 0 ? call(arg, err) : r;
}

int uid_pool_release(const struct runtime *rt, const struct state *state,
		     struct err *err)
{
	AUTO_FD int pool_fd = -1;
	char name[16];
	int r = lock_if_ours(rt, state, &pool_fd, err);

	if (r <= 0)
		return r;
	snprintf(name, sizeof(name), "%u", state->uid);
	if (unlinkat(pool_fd, name, 0) < 0 && errno != ENOENT)
		return err_set(err, errno, "free id %u", state->uid);
	return 0;
}
