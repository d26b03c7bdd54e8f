/* SPDX-License-Identifier: Apache-2.0 */
/* The host, for kata-runtime env. */
#ifndef RUNTIME_ENV_HOST_H
#define RUNTIME_ENV_HOST_H

#include "report.h"

/* The table Host. What cannot be read is an empty string. kvm: it is real. */
void env_report_host(struct report *r, bool kvm);

#endif
