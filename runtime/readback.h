/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the agent read back from a frozen process against what was asked. The
 * report comes by way of a shim, record by record; every difference, and every
 * part of the report that is missing, is -EPERM and named. docs/protocol.md
 * says what is compared and what cannot be.
 */
#ifndef RUNTIME_READBACK_H
#define RUNTIME_READBACK_H

#include "err.h"
#include "oci.h"
#include "records.h"

struct readback {
	struct record_readback main;
	struct record_item *item; /* owned */
	size_t count;
};

/* Receives a whole report, all of its records within timeout_ms. */
int readback_receive(int sock, int timeout_ms, struct readback *ret,
		     struct err *err) MUST_CHECK;
void readback_done(struct readback *got);
/* Of a new container's init. */
int readback_check(const struct readback *got, const struct oci_spec *spec,
		   const char *id, struct err *err) MUST_CHECK;
/* Of a further process; spec is the container's. */
int readback_check_exec(const struct readback *got,
			const struct oci_process *process,
			const struct oci_spec *spec, const char *id,
			struct err *err) MUST_CHECK;
/* The limits alone, after an update. */
int readback_check_limits(const struct record_readback *got,
			  const struct oci_resources *resources,
			  struct err *err) MUST_CHECK;

#endif
