// SPDX-License-Identifier: Apache-2.0
/*
 * rules.c - which rules a jail's program gets: what the jail's root holds,
 * each with the least that the program needs of it, in the words that
 * kata-jail-exec reads. A policy says more only where nothing follows from its
 * binds. The root holds little else; the rules are for the day when a bug puts
 * something there, and they take what a mount namespace cannot: execution of
 * all but the program, TCP, abstract sockets, signals. Rights: none.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "auto.h"
#include "fd.h"
#include "landlock.h"

#include "jail.h"

#define READ (LANDLOCK_FS_READ_FILE | LANDLOCK_FS_READ_DIR)
#define RUN (LANDLOCK_FS_READ_FILE | LANDLOCK_FS_EXECUTE)
#define USE_DEVICE                                                             \
	(LANDLOCK_FS_READ_FILE | LANDLOCK_FS_WRITE_FILE | LANDLOCK_FS_IOCTL_DEV)
#define WRITE (LANDLOCK_FS_ALL & ~(LANDLOCK_FS_EXECUTE | LANDLOCK_FS_IOCTL_DEV))

static void add(struct strv *list, uint32_t access, const char *path)
{
	strv_addf(list, "%x", access);
	strv_add(list, path);
}

/* The policy's own rule for a path stands in place of the one that follows. */
static void add_default(const struct jail *jail, struct strv *list,
			uint32_t access, const char *path)
{
	for (size_t i = 0; i < jail->policy->landlock_count; i++)
		if (strcmp(jail->policy->landlock[i].path, path) == 0)
			return;
	add(list, access, path);
}

/**
 * rules_words() - Rules of a jail
 * @jail:	Policy and libraries
 * @ret:	Least ABI, then access and path of each rule
 */
void rules_words(const struct jail *jail, struct strv *ret)
{
	const struct policy *policy = jail->policy;

	strv_addf(ret, "%d", policy_landlock_abi(policy));
	add(ret, RUN, policy->program);
	/* the loader comes first: the kernel executes it with the program */
	for (size_t i = 0; i < jail->libraries.count; i++)
		add(ret, i == 0 ? RUN : LANDLOCK_FS_READ_FILE,
		    jail->libraries.item[i]);
	for (size_t i = 0; i < policy->bind_count; i++) {
		const struct policy_bind *bind = &policy->binds[i];

		add_default(jail, ret,
			    bind->device   ? USE_DEVICE :
			    bind->writable ? WRITE :
					     READ,
			    bind->target);
	}
	for (size_t i = 0; i < policy->tmpfs.count; i++)
		add_default(jail, ret, WRITE, policy->tmpfs.item[i]);
	if (policy->proc)
		add_default(jail, ret, READ, "/proc");
	for (size_t i = 0; i < policy->landlock_count; i++)
		add(ret, policy->landlock[i].access, policy->landlock[i].path);
}

/**
 * rules_prepare() - Put the rules into a memfd
 * @jail:	landlock_fd is set, and report_fd where there is an info_fd
 * @err:	Filled on failure
 *
 * bubblewrap closes its information once the pid is written. kata-jail-exec
 * writes behind it, by a copy: whoever reads knows at the end of file that the
 * program has begun, and under which rules.
 *
 * Return: 0 or -errno
 */
int rules_prepare(struct jail *jail, struct err *err)
{
	struct strv words = { 0 };
	AUTO_FREE char *text = NULL;
	size_t len = 0, at = 0;

	rules_words(jail, &words);
	for (size_t i = 0; i < words.count; i++)
		len += strlen(words.item[i]) + 1;
	text = xcalloc(1, len);
	for (size_t i = 0; i < words.count; i++) {
		size_t n = strlen(words.item[i]) + 1;

		memcpy(text + at, words.item[i], n);
		at += n;
	}
	strv_done(&words);
	jail->landlock_fd = fd_memfd("landlock", text, len, err);
	if (jail->landlock_fd < 0)
		return jail->landlock_fd;
	if (jail->info_fd < 0)
		return 0;
	jail->report_fd = fcntl(jail->info_fd, F_DUPFD_CLOEXEC, 3);
	return jail->report_fd < 0 ?
		       err_set(err, errno, "copy the information's descriptor") :
		       0;
}
