/* SPDX-License-Identifier: Apache-2.0 */
/* What readback.c and readback-items.c have in common. */
#ifndef RUNTIME_READBACK_PARTS_H
#define RUNTIME_READBACK_PARTS_H

#include "readback.h"
#include "readback-kinds.h"

/* -EPERM: "the guest did not apply WHAT: ..." */
int readback_differs(struct err *err, const char *what, uint64_t want,
		     uint64_t have) MUST_CHECK;
/* NULL when there is none. */
const struct record_item *readback_find(const struct readback *got,
					enum readback_kind kind, size_t index);
/* rlimits and groups of a process. */
int readback_check_lists(const struct readback *got,
			 const struct oci_process *process,
			 struct err *err) MUST_CHECK;
/* Root, mounts, masked and read-only paths, devices. */
int readback_check_root(const struct readback *got, const struct oci_spec *spec,
			struct err *err) MUST_CHECK;
/* Names, sysctls, unified. */
int readback_check_texts(const struct readback *got, const struct oci_spec *spec,
			 struct err *err) MUST_CHECK;
int readback_check_agent(const struct readback *got, struct err *err) MUST_CHECK;

#endif
