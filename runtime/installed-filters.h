/* SPDX-License-Identifier: Apache-2.0 */
/* The seccomp filters that a live thread runs under, as the kernel holds them. */
#ifndef RUNTIME_INSTALLED_FILTERS_H
#define RUNTIME_INSTALLED_FILTERS_H

#include "filter-eval.h"

struct filter_stack {
	struct filter filter[FILTER_STACK_MAX]; /* installed last first */
	size_t count;
};

#define FILTER_STACK_INIT                                                      \
	{                                                                      \
		.count = 0                                                     \
	}

/*
 * Whether this process may read filters: real root with CAP_SYS_ADMIN in the
 * initial user namespace, without a filter of its own, where Yama lets anybody
 * trace at all. *ret_why says what is missing; static.
 */
bool installed_filters_allowed(const char **ret_why);
/* Whether Yama lets nobody attach to a process, root included. */
bool installed_yama_refuses(void);
/*
 * Stops thread tid for a moment by ptrace, and copies its filters. *ret must
 * be freed in every case. Return: 0; -ESRCH when the thread has ended;
 * -ETIMEDOUT when it did not stop; -E2BIG; -EOPNOTSUPP when it has filters and
 * the kernel gives none (no CONFIG_CHECKPOINT_RESTORE); -errno
 */
int installed_filters_read(pid_t tid, struct filter_stack *ret,
			   struct err *err) MUST_CHECK;
void filter_stack_done(struct filter_stack *stack);
bool filter_stack_is_same(const struct filter_stack *a,
			  const struct filter_stack *b);

#endif
