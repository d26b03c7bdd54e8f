/* SPDX-License-Identifier: Apache-2.0 */
/* What engines put on a command line: ids, sockets, pid files, descriptors. */
#ifndef RUNTIME_ENGINE_ARGS_H
#define RUNTIME_ENGINE_ARGS_H

#include <sys/types.h>

#include "err.h"

/* "kata-runtime ID" operand: exactly one, a valid id. */
int operand_id(int argc, char **argv, int at, const char **ret_id,
	       struct err *err) MUST_CHECK;
/* Before anything is made: the place where it will be written. NULL is fine. */
int pid_file_check(const char *path, struct err *err) MUST_CHECK;
/* Decimal, no newline, by rename; refuses to follow a symlink. */
int pid_file_write(const char *path, pid_t pid, struct err *err) MUST_CHECK;
/* Connects to a stream socket of the engine; what names it in errors. */
int engine_connect(const char *path, const char *what,
		   struct err *err) MUST_CHECK;
/*
 * --pidfd-socket: the process to watch. pidfd stays the caller's, who has had it
 * since the process was recorded: one that is opened by number once the process
 * runs may find none, or another.
 */
int pidfd_send(int sock, int pidfd, struct err *err) MUST_CHECK;
/* A process with a terminal: there must be a way to give it one. */
int terminal_check(const char *console_socket, bool foreground,
		   struct err *err) MUST_CHECK;
/*
 * --preserve-fds (NULL: not given) and LISTEN_FDS: nothing but 0 can be
 * honoured; the error says what the first descriptor is. inherited: how many
 * from 3 on were open before this program opened any.
 */
int preserve_fds_check(uint32_t inherited, const char *value,
		       struct err *err) MUST_CHECK;

#endif
