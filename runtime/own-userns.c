// SPDX-License-Identifier: Apache-2.0
/*
 * own-userns.c - enters the user namespace of a sandbox, in kata-runtime of a
 * plain user. Rights: the caller's; as the owner of a namespace the kernel lets
 * it in (user_namespaces(7)), and lets it signal and read what runs there. So
 * `state`, `list`, `kill` and `delete` need no namespace at all, and `start`
 * and `exec`, which enter others, join it.
 *
 * The process itself enters: no layer of processes is added, and terminal,
 * signals, exit code and sub-reaper are those of one process. kata-proxy, a
 * child, keeps the namespace alive afterwards without knowing it.
 *
 * Hostile: the VMM and the file server among the recorded processes. A pid
 * counts only with its recorded start time, looked at after the descriptor was
 * opened, and a namespace only when its owner is the caller.
 *
 * #syscalls:runtime setns unshare mount - a plain user's namespace
 */
#include "own-userns.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <pwd.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auto.h"
#include "path.h"
#include "userns-make.h"

#define SUBID_BYTES_MAX (4u << 20)
#define MAP_BYTES_MAX 65536
#define DEPTH_MAX 32 /* of user namespaces, the kernel's own limit */

bool own_userns_is_plain(const struct runtime *rt)
{
	return rt->initial_userns && geteuid() != 0;
}

/* --- a new one -------------------------------------------------------------- */

static int ranges_of(const char *file, const struct id_owner *owner,
		     struct id_map *ret, struct err *err)
{
	AUTO_FREE char *text = NULL;
	int r = path_read_file(AT_FDCWD, file, SUBID_BYTES_MAX, &text, err);

	if (r == -ENOENT) {
		err_clear(err);
		text = xstrdup("");
		r = 0;
	}
	return r < 0 ? r : id_map_from_ranges(text, file, owner, ret, err);
}

static int no_ranges(const struct id_owner *owner, struct err *err)
{
	const char *name = owner->name ? owner->name : "(unknown)";

	return err_msg(
		err, EPERM,
		"user %s (uid %u) has no subordinate ids in /etc/subuid and /etc/subgid: as "
		"root, usermod --add-subuids FIRST-LAST --add-subgids FIRST-LAST %s; or set "
		"single_id = true under [security] in configuration.toml, which gives the VMM "
		"and the file server your own id",
		name, owner->uid, name);
}

/* The caller's ids alone. */
static int single_maps(struct userns_maps *maps, struct err *err)
{
	AUTO_FREE char *uids = xasprintf("0 %u 1", geteuid());
	AUTO_FREE char *gids = xasprintf("0 %u 1", getegid());

	userns_maps_done(maps);
	if (id_map_parse(uids, &maps->uids, err) < 0)
		return -err->code;
	return id_map_parse(gids, &maps->gids, err);
}

static int find_maps(bool single_allowed, struct userns_maps *maps,
		     struct err *err)
{
	const struct passwd *user = getpwuid(geteuid());
	struct id_owner owner = { user ? user->pw_name : NULL, geteuid(),
				  geteuid() };

	if (ranges_of("/etc/subuid", &owner, &maps->uids, err) < 0)
		return -err->code;
	owner.own = getegid();
	if (ranges_of("/etc/subgid", &owner, &maps->gids, err) < 0)
		return -err->code;
	if (!userns_maps_single(maps))
		return 0;
	return single_allowed ? single_maps(maps, err) : no_ranges(&owner, err);
}

/* From here on the rights are those of root, in that namespace and nowhere
 * else. */
static int enter(struct runtime *rt, int ns_fd, struct err *err)
{
	if (setns(ns_fd, CLONE_NEWUSER) < 0)
		return err_set(err, errno, "enter the user namespace");
	if (geteuid() != 0 || getegid() != 0)
		return err_msg(
			err, EPERM,
			"the caller is uid %u, gid %u in the container's user namespace, not "
			"its root",
			geteuid(), getegid());
	rt->initial_userns = false;
	return 0;
}

/*
 * Trees can be cloned only from a mount namespace that we have rights over.
 * Nothing that is mounted in it is seen outside, or outlives its processes.
 */
static int own_mounts(struct err *err)
{
	if (unshare(CLONE_NEWNS) < 0)
		return userns_refused(
			errno, "mount namespace in the user namespace", err);
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		return err_set(err, errno, "make mounts slaves");
	return 0;
}

static int enter_with(struct runtime *rt, const struct userns_maps *maps,
		      struct err *err)
{
	AUTO_FD int fd = userns_make(maps, err);

	return fd < 0 ? fd : enter(rt, fd, err);
}

int own_userns_enter_new(struct runtime *rt, struct err *err)
{
	struct userns_maps maps = { 0 };
	int r;

	if (!own_userns_is_plain(rt))
		return 0;
	if (getuid() != geteuid() || getgid() != getegid())
		return err_msg(
			err, EPERM,
			"called with an effective id that is not the real one: refused");
	r = find_maps(rt->settings.single_id, &maps, err);
	if (r == 0)
		r = enter_with(rt, &maps, err);
	userns_maps_done(&maps);
	return r < 0 ? r : own_mounts(err);
}

