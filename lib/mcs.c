// SPDX-License-Identifier: Apache-2.0
/*
 * mcs.c - levels of SELinux's multi-category security. Runs in kata-runtime,
 * which picks the pair of a pod. Input is a label of the kernel, or one that
 * an engine wrote into config.json: read strictly.
 */
#include "mcs.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"

static bool has(const struct mcs_set *set, unsigned category)
{
	return set->bits[category / 64] & UINT64_C(1) << category % 64;
}

static void add(struct mcs_set *set, unsigned category)
{
	set->bits[category / 64] |= UINT64_C(1) << category % 64;
}

size_t mcs_count(const struct mcs_set *set)
{
	size_t count = 0;

	for (unsigned c = 0; c < MCS_CATEGORIES; c++)
		count += has(set, c);
	return count;
}

bool mcs_has_all(const struct mcs_set *outer, const struct mcs_set *inner)
{
	for (size_t i = 0; i < ARRAY_SIZE(inner->bits); i++)
		if (inner->bits[i] & ~outer->bits[i])
			return false;
	return true;
}

/* "c12" with no needless zero; moves *at behind it. */
static bool read_category(const char **at, unsigned *ret)
{
	const char *digit = *at + 1;
	unsigned value = 0;

	if (**at != 'c' || !isdigit((unsigned char)*digit) ||
	    (digit[0] == '0' && isdigit((unsigned char)digit[1])))
		return false;
	for (; isdigit((unsigned char)*digit); digit++) {
		value = value * 10 + (unsigned)(*digit - '0');
		if (value >= MCS_CATEGORIES)
			return false;
	}
	*at = digit;
	*ret = value;
	return true;
}

/* "s0" or "s0:c1,c3.c5"; moves *at behind it. */
static bool read_level(const char **at, struct mcs_set *ret)
{
	if (strncmp(*at, "s0", 2) != 0)
		return false;
	*at += 2;
	if (**at != ':')
		return true;
	do {
		unsigned first, last;

		(*at)++;
		if (!read_category(at, &first))
			return false;
		last = first;
		if (**at == '.') {
			(*at)++;
			if (!read_category(at, &last) || last <= first)
				return false;
		}
		for (unsigned c = first; c <= last; c++)
			add(ret, c);
	} while (**at == ',');
	return true;
}

int mcs_range_parse(const char *text, struct mcs_range *ret, struct err *err)
{
	struct mcs_range range = { 0 };
	const char *at = text;
	bool ok = read_level(&at, &range.low);

	range.high = range.low;
	if (ok && *at == '-') {
		at++;
		range.high = (struct mcs_set){ 0 };
		ok = read_level(&at, &range.high) &&
		     mcs_has_all(&range.high, &range.low);
	}
	if (!ok || *at)
		return err_msg(err, EINVAL, "\"%s\" is no MCS level", text);
	*ret = range;
	return 0;
}

char *mcs_level(const struct mcs_set *set)
{
	char *text = xstrdup("s0");
	char mark = ':';

	for (unsigned c = 0; c < MCS_CATEGORIES; c++) {
		unsigned last = c;
		char *longer;

		if (!has(set, c))
			continue;
		while (last + 1 < MCS_CATEGORIES && has(set, last + 1))
			last++;
		/* the kernel writes two neighbours with a comma */
		longer = last == c ? xasprintf("%s%cc%u", text, mark, c) :
				     xasprintf("%s%cc%u%cc%u", text, mark, c,
					       last == c + 1 ? ',' : '.', last);
		free(text);
		text = longer;
		mark = ',';
		c = last;
	}
	return text;
}

char *mcs_range_up_to(const struct mcs_set *set)
{
	char *level = mcs_level(set), *range;

	if (mcs_count(set) == 0)
		return level;
	range = xasprintf("s0-%s", level);
	free(level);
	return range;
}

/* The n-th category of a set, from 0. */
static unsigned nth(const struct mcs_set *set, uint64_t n)
{
	unsigned c = 0;

	for (;; c++)
		if (has(set, c) && n-- == 0)
			return c;
}

int mcs_pick_pair(const struct mcs_set *from, uint64_t first, uint64_t second,
		  struct mcs_set *ret)
{
	size_t count = mcs_count(from);
	uint64_t a, b;

	if (count < 2)
		return -ENOSPC;
	a = first % count;
	b = second % (count - 1);
	if (b >= a)
		b++;
	*ret = (struct mcs_set){ 0 };
	add(ret, nth(from, a));
	add(ret, nth(from, b));
	return 0;
}

const char *mcs_of_label(const char *label)
{
	for (int i = 0; i < 3; i++) {
		const char *colon = strchr(label, ':');

		if (!colon || colon == label)
			return NULL;
		label = colon + 1;
	}
	return *label ? label : NULL;
}
