// SPDX-License-Identifier: Apache-2.0
/*
 * policy.c - reads jail policies. Linked by kata-jailer, which enforces them,
 * and by kata-runtime, which compares live processes with them. The files are
 * ours or the administrator's (owner and mode are checked), yet everything is
 * checked as if they were not: a typing error must not open a jail.
 */
#include "policy.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/resource.h>

#include "auto.h"
#include "caps.h"
#include "json.h"
#include "landlock.h"
#include "path.h"
#include "policy-places.h"

#define BINDS_MAX 128
#define STRINGS_MAX 64
#define NS_ALL ((1u << POLICY_NS_MAX) - 1)

static const struct json_limits limits = { .bytes = POLICY_BYTES_MAX,
					   .depth = 4,
					   .values = 2000 };

const char *const policy_ns_name[POLICY_NS_MAX] = { "user",  "mnt", "pid",
						    "net",   "ipc", "uts",
						    "cgroup" };

static const char *const identity_name[POLICY_ID_MAX] = { "own", "whole-map",
							  "self" };

/*
 * The only capabilities a policy may grant, each harmless outside the user
 * namespace that the jailer makes for the file server.
 */
#define BIT(cap) (UINT64_C(1) << (cap))
#define CAPS_KEPT                                                              \
	(BIT(CAP_CHOWN) | BIT(CAP_DAC_OVERRIDE) | BIT(CAP_FOWNER) |            \
	 BIT(CAP_FSETID) | BIT(CAP_SETUID) | BIT(CAP_SETGID) |                 \
	 BIT(CAP_MKNOD) | BIT(CAP_SETFCAP))
#define CAPS_AT_START (BIT(CAP_SYS_CHROOT) | BIT(CAP_SETPCAP))

#define SIZE_MOST (UINT64_C(1) << 50)
static const struct {
	const char *name;
	int resource;
	uint64_t most;
} rlimit_table[] = {
	{ "as", RLIMIT_AS, SIZE_MOST },
	{ "core", RLIMIT_CORE, 0 }, /* a dump holds the guest's memory */
	{ "data", RLIMIT_DATA, SIZE_MOST },
	{ "fsize", RLIMIT_FSIZE, SIZE_MOST },
	{ "locks", RLIMIT_LOCKS, 1 << 20 },
	{ "memlock", RLIMIT_MEMLOCK, SIZE_MOST },
	{ "msgqueue", RLIMIT_MSGQUEUE, 1 << 20 },
	{ "nofile", RLIMIT_NOFILE, 1 << 20 },
	{ "nproc", RLIMIT_NPROC, 1 << 16 },
	{ "rtprio", RLIMIT_RTPRIO, 99 },
	{ "sigpending", RLIMIT_SIGPENDING, 1 << 20 },
	{ "stack", RLIMIT_STACK, SIZE_MOST },
};

/*
 * A key that no code reads is a rule that nobody enforces, and so is one whose
 * value is null: the readers take that for absent.
 */
static int check_keys(const struct json *obj, const char *path,
		      const char *const *known, size_t count, struct err *err)
{
	for (size_t i = 0; i < obj->count; i++) {
		size_t n = 0;

		while (n < count && strcmp(obj->keys[i], known[n]) != 0)
			n++;
		if (n == count)
			return err_msg(err, EINVAL, "%s%s%s: unknown key", path,
				       *path ? "." : "", obj->keys[i]);
		if (obj->items[i].type == JSON_NULL)
			return err_msg(err, EINVAL, "%s%s%s: is null", path,
				       *path ? "." : "", obj->keys[i]);
		if (strcmp(obj->keys[i], "comment") == 0 &&
		    obj->items[i].type != JSON_STRING)
			return err_msg(err, EINVAL,
				       "%s%scomment: must be a string", path,
				       *path ? "." : "");
	}
	return 0;
}

static bool is_name(const char *text)
{
	size_t len = strlen(text);

	return len > 0 && len <= 64 &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_-") == len &&
	       text[0] != '-';
}

static int get_text(const struct json *obj, const char *path, const char *key,
		    char **ret, struct err *err)
{
	const char *value = NULL;
	int r = json_get_string(obj, path, key, &value, err);

	if (r > 0)
		*ret = xstrdup(value);
	return r;
}

