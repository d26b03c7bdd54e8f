// SPDX-License-Identifier: Apache-2.0
/*
 * seccomp.c - OCI seccomp profiles to BPF, and loading it; the only user of
 * libseccomp.
 *
 * Runs in the build-time compiler, in the agent (which loads the filter of a
 * container), and in processes of ours that confine themselves. Needs no
 * right. The profile may be hostile (config.json): names and numbers are
 * checked here again, counts by the reader.
 *
 * Semantics are runc's where the OCI text leaves room: ERRNO without a number
 * is EPERM; a rule that equals the default action says nothing and is left
 * out; several conditions on one argument are alternatives. A call of another
 * architecture, and on x86-64 one of the x32 ABI, kills the process unless the
 * profile names that architecture.
 */
#include "seccomp.h"

#include <errno.h>
#include <linux/../seccomp.h> /* libseccomp's: <seccomp.h> finds ours */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "auto.h"
#include "fd.h"

#define ARGS_MAX 6	  /* of a system call */
#define ERRNO_MAX 4095	  /* the kernel cuts larger ones */
#define OPTIMIZE_BINARY 2 /* decision tree instead of a linear list */
#define OUR_LOAD_FLAGS                                                         \
	(SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_LOG |                 \
	 SECCOMP_FILTER_FLAG_SPEC_ALLOW)

struct name_value {
	const char *name;
	uint32_t value;
};

static const struct name_value action_table[] = {
	{ "SCMP_ACT_KILL", SCMP_ACT_KILL_THREAD },
	{ "SCMP_ACT_KILL_THREAD", SCMP_ACT_KILL_THREAD },
	{ "SCMP_ACT_KILL_PROCESS", SCMP_ACT_KILL_PROCESS },
	{ "SCMP_ACT_TRAP", SCMP_ACT_TRAP },
	{ "SCMP_ACT_ERRNO", SCMP_ACT_ERRNO(0) },
	{ "SCMP_ACT_TRACE", SCMP_ACT_TRACE(0) },
	{ "SCMP_ACT_LOG", SCMP_ACT_LOG },
	{ "SCMP_ACT_ALLOW", SCMP_ACT_ALLOW },
};

static const struct name_value op_table[] = {
	{ "SCMP_CMP_NE", SCMP_CMP_NE },
	{ "SCMP_CMP_LT", SCMP_CMP_LT },
	{ "SCMP_CMP_LE", SCMP_CMP_LE },
	{ "SCMP_CMP_EQ", SCMP_CMP_EQ },
	{ "SCMP_CMP_GE", SCMP_CMP_GE },
	{ "SCMP_CMP_GT", SCMP_CMP_GT },
	{ "SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ },
};

static const struct name_value arch_table[] = {
	{ "SCMP_ARCH_X86", SCMP_ARCH_X86 },
	{ "SCMP_ARCH_X86_64", SCMP_ARCH_X86_64 },
	{ "SCMP_ARCH_X32", SCMP_ARCH_X32 },
	{ "SCMP_ARCH_ARM", SCMP_ARCH_ARM },
	{ "SCMP_ARCH_AARCH64", SCMP_ARCH_AARCH64 },
	{ "SCMP_ARCH_MIPS", SCMP_ARCH_MIPS },
	{ "SCMP_ARCH_MIPS64", SCMP_ARCH_MIPS64 },
	{ "SCMP_ARCH_MIPS64N32", SCMP_ARCH_MIPS64N32 },
	{ "SCMP_ARCH_MIPSEL", SCMP_ARCH_MIPSEL },
	{ "SCMP_ARCH_MIPSEL64", SCMP_ARCH_MIPSEL64 },
	{ "SCMP_ARCH_MIPSEL64N32", SCMP_ARCH_MIPSEL64N32 },
	{ "SCMP_ARCH_PPC", SCMP_ARCH_PPC },
	{ "SCMP_ARCH_PPC64", SCMP_ARCH_PPC64 },
	{ "SCMP_ARCH_PPC64LE", SCMP_ARCH_PPC64LE },
	{ "SCMP_ARCH_RISCV64", SCMP_ARCH_RISCV64 },
	{ "SCMP_ARCH_S390", SCMP_ARCH_S390 },
	{ "SCMP_ARCH_S390X", SCMP_ARCH_S390X },
	{ "SCMP_ARCH_PARISC", SCMP_ARCH_PARISC },
	{ "SCMP_ARCH_PARISC64", SCMP_ARCH_PARISC64 },
};

static const struct name_value flag_table[] = {
	{ "SECCOMP_FILTER_FLAG_TSYNC", SECCOMP_FILTER_FLAG_TSYNC },
	{ "SECCOMP_FILTER_FLAG_LOG", SECCOMP_FILTER_FLAG_LOG },
	{ "SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW },
};

static int table_find(const struct name_value *table, size_t count,
		      const char *name, uint32_t *ret)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(table[i].name, name) == 0) {
			*ret = table[i].value;
			return 0;
		}
	}
	return -EINVAL;
}

