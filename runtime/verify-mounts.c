// SPDX-License-Identifier: Apache-2.0
/*
 * verify-mounts.c - the mounts of a jail against its policy: none but those it
 * asks for, and none with more rights. Part of verify.c; runs in kata-runtime.
 * Mount points are names from inside the jail: compared and printed only.
 */
#include <string.h>

#include "auto.h"
#include "path.h"
#include "verify-parts.h"

static bool has_option(const char *options, const char *name)
{
	size_t len = strlen(name);

	for (const char *at = options; at; at = strchr(at, ',')) {
		at += *at == ',';
		if (strncmp(at, name, len) == 0 &&
		    (at[len] == ',' || at[len] == '\0'))
			return true;
	}
	return false;
}

static bool is_below(const char *point, const char *dir)
{
	size_t len = strlen(dir);

	return strncmp(point, dir, len) == 0 && point[len] == '/';
}

/* What the holder attached below the share, by its own flags. */
static bool is_attached(const struct policy *policy, const char *point)
{
	if (policy->identity != POLICY_ID_WHOLE_MAP)
		return false;
	for (size_t i = 0; i < policy->bind_count; i++) {
		const struct policy_bind *bind = &policy->binds[i];

		if (bind->name && strcmp(bind->name, "share") == 0 &&
		    is_below(point, bind->target))
			return true;
	}
	return false;
}

static bool may_write(const struct policy *policy, const char *point)
{
	if (strv_has(&policy->tmpfs, point))
		return true;
	for (size_t i = 0; i < policy->bind_count; i++)
		if ((policy->binds[i].writable || policy->binds[i].device) &&
		    strcmp(policy->binds[i].target, point) == 0)
			return true;
	return is_attached(policy, point);
}

static bool may_have_devices(const struct policy *policy, const char *point)
{
	for (size_t i = 0; i < policy->bind_count; i++)
		if (policy->binds[i].device &&
		    strcmp(policy->binds[i].target, point) == 0)
			return true;
	return false;
}

bool verify_is_library(const char *path)
{
	const char *name = strrchr(path, '/');

	return name && strstr(name, ".so") &&
	       (strncmp(name, "/lib", 4) == 0 || strncmp(name, "/ld", 3) == 0);
}

/* Nothing is mounted where the policy has nothing. */
static bool is_known(const struct policy *policy, const char *point)
{
	if (strcmp(point, "/") == 0 || strcmp(point, policy->program) == 0 ||
	    strcmp(point, POLICY_EXEC) == 0 ||
	    strv_has(&policy->tmpfs, point) || is_attached(policy, point))
		return true;
	if (policy->proc &&
	    (strcmp(point, "/proc") == 0 || is_below(point, "/proc")))
		return true;
	for (size_t i = 0; i < policy->bind_count; i++)
		if (strcmp(policy->binds[i].target, point) == 0)
			return true;
	return policy->libraries && verify_is_library(point);
}

void verify_mounts_check(char *text, const struct policy *policy,
			 size_t *ret_count, char **ret_bad)
{
	char *save = NULL;

	*ret_count = 0;
	*ret_bad = NULL;
	for (char *line = strtok_r(text, "\n", &save); line && !*ret_bad;
	     line = strtok_r(NULL, "\n", &save)) {
		char *more = NULL, *field[6];

		/* id, parent, device, root, mount point, options */
		for (int i = 0; i < 6; i++)
			field[i] = strtok_r(i ? NULL : line, " ", &more);
		++*ret_count;
		if (!field[5])
			*ret_bad = xstrdup("a line that is not understood");
		else if (!has_option(field[5], "nosuid"))
			*ret_bad = xasprintf("%s without nosuid", field[4]);
		else if (!has_option(field[5], "nodev") &&
			 !may_have_devices(policy, field[4]))
			*ret_bad = xasprintf("%s without nodev", field[4]);
		else if (!has_option(field[5], "ro") &&
			 !may_write(policy, field[4]))
			*ret_bad = xasprintf("%s writable", field[4]);
		else if (!is_known(policy, field[4]))
			*ret_bad = xasprintf("%s unknown", field[4]);
	}
	if (*ret_count == 0 && !*ret_bad)
		*ret_bad = xstrdup("none");
}

static void check_mounts(struct verify *v, char *text)
{
	AUTO_FREE char *bad = NULL;
	size_t count;

	verify_mounts_check(text, v->policy, &count, &bad);
	verify_add(v, "mounts", !bad,
		   xstrdup("of the policy, nosuid, nodev and read-only"),
		   bad ? verify_shown(bad) : xasprintf("%zu mounts", count));
}

static int check_inside(struct verify *v, struct err *err)
{
	struct verify_inside inside = { 0 };
	int r = verify_inside_read(v->proc_fd, &inside, err);

	if (r == 0) {
		verify_listing(v, &inside.names);
		check_mounts(v, inside.mountinfo);
	}
	verify_inside_done(&inside);
	return r;
}

int verify_mounts(struct verify *v, struct err *err)
{
	AUTO_FREE char *text = NULL;

	/* its own view ends at the share, where it changed its root to */
	if (verify_is_file_server(v))
		return check_inside(v, err);
	if (path_read_file(v->proc_fd, "mountinfo", VERIFY_FILE_MAX, &text,
			   err) < 0)
		return -err->code;
	check_mounts(v, text);
	return 0;
}
