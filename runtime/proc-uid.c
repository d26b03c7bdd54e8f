// SPDX-License-Identifier: Apache-2.0
/*
 * proc-uid.c - see proc-uid.h. Needs no right: status is readable to all. Its
 * content is the kernel's; a process that ends meanwhile is passed over.
 */
#include "proc-uid.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "alloc.h"
#include "auto.h"
#include "num.h"
#include "path.h"

#define STATUS_BYTES_MAX 65536

/*
 * Only a process that is gone is passed over. What cannot be read may be of the
 * id that is asked for: taken for another's, it would be left alive, or its id
 * given out twice.
 */
int proc_uid(pid_t pid, uint32_t *ret, struct err *err)
{
	AUTO_FREE char *path = xasprintf("/proc/%d/status", pid);
	AUTO_FREE char *text = NULL;
	char *at, *save = NULL;
	int r = path_read_file(AT_FDCWD, path, STATUS_BYTES_MAX, &text, err);

	if (r == -ENOENT || r == -ESRCH)
		return err_msg(err, ESRCH, "process %d is gone", pid);
	if (r < 0)
		return r;
	at = strstr(text, "\nUid:");
	at = at ? strtok_r(at + 5, " \t\n", &save) : NULL;
	if (!at || num_parse_u32(at, UINT32_MAX, ret) < 0)
		return err_msg(err, EIO, "%s: no uid in it", path);
	return 0;
}

/* The next process of /proc. Return: 1; 0 there is none any more; -errno */
static int next_pid(DIR *dir, pid_t *ret, struct err *err)
{
	struct dirent *entry;
	uint32_t pid;

	for (;;) {
		errno = 0;
		entry = readdir(dir);
		if (!entry && errno)
			return err_set(err, errno, "list /proc");
		if (!entry)
			return 0;
		if (num_parse_u32(entry->d_name, INT_MAX, &pid) < 0)
			continue; /* no process */
		*ret = (pid_t)pid;
		return 1;
	}
}

static int each_of_uid(uint32_t uid, bool pass_hidden,
		       int (*each)(pid_t pid, void *arg, struct err *err),
		       void *arg, struct err *err)
{
	AUTO_CLOSEDIR DIR *dir = opendir("/proc");
	pid_t pid = 0;
	int r;

	if (!dir)
		return err_set(err, errno, "list /proc");
	while ((r = next_pid(dir, &pid, err)) > 0) {
		uint32_t owner = 0;

		r = proc_uid(pid, &owner, err);
		if (r == -ESRCH ||
		    (pass_hidden && (r == -EPERM || r == -EACCES))) {
			err_clear(err);
			continue;
		}
		if (r == 0 && owner == uid)
			r = each(pid, arg, err);
		if (r != 0)
			return r;
	}
	return r;
}

int proc_each_of_uid(uint32_t uid,
		     int (*each)(pid_t pid, void *arg, struct err *err),
		     void *arg, struct err *err)
{
	return each_of_uid(uid, false, each, arg, err);
}

int proc_each_seen_of_uid(uint32_t uid,
			  int (*each)(pid_t pid, void *arg, struct err *err),
			  void *arg, struct err *err)
{
	return each_of_uid(uid, true, each, arg, err);
}
