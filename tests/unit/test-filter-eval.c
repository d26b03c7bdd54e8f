// SPDX-License-Identifier: Apache-2.0
/*
 * test-filter-eval.c - the evaluator of seccomp filters: programs written by
 * hand, programs of libseccomp, the shipped profiles, invalid ones, and random
 * ones against a machine that knows every argument.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <string.h>
#include <sys/syscall.h>

#include "alloc.h"
#include "auto.h"
#include "filter-eval.h"
#include "path.h"
#include "seccomp.h"
#include "tests/bpf-machine.h"

#define NATIVE AUDIT_ARCH_X86_64
#define NR offsetof(struct seccomp_data, nr)
#define ARG_LOW(n) (offsetof(struct seccomp_data, args) + 8 * (n))
#define ARG_HIGH(n) (ARG_LOW(n) + 4)
#define ERRNO(n) (SECCOMP_RET_ERRNO | (n))

#define FILTER_OF(array) ((struct filter){ (array), ARRAY_SIZE(array) })

static struct filter_verdict verdict_of(const struct filter *list, size_t count,
					uint32_t arch, uint32_t number)
{
	struct filter_verdict v;
	struct err err = ERR_INIT;

	for (size_t i = 0; i < count; i++)
		if (filter_check(&list[i], &err) < 0)
			fail_msg("%s", err.text);
	filter_eval(list, count, arch, number, &v);
	return v;
}

static enum filter_answer answer_of(const struct filter *list, size_t count,
				    uint32_t arch, uint32_t number)
{
	struct filter_verdict v = verdict_of(list, count, arch, number);

	return filter_answer(&v);
}

static struct filter compile(const char *json)
{
	struct oci_seccomp *profile = NULL;
	struct strv unknown = { 0 };
	struct err err = ERR_INIT;
	void *bpf = NULL;
	size_t len = 0;

	if (seccomp_profile_parse(json, strlen(json), &profile, &err) < 0 ||
	    seccomp_compile(profile, &bpf, &len, &unknown, &err) < 0)
		fail_msg("%s", err.text);
	seccomp_profile_free(profile);
	strv_done(&unknown);
	return (struct filter){ bpf, len / sizeof(struct sock_filter) };
}

#define PROFILE(rules)                                                         \
	"{\"defaultAction\":\"SCMP_ACT_KILL_PROCESS\","                        \
	"\"architectures\":[\"SCMP_ARCH_X86_64\"],\"syscalls\":[" rules "]}"
#define ALLOW(name, args)                                                      \
	"{\"names\":[\"" name                                                  \
	"\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[" args "]}"
#define CONDITION(index, value, two, op)                                       \
	"{\"index\":" #index ",\"value\":" #value ",\"valueTwo\":" #two        \
	",\"op\":\"SCMP_CMP_" #op "\"}"

static void test_no_filter(void **state)
{
	(void)state;
	assert_int_equal(answer_of(NULL, 0, NATIVE, SYS_ptrace), FILTER_ALWAYS);
}

static void test_argument(void **state)
{
	struct sock_filter one[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, NR),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ARG_LOW(0)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, ERRNO(EPERM)),
	};
	struct filter f = FILTER_OF(one);
	struct filter_verdict v = verdict_of(&f, 1, NATIVE, SYS_socket);

	(void)state;
	assert_int_equal(filter_answer(&v), FILTER_BY_ARGUMENT);
	assert_int_equal(v.actions, 1u << FILTER_ALLOW | 1u << FILTER_ERRNO);
	assert_int_equal(v.errno_number, EPERM);
	assert_true(v.complete);
	v = verdict_of(&f, 1, NATIVE, SYS_bind);
	assert_int_equal(filter_answer(&v), FILTER_REFUSED);
	assert_int_equal(v.errno_number, EPERM);
}

/* Two filters that allow different values of one argument allow none. */
static void test_disjoint(void **state)
{
	static const char first[] =
		PROFILE(ALLOW("socket", CONDITION(0, 1, 0, EQ)));
	static const char second[] =
		PROFILE(ALLOW("socket", CONDITION(0, 2, 0, EQ)));
	static const char any[] = PROFILE(ALLOW("socket", ""));
	struct filter f[] = { compile(first), compile(second), compile(any) };
	struct filter pair[] = { f[0], f[2] };

	(void)state;
	assert_int_equal(answer_of(f, 1, NATIVE, SYS_socket),
			 FILTER_BY_ARGUMENT);
	assert_int_equal(answer_of(f, 2, NATIVE, SYS_socket), FILTER_KILLED);
	assert_int_equal(answer_of(pair, 2, NATIVE, SYS_socket),
			 FILTER_BY_ARGUMENT);
	assert_int_equal(answer_of(&f[2], 1, NATIVE, SYS_socket), FILTER_ALWAYS);
	for (size_t i = 0; i < ARRAY_SIZE(f); i++)
		free(f[i].insn);
}

