// SPDX-License-Identifier: Apache-2.0
/*
 * options.c - arguments and inherited descriptors of kata-shim.
 *
 * Runs in kata-shim, first of all. Needs no rights. Input comes from
 * kata-runtime; it is checked all the same.
 *
 * #syscalls:shim/start prctl fcntl
 */
#include <errno.h>
#include <string.h>
#include <sys/prctl.h>

#include "alloc.h"
#include "auto.h"
#include "hooks.h"
#include "ids.h"
#include "num.h"
#include "opts.h"
#include "shim.h"

#define BOOT_TIMEOUT_DEFAULT_S 60
#define BOOT_TIMEOUT_MAX_S 600
#define TITLE "kata-shim"

enum {
	FD_PROXY,
	FD_CONTROL,
	FD_LISTEN,
	FD_CONFIG,
	FD_PROCESS,
	FD_LOG,
	FD_SECCOMP,
	FD_ROOTFS,
	FD_MNTNS,
	FD_CONSOLE,
	FD_PROFILE,
	FD_FIXED
};

static const char *const fixed_name[FD_FIXED] = {
	[FD_PROXY] = "proxy",	  [FD_CONTROL] = "control",
	[FD_LISTEN] = "listen",	  [FD_CONFIG] = "config",
	[FD_PROCESS] = "process", [FD_LOG] = "log",
	[FD_SECCOMP] = "seccomp", [FD_ROOTFS] = "rootfs",
	[FD_MNTNS] = "mntns",	  [FD_CONSOLE] = "console",
	[FD_PROFILE] = "profile",
};

/* "m12" to 12. */
static int mount_index(const char *name, uint32_t *ret_index)
{
	if (name[0] != 'm')
		return -EINVAL;
	return num_parse_u32(name + 1, OCI_MOUNTS_MAX - 1, ret_index);
}

/* Entries for every "mN" of the list; names stay in list_copy. */
static size_t mount_names(char *list_copy, struct fd_name *table, size_t used)
{
	char *save = NULL;
	uint32_t index;

	for (char *name = strtok_r(list_copy, ",", &save); name;
	     name = strtok_r(NULL, ",", &save)) {
		bool known = false;

		for (size_t i = FD_FIXED; i < used; i++)
			known = known || strcmp(table[i].name, name) == 0;
		if (mount_index(name, &index) == 0 && !known)
			table[used++] = (struct fd_name){ name, -1 };
	}
	return used;
}

static void fds_take(struct shim_fds *fds, const struct fd_name *table,
		     size_t count)
{
	fds->proxy = table[FD_PROXY].fd;
	fds->control = table[FD_CONTROL].fd;
	fds->listen = table[FD_LISTEN].fd;
	fds->config = table[FD_CONFIG].fd;
	fds->process = table[FD_PROCESS].fd;
	fds->log = table[FD_LOG].fd;
	fds->seccomp = table[FD_SECCOMP].fd;
	fds->rootfs = table[FD_ROOTFS].fd;
	fds->mntns = table[FD_MNTNS].fd;
	fds->console = table[FD_CONSOLE].fd;
	fds->profile = table[FD_PROFILE].fd;
	for (size_t i = FD_FIXED; i < count; i++) {
		uint32_t index = 0;

		BUG_ON(mount_index(table[i].name, &index) < 0);
		while (fds->mount_count <= index) {
			fds->mounts = xgrow(fds->mounts, fds->mount_count,
					    fds->mount_count + 1,
					    sizeof(*fds->mounts));
			fds->mounts[fds->mount_count++] = -1;
		}
		fds->mounts[index] = table[i].fd;
	}
}

static int fds_parse(struct shim_fds *fds, const char *list, struct err *err)
{
	AUTO_FREE char *copy = xstrdup(list);
	AUTO_FREE struct fd_name *table = NULL;
	size_t count = FD_FIXED, commas = 0;

	for (const char *at = list; *at; at++)
		commas += *at == ',';
	table = xcalloc(FD_FIXED + commas + 1, sizeof(*table));
	for (size_t i = 0; i < FD_FIXED; i++)
		table[i] = (struct fd_name){ fixed_name[i], -1 };
	count = mount_names(copy, table, count);
	if (fd_names_parse(list, table, count, err) < 0)
		return -err->code;
	fds_take(fds, table, count);
	return 0;
}

