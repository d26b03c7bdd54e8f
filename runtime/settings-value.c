// SPDX-License-Identifier: Apache-2.0
/*
 * settings-value.c - one entry of configuration.toml into struct settings, and
 * back into text for reports. Runs in kata-runtime without rights; the file's
 * owner and mode were checked, its values are all the same.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "auto.h"
#include "settings-keys.h"
#include "sizing.h"

const char *const layer_name[LAYER_COUNT] = { "cgroup", "selinux", "landlock",
					      "kvm" };
const char *const net_model_name[NET_MODEL_MAX] = { "tcfilter", "none" };
const char *const fs_cache_name[FS_CACHE_MAX] = { "never", "auto", "always" };
static const char *const accel_want_name[ACCEL_WANT_MAX] = { "auto", "kvm",
							     "tcg" };

/* --- which key -------------------------------------------------------------- */

static bool is_name(const char *pattern, size_t len, const char *name)
{
	if (len > 0 && pattern[len - 1] == '*')
		return strncmp(pattern, name, len - 1) == 0;
	return strncmp(pattern, name, len) == 0 && !name[len];
}

/* list: names with a blank between them */
static bool in_list(const char *list, const char *name)
{
	while (*list) {
		size_t len = strcspn(list, " ");

		if (is_name(list, len, name))
			return true;
		list += len + strspn(list + len, " ");
	}
	return false;
}

/* Rows with a '*' in the table's name are for tables that no other row has. */
static const struct key *find(const struct key *keys, size_t count,
			      const char *table, const char *name)
{
	bool known = false;

	for (size_t i = 0; i < count; i++) {
		const char *own = keys[i].table;
		bool same = strcmp(own, table) == 0;

		known |= same;
		if (!same && (known || !is_name(own, strlen(own), table)))
			continue;
		if (in_list(keys[i].name, name))
			return &keys[i];
	}
	return NULL;
}

const struct key *settings_key(const char *table, const char *name)
{
	return find(settings_keys, settings_key_count, table, name);
}

const struct key *settings_annotation(const char *name)
{
	const char *dot = strrchr(name, '.');
	AUTO_FREE char *table = NULL;

	if (!dot)
		return NULL;
	table = xstrndup(name, (size_t)(dot - name));
	return find(settings_annotations, settings_annotation_count, table,
		    dot + 1);
}

/* --- typed values ------------------------------------------------------------ */

