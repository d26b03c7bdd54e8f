// SPDX-License-Identifier: Apache-2.0
/*
 * unit-annotations.c - properties for systemd from annotations, in kata-runtime
 * create. podman and CRI-O write some for every container; but annotations can
 * be the pod author's too, and hostile: other properties of a scope lift its
 * limits, stop other units, or power the host off. So the names are those that
 * engines write, each with its type. Needs no right.
 */
#include "unit-annotations.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "auto.h"
#include "num.h"

#define PREFIX "org.systemd.property."
#define USEC 1000000ull
/* A day. systemd waits so long for a scope to end, at a shutdown of the host as
 * well: forever, as its "infinity" says, is not the pod author's to choose. */
#define STOP_MAX (86400 * USEC)
#define UNITS_MAX 16
#define VALUE_MAX 1024 /* bytes of an annotation */

/* A value in GVariant's text form; only the part that is wanted. */
struct reader {
	const char *at;
};

static void skip_space(struct reader *in)
{
	in->at += strspn(in->at, " \t");
}

static bool take(struct reader *in, const char *text)
{
	size_t len = strlen(text);

	skip_space(in);
	if (strncmp(in->at, text, len) != 0)
		return false;
	in->at += len;
	return true;
}

static bool is_at_end(struct reader *in)
{
	skip_space(in);
	return *in->at == '\0';
}

static int read_bool(struct reader *in, uint64_t *ret)
{
	IGNORE(take(in, "boolean "), "a type may stand before");
	if (take(in, "true"))
		*ret = 1;
	else if (take(in, "false"))
		*ret = 0;
	else
		return -EINVAL;
	return is_at_end(in) ? 0 : -EINVAL;
}

/* "int32 10", "uint64 10", or a number of whatever type is wanted */
static int read_number(struct reader *in, uint64_t max, uint64_t *ret)
{
	static const char *const type[] = { "byte ",  "int16 ",	 "uint16 ",
					    "int32 ", "uint32 ", "int64 ",
					    "uint64 " };

	for (size_t i = 0; i < ARRAY_SIZE(type); i++)
		if (take(in, type[i]))
			break;
	skip_space(in);
	return num_parse_u64(in->at, max, ret);
}

/* Seconds, with a fraction if need be, to microseconds. */
static int read_seconds(struct reader *in, uint64_t *ret)
{
	AUTO_FREE char *whole = NULL;
	uint64_t seconds, part = 0, unit = USEC;

	IGNORE(take(in, "double ") || take(in, "uint64 ") || take(in, "int64 ") ||
		       take(in, "uint32 ") || take(in, "int32 "),
	       "a type may stand before");
	skip_space(in);
	whole = xstrndup(in->at, strcspn(in->at, "."));
	if (num_parse_u64(whole, UINT64_MAX / USEC - 1, &seconds) < 0)
		return -EINVAL;
	in->at += strlen(whole);
	if (*in->at == '.' && !in->at[1])
		return -EINVAL;
	if (*in->at == '.')
		in->at++;
	for (; *in->at; in->at++) {
		if (*in->at < '0' || *in->at > '9')
			return -EINVAL;
		unit /= 10; /* digits beyond a microsecond count for nothing */
		part += (uint64_t)(*in->at - '0') * unit;
	}
	*ret = seconds * USEC + part;
	return 0;
}

/* One quoted string; \\ \' \" are the only escapes that a unit's name needs. */
static int read_quoted(struct reader *in, char **ret)
{
	AUTO_FREE char *text = NULL;
	char quote;
	size_t n = 0;

	skip_space(in);
	quote = *in->at;
	if (quote != '\'' && quote != '"')
		return -EINVAL;
	in->at++;
	text = xcalloc(1, strlen(in->at) + 1);
	for (; *in->at != quote; in->at++) {
		if (*in->at == '\\' && in->at[1] && strchr("\\'\"", in->at[1]))
			in->at++;
		else if (*in->at == '\\')
			return -EINVAL;
		if (*in->at < ' ' || *in->at > '~')
			return -EINVAL;
		text[n++] = *in->at;
	}
	in->at++;
	*ret = take_ptr(text);
	return 0;
}

static int read_string(struct reader *in, char **ret)
{
	AUTO_FREE char *text = NULL;

	IGNORE(take(in, "string "), "a type may stand before");
	if (read_quoted(in, &text) < 0 || !is_at_end(in))
		return -EINVAL;
	*ret = take_ptr(text);
	return 0;
}

