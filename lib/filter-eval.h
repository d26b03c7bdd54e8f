/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a stack of seccomp filters answers to a system call whose arguments are
 * not known.
 */
#ifndef LIB_FILTER_EVAL_H
#define LIB_FILTER_EVAL_H

#include <linux/filter.h>

#include "err.h"

#define FILTER_STACK_MAX 16	   /* programs on one thread that we follow */
#define FILTER_X32_BIT 0x40000000u /* of a call number, x86-64 */

/* One classic BPF program, as the kernel was given it. */
struct filter {
	struct sock_filter *insn;
	size_t count;
};

/* Bits of filter_verdict.actions, one per seccomp(2) action. */
enum filter_action {
	FILTER_KILL_PROCESS, /* and every value that seccomp(2) does not know */
	FILTER_KILL_THREAD,
	FILTER_TRAP,
	FILTER_ERRNO,
	FILTER_NOTIFY, /* a supervisor decides: it may allow */
	FILTER_TRACE,  /* a tracer decides */
	FILTER_LOG,    /* allowed, and logged */
	FILTER_ALLOW,
	FILTER_ACTION_MAX
};

enum filter_answer {
	FILTER_ALWAYS,	    /* whatever the arguments */
	FILTER_BY_ARGUMENT, /* for some of them */
	FILTER_REFUSED,	    /* never, but the process goes on */
	FILTER_KILLED,
	FILTER_ANSWER_MAX
};
extern const char *const filter_answer_name[FILTER_ANSWER_MAX];

struct filter_verdict {
	uint32_t actions; /* 1 << enum filter_action: each that may be met */
	int errno_number; /* of FILTER_ERRNO when it is one number, else -1 */
	bool complete;	  /* false: too many ways; every action is assumed */
};

/* Whether the kernel would take the program (seccomp_check_filter()). */
int filter_check(const struct filter *filter, struct err *err) MUST_CHECK;
/*
 * list[0] is the filter that was installed last. Each must have passed
 * filter_check(). arch is AUDIT_ARCH_*.
 */
void filter_eval(const struct filter *list, size_t count, uint32_t arch,
		 uint32_t number, struct filter_verdict *ret);
/* The same with all six arguments known. */
#define FILTER_ARGS 6
void filter_eval_call(const struct filter *list, size_t count, uint32_t arch,
		      uint32_t number, const uint64_t arg[FILTER_ARGS],
		      struct filter_verdict *ret);
enum filter_answer filter_answer(const struct filter_verdict *verdict);

#endif
