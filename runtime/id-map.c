// SPDX-License-Identifier: Apache-2.0
/*
 * id-map.c - id maps as text, in kata-runtime. Needs no right. The subordinate
 * id files are root's; newuidmap and the kernel check again whatever is read
 * here, so that a mistake gives a refusal and never an id of somebody else.
 *
 * The order is podman's (the caller, then all ranges by their first id): ids
 * that the pool gives out mean the same in its namespace and in ours.
 */
#include "id-map.h"

#include <errno.h>
#include <string.h>

#include "auto.h"
#include "num.h"

struct range {
	uint64_t first, count;
};

struct ranges {
	struct range *item;
	size_t count;
};

static bool overlap(const struct range *a, const struct range *b)
{
	return a->first < b->first + b->count && b->first < a->first + a->count;
}

/* "NAME:FIRST:COUNT", cut up. */
static int parse_range(char *line, struct range *ret)
{
	char *first = strchr(line, ':');
	char *count = first ? strchr(first + 1, ':') : NULL;
	struct range range;

	if (!count)
		return -EINVAL;
	*first = *count = '\0';
	if (num_parse_u64(first + 1, UINT32_MAX - 1, &range.first) < 0 ||
	    num_parse_u64(count + 1, UINT32_MAX, &range.count) < 0 ||
	    range.count == 0 || range.first + range.count > UINT32_MAX)
		return -ERANGE;
	*ret = range;
	return 0;
}

static bool is_owners(const char *line, const struct id_owner *owner)
{
	char number[16];
	size_t len = strcspn(line, ":");

	snprintf(number, sizeof(number), "%u", owner->uid);
	if (owner->name && strlen(owner->name) == len &&
	    strncmp(line, owner->name, len) == 0)
		return true;
	return strlen(number) == len && strncmp(line, number, len) == 0;
}

/* The same range under name and number, or twice, is one range. */
static void add_range(struct ranges *ranges, const struct range *range)
{
	for (size_t i = 0; i < ranges->count; i++)
		if (ranges->item[i].first == range->first &&
		    ranges->item[i].count == range->count)
			return;
	ranges->item = xgrow(ranges->item, ranges->count, ranges->count + 1,
			     sizeof(*ranges->item));
	ranges->item[ranges->count++] = *range;
}

/* mine: the owner's ranges are kept. Otherwise: the others' are compared. */
static int walk_lines(const char *text, const char *file,
		      const struct id_owner *owner, bool mine,
		      struct ranges *ranges, struct err *err)
{
	AUTO_FREE char *copy = xstrdup(text);
	char *save = NULL;

	for (char *line = strtok_r(copy, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		struct range range;
		int r;

		if (is_owners(line, owner) != mine)
			continue;
		r = parse_range(line, &range); /* line is the name now */
		if (r < 0 && !mine)
			continue; /* newuidmap passes over it as well */
		if (r < 0)
			return err_msg(
				err, EINVAL,
				"%s: a line of %.*s is not NAME:FIRST:COUNT with ids below "
				"4294967295",
				file, (int)strcspn(line, ":"), line);
		if (mine && ranges->count == ID_MAP_EXTENTS_MAX - 1)
			return err_msg(err, E2BIG,
				       "%s: more than %d ranges of %s", file,
				       ID_MAP_EXTENTS_MAX - 1, line);
		if (mine)
			add_range(ranges, &range);
		for (size_t i = 0; !mine && i < ranges->count; i++)
			if (overlap(&ranges->item[i], &range))
				return err_msg(
					err, EPERM,
					"%s: the range %llu:%llu is also, in part, %s's: VMMs "
					"of two users would share ids; give each user ranges "
					"of their own",
					file,
					(unsigned long long)ranges->item[i].first,
					(unsigned long long)ranges->item[i].count,
					line);
	}
	return 0;
}

static int compare_ranges(const void *a, const void *b)
{
	const struct range *left = a, *right = b;

	return left->first < right->first ? -1 : left->first > right->first;
}

/* Sorted. The kernel would refuse an id that occurs twice, without a word. */
static int check_own(const struct ranges *ranges, const char *file,
		     const struct id_owner *owner, struct err *err)
{
	const struct range own = { owner->own, 1 };

	for (size_t i = 0; i < ranges->count; i++) {
		const struct range *at = &ranges->item[i];

		if (overlap(at, &own))
			return err_msg(
				err, EINVAL,
				"%s: the range %llu:%llu holds the caller's own id %u",
				file, (unsigned long long)at->first,
				(unsigned long long)at->count, owner->own);
		if (i > 0 && overlap(at - 1, at))
			return err_msg(
				err, EINVAL,
				"%s: the ranges %llu:%llu and %llu:%llu of uid %u overlap: "
				"correct the file",
				file, (unsigned long long)at[-1].first,
				(unsigned long long)at[-1].count,
				(unsigned long long)at->first,
				(unsigned long long)at->count, owner->uid);
	}
	return 0;
}

static void add_extent(struct id_map *map, uint32_t inside, uint32_t outside,
		       uint32_t count)
{
	map->extent = xgrow(map->extent, map->count, map->count + 1,
			    sizeof(*map->extent));
	map->extent[map->count++] =
		(struct userns_extent){ inside, outside, count };
}

/* Ranges apart from each other and from own: their sum fits a map. */
static void make_map(const struct ranges *ranges, uint32_t own,
		     struct id_map *ret)
{
	struct id_map map = { 0 };
	uint32_t inside = 1;

