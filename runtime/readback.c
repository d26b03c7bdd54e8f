// SPDX-License-Identifier: Apache-2.0
/*
 * readback.c - compares the agent's report on the frozen init process with the
 * engine's request, in kata-runtime create. The report comes from the guest:
 * it proves that our agent did its work, not that a captured guest tells the
 * truth; that is what the jails on the host are for.
 */
#include "readback.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <string.h>

#include "caps.h"
#include "guest-profile.h"
#include "policy.h"

static int differs(struct err *err, const char *what, uint64_t want,
		   uint64_t have)
{
	return err_msg(
		err, EPERM,
		"the guest did not apply %s: asked 0x%llx, read back 0x%llx",
		what, (unsigned long long)want, (unsigned long long)have);
}

/*
 * The kernel lets only permitted and inheritable capabilities be ambient;
 * specs that ask for more (`runc spec` does) get what runc gives them.
 */
static int ambient_wanted(const struct oci_caps *caps, uint64_t *ret,
			  struct err *err)
{
	uint64_t permitted = 0, inheritable = 0;

	if (caps_from_strv(&caps->ambient, ret, err) < 0 ||
	    caps_from_strv(&caps->permitted, &permitted, err) < 0 ||
	    caps_from_strv(&caps->inheritable, &inheritable, err) < 0)
		return -err->code;
	*ret &= permitted & inheritable;
	return 0;
}

static int check_caps(const struct record_readback *got,
		      const struct oci_process *process, struct err *err)
{
	const struct {
		const char *name;
		const struct strv *names;
		uint64_t have;
	} set[] = {
		{ "process.capabilities.bounding", &process->caps.bounding,
		  got->cap_bounding },
		{ "process.capabilities.inheritable",
		  &process->caps.inheritable, got->cap_inheritable },
		{ "process.capabilities.permitted", &process->caps.permitted,
		  got->cap_permitted },
		{ "process.capabilities.effective", &process->caps.effective,
		  got->cap_effective },
	};
	uint64_t ambient = 0;

	for (size_t i = 0; i < ARRAY_SIZE(set); i++) {
		uint64_t want = 0;

		if (caps_from_strv(set[i].names, &want, err) < 0)
			return -err->code;
		if (want != set[i].have)
			return differs(err, set[i].name, want, set[i].have);
	}
	if (ambient_wanted(&process->caps, &ambient, err) < 0)
		return -err->code;
	if (ambient != got->cap_ambient)
		return differs(err, "process.capabilities.ambient", ambient,
			       got->cap_ambient);
	return 0;
}

static int check_namespaces(const struct record_readback *got,
			    const struct oci_spec *spec, struct err *err)
{
	static const struct {
		const char *type;
		enum policy_ns ns;
	} each[] = { { "pid", POLICY_NS_PID },
		     { "mount", POLICY_NS_MNT },
		     { "ipc", POLICY_NS_IPC },
		     { "uts", POLICY_NS_UTS },
		     { "cgroup", POLICY_NS_CGROUP } };

	for (size_t i = 0; i < ARRAY_SIZE(each); i++)
		if (oci_namespace(spec, each[i].type) &&
		    !(got->namespaces & (1u << each[i].ns)))
			return err_msg(err, EPERM,
				       "the guest did not apply the %s namespace",
				       each[i].type);
	return 0;
}

int readback_check_limits(const struct record_readback *got,
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

/*
 * Every process has the agent's floor, and above it the profile of the engine
 * or ours, but where there is to be none.
 */
static int check_seccomp(const struct record_readback *got,
			 const struct oci_spec *spec, struct err *err)
{
	uint32_t filters = 1;

	if (spec->linux_.seccomp || guest_profile_wanted(spec))
		filters++;
	if (got->seccomp_mode != SECCOMP_MODE_FILTER)
		return differs(err, "linux.seccomp (mode)", SECCOMP_MODE_FILTER,
			       got->seccomp_mode);
	if (got->seccomp_filters != filters)
		return differs(err, "linux.seccomp (number of filters)",
			       filters, got->seccomp_filters);
	return 0;
}

int readback_check(const struct record_readback *got,
		   const struct oci_spec *spec, struct err *err)
{
	const struct oci_process *process = &spec->process;

	if (check_seccomp(got, spec, err) < 0)
		return -err->code;
	if (process->no_new_privileges && got->no_new_privs != 1)
		return differs(err, "process.noNewPrivileges", 1,
			       got->no_new_privs);
	if (got->uid != process->user.uid || got->gid != process->user.gid)
		return differs(err, "process.user", process->user.uid, got->uid);
	if (process->has_caps && check_caps(got, process, err) < 0)
		return -err->code;
	if (check_namespaces(got, spec, err) < 0)
		return -err->code;
	return readback_check_limits(got, &spec->linux_.resources, err);
}
