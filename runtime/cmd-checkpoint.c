// SPDX-License-Identifier: Apache-2.0
/*
 * cmd-checkpoint.c - kata-runtime checkpoint and restore: refused. Engines
 * probe by "checkpoint --help" whether it exists: that fails as well, and the
 * two are in no list of verbs.
 */
#include <errno.h>

#include "runtime.h"

int cmd_checkpoint(struct runtime *rt, int argc, char **argv, int first,
		   struct err *err)
{
	(void)rt;
	(void)argc;
	return err_msg(
		err, EOPNOTSUPP,
		"%s is not supported: CRIU cannot reach the processes inside a VM",
		argv[first - 1]);
}
