/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of agent-client share with each other, and with nobody else. */
#ifndef LIB_AGENT_CLIENT_PARTS_H
#define LIB_AGENT_CLIENT_PARTS_H

#include "agent-client.h"

/* --- agent-client-codec.c --- */
const char *agent_method_name(enum agent_method method);
/* A whole frame; the caller frees it. stream 0: for the proxy to send. */
int agent_request_pack(enum agent_method method,
		       const struct ProtobufCMessage *request, uint32_t stream,
		       int timeout_ms, uint8_t **ret_frame, size_t *ret_len,
		       struct err *err) MUST_CHECK;
/* An answer that says no, as an error with the agent's words. */
void agent_status_to_err(enum agent_method method,
			 const struct ttrpc_response *response, struct err *err);

/* --- agent-client.c --- */
int64_t agent_client_now_ms(void); /* CLOCK_MONOTONIC */

#endif
