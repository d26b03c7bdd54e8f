// SPDX-License-Identifier: Apache-2.0
/*
 * verify-calls.c - the seccomp filters of a jailed process. Part of verify.c.
 *
 * Every caller compares the filter's file with the digest of this build: it is
 * what the jailer loads, and refuses to load otherwise; that a filter is there
 * on each thread, and how many, verify-status.c sees. Root of the host reads
 * the installed programs themselves, of each thread, and evaluates every call
 * number, of the native, the x32 and the i386 interface.
 *
 * A stack may be stricter than our filter, as the program's own filter is to
 * make it; it may not be wider. Where the program is known to add one of its
 * own, that one has to take execve away, of which ours must leave the one call
 * of the start (docs/decisions/0018).
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <string.h>
#include <sys/syscall.h>

#include "auto.h"
#include "filter.h"
#include "installed-filters.h"
#include "num.h"
#include "seccomp.h"
#include "sha256.h"
#include "verify-parts.h"

#define NOT_GIVEN "the kernel is built without CONFIG_CHECKPOINT_RESTORE"
#define TASKS_MAX 512
#define STACKS_MAX 8  /* different ones among a process's threads */
#define CALLS_MAX 640 /* x86-64 ends at 547, its x32 part */

/* Beyond any call there is; a comparison with a sign error would show here. */
static const uint32_t far_call[] = { 1024,	 0x3fffffff, 0x7fffffff,
				     0x80000000, 0xbfffffff, 0xffffffff };

/* What is found in all threads. */
struct calls {
	struct verify *v;
	struct filter ours;
	struct filter_stack seen[STACKS_MAX];
	size_t seen_count;
	char digest[SHA256_HEX_MAX]; /* of the installed filter that is ours */
	size_t always, by_argument;  /* of the main thread */
	char *wide;		     /* first thing that must not be possible */
};

/* --- one stack ------------------------------------------------------------- */

static bool is_ours(const struct calls *c, const struct filter *f)
{
	return f->count == c->ours.count &&
	       memcmp(f->insn, c->ours.insn, f->count * sizeof(*f->insn)) == 0;
}

static bool holds_ours(const struct calls *c, const struct filter_stack *stack)
{
	for (size_t i = 0; i < stack->count; i++)
		if (is_ours(c, &stack->filter[i]))
			return true;
	return false;
}

static void note_wide(struct calls *c, const char *interface, uint32_t number,
		      enum filter_answer answer)
{
	AUTO_FREE char *name = NULL;

	if (c->wide)
		return;
	name = *interface ? xasprintf("call %u", number) :
			    seccomp_call_name(number);
	c->wide = xasprintf("%s%s is %s", interface, name,
			    answer == FILTER_REFUSED ?
				    "refused, not killed" :
				    filter_answer_name[answer]);
}

static enum filter_answer answer_of(const struct filter *list, size_t count,
				    uint32_t arch, uint32_t number)
{
	struct filter_verdict verdict;

	filter_eval(list, count, arch, number, &verdict);
	return filter_answer(&verdict);
}

/* own: the program's own filter is part of the stack. */
static enum filter_answer native_limit(const struct calls *c, uint32_t number,
				       bool own)
{
	if (own && (number == SYS_execve || number == SYS_execveat))
		return FILTER_REFUSED;
	return answer_of(&c->ours, 1, AUDIT_ARCH_X86_64, number);
}

static void check_native(struct calls *c, const struct filter_stack *stack,
			 uint32_t number, bool leader)
{
	const struct policy *policy = c->v->policy;
	/* how many threads may be without it is verify-status.c's to say */
	bool own = policy->own_filters > 0 &&
		   (leader || policy->early_threads == 0);
	enum filter_answer got = answer_of(stack->filter, stack->count,
					   AUDIT_ARCH_X86_64, number);

	/* what is killed cannot be wider than anything */
	if (got != FILTER_KILLED && got < native_limit(c, number, own))
		note_wide(c, "", number, got);
	if (leader && got == FILTER_ALWAYS)
		c->always++;
	if (leader && got == FILTER_BY_ARGUMENT)
		c->by_argument++;
}

static void check_foreign(struct calls *c, const struct filter_stack *stack,
			  uint32_t number)
{
	enum filter_answer x32, i386;

	x32 = answer_of(stack->filter, stack->count, AUDIT_ARCH_X86_64,
			number | FILTER_X32_BIT);
	i386 = answer_of(stack->filter, stack->count, AUDIT_ARCH_I386, number);
	if (x32 != FILTER_KILLED)
		note_wide(c, "x32 ", number, x32);
	if (i386 != FILTER_KILLED)
		note_wide(c, "i386 ", number, i386);
}

static void check_stack(struct calls *c, const struct filter_stack *stack,
			bool leader)
{
	if (!holds_ours(c, stack) && !c->wide)
		c->wide = xasprintf("a thread has %zu filters, ours is not "
				    "among them",
				    stack->count);
	for (uint32_t n = 0; n < CALLS_MAX; n++) {
		check_native(c, stack, n, leader);
		check_foreign(c, stack, n);
	}
	for (size_t i = 0; i < ARRAY_SIZE(far_call); i++) {
		check_native(c, stack, far_call[i], false);
		check_foreign(c, stack, far_call[i]);
	}
}

