// SPDX-License-Identifier: Apache-2.0
/*
 * handle-resources.c - requests about what a container may use and does use:
 * its limits, its figures, pause and resume, lack of memory. Runs in
 * kata-agent.
 */
#include "dispatch.h"

#include <errno.h>

#include "cgroup.h"
#include "container.h"
#include "readback.h"

int handle_pause_container(const struct call *call,
			   const ProtobufCMessage *request, struct err *err)
{
	const Grpc__PauseContainerRequest *from =
		(const Grpc__PauseContainerRequest *)request;
	struct container *container =
		container_find(call->agent, from->container_id, err);

	if (!container)
		return -err->code;
	return freezer_pause(call->agent, container, call->stream, err);
}

int handle_resume_container(const struct call *call,
			    const ProtobufCMessage *request, struct err *err)
{
	const Grpc__ResumeContainerRequest *from =
		(const Grpc__ResumeContainerRequest *)request;
	struct container *container =
		container_find(call->agent, from->container_id, err);
	int r;

	if (!container)
		return -err->code;
	r = freezer_resume(container, err);
	if (r == 0)
		call_reply_empty(call);
	return r;
}

static int check_update(const struct container *container,
			const Grpc__UpdateContainerRequest *from,
			struct err *err)
{
	const struct process *init = container->processes;

	if (!from->resources)
		return err_msg(err, EINVAL, "resources: is missing");
	if (container->removing || !init || init->state == PROCESS_SETUP ||
	    init->state == PROCESS_EXITED)
		return err_msg(err, EBUSY, "container %s is not running",
			       container->id);
	return 0;
}

/* The answer says what the kernel holds now, which may be rounded. */
int handle_update_container(const struct call *call,
			    const ProtobufCMessage *request, struct err *err)
{
	const Grpc__UpdateContainerRequest *from =
		(const Grpc__UpdateContainerRequest *)request;
	Grpc__UpdateContainerResponse answer =
		GRPC__UPDATE_CONTAINER_RESPONSE__INIT;
	Grpc__ReadBack report = GRPC__READ_BACK__INIT;
	struct container *container =
		container_find(call->agent, from->container_id, err);
	int r;

	if (!container)
		return -err->code;
	r = check_update(container, from, err);
	if (r == 0)
		r = cgroup_update(container->cgroup_fd, from->resources, err);
	if (r == 0)
		r = readback_limits(container->cgroup_fd, &report, err);
	if (r < 0)
		return r;
	answer.read_back = &report;
	call_reply(call, &answer.base);
	return 0;
}

int handle_stats_container(const struct call *call,
			   const ProtobufCMessage *request, struct err *err)
{
	const Grpc__StatsContainerRequest *from =
		(const Grpc__StatsContainerRequest *)request;
	Grpc__StatsContainerResponse answer =
		GRPC__STATS_CONTAINER_RESPONSE__INIT;
	struct container *container =
		container_find(call->agent, from->container_id, err);
	int r;

	if (!container)
		return -err->code;
	r = stats_take(call->agent, container->cgroup_fd, &answer, err);
	if (r == 0)
		call_reply(call, &answer.base);
	stats_done(&answer);
	return r;
}

int handle_get_oom_event(const struct call *call,
			 const ProtobufCMessage *request, struct err *err)
{
	const Grpc__GetOOMEventRequest *from =
		(const Grpc__GetOOMEventRequest *)request;
	struct container *container = NULL;

	if (from->container_id[0]) {
		container = container_find(call->agent, from->container_id, err);
		if (!container)
			return -err->code;
	}
	return oom_wait(call->agent, container, call->stream, err);
}
