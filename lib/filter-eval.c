// SPDX-License-Identifier: Apache-2.0
/*
 * filter-eval.c - an abstract interpreter for seccomp's classic BPF. Number and
 * architecture of a call are known, its arguments and the instruction pointer
 * are not. Runs in kata-runtime and in tests, over programs that the kernel
 * gave back: they were made by us or by the program that is looked at, so they
 * count as hostile, and filter_check() comes first.
 *
 * A value is a set of bits that are known. A branch on something unknown is
 * followed both ways; what the branch says about bits of an argument is kept,
 * on to the next filter of the stack, so that two filters which allow different
 * arguments of a call add up to none. The result is never too narrow: an
 * action that some arguments lead to is in it. It may be too wide, where a
 * program computes with arguments in a way that the bits do not tell (no
 * filter of libseccomp or QEMU does).
 *
 * Jumps of classic BPF go forward only. The state with the lowest program
 * counter is moved first, so whatever meets at an instruction is there before
 * it is left, equal states become one, and a program of N instructions takes at
 * most N * STATES_MAX steps. More than STATES_MAX at once: given up, every
 * action is assumed.
 *
 * The kernel's side: kernel/seccomp.c (seccomp_check_filter(),
 * seccomp_run_filters(): all run, the lowest action as a signed number wins,
 * among equal ones the filter that was installed last) and net/core/filter.c
 * (bpf_check_classic(); a division by a zero in X returns 0).
 */
#include "filter-eval.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <string.h>

#define STATES_MAX 128
#define ARG_WORDS (2 * FILTER_ARGS) /* low and high half */
#define NO_WORD (-1)

#define OFFSET_NUMBER offsetof(struct seccomp_data, nr)
#define OFFSET_ARCH offsetof(struct seccomp_data, arch)
#define OFFSET_ARGS offsetof(struct seccomp_data, args)

const char *const filter_answer_name[] = { "always", "by argument", "refused",
					   "killed" };
static_assert(ARRAY_SIZE(filter_answer_name) == FILTER_ANSWER_MAX,
	      "a name per answer");

/* bits is zero where known is. word: the value is that argument & of. */
struct value {
	uint32_t known;
	uint32_t bits;
	int32_t word;
	uint32_t of;
};

struct known {
	uint32_t known;
	uint32_t bits;
};

/* No padding: states are compared as bytes. */
struct state {
	uint32_t pc;
	uint32_t answer; /* strictest so far, with its data */
	struct value a;
	struct value x;
	struct value mem[BPF_MEMWORDS];
	struct known arg[ARG_WORDS];
};

struct set {
	struct state state[STATES_MAX];
	size_t count;
	bool overflow;
};

struct run {
	const struct filter *filter;
	uint32_t arch;
	uint32_t number;
	struct set *todo;
	struct set *done; /* at a return, pc 0 */
};

/* --- validity -------------------------------------------------------------- */

static bool code_is_known(uint16_t code)
{
	switch (code) {
	case BPF_LD | BPF_W | BPF_ABS:
	case BPF_LD | BPF_W | BPF_LEN:
	case BPF_LDX | BPF_W | BPF_LEN:
	case BPF_LD | BPF_IMM:
	case BPF_LDX | BPF_IMM:
	case BPF_LD | BPF_MEM:
	case BPF_LDX | BPF_MEM:
	case BPF_ST:
	case BPF_STX:
	case BPF_MISC | BPF_TAX:
	case BPF_MISC | BPF_TXA:
	case BPF_RET | BPF_K:
	case BPF_RET | BPF_A:
	case BPF_JMP | BPF_JA:
	case BPF_ALU | BPF_NEG:
		return true;
	default:
		break;
	}
	switch (BPF_CLASS(code)) {
	case BPF_ALU:
		/* MOD and everything above it is not for seccomp */
		return (code & ~(0xf0 | BPF_SRC(code))) == BPF_ALU &&
		       (BPF_OP(code) <= BPF_RSH || BPF_OP(code) == BPF_XOR);
	case BPF_JMP:
		return (code & ~(0xf0 | BPF_SRC(code))) == BPF_JMP &&
		       BPF_OP(code) >= BPF_JEQ && BPF_OP(code) <= BPF_JSET;
	default:
		return false;
	}
}

