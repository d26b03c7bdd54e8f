// SPDX-License-Identifier: Apache-2.0
/*
 * unit-name.c - names of systemd's units out of linux.cgroupsPath, as runc and
 * crun make them, so that engines find their scope (podman does, by name). In
 * kata-runtime, without any right; the text is the engine's.
 */
#include "unit-name.h"

#include <errno.h>
#include <string.h>

#include "auto.h"

/* systemd.unit(5) */
#define NAME_CHARS                                                             \
	"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ:-_.\\@"
#define NAME_MAX_BYTES 255
#define SLICE ".slice"
#define FIELD "linux.cgroupsPath"

struct parts {
	char *slice, *prefix, *name;
};

static void parts_done(struct parts *parts)
{
	free(parts->slice);
	free(parts->prefix);
	free(parts->name);
}

bool unit_name_is_path(const char *path)
{
	const char *colon = path && *path != '/' ? strchr(path, ':') : NULL;

	return colon && strchr(colon + 1, ':');
}

static bool ends_in(const char *text, const char *tail)
{
	size_t len = strlen(text), n = strlen(tail);

	return len >= n && strcmp(text + len - n, tail) == 0;
}

static int split(const char *path, struct parts *ret, struct err *err)
{
	const char *first = strchr(path, ':');
	const char *second = first ? strchr(first + 1, ':') : NULL;

	if (*path == '/' || !second || strchr(second + 1, ':') || !second[1])
		return err_msg(
			err, EINVAL,
			FIELD ": expected \"slice:prefix:name\", got \"%.128s\"",
			path);
	*ret = (struct parts){
		.slice = xstrndup(path, (size_t)(first - path)),
		.prefix = xstrndup(first + 1, (size_t)(second - first - 1)),
		.name = xstrdup(second + 1),
	};
	return 0;
}

static int check_name(const char *name, struct err *err)
{
	if (strlen(name) > NAME_MAX_BYTES || name[strspn(name, NAME_CHARS)] ||
	    *name == '.')
		return err_msg(err, EINVAL,
			       FIELD ": \"%.128s\" is no name for a unit", name);
	return 0;
}

int unit_name_scope(const char *path, const char *id, char **ret,
		    struct err *err)
{
	struct parts parts = { 0 };
	AUTO_FREE char *name = NULL;
	int r = 0;

	if (!path || !*path) {
		name = xasprintf("kata-%s.scope", id);
	} else {
		if (split(path, &parts, err) < 0)
			return -err->code;
		name = xasprintf("%s%s%s.scope", parts.prefix,
				 *parts.prefix ? "-" : "", parts.name);
		if (ends_in(parts.name, SLICE))
			r = err_msg(
				err, EINVAL,
				FIELD
				": \"%.128s\" would be a slice, which holds no process",
				path);
		parts_done(&parts);
	}
	if (r == 0)
		r = check_name(name, err);
	if (r == 0)
		*ret = take_ptr(name);
	return r;
}

/* One dash between parts, none at the ends; but "-.slice" is the root. */
static int check_slice(const char *slice, struct err *err)
{
	if (check_name(slice, err) < 0)
		return -err->code;
	if (strcmp(slice, "-" SLICE) == 0)
		return 0;
	if (!ends_in(slice, SLICE) || strcmp(slice, SLICE) == 0 ||
	    *slice == '-' || strstr(slice, "--") || ends_in(slice, "-" SLICE))
		return err_msg(err, EINVAL,
			       FIELD
			       ": \"%.128s\" is no slice: a.slice, a-b.slice",
			       slice);
	return 0;
}

int unit_name_slice(const char *path, bool is_system, char **ret,
		    struct err *err)
{
	struct parts parts = { 0 };
	AUTO_FREE char *slice = NULL;

	if (path && *path) {
		if (split(path, &parts, err) < 0)
			return -err->code;
		slice = take_ptr(parts.slice);
		parts_done(&parts);
	}
	if (!slice || !*slice) {
		free(slice);
		slice = xstrdup(is_system ? "system" SLICE : "user" SLICE);
	}
	if (check_slice(slice, err) < 0)
		return -err->code;
	*ret = take_ptr(slice);
	return 0;
}

int unit_name_expand_slice(const char *slice, char **ret, struct err *err)
{
	AUTO_FREE char *path = xstrdup("");
	size_t stem = strlen(slice);

	if (check_slice(slice, err) < 0)
		return -err->code;
	stem -= strlen(SLICE);
	if (strcmp(slice, "-" SLICE) == 0)
		stem = 0;
	for (size_t i = 1; i <= stem; i++) {
		AUTO_FREE char *before = NULL;

		if (i < stem && slice[i] != '-')
			continue;
		before = take_ptr(path);
		path = xasprintf("%s/%.*s" SLICE, before, (int)i, slice);
	}
	*ret = take_ptr(path);
	return 0;
}
