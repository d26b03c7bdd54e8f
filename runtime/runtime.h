/* SPDX-License-Identifier: Apache-2.0 */
/* What every command of kata-runtime shares. */
#ifndef RUNTIME_RUNTIME_H
#define RUNTIME_RUNTIME_H

#include "cgroup.h"
#include "err.h"
#include "settings.h"

#ifndef KATA_COMMIT
#define KATA_COMMIT "unknown"
#endif
#define KATA_SPEC "1.2.0" /* of the runtime specification */

struct file_server;

struct runtime {
	const char *root_option; /* --root, NULL: default */
	uint32_t inherited_fds; /* open from 3 on, without a gap, at the start */
	int log_fd;		/* of --log, -1: none */
	bool log_json;
	bool debug;
	enum cgroup_manager cgroup_manager;
	const char *config_option; /* --config */
	char *root;  /* state root, made and checked by state_root_open() */
	int root_fd; /* -1 until then */
	bool initial_userns; /* real root's namespace, by uid_map */
	uint64_t tsc_start;  /* see tsc.h */
	uint64_t ns_start;
	struct settings settings; /* filled by create, run and env only */
	const struct file_server *file_server; /* set by preflight_files() */
	char *detail; /* lines that stderr gets after the error's; or NULL */
};

/* More to say about the error that is on its way to main(). */
void runtime_add_detail(struct runtime *rt, const char *lines);

struct command {
	const char *name;
	const char *operands;
	const char *help; /* NULL: not listed */
	/* argv[first] is the first argument after the verb. Exit code or -errno */
	int (*run)(struct runtime *rt, int argc, char **argv, int first,
		   struct err *err);
};

int cmd_create(struct runtime *, int, char **, int, struct err *);
int cmd_start(struct runtime *, int, char **, int, struct err *);
int cmd_run(struct runtime *, int, char **, int, struct err *);
int cmd_state(struct runtime *, int, char **, int, struct err *);
int cmd_kill(struct runtime *, int, char **, int, struct err *);
int cmd_delete(struct runtime *, int, char **, int, struct err *);
int cmd_exec(struct runtime *, int, char **, int, struct err *);
int cmd_list(struct runtime *, int, char **, int, struct err *);
int cmd_ps(struct runtime *, int, char **, int, struct err *);
int cmd_pause(struct runtime *, int, char **, int, struct err *);
int cmd_resume(struct runtime *, int, char **, int, struct err *);
int cmd_update(struct runtime *, int, char **, int, struct err *);
int cmd_events(struct runtime *, int, char **, int, struct err *);
int cmd_spec(struct runtime *, int, char **, int, struct err *);
int cmd_env(struct runtime *, int, char **, int, struct err *);
int cmd_features(struct runtime *, int, char **, int, struct err *);
/* checkpoint and restore: refused, and not to be taken for supported */
int cmd_checkpoint(struct runtime *, int, char **, int, struct err *);

#endif
