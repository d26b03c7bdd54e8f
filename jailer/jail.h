/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one call of kata-jailer builds, stage by stage. Everything here is of
 * the one process that becomes bubblewrap; nothing returns from the last one.
 */
#ifndef JAILER_JAIL_H
#define JAILER_JAIL_H

#include "alloc.h"
#include "err.h"
#include "policy.h"

#define JAIL_FDS_MAX 64
#define JAIL_NAMED_MAX 32
#define JAIL_BWRAP POLICY_BWRAP
/* Where bind sources stand in the jailer's own mount namespace. */
#define JAIL_STAGE "/jail"
#define JAIL_STAGE_EXEC JAIL_STAGE "/exec"

struct jail_named {
	const char *name;
	const char *path;
};

struct jail {
	const char *policy_path;
	struct policy *policy;
	bool has_uid;
	uint32_t uid;	   /* of the current user namespace */
	bool twin;	   /* tries calls in the program's place */
	bool single_id;	   /* the namespace has no other id than the caller's */
	const char *level; /* SELinux range of the program; NULL: no label */
	struct jail_named named[JAIL_NAMED_MAX];
	size_t named_count;
	struct strv fds; /* names of 3, 4, 5 ... */
	int info_fd;	 /* bwrap writes the program's pid there */
	int log_fd;	 /* own messages; -1: stderr */
	int alive_fd; /* pipe whose other end dies with the sandbox; -1: none */
	char **args;  /* NULL-terminated, argv[1..] of the program */
	pid_t parent;
	/* made on the way */
	struct strv libraries; /* files the program's loader maps */
	char *label;	       /* SELinux label of bubblewrap, or NULL */
	char *exec;	       /* host path of kata-jail-exec */
	int seccomp_fd;
	int landlock_fd; /* rules, as kata-jail-exec reads them */
	int report_fd;	 /* kata-jail-exec's own copy of info_fd, or -1 */
	int userns_fd;	 /* the file server's, until it is entered */
	int args_fd;
};

/* options.c */
/* Host path given for a named bind, or NULL. */
const char *jail_named_path(const struct jail *jail, const char *name);
int options_parse(struct jail *jail, int argc, char **argv,
		  struct err *err) MUST_CHECK;

/* fds.c */
int fds_check(struct jail *jail, struct err *err) MUST_CHECK;
int fds_close_others(size_t named, struct err *err) MUST_CHECK;
int fds_mark(const struct jail *jail, struct err *err) MUST_CHECK;
/* Under the final id: the end of alive_fd's other side becomes SIGKILL to us. */
int fds_bind_life(const struct jail *jail, struct err *err) MUST_CHECK;

/* libraries.c */
int libraries_find(const char *program, struct strv *ret,
		   struct err *err) MUST_CHECK;
/* ELF interpreter of a program; owned by the caller. */
int libraries_interpreter(const char *program, char **ret,
			  struct err *err) MUST_CHECK;
/* Output of the loader's --list to paths. For libraries_find() and tests. */
int libraries_parse(char *text, struct strv *ret, struct err *err) MUST_CHECK;

/* rules.c */
/* The words of RULES-FD (jail-exec.c), of what the jail is going to hold. */
void rules_words(const struct jail *jail, struct strv *ret);
int rules_prepare(struct jail *jail, struct err *err) MUST_CHECK;

/* root.c */
int root_apply(const struct jail *jail, struct err *err) MUST_CHECK;
/* True when the bind's source is staged below JAIL_STAGE. */
bool root_is_staged(const struct policy_bind *bind);

/* userns.c */
int userns_make_whole(int *ret_fd, struct err *err) MUST_CHECK;
/* Text of a uid_map to the text of the identity map over the same ids. */
int userns_identity_map(const char *map, char **ret, struct err *err) MUST_CHECK;

/* identity.c */
int identity_apply(const struct jail *jail, struct err *err) MUST_CHECK;

/* limits.c */
int limits_apply(const struct policy *policy, struct err *err) MUST_CHECK;

/* bwrap.c */
/* Host path of the program that bubblewrap executes in the jail. */
int bwrap_find_exec(struct jail *jail, struct err *err) MUST_CHECK;
int bwrap_check(const char *path, struct err *err) MUST_CHECK;
int bwrap_load_filter(struct jail *jail, struct err *err) MUST_CHECK;
/* Arguments for --args, without the program's own. */
int bwrap_arguments(const struct jail *jail, struct strv *ret,
		    struct err *err) MUST_CHECK;
int bwrap_prepare(struct jail *jail, struct err *err) MUST_CHECK;
int bwrap_exec(const struct jail *jail, struct err *err) MUST_CHECK;

#endif
