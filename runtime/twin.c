// SPDX-License-Identifier: Apache-2.0
/*
 * twin.c - tries what a policy forbids, in a jail that kata-jailer makes of the
 * same policy with kata-jail-twin in it (jailer/jail-twin.c). Runs with the
 * rights of a start, rootless as well: what the kernel does is seen, not
 * concluded from a filter's bytes. For checks on request, not for a start: it
 * takes as long as a process for each of some 1900 calls.
 *
 * Tried is every number that the evaluator says is never allowed, in all three
 * interfaces, and some calls with arguments that no jail may make; expected is
 * what the evaluator says. So a filter that was compiled, handed on or loaded
 * wrongly shows (jailer/jail-filter.c is what kata-jail-exec loads it by), an
 * evaluator that errs, and a profile that came to allow one of those calls. Not
 * shown is what else kata-jail-exec does: the live process is read back for that
 * (verify.c). Hostile: nothing; the twin is ours.
 */
#include "twin.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/audit.h>
#include <linux/sched.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "auto.h"
#include "boot-cache.h"
#include "child.h"
#include "filter-eval.h"
#include "filter.h"
#include "policy.h"
#include "seccomp.h"

#define CALLS_MAX 640
#define TWIN_MS 120000
#define OUTPUT_MAX (256 * 1024)
#define NEWUSER 0x10000000u

/* Calls of which some are allowed: these are not, wherever a filter says so. */
static const struct {
	uint32_t number;
	uint64_t arg[4];
} special[] = {
	{ SYS_socket, { 2, 1 } },	      /* AF_INET */
	{ SYS_socket, { 10, 2 } },	      /* AF_INET6 */
	{ SYS_socket, { 16, 3 } },	      /* AF_NETLINK */
	{ SYS_socket, { 17, 3 } },	      /* AF_PACKET */
	{ SYS_socket, { 38, 5 } },	      /* AF_ALG */
	{ SYS_socket, { 40, 1 } },	      /* AF_VSOCK */
	{ SYS_clone, { 17 } },		      /* a process: SIGCHLD */
	{ SYS_clone, { NEWUSER | 17 } },      /* in a user namespace */
	{ SYS_clone, { NEWUSER | 0x10f00 } }, /* a thread, in one */
	{ SYS_unshare, { NEWUSER } },
	{ SYS_ioctl, { 0, 0x5412 } },	  /* TIOCSTI */
	{ SYS_ioctl, { 0, 0x541c } },	  /* TIOCLINUX */
	{ SYS_ioctl, { 0, 0x400454ca } }, /* TUNSETIFF */
	{ SYS_prctl, { 35 } },		  /* PR_SET_MM */
	{ SYS_prctl, { 4, 1 } },	  /* PR_SET_DUMPABLE */
	{ SYS_execve, { 0 } },
	{ SYS_execveat, { 0 } },
};

struct call {
	char text[64];
	enum filter_answer expected;
	int errno_number; /* -1: any */
};

struct calls {
	struct call *list;
	size_t count;
	struct filter filter;
	char *allowed; /* the first special call that it lets through, or NULL */
	uint64_t allowed_count;
};

void twin_result_done(struct twin_result *result)
{
	free(result->first);
	*result = (struct twin_result){ 0 };
}

/* --- what is to be tried ------------------------------------------------------ */

static void add_call(struct calls *c, const char *text,
		     const struct filter_verdict *verdict)
{
	struct call *call;

	if (filter_answer(verdict) < FILTER_REFUSED)
		return;
	c->list = xgrow(c->list, c->count, c->count + 1, sizeof(*c->list));
	call = &c->list[c->count++];
	snprintf(call->text, sizeof(call->text), "%s", text);
	call->expected = filter_answer(verdict);
	call->errno_number = verdict->errno_number;
}

static void add_interface(struct calls *c, char kind, uint32_t arch,
			  uint32_t bits)
{
	struct filter_verdict verdict;
	char text[16];

	for (uint32_t n = 0; n < CALLS_MAX; n++) {
		filter_eval(&c->filter, 1, arch, n | bits, &verdict);
		snprintf(text, sizeof(text), "%c%" PRIu32, kind, n);
		add_call(c, text, &verdict);
	}
}

