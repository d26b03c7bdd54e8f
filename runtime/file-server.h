/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The programs that can be a sandbox's file server: each has a jail policy, a
 * seccomp filter and words of its own. Which one it is, is decided by what is
 * installed: a distribution has the C virtiofsd of QEMU before 8.0 or the Rust
 * one, at each other's place even (/usr/lib/qemu/virtiofsd of Debian 13 is a link
 * to the Rust one), and neither works in the jail of the other.
 */
#ifndef RUNTIME_FILE_SERVER_H
#define RUNTIME_FILE_SERVER_H

#include "alloc.h"
#include "err.h"
#include "runtime.h"

struct file_server {
	const char *policy; /* of its jail */
	const char *says; /* how the line of --version with its version begins */
	/*
	 * Adds the arguments of a server of /share, of that cache, whose
	 * listening socket is descriptor 3.
	 */
	void (*add_args)(enum fs_cache cache, struct strv *args);
};

/*
 * The first one, in the order Rust, C, whose policy names a program that is
 * there. *ret is static. -ENOENT names what was looked for.
 */
int file_server_find(const struct runtime *rt, const struct file_server **ret,
		     struct err *err) MUST_CHECK;
/*
 * What its --version says, after owner and mode were checked. *ret_text is the
 * caller's.
 */
int file_server_version(const char *program, char **ret_text,
			struct err *err) MUST_CHECK;

#endif