/* "['a', 'b']", "@as []" */
static int read_strings(struct reader *in, struct strv *ret)
{
	IGNORE(take(in, "@as "), "a type may stand before");
	if (!take(in, "["))
		return -EINVAL;
	while (!take(in, "]")) {
		AUTO_FREE char *text = NULL;

		if ((ret->count > 0 && !take(in, ",")) ||
		    ret->count == UNITS_MAX || read_quoted(in, &text) < 0)
			return -EINVAL;
		strv_add(ret, text);
	}
	return is_at_end(in) ? 0 : -EINVAL;
}

/* --- the properties ------------------------------------------------------- */

static int add_bool(struct reader *in, const char *name,
		    struct sdbus_properties *ret)
{
	uint64_t value;

	if (read_bool(in, &value) < 0)
		return -EINVAL;
	sdbus_add_number(ret, name, SDBUS_BOOL, value);
	return 0;
}

static int add_signal(struct reader *in, const char *name,
		      struct sdbus_properties *ret)
{
	uint64_t value;

	if (read_number(in, (uint64_t)SIGRTMAX, &value) < 0 || value == 0)
		return -EINVAL;
	sdbus_add_number(ret, name, SDBUS_I32, value);
	return 0;
}

static int add_stop_usec(struct reader *in, const char *name,
			 struct sdbus_properties *ret)
{
	uint64_t value;

	if (read_number(in, STOP_MAX, &value) < 0)
		return -EINVAL;
	sdbus_add_number(ret, name, SDBUS_U64, value);
	return 0;
}

/* The manual's name for it, which D-Bus knows in microseconds. */
static int add_stop_sec(struct reader *in, const char *name,
			struct sdbus_properties *ret)
{
	AUTO_FREE char *usec =
		xasprintf("%.*sUSec", (int)(strlen(name) - 3), name);
	uint64_t value;

	if (read_seconds(in, &value) < 0 || value > STOP_MAX)
		return -EINVAL;
	sdbus_add_number(ret, usec, SDBUS_U64, value);
	return 0;
}

static int add_collect_mode(struct reader *in, const char *name,
			    struct sdbus_properties *ret)
{
	AUTO_FREE char *text = NULL;

	if (read_string(in, &text) < 0 ||
	    (strcmp(text, "inactive") != 0 &&
	     strcmp(text, "inactive-or-failed") != 0))
		return -EINVAL;
	sdbus_add_text(ret, name, text);
	return 0;
}

static int add_units(struct reader *in, const char *name,
		     struct sdbus_properties *ret)
{
	struct strv units = { 0 };
	int r = read_strings(in, &units);

	if (r == 0)
		sdbus_add_texts(ret, name, &units);
	strv_done(&units);
	return r;
}

static const struct property {
	const char *name;
	int (*add)(struct reader *in, const char *name,
		   struct sdbus_properties *ret);
	const char *form;
} properties[] = {
	{ "After", add_units, "units, as ['a.service', 'b.service']" },
	{ "CollectMode", add_collect_mode,
	  "'inactive' or 'inactive-or-failed', quoted" },
	{ "DefaultDependencies", add_bool, "true or false" },
	{ "KillSignal", add_signal, "a signal's number" },
	{ "TimeoutStopSec", add_stop_sec, "seconds, at most 86400 (a day)" },
	{ "TimeoutStopUSec", add_stop_usec,
	  "microseconds, as uint64 10000000, at most a day" },
};

static int add_one(const struct oci_pair *pair, struct sdbus_properties *ret,
		   struct err *err)
{
	const char *name = pair->key + strlen(PREFIX);
	struct reader in = { .at = pair->value };

	for (size_t i = 0; i < ARRAY_SIZE(properties); i++) {
		const struct property *p = &properties[i];

		if (strcmp(p->name, name) != 0)
			continue;
		if (strlen(pair->value) > VALUE_MAX ||
		    p->add(&in, name, ret) < 0)
			return err_msg(err, EINVAL,
				       "annotation %s: \"%.64s\": must be %s",
				       pair->key, pair->value, p->form);
		return 0;
	}
	return err_msg(err, EPERM,
		       "annotation %.128s is refused: no property that engines "
		       "set of a container's scope",
		       pair->key);
}

int unit_annotations_add(const struct oci_pairs *annotations,
			 struct sdbus_properties *ret, struct err *err)
{
	for (size_t i = 0; i < annotations->count; i++) {
		const struct oci_pair *pair = &annotations->item[i];

		if (strncmp(pair->key, PREFIX, strlen(PREFIX)) == 0 &&
		    add_one(pair, ret, err) < 0)
			return -err->code;
	}
	return 0;
}
