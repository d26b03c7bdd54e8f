// SPDX-License-Identifier: Apache-2.0
/*
 * jail-exec.c - kata-jail-exec: what bubblewrap executes inside a finished jail.
 * It takes away by Landlock what is left, proves it to itself, loads the
 * seccomp filter and becomes the program. Landlock cannot come earlier, because
 * a process under it can mount nothing, and bubblewrap has to; the filter
 * comes after it, so that no filter need allow the calls of Landlock.
 *
 * usage: kata-jail-exec RULES-FD FILTER-FD REPORT-FD|- PROGRAM [ARGUMENT...]
 * RULES-FD	words, each with a NUL: the least ABI, then access (hex) and path
 *		of each rule, as rules_words() writes them
 * FILTER-FD	struct sock_filter, compiled
 * REPORT-FD	gets "landlock ABI\n"; ABI 0: the kernel has none that will do
 *
 * Static: it runs before the rules that would let a loader open a library, and
 * is no program of any use to who finds it in the jail. Rights: none. Inputs
 * are memfds of kata-jailer, sealed; read strictly all the same.
 *
 * #stages:jail-exec jail
 * #syscalls:jail-exec read write close fcntl open fstat mmap seccomp execve
 * #syscalls:jail-exec personality capget prctl geteuid
 * #syscalls:jail-exec landlock_create_ruleset landlock_add_rule
 * #syscalls:jail-exec landlock_restrict_self
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hooks.h"
#include "landlock.h"

#include "jail-filter.h"

#define EXIT_JAIL 125 /* as kata-jailer's */
#define RULES_MAX 256
#define WORDS_MAX (64 * 1024)

static char words[WORDS_MAX];
static struct landlock_rule rules[RULES_MAX];

static NORETURN void fail(const struct err *err)
{
	dprintf(STDERR_FILENO, "kata-jail-exec: %s\n", err->text);
	_exit(EXIT_JAIL);
}

static int read_number(const char *text, int base, unsigned long max,
		       unsigned long *ret)
{
	char *end;

	if (!*text || *text == '-' || *text == '+' || *text == ' ')
		return -EINVAL;
	errno = 0;
	*ret = strtoul(text, &end, base);
	return errno || *end || *ret > max ? -EINVAL : 0;
}

/* A descriptor of the command line; "-" where one may be left out. */
static int read_fd(const char *text, bool may_miss, struct err *err)
{
	unsigned long fd;

	if (may_miss && strcmp(text, "-") == 0)
		return -1;
	if (read_number(text, 10, 1 << 20, &fd) < 0 || fd < 3 ||
	    fcntl((int)fd, F_SETFD, FD_CLOEXEC) < 0)
		return err_msg(err, EBADF, "\"%s\" is no descriptor", text);
	return (int)fd;
}

/* words to rules, which point into them. */
static int parse_words(size_t len, unsigned long *ret_least, size_t *ret_count,
		       struct err *err)
{
	const char *end = words + len;
	const char *at = words + strlen(words) + 1;
	size_t count = 0;

	if (words[len - 1] != '\0' ||
	    read_number(words, 10, 1000, ret_least) < 0)
		return err_msg(err, EINVAL, "Landlock rules: no least ABI");
	while (at < end) {
		const char *path = at + strlen(at) + 1;
		unsigned long access;

		if (count == RULES_MAX)
			return err_msg(err, E2BIG,
				       "more than %d Landlock rules", RULES_MAX);
		if (path >= end || path[0] != '/' ||
		    read_number(at, 16, LANDLOCK_FS_ALL, &access) < 0)
			return err_msg(err, EINVAL, "Landlock rule %zu", count);
		rules[count++] =
			(struct landlock_rule){ .access = (uint32_t)access,
						.path = path };
		at = path + strlen(path) + 1;
	}
	*ret_count = count;
	return 0;
}

/*
 * No file of /proc tells of Landlock: what it took can only be tried. No rule
 * names this very program, so it can be opened before, and not any more after.
 * Without the first, the file's mode might be what refuses.
 */
static int prove_open(const char *own, struct err *err)
{
	int fd = own ? open(own, O_RDONLY | O_CLOEXEC) : -1;

	if (!own)
		return err_msg(err, EIO, "no name of its own");
	if (fd < 0)
		return err_set(err, errno, "before Landlock: open %s", own);
	close(fd);
	return 0;
}

static int prove(const char *own, struct err *err)
{
	int fd = open(own, O_RDONLY | O_CLOEXEC);

	if (fd >= 0)
		return err_msg(err, EPERM,
			       "Landlock is in force, and %s can be opened",
			       own);
	if (errno != EACCES)
		return err_set(err, errno, "proof of Landlock: open %s", own);
	return 0;
}

/* Return: the ABI in force, 0 for none, -errno */
static int confine(int rules_fd, struct err *err)
{
	const char *own = (const char *)getauxval(AT_EXECFN);
	unsigned long least;
	size_t len, count;
	int abi;

	if (jail_read_all(rules_fd, words, sizeof(words), "Landlock rules",
			  &len, err) < 0 ||
	    parse_words(len, &least, &count, err) < 0)
		return -err->code;
	if (landlock_abi() < (int)least)
		return 0;
	if (prove_open(own, err) < 0)
		return -err->code;
	abi = landlock_restrict(rules, count, 0, err);
	if (abi > 0 && prove(own, err) < 0)
		return -err->code;
	return abi;
}

static int tell(int report_fd, int abi, struct err *err)
{
	char line[32];
	int len = snprintf(line, sizeof(line), "landlock %d\n", abi);

	/* a pipe that was read from before: short of PIPE_BUF, so at once */
	if (report_fd >= 0 && write(report_fd, line, (size_t)len) != len)
		return err_set(err, errno, "report");
	return 0;
}

