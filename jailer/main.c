// SPDX-License-Identifier: Apache-2.0
/*
 * main.c - kata-jailer: applies one jail policy to itself and becomes
 * bubblewrap, which becomes kata-jail-exec and that the program. Started by
 * kata-proxy with the rights of the sandbox's user namespace (uid 0 of it);
 * those are used for the mount namespace, the id change and the file server's
 * user namespace, and are gone at the end. It reads no hostile byte: policy,
 * arguments and descriptors come from kata-runtime, and are checked once more.
 *
 * The order of the stages matters:
 *   descriptors  first, or a leaked one would be inherited by helpers
 *   files        policy, filter, bubblewrap, libraries: as the host shows them
 *   root         own mount namespace: needs rights over the caller's
 *   user ns      the file server's; needs rights over the caller's id map
 *   rules        memfd for kata-jail-exec: of the binds that were found
 *   arguments    memfd for bwrap
 *   limits       raising is no longer possible after the next one
 *   identity     drops every capability
 *   exec         nothing after
 *
 * #stages:jailer start root userns identity exec
 * #holds:jailer ids: the jail's
 * #holds:jailer capabilities: the jail's
 */
#include <errno.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "auto.h"
#include "hooks.h"
#include "log.h"
#include "selinux.h"

#include "jail.h"

#define EXIT_JAIL 125 /* the jail could not be made; the program never ran */

/*
 * bubblewrap's option for a label is of no use here: where the jail has no
 * /proc it fails, and where its root has no selinuxfs, as ours, it does nothing
 * and says nothing. So bubblewrap gets a domain of its own, named after the
 * program's type, from which executing kata-jail-exec leads into that type by
 * the policy. Asked before the root is left: selinuxfs is not in the next one.
 */
static int find_label(struct jail *jail, struct err *err)
{
	const char *type = jail->policy->selinux_type;
	AUTO_FREE char *jail_type = NULL;
	size_t len = type ? strlen(type) : 0;

	if (!jail->level)
		return 0;
	if (len < 3 || strcmp(type + len - 2, "_t") != 0)
		return err_msg(err, EINVAL, "the policy has no SELinux type");
	jail_type = xasprintf("%.*s_jail_t", (int)(len - 2), type);
	return selinux_with(jail_type, jail->level, &jail->label, err);
}

/*
 * A change of SELinux domain makes AT_SECURE as well, and is what we want; so
 * what gives rights is asked for by name.
 */
static int check_rights(struct err *err)
{
	uid_t uid[3];
	gid_t gid[3];

	if (getresuid(&uid[0], &uid[1], &uid[2]) < 0 ||
	    getresgid(&gid[0], &gid[1], &gid[2]) < 0)
		return err_set(err, errno, "ids");
	if (uid[0] == uid[1] && uid[0] == uid[2] && gid[0] == gid[1] &&
	    gid[0] == gid[2] &&
	    (!getauxval(AT_SECURE) ||
	     (getxattr("/proc/self/exe", "security.capability", NULL, 0) < 0 &&
	      (errno == ENODATA || errno == ENOTSUP))))
		return 0;
	return err_msg(err, EPERM,
		       "refuses to run setuid, setgid or with file capabilities");
}

static int stage_files(struct jail *jail, struct err *err)
{
	int r = bwrap_check(JAIL_BWRAP, err);

	if (r == 0)
		r = bwrap_find_exec(jail, err);
	if (r == 0)
		r = bwrap_load_filter(jail, err);
	if (r == 0)
		r = find_label(jail, err);
	if (r == 0 && jail->policy->libraries)
		r = libraries_find(jail->policy->program, &jail->libraries, err);
	return r;
}

static int make_jail(struct jail *jail, struct err *err)
{
	int r = policy_load(jail->policy_path, &jail->policy, err);

	if (r == 0 && jail->policy->identity == POLICY_ID_SELF)
		r = err_msg(err, EINVAL, "%s confines itself: it has no jail",
			    jail->policy->program);
	if (r == 0)
		r = fds_check(jail, err);
	if (r == 0)
		r = stage_files(jail, err);
	if (r == 0)
		r = root_apply(jail, err);
	if (r == 0 && jail->policy->identity == POLICY_ID_WHOLE_MAP)
		r = userns_make_whole(&jail->userns_fd, err);
	if (r == 0)
		r = rules_prepare(jail, err);
	if (r == 0)
		r = bwrap_prepare(jail, err);
	if (r == 0 && !hook_is_broken("rlimits"))
		r = limits_apply(jail->policy, err);
	if (r == 0)
		r = identity_apply(jail, err);
	if (r == 0)
		r = fds_bind_life(jail, err);
	if (r == 0)
		r = fds_mark(jail, err);
	return r < 0 ? r : bwrap_exec(jail, err);
}

int main(int argc, char **argv)
{
	struct jail jail = { .info_fd = -1,
			     .log_fd = -1,
			     .alive_fd = -1,
			     .seccomp_fd = -1,
			     .landlock_fd = -1,
			     .report_fd = -1,
			     .userns_fd = -1,
			     .args_fd = -1,
			     .parent = getppid() };
	struct err err = ERR_INIT;
	int r;

	log_init("kata-jailer", STDERR_FILENO, LOG_LEVEL_INFO, false);
	r = check_rights(&err);
	if (r == 0)
		r = options_parse(&jail, argc, argv, &err);
	hook_hold();
	if (r == 0)
		r = fds_close_others(jail.fds.count, &err);
	if (r == 0 && jail.log_fd >= 0)
		log_init("kata-jailer", jail.log_fd, LOG_LEVEL_INFO, false);
	/* Returns only when it failed. */
	if (r < 0 || make_jail(&jail, &err) < 0)
		log_err("%s: %s", jail.policy ? jail.policy->name : "jail",
			err.text);
	return EXIT_JAIL;
}
