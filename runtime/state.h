/* SPDX-License-Identifier: Apache-2.0 */
/*
 * State root and the record of one sandbox. What the kernel would remember is
 * written here before it is made, so that delete can undo a crash.
 */
#ifndef RUNTIME_STATE_H
#define RUNTIME_STATE_H

#include "accel.h"
#include "alloc.h"
#include "cgroup-unit.h"
#include "runtime.h"

#define STATE_VERSION 1
/* state.network when the settings want no device */
#define STATE_NET_OFF "off"

struct process_ref { /* pid 0: none */
	pid_t pid;
	uint64_t start; /* clock ticks; see pid_start_time() */
};

struct state {
	char *id;
	char *sandbox; /* id of the sandbox container */
	char *bundle;
	char *rootfs;
	char *created; /* RFC 3339 */
	/* as they were configured at create: exec comes without HOME */
	char *shim_path, *seccomp_dir, *policy_dir;
	bool ready; /* create went through to its end */
	bool started;
	bool paused;
	bool unsettled; /* a start, pause or resume began: only the shim knows */
	bool hooks;	/* create reached them: poststop is owed */
	bool holds_execs; /* the guest's agent keeps an exec frozen for us */
	struct process_ref shim, proxy, vmm, fs, vmm_monitor, fs_monitor;
	uint32_t uid;	/* of the VMM; 0: none */
	bool single_id; /* it shares the caller's, for want of others */
	/* of the user namespace that uid is an id of; NULL: the initial one */
	char *uid_map, *gid_map;
	char *uid_pool; /* directory that uid was taken from */
	char *accel, *accel_reason;
	/* "s0:c1,c2" of its processes, or why they have no label of ours */
	char *selinux_level, *selinux_absent;
	char *network;	     /* "none": could not be had, "off", "tcfilter" */
	struct strv cgroups; /* directories that all of the sandbox is in */
	struct strv cgroups_made; /* of these and others: that were not there */
	struct cgroup_unit unit;  /* systemd's, that the directories are of */
	struct strv notes;	  /* layers reported as absent */
	uint32_t boot_timeout;
	uint32_t memory_mib, vcpus; /* of the VM; 0: not started yet */
	uint32_t overhead_mib; /* that the host's limit has above the spec's */
};

enum state_status {
	STATUS_CREATING,
	STATUS_CREATED,
	STATUS_RUNNING,
	STATUS_PAUSED,
	STATUS_STOPPED
};
extern const char *const status_name[];

/* Opens and checks the state root, making it when needed. Sets rt->root. */
int state_root_open(struct runtime *rt, struct err *err) MUST_CHECK;
/*
 * Same for the root that is used without --root, which all roots of a user
 * share for what must be unique among them. Return: descriptor
 */
int state_default_open(const struct runtime *rt, char **ret_path,
		       struct err *err) MUST_CHECK;
/* Makes ID/ and locks it. -EEXIST when in use. Return: directory fd. */
int state_create(struct runtime *rt, const char *id, struct err *err) MUST_CHECK;
/*
 * Opens and locks ID/. -ENOENT with runc's phrase when there is none, -EDEADLK
 * when the lock's holder waits for us. Return: directory fd
 */
int state_open(struct runtime *rt, const char *id, bool lock,
	       struct err *err) MUST_CHECK;
/* What follows must not write the record any more. */
int state_unlock(int dir_fd, struct err *err) MUST_CHECK;
int state_save(int dir_fd, const struct state *state,
	       struct err *err) MUST_CHECK;
int state_load(int dir_fd, struct state *ret, struct err *err) MUST_CHECK;
void state_done(struct state *state);
/* By what is recorded; settle() first when the record is unsettled. */
enum state_status state_status(const struct state *state);
/* False only when it is surely gone. */
bool process_alive(const struct process_ref *ref);
/* Records a live process; a dead one is -ESRCH. */
int process_record(struct process_ref *ref, pid_t pid, const char *what,
		   struct err *err) MUST_CHECK;
/* pidfd of exactly the recorded process; -ESRCH when it is gone. */
int process_pidfd(const struct process_ref *ref, struct err *err) MUST_CHECK;
/* One of its namespaces ("net", "mnt"); never that of a reused pid. */
int process_open_ns(const struct process_ref *ref, const char *ns,
		    struct err *err) MUST_CHECK;
/* kill(2) after the start time was compared. 0 also when it is gone. */
int process_kill(const struct process_ref *ref, int signo) MUST_CHECK;
/* "ROOT/ID/NAME" into an AF_UNIX address, through /proc/self/fd/DIR_FD. */
int state_socket_address(int dir_fd, const char *name, void *ret_sockaddr_un,
			 struct err *err) MUST_CHECK;
/* Connects to a socket in ID/; type is SOCK_STREAM or SOCK_SEQPACKET. */
int state_connect(int dir_fd, const char *name, int type,
		  struct err *err) MUST_CHECK;
/* Bound and listening socket in ID/, mode 0600. */
int state_listen(int dir_fd, const char *name, int type,
		 struct err *err) MUST_CHECK;

#endif