static bool operand_is_valid(const struct sock_filter *insn)
{
	bool constant = BPF_SRC(insn->code) == BPF_K;

	switch (BPF_CLASS(insn->code)) {
	case BPF_LD:
	case BPF_LDX:
		if (BPF_MODE(insn->code) == BPF_ABS)
			return insn->k % 4 == 0 &&
			       insn->k < sizeof(struct seccomp_data);
		return BPF_MODE(insn->code) != BPF_MEM || insn->k < BPF_MEMWORDS;
	case BPF_ST:
	case BPF_STX:
		return insn->k < BPF_MEMWORDS;
	case BPF_ALU:
		if (constant && BPF_OP(insn->code) == BPF_DIV)
			return insn->k != 0;
		if (constant && (BPF_OP(insn->code) == BPF_LSH ||
				 BPF_OP(insn->code) == BPF_RSH))
			return insn->k < 32;
		return true;
	default:
		return true;
	}
}

static bool jump_is_valid(const struct sock_filter *insn, size_t left)
{
	if (BPF_CLASS(insn->code) != BPF_JMP)
		return true;
	if (BPF_OP(insn->code) == BPF_JA)
		return insn->k < left;
	return insn->jt < left && insn->jf < left;
}

/**
 * filter_check() - Is this a program that the evaluator can run?
 * @filter:	Any bytes
 * @err:	Filled on failure
 *
 * Return: 0, or -EINVAL for what the kernel would refuse as well
 */
int filter_check(const struct filter *filter, struct err *err)
{
	if (filter->count == 0 || filter->count > BPF_MAXINSNS)
		return err_msg(err, EINVAL, "a filter of %zu instructions",
			       filter->count);
	for (size_t i = 0; i < filter->count; i++) {
		const struct sock_filter *insn = &filter->insn[i];

		if (!code_is_known(insn->code) || !operand_is_valid(insn) ||
		    !jump_is_valid(insn, filter->count - i - 1))
			return err_msg(err, EINVAL,
				       "instruction %zu of a filter is invalid",
				       i);
	}
	if (BPF_CLASS(filter->insn[filter->count - 1].code) != BPF_RET)
		return err_msg(err, EINVAL, "a filter without an end");
	return 0;
}

/* --- values ---------------------------------------------------------------- */

static const struct value unknown = { .word = NO_WORD };

static struct value constant(uint32_t bits)
{
	return (struct value){ .known = UINT32_MAX,
			       .bits = bits,
			       .word = NO_WORD };
}

static bool is_constant(const struct value *v)
{
	return v->known == UINT32_MAX;
}

static struct value load(const struct run *run, const struct state *s,
			 uint32_t offset)
{
	uint32_t word;

	if (offset == OFFSET_NUMBER)
		return constant(run->number);
	if (offset == OFFSET_ARCH)
		return constant(run->arch);
	if (offset < OFFSET_ARGS)
		return unknown;
	word = (uint32_t)(offset - OFFSET_ARGS) / 4;
	return (struct value){ .known = s->arg[word].known,
			       .bits = s->arg[word].bits,
			       .word = (int32_t)word,
			       .of = UINT32_MAX };
}

static uint32_t compute(uint16_t op, uint32_t a, uint32_t b)
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
		return a << (b & 31); /* as the kernel's shift by a register */
	case BPF_RSH:
		return a >> (b & 31);
	default:
		return a ^ b;
	}
}

