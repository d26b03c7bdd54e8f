/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kata-shim's parts: one struct shim, one epoll loop, no threads. Stages run
 * in the order of main.c; after privs_confine() nothing can be opened, mounted
 * or forked, and only then is the first guest byte read.
 */
#ifndef SHIM_SHIM_H
#define SHIM_SHIM_H

#include <termios.h>

#include "agent-client.h"
#include "confine.h"
#include "fd.h"
#include "oci.h"
#include "records.h"

#define SHIM_PEERS_MAX 8       /* runtime commands served at a time */
#define SHIM_OOM_WAITERS_MAX 4 /* of them, `events` that stay */
#define SHIM_CHUNK AGENT_READ_MAX
#define SHIM_SEED_BYTES 64
#define SHIM_READS 2 /* of one stream at a time: one is there when one ends */
/* Frames of the share as the guest sees it; docs/architecture.md. */
#define SHIM_GUEST_SHARE "/run/kata-containers/shared/containers"

enum shim_role { SHIM_CONTAINER, SHIM_EXEC };

enum shim_state {
	SHIM_SETUP,   /* nothing in the guest yet */
	SHIM_CREATED, /* the process exists and is frozen */
	SHIM_RUNNING,
	SHIM_EXITED, /* status known, output drains */
	SHIM_END,    /* leave the loop */
	SHIM_STATE_MAX
};

struct shim;
struct Grpc__ReadBack;

/* What an epoll event leads to. */
struct shim_source {
	int fd;		 /* -1: unused */
	uint32_t events; /* what epoll watches now; 0: not registered */
	void (*handle)(struct shim *shim, struct shim_source *source,
		       uint32_t events);
};

/* How one of the engine's descriptors is read and written. */
enum shim_fd_kind {
	SHIM_FD_FILE,	/* never blocks for long; epoll does not take it */
	SHIM_FD_PIPE,	/* shared description: never O_NONBLOCK */
	SHIM_FD_SOCKET, /* MSG_DONTWAIT */
	SHIM_FD_OWN,	/* our own description, O_NONBLOCK */
	SHIM_FD_KIND_MAX
};

/* Engine -> guest. */
struct shim_input {
	struct shim_source source; /* first: cast back */
	enum shim_fd_kind kind;
	uint8_t *chunk;	   /* SHIM_CHUNK bytes while open */
	size_t start, len; /* what the agent has not taken yet */
	bool in_flight;
	bool ended; /* end of file, or the process takes no more */
};

/* Guest -> engine. */
struct shim_output {
	struct shim_source source; /* first: cast back */
	struct shim *shim;
	enum agent_method method;
	enum shim_fd_kind kind;
	uint8_t *rest; /* bytes that the engine has not taken yet */
	size_t start, len;
	unsigned reads; /* in flight */
	bool by_page;	/* RWF_NOWAIT is not known for it */
	bool discard;	/* the engine's reading end is gone */
	bool ended;	/* end of the guest's stream */
};

/* One connection of kata-runtime. */
struct shim_peer {
	struct shim_source source; /* first: cast back */
	struct shim *shim;
	bool waiting;	/* an agent call is under way for it */
	bool wants_oom; /* to be told when memory runs out */
};

struct shim_fds {
	int proxy, control, listen, config, process, log, seccomp, rootfs,
		mntns, console, profile; /* profile: the guest's default */
	int *mounts; /* mounts[N]: tree for spec.mounts[N], -1 none */
	size_t mount_count;
};

struct shim {
	enum shim_role role;
	enum shim_state state;
	const char *id;
	const char *process_id; /* exec id, or id for the container's init */
	/* Known before the filter, which lets nobody ask. */
	struct confine confine;
	pid_t pid;
	uid_t uid;
	uint8_t seed[SHIM_SEED_BYTES]; /* for the guest; empty once it is sent */
	int boot_timeout_ms;
	bool debug;
	struct shim_fds fds;
	struct oci_spec *spec;	     /* role container; freed after set-up */
	struct oci_process *process; /* role exec: owned; else of spec */
	bool terminal;
	bool foreground; /* control stays open: its end is our caller's */
	int null_fd;

	/* terminal */
	unsigned own_stdio; /* bit N: descriptor N's description is ours */
	bool tty_restore;
	struct termios tty_saved;

	int epoll_fd;
	struct agent_client agent;
	struct shim_source agent_source;
	struct shim_source signal_source;
	struct shim_source listen_source;
	struct shim_source caller_source; /* foreground: the control connection */
	struct shim_peer peers[SHIM_PEERS_MAX];
	struct shim_input input;
	struct shim_output output[2]; /* stdout, stderr */

	uint64_t signals_waiting; /* bit n: signal n still to be forwarded */
	bool signal_in_flight;
	bool oom_in_flight; /* GetOOMEvent is under way */
	bool oom_kept;	    /* told by the agent, and to nobody yet */
	bool paused;	    /* by the last pause or resume that went through */
	bool resize_waiting, resize_in_flight;
	bool output_tried; /* set by any progress of an output */

