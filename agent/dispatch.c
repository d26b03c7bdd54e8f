// SPDX-License-Identifier: Apache-2.0
/*
 * dispatch.c - the permit table: every RPC of the protocol with the states of
 * the sandbox it is allowed in and the size it may have. Runs in kata-agent.
 * What is not in the table does not exist; what has no handler is refused
 * with the reason.
 */
#include "dispatch.h"

#include <errno.h>
#include <string.h>

#include "boot.h"
#include "health.pb-c.h"
#include "hooks.h"
#include "log.h"

#define SMALL (16u << 10)
#define MEDIUM (256u << 10)
#define LARGE TTRPC_PAYLOAD_MAX

#define S_NONE (1u << SANDBOX_NONE)
#define S_READY (1u << SANDBOX_READY)
#define S_ENDING (1u << SANDBOX_ENDING)
#define S_ENDED (1u << SANDBOX_ENDED)
#define S_ANY (S_NONE | S_READY | S_ENDING | S_ENDED)
#define S_LIVE (S_NONE | S_READY)
#define S_HELD (S_READY | S_ENDING)

#define AGENT(method_, request_, handler_, states_, size_)                     \
	{                                                                      \
		.service = "grpc.AgentService", .method = method_,             \
		.request = &grpc__##request_##__descriptor,                    \
		.handle = handle_##handler_, .states = states_,                \
		.size_max = size_                                              \
	}
#define HEALTH(method_, handler_)                                               \
	{                                                                       \
		.service = "grpc.Health", .method = method_,                    \
		.request = &grpc__check_request__descriptor,                    \
		.handle = handle_##handler_, .states = S_ANY, .size_max = SMALL \
	}
#define NO(method_, reason_)                                                   \
	{                                                                      \
		.service = "grpc.AgentService", .method = method_,             \
		.reason = reason_, .states = S_ANY, .size_max = LARGE          \
	}

/* The reasons are part of docs/protocol.md: change both. */
static const char no_netfilter[] =
	"the guest's kernel has no netfilter; rules belong to the host's side of the tap";
static const char no_swap[] =
	"the guest's kernel has no swap, and the machine no disk to swap to";
static const char no_memory_agent[] =
	"a memory agent works by PSI and the multi-generational LRU: this kernel has neither";

static const struct dispatch_entry table[] = {
	HEALTH("Check", check),
	HEALTH("Version", version),
	AGENT("CreateSandbox", create_sandbox_request, create_sandbox, S_LIVE,
	      MEDIUM),
	AGENT("DestroySandbox", destroy_sandbox_request, destroy_sandbox, S_ANY,
	      SMALL),
	AGENT("GetGuestDetails", guest_details_request, guest_details, S_ANY,
	      SMALL),
	AGENT("SetGuestDateTime", set_guest_date_time_request, set_date_time,
	      S_LIVE, SMALL),
	AGENT("ReseedRandomDev", reseed_random_dev_request, reseed, S_LIVE,
	      SMALL),
	AGENT("CreateContainer", create_container_request, create_container,
	      S_READY, LARGE),
	AGENT("StartContainer", start_container_request, start_container,
	      S_READY, SMALL),
	AGENT("RemoveContainer", remove_container_request, remove_container,
	      S_HELD, SMALL),
	AGENT("ExecProcess", exec_process_request, exec_process, S_READY, LARGE),
	AGENT("SignalProcess", signal_process_request, signal_process, S_HELD,
	      SMALL),
	AGENT("WaitProcess", wait_process_request, wait_process, S_HELD, SMALL),
	AGENT("StatsContainer", stats_container_request, stats_container,
	      S_READY, SMALL),
	AGENT("PauseContainer", pause_container_request, pause_container,
	      S_READY, SMALL),
	AGENT("ResumeContainer", resume_container_request, resume_container,
	      S_READY, SMALL),
	AGENT("UpdateContainer", update_container_request, update_container,
	      S_READY, MEDIUM),
	AGENT("GetOOMEvent", get_oomevent_request, get_oom_event, S_READY, SMALL),
	AGENT("WriteStdin", write_stream_request, write_stdin, S_HELD, LARGE),
	AGENT("ReadStdout", read_stream_request, read_stdout, S_HELD, SMALL),
	AGENT("ReadStderr", read_stream_request, read_stderr, S_HELD, SMALL),
	AGENT("CloseStdin", close_stdin_request, close_stdin, S_HELD, SMALL),
	AGENT("TtyWinResize", tty_win_resize_request, tty_win_resize, S_HELD,
	      SMALL),
	AGENT("UpdateInterface", update_interface_request, update_interface,
	      S_LIVE, SMALL),
	AGENT("UpdateRoutes", update_routes_request, update_routes, S_LIVE,
	      MEDIUM),
	AGENT("ListInterfaces", list_interfaces_request, list_interfaces,
	      S_LIVE, SMALL),
	AGENT("ListRoutes", list_routes_request, list_routes, S_LIVE, SMALL),
	AGENT("AddARPNeighbors", add_arpneighbors_request, add_arp_neighbors,
	      S_LIVE, MEDIUM),
	AGENT("GetMetrics", get_metrics_request, get_metrics, S_ANY, SMALL),
	AGENT("GetVolumeStats", volume_stats_request, get_volume_stats, S_READY,
	      SMALL),
	AGENT("RemoveStaleVirtiofsShareMounts",
	      remove_stale_virtiofs_share_mounts_request, remove_stale_mounts,
	      S_READY, SMALL),
	AGENT("UpdateEphemeralMounts", update_ephemeral_mounts_request,
	      update_ephemeral, S_READY, MEDIUM),
	AGENT("OnlineCPUMem", online_cpumem_request, online_cpu_mem, S_LIVE,
	      SMALL),
	NO("GetDiagnosticData",
	   "the guest keeps no logs: its console is the host's, and so are termination logs"),
	NO("ResizeVolume",
	   "a volume is a directory of the host, and as large as that"),
	NO("GetIPTables", no_netfilter),
	NO("SetIPTables", no_netfilter),
	NO("MemHotplugByProbe",
	   "the guest's kernel cannot take memory after its start"),
	NO("AddSwap", no_swap),
	NO("AddSwapPath", no_swap),
	NO("MemAgentMemcgSet", no_memory_agent),
	NO("MemAgentCompactSet", no_memory_agent),
	NO("CopyFile", "the host shares files, it does not send them"),
	NO("SetPolicy",
	   "a policy that the host sets cannot bind the host; the guest reports what it did"),
};

