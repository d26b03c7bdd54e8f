// SPDX-License-Identifier: Apache-2.0
/*
 * device-filter.c - the device controller of cgroup v2: a BPF program that
 * says yes or no to every open and mknod of a device node. Runs in
 * kata-agent. Without it a container with CAP_MKNOD could make a node for the
 * agent's own port and open it.
 *
 * The rules of linux.resources.devices count from the last to the first (a
 * later one overrides), after the nodes that every container has; what no
 * rule names is denied.
 */
#include "cgroup.h"

#include <errno.h>
#include <linux/bpf.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "auto.h"

#define RULES_MAX 1024
#define INSNS_PER_RULE 8
#define HEAD_INSNS 12
/* Of a device number, in the kernel. */
#define MAJOR_BITS 12
#define MINOR_BITS 20

struct rule {
	bool allow;
	char type;	      /* 'a', 'b', 'c' */
	int64_t major, minor; /* -1: any */
	uint32_t access;      /* BPF_DEVCG_ACC_* */
};

#define ALL_ACCESS                                                             \
	(BPF_DEVCG_ACC_MKNOD | BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE)

/* As in every other runtime: asked first, whatever the spec denies. */
static const struct rule always[] = {
	{ true, 'c', 1, 3, ALL_ACCESS },    /* null */
	{ true, 'c', 1, 5, ALL_ACCESS },    /* zero */
	{ true, 'c', 1, 7, ALL_ACCESS },    /* full */
	{ true, 'c', 1, 8, ALL_ACCESS },    /* random */
	{ true, 'c', 1, 9, ALL_ACCESS },    /* urandom */
	{ true, 'c', 5, 0, ALL_ACCESS },    /* tty */
	{ true, 'c', 5, 2, ALL_ACCESS },    /* ptmx */
	{ true, 'c', 136, -1, ALL_ACCESS }, /* pts */
	/* Making any node is harmless as long as it cannot be opened. */
	{ true, 'c', -1, -1, BPF_DEVCG_ACC_MKNOD },
	{ true, 'b', -1, -1, BPF_DEVCG_ACC_MKNOD },
};

struct program {
	struct bpf_insn *insns;
	size_t count;
};

#define INSN(op, dst, src, jump, value)                                        \
	((struct bpf_insn){ .code = (op),                                      \
			    .dst_reg = (dst),                                  \
			    .src_reg = (src),                                  \
			    .off = (int16_t)(jump),                            \
			    .imm = (value) })

static void add(struct program *to, struct bpf_insn insn)
{
	to->insns[to->count++] = insn;
}

/*
 * Of the kernel's context: r3 access, r5 minor, r6 type, r4 type and major,
 * r2 all three numbers. One comparison for most rules: every branch is a path
 * that the verifier walks, while a container waits for its start.
 */
static void add_head(struct program *to)
{
	add(to, INSN(BPF_LDX | BPF_W | BPF_MEM, 6, 1, 0, 0));
	add(to, INSN(BPF_ALU | BPF_MOV | BPF_X, 3, 6, 0, 0));
	add(to, INSN(BPF_ALU | BPF_AND | BPF_K, 6, 0, 0, 0xffff));
	add(to, INSN(BPF_ALU | BPF_RSH | BPF_K, 3, 0, 0, 16));
	add(to, INSN(BPF_LDX | BPF_W | BPF_MEM, 4, 1, 4, 0));
	add(to, INSN(BPF_LDX | BPF_W | BPF_MEM, 5, 1, 8, 0));
	add(to, INSN(BPF_ALU64 | BPF_MOV | BPF_X, 2, 6, 0, 0));
	add(to, INSN(BPF_ALU64 | BPF_LSH | BPF_K, 2, 0, 0, MAJOR_BITS));
	add(to, INSN(BPF_ALU64 | BPF_OR | BPF_X, 4, 2, 0, 0));
	add(to, INSN(BPF_ALU64 | BPF_MOV | BPF_X, 2, 4, 0, 0));
	add(to, INSN(BPF_ALU64 | BPF_LSH | BPF_K, 2, 0, 0, MINOR_BITS));
	add(to, INSN(BPF_ALU64 | BPF_OR | BPF_X, 2, 5, 0, 0));
}

