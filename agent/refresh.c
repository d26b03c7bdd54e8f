// SPDX-License-Identifier: Apache-2.0
/*
 * refresh.c - engines write /etc/hosts, resolv.conf and the like after a
 * container was created and before it is started. The guest's kernel keeps a
 * file's attributes for a second: a longer file would be read cut off at its
 * old end. Runs in kata-agent. The names are the runtime's; the files are not
 * opened.
 */
#include "container.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "alloc.h"
#include "auto.h"

/* Asks the file server anew for the size of every file bound from the host. */
void container_refresh(const struct container *container)
{
	AUTO_FREE char *path = xasprintf(AGENT_SHARE_DIR "/%s", container->id);
	AUTO_CLOSEDIR DIR *dir = opendir(path);
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		struct statx now;

		IGNORE(statx(dirfd(dir), entry->d_name,
			     AT_STATX_FORCE_SYNC | AT_SYMLINK_NOFOLLOW,
			     STATX_SIZE | STATX_MTIME, &now) < 0,
		       "what is gone is the program's to find out");
	}
}
