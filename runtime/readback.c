// SPDX-License-Identifier: Apache-2.0
/*
 * readback.c - compares the agent's report on a frozen process with the
 * engine's request, in kata-runtime create, exec and update. The report comes
 * from the guest: it proves that our agent did its work, not that a captured
 * guest tells the truth; that is what the jails on the host are for.
 */
#include "readback-parts.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <string.h>

#include "auto.h"
#include "caps.h"
#include "guest-profile.h"
#include "policy.h"

#define UMASK_DEFAULT 022
/*
 * Every container has these of its own, asked for or not, and shares user and
 * network with the agent: the VM is the wall around those.
 */
#define NAMESPACES                                                             \
	(1u << POLICY_NS_MNT | 1u << POLICY_NS_PID | 1u << POLICY_NS_IPC |     \
	 1u << POLICY_NS_UTS | 1u << POLICY_NS_CGROUP)

int readback_differs(struct err *err, const char *what, uint64_t want,
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

/* Without a capabilities object there are none at all. */
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
			return readback_differs(err, set[i].name, want,
						set[i].have);
	}
	if (ambient_wanted(&process->caps, &ambient, err) < 0)
		return -err->code;
	if (ambient != got->cap_ambient)
		return readback_differs(err, "process.capabilities.ambient",
					ambient, got->cap_ambient);
	return 0;
}

/* --- limits --------------------------------------------------------------------- */

/* No file: the guest's kernel has nothing that could be exceeded. */
static int check_limit(struct err *err, const char *what, int64_t want,
		       int64_t have)
{
	if (have == READBACK_NO_FILE || have == want)
		return 0;
	return readback_differs(err, what, (uint64_t)want, (uint64_t)have);
}

/* The kernel counts whole pages; any number below 0 is none. */
static int64_t limit_wanted(int64_t value)
{
	return value < 0 ? READBACK_NO_LIMIT : value;
}

static int64_t pages_wanted(int64_t value)
{
	return value < 0 ? READBACK_NO_LIMIT : value & ~(int64_t)4095;
}

static int check_memory(const struct record_readback *got,
			const struct oci_resources *res, struct err *err)
{
	int64_t swap = res->memory_swap;

	if (res->has_memory_limit && res->memory_limit &&
	    got->memory_max != pages_wanted(res->memory_limit))
		return readback_differs(err, "linux.resources.memory.limit",
					(uint64_t)res->memory_limit,
					(uint64_t)got->memory_max);
	/* Memory and swap together here, swap alone there. */
	if (swap > 0 && res->has_memory_limit && res->memory_limit > 0)
		swap -= res->memory_limit;
	else if (swap > 0 && got->memory_max >= 0)
		swap -= got->memory_max;
	if (res->has_memory_swap && res->memory_swap &&
	    check_limit(err, "linux.resources.memory.swap", pages_wanted(swap),
			got->memory_swap_max) < 0)
		return -err->code;
	if (res->has_memory_reservation && res->memory_reservation &&
	    check_limit(err, "linux.resources.memory.reservation",
			res->memory_reservation < 0 ?
				0 :
				pages_wanted(res->memory_reservation),
			got->memory_low) < 0)
		return -err->code;
	return 0;
}

static int check_cpu(const struct record_readback *got,
		     const struct oci_resources *res, struct err *err)
{
	if (res->has_cpu_quota && res->cpu_quota &&
	    got->cpu_quota != limit_wanted(res->cpu_quota))
		return readback_differs(err, "linux.resources.cpu.quota",
					(uint64_t)res->cpu_quota,
					(uint64_t)got->cpu_quota);
	if (res->has_cpu_period && res->cpu_period &&
	    got->cpu_period != (int64_t)res->cpu_period)
		return readback_differs(err, "linux.resources.cpu.period",
					res->cpu_period,
					(uint64_t)got->cpu_period);
	if (res->has_cpu_shares && res->cpu_shares)
		return check_limit(err, "linux.resources.cpu.shares",
				   (int64_t)oci_weight_of_shares(res->cpu_shares),
				   got->cpu_weight);
	return 0;
}

int readback_check_limits(const struct record_readback *got,
			  const struct oci_resources *res, struct err *err)
{
	if (check_memory(got, res, err) < 0 || check_cpu(got, res, err) < 0)
		return -err->code;
	if (res->has_pids_limit && res->pids_limit &&
	    got->pids_max != limit_wanted(res->pids_limit))
		return readback_differs(err, "linux.resources.pids.limit",
					(uint64_t)res->pids_limit,
					(uint64_t)got->pids_max);
	if (res->has_block_io_weight && res->block_io_weight &&
	    check_limit(err, "linux.resources.blockIO.weight",
			(int64_t)(1 + (res->block_io_weight - 10) * 9999 / 990),
			got->io_weight) < 0)
		return -err->code;
	/* What may be opened is for one filter to say, always. */
	if (got->device_filters != 1)
		return readback_differs(err, "linux.resources.devices", 1,
					got->device_filters);
	return 0;
}

