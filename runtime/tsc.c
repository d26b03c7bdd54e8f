// SPDX-License-Identifier: Apache-2.0
/* tsc.c - measures the time stamp counter; see tsc.h. In kata-runtime. */
#include "tsc.h"

#include <time.h>

#define MEASURE_NS 20000000u

static uint64_t read_tsc(void)
{
#if defined(__x86_64__)
	return __builtin_ia32_rdtsc();
#else
	return 0;
#endif
}

void tsc_mark(uint64_t *ret_tsc, uint64_t *ret_ns)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_RAW, &now);
	*ret_tsc = read_tsc();
	*ret_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint32_t tsc_khz(uint64_t tsc_start, uint64_t ns_start)
{
	uint64_t tsc, ns, khz;

	tsc_mark(&tsc, &ns);
	if (ns - ns_start < MEASURE_NS) {
		struct timespec wait = { 0, MEASURE_NS };

		nanosleep(&wait, NULL);
		tsc_mark(&tsc, &ns);
	}
	khz = (tsc - tsc_start) * 1000000u / (ns - ns_start);
	return khz > 100000 && khz < 20000000 ? (uint32_t)khz : 0;
}
