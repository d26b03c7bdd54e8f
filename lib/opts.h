/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Table-driven options: "--name value", "--name=value", "-n value". The table
 * also prints the usage text.
 */
#ifndef LIB_OPTS_H
#define LIB_OPTS_H

#include "alloc.h"
#include "err.h"

struct opt {
	const char *name;	/* without dashes */
	char letter;		/* 0: none */
	const char *value_name; /* NULL: a flag */
	const char *help;
	const char **ret_value; /* borrowed from argv; the last one wins */
	/* bool *: a flag. struct strv *: every value, where ret_value is NULL */
	void *ret_other;
};

/* Above every errno, and above what a record from another process may hold. */
#define OPTS_HELP 5000

/* "--help" or "-h" */
bool opts_is_help(const char *arg);
/*
 * Reads options up to the first operand or "--". Return: index of the first
 * operand in argv; -EINVAL with the offending option named; -OPTS_HELP after
 * the table was printed, because argv[first] asked for it and the table has no
 * such option itself.
 */
int opts_parse(const struct opt *table, size_t count, int argc, char **argv,
	       int first, struct err *err) MUST_CHECK;
/* The same where no operand may follow. Return: 0, or as above */
int opts_parse_all(const struct opt *table, size_t count, int argc, char **argv,
		   int first, struct err *err) MUST_CHECK;
void opts_usage(const struct opt *table, size_t count, FILE *out);

#endif
