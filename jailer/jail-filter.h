/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a filter gets into force inside a jail: the same code in kata-jail-exec,
 * which becomes the program, and in kata-jail-twin, which tries the filter.
 */
#ifndef JAILER_JAIL_FILTER_H
#define JAILER_JAIL_FILTER_H

#include "err.h"

/*
 * Reads all of fd into data; what a size that is reached and an empty file are
 * called is "what". Return: 0 or -errno
 */
int jail_read_all(int fd, void *data, size_t size, const char *what,
		  size_t *ret, struct err *err) MUST_CHECK;
/* Reads the compiled filter, once. Return: 0 or -errno */
int jail_filter_read(int fd, struct err *err) MUST_CHECK;
/* Loads what was read into the calling thread. Return: 0 or -errno */
int jail_filter_load(struct err *err) MUST_CHECK;

#endif
