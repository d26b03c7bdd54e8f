// SPDX-License-Identifier: Apache-2.0
/*
 * sandbox-fds.c - the descriptors of one sandbox, made by kata-runtime create
 * and handed to the proxy, which hands each jail its own. See sandbox-fds.h.
 */
#include "sandbox-fds.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "auto.h"
#include "state.h"

#define FS_SOCKET "fs.sock"

static int pair(int type, int *ret_ours, int *ret_theirs, struct err *err)
{
	int fds[2];

	if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fds) < 0)
		return err_set(err, errno, "socketpair");
	*ret_ours = fds[0];
	*ret_theirs = fds[1];
	return 0;
}

static int make_pipe(int *ret_read, int *ret_write, struct err *err)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_set(err, errno, "pipe");
	*ret_read = fds[0];
	*ret_write = fds[1];
	return 0;
}

/*
 * The vhost-user socket: a name in our 0700 directory only as long as it takes
 * to connect QEMU's end; virtiofsd gets the listening descriptor.
 */
static int vhost_pair(int dir_fd, struct sandbox_fds *fds, struct err *err)
{
	fds->fs_listen = state_listen(dir_fd, FS_SOCKET, SOCK_STREAM, err);
	if (fds->fs_listen < 0)
		return fds->fs_listen;
	fds->vmm_fs = state_connect(dir_fd, FS_SOCKET, SOCK_STREAM, err);
	if (fds->vmm_fs < 0)
		return fds->vmm_fs;
	if (unlinkat(dir_fd, FS_SOCKET, 0) < 0)
		return err_set(err, errno, "unlink " FS_SOCKET);
	return 0;
}

void sandbox_fds_init(struct sandbox_fds *fds)
{
	memset(fds, 0xff, sizeof(*fds)); /* every descriptor -1 */
}

int sandbox_fds_open(int dir_fd, struct sandbox_fds *fds, struct err *err)
{
	if (pair(SOCK_SEQPACKET, &fds->control, &fds->proxy_control, err) < 0 ||
	    pair(SOCK_STREAM, &fds->proxy_qmp, &fds->vmm_qmp, err) < 0 ||
	    pair(SOCK_STREAM, &fds->proxy_agent, &fds->vmm_agent, err) < 0 ||
	    pair(SOCK_STREAM, &fds->proxy_console, &fds->vmm_console, err) < 0 ||
	    make_pipe(&fds->vmm_info, &fds->vmm_info_write, err) < 0 ||
	    make_pipe(&fds->fs_info, &fds->fs_info_write, err) < 0 ||
	    make_pipe(&fds->vmm_alive, &fds->vmm_alive_write, err) < 0 ||
	    make_pipe(&fds->fs_alive, &fds->fs_alive_write, err) < 0 ||
	    vhost_pair(dir_fd, fds, err) < 0)
		return -err->code;
	fds->agent_listen = state_listen(dir_fd, "agent.sock", SOCK_STREAM, err);
	if (fds->agent_listen < 0)
		return fds->agent_listen;
	fds->control_listen =
		state_listen(dir_fd, "control.sock", SOCK_SEQPACKET, err);
	return fds->control_listen < 0 ? fds->control_listen : 0;
}

void sandbox_fds_done(struct sandbox_fds *fds)
{
	int *each = (int *)fds;

	for (size_t i = 0; i < sizeof(*fds) / sizeof(int); i++)
		if (each[i] >= 0)
			close(each[i]);
	sandbox_fds_init(fds);
}
