// SPDX-License-Identifier: Apache-2.0
/*
 * labels.c - SELinux labels of what kata-runtime starts and makes. Runs in
 * kata-runtime alone.
 *
 * The types are the policy's matter (selinux-policy/), the categories are ours:
 * all processes of a pod have two categories that no other pod has, so that one
 * of a pod can do nothing to a process or file of another, even with its id.
 * They are kept as uid-pool.c keeps ids, in the same directory and under its
 * lock: one file by the level's name, holding the state directory. Other users
 * have pools that we cannot see, so a level that a living process has is not
 * taken either.
 *
 * kata-runtime gives up every other category itself before it makes anything
 * that the sandbox gets: pipes have their maker's label, and one that carries
 * all categories could be used by none of the sandbox's processes.
 *
 * #files:runtime /sys/fs/selinux rw - labels that the policy knows
 * #files:runtime /proc/self/attr rw - labels of this process and its children
 */
#include "labels.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "auto.h"
#include "fd.h"
#include "log.h"
#include "mcs.h"
#include "num.h"
#include "path.h"
#include "selinux.h"
#include "uid-pool.h"

#define TRIES 64 /* pairs; there are 523776 of them */
#define OWNER_MAX 8192

/* Do processes of ours have labels here? *ret_absent, owned: why they do not */
static int find_absence(char **ret_absent, struct err *err)
{
	AUTO_FREE char *own = NULL, *known = NULL;
	int r;

	if (!selinux_is_on()) {
		*ret_absent = xstrdup("off on this host");
		return 0;
	}
	r = selinux_with(SELINUX_RUNTIME, NULL, &known, err);
	if (r == -EINVAL) {
		err_clear(err);
		*ret_absent = xstrdup("the kata module is not loaded");
		return 0;
	}
	if (r < 0 || selinux_get(getpid(), &own, err) < 0)
		return -err->code;
	if (!selinux_has_type(own, SELINUX_RUNTIME))
		*ret_absent = xasprintf(
			"kata-runtime runs as %s and not as " SELINUX_RUNTIME
			": its file is not labelled (restorecon), or its caller "
			"may not start it so",
			own);
	return 0;
}

/* --- categories ---------------------------------------------------------------- */

static int own_range(struct mcs_range *ret, struct err *err)
{
	AUTO_FREE char *own = NULL;
	const char *range;

	if (selinux_get(getpid(), &own, err) < 0)
		return -err->code;
	range = mcs_of_label(own);
	if (!range)
		return err_msg(
			err, ENOTSUP,
			"SELinux: %s has no level: not a policy of type mcs",
			own);
	return mcs_range_parse(range, ret, err);
}

/*
 * The engine's label says which categories; its type is for programs that run
 * on the host. A label without categories, or one that may be everything, is
 * no choice of one pod's: then the choice is ours. Return: 1, 0, -errno
 */
static int asked_for(const struct oci_spec *spec, const struct mcs_range *own,
		     struct mcs_set *ret, struct err *err)
{
	const char *label = spec->process.selinux_label;
	const char *text = label && *label ? mcs_of_label(label) : NULL;
	struct mcs_range range;

	if (!label || !*label)
		return 0;
	if (!text)
		return err_msg(err, EINVAL,
			       "process.selinuxLabel: \"%s\" is no label",
			       label);
	if (mcs_range_parse(text, &range, err) < 0)
		return err_wrap(err, "process.selinuxLabel");
	if (mcs_count(&range.low) == 0)
		return 0;
	if (mcs_count(&range.low) != mcs_count(&range.high))
		return err_msg(err, EINVAL,
			       "process.selinuxLabel: %s is no single level",
			       text);
	if (!mcs_has_all(&own->high, &range.low))
		return err_msg(
			err, EPERM,
			"process.selinuxLabel: the caller does not have all of %s",
			text);
	*ret = range.low;
	return 1;
}

static bool is_level(const char *label, const char *level)
{
	AUTO_FREE char *high = NULL;
	const char *text = mcs_of_label(label);
	struct mcs_range range;
	struct err err = ERR_INIT;

	if (!text || mcs_range_parse(text, &range, &err) < 0)
		return false; /* no level of ours */
	high = mcs_level(&range.high);
	return strcmp(high, level) == 0;
}

/*
 * Has this process this level? One that has ended meanwhile, or may not be
 * asked, has no say. Return: 1, 0, -errno
 */
