// SPDX-License-Identifier: Apache-2.0
/*
 * spec-linux.c - OCI linux section to protobuf: namespaces, devices, limits,
 * seccomp.
 *
 * Runs in kata-shim. Needs no rights; its input is the engine's, checked by
 * lib/oci. Seccomp, pids and device limits always travel: leaving one out
 * would weaken the container without a word.
 */
#include <string.h>

#include "agent.pb-c.h"
#include "alloc.h"
#include "shim.h"

static void namespaces_fill(Grpc__Linux *out, const struct oci_linux *in)
{
	out->namespaces = xcalloc(in->namespace_count, sizeof(*out->namespaces));
	for (size_t i = 0; i < in->namespace_count; i++) {
		Grpc__LinuxNamespace *one;

		/* The VM has one network: the container's. */
		if (strcmp(in->namespaces[i].type, "network") == 0)
			continue;
		one = xcalloc(1, sizeof(*one));
		grpc__linux_namespace__init(one);
		one->type = xstrdup(in->namespaces[i].type);
		/* A path would name a namespace of the host. */
		out->namespaces[out->n_namespaces++] = one;
	}
}

static void devices_fill(Grpc__Linux *out, const struct oci_linux *in)
{
	out->n_devices = in->device_count;
	out->devices = xcalloc(in->device_count, sizeof(*out->devices));
	for (size_t i = 0; i < in->device_count; i++) {
		const struct oci_device *device = &in->devices[i];
		Grpc__LinuxDevice *one = xcalloc(1, sizeof(*one));

		grpc__linux_device__init(one);
		one->path = xstrdup(device->path);
		one->type = xstrndup(&device->type, 1);
		one->major = device->major;
		one->minor = device->minor;
		one->filemode = device->has_mode ? device->mode : 0666;
		one->uid = device->uid;
		one->gid = device->gid;
		out->devices[i] = one;
	}
}

static Grpc__LinuxIDMapping **mappings(const struct oci_mapping *in,
				       size_t count)
{
	Grpc__LinuxIDMapping **out = xcalloc(count, sizeof(*out));

	for (size_t i = 0; i < count; i++) {
		out[i] = xcalloc(1, sizeof(*out[i]));
		grpc__linux_idmapping__init(out[i]);
		out[i]->hostid = in[i].host_id;
		out[i]->containerid = in[i].container_id;
		out[i]->size = in[i].size;
	}
	return out;
}

static void sysctl_fill(Grpc__Linux *out, const struct oci_pairs *pairs)
{
	out->n_sysctl = pairs->count;
	out->sysctl = xcalloc(pairs->count, sizeof(*out->sysctl));
	for (size_t i = 0; i < pairs->count; i++) {
		Grpc__Linux__SysctlEntry *one = xcalloc(1, sizeof(*one));

		grpc__linux__sysctl_entry__init(one);
		one->key = xstrdup(pairs->item[i].key);
		one->value = xstrdup(pairs->item[i].value);
		out->sysctl[i] = one;
	}
}

/* --- seccomp ------------------------------------------------------------ */

static Grpc__LinuxSyscall *syscall_message(const struct oci_syscall *in)
{
	Grpc__LinuxSyscall *out = xcalloc(1, sizeof(*out));

	grpc__linux_syscall__init(out);
	out->names = spec_strings(&in->names, &out->n_names);
	out->action = xstrdup(in->action);
	if (in->has_errno) {
		out->errno_ret_case = GRPC__LINUX_SYSCALL__ERRNO_RET_ERRNORET;
		out->errnoret = in->errno_ret;
	}
	out->n_args = in->arg_count;
	out->args = xcalloc(in->arg_count, sizeof(*out->args));
	for (size_t i = 0; i < in->arg_count; i++) {
		Grpc__LinuxSeccompArg *arg = xcalloc(1, sizeof(*arg));

		grpc__linux_seccomp_arg__init(arg);
		arg->index = in->args[i].index;
		arg->value = in->args[i].value;
		arg->valuetwo = in->args[i].value_two;
		arg->op = xstrdup(in->args[i].op);
		out->args[i] = arg;
	}
	return out;
}

static Grpc__LinuxSeccomp *seccomp_message(const struct oci_seccomp *in)
{
	Grpc__LinuxSeccomp *out = xcalloc(1, sizeof(*out));

	grpc__linux_seccomp__init(out);
	out->defaultaction = xstrdup(in->default_action);
	out->architectures =
		spec_strings(&in->architectures, &out->n_architectures);
	out->flags = spec_strings(&in->flags, &out->n_flags);
	if (in->has_default_errno) {
		out->has_default_errno_case =
			GRPC__LINUX_SECCOMP__HAS_DEFAULT_ERRNO_DEFAULT_ERRNO_RET;
		out->defaulterrnoret = in->default_errno;
	}
	out->n_syscalls = in->syscall_count;
	out->syscalls = xcalloc(in->syscall_count, sizeof(*out->syscalls));
	for (size_t i = 0; i < in->syscall_count; i++)
		out->syscalls[i] = syscall_message(&in->syscalls[i]);
	return out;
}

/* --- resources ---------------------------------------------------------- */

