// SPDX-License-Identifier: Apache-2.0
/*
 * cmd-run.c - kata-runtime run: create and start, then wait as the shim's
 * parent (we are its sub-reaper), pass signals on, and delete.
 */
#include <errno.h>

#include "auto.h"
#include "container.h"
#include "foreground.h"
#include "lifecycle.h"
#include "opts.h"

/*
 * Only what this command made: hooks run without the lock, and in the end
 * somebody may have deleted it and made another of its name.
 */
static int is_ours(int dir_fd, const struct process_ref *shim, struct err *err)
{
	struct state state = { 0 };
	int r = state_load(dir_fd, &state, err);

	if (r == 0) {
		r = state.shim.pid == shim->pid &&
		    state.shim.start == shim->start;
	} else if (r == -ENOENT) {
		err_clear(err);
		r = 0; /* ours had a record */
	}
	state_done(&state);
	return r;
}

static int delete_after(struct runtime *rt, const char *id,
			const struct process_ref *shim, struct err *err)
{
	AUTO_FD int dir_fd = state_open(rt, id, true, err);
	int r;

	if (dir_fd < 0)
		return dir_fd == -ENOENT ? 0 : dir_fd;
	r = is_ours(dir_fd, shim, err);
	return r > 0 ? container_remove(rt, id, dir_fd, err) : r;
}

static int undo_start(struct runtime *rt, const char *id,
		      const struct process_ref *shim, const struct err *err)
{
	struct err undo = ERR_INIT;

	if (delete_after(rt, id, shim, &undo) < 0)
		fprintf(stderr, "kata-runtime: %s\n", undo.text);
	return -err->code;
}

static int run_detached(struct runtime *rt, const char *id,
			const struct create_options *o, struct err *err)
{
	struct process_ref shim;

	if (container_create(rt, id, o, &shim, err) < 0)
		return -err->code;
	if (container_start(rt, id, err) < 0)
		return undo_start(rt, id, &shim, err);
	return 0;
}

static int run_foreground(struct runtime *rt, const char *id,
			  const struct create_options *o, bool keep,
			  struct err *err)
{
	struct err undo = ERR_INIT;
	struct process_ref shim = { 0 };
	int status;

	if (foreground_begin(!o->console_socket, err) < 0 ||
	    container_create(rt, id, o, &shim, err) < 0)
		return -err->code;
	if (container_start(rt, id, err) < 0)
		return undo_start(rt, id, &shim, err);
	foreground_watch(shim.pid);
	status = foreground_wait(shim.pid, err);
	if (!keep && delete_after(rt, id, &shim, &undo) < 0) {
		if (status >= 0)
			*err = undo;
		return -err->code;
	}
	return status;
}

int cmd_run(struct runtime *rt, int argc, char **argv, int first,
	    struct err *err)
{
	struct create_options o = { 0 };
	bool detach = false, keep = false;
	const char *id;
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
		{ "detach", 'd', NULL, "return once it runs", NULL, &detach },
		{ "keep", 0, NULL, "do not delete it when it ends", NULL, &keep },
	};
	int at = opts_parse(table, ARRAY_SIZE(table), argc, argv, first, err);
	int r;

	if (operand_id(argc, argv, at, &id, err) < 0)
		return -err->code;
	if (detach)
		return run_detached(rt, id, &o, err);
	o.foreground = true;
	r = run_foreground(rt, id, &o, keep, err);
	foreground_end();
	return r;
}
