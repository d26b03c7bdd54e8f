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

static void check_known(struct oci_in *in)
{
	static const char *const top[] = { "comment",
					   "defaultAction",
					   "defaultErrnoRet",
					   "architectures",
					   "flags",
					   "syscalls",
					   NULL };
	static const char *const rule[] = { "comment",	"names", "action",
					    "errnoRet", "args",	 NULL };

	allow_keys(in, top);
	allow_list_keys(in, "syscalls", rule, allow_rule_args);
}

int seccomp_profile_parse(const char *text, size_t len,
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
	check_known(&in);
	oci_seccomp_read(&in, profile);
	json_free(tree);
	if (in.r < 0) {
		seccomp_profile_free(profile);
		return in.r;
	}
	*ret = profile;
	return 0;
}

static void rule_done(struct oci_syscall *rule)
{
	strv_done(&rule->names);
	free(rule->action);
	for (size_t i = 0; i < rule->arg_count; i++)
		free(rule->args[i].op);
	free(rule->args);
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
