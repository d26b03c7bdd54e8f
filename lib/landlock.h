/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Landlock: a process takes rights from itself and from all that it becomes.
 * The numbers are the kernel's (include/uapi/linux/landlock.h of 6.15); ours
 * stand here because a system's headers may be older than its kernel.
 */
#ifndef LIB_LANDLOCK_H
#define LIB_LANDLOCK_H

#include "err.h"

/* Rights to files: bits of a rule's access. Those from REMOVE_DIR to REFER, and
 * READ_DIR, belong to directories. */
enum landlock_fs {
	LANDLOCK_FS_EXECUTE = 1 << 0,
	LANDLOCK_FS_WRITE_FILE = 1 << 1,
	LANDLOCK_FS_READ_FILE = 1 << 2,
	LANDLOCK_FS_READ_DIR = 1 << 3,
	LANDLOCK_FS_REMOVE_DIR = 1 << 4,
	LANDLOCK_FS_REMOVE_FILE = 1 << 5,
	LANDLOCK_FS_MAKE_CHAR = 1 << 6,
	LANDLOCK_FS_MAKE_DIR = 1 << 7,
	LANDLOCK_FS_MAKE_REG = 1 << 8,
	LANDLOCK_FS_MAKE_SOCK = 1 << 9,
	LANDLOCK_FS_MAKE_FIFO = 1 << 10,
	LANDLOCK_FS_MAKE_BLOCK = 1 << 11,
	LANDLOCK_FS_MAKE_SYM = 1 << 12,
	LANDLOCK_FS_REFER = 1 << 13,	 /* ABI 2: move between directories */
	LANDLOCK_FS_TRUNCATE = 1 << 14,	 /* ABI 3 */
	LANDLOCK_FS_IOCTL_DEV = 1 << 15, /* ABI 5 */
};
#define LANDLOCK_FS_ALL ((1u << 16) - 1)

struct landlock_rule {
	uint32_t access; /* enum landlock_fs */
	const char *path;
};

/* What landlock_restrict() leaves alone beside its rules. */
enum landlock_keep {
	LANDLOCK_KEEP_SIGNALS = 1 << 0, /* signals to processes outside */
};

/* "read_file" and so on, the kernel's names; 0 for another word. */
uint32_t landlock_access(const char *name);
/* The oldest ABI under which what `access` grants is granted. */
int landlock_least_abi(uint32_t access);

/* Return: the kernel's ABI, from 1; 0 when it has none or it is off. */
int landlock_abi(void);
/*
 * Takes from the calling thread, and all threads and programs after it, every
 * right that the kernel's ABI can take: to files but for the rules, to bind and
 * connect TCP (ABI 4), to abstract UNIX sockets of others and to signal others
 * (ABI 6). A rule whose path does not exist grants nothing and is no error.
 * Needs no_new_privs; cannot be undone; afterwards nothing can be mounted.
 * Return: the ABI in force, 0 when the kernel has none, -errno
 */
int landlock_restrict(const struct landlock_rule *rules, size_t count,
		      unsigned keep, struct err *err) MUST_CHECK;

#endif
