// SPDX-License-Identifier: Apache-2.0
/*
 * proxy-privs.c - the rights of kata-proxy, stage by stage.
 *
 * Runs in kata-proxy, which starts with every capability of its user namespace
 * because it makes the mount holder and its jailers map ids. In this order:
 *
 *   start   Should: own session, not dumpable, no core. Mustn't: read anything
 *           but its arguments.
 *   holder  proxy-jails.c: the mount namespace and its two file systems.
 *   jails   proxy-jails.c: the two jailers, children with all of its rights.
 *   apart   Should: leave the caller's network, ipc, uts and cgroup
 *           namespaces. Its user namespace stays, since it is what keeps it
 *           alive, and its pid namespace, in which it waits for the jails.
 *   steady  Should: nothing of the host below its root, small limits, no group,
 *           no capability in any set and no way back to one, no_new_privs,
 *           filter. Mustn't: leave a way to open, mount, fork, execute, signal
 *           or make a socket. Still works after: the open descriptors, accept,
 *           epoll, memory, reaping the jails.
 *
 * Of QEMU the greeting alone is read before the last stage, and no guest has
 * run an instruction until the runtime has verified what came of it.
 *
 * #stages:proxy start holder jails apart confine steady
 * #holds:proxy ids: 0
 * #holds:proxy groups: none
 * #holds:proxy capabilities: none
 * #holds:proxy securebits: locked
 * #holds:proxy no_new_privs: yes
 * #holds:proxy filters: 1 (proxy)
 * #holds:proxy namespaces: own mnt net ipc uts cgroup; shared user pid
 * #holds:proxy dumpable: no
 * #holds:proxy root: share
 * #caps:proxy/apart sys_admin - network, ipc, uts and cgroup namespaces
 * #syscalls:proxy close - the filter's own descriptor
 */
#include <sched.h>

#include "auto.h"
#include "proxy.h"

#define DATA_MAX (14u << 20)
#define NOFILE_MAX 128 /* clients, commands and a dozen of its own */

int proxy_privs_start(struct proxy *proxy, struct err *err)
{
	proxy->confine.parent = true;
	return confine_start(&proxy->confine, err);
}

int proxy_privs_apart(struct err *err)
{
	int flags = CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;

	return confine_namespaces(flags, err);
}

int proxy_confine(struct proxy *proxy, struct err *err)
{
	static const struct confine_limit limits[] = {
		{ RLIMIT_NOFILE, NOFILE_MAX, "nofile" },
		{ RLIMIT_NPROC, 0, "nproc" },
		{ RLIMIT_MEMLOCK, 0, "memlock" },
		{ RLIMIT_MSGQUEUE, 0, "msgqueue" },
		/* Everything has a fixed size; this makes sure of it. */
		{ RLIMIT_DATA, DATA_MAX, "data" },
	};
	AUTO_FD int seccomp_fd = take_fd(&proxy->seccomp_fd);

	static_assert(PROXY_CLIENTS_MAX + PROXY_CONTROLS_MAX + 32 <= NOFILE_MAX,
		      "a descriptor for everybody");
	if (jails_leave_host(proxy->root, err) < 0 ||
	    confine_limits(limits, ARRAY_SIZE(limits), err) < 0 ||
	    confine_rights(&proxy->confine, err) < 0)
		return -err->code;
	return confine_filter(seccomp_fd, err);
}