/* --- a process --------------------------------------------------------------------- */

/*
 * Every process has the agent's floor, the second one unless it may use every
 * device, and above them the profile of the engine or ours, but where there is
 * to be none.
 */
static int check_seccomp(const struct record_readback *got,
			 const struct oci_spec *spec, struct err *err)
{
	uint32_t filters = 1;

	if (spec->linux_.seccomp || guest_profile_wanted(spec))
		filters++;
	if (!oci_allows_every_device(&spec->linux_.resources))
		filters++;
	if (got->seccomp_mode != SECCOMP_MODE_FILTER)
		return readback_differs(err, "linux.seccomp (mode)",
					SECCOMP_MODE_FILTER, got->seccomp_mode);
	if (got->seccomp_filters != filters)
		return readback_differs(err, "linux.seccomp (number of filters)",
					filters, got->seccomp_filters);
	return 0;
}

static int check_identity(const struct record_readback *got,
			  const struct oci_process *process, struct err *err)
{
	const struct oci_user *user = &process->user;
	uint32_t umask = user->has_umask ? user->umask : UMASK_DEFAULT;
	int64_t oom = process->has_oom_score_adj ? process->oom_score_adj : 0;

	if (got->no_new_privs != process->no_new_privileges)
		return readback_differs(err, "process.noNewPrivileges",
					process->no_new_privileges,
					got->no_new_privs);
	if (got->uid != user->uid)
		return readback_differs(err, "process.user.uid", user->uid,
					got->uid);
	if (got->gid != user->gid)
		return readback_differs(err, "process.user.gid", user->gid,
					got->gid);
	if (got->umask != umask)
		return readback_differs(err, "process.user.umask", umask,
					got->umask);
	if (got->oom_score_adj != oom)
		return readback_differs(err, "process.oomScoreAdj",
					(uint64_t)oom,
					(uint64_t)got->oom_score_adj);
	return check_caps(got, process, err);
}

/* The agent puts "(unreachable)" before a directory outside of the root. */
static int check_place(const struct record_readback *got, const char *id,
		       bool below, struct err *err)
{
	AUTO_FREE char *want = xasprintf("/kata/%s", id);
	size_t len = strlen(want);

	if (strncmp(got->cgroup, want, len) != 0 ||
	    (got->cgroup[len] && !(below && got->cgroup[len] == '/')))
		return err_msg(err, EPERM,
			       "the guest did not apply the container's cgroup: "
			       "asked %s, read back \"%.128s\"",
			       want, got->cgroup);
	if (got->cwd[0] != '/')
		return err_msg(
			err, EPERM,
			"the guest did not apply process.cwd: read back \"%.128s\"",
			got->cwd);
	if (got->namespaces != NAMESPACES)
		return readback_differs(err, "namespaces of its own",
					NAMESPACES, got->namespaces);
	/* An init may have left the user and net namespace that it began in. */
	if ((got->shared_namespaces & NAMESPACES) != NAMESPACES)
		return readback_differs(err, "namespaces of the container",
					NAMESPACES, got->shared_namespaces);
	return 0;
}

static int check_process(const struct readback *got,
			 const struct oci_process *process,
			 const struct oci_spec *spec, struct err *err)
{
	if (check_seccomp(&got->main, spec, err) < 0 ||
	    check_identity(&got->main, process, err) < 0)
		return -err->code;
	return readback_check_lists(got, process, err);
}

int readback_check(const struct readback *got, const struct oci_spec *spec,
		   const char *id, struct err *err)
{
	if (check_process(got, &spec->process, spec, err) < 0 ||
	    check_place(&got->main, id, false, err) < 0 ||
	    readback_check_limits(&got->main, &spec->linux_.resources, err) < 0 ||
	    readback_check_root(got, spec, err) < 0 ||
	    readback_check_texts(got, spec, err) < 0)
		return -err->code;
	return readback_check_agent(got, err);
}

int readback_check_exec(const struct readback *got,
			const struct oci_process *process,
			const struct oci_spec *spec, const char *id,
			struct err *err)
{
	if (check_process(got, process, spec, err) < 0)
		return -err->code;
	return check_place(&got->main, id, true, err);
}