static int need(int r, const char *key, struct err *err)
{
	return r == 0 ? err_msg(err, EINVAL, "%s: missing", key) : r;
}

static int get_strv(const struct json *obj, const char *key, struct strv *ret,
		    struct err *err)
{
	int r = json_get_strv(obj, "", key, ret, err);

	if (r < 0)
		return r;
	if (ret->count > STRINGS_MAX)
		return err_msg(err, E2BIG, "%s: more than %d entries", key,
			       STRINGS_MAX);
	for (size_t i = 0; i < ret->count; i++)
		for (size_t n = 0; n < i; n++)
			if (strcmp(ret->item[i], ret->item[n]) == 0)
				return err_msg(err, EINVAL, "%s[%zu]: %s twice",
					       key, i, ret->item[i]);
	return 0;
}

static int get_paths(const struct json *obj, const char *key, struct strv *ret,
		     struct err *err)
{
	int r = get_strv(obj, key, ret, err);

	for (size_t i = 0; r == 0 && i < ret->count; i++) {
		char path[32];

		snprintf(path, sizeof(path), "%s[%zu]", key, i);
		r = policy_path_check(path, ret->item[i], err);
	}
	return r;
}

static int get_names(const struct json *obj, const char *key, struct strv *ret,
		     struct err *err)
{
	int r = get_strv(obj, key, ret, err);

	for (size_t i = 0; r == 0 && i < ret->count; i++)
		if (!is_name(ret->item[i]))
			r = err_msg(err, EINVAL, "%s[%zu]: \"%s\" is no name",
				    key, i, ret->item[i]);
	return r;
}

static int get_env(const struct json *obj, struct strv *ret, struct err *err)
{
	int r = get_strv(obj, "environment", ret, err);

	for (size_t i = 0; r == 0 && i < ret->count; i++)
		if (!*ret->item[i] ||
		    ret->item[i][strspn(ret->item[i],
					"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")])
			r = err_msg(err, EINVAL,
				    "environment[%zu]: \"%s\" is no name", i,
				    ret->item[i]);
	return r;
}

static int get_identity(const struct json *root, struct policy *policy,
			struct err *err)
{
	const char *text = NULL;
	int r = need(json_get_string(root, "", "identity", &text, err),
		     "identity", err);

	if (r < 0)
		return r;
	for (int i = 0; i < POLICY_ID_MAX; i++) {
		if (strcmp(text, identity_name[i]) == 0) {
			policy->identity = (enum policy_identity)i;
			return 0;
		}
	}
	return err_msg(
		err, EINVAL,
		"identity: \"%s\" is not \"own\", \"whole-map\" or \"self\"",
		text);
}

static int get_namespaces(const struct json *root, struct policy *policy,
			  struct err *err)
{
	struct strv names = { 0 };
	int r = get_strv(root, "namespaces", &names, err);

	for (size_t i = 0; r == 0 && i < names.count; i++) {
		unsigned n = 0;

		while (n < POLICY_NS_MAX &&
		       strcmp(names.item[i], policy_ns_name[n]) != 0)
			n++;
		if (n == POLICY_NS_MAX)
			r = err_msg(err, EINVAL,
				    "namespaces[%zu]: unknown \"%s\"", i,
				    names.item[i]);
		else
			policy->namespaces |= 1u << n;
	}
	strv_done(&names);
	if (r < 0)
		return r;
	if (policy->identity == POLICY_ID_SELF)
		return policy->namespaces & (1u << POLICY_NS_MNT) ?
			       0 :
			       err_msg(err, EINVAL,
				       "namespaces: mnt is missing");
	for (unsigned n = 0; n < POLICY_NS_MAX; n++)
		if (!(policy->namespaces & (1u << n)))
			return err_msg(
				err, EINVAL,
				"namespaces: %s is missing, all seven are required",
				policy_ns_name[n]);
	static_assert(POLICY_NS_MAX == 7, "the text above says seven");
	return 0;
}

