/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Measurements that hold until the host boots again, one number a file in the
 * state root. Names begin with a dot: no container id does.
 */
#ifndef RUNTIME_BOOT_CACHE_H
#define RUNTIME_BOOT_CACHE_H

#include "err.h"

/* root_fd may be -1: then nothing is kept, and nothing is found. */
bool boot_cache_load(int root_fd, const char *name, uint64_t max, uint64_t *ret);
int boot_cache_save(int root_fd, const char *name, uint64_t value,
		    struct err *err) MUST_CHECK;

#endif