	add_extent(&map, 0, own, 1);
	for (size_t i = 0; i < ranges->count; i++) {
		const struct range *range = &ranges->item[i];

		add_extent(&map, inside, (uint32_t)range->first,
			   (uint32_t)range->count);
		inside += (uint32_t)range->count;
	}
	*ret = map;
}

int id_map_from_ranges(const char *text, const char *file,
		       const struct id_owner *owner, struct id_map *ret,
		       struct err *err)
{
	struct ranges ranges = { 0 };
	int r = walk_lines(text, file, owner, true, &ranges, err);

	if (r == 0 && ranges.count > 1)
		qsort(ranges.item, ranges.count, sizeof(*ranges.item),
		      compare_ranges);
	if (r == 0)
		r = check_own(&ranges, file, owner, err);
	if (r == 0)
		r = walk_lines(text, file, owner, false, &ranges, err);
	if (r == 0)
		make_map(&ranges, owner->own, ret);
	free(ranges.item);
	return r;
}

int id_map_parse(const char *text, struct id_map *ret, struct err *err)
{
	AUTO_FREE char *copy = xstrdup(text);
	struct id_map map = { 0 };
	char *save = NULL;

	for (char *line = strtok_r(copy, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		struct userns_extent e;

		if (userns_extent_parse(line, &e) < 0 || e.count == 0 ||
		    map.count == ID_MAP_EXTENTS_MAX) {
			id_map_done(&map);
			return err_msg(err, EINVAL, "id map: malformed");
		}
		add_extent(&map, e.inside, e.outside, e.count);
	}
	if (map.count == 0)
		return err_msg(err, EINVAL, "id map: empty");
	*ret = map;
	return 0;
}

char *id_map_text(const struct id_map *map)
{
	char *text = xstrdup("");

	for (size_t i = 0; i < map->count; i++) {
		char *longer =
			xasprintf("%s%u %u %u\n", text, map->extent[i].inside,
				  map->extent[i].outside, map->extent[i].count);

		free(text);
		text = longer;
	}
	return text;
}

void id_map_args(const struct id_map *map, struct strv *argv)
{
	for (size_t i = 0; i < map->count; i++) {
		strv_addf(argv, "%u", map->extent[i].inside);
		strv_addf(argv, "%u", map->extent[i].outside);
		strv_addf(argv, "%u", map->extent[i].count);
	}
}

int id_map_outside(const struct id_map *map, uint32_t inside, uint32_t *ret)
{
	for (size_t i = 0; i < map->count; i++) {
		const struct userns_extent *e = &map->extent[i];

		if (inside < e->inside || inside - e->inside >= e->count)
			continue;
		*ret = e->outside + (inside - e->inside);
		return 0;
	}
	return -ENOENT;
}

uint64_t id_map_size(const struct id_map *map)
{
	uint64_t size = 0;

	for (size_t i = 0; i < map->count; i++)
		size += map->extent[i].count;
	return size;
}

void id_map_done(struct id_map *map)
{
	free(map->extent);
	*map = (struct id_map){ 0 };
}
