/* SPDX-License-Identifier: Apache-2.0 */
/* What the agent read back from the frozen init against what was asked. */
#ifndef RUNTIME_READBACK_H
#define RUNTIME_READBACK_H

#include "err.h"
#include "oci.h"
#include "records.h"

/* -EPERM names the first difference; memory_mib is the VM's size. */
int readback_check(const struct record_readback *got,
		   const struct oci_spec *spec, struct err *err) MUST_CHECK;

/* The limits alone, after an update. */
int readback_check_limits(const struct record_readback *got,
			  const struct oci_resources *resources,
			  struct err *err) MUST_CHECK;

#endif
