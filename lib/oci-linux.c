// SPDX-License-Identifier: Apache-2.0
/*
 * oci-linux.c - the linux object of config.json. Runs in kata-runtime without
 * any right; types, ranges and counts are checked.
 */
#include <errno.h>
#include <string.h>

#include "auto.h"
#include "oci-read.h"
#include "seccomp.h"

#define NAMESPACES_MAX 16 /* more than there are types */

static bool is_namespace_type(const char *type)
{
	static const char *const known[] = { "pid", "network", "mount",	 "ipc",
					     "uts", "user",    "cgroup", "time" };

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (strcmp(known[i], type) == 0)
			return true;
	return false;
}

static void read_namespace(struct oci_in *in, struct oci_linux *ret)
{
	struct oci_namespace *ns = &ret->namespaces[ret->namespace_count++];

	oci_need_string(in, "type", &ns->type);
	oci_read_string(in, "path", &ns->path);
	if (ns->path && !*ns->path) {
		free(ns->path);
		ns->path = NULL;
	}
	if (in->r < 0)
		return;
	if (!is_namespace_type(ns->type))
		oci_fail(in, "type", EINVAL, "no such kind of namespace");
	if (ns->path && ns->path[0] != '/')
		oci_fail(in, "path", EINVAL, "must be an absolute path");
	for (size_t i = 0; i + 1 < ret->namespace_count; i++)
		if (strcmp(ret->namespaces[i].type, ns->type) == 0)
			oci_fail(in, "type", EINVAL, "is there twice");
}

static void read_namespaces(struct oci_in *in, struct oci_linux *ret)
{
	struct oci_list list;
	struct oci_in item;

	oci_enter_list(in, "namespaces", NAMESPACES_MAX, &list);
	ret->namespaces = xcalloc(list.count, sizeof(*ret->namespaces));
	for (size_t i = 0; i < list.count; i++) {
		if (!oci_enter_item(in, &list, i, &item))
			return;
		read_namespace(&item, ret);
		oci_leave(in, &item);
	}
}

static void read_mappings(struct oci_in *in, const char *key,
			  struct oci_mapping **ret, size_t *ret_count)
{
	struct oci_list list;
	struct oci_in item;

	oci_enter_list(in, key, OCI_MAPPINGS_MAX, &list);
	*ret = xcalloc(list.count, sizeof(**ret));
	for (size_t i = 0; i < list.count; i++) {
		struct oci_mapping *map = &(*ret)[i];

		if (!oci_enter_item(in, &list, i, &item))
			return;
		oci_need_u32(&item, "hostID", &map->host_id);
		oci_need_u32(&item, "containerID", &map->container_id);
		oci_need_u32(&item, "size", &map->size);
		oci_leave(in, &item);
		++*ret_count;
	}
}

static void read_device(struct oci_in *in, struct oci_device *ret)
{
	AUTO_FREE char *type = NULL;

	oci_need_string(in, "path", &ret->path);
	if (ret->path && ret->path[0] != '/')
		oci_fail(in, "path", EINVAL, "must be an absolute path");
	oci_need_string(in, "type", &type);
	if (in->r < 0)
		return;
	if (strlen(type) != 1 || !strchr("bcup", *type))
		oci_fail(in, "type", EINVAL, "must be b, c, u or p");
	ret->type = *type;
	oci_read_i64(in, "major", &ret->major);
	oci_read_i64(in, "minor", &ret->minor);
	if (ret->type != 'p' && (ret->major < 0 || ret->minor < 0))
		oci_fail(in, "major", EINVAL, "a device number is negative");
	ret->has_mode = oci_read_u32(in, "fileMode", 0xffff, &ret->mode);
	oci_read_u32(in, "uid", UINT32_MAX - 1, &ret->uid);
	oci_read_u32(in, "gid", UINT32_MAX - 1, &ret->gid);
}

static void read_devices(struct oci_in *in, struct oci_linux *ret)
{
	struct oci_list list;
	struct oci_in item;

	oci_enter_list(in, "devices", OCI_DEVICES_MAX, &list);
	ret->devices = xcalloc(list.count, sizeof(*ret->devices));
	for (size_t i = 0; i < list.count; i++) {
		if (!oci_enter_item(in, &list, i, &item))
			return;
		read_device(&item, &ret->devices[ret->device_count++]);
		oci_leave(in, &item);
	}
}

static void read_parts(struct oci_in *in, struct oci_linux *ret)
{
	struct oci_in child;

	if (oci_enter(in, "resources", &child)) {
		oci_resources_read(&child, &ret->resources);
		oci_leave(in, &child);
	}
	if (oci_enter(in, "seccomp", &child)) {
		ret->seccomp = xcalloc(1, sizeof(*ret->seccomp));
		oci_seccomp_read(&child, ret->seccomp);
		oci_leave(in, &child);
	}
}

static void read_paths(struct oci_in *in, const char *key, struct strv *ret)
{
	oci_read_strv(in, key, ret);
	for (size_t i = 0; i < ret->count; i++)
		if (ret->item[i][0] != '/')
			oci_fail(in, key, EINVAL, "must be absolute paths");
}

void oci_linux_read(struct oci_in *in, struct oci_linux *ret)
{
	read_namespaces(in, ret);
	read_mappings(in, "uidMappings", &ret->uid_mappings,
		      &ret->uid_mapping_count);
	read_mappings(in, "gidMappings", &ret->gid_mappings,
		      &ret->gid_mapping_count);
	oci_read_pairs(in, "sysctl", &ret->sysctl);
	oci_read_string(in, "cgroupsPath", &ret->cgroups_path);
	read_parts(in, ret);
	read_devices(in, ret);
	oci_read_string(in, "rootfsPropagation", &ret->rootfs_propagation);
	read_paths(in, "maskedPaths", &ret->masked_paths);
	read_paths(in, "readonlyPaths", &ret->readonly_paths);
	oci_read_string(in, "mountLabel", &ret->mount_label);
	ret->has_intel_rdt = oci_has(in, "intelRdt");
	ret->has_personality = oci_has(in, "personality");
	ret->has_time_offsets = oci_has_content(in, "timeOffsets");
	ret->has_net_devices = oci_has_content(in, "netDevices");
	ret->has_memory_policy = oci_has(in, "memoryPolicy");
}

void oci_linux_done(struct oci_linux *linux_)
{
	for (size_t i = 0; i < linux_->namespace_count; i++) {
		free(linux_->namespaces[i].type);
		free(linux_->namespaces[i].path);
	}
	free(linux_->namespaces);
	free(linux_->uid_mappings);
	free(linux_->gid_mappings);
	oci_pairs_done(&linux_->sysctl);
	free(linux_->cgroups_path);
	oci_resources_done(&linux_->resources);
	for (size_t i = 0; i < linux_->device_count; i++)
		free(linux_->devices[i].path);
	free(linux_->devices);
	seccomp_profile_free(linux_->seccomp);
	free(linux_->rootfs_propagation);
	strv_done(&linux_->masked_paths);
	strv_done(&linux_->readonly_paths);
	free(linux_->mount_label);
	*linux_ = (struct oci_linux){ 0 };
}
