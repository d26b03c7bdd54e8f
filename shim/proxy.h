/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kata-proxy's parts: one struct proxy, one epoll loop, no threads. Everything
 * has a fixed size; nothing that the guest or QEMU sends makes it grow.
 */
#ifndef SHIM_PROXY_H
#define SHIM_PROXY_H

#include <time.h>

#include "child.h"
#include "confine.h"
#include "err.h"
#include "records.h"
#include "ttrpc.h"

#define PROXY_SHARE "share" /* below our root; the runtime knows it too */
#define PROXY_CLIENTS_MAX 64
#define PROXY_STREAMS_MAX 512
#define PROXY_CONTROLS_MAX 8
#define PROXY_FLOW_SIZE (128u * 1024)
#define PROXY_WILL_MAX 1024
#define PROXY_CONSOLE_KEPT 8192
#define PROXY_VOICE_MAX (64u * 1024)
#define PROXY_FOLLOW_MAX (256u * 1024) /* console in the log, with --debug */
#define PROXY_SUSPECT_MS 500 /* until an end has its cause, or stays without */
#define PROXY_STUCK_MS 10000
#define PROXY_SETTLE_MS 500 /* for a bubblewrap to get past its set-up */
#define PROXY_QMP_LINE_MAX 65536
#define PROXY_JAIL_FDS_MAX 16

struct proxy;

/* What an epoll event leads to. */
struct source {
	int fd;		 /* -1: unused */
	uint32_t events; /* what epoll watches now; 0: not registered */
	void (*handle)(struct proxy *proxy, struct source *source,
		       uint32_t events);
};

/* Bytes on their way, at most PROXY_FLOW_SIZE. */
struct flow {
	uint8_t data[PROXY_FLOW_SIZE];
	size_t start;
	size_t len;
};

/* A connection from a shim. */
struct client {
	struct source source; /* first: a source is cast back to its client */
	bool is_main;
	bool hung_up; /* its shim is gone; what it sent is still to be read */
	uint8_t header[TTRPC_HEADER_SIZE];
	size_t header_len;
	uint32_t payload_left; /* of the frame being read from it */
	bool payload_is_will;
	uint8_t will[PROXY_WILL_MAX];
	size_t will_len; /* 0: none */
	size_t will_wanted;
};

/* A call that the guest has not answered. */
struct stream {
	uint32_t guest_id; /* 0: free */
	uint32_t client_id;
	struct client *client; /* NULL: its shim is gone, drop the answer */
};

enum qmp_state {
	QMP_GREETING,
	QMP_CAPABILITIES,
	QMP_IDLE,
	QMP_CONT,
	QMP_QUIT,
	QMP_STATE_MAX
};

struct qmp {
	struct source source;
	enum qmp_state state;
	char line[PROXY_QMP_LINE_MAX];
	size_t len;
	bool faulty;		  /* it sent what QEMU does not send */
	uint32_t id;		  /* of the command under way */
	struct timespec deadline; /* 0: none */
	struct timespec window;	  /* messages are counted until then */
	unsigned count;
};

/* What a jail's programs print. */
struct voice {
	struct source source; /* first: cast back */
	const char *what;
	char line[256];
	size_t len;
	size_t left;	/* bytes that may still be logged */
	char last[256]; /* the last line, escaped */
};

struct jail {
	const char *what;
	struct voice voice;
	struct source source; /* pidfd of bubblewrap's monitor */
	struct child child;
};

struct proxy {
	const char *sandbox;
	const char *root; /* where the holder's file systems are mounted */
	int seccomp_fd;	  /* -1 once confined */
	struct confine confine;
	int epoll_fd;
	uid_t uid;    /* ours, and the only one that may connect */
	bool running; /* the VM was let go */
	bool had_main;
	bool ending;
	bool failed; /* the end was not asked for */
	char reason[ERR_TEXT_MAX];
	struct timespec end_deadline;
	struct timespec suspect_deadline; /* 0: nothing is suspected */
	char suspicion[128];

	struct source creator; /* the creating runtime; its loss before MAIN ends us */
	struct source control_listen;
	struct source agent_listen;
	struct source controls[PROXY_CONTROLS_MAX];
	int cont_reply_fd; /* who waits for CONT, -1 none (borrowed) */
	int quit_reply_fd;

	struct client clients[PROXY_CLIENTS_MAX];
	struct source agent;
	struct flow to_guest;
	struct flow from_guest;
	struct client *sender; /* whose frame is being copied to the guest */
	uint32_t pad_left;     /* bytes owed to a frame whose sender died */
	struct client *receiver;
	uint32_t guest_left; /* payload bytes of the answer being copied */
	bool guest_drop;     /* ... to nobody */
	bool guest_begun;    /* ... of which the receiver has a part */
	struct stream streams[PROXY_STREAMS_MAX];
	uint32_t next_guest_id;

