// SPDX-License-Identifier: Apache-2.0
/*
 * mount-options.c - the words of mounts[].options as data. Runs in
 * kata-agent, before any child exists. Words that are not in the table are
 * options of the file system; a bind has no file system, so there an unknown
 * word is refused.
 */
#include "mounts.h"

#include <errno.h>
#include <linux/mount.h>
#include <string.h>

#include "agent.h"
#include "path.h"

/* From sys/mount.h, which clashes with linux/mount.h. */
#define PROP_UNBINDABLE (1ul << 17)
#define PROP_PRIVATE (1ul << 18)
#define PROP_SLAVE (1ul << 19)
#define PROP_SHARED (1ul << 20)

enum word_kind {
	WORD_ATTR,
	WORD_BIND,
	WORD_COPY_UP,
	WORD_NOTHING,
	WORD_REFUSE
};

static const struct {
	const char *word;
	enum word_kind kind;
	uint64_t set, clear;
} words[] = {
	{ "ro", WORD_ATTR, MOUNT_ATTR_RDONLY, 0 },
	{ "rw", WORD_ATTR, 0, MOUNT_ATTR_RDONLY },
	{ "nosuid", WORD_ATTR, MOUNT_ATTR_NOSUID, 0 },
	{ "suid", WORD_ATTR, 0, MOUNT_ATTR_NOSUID },
	{ "nodev", WORD_ATTR, MOUNT_ATTR_NODEV, 0 },
	{ "dev", WORD_ATTR, 0, MOUNT_ATTR_NODEV },
	{ "noexec", WORD_ATTR, MOUNT_ATTR_NOEXEC, 0 },
	{ "exec", WORD_ATTR, 0, MOUNT_ATTR_NOEXEC },
	{ "noatime", WORD_ATTR, MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME },
	{ "atime", WORD_ATTR, MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME },
	{ "relatime", WORD_ATTR, MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME },
	{ "norelatime", WORD_ATTR, MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME },
	{ "strictatime", WORD_ATTR, MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME },
	{ "nostrictatime", WORD_ATTR, MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME },
	{ "nodiratime", WORD_ATTR, MOUNT_ATTR_NODIRATIME, 0 },
	{ "diratime", WORD_ATTR, 0, MOUNT_ATTR_NODIRATIME },
	{ "nosymfollow", WORD_ATTR, MOUNT_ATTR_NOSYMFOLLOW, 0 },
	{ "symfollow", WORD_ATTR, 0, MOUNT_ATTR_NOSYMFOLLOW },
	{ "bind", WORD_BIND, 0, 0 },
	{ "rbind", WORD_BIND, 1, 0 },
	{ "tmpcopyup", WORD_COPY_UP, 0, 0 },
	/* What a mount is without being told. */
	{ "defaults", WORD_NOTHING, 0, 0 },
	{ "async", WORD_NOTHING, 0, 0 },
	{ "nomand", WORD_NOTHING, 0, 0 },
	{ "nolazytime", WORD_NOTHING, 0, 0 },
	{ "noiversion", WORD_NOTHING, 0, 0 },
	{ "nofail", WORD_NOTHING, 0, 0 },
	{ "loud", WORD_NOTHING, 0, 0 }, /* what the kernel logs is not ours */
	{ "silent", WORD_NOTHING, 0, 0 },
	{ "iversion", WORD_NOTHING, 0, 0 }, /* file systems decide by themselves */
	{ "remount", WORD_REFUSE, 0, 0 },
	{ "mand", WORD_REFUSE, 0, 0 },
	{ "idmap", WORD_REFUSE, 0, 0 },
	{ "ridmap", WORD_REFUSE, 0, 0 },
};

