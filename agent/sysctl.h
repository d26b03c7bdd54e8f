/* SPDX-License-Identifier: Apache-2.0 */
/* Kernel parameters of a container: only what its namespaces own. */
#ifndef AGENT_SYSCTL_H
#define AGENT_SYSCTL_H

#include "alloc.h"
#include "err.h"

/* Checks one pair and adds it: path below /proc/sys, and value. */
int sysctl_parse(const char *key, const char *value, struct strv *ret_paths,
		 struct strv *ret_values, struct err *err) MUST_CHECK;
/* In the child, in its namespaces; proc_fd is the agent's own /proc. */
int sysctl_apply(int proc_fd, const struct strv *paths,
		 const struct strv *values, struct err *err) MUST_CHECK;

#endif
