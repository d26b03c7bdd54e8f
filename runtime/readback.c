// SPDX-License-Identifier: Apache-2.0
/*
 * readback.c - compares the agent's report on the frozen init process with the
 * engine's request, in kata-runtime create. The report comes from the guest:
 * it proves that our agent did its work, not that a captured guest tells the
 * truth; that is what the jails on the host are for.
 */
#include "readback.h"

#include <errno.h>
#include <string.h>

#include "caps.h"
#include "policy.h"

static int differs(struct err *err, const char *what, uint64_t want,
		   uint64_t have)
{
	return err_msg(err, EPERM,
		       "the guest did not apply %s: asked 0x%llx, read back 0x%llx",
		       what, (unsigned long long)want, (unsigned long long)have);
}

static int check_caps(const struct record_readback *got,
		      const struct oci_process *process, struct err *err)
{
	const struct {
		const char *name;
		const struct strv *names;
		uint64_t have;
	} set[] = {
		{ "process.capabilities.bounding", &process->caps.bounding, got->cap_bounding },
		{ "process.capabilities.inheritable", &process->caps.inheritable, got->cap_inheritable },
		{ "process.capabilities.permitted", &process->caps.permitted, got->cap_permitted },
		{ "process.capabilities.effective", &process->caps.effective, got->cap_effective },
		{ "process.capabilities.ambient", &process->caps.ambient, got->cap_ambient },
	};

	for (size_t i = 0; i < ARRAY_SIZE(set); i++) {
		uint64_t want = 0;

		if (caps_from_strv(set[i].names, &want, err) < 0)
			return -err->code;
		if (want != set[i].have)
			return differs(err, set[i].name, want, set[i].have);
	}
	return 0;
}

static int check_namespaces(const struct record_readback *got,
			    const struct oci_spec *spec, struct err *err)
{
	static const struct {
		const char *type;
		enum policy_ns ns;
	} each[] = { { "pid", POLICY_NS_PID }, { "mount", POLICY_NS_MNT },
		     { "ipc", POLICY_NS_IPC }, { "uts", POLICY_NS_UTS },
		     { "cgroup", POLICY_NS_CGROUP } };

	for (size_t i = 0; i < ARRAY_SIZE(each); i++)
		if (oci_namespace(spec, each[i].type) &&
		    !(got->namespaces & (1u << each[i].ns)))
			return err_msg(err, EPERM,
				       "the guest did not apply the %s namespace",
				       each[i].type);
	return 0;
}

static int check_limits(const struct record_readback *got,
			const struct oci_resources *res, struct err *err)
{
	/* The kernel rounds memory down to pages. */
	if (res->has_memory_limit && res->memory_limit > 0 &&
	    got->memory_max != (res->memory_limit & ~(int64_t)4095))
		return differs(err, "linux.resources.memory.limit",
			       (uint64_t)res->memory_limit,
			       (uint64_t)got->memory_max);
	if (res->has_pids_limit && res->pids_limit > 0 &&
	    got->pids_max != res->pids_limit)
		return differs(err, "linux.resources.pids.limit",
			       (uint64_t)res->pids_limit,
			       (uint64_t)got->pids_max);
	if (res->has_cpu_quota && res->cpu_quota > 0 &&
	    got->cpu_quota != res->cpu_quota)
		return differs(err, "linux.resources.cpu.quota",
			       (uint64_t)res->cpu_quota,
			       (uint64_t)got->cpu_quota);
	return 0;
}

int readback_check(const struct record_readback *got,
		   const struct oci_spec *spec, struct err *err)
{
	const struct oci_process *process = &spec->process;
	uint32_t seccomp = spec->linux_.seccomp ? 2 : 0;

	if (seccomp && (got->seccomp_mode != seccomp || got->seccomp_filters == 0))
		return differs(err, "linux.seccomp", seccomp, got->seccomp_mode);
	if (process->no_new_privileges && got->no_new_privs != 1)
		return differs(err, "process.noNewPrivileges", 1,
			       got->no_new_privs);
	if (got->uid != process->user.uid || got->gid != process->user.gid)
		return differs(err, "process.user", process->user.uid, got->uid);
	if (process->has_caps && check_caps(got, process, err) < 0)
		return -err->code;
	if (check_namespaces(got, spec, err) < 0)
		return -err->code;
	return check_limits(got, &spec->linux_.resources, err);
}