static void add_special(struct calls *c)
{
	struct filter_verdict verdict;
	char text[64];

	for (size_t i = 0; i < ARRAY_SIZE(special); i++) {
		uint64_t arg[FILTER_ARGS] = { 0 };

		memcpy(arg, special[i].arg, sizeof(special[i].arg));
		filter_eval_call(&c->filter, 1, AUDIT_ARCH_X86_64,
				 special[i].number, arg, &verdict);
		snprintf(text, sizeof(text), "n%" PRIu32 ",%" PRIu64 ",%" PRIu64,
			 special[i].number, arg[0], arg[1]);
		add_call(c, text, &verdict);
		if (filter_answer(&verdict) >= FILTER_REFUSED)
			continue;
		c->allowed_count++;
		if (!c->allowed)
			c->allowed = xasprintf("call %s: the filter allows it",
					       text);
	}
}

/* --- the twin -------------------------------------------------------------------- */

static int run(const struct twin_spec *spec, const struct calls *c,
	       char **ret_text, struct err *err)
{
	struct strv argv = { 0 };
	int status;

	strv_add(&argv, "kata-jailer");
	strv_add(&argv, "--policy");
	strv_addf(&argv, "%s/%s.json", spec->policies, spec->policy);
	strv_add(&argv, "--twin");
	for (size_t i = 0; i < spec->args->count; i++)
		strv_add(&argv, spec->args->item[i]);
	strv_add(&argv, "--");
	for (size_t i = 0; i < c->count; i++)
		strv_add(&argv, c->list[i].text);
	status = child_output(spec->jailer, &argv, TWIN_MS, OUTPUT_MAX,
			      ret_text, err);
	strv_done(&argv);
	if (status < 0)
		return err_wrap(err, "twin of jail %s", spec->policy);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return err_msg(err, EIO, "twin of jail %s: %.300s", spec->policy,
			       **ret_text ? *ret_text : "it said nothing");
	return 0;
}

static bool is_expected(const struct call *call, const char *outcome)
{
	char wanted[32];

	if (call->expected == FILTER_KILLED)
		return strcmp(outcome, "killed") == 0;
	if (call->errno_number < 0)
		return strncmp(outcome, "errno ", 6) == 0 &&
		       strcmp(outcome, "errno 0") != 0;
	snprintf(wanted, sizeof(wanted), "errno %d", call->errno_number);
	return strcmp(outcome, wanted) == 0;
}

/*
 * What no filter decides. A kernel without the i386 interface answers its call
 * with a fault. uretprobe (335) and uprobe (336) pass every filter (Linux 6.14
 * and 6.18, kernel/seccomp.c, seccomp_uprobe_exception()): anywhere but in the
 * kernel's own trampoline they end in SIGILL and ENXIO.
 */
static bool is_kernels(const struct call *call, const char *outcome)
{
	static const char *const answer[][2] = { { "n335", "signal 4" },
						 { "n336", "errno 6" } };

	if (call->text[0] == 'i')
		return strcmp(outcome, "signal 11") == 0;
	for (size_t i = 0; i < ARRAY_SIZE(answer); i++)
		if (strcmp(call->text, answer[i][0]) == 0)
			return strcmp(outcome, answer[i][1]) == 0;
	return false;
}

/* What the filter allows and no jail may have: not tried, it got through. */
static void judge_special(struct calls *c, struct twin_result *ret)
{
	ret->through += c->allowed_count;
	if (!ret->first)
		ret->first = take_ptr(c->allowed);
}

/* The answers stand in the order of the questions, one a line. */
static int judge(const struct calls *c, char *text, struct twin_result *ret,
		 struct err *err)
{
	char *save = NULL, *line = strtok_r(text, "\n", &save);

