// SPDX-License-Identifier: Apache-2.0
/*
 * test-seccomp.c - compiled filters, run by a small BPF machine and by the
 * kernel in forked children.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fd.h"
#include "seccomp.h"

#define X32_BIT 0x40000000

#define OURS                                                                   \
	"{\"comment\":\"t\",\"defaultAction\":\"SCMP_ACT_KILL_PROCESS\","      \
	"\"architectures\":[\"SCMP_ARCH_X86_64\"],\"syscalls\":["

struct filter {
	struct sock_filter *code;
	size_t len; /* bytes */
};

static int try_compile(const char *json, struct filter *ret,
		       struct strv *unknown, struct err *err)
{
	struct oci_seccomp *profile = NULL;
	void *bpf = NULL;
	int r = seccomp_profile_parse(json, strlen(json), &profile, err);

	if (r >= 0)
		r = seccomp_compile(profile, &bpf, &ret->len, unknown, err);
	seccomp_profile_free(profile);
	ret->code = bpf;
	return r;
}

static struct filter compile(const char *json)
{
	struct filter filter = { 0 };
	struct err err = ERR_INIT;

	if (try_compile(json, &filter, NULL, &err) < 0)
		fail_msg("%s", err.text);
	return filter;
}

static void refuse(const char *json, int code, const char *words)
{
	struct filter filter = { 0 };
	struct err err = ERR_INIT;
	int r = try_compile(json, &filter, NULL, &err);

	if (r != -code || !strstr(err.text, words))
		fail_msg("%d \"%s\", not %d \"%s\"", r, err.text, -code, words);
	assert_null(filter.code);
}

static bool jump_taken(const struct sock_filter *op, uint32_t acc)
{
	switch (BPF_OP(op->code)) {
	case BPF_JEQ:
		return acc == op->k;
	case BPF_JGT:
		return acc > op->k;
	case BPF_JGE:
		return acc >= op->k;
	case BPF_JSET:
		return acc & op->k;
	}
	fail_msg("jump 0x%x", op->code);
	return false;
}

/* What the kernel would answer; the subset that libseccomp emits. */
static uint32_t run(const struct filter *filter, const struct seccomp_data *data)
{
	uint32_t acc = 0;

	for (size_t at = 0; at < filter->len / sizeof(*filter->code); at++) {
		const struct sock_filter *op = &filter->code[at];

		switch (BPF_CLASS(op->code)) {
		case BPF_LD:
			assert_true(op->k + 4 <= sizeof(*data));
			memcpy(&acc, (const char *)data + op->k, 4);
			break;
		case BPF_ALU:
			assert_int_equal(BPF_OP(op->code), BPF_AND);
			acc &= op->k;
			break;
		case BPF_JMP:
			if (BPF_OP(op->code) == BPF_JA)
				at += op->k;
			else
				at += jump_taken(op, acc) ? op->jt : op->jf;
			break;
		case BPF_RET:
			return op->k;
		default:
			fail_msg("instruction 0x%x", op->code);
		}
	}
	fail_msg("the filter ends without an answer");
	return 0;
}

static uint32_t ask(const struct filter *filter, int number, uint64_t arg0,
		    uint64_t arg1)
{
	struct seccomp_data data = {
		.nr = number,
		.arch = AUDIT_ARCH_X86_64,
		.args = { arg0, arg1 },
	};

	return run(filter, &data);
}

