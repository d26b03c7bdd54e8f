// SPDX-License-Identifier: Apache-2.0
/* opts.c - option tables; see opts.h. Arguments come from the engine. */
#include "opts.h"

#include <errno.h>
#include <string.h>

static const struct opt *find(const struct opt *table, size_t count,
			      const char *arg, size_t len)
{
	for (size_t i = 0; i < count; i++) {
		if (arg[1] != '-') {
			if (table[i].letter && len == 2 &&
			    arg[1] == table[i].letter)
				return &table[i];
			continue;
		}
		if (strlen(table[i].name) == len - 2 &&
		    memcmp(table[i].name, arg + 2, len - 2) == 0)
			return &table[i];
	}
	return NULL;
}

static int take_flag(const struct opt *opt, const char *value, struct err *err)
{
	bool *ret = opt->ret_other;

	if (!value || strcmp(value, "true") == 0)
		*ret = true;
	else if (strcmp(value, "false") == 0)
		*ret = false;
	else
		return err_msg(err, EINVAL, "option --%s: not true or false",
			       opt->name);
	return 0;
}

bool opts_is_help(const char *arg)
{
	return strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0;
}

int opts_parse(const struct opt *table, size_t count, int argc, char **argv,
	       int first, struct err *err)
{
	int i = first;

	if (first < argc && opts_is_help(argv[first]) &&
	    !find(table, count, argv[first], strlen(argv[first]))) {
		opts_usage(table, count, stdout);
		return err_msg(err, OPTS_HELP, "help was asked for");
	}
	while (i < argc && argv[i][0] == '-' && argv[i][1] != '\0') {
		const char *arg = argv[i++];
		const char *value = strchr(arg, '=');
		size_t len = value ? (size_t)(value - arg) : strlen(arg);
		const struct opt *opt;

		if (strcmp(arg, "--") == 0)
			break;
		opt = find(table, count, arg, len);
		if (!opt)
			return err_msg(err, EINVAL,
				       "unknown option %.*s; see --help",
				       (int)len, arg);
		if (value)
			value++;
		if (!opt->value_name) {
			if (take_flag(opt, value, err) < 0)
				return -err->code;
			continue;
		}
		if (!value && i < argc)
			value = argv[i++];
		if (!value)
			return err_msg(err, EINVAL, "option --%s needs a value",
				       opt->name);
		if (opt->ret_value)
			*opt->ret_value = value;
		else
			strv_add(opt->ret_other, value);
	}
	return i;
}

int opts_parse_all(const struct opt *table, size_t count, int argc, char **argv,
		   int first, struct err *err)
{
	int at = opts_parse(table, count, argc, argv, first, err);

	if (at < 0)
		return at;
	return at < argc ? err_msg(err, EINVAL, "unexpected operand \"%.64s\"",
				   argv[at]) :
			   0;
}

void opts_usage(const struct opt *table, size_t count, FILE *out)
{
	for (size_t i = 0; i < count; i++) {
		char left[64];

		if (table[i].letter)
			snprintf(left, sizeof(left), "-%c, --%s %s",
				 table[i].letter, table[i].name,
				 table[i].value_name ? table[i].value_name : "");
		else
			snprintf(left, sizeof(left), "--%s %s", table[i].name,
				 table[i].value_name ? table[i].value_name : "");
		fprintf(out, "  %-34s %s\n", left, table[i].help);
	}
}