static int has_level(pid_t pid, const char *level, struct err *err)
{
	AUTO_FREE char *label = NULL;
	int r = selinux_get(pid, &label, err);

	if (r == 0)
		return is_level(label, level);
	if (r != -ENOENT && r != -ESRCH && r != -EACCES && r != -EPERM)
		return err_wrap(err, "categories in use");
	err_clear(err);
	return 0;
}

/* Has any process this level? Return: 1, 0, -errno */
static int is_in_use(const char *level, struct err *err)
{
	AUTO_CLOSEDIR DIR *proc = opendir("/proc");
	struct dirent *entry;
	int used = 0;

	if (!proc)
		return err_set(err, errno, "categories in use: /proc");
	errno = 0;
	while (!used && (entry = readdir(proc))) {
		uint32_t pid;

		if (num_parse_u32(entry->d_name, INT32_MAX, &pid) == 0)
			used = has_level((pid_t)pid, level, err);
		errno = 0;
	}
	return used || !errno ? used :
				err_set(err, errno, "categories in use: /proc");
}

/* Return: 0; -EEXIST somebody has it; -errno */
static int write_level(int pool_fd, const char *owner, const char *level,
		       struct err *err)
{
	AUTO_FD int fd = openat(
		pool_fd, level,
		O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	int r;

	if (fd < 0 && errno == EEXIST)
		return -EEXIST;
	if (fd < 0)
		return err_set(err, errno, "categories %s", level);
	r = fd_write_all(fd, owner, strlen(owner));
	if (r < 0) {
		IGNORE(unlinkat(pool_fd, level, 0) < 0, "a lost pair, no more");
		return err_set(err, -r, "categories %s", level);
	}
	return 0;
}

static int pick(int pool_fd, const char *owner, const struct mcs_set *from,
		char **ret_level, struct err *err)
{
	for (int i = 0; i < TRIES; i++) {
		AUTO_FREE char *level = NULL;
		struct mcs_set pair;
		uint64_t random[2];
		int r;

		if (getrandom(random, sizeof(random), 0) != sizeof(random))
			return err_set(err, errno, "random categories");
		if (mcs_pick_pair(from, random[0], random[1], &pair) < 0)
			break;
		level = mcs_level(&pair);
		r = is_in_use(level, err);
		if (r < 0)
			return r;
		r = r ? -EEXIST : write_level(pool_fd, owner, level, err);
		if (r == -EEXIST)
			continue;
		if (r == 0)
			*ret_level = take_ptr(level);
		return r;
	}
	return err_msg(
		err, ENOSPC,
		"every pair of SELinux categories of the caller is in use");
}

static char *owner_of(const struct runtime *rt, const struct state *state)
{
	return xasprintf("%s/%s", rt->root, state->id);
}

/* The engine has chosen: two containers of a pod may have the same level. */
static int note_asked(int pool_fd, const char *owner, const struct mcs_set *set,
		      char **ret_level, struct err *err)
{
	AUTO_FREE char *level = mcs_level(set);
	int r = write_level(pool_fd, owner, level, err);

	if (r == 0 || r == -EEXIST)
		*ret_level = take_ptr(level);
	return r == -EEXIST ? 0 : r;
}

/*
 * With two categories at most the caller has one level for all of its pods.
 * Return: 1 a level of this pod's own, or the engine's; 0 the caller's; -errno
 */
static int take_level(const struct runtime *rt, const struct oci_spec *spec,
		      struct state *state, struct err *err)
{
	AUTO_FREE char *owner = owner_of(rt, state);
	AUTO_FD int pool_fd = -1;
	struct mcs_set asked;
	struct mcs_range own;
	int r;

	if (own_range(&own, err) < 0)
		return -err->code;
	r = asked_for(spec, &own, &asked, err);
	if (r < 0)
		return r;
	if (r == 0 && mcs_count(&own.high) <= 2) {
		state->selinux_level = mcs_level(&own.high);
		return 0;
	}
	pool_fd = uid_pool_lock(state->uid_pool, err);
	if (pool_fd < 0)
		return pool_fd;
	r = r > 0 ? note_asked(pool_fd, owner, &asked, &state->selinux_level,
			       err) :
		    pick(pool_fd, owner, &own.high, &state->selinux_level, err);
	return r < 0 ? r : 1;
}

/* What is less than the whole layer: told, or refused when it is required. */
static int note(const struct runtime *rt, struct state *state, const char *what,
		struct err *err)
{
	AUTO_FREE char *text = xasprintf("selinux: %s", what);