static void test_default_kills(void **state)
{
	struct filter f = compile(
		OURS "{\"names\":[\"read\"],\"action\":\"SCMP_ACT_ALLOW\"}]}");
	struct seccomp_data foreign = { .nr = 3, .arch = AUDIT_ARCH_I386 };

	(void)state;
	assert_int_equal(ask(&f, SYS_read, 0, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(ask(&f, SYS_write, 0, 0), SECCOMP_RET_KILL_PROCESS);
	assert_int_equal(ask(&f, -1, 0, 0), SECCOMP_RET_KILL_PROCESS);
	assert_int_equal(ask(&f, SYS_read | X32_BIT, 0, 0),
			 SECCOMP_RET_KILL_PROCESS);
	assert_int_equal(ask(&f, 520 | X32_BIT, 0, 0), SECCOMP_RET_KILL_PROCESS);
	assert_int_equal(run(&f, &foreign), SECCOMP_RET_KILL_PROCESS);
	foreign.arch = AUDIT_ARCH_AARCH64;
	assert_int_equal(run(&f, &foreign), SECCOMP_RET_KILL_PROCESS);
	free(f.code);
}

static void test_x32_killed_when_default_allows(void **state)
{
	struct filter f = compile(
		"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":["
		"{\"names\":[\"mount\"],\"action\":\"SCMP_ACT_ERRNO\"}]}");

	(void)state;
	assert_int_equal(ask(&f, SYS_mount, 0, 0), SECCOMP_RET_ERRNO | EPERM);
	assert_int_equal(ask(&f, SYS_read, 0, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(ask(&f, SYS_mount | X32_BIT, 0, 0),
			 SECCOMP_RET_KILL_PROCESS);
	assert_int_equal(ask(&f, SYS_read | X32_BIT, 0, 0),
			 SECCOMP_RET_KILL_PROCESS);
	free(f.code);
}

static void test_errno(void **state)
{
	struct filter f = compile(
		"{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":38,"
		"\"syscalls\":["
		"{\"names\":[\"bpf\"],\"action\":\"SCMP_ACT_ERRNO\"},"
		"{\"names\":[\"reboot\"],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":13},"
		"{\"names\":[\"mount\"],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":38},"
		"{\"names\":[\"read\"],\"action\":\"SCMP_ACT_ALLOW\"},"
		"{\"names\":[\"ptrace\"],\"action\":\"SCMP_ACT_TRAP\"},"
		"{\"names\":[\"write\"],\"action\":\"SCMP_ACT_LOG\"}]}");

	(void)state;
	assert_int_equal(ask(&f, SYS_bpf, 0, 0), SECCOMP_RET_ERRNO | EPERM);
	assert_int_equal(ask(&f, SYS_reboot, 0, 0), SECCOMP_RET_ERRNO | EACCES);
	assert_int_equal(ask(&f, SYS_mount, 0, 0), SECCOMP_RET_ERRNO | ENOSYS);
	assert_int_equal(ask(&f, 9999, 0, 0), SECCOMP_RET_ERRNO | ENOSYS);
	assert_int_equal(ask(&f, SYS_read, 0, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(ask(&f, SYS_ptrace, 0, 0), SECCOMP_RET_TRAP);
	assert_int_equal(ask(&f, SYS_write, 0, 0), SECCOMP_RET_LOG);
	free(f.code);
}

#define COND(index, op, value, two)                                            \
	"{\"index\":" #index ",\"op\":\"SCMP_CMP_" #op "\",\"value\":" #value  \
	",\"valueTwo\":" #two "}"

#define ALLOW_IF(name, conditions)                                             \
	"{\"names\":[\"" name                                                  \
	"\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[" conditions "]}"

// clang-format off
static const char conditions_json[] =
	OURS
	ALLOW_IF("socket", COND(0, EQ, 1, 0) "," COND(1, NE, 5, 0)) ","
	ALLOW_IF("clone", COND(0, MASKED_EQ, 2114060288, 0)) ","
	ALLOW_IF("ioctl", COND(1, EQ, 10, 0) "," COND(1, EQ, 20, 0)) ","
	ALLOW_IF("lseek", COND(0, LT, 4, 0) "," COND(1, GE, 18446744073709551615, 0))
	"]}";
// clang-format on

static void test_conditions(void **state)
{
	struct filter f = compile(conditions_json);

	(void)state;
	assert_int_equal(ask(&f, SYS_socket, 1, 4), SECCOMP_RET_ALLOW);
	assert_int_equal(ask(&f, SYS_socket, 2, 4), SECCOMP_RET_KILL_PROCESS);
	assert_int_equal(ask(&f, SYS_socket, 1, 5), SECCOMP_RET_KILL_PROCESS);
	/* 0x7e020000: the namespace flags of clone(2) */
	assert_int_equal(ask(&f, SYS_clone, 0x11, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(ask(&f, SYS_clone, 0x10000011, 0),
			 SECCOMP_RET_KILL_PROCESS);
	/* one argument twice: alternatives */
	assert_int_equal(ask(&f, SYS_ioctl, 0, 10), SECCOMP_RET_ALLOW);
	assert_int_equal(ask(&f, SYS_ioctl, 0, 20), SECCOMP_RET_ALLOW);
	assert_int_equal(ask(&f, SYS_ioctl, 0, 30), SECCOMP_RET_KILL_PROCESS);
	assert_int_equal(ask(&f, SYS_lseek, 3, UINT64_MAX), SECCOMP_RET_ALLOW);
	assert_int_equal(ask(&f, SYS_lseek, 4, UINT64_MAX),
			 SECCOMP_RET_KILL_PROCESS);
	assert_int_equal(ask(&f, SYS_lseek, 3, UINT64_MAX - 1),
			 SECCOMP_RET_KILL_PROCESS);
	free(f.code);
}

static void test_unknown_syscall(void **state)
{
	struct filter f = { 0 };
	struct strv unknown = { 0 };
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(
		try_compile(OURS "{\"names\":[\"read\",\"no_such\",\"no_such\"],"
				 "\"action\":\"SCMP_ACT_ALLOW\"}]}",
			    &f, &unknown, &err),
		0);
	assert_int_equal(unknown.count, 1);
	assert_string_equal(unknown.item[0], "no_such");
	assert_int_equal(ask(&f, SYS_read, 0, 0), SECCOMP_RET_ALLOW);
	strv_done(&unknown);
	free(f.code);
}

static void test_refused(void **state)
{
	(void)state;
	refuse("{}", EINVAL, "defaultAction");
	refuse("[]", EINVAL, "object");
	refuse("{\"defaultAction\":\"ALLOW\"}", EINVAL, "unknown action");
	refuse("{\"defaultAction\":\"SCMP_ACT_NOTIFY\"}", EOPNOTSUPP,
	       "defaultAction");
	refuse("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"includes\":{}}", EINVAL,
	       "includes");
	refuse("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"defaultErrnoRet\":1}",
	       EINVAL, "no errno");
	refuse(OURS "{\"names\":[\"read\"],\"action\":\"SCMP_ACT_NOTIFY\"}]}",
	       EOPNOTSUPP, "linux.seccomp.syscalls[0].action");
	refuse(OURS
	       "{\"names\":[\"read\"],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":4096}]}",
	       ERANGE, "4096");
	refuse(OURS "{\"names\":[],\"action\":\"SCMP_ACT_ALLOW\"}]}", EINVAL,
	       "names");
	refuse(OURS
	       "{\"names\":[\"read\"],\"action\":\"SCMP_ACT_ALLOW\",\"arg\":[]}]}",
	       EINVAL, "syscalls[0].arg");
	refuse(OURS
	       "{\"names\":[\"read\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[" COND(
		       6, EQ, 1, 0) "]}]}",
	       EINVAL, "index");
	refuse(OURS
	       "{\"names\":[\"read\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[" COND(
		       0, XX, 1, 0) "]}]}",
	       EINVAL, "SCMP_CMP_XX");
	refuse(OURS
	       "{\"names\":[\"read\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":["
	       "{\"index\":0,\"op\":\"SCMP_CMP_EQ\"}]}]}",
	       EINVAL, "value");
	refuse("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"architectures\":[\"SCMP_ARCH_Z80\"]}",
	       EINVAL, "Z80");
}

static void test_flags(void **state)
{
	struct oci_seccomp profile = { 0 };
	struct err err = ERR_INIT;
	unsigned flags = 0;

	(void)state;
	strv_add(&profile.flags, "SECCOMP_FILTER_FLAG_LOG");
	strv_add(&profile.flags, "SECCOMP_FILTER_FLAG_SPEC_ALLOW");
	assert_int_equal(seccomp_flags(&profile, &flags, &err), 0);
	assert_int_equal(flags, SECCOMP_FILTER_FLAG_LOG |
					SECCOMP_FILTER_FLAG_SPEC_ALLOW);
	strv_add(&profile.flags, "SECCOMP_FILTER_FLAG_NEW_LISTENER");
	assert_int_equal(seccomp_flags(&profile, &flags, &err), -EOPNOTSUPP);
	strv_done(&profile.flags);
}

/* Wait status of a child that loads the filter and makes the call. */
static int child_call(const struct filter *f, long number)
{
	struct err err = ERR_INIT;
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		    seccomp_filter_load(f->code, f->len, 0, &err) < 0)
			_exit(100);
		/* raw: the sanitizer's exit makes calls of its own */
		syscall(SYS_exit_group,
			syscall(number, 0, 0, 0) < 0 ? errno : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void test_load(void **state)
{
	struct filter f = compile(
		OURS
		"{\"names\":[\"exit_group\",\"getpid\"],"
		"\"action\":\"SCMP_ACT_ALLOW\"},"
		"{\"names\":[\"sync\"],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":77}]}");
	int status;

	(void)state;
	status = child_call(&f, SYS_getpid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	status = child_call(&f, SYS_sync);
	assert_int_equal(WEXITSTATUS(status), 77);
	status = child_call(&f, SYS_uname);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGSYS);
	free(f.code);
}

static void test_load_refused(void **state)
{
	struct sock_filter one = { BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW };
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(seccomp_filter_load(&one, 0, 0, &err), -EINVAL);
	assert_int_equal(seccomp_filter_load(&one, 7, 0, &err), -EINVAL);
	assert_int_equal(seccomp_filter_load(&one, sizeof(one), 1u << 3, &err),
			 -EINVAL);
	assert_int_equal(seccomp_filter_load(&one, 4097 * sizeof(one), 0, &err),
			 -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_default_kills),
		cmocka_unit_test(test_x32_killed_when_default_allows),
		cmocka_unit_test(test_errno),
		cmocka_unit_test(test_conditions),
		cmocka_unit_test(test_unknown_syscall),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_load),
		cmocka_unit_test(test_load_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
