/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs of the distribution's that kata-runtime runs to their end with the
 * caller's own rights, to hear what they say: newuidmap, and those that are
 * asked for their version. On a host with SELinux they take the label of
 * whoever ran kata-runtime, for its own domain may do less than they need.
 */
#ifndef RUNTIME_FOREIGN_H
#define RUNTIME_FOREIGN_H

#include "alloc.h"
#include "err.h"

/*
 * As child_output_prepared(), to which the arguments belong; prepare may be
 * NULL. Owner and mode of the program are the caller's to check.
 */
int foreign_output(const char *path, const struct strv *argv,
		   int (*prepare)(void *arg, struct err *err), int timeout_ms,
		   size_t max, char **ret_text, struct err *err) MUST_CHECK;
/*
 * What PATH --version says, once owner and mode of the program were found to be
 * as they must. *ret_text is the caller's. -ENOEXEC: it ended with an error, and
 * whatever it said is no version
 */
int foreign_version(const char *path, int (*prepare)(void *arg, struct err *err),
		    char **ret_text, struct err *err) MUST_CHECK;

#endif
