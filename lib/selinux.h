/* SPDX-License-Identifier: Apache-2.0 */
/* SELinux labels; selinux.c is the only user of libselinux. */
#ifndef LIB_SELINUX_H
#define LIB_SELINUX_H

#include "err.h"

bool selinux_is_on(void);
/* Label that the next execve of this thread takes; NULL resets. */
int selinux_set_exec(const char *label, struct err *err) MUST_CHECK;
/* Label of a process; caller frees. */
int selinux_get(pid_t pid, char **ret_label, struct err *err) MUST_CHECK;
/* The caller's label with its type replaced; caller frees. */
int selinux_with_type(const char *type, char **ret_label,
		      struct err *err) MUST_CHECK;

#endif
