/* SPDX-License-Identifier: Apache-2.0 */
/* The OCI bundle: config.json, and what the host side must prepare of it. */
#ifndef RUNTIME_BUNDLE_H
#define RUNTIME_BUNDLE_H

#include "err.h"
#include "oci.h"

struct bundle {
	char *path; /* absolute */
	char *text; /* config.json as read */
	size_t len;
	struct oci_spec *spec;
	char *rootfs;		 /* absolute */
	size_t devices_left_out; /* of the host, see lib/oci-devices.c */
};

/* path NULL: the working directory. Everything in the spec will be honoured. */
int bundle_load(const char *path, struct bundle *ret,
		struct err *err) MUST_CHECK;
void bundle_done(struct bundle *bundle);

/* What the host does for one entry of mounts. */
enum mount_kind {
	MOUNT_GUEST, /* proc, sysfs, tmpfs, ...: the agent alone */
	MOUNT_SHM,   /* /dev/shm: a tmpfs of the guest */
	MOUNT_HOST   /* a host path: shared through the file server */
};

enum mount_kind bundle_mount_kind(const struct oci_mount *mount);
/* Source of a host bind, absolute; relative ones are to the bundle. */
char *bundle_mount_source(const struct bundle *bundle,
			  const struct oci_mount *mount);
bool mount_has_option(const struct oci_mount *mount, const char *option);

#endif
