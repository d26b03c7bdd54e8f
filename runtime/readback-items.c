// SPDX-License-Identifier: Apache-2.0
/*
 * readback-items.c - what the guest reads back of lists (limits, groups,
 * mounts, paths, devices, names, sysctls), received and compared with
 * config.json. Runs in kata-runtime. The items come from a shim that a guest
 * may have captured: their form is lib/records', their number and the time that
 * all of them take are limited here, and one that is missing is a difference.
 */
#include "readback-parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "alloc.h"
#include "auto.h"
#include "rlimit.h"

static int64_t now_ms(void)
{
	struct timespec now;

	BUG_ON(clock_gettime(CLOCK_MONOTONIC, &now) < 0);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* What is left of the time; 0 when there is none. */
static int left_ms(int64_t deadline_ms)
{
	int64_t left = deadline_ms - now_ms();

	return left > 0 ? (int)left : 0;
}

int readback_receive(int sock, int timeout_ms, struct readback *ret,
		     struct err *err)
{
	int64_t deadline_ms = now_ms() + timeout_ms;
	union record record;
	uint32_t count;

	*ret = (struct readback){ 0 };
	if (record_expect(sock, RECORD_SHIM_READBACK, &record, timeout_ms,
			  err) < 0)
		return -err->code;
	ret->main = record.readback;
	count = record.readback.item_count;
	ret->item = xcalloc(count + 1, sizeof(*ret->item));
	for (uint32_t i = 0; i < count; i++) {
		if (record_expect(sock, RECORD_SHIM_ITEM, &record,
				  left_ms(deadline_ms), err) < 0) {
			readback_done(ret);
			return err_wrap(err, "read-back, item %u of %u", i,
					count);
		}
		ret->item[ret->count++] = record.item;
	}
	return 0;
}

void readback_done(struct readback *got)
{
	free(got->item);
	*got = (struct readback){ 0 };
}

const struct record_item *readback_find(const struct readback *got,
					enum readback_kind kind, size_t index)
{
	for (size_t i = 0; i < got->count; i++)
		if (got->item[i].kind == kind && got->item[i].index == index)
			return &got->item[i];
	return NULL;
}

static int missing(struct err *err, const char *what)
{
	return err_msg(err, EPERM, "the guest did not report %s", what);
}

/* --- limits and groups -------------------------------------------------------- */

static int check_rlimit(const struct readback *got,
			const struct oci_rlimit *want, struct err *err)
{
	int resource = rlimit_number(want->type);
	const struct record_item *item =
		resource < 0 ?
			NULL :
			readback_find(got, READBACK_RLIMIT, (size_t)resource);

	if (!item)
		return missing(err, want->type);
	if (item->value[0] != want->soft)
		return readback_differs(err, want->type, want->soft,
					item->value[0]);
	if (item->value[1] != want->hard)
		return readback_differs(err, want->type, want->hard,
					item->value[1]);
	return 0;
}

static int by_number(const void *a, const void *b)
{
	uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

	return left < right ? -1 : left > right;
}

/* The kernel keeps them sorted, one given twice as two. */
static int check_groups(const struct readback *got, const struct oci_user *user,
			struct err *err)
{
	static const char what[] = "process.user.additionalGids";
	size_t count = user->additional_gid_count, at = 0;
	AUTO_FREE uint32_t *want = xcalloc(count + 1, sizeof(*want));

	for (size_t i = 0; i < count; i++)
		want[i] = user->additional_gids[i];
	qsort(want, count, sizeof(*want), by_number);
	for (size_t i = 0; i < got->count; i++) {
		const struct record_item *item = &got->item[i];

		if (item->kind != READBACK_GROUP)
			continue;
		if (at >= count || item->value[0] != want[at])
			return readback_differs(err, what,
						at < count ? want[at] : 0,
						item->value[0]);
		at++;
	}
	if (at != count)
		return readback_differs(err, what, count, at);
	return 0;
}

int readback_check_lists(const struct readback *got,
			 const struct oci_process *process, struct err *err)
{
	for (size_t i = 0; i < process->rlimit_count; i++)
		if (check_rlimit(got, &process->rlimits[i], err) < 0)
			return -err->code;
	return check_groups(got, &process->user, err);
}

/* --- the file system -------------------------------------------------------------- */

static const struct {
	const char *set, *clear;
	uint64_t flag;
} words[] = {
	{ "ro", "rw", READBACK_FLAG_RDONLY },
	{ "nosuid", "suid", READBACK_FLAG_NOSUID },
	{ "nodev", "dev", READBACK_FLAG_NODEV },
	{ "noexec", "exec", READBACK_FLAG_NOEXEC },
	{ "nosymfollow", "symfollow", READBACK_FLAG_NOSYMFOLLOW },
};

/* The last word counts; "rro" is "ro" of the whole tree. */
static uint64_t flags_wanted(const struct strv *options)
{
	uint64_t flags = 0;

	for (size_t i = 0; i < options->count; i++) {
		const char *word = options->item[i];

		for (size_t k = 0; k < ARRAY_SIZE(words); k++) {
			if (strcmp(word, words[k].set) == 0 ||
			    (word[0] == 'r' &&
			     strcmp(word + 1, words[k].set) == 0))
				flags |= words[k].flag;
			if (strcmp(word, words[k].clear) == 0)
				flags &= ~words[k].flag;
		}
	}
	return flags;
}

/* "/a" is above "/a" and "/a/b". */
static bool is_above(const char *path, const char *other)
{
	size_t len = strlen(path);

	return strcmp(path, "/") == 0 ||
	       (strncmp(path, other, len) == 0 &&
		(other[len] == '/' || other[len] == '\0'));
}

static bool is_covered(const struct oci_spec *spec, size_t i)
{
	for (size_t k = i + 1; k < spec->mount_count; k++)
		if (is_above(spec->mounts[k].destination,
			     spec->mounts[i].destination))
			return true;
	return false;
}

static int check_mount(const struct readback *got, const struct oci_spec *spec,
		       size_t i, struct err *err)
{
	const struct record_item *item = readback_find(got, READBACK_MOUNT, i);
	const struct oci_mount *mount = &spec->mounts[i];
	uint64_t want = flags_wanted(&mount->options);

	if (!item)
		return missing(err, "every mount");
	if (item->value[0] == READBACK_HIDDEN || is_covered(spec, i))
		return 0;
	if (item->value[0] != READBACK_THERE)
		return err_msg(
			err, EPERM,
			"the guest did not apply mounts[%zu]: nothing is mounted on %.128s",
			i, mount->destination);
	if (want & ~item->value[1] || item->value[1] & READBACK_FLAG_SHARED)
		return err_msg(
			err, EPERM,
			"the guest did not apply mounts[%zu].options of %.128s: "
			"asked 0x%llx, read back 0x%llx",
			i, mount->destination, (unsigned long long)want,
			(unsigned long long)item->value[1]);
	return 0;
}

static int check_root(const struct readback *got, const struct oci_spec *spec,
		      struct err *err)
{
	const struct record_item *item = readback_find(got, READBACK_ROOT, 0);

	if (!item)
		return missing(err, "the root");
	if (spec->root_readonly && !(item->value[0] & READBACK_FLAG_RDONLY))
		return readback_differs(err, "root.readonly", 1, 0);
	return 0;
}

static int check_paths(const struct readback *got, const struct strv *paths,
		       enum readback_kind kind, const char *what,
		       struct err *err)
{
	for (size_t i = 0; i < paths->count; i++) {
		const struct record_item *item = readback_find(got, kind, i);

		if (!item)
			return missing(err, what);
		/* What is not there needs no cover. */
		if (item->value[0] != READBACK_ABSENT &&
		    item->value[0] != READBACK_THERE)
			return err_msg(
				err, EPERM,
				"the guest did not apply %s[%zu]: %.128s is open",
				what, i, paths->item[i]);
	}
	return 0;
}

static int check_device(const struct readback *got,
			const struct oci_device *device, size_t i,
			struct err *err)
{
	const struct record_item *item = readback_find(got, READBACK_DEVICE, i);
	bool fifo = device->type == 'p';
	uint64_t number = fifo ? 0 :
				 (uint64_t)device->major << 32 |
					  (uint64_t)device->minor;
	uint64_t mode = (device->has_mode && device->mode & 0777 ?
				 device->mode & 0777 :
				 0666u) |
			(fifo ? S_IFIFO : S_IFCHR);
	uint64_t owner = (uint64_t)device->uid << 32 | device->gid;

	if (!item)
		return missing(err, "linux.devices");
	if (item->value[1] != number ||
	    (item->value[0] & S_IFMT) != (mode & S_IFMT))
		return readback_differs(err, "linux.devices", number,
					item->value[1]);
	/* A node that was there already, as /dev/null is, keeps its mode. */
	if (fifo && item->value[0] != mode)
		return readback_differs(err, "linux.devices (mode)", mode,
					item->value[0]);
	if (owner && item->value[2] != owner)
		return readback_differs(err, "linux.devices (owner)", owner,
					item->value[2]);
	return 0;
}

int readback_check_root(const struct readback *got, const struct oci_spec *spec,
			struct err *err)
{
	const struct oci_linux *linux_ = &spec->linux_;

	if (check_root(got, spec, err) < 0)
		return -err->code;
	for (size_t i = 0; i < spec->mount_count; i++)
		if (check_mount(got, spec, i, err) < 0)
			return -err->code;
	if (check_paths(got, &linux_->masked_paths, READBACK_MASKED,
			"linux.maskedPaths", err) < 0 ||
	    check_paths(got, &linux_->readonly_paths, READBACK_READONLY,
			"linux.readonlyPaths", err) < 0)
		return -err->code;
	for (size_t i = 0; i < linux_->device_count; i++)
		if (check_device(got, &linux_->devices[i], i, err) < 0)
			return -err->code;
	return 0;
}

/* --- texts --------------------------------------------------------------------------- */

static int check_name(const struct readback *got, size_t index,
		      const char *what, const char *want, struct err *err)
{
	const struct record_item *item =
		readback_find(got, READBACK_NAME, index);

	if (!want || !*want)
		return 0;
	if (!item)
		return missing(err, what);
	if (strcmp(item->text, want) != 0)
		return err_msg(err, EPERM,
			       "the guest did not apply %s: "
			       "asked \"%.64s\", read back \"%.64s\"",
			       what, want, item->text);
	return 0;
}

/* As the kernel writes numbers back: "0 0" as "0\t0", "010" as "8". */
static bool is_same(const char *want, const char *have)
{
	for (;;) {
		char *want_end, *have_end;
		unsigned long long a, b;

		want += strspn(want, " \t");
		have += strspn(have, " \t");
		if (!*want || !*have)
			return !*want && !*have;
		a = strtoull(want, &want_end, 0);
		b = strtoull(have, &have_end, 10);
		if (want_end == want || have_end == have)
			return strcmp(want, have) == 0;
		if (a != b)
			return false;
		want = want_end;
		have = have_end;
	}
}

static int check_pairs(const struct readback *got,
		       const struct oci_pairs *pairs, enum readback_kind kind,
		       const char *what, struct err *err)
{
	for (size_t i = 0; i < pairs->count; i++) {
		const struct record_item *item = readback_find(got, kind, i);
		const char *want = pairs->item[i].value;

		if (!item)
			return missing(err, what);
		/* Some can be written alone; long ones are not told whole. */
		if (item->value[0] == READBACK_WRITE_ONLY ||
		    strlen(want) > READBACK_TEXT_MAX / 5)
			continue;
		if (!is_same(want, item->text))
			return err_msg(err, EPERM,
				       "the guest did not apply %s[%.64s]: "
				       "asked \"%.64s\", read back \"%.64s\"",
				       what, pairs->item[i].key, want,
				       item->text);
	}
	return 0;
}

static bool has_key(const struct oci_pairs *pairs, const char *key)
{
	for (size_t i = 0; i < pairs->count; i++)
		if (strcmp(pairs->item[i].key, key) == 0)
			return true;
	return false;
}

static bool starts_with_digit(const char *text)
{
	return *text >= '0' && *text <= '9';
}

/*
 * "64M" of memory.high reads "67108864", whole pages; others as written, and
 * so is "max" on either side.
 */
static bool is_same_limit(const char *file, const char *want, const char *have)
{
	static const char units[] = "KMGkmg";
	unsigned long long value, got;
	const char *unit;
	char *end;

	if (strncmp(file, "memory.", 7) != 0 || !starts_with_digit(want) ||
	    !starts_with_digit(have))
		return is_same(want, have);
	value = strtoull(want, &end, 0);
	unit = *end ? strchr(units, *end) : NULL;
	if (unit)
		value <<= 10 * ((unit - units) % 3 + 1);
	got = strtoull(have, &end, 10);
	return !*end && got == (value & ~4095ull);
}

/*
 * Only what is one number or word is compared, and cpu.max, "QUOTA" or "QUOTA
 * PERIOD", which always reads as both. Others are tables that the kernel keeps.
 */
static bool is_applied(const struct oci_pair *pair, const char *have)
{
	AUTO_FREE char *quota = NULL;

	if (strcmp(pair->key, "cpu.max") == 0 && !strchr(pair->value, '\n')) {
		if (strchr(pair->value, ' '))
			return is_same(pair->value, have);
		quota = xstrndup(have, strcspn(have, " "));
		return is_same(pair->value, quota);
	}
	return strpbrk(pair->value, " =\n") || strpbrk(have, " =") ||
	       is_same_limit(pair->key, pair->value, have);
}

static int check_unified(const struct readback *got,
			 const struct oci_pairs *pairs, struct err *err)
{
	for (size_t i = 0; i < pairs->count; i++) {
		const struct oci_pair *pair = &pairs->item[i];
		const struct record_item *item =
			readback_find(got, READBACK_UNIFIED, i);

		if (!item)
			return missing(err, "linux.resources.unified");
		if (!is_applied(pair, item->text))
			return err_msg(
				err, EPERM,
				"the guest did not apply linux.resources.unified[%.64s]: "
				"asked \"%.64s\", read back \"%.64s\"",
				pair->key, pair->value, item->text);
	}
	return 0;
}

int readback_check_texts(const struct readback *got,
			 const struct oci_spec *spec, struct err *err)
{
	const struct oci_pairs *sysctl = &spec->linux_.sysctl;

	if (!has_key(sysctl, "kernel.hostname") &&
	    check_name(got, 0, "hostname", spec->hostname, err) < 0)
		return -err->code;
	if (!has_key(sysctl, "kernel.domainname") &&
	    check_name(got, 1, "domainname", spec->domainname, err) < 0)
		return -err->code;
	if (check_pairs(got, sysctl, READBACK_SYSCTL, "linux.sysctl", err) < 0)
		return -err->code;
	return check_unified(got, &spec->linux_.resources.unified, err);
}

/* --- the agent -------------------------------------------------------------------------- */

int readback_check_agent(const struct readback *got, struct err *err)
{
	const struct record_item *dumpable =
		readback_find(got, READBACK_AGENT, READBACK_AGENT_DUMPABLE);
	const struct record_item *root =
		readback_find(got, READBACK_AGENT, READBACK_AGENT_ROOT);
	const struct record_item *cgroup =
		readback_find(got, READBACK_AGENT, READBACK_AGENT_CGROUP);
	const uint64_t closed = READBACK_FLAG_RDONLY | READBACK_FLAG_NOSUID |
				READBACK_FLAG_NODEV | READBACK_FLAG_NOEXEC;

	if (!dumpable || !root || !cgroup)
		return missing(err, "how its agent is confined");
	if (dumpable->value[0] != 0)
		return readback_differs(err, "the agent's own dumpable flag", 0,
					dumpable->value[0]);
	if ((root->value[0] & closed) != closed)
		return readback_differs(err, "the agent's own root (flags)",
					closed, root->value[0]);
	if (strcmp(cgroup->text, "/agent") != 0)
		return err_msg(
			err, EPERM,
			"the guest did not apply the agent's own cgroup: read back \"%.64s\"",
			cgroup->text);
	return 0;
}
