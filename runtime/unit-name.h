/* SPDX-License-Identifier: Apache-2.0 */
/* linux.cgroupsPath as the systemd driver has it: "slice:prefix:name". */
#ifndef RUNTIME_UNIT_NAME_H
#define RUNTIME_UNIT_NAME_H

#include "alloc.h"
#include "err.h"

/* Two colons, and no slash at its beginning: no path of a file system. */
bool unit_name_is_path(const char *path);
/*
 * "prefix-name.scope", "name.scope" where prefix is empty, "kata-ID.scope"
 * without a path (NULL or empty). The caller's.
 */
int unit_name_scope(const char *path, const char *id, char **ret,
		    struct err *err) MUST_CHECK;
/*
 * The slice that is named, else system.slice, of a user's manager user.slice.
 * The caller's. systemd makes it when a scope needs it, and those that its name
 * says it is in: a-b.slice is in a.slice.
 */
int unit_name_slice(const char *path, bool is_system, char **ret,
		    struct err *err) MUST_CHECK;
/*
 * Where a slice is below the manager's root, by its name: "a-b.slice" is
 * "/a.slice/a-b.slice", "-.slice" is "". The caller's.
 */
int unit_name_expand_slice(const char *slice, char **ret,
			   struct err *err) MUST_CHECK;

#endif
