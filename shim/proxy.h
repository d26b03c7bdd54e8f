/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kata-proxy's parts: one struct proxy, one epoll loop, no threads. Everything
 * has a fixed size; nothing that the guest or QEMU sends makes it grow.
 */
#ifndef SHIM_PROXY_H
#define SHIM_PROXY_H

#include <time.h>

#include "child.h"
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
	struct timespec deadline; /* 0: none */
};

struct jail {
	const char *what;
	struct source source; /* pidfd of bubblewrap's monitor */
	struct child child;
};

struct proxy {
	const char *sandbox;
	const char *root; /* where the holder's file systems are mounted */
	int seccomp_fd;	  /* -1 once confined */
	int epoll_fd;
	uid_t uid;    /* ours, and the only one that may connect */
	bool running; /* the VM was let go */
	bool had_main;
	bool ending;
	bool failed; /* the end was not asked for */
	char reason[ERR_TEXT_MAX];
	struct timespec end_deadline;

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
	struct stream streams[PROXY_STREAMS_MAX];
	uint32_t next_guest_id;

	struct qmp qmp;
	struct source console;
	uint8_t console_kept[PROXY_CONSOLE_KEPT];
	size_t console_len;  /* total bytes ever seen */
	struct source voice; /* what jailer, QEMU and virtiofsd print */
	char voice_line[256];
	size_t voice_len;
	size_t voice_left;		/* bytes that may still be logged */
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
/* Milliseconds until deadline, 0 when past, -1 when none is set. */
int proxy_left_ms(const struct timespec *deadline);
void proxy_set_deadline(struct timespec *deadline, int milliseconds);

/* SO_PEERCRED of a fresh connection */
bool proxy_peer_is_us(const struct proxy *proxy, int fd);

/* forward: frames between shims and the guest's port */
void forward_accept(struct proxy *proxy, struct source *source, uint32_t events);
void forward_agent(struct proxy *proxy, struct source *source, uint32_t events);

/* qmp */
void qmp_handle(struct proxy *proxy, struct source *source, uint32_t events);
void qmp_cont(struct proxy *proxy);
void qmp_quit(struct proxy *proxy);

/* control: records from kata-runtime */
void control_accept(struct proxy *proxy, struct source *source, uint32_t events);
void control_creator(struct proxy *proxy, struct source *source,
		     uint32_t events);
void control_ready(struct proxy *proxy);
void control_continued(struct proxy *proxy);
void control_failed(struct proxy *proxy);
void control_ended(struct proxy *proxy);

/* jails: mount holder, children, console */
int jails_hold_mounts(const char *root, struct err *err) MUST_CHECK;
int jails_leave_host(const char *root, struct err *err) MUST_CHECK;
int jails_start(struct proxy *proxy, struct jail *jail, int argv_fd,
		const int *fds, size_t count, int voice_fd,
		struct err *err) MUST_CHECK;
void jails_exited(struct proxy *proxy, struct source *source, uint32_t events);
void console_handle(struct proxy *proxy, struct source *source, uint32_t events);
void console_report(const struct proxy *proxy);
void voice_handle(struct proxy *proxy, struct source *source, uint32_t events);

/*
 * privs: the last stage, when both jails are up and before the guest may run.
 * Should: leave open descriptors, the mount namespace and the children.
 * Mustn't: keep any capability, or a way to execute, to open files or to get
 * new rights.
 */
int proxy_confine(struct proxy *proxy, struct err *err) MUST_CHECK;

#endif
