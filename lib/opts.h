/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Table-driven options: "--name value", "--name=value", "-n value". The table
 * also prints the usage text.
 */
#ifndef LIB_OPTS_H
#define LIB_OPTS_H

#include "err.h"

struct opt {
	const char *name;	/* without dashes */
	char letter;		/* 0: none */
	const char *value_name; /* NULL: a flag */
	const char *help;
	const char **ret_value; /* borrowed from argv; the last one wins */
	bool *ret_flag;
};

/*
 * Reads options up to the first operand or "--". Return: index of the first
 * operand in argv, or -EINVAL with the offending option named.
 */
int opts_parse(const struct opt *table, size_t count, int argc, char **argv,
	       int first, struct err *err) MUST_CHECK;
void opts_usage(const struct opt *table, size_t count, FILE *out);

#endif
