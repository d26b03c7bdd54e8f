// SPDX-License-Identifier: Apache-2.0
/*
 * options.c - the command line of kata-jailer. Written by kata-proxy from
 * what kata-runtime resolved; strict all the same.
 */
#include <errno.h>
#include <getopt.h>
#include <string.h>

#include "hooks.h"
#include "num.h"

#include "jail.h"

enum {
	OPT_POLICY = 1,
	OPT_UID,
	OPT_SHARE,
	OPT_FDS,
	OPT_BIND,
	OPT_SINGLE,
	OPT_TWIN,
	OPT_LEVEL,
	OPT_BREAK
};

static const struct option table[] = {
	{ "policy", required_argument, NULL, OPT_POLICY },
	{ "uid", required_argument, NULL, OPT_UID },
	{ "single-id", no_argument, NULL, OPT_SINGLE },
	{ "twin", no_argument, NULL, OPT_TWIN },
	{ "level", required_argument, NULL, OPT_LEVEL },
	{ "share", required_argument, NULL, OPT_SHARE },
	{ "fds", required_argument, NULL, OPT_FDS },
	{ "bind", required_argument, NULL, OPT_BIND },
#ifdef TEST_HOOKS
	{ "break", required_argument, NULL, OPT_BREAK },
#endif
	{ NULL, 0, NULL, 0 }
};

const char *jail_named_path(const struct jail *jail, const char *name)
{
	for (size_t i = 0; i < jail->named_count; i++)
		if (strcmp(jail->named[i].name, name) == 0)
			return jail->named[i].path;
	return NULL;
}

static int add_named(struct jail *jail, const char *name, const char *path,
		     struct err *err)
{
	if (path[0] != '/')
		return err_msg(err, EINVAL, "bind %s: path must be absolute",
			       name);
	if (jail_named_path(jail, name))
		return err_msg(err, EINVAL, "bind %s: given twice", name);
	if (jail->named_count == JAIL_NAMED_MAX)
		return err_msg(err, E2BIG, "more than %d binds", JAIL_NAMED_MAX);
	jail->named[jail->named_count++] = (struct jail_named){ name, path };
	return 0;
}

static int add_bind(struct jail *jail, char *text, struct err *err)
{
	char *equals = strchr(text, '=');

	if (!equals || equals == text)
		return err_msg(err, EINVAL, "--bind takes NAME=PATH");
	*equals = '\0';
	return add_named(jail, text, equals + 1, err);
}

static int set_fds(struct jail *jail, char *text, struct err *err)
{
	char *save = NULL;

	if (jail->fds.count > 0)
		return err_msg(err, EINVAL, "--fds: given twice");
	for (char *name = strtok_r(text, ",", &save); name;
	     name = strtok_r(NULL, ",", &save)) {
		if (strv_has(&jail->fds, name))
			return err_msg(err, EINVAL, "--fds: %s twice", name);
		if (jail->fds.count == JAIL_FDS_MAX)
			return err_msg(err, E2BIG, "--fds: more than %d",
				       JAIL_FDS_MAX);
		strv_add(&jail->fds, name);
	}
	return 0;
}

static int take_option(struct jail *jail, int option, char *value,
		       struct err *err)
{
	switch (option) {
	case OPT_POLICY:
		jail->policy_path = value;
		return 0;
	case OPT_UID:
		/* The last value is the kernel's "no id". */
		if (num_parse_u32(value, UINT32_MAX - 1, &jail->uid) < 0)
			return err_msg(err, EINVAL, "--uid: \"%s\" is no id",
				       value);
		jail->has_uid = true;
		return 0;
	case OPT_SINGLE:
		jail->single_id = true;
		return 0;
	case OPT_TWIN:
		jail->twin = true;
		return 0;
	case OPT_LEVEL:
		jail->level = value;
		return 0;
	case OPT_SHARE:
		return add_named(jail, "share", value, err);
	case OPT_FDS:
		return set_fds(jail, value, err);
	case OPT_BIND:
		return add_bind(jail, value, err);
#ifdef TEST_HOOKS
	case OPT_BREAK:
		hook_layer = value;
		return 0;
#endif
	default:
		return err_msg(err, EINVAL, "unknown or incomplete option");
	}
}

/**
 * options_parse() - Read the command line
 * @jail:	Filled; strings point into @argv
 * @argc:	As of main()
 * @argv:	As of main(); --bind and --fds values are cut up
 * @err:	Filled on failure
 *
 * Return: 0 or -EINVAL
 */
int options_parse(struct jail *jail, int argc, char **argv, struct err *err)
{
	int option, r;

	opterr = 0;
	optind = 1;
	/* "+": the program's own options must not be taken for ours. */
	while ((option = getopt_long(argc, argv, "+", table, NULL)) != -1) {
		r = take_option(jail, option, optarg, err);
		if (r < 0)
			return r;
	}
	if (!jail->policy_path)
		return err_msg(err, EINVAL, "--policy is missing");
	if (optind < 1 || strcmp(argv[optind - 1], "--") != 0)
		return err_msg(
			err, EINVAL,
			"\"--\" must stand before the program's arguments");
	jail->args = argv + optind;
	for (size_t i = 0; i < jail->fds.count; i++) {
		int fd = 3 + (int)i;

		if (strcmp(jail->fds.item[i], "info") == 0)
			jail->info_fd = fd;
		else if (strcmp(jail->fds.item[i], "log") == 0)
			jail->log_fd = fd;
		else if (strcmp(jail->fds.item[i], "alive") == 0)
			jail->alive_fd = fd;
	}
	return 0;
}