static int fds_check(const struct shim *shim, struct err *err)
{
	const struct shim_fds *fds = &shim->fds;
	bool ok = fds->proxy >= 0 && fds->control >= 0 && fds->log >= 0 &&
		  fds->seccomp >= 0;

	if (shim->role == SHIM_CONTAINER)
		ok = ok && fds->listen >= 0 && fds->config >= 0 &&
		     fds->rootfs >= 0;
	else
		ok = ok && fds->process >= 0 && fds->mntns >= 0;
	if (!ok)
		return err_msg(
			err, EINVAL,
			"--fds: a descriptor that the role needs is missing");
	return 0;
}

static int ids_take(struct shim *shim, const char *role, const char *id,
		    const char *exec_id, struct err *err)
{
	if (role && strcmp(role, "container") == 0)
		shim->role = SHIM_CONTAINER;
	else if (role && strcmp(role, "exec") == 0)
		shim->role = SHIM_EXEC;
	else
		return err_msg(err, EINVAL, "--role: container or exec");
	if (!id)
		return err_msg(err, EINVAL, "--id is missing");
	if (ids_check(id, err) < 0)
		return err_wrap(err, "--id");
	shim->id = xstrdup(id);
	if (shim->role == SHIM_CONTAINER) {
		shim->process_id = shim->id;
		return 0;
	}
	if (!exec_id)
		return err_msg(err, EINVAL, "--exec-id is missing");
	if (ids_check(exec_id, err) < 0)
		return err_wrap(err, "--exec-id");
	shim->process_id = xstrdup(exec_id);
	return 0;
}

/**
 * options_parse() - Read the command line
 * @shim:	Filled; keeps nothing of @argv
 * @argc:	From main()
 * @argv:	From main()
 * @err:	Filled on failure
 *
 * Return: 0 or -EINVAL
 */
int options_parse(struct shim *shim, int argc, char **argv, struct err *err)
{
	const char *role = NULL, *id = NULL, *exec_id = NULL, *fds = NULL;
	const char *boot = NULL;
	uint32_t seconds = BOOT_TIMEOUT_DEFAULT_S;
	const struct opt table[] = {
		{ "role", 0, "ROLE", "container or exec", &role, NULL },
		{ "id", 0, "ID", "container", &id, NULL },
		{ "exec-id", 0, "ID", "exec", &exec_id, NULL },
		{ "boot-timeout", 0, "SECONDS", "until the agent answers",
		  &boot, NULL },
		{ "fds", 0, "NAMES", "inherited descriptors, from 3", &fds,
		  NULL },
		{ "debug", 0, NULL, "more in the log", NULL, &shim->debug },
		{ "foreground", 0, NULL, "the caller stays and waits", NULL,
		  &shim->foreground },
#ifdef TEST_HOOKS
		{ "break", 0, "LAYER", "left out", &hook_layer, NULL },
#endif
	};
	int r = opts_parse(table, ARRAY_SIZE(table), argc, argv, 1, err);

	if (r < 0)
		return r;
	if (r != argc || !fds)
		return err_msg(err, EINVAL,
			       "usage: kata-shim --role ROLE --id ID "
			       "[--exec-id ID] --fds NAMES");
	if (boot &&
	    (num_parse_u32(boot, BOOT_TIMEOUT_MAX_S, &seconds) < 0 || !seconds))
		return err_msg(err, EINVAL, "--boot-timeout: 1 to %d",
			       BOOT_TIMEOUT_MAX_S);
	shim->boot_timeout_ms = (int)seconds * 1000;
#ifdef TEST_HOOKS
	if (hook_layer)
		hook_layer = xstrdup(hook_layer); /* see options_hide() */
#endif
	r = ids_take(shim, role, id, exec_id, err);
	if (r == 0)
		r = fds_parse(&shim->fds, fds, err);
	if (r == 0)
		r = fds_check(shim, err);
	return r;
}

/**
 * options_hide() - Give the process a short, neutral title
 * @argc:	From main()
 * @argv:	From main(); overwritten
 *
 * Engines show our command line as the container's (`podman top`). With a last
 * byte that is not zero the kernel takes the area for one string, as after
 * setproctitle, and shows it up to its first zero.
 */
void options_hide(int argc, char **argv)
{
	static char title[] = TITLE;
	char *start = argv[0];
	char *end = argv[argc - 1] + strlen(argv[argc - 1]);
	size_t size = (size_t)(end - start) + 1;

	IGNORE(prctl(PR_SET_NAME, TITLE, 0, 0, 0) < 0, "only a name");
	program_invocation_short_name = title; /* for last words: was in argv */
	if (size < sizeof(TITLE) + 1)
		return;
	memset(start, 0, size);
	memcpy(start, TITLE, sizeof(TITLE));
	start[size - 1] = '.';
}