/* The same by masks: threads alone in one, processes alone in the other. */
static void test_masks(void **state)
{
	static const char thread[] =
		PROFILE(ALLOW("clone", CONDITION(0, 65536, 65536, MASKED_EQ)));
	static const char process[] =
		PROFILE(ALLOW("clone", CONDITION(0, 65536, 0, MASKED_EQ)));
	struct filter f[] = { compile(thread), compile(process) };

	(void)state;
	assert_int_equal(answer_of(f, 1, NATIVE, SYS_clone), FILTER_BY_ARGUMENT);
	assert_int_equal(answer_of(f, 2, NATIVE, SYS_clone), FILTER_KILLED);
	free(f[0].insn);
	free(f[1].insn);
}

static void test_known_arguments(void **state)
{
	static const char rules[] =
		PROFILE(ALLOW("socket", CONDITION(0, 1, 0, EQ)));
	static const uint64_t arg[][FILTER_ARGS] = { { 1 },
						     { 2 },
						     { 1ull << 32 | 1 } };
	static const enum filter_answer answer[] = { FILTER_ALWAYS,
						     FILTER_KILLED,
						     FILTER_KILLED };
	struct filter f = compile(rules);
	struct filter_verdict v;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(arg); i++) {
		filter_eval_call(&f, 1, NATIVE, SYS_socket, arg[i], &v);
		assert_int_equal(filter_answer(&v), answer[i]);
	}
	free(f.insn);
}

/* Equal conditions on both sides leave "by argument", not "always". */
static void test_comparisons(void **state)
{
	static const char rules[] = PROFILE(ALLOW("dup", CONDITION(0, 10, 0, GE)) "," ALLOW(
		"dup2",
		CONDITION(
			1, 4294967296, 0,
			LT)) "," ALLOW("dup3",
				       CONDITION(
					       2, 0, 0,
					       NE)) "," ALLOW("pipe2",
							      CONDITION(0, 5, 0, GT) "," CONDITION(
								      1, 0, 0,
								      EQ)));
	struct filter f = compile(rules);
	static const uint32_t call[] = { SYS_dup, SYS_dup2, SYS_dup3,
					 SYS_pipe2 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(call); i++)
		assert_int_equal(answer_of(&f, 1, NATIVE, call[i]),
				 FILTER_BY_ARGUMENT);
	assert_int_equal(answer_of(&f, 1, NATIVE, SYS_pipe), FILTER_KILLED);
	free(f.insn);
}

static void test_precedence(void **state)
{
	static const uint32_t strictest_first[] = {
		SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_KILL_THREAD,
		SECCOMP_RET_TRAP,	  ERRNO(1),
		SECCOMP_RET_USER_NOTIF,	  SECCOMP_RET_TRACE,
		SECCOMP_RET_LOG,	  SECCOMP_RET_ALLOW,
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(strictest_first); i++)
		for (size_t j = i; j < ARRAY_SIZE(strictest_first); j++) {
			struct sock_filter a[] = { BPF_STMT(
				BPF_RET | BPF_K, strictest_first[i]) };
			struct sock_filter b[] = { BPF_STMT(
				BPF_RET | BPF_K, strictest_first[j]) };
			struct filter ab[] = { FILTER_OF(a), FILTER_OF(b) };
			struct filter ba[] = { FILTER_OF(b), FILTER_OF(a) };

			assert_int_equal(verdict_of(ab, 2, NATIVE, 0).actions,
					 1u << i);
			assert_int_equal(verdict_of(ba, 2, NATIVE, 0).actions,
					 1u << i);
		}
}

