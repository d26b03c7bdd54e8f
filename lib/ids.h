/* SPDX-License-Identifier: Apache-2.0 */
/* Container and exec names, and signal names. */
#ifndef LIB_IDS_H
#define LIB_IDS_H

#include "err.h"

#define ID_MAX 128

/* [A-Za-z0-9_+][A-Za-z0-9_+.-]*, at most ID_MAX bytes: also a file name. */
int ids_check(const char *id, struct err *err) MUST_CHECK;
/* "KILL", "SIGKILL", "9", "RTMIN+3"; 0 to 64. Return: number or -EINVAL */
int signal_parse(const char *text, struct err *err) MUST_CHECK;

#endif
