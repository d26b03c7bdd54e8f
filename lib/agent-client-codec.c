// SPDX-License-Identifier: Apache-2.0
/*
 * agent-client-codec.c - which calls there are, and their bytes: requests of
 * ours, answers and errors of the agent. Runs in kata-shim, after it has
 * confined itself, and in tests; needs no rights. Hostile: every byte of an
 * answer. The decoded form has a budget, texts are escaped and cut.
 */
#include "agent-client-parts.h"

#include <errno.h>
#include <string.h>

#include "agent.pb-c.h"
#include "alloc.h"
#include "auto.h"
#include "health.pb-c.h"
#include "log.h"

#define ERROR_TEXT_MAX 400

#define SERVICE_AGENT "grpc.AgentService"
#define SERVICE_HEALTH "grpc.Health"

struct method {
	const char *service;
	const char *name;
	const ProtobufCMessageDescriptor *request;
	const ProtobufCMessageDescriptor *reply; /* NULL: answer not used */
};

#define METHOD(name_, request_, reply_)                                        \
	{                                                                      \
		SERVICE_AGENT, name_, &grpc__##request_##__descriptor, reply_  \
	}
#define REPLY(name_) &grpc__##name_##__descriptor

static const struct method methods[] = {
	[AGENT_CHECK] = { SERVICE_HEALTH, "Check",
			  &grpc__check_request__descriptor,
			  REPLY(health_check_response) },
	[AGENT_CREATE_SANDBOX] =
		METHOD("CreateSandbox", create_sandbox_request, NULL),
	[AGENT_DESTROY_SANDBOX] =
		METHOD("DestroySandbox", destroy_sandbox_request, NULL),
	[AGENT_CREATE_CONTAINER] = METHOD("CreateContainer",
					  create_container_request,
					  REPLY(create_container_response)),
	[AGENT_START_CONTAINER] =
		METHOD("StartContainer", start_container_request, NULL),
	[AGENT_REMOVE_CONTAINER] =
		METHOD("RemoveContainer", remove_container_request, NULL),
	[AGENT_EXEC_PROCESS] = METHOD("ExecProcess", exec_process_request,
				      REPLY(exec_process_response)),
	[AGENT_SIGNAL_PROCESS] =
		METHOD("SignalProcess", signal_process_request, NULL),
	[AGENT_WAIT_PROCESS] = METHOD("WaitProcess", wait_process_request,
				      REPLY(wait_process_response)),
	[AGENT_WRITE_STDIN] = METHOD("WriteStdin", write_stream_request,
				     REPLY(write_stream_response)),
	[AGENT_READ_STDOUT] = METHOD("ReadStdout", read_stream_request,
				     REPLY(read_stream_response)),
	[AGENT_READ_STDERR] = METHOD("ReadStderr", read_stream_request,
				     REPLY(read_stream_response)),
	[AGENT_CLOSE_STDIN] = METHOD("CloseStdin", close_stdin_request, NULL),
	[AGENT_TTY_WIN_RESIZE] =
		METHOD("TtyWinResize", tty_win_resize_request, NULL),
	[AGENT_UPDATE_INTERFACE] =
		METHOD("UpdateInterface", update_interface_request, NULL),
	[AGENT_UPDATE_ROUTES] =
		METHOD("UpdateRoutes", update_routes_request, NULL),
	[AGENT_ADD_ARP_NEIGHBORS] =
		METHOD("AddARPNeighbors", add_arpneighbors_request, NULL),
	[AGENT_SET_GUEST_DATE_TIME] =
		METHOD("SetGuestDateTime", set_guest_date_time_request, NULL),
	[AGENT_RESEED_RANDOM_DEV] =
		METHOD("ReseedRandomDev", reseed_random_dev_request, NULL),
	[AGENT_GUEST_DETAILS] = METHOD("GetGuestDetails", guest_details_request,
				       REPLY(guest_details_response)),
	[AGENT_PAUSE_CONTAINER] =
		METHOD("PauseContainer", pause_container_request, NULL),
	[AGENT_RESUME_CONTAINER] =
		METHOD("ResumeContainer", resume_container_request, NULL),
	[AGENT_UPDATE_CONTAINER] = METHOD("UpdateContainer",
					  update_container_request,
					  REPLY(update_container_response)),
	[AGENT_STATS_CONTAINER] = METHOD("StatsContainer",
					 stats_container_request,
					 REPLY(stats_container_response)),
	[AGENT_GET_OOM_EVENT] =
		METHOD("GetOOMEvent", get_oomevent_request, REPLY(oomevent)),
};
static_assert(ARRAY_SIZE(methods) == AGENT_METHOD_MAX, "a row for each method");

