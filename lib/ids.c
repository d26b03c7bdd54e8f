// SPDX-License-Identifier: Apache-2.0
/* ids.c - container names and signal names, as engines and users write them. */
#include "ids.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "num.h"

static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '_' || c == '+';
}

int ids_check(const char *id, struct err *err)
{
	char shown[ID_MAX + 1];
	size_t len = strlen(id);

	if (len == 0 || len > ID_MAX)
		return err_msg(
			err, EINVAL,
			"invalid container ID of %zu bytes: must be 1 to %d bytes",
			len, ID_MAX);
	for (size_t i = 0; i < len; i++) {
		bool ok = is_word(id[i]) ||
			  (i > 0 && (id[i] == '.' || id[i] == '-'));

		if (!ok) {
			for (size_t k = 0; k <= len; k++)
				shown[k] = id[k] && (id[k] < ' ' || id[k] > '~') ?
						   '?' :
						   id[k];
			return err_msg(
				err, EINVAL,
				"invalid container ID \"%s\": byte %zu (A-Za-z0-9_+, then also .-)",
				shown, i + 1);
		}
	}
	return 0;
}

static int signal_by_name(const char *name)
{
	static const struct {
		const char *name;
		int number;
	} extra[] = { { "CLD", SIGCHLD },
		      { "IOT", SIGIOT },
		      { "POLL", SIGPOLL } };

	for (int n = 1; n < SIGRTMIN && n < NSIG; n++) {
		const char *abbrev = sigabbrev_np(n);

		if (abbrev && strcmp(abbrev, name) == 0)
			return n;
	}
	for (size_t i = 0; i < ARRAY_SIZE(extra); i++)
		if (strcmp(extra[i].name, name) == 0)
			return extra[i].number;
	return -EINVAL;
}

/* RTMIN, RTMIN+n, RTMAX-n; in the numbering of the kernel ABI (34 to 64). */
static int signal_real_time(const char *name)
{
	uint32_t offset = 0;
	char sign;

	if (strncmp(name, "RTMIN", 5) != 0 && strncmp(name, "RTMAX", 5) != 0)
		return -EINVAL;
	sign = name[5];
	if (sign != '\0') {
		if (num_parse_u32(name + 6, 30, &offset) < 0)
			return -EINVAL;
	}
	if (name[3] == 'I') /* RTMIN */
		return sign == '\0' || sign == '+' ? 34 + (int)offset : -EINVAL;
	return sign == '\0' || sign == '-' ? 64 - (int)offset : -EINVAL;
}

int signal_parse(const char *text, struct err *err)
{
	const char *name = text;
	uint32_t number;
	int r;

	if (num_parse_u32(text, 64, &number) == 0)
		return (int)number;
	if (strncmp(name, "SIG", 3) == 0)
		name += 3;
	r = signal_by_name(name);
	if (r < 0)
		r = signal_real_time(name);
	if (r < 0)
		return err_msg(err, EINVAL, "unknown signal \"%.32s\"", text);
	return r;
}
