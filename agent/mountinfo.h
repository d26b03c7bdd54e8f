/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of /proc/PID/mountinfo, one at a time. */
#ifndef AGENT_MOUNTINFO_H
#define AGENT_MOUNTINFO_H

#include "err.h"

/*
 * Most that is read of one table. A running container that may mount makes its
 * table as large as it likes, the agent has one thread, and reading is what
 * costs: half a second for this much under TCG.
 */
#define MOUNTINFO_MAX (16u << 20)

struct mount_line {
	uint64_t id;	/* as statx(2) has it: stx_mnt_id */
	uint64_t flags; /* READBACK_FLAG_* */
	bool is_tmpfs;
};

/* Return: false: no more lines are wanted */
typedef bool (*mountinfo_fn)(const struct mount_line *line, void *ctx);

/*
 * Calls fn for each mount that a process can see, in the kernel's order, which
 * is that of the mounting, and the root's first. who: "self" or a number below
 * proc_fd. Return: 0 at the end or when fn has enough; -EFBIG; -errno
 */
int mountinfo_each(int proc_fd, const char *who, mountinfo_fn fn, void *ctx,
		   struct err *err) MUST_CHECK;

#endif
