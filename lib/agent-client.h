/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls of the agent protocol over one connected stream socket (to
 * kata-proxy). Asynchronous at heart: a call gives a callback, the owner's
 * epoll loop feeds the client. agent_call_wait() does one call at a time for
 * set-up and clean-up. Every answer is hostile: a malformed one makes
 * agent_client_handle() fail, and the owner ends.
 */
#ifndef LIB_AGENT_CLIENT_H
#define LIB_AGENT_CLIENT_H

#include "err.h"
#include "ttrpc.h"

struct ProtobufCMessage;

/* Largest answer taken; a read asks for far less. */
#define AGENT_FRAME_MAX (1u << 20)
/* Decoded form of one answer may not take more memory than this. */
#define AGENT_MESSAGE_MAX (4u << 20)
#define AGENT_CALLS_MAX 64
#define AGENT_READ_MAX (256u << 10)
#define AGENT_CALL_TIMEOUT_MS 10000
#define AGENT_NO_TIMEOUT (-1)

/*
 * The type of the request, and of the answer where one is decoded (in
 * brackets; the others carry nothing that is used).
 */
enum agent_method {
	AGENT_CHECK,	       /* CheckRequest (HealthCheckResponse) */
	AGENT_CREATE_SANDBOX,  /* CreateSandboxRequest */
	AGENT_DESTROY_SANDBOX, /* DestroySandboxRequest */
	AGENT_CREATE_CONTAINER, /* CreateContainerRequest (CreateContainerResponse) */
	AGENT_START_CONTAINER,	 /* StartContainerRequest */
	AGENT_REMOVE_CONTAINER,	 /* RemoveContainerRequest */
	AGENT_EXEC_PROCESS,	 /* ExecProcessRequest (ExecProcessResponse) */
	AGENT_SIGNAL_PROCESS,	 /* SignalProcessRequest */
	AGENT_WAIT_PROCESS,	 /* WaitProcessRequest (WaitProcessResponse) */
	AGENT_WRITE_STDIN,	 /* WriteStreamRequest (WriteStreamResponse) */
	AGENT_READ_STDOUT,	 /* ReadStreamRequest (ReadStreamResponse) */
	AGENT_READ_STDERR,	 /* ReadStreamRequest (ReadStreamResponse) */
	AGENT_CLOSE_STDIN,	 /* CloseStdinRequest */
	AGENT_TTY_WIN_RESIZE,	 /* TtyWinResizeRequest */
	AGENT_UPDATE_INTERFACE,	 /* UpdateInterfaceRequest */
	AGENT_UPDATE_ROUTES,	 /* UpdateRoutesRequest */
	AGENT_ADD_ARP_NEIGHBORS, /* AddARPNeighborsRequest */
	AGENT_SET_GUEST_DATE_TIME, /* SetGuestDateTimeRequest */
	AGENT_RESEED_RANDOM_DEV,   /* ReseedRandomDevRequest */
	AGENT_GUEST_DETAILS,	/* GuestDetailsRequest (GuestDetailsResponse) */
	AGENT_PAUSE_CONTAINER,	/* PauseContainerRequest */
	AGENT_RESUME_CONTAINER, /* ResumeContainerRequest */
	AGENT_UPDATE_CONTAINER, /* UpdateContainerRequest (UpdateContainerResponse) */
	AGENT_STATS_CONTAINER, /* StatsContainerRequest (StatsContainerResponse) */
	AGENT_GET_OOM_EVENT, /* GetOOMEventRequest (OOMEvent) */
	AGENT_METHOD_MAX
};

/*
 * The end of a call. err is NULL when it succeeded; then message is the
 * decoded answer (NULL for a method without one), valid during the callback.
 * err's text came from the guest: escaped, one line, bounded.
 */
typedef void (*agent_reply_fn)(void *ctx, const struct ProtobufCMessage *message,
			       const struct err *err);

struct agent_call {
	uint32_t stream; /* 0: free entry */
	enum agent_method method;
	agent_reply_fn reply; /* NULL: given up, the late answer is dropped */
	void *ctx;
	int64_t deadline_ms; /* CLOCK_MONOTONIC, -1 none */
};

