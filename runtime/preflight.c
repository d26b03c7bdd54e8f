// SPDX-License-Identifier: Apache-2.0
/*
 * preflight.c - looks at what a start needs before it makes anything, in
 * kata-runtime create. Rights: the caller's. The files are ours or the
 * distribution's; owner and mode are what matters, the kernel image is looked
 * at only so far that a broken one is told apart. jailer and QEMU check once
 * more: nothing here is what security rests on.
 */
#include "preflight.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "auto.h"
#include "boot-cache.h"
#include "child.h"
#include "file-server.h"
#include "filter.h"
#include "foreign.h"
#include "guest-profile.h"
#include "num.h"
#include "path.h"
#include "policy.h"

#define INITRD_BYTES_MIN 512
#define HEADERS_MAX 64
#define FILES_MIN 64		/* descriptors of one create, and some */
#define ADDRESS_EXTRA_MIB 2048u /* QEMU's own: code buffer, stacks, libraries */
#define SAYS "bubblewrap "
#define BWRAP_CACHE ".bwrap"
#define BWRAP_MINOR_MIN 8 /* 0.8: --disable-userns, --info-fd before exec */

/* --- guest files ----------------------------------------------------------- */

/* A file that was cut short would end in the middle of a segment. */
static int check_elf(int fd, off_t size, const char *path, struct err *err)
{
	Elf64_Ehdr head;
	Elf64_Phdr part;

	if (pread(fd, &head, sizeof(head), 0) != sizeof(head) ||
	    head.e_ident[EI_CLASS] != ELFCLASS64 || head.e_machine != EM_X86_64 ||
	    head.e_phentsize != sizeof(part) || head.e_phnum > HEADERS_MAX)
		return err_msg(err, ENOEXEC,
			       "guest kernel %s: no 64-bit x86 kernel", path);
	for (unsigned i = 0; i < head.e_phnum; i++) {
		off_t at = (off_t)(head.e_phoff + i * sizeof(part));

		if (pread(fd, &part, sizeof(part), at) != sizeof(part) ||
		    part.p_offset > (uint64_t)size ||
		    part.p_filesz > (uint64_t)size - part.p_offset)
			return err_msg(
				err, ENOEXEC,
				"guest kernel %s: cut short; make it again with kata-osbuilder",
				path);
	}
	return 0;
}

static int check_kernel(int fd, off_t size, const char *path, struct err *err)
{
	char magic[4] = "";

	if (pread(fd, magic, sizeof(magic), 0) == sizeof(magic) &&
	    memcmp(magic, ELFMAG, SELFMAG) == 0)
		return check_elf(fd, size, path, err);
	/* the boot protocol's header of a bzImage */
	if (pread(fd, magic, sizeof(magic), 0x202) == sizeof(magic) &&
	    memcmp(magic, "HdrS", sizeof(magic)) == 0)
		return 0;
	return err_msg(err, ENOEXEC,
		       "guest kernel %s: no kernel image (ELF or bzImage)",
		       path);
}

static int check_guest_file(const struct runtime *rt, const char *what,
			    const char *path, bool is_kernel, struct err *err)
{
	AUTO_FD int fd = -1;
	struct stat st;

	if (path_check_trusted(path, err) < 0)
		return err_wrap(err, "%s", what);
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set(err, errno, "%s %s", what, path);
	if (!S_ISREG(st.st_mode))
		return err_msg(err, EINVAL, "%s %s: not a regular file", what,
			       path);
	/* Opened by the VMM, whose id is nobody else's. */
	if (!(st.st_mode & S_IROTH) && !rt->settings.single_id)
		return err_msg(
			err, EACCES,
			"%s %s: mode %04o, but the VMM's own id must read it (chmod a+r)",
			what, path, st.st_mode & 07777);
	if (is_kernel)
		return check_kernel(fd, st.st_size, path, err);
	return st.st_size >= INITRD_BYTES_MIN ?
		       0 :
		       err_msg(err, EINVAL,
			       "%s %s: empty; make it again with kata-osbuilder",
			       what, path);
}

/* --- jails ------------------------------------------------------------------- */

