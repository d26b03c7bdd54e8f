/* SPDX-License-Identifier: Apache-2.0 */
/* Creating a container; shared by create and run. */
#ifndef RUNTIME_CONTAINER_H
#define RUNTIME_CONTAINER_H

#include "runtime.h"

struct create_options {
	const char *bundle, *pid_file, *console_socket, *preserve_fds;
	bool no_pivot, no_new_keyring;
	bool foreground; /* stdio is the caller's, who waits: run without -d */
};

/*
 * Makes the container up to its frozen init process. Everything made is undone
 * on failure. *ret_pid is the shim's. pid_file is written last.
 */
int container_create(struct runtime *rt, const char *id,
		     const struct create_options *options, pid_t *ret_pid,
		     struct err *err) MUST_CHECK;
/* Undoes everything recorded and removes ID/; the lock must be held. */
int container_remove(struct runtime *rt, const char *id, int dir_fd,
		     struct err *err) MUST_CHECK;
/* Decimal, no newline, by rename; refuses to follow a symlink. */
int pid_file_write(const char *path, pid_t pid, struct err *err) MUST_CHECK;
/* Connects to the engine's console socket. */
int console_connect(const char *path, struct err *err) MUST_CHECK;
/* A process with a terminal: there must be a way to give it one. */
int terminal_check(const char *console_socket, bool foreground,
		   struct err *err) MUST_CHECK;
/* --preserve-fds: nothing but 0 can be honoured. */
int preserve_fds_check(const char *value, struct err *err) MUST_CHECK;
/* "kata-runtime ID" operand: exactly one, a valid id. */
int operand_id(int argc, char **argv, int at, const char **ret_id,
	       struct err *err) MUST_CHECK;

#endif
