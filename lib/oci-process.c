// SPDX-License-Identifier: Apache-2.0
/*
 * oci-process.c - the process object of config.json and of `exec --process`.
 * Runs in kata-runtime without any right; the engine is trusted, yet every
 * type, range and count is checked, since users' options end up in here.
 */
#include <errno.h>
#include <string.h>

#include "num.h"
#include "oci-read.h"

#define WINDOW_MAX 65535 /* of struct winsize, ioctl_tty(2) */
#define UMASK_MAX 0777
#define OOM_SCORE_ADJ_MAX 1000

static void read_gids(struct oci_in *in, struct oci_user *ret)
{
	struct oci_list list;

	oci_enter_list(in, "additionalGids", OCI_STRINGS_MAX, &list);
	if (list.count == 0)
		return;
	ret->additional_gids =
		xcalloc(list.count, sizeof(*ret->additional_gids));
	for (size_t i = 0; i < list.count; i++) {
		const struct json *gid = &list.array->items[i];

		if (gid->type != JSON_NUMBER ||
		    num_parse_u32(gid->text, UINT32_MAX - 1,
				  &ret->additional_gids[i]) < 0) {
			oci_fail(in, "additionalGids", EINVAL,
				 "must be an array of group ids");
			return;
		}
		ret->additional_gid_count++;
	}
}

static void read_user(struct oci_in *in, struct oci_user *ret)
{
	struct oci_in user;

	if (!oci_enter(in, "user", &user))
		return;
	oci_read_u32(&user, "uid", UINT32_MAX - 1, &ret->uid);
	oci_read_u32(&user, "gid", UINT32_MAX - 1, &ret->gid);
	ret->has_umask = oci_read_u32(&user, "umask", UMASK_MAX, &ret->umask);
	oci_read_string(&user, "username", &ret->username);
	read_gids(&user, ret);
	oci_leave(in, &user);
}

static void read_caps(struct oci_in *in, struct oci_process *ret)
{
	struct oci_in caps;

	if (!oci_enter(in, "capabilities", &caps))
		return;
	ret->has_caps = true;
	oci_read_strv(&caps, "bounding", &ret->caps.bounding);
	oci_read_strv(&caps, "effective", &ret->caps.effective);
	oci_read_strv(&caps, "inheritable", &ret->caps.inheritable);
	oci_read_strv(&caps, "permitted", &ret->caps.permitted);
	oci_read_strv(&caps, "ambient", &ret->caps.ambient);
	oci_leave(in, &caps);
}

/* The specification wants an error for one type twice. */
static void check_rlimit(struct oci_in *in, const struct oci_process *process,
			 const struct oci_rlimit *limit)
{
	if (strncmp(limit->type, "RLIMIT_", strlen("RLIMIT_")) != 0)
		oci_fail(in, "type", EINVAL, "must be a RLIMIT_ name");
	if (limit->soft > limit->hard)
		oci_fail(in, "soft", EINVAL, "is above hard");
	for (size_t i = 0; i < process->rlimit_count; i++)
		if (&process->rlimits[i] != limit &&
		    strcmp(process->rlimits[i].type, limit->type) == 0)
			oci_fail(in, "type", EINVAL, "is there twice");
}

static void read_rlimits(struct oci_in *in, struct oci_process *ret)
{
	struct oci_list list;
	struct oci_in item;

	oci_enter_list(in, "rlimits", OCI_RLIMITS_MAX, &list);
	ret->rlimits = xcalloc(list.count, sizeof(*ret->rlimits));
	for (size_t i = 0; i < list.count; i++) {
		struct oci_rlimit *limit = &ret->rlimits[i];

		if (!oci_enter_item(in, &list, i, &item))
			return;
		ret->rlimit_count++;
		oci_need_string(&item, "type", &limit->type);
		oci_need_u64(&item, "hard", &limit->hard);
		oci_need_u64(&item, "soft", &limit->soft);
		if (item.r >= 0)
			check_rlimit(&item, ret, limit);
		oci_leave(in, &item);
	}
}

static void read_console(struct oci_in *in, struct oci_process *ret)
{
	struct oci_in size;

	if (!oci_enter(in, "consoleSize", &size))
		return;
	oci_read_u32(&size, "height", WINDOW_MAX, &ret->console_height);
	oci_read_u32(&size, "width", WINDOW_MAX, &ret->console_width);
	oci_leave(in, &size);
}

static void read_oom_score(struct oci_in *in, struct oci_process *ret)
{
	ret->has_oom_score_adj =
		oci_read_i64(in, "oomScoreAdj", &ret->oom_score_adj);
	if (ret->oom_score_adj < -OOM_SCORE_ADJ_MAX ||
	    ret->oom_score_adj > OOM_SCORE_ADJ_MAX)
		oci_fail(in, "oomScoreAdj", EINVAL,
			 "must be from -1000 to 1000");
}

void oci_process_read(struct oci_in *in, struct oci_process *ret)
{
	oci_read_bool(in, "terminal", &ret->terminal);
	read_console(in, ret);
	read_user(in, &ret->user);
	oci_read_strv(in, "args", &ret->args);
	if (ret->args.count == 0)
		oci_fail(in, "args", EINVAL, "is missing or empty");
	oci_read_strv(in, "env", &ret->env);
	oci_need_string(in, "cwd", &ret->cwd);
	if (ret->cwd && ret->cwd[0] != '/')
		oci_fail(in, "cwd", EINVAL, "must be an absolute path");
	read_caps(in, ret);
	read_rlimits(in, ret);
	oci_read_bool(in, "noNewPrivileges", &ret->no_new_privileges);
	oci_read_string(in, "apparmorProfile", &ret->apparmor_profile);
	oci_read_string(in, "selinuxLabel", &ret->selinux_label);
	read_oom_score(in, ret);
	ret->has_scheduler = oci_has(in, "scheduler");
	ret->has_io_priority = oci_has(in, "ioPriority");
	ret->has_cpu_affinity = oci_has(in, "execCPUAffinity");
}

void oci_process_done(struct oci_process *process)
{
	free(process->user.additional_gids);
	free(process->user.username);
	strv_done(&process->args);
	strv_done(&process->env);
	free(process->cwd);
	strv_done(&process->caps.bounding);
	strv_done(&process->caps.effective);
	strv_done(&process->caps.inheritable);
	strv_done(&process->caps.permitted);
	strv_done(&process->caps.ambient);
	for (size_t i = 0; i < process->rlimit_count; i++)
		free(process->rlimits[i].type);
	free(process->rlimits);
	free(process->apparmor_profile);
	free(process->selinux_label);
	*process = (struct oci_process){ 0 };
}

/**
 * oci_process_parse() - The process file of `exec --process`
 * @text:	JSON
 * @len:	Its length
 * @ret_process: Owned by the caller (oci_process_free)
 * @err:	Filled on failure
 *
 * Return: 0 or -errno
 */
int oci_process_parse(const char *text, size_t len,
		      struct oci_process **ret_process, struct err *err)
{
	struct oci_process *process;
	struct json *tree = NULL;
	struct oci_in in;
	int r = json_parse(text, len, &json_limits_config, &tree, err);

	if (r < 0)
		return r;
	process = xcalloc(1, sizeof(*process));
	oci_in_init(&in, tree, "", err);
	oci_process_read(&in, process);
	json_free(tree);
	if (in.r < 0) {
		oci_process_free(process);
		return in.r;
	}
	*ret_process = process;
	return 0;
}

void oci_process_free(struct oci_process *process)
{
	if (!process)
		return;
	oci_process_done(process);
	free(process);
}
