// SPDX-License-Identifier: Apache-2.0
/*
 * oci-devices.c - devices of the host that a config.json mentions and a VM
 * has no use for. Linked by kata-runtime and kata-shim, which read the same
 * text and so agree on what is left; needs no right.
 *
 * Engines write every node of the host's /dev into the config.json of a
 * privileged container, rootless as binds. Such a container asks for all that
 * there is, and in here that is the guest's: the nodes are left out, and the
 * fact is reported. Less is given than was asked, so the claim needs no
 * trust. Any other container that names a device of the host meant it, and is
 * refused later.
 */
#include <string.h>

#include "alloc.h"
#include "oci.h"

static const struct {
	const char *path;
	int64_t major, minor;
} guest_own[] = {
	{ "/dev/null", 1, 3 },	  { "/dev/zero", 1, 5 },
	{ "/dev/full", 1, 7 },	  { "/dev/random", 1, 8 },
	{ "/dev/urandom", 1, 9 }, { "/dev/tty", 5, 0 },
};

/* No letter at all means all three. */
static bool is_all_access(const char *access)
{
	return !access || !*access ||
	       (strchr(access, 'r') && strchr(access, 'w') &&
		strchr(access, 'm'));
}

/*
 * "a *:* rwm", as docker and containerd write it too. A later rule overrides,
 * so from the last to the first; one with numbers does not count as everything.
 */
bool oci_allows_every_device(const struct oci_resources *resources)
{
	for (size_t i = resources->device_count; i-- > 0;) {
		const struct oci_device_rule *rule = &resources->devices[i];

		if (!rule->allow)
			return false;
		if ((!rule->type || !*rule->type ||
		     strcmp(rule->type, "a") == 0) &&
		    rule->major < 0 && rule->minor < 0 &&
		    is_all_access(rule->access))
			return true;
	}
	return false;
}

/*
 * The words are an annotation too, and some engines hand on annotations of
 * their users. containerd's CRI plugin is one where those are not trusted as
 * much as the engine; it always writes keys of its own, which libpod never does
 * (libpod's own begin with "io.kubernetes.cri-o."). CRI-O sets the manager
 * itself, over what a pod says.
 */
bool oci_is_libpods(const struct oci_spec *spec)
{
	static const char cri[] = "io.kubernetes.cri.";
	const char *manager = oci_annotation(spec, "io.container.manager");

	for (size_t i = 0; i < spec->annotations.count; i++)
		if (strncmp(spec->annotations.item[i].key, cri, strlen(cri)) == 0)
			return false;
	return manager && strcmp(manager, "libpod") == 0;
}

/*
 * podman says so. docker and containerd do not: theirs is known by all the
 * walls that are missing at once.
 */
bool oci_is_privileged(const struct oci_spec *spec)
{
	const struct oci_linux *linux_ = &spec->linux_;
	const char *said =
		oci_annotation(spec, "io.podman.annotations.privileged");

	if (oci_is_libpods(spec))
		return said && strcmp(said, "TRUE") == 0;
	return oci_allows_every_device(&linux_->resources) &&
	       !linux_->seccomp && linux_->masked_paths.count == 0 &&
	       linux_->readonly_paths.count == 0 &&
	       strv_has(&spec->process.caps.bounding, "CAP_SYS_ADMIN") &&
	       strv_has(&spec->process.caps.bounding, "CAP_SYS_RAWIO");
}

/* "/dev/x" upon "/dev/x": how engines hand over a device without mknod. */
static bool is_device_bind(const struct oci_mount *mount)
{
	return mount->source && strcmp(mount->source, mount->destination) == 0 &&
	       strncmp(mount->source, "/dev/", strlen("/dev/")) == 0 &&
	       strcmp(mount->source, "/dev/shm") != 0 &&
	       (strv_has(&mount->options, "bind") ||
		strv_has(&mount->options, "rbind") ||
		(mount->type && strcmp(mount->type, "bind") == 0));
}

/* The guest's own node does the same. */
static bool is_guest_own_path(const char *path)
{
	for (size_t i = 0; i < ARRAY_SIZE(guest_own); i++)
		if (strcmp(guest_own[i].path, path) == 0)
			return true;
	return false;
}

static bool is_guest_own(const struct oci_device *device)
{
	for (size_t i = 0; device->type != 'b' && i < ARRAY_SIZE(guest_own); i++)
		if (guest_own[i].major == device->major &&
		    guest_own[i].minor == device->minor)
			return true;
	return device->type == 'p';
}

size_t oci_leave_out_devices(struct oci_spec *spec)
{
	struct oci_linux *linux_ = &spec->linux_;
	bool privileged = oci_is_privileged(spec);
	size_t kept = 0, host = 0;

	for (size_t i = 0; i < spec->mount_count; i++) {
		struct oci_mount *mount = &spec->mounts[i];
		bool own = is_guest_own_path(mount->destination);

		if (!is_device_bind(mount) || (!own && !privileged)) {
			spec->mounts[kept++] = *mount;
			continue;
		}
		host += !own;
		oci_mount_done(mount);
	}
	spec->mount_count = kept;
	kept = 0;
	for (size_t i = 0; i < linux_->device_count; i++) {
		struct oci_device *device = &linux_->devices[i];

		if (!privileged || is_guest_own(device)) {
			linux_->devices[kept++] = *device;
			continue;
		}
		host++;
		free(device->path);
	}
	linux_->device_count = kept;
	return host;
}
