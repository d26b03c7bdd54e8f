/* SPDX-License-Identifier: Apache-2.0 */
/* The two ends of everything that connects proxy, VMM and file server. */
#ifndef RUNTIME_SANDBOX_FDS_H
#define RUNTIME_SANDBOX_FDS_H

#include "err.h"

struct sandbox_fds { /* int members only; see sandbox_fds_done() */
	int control, proxy_control;
	int proxy_qmp, vmm_qmp;
	int proxy_agent, vmm_agent;
	int proxy_console, vmm_console;
	int fs_listen, vmm_fs;
	int vmm_info, vmm_info_write;
	int fs_info, fs_info_write;
	int vmm_alive, vmm_alive_write;
	int fs_alive, fs_alive_write;
	int agent_listen, control_listen;
	int tap;
	int seccomp;
};

void sandbox_fds_init(struct sandbox_fds *fds);
/* Makes all but tap and seccomp. */
int sandbox_fds_open(int dir_fd, struct sandbox_fds *fds,
		     struct err *err) MUST_CHECK;
void sandbox_fds_done(struct sandbox_fds *fds);

#endif
