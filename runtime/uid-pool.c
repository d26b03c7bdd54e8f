// SPDX-License-Identifier: Apache-2.0
/*
 * uid-pool.c - ids of VMMs, in kata-runtime. One file .uids/N per id in use,
 * holding the sandbox's state directory, made with O_EXCL under a lock. The
 * pool lies in the default state root whatever --root says: two roots with a
 * pool each would give the same id to two VMMs.
 *
 * The pool's path is in the sandbox's record before an id is taken: a create
 * that is killed in between leaves a file that delete finds by what stands in
 * it. What no delete frees any more, because the directory that it names is
 * gone, is taken over once every other id is in use, if nothing runs under it.
 */
#include "uid-pool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc.h"
#include "auto.h"
#include "fd.h"
#include "id-map.h"
#include "num.h"
#include "path.h"
#include "proc-uid.h"
#include "userns.h"

#define MAP_MAX 65536
#define OWNER_MAX 8192

/* What may be given out: ids of our namespace that are uid and gid. */
struct supply {
	struct id_map uids, gids;
	const struct oci_spec *spec; /* whose ids are left out; NULL: none */
};

int uid_pool_lock(const char *path, struct err *err)
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

int uid_pool_lock_if_there(const struct state *state, int *ret_fd,
			   struct err *err)
{
	int fd;

	if (!state->uid_pool)
		return 0;
	fd = uid_pool_lock(state->uid_pool, err);
	if (fd == -ENOENT) {
		err_clear(err);
		return 0;
	}
	if (fd < 0)
		return fd;
	*ret_fd = fd;
	return 1;
}

int uid_pool_open(const struct runtime *rt, struct state *state, struct err *err)
{
	AUTO_FREE char *root = NULL, *path = NULL;
	struct err no_default = ERR_INIT;
	AUTO_FD int root_fd = state_default_open(rt, &root, &no_default);

	/* Without a default root (no XDG_RUNTIME_DIR) the given one is all. */
	path = xasprintf("%s/.uids", root_fd < 0 ? rt->root : root);
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return err_set(err, errno, "make uid pool %s", path);
	free(state->uid_pool);
	state->uid_pool = take_ptr(path);
	return 0;
}

/* --- which ids there are ------------------------------------------------------ */

static void supply_done(struct supply *supply)
{
	id_map_done(&supply->uids);
	id_map_done(&supply->gids);
}

static int read_map(const char *file, struct id_map *ret, struct err *err)
{
	AUTO_FREE char *text = NULL;

	if (path_read_file(AT_FDCWD, file, MAP_MAX, &text, err) < 0)
		return -err->code;
	return id_map_parse(text, ret, err) < 0 ? err_wrap(err, "%s", file) : 0;
}

/* The highest id of the map that is not above limit; 0: there is none. */
static uint32_t highest_in(const struct id_map *map, uint32_t limit)
{
	uint32_t best = 0;

	for (size_t i = 0; i < map->count; i++) {
		const struct userns_extent *e = &map->extent[i];
		uint32_t last = e->inside + (e->count - 1);

		if (e->inside > limit)
			continue;
		if (last > limit)
			last = limit;
		if (last > best)
			best = last;
	}
	return best;
}

static bool is_mapped(const struct oci_mapping *map, size_t count, uint32_t id)
{
	for (size_t i = 0; i < count; i++)
		if (id >= map[i].host_id && id - map[i].host_id < map[i].size)
			return true;
	return false;
}

/* The VMM is nobody of the container's: neither its user nor one of a map. */
static bool is_of_spec(const struct oci_spec *spec, uint32_t id)
{
	const struct oci_linux *l = spec ? &spec->linux_ : NULL;
	const struct oci_user *user = spec ? &spec->process.user : NULL;

	if (!spec)
		return false;
	for (size_t i = 0; i < user->additional_gid_count; i++)
		if (user->additional_gids[i] == id)
			return true;
	return id == user->uid || id == user->gid ||
	       is_mapped(l->uid_mappings, l->uid_mapping_count, id) ||
	       is_mapped(l->gid_mappings, l->gid_mapping_count, id);
}