static void add_return(struct program *to, bool allow)
{
	add(to, INSN(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, allow));
	add(to, INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0));
}

/* The numbers' comparisons of a rule of type b or c; jumps[] to be aimed. */
static size_t add_numbers(struct program *to, const struct rule *rule,
			  size_t *jumps)
{
	uint64_t type = rule->type == 'c' ? BPF_DEVCG_DEV_CHAR :
					    BPF_DEVCG_DEV_BLOCK;
	uint64_t key = type << MAJOR_BITS | (uint64_t)rule->major;
	size_t n = 0;

	if (rule->major >= 0 && rule->minor >= 0) {
		key = key << MINOR_BITS | (uint64_t)rule->minor;
		add(to, INSN(BPF_LD | BPF_DW | BPF_IMM, 1, 0, 0,
			     (int32_t)(uint32_t)key));
		add(to, INSN(0, 0, 0, 0, (int32_t)(key >> 32)));
		jumps[n++] = to->count;
		add(to, INSN(BPF_JMP | BPF_JNE | BPF_X, 2, 1, 0, 0));
		return n;
	}
	jumps[n++] = to->count;
	if (rule->major >= 0)
		add(to, INSN(BPF_JMP | BPF_JNE | BPF_K, 4, 0, 0, (int32_t)key));
	else
		add(to, INSN(BPF_JMP | BPF_JNE | BPF_K, 6, 0, 0, (int32_t)type));
	if (rule->minor >= 0) {
		jumps[n++] = to->count;
		add(to, INSN(BPF_JMP | BPF_JNE | BPF_K, 5, 0, 0,
			     (int32_t)rule->minor));
	}
	return n;
}

/* Jumps over the rule's end unless everything in it matches. */
static void add_rule(struct program *to, const struct rule *rule)
{
	size_t jumps[3], jump_count = 0;

	if (rule->major >= 1 << MAJOR_BITS || rule->minor >= 1 << MINOR_BITS)
		return; /* no device has such a number */
	if (rule->type != 'a')
		jump_count = add_numbers(to, rule, jumps);
	if (rule->access != ALL_ACCESS) {
		/* Allowed: nothing beyond these; denied: any of these. */
		add(to, INSN(BPF_ALU | BPF_MOV | BPF_X, 1, 3, 0, 0));
		add(to, INSN(BPF_ALU | BPF_AND | BPF_K, 1, 0, 0,
			     (int32_t)rule->access));
		jumps[jump_count++] = to->count;
		add(to, rule->allow ?
				INSN(BPF_JMP | BPF_JNE | BPF_X, 1, 3, 0, 0) :
				INSN(BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 0, 0));
	}
	add_return(to, rule->allow);
	for (size_t i = 0; i < jump_count; i++)
		to->insns[jumps[i]].off = (int16_t)(to->count - jumps[i] - 1);
}

static int take_access(const char *text, size_t i, uint32_t *ret,
		       struct err *err)
{
	*ret = 0;
	for (; *text; text++) {
		if (*text == 'r')
			*ret |= BPF_DEVCG_ACC_READ;
		else if (*text == 'w')
			*ret |= BPF_DEVCG_ACC_WRITE;
		else if (*text == 'm')
			*ret |= BPF_DEVCG_ACC_MKNOD;
		else
			return err_msg(
				err, EINVAL,
				"linux.resources.devices[%zu].access: must be of r, w, m",
				i);
	}
	if (!*ret)
		*ret = ALL_ACCESS;
	return 0;
}

static int take_rule(const Grpc__LinuxDeviceCgroup *from, size_t i,
		     struct rule *to, struct err *err)
{
	const char *type = from->type[0] ? from->type : "a";

