// SPDX-License-Identifier: Apache-2.0
/*
 * oci-unsupported.c - what a valid config.json may ask and nobody here can do
 * yet. Each is refused by its JSON path: an engine that asked must learn that
 * it does not get. Runs in kata-runtime without any right.
 *
 * Recorded and not refused: apparmorProfile (the VM stands in its place),
 * selinuxLabel and mountLabel (they speak of host processes and files),
 * a missing uts or cgroup namespace (the VM always has its own).
 */
#include "oci.h"

#include <errno.h>
#include <string.h>

static int refuse(struct err *err, const char *path, const char *why)
{
	return err_msg(err, EOPNOTSUPP, "%s: not supported%s%s", path,
		       *why ? ": " : "", why);
}

/* The first true entry of a table is refused. */
struct finding {
	bool found;
	const char *path;
	const char *why;
};

static int refuse_found(const struct finding *finding, size_t count,
			struct err *err)
{
	for (size_t i = 0; i < count; i++)
		if (finding[i].found)
			return refuse(err, finding[i].path, finding[i].why);
	return 0;
}

int oci_process_unsupported(const struct oci_process *process, struct err *err)
{
	const struct finding finding[] = {
		{ process->has_scheduler, "process.scheduler", "" },
		{ process->has_io_priority, "process.ioPriority", "" },
		{ process->has_cpu_affinity, "process.execCPUAffinity", "" },
	};

	return refuse_found(finding, ARRAY_SIZE(finding), err);
}

static int check_top(const struct oci_spec *spec, struct err *err)
{
	const struct oci_hooks *hooks = &spec->hooks;
	const struct finding finding[] = {
		{ !spec->has_process, "process", "it is missing" },
		{ hooks->create_container.count, "hooks.createContainer",
		  "the container's namespaces are in the VM, this program is not" },
		{ hooks->start_container.count, "hooks.startContainer",
		  "the container's namespaces are in the VM, this program is not" },
		{ spec->domainname && *spec->domainname, "domainname", "" },
		{ spec->has_vm, "vm", "the VM is chosen by configuration.toml" },
	};

	return refuse_found(finding, ARRAY_SIZE(finding), err);
}

static int check_namespaces(const struct oci_spec *spec, struct err *err)
{
	const struct finding finding[] = {
		{ !oci_namespace(spec, "network"), "linux.namespaces",
		  "no network entry (--network host): a VM cannot share the host's network" },
		{ !oci_namespace(spec, "pid"), "linux.namespaces",
		  "no pid entry (--pid host): a VM cannot see the host's processes" },
		{ !oci_namespace(spec, "ipc"), "linux.namespaces",
		  "no ipc entry (--ipc host): a VM cannot share the host's IPC" },
		{ !oci_namespace(spec, "mount"), "linux.namespaces",
		  "no mount entry: a VM cannot share the host's mounts" },
	};
	int r = refuse_found(finding, ARRAY_SIZE(finding), err);

	for (size_t i = 0; r >= 0 && i < spec->linux_.namespace_count; i++) {
		const struct oci_namespace *ns = &spec->linux_.namespaces[i];
		char path[64];

		if (strcmp(ns->type, "user") == 0) {
			snprintf(path, sizeof(path), "linux.namespaces[%zu]", i);
			r = refuse(err, path,
				   "a user namespace (--userns, --uidmap)");
		} else if (ns->path && strcmp(ns->type, "network") != 0) {
			snprintf(path, sizeof(path),
				 "linux.namespaces[%zu].path", i);
			r = refuse(err, path,
				   "joining a namespace of this type");
		}
	}
	return r;
}

/*
 * shared and slave need a mount table that host and guest have in common.
 * Podman asks slave for each single device that it binds: nothing is ever
 * mounted below a device, so that one is honoured as it is.
 */
