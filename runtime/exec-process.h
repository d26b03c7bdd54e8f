/* SPDX-License-Identifier: Apache-2.0 */
/* The process of an exec: from a file, or from flags and the container's own. */
#ifndef RUNTIME_EXEC_PROCESS_H
#define RUNTIME_EXEC_PROCESS_H

#include "alloc.h"
#include "err.h"

struct exec_flags {
	const char *process; /* file with an OCI process; then nothing else */
	const char *cwd, *user, *process_label, *apparmor;
	struct strv env, caps, gids;
	bool tty, no_new_privs;
	char **args; /* the command, borrowed from argv */
	size_t arg_count;
};

/*
 * JSON of the process, checked; owned by the caller. dir_fd is the container's
 * state directory, whose config.json gives what no flag does.
 */
int exec_process(const struct exec_flags *flags, int dir_fd, char **ret_text,
		 bool *ret_terminal, struct err *err) MUST_CHECK;
void exec_flags_done(struct exec_flags *flags);

#endif