static int get_caps(const struct json *root, const char *key, uint64_t allowed,
		    uint64_t *ret, struct err *err)
{
	struct strv names = { 0 };
	uint64_t bits = 0;
	int r = get_strv(root, key, &names, err);

	if (r == 0 && names.count > 0)
		r = caps_from_strv(&names, &bits, err);
	strv_done(&names);
	if (r < 0)
		return err_wrap(err, "%s", key);
	if (bits & ~allowed)
		return err_msg(err, EINVAL,
			       "%s: %s is not among those a jail may have", key,
			       caps_to_name((unsigned)__builtin_ctzll(
				       bits & ~allowed)));
	*ret = bits;
	return 0;
}

static int get_all_caps(const struct json *root, struct policy *policy,
			struct err *err)
{
	bool whole = policy->identity == POLICY_ID_WHOLE_MAP;
	int r = get_caps(root, "capabilities", whole ? CAPS_KEPT : 0,
			 &policy->caps, err);

	if (r < 0)
		return r;
	return get_caps(root, "startCapabilities", whole ? CAPS_AT_START : 0,
			&policy->start_caps, err);
}

/* What of the host it shows. */
static int check_source(const struct policy_bind *bind, const char *path,
			struct err *err)
{
	AUTO_FREE char *at = xasprintf("%s.source", path);

	if (policy_path_check(at, bind->source, err) < 0)
		return -err->code;
	if (!bind->device)
		return policy_source_check(at, bind->source, err);
	if (strcmp(bind->source, bind->target) != 0)
		return err_msg(
			err, EINVAL,
			"%s.target: a device is bound from /dev to the same place",
			path);
	return policy_device_check(at, bind->source, err);
}

static int check_bind(const struct policy_bind *bind, const char *path,
		      struct err *err)
{
	AUTO_FREE char *target = xasprintf("%s.target", path);

	if (!bind->source == !bind->name)
		return err_msg(err, EINVAL, "%s: needs either source or name",
			       path);
	if (bind->name && !is_name(bind->name))
		return err_msg(err, EINVAL, "%s.name: \"%s\" is no name", path,
			       bind->name);
	if (!bind->target)
		return err_msg(err, EINVAL, "%s: missing", target);
	if (policy_path_check(target, bind->target, err) < 0)
		return -err->code;
	if (bind->device && !bind->source)
		return err_msg(err, EINVAL, "%s.device: needs a source", path);
	if (bind->writable && bind->source)
		return err_msg(err, EINVAL,
			       "%s.writable: only a named bind may be", path);
	return bind->source ? check_source(bind, path, err) : 0;
}

static int parse_bind(const struct json *item, const char *path,
		      struct policy_bind *bind, struct err *err)
{
	static const char *const known[] = { "source",	 "name",   "target",
					     "writable", "device", "optional",
					     "comment" };
	int r;

	if (item->type != JSON_OBJECT)
		return err_msg(err, EINVAL, "%s: must be an object", path);
	r = check_keys(item, path, known, ARRAY_SIZE(known), err);
	if (r < 0)
		return r;
	r = get_text(item, path, "source", &bind->source, err);
	if (r >= 0)
		r = get_text(item, path, "name", &bind->name, err);
	if (r >= 0)
		r = get_text(item, path, "target", &bind->target, err);
	if (r >= 0)
		r = json_get_bool(item, path, "writable", &bind->writable, err);
	if (r >= 0)
		r = json_get_bool(item, path, "device", &bind->device, err);
	if (r >= 0)
		r = json_get_bool(item, path, "optional", &bind->optional, err);
	return r < 0 ? r : check_bind(bind, path, err);
}

static int get_binds(const struct json *root, struct policy *policy,
		     struct err *err)
{
	const struct json *list = NULL;
	int r = json_get_array(root, "", "binds", &list, err);

