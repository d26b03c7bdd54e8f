// SPDX-License-Identifier: Apache-2.0
/*
 * cmd-run.c - kata-runtime run: create and start, then wait as the shim's
 * parent (we are its sub-reaper), pass signals on, and delete.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "auto.h"
#include "container.h"
#include "lifecycle.h"
#include "opts.h"
#include "path.h"

static volatile pid_t watched;

static void pass_on(int signo)
{
	if (watched > 0)
		kill(watched, signo);
}

/* What a user or supervisor sends to the foreground command. */
static void forward_signals(pid_t pid)
{
	static const int each[] = { SIGHUP,  SIGINT,  SIGQUIT, SIGTERM,
				    SIGUSR1, SIGUSR2, SIGWINCH };
	struct sigaction action = { .sa_handler = pass_on };

	watched = pid;
	for (size_t i = 0; i < ARRAY_SIZE(each); i++)
		IGNORE(sigaction(each[i], &action, NULL) < 0, "cannot fail");
}

static int wait_for_shim(pid_t pid, struct err *err)
{
	int status;

	for (;;) {
		pid_t r = waitpid(-1, &status, 0);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return err_set(err, errno, "wait for the container");
		if (r == pid)
			break; /* others are proxies and helpers of ours */
	}
	watched = 0;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) :
				     WEXITSTATUS(status);
}

static int delete_after(struct runtime *rt, const char *id, struct err *err)
{
	AUTO_FD int dir_fd = state_open(rt, id, true, err);

	if (dir_fd < 0)
		return dir_fd == -ENOENT ? 0 : dir_fd;
	return container_remove(rt, id, dir_fd, err);
}

static int run(struct runtime *rt, const char *id,
	       const struct create_options *o, bool detach, bool keep,
	       struct err *err)
{
	struct err undo = ERR_INIT;
	pid_t pid = 0;
	int status;

	if (prctl(PR_SET_CHILD_SUBREAPER, !detach) < 0)
		return err_set(err, errno, "become a sub-reaper");
	if (container_create(rt, id, o, &pid, err) < 0)
		return -err->code;
	forward_signals(pid);
	if (container_start(rt, id, err) < 0) {
		if (delete_after(rt, id, &undo) < 0)
			fprintf(stderr, "kata-runtime: %s\n", undo.text);
		return -err->code;
	}
	if (detach)
		return 0;
	status = wait_for_shim(pid, err);
	if (!keep && delete_after(rt, id, &undo) < 0) {
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

	if (operand_id(argc, argv, at, &id, err) < 0)
		return -err->code;
	return run(rt, id, &o, detach, keep, err);
}