	if (rt->settings.required & LAYER_SELINUX)
		return err_msg(err, ENOTSUP,
			       "layer selinux is required but cannot be had: %s",
			       what);
	if (!strv_has(&state->notes, text))
		strv_add(&state->notes, text);
	return 0;
}

int labels_take(const struct runtime *rt, const struct oci_spec *spec,
		struct state *state, struct err *err)
{
	AUTO_FREE char *weak = NULL;
	int r;

	if (find_absence(&state->selinux_absent, err) < 0)
		return -err->code;
	if (state->selinux_absent)
		return note(rt, state, state->selinux_absent, err);
	r = take_level(rt, spec, state, err);
	if (r < 0)
		return r;
	if (r == 0) {
		weak = xasprintf(
			"no categories of its own: the caller's label has none to give (%s)",
			state->selinux_level);
		if (note(rt, state, weak, err) < 0)
			return -err->code;
	}
	return selinux_is_enforcing() ?
		       0 :
		       note(rt, state,
			    "permissive: labels are set and nothing is refused",
			    err);
}

static int level_of(const struct state *state, struct mcs_set *ret,
		    struct err *err)
{
	struct mcs_range range;

	if (mcs_range_parse(state->selinux_level, &range, err) < 0)
		return -err->code;
	*ret = range.high;
	return 0;
}

int labels_enter(const struct state *state, struct err *err)
{
	AUTO_FREE char *range = NULL;
	struct mcs_set set;

	if (!state->selinux_level)
		return 0;
	if (level_of(state, &set, err) < 0)
		return -err->code;
	range = mcs_range_up_to(&set);
	return selinux_set_range(range, err);
}

int labels_create(const struct state *state, struct err *err)
{
	if (!state->selinux_level)
		return 0;
	return selinux_set_create(LABELS_STATE, state->selinux_level, err);
}

void labels_create_done(const struct state *state)
{
	struct err err = ERR_INIT;

	if (state->selinux_level && selinux_set_create(NULL, NULL, &err) < 0)
		log_warn("%s", err.text);
}

int labels_exec(const struct state *state, const char *type, struct err *err)
{
	AUTO_FREE char *label = NULL;

	if (!state->selinux_level)
		return 0;
	if (selinux_with(type, state->selinux_level, &label, err) < 0)
		return -err->code;
	return selinux_set_exec(label, err);
}

char *labels_fs_range(const struct state *state)
{
	struct err err = ERR_INIT;
	struct mcs_set set;

	if (!state->selinux_level || level_of(state, &set, &err) < 0)
		return NULL;
	return mcs_range_up_to(&set);
}

/* --- freeing ------------------------------------------------------------------- */

static int release_one(int pool_fd, const char *name, const char *owner,
		       struct err *err)
{
	AUTO_FREE char *have = NULL;
	int r = path_read_file(pool_fd, name, OWNER_MAX, &have, err);

	if (r < 0)
		return r;
	if (strcmp(have, owner) == 0 && unlinkat(pool_fd, name, 0) < 0 &&
	    errno != ENOENT)
		return err_set(err, errno, "free categories %s", name);
	return 0;
}

/*
 * By the pool's word and not the record's: a create that was killed may have
 * taken a pair that it did not come to record.
 */
int labels_release(const struct runtime *rt, const struct state *state,
		   struct err *err)
{
	AUTO_FREE char *owner = owner_of(rt, state);
	AUTO_CLOSEDIR DIR *dir = NULL;
	AUTO_FD int pool_fd = -1;
	struct dirent *entry;
	int fd, r = uid_pool_lock_if_there(state, &pool_fd, err);

	if (r <= 0)
		return r;
	fd = openat(pool_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		r = err_set(err, errno, "list categories");
		if (fd >= 0)
			close(fd);
		return r;
	}
	errno = 0;
	while ((entry = readdir(dir))) {
		if (strncmp(entry->d_name, "s0:", 3) == 0 &&
		    release_one(pool_fd, entry->d_name, owner, err) < 0)
			return -err->code;
		errno = 0;
	}
	/* a list that broke off leaves pairs taken for ever */
	return errno ? err_set(err, errno, "list categories") : 0;
}
