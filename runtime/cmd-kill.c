// SPDX-License-Identifier: Apache-2.0
/* cmd-kill.c - kata-runtime kill: by the container's shim, which asks the agent. */
#include <errno.h>
#include <signal.h>
#include <sys/socket.h>

#include "auto.h"
#include "fd.h"
#include "ids.h"
#include "opts.h"
#include "records.h"
#include "state.h"

#define SIGNAL_MS 15000
#define KILLED_MS 10000 /* the guest's own tidying up, emulated too */

static int send_signal(int dir_fd, uint32_t signo, bool all, struct err *err)
{
	AUTO_FD int fd = state_connect(dir_fd, "shim.sock", SOCK_SEQPACKET, err);
	union record record;

	if (fd < 0)
		return fd;
	record_init(&record, RECORD_SHIM_SIGNAL);
	record.signal.signal = signo;
	record.signal.all = all;
	if (record_send(fd, &record, err) < 0)
		return -err->code;
	return record_expect(fd, RECORD_OK, &record, SIGNAL_MS, err);
}

/*
 * Whoever answered may be captured, or the guest may never report the end: a
 * container that was killed ends. The shim's end ends the VM.
 */
static int make_sure(const struct state *state, int shim_fd, struct err *err)
{
	int r = fd_wait_in(shim_fd, KILLED_MS);

	if (r > 0)
		return 0;
	r = process_kill(&state->shim, SIGKILL);
	return r < 0 ? err_set(err, -r, "kill the shim") : 0;
}

static int signal_container(const struct state *state, int dir_fd, int signo,
			    bool all, struct err *err)
{
	enum state_status status = state_status(state);
	AUTO_FD int shim_fd = -1;
	int r;

	if (status == STATUS_STOPPED)
		return err_msg(err, ESRCH, "container not running");
	if (signo == 0)
		return 0;
	shim_fd = process_pidfd(&state->shim, err);
	if (shim_fd == -ESRCH)
		return err_msg(err, ESRCH, "container not running");
	if (shim_fd < 0)
		return shim_fd;
	r = send_signal(dir_fd, (uint32_t)signo, all, err);
	if (r >= 0)
		return signo == SIGKILL ? make_sure(state, shim_fd, err) : 0;
	/* It may have ended meanwhile: then the engine's wish is fulfilled. */
	if (!process_alive(&state->shim))
		return err_msg(err, ESRCH, "container not running");
	if (signo != SIGKILL)
		return r;
	err_clear(err);
	r = process_kill(&state->shim, SIGKILL);
	return r < 0 ? err_set(err, -r, "kill the shim") : 0;
}

int cmd_kill(struct runtime *rt, int argc, char **argv, int first,
	     struct err *err)
{
	AUTO_FD int dir_fd = -1;
	struct state state = { 0 };
	bool all = false;
	const struct opt table[] = {
		{ "all", 'a', NULL, "every process of the container", NULL,
		  &all },
	};
	int at = opts_parse(table, ARRAY_SIZE(table), argc, argv, first, err);
	int signo, r;

	if (at < 0)
		return at;
	if (at >= argc || argc - at > 2)
		return err_msg(err, EINVAL, "usage: kill [--all] ID [SIGNAL]");
	if (ids_check(argv[at], err) < 0)
		return -err->code;
	signo = signal_parse(at + 1 < argc ? argv[at + 1] : "TERM", err);
	if (signo < 0 || state_root_open(rt, err) < 0)
		return -err->code;
	/* Not under the lock: a start that hangs must be killable. */
	dir_fd = state_open(rt, argv[at], false, err);
	if (dir_fd < 0 || state_load(dir_fd, &state, err) < 0)
		return -err->code;
	r = signal_container(&state, dir_fd, signo, all, err);
	state_done(&state);
	return r;
}
