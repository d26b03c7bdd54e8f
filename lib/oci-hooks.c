// SPDX-License-Identifier: Apache-2.0
/*
 * oci-hooks.c - the hooks of config.json. Runs in kata-runtime without any
 * right. Hooks are the engine's programs and trusted as the engine is; their
 * form is checked, since a hook that cannot be run as written must not be
 * taken for one that was.
 */
#include "oci-read.h"

#include <errno.h>
#include <string.h>

#define TIMEOUT_MAX 86400 /* seconds; milliseconds of it fit an int */

/* What execve(2) gets must be what the specification calls an environment. */
static void check_env(struct oci_in *in, const struct strv *env)
{
	for (size_t i = 0; i < env->count; i++)
		if (env->item[i][0] == '=' || !strchr(env->item[i], '='))
			oci_fail(in, "env", EINVAL, "must hold NAME=VALUE");
}

static void read_hook(struct oci_in *in, struct oci_hook *ret)
{
	oci_need_string(in, "path", &ret->path);
	if (ret->path && ret->path[0] != '/')
		oci_fail(in, "path", EINVAL, "must be an absolute path");
	oci_read_strv(in, "args", &ret->args);
	oci_read_strv(in, "env", &ret->env);
	check_env(in, &ret->env);
	if (oci_read_u32(in, "timeout", TIMEOUT_MAX, &ret->timeout) &&
	    ret->timeout == 0)
		oci_fail(in, "timeout", EINVAL, "must be above zero");
}

static void read_list(struct oci_in *in, const char *key,
		      struct oci_hook_list *ret)
{
	struct oci_list list;
	struct oci_in item;

	oci_enter_list(in, key, OCI_HOOKS_MAX, &list);
	ret->item = xcalloc(list.count, sizeof(*ret->item));
	for (size_t i = 0; i < list.count; i++) {
		if (!oci_enter_item(in, &list, i, &item))
			return;
		read_hook(&item, &ret->item[ret->count++]);
		oci_leave(in, &item);
	}
}

void oci_hooks_read(struct oci_in *in, struct oci_hooks *ret)
{
	read_list(in, "prestart", &ret->prestart);
	read_list(in, "createRuntime", &ret->create_runtime);
	read_list(in, "createContainer", &ret->create_container);
	read_list(in, "startContainer", &ret->start_container);
	read_list(in, "poststart", &ret->poststart);
	read_list(in, "poststop", &ret->poststop);
}

static void list_done(struct oci_hook_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		free(list->item[i].path);
		strv_done(&list->item[i].args);
		strv_done(&list->item[i].env);
	}
	free(list->item);
}

void oci_hooks_done(struct oci_hooks *hooks)
{
	list_done(&hooks->prestart);
	list_done(&hooks->create_runtime);
	list_done(&hooks->create_container);
	list_done(&hooks->start_container);
	list_done(&hooks->poststart);
	list_done(&hooks->poststop);
}

bool oci_hooks_any(const struct oci_hooks *hooks)
{
	return hooks->prestart.count || hooks->create_runtime.count ||
	       hooks->create_container.count || hooks->start_container.count ||
	       hooks->poststart.count || hooks->poststop.count;
}
