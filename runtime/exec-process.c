// SPDX-License-Identifier: Apache-2.0
/*
 * exec-process.c - the process of kata-runtime exec. With --process the
 * engine's file goes to the shim as it is; otherwise the container's own
 * process is taken and changed by flags, as other runtimes do. Needs no
 * rights; both inputs are checked by lib/oci.
 */
#include "exec-process.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "auto.h"
#include "caps.h"
#include "num.h"
#include "oci.h"
#include "path.h"

#define PROCESS_BYTES_MAX (1u << 20)
#define CONFIG_BYTES_MAX (4u << 20)

static void replace_text(char **text, const char *with)
{
	if (!with)
		return;
	free(*text);
	*text = xstrdup(with);
}

/* "NAME=VALUE" in place of another of that name, or at the end. */
static int set_env(struct strv *env, const char *entry, struct err *err)
{
	const char *equals = strchr(entry, '=');
	size_t len;

	if (!equals || equals == entry)
		return err_msg(err, EINVAL, "--env \"%.64s\": not NAME=VALUE",
			       entry);
	len = (size_t)(equals - entry) + 1;
	for (size_t i = 0; i < env->count; i++)
		if (strncmp(env->item[i], entry, len) == 0) {
			replace_text(&env->item[i], entry);
			return 0;
		}
	strv_add(env, entry);
	return 0;
}

static int set_user(struct oci_user *user, const char *text, struct err *err)
{
	AUTO_FREE char *uid = xstrdup(text);
	char *gid = strchr(uid, ':');

	if (gid)
		*gid++ = '\0';
	if (num_parse_u32(uid, UINT32_MAX - 1, &user->uid) < 0 ||
	    (gid && num_parse_u32(gid, UINT32_MAX - 1, &user->gid) < 0))
		return err_msg(
			err, EINVAL,
			"--user \"%.64s\": must be UID or UID:GID, as numbers",
			text);
	return 0;
}

static int add_gids(struct oci_user *user, const struct strv *gids,
		    struct err *err)
{
	for (size_t i = 0; i < gids->count; i++) {
		size_t n = user->additional_gid_count;

		user->additional_gids = xgrow(user->additional_gids, n, n + 1,
					      sizeof(*user->additional_gids));
		if (num_parse_u32(gids->item[i], UINT32_MAX - 1,
				  &user->additional_gids[n]) < 0)
			return err_msg(
				err, EINVAL,
				"--additional-gids \"%.32s\": not a group id",
				gids->item[i]);
		user->additional_gid_count++;
	}
	return 0;
}

/*
 * Not inheritable and so not ambient: those would outlive a change of user
 * and a program that knows nothing of them (CVE-2022-29162).
 */
static int add_caps(struct oci_process *process, const struct strv *caps,
		    struct err *err)
{
	struct strv *set[] = { &process->caps.bounding, &process->caps.effective,
			       &process->caps.permitted };

	for (size_t i = 0; i < caps->count; i++) {
		if (caps_from_name(caps->item[i]) < 0)
			return err_msg(err, EINVAL,
				       "--cap \"%.32s\": no such capability",
				       caps->item[i]);
		process->has_caps = true;
		for (size_t k = 0; k < ARRAY_SIZE(set); k++)
			if (!strv_has(set[k], caps->item[i]))
				strv_add(set[k], caps->item[i]);
	}
	return 0;
}

static int apply_flags(struct oci_process *process,
		       const struct exec_flags *flags, struct err *err)
{
	strv_done(&process->args);
	for (size_t i = 0; i < flags->arg_count; i++)
		strv_add(&process->args, flags->args[i]);
	process->terminal = flags->tty;
	process->no_new_privileges |= flags->no_new_privs;
	replace_text(&process->cwd, flags->cwd);
	replace_text(&process->selinux_label, flags->process_label);
	replace_text(&process->apparmor_profile, flags->apparmor);
	if (flags->cwd && flags->cwd[0] != '/')
		return err_msg(err, EINVAL,
			       "--cwd \"%.128s\": must be an absolute path",
			       flags->cwd);
	for (size_t i = 0; i < flags->env.count; i++)
		if (set_env(&process->env, flags->env.item[i], err) < 0)
			return -err->code;
	if (flags->user && set_user(&process->user, flags->user, err) < 0)
		return -err->code;
	if (add_gids(&process->user, &flags->gids, err) < 0)
		return -err->code;
	return add_caps(process, &flags->caps, err);
}

static int from_container(const struct exec_flags *flags, int dir_fd,
			  char **ret_text, struct err *err)
{
	AUTO_FREE char *text = NULL;
	struct oci_spec *spec = NULL;
	int r = path_read_file(dir_fd, "config.json", CONFIG_BYTES_MAX, &text,
			       err);

	if (r == 0)
		r = oci_spec_parse(text, strlen(text), &spec, err);
	if (r < 0)
		return err_wrap(err, "config.json of the container");
	r = apply_flags(&spec->process, flags, err);
	if (r == 0)
		*ret_text = oci_process_format(&spec->process);
	oci_spec_free(spec);
	return r;
}

static int check_process(const char *text, bool *ret_terminal, struct err *err)
{
	struct oci_process *process = NULL;
	int r = oci_process_parse(text, strlen(text), &process, err);

	if (r < 0)
		return r;
	*ret_terminal = process->terminal;
	r = oci_process_unsupported(process, err);
	oci_process_free(process);
	return r;
}

int exec_process(const struct exec_flags *flags, int dir_fd, char **ret_text,
		 bool *ret_terminal, struct err *err)
{
	AUTO_FREE char *text = NULL;
	int r;

	if (!flags->process && !flags->arg_count)
		return err_msg(err, EINVAL,
			       "exec needs a command or --process FILE");
	if (flags->process && flags->arg_count)
		return err_msg(
			err, EINVAL,
			"exec takes a command or --process FILE, not both");
	if (flags->process)
		r = path_read_file(AT_FDCWD, flags->process, PROCESS_BYTES_MAX,
				   &text, err);
	else
		r = from_container(flags, dir_fd, &text, err);
	if (r < 0)
		return r;
	/* Here, so that errors come early; the shim gets the same bytes. */
	if (check_process(text, ret_terminal, err) < 0)
		return flags->process ? err_wrap(err, "%s", flags->process) :
					-err->code;
	*ret_text = take_ptr(text);
	return 0;
}

void exec_flags_done(struct exec_flags *flags)
{
	strv_done(&flags->env);
	strv_done(&flags->caps);
	strv_done(&flags->gids);
}
