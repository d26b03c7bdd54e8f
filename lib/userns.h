/* SPDX-License-Identifier: Apache-2.0 */
/* User namespaces, as /proc/self/uid_map and gid_map show them. */
#ifndef LIB_USERNS_H
#define LIB_USERNS_H

#include "base.h"

/* What an id without a place in the map reads as (overflowuid's default). */
#define USERNS_OVERFLOW_ID 65534

struct userns_extent {
	uint32_t inside, outside, count;
};

/* One line of a map, three numbers; the line is cut up. -EINVAL, -ERANGE */
int userns_extent_parse(char *line, struct userns_extent *ret) MUST_CHECK;
/* Whether the text of a map is the one of the initial user namespace. */
bool userns_map_is_initial(const char *map);
/* Whether the text of a map holds one id and no more. */
bool userns_map_is_single(const char *map);
/*
 * Whether this process is in the initial user namespace. A map that cannot be
 * read counts as the initial one's, where fewer owners are trusted.
 */
bool userns_is_initial(void);

#endif
