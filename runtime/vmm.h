/* SPDX-License-Identifier: Apache-2.0 */
/* The VMM's command line. Paths in it are those inside the jail. */
#ifndef RUNTIME_VMM_H
#define RUNTIME_VMM_H

#include "accel.h"
#include "alloc.h"

struct vmm_config {
	enum accel accel;
	uint32_t memory_mib;
	uint32_t vcpus;
	uint32_t tsc_khz;	     /* 0: not told to the guest */
	bool agent_log;		     /* the agent logs at debug level */
	bool guest_log;		     /* the kernel says all on its console */
	bool reclaim;		     /* free pages go back to the host */
	const char *kernel_params;   /* checked words, or "" */
	const char *cpu_features;    /* checked list, or "" */
	const char *kernel, *initrd; /* in the jail */
	/* descriptors as numbered in the VMM; net -1: no network device */
	int qmp_fd, agent_fd, console_fd, fs_fd, net_fd;
	uint8_t mac[6];
};

/* QEMU's arguments from argv[1] on. */
void vmm_qemu_args(const struct vmm_config *c, struct strv *a);

#endif
