/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Levels of SELinux's multi-category security, as text and as sets: "s0",
 * "s0:c3,c9", "s0-s0:c0.c1023". Pure logic; nothing here asks the kernel.
 */
#ifndef LIB_MCS_H
#define LIB_MCS_H

#include "err.h"

#define MCS_CATEGORIES 1024 /* what policies of type mcs define */

struct mcs_set {
	uint64_t bits[MCS_CATEGORIES / 64];
};

struct mcs_range {
	struct mcs_set low, high;
};

/*
 * The sensitivity is s0 alone: in a policy with more of them (type mls) the
 * levels mean something else. -EINVAL for anything that is no range of it.
 */
int mcs_range_parse(const char *text, struct mcs_range *ret,
		    struct err *err) MUST_CHECK;
size_t mcs_count(const struct mcs_set *set);
bool mcs_has_all(const struct mcs_set *outer, const struct mcs_set *inner);
/* "s0" or "s0:c3,c9.c11", as the kernel writes it; the caller frees it. */
char *mcs_level(const struct mcs_set *set);
/* "s0" or "s0-s0:c3,c9": from no category to these. */
char *mcs_range_up_to(const struct mcs_set *set);
/*
 * Two different categories of a set, chosen by two random numbers: each pair
 * as likely as any other, within what 2^64 allows. -ENOSPC: fewer than two.
 */
int mcs_pick_pair(const struct mcs_set *from, uint64_t first, uint64_t second,
		  struct mcs_set *ret) MUST_CHECK;
/*
 * The range of a label "user:role:type:range"; it points into the label. NULL:
 * not four parts.
 */
const char *mcs_of_label(const char *label);

#endif
