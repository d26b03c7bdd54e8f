// SPDX-License-Identifier: Apache-2.0
/*
 * lifecycle.c - what happens to a container that exists, in kata-runtime.
 *
 * Every change of status is written down before it is asked for ("unsettled")
 * and after it is done. A verb that is killed in between leaves the mark, and
 * whoever reads the record next asks the shim, which did the work or did not.
 * So the status is never a guess. Needs no rights but the state directory;
 * the shim's records are checked by lib/records.
 */
#include "lifecycle.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "auto.h"
#include "container.h"
#include "hook-points.h"
#include "hooks.h"
#include "netns.h"
#include "own-userns.h"
#include "sandbox.h"

#define START_MS 30000
#define STATUS_MS 2000 /* the shim serves a START in one go */

int shim_call(int dir_fd, const union record *request, enum record_type answer,
	      int timeout_ms, union record *ret_answer, struct err *err)
{
	AUTO_FD int fd = state_connect(dir_fd, "shim.sock", SOCK_SEQPACKET, err);

	if (fd < 0)
		return fd;
	if (record_send(fd, request, err) < 0)
		return -err->code;
	return record_expect(fd, answer, ret_answer, timeout_ms, err);
}

/* What the shim says becomes what is recorded, in memory. */
static bool settle(int dir_fd, struct state *state)
{
	struct err err = ERR_INIT;
	union record record;

	record_init(&record, RECORD_SHIM_STATUS);
	if (shim_call(dir_fd, &record, RECORD_SHIM_STATUS_IS, STATUS_MS,
		      &record, &err) < 0)
		return false;
	state->started = record.status.status != RECORD_STATUS_CREATED;
	state->paused = record.status.status == RECORD_STATUS_PAUSED;
	return true;
}

int container_load(int dir_fd, struct state *ret, struct err *err)
{
	int r = state_load(dir_fd, ret, err);

	if (r == 0 && ret->unsettled && process_alive(&ret->shim))
		IGNORE(!settle(dir_fd, ret), "the verb under way has not ended");
	return r;
}

pid_t container_pid(const struct state *state, enum state_status status)
{
	return status == STATUS_STOPPED ? 0 : state->shim.pid;
}

/* --- changes, under the container's lock --------------------------------- */

static int mark(int dir_fd, struct state *state, bool unsettled, struct err *err)
{
	state->unsettled = unsettled;
	return state_save(dir_fd, state, err);
}

/* A refused change: what is true now is what the shim says. */
static void unmark(int dir_fd, struct state *state)
{
	struct err err = ERR_INIT;

	if (!process_alive(&state->shim) || !settle(dir_fd, state))
		return; /* the mark stays: the next reader asks the shim */
	IGNORE(mark(dir_fd, state, false, &err) < 0, "as above");
}

static int send_start(const struct state *state, int dir_fd, struct err *err)
{
	AUTO_FD int netns_fd = process_open_ns(&state->shim, "net", err);
	union record record;

	if (netns_fd < 0)
		return netns_fd;
	record_init(&record, RECORD_SHIM_START);
	/* The settings want no device: nothing to join, whatever is in there. */
	if (strcmp(state->network, STATE_NET_OFF) != 0 &&
	    netns_wire(netns_fd, &record.start, err) < 0)
		return -err->code;
	hook_step("network-wired");
	if (shim_call(dir_fd, &record, RECORD_OK, START_MS, &record, err) < 0)
		return sandbox_ask_why(dir_fd, err);
	return 0;
}

static int start_locked(struct runtime *rt, int dir_fd, struct state *state,
			struct err *err)
{
	enum state_status status = state_status(state);

	if (status != STATUS_CREATED)
		return err_msg(err, EINVAL,
			       "cannot start a container in the %s state",
			       status_name[status]);
	if (own_userns_join(rt, state, err) < 0 ||
	    mark(dir_fd, state, true, err) < 0)
		return -err->code;
	hook_step("start-recorded");
	if (send_start(state, dir_fd, err) < 0) {
		unmark(dir_fd, state);
		return -err->code;
	}
	hook_step("started");
	state->started = true;
	return mark(dir_fd, state, false, err);
}

static int pause_locked(int dir_fd, struct state *state, bool pause,
			struct err *err)
{
	enum state_status status = state_status(state);
	union record record;

	if (pause && status != STATUS_RUNNING)
		return err_msg(err, EINVAL,
			       "cannot pause: container not running (it is %s)",
			       status_name[status]);
	if (!pause && status != STATUS_PAUSED)
		return err_msg(err, EINVAL,
			       "cannot resume: container not paused (it is %s)",
			       status_name[status]);
	if (mark(dir_fd, state, true, err) < 0)
		return -err->code;
	record_init(&record, pause ? RECORD_SHIM_PAUSE : RECORD_SHIM_RESUME);
	if (shim_call(dir_fd, &record, RECORD_OK, SHIM_CALL_MS, &record, err) <
	    0) {
		unmark(dir_fd, state);
		return -err->code;
	}
	state->paused = pause;
	return mark(dir_fd, state, false, err);
}

int container_start(struct runtime *rt, const char *id, struct err *err)
{
	AUTO_FD int dir_fd = state_open(rt, id, true, err);
	struct state state = { 0 };
	int r;

	if (dir_fd < 0)
		return dir_fd;
	r = container_load(dir_fd, &state, err);
	if (r == 0)
		r = start_locked(rt, dir_fd, &state, err);
	if (r >= 0)
		r = hook_point_started(dir_fd, &state, err);
	state_done(&state);
	return r < 0 ? r : 0;
}

int container_pause(struct runtime *rt, const char *id, bool pause,
		    struct err *err)
{
	AUTO_FD int dir_fd = state_open(rt, id, true, err);
	struct state state = { 0 };
	int r;

	if (dir_fd < 0)
		return dir_fd;
	r = container_load(dir_fd, &state, err);
	if (r == 0)
		r = pause_locked(dir_fd, &state, pause, err);
	state_done(&state);
	return r < 0 ? r : 0;
}