/* The next id to try, from limit downwards; 0: there is none. */
static uint32_t next_id(const struct supply *supply, uint32_t limit)
{
	uint32_t id = limit;

	while (id > 0) {
		uint32_t uid = highest_in(&supply->uids, id);

		id = highest_in(&supply->gids, uid);
		if (id != uid)
			continue;
		/* The overflow id is nobody's, and everybody's. */
		if (id == 0 ||
		    (id != USERNS_OVERFLOW_ID && !is_of_spec(supply->spec, id)))
			return id;
		id--;
	}
	return 0;
}

/*
 * Ids that exist as uid and as gid, without the caller's own 0. Return: 0; 1
 * when that is the only one and the settings allow to go on with it; -errno
 */
static int supply_init(const struct runtime *rt, struct supply *ret,
		       struct err *err)
{
	if (rt->initial_userns) {
		AUTO_FREE char *range =
			xasprintf("%u %u %u", rt->settings.sandbox_uid_base,
				  rt->settings.sandbox_uid_base,
				  rt->settings.sandbox_uid_count);

		return id_map_parse(range, &ret->uids, err) < 0 ||
				       id_map_parse(range, &ret->gids, err) < 0 ?
			       -err->code :
			       0;
	}
	if (read_map("/proc/self/uid_map", &ret->uids, err) < 0 ||
	    read_map("/proc/self/gid_map", &ret->gids, err) < 0)
		return -err->code;
	if (highest_in(&ret->uids, UINT32_MAX) == 0 && rt->settings.single_id)
		return 1;
	if (next_id(&(struct supply){ ret->uids, ret->gids, NULL },
		    UINT32_MAX) == 0)
		return err_msg(
			err, ENOSPC,
			"no subordinate ids for the VMM: add ranges for this user to "
			"/etc/subuid and /etc/subgid, or set single_id = true under "
			"[security] in configuration.toml");
	return 0;
}

/* --- taking ------------------------------------------------------------------- */

static void unlink_id(int pool_fd, uint32_t id)
{
	char name[16];

	snprintf(name, sizeof(name), "%u", id);
	IGNORE(unlinkat(pool_fd, name, 0) < 0, "a lost id, no more");
}

static int write_id(int pool_fd, const char *owner, uint32_t id, struct err *err)
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
	if (r < 0)
		unlink_id(pool_fd, id);
	return r < 0 ? err_set(err, -r, "uid pool: %s", name) : 0;
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
	return proc_each_of_id(id, found, NULL, err);
}

/* Return: 0 taken; -EEXIST somebody has it; -errno */
static int try_id(int pool_fd, const char *owner, uint32_t id, struct err *err)
{
	int r = write_id(pool_fd, owner, id, err);

	if (r < 0)
		return r;
	r = is_running(id, err);
	if (r != 0)
		unlink_id(pool_fd, id);
	return r > 0 ? -EEXIST : r;
}

/*
 * Does its file name a sandbox that there is no more? An empty one is of a
 * create that was killed: we hold the lock that it held. Return: 1, 0, -errno
 */
static int is_left_over(int pool_fd, uint32_t id, struct err *err)
{
	AUTO_FREE char *owner = NULL;
	char name[16];
	int r;

	snprintf(name, sizeof(name), "%u", id);
	r = path_read_file(pool_fd, name, OWNER_MAX, &owner, err);
	if (r == -ENOENT) { /* not given out: a process has it */
		err_clear(err);
		return 0;
	}
	if (r < 0)
		return r;
	return !*owner ||
	       (faccessat(AT_FDCWD, owner, F_OK, AT_SYMLINK_NOFOLLOW) < 0 &&
		errno == ENOENT);
}

/* Same as try_id(), for ids that have a file. */
static int try_left_over(int pool_fd, const char *owner, uint32_t id,
			 struct err *err)
{
	int r = is_left_over(pool_fd, id, err);