static struct value operate(uint16_t op, const struct value *a,
			    const struct value *b)
{
	struct value v = unknown;

	if (is_constant(a) && is_constant(b))
		return constant(compute(op, a->bits, b->bits));
	switch (op) {
	case BPF_AND:
		/* a zero on either side is a zero */
		v.known = (a->known & b->known) | (a->known & ~a->bits) |
			  (b->known & ~b->bits);
		v.bits = a->bits & b->bits & v.known;
		if (is_constant(b) && a->word != NO_WORD) {
			v.word = a->word;
			v.of = a->of & b->bits;
		}
		break;
	case BPF_OR:
		v.known = (a->known & b->known) | a->bits | b->bits;
		v.bits = a->bits | b->bits;
		break;
	case BPF_XOR:
		v.known = a->known & b->known;
		v.bits = (a->bits ^ b->bits) & v.known;
		break;
	default:
		break;
	}
	return v;
}

/* --- branches -------------------------------------------------------------- */

enum outcome { NEVER, MAYBE, SURELY };

static enum outcome judge(uint16_t op, const struct value *a,
			  const struct value *b)
{
	uint32_t both = a->known & b->known;
	uint32_t a_max = a->bits | ~a->known, b_max = b->bits | ~b->known;

	switch (op) {
	case BPF_JEQ:
		if ((a->bits ^ b->bits) & both)
			return NEVER;
		return is_constant(a) && is_constant(b) ? SURELY : MAYBE;
	case BPF_JGT:
		if (a->bits > b_max)
			return SURELY;
		return a_max > b->bits ? MAYBE : NEVER;
	case BPF_JGE:
		if (a->bits >= b_max)
			return SURELY;
		return a_max >= b->bits ? MAYBE : NEVER;
	default: /* JSET */
		if (a->bits & b->bits)
			return SURELY;
		return a_max & b_max ? MAYBE : NEVER;
	}
}

/* The argument's bits that mask selects are those of bits. */
static void learn(struct state *s, uint32_t mask, uint32_t bits)
{
	struct value *a = &s->a;

	a->known |= mask;
	a->bits = (a->bits & ~mask) | (bits & mask);
	if (a->word != NO_WORD) {
		struct known *arg = &s->arg[a->word];

		arg->known |= mask & a->of;
		arg->bits = (arg->bits & ~(mask & a->of)) |
			    (bits & mask & a->of);
	}
}

/* What a branch on A against a constant says about A. */
static void refine(struct state *s, uint16_t op, uint32_t k, bool taken)
{
	uint32_t open = ~s->a.known;

	if (op == BPF_JEQ && taken)
		learn(s, UINT32_MAX, k);
	/* different from k, and one bit alone can make the difference */
	if (op == BPF_JEQ && !taken && open && !(open & (open - 1)))
		learn(s, open, ~k);
	if (op == BPF_JSET && !taken)
		learn(s, k, 0);
	/* of the bits that could be set only one is open */
	open &= k;
	if (op == BPF_JSET && taken && !(s->a.bits & k) && open &&
	    !(open & (open - 1)))
		learn(s, open, open);
}

/* --- the machine ------------------------------------------------------------ */

static void set_add(struct set *set, const struct state *s)
{
	for (size_t i = 0; i < set->count; i++)
		if (memcmp(&set->state[i], s, sizeof(*s)) == 0)
			return;
	if (set->count == STATES_MAX)
		set->overflow = true;
	else
		set->state[set->count++] = *s;
}

static void set_remove(struct set *set, size_t index)
{
	set->state[index] = set->state[--set->count];
}

/* Registers are of one program: only the answer and the arguments go on. */
static void add_finished(struct run *run, const struct state *from,
			 uint32_t answer)
{
	struct state s = *from;

	s.pc = 0;
	s.a = s.x = constant(0);
	for (size_t i = 0; i < BPF_MEMWORDS; i++)
		s.mem[i] = unknown;
	if ((int32_t)(answer & SECCOMP_RET_ACTION_FULL) <
	    (int32_t)(s.answer & SECCOMP_RET_ACTION_FULL))
		s.answer = answer;
	set_add(run->done, &s);
}

static void finish(struct run *run, size_t index, uint32_t answer)
{
	add_finished(run, &run->todo->state[index], answer);
	set_remove(run->todo, index);
}

