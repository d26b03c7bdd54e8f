// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz-filter.c - the evaluator of seccomp filters on arbitrary programs, one
 * or two of them stacked. What a machine with known arguments answers must be
 * among the actions that the evaluator tells.
 */
#include <linux/audit.h>
#include <stdlib.h>
#include <string.h>

#include "filter-eval.h"
#include "tests/bpf-machine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum filter_action action_of(uint32_t answer)
{
	switch (answer & SECCOMP_RET_ACTION_FULL) {
	case SECCOMP_RET_ALLOW:
		return FILTER_ALLOW;
	case SECCOMP_RET_LOG:
		return FILTER_LOG;
	case SECCOMP_RET_TRACE:
		return FILTER_TRACE;
	case SECCOMP_RET_USER_NOTIF:
		return FILTER_NOTIFY;
	case SECCOMP_RET_ERRNO:
		return FILTER_ERRNO;
	case SECCOMP_RET_TRAP:
		return FILTER_TRAP;
	case SECCOMP_RET_KILL_THREAD:
		return FILTER_KILL_THREAD;
	default:
		return FILTER_KILL_PROCESS;
	}
}

/* First byte: how many instructions are the second program. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct seccomp_data call = { .arch = AUDIT_ARCH_X86_64 };
	struct sock_filter insn[512];
	struct filter stack[2] = { { .insn = insn } };
	struct filter_verdict verdict;
	struct err err = ERR_INIT;
	size_t count, filters = 1, second;
	uint32_t answer = SECCOMP_RET_ALLOW;

	if (size < 1 + sizeof(call))
		return 0;
	second = data[0];
	memcpy(&call, data + 1, sizeof(call));
	data += 1 + sizeof(call);
	size -= 1 + sizeof(call);
	count = min_size(size / sizeof(*insn), ARRAY_SIZE(insn));
	memcpy(insn, data, count * sizeof(*insn));
	stack[0].count = count;
	if (second > 0 && second < count) {
		stack[0].count = count - second;
		stack[1] = (struct filter){ .insn = insn + count - second,
					    .count = second };
		filters = 2;
	}
	for (size_t i = 0; i < filters; i++)
		if (filter_check(&stack[i], &err) < 0)
			return 0;
	filter_eval(stack, filters, call.arch, (uint32_t)call.nr, &verdict);
	for (size_t i = 0; i < filters; i++) {
		uint32_t one = bpf_machine(stack[i].insn, &call);

		if ((int32_t)(one & SECCOMP_RET_ACTION_FULL) <
		    (int32_t)(answer & SECCOMP_RET_ACTION_FULL))
			answer = one;
	}
	BUG_ON(!(verdict.actions & 1u << action_of(answer)));
	BUG_ON(filter_answer(&verdict) >= FILTER_ANSWER_MAX);
	return 0;
}
