/* SPDX-License-Identifier: Apache-2.0 */
/* Which request goes where, when it is allowed, and how large it may be. */
#ifndef AGENT_DISPATCH_H
#define AGENT_DISPATCH_H

#include "agent.h"

/*
 * 0: the call is answered or kept; -errno: dispatch answers with err. The
 * request is freed after the return.
 */
typedef int (*dispatch_fn)(const struct call *call,
			   const ProtobufCMessage *request, struct err *err);

struct dispatch_entry {
	const char *service, *method;
	const ProtobufCMessageDescriptor *request;
	dispatch_fn handle; /* NULL: refused, with reason */
	const char *reason;
	unsigned states; /* bits of enum sandbox_state */
	size_t size_max; /* of the encoded request */
};

/* NULL for an unknown service or method. */
const struct dispatch_entry *dispatch_find(const char *service,
					   const char *method);
void dispatch_frame(struct agent *agent, const struct ttrpc_header *header,
		    const uint8_t *payload);

/* The handlers, one file per family. */
#define HANDLER(name)                                                          \
	int handle_##name(const struct call *call,                             \
			  const ProtobufCMessage *request, struct err *err)

/* handle-sandbox.c */
HANDLER(check);
HANDLER(version);
HANDLER(create_sandbox);
HANDLER(destroy_sandbox);
HANDLER(guest_details);
HANDLER(set_date_time);
HANDLER(reseed);
/* handle-container.c */
HANDLER(create_container);
HANDLER(start_container);
HANDLER(remove_container);
HANDLER(exec_process);
HANDLER(signal_process);
HANDLER(wait_process);
/* handle-resources.c */
HANDLER(pause_container);
HANDLER(resume_container);
HANDLER(update_container);
HANDLER(stats_container);
HANDLER(get_oom_event);
/* handle-stream.c */
HANDLER(write_stdin);
HANDLER(read_stdout);
HANDLER(read_stderr);
HANDLER(close_stdin);
HANDLER(tty_win_resize);
/* handle-net.c */
HANDLER(update_interface);
HANDLER(update_routes);
HANDLER(list_interfaces);
HANDLER(list_routes);
HANDLER(add_arp_neighbors);
/* handle-guest.c */
HANDLER(get_metrics);
HANDLER(get_volume_stats);
HANDLER(remove_stale_mounts);
HANDLER(update_ephemeral);
HANDLER(online_cpu_mem);

#endif