	struct qmp qmp;
	struct source console;
	uint8_t console_kept[PROXY_CONSOLE_KEPT];
	size_t console_len; /* total bytes ever seen */
	size_t follow_left; /* bytes of it that may still be logged live */
	char follow_line[256];
	size_t follow_len;
	struct timespec stuck_deadline; /* 0: nothing waits for the guest */
	struct jail vmm;
	struct jail fs;
};

/* loop: 0, or -errno; changes what is watched on a source (0 removes it). */
int proxy_watch(struct proxy *proxy, struct source *source, uint32_t events);
void proxy_forget(struct proxy *proxy,
		  struct source *source); /* unwatch, close */
/* One round of events. */
void proxy_turn(struct proxy *proxy, int timeout_ms);
void proxy_run(struct proxy *proxy); /* until the sandbox ended */
/* Starts the end; the first reason stays. failed: nobody asked for it. */
void proxy_end(struct proxy *proxy, bool failed, const char *fmt, ...)
	PRINTF(3, 4);
/*
 * Something ended that only ends with its owner: the process' own exit, which
 * says more, has a moment to be seen.
 */
void proxy_suspect(struct proxy *proxy, const char *reason);
/* Milliseconds until deadline, 0 when past, -1 when none is set. */
int proxy_left_ms(const struct timespec *deadline);
void proxy_set_deadline(struct timespec *deadline, int milliseconds);

/* SO_PEERCRED of a fresh connection */
bool proxy_peer_is_us(const struct proxy *proxy, int fd);

/* flow: bytes. Return of _fill and _write: a count (> 0), 0 at the end, -errno */
size_t flow_room(const struct flow *flow);
void flow_put(struct flow *flow, const void *data, size_t len);
void flow_drop(struct flow *flow, size_t len);
ssize_t flow_fill(struct flow *flow, int fd, size_t max);
ssize_t flow_write(struct flow *flow, int fd, size_t max);
struct stream *stream_find(struct proxy *proxy, uint32_t guest_id);
struct stream *stream_new(struct proxy *proxy, struct client *client,
			  uint32_t client_id);

/* shims: their connections */
void shims_accept(struct proxy *proxy, struct source *source, uint32_t events);
void shims_gone(struct proxy *proxy, struct client *client, const char *why);
/* Whatever a dead shim left undone. True while some of it waits. */
bool shims_settle(struct proxy *proxy);
uint32_t shims_interest(const struct proxy *proxy, const struct client *client);
/* Tells all of them why the sandbox ends (TTRPC_PROXY_END). */
void shims_last_words(struct proxy *proxy);

/* forward: frames between shims and the guest's port */
void forward_agent(struct proxy *proxy, struct source *source, uint32_t events);
void forward_flush(struct proxy *proxy);  /* what the receiver takes */
void forward_update(struct proxy *proxy); /* who is listened to */

/* qmp */
void qmp_handle(struct proxy *proxy, struct source *source, uint32_t events);
void qmp_cont(struct proxy *proxy);
void qmp_quit(struct proxy *proxy);
void qmp_late(struct proxy *proxy); /* its deadline is over */

/* control: records from kata-runtime */
void control_accept(struct proxy *proxy, struct source *source, uint32_t events);
void control_creator(struct proxy *proxy, struct source *source,
		     uint32_t events);
void control_ready(struct proxy *proxy);
void control_continued(struct proxy *proxy);
void control_failed(struct proxy *proxy);
void control_ended(struct proxy *proxy);
/* Reason and console to the creating runtime, which may not know what to ask. */
void control_last_words(struct proxy *proxy);

/* jails: mount holder, children */
int jails_hold_mounts(const char *root, struct err *err) MUST_CHECK;
int jails_leave_host(const char *root, struct err *err) MUST_CHECK;
int jails_start(struct proxy *proxy, struct jail *jail, int argv_fd,
		const int *fds, size_t count, int voice_fd,
		struct err *err) MUST_CHECK;
void jails_exited(struct proxy *proxy, struct source *source, uint32_t events);

/* console: rings, and the few escaped lines that leave them */
void console_handle(struct proxy *proxy, struct source *source, uint32_t events);
void console_drain(struct proxy *proxy);
size_t console_lines(const struct proxy *proxy, char (*ret)[RECORD_LINE_MAX],
		     size_t max);
void console_headline(const struct proxy *proxy, char ret[RECORD_LINE_MAX]);
void console_report(const struct proxy *proxy);
void voice_handle(struct proxy *proxy, struct source *source, uint32_t events);
void voice_drain(struct proxy *proxy, struct voice *voice);

/* privs: the stages, in this order; proxy-privs.c */
int proxy_privs_start(struct proxy *proxy, struct err *err) MUST_CHECK;
int proxy_privs_apart(struct err *err) MUST_CHECK; /* once the jails are born */
/* The last one, when both jails are up and before the guest may run. */
int proxy_confine(struct proxy *proxy, struct err *err) MUST_CHECK;

#endif
