// SPDX-License-Identifier: Apache-2.0
/*
 * handle-container.c - requests that make, start, end and describe containers
 * and processes. Runs in kata-agent. Names are checked before they become
 * cgroup directories; everything else of a spec in launch-spec.c.
 */
#include "dispatch.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "cgroup.h"
#include "container.h"
#include "launch.h"
#include "log.h"
#include "process.h"
#include "readback.h"

static int check_ports(uint32_t in, uint32_t out, uint32_t err_port,
		       struct err *err)
{
	if (in || out || err_port)
		return err_msg(
			err, EOPNOTSUPP,
			"stdin_port, stdout_port, stderr_port: there is no vsock");
	return 0;
}

static int check_create(struct agent *agent,
			const Grpc__CreateContainerRequest *from,
			struct err *err)
{
	struct err ignored = ERR_INIT;
	int r = ids_check(from->container_id, err);

	if (r < 0)
		return err_wrap(err, "container_id");
	if (container_find(agent, from->container_id, &ignored))
		return err_msg(err, EEXIST, "container %s already exists",
			       from->container_id);
	if (!from->oci)
		return err_msg(err, EINVAL, "OCI: is missing");
	if (from->string_user)
		return err_msg(err, EOPNOTSUPP, "string_user: not supported");
	if (from->n_devices)
		return err_msg(err, EOPNOTSUPP, "devices: not supported");
	if (from->n_storages)
		return err_msg(err, EOPNOTSUPP, "storages: not supported");
	if (from->n_shared_mounts)
		return err_msg(err, EOPNOTSUPP, "shared_mounts: not supported");
	if (from->sandbox_pidns)
		return err_msg(err, EOPNOTSUPP, "sandbox_pidns: not supported");
	return check_ports(from->stdin_port, from->stdout_port,
			   from->stderr_port, err);
}

static void keep_apparmor(struct process *process, const char *name)
{
	if (!*name)
		return;
	process->apparmor = xstrdup(name);
	log_info("%s: AppArmor profile \"%.64s\" is noted; the VM stands in its place",
		 process->container->id, name);
}

static void copy(struct strv *to, const struct strv *from)
{
	for (size_t i = 0; i < from->count; i++)
		strv_add(to, from->item[i]);
}

/* What the report is to look at, in the order of the request. */
static void keep_wanted(struct readback_wanted *to,
			const struct launch_root *root,
			const Grpc__LinuxResources *resources)
{
	for (size_t i = 0; i < root->mount_count; i++)
		strv_add(&to->mounts, root->mounts[i].destination);
	for (size_t i = 0; i < root->device_count; i++)
		strv_add(&to->devices, root->devices[i].path);
	copy(&to->masked, &root->masked);
	copy(&to->read_only, &root->read_only);
	copy(&to->sysctls, &root->sysctl_path);
	for (size_t i = 0; resources && i < resources->n_unified; i++)
		strv_add(&to->unified, resources->unified[i]->key);
}

/* Everything after the cgroup exists; the caller removes it on failure. */
static int fill_container(struct agent *agent, struct container *container,
			  const Grpc__CreateContainerRequest *from,
			  struct launch *launch, uint32_t stream,
			  struct err *err)
{
	const Grpc__Spec *spec = from->oci;
	struct process *process;
	int r = oom_watch(agent, container, err);

	if (r == 0)
		r = cgroup_apply(container->cgroup_fd, spec->linux_->resources,
				 err);
	if (r == 0)
		r = seccomp_from_spec(spec->linux_->seccomp, container, err);
	if (r < 0)
		return r;
	container->every_device =
		spec->linux_->resources &&
		device_filter_allows_all(spec->linux_->resources->devices,
					 spec->linux_->resources->n_devices);
	keep_wanted(container->wanted, &launch->root, spec->linux_->resources);
	launch->every_device = container->every_device;
	launch->bpf = container->bpf;
	launch->bpf_len = container->bpf_len;
	launch->bpf_flags = container->bpf_flags;
	process = process_new(container, "");
	keep_apparmor(process, spec->process->apparmorprofile);
	r = launch_start(agent, process, launch, NULL, err);
	if (r == 0)
		process->setup_stream = stream;
	return r;
}

int handle_create_container(const struct call *call,
			    const ProtobufCMessage *request, struct err *err)
{
	const Grpc__CreateContainerRequest *from =
		(const Grpc__CreateContainerRequest *)request;
	struct launch launch = { 0 };
	struct container *container = NULL;
	int r = check_create(call->agent, from, err);

	if (r == 0)
		r = launch_from_process(from->oci->process, "process", &launch,
					err);
	if (r == 0)
		r = launch_root_from_spec(from->oci, &launch.root, err);
	if (r == 0)
		r = container_new(call->agent, from->container_id, &container,
				  err);
	if (r == 0) {
		r = fill_container(call->agent, container, from, &launch,
				   call->stream, err);
		if (r < 0)
			container_free(call->agent, container);
	}
	launch_done(&launch);
	return r;
}