static void branch(struct run *run, size_t index, const struct sock_filter *insn)
{
	struct state *s = &run->todo->state[index];
	uint16_t op = BPF_OP(insn->code);
	struct value b = BPF_SRC(insn->code) == BPF_X ? s->x : constant(insn->k);
	enum outcome outcome = judge(op, &s->a, &b);
	struct state other;

	if (outcome != MAYBE) {
		s->pc += outcome == SURELY ? insn->jt : insn->jf;
		return;
	}
	other = *s;
	s->pc += insn->jt;
	other.pc += insn->jf;
	if (is_constant(&b)) {
		refine(s, op, b.bits, true);
		refine(&other, op, b.bits, false);
	}
	set_add(run->todo, &other);
}

static void arithmetic(struct run *run, size_t index,
		       const struct sock_filter *insn)
{
	struct state *s = &run->todo->state[index];
	uint16_t op = BPF_OP(insn->code);
	struct value b = BPF_SRC(insn->code) == BPF_X ? s->x : constant(insn->k);

	if (op == BPF_NEG) {
		s->a = is_constant(&s->a) ? constant(-s->a.bits) : unknown;
		return;
	}
	if (op == BPF_DIV && b.bits == 0) { /* perhaps, or surely, by zero */
		if (is_constant(&b)) {
			finish(run, index, 0);
			return;
		}
		add_finished(run, s, 0);
		s->a = unknown;
		return;
	}
	s->a = operate(op, &s->a, &b);
}

static void move(struct state *s, const struct run *run,
		 const struct sock_filter *insn)
{
	struct value *to = BPF_CLASS(insn->code) == BPF_LD ? &s->a : &s->x;

	switch (BPF_CLASS(insn->code)) {
	case BPF_ST:
		s->mem[insn->k] = s->a;
		break;
	case BPF_STX:
		s->mem[insn->k] = s->x;
		break;
	case BPF_MISC:
		if (BPF_MISCOP(insn->code) == BPF_TAX)
			s->x = s->a;
		else
			s->a = s->x;
		break;
	default:
		if (BPF_MODE(insn->code) == BPF_ABS)
			*to = load(run, s, insn->k);
		else if (BPF_MODE(insn->code) == BPF_MEM)
			*to = s->mem[insn->k];
		else if (BPF_MODE(insn->code) == BPF_LEN)
			*to = constant(sizeof(struct seccomp_data));
		else
			*to = constant(insn->k);
		break;
	}
}

static void step(struct run *run, size_t index)
{
	struct state *s = &run->todo->state[index];
	const struct sock_filter *insn = &run->filter->insn[s->pc++];

	switch (BPF_CLASS(insn->code)) {
	case BPF_RET:
		if (BPF_RVAL(insn->code) == BPF_K)
			finish(run, index, insn->k);
		else if (is_constant(&s->a))
			finish(run, index, s->a.bits);
		else
			run->done->overflow = true;
		break;
	case BPF_JMP:
		if (BPF_OP(insn->code) == BPF_JA)
			s->pc += insn->k;
		else
			branch(run, index, insn);
		break;
	case BPF_ALU:
		arithmetic(run, index, insn);
		break;
	default:
		move(s, run, insn);
		break;
	}
}

/* The state that is furthest behind; those that equal it are dropped. */
static size_t pick(struct set *todo)
{
	struct state *list = todo->state;
	size_t lowest = 0;

	for (size_t i = 1; i < todo->count; i++)
		if (list[i].pc < list[lowest].pc)
			lowest = i;
	for (size_t i = todo->count - 1; i > lowest; i--)
		if (list[i].pc == list[lowest].pc &&
		    memcmp(&list[i], &list[lowest], sizeof(*list)) == 0)
			set_remove(todo, i);
	return lowest;
}

static void run_filter(struct run *run)
{
	while (run->todo->count > 0 && !run->todo->overflow &&
	       !run->done->overflow)
		step(run, pick(run->todo));
	run->done->overflow = run->done->overflow || run->todo->overflow;
}

static enum filter_action classify(uint32_t answer)
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

