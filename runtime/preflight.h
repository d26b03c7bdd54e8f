/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What create looks at before it makes anything, so that what is missing on
 * the host is named in one line, with what to do.
 */
#ifndef RUNTIME_PREFLIGHT_H
#define RUNTIME_PREFLIGHT_H

#include "runtime.h"

/*
 * Our programs, guest kernel and initrd; bubblewrap and its version; policy,
 * program and filter of each jail. In the namespace that the command was called
 * in: inside another an owner may be unmapped, and then the check knows less
 * (see path_check_trusted()). After state_root_open(). Sets rt->file_server.
 */
int preflight_files(struct runtime *rt, struct err *err) MUST_CHECK;
/* The caller's own limits: too low for a VM of that size? */
int preflight_limits(uint32_t memory_mib, struct err *err) MUST_CHECK;

#endif