/* Among equal actions the data of the filter that came last counts. */
static void test_errno_data(void **state)
{
	struct sock_filter a[] = { BPF_STMT(BPF_RET | BPF_K, ERRNO(1)) };
	struct sock_filter b[] = { BPF_STMT(BPF_RET | BPF_K, ERRNO(38)) };
	struct filter last_first[] = { FILTER_OF(b), FILTER_OF(a) };

	(void)state;
	assert_int_equal(verdict_of(last_first, 2, NATIVE, 0).errno_number, 38);
}

static void test_unknown_action(void **state)
{
	struct sock_filter a[] = { BPF_STMT(BPF_RET | BPF_K, 0x12340000) };
	struct sock_filter zero[] = { BPF_STMT(BPF_LDX | BPF_IMM, 0),
				      BPF_STMT(BPF_ALU | BPF_DIV | BPF_X, 0),
				      BPF_STMT(BPF_RET | BPF_K,
					       SECCOMP_RET_ALLOW) };
	struct sock_filter returned[] = { BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						   ARG_LOW(0)),
					  BPF_STMT(BPF_RET | BPF_A, 0) };
	struct filter f = FILTER_OF(a), division = FILTER_OF(zero),
		      hostile = FILTER_OF(returned);
	struct filter_verdict v;

	(void)state;
	assert_int_equal(answer_of(&f, 1, NATIVE, 0), FILTER_KILLED);
	assert_int_equal(verdict_of(&division, 1, NATIVE, 0).actions,
			 1u << FILTER_KILL_THREAD);
	/* the argument is the answer: anything */
	v = verdict_of(&hostile, 1, NATIVE, 0);
	assert_false(v.complete);
	assert_int_equal(filter_answer(&v), FILTER_BY_ARGUMENT);
}

/* 2^200 ways through, and one state at each instruction. */
static void test_no_explosion(void **state)
{
	struct sock_filter many[1001];
	struct filter f = FILTER_OF(many);
	struct filter_verdict v;

	(void)state;
	for (size_t i = 0; i < 1000; i += 2) {
		many[i] = (struct sock_filter)BPF_STMT(
			BPF_LD | BPF_W | BPF_ABS, (uint32_t)ARG_LOW(i / 2 % 6));
		many[i + 1] = (struct sock_filter)BPF_JUMP(
			BPF_JMP | BPF_JGT | BPF_K, 1000 + (uint32_t)i, 0, 0);
	}
	many[1000] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
						  SECCOMP_RET_ALLOW);
	v = verdict_of(&f, 1, NATIVE, 0);
	assert_true(v.complete);
	assert_int_equal(filter_answer(&v), FILTER_ALWAYS);
}

/* Too many different states: given up, and said so. */
static void test_gives_up(void **state)
{
	struct sock_filter many[4 * 40 + 1];
	struct filter f = FILTER_OF(many);
	struct filter_verdict v;
	size_t n = 0;

	(void)state;
	for (uint32_t i = 0; i < 40; i++) {
		many[n++] = (struct sock_filter)BPF_STMT(
			BPF_LD | BPF_W | BPF_ABS, ARG_LOW(0));
		many[n++] = (struct sock_filter)BPF_JUMP(
			BPF_JMP | BPF_JSET | BPF_K, 1u << (i % 32), 0, 1);
		many[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_IMM, i);
		many[n++] = (struct sock_filter)BPF_STMT(BPF_ST, i % 16);
	}
	many[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
						 SECCOMP_RET_ALLOW);
	v = verdict_of(&f, 1, NATIVE, 0);
	assert_false(v.complete);
	assert_int_equal(filter_answer(&v), FILTER_BY_ARGUMENT);
}