	for (size_t i = 0; i < c->count;
	     i++, line = strtok_r(NULL, "\n", &save)) {
		const struct call *call = &c->list[i];
		size_t len = strlen(call->text);

		if (!line || strncmp(line, call->text, len) != 0 ||
		    line[len] != ' ')
			return err_msg(err, EPROTO,
				       "the twin did not answer for call %s",
				       call->text);
		ret->tried++;
		if (is_expected(call, line + len + 1) ||
		    is_kernels(call, line + len + 1))
			continue;
		ret->through++;
		if (!ret->first)
			ret->first =
				xasprintf("call %s: %s, must be %s", call->text,
					  line + len + 1,
					  filter_answer_name[call->expected]);
	}
	return line ? err_msg(err, EPROTO, "the twin says too much") : 0;
}

/* Another file, or another content, is another text. */
static char *file_stamp(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return xstrdup("none");
	return xasprintf("%jx.%jx.%lx", (uintmax_t)st.st_ino,
			 (uintmax_t)st.st_ctim.tv_sec, st.st_ctim.tv_nsec);
}

/* A result belongs to a boot, a policy, a filter, a jailer and a twin. */
static char *cache_name(const struct twin_spec *spec, const char *policy,
			const char *filter)
{
	const char *digest = filter_digest(filter);
	const char *slash = strrchr(spec->jailer, '/');
	int len = slash ? (int)(slash - spec->jailer) + 1 : 0;
	AUTO_FREE char *twin =
		xasprintf("%.*s" POLICY_TWIN_NAME, len, spec->jailer);
	AUTO_FREE char *jailer_stamp = file_stamp(spec->jailer);
	AUTO_FREE char *twin_stamp = file_stamp(twin);

	return xasprintf(".twin-%s-%.16s-%s-%s", policy,
			 digest ? digest : "none", jailer_stamp, twin_stamp);
}

static int try_all(const struct twin_spec *spec, const char *filter,
		   struct twin_result *ret, struct err *err)
{
	AUTO_FREE void *bpf = NULL;
	AUTO_FREE char *text = NULL;
	struct calls c = { 0 };
	size_t len = 0;
	int r = filter_read(spec->filters, filter, &bpf, &len, err);

	if (r < 0)
		return r;
	c.filter = (struct filter){ bpf, len / sizeof(struct sock_filter) };
	r = filter_check(&c.filter, err);
	if (r == 0) {
		add_interface(&c, 'n', AUDIT_ARCH_X86_64, 0);
		add_interface(&c, 'x', AUDIT_ARCH_X86_64, FILTER_X32_BIT);
		add_interface(&c, 'i', AUDIT_ARCH_I386, 0);
		add_special(&c);
		r = run(spec, &c, &text, err);
	}
	if (r == 0)
		r = judge(&c, text, ret, err);
	if (r == 0)
		judge_special(&c, ret);
	free(c.allowed);
	free(c.list);
	return r;
}

/**
 * twin_try() - Try every call that a policy forbids
 * @spec:	What to jail and how
 * @ret:	How many were tried, and what got through
 * @err:	Filled on failure
 *
 * With a state root a good result holds until the next boot, filter, jailer or
 * twin.
 *
 * Return: 0 or -errno
 */
int twin_try(const struct twin_spec *spec, struct twin_result *ret,
	     struct err *err)
{
	AUTO_FREE char *path =
		xasprintf("%s/%s.json", spec->policies, spec->policy);
	AUTO_FREE char *name = NULL;
	struct policy *policy = NULL;
	int r = policy_load(path, &policy, err);

	*ret = (struct twin_result){ 0 };
	if (r < 0)
		return r;
	name = cache_name(spec, policy->name, policy->seccomp);
	ret->from_before =
		boot_cache_load(spec->root_fd, name, UINT32_MAX, &ret->tried);
	if (!ret->from_before)
		r = try_all(spec, policy->seccomp, ret, err);
	policy_free(policy);
	if (r == 0 && !ret->from_before && ret->through == 0)
		r = boot_cache_save(spec->root_fd, name, ret->tried, err);
	return r;
}