static bool wants_propagation(const struct oci_mount *mount)
{
	bool is_device = mount->source &&
			 strncmp(mount->source, "/dev/", strlen("/dev/")) == 0;

	if (strv_has(&mount->options, "shared") ||
	    strv_has(&mount->options, "rshared"))
		return true;
	return !is_device && (strv_has(&mount->options, "slave") ||
			      strv_has(&mount->options, "rslave"));
}

static int check_mounts(const struct oci_spec *spec, struct err *err)
{
	char path[64];

	for (size_t i = 0; i < spec->mount_count; i++) {
		const struct oci_mount *mount = &spec->mounts[i];

		snprintf(path, sizeof(path), "mounts[%zu].options", i);
		if (mount->has_id_mappings)
			return refuse(err, path, "id-mapped mounts");
		if (wants_propagation(mount))
			return refuse(
				err, path,
				"mounts do not propagate between host and VM (shared, slave)");
	}
	return 0;
}

int oci_resources_unsupported(const struct oci_resources *r, struct err *err)
{
	const struct finding finding[] = {
		{ r->has_hugepages, "linux.resources.hugepageLimits", "" },
		{ r->has_network, "linux.resources.network", "" },
		{ r->has_rdma, "linux.resources.rdma", "" },
		{ r->has_block_io_other, "linux.resources.blockIO",
		  "settings of single devices" },
		{ r->has_memory_other, "linux.resources.memory",
		  "swappiness and disableOOMKiller" },
		{ r->has_cpu_other, "linux.resources.cpu",
		  "realtime, burst and idle" },
	};

	return refuse_found(finding, ARRAY_SIZE(finding), err);
}

static int check_linux(const struct oci_linux *linux_, struct err *err)
{
	const char *propagation =
		linux_->rootfs_propagation ? linux_->rootfs_propagation : "";
	const struct finding finding[] = {
		{ linux_->uid_mapping_count, "linux.uidMappings", "" },
		{ linux_->gid_mapping_count, "linux.gidMappings", "" },
		{ linux_->has_intel_rdt, "linux.intelRdt", "" },
		{ linux_->has_personality, "linux.personality", "" },
		{ linux_->has_time_offsets, "linux.timeOffsets", "" },
		{ linux_->has_net_devices, "linux.netDevices", "" },
		{ linux_->has_memory_policy, "linux.memoryPolicy", "" },
		{ strcmp(propagation, "shared") == 0 ||
			  strcmp(propagation, "rshared") == 0,
		  "linux.rootfsPropagation", propagation },
	};

	return refuse_found(finding, ARRAY_SIZE(finding), err);
}

static int check_seccomp(const struct oci_seccomp *seccomp, struct err *err)
{
	char path[64];

	if (!seccomp)
		return 0;
	if (seccomp->listener_path)
		return refuse(err, "linux.seccomp.listenerPath", "");
	if (strcmp(seccomp->default_action, "SCMP_ACT_NOTIFY") == 0)
		return refuse(err, "linux.seccomp.defaultAction",
			      "SCMP_ACT_NOTIFY");
	for (size_t i = 0; i < seccomp->syscall_count; i++) {
		if (strcmp(seccomp->syscalls[i].action, "SCMP_ACT_NOTIFY") != 0)
			continue;
		snprintf(path, sizeof(path),
			 "linux.seccomp.syscalls[%zu].action", i);
		return refuse(err, path, "SCMP_ACT_NOTIFY");
	}
	return 0;
}

int oci_unsupported(const struct oci_spec *spec, struct err *err)
{
	int r = check_top(spec, err);

	if (r >= 0)
		r = oci_process_unsupported(&spec->process, err);
	if (r >= 0)
		r = check_namespaces(spec, err);
	if (r >= 0)
		r = check_mounts(spec, err);
	if (r >= 0)
		r = check_linux(&spec->linux_, err);
	if (r >= 0)
		r = oci_resources_unsupported(&spec->linux_.resources, err);
	return r < 0 ? r : check_seccomp(spec->linux_.seccomp, err);
}
