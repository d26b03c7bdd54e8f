// SPDX-License-Identifier: Apache-2.0
/*
 * proc-uid.c - see proc-uid.h. Needs no right: status is readable to all. Its
 * content is the kernel's; a process that ends meanwhile is passed over.
 */
#include "proc-uid.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "alloc.h"
#include "auto.h"
#include "num.h"
#include "path.h"

#define STATUS_BYTES_MAX 65536

static int uid_of(int proc_fd, const char *pid, uint32_t *ret)
{
	AUTO_FREE char *path = xasprintf("%s/status", pid);
	AUTO_FREE char *text = NULL;
	struct err err = ERR_INIT;
	char *at, *save = NULL;

	if (path_read_file(proc_fd, path, STATUS_BYTES_MAX, &text, &err) < 0)
		return -err.code;
	at = strstr(text, "\nUid:");
	at = at ? strtok_r(at + 5, " \t\n", &save) : NULL;
	return at ? num_parse_u32(at, UINT32_MAX, ret) : -EIO;
}

int proc_each_of_uid(uint32_t uid,
		     int (*each)(pid_t pid, void *arg, struct err *err),
		     void *arg, struct err *err)
{
	AUTO_CLOSEDIR DIR *dir = opendir("/proc");
	struct dirent *entry;

	if (!dir)
		return err_set(err, errno, "list /proc");
	while ((entry = readdir(dir))) {
		uint32_t pid = 0, owner = 0;
		int r;

		if (num_parse_u32(entry->d_name, INT_MAX, &pid) < 0 ||
		    uid_of(dirfd(dir), entry->d_name, &owner) < 0 ||
		    owner != uid)
			continue;
		r = each((pid_t)pid, arg, err);
		if (r != 0)
			return r;
	}
	return 0;
}
