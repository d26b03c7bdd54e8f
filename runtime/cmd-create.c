// SPDX-License-Identifier: Apache-2.0
/* cmd-create.c - kata-runtime create, as conmon and buildah call it. */
#include "container.h"
#include "opts.h"

#include "child.h"

int cmd_create(struct runtime *rt, int argc, char **argv, int first,
	       struct err *err)
{
	struct create_options o = { 0 };
	const char *id;
	struct process_ref shim;
	const struct opt table[] = {
		{ "bundle", 'b', "DIR", "bundle (default: working directory)",
		  &o.bundle, NULL },
		{ "pid-file", 0, "FILE", "where the pid to watch is written",
		  &o.pid_file, NULL },
		{ "console-socket", 0, "PATH",
		  "socket that receives the terminal", &o.console_socket, NULL },
		{ "pidfd-socket", 0, "PATH", "socket that receives a pidfd",
		  &o.pidfd_socket, NULL },
		{ "preserve-fds", 0, "N", "only 0: descriptors cannot enter a VM",
		  &o.preserve_fds, NULL },
		{ "no-pivot", 0, NULL, "accepted: the guest always pivots",
		  NULL, &o.no_pivot },
		{ "no-new-keyring", 0, NULL,
		  "accepted: the guest has no keyring to share", NULL,
		  &o.no_new_keyring },
	};
	int at = opts_parse(table, ARRAY_SIZE(table), argc, argv, first, err);

	if (operand_id(argc, argv, at, &id, err) < 0)
		return -err->code;
	return container_create(rt, id, &o, &shim, err);
}