const char *agent_method_name(enum agent_method method)
{
	return methods[method].name;
}

/* --- requests ------------------------------------------------------------ */

int agent_request_pack(enum agent_method method, const ProtobufCMessage *request,
		       uint32_t stream, int timeout_ms, uint8_t **ret_frame,
		       size_t *ret_len, struct err *err)
{
	size_t size = protobuf_c_message_get_packed_size(request);
	int64_t nano = timeout_ms > 0 ? (int64_t)timeout_ms * 1000000 : 0;
	AUTO_FREE uint8_t *packed = NULL;

	BUG_ON(request->descriptor != methods[method].request);
	if (size > TTRPC_PAYLOAD_MAX)
		return err_msg(err, EMSGSIZE, "%s: request too large",
			       methods[method].name);
	packed = xcalloc(size, 1);
	BUG_ON(protobuf_c_message_pack(request, packed) != size);
	return ttrpc_request_encode(stream, methods[method].service,
				    methods[method].name, packed, size, nano,
				    ret_frame, ret_len, err);
}

/* --- answers ------------------------------------------------------------ */

/* protobuf-c takes NULL as "give up", so a budget stops any amplification. */
static void *budget_alloc(void *budget, size_t size)
{
	size_t *left = budget;
	void *ptr;

	if (size > *left)
		return NULL;
	ptr = malloc(size ? size : 1);
	if (ptr)
		*left -= size;
	return ptr;
}

static void budget_free(void *budget, void *ptr)
{
	(void)budget; /* what was spent stays spent */
	free(ptr);
}

int agent_reply_decode(enum agent_method method, const void *data, size_t len,
		       struct ProtobufCMessage **ret_message, struct err *err)
{
	size_t budget = AGENT_MESSAGE_MAX;
	ProtobufCAllocator allocator = { .alloc = budget_alloc,
					 .free = budget_free,
					 .allocator_data = &budget };
	ProtobufCMessage *message;

	*ret_message = NULL;
	if (!methods[method].reply)
		return 0;
	message = protobuf_c_message_unpack(methods[method].reply, &allocator,
					    len, data);
	if (!message)
		return err_msg(err, EPROTO,
			       "the agent's answer to %s is malformed",
			       methods[method].name);
	*ret_message = message;
	return 0;
}

void agent_message_free(struct ProtobufCMessage *message)
{
	if (message)
		protobuf_c_message_free_unpacked(message, NULL);
}

static int status_to_errno(enum agent_method method, int32_t code)
{
	switch (code) {
	case TTRPC_INVALID_ARGUMENT:
		return EINVAL;
	case TTRPC_DEADLINE_EXCEEDED:
		return ETIMEDOUT;
	case TTRPC_NOT_FOUND:
		return method == AGENT_SIGNAL_PROCESS ? ESRCH : ENOENT;
	case TTRPC_ALREADY_EXISTS:
		return EEXIST;
	case TTRPC_PERMISSION_DENIED:
		return EACCES;
	case TTRPC_FAILED_PRECONDITION:
		return EBUSY;
	case TTRPC_UNIMPLEMENTED:
		return EOPNOTSUPP;
	case TTRPC_UNAVAILABLE:
		return EAGAIN;
	default:
		return EIO;
	}
}

/*
 * The agent's own words, because engines look for phrases in them, but only
 * as printable text of bounded length.
 */
void agent_status_to_err(enum agent_method method,
			 const struct ttrpc_response *response, struct err *err)
{
	int code = status_to_errno(method, response->code);
	char text[ERROR_TEXT_MAX];

	if (!response->message || !response->message[0]) {
		err_msg(err, code, "the agent refused %s (status %d)",
			methods[method].name, response->code);
		return;
	}
	log_escape(text, sizeof(text), response->message,
		   strlen(response->message));
	err_msg(err, code, "%s", text);
}
