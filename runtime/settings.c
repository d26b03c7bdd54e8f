// SPDX-License-Identifier: Apache-2.0
/*
 * settings.c - configuration.toml as kata-runtime create reads it, once per
 * sandbox. A key that is unknown, of a wrong type or out of range is an error
 * with file and line; so is a file that somebody else may write.
 */
#include "settings.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "auto.h"
#include "fd.h"
#include "path.h"
#include "toml.h"

#define SYSTEM_FILE "/etc/kata/configuration.toml"

/* Directory above the one this program lies in; caller frees. */
static int own_prefix(char **ret, struct err *err)
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	char *slash;

	if (n < 0)
		return err_set(err, errno, "read /proc/self/exe");
	path[n] = '\0';
	for (int i = 0; i < 2; i++) {
		slash = strrchr(path, '/');
		if (!slash)
			return err_msg(err, ENOENT, "no directory above %s",
				       path);
		*slash = '\0';
	}
	*ret = xstrdup(path);
	return 0;
}

static int set_defaults(struct settings *s, struct err *err)
{
	AUTO_FREE char *prefix = NULL;

	if (own_prefix(&prefix, err) < 0)
		return -err->code;
	*s = (struct settings){
		.accelerator = ACCEL_WANT_AUTO,
		.kernel = xasprintf("%s/share/kata/vmlinux", prefix),
		.initrd = xasprintf("%s/share/kata/initrd.img", prefix),
		.policies = xasprintf("%s/share/kata/policies", prefix),
		.seccomp = xasprintf("%s/share/kata/seccomp", prefix),
		.jailer = xasprintf("%s/libexec/kata/kata-jailer", prefix),
		.proxy = xasprintf("%s/libexec/kata/kata-proxy", prefix),
		.shim = xasprintf("%s/libexec/kata/kata-shim", prefix),
		.default_memory_mib = 256,
		.default_vcpus = 1,
		.memory_overhead_mib = 192,
		.boot_timeout_kvm = 30,
		.boot_timeout_tcg = 60,
		.sandbox_uid_base = 1900000000,
		.sandbox_uid_count = 65536,
	};
	return 0;
}

enum value_kind {
	VALUE_PATH,
	VALUE_U32,
	VALUE_BOOL,
	VALUE_ACCEL,
	VALUE_LAYERS
};

struct key {
	const char *table;
	const char *name;
	enum value_kind kind;
	size_t offset;
	uint32_t min, max;
};

#define AT(field) offsetof(struct settings, field)
static const struct key keys[] = {
	{ "hypervisor.qemu", "kernel", VALUE_PATH, AT(kernel), 0, 0 },
	{ "hypervisor.qemu", "initrd", VALUE_PATH, AT(initrd), 0, 0 },
	{ "hypervisor.qemu", "accelerator", VALUE_ACCEL, AT(accelerator), 0, 0 },
	{ "hypervisor.qemu", "default_vcpus", VALUE_U32, AT(default_vcpus), 1,
	  16 },
	{ "hypervisor.qemu", "default_memory", VALUE_U32,
	  AT(default_memory_mib), 96, 65536 },
	{ "hypervisor.qemu", "memory_overhead", VALUE_U32,
	  AT(memory_overhead_mib), 64, 4096 },
	{ "hypervisor.qemu", "boot_timeout_kvm", VALUE_U32,
	  AT(boot_timeout_kvm), 1, 600 },
	{ "hypervisor.qemu", "boot_timeout_tcg", VALUE_U32,
	  AT(boot_timeout_tcg), 1, 600 },
	{ "runtime", "jailer", VALUE_PATH, AT(jailer), 0, 0 },
	{ "runtime", "proxy", VALUE_PATH, AT(proxy), 0, 0 },
	{ "runtime", "shim", VALUE_PATH, AT(shim), 0, 0 },
	{ "security", "policies", VALUE_PATH, AT(policies), 0, 0 },
	{ "security", "seccomp", VALUE_PATH, AT(seccomp), 0, 0 },
	{ "security", "sandbox_uid_base", VALUE_U32, AT(sandbox_uid_base),
	  65536, 4294900000u },
	{ "security", "sandbox_uid_count", VALUE_U32, AT(sandbox_uid_count), 1,
	  1000000 },
	{ "security", "required", VALUE_LAYERS, AT(required), 0, 0 },
	{ "security", "single_id", VALUE_BOOL, AT(single_id), 0, 0 },
};

static int set_path(char **field, const struct toml_entry *e, struct err *err)
{
	if (e->type != TOML_STRING || e->string[0] != '/')
		return err_msg(err, EINVAL, "must be an absolute path");
	free(*field);
	*field = xstrdup(e->string);
	return 0;
}

