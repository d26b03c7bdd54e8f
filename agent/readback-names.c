// SPDX-License-Identifier: Apache-2.0
/*
 * readback-names.c - host name, domain name and sysctls as the namespaces of a
 * frozen init have them. Runs in kata-agent, which enters the ipc and uts
 * namespaces of the init for the length of a few reads: both belong to the
 * process that reads, not to the file. Each text is the kernel's.
 *
 * #syscalls:agent setns
 */
#include "readback.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "auto.h"
#include "path.h"

#define WHERE (CLONE_NEWIPC | CLONE_NEWUTS)

static int take_text(struct agent *agent, const char *name,
		     enum readback_kind kind, size_t index, Grpc__ReadBack *to,
		     struct err *err)
{
	AUTO_FREE char *path = xasprintf("sys/%s", name);
	AUTO_FREE char *text = NULL;
	int r = path_read_file(agent->proc_fd, path, 4096, &text, err);

	/* net.ipv4.route.flush and its like can be written alone. */
	if (r == -EACCES) {
		err_clear(err);
		readback_add(to, kind, index,
			     (uint64_t[]){ READBACK_WRITE_ONLY }, 1);
		return 0;
	}
	if (r < 0)
		return err_wrap(err, "read-back");
	text[strcspn(text, "\n")] = '\0';
	readback_add_text(to, kind, index, text);
	return 0;
}

static int take_texts(struct agent *agent, const struct readback_wanted *wanted,
		      Grpc__ReadBack *to, struct err *err)
{
	int r = take_text(agent, "kernel/hostname", READBACK_NAME, 0, to, err);

	if (r == 0)
		r = take_text(agent, "kernel/domainname", READBACK_NAME, 1, to,
			      err);
	for (size_t i = 0; r == 0 && i < wanted->sysctls.count; i++)
		r = take_text(agent, wanted->sysctls.item[i], READBACK_SYSCTL,
			      i, to, err);
	return r;
}

int readback_names(struct agent *agent, int pidfd,
		   const struct readback_wanted *wanted, Grpc__ReadBack *to,
		   struct err *err)
{
	AUTO_FD int ipc_fd =
		openat(agent->proc_fd, "self/ns/ipc", O_RDONLY | O_CLOEXEC);
	AUTO_FD int uts_fd =
		openat(agent->proc_fd, "self/ns/uts", O_RDONLY | O_CLOEXEC);
	int r;

	if (ipc_fd < 0 || uts_fd < 0)
		return err_set(err, errno, "read-back: own namespaces");
	if (setns(pidfd, WHERE) < 0)
		return err_set(err, errno, "read-back: enter namespaces");
	r = take_texts(agent, wanted, to, err);
	if (setns(ipc_fd, CLONE_NEWIPC) < 0 || setns(uts_fd, CLONE_NEWUTS) < 0)
		BUG_ON("no way back to the own namespaces");
	return r;
}