static const char *const state_name[] = { "does not exist yet", "is ready",
					  "is ending", "has ended" };
static_assert(ARRAY_SIZE(state_name) == SANDBOX_STATE_MAX,
	      "a name for each state");

const struct dispatch_entry *dispatch_find(const char *service,
					   const char *method)
{
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		if (strcmp(table[i].service, service) == 0 &&
		    strcmp(table[i].method, method) == 0)
			return &table[i];
	return NULL;
}

static int check_permit(const struct call *call,
			const struct ttrpc_request *request,
			const struct dispatch_entry *entry, struct err *err)
{
	if (!entry)
		return err_msg(err, EOPNOTSUPP, "%.64s/%.64s is unknown",
			       request->service ? request->service : "",
			       request->method ? request->method : "");
	if (!entry->handle)
		return err_msg(err, EOPNOTSUPP, "%s: %s", entry->method,
			       entry->reason);
	if (request->payload_len > entry->size_max)
		return err_msg(err, EINVAL, "%s: request of %zu bytes",
			       entry->method, request->payload_len);
	if (!(entry->states & 1u << call->agent->state))
		return err_msg(err, EBUSY, "%s: the sandbox %s", entry->method,
			       state_name[call->agent->state]);
	return 0;
}

static int handle(const struct call *call, const struct ttrpc_request *request,
		  struct err *err)
{
	const struct dispatch_entry *entry =
		dispatch_find(request->service ? request->service : "",
			      request->method ? request->method : "");
	ProtobufCMessage *message;
	int r = check_permit(call, request, entry, err);

	if (r < 0)
		return r;
	message = protobuf_c_message_unpack(
		entry->request, NULL, request->payload_len, request->payload);
	if (!message)
		return err_msg(err, EINVAL, "%s: not a valid message",
			       entry->method);
	r = entry->handle(call, message, err);
	protobuf_c_message_free_unpacked(message, NULL);
	return r;
}

/**
 * dispatch_frame() - One frame of the host
 * @agent:	The agent
 * @header:	Checked by lib/ttrpc
 * @payload:	header->length bytes
 *
 * A frame that is no request, or not one, ends the machine: the channel can
 * no longer be trusted to be in step.
 */
void dispatch_frame(struct agent *agent, const struct ttrpc_header *header,
		    const uint8_t *payload)
{
	struct call call = { .agent = agent, .stream = header->stream };
	struct ttrpc_request request = { 0 };
	struct err err = ERR_INIT;

	if (header->type != TTRPC_REQUEST || header->stream == 0)
		boot_fatal("frame of type %u on stream %u from the host",
			   header->type, header->stream);
	if (ttrpc_request_decode(payload, header->length, &request, &err) < 0)
		boot_fatal("bad request from the host: %s", err.text);
	hook_die_by(request.method);
	if (handle(&call, &request, &err) < 0)
		call_fail(&call, &err);
	ttrpc_request_done(&request);
}
