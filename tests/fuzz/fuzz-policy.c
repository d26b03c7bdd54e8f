// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz-policy.c - the jail policy reader on arbitrary bytes. What it accepts
 * must keep the promises that the jailer builds on.
 */
#include <stdlib.h>
#include <string.h>

#include "policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct policy *policy = NULL;
	struct err err = ERR_INIT;

	if (policy_parse((const char *)data, size, &policy, &err) < 0) {
		BUG_ON(policy || err.code <= 0 || !*err.text);
		return 0;
	}
	BUG_ON(policy->program[0] != '/');
	BUG_ON(policy->namespaces != (1u << POLICY_NS_MAX) - 1);
	BUG_ON(!*policy->seccomp || strchr(policy->seccomp, '/'));
	if (policy->identity == POLICY_ID_OWN)
		BUG_ON(policy->caps || policy->start_caps);
	for (size_t i = 0; i < policy->bind_count; i++) {
		BUG_ON(policy->binds[i].target[0] != '/');
		BUG_ON(policy->binds[i].source && policy->binds[i].writable);
	}
	policy_free(policy);
	return 0;
}