	if (r <= 0)
		return r;
	if (list->count > BINDS_MAX)
		return err_msg(err, E2BIG, "binds: more than %d", BINDS_MAX);
	policy->binds = xcalloc(list->count, sizeof(*policy->binds));
	policy->bind_count = list->count;
	for (size_t i = 0; i < list->count; i++) {
		struct policy_bind *bind = &policy->binds[i];
		char path[32];

		snprintf(path, sizeof(path), "binds[%zu]", i);
		r = parse_bind(&list->items[i], path, bind, err);
		if (r < 0)
			return r;
		for (size_t n = 0; n < i; n++) {
			const struct policy_bind *other = &policy->binds[n];

			if (bind->name && other->name &&
			    strcmp(other->name, bind->name) == 0)
				return err_msg(err, EINVAL,
					       "%s.name: same as binds[%zu]",
					       path, n);
		}
	}
	return 0;
}

static int get_rlimits(const struct json *root, struct policy *policy,
		       struct err *err)
{
	const struct json *obj = NULL;
	int r = json_get_object(root, "", "rlimits", &obj, err);

	if (r <= 0)
		return r;
	policy->rlimits = xcalloc(obj->count, sizeof(*policy->rlimits));
	for (size_t i = 0; i < obj->count; i++) {
		struct policy_rlimit *limit = &policy->rlimits[i];
		size_t n = 0;

		while (n < ARRAY_SIZE(rlimit_table) &&
		       strcmp(rlimit_table[n].name, obj->keys[i]) != 0)
			n++;
		if (n == ARRAY_SIZE(rlimit_table))
			return err_msg(err, EINVAL, "rlimits.%s: unknown limit",
				       obj->keys[i]);
		r = json_get_u64(obj, "rlimits", obj->keys[i],
				 rlimit_table[n].most, &limit->value, err);
		if (r == 0)
			r = err_msg(err, EINVAL, "rlimits.%s: is null",
				    obj->keys[i]);
		if (r < 0)
			return r;
		limit->resource = rlimit_table[n].resource;
		limit->name = xstrdup(obj->keys[i]);
		policy->rlimit_count++;
	}
	return 0;
}

static int check_rule_path(const char *path, const char *value, struct err *err)
{
	AUTO_FREE char *full = xasprintf("%s.path", path);

	return policy_path_check(full, value, err);
}

static int parse_access(const struct json *item, const char *path,
			struct policy_access *rule, struct err *err)
{
	static const char *const known[] = { "path", "access", "comment" };
	struct strv names = { 0 };
	int r;

	if (item->type != JSON_OBJECT)
		return err_msg(err, EINVAL, "%s: must be an object", path);
	r = check_keys(item, path, known, ARRAY_SIZE(known), err);
	if (r >= 0)
		r = need(get_text(item, path, "path", &rule->path, err), path,
			 err);
	if (r >= 0)
		r = check_rule_path(path, rule->path, err);
	if (r >= 0)
		r = need(json_get_strv(item, path, "access", &names, err), path,
			 err);
	for (size_t i = 0; r >= 0 && i < names.count; i++) {
		uint32_t bit = landlock_access(names.item[i]);

		/* the program and its loader alone, by the jailer's own rule */
		if (rule->access & bit)
			r = err_msg(err, EINVAL, "%s.access: %s twice", path,
				    names.item[i]);
		else if (bit == 0 || bit == LANDLOCK_FS_EXECUTE)
			r = err_msg(
				err, EINVAL,
				"%s.access: \"%.64s\" is no right that a policy may give",
				path, names.item[i]);
		rule->access |= bit;
	}
	strv_done(&names);
	return r < 0 ? r : 0;
}

static int get_landlock(const struct json *root, struct policy *policy,
			struct err *err)
{
	const struct json *list = NULL;
	int r = json_get_array(root, "", "landlock", &list, err);

	if (r <= 0)
		return r;
	if (list->count > STRINGS_MAX)
		return err_msg(err, E2BIG, "landlock: more than %d",
			       STRINGS_MAX);
	policy->landlock = xcalloc(list->count, sizeof(*policy->landlock));
	policy->landlock_count = list->count;
	for (size_t i = 0; i < list->count; i++) {
		struct policy_access *rule = &policy->landlock[i];
		char path[32];

		snprintf(path, sizeof(path), "landlock[%zu]", i);
		r = parse_access(&list->items[i], path, rule, err);
		if (r < 0)
			return r;
		for (size_t n = 0; n < i; n++)
			if (strcmp(policy->landlock[n].path, rule->path) == 0)
				return err_msg(err, EINVAL,
					       "%s: same path as landlock[%zu]",
					       path, n);
	}
	return 0;
}

