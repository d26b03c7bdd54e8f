/* SPDX-License-Identifier: Apache-2.0 */
/* Resource limits by the names of config.json, process.rlimits[].type. */
#ifndef LIB_RLIMIT_H
#define LIB_RLIMIT_H

/* "RLIMIT_NOFILE" to RLIMIT_NOFILE of setrlimit(2); -1: no such name */
int rlimit_number(const char *name);

#endif