/* "0.8.0" */
static bool is_new_enough(const char *version)
{
	AUTO_FREE char *copy = xstrdup(version);
	char *save = NULL, *word = strtok_r(copy, ".", &save);
	uint32_t major = 0, minor = 0;

	if (!word || num_parse_u32(word, 1000, &major) < 0)
		return false;
	word = strtok_r(NULL, ".-+~ ", &save);
	if (!word || num_parse_u32(word, 1000, &minor) < 0)
		return false;
	return major > 0 || minor >= BWRAP_MINOR_MIN;
}

/* The file: one that is replaced has another number, or another ctime. */
static uint64_t identity_of(const struct stat *st)
{
	const uint64_t word[] = { st->st_dev, st->st_ino, (uint64_t)st->st_size,
				  (uint64_t)st->st_ctim.tv_sec,
				  (uint64_t)st->st_ctim.tv_nsec };
	uint64_t hash = 0xcbf29ce484222325; /* FNV-1a, by words */

	for (size_t i = 0; i < ARRAY_SIZE(word); i++)
		hash = (hash ^ word[i]) * 0x100000001b3;
	return hash;
}

/*
 * One that is too old ends with "Unknown option", in the sandbox's log. It is
 * asked once a boot: to be asked costs as much as to make a jail.
 */
static int check_bwrap_version(int root_fd, const struct stat *st,
			       struct err *err)
{
	uint64_t identity = identity_of(st), known;
	struct err unsaved = ERR_INIT;
	AUTO_FREE char *text = NULL;
	const char *version;

	if (boot_cache_load(root_fd, BWRAP_CACHE, UINT64_MAX, &known) &&
	    known == identity)
		return 0;
	if (foreign_version(POLICY_BWRAP, NULL, &text, err) < 0)
		return err_wrap(err, "bubblewrap's version");
	version = child_line(text, SAYS);
	if (!version)
		return err_msg(
			err, EOPNOTSUPP,
			"%s tells no version: bubblewrap 0.%d or later is needed",
			POLICY_BWRAP, BWRAP_MINOR_MIN);
	if (!is_new_enough(version + strlen(SAYS)))
		return err_msg(err, EOPNOTSUPP,
			       "%s is %.64s: 0.%d or later is needed",
			       POLICY_BWRAP, version, BWRAP_MINOR_MIN);
	IGNORE(boot_cache_save(root_fd, BWRAP_CACHE, identity, &unsaved) < 0,
	       "it is asked again");
	return 0;
}

static int check_bwrap(const struct runtime *rt, struct err *err)
{
	struct stat st;

	if (stat(POLICY_BWRAP, &st) < 0)
		return err_set(err, errno,
			       "bubblewrap is needed (install it): %s",
			       POLICY_BWRAP);
	if (st.st_mode & (S_ISUID | S_ISGID))
		return err_msg(
			err, EPERM,
			"%s is setuid or setgid: refused; remove the bit (chmod ug-s)",
			POLICY_BWRAP);
	if (getxattr(POLICY_BWRAP, "security.capability", NULL, 0) >= 0)
		return err_msg(
			err, EPERM,
			"%s has file capabilities: refused; remove them (setcap -r)",
			POLICY_BWRAP);
	if (errno != ENODATA && errno != ENOTSUP)
		return err_set(err, errno, "file capabilities of %s",
			       POLICY_BWRAP);
	if (path_check_trusted(POLICY_BWRAP, err) < 0)
		return -err->code;
	return check_bwrap_version(rt->root_fd, &st, err);
}

static int check_program(const struct policy *policy, struct err *err)
{
	if (path_check_trusted(policy->program, err) == 0 &&
	    access(policy->program, X_OK) == 0)
		return 0;
	if (err->code == 0)
		err_set(err, errno, "%s", policy->program);
	return err_wrap(err, "program of jail %s (is it installed?)",
			policy->name);
}

static int check_jail(const struct runtime *rt, const char *name,
		      struct err *err)
{
	AUTO_FREE char *path =
		xasprintf("%s/%s.json", rt->settings.policies, name);
	AUTO_FREE char *filters = NULL;
	struct policy *policy = NULL;
	int r = policy_load(path, &policy, err);

