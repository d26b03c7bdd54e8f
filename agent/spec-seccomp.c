// SPDX-License-Identifier: Apache-2.0
/*
 * spec-seccomp.c - the profile of the host's message as lib/seccomp wants it,
 * compiled once per container. Runs in kata-agent before any fork; its execs
 * get the same filter. Names this guest does not know never widen it; they
 * are kept for the report.
 */
#include "launch.h"

#include <errno.h>
#include <string.h>

#include "log.h"
#include "seccomp.h"

#define GROUPS_MAX 4096
#define ARGS_MAX 64

/*
 * The guest's kernel has no entry for their calls, and without a rule they
 * kill. Each of them would make the filter, and the time for it, larger by as
 * much as the native one.
 */
static bool is_foreign(const char *arch)
{
	return strcmp(arch, "SCMP_ARCH_X86") == 0 ||
	       strcmp(arch, "SCMP_ARCH_X32") == 0 ||
	       strcmp(arch, "SCMP_ARCH_ARM") == 0;
}

/* The strings stay the message's; only the arrays are ours. */
static struct strv borrow(char **from, size_t count)
{
	return (struct strv){ .item = from, .count = count };
}

static int take_call(const Grpc__LinuxSyscall *from, size_t i,
		     struct oci_syscall *to, struct err *err)
{
	if (from->n_args > ARGS_MAX)
		return err_msg(err, EINVAL,
			       "linux.seccomp.syscalls[%zu].args: too many", i);
	to->names = borrow(from->names, from->n_names);
	to->action = from->action;
	to->has_errno = from->errno_ret_case ==
			GRPC__LINUX_SYSCALL__ERRNO_RET_ERRNORET;
	to->errno_ret = to->has_errno ? from->errnoret : 0;
	to->args = xcalloc(from->n_args + 1, sizeof(*to->args));
	to->arg_count = from->n_args;
	for (size_t k = 0; k < from->n_args; k++) {
		if (from->args[k]->index > 5)
			return err_msg(
				err, EINVAL,
				"linux.seccomp.syscalls[%zu].args[%zu].index: above 5",
				i, k);
		to->args[k].index = (uint32_t)from->args[k]->index;
		to->args[k].value = from->args[k]->value;
		to->args[k].value_two = from->args[k]->valuetwo;
		to->args[k].op = from->args[k]->op;
	}
	return 0;
}

static int take_profile(const Grpc__LinuxSeccomp *from, struct oci_seccomp *to,
			struct err *err)
{
	if (from->n_syscalls > GROUPS_MAX)
		return err_msg(err, EINVAL, "linux.seccomp.syscalls: too many");
	to->default_action = from->defaultaction;
	to->has_default_errno =
		from->has_default_errno_case ==
		GRPC__LINUX_SECCOMP__HAS_DEFAULT_ERRNO_DEFAULT_ERRNO_RET;
	to->default_errno = to->has_default_errno ? from->defaulterrnoret : 0;
	for (size_t i = 0; i < from->n_architectures; i++)
		if (!is_foreign(from->architectures[i]))
			strv_add(&to->architectures, from->architectures[i]);
	to->flags = borrow(from->flags, from->n_flags);
	to->syscalls = xcalloc(from->n_syscalls + 1, sizeof(*to->syscalls));
	for (size_t i = 0; i < from->n_syscalls; i++) {
		int r = take_call(from->syscalls[i], i, &to->syscalls[i], err);

		to->syscall_count++;
		if (r < 0)
			return r;
	}
	return 0;
}

static bool lets_through(const char *action)
{
	return strcmp(action, "SCMP_ACT_ALLOW") == 0 ||
	       strcmp(action, "SCMP_ACT_LOG") == 0;
}

/*
 * A name that is not known makes no rule. Where it was to be allowed the
 * filter is narrower for it; where it was to be denied and the rest is allowed,
 * somebody counts on a wall that is not there. Such a call is one that this
 * kernel does not have (tests/unit/test-guest-profile.c compares the two), so
 * the container may start, but not without a word.
 */
static void note_unknown_denied(const struct oci_seccomp *oci,
				struct container *container)
{
	struct strv *to = &container->seccomp_unknown_denied;

	if (!lets_through(oci->default_action))
		return;
	for (size_t i = 0; i < oci->syscall_count; i++) {
		const struct oci_syscall *rule = &oci->syscalls[i];

		for (size_t k = 0; k < rule->names.count; k++)
			if (!lets_through(rule->action) &&
			    strv_has(&container->seccomp_unknown,
				     rule->names.item[k]) &&
			    !strv_has(to, rule->names.item[k]))
				strv_add(to, rule->names.item[k]);
	}
	if (to->count)
		log_warn("%s: seccomp profile: denies %zu calls that are unknown here, as %s",
			 container->id, to->count, to->item[0]);
}

int seccomp_from_spec(const Grpc__LinuxSeccomp *profile,
		      struct container *container, struct err *err)
{
	struct oci_seccomp oci = { 0 };
	int r;

	if (!profile)
		return 0;
	r = take_profile(profile, &oci, err);
	if (r == 0)
		r = seccomp_flags(&oci, &container->bpf_flags, err);
	if (r == 0)
		r = seccomp_compile(&oci, &container->bpf, &container->bpf_len,
				    &container->seccomp_unknown, err);
	if (r == 0)
		note_unknown_denied(&oci, container);
	for (size_t i = 0; i < oci.syscall_count; i++)
		free(oci.syscalls[i].args);
	free(oci.syscalls);
	strv_done(&oci.architectures);
	if (r < 0)
		return err_wrap(err, "linux.seccomp");
	if (container->seccomp_unknown.count)
		log_warn("%s: seccomp profile: %zu unknown calls, as %s",
			 container->id, container->seccomp_unknown.count,
			 container->seccomp_unknown.item[0]);
	return 0;
}