/* The container's init, or the exec that waits in it. */
int handle_start_container(const struct call *call,
			   const ProtobufCMessage *request, struct err *err)
{
	const Grpc__StartContainerRequest *from =
		(const Grpc__StartContainerRequest *)request;
	struct process *process = process_find(call->agent, from->container_id,
					       from->exec_id, err);
	int r;

	if (!process)
		return -err->code;
	if (freezer_is_paused(process->container))
		return err_msg(err, EBUSY, "cannot start %s %s: it is paused",
			       process->is_init ? "container" : "a process in",
			       process->container->id);
	if (process->is_init)
		container_refresh(process->container);
	r = process_go(process, err);
	if (r == 0)
		process->setup_stream = call->stream;
	return r;
}

int handle_remove_container(const struct call *call,
			    const ProtobufCMessage *request, struct err *err)
{
	const Grpc__RemoveContainerRequest *from =
		(const Grpc__RemoveContainerRequest *)request;
	struct container *container =
		container_find(call->agent, from->container_id, err);

	if (!container)
		return -err->code;
	if (container->remove_stream)
		return err_msg(err, EBUSY, "container %s is being removed",
			       container->id);
	if (container_is_alive(container) &&
	    container_kill_all(container, err) < 0)
		return -err->code;
	container->removing = true;
	container->remove_stream = call->stream;
	container_check_removal(call->agent);
	return 0;
}

static int check_exec(struct agent *agent, const Grpc__ExecProcessRequest *from,
		      struct process *init, struct err *err)
{
	struct err ignored = ERR_INIT;
	int r = ids_check(from->exec_id, err);

	if (r < 0)
		return err_wrap(err, "exec_id");
	if (init->state != PROCESS_RUNNING || init->container->removing)
		return err_msg(err, EBUSY, "container %s is not running",
			       init->container->id);
	/* It would be frozen before it could answer. */
	if (freezer_is_paused(init->container))
		return err_msg(err, EBUSY, "cannot exec in a paused container");
	if (process_find(agent, from->container_id, from->exec_id, &ignored))
		return err_msg(err, EEXIST, "process %s already exists",
			       from->exec_id);
	if (init->container->process_count >= AGENT_PROCESSES_MAX &&
	    !process_drop_exited(agent, init->container))
		return err_msg(err, EBUSY, "too many processes");
	if (from->string_user)
		return err_msg(err, EOPNOTSUPP, "string_user: not supported");
	return check_ports(from->stdin_port, from->stdout_port,
			   from->stderr_port, err);
}

int handle_exec_process(const struct call *call,
			const ProtobufCMessage *request, struct err *err)
{
	const Grpc__ExecProcessRequest *from =
		(const Grpc__ExecProcessRequest *)request;
	struct launch launch = { 0 };
	struct process *init =
		process_find(call->agent, from->container_id, "", err);
	struct container *container;
	struct process *process;
	int r;

	if (!init)
		return -err->code;
	r = check_exec(call->agent, from, init, err);
	if (r == 0)
		r = launch_from_process(from->process, "process", &launch, err);
	if (r < 0) {
		launch_done(&launch);
		return r;
	}
	container = init->container;
	launch.every_device = container->every_device;
	launch.bpf = container->bpf;
	launch.bpf_len = container->bpf_len;
	launch.bpf_flags = container->bpf_flags;
	process = process_new(container, from->exec_id);
	process->is_held = from->hold;
	keep_apparmor(process, from->process->apparmorprofile);
	r = launch_start(call->agent, process, &launch, init, err);
	if (r == 0)
		process->setup_stream = call->stream;
	else
		process_free(call->agent, process);
	launch_done(&launch);
	return r;
}

int handle_signal_process(const struct call *call,
			  const ProtobufCMessage *request, struct err *err)
{
	const Grpc__SignalProcessRequest *from =
		(const Grpc__SignalProcessRequest *)request;
	struct process *process = process_find(call->agent, from->container_id,
					       from->exec_id, err);
	int r;

	if (!process)
		return -err->code;
	if (from->signal > 64)
		return err_msg(err, EINVAL, "signal: no such signal");
	if (!from->exec_id[0] && from->signal == SIGKILL &&
	    container_is_alive(process->container))
		r = container_kill_all(process->container, err);
	else
		r = process_signal(process, (int)from->signal, err);
	if (r == 0)
		call_reply_empty(call);
	return r;
}

int handle_wait_process(const struct call *call,
			const ProtobufCMessage *request, struct err *err)
{
	const Grpc__WaitProcessRequest *from =
		(const Grpc__WaitProcessRequest *)request;
	Grpc__WaitProcessResponse answer = GRPC__WAIT_PROCESS_RESPONSE__INIT;
	struct process *process = process_find(call->agent, from->container_id,
					       from->exec_id, err);

	if (!process)
		return -err->code;
	if (process->state == PROCESS_EXITED) {
		answer.status = process->status;
		call_reply(call, &answer.base);
		process->status_told = true;
		process_check_done(call->agent, process);
		return 0;
	}
	if (process->waiter_count == AGENT_WAITERS_MAX)
		return err_msg(err, EBUSY,
			       "too many calls wait for the process");
	process->waiters[process->waiter_count++] = call->stream;
	return 0;
}