	if (r < 0)
		return err_wrap(err, "jail %s", name);
	r = check_program(policy, err);
	/* Where the jailer looks for it. */
	filters = xasprintf("%s/../seccomp", rt->settings.policies);
	if (r == 0 && filter_check_file(filters, policy->seccomp, err) < 0)
		r = err_wrap(err, "seccomp filter of jail %s", name);
	policy_free(policy);
	return r;
}

/* What our own programs are compared with; they are checked for themselves. */
static int check_own(const struct runtime *rt, const char *name, struct err *err)
{
	AUTO_FREE char *path =
		xasprintf("%s/%s.json", rt->settings.policies, name);
	struct policy *policy = NULL;
	int r = policy_load(path, &policy, err);

	policy_free(policy);
	return r < 0 ? err_wrap(err, "jail %s", name) : 0;
}

/* Every jail that may be the one: which it is, is not known yet. */
static int check_jails(struct runtime *rt, struct err *err)
{
	enum accel_request want = rt->settings.required & LAYER_KVM ?
					  ACCEL_WANT_KVM :
					  rt->settings.accelerator;

	if (check_own(rt, "kata-proxy", err) < 0 ||
	    check_own(rt, "kata-shim", err) < 0 ||
	    file_server_find(rt, &rt->file_server, err) < 0 ||
	    check_jail(rt, rt->file_server->policy, err) < 0 ||
	    (want != ACCEL_WANT_TCG && check_jail(rt, "qemu-kvm", err) < 0) ||
	    (want != ACCEL_WANT_KVM && check_jail(rt, "qemu-tcg", err) < 0))
		return -err->code;
	return 0;
}

int preflight_files(struct runtime *rt, struct err *err)
{
	const struct settings *set = &rt->settings;
	AUTO_FREE char *jail_exec = settings_jail_exec(set);
	const struct {
		const char *what, *path;
	} file[] = { { "kata-jailer", set->jailer },
		     { POLICY_EXEC_NAME, jail_exec },
		     { "kata-proxy", set->proxy },
		     { "kata-shim", set->shim },
		     { "policies", set->policies },
		     { "seccomp filters", set->seccomp } };

	for (size_t i = 0; i < ARRAY_SIZE(file); i++)
		if (path_check_trusted(file[i].path, err) < 0)
			return err_wrap(err, "%s", file[i].what);
	if (filter_check_file(set->seccomp, "proxy", err) < 0 ||
	    filter_check_file(set->seccomp, "shim", err) < 0)
		return err_wrap(err, "seccomp filter");
	if (filter_check_file(set->seccomp, GUEST_PROFILE_FILE, err) < 0)
		return err_wrap(err, "the guest's seccomp profile");
	if (check_guest_file(rt, "guest kernel", set->kernel, true, err) < 0 ||
	    check_guest_file(rt, "guest initrd", set->initrd, false, err) < 0 ||
	    check_bwrap(rt, err) < 0)
		return -err->code;
	return check_jails(rt, err);
}

/* --- limits of the caller ------------------------------------------------------ */

/* A soft limit is the shell's habit; the hard one is meant. */
static int need(int resource, const char *what, const char *flag, rlim_t least,
		struct err *err)
{
	struct rlimit limit;

	if (getrlimit(resource, &limit) < 0)
		return err_set(err, errno, "read the limit of %s", what);
	if (limit.rlim_cur >= least)
		return 0;
	limit.rlim_cur = limit.rlim_max;
	if (limit.rlim_max >= least)
		return setrlimit(resource, &limit) < 0 ?
			       err_set(err, errno, "raise the limit of %s",
				       what) :
			       0;
	return err_msg(
		err, EAGAIN,
		"limit of %s: %llu here, at least %llu is needed (ulimit -%s)",
		what, (unsigned long long)limit.rlim_max,
		(unsigned long long)least, flag);
}

int preflight_limits(uint32_t memory_mib, struct err *err)
{
	rlim_t memory = (rlim_t)memory_mib << 20;

	if (need(RLIMIT_NOFILE, "open files", "n", FILES_MIN, err) < 0 ||
	    need(RLIMIT_AS, "address space in bytes", "v, in KiB",
		 memory + ((rlim_t)ADDRESS_EXTRA_MIB << 20), err) < 0 ||
	    need(RLIMIT_FSIZE, "file size in bytes", "f, in KiB", memory, err) <
		    0)
		return -err->code;
	return 0;
}
