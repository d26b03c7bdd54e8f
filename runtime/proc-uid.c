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

/*
 * A user namespace lets anybody have 65536 supplementary groups, all of them on
 * one line: nobody may hide so, or stop another's start.
 */
#define STATUS_BYTES_MAX (1u << 20)

/*
 * Only a process that is gone is passed over. What cannot be read may be of the
 * id that is asked for: taken for another's, it would be left alive, or its id
 * given out twice. The caller frees *ret.
 */
static int read_status(pid_t pid, char **ret, struct err *err)
{
	AUTO_FREE char *path = xasprintf("/proc/%d/status", pid);
	int r = path_read_file(AT_FDCWD, path, STATUS_BYTES_MAX, ret, err);

	if (r == -ENOENT || r == -ESRCH)
		return err_msg(err, ESRCH, "process %d is gone", pid);
	return r;
}

int proc_uid(pid_t pid, uint32_t *ret, struct err *err)
{
	AUTO_FREE char *text = NULL;
	char *at, *save = NULL;
	int r = read_status(pid, &text, err);

	if (r < 0)
		return r;
	at = strstr(text, "\nUid:");
	at = at ? strtok_r(at + 5, " \t\n", &save) : NULL;
	if (!at || num_parse_u32(at, UINT32_MAX, ret) < 0)
		return err_msg(err, EIO, "/proc/%d/status: no uid in it", pid);
	return 0;
}

/* Does a line of status ("\nGid:") hold the number? -EIO: no such line. */
static int line_has(const char *text, const char *key, uint32_t id)
{
	const char *at = strstr(text, key);
	AUTO_FREE char *line = NULL;
	char *save = NULL;
	uint32_t value;

	if (!at)
		return -EIO;
	at += strlen(key);
	line = xstrndup(at, strcspn(at, "\n"));
	for (char *word = strtok_r(line, " \t", &save); word;
	     word = strtok_r(NULL, " \t", &save)) {
		if (num_parse_u32(word, UINT32_MAX, &value) < 0)
			return -EIO;
		if (value == id)
			return 1;
	}
	return 0;
}

int proc_has_id(pid_t pid, uint32_t id, struct err *err)
{
	static const char *const key[] = { "\nUid:", "\nGid:", "\nGroups:" };
	AUTO_FREE char *text = NULL;
	int r = read_status(pid, &text, err);

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(key); i++) {
		r = line_has(text, key[i], id);
		if (r < 0)
			return err_msg(err, EIO,
				       "/proc/%d/status: no ids in it", pid);
	}
	return r;
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

/* Is the process one that is meant? 1, 0, -errno */
typedef int (*match_fn)(pid_t pid, uint32_t id, struct err *err);

static int has_real_uid(pid_t pid, uint32_t id, struct err *err)
{
	uint32_t owner = 0;
	int r = proc_uid(pid, &owner, err);

	return r < 0 ? r : owner == id;
}

static int each(uint32_t id, match_fn is_meant, bool pass_hidden,
		int (*call)(pid_t pid, void *arg, struct err *err), void *arg,
		struct err *err)
{
	AUTO_CLOSEDIR DIR *dir = opendir("/proc");
	pid_t pid = 0;
	int r;

	if (!dir)
		return err_set(err, errno, "list /proc");
	while ((r = next_pid(dir, &pid, err)) > 0) {
		r = is_meant(pid, id, err);
		if (r == -ESRCH ||
		    (pass_hidden && (r == -EPERM || r == -EACCES))) {
			err_clear(err);
			continue;
		}
		if (r > 0)
			r = call(pid, arg, err);
		if (r != 0)
			return r;
	}
	return r;
}

int proc_each_of_id(uint32_t id,
		    int (*call)(pid_t pid, void *arg, struct err *err),
		    void *arg, struct err *err)
{
	return each(id, proc_has_id, false, call, arg, err);
}

int proc_each_seen_of_uid(uint32_t uid,
			  int (*call)(pid_t pid, void *arg, struct err *err),
			  void *arg, struct err *err)
{
	return each(uid, has_real_uid, true, call, arg, err);
}
