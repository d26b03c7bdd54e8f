// SPDX-License-Identifier: Apache-2.0
/*
 * hook-points.c - the three points in a container's life at which kata-runtime
 * runs hooks, on the host and as the caller. createContainer and
 * startContainer hooks belong into the container's namespaces, which are in
 * the guest: such a config.json is refused when it is read.
 *
 * That create got as far as its hooks is in the record before the first of
 * them runs: from then on the poststop hooks are owed, by whichever command
 * takes the container down. They run before ID/ is removed, so that a delete
 * that is killed meanwhile is made good by the next one.
 */
#include "hook-points.h"

#include <signal.h>
#include <string.h>

#include "auto.h"
#include "hook-run.h"
#include "path.h"

#define CONFIG_BYTES_MAX (4u << 20)

static struct hook_state state_for(const struct oci_spec *spec,
				   const struct state *state, const char *status)
{
	return (struct hook_state){ .id = state->id,
				    .status = status,
				    .bundle = state->bundle,
				    .annotations = &spec->annotations };
}

/* As it was at create; later changes in the bundle have no effect. */
static int load_spec(int dir_fd, struct oci_spec **ret, struct err *err)
{
	AUTO_FREE char *text = NULL;

	if (path_read_file(dir_fd, "config.json", CONFIG_BYTES_MAX, &text,
			   err) < 0)
		return -err->code;
	return oci_spec_parse(text, strlen(text), ret, err);
}

/**
 * hook_point_created() - prestart, then createRuntime
 * @dir_fd:	ID/, where it is recorded first
 * @spec:	config.json
 * @state:	The record; its shim is alive
 * @err:	Filled on failure
 *
 * Return: 0 or -errno; the caller undoes the create
 */
int hook_point_created(int dir_fd, const struct oci_spec *spec,
		       struct state *state, struct err *err)
{
	struct hook_state told = state_for(spec, state, "creating");

	if (!oci_hooks_any(&spec->hooks))
		return 0;
	state->hooks = true;
	if (state_save(dir_fd, state, err) < 0)
		return -err->code;
	told.pid = state->shim.pid;
	if (hook_run_list(&spec->hooks.prestart, "hooks.prestart", &told, err) <
	    0)
		return -err->code;
	return hook_run_list(&spec->hooks.create_runtime, "hooks.createRuntime",
			     &told, err);
}

static int run_poststart(int dir_fd, const struct state *state, struct err *err)
{
	struct oci_spec *spec = NULL;
	struct hook_state told;
	int r;

	if (load_spec(dir_fd, &spec, err) < 0)
		return -err->code;
	told = state_for(spec, state, "running");
	told.pid = state->shim.pid;
	r = state_unlock(dir_fd, err);
	if (r == 0)
		r = hook_run_list(&spec->hooks.poststart, "hooks.poststart",
				  &told, err);
	oci_spec_free(spec);
	return r;
}

/**
 * hook_point_started() - poststart
 * @dir_fd:	ID/, unlocked before the hooks run
 * @state:	The record
 * @err:	Filled on failure
 *
 * As runc and runtime-spec 1.3 have it, a hook that fails is an error and the
 * container is stopped. The end of its shim ends the VM. The container runs, the
 * record is complete, and a hook may do to it what anybody may.
 *
 * Return: 0 or -errno
 */
int hook_point_started(int dir_fd, const struct state *state, struct err *err)
{
	if (!state->hooks || run_poststart(dir_fd, state, err) == 0)
		return 0;
	if (process_kill(&state->shim, SIGKILL) < 0)
		err_wrap(err, "the container could not be stopped");
	return -err->code;
}

void hook_point_stopped(int dir_fd, const struct state *state)
{
	struct oci_spec *spec = NULL;
	struct err err = ERR_INIT;
	struct hook_state told;

	if (!state->hooks)
		return;
	if (load_spec(dir_fd, &spec, &err) < 0) {
		fprintf(stderr,
			"kata-runtime: hooks.poststop cannot be run: %s\n",
			err.text);
		return;
	}
	told = state_for(spec, state, "stopped");
	hook_run_all(&spec->hooks.poststop, "hooks.poststop", &told);
	oci_spec_free(spec);
}
