/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frequency of the host's time stamp counter. A guest under TCG on microvm
 * has nothing to calibrate against and is told by tsc_early_khz=.
 */
#ifndef RUNTIME_TSC_H
#define RUNTIME_TSC_H

#include "base.h"

/* Reads counter and CLOCK_MONOTONIC_RAW (nanoseconds) together. */
void tsc_mark(uint64_t *ret_tsc, uint64_t *ret_ns);
/* kHz since the mark, waiting until at least 20 ms have passed; 0: unknown. */
uint32_t tsc_khz(uint64_t tsc_start, uint64_t ns_start);

#endif
