// SPDX-License-Identifier: Apache-2.0
/*
 * verify-landlock.c - the one layer that /proc does not show. kata-jail-exec
 * tells which ABI it put in force, before the program begins, and only when an
 * access that had to fail did fail; kata-proxy and kata-shim tell what the kernel
 * took. Here it is compared with what this kernel offers. Part of verify.c; runs in kata-runtime.
 */
#include "landlock.h"
#include "verify-parts.h"

int verify_landlock(struct verify *v, struct err *err)
{
	int have = landlock_abi(), told = v->expect->landlock_told;
	int least = policy_landlock_abi(v->policy);
	char *actual = told < 0 ? xstrdup("not told") :
				  xasprintf("ABI %d in force", told);

	(void)err;
	if (have >= least || told != 0) {
		verify_add(v, "landlock", have >= least && told == have,
			   have >= least ? xasprintf("ABI %d in force", have) :
					   xstrdup("none"),
			   actual);
		return 0;
	}
	free(actual);
	verify_add_absent(
		v, "landlock", xasprintf("ABI %d or later", least),
		have == 0 ?
			xstrdup("not in this kernel, or off") :
			xasprintf("ABI %d, under which no file could move between directories",
				  have));
	return 0;
}