static void device_rules_fill(Grpc__LinuxResources *out,
			      const struct oci_resources *in)
{
	out->n_devices = in->device_count;
	out->devices = xcalloc(in->device_count, sizeof(*out->devices));
	for (size_t i = 0; i < in->device_count; i++) {
		const struct oci_device_rule *rule = &in->devices[i];
		Grpc__LinuxDeviceCgroup *one = xcalloc(1, sizeof(*one));

		grpc__linux_device_cgroup__init(one);
		one->allow = rule->allow;
		if (rule->type)
			one->type = xstrdup(rule->type);
		one->major = rule->major;
		one->minor = rule->minor;
		if (rule->access)
			one->access = xstrdup(rule->access);
		out->devices[i] = one;
	}
}

static void memory_fill(Grpc__LinuxResources *out,
			const struct oci_resources *in)
{
	if (!in->has_memory_limit && !in->has_memory_swap &&
	    !in->has_memory_reservation)
		return;
	out->memory = xcalloc(1, sizeof(*out->memory));
	grpc__linux_memory__init(out->memory);
	if (in->has_memory_limit)
		out->memory->limit = in->memory_limit;
	if (in->has_memory_swap)
		out->memory->swap = in->memory_swap;
	if (in->has_memory_reservation)
		out->memory->reservation = in->memory_reservation;
}

static void cpu_fill(Grpc__LinuxResources *out, const struct oci_resources *in)
{
	if (!in->has_cpu_shares && !in->has_cpu_quota && !in->has_cpu_period &&
	    !in->cpuset_cpus && !in->cpuset_mems)
		return;
	out->cpu = xcalloc(1, sizeof(*out->cpu));
	grpc__linux_cpu__init(out->cpu);
	if (in->has_cpu_shares)
		out->cpu->shares = in->cpu_shares;
	if (in->has_cpu_quota)
		out->cpu->quota = in->cpu_quota;
	if (in->has_cpu_period)
		out->cpu->period = in->cpu_period;
	/* cpuset names processors and nodes of the host: it stays there. */
}

static void unified_fill(Grpc__LinuxResources *out,
			 const struct oci_pairs *pairs)
{
	out->n_unified = pairs->count;
	out->unified = xcalloc(pairs->count, sizeof(*out->unified));
	for (size_t i = 0; i < pairs->count; i++) {
		Grpc__LinuxResources__UnifiedEntry *one =
			xcalloc(1, sizeof(*one));

		grpc__linux_resources__unified_entry__init(one);
		one->key = xstrdup(pairs->item[i].key);
		one->value = xstrdup(pairs->item[i].value);
		out->unified[i] = one;
	}
}

static Grpc__LinuxResources *resources_message(const struct oci_resources *in)
{
	Grpc__LinuxResources *out = xcalloc(1, sizeof(*out));

	grpc__linux_resources__init(out);
	device_rules_fill(out, in);
	memory_fill(out, in);
	cpu_fill(out, in);
	if (in->has_pids_limit) {
		out->pids = xcalloc(1, sizeof(*out->pids));
		grpc__linux_pids__init(out->pids);
		out->pids->limit = in->pids_limit;
	}
	if (in->has_block_io_weight) {
		out->blockio = xcalloc(1, sizeof(*out->blockio));
		grpc__linux_block_io__init(out->blockio);
		out->blockio->weight = (uint32_t)in->block_io_weight;
	}
	unified_fill(out, &in->unified);
	return out;
}

/* The request of UpdateContainer: what is not given stays as it is. */
struct ProtobufCMessage *spec_to_update(const struct shim *shim,
					const struct oci_resources *resources)
{
	Grpc__UpdateContainerRequest *out = xcalloc(1, sizeof(*out));

	grpc__update_container_request__init(out);
	out->container_id = xstrdup(shim->id);
	out->resources = resources_message(resources);
	return &out->base;
}

/**
 * spec_linux() - Build the Linux message
 * @linux_:	From lib/oci
 * @id:		Container id, names its cgroup in the guest
 *
 * Return: message, owned by the caller
 */
struct Grpc__Linux *spec_linux(const struct oci_linux *linux_, const char *id)
{
	Grpc__Linux *out = xcalloc(1, sizeof(*out));

	grpc__linux__init(out);
	out->n_uidmappings = linux_->uid_mapping_count;
	out->uidmappings =
		mappings(linux_->uid_mappings, linux_->uid_mapping_count);
	out->n_gidmappings = linux_->gid_mapping_count;
	out->gidmappings =
		mappings(linux_->gid_mappings, linux_->gid_mapping_count);
	sysctl_fill(out, &linux_->sysctl);
	if (linux_->resources.present)
		out->resources = resources_message(&linux_->resources);
	out->cgroupspath = xasprintf("/%s", id);
	namespaces_fill(out, linux_);
	devices_fill(out, linux_);
	if (linux_->seccomp)
		out->seccomp = seccomp_message(linux_->seccomp);
	if (linux_->rootfs_propagation)
		out->rootfspropagation = xstrdup(linux_->rootfs_propagation);
	out->maskedpaths =
		spec_strings(&linux_->masked_paths, &out->n_maskedpaths);
	out->readonlypaths =
		spec_strings(&linux_->readonly_paths, &out->n_readonlypaths);
	return out;
}
