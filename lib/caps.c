// SPDX-License-Identifier: Apache-2.0
/*
 * caps.c - capability sets of the calling thread; the only user of libcap-ng.
 *
 * Linked by every process of the host and by the agent. caps_bound() needs
 * CAP_SETPCAP, the rest none. Names may be hostile (config.json).
 *
 * libcap-ng supplies the names and capset(2). The bounding and ambient sets go
 * by prctl(2): the library would learn them from /proc/self/status, which the
 * container's image supplies once the agent has changed root. For the same
 * reason everything is read back through system calls.
 */
#include "caps.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "auto.h"
#include "fd.h"

#define CAPS_COUNT 64
#define STATUS_BYTES_MAX (64 * 1024)

int caps_from_name(const char *name)
{
	int cap;

	if (strncasecmp(name, "cap_", 4) == 0)
		name += 4;
	/* the library reads "5" and "cap_5" as numbers in some versions */
	if (*name < 'A' || (*name >= '0' && *name <= '9'))
		return -EINVAL;
	cap = capng_name_to_capability(name);
	return cap >= 0 && cap < CAPS_COUNT ? cap : -EINVAL;
}

const char *caps_to_name(unsigned cap)
{
	static char text[CAPS_COUNT][32];
	const char *name;

	if (cap > CAP_LAST_CAP)
		return NULL;
	name = capng_capability_to_name(cap);
	if (!name)
		return NULL;
	if (!text[cap][0])
		snprintf(text[cap], sizeof(text[cap]), "cap_%s", name);
	return text[cap];
}

int caps_from_strv(const struct strv *names, uint64_t *ret_bits, struct err *err)
{
	uint64_t bits = 0;

	for (size_t i = 0; i < names->count; i++) {
		int cap = caps_from_name(names->item[i]);

		if (cap < 0)
			return err_msg(err, EINVAL,
				       "unknown capability \"%.64s\"",
				       names->item[i]);
		bits |= UINT64_C(1) << cap;
	}
	*ret_bits = bits;
	return 0;
}

/* 1, 0, or -EINVAL for a number that the kernel does not know. */
static int bounding_has(unsigned cap)
{
	int r = prctl(PR_CAPBSET_READ, (unsigned long)cap, 0, 0, 0);

	return r < 0 ? -errno : r;
}

int caps_bound(uint64_t bits, struct err *err)
{
	for (unsigned cap = 0; cap < CAPS_COUNT; cap++) {
		int has = bounding_has(cap);

		if (has == -EINVAL)
			break; /* beyond the kernel's last one */
		if (has < 0)
			return err_set(err, -has,
				       "read the capability bounding set");
		if (!has || (bits & (UINT64_C(1) << cap)))
			continue;
		if (prctl(PR_CAPBSET_DROP, (unsigned long)cap, 0, 0, 0) < 0)
			return err_set(err, errno,
				       "drop %s from the bounding set",
				       caps_to_name(cap) ? caps_to_name(cap) :
							   "a capability");
	}
	return 0;
}

/* capset(2) for the calling thread. */
static int main_sets_apply(const struct caps_sets *sets, struct err *err)
{
	static const capng_type_t type[] = { CAPNG_EFFECTIVE, CAPNG_PERMITTED,
					     CAPNG_INHERITABLE };
	const uint64_t bits[] = { sets->effective, sets->permitted,
				  sets->inheritable };
	int r;

	/* pid 0: the library remembers an id that a fork may have changed */
	capng_setpid(0);
	capng_clear(CAPNG_SELECT_CAPS);
	for (size_t i = 0; i < ARRAY_SIZE(type); i++)
		for (unsigned cap = 0; cap <= CAP_LAST_CAP; cap++)
			if ((bits[i] & (UINT64_C(1) << cap)) &&
			    capng_update(CAPNG_ADD, type[i], cap) < 0)
				return err_msg(err, EINVAL,
					       "capability %u is not known",
					       cap);
	errno = 0;
	r = capng_apply(CAPNG_SELECT_CAPS);
	if (r < 0)
		return err_set(err, errno ? errno : EPERM, "set capabilities");
	return 0;
}

static int ambient_apply(uint64_t bits, struct err *err)
{
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return err_set(err, errno, "clear ambient capabilities");
	for (unsigned cap = 0; cap < CAPS_COUNT; cap++) {
		if (!(bits & (UINT64_C(1) << cap)))
			continue;
		if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE,
			  (unsigned long)cap, 0, 0) < 0)
			return err_set(err, errno, "raise ambient %s",
				       caps_to_name(cap) ? caps_to_name(cap) :
							   "capability");
	}
	return 0;
}

/* Bits of the ambient set (which = PR_CAP_AMBIENT) or the bounding set. */
static uint64_t prctl_bits(bool ambient)
{
	uint64_t bits = 0;

	for (unsigned cap = 0; cap < CAPS_COUNT; cap++) {
		int r = ambient ? prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET,
					(unsigned long)cap, 0, 0) :
				  prctl(PR_CAPBSET_READ, (unsigned long)cap, 0,
					0, 0);

		if (r > 0)
			bits |= UINT64_C(1) << cap;
	}
	return bits;
}

