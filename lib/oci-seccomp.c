// SPDX-License-Identifier: Apache-2.0
/*
 * oci-seccomp.c - linux.seccomp, and profile files of our own. Runs in
 * kata-runtime and in the build-time filter compiler, without any right.
 *
 * In config.json unknown members are ignored, as the OCI text wants. In a
 * profile file they are refused: an overlooked member ("arg" for "args", or
 * "includes" of another format) would make the filter wider than it reads.
 */
#include "seccomp.h"

#include <errno.h>
#include <string.h>

#include "oci-read.h"

#define ARGS_MAX 64 /* conditions in one rule, far above any use */

static void read_arg(struct oci_in *in, struct oci_seccomp_arg *ret)
{
	oci_need_u32(in, "index", &ret->index);
	oci_need_u64(in, "value", &ret->value);
	oci_read_u64(in, "valueTwo", &ret->value_two);
	oci_need_string(in, "op", &ret->op);
}

static void read_rule(struct oci_in *in, struct oci_syscall *ret)
{
	struct oci_list list;
	struct oci_in item;

	oci_read_strv(in, "names", &ret->names);
	if (ret->names.count == 0)
		oci_fail(in, "names", EINVAL, "is missing or empty");
	oci_need_string(in, "action", &ret->action);
	ret->has_errno =
		oci_read_u32(in, "errnoRet", UINT32_MAX, &ret->errno_ret);
	oci_enter_list(in, "args", ARGS_MAX, &list);
	ret->args = xcalloc(list.count, sizeof(*ret->args));
	for (size_t i = 0; i < list.count; i++) {
		if (!oci_enter_item(in, &list, i, &item))
			return;
		read_arg(&item, &ret->args[ret->arg_count++]);
		oci_leave(in, &item);
	}
}

void oci_seccomp_read(struct oci_in *in, struct oci_seccomp *ret)
{
	struct oci_list list;
	struct oci_in item;

	oci_need_string(in, "defaultAction", &ret->default_action);
	ret->has_default_errno = oci_read_u32(in, "defaultErrnoRet", UINT32_MAX,
					      &ret->default_errno);
	oci_read_strv(in, "architectures", &ret->architectures);
	oci_read_strv(in, "flags", &ret->flags);
	oci_read_string(in, "listenerPath", &ret->listener_path);
	oci_enter_list(in, "syscalls", OCI_SYSCALL_GROUPS_MAX, &list);
	ret->syscalls = xcalloc(list.count, sizeof(*ret->syscalls));
	for (size_t i = 0; i < list.count; i++) {
		if (!oci_enter_item(in, &list, i, &item))
			return;
		read_rule(&item, &ret->syscalls[ret->syscall_count++]);
		oci_leave(in, &item);
	}
}

/* Every member of obj must be in the NULL-terminated list. */
static void allow_keys(struct oci_in *in, const char *const *known)
{
	for (size_t i = 0; i < in->obj->count && in->r >= 0; i++) {
		size_t n = 0;

		while (known[n] && strcmp(known[n], in->obj->keys[i]) != 0)
			n++;
		if (!known[n])
			oci_fail(in, in->obj->keys[i], EINVAL,
				 "is not known in a profile");
	}
}

static void allow_list_keys(struct oci_in *in, const char *key,
			    const char *const *known,
			    void (*below)(struct oci_in *item))
{
	struct oci_list list;
	struct oci_in item;

	oci_enter_list(in, key, OCI_SYSCALL_GROUPS_MAX, &list);
	for (size_t i = 0; i < list.count; i++) {
		if (!oci_enter_item(in, &list, i, &item))
			return;
		allow_keys(&item, known);
		if (below)
			below(&item);
		oci_leave(in, &item);
	}
}

static void allow_rule_args(struct oci_in *item)
{
	static const char *const known[] = { "comment",	 "index", "value",
					     "valueTwo", "op",	  NULL };

	allow_list_keys(item, "args", known, NULL);
}

