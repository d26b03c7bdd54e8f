// SPDX-License-Identifier: Apache-2.0
/*
 * filter-report.c - what the seccomp filters of live processes let through, as
 * JSON, for tests/security/report.py and for people. Needs root of the host.
 *
 *	filter-report PID		every different stack of its threads
 *	filter-report PID OLD NEW	the same with the filter file NEW in the
 *					place of OLD: what a program that adds
 *					a filter of its own would have under NEW
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <string.h>
#include <unistd.h>

#include "alloc.h"
#include "auto.h"
#include "fd.h"
#include "json.h"
#include "num.h"
#include "runtime/installed-filters.h"
#include "seccomp.h"
#include "sha256.h"

#define CALLS_MAX 1024
#define STACKS_MAX 16

struct group {
	struct filter_stack stack;
	uint32_t tid[512];
	size_t count;
};

static struct group groups[STACKS_MAX];
static size_t group_count;

static int add_thread(uint32_t tid, struct err *err)
{
	struct filter_stack stack = FILTER_STACK_INIT;
	struct group *group = NULL;

	if (installed_filters_read((pid_t)tid, &stack, err) < 0)
		return -err->code;
	for (size_t i = 0; !group && i < group_count; i++)
		if (filter_stack_is_same(&groups[i].stack, &stack))
			group = &groups[i];
	if (!group && group_count == STACKS_MAX)
		return err_msg(err, E2BIG, "too many different stacks");
	if (!group) {
		group = &groups[group_count++];
		group->stack = stack;
	} else {
		filter_stack_done(&stack);
	}
	if (group->count < ARRAY_SIZE(group->tid))
		group->tid[group->count++] = tid;
	return 0;
}

/* The main thread first: its group is the first in the answer. */
static int read_process(const char *pid, struct err *err)
{
	AUTO_FREE char *path = xasprintf("/proc/%s/task", pid);
	AUTO_CLOSEDIR DIR *dir = opendir(path);
	struct dirent *entry;
	uint32_t leader, tid;

	if (!dir)
		return err_set(err, errno, "list %s", path);
	if (num_parse_u32(pid, INT32_MAX, &leader) < 0)
		return err_msg(err, EINVAL, "%s is no pid", pid);
	if (add_thread(leader, err) < 0)
		return -err->code;
	while ((entry = readdir(dir))) {
		if (!isdigit((unsigned char)entry->d_name[0]) ||
		    num_parse_u32(entry->d_name, INT32_MAX, &tid) < 0 ||
		    tid == leader)
			continue;
		if (add_thread(tid, err) == -ESRCH)
			err_clear(err);
		else if (err->code)
			return -err->code;
	}
	return 0;
}

static int read_file(const char *path, struct filter *ret, struct err *err)
{
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	AUTO_FREE char *text = NULL;
	size_t len;

	if (fd < 0)
		return err_set(err, errno, "open %s", path);
	if (fd_read_text(fd, BPF_MAXINSNS * sizeof(struct sock_filter), &text,
			 &len, err) < 0)
		return -err->code;
	ret->count = len / sizeof(struct sock_filter);
	ret->insn = (struct sock_filter *)(void *)take_ptr(text);
	return filter_check(ret, err);
}

static bool is_same(const struct filter *a, const struct filter *b)
{
	return a->count == b->count &&
	       memcmp(a->insn, b->insn, a->count * sizeof(*a->insn)) == 0;
}

/* A stack without OLD would be counted as something that it is not. */
static int replace(const char *old_path, const char *new_path, struct err *err)
{
	struct filter old = { 0 }, new = { 0 };

	if (read_file(old_path, &old, err) < 0 ||
	    read_file(new_path, &new, err) < 0)
		return -err->code;
	for (size_t i = 0; i < group_count; i++) {
		struct filter_stack *stack = &groups[i].stack;
		bool found = false;

		for (size_t n = 0; n < stack->count; n++)
			if (is_same(&stack->filter[n], &old)) {
				stack->filter[n] = new;
				found = true;
			}
		if (!found)
			return err_msg(err, ENOENT,
				       "thread %u does not run under %s",
				       groups[i].tid[0], old_path);
	}
	return 0;
}

static enum filter_answer answer_of(const struct filter_stack *stack,
				    uint32_t arch, uint32_t number)
{
	struct filter_verdict verdict;

	filter_eval(stack->filter, stack->count, arch, number, &verdict);
	return filter_answer(&verdict);
}

static void write_names(struct json_writer *w, const char *key,
			const struct filter_stack *stack,
			enum filter_answer wanted)
{
	json_begin_array(w, key);
	for (uint32_t n = 0; n < CALLS_MAX; n++) {
		AUTO_FREE char *name = NULL;

		if (answer_of(stack, AUDIT_ARCH_X86_64, n) != wanted)
			continue;
		name = seccomp_call_name(n);
		json_string(w, NULL, name);
	}
	json_end_array(w);
}

/* Calls of the x32 and i386 interfaces that do not kill. */
static uint64_t foreign(const struct filter_stack *stack)
{
	uint64_t count = 0;

	for (uint32_t n = 0; n < CALLS_MAX; n++) {
		count += answer_of(stack, AUDIT_ARCH_X86_64,
				   n | FILTER_X32_BIT) != FILTER_KILLED;
		count += answer_of(stack, AUDIT_ARCH_I386, n) != FILTER_KILLED;
	}
	return count;
}

static void write_group(struct json_writer *w, const struct group *group)
{
	json_begin_object(w, NULL);
	json_begin_array(w, "threads");
	for (size_t i = 0; i < group->count; i++)
		json_u64(w, NULL, group->tid[i]);
	json_end_array(w);
	json_begin_array(w, "filters");
	for (size_t i = 0; i < group->stack.count; i++) {
		const struct filter *f = &group->stack.filter[i];
		char hex[SHA256_HEX_MAX];

		sha256_hex(f->insn, f->count * sizeof(*f->insn), hex);
		json_begin_object(w, NULL);
		json_string(w, "sha256", hex);
		json_u64(w, "instructions", f->count);
		json_end_object(w);
	}
	json_end_array(w);
	write_names(w, "always", &group->stack, FILTER_ALWAYS);
	write_names(w, "byArgument", &group->stack, FILTER_BY_ARGUMENT);
	write_names(w, "refused", &group->stack, FILTER_REFUSED);
	json_u64(w, "foreign", foreign(&group->stack));
	json_end_object(w);
}

int main(int argc, char **argv)
{
	struct json_writer w = { .pretty = false };
	struct err err = ERR_INIT;
	const char *why;

	if (argc != 2 && argc != 4) {
		fputs("usage: filter-report PID [OLD.bpf NEW.bpf]\n", stderr);
		return 2;
	}
	if (!installed_filters_allowed(&why)) {
		fprintf(stderr, "filter-report: %s\n", why);
		return 1;
	}
	if (read_process(argv[1], &err) < 0 ||
	    (argc == 4 && replace(argv[2], argv[3], &err) < 0)) {
		fprintf(stderr, "filter-report: %s\n", err.text);
		return 1;
	}
	json_begin_array(&w, NULL);
	for (size_t i = 0; i < group_count; i++)
		write_group(&w, &groups[i]);
	json_end_array(&w);
	puts(w.text);
	json_writer_done(&w);
	return 0;
}
