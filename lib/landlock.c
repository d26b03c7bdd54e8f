// SPDX-License-Identifier: Apache-2.0
/*
 * landlock.c - see landlock.h. Runs in kata-jail-exec, kata-proxy and kata-shim
 * before they meet a hostile byte; the policy reader takes the names. Rights:
 * none, which is Landlock's point.
 */
#include "landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "auto.h"

#ifndef SYS_landlock_create_ruleset /* the same numbers on every machine */
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule 445
#define SYS_landlock_restrict_self 446
#endif

#define RULESET_VERSION 1 /* flag: tell the ABI */
#define RULE_PATH_BENEATH 1
#define NET_BIND_TCP 1
#define NET_CONNECT_TCP 2
#define SCOPE_ABSTRACT 1
#define SCOPE_SIGNAL 2
#define LOG_SAME_EXEC_OFF 1
#define LOG_NEW_EXEC_ON 2

/* Rights that mean something for a file that is no directory. */
#define FILE_RIGHTS                                                            \
	(LANDLOCK_FS_EXECUTE | LANDLOCK_FS_WRITE_FILE |                        \
	 LANDLOCK_FS_READ_FILE | LANDLOCK_FS_TRUNCATE | LANDLOCK_FS_IOCTL_DEV)

struct ruleset_attr {
	uint64_t fs;
	uint64_t net;	/* ABI 4 */
	uint64_t scope; /* ABI 6 */
};

struct path_attr {
	uint64_t access;
	int32_t fd;
} __attribute__((packed));

static const char *const name[] = {
	"execute",    "write_file",  "read_file", "read_dir",
	"remove_dir", "remove_file", "make_char", "make_dir",
	"make_reg",   "make_sock",   "make_fifo", "make_block",
	"make_sym",   "refer",	     "truncate",  "ioctl_dev",
};
static_assert((1u << ARRAY_SIZE(name)) - 1 == LANDLOCK_FS_ALL,
	      "a name for each right");

uint32_t landlock_access(const char *text)
{
	for (size_t i = 0; i < ARRAY_SIZE(name); i++)
		if (strcmp(name[i], text) == 0)
			return 1u << i;
	return 0;
}

/*
 * REFER is the one right that older ABIs deny always; the others are simply
 * not taken away by a kernel that does not know them.
 */
int landlock_least_abi(uint32_t access)
{
	return access & LANDLOCK_FS_REFER ? 2 : 1;
}

/* ENOSYS: not built in, or a filter says so; EOPNOTSUPP: not in lsm=. */
int landlock_abi(void)
{
	long abi =
		syscall(SYS_landlock_create_ruleset, NULL, 0, RULESET_VERSION);

	return abi > 0 ? (int)abi : 0;
}

static uint32_t known_rights(int abi)
{
	uint32_t known = LANDLOCK_FS_REFER - 1;

	if (abi >= 2)
		known |= LANDLOCK_FS_REFER;
	if (abi >= 3)
		known |= LANDLOCK_FS_TRUNCATE;
	if (abi >= 5)
		known |= LANDLOCK_FS_IOCTL_DEV;
	return known;
}

static int make_ruleset(int abi, unsigned keep, struct err *err)
{
	struct ruleset_attr attr = { .fs = known_rights(abi) };
	size_t size = sizeof(attr.fs);
	long fd;

	if (abi >= 4) {
		attr.net = NET_BIND_TCP | NET_CONNECT_TCP;
		size += sizeof(attr.net);
	}
	if (abi >= 6) {
		attr.scope = SCOPE_ABSTRACT;
		if (!(keep & LANDLOCK_KEEP_SIGNALS))
			attr.scope |= SCOPE_SIGNAL;
		size += sizeof(attr.scope);
	}
	fd = syscall(SYS_landlock_create_ruleset, &attr, size, 0);
	return fd < 0 ? err_set(err, errno, "make a Landlock ruleset") : (int)fd;
}

static int add_rule(int ruleset_fd, int abi, const struct landlock_rule *rule,
		    struct err *err)
{
	AUTO_FD int fd = open(rule->path, O_PATH | O_CLOEXEC);
	struct path_attr attr = { .access = rule->access & known_rights(abi),
				  .fd = fd };
	struct stat st;

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set(err, errno, "Landlock rule for %s", rule->path);
	if (!S_ISDIR(st.st_mode))
		attr.access &= FILE_RIGHTS;
	if (attr.access == 0)
		return 0;
	if (syscall(SYS_landlock_add_rule, ruleset_fd, RULE_PATH_BENEATH, &attr,
		    0) < 0)
		return err_set(err, errno, "Landlock rule for %s", rule->path);
	return 0;
}

/*
 * Since ABI 7 denials are audited until the next exec and not after it; of
 * interest is the program that comes after, not the proof that precedes it.
 */
static int enforce(int ruleset_fd, int abi, struct err *err)
{
	unsigned flags = abi >= 7 ? LOG_SAME_EXEC_OFF | LOG_NEW_EXEC_ON : 0;

	if (syscall(SYS_landlock_restrict_self, ruleset_fd, flags) < 0)
		return err_set(err, errno, "enforce the Landlock ruleset");
	return 0;
}

int landlock_restrict(const struct landlock_rule *rules, size_t count,
		      unsigned keep, struct err *err)
{
	int abi = landlock_abi();
	AUTO_FD int fd = -1;

	if (abi == 0)
		return 0;
	fd = make_ruleset(abi, keep, err);
	if (fd < 0)
		return fd;
	for (size_t i = 0; i < count; i++)
		if (add_rule(fd, abi, &rules[i], err) < 0)
			return -err->code;
	return enforce(fd, abi, err) < 0 ? -err->code : abi;
}
