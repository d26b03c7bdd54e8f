/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The paths of a jail policy: which the host may give and which a jail may
 * have. For policy.c alone.
 */
#ifndef LIB_POLICY_PLACES_H
#define LIB_POLICY_PLACES_H

#include "policy.h"

/*
 * path (of the JSON, for the error) holds value: absolute, without "..", "//",
 * a trailing slash or control characters, and not / itself.
 */
int policy_path_check(const char *path, const char *value,
		      struct err *err) MUST_CHECK;
/* A file of the host that is no input of a jail: run-time files, devices. */
int policy_source_check(const char *path, const char *value,
			struct err *err) MUST_CHECK;
/* A device that every user of the host may have anyway. */
int policy_device_check(const char *path, const char *value,
			struct err *err) MUST_CHECK;
/* No place of the jail is given twice, none hides another. */
int policy_places_check(const struct policy *policy, struct err *err) MUST_CHECK;

#endif
