// SPDX-License-Identifier: Apache-2.0
/*
 * oci.c - config.json of the OCI runtime specification, top level. Runs in
 * kata-runtime without any right. The engine that wrote the file is trusted;
 * parts of it come from users and images, so limits and types are checked.
 */
#include "oci.h"

#include <errno.h>
#include <string.h>

#include "auto.h"
#include "oci-read.h"
#include "path.h"

/* MAJOR.MINOR.PATCH of Semantic Versioning 2.0.0, with what may follow. */
static bool is_version_1(const char *text)
{
	static const char more[] = "abcdefghijklmnopqrstuvwxyz"
				   "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.+";
	const char *at = text;

	if (strncmp(at, "1.", 2) != 0)
		return false;
	for (int i = 0; i < 2; i++) {
		size_t digits;

		at = strchr(at, '.');
		digits = at ? strspn(++at, "0123456789") : 0;
		if (digits == 0 || (at[0] == '0' && digits > 1))
			return false;
		if (i == 0 && at[digits] != '.')
			return false;
		at += i == 1 ? digits : 0;
	}
	if (*at == '\0')
		return true;
	return (*at == '-' || *at == '+') && at[1] &&
	       at[strspn(at, more)] == '\0';
}

static void read_version(struct oci_in *in, struct oci_spec *ret)
{
	oci_need_string(in, "ociVersion", &ret->version);
	if (ret->version && !is_version_1(ret->version))
		oci_fail(in, "ociVersion", EINVAL,
			 "must be a version 1.MINOR.PATCH");
}

static void read_root(struct oci_in *in, struct oci_spec *ret)
{
	struct oci_in root;

	if (!oci_enter(in, "root", &root)) {
		oci_fail(in, "root", EINVAL, "is missing");
		return;
	}
	oci_need_string(&root, "path", &ret->root_path);
	oci_read_bool(&root, "readonly", &ret->root_readonly);
	oci_leave(in, &root);
}

static void read_mount(struct oci_in *in, struct oci_mount *ret)
{
	AUTO_FREE char *rooted = NULL;

	oci_need_string(in, "destination", &ret->destination);
	if (in->r < 0)
		return;
	if (!*ret->destination) {
		oci_fail(in, "destination", EINVAL, "is empty");
		return;
	}
	/* Old tools write relative paths: they are meant from the root. */
	rooted = xasprintf("/%s", ret->destination);
	free(ret->destination);
	ret->destination = path_normalise(rooted);
	oci_read_string(in, "source", &ret->source);
	oci_read_string(in, "type", &ret->type);
	oci_read_strv(in, "options", &ret->options);
	ret->has_id_mappings = oci_has_content(in, "uidMappings") ||
			       oci_has_content(in, "gidMappings");
	for (size_t i = 0; i < ret->options.count; i++) {
		const char *option = ret->options.item[i];

		if (strcmp(option, "idmap") == 0 ||
		    strcmp(option, "ridmap") == 0 ||
		    strncmp(option, "idmap=", 6) == 0)
			ret->has_id_mappings = true;
	}
}

static void read_mounts(struct oci_in *in, struct oci_spec *ret)
{
	struct oci_list list;
	struct oci_in item;

	oci_enter_list(in, "mounts", OCI_MOUNTS_MAX, &list);
	ret->mounts = xcalloc(list.count, sizeof(*ret->mounts));
	for (size_t i = 0; i < list.count; i++) {
		if (!oci_enter_item(in, &list, i, &item))
			return;
		read_mount(&item, &ret->mounts[ret->mount_count++]);
		oci_leave(in, &item);
	}
}

static void read_spec(struct oci_in *in, struct oci_spec *ret)
{
	struct oci_in child;

	read_version(in, ret);
	if (oci_enter(in, "process", &child)) {
		ret->has_process = true;
		oci_process_read(&child, &ret->process);
		oci_leave(in, &child);
	}
	read_root(in, ret);
	oci_read_string(in, "hostname", &ret->hostname);
	oci_read_string(in, "domainname", &ret->domainname);
	read_mounts(in, ret);
	if (oci_enter(in, "hooks", &child)) {
		oci_hooks_read(&child, &ret->hooks);
		oci_leave(in, &child);
	}
	oci_read_pairs(in, "annotations", &ret->annotations);
	for (size_t i = 0; i < ret->annotations.count; i++)
		if (!*ret->annotations.item[i].key)
			oci_fail(in, "annotations", EINVAL, "has an empty key");
	if (oci_enter(in, "linux", &child)) {
		oci_linux_read(&child, &ret->linux_);
		oci_leave(in, &child);
	} else {
		oci_fail(in, "linux", EINVAL, "is missing");
	}
	ret->has_vm = oci_has_content(in, "vm");
}

/**
 * oci_spec_parse() - config.json to a checked struct
 * @text:	JSON
 * @len:	Its length
 * @ret_spec:	Owned by the caller (oci_spec_free)
 * @err:	Filled on failure, with the JSON path
 *
 * Return: 0; -EFBIG, -E2BIG above a limit; -EINVAL
 */
int oci_spec_parse(const char *text, size_t len, struct oci_spec **ret_spec,
		   struct err *err)
{
	struct oci_spec *spec;
	struct json *tree = NULL;
	struct oci_in in;
	int r = json_parse(text, len, &json_limits_config, &tree, err);

	if (r < 0)
		return r;
	spec = xcalloc(1, sizeof(*spec));
	oci_in_init(&in, tree, "", err);
	read_spec(&in, spec);
	json_free(tree);
	if (in.r < 0) {
		oci_spec_free(spec);
		return in.r;
	}
	*ret_spec = spec;
	return 0;
}

void oci_mount_done(struct oci_mount *mount)
{
	free(mount->destination);
	free(mount->source);
	free(mount->type);
	strv_done(&mount->options);
}

void oci_spec_free(struct oci_spec *spec)
{
	if (!spec)
		return;
	free(spec->version);
	oci_process_done(&spec->process);
	free(spec->root_path);
	free(spec->hostname);
	free(spec->domainname);
	for (size_t i = 0; i < spec->mount_count; i++)
		oci_mount_done(&spec->mounts[i]);
	free(spec->mounts);
	oci_hooks_done(&spec->hooks);
	oci_pairs_done(&spec->annotations);
	oci_linux_done(&spec->linux_);
	free(spec);
}

const char *oci_annotation(const struct oci_spec *spec, const char *key)
{
	for (size_t i = 0; i < spec->annotations.count; i++)
		if (strcmp(spec->annotations.item[i].key, key) == 0)
			return spec->annotations.item[i].value;
	return NULL;
}

const struct oci_namespace *oci_namespace(const struct oci_spec *spec,
					  const char *type)
{
	for (size_t i = 0; i < spec->linux_.namespace_count; i++)
		if (strcmp(spec->linux_.namespaces[i].type, type) == 0)
			return &spec->linux_.namespaces[i];
	return NULL;
}