static int set_accel(enum accel_request *field, const struct toml_entry *e,
		     struct err *err)
{
	int want = e->type == TOML_STRING ? accel_request_parse(e->string) :
					    -EINVAL;

	if (want < 0)
		return err_msg(err, EINVAL,
			       "must be \"auto\", \"kvm\" or \"tcg\"");
	*field = (enum accel_request)want;
	return 0;
}

static int set_layers(uint32_t *field, const struct toml_entry *e,
		      struct err *err)
{
	static const char *const name[] = { "cgroup", "selinux", "landlock",
					    "kvm" };

	if (e->type != TOML_STRV)
		return err_msg(err, EINVAL, "must be a list of layers");
	*field = 0;
	for (size_t i = 0; i < e->strings.count; i++) {
		size_t k = 0;

		while (k < ARRAY_SIZE(name) &&
		       strcmp(name[k], e->strings.item[i]) != 0)
			k++;
		if (k == ARRAY_SIZE(name))
			return err_msg(err, EINVAL, "unknown layer \"%s\"",
				       e->strings.item[i]);
		if (1u << k == LAYER_LANDLOCK)
			return err_msg(err, EOPNOTSUPP,
				       "layer \"%s\" is not supported yet",
				       name[k]);
		*field |= 1u << k;
	}
	return 0;
}

static int set_value(struct settings *s, const struct key *key,
		     const struct toml_entry *e, struct err *err)
{
	void *field = (char *)s + key->offset;

	switch (key->kind) {
	case VALUE_PATH:
		return set_path(field, e, err);
	case VALUE_ACCEL:
		return set_accel(field, e, err);
	case VALUE_LAYERS:
		return set_layers(field, e, err);
	case VALUE_BOOL:
		if (e->type != TOML_BOOL)
			return err_msg(err, EINVAL, "must be true or false");
		*(bool *)field = e->boolean;
		return 0;
	case VALUE_U32:
		if (e->type != TOML_INTEGER || e->integer < key->min ||
		    e->integer > key->max)
			return err_msg(err, EINVAL,
				       "must be a number from %u to %u",
				       key->min, key->max);
		*(uint32_t *)field = (uint32_t)e->integer;
		return 0;
	}
	return err_msg(err, EINVAL, "unknown kind");
}

static int apply_entry(struct settings *s, const struct toml_entry *e,
		       struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (strcmp(keys[i].table, e->table) != 0 ||
		    strcmp(keys[i].name, e->key) != 0)
			continue;
		if (set_value(s, &keys[i], e, err) < 0)
			return err_wrap(err, "line %u: %s.%s", e->line,
					e->table, e->key);
		return 0;
	}
	return err_msg(err, EINVAL, "line %u: unknown key %s.%s", e->line,
		       e->table, e->key);
}

static int load_file(struct settings *s, const char *path, struct err *err)
{
	AUTO_FREE char *text = NULL;
	struct toml toml = { 0 };
	int r;

	if (path_check_trusted(path, err) < 0 ||
	    path_read_file(AT_FDCWD, path, TOML_BYTES_MAX, &text, err) < 0)
		return -err->code;
	r = toml_parse(text, strlen(text), &toml, err);
	for (size_t i = 0; r == 0 && i < toml.count; i++)
		r = apply_entry(s, &toml.entry[i], err);
	toml_done(&toml);
	if (r < 0)
		return err_wrap(err, "%s", path);
	s->source = xstrdup(path);
	return 0;
}

/* The user's own file; NULL when the environment names no place for it. */
static char *user_file(void)
{
	const char *config = getenv("XDG_CONFIG_HOME");
	const char *home = getenv("HOME");

	if (config && config[0] == '/')
		return xasprintf("%s/kata/configuration.toml", config);
	if (home && home[0] == '/')
		return xasprintf("%s/.config/kata/configuration.toml", home);
	return NULL;
}

int settings_load(struct settings *ret, const char *option, bool is_root,
		  struct err *err)
{
	AUTO_FREE char *user = is_root ? NULL : user_file();
	const char *path = option;
	int r;

	r = set_defaults(ret, err);
	if (r < 0)
		return r;
	if (!path && user && access(user, F_OK) == 0)
		path = user;
	if (!path && access(SYSTEM_FILE, F_OK) == 0)
		path = SYSTEM_FILE;
	if (path)
		r = load_file(ret, path, err);
	return r < 0 ? err_wrap(err, "configuration") : 0;
}

void settings_done(struct settings *s)
{
	char *owned[] = { s->source, s->kernel, s->initrd,   s->jailer,
			  s->proxy,  s->shim,	s->policies, s->seccomp };

	for (size_t i = 0; i < ARRAY_SIZE(owned); i++)
		free(owned[i]);
	memset(s, 0, sizeof(*s));
}