static void test_invalid(void **state)
{
	struct {
		struct sock_filter insn;
		const char *why;
	} bad[] = {
		{ BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0), "a byte" },
		{ BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 2), "unaligned" },
		{ BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 64), "behind the data" },
		{ BPF_STMT(BPF_LD | BPF_W | BPF_IND, 0), "indirect" },
		{ BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0), "a header length" },
		{ BPF_STMT(BPF_LD | BPF_MEM, 16), "memory" },
		{ BPF_STMT(BPF_ST, 16), "memory" },
		{ BPF_STMT(BPF_STX, 0xffffffff), "memory" },
		{ BPF_STMT(BPF_ALU | BPF_DIV | BPF_K, 0), "by zero" },
		{ BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, 2), "modulo" },
		{ BPF_STMT(BPF_ALU | BPF_LSH | BPF_K, 32), "a long shift" },
		{ BPF_STMT(BPF_ALU | 0xf0, 0), "no operation" },
		{ BPF_STMT(BPF_JMP | BPF_JA, 1), "a jump to behind the end" },
		{ BPF_STMT(BPF_JMP | BPF_JA, 0xffffffff), "a jump back" },
		{ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0), "true" },
		{ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 255), "false" },
		{ BPF_STMT(BPF_JMP | 0x50, 0), "no jump" },
		{ BPF_STMT(0x1000 | BPF_RET, 0), "high bits" },
		{ BPF_STMT(BPF_RET | BPF_X, 0), "X as the answer" },
	};
	struct sock_filter open_end[] = { BPF_STMT(BPF_LD | BPF_IMM, 0) };
	struct filter none = { open_end, 0 }, open_ended = FILTER_OF(open_end);
	struct filter large = { open_end, BPF_MAXINSNS + 1 };
	struct err err = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct sock_filter two[] = { bad[i].insn,
					     BPF_STMT(BPF_RET | BPF_K, 0) };
		struct filter f = FILTER_OF(two);

		if (filter_check(&f, &err) != -EINVAL)
			fail_msg("taken: %s", bad[i].why);
	}
	assert_int_equal(filter_check(&none, &err), -EINVAL);
	assert_int_equal(filter_check(&large, &err), -EINVAL);
	assert_int_equal(filter_check(&open_ended, &err), -EINVAL);
}

/* The shipped profiles: names of the JSON against the filter they become. */
static void test_shipped(void **state)
{
	static const char *const name[] = { "qemu-tcg",	 "qemu-kvm",
					    "virtiofsd", "virtiofsd-rs",
					    "proxy",	 "shim" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(name); i++) {
		AUTO_FREE char *path = xasprintf(
			TEST_DIR "/../seccomp-profiles/%s.json", name[i]);
		AUTO_FREE char *text = NULL;
		struct err err = ERR_INIT;
		struct filter f;

		assert_int_equal(
			path_read_file(AT_FDCWD, path, 1 << 20, &text, &err), 0);
		f = compile(text);
		for (uint32_t nr = 0; nr < 1024; nr++) {
			assert_int_equal(
				answer_of(&f, 1, NATIVE, nr | FILTER_X32_BIT),
				FILTER_KILLED);
			assert_int_equal(answer_of(&f, 1, AUDIT_ARCH_I386, nr),
					 FILTER_KILLED);
		}
		assert_int_equal(answer_of(&f, 1, NATIVE, SYS_read),
				 FILTER_ALWAYS);
		assert_int_equal(answer_of(&f, 1, NATIVE, SYS_ptrace),
				 FILTER_KILLED);
		assert_int_equal(answer_of(&f, 1, NATIVE, 0xffffffff),
				 FILTER_KILLED);
		free(f.insn);
	}
}

/* --- random programs --------------------------------------------------------- */

static uint32_t seed = 1;

static uint32_t rnd(uint32_t below)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % below;
}

static struct sock_filter random_insn(size_t left)
{
	static const uint16_t alu[] = { BPF_ADD, BPF_SUB, BPF_MUL,
					BPF_DIV, BPF_OR,  BPF_AND,
					BPF_LSH, BPF_RSH, BPF_XOR };
	static const uint16_t jump[] = { BPF_JEQ, BPF_JGT, BPF_JGE, BPF_JSET };
	static const uint32_t answer[] = {
		SECCOMP_RET_ALLOW, SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_LOG,
		ERRNO(1),	   SECCOMP_RET_TRAP,	     0
	};
	uint16_t x = rnd(4) ? BPF_K : BPF_X;
	uint8_t jt = (uint8_t)rnd((uint32_t)min_size(left, 8));
	uint8_t jf = (uint8_t)rnd((uint32_t)min_size(left, 8));