static void conclude(const struct set *set, struct filter_verdict *ret)
{
	bool first = true;

	*ret = (struct filter_verdict){ .errno_number = -1,
					.complete = !set->overflow };
	if (set->overflow)
		ret->actions = (1u << FILTER_ACTION_MAX) - 1;
	for (size_t i = 0; !set->overflow && i < set->count; i++) {
		uint32_t answer = set->state[i].answer;
		int number = (int)(answer & SECCOMP_RET_DATA);

		ret->actions |= 1u << classify(answer);
		if (classify(answer) != FILTER_ERRNO)
			continue;
		ret->errno_number =
			first || ret->errno_number == number ? number : -1;
		first = false;
	}
}

static void first_state(struct set *set)
{
	struct state *s = &set->state[0];

	memset(s, 0, sizeof(*s));
	s->answer = SECCOMP_RET_ALLOW;
	s->a = s->x = constant(0);
	for (size_t i = 0; i < BPF_MEMWORDS; i++)
		s->mem[i] = unknown;
	set->count = 1;
	set->overflow = false;
}

/* buffer[0] holds the first states. */
static void eval(struct set buffer[2], const struct filter *list, size_t count,
		 uint32_t arch, uint32_t number, struct filter_verdict *ret)
{
	struct set *from = &buffer[0], *to = &buffer[1], *swap;

	for (size_t i = 0; i < count && !from->overflow; i++) {
		struct run run = { .filter = &list[i],
				   .arch = arch,
				   .number = number,
				   .todo = from,
				   .done = to };

		to->count = 0;
		to->overflow = false;
		run_filter(&run);
		swap = from;
		from = to;
		to = swap;
	}
	conclude(from, ret);
}

static struct set buffer[2]; /* large; one thread evaluates */

/**
 * filter_eval() - Every action that a call can meet
 * @list:	Checked programs, the one installed last first
 * @count:	Their number; none: always allowed
 * @arch:	AUDIT_ARCH_* of the call
 * @number:	With FILTER_X32_BIT for x32
 * @ret:	The actions, over all arguments
 *
 * Costs about a microsecond for the filters that libseccomp makes. Not
 * reentrant.
 */
void filter_eval(const struct filter *list, size_t count, uint32_t arch,
		 uint32_t number, struct filter_verdict *ret)
{
	first_state(&buffer[0]);
	eval(buffer, list, count, arch, number, ret);
}

/**
 * filter_eval_call() - What one call with these arguments meets
 * @list:	As above
 * @count:	As above
 * @arch:	As above
 * @number:	As above
 * @arg:	The arguments
 * @ret:	One action, or several where the instruction pointer decides
 */
void filter_eval_call(const struct filter *list, size_t count, uint32_t arch,
		      uint32_t number, const uint64_t arg[FILTER_ARGS],
		      struct filter_verdict *ret)
{
	struct known *word = buffer[0].state[0].arg;

	first_state(&buffer[0]);
	for (size_t i = 0; i < FILTER_ARGS; i++) {
		word[2 * i] = (struct known){ UINT32_MAX, (uint32_t)arg[i] };
		word[2 * i + 1] =
			(struct known){ UINT32_MAX, (uint32_t)(arg[i] >> 32) };
	}
	eval(buffer, list, count, arch, number, ret);
}

/**
 * filter_answer() - The verdict in one word
 * @verdict:	Of filter_eval()
 *
 * LOG allows; a supervisor or tracer may allow. An incomplete verdict is "by
 * argument": it holds everything.
 */
enum filter_answer filter_answer(const struct filter_verdict *verdict)
{
	const uint32_t allow = 1u << FILTER_ALLOW | 1u << FILTER_LOG;
	const uint32_t perhaps = 1u << FILTER_NOTIFY | 1u << FILTER_TRACE;
	const uint32_t refuse = 1u << FILTER_ERRNO | 1u << FILTER_TRAP;

	if (verdict->actions && !(verdict->actions & ~allow))
		return FILTER_ALWAYS;
	if (verdict->actions & (allow | perhaps))
		return FILTER_BY_ARGUMENT;
	return verdict->actions & refuse ? FILTER_REFUSED : FILTER_KILLED;
}
