/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which ids a user namespace of a plain user gets: the caller's own as 0, then
 * every range of /etc/subuid or /etc/subgid. Text alone, no right.
 */
#ifndef RUNTIME_ID_MAP_H
#define RUNTIME_ID_MAP_H

#include "alloc.h"
#include "err.h"
#include "userns.h"

#define ID_MAP_EXTENTS_MAX 340 /* user_namespaces(7) */

struct id_map {
	struct userns_extent *extent;
	size_t count;
};

/* Whose ranges are looked for, and what becomes id 0. */
struct id_owner {
	const char *name; /* of the user; NULL: has none */
	uint32_t uid;	  /* a range may also stand under the number */
	uint32_t own;	  /* the caller's uid, or gid */
};

/*
 * From the text of a subordinate id file; file names it in errors. A map that
 * ends up with the caller's own id alone means that there are no ranges.
 */
int id_map_from_ranges(const char *text, const char *file,
		       const struct id_owner *owner, struct id_map *ret,
		       struct err *err) MUST_CHECK;
/* From the text of /proc/PID/uid_map, or of id_map_text(). */
int id_map_parse(const char *text, struct id_map *ret,
		 struct err *err) MUST_CHECK;
/* One line an extent, single blanks; the caller frees it. */
char *id_map_text(const struct id_map *map);
/* "0" "1000" "1" ..., as newuidmap takes them. */
void id_map_args(const struct id_map *map, struct strv *argv);
/* The id outside of the namespace; -ENOENT when inside has no place. */
int id_map_outside(const struct id_map *map, uint32_t inside,
		   uint32_t *ret) MUST_CHECK;
/* Ids of the map, all extents together. */
uint64_t id_map_size(const struct id_map *map);
void id_map_done(struct id_map *map);

#endif
