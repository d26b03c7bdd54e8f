// SPDX-License-Identifier: Apache-2.0
/*
 * exit.c - how the container or exec ends, and with which status.
 *
 * Runs in kata-shim, confined. Needs no rights. Hostile: the status that the
 * agent reports; only 0 to 255 is taken. Output is drained before the shim
 * exits, because engines stop reading then. A process that left children
 * with the pipe open would hold us for ever, so draining ends when nothing has
 * moved for a while: short for an exec (as with other runtimes, its exit is
 * the end), longer where the engine itself does not read.
 */
#include <errno.h>

#include "agent.pb-c.h"
#include "log.h"
#include "shim.h"

#define DRAIN_IDLE_MS 10000
#define DRAIN_IDLE_EXEC_MS 500
#define DONE_TIMEOUT_MS 1000

static void waited(void *ctx, const ProtobufCMessage *message,
		   const struct err *err)
{
	const Grpc__WaitProcessResponse *reply = (const void *)message;
	struct err bad = ERR_INIT;
	struct shim *shim = ctx;

	if (err) {
		err_msg(&bad, ECONNRESET, "wait for the process: %s", err->text);
		loop_broken(shim, &bad);
		return;
	}
	if (reply->status < 0 || reply->status > 255) {
		err_msg(&bad, ECONNRESET,
			"the agent reported an impossible exit status");
		loop_broken(shim, &bad);
		return;
	}
	shim->status = reply->status;
	shim->state = SHIM_EXITED;
	shim->idle_since_ms = loop_now_ms();
	io_abandon(shim);
}

/* Asks for the exit status; the answer may take days. */
void exit_watch(struct shim *shim)
{
	Grpc__WaitProcessRequest request = GRPC__WAIT_PROCESS_REQUEST__INIT;
	struct err err = ERR_INIT;

	request.container_id = (char *)(uintptr_t)shim->id;
	request.exec_id = (char *)(uintptr_t)shim->process_id;
	if (agent_call_start(&shim->agent, AGENT_WAIT_PROCESS, &request.base,
			     AGENT_NO_TIMEOUT, waited, shim, &err) < 0) {
		err.code = ECONNRESET;
		loop_broken(shim, &err);
	}
}

static int64_t idle_limit(const struct shim *shim)
{
	return shim->role == SHIM_EXEC && !io_blocked(shim) ?
		       DRAIN_IDLE_EXEC_MS :
		       DRAIN_IDLE_MS;
}

int exit_timeout_ms(const struct shim *shim)
{
	int64_t now = loop_now_ms(), until = INT64_MAX;

	if (shim->state == SHIM_EXITED && io_drained(shim))
		return 0;
	if (shim->state == SHIM_EXITED)
		until = shim->idle_since_ms + idle_limit(shim);
	/* Not put off by a guest that reports the end and goes on talking. */
	if (shim->leave_at_ms && shim->leave_at_ms < until)
		until = shim->leave_at_ms;
	if (until == INT64_MAX)
		return -1;
	return until > now ? (int)(until - now) : 0;
}

/* Leaves the loop once everything that was written has been delivered. */
void exit_check(struct shim *shim)
{
	int left = exit_timeout_ms(shim);

	if (left != 0 || shim->state == SHIM_END)
		return;
	if (shim->state != SHIM_EXITED) {
		log_warn("the guest does not say that the process has ended");
		shim->status = shim->leave_status;
		shim->left_behind = true;
	} else if (!io_drained(shim)) {
		log_info("output was still open when the process had ended");
	}
	shim->state = SHIM_END;
}

/* A hostile guest must not keep us with a process that it does not end. */
void exit_within(struct shim *shim, int status, int milliseconds)
{
	shim->leave_status = status;
	shim->leave_at_ms = loop_now_ms() + milliseconds;
}

void exit_with(struct shim *shim, int status)
{
	shim->status = status;
	shim->state = SHIM_END;
}

/*
 * DestroySandbox removes the container too. RemoveContainer before it would
 * only empty the page cache of a guest that ends at once.
 */
static void end_sandbox(struct shim *shim)
{
	Grpc__DestroySandboxRequest destroy =
		GRPC__DESTROY_SANDBOX_REQUEST__INIT;
	struct err err = ERR_INIT;

	if (agent_call_wait(&shim->agent, AGENT_DESTROY_SANDBOX, &destroy.base,
			    AGENT_CALL_TIMEOUT_MS, NULL, &err) < 0)
		log_err("end the sandbox: %s", err.text);
}

/**
 * exit_clean_up() - Last calls, after the loop
 * @shim:	With a status
 *
 * The guest unmounts and syncs. Failures are logged; the status stands.
 */
void exit_clean_up(struct shim *shim)
{
	struct err err = ERR_INIT;

	/* The proxy has our will, which kills it. */
	if (shim->left_behind)
		return;
	if (shim->role == SHIM_CONTAINER)
		end_sandbox(shim);
	if (agent_proxy_frame(&shim->agent, TTRPC_PROXY_DONE, NULL, 0, &err) < 0 ||
	    agent_client_flush(&shim->agent, DONE_TIMEOUT_MS, &err) < 0)
		log_warn("tell the proxy: %s", err.text);
}
