/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads a jailed program back from the kernel and compares it with its policy.
 * The same code serves the start of a sandbox, kata-check and audit.
 */
#ifndef RUNTIME_VERIFY_H
#define RUNTIME_VERIFY_H

#include "err.h"
#include "json.h"
#include "policy.h"

struct verify_named {
	const char *name; /* of a policy bind: "kernel", "initrd" */
	const char *path; /* what was given for it, on the host */
};

struct verify_expect {
	uint32_t uid; /* all four, seen from the caller's user namespace */
	uint32_t gid;
	/* The caller's id is the only one: groups cannot be dropped, and are
	 * exactly the caller's. */
	bool single_id;
	/*
	 * The shared directory by a path that the caller can reach, such as
	 * /proc/PROXY_PID/root/STATE/ID/share. Needed when the policy has the
	 * bind "share".
	 */
	const char *share;
	const struct verify_named *named;
	size_t named_count;
	/*
	 * Seccomp filters that every process of the sandbox inherits from the
	 * engine; VERIFY_OWN_FILTERS: as many as the caller has.
	 */
	uint32_t inherited_filters;
	const char *exec; /* host path of kata-jail-exec */
	/* The ABI of Landlock that kata-jail-exec, or the program itself, told;
	 * -1: nothing was told */
	int landlock_told;
	const char *filters; /* directory of the compiled filters */
	/* For a policy of kind self: a path that its root must be the same as;
	 * NULL: a root that holds the shared directory, and nothing else */
	const char *root;
	const char *program; /* host path; needed for a policy of kind self */
	/* Its SELinux range, or why it has no label of ours; both NULL: fine
	 * only where SELinux is off */
	const char *selinux_range, *selinux_absent;
};

#define VERIFY_OWN_FILTERS UINT32_MAX

struct verify_check {
	char *name; /* "uid", "capabilities", "namespace net" ... */
	char *expected;
	char *actual;
	bool ok;
	bool absent; /* ok because the host has no such layer; actual says so */
	bool unmade; /* the caller cannot make it; actual says why */
};

struct verify_report {
	char *jail; /* policy name */
	pid_t pid;
	struct verify_check *check;
	size_t count;
	size_t failed;
};

#define VERIFY_REPORT_INIT                                                     \
	{                                                                      \
		.jail = NULL                                                   \
	}

/*
 * pid is the program itself (child-pid of bwrap's --info-fd), not bwrap's
 * monitor; virtiofsd only after QEMU has connected to it. The caller needs the
 * rights of root over the process's user namespace. *report is filled as far
 * as things could be read, and must be freed by verify_report_done() in every
 * case. Return: 0 when every check holds; -EPERM when one does not (err names
 * it); -errno when something could not be read.
 */
int verify_jail(pid_t pid, const struct policy *policy,
		const struct verify_expect *expect,
		struct verify_report *report, struct err *err) MUST_CHECK;
void verify_report_done(struct verify_report *report);
/* One line a check that does not hold: "BAD  uid  5000 (must be 0)". */
void verify_report_text(const struct verify_report *report, FILE *out);
/* As one object; key NULL in an array or at the top. */
void verify_report_json(const struct verify_report *report,
			struct json_writer *writer, const char *key);

#endif
