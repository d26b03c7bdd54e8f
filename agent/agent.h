/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects of kata-agent and who owns them: one struct agent, which owns the
 * channel, the list of containers and the mounted storages; a container owns
 * its processes; a process owns its streams and the requests that wait on it.
 * One thread, one epoll loop; a source is called with nothing else running.
 */
#ifndef AGENT_AGENT_H
#define AGENT_AGENT_H

#include <sys/resource.h>

#include "alloc.h"
#include "err.h"
#include "ids.h"
#include "oci.h"
#include "ttrpc.h"

#include "agent.pb-c.h"

#define AGENT_FEATURE "kata-c/1"
#define AGENT_RUN_DIR "/run/kata-containers"
#define AGENT_SHARE_DIR AGENT_RUN_DIR "/shared/containers"
#define AGENT_CGROUP_DIR "/sys/fs/cgroup"

/* Limits on what one sandbox may ask for. */
#define AGENT_CONTAINERS_MAX 256
#define AGENT_PROCESSES_MAX 1024 /* of one container, exited ones included */
#define AGENT_STORAGES_MAX 64
#define AGENT_WAITERS_MAX 16	  /* WaitProcess calls on one process */
#define AGENT_OOM_WAITERS_MAX 272 /* GetOOMEvent calls in all */
#define AGENT_STREAM_CALLS_MAX 16 /* reads or writes waiting on one stream */
#define AGENT_READ_SIZE_MAX (256u << 10)
#define AGENT_PIPE_SIZE (1 << 20)

#define container_of(ptr, type, member)                                        \
	((type *)(void *)((char *)(ptr)-offsetof(type, member)))

struct agent;
struct readback_wanted;

/* --- loop.c ---------------------------------------------------------------- */

struct source {
	int fd;		 /* not owned */
	uint32_t events; /* what is asked for now */
	bool added;
	void (*ready)(struct agent *agent, struct source *source,
		      uint32_t events);
};

int loop_init(struct agent *agent, struct err *err) MUST_CHECK;
/* events 0 keeps the source quiet; EPOLLHUP is reported even then. */
int loop_watch(struct agent *agent, struct source *source, uint32_t events,
	       struct err *err) MUST_CHECK;
void loop_forget(struct agent *agent, struct source *source);
int loop_run(struct agent *agent, struct err *err) MUST_CHECK;
int64_t loop_now_ms(void);

/* --- channel.c ------------------------------------------------------------- */

struct channel_frame {
	struct channel_frame *next;
	uint8_t *data;
	size_t len, done;
	size_t relayed; /* bytes that follow, from the relay */
	size_t lost;	/* bytes that were to follow: zeros in their place */
};

struct channel {
	struct source source;
	int fd;
	struct ttrpc_reader reader;
	struct channel_frame *head, **tail;
	/*
	 * A pipe that only we have: bytes of one answer on their way from a
	 * container's pipe, their number known and out of anybody's reach. -1
	 * where it cannot be made: bytes are copied then.
	 */
	int relay[2];
	bool relay_used;
	bool loss_logged;
};

/* One request on its way to an answer; copied by value. */
struct call {
	struct agent *agent;
	uint32_t stream; /* 0: nobody waits */
};

int channel_start(struct agent *agent, int fd, struct err *err) MUST_CHECK;
/* The answer to a call; exactly one of these for each. stream 0: no-op. */
void call_reply(const struct call *call, const ProtobufCMessage *message);
void call_reply_empty(const struct call *call);
void call_fail(const struct call *call, const struct err *err);
/*
 * Answers with bytes that lie CALL_DATA_ROOM behind the start of a buffer; what
 * is before them is overwritten.
 */
#define CALL_DATA_ROOM TTRPC_DATA_HEAD_MAX
void call_reply_data(const struct call *call, uint8_t *buffer, size_t len);
/*
 * Answers with what a pipe holds, at most max bytes, without looking at it.
 * Return: bytes (> 0); else the call is not answered: 0 at the pipe's end,
 * -EAGAIN when it is empty, -EBUSY when the bytes have to be copied instead
 */
ssize_t call_reply_pipe(const struct call *call, int pipe_fd,
			size_t max) MUST_CHECK;

/* --- processes and streams (process.c, stream.c) --------------------------- */

struct stream_call {
	struct stream_call *next;
	uint32_t stream;
	uint32_t want; /* read: most bytes to return */
	uint8_t *data; /* write: owned */
	size_t len, done;
	size_t written; /* before it had to wait */
};

struct stream {
	struct source source;
	int fd;			   /* non-blocking; -1: none or closed */
	struct stream_call *calls; /* oldest first */
	size_t call_count;
	bool close_when_written; /* CloseStdin came */
	bool end_told;		 /* a read was answered with the end */
	bool is_last;		 /* no more than left bytes are read */
	size_t left;
	struct process *process;
};

