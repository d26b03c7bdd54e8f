/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of verify share; not for others. */
#ifndef RUNTIME_VERIFY_PARTS_H
#define RUNTIME_VERIFY_PARTS_H

#include <sys/stat.h>

#include "alloc.h"
#include "verify.h"

#define VERIFY_FILE_MAX (1024 * 1024) /* of one /proc file */
#define VERIFY_NAMES_MAX 64	      /* in the root */

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
/* A check that this caller may not make; another one stands for it. */
void verify_add_unmade(struct verify *v, const char *name, char *expected,
		       char *why);
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
int verify_label(struct verify *v, struct err *err) MUST_CHECK;
/* soft and hard value of /proc/PID/limits text; unlimited is UINT64_MAX */
int verify_limits_find(const char *text, int resource, uint64_t *ret_soft,
		       uint64_t *ret_hard) MUST_CHECK;

/* verify-files.c */
int verify_program(struct verify *v, struct err *err) MUST_CHECK;
int verify_root(struct verify *v, struct err *err) MUST_CHECK;
int verify_fds(struct verify *v, struct err *err) MUST_CHECK;
/* Names of a directory, without . and ..; *ret is freed by the caller. */
int verify_list_names(int dir_fd, struct strv *ret, struct err *err) MUST_CHECK;
/* Adds the check "root": names are what the policy puts into "/". */
void verify_listing(struct verify *v, const struct strv *names);
/* Printable copy of text from inside the jail. */
char *verify_shown(const char *text);

static inline bool verify_is_self(const struct verify *v)
{
	return v->policy->identity == POLICY_ID_SELF;
}

static inline bool verify_is_file_server(const struct verify *v)
{
	return v->policy->identity == POLICY_ID_WHOLE_MAP;
}

/* verify-calls.c: the filter's digest, and what the installed ones let through */
int verify_calls(struct verify *v, struct err *err) MUST_CHECK;

/* verify-self.c: of a program of ours that confines itself */
int verify_undumpable(struct verify *v, struct err *err) MUST_CHECK;
int verify_own_root(struct verify *v, struct err *err) MUST_CHECK;
/* fd may be held by such a program: number, what it leads to, its flags */
bool verify_self_fd(const struct verify *v, const char *number,
		    const char *link, const struct stat *st);

/* verify-mounts.c */
int verify_mounts(struct verify *v, struct err *err) MUST_CHECK;
/* Checks mountinfo text; names the first bad mount in *ret_bad, or NULL. */
void verify_mounts_check(char *text, const struct policy *policy,
			 size_t *ret_count, char **ret_bad);
bool verify_is_library(const char *path);

/* verify-landlock.c */
int verify_landlock(struct verify *v, struct err *err) MUST_CHECK;

/* verify-layout.c */
int verify_layout(struct verify *v, struct err *err) MUST_CHECK;

/* verify-inside.c: a mount namespace from its own root, past any chroot. */
struct verify_inside {
	struct strv names; /* in "/" */
	char *mountinfo;
};

/* proc_fd is /proc/PID. Freed by verify_inside_done() in every case. */
int verify_inside_read(int proc_fd, struct verify_inside *ret,
		       struct err *err) MUST_CHECK;
void verify_inside_done(struct verify_inside *inside);

#endif