static const struct {
	const char *word;
	unsigned long flag;
	bool recursive;
} propagations[] = {
	{ "private", PROP_PRIVATE, false },
	{ "rprivate", PROP_PRIVATE, true },
	{ "slave", PROP_SLAVE, false },
	{ "rslave", PROP_SLAVE, true },
	{ "shared", PROP_SHARED, false },
	{ "rshared", PROP_SHARED, true },
	{ "unbindable", PROP_UNBINDABLE, false },
	{ "runbindable", PROP_UNBINDABLE, true },
};

/* Types that a container may have, and the kernel's name for each. */
static const struct {
	const char *type, *fstype;
} fstypes[] = {
	{ "proc", "proc" },	  { "sysfs", "sysfs" },
	{ "tmpfs", "tmpfs" },	  { "devpts", "devpts" },
	{ "mqueue", "mqueue" },	  { "cgroup", "cgroup2" },
	{ "cgroup2", "cgroup2" },
};

int mount_propagation_parse(const char *word, unsigned long *ret,
			    bool *ret_recursive)
{
	if (!*word) {
		*ret = PROP_PRIVATE;
		*ret_recursive = true;
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(propagations); i++) {
		if (strcmp(propagations[i].word, word) != 0)
			continue;
		*ret = propagations[i].flag;
		*ret_recursive = propagations[i].recursive;
		return 0;
	}
	return -EINVAL;
}

static void change(uint64_t *set, uint64_t *clear, uint64_t add, uint64_t drop)
{
	*set = (*set & ~drop) | add;
	*clear = (*clear & ~add) | drop;
}

/* Return: 1 known and taken, 0 not in the table, -errno */
static int take_word(const char *word, struct mount_plan *plan, bool *is_bind)
{
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (strcmp(words[i].word, word) != 0)
			continue;
		switch (words[i].kind) {
		case WORD_ATTR:
			change(&plan->attr_set, &plan->attr_clear, words[i].set,
			       words[i].clear);
			return 1;
		case WORD_BIND:
			*is_bind = true;
			plan->recursive = words[i].set != 0;
			return 1;
		case WORD_COPY_UP:
			plan->copy_up = true;
			return 1;
		case WORD_NOTHING:
			return 1;
		case WORD_REFUSE:
			return -EOPNOTSUPP;
		}
	}
	if (mount_propagation_parse(word, &plan->propagation,
				    &plan->propagation_recursive) == 0)
		return 1;
	/* "rro", "rnosuid" ...: the attribute for the whole tree. */
	for (size_t i = 0; word[0] == 'r' && i < ARRAY_SIZE(words); i++) {
		if (words[i].kind != WORD_ATTR ||
		    strcmp(words[i].word, word + 1) != 0)
			continue;
		change(&plan->recursive_set, &plan->recursive_clear,
		       words[i].set, words[i].clear);
		return 1;
	}
	return 0;
}

static int take_options(const struct mount_request *request, const char *where,
			struct mount_plan *plan, bool *is_bind, struct err *err)
{
	if (request->option_count > MOUNT_OPTIONS_MAX)
		return err_msg(err, EINVAL, "%s.options: too many", where);
	for (size_t i = 0; i < request->option_count; i++) {
		const char *word = request->options[i];
		int r = *word ? take_word(word, plan, is_bind) : 1;

		if (r < 0)
			return err_msg(err, -r,
				       "%s.options: \"%.64s\" is not supported",
				       where, word);
		if (r == 0)
			strv_add(&plan->data, word);
	}
	return 0;
}

/* These are of a superblock: a bind has none of its own, so mount(8) too
 * leaves the one that is there as it is. */
static bool is_superblock_word(const char *word)
{
	return strcmp(word, "sync") == 0 || strcmp(word, "dirsync") == 0 ||
	       strcmp(word, "lazytime") == 0;
}

/* Only what the host lends us may be bound. */
static int take_bind_source(const char *source, const char *where,
			    struct mount_plan *plan, struct err *err)
{
	static const char prefix[] = AGENT_RUN_DIR "/";

