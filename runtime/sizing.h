/* SPDX-License-Identifier: Apache-2.0 */
/* How large the VM is: the container's limits plus what the guest needs. */
#ifndef RUNTIME_SIZING_H
#define RUNTIME_SIZING_H

#include "oci.h"
#include "settings.h"

struct sizing {
	uint32_t vcpus;
	uint32_t memory_mib;
	/* MiB that the host's cgroup may hold above the container's limit. */
	uint32_t cgroup_extra_mib;
	bool cut; /* the limit would have wanted more memory */
};

/* Processors that this process may run on; at least 1. */
uint32_t sizing_host_vcpus(void);
uint32_t sizing_host_memory_mib(void);
/* The error names the JSON path of a limit that cannot be read. */
int sizing_make(const struct settings *settings,
		const struct oci_resources *resources, struct sizing *ret,
		struct err *err) MUST_CHECK;
#endif
