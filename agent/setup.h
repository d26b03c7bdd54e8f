/* SPDX-License-Identifier: Apache-2.0 */
/* Steps of setup.c, all in the forked child, before the container's program. */
#ifndef AGENT_SETUP_H
#define AGENT_SETUP_H

#include "launch.h"

/* rootfs.c: own namespaces, the root with its mounts; / is it afterwards. */
int rootfs_enter(const struct launch *launch, struct err *err) MUST_CHECK;
/* devices.c: nodes and links in /dev below root_fd. */
int devices_make(const struct launch_root *root, int root_fd,
		 struct err *err) MUST_CHECK;
/*
 * A new terminal of the devpts at /dev/pts; init: also bound to /dev/console.
 * The slave becomes 0, 1, 2; with devices_take_terminal(), by the leader of
 * its session, the controlling terminal. Return: the master
 */
int devices_terminal(const struct launch *launch, struct err *err) MUST_CHECK;
int devices_take_terminal(struct err *err) MUST_CHECK;
/* hide.c: an exec's process does not take the agent's memory along. */
struct hide_parcel {
	char *program, **argv, **envp;
};

/* Return: descriptor for hide_memory(); proc_fd may be closed afterwards */
int hide_open(int proc_fd, struct err *err) MUST_CHECK;
int hide_memory(int maps_fd, const char *program, const struct launch *launch,
		struct hide_parcel *ret, struct err *err) MUST_CHECK;
/* identity.c: limits, ids, capabilities, no_new_privs, seccomp. */
int identity_limits(const struct launch *launch, struct err *err) MUST_CHECK;
int identity_apply(const struct launch *launch, struct err *err) MUST_CHECK;
int identity_confine(const struct launch *launch, struct err *err) MUST_CHECK;
/* lookup.c: HOME and the program's path as the container's user sees it. */
void lookup_home(struct launch *launch);
int lookup_program(const struct launch *launch, char **ret_path,
		   struct err *err) MUST_CHECK;
/* One line of /etc/passwd: home directory of uid. For tests too. */
bool lookup_passwd(const char *text, uint32_t uid, char **ret_home);

#endif
