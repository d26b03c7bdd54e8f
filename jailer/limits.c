// SPDX-License-Identifier: Apache-2.0
/*
 * limits.c - resource limits of the jail, inherited through bwrap. Rights:
 * none, because a limit above the caller's hard limit is cut to it.
 */
#include <errno.h>
#include <sys/resource.h>

#include "jail.h"

/**
 * limits_apply() - Set soft and hard limits
 * @policy:	Says which
 * @err:	Filled on failure
 *
 * Return: 0 or -errno
 */
int limits_apply(const struct policy *policy, struct err *err)
{
	for (size_t i = 0; i < policy->rlimit_count; i++) {
		const struct policy_rlimit *want = &policy->rlimits[i];
		struct rlimit limit;

		if (getrlimit((__rlimit_resource_t)want->resource, &limit) < 0)
			return err_set(err, errno, "read limit %s", want->name);
		if (limit.rlim_max > want->value)
			limit.rlim_max = want->value;
		limit.rlim_cur = limit.rlim_max;
		if (setrlimit((__rlimit_resource_t)want->resource, &limit) < 0)
			return err_set(err, errno, "set limit %s", want->name);
	}
	return 0;
}