/* Before the identity is read: what a program is, depends on it. */
static bool is_self(const struct json *root)
{
	const char *text = NULL;
	struct err ignored = ERR_INIT;

	return json_get_string(root, "", "identity", &text, &ignored) > 0 &&
	       strcmp(text, identity_name[POLICY_ID_SELF]) == 0;
}

static int get_program(const struct json *root, struct policy *policy,
		       struct err *err)
{
	int r = need(get_text(root, "", "name", &policy->name, err), "name",
		     err);

	if (r < 0)
		return r;
	if (!is_name(policy->name))
		return err_msg(err, EINVAL, "name: \"%s\" is no name",
			       policy->name);
	r = need(get_text(root, "", "program", &policy->program, err),
		 "program", err);
	if (r >= 0 && is_self(root))
		return is_name(policy->program) ?
			       0 :
			       err_msg(err, EINVAL,
				       "program: \"%s\" is no name of a program of ours",
				       policy->program);
	if (r >= 0)
		r = policy_path_check("program", policy->program, err);
	if (r >= 0)
		r = policy_source_check("program", policy->program, err);
	return r < 0 ? r :
		       json_get_bool(root, "", "libraries", &policy->libraries,
				     err);
}

static int get_layers(const struct json *root, struct policy *policy,
		      struct err *err)
{
	uint64_t filters = 0, threads = 0;
	int r = need(get_text(root, "", "seccomp", &policy->seccomp, err),
		     "seccomp", err);

	if (r < 0)
		return r;
	if (!is_name(policy->seccomp))
		return err_msg(err, EINVAL, "seccomp: \"%s\" is no name",
			       policy->seccomp);
	r = json_get_u64(root, "", "ownFilters", 8, &filters, err);
	if (r >= 0)
		r = json_get_u64(root, "", "earlyThreads", 8, &threads, err);
	if (r < 0)
		return r;
	policy->own_filters = (uint32_t)filters;
	policy->early_threads = (uint32_t)threads;
	r = get_text(root, "", "selinuxType", &policy->selinux_type, err);
	if (r > 0 && !is_name(policy->selinux_type))
		return err_msg(err, EINVAL, "selinuxType: \"%s\" is no name",
			       policy->selinux_type);
	return r < 0 ? r : 0;
}

static int get_files(const struct json *root, struct policy *policy,
		     struct err *err)
{
	int r = get_binds(root, policy, err);

	if (r >= 0)
		r = get_paths(root, "directories", &policy->dirs, err);
	if (r >= 0)
		r = get_paths(root, "tmpfs", &policy->tmpfs, err);
	if (r >= 0)
		r = json_get_bool(root, "", "proc", &policy->proc, err);
	if (r >= 0)
		r = policy_places_check(policy, err);
	return r;
}

/* What only a jailer could enforce is no part of a policy without one. */
static int check_self(const struct json *root, const struct policy *policy,
		      struct err *err)
{
	const struct {
		const char *key;
		bool given;
	} jailers[] = {
		{ "binds", policy->bind_count > 0 },
		{ "directories", policy->dirs.count > 0 },
		{ "tmpfs", policy->tmpfs.count > 0 },
		{ "proc", policy->proc },
		{ "landlock", policy->landlock_count > 0 },
		{ "ownFilters", policy->own_filters > 0 },
		{ "earlyThreads", policy->early_threads > 0 },
	};
	bool libraries = false;

	if (policy->identity != POLICY_ID_SELF)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(jailers); i++)
		if (jailers[i].given)
			return err_msg(err, EINVAL, "%s: only a jail has this",
				       jailers[i].key);
	if (json_get_bool(root, "", "libraries", &libraries, err) < 0)
		return -err->code;
	return libraries ?
		       err_msg(err, EINVAL, "libraries: only a jail has this") :
		       0;
}

static int parse_root(const struct json *root, struct policy *policy,
		      struct err *err)
{
	static const char *const known[] = {
		"comment",	"name",
		"program",	"libraries",
		"identity",	"namespaces",
		"capabilities", "startCapabilities",
		"seccomp",	"ownFilters",
		"selinuxType",	"binds",
		"directories",	"tmpfs",
		"proc",		"rlimits",
		"environment",	"descriptors",
		"landlock",	"earlyThreads",
	};
	int r;

