/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frequency of the host's time stamp counter. A guest under TCG on microvm
 * has nothing to calibrate against and is told by tsc_early_khz=.
 */
#ifndef RUNTIME_TSC_H
#define RUNTIME_TSC_H

#include "err.h"

/* Reads counter and CLOCK_MONOTONIC_RAW (nanoseconds) together. */
void tsc_mark(uint64_t *ret_tsc, uint64_t *ret_ns);
/*
 * Measured once per boot of the host, over 20 ms at least, and kept in the
 * state root (root_fd; -1: not kept). ret_khz is 0 when it cannot be known.
 */
int tsc_khz(int root_fd, uint64_t tsc_start, uint64_t ns_start,
	    uint32_t *ret_khz, struct err *err) MUST_CHECK;

#endif