/* Action with its number; where names the JSON path for the error. */
static int action_value(const char *name, bool has_errno, uint32_t errno_ret,
			const char *where, uint32_t *ret, struct err *err)
{
	bool takes_number;
	uint32_t action;

	if (!name)
		return err_msg(err, EINVAL, "%s is missing", where);
	if (strcmp(name, "SCMP_ACT_NOTIFY") == 0)
		return err_msg(err, EOPNOTSUPP,
			       "%s: SCMP_ACT_NOTIFY is not supported", where);
	if (table_find(action_table, ARRAY_SIZE(action_table), name, &action) < 0)
		return err_msg(err, EINVAL, "%s: unknown action \"%.64s\"",
			       where, name);
	takes_number = action == SCMP_ACT_ERRNO(0) ||
		       action == SCMP_ACT_TRACE(0);
	if (has_errno && !takes_number)
		return err_msg(err, EINVAL, "%s: %s takes no errno", where,
			       name);
	if (has_errno && errno_ret > ERRNO_MAX)
		return err_msg(err, ERANGE, "%s: errno %u is above %d", where,
			       errno_ret, ERRNO_MAX);
	if (takes_number)
		action |= has_errno ? errno_ret : EPERM;
	*ret = action;
	return 0;
}

static int archs_add(scmp_filter_ctx ctx, const struct strv *archs,
		     struct err *err)
{
	for (size_t i = 0; i < archs->count; i++) {
		uint32_t token;
		int r;

		if (table_find(arch_table, ARRAY_SIZE(arch_table),
			       archs->item[i], &token) < 0)
			return err_msg(
				err, EINVAL,
				"linux.seccomp.architectures[%zu]: unknown \"%.64s\"",
				i, archs->item[i]);
		r = seccomp_arch_add(ctx, token);
		if (r < 0 && r != -EEXIST)
			return err_set(
				err, -r,
				"linux.seccomp.architectures[%zu]: %s cannot be filtered here",
				i, archs->item[i]);
	}
	return 0;
}

static int conditions_from_args(const struct oci_syscall *rule, size_t index,
				struct scmp_arg_cmp *out, struct err *err)
{
	for (size_t i = 0; i < rule->arg_count; i++) {
		const struct oci_seccomp_arg *arg = &rule->args[i];
		uint32_t op;

		if (arg->index >= ARGS_MAX)
			return err_msg(
				err, EINVAL,
				"linux.seccomp.syscalls[%zu].args[%zu].index: %u is above 5",
				index, i, arg->index);
		if (!arg->op || table_find(op_table, ARRAY_SIZE(op_table),
					   arg->op, &op) < 0)
			return err_msg(
				err, EINVAL,
				"linux.seccomp.syscalls[%zu].args[%zu].op: unknown \"%.64s\"",
				index, i, arg->op ? arg->op : "");
		out[i] = (struct scmp_arg_cmp){
			.arg = arg->index,
			.op = (enum scmp_compare)op,
			.datum_a = arg->value,
			.datum_b = arg->value_two,
		};
	}
	return 0;
}

