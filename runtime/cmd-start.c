// SPDX-License-Identifier: Apache-2.0
/* cmd-start.c - kata-runtime start. */
#include "container.h"
#include "lifecycle.h"
#include "opts.h"

int cmd_start(struct runtime *rt, int argc, char **argv, int first,
	      struct err *err)
{
	const char *id;
	int at = opts_parse(NULL, 0, argc, argv, first, err);

	if (operand_id(argc, argv, at, &id, err) < 0 ||
	    state_root_open(rt, err) < 0)
		return -err->code;
	return container_start(rt, id, err);
}
