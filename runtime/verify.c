// SPDX-License-Identifier: Apache-2.0
/*
 * verify.c - reads a jail back and compares it with its policy, before the VM
 * may run. Runs in kata-runtime, which is root of the user namespace that the
 * jail's own was made in and may therefore look into it. The process looked at
 * has not met hostile input yet when a sandbox starts; for audit it may be
 * captured, so everything read is text with limits and is never acted on.
 *
 * A check that cannot be made counts as failed: nothing is skipped in silence.
 */
#include "verify.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "auto.h"
#include "verify-parts.h"

void verify_add(struct verify *v, const char *name, bool ok, char *expected,
		char *actual)
{
	struct verify_report *r = v->report;
	struct verify_check *check;

	r->check = xgrow(r->check, r->count, r->count + 1, sizeof(*r->check));
	check = &r->check[r->count++];
	check->name = xstrdup(name);
	check->expected = expected;
	check->actual = actual;
	check->ok = ok;
	check->absent = false;
	check->unmade = false;
	if (!ok)
		r->failed++;
}

void verify_add_absent(struct verify *v, const char *name, char *expected,
		       char *actual)
{
	verify_add(v, name, true, expected, actual);
	v->report->check[v->report->count - 1].absent = true;
}

void verify_add_unmade(struct verify *v, const char *name, char *expected,
		       char *why)
{
	verify_add(v, name, true, expected, why);
	v->report->check[v->report->count - 1].unmade = true;
}

static int judge(const struct verify_report *report, struct err *err)
{
	for (size_t i = 0; i < report->count; i++) {
		const struct verify_check *check = &report->check[i];

		if (check->ok)
			continue;
		if (report->failed > 1)
			return err_msg(
				err, EPERM,
				"jail %s: %s is %s, must be %s (and %zu more differences)",
				report->jail, check->name, check->actual,
				check->expected, report->failed - 1);
		return err_msg(err, EPERM, "jail %s: %s is %s, must be %s",
			       report->jail, check->name, check->actual,
			       check->expected);
	}
	return 0;
}

typedef int (*const verify_part)(struct verify *, struct err *);

static verify_part of_jail[] = {
	verify_program, verify_status,	 verify_namespaces, verify_network,
	verify_root,	verify_mounts,	 verify_fds,	    verify_environment,
	verify_limits,	verify_landlock, verify_layout,	    verify_calls,
	NULL,
};

/* Its root is for itself to make; nothing in it can be opened. */
static verify_part of_self[] = {
	verify_program,
	verify_status,
	verify_namespaces,
	verify_fds,
	verify_environment,
	verify_limits,
	verify_own_root,
	verify_undumpable,
	verify_landlock,
	verify_calls,
	NULL,
};

/**
 * verify_jail() - Compare a live process with its policy
 * @pid:	The program itself
 * @policy:	What it was jailed by
 * @expect:	What only the start knows
 * @report:	Filled; freed by the caller
 * @err:	Filled on failure
 *
 * Return: 0, -EPERM on a difference, -errno
 *
 * #syscalls:runtime openat2 readlinkat newfstatat fstatfs getdents64
 * #files:runtime /proc/PID r - reading the jail back
 * #caps:runtime/command sys_ptrace - reading the jail back
 */
int verify_jail(pid_t pid, const struct policy *policy,
		const struct verify_expect *expect,
		struct verify_report *report, struct err *err)
{
	AUTO_FREE char *path = xasprintf("/proc/%d", pid);
	AUTO_FD int proc_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct verify v = { .proc_fd = proc_fd,
			    .policy = policy,
			    .expect = expect,
			    .report = report };
	verify_part *part = policy->identity == POLICY_ID_SELF ? of_self :
								 of_jail;
	int r = 0;

	report->jail = xstrdup(policy->name);
	report->pid = pid;
	if (proc_fd < 0)
		return err_set(err, errno, "jail %s: open %s", policy->name,
			       path);
	while (r == 0 && *part)
		r = (*part++)(&v, err);
	if (r == 0)
		r = verify_label(&v, err);
	if (r < 0)
		return err_wrap(err, "jail %s cannot be read back",
				policy->name);
	return judge(report, err);
}

void verify_report_done(struct verify_report *report)
{
	for (size_t i = 0; i < report->count; i++) {
		free(report->check[i].name);
		free(report->check[i].expected);
		free(report->check[i].actual);
	}
	free(report->check);
	free(report->jail);
	*report = (struct verify_report)VERIFY_REPORT_INIT;
}

void verify_report_text(const struct verify_report *report, FILE *out)
{
	for (size_t i = 0; i < report->count; i++) {
		const struct verify_check *check = &report->check[i];

		if (!check->ok)
			fprintf(out, "  BAD %s: %s: %s (must be %s)\n",
				report->jail, check->name, check->actual,
				check->expected);
	}
}

void verify_report_json(const struct verify_report *report,
			struct json_writer *w, const char *key)
{
	json_begin_object(w, key);
	json_string(w, "jail", report->jail);
	json_i64(w, "pid", report->pid);
	json_bool(w, "ok", report->failed == 0);
	json_begin_array(w, "checks");
	for (size_t i = 0; i < report->count; i++) {
		const struct verify_check *check = &report->check[i];

		json_begin_object(w, NULL);
		json_string(w, "name", check->name);
		json_bool(w, "ok", check->ok);
		json_bool(w, "absent", check->absent);
		json_bool(w, "unmade", check->unmade);
		json_string(w, "expected", check->expected);
		json_string(w, "actual", check->actual);
		json_end_object(w);
	}
	json_end_array(w);
	json_end_object(w);
}
