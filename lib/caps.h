/* SPDX-License-Identifier: Apache-2.0 */
/* Capabilities; caps.c is the only user of libcap-ng. */
#ifndef LIB_CAPS_H
#define LIB_CAPS_H

#include "alloc.h"
#include "err.h"

struct caps_sets { /* bit n = capability n, linux/capability.h */
	uint64_t inheritable, permitted, effective, bounding, ambient;
};

/* "CAP_CHOWN" or "chown", any case. Return: number or -EINVAL */
int caps_from_name(const char *name);
/* Static text "cap_chown", or NULL. */
const char *caps_to_name(unsigned cap);
/* Bits of all names; an unknown name is -EINVAL and named in err. */
int caps_from_strv(const struct strv *names, uint64_t *ret_bits,
		   struct err *err) MUST_CHECK;
/* Drops the bounding set to bits; needs CAP_SETPCAP. */
int caps_bound(uint64_t bits, struct err *err) MUST_CHECK;
/* Sets the other four sets of the calling thread. */
int caps_apply(const struct caps_sets *sets, struct err *err) MUST_CHECK;
/* All five sets empty, for good. */
int caps_drop_all(struct err *err) MUST_CHECK;
int caps_read(pid_t pid, struct caps_sets *ret,
	      struct err *err) MUST_CHECK; /* from /proc/PID/status; pid 0: self */

#endif