	if (!source || strncmp(source, prefix, sizeof(prefix) - 1) != 0 ||
	    !source[sizeof(prefix) - 1])
		return err_msg(err, EOPNOTSUPP,
			       "%s.source: \"%.128s\" is not below %s", where,
			       source ? source : "", AGENT_RUN_DIR);
	plan->source = xstrdup(source + sizeof(prefix) - 1);
	plan->fstype = NULL;
	for (size_t i = 0; i < plan->data.count; i++)
		if (!is_superblock_word(plan->data.item[i]))
			return err_msg(err, EOPNOTSUPP,
				       "%s.options: \"%.64s\" is not supported",
				       where, plan->data.item[i]);
	if (plan->copy_up)
		return err_msg(err, EINVAL,
			       "%s.options: tmpcopyup is for tmpfs", where);
	return 0;
}

static int take_type(const struct mount_request *request, const char *where,
		     struct mount_plan *plan, struct err *err)
{
	const char *type = request->type ? request->type : "";

	for (size_t i = 0; i < ARRAY_SIZE(fstypes); i++)
		if (strcmp(fstypes[i].type, type) == 0)
			plan->fstype = fstypes[i].fstype;
	if (!plan->fstype)
		return err_msg(err, EOPNOTSUPP,
			       "%s.type: \"%.64s\" is not supported", where,
			       type);
	if (plan->copy_up && strcmp(plan->fstype, "tmpfs") != 0)
		return err_msg(err, EINVAL,
			       "%s.options: tmpcopyup is for tmpfs", where);
	return 0;
}

/* /proc holds the kernel's own files: only these may be covered by a bind. */
bool mount_covers_proc(const char *path)
{
	static const char *const fine[] = {
		"/proc/cpuinfo", "/proc/diskstats", "/proc/meminfo",
		"/proc/stat",	 "/proc/swaps",	    "/proc/uptime",
		"/proc/loadavg", "/proc/slabinfo",  "/proc/net/dev",
	};

	for (size_t i = 0; i < ARRAY_SIZE(fine); i++)
		if (strcmp(fine[i], path) == 0)
			return true;
	return false;
}

static int check_destination(const struct mount_plan *plan, const char *where,
			     struct err *err)
{
	const char *path = plan->destination;

	if (strcmp(path, "/") == 0)
		return err_msg(err, EINVAL, "%s.destination: \"/\" is the root",
			       where);
	if (strcmp(path, "/proc") == 0 &&
	    (!plan->fstype || strcmp(plan->fstype, "proc") != 0))
		return err_msg(err, EOPNOTSUPP,
			       "%s.destination: /proc must be of type proc",
			       where);
	if (strncmp(path, "/proc/", 6) == 0 && !mount_covers_proc(path))
		return err_msg(err, EOPNOTSUPP,
			       "%s.destination: \"%.128s\" is inside /proc",
			       where, path);
	return 0;
}

int mount_plan_parse(const struct mount_request *request, const char *where,
		     struct mount_plan *ret, struct err *err)
{
	struct mount_plan plan = { 0 };
	bool is_bind = request->type && strcmp(request->type, "bind") == 0;
	int r;

	if (!request->destination || request->destination[0] != '/')
		return err_msg(err, EINVAL, "%s.destination: must be absolute",
			       where);
	plan.destination = path_normalise(request->destination);
	r = take_options(request, where, &plan, &is_bind, err);
	if (r == 0)
		r = is_bind ? take_bind_source(request->source, where, &plan,
					       err) :
			      take_type(request, where, &plan, err);
	if (r == 0)
		r = check_destination(&plan, where, err);
	if (r < 0) {
		mount_plan_done(&plan);
		return r;
	}
	*ret = plan;
	return 0;
}

void mount_plan_done(struct mount_plan *plan)
{
	free(plan->destination);
	free(plan->source);
	strv_done(&plan->data);
	*plan = (struct mount_plan){ 0 };
}