static void check_known(struct oci_in *in, bool conditional)
{
	static const char *const top[] = { "comment",
					   "defaultAction",
					   "defaultErrnoRet",
					   "architectures",
					   "flags",
					   "syscalls",
					   NULL };
	/* "unobserved" is for tests/security/test_seccomp.py alone */
	static const char *const rule[] = { "comment",	"names", "action",
					    "errnoRet", "args",	 "unobserved",
					    NULL };
	static const char *const rule_if[] = { "comment",  "names", "action",
					       "errnoRet", "args",  "includes",
					       "excludes", NULL };

	allow_keys(in, top);
	allow_list_keys(in, "syscalls", conditional ? rule_if : rule,
			allow_rule_args);
}

static void rule_done(struct oci_syscall *rule)
{
	strv_done(&rule->names);
	free(rule->action);
	for (size_t i = 0; i < rule->arg_count; i++)
		free(rule->args[i].op);
	free(rule->args);
}

/* Does {"caps": [...]} at key hold? Every name must be one, if all; or any. */
static bool condition_holds(struct oci_in *rule, const char *key,
			    const struct strv *caps, bool all)
{
	static const char *const known[] = { "caps", NULL };
	struct strv names = { 0 };
	struct oci_in in;
	size_t found = 0, count;

	if (!oci_enter(rule, key, &in))
		return all;
	allow_keys(&in, known);
	oci_read_strv(&in, "caps", &names);
	if (names.count == 0)
		oci_fail(&in, "caps", EINVAL, "is missing or empty");
	oci_leave(rule, &in);
	for (size_t i = 0; i < names.count; i++)
		found += strv_has(caps, names.item[i]);
	count = names.count;
	strv_done(&names);
	return all ? found == count : found > 0;
}

/* Drops the rules whose condition does not hold. */
static void keep_rules_for(struct oci_in *in, const struct strv *caps,
			   struct oci_seccomp *profile)
{
	struct oci_list list;
	struct oci_in rule;
	size_t kept = 0;

	oci_enter_list(in, "syscalls", OCI_SYSCALL_GROUPS_MAX, &list);
	for (size_t i = 0; i < list.count; i++) {
		bool holds;

		if (!oci_enter_item(in, &list, i, &rule))
			return;
		holds = condition_holds(&rule, "includes", caps, true) &&
			!condition_holds(&rule, "excludes", caps, false);
		oci_leave(in, &rule);
		if (holds) {
			struct oci_syscall swap = profile->syscalls[kept];

			profile->syscalls[kept++] = profile->syscalls[i];
			profile->syscalls[i] = swap;
		}
	}
	for (size_t i = kept; i < profile->syscall_count; i++)
		rule_done(&profile->syscalls[i]);
	profile->syscall_count = kept;
}

/* caps NULL: no rule may be conditional. */
static int parse(const char *text, size_t len, const struct strv *caps,
		 struct oci_seccomp **ret, struct err *err)
{
	struct oci_seccomp *profile;
	struct json *tree = NULL;
	struct oci_in in;
	int r = json_parse(text, len, &json_limits_config, &tree, err);

	if (r < 0)
		return r;
	profile = xcalloc(1, sizeof(*profile));
	oci_in_init(&in, tree, "", err);
	check_known(&in, caps != NULL);
	oci_seccomp_read(&in, profile);
	if (caps && in.r >= 0)
		keep_rules_for(&in, caps, profile);
	json_free(tree);
	if (in.r < 0) {
		seccomp_profile_free(profile);
		return in.r;
	}
	*ret = profile;
	return 0;
}

int seccomp_profile_parse(const char *text, size_t len,
			  struct oci_seccomp **ret, struct err *err)
{
	return parse(text, len, NULL, ret, err);
}

int seccomp_profile_parse_for(const char *text, size_t len,
			      const struct strv *caps, struct oci_seccomp **ret,
			      struct err *err)
{
	return parse(text, len, caps, ret, err);
}

void seccomp_profile_free(struct oci_seccomp *profile)
{
	if (!profile)
		return;
	free(profile->default_action);
	strv_done(&profile->architectures);
	strv_done(&profile->flags);
	free(profile->listener_path);
	for (size_t i = 0; i < profile->syscall_count; i++)
		rule_done(&profile->syscalls[i]);
	free(profile->syscalls);
	free(profile);
}