struct agent_client {
	int fd; /* not owned; made non-blocking */
	uint32_t next_stream;
	struct ttrpc_reader reader;
	uint8_t *out; /* frames not yet written */
	size_t out_start, out_len, out_size;
	bool in_callback;
	char *last_words; /* TTRPC_PROXY_END's lines, printable; NULL: none */
	struct agent_call calls[AGENT_CALLS_MAX];
};

int agent_client_init(struct agent_client *client, int fd,
		      struct err *err) MUST_CHECK;
/* Frees what the client owns; calls in flight get no callback. */
void agent_client_done(struct agent_client *client);
/*
 * The lines after the first of what the proxy said when the sandbox ended: the
 * guest's console, escaped. NULL or owned by the client.
 */
const char *agent_client_console(const struct agent_client *client);

/*
 * Starts a call; the callback comes from a later agent_client_handle() or
 * agent_client_expire(), never from here. timeout_ms: AGENT_NO_TIMEOUT or > 0.
 */
int agent_call_start(struct agent_client *client, enum agent_method method,
		     const struct ProtobufCMessage *request, int timeout_ms,
		     agent_reply_fn reply, void *ctx,
		     struct err *err) MUST_CHECK;
/*
 * One call from start to end; callbacks of other calls run meanwhile. The
 * answer is owned by the caller (agent_message_free()); ret_message may be
 * NULL. Not from within a callback. Return: 0; -ECONNRESET when the channel
 * ended or broke (nothing more can be called); otherwise the call's own error.
 */
int agent_call_wait(struct agent_client *client, enum agent_method method,
		    const struct ProtobufCMessage *request, int timeout_ms,
		    struct ProtobufCMessage **ret_message,
		    struct err *err) MUST_CHECK;
void agent_message_free(struct ProtobufCMessage *message); /* NULL is fine */
static inline void auto_agent_message_(struct ProtobufCMessage **message)
{
	agent_message_free(*message);
}
#define AUTO_AGENT_MESSAGE __attribute__((cleanup(auto_agent_message_)))
/* Repeats Check until the agent answers SERVING or timeout_ms is over. */
int agent_check_wait(struct agent_client *client, int timeout_ms,
		     struct err *err) MUST_CHECK;

/* A frame for the proxy itself: TTRPC_PROXY_MAIN, _WILL or _DONE. */
int agent_proxy_frame(struct agent_client *client, enum ttrpc_type type,
		      const void *payload, size_t len,
		      struct err *err) MUST_CHECK;
/*
 * TTRPC_PROXY_WILL: the proxy sends this request to the agent when the
 * connection ends without TTRPC_PROXY_DONE.
 */
int agent_proxy_will(struct agent_client *client, enum agent_method method,
		     const struct ProtobufCMessage *request,
		     struct err *err) MUST_CHECK;
/* Writes everything that waits, within timeout_ms; reads nothing. */
int agent_client_flush(struct agent_client *client, int timeout_ms,
		       struct err *err) MUST_CHECK;

/* epoll events to watch fd for. */
uint32_t agent_client_events(const struct agent_client *client);
/*
 * Call when fd is ready: reads, decodes, runs callbacks, writes. Return: 0;
 * -ECONNRESET when the other end closed or sent what no agent sends.
 */
int agent_client_handle(struct agent_client *client, uint32_t events,
			struct err *err) MUST_CHECK;
/* Milliseconds to the next deadline, -1 when there is none. */
int agent_client_timeout(const struct agent_client *client);
/* Ends calls that are past their deadline with -ETIMEDOUT. */
void agent_client_expire(struct agent_client *client);

/*
 * Decodes the payload of one answer under the memory limit. *ret_message is
 * NULL for a method whose answer is not used.
 */
int agent_reply_decode(enum agent_method method, const void *data, size_t len,
		       struct ProtobufCMessage **ret_message,
		       struct err *err) MUST_CHECK;

#endif
