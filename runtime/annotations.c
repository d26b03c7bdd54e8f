// SPDX-License-Identifier: Apache-2.0
/*
 * annotations.c - annotations of a config.json, in kata-runtime create. Names
 * and values are the pod author's and hostile. What gets through are numbers
 * within bounds, true or false, and words of a list, for names that the
 * administrator has listed: never a path, never an argument, never a sandbox.
 * Needs no right.
 */
#include "annotations.h"

#include <errno.h>
#include <string.h>

#include "auto.h"
#include "num.h"
#include "settings-keys.h"
#include "sizing.h"

#define PREFIX "io.katacontainers.config"

/* A number may not lead above what the administrator gives any VM. */
static uint32_t most_of(const struct settings *s, const struct key *key)
{
	uint32_t set = key->max, host = key->max;

	if (strcmp(key->name, "default_vcpus") == 0) {
		set = s->default_maxvcpus;
		host = sizing_host_vcpus();
	} else if (strcmp(key->name, "default_memory") == 0) {
		set = s->default_maxmemory_mib;
		host = sizing_host_memory_mib();
	}
	return set == 0 || set > host ? host : set;
}

static int check_number(const struct settings *s, const struct key *key,
			const char *value, struct toml_entry *ret,
			struct err *err)
{
	uint32_t most = most_of(s, key), number;

	if (num_parse_u32(value, most, &number) < 0 || number < key->min)
		return err_msg(err, EINVAL, "must be a number from %u to %u",
			       key->min, most);
	ret->type = TOML_INTEGER;
	ret->integer = number;
	return 0;
}

static int check_bool(const char *value, struct toml_entry *ret, struct err *err)
{
	ret->type = TOML_BOOL;
	ret->boolean = strcmp(value, "true") == 0;
	if (!ret->boolean && strcmp(value, "false") != 0)
		return err_msg(err, EINVAL, "must be true or false");
	return 0;
}

/* Text to a value of the key's type, then as if the file had held it. */
static int set_typed(struct settings *s, const struct key *key,
		     const char *value, struct err *err)
{
	AUTO_FREE char *word = xstrdup(value);
	struct toml_entry entry = { .type = TOML_STRING, .string = word };
	int r = 0;

	switch (key->kind) {
	case KIND_U32:
		r = check_number(s, key, value, &entry, err);
		break;
	case KIND_BOOL:
		r = check_bool(value, &entry, err);
		break;
	case KIND_FS_CACHE:
		break; /* settings_set() knows the words */
	default:
		BUG_ON(true); /* a path or free text: no row may have it */
	}
	return r < 0 ? r : settings_set(s, key, &entry, err);
}

static int apply(struct settings *s, const char *name, const char *value,
		 struct err *err)
{
	const struct key *key = settings_annotation(name);

	if (!key || key->verdict == KEY_REFUSED)
		return err_msg(err, EPERM, "annotation %.128s is refused: %s",
			       name,
			       key ? key->text :
				     "no annotation chooses a configuration");
	if (!strv_has(&s->enable_annotations, key->name))
		return err_msg(
			err, EPERM,
			"annotation %s: hypervisor.qemu.enable_annotations does not name %s",
			name, key->name);
	if (set_typed(s, key, value, err) < 0)
		return err_wrap(err, "annotation %s", name);
	return 0;
}

int annotations_apply(struct settings *settings, const struct oci_spec *spec,
		      struct err *err)
{
	for (size_t i = 0; i < spec->annotations.count; i++) {
		const struct oci_pair *pair = &spec->annotations.item[i];

		if (strncmp(pair->key, PREFIX, strlen(PREFIX)) == 0 &&
		    apply(settings, pair->key, pair->value, err) < 0)
			return -err->code;
	}
	return 0;
}
