/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plain machine for classic BPF over struct seccomp_data, with every value
 * known: what the evaluator of lib/ is held against. Written from the text of
 * the kernel's Documentation/networking/filter.rst.
 */
#ifndef TESTS_BPF_MACHINE_H
#define TESTS_BPF_MACHINE_H

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdint.h>
#include <string.h>

static inline uint32_t bpf_alu(uint16_t op, uint32_t a, uint32_t b)
{
	switch (op) {
	case BPF_ADD:
		return a + b;
	case BPF_SUB:
		return a - b;
	case BPF_MUL:
		return a * b;
	case BPF_DIV:
		return a / b;
	case BPF_OR:
		return a | b;
	case BPF_AND:
		return a & b;
	case BPF_LSH:
		return a << (b & 31);
	case BPF_RSH:
		return a >> (b & 31);
	case BPF_XOR:
		return a ^ b;
	default:
		return -a;
	}
}

static inline int bpf_jump(uint16_t op, uint32_t a, uint32_t b)
{
	switch (op) {
	case BPF_JEQ:
		return a == b;
	case BPF_JGT:
		return a > b;
	case BPF_JGE:
		return a >= b;
	default:
		return (a & b) != 0;
	}
}

static inline uint32_t bpf_data(const struct seccomp_data *data, uint16_t mode,
				uint32_t k, const uint32_t *mem)
{
	uint32_t word;

	switch (mode) {
	case BPF_ABS:
		memcpy(&word, (const char *)data + k, sizeof(word));
		return word;
	case BPF_MEM:
		return mem[k];
	case BPF_LEN:
		return sizeof(*data);
	default:
		return k;
	}
}

/* The answer of a valid program. */
static inline uint32_t bpf_machine(const struct sock_filter *insn,
				   const struct seccomp_data *data)
{
	uint32_t a = 0, x = 0, mem[BPF_MEMWORDS] = { 0 };

	for (;; insn++) {
		uint32_t b = BPF_SRC(insn->code) ? x : insn->k;

		switch (BPF_CLASS(insn->code)) {
		case BPF_RET:
			return BPF_RVAL(insn->code) == BPF_K ? insn->k : a;
		case BPF_LD:
			a = bpf_data(data, BPF_MODE(insn->code), insn->k, mem);
			break;
		case BPF_LDX:
			x = bpf_data(data, BPF_MODE(insn->code), insn->k, mem);
			break;
		case BPF_ST:
			mem[insn->k] = a;
			break;
		case BPF_STX:
			mem[insn->k] = x;
			break;
		case BPF_MISC:
			if (BPF_MISCOP(insn->code) == BPF_TAX)
				x = a;
			else
				a = x;
			break;
		case BPF_ALU:
			if (BPF_OP(insn->code) == BPF_DIV && b == 0)
				return 0;
			a = bpf_alu(BPF_OP(insn->code), a, b);
			break;
		default:
			if (BPF_OP(insn->code) == BPF_JA)
				insn += insn->k;
			else
				insn += bpf_jump(BPF_OP(insn->code), a, b) ?
						insn->jt :
						insn->jf;
			break;
		}
	}
}

#endif