	int status;	       /* what the engine gets */
	int64_t idle_since_ms; /* after the exit: last progress */
	int64_t leave_at_ms;   /* exit_within(); 0: none */
	int leave_status;
	bool left_behind; /* we leave, and the process may still run */
	bool broken;	  /* the channel to the VM is gone */
	struct err broken_err;
};

/* main: options */
int options_parse(struct shim *shim, int argc, char **argv,
		  struct err *err) MUST_CHECK;
void options_hide(int argc, char **argv); /* neutral title */

/* privs: the stages, in this order */
int privs_start(struct confine *confine, struct err *err) MUST_CHECK;
int privs_join(int mntns_fd, struct err *err) MUST_CHECK; /* exec */
int privs_confine(struct confine *confine, int seccomp_fd,
		  struct err *err) MUST_CHECK;

/* mirror: mount namespace whose root is what the guest sees */
int mirror_build(const struct shim_fds *fds, const struct oci_spec *spec,
		 struct err *err) MUST_CHECK;

/* tty */
int tty_open(struct shim *shim, const struct oci_process *process,
	     struct err *err) MUST_CHECK;
void tty_restore(struct shim *shim);
void tty_resize(struct shim *shim); /* tells the guest the size */

/* spec: OCI structs to messages. Free with agent_message_free(). */
struct ProtobufCMessage *spec_to_create(const struct shim *shim,
					struct err *err) MUST_CHECK;
struct ProtobufCMessage *spec_to_exec(const struct shim *shim) MUST_CHECK;
/* The request of UpdateContainer. */
struct ProtobufCMessage *
spec_to_update(const struct shim *shim,
	       const struct oci_resources *resources) MUST_CHECK;
/* The parts of both, spec-process.c and spec-linux.c. */
struct Grpc__Process *spec_process(const struct oci_process *process);
struct Grpc__Linux *spec_linux(const struct oci_linux *linux_, const char *id);
char **spec_strings(const struct strv *list, size_t *ret_count);

/* setup: agent calls until the process exists */
int setup_announce(struct shim *shim, struct err *err) MUST_CHECK;
/* What the filter forbids to ask; before the shim confines itself. */
int setup_prepare(struct shim *shim, struct err *err) MUST_CHECK;
int setup_container(struct shim *shim, struct err *err) MUST_CHECK;
int setup_exec(struct shim *shim, struct err *err) MUST_CHECK;
int setup_exec_start(struct shim *shim, struct err *err) MUST_CHECK;
/* What the agent read back, checked for range. */
int readback_record(const struct Grpc__ReadBack *in,
		    struct record_readback *out, struct err *err) MUST_CHECK;
int readback_send(int control_fd, const struct Grpc__ReadBack *in,
		  struct err *err) MUST_CHECK;

/* netconf */
int netconf_apply(struct shim *shim, const struct record_start *start,
		  struct err *err) MUST_CHECK;

/* control: records from kata-runtime */
int control_init(struct shim *shim, struct err *err) MUST_CHECK;
/* The process is there: the creating command is served no more. */
int control_release(struct shim *shim, struct err *err) MUST_CHECK;
/* OK, or an error, and the connection is closed. */
void control_answer(struct shim_peer *peer, const struct err *what);
/* Same with a record that says more than OK. */
void control_answer_record(struct shim_peer *peer, const union record *record);

/* manage: STATUS, PAUSE, RESUME, UPDATE, STATS. False: another type */
bool manage_serve(struct shim_peer *peer, const union record *record);

/* loop */
int64_t loop_now_ms(void);
int loop_init(struct shim *shim, struct err *err) MUST_CHECK;
int loop_watch(struct shim *shim, struct shim_source *source,
	       uint32_t events) MUST_CHECK;
void loop_close(struct shim *shim, struct shim_source *source);
/* Until state is SHIM_END; -ECONNRESET when the sandbox is gone. */
int loop_run(struct shim *shim, struct err *err) MUST_CHECK;
/* The channel failed within a handler: makes loop_run() end. */
void loop_broken(struct shim *shim, const struct err *err);

/* io: pumps */
int io_init(struct shim *shim, struct err *err) MUST_CHECK;
void io_listen(struct shim *shim);
void io_start(struct shim *shim);
bool io_drained(const struct shim *shim);
bool io_blocked(const struct shim *shim); /* the engine does not read */
void io_abandon(struct shim *shim);	  /* no more input is taken */
void io_discard(struct shim *shim);	  /* nor output given */
/* A last text to the engine's stderr, at most PIPE_BUF; never blocks for long */
void io_last_words(struct shim *shim, const char *text, size_t len);

/* signals */
int signals_init(struct shim *shim, struct err *err) MUST_CHECK;
void signals_forward(struct shim *shim, unsigned number);
void signals_flush(struct shim *shim); /* sends what waited for the start */
bool signals_ends_created(unsigned number);

/* exit */
void exit_watch(struct shim *shim);	      /* WaitProcess */
int exit_timeout_ms(const struct shim *shim); /* for the loop; -1 none */
void exit_check(struct shim *shim);
void exit_with(struct shim *shim, int status); /* without a started process */
/* Leave with status, exit of the process or not. */
void exit_within(struct shim *shim, int status, int milliseconds);
void exit_clean_up(struct shim *shim); /* DestroySandbox ... DONE */

#endif