static int set_path(char **field, const struct toml_entry *e, struct err *err)
{
	if (e->type != TOML_STRING || e->string[0] != '/')
		return err_msg(err, EINVAL, "must be an absolute path");
	if (strlen(e->string) >= PATH_MAX)
		return err_msg(err, ENAMETOOLONG, "path too long");
	for (const char *c = e->string; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return err_msg(err, EINVAL,
				       "path with a control character");
	free(*field);
	*field = xstrdup(e->string);
	return 0;
}

static int refuse_choice(const char *const *name, int count, struct err *err)
{
	char *list = xstrdup("");
	int r;

	for (int i = 0; i < count; i++) {
		const char *join = i == 0 ? "" : i == count - 1 ? " or " : ", ";
		char *longer = xasprintf("%s%s\"%s\"", list, join, name[i]);

		free(list);
		list = longer;
	}
	r = err_msg(err, EINVAL, "must be %s", list);
	free(list);
	return r;
}

static int set_choice(const char *const *name, int count, unsigned *field,
		      const struct toml_entry *e, struct err *err)
{
	for (int i = 0; i < count; i++)
		if (e->type == TOML_STRING && strcmp(e->string, name[i]) == 0) {
			*field = (unsigned)i;
			return 0;
		}
	return refuse_choice(name, count, err);
}

static int set_layers(uint32_t *field, const struct toml_entry *e,
		      struct err *err)
{
	uint32_t mask = 0;

	if (e->type != TOML_STRV)
		return err_msg(err, EINVAL, "must be a list of layers");
	for (size_t i = 0; i < e->strings.count; i++) {
		size_t k = 0;

		while (k < LAYER_COUNT &&
		       strcmp(layer_name[k], e->strings.item[i]) != 0)
			k++;
		if (k == LAYER_COUNT)
			return err_msg(err, EINVAL, "unknown layer \"%.64s\"",
				       e->strings.item[i]);
		mask |= 1u << k;
	}
	*field = mask;
	return 0;
}

/* Those with a type: no row of a path or of free text has one. */
static int set_annotations(struct strv *field, const struct toml_entry *e,
			   struct err *err)
{
	if (e->type != TOML_STRV)
		return err_msg(err, EINVAL, "must be a list of names");
	for (size_t i = 0; i < e->strings.count; i++) {
		AUTO_FREE char *name =
			xasprintf("io.katacontainers.config.hypervisor.%s",
				  e->strings.item[i]);
		const struct key *key = settings_annotation(name);

		if (!key || key->kind == KIND_NONE)
			return err_msg(
				err, EINVAL,
				"\"%.64s\": only default_vcpus, default_memory, "
				"reclaim_guest_freed_memory and virtio_fs_cache may be named",
				e->strings.item[i]);
	}
	strv_done(field);
	for (size_t i = 0; i < e->strings.count; i++)
		strv_add(field, e->strings.item[i]);
	return 0;
}

static int set_u32(uint32_t *field, const struct key *key,
		   const struct toml_entry *e, struct err *err)
{
	if (e->type != TOML_INTEGER || e->integer < key->min ||
	    e->integer > key->max)
		return err_msg(err, EINVAL, "must be a number from %u to %u",
			       key->min, key->max);
	*field = (uint32_t)e->integer;
	return 0;
}

static int set_vcpus(uint32_t *field, const struct key *key,
		     const struct toml_entry *e, struct err *err)
{
	if (e->type == TOML_INTEGER && e->integer < 0) {
		*field = sizing_host_vcpus();
		return 0;
	}
	if (set_u32(field, key, e, err) < 0)
		return err_wrap(err, "whole number, or negative");
	if (*field == 0)
		*field = 1;
	return 0;
}

static int set_bool(bool *field, const struct toml_entry *e, struct err *err)
{
	if (e->type != TOML_BOOL)
		return err_msg(err, EINVAL, "must be true or false");
	*field = e->boolean;
	return 0;
}

static int set_checked(char **field, const struct toml_entry *e,
		       int (*check)(const char *, struct err *), struct err *err)
{
	if (e->type != TOML_STRING)
		return err_msg(err, EINVAL, "must be a string");
	if (check(e->string, err) < 0)
		return -err->code;
	free(*field);
	*field = xstrdup(e->string);
	return 0;
}

/* The entry as TOML would write it, for values of one line. */
static char *entry_text(const struct toml_entry *e)
{
	switch (e->type) {
	case TOML_STRING:
		return xasprintf("\"%s\"", e->string);
	case TOML_INTEGER:
		return xasprintf("%lld", (long long)e->integer);
	case TOML_BOOL:
		return xstrdup(e->boolean ? "true" : "false");
	default:
		return xstrdup(e->strings.count == 0 ? "[]" : "[...]");
	}
}

static int check_fixed(const struct key *key, const struct toml_entry *e,
		       struct err *err)
{
	AUTO_FREE char *text = entry_text(e);

	if (strcmp(text, key->fixed) != 0)
		return err_msg(err, EINVAL, "only %s is possible: %s",
			       key->fixed, key->text);
	return 0;
}

int settings_set(struct settings *s, const struct key *key,
		 const struct toml_entry *e, struct err *err)
{
	void *field = (char *)s + key->offset;

	switch (key->kind) {
	case KIND_NONE:
		return err_msg(err, EOPNOTSUPP,
			       "this key of Kata is refused: %s", key->text);
	case KIND_FIXED:
		return check_fixed(key, e, err);
	case KIND_PATH:
		return set_path(field, e, err);
	case KIND_U32:
		return set_u32(field, key, e, err);
	case KIND_BOOL:
		return set_bool(field, e, err);
	case KIND_VCPUS:
		return set_vcpus(field, key, e, err);
	case KIND_ACCEL:
		return set_choice(accel_want_name, ACCEL_WANT_MAX, field, e,
				  err);
	case KIND_NET_MODEL:
		return set_choice(net_model_name, NET_MODEL_MAX, field, e, err);
	case KIND_FS_CACHE:
		return set_choice(fs_cache_name, FS_CACHE_MAX, field, e, err);
	case KIND_LAYERS:
		return set_layers(field, e, err);
	case KIND_KERNEL_PARAMS:
		return set_checked(field, e, kernel_params_check, err);
	case KIND_CPU_FEATURES:
		return set_checked(field, e, cpu_features_check, err);
	case KIND_ANNOTATIONS:
		return set_annotations(field, e, err);
	}
	return err_msg(err, EINVAL, "unknown kind");
}

/* --- reports ----------------------------------------------------------------- */

static char *list_text(const char *const *item, size_t count)
{
	char *text = xstrdup("["), *closed;

	for (size_t i = 0; i < count; i++) {
		char *longer =
			xasprintf("%s%s\"%s\"", text, i ? ", " : "", item[i]);

		free(text);
		text = longer;
	}
	closed = xasprintf("%s]", text);
	free(text);
	return closed;
}

static char *layers_text(uint32_t mask)
{
	const char *item[LAYER_COUNT];
	size_t count = 0;

	for (size_t i = 0; i < LAYER_COUNT; i++)
		if (mask & (1u << i))
			item[count++] = layer_name[i];
	return list_text(item, count);
}

char *settings_text(const struct settings *s, const struct key *key)
{
	const void *field = (const char *)s + key->offset;
	const struct strv *list = field;

	switch (key->kind) {
	case KIND_NONE:
		return NULL;
	case KIND_FIXED:
		return xstrdup(key->fixed);
	case KIND_U32:
	case KIND_VCPUS:
		return xasprintf("%u", *(const uint32_t *)field);
	case KIND_BOOL:
		return xstrdup(*(const bool *)field ? "true" : "false");
	case KIND_ACCEL:
		return xasprintf("\"%s\"",
				 accel_want_name[*(const unsigned *)field]);
	case KIND_NET_MODEL:
		return xasprintf("\"%s\"",
				 net_model_name[*(const unsigned *)field]);
	case KIND_FS_CACHE:
		return xasprintf("\"%s\"",
				 fs_cache_name[*(const unsigned *)field]);
	case KIND_LAYERS:
		return layers_text(*(const uint32_t *)field);
	case KIND_ANNOTATIONS:
		return list_text((const char *const *)list->item, list->count);
	default:
		return xasprintf("\"%s\"", *(char *const *)field);
	}
}

static void print_row(FILE *out, const struct key *key, const char *name,
		      int len, const char *join)
{
	fprintf(out, "| `%s%s%.*s` | %s | ", key->table, join, len, name,
		key_verdict_name[key->verdict]);
	if (key->kind == KIND_FIXED)
		fprintf(out, "only `%s`: ", key->fixed);
	fprintf(out, "%s |\n", key->text);
}

static void print_table(FILE *out, const struct key *keys, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const char *at = keys[i].name;

		while (*at) {
			int len = (int)strcspn(at, " ");

			print_row(out, &keys[i], at, len, ".");
			at += len;
			at += strspn(at, " ");
		}
	}
}

void settings_print_keys(FILE *out)
{
	fputs("| key | here | meaning, or reason |\n|---|---|---|\n", out);
	print_table(out, settings_keys, settings_key_count);
	fputs("\n| annotation | here | meaning, or reason |\n|---|---|---|\n",
	      out);
	print_table(out, settings_annotations, settings_annotation_count);
}
