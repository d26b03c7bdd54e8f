/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The compiled seccomp filters of this build, as files. Their digests are part
 * of the programs that load them: a filter that was altered after the build is
 * refused, whoever owns it.
 */
#ifndef LIB_FILTER_H
#define LIB_FILTER_H

#include "err.h"

/* SHA-256 of the filter NAME as it was built, in hex; NULL: there is none. */
const char *filter_digest(const char *name);
/*
 * Reads DIR/NAME.bpf after its owner, mode and digest were checked. *ret_bpf
 * is the caller's. The error names the file. NAME may be "guest/default.json",
 * the profile that the guest compiles.
 */
int filter_read(const char *dir, const char *name, void **ret_bpf,
		size_t *ret_len, struct err *err) MUST_CHECK;
/* The same into a sealed memfd, for the program that is to load it. */
int filter_open(const char *dir, const char *name, struct err *err) MUST_CHECK;
int filter_check_file(const char *dir, const char *name,
		      struct err *err) MUST_CHECK;

#endif
