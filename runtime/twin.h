/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The forbidden calls of a policy, tried in a jail of the same policy. What a
 * start cannot ask of the live jail when it is not root of the host.
 */
#ifndef RUNTIME_TWIN_H
#define RUNTIME_TWIN_H

#include "alloc.h"
#include "err.h"

struct twin_spec {
	const char *jailer;	 /* kata-jailer */
	const char *policies;	 /* directory */
	const char *filters;	 /* directory */
	const char *policy;	 /* "qemu-tcg" */
	const struct strv *args; /* of kata-jailer: --uid, --bind, --share */
	int root_fd;		 /* state root; keeps a good result, or -1 */
};

struct twin_result {
	uint64_t tried;
	uint64_t through; /* calls that met something else than expected */
	char *first;	  /* the first of them; NULL: none */
	bool from_before; /* of an earlier run in this boot */
};

/*
 * Needs the rights of root over a user namespace, as a start does. *ret must
 * be freed by twin_result_done() in every case. Return: 0, also when calls got
 * through; -errno when it could not be tried
 */
int twin_try(const struct twin_spec *spec, struct twin_result *ret,
	     struct err *err) MUST_CHECK;
void twin_result_done(struct twin_result *result);

#endif