/* True when one argument carries several conditions. */
static bool args_repeat(const struct oci_syscall *rule)
{
	unsigned seen = 0;

	for (size_t i = 0; i < rule->arg_count; i++) {
		unsigned bit = 1u << rule->args[i].index;

		if (seen & bit)
			return true;
		seen |= bit;
	}
	return false;
}

static int call_add(scmp_filter_ctx ctx, uint32_t action, int number,
		    const struct scmp_arg_cmp *cond, size_t count, bool repeat)
{
	int r = 0;

	if (!repeat)
		r = seccomp_rule_add_array(ctx, action, number, (unsigned)count,
					   cond);
	for (size_t i = 0; repeat && r >= 0 && i < count; i++)
		r = seccomp_rule_add_array(ctx, action, number, 1, &cond[i]);
	return r == -EEXIST ? 0 : r;
}

static int rule_add(scmp_filter_ctx ctx, const struct oci_syscall *rule,
		    size_t index, uint32_t default_action,
		    struct strv *ret_unknown, struct err *err)
{
	AUTO_FREE struct scmp_arg_cmp *cond =
		xcalloc(rule->arg_count, sizeof(*cond));
	char where[64];
	uint32_t action;
	bool repeat;
	int r;

	snprintf(where, sizeof(where), "linux.seccomp.syscalls[%zu].action",
		 index);
	r = action_value(rule->action, rule->has_errno, rule->errno_ret, where,
			 &action, err);
	if (r < 0)
		return r;
	r = conditions_from_args(rule, index, cond, err);
	if (r < 0)
		return r;
	if (action == default_action)
		return 0;
	repeat = args_repeat(rule);
	for (size_t i = 0; i < rule->names.count; i++) {
		const char *name = rule->names.item[i];
		int number = seccomp_syscall_resolve_name(name);

		if (number == __NR_SCMP_ERROR) {
			if (ret_unknown && !strv_has(ret_unknown, name))
				strv_add(ret_unknown, name);
			continue;
		}
		r = call_add(ctx, action, number, cond, rule->arg_count, repeat);
		if (r < 0)
			return err_set(
				err, -r,
				"linux.seccomp.syscalls[%zu]: rule for %.64s",
				index, name);
	}
	return 0;
}

static int attributes_set(scmp_filter_ctx ctx, struct err *err)
{
	int r = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH,
				 SCMP_ACT_KILL_PROCESS);

	if (r >= 0)
		r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE,
				     OPTIMIZE_BINARY);
	return r < 0 ? err_set(err, -r, "seccomp filter attributes") : 0;
}

/* BPF bytes by way of a memfd: libseccomp 2.5 writes to descriptors only. */
static int bpf_export(scmp_filter_ctx ctx, void **ret_bpf, size_t *ret_len,
		      struct err *err)
{
	const size_t max = BPF_MAXINSNS * sizeof(struct sock_filter);
	AUTO_FD int fd = memfd_create("seccomp", MFD_CLOEXEC);
	AUTO_FREE char *text = NULL;
	size_t len;
	int r;

	if (fd < 0)
		return err_set(err, errno, "memfd for a seccomp filter");
	r = seccomp_export_bpf(ctx, fd);
	if (r < 0)
		return err_set(err, -r, "export a seccomp filter");
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_set(err, errno, "rewind a seccomp filter");
	r = fd_read_text(fd, max, &text, &len, err);
	if (r < 0)
		return err_wrap(err, "linux.seccomp: the filter");
	if (len == 0 || len % sizeof(struct sock_filter) != 0)
		return err_msg(err, EPROTO, "seccomp filter of %zu bytes", len);
	*ret_bpf = take_ptr(text);
	*ret_len = len;
	return 0;
}

static int filter_build(scmp_filter_ctx ctx, const struct oci_seccomp *profile,
			uint32_t default_action, struct strv *ret_unknown,
			struct err *err)
{
	int r = attributes_set(ctx, err);

