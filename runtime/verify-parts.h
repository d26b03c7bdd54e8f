/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of verify share; not for others. */
#ifndef RUNTIME_VERIFY_PARTS_H
#define RUNTIME_VERIFY_PARTS_H

#include "verify.h"

#define VERIFY_FILE_MAX (1024 * 1024) /* of one /proc file */

struct verify {
	int proc_fd; /* /proc/PID: follows the process, not the number */
	const struct policy *policy;
	const struct verify_expect *expect;
	struct verify_report *report;
};

/* Adds a check; expected and actual are taken over. */
void verify_add(struct verify *v, const char *name, bool ok, char *expected,
		char *actual);
/* A layer that this host does not have; what may do without is the caller's. */
void verify_add_absent(struct verify *v, const char *name, char *expected,
		       char *actual);
/* "Uid" of /proc/PID/status text into value; -ENOENT when it has no such line */
int verify_status_field(const char *status, const char *field, char *value,
			size_t size) MUST_CHECK;
uint32_t verify_own_filters(void);

/* verify-status.c */
int verify_status(struct verify *v, struct err *err) MUST_CHECK;
int verify_namespaces(struct verify *v, struct err *err) MUST_CHECK;
int verify_network(struct verify *v, struct err *err) MUST_CHECK;
int verify_environment(struct verify *v, struct err *err) MUST_CHECK;
int verify_limits(struct verify *v, struct err *err) MUST_CHECK;
int verify_label(struct verify *v, pid_t pid, struct err *err) MUST_CHECK;
/* soft and hard value of /proc/PID/limits text; unlimited is UINT64_MAX */
int verify_limits_find(const char *text, int resource, uint64_t *ret_soft,
		       uint64_t *ret_hard) MUST_CHECK;

/* verify-files.c */
int verify_program(struct verify *v, struct err *err) MUST_CHECK;
int verify_root(struct verify *v, struct err *err) MUST_CHECK;
int verify_mounts(struct verify *v, struct err *err) MUST_CHECK;
int verify_fds(struct verify *v, struct err *err) MUST_CHECK;
/* Checks mountinfo text; names the first bad mount in *ret_bad, or NULL. */
void verify_mounts_check(char *text, const struct policy *policy,
			 size_t *ret_count, char **ret_bad);

#endif
