/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the guest may see of the host: rootfs and volumes as detached mount
 * trees, attached into the sandbox's mount holder. The caller's mount table
 * never changes.
 */
#ifndef RUNTIME_SHARE_H
#define RUNTIME_SHARE_H

#include "bundle.h"
#include "err.h"

struct share_tree {
	char name[24]; /* "rootfs" or "mN" */
	int fd;	       /* detached tree, for the file server */
	int mirror_fd; /* second clone, for the shim's mirror */
	bool is_dir;
};

struct share {
	struct share_tree *tree;
	size_t count;
};

/*
 * Makes mount points inside the rootfs, clones the trees and sets read-only,
 * nosuid and nodev on them.
 */
int share_open(const struct bundle *bundle, struct share *ret,
	       struct err *err) MUST_CHECK;
void share_done(struct share *share);
/*
 * Attaches every tree below PATH/ID in the mount namespace of process pid
 * (the proxy, which is the holder).
 */
int share_attach(const struct share *share, pid_t holder, const char *path,
		 const char *id, struct err *err) MUST_CHECK;

#endif
