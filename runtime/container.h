/* SPDX-License-Identifier: Apache-2.0 */
/* Creating a container; shared by create and run. */
#ifndef RUNTIME_CONTAINER_H
#define RUNTIME_CONTAINER_H

#include "engine-args.h"
#include "state.h"

struct create_options {
	const char *bundle, *pid_file, *console_socket, *pidfd_socket,
		*preserve_fds;
	bool no_pivot, no_new_keyring;
	bool foreground; /* stdio is the caller's, who waits: run without -d */
};

/*
 * Makes the container up to its frozen init process. Everything made is undone
 * on failure. *ret_shim is its shim. pid_file is written last.
 */
int container_create(struct runtime *rt, const char *id,
		     const struct create_options *options,
		     struct process_ref *ret_shim, struct err *err) MUST_CHECK;
/* Undoes everything recorded and removes ID/; the lock must be held. */
int container_remove(struct runtime *rt, const char *id, int dir_fd,
		     struct err *err) MUST_CHECK;
#endif