	if (root->type != JSON_OBJECT)
		return err_msg(err, EINVAL, "a policy must be an object");
	r = check_keys(root, "", known, ARRAY_SIZE(known), err);
	if (r >= 0)
		r = get_program(root, policy, err);
	if (r >= 0)
		r = get_identity(root, policy, err);
	if (r >= 0)
		r = get_namespaces(root, policy, err);
	if (r >= 0)
		r = get_all_caps(root, policy, err);
	if (r >= 0)
		r = get_layers(root, policy, err);
	if (r >= 0)
		r = get_files(root, policy, err);
	if (r >= 0)
		r = get_landlock(root, policy, err);
	if (r >= 0)
		r = get_rlimits(root, policy, err);
	if (r >= 0)
		r = get_env(root, &policy->env, err);
	if (r >= 0)
		r = get_names(root, "descriptors", &policy->fds, err);
	if (r >= 0)
		r = check_self(root, policy, err);
	return r < 0 ? r : 0;
}

int policy_parse(const char *text, size_t len, struct policy **ret,
		 struct err *err)
{
	struct json *root = NULL;
	struct policy *policy;
	int r = json_parse(text, len, &limits, &root, err);

	if (r < 0)
		return r;
	policy = xcalloc(1, sizeof(*policy));
	r = parse_root(root, policy, err);
	json_free(root);
	if (r < 0) {
		policy_free(policy);
		return r;
	}
	*ret = policy;
	return 0;
}

/* The VMM's policy is not the file server's, whatever its file is called. */
static int check_file_name(const struct policy *policy, const char *path,
			   struct err *err)
{
	AUTO_FREE char *file = xasprintf("%s.json", policy->name);
	const char *slash = strrchr(path, '/');

	if (strcmp(slash ? slash + 1 : path, file) == 0)
		return 0;
	return err_msg(err, EINVAL, "name: is \"%s\", not that of the file",
		       policy->name);
}

int policy_load(const char *path, struct policy **ret, struct err *err)
{
	AUTO_FREE char *text = NULL;
	struct policy *policy = NULL;

	if (path_check_trusted(path, err) < 0)
		return err_wrap(err, "policy");
	if (path_read_file(AT_FDCWD, path, POLICY_BYTES_MAX, &text, err) < 0)
		return err_wrap(err, "policy");
	if (policy_parse(text, strlen(text), &policy, err) < 0)
		return err_wrap(err, "policy %s", path);
	if (check_file_name(policy, path, err) < 0) {
		policy_free(policy);
		return err_wrap(err, "policy %s", path);
	}
	*ret = policy;
	return 0;
}

void policy_free(struct policy *policy)
{
	if (!policy)
		return;
	for (size_t i = 0; i < policy->bind_count; i++) {
		free(policy->binds[i].source);
		free(policy->binds[i].name);
		free(policy->binds[i].target);
	}
	for (size_t i = 0; i < policy->rlimit_count; i++)
		free(policy->rlimits[i].name);
	for (size_t i = 0; i < policy->landlock_count; i++)
		free(policy->landlock[i].path);
	free(policy->landlock);
	free(policy->binds);
	free(policy->rlimits);
	free(policy->name);
	free(policy->program);
	free(policy->seccomp);
	free(policy->selinux_type);
	strv_done(&policy->dirs);
	strv_done(&policy->tmpfs);
	strv_done(&policy->env);
	strv_done(&policy->fds);
	free(policy);
}

int policy_landlock_abi(const struct policy *policy)
{
	uint32_t access = 0;

	for (size_t i = 0; i < policy->landlock_count; i++)
		access |= policy->landlock[i].access;
	return landlock_least_abi(access);
}

bool policy_has_device(const struct policy *policy, const char *device)
{
	for (size_t i = 0; i < policy->bind_count; i++)
		if (policy->binds[i].device &&
		    strcmp(policy->binds[i].source, device) == 0)
			return true;
	return false;
}
