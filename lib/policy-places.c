// SPDX-License-Identifier: Apache-2.0
/*
 * policy-places.c - see policy-places.h. Text alone, no right: nothing is
 * opened here. What cannot be a mistake (a bind of /proc, one place given
 * twice) is refused, because the order in which bubblewrap mounts would decide
 * what the jail shows.
 */
#include "policy-places.h"

#include <errno.h>
#include <string.h>

#include "auto.h"
#include "path.h"

#define VALUE_MAX 4096

/* One place of the jail, and where the policy says so. */
struct place {
	char *path;
	char *json;
	bool holds; /* a bind may lie below it */
};

struct places {
	struct place *item;
	size_t count;
};

int policy_path_check(const char *path, const char *value, struct err *err)
{
	AUTO_FREE char *clean = NULL;

	if (value[0] != '/' || strlen(value) >= VALUE_MAX)
		return err_msg(err, EINVAL, "%s: must be an absolute path",
			       path);
	for (const unsigned char *at = (const unsigned char *)value; *at; at++)
		if (*at < 0x20 || *at == 0x7f)
			return err_msg(err, EINVAL, "%s: control character",
				       path);
	clean = path_normalise(value);
	if (strcmp(clean, value) != 0 || strcmp(clean, "/") == 0)
		return err_msg(err, EINVAL,
			       "%s: %s is not in plain form or is /", path,
			       value);
	return 0;
}

static bool is_below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	return strncmp(path, dir, len) == 0 && path[len] == '/';
}

static bool is_at_or_below(const char *path, const char *dir)
{
	return strcmp(path, dir) == 0 || is_below(path, dir);
}

int policy_source_check(const char *path, const char *value, struct err *err)
{
	static const char *const live[] = { "/proc", "/sys", "/dev", "/run",
					    "/var/run" };

	for (size_t i = 0; i < ARRAY_SIZE(live); i++)
		if (is_at_or_below(value, live[i]))
			return err_msg(err, EINVAL,
				       "%s: %s: nothing of %s is shown in a jail",
				       path, value, live[i]);
	return 0;
}

int policy_device_check(const char *path, const char *value, struct err *err)
{
	static const char *const known[] = { "/dev/full",    "/dev/kvm",
					     "/dev/null",    "/dev/random",
					     "/dev/urandom", "/dev/zero" };

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (strcmp(value, known[i]) == 0)
			return 0;
	return err_msg(err, EINVAL,
		       "%s: %s is not among the devices a jail may have", path,
		       value);
}

static void add(struct places *places, const char *path, char *json, bool holds)
{
	places->item = xgrow(places->item, places->count, places->count + 1,
			     sizeof(*places->item));
	places->item[places->count++] =
		(struct place){ xstrdup(path), json, holds };
}

static void places_done(struct places *places)
{
	for (size_t i = 0; i < places->count; i++) {
		free(places->item[i].path);
		free(places->item[i].json);
	}
	free(places->item);
}

static void collect(const struct policy *policy, struct places *ret)
{
	add(ret, POLICY_EXEC, xstrdup("every jail"), false);
	add(ret, policy->program, xstrdup("program"), false);
	if (policy->proc)
		add(ret, "/proc", xstrdup("proc"), false);
	for (size_t i = 0; i < policy->dirs.count; i++)
		add(ret, policy->dirs.item[i], xasprintf("directories[%zu]", i),
		    true);
	for (size_t i = 0; i < policy->tmpfs.count; i++)
		add(ret, policy->tmpfs.item[i], xasprintf("tmpfs[%zu]", i),
		    true);
	for (size_t i = 0; i < policy->bind_count; i++)
		add(ret, policy->binds[i].target,
		    xasprintf("binds[%zu].target", i), false);
}

static int compare(const struct place *a, const struct place *b, struct err *err)
{
	if (strcmp(a->path, b->path) == 0)
		return err_msg(err, EINVAL, "%s: %s is given twice, see %s",
			       b->json, b->path, a->json);
	if (is_below(b->path, a->path) && !a->holds)
		return err_msg(err, EINVAL, "%s: %s lies below %s of %s",
			       b->json, b->path, a->path, a->json);
	if (is_below(a->path, b->path))
		return err_msg(err, EINVAL, "%s: %s hides %s of %s", b->json,
			       b->path, a->path, a->json);
	return 0;
}

int policy_places_check(const struct policy *policy, struct err *err)
{
	struct places places = { 0 };
	int r = 0;

	collect(policy, &places);
	for (size_t i = 0; r == 0 && i < places.count; i++) {
		const struct place *at = &places.item[i];

		/* Made by bubblewrap itself, or nobody's business. */
		if (is_at_or_below(at->path, "/sys") ||
		    is_below(at->path, "/proc"))
			r = err_msg(err, EINVAL, "%s: %s is no place in a jail",
				    at->json, at->path);
		for (size_t n = 0; r == 0 && n < i; n++)
			r = compare(&places.item[n], at, err);
	}
	places_done(&places);
	return r;
}
