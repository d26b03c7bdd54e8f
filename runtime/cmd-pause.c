// SPDX-License-Identifier: Apache-2.0
/*
 * cmd-pause.c - kata-runtime pause and resume. The guest freezes the
 * container's control group; the VM itself goes on, so that a paused container
 * can be killed, looked at and resumed. Needs no rights but the state
 * directory.
 */
#include "container.h"
#include "lifecycle.h"
#include "opts.h"

static int pause_or_resume(struct runtime *rt, int argc, char **argv, int first,
			   bool pause, struct err *err)
{
	const char *id;
	int at = opts_parse(NULL, 0, argc, argv, first, err);

	if (operand_id(argc, argv, at, &id, err) < 0 ||
	    state_root_open(rt, err) < 0)
		return -err->code;
	return container_pause(rt, id, pause, err);
}

int cmd_pause(struct runtime *rt, int argc, char **argv, int first,
	      struct err *err)
{
	return pause_or_resume(rt, argc, argv, first, true, err);
}

int cmd_resume(struct runtime *rt, int argc, char **argv, int first,
	       struct err *err)
{
	return pause_or_resume(rt, argc, argv, first, false, err);
}
