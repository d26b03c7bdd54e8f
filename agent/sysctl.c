// SPDX-License-Identifier: Apache-2.0
/*
 * sysctl.c - linux.sysctl. Names are checked in the agent; values are written
 * in the container's set-up, inside its ipc and uts namespaces and the
 * sandbox's network. Everything else belongs to the whole guest: refused.
 */
#include "sysctl.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "auto.h"
#include "fd.h"
#include "hooks.h"
#include "path.h"

#define KEY_MAX 256
#define VALUE_MAX 4096

static const char *const exact[] = {
	"kernel/msgmax",     "kernel/msgmnb",
	"kernel/msgmni",     "kernel/sem",
	"kernel/shmall",     "kernel/shmmax",
	"kernel/shmmni",     "kernel/hostname",
	"kernel/domainname", "kernel/shm_rmid_forced",
};

static bool is_namespaced(const char *path)
{
	if (strncmp(path, "net/", 4) == 0 ||
	    strncmp(path, "fs/mqueue/", 10) == 0)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(exact); i++)
		if (strcmp(exact[i], path) == 0)
			return true;
	return false;
}

/*
 * As sysctl(8): whichever of '.' and '/' comes first separates, the other one
 * is part of a name ("net.ipv4.conf.eth0/1.forwarding"), and they swap.
 */
static void to_path(char *text)
{
	if (text[strcspn(text, "./")] != '.')
		return;
	for (; *text; text++)
		*text = *text == '.' ? '/' : *text == '/' ? '.' : *text;
}

static bool is_clean(const char *path)
{
	const char *fine = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
			   "0123456789_-./@:";

	return path[strspn(path, fine)] == '\0' && path[0] != '/' &&
	       !strstr(path, "..") && !strstr(path, "//");
}

int sysctl_parse(const char *key, const char *value, struct strv *ret_paths,
		 struct strv *ret_values, struct err *err)
{
	AUTO_FREE char *path = xstrndup(key, KEY_MAX + 1);

	to_path(path);
	if (strlen(path) > KEY_MAX || strlen(value) > VALUE_MAX ||
	    strchr(value, '\n') || !is_clean(path))
		return err_msg(err, EINVAL,
			       "linux.sysctl[%.64s]: not a valid pair", key);
	if (!is_namespaced(path))
		return err_msg(
			err, EOPNOTSUPP,
			"linux.sysctl[%.64s]: is not in a namespace of the container",
			key);
	strv_add(ret_paths, path);
	strv_add(ret_values, value);
	return 0;
}

int sysctl_apply(int proc_fd, const struct strv *paths,
		 const struct strv *values, struct err *err)
{
	for (size_t i = 0; i < paths->count && !hook_is_broken("sysctl"); i++) {
		AUTO_FREE char *path = xasprintf("sys/%s", paths->item[i]);
		int r = path_write_file(proc_fd, path, values->item[i], err);

		if (r < 0)
			return err_wrap(err, "linux.sysctl[%s]", paths->item[i]);
	}
	return 0;
}