	if (strlen(type) != 1 || !strchr("abc", type[0]))
		return err_msg(
			err, EINVAL,
			"linux.resources.devices[%zu].type: must be a, b or c",
			i);
	to->allow = from->allow;
	to->type = type[0];
	/* "a" names every device, whatever the numbers say. */
	to->major = type[0] == 'a' ? -1 : from->major;
	to->minor = type[0] == 'a' ? -1 : from->minor;
	if (to->major > INT32_MAX || to->minor > INT32_MAX)
		return err_msg(err, EINVAL,
			       "linux.resources.devices[%zu]: no such number",
			       i);
	return take_access(from->access, i, &to->access, err);
}

/* From the last to the first, as the filter asks them. */
bool device_filter_allows_all(Grpc__LinuxDeviceCgroup *const *rules,
			      size_t count)
{
	struct err ignored = ERR_INIT;
	struct rule rule;

	while (count-- > 0) {
		if (take_rule(rules[count], count, &rule, &ignored) < 0 ||
		    !rule.allow)
			return false;
		if (rule.type == 'a' && rules[count]->major < 0 &&
		    rules[count]->minor < 0 && rule.access == ALL_ACCESS)
			return true;
	}
	return false;
}

static int load_and_attach(int cgroup_fd, const struct program *program,
			   struct err *err)
{
	static const char license[] = "Apache-2.0";
	union bpf_attr load = {
		.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE,
		.insns = (uint64_t)(uintptr_t)program->insns,
		.insn_cnt = (uint32_t)program->count,
		.license = (uint64_t)(uintptr_t)license,
	};
	AUTO_FD int fd =
		(int)syscall(SYS_bpf, BPF_PROG_LOAD, &load, sizeof(load));
	union bpf_attr attach = {
		.target_fd = (uint32_t)cgroup_fd,
		.attach_type = BPF_CGROUP_DEVICE,
		/*
		 * So that a container may have programs of its own. Those of
		 * groups below run before this one, those of the same group
		 * after it, and bpf_set_retval() lets a later one overrule an
		 * earlier one: who has anything to win by that cannot call
		 * bpf(2) at all (identity.c).
		 */
		.attach_flags = BPF_F_ALLOW_MULTI,
	};

	if (fd < 0)
		return err_set(err, errno,
			       "linux.resources.devices: load filter");
	attach.attach_bpf_fd = (uint32_t)fd;
	if (syscall(SYS_bpf, BPF_PROG_ATTACH, &attach, sizeof(attach)) < 0)
		return err_set(err, errno,
			       "linux.resources.devices: attach filter");
	return 0;
}

int device_filter_attach(int cgroup_fd, Grpc__LinuxDeviceCgroup *const *rules,
			 size_t count, struct err *err)
{
	AUTO_FREE struct bpf_insn *insns = NULL;
	struct program program = { 0 };
	struct rule rule;
	int r;

	if (count > RULES_MAX)
		return err_msg(err, EINVAL, "linux.resources.devices: too many");
	insns = xcalloc(HEAD_INSNS + (count + ARRAY_SIZE(always) + 1) *
					     INSNS_PER_RULE,
			sizeof(*insns));
	program.insns = insns;
	add_head(&program);
	for (size_t i = 0; i < ARRAY_SIZE(always); i++)
		add_rule(&program, &always[i]);
	for (size_t i = count; i-- > 0;) {
		r = take_rule(rules[i], i, &rule, err);
		if (r < 0)
			return r;
		add_rule(&program, &rule);
		if (rule.type == 'a' && rule.access == ALL_ACCESS)
			break; /* nothing below it is ever asked */
	}
	/* The verifier refuses what cannot be reached. */
	if (count == 0 || rule.type != 'a' || rule.access != ALL_ACCESS)
		add_return(&program, false);
	return load_and_attach(cgroup_fd, &program, err);
}
