// SPDX-License-Identifier: Apache-2.0
/*
 * twin-check.c - twin-check JAILER POLICIES POLICY [JAILER-OPTION...]: every call
 * that POLICIES/POLICY.json forbids, tried in a jail of the same policy
 * (runtime/twin.c), as JSON. With the rights of a start: as root, or in a user namespace. Exit
 * code 1: a call got through, or it could not be tried.
 */
#include <stdio.h>

#include "auto.h"
#include "json.h"
#include "runtime/twin.h"

int main(int argc, char **argv)
{
	AUTO_FREE char *filters = NULL;
	struct twin_result result = { 0 };
	struct strv args = { 0 };
	struct twin_spec spec = { .args = &args, .root_fd = -1 };
	struct json_writer w = { .pretty = false };
	struct err err = ERR_INIT;
	int r;

	if (argc < 4) {
		fputs("usage: twin-check JAILER POLICIES POLICY [JAILER-OPTION...]\n",
		      stderr);
		return 2;
	}
	filters = xasprintf("%s/../seccomp", argv[2]);
	spec.jailer = argv[1];
	spec.policies = argv[2];
	spec.filters = filters;
	spec.policy = argv[3];
	for (int i = 4; i < argc; i++)
		strv_add(&args, argv[i]);
	r = twin_try(&spec, &result, &err);
	if (r < 0) {
		fprintf(stderr, "twin-check: %s\n", err.text);
		return 1;
	}
	json_begin_object(&w, NULL);
	json_string(&w, "policy", spec.policy);
	json_u64(&w, "tried", result.tried);
	json_u64(&w, "through", result.through);
	if (result.first)
		json_string(&w, "first", result.first);
	json_end_object(&w);
	puts(w.text);
	json_writer_done(&w);
	r = result.through > 0;
	twin_result_done(&result);
	strv_done(&args);
	return r;
}
