/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every key of Kata's configuration.toml and every key of ours, what became of
 * it and why, as one table: the reader obeys it, `kata-runtime env` prints it
 * and docs/migrating-from-kata.md is compared with it.
 */
#ifndef RUNTIME_SETTINGS_KEYS_H
#define RUNTIME_SETTINGS_KEYS_H

#include "settings.h"
#include "toml.h"

enum key_verdict {
	KEY_SAME,    /* as in Kata */
	KEY_CHANGED, /* Kata's name, other values or another scope */
	KEY_REFUSED, /* known, and an error */
	KEY_OURS,    /* not in Kata */
	KEY_VERDICT_MAX
};
extern const char *const key_verdict_name[KEY_VERDICT_MAX];

enum key_kind {
	KIND_NONE,  /* refused */
	KIND_FIXED, /* one value is possible, see `fixed` */
	KIND_PATH,
	KIND_U32,
	KIND_BOOL,  /* into a uint32_t */
	KIND_VCPUS, /* U32; 0: one, negative: the host's */
	KIND_ACCEL,
	KIND_LAYERS,
	KIND_NET_MODEL,
	KIND_FS_CACHE,
	KIND_KERNEL_PARAMS,
	KIND_CPU_FEATURES,
	KIND_ANNOTATIONS
};

struct key {
	const char *table; /* may end in '*': any other that begins so */
	const char *name;  /* same; refused ones: names with a blank between */
	enum key_verdict verdict;
	enum key_kind kind;
	size_t offset; /* into struct settings */
	uint32_t min, max;
	const char *fixed; /* the value in TOML */
	const char *text;  /* what it means here, or why not */
};

extern const struct key settings_keys[];
extern const size_t settings_key_count;

/* Annotations of Kata and what becomes of them, in the same form. */
extern const struct key settings_annotations[];
extern const size_t settings_annotation_count;

/* NULL: nobody knows such a key. */
const struct key *settings_key(const char *table, const char *name);
/* Same for the full name of an annotation. */
const struct key *settings_annotation(const char *name);
/* Stores one entry; the error does not name the key yet. */
int settings_set(struct settings *s, const struct key *key,
		 const struct toml_entry *e, struct err *err) MUST_CHECK;
/* The value in force as TOML would write it; the caller frees it. NULL when
 * the key has none. */
char *settings_text(const struct settings *s, const struct key *key);
/* The tables of docs/migrating-from-kata.md. */
void settings_print_keys(FILE *out);

/* guest-params.c: words for the guest's kernel, and -cpu features. */
int kernel_params_check(const char *text, struct err *err) MUST_CHECK;
int cpu_features_check(const char *text, struct err *err) MUST_CHECK;

#endif
