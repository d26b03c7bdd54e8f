/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything a child needs to become a process of a container, checked and
 * translated by the agent before the fork. The child reads nothing else.
 */
#ifndef AGENT_LAUNCH_H
#define AGENT_LAUNCH_H

#include <sys/resource.h>

#include "agent.h"
#include "caps.h"
#include "mounts.h"

struct launch_rlimit {
	int resource;
	struct rlimit value;
};

struct launch_device {
	char *path;   /* in the container, absolute */
	bool is_fifo; /* else a character device */
	unsigned major, minor;
	mode_t mode;
	uint32_t uid, gid;
};

/* What only a container's init does. */
struct launch_root {
	char *path; /* of the rootfs, relative to AGENT_RUN_DIR */
	bool readonly;
	unsigned long propagation;
	bool propagation_recursive;
	struct mount_plan *mounts;
	size_t mount_count;
	struct launch_device *devices;
	size_t device_count;
	struct strv masked, read_only;
	char *hostname, *domainname; /* NULL: as it is */
	struct strv sysctl_path;  /* "net/ipv4/ip_forward", below /proc/sys */
	struct strv sysctl_value; /* same order */
};

struct launch {
	bool is_init, terminal;
	bool by_helper; /* exec: born by a helper that nobody sees (setup.c) */
	uint16_t rows, columns; /* 0: not given */
	struct strv args, env;
	bool has_home;
	char *cwd;
	uint32_t uid, gid;
	uint32_t *groups;
	size_t group_count;
	bool has_umask;
	mode_t umask;
	struct caps_sets caps;
	struct launch_rlimit *rlimits;
	size_t rlimit_count;
	struct rlimit nofile; /* where rlimits do not say */
	bool no_new_privs;
	int64_t oom_score_adj;
	bool every_device; /* the container's; else it may not call bpf(2) */
	const void *bpf;   /* the container's; NULL: the floors alone */
	size_t bpf_len;
	unsigned bpf_flags;
	struct launch_root root;
	volatile pid_t *birth; /* by_helper: gets the process's number */
	/* Descriptors of the child; pty_fd is -1 without a terminal. */
	int sync_fd, go_fd, pty_fd, stdio[3], proc_fd;
	int join_fd; /* exec: pidfd of the init whose namespaces to enter */
};

/* Refuses what cannot be done by its JSON path. prefix: "process". */
int launch_from_process(const Grpc__Process *process, const char *prefix,
			struct launch *ret, struct err *err) MUST_CHECK;
int launch_root_from_spec(const Grpc__Spec *spec, struct launch_root *ret,
			  struct err *err) MUST_CHECK;
void launch_done(struct launch *launch);

/* spec-seccomp.c: compiles the profile into the container. */
int seccomp_from_spec(const Grpc__LinuxSeccomp *profile,
		      struct container *container, struct err *err) MUST_CHECK;

/*
 * Makes pipes and the child; the process gets pid, descriptors and its place
 * in the loop. init: the container's first process, otherwise a process that
 * joins it.
 */
int launch_start(struct agent *agent, struct process *process,
		 struct launch *launch, struct process *init,
		 struct err *err) MUST_CHECK;

/* setup.c, in the child. */
void setup_child(struct launch *launch) NORETURN;

#endif
