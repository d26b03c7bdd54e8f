// SPDX-License-Identifier: Apache-2.0
/*
 * policy-check.c - lib/policy.c for tests/lint/check-policies: one JSON text a
 * line on stdin, for each one line on stdout: "ok", or the error. No right.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy.h"

/* A value that is wrong may be in the text, with line breaks. */
static void say(char *text)
{
	for (char *at = text; (at = strchr(at, '\n')); at++)
		*at = ' ';
	puts(text);
}

int main(void)
{
	char *line = NULL;
	size_t size = 0;
	ssize_t len;

	while ((len = getline(&line, &size, stdin)) > 0) {
		struct policy *policy = NULL;
		struct err err = ERR_INIT;

		if (policy_parse(line, (size_t)len, &policy, &err) < 0)
			say(err.text);
		else
			puts("ok");
		policy_free(policy);
	}
	free(line);
	return ferror(stdin) || fflush(stdout) ? 1 : 0;
}