/* --- all threads ------------------------------------------------------------ */

/* Threads share filters mostly: each different stack is evaluated once. */
static int check_thread(struct calls *c, pid_t tid, bool leader, struct err *err)
{
	struct filter_stack stack = FILTER_STACK_INIT;
	int r = installed_filters_read(tid, &stack, err);
	bool known = false;

	for (size_t i = 0; r == 0 && i < c->seen_count; i++)
		known = known || filter_stack_is_same(&c->seen[i], &stack);
	if (r == 0 && !known && c->seen_count == STACKS_MAX)
		r = err_msg(err, E2BIG, "more than %d different filter stacks",
			    STACKS_MAX);
	if (r == 0 && !known) {
		check_stack(c, &stack, leader);
		c->seen[c->seen_count++] = stack;
		return 0;
	}
	filter_stack_done(&stack);
	return r;
}

static int check_others(struct calls *c, pid_t leader, struct err *err)
{
	AUTO_FD int fd = openat(c->v->proc_fd, "task",
				O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_CLOSEDIR DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;
	uint32_t tid;
	size_t count = 0;
	int r = 0;

	if (!dir)
		return err_set(err, errno, "list threads");
	take_fd(&fd);
	while (r == 0 && (entry = readdir(dir))) {
		if (!isdigit((unsigned char)entry->d_name[0]) ||
		    num_parse_u32(entry->d_name, INT32_MAX, &tid) < 0 ||
		    (pid_t)tid == leader)
			continue;
		if (++count == TASKS_MAX)
			return err_msg(err, E2BIG, "more than %d threads",
				       TASKS_MAX);
		r = check_thread(c, (pid_t)tid, false, err);
		if (r == -ESRCH) { /* a worker thread that ended meanwhile */
			err_clear(err);
			r = 0;
		}
	}
	return r;
}

static int read_installed(struct calls *c, struct err *err)
{
	struct verify *v = c->v;
	int r = check_thread(c, v->report->pid, true, err);

	if (r == 0 && holds_ours(c, &c->seen[0]))
		sha256_hex(c->ours.insn, c->ours.count * sizeof(*c->ours.insn),
			   c->digest);
	if (r == 0)
		r = check_others(c, v->report->pid, err);
	return r;
}

/* --- checks ------------------------------------------------------------------- */

static void add_digest(struct calls *c, const char *why_not)
{
	struct verify *v = c->v;
	const char *name = v->policy->seccomp;
	char file[SHA256_HEX_MAX];

	if (!why_not) {
		verify_add(v, "seccomp filter", *c->digest,
			   xasprintf("%s %.16s", name, filter_digest(name)),
			   *c->digest ? xasprintf("%s %.16s installed", name,
						  c->digest) :
					xstrdup("not installed"));
		return;
	}
	sha256_hex(c->ours.insn, c->ours.count * sizeof(*c->ours.insn), file);
	verify_add(v, "seccomp filter", strcmp(file, filter_digest(name)) == 0,
		   xasprintf("%s %.16s", name, filter_digest(name)),
		   xasprintf("%s %.16s on disk", name, file));
}

static void add_calls(struct calls *c, const char *why_not)
{
	struct verify *v = c->v;
	char *wanted = xasprintf(
		"no call beyond %s%s, none of x32 and i386", v->policy->seccomp,
		v->policy->own_filters ? " without execve" : "");

	if (why_not)
		verify_add_unmade(v, "seccomp calls", wanted,
				  xasprintf("not read: %s", why_not));
	else
		verify_add(v, "seccomp calls", !c->wide, wanted,
			   c->wide ? xstrdup(c->wide) :
				     xasprintf("%zu always, %zu by argument",
					       c->always, c->by_argument));
}

/**
 * verify_calls() - Compare the installed seccomp filters with the policy's
 * @v:		With the filters' directory in expect
 * @err:	Filled on failure
 *
 * Return: 0 or -errno
 */
int verify_calls(struct verify *v, struct err *err)
{
	struct calls c = { .v = v };
	AUTO_FREE void *ours = NULL;
	const char *why_not;
	size_t len = 0;
	int r = 0;

	if (!v->expect->filters)
		return err_msg(err, EINVAL,
			       "the directory of the filters is not given");
	if (filter_read(v->expect->filters, v->policy->seccomp, &ours, &len,
			err) < 0)
		return err_wrap(err, "seccomp filter");
	c.ours = (struct filter){ ours, len / sizeof(struct sock_filter) };
	if (filter_check(&c.ours, err) < 0)
		return err_wrap(err, "seccomp filter");
	if (installed_filters_allowed(&why_not))
		r = read_installed(&c, err);
	/* something wrong that was seen before stays wrong */
	if (r == -EOPNOTSUPP) {
		err_clear(err);
		why_not = c.wide ? NULL : NOT_GIVEN;
		r = 0;
	}
	if (r == 0) {
		add_digest(&c, why_not);
		add_calls(&c, why_not);
	}
	for (size_t i = 0; i < c.seen_count; i++)
		filter_stack_done(&c.seen[i]);
	free(c.wide);
	return r;
}