/* --- the record --------------------------------------------------------------- */

static int record_map(const char *file, char **ret, struct err *err)
{
	AUTO_FREE char *text = NULL;
	struct id_map map = { 0 };

	if (path_read_file(AT_FDCWD, file, MAP_BYTES_MAX, &text, err) < 0 ||
	    id_map_parse(text, &map, err) < 0)
		return err_wrap(err, "%s", file);
	free(*ret);
	*ret = id_map_text(&map);
	id_map_done(&map);
	return 0;
}

int own_userns_record(const struct runtime *rt, struct state *state,
		      struct err *err)
{
	if (rt->initial_userns)
		return 0;
	if (record_map("/proc/self/uid_map", &state->uid_map, err) < 0)
		return -err->code;
	return record_map("/proc/self/gid_map", &state->gid_map, err);
}

/* --- one that is there ---------------------------------------------------------- */

static int is_own_ns(int ns_fd, struct err *err)
{
	struct stat mine, other;

	if (stat("/proc/self/ns/user", &mine) < 0 || fstat(ns_fd, &other) < 0)
		return err_set(err, errno, "user namespace");
	return mine.st_dev == other.st_dev && mine.st_ino == other.st_ino;
}

/* Jails live in namespaces below the sandbox's: up to the one that is ours. */
static int climb(int ns_fd, struct err *err)
{
	AUTO_FD int at = ns_fd;

	for (int i = 0; i < DEPTH_MAX; i++) {
		AUTO_FD int parent = ioctl(at, NS_GET_PARENT);
		int r;

		if (parent < 0)
			return err_set(err, errno,
				       "parent of the user namespace");
		r = is_own_ns(parent, err);
		if (r < 0)
			return r;
		if (r)
			return take_fd(&at);
		close(at);
		at = take_fd(&parent);
	}
	return err_msg(err, ELOOP, "user namespaces too deep");
}

/* Any process that still holds it; those that live in it first. */
static int find_ns(const struct state *s, struct err *err)
{
	const struct {
		const struct process_ref *ref;
		bool jailed;
	} each[] = { { &s->proxy, false },	{ &s->shim, false },
		     { &s->vmm_monitor, true }, { &s->vmm, true },
		     { &s->fs_monitor, true },	{ &s->fs, true } };

	for (size_t i = 0; i < ARRAY_SIZE(each); i++) {
		int fd;

		if (!process_alive(each[i].ref))
			continue;
		fd = process_open_ns(each[i].ref, "user", err);
		if (fd < 0 && process_alive(each[i].ref))
			return fd;
		err_clear(err);
		if (fd >= 0)
			return each[i].jailed ? climb(fd, err) : fd;
	}
	return err_msg(
		err, ESRCH,
		"container %s has ended: none of its processes holds its user namespace any "
		"more; remove it with: kata-runtime delete --force %s",
		s->id, s->id);
}

/* From inside a namespace one beside it cannot be entered: say so. */
static int check_reach(const struct runtime *rt, const struct state *state,
		       struct err *err)
{
	AUTO_FD int fd = -1;

	if (rt->initial_userns)
		return 0;
	fd = find_ns(state, err);
	if (fd == -EACCES || fd == -EPERM)
		return err_msg(
			err, EPERM,
			"container %s lives in another user namespace: call kata-runtime "
			"from a plain shell",
			state->id);
	err_clear(err);
	return 0;
}

int own_userns_join(struct runtime *rt, const struct state *state,
		    struct err *err)
{
	AUTO_FD int fd = -1;
	uid_t owner;
	int r;

	if (!own_userns_is_plain(rt))
		return check_reach(rt, state, err);
	fd = find_ns(state, err);
	if (fd < 0)
		return fd;
	r = is_own_ns(fd, err);
	if (r < 0)
		return r;
	if (r || ioctl(fd, NS_GET_OWNER_UID, &owner) < 0 || owner != geteuid())
		return err_msg(
			err, EPERM,
			"container %s: its processes are not in a user namespace of the caller",
			state->id);
	return enter(rt, fd, err);
}

int own_userns_enter_same(struct runtime *rt, const struct state *state,
			  struct err *err)
{
	struct userns_maps maps = { 0 };
	int r;

	if (!own_userns_is_plain(rt))
		return 0;
	if (state->uid_map && state->gid_map) {
		r = id_map_parse(state->uid_map, &maps.uids, err);
		if (r == 0)
			r = id_map_parse(state->gid_map, &maps.gids, err);
	} else {
		r = find_maps(false, &maps, err);
	}
	if (r == 0)
		r = enter_with(rt, &maps, err);
	userns_maps_done(&maps);
	return r;
}
