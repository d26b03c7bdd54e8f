/* SPDX-License-Identifier: Apache-2.0 */
/* Mounts of a container: options as a table, and how they are carried out. */
#ifndef AGENT_MOUNTS_H
#define AGENT_MOUNTS_H

#include "alloc.h"
#include "err.h"

#define MOUNTS_MAX 1024
#define MOUNT_OPTIONS_MAX 64

struct mount_plan {
	char *destination;	       /* in the container, absolute */
	char *source;		       /* bind: relative to AGENT_RUN_DIR */
	const char *fstype;	       /* static name; NULL: a bind */
	uint64_t attr_set, attr_clear; /* MOUNT_ATTR_*, of this mount */
	uint64_t recursive_set, recursive_clear; /* of the whole tree */
	bool recursive;				 /* rbind */
	bool copy_up;				 /* tmpcopyup */
	unsigned long propagation; /* MS_PRIVATE ...; 0: private */
	bool propagation_recursive;
	struct strv data; /* file system options, "key" or "key=value" */
};

/* What the spec said, before anything is trusted; pointers are borrowed. */
struct mount_request {
	const char *destination, *source, *type;
	char **options;
	size_t option_count;
};

/*
 * Checks and translates one mount. where is its JSON path ("mounts[3]"),
 * which every refusal names.
 */
int mount_plan_parse(const struct mount_request *request, const char *where,
		     struct mount_plan *ret, struct err *err) MUST_CHECK;
void mount_plan_done(struct mount_plan *plan);
/* A file of /proc that a mount may cover. */
bool mount_covers_proc(const char *destination);

/* Propagation word as of linux.rootfsPropagation; "" is private. */
int mount_propagation_parse(const char *word, unsigned long *ret,
			    bool *ret_recursive);

/* --- in the container's set-up, in its new mount namespace --- */

/* A detached mount of the file system. */
int mount_make(const char *fstype, const struct strv *data, uint64_t attrs,
	       struct err *err) MUST_CHECK;
/* Puts a detached mount on the directory or file behind target_fd. */
int mount_attach(int tree_fd, int target_fd, struct err *err) MUST_CHECK;
int mount_plan_apply(const struct mount_plan *plan, int run_fd, int root_fd,
		     struct err *err) MUST_CHECK;
/* Hides a path: a null device over files, an empty directory over others. */
int mount_mask(int root_fd, int null_fd, const char *path,
	       struct err *err) MUST_CHECK;
int mount_make_readonly(int root_fd, const char *path,
			struct err *err) MUST_CHECK;

/* copyup.c: contents of one directory into another, owners and modes kept. */
int copy_up(int from_fd, int to_fd, struct err *err) MUST_CHECK;

#endif