/* The calling thread's sets, by system calls alone. */
static int self_read(struct caps_sets *ret, struct err *err)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };

	if (syscall(SYS_capget, &head, data) < 0)
		return err_set(err, errno, "read capabilities");
	ret->effective = data[0].effective | (uint64_t)data[1].effective << 32;
	ret->permitted = data[0].permitted | (uint64_t)data[1].permitted << 32;
	ret->inheritable = data[0].inheritable | (uint64_t)data[1].inheritable
							 << 32;
	ret->ambient = prctl_bits(true);
	ret->bounding = prctl_bits(false);
	return 0;
}

/**
 * caps_apply() - Set permitted, effective, inheritable and ambient
 * @sets:	The bounding set in it is not looked at: see caps_bound()
 * @err:	Filled on failure
 *
 * A set that the kernel would cut down is an error, never a silent difference.
 * Should be called last of the changes of identity, with the sets kept over
 * setresuid(2) by PR_SET_KEEPCAPS; mustn't be called before caps_bound().
 *
 * Return: 0 or -errno
 */
int caps_apply(const struct caps_sets *sets, struct err *err)
{
	struct caps_sets now;
	int r;

	if (sets->effective & ~sets->permitted)
		return err_msg(err, EINVAL,
			       "effective capabilities must be permitted ones");
	if (sets->ambient & ~(sets->permitted & sets->inheritable))
		return err_msg(
			err, EINVAL,
			"ambient capabilities must be permitted and inheritable ones");
	r = main_sets_apply(sets, err);
	if (r < 0)
		return r;
	r = ambient_apply(sets->ambient, err);
	if (r < 0)
		return r;
	r = self_read(&now, err);
	if (r < 0)
		return r;
	if (now.effective != sets->effective ||
	    now.permitted != sets->permitted ||
	    now.inheritable != sets->inheritable || now.ambient != sets->ambient)
		return err_msg(
			err, EPERM,
			"the kernel did not take the capabilities as asked");
	return 0;
}

/**
 * caps_drop_all() - Empty all five sets of the calling thread
 * @err:	Filled on failure
 *
 * Needs CAP_SETPCAP unless the bounding set is empty already.
 *
 * Return: 0 or -errno
 */
int caps_drop_all(struct err *err)
{
	static const struct caps_sets none = { 0 };
	struct caps_sets now;
	int r;

	r = caps_bound(0, err);
	if (r < 0)
		return r;
	r = caps_apply(&none, err);
	if (r < 0)
		return r;
	r = self_read(&now, err);
	if (r < 0)
		return r;
	if (now.bounding)
		return err_msg(err, EPERM, "the bounding set is not empty");
	return 0;
}

/*
 * One "Name:\t<16 hex digits>\n" line of /proc/PID/status. name begins with
 * the newline before it: the process chooses its own comm, in another line.
 */
static int status_field(const char *status, const char *name, uint64_t *ret)
{
	const char *at = strstr(status, name);
	uint64_t value = 0;
	int digits = 0;

	if (!at)
		return -EPROTO;
	at += strlen(name);
	while (*at == '\t' || *at == ' ')
		at++;
	for (; digits <= 16; at++, digits++) {
		unsigned digit;

		if (*at >= '0' && *at <= '9')
			digit = (unsigned)(*at - '0');
		else if (*at >= 'a' && *at <= 'f')
			digit = (unsigned)(*at - 'a') + 10;
		else
			break;
		value = value << 4 | digit;
	}
	if (digits == 0 || digits > 16 || *at != '\n')
		return -EPROTO;
	*ret = value;
	return 0;
}

/**
 * caps_read() - Capability sets of a process as /proc shows them
 * @pid:	Process, 0 for the calling one
 * @ret:	Filled on success
 * @err:	Filled on failure
 *
 * Return: 0; -ENOENT or -ESRCH when there is no such process; -errno
 */
int caps_read(pid_t pid, struct caps_sets *ret, struct err *err)
{
	struct caps_sets sets = { 0 };
	const struct {
		const char *name;
		uint64_t *bits;
	} field[] = {
		{ "\nCapInh:", &sets.inheritable },
		{ "\nCapPrm:", &sets.permitted },
		{ "\nCapEff:", &sets.effective },
		{ "\nCapBnd:", &sets.bounding },
		{ "\nCapAmb:", &sets.ambient },
	};
	AUTO_FREE char *path = pid ? xasprintf("/proc/%d/status", (int)pid) :
				     xstrdup("/proc/self/status");
	AUTO_FREE char *text = NULL;
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	int r;

	if (fd < 0)
		return err_set(err, errno, "open %s", path);
	r = fd_read_text(fd, STATUS_BYTES_MAX, &text, NULL, err);
	if (r < 0)
		return err_wrap(err, "%s", path);
	for (size_t i = 0; i < ARRAY_SIZE(field); i++)
		if (status_field(text, field[i].name, field[i].bits) < 0)
			return err_msg(err, EPROTO, "%s has no usable %s line",
				       path, field[i].name + 1);
	*ret = sets;
	return 0;
}
