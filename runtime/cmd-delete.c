// SPDX-License-Identifier: Apache-2.0
/* cmd-delete.c - kata-runtime delete; with --force from any state, twice. */
#include <errno.h>

#include "auto.h"
#include "container.h"
#include "opts.h"
#include "lifecycle.h"

/*
 * What was created and never started is deleted without --force, although the
 * specification says "stopped": runc and crun do so, and buildah relies on it
 * when it gives up between create and start. A VM would stay behind.
 */
static int check_ended(int dir_fd, const char *id, struct err *err)
{
	struct state state = { 0 };
	enum state_status status;

	if (container_load(dir_fd, &state, err) < 0)
		return -err->code;
	status = state_status(&state);
	state_done(&state);
	if (status != STATUS_STOPPED && status != STATUS_CREATED)
		return err_msg(
			err, EBUSY,
			"cannot delete container %s that is not stopped: %s",
			id, status_name[status]);
	return 0;
}

int cmd_delete(struct runtime *rt, int argc, char **argv, int first,
	       struct err *err)
{
	AUTO_FD int dir_fd = -1;
	bool force = false;
	const char *id;
	const struct opt table[] = {
		{ "force", 'f', NULL, "end it first; an unknown ID is fine",
		  NULL, &force },
	};
	int at = opts_parse(table, ARRAY_SIZE(table), argc, argv, first, err);

	if (operand_id(argc, argv, at, &id, err) < 0 ||
	    state_root_open(rt, err) < 0)
		return -err->code;
	dir_fd = state_open(rt, id, true, err);
	if (dir_fd == -ENOENT && force)
		return 0;
	if (dir_fd < 0)
		return dir_fd;
	if (!force && check_ended(dir_fd, id, err) < 0)
		return -err->code;
	return container_remove(rt, id, dir_fd, err);
}