static int load_filter(int fd, struct err *err)
{
#ifdef TEST_HOOKS
	if (fd < 0)
		return 0;
#endif
	if (jail_filter_read(fd, err) < 0)
		return -err->code;
	return jail_filter_load(err);
}

/*
 * The filter allows execve of a name at this address, where its rules of mmap
 * let nobody put anything once it is in force, and the kernel, where it chooses,
 * puts nothing (set_layout()); the mapping itself goes with the memory of this
 * program. So the call is spent by making it, and no thread of the program has
 * it, with or without a filter of the program's own (docs/decisions/0018).
 * seccomp-profiles/NAME.json has the same number.
 */
#define NAME_PLACE 0x10000000UL
#define NAME_SPACE 4096u

static char *place_name(const char *program, struct err *err)
{
	char *place =
		mmap((void *)NAME_PLACE, NAME_SPACE, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	if (place == MAP_FAILED || (unsigned long)place != NAME_PLACE) {
		err_set(err, place == MAP_FAILED ? errno : EEXIST,
			"a place for the program's name");
		return NULL;
	}
	if (strlen(program) >= NAME_SPACE) {
		err_msg(err, ENAMETOOLONG, "the program's name");
		return NULL;
	}
	return memcpy(place, program, strlen(program) + 1);
}

/*
 * For root of a namespace execve offers all of the bounding set; no_new_privs
 * takes that back, but the layout is taken for the offer already (Linux 6.18,
 * security/commoncap.c, cap_bprm_creds_from_file(): per_clear). So the bounding
 * set becomes what the program is given anyway. Who is not root is offered
 * nothing.
 *
 * #caps:jail-exec/jail setpcap - cutting the bounding set of the file server
 */
static int cut_bounding_set(struct err *err)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3
	};
	struct __user_cap_data_struct data[2] = { 0 };

	if (geteuid() != 0)
		return 0;
	if (syscall(SYS_capget, &head, data) < 0)
		return err_set(err, errno, "capget");
	for (unsigned cap = 0; cap < 64; cap++)
		if (!(data[cap / 32].permitted & 1u << cap % 32) &&
		    prctl(PR_CAPBSET_READ, cap, 0, 0, 0) == 1 &&
		    prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
			return err_set(
				err, errno,
				"drop capability %u from the bounding set", cap);
	return 0;
}

/*
 * Where the kernel puts what has no address. By default it looks from the stack
 * downwards and, for what fits nowhere else, comes down to vm.mmap_min_addr: to
 * NAME_PLACE. In the older layout it looks upwards from a third of the address
 * space, and never below (arch/x86/mm/mmap.c, arch_pick_mmap_layout();
 * arch/x86/kernel/sys_x86_64.c). It is chosen at execve, so this is for the
 * program; its filter has no personality(2). Exactly this value, whatever the
 * caller's was: addresses are random, and readable memory is not executable.
 */
static int set_layout(struct err *err)
{
	if (cut_bounding_set(err) < 0)
		return -err->code;
	if (personality(ADDR_COMPAT_LAYOUT) < 0)
		return err_set(err, errno, "personality");
	if (personality(0xffffffff) != ADDR_COMPAT_LAYOUT)
		return err_msg(err, EPERM,
			       "the layout of memory could not be set");
	return 0;
}

/*
 * bubblewrap asked for this signal already, but a change of SELinux domain by
 * execve, as the one that began this program, takes it away (Linux 6.1,
 * security/selinux/hooks.c, selinux_bprm_committing_creds()). Whether the
 * parent, outside of this pid namespace, ended in between cannot be seen; the
 * proxy's end reaches us by the pipe then, or delete by our id.
 */
static int die_with_parent(struct err *err)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return err_set(err, errno, "arm the parent-death signal");
	return 0;
}

#ifdef TEST_HOOKS
#define MAY_BREAK true
#else
#define MAY_BREAK false
#endif

int main(int argc, char **argv)
{
	struct err err = ERR_INIT;
	int rules_fd, filter_fd, report_fd, abi = 0;
	bool leaves_layout = false;
	char *program;

#ifdef TEST_HOOKS
	if (argc > 1 && strcmp(argv[1], JAIL_EXEC_HOLD) == 0) {
		hook_hold_inside();
		argc--;
		argv++;
	}
	leaves_layout = argc > 1 && strcmp(argv[1], JAIL_EXEC_LEAVE) == 0;
	argc -= leaves_layout;
	argv += leaves_layout;
#endif
	if (argc < 5) {
		err_msg(&err, EINVAL,
			"usage: kata-jail-exec RULES FILTER REPORT PROGRAM...");
		fail(&err);
	}
	rules_fd = read_fd(argv[1], MAY_BREAK, &err);
	filter_fd = read_fd(argv[2], MAY_BREAK, &err);
	report_fd = read_fd(argv[3], true, &err);
	if (err.code)
		fail(&err);
	if (die_with_parent(&err) < 0 ||
	    (!leaves_layout && set_layout(&err) < 0))
		fail(&err);
	if (rules_fd >= 0)
		abi = confine(rules_fd, &err);
	if (abi < 0 || tell(report_fd, abi, &err) < 0)
		fail(&err);
	program = place_name(argv[4], &err);
	if (!program || load_filter(filter_fd, &err) < 0)
		fail(&err);
	execve(program, argv + 4, environ);
	err_set(&err, errno, "execute %s", argv[4]);
	fail(&err);
}