	if (r < 0)
		return r;
	r = archs_add(ctx, &profile->architectures, err);
	for (size_t i = 0; r >= 0 && i < profile->syscall_count; i++)
		r = rule_add(ctx, &profile->syscalls[i], i, default_action,
			     ret_unknown, err);
	return r;
}

static void auto_filter_(scmp_filter_ctx *ctx)
{
	if (*ctx)
		seccomp_release(*ctx);
}

int seccomp_compile(const struct oci_seccomp *profile, void **ret_bpf,
		    size_t *ret_len, struct strv *ret_unknown, struct err *err)
{
	__attribute__((cleanup(auto_filter_))) scmp_filter_ctx ctx = NULL;
	uint32_t action;
	int r;

	if (profile->listener_path)
		return err_msg(err, EOPNOTSUPP,
			       "linux.seccomp.listenerPath is not supported");
	r = action_value(profile->default_action, profile->has_default_errno,
			 profile->default_errno, "linux.seccomp.defaultAction",
			 &action, err);
	if (r < 0)
		return r;
	ctx = seccomp_init(action);
	if (!ctx)
		return err_msg(
			err, EINVAL,
			"linux.seccomp.defaultAction: %s cannot be had on this kernel",
			profile->default_action);
	r = filter_build(ctx, profile, action, ret_unknown, err);
	return r < 0 ? r : bpf_export(ctx, ret_bpf, ret_len, err);
}

int seccomp_flags(const struct oci_seccomp *profile, unsigned *ret,
		  struct err *err)
{
	unsigned flags = 0;

	for (size_t i = 0; i < profile->flags.count; i++) {
		uint32_t bit;

		/* WAIT_KILLABLE_RECV belongs to a listener, which we refuse */
		if (table_find(flag_table, ARRAY_SIZE(flag_table),
			       profile->flags.item[i], &bit) < 0)
			return err_msg(
				err, EOPNOTSUPP,
				"linux.seccomp.flags[%zu]: \"%.64s\" is not supported",
				i, profile->flags.item[i]);
		flags |= bit;
	}
	*ret = flags;
	return 0;
}

int seccomp_call_number(const char *name)
{
	int number = seccomp_syscall_resolve_name(name);

	return number < 0 ? -ENOENT : number; /* negative: of other machines */
}

char *seccomp_call_name(uint32_t number)
{
	char *name =
		seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, (int)number);
	char *copy = name ? xstrdup(name) : xasprintf("call %u", number);

	free(name);
	return copy;
}

/**
 * seccomp_filter_load() - Put a filter on the calling thread
 * @bpf:	Bytes of struct sock_filter
 * @len:	Their number
 * @flags:	SECCOMP_FILTER_FLAG_{TSYNC,LOG,SPEC_ALLOW}
 * @err:	Filled on failure
 *
 * Should be the last act before exec or before the first hostile byte: what
 * comes after must be allowed by the filter.
 *
 * Return: 0 or -errno
 */
int seccomp_filter_load(const void *bpf, size_t len, unsigned flags,
			struct err *err)
{
	struct sock_fprog prog = {
		.len = (unsigned short)(len / sizeof(struct sock_filter)),
		/* read by the kernel alone; nothing to free under the filter */
		.filter = (struct sock_filter *)(uintptr_t)bpf,
	};
	long r;

	if (len == 0 || len % sizeof(struct sock_filter) != 0 ||
	    len / sizeof(struct sock_filter) > BPF_MAXINSNS)
		return err_msg(err, EINVAL, "seccomp filter of %zu bytes", len);
	if (flags & ~(unsigned)OUR_LOAD_FLAGS)
		return err_msg(err, EINVAL, "seccomp flags 0x%x", flags);
	r = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &prog);
	if (r < 0)
		return err_set(err, errno, "load the seccomp filter");
	if (r > 0)
		return err_msg(err, EAGAIN,
			       "thread %ld cannot take the seccomp filter", r);
	return 0;
}