	switch (rnd(10)) {
	case 0:
	case 1:
	case 2:
		return (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						    4 * rnd(16));
	case 3:
		return (struct sock_filter)BPF_STMT(
			(uint16_t)(rnd(2) ? BPF_ST : BPF_LD | BPF_MEM), rnd(4));
	case 4:
		if (rnd(4) == 0)
			return (struct sock_filter)BPF_STMT(BPF_ALU | BPF_NEG,
							    0);
		return (struct sock_filter)BPF_STMT(
			(uint16_t)(rnd(2) ? BPF_MISC | BPF_TAX :
					    BPF_MISC | BPF_TXA),
			0);
	case 5:
		return (struct sock_filter)BPF_STMT(
			(uint16_t)(BPF_ALU | alu[rnd(ARRAY_SIZE(alu))] | x),
			rnd(31) + 1);
	case 6:
		return (struct sock_filter)BPF_STMT(
			BPF_RET | BPF_K, answer[rnd(ARRAY_SIZE(answer))]);
	default:
		return (struct sock_filter)BPF_JUMP(
			(uint16_t)(BPF_JMP | jump[rnd(ARRAY_SIZE(jump))] | x),
			rnd(5), jt, jf);
	}
}

static uint32_t random_word(void)
{
	return rnd(4) ? rnd(6) : rnd(0xffffff);
}

static void random_call(const struct filter *f)
{
	struct seccomp_data call = { .nr = (int)rnd(5), .arch = NATIVE };
	struct filter_verdict v;
	uint32_t answer;
	struct sock_filter one[1];
	struct filter plain = FILTER_OF(one);

	filter_eval(f, 1, NATIVE, (uint32_t)call.nr, &v);
	for (unsigned i = 0; i < 20; i++) {
		call.instruction_pointer = random_word();
		for (size_t j = 0; j < 6; j++)
			call.args[j] = random_word() | (uint64_t)random_word()
							       << 32;
		answer = bpf_machine(f->insn, &call);
		one[0] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, answer);
		if (!(verdict_of(&plain, 1, NATIVE, 0).actions & v.actions))
			fail_msg("answer %08x is not among %x", answer,
				 v.actions);
	}
}

/* Memory is read before it is written here, which the kernel refuses: both
 * sides take it as what it is, and only zero is a possible value of ours. */
static void test_random(void **state)
{
	struct sock_filter insn[32];
	struct err err = ERR_INIT;
	unsigned complete = 0;

	(void)state;
	for (unsigned round = 0; round < 20000; round++) {
		struct filter f = { insn, 4 + rnd(28) };
		struct filter_verdict v;

		for (size_t i = 0; i < f.count; i++)
			insn[i] = random_insn(
				f.count - i - 1 ? f.count - i - 1 : 1);
		insn[f.count - 1] = (struct sock_filter)BPF_STMT(
			BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
		if (filter_check(&f, &err) < 0)
			fail_msg("round %u: %s", round, err.text);
		random_call(&f);
		filter_eval(&f, 1, NATIVE, 0, &v);
		complete += v.complete;
	}
	assert_int_equal(complete, 20000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_filter),
		cmocka_unit_test(test_argument),
		cmocka_unit_test(test_disjoint),
		cmocka_unit_test(test_masks),
		cmocka_unit_test(test_known_arguments),
		cmocka_unit_test(test_comparisons),
		cmocka_unit_test(test_precedence),
		cmocka_unit_test(test_errno_data),
		cmocka_unit_test(test_unknown_action),
		cmocka_unit_test(test_no_explosion),
		cmocka_unit_test(test_gives_up),
		cmocka_unit_test(test_invalid),
		cmocka_unit_test(test_shipped),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
