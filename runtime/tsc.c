// SPDX-License-Identifier: Apache-2.0
/* tsc.c - measures the time stamp counter; see tsc.h. In kata-runtime. */
#include "tsc.h"

#include <time.h>

#include "boot-cache.h"

#define CACHE_NAME ".tsc"
#define MEASURE_NS 20000000u
#define KHZ_MIN 100000
#define KHZ_MAX 20000000
/* A start takes milliseconds until it asks: good for a few tenths of a
 * percent, enough to see that a machine has moved to another host. */
#define CHECK_NS 1000000u
#define CHECK_PERCENT 2

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

static uint64_t khz_since(uint64_t tsc_start, uint64_t ns_start, uint64_t min_ns)
{
	uint64_t tsc, ns;

	tsc_mark(&tsc, &ns);
	if (ns - ns_start < min_ns) {
		struct timespec wait = { 0, (long)min_ns };

		nanosleep(&wait, NULL);
		tsc_mark(&tsc, &ns);
	}
	return (tsc - tsc_start) * 1000000u / (ns - ns_start);
}

/* Does what this start has seen so far agree? */
static bool still_holds(uint64_t khz, uint64_t tsc_start, uint64_t ns_start)
{
	uint64_t now = khz_since(tsc_start, ns_start, CHECK_NS);

	return now > khz - khz * CHECK_PERCENT / 100 &&
	       now < khz + khz * CHECK_PERCENT / 100;
}

int tsc_khz(int root_fd, uint64_t tsc_start, uint64_t ns_start,
	    uint32_t *ret_khz, struct err *err)
{
	uint64_t khz;

	if (boot_cache_load(root_fd, CACHE_NAME, KHZ_MAX, &khz) &&
	    khz > KHZ_MIN && still_holds(khz, tsc_start, ns_start)) {
		*ret_khz = (uint32_t)khz;
		return 0;
	}
	khz = khz_since(tsc_start, ns_start, MEASURE_NS);
	if (khz <= KHZ_MIN || khz >= KHZ_MAX) {
		*ret_khz = 0;
		return 0;
	}
	*ret_khz = (uint32_t)khz;
	return boot_cache_save(root_fd, CACHE_NAME, khz, err);
}