	if (r == 0)
		return -EEXIST;
	if (r > 0)
		r = is_running(id, err);
	if (r != 0)
		return r > 0 ? -EEXIST : r;
	unlink_id(pool_fd, id);
	return try_id(pool_fd, owner, id, err);
}

/* Return: the id, or 0 when none is free; -errno in *ret_r */
static uint32_t
search(const struct supply *supply, int pool_fd, const char *owner,
       int (*try)(int pool_fd, const char *owner, uint32_t id, struct err *err),
       int *ret_r, struct err *err)
{
	uint32_t id = next_id(supply, UINT32_MAX - 1);

	for (; id > 0; id = next_id(supply, id - 1)) {
		int r = try(pool_fd, owner, id, err);

		if (r == -EEXIST)
			continue;
		*ret_r = r;
		return r < 0 ? 0 : id;
	}
	*ret_r = 0;
	return 0;
}

static int take_from(const struct supply *supply, const struct runtime *rt,
		     struct state *state, struct err *err)
{
	AUTO_FREE char *owner = owner_of(rt, state);
	AUTO_FD int pool_fd = uid_pool_lock(state->uid_pool, err);
	uint32_t id;
	int r;

	if (pool_fd < 0)
		return pool_fd;
	id = search(supply, pool_fd, owner, try_id, &r, err);
	if (id == 0 && r == 0)
		id = search(supply, pool_fd, owner, try_left_over, &r, err);
	if (r < 0)
		return r;
	if (id == 0)
		return err_msg(
			err, ENOSPC,
			"every id for VMMs is in use (%u and down, %s): "
			"delete sandboxes, or give %s",
			next_id(supply, UINT32_MAX - 1), state->uid_pool,
			rt->initial_userns ?
				"a larger sandbox_uid_count" :
				"this user more in /etc/subuid and /etc/subgid");
	state->uid = id;
	return 0;
}

int uid_pool_take(const struct runtime *rt, const struct oci_spec *spec,
		  struct state *state, struct err *err)
{
	struct supply supply = { .spec = spec };
	int r;

	if (!state->uid_pool && uid_pool_open(rt, state, err) < 0)
		return -err->code;
	r = supply_init(rt, &supply, err);
	state->single_id = r > 0;
	if (r == 0)
		r = take_from(&supply, rt, state, err);
	supply_done(&supply);
	return r < 0 ? r : 0;
}

/* --- freeing ------------------------------------------------------------------ */

/* The id whose file names the owner; 0: there is none. Return: 0, -errno */
static int find_by_owner(int pool_fd, const char *owner, uint32_t *ret,
			 struct err *err)
{
	int fd = openat(pool_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_CLOSEDIR DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return err_set(err, errno, "list uid pool");
	}
	errno = 0;
	while ((entry = readdir(dir))) {
		AUTO_FREE char *have = NULL;
		uint32_t id;

		if (num_parse_u32(entry->d_name, UINT32_MAX - 1, &id) == 0) {
			if (path_read_file(pool_fd, entry->d_name, OWNER_MAX,
					   &have, err) < 0)
				return err_wrap(err, "uid pool");
			if (strcmp(have, owner) == 0) {
				*ret = id;
				return 0;
			}
		}
		errno = 0;
	}
	return errno ? err_set(err, errno, "list uid pool") : 0;
}

int uid_pool_find(const struct runtime *rt, struct state *state, struct err *err)
{
	AUTO_FREE char *owner = owner_of(rt, state);
	AUTO_FD int pool_fd = -1;
	int r;

	if (state->uid != 0)
		return 0;
	r = uid_pool_lock_if_there(state, &pool_fd, err);
	return r > 0 ? find_by_owner(pool_fd, owner, &state->uid, err) : r;
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

	if (state->uid == 0)
		return 0;
	r = uid_pool_lock_if_there(state, &pool_fd, err);
	if (r <= 0)
		return r;
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
