// SPDX-License-Identifier: Apache-2.0
/*
 * bundle.c - reads the engine's bundle in kata-runtime. config.json is the
 * engine's and trusted in meaning, but parsed under limits; rootfs contents
 * are not looked at here.
 */
#include "bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "auto.h"
#include "path.h"

#define CONFIG_BYTES_MAX (4u << 20)

static char *absolute(const char *base, const char *path)
{
	AUTO_FREE char *joined = NULL;

	if (path[0] == '/')
		return path_normalise(path);
	joined = xasprintf("%s/%s", base, path);
	return path_normalise(joined);
}

static int read_config(struct bundle *b, struct err *err)
{
	AUTO_FREE char *file = xasprintf("%s/config.json", b->path);

	if (access(b->path, F_OK) < 0)
		return err_set(err, errno, "bundle %s", b->path);
	if (path_read_file(AT_FDCWD, file, CONFIG_BYTES_MAX, &b->text, err) < 0)
		return err_wrap(err, "bundle");
	b->len = strlen(b->text);
	if (oci_spec_parse(b->text, b->len, &b->spec, err) < 0)
		return err_wrap(err, "config.json");
	if (!b->spec->has_process)
		return err_msg(err, EINVAL, "config.json: process is missing");
	if (!b->spec->root_path)
		return err_msg(err, EINVAL, "config.json: root.path is missing");
	b->devices_left_out = oci_leave_out_devices(b->spec);
	if (oci_unsupported(b->spec, err) < 0)
		return err_wrap(err, "config.json");
	return 0;
}

int bundle_load(const char *path, struct bundle *ret, struct err *err)
{
	struct bundle b = { 0 };
	AUTO_FREE char *cwd = getcwd(NULL, 0);

	if (!cwd)
		return err_set(err, errno, "working directory");
	b.path = absolute(cwd, path ? path : ".");
	if (read_config(&b, err) < 0) {
		bundle_done(&b);
		return -err->code;
	}
	b.rootfs = absolute(b.path, b.spec->root_path);
	*ret = b;
	return 0;
}

void bundle_done(struct bundle *b)
{
	free(b->path);
	free(b->text);
	free(b->rootfs);
	oci_spec_free(b->spec);
	memset(b, 0, sizeof(*b));
}

bool mount_has_option(const struct oci_mount *mount, const char *option)
{
	return strv_has(&mount->options, option);
}

enum mount_kind bundle_mount_kind(const struct oci_mount *mount)
{
	bool bind = (mount->type && strcmp(mount->type, "bind") == 0) ||
		    mount_has_option(mount, "bind") ||
		    mount_has_option(mount, "rbind");

	if (!bind)
		return MOUNT_GUEST;
	if (strcmp(mount->destination, "/dev/shm") == 0)
		return MOUNT_SHM;
	/* The guest has its own of these; the host's are not its business. */
	if (strcmp(mount->destination, "/sys") == 0 ||
	    strcmp(mount->destination, "/sys/fs/cgroup") == 0)
		return MOUNT_GUEST;
	return MOUNT_HOST;
}

char *bundle_mount_source(const struct bundle *bundle,
			  const struct oci_mount *mount)
{
	return absolute(bundle->path, mount->source ? mount->source : ".");
}
