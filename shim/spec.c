// SPDX-License-Identifier: Apache-2.0
/*
 * spec.c - the engine's config.json as the request of CreateContainer.
 *
 * Runs in kata-shim. Needs no rights; its input is the engine's, checked by
 * lib/oci. Every source of a host bind is rewritten to its place in the share,
 * and what belongs to the host (hooks, labels, namespace paths, the network)
 * stays there. docs/architecture.md, "Guest layout".
 */
#include <errno.h>
#include <string.h>

#include "agent.pb-c.h"
#include "alloc.h"
#include "shim.h"

static bool is_bind(const struct oci_mount *mount)
{
	return (mount->type && strcmp(mount->type, "bind") == 0) ||
	       strv_has(&mount->options, "bind") ||
	       strv_has(&mount->options, "rbind");
}

static bool is_at(const struct oci_mount *mount, const char *path)
{
	return strcmp(mount->destination, path) == 0;
}

/* Kernel file systems that engines bind from the host: the guest's own. */
static const struct {
	const char *destination;
	const char *type;
} guest_own[] = {
	{ "/sys/fs/cgroup", "cgroup2" },
	{ "/sys", "sysfs" },
	{ "/proc", "proc" },
	{ "/dev/mqueue", "mqueue" },
};

static void options_fill(Grpc__Mount *out, const struct strv *options,
			 bool keep_bind)
{
	out->options = xcalloc(options->count + 1, sizeof(*out->options));
	for (size_t i = 0; i < options->count; i++) {
		const char *option = options->item[i];

		/* SELinux contexts of the host mean nothing in the guest. */
		if (strncmp(option, "context=", 8) == 0)
			continue;
		if (!keep_bind && (strcmp(option, "bind") == 0 ||
				   strcmp(option, "rbind") == 0))
			continue;
		out->options[out->n_options++] = xstrdup(option);
	}
}

/* /dev/shm of the asked size; its options are those that engines use. */
static void shm_fill(Grpc__Mount *out, const struct oci_mount *mount)
{
	static const char *const fixed[] = { "nosuid", "nodev", "noexec",
					     "mode=1777" };
	const char *size = "size=67108864", *access = "rw";

	for (size_t i = 0; i < mount->options.count; i++) {
		const char *option = mount->options.item[i];

		if (strncmp(option, "size=", 5) == 0)
			size = option;
		/* The last word counts, as everywhere. */
		if (strcmp(option, "ro") == 0 || strcmp(option, "rro") == 0)
			access = "ro";
		if (strcmp(option, "rw") == 0)
			access = "rw";
	}
	out->source = xstrdup("shm");
	out->type = xstrdup("tmpfs");
	out->options = xcalloc(ARRAY_SIZE(fixed) + 2, sizeof(*out->options));
	for (size_t i = 0; i < ARRAY_SIZE(fixed); i++)
		out->options[out->n_options++] = xstrdup(fixed[i]);
	out->options[out->n_options++] = xstrdup(size);
	out->options[out->n_options++] = xstrdup(access);
}

static bool guest_own_fill(Grpc__Mount *out, const struct oci_mount *mount)
{
	for (size_t i = 0; i < ARRAY_SIZE(guest_own); i++) {
		if (!is_at(mount, guest_own[i].destination))
			continue;
		out->source = xstrdup(guest_own[i].type);
		out->type = xstrdup(guest_own[i].type);
		options_fill(out, &mount->options, false);
		return true;
	}
	return false;
}

static void plain_fill(Grpc__Mount *out, const struct oci_mount *mount)
{
	const char *type = mount->type ? mount->type : "";

	if (strcmp(type, "cgroup") == 0)
		type = "cgroup2"; /* the guest has no other */
	out->type = xstrdup(type);
	out->source = xstrdup(mount->source ? mount->source : type);
	options_fill(out, &mount->options, true);
}

static Grpc__Mount *mount_message(const struct shim *shim, size_t index)
{
	const struct oci_mount *mount = &shim->spec->mounts[index];
	Grpc__Mount *out = xcalloc(1, sizeof(*out));

	grpc__mount__init(out);
	out->destination = xstrdup(mount->destination);
	if (!is_bind(mount)) {
		plain_fill(out, mount);
	} else if (is_at(mount, "/dev/shm")) {
		shm_fill(out, mount);
	} else if (!guest_own_fill(out, mount)) {
		out->source = xasprintf("%s/%s/m%zu", SHIM_GUEST_SHARE,
					shim->id, index);
		out->type = xstrdup("bind");
		options_fill(out, &mount->options, true);
	}
	return out;
}

/* A bind that goes to the guest needs the tree that the runtime attached. */
static int mounts_check(const struct shim *shim, struct err *err)
{
	for (size_t i = 0; i < shim->spec->mount_count; i++) {
		const struct oci_mount *mount = &shim->spec->mounts[i];

		if (mount->has_id_mappings)
			return err_msg(
				err, EOPNOTSUPP,
				"mounts[%zu]: id-mapped mounts are not supported",
				i);
		if (mount->type && strcmp(mount->type, "bind") != 0 &&
		    strcmp(mount->type, "none") != 0 && is_bind(mount))
			return err_msg(err, EINVAL,
				       "mounts[%zu]: bind option on type %s", i,
				       mount->type);
	}
	return 0;
}

static Grpc__Spec *spec_message(const struct shim *shim)
{
	const struct oci_spec *spec = shim->spec;
	Grpc__Spec *out = xcalloc(1, sizeof(*out));

	grpc__spec__init(out);
	out->version = xstrdup(spec->version);
	out->process = spec_process(&spec->process);
	out->root = xcalloc(1, sizeof(*out->root));
	grpc__root__init(out->root);
	out->root->path = xasprintf("%s/%s/rootfs", SHIM_GUEST_SHARE, shim->id);
	out->root->readonly = spec->root_readonly;
	if (spec->hostname)
		out->hostname = xstrdup(spec->hostname);
	if (spec->domainname)
		out->domainname = xstrdup(spec->domainname);
	out->n_mounts = spec->mount_count;
	out->mounts = xcalloc(spec->mount_count, sizeof(*out->mounts));
	for (size_t i = 0; i < spec->mount_count; i++)
		out->mounts[i] = mount_message(shim, i);
	out->linux_ = spec_linux(&spec->linux_, shim->id);
	return out;
}

/**
 * spec_to_create() - Build the request of CreateContainer
 * @shim:	With spec and id
 * @err:	Filled on failure
 *
 * Return: message, to be freed with agent_message_free(); NULL on failure
 */
struct ProtobufCMessage *spec_to_create(const struct shim *shim, struct err *err)
{
	Grpc__CreateContainerRequest *out;

	if (mounts_check(shim, err) < 0)
		return NULL;
	out = xcalloc(1, sizeof(*out));
	grpc__create_container_request__init(out);
	out->container_id = xstrdup(shim->id);
	out->exec_id = xstrdup(shim->process_id);
	out->oci = spec_message(shim);
	return &out->base;
}