enum process_state {
	PROCESS_SETUP,	  /* the child prepares itself */
	PROCESS_FROZEN,	  /* ready, waits for the word to exec */
	PROCESS_STARTING, /* has the word; exec not yet seen */
	PROCESS_RUNNING,
	PROCESS_EXITED,
	PROCESS_STATE_MAX
};

struct process {
	struct process *next;
	struct container *container;
	char *exec_id; /* "" for the container's init */
	enum process_state state;
	bool is_init;
	bool is_held; /* exec: StartContainer says when it runs its program */
	bool terminal;
	pid_t pid; /* of the helper as long as has_helper */
	int pidfd;
	bool has_helper;     /* exec: the process itself is not born yet */
	bool is_born;	     /* by a helper: its messages may be forged */
	pid_t helper_pid;    /* of the helper afterwards, until it is reaped */
	struct rlimit nproc; /* exec: for the process, not for the helper */
	/* With a helper: where the kernel leaves its child's number. */
	volatile pid_t *birth;
	int sync_fd; /* pipe to us; -1 once the exec is seen */
	int go_fd;   /* pipe to the process */
	int pty_fd;  /* socket, the terminal's master comes over it */
	struct source sync;
	unsigned sync_count;   /* messages */
	struct err setup_err;  /* what the child reported */
	uint32_t setup_stream; /* Create, Start or Exec that waits; 0 none */
	struct stream in, out, err; /* a terminal has no err */
	uint32_t waiters[AGENT_WAITERS_MAX];
	size_t waiter_count;
	int status; /* as WaitProcess gives it */
	bool status_told;
	int64_t drain_until_ms; /* terminal: late output is awaited till then */
	char *apparmor;		/* recorded, never applied */
	Grpc__ReadBack *report; /* exec that is not held: until its program runs */
};

/* --- containers ------------------------------------------------------------ */

struct container {
	struct container *next;
	char *id;
	struct process *processes; /* the init first */
	size_t process_count;
	int cgroup_fd;
	bool every_device; /* its device rules allow all there is */
	void *bpf;	   /* compiled seccomp filter, NULL when none */
	size_t bpf_len;
	unsigned bpf_flags;
	struct readback_wanted *wanted; /* owned; for the report */
	struct strv seccomp_unknown;
	struct strv seccomp_unknown_denied; /* of an allowing profile */
	bool may_look; /* some process of it may look into others (launch.c) */
	bool removing;
	uint32_t remove_stream;
	/* freezer.c */
	bool paused;
	struct source freeze; /* cgroup.events while it comes to rest, or -1 */
	uint32_t pause_stream;
	int64_t pause_until_ms;
	/* oom.c */
	struct source oom; /* memory.events */
	uint64_t oom_kills;
	bool oom_pending; /* not yet told to a call that names the container */
};

struct oom_waiter {
	uint32_t stream;
	char *container_id; /* "": of any container */
};

enum sandbox_state { /* bit numbers in the permit table */
		     SANDBOX_NONE,
		     SANDBOX_READY,
		     SANDBOX_ENDING, /* DestroySandbox runs */
		     SANDBOX_ENDED,
		     SANDBOX_STATE_MAX
};

struct agent {
	int epoll_fd;
	int proc_fd;	      /* the agent's own /proc, a directory */
	int null_fd;	      /* /dev/null, made by us */
	int share_fd;	      /* AGENT_RUN_DIR, a directory */
	int cgroup_fd;	      /* parent of all container cgroups */
	int pidns_fd;	      /* our own pid namespace */
	struct rlimit nofile; /* what we were born with, as containers get it */
	struct channel channel;
	struct source signals;
	enum sandbox_state state;
	char *sandbox_id;
	char *hostname;
	struct container *containers;
	size_t container_count;
	struct strv storages; /* mount points, oldest first */
	uint32_t destroy_stream;
	struct oom_waiter oom_waiters[AGENT_OOM_WAITERS_MAX];
	size_t oom_waiter_count;
	struct strv oom_queue; /* containers, for calls that name none */
	uint64_t scrapes;      /* calls of GetMetrics */
	bool has_to_reap;      /* more children have ended */
	int64_t tick_ms;       /* next time process_tick() has work; -1 none */
};

/* Return: the container, or NULL with err -ESRCH */
struct container *container_find(struct agent *agent, const char *id,
				 struct err *err);
/* exec_id "" or the container's id: the init. */
struct process *process_find(struct agent *agent, const char *container_id,
			     const char *exec_id, struct err *err);

#endif
