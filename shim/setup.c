// SPDX-License-Identifier: Apache-2.0
/*
 * setup.c - agent calls from the first Check to a process that exists.
 *
 * Runs in kata-shim after privs_confine() (the announcement to the proxy
 * alone goes out before, and only writes). Hostile: the agent's answers; what
 * it says it read back goes to the runtime (readback.c).
 *
 * #syscalls:shim/start getpid geteuid getrandom
 * #syscalls:shim clock_gettime
 */
#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "agent.pb-c.h"
#include "log.h"
#include "shim.h"

/* Proto strings are char *; ours are constants and never written. */
#define TEXT(literal) ((char *)(uintptr_t)(literal))

static int call(struct shim *shim, enum agent_method method,
		const ProtobufCMessage *request, struct err *err)
{
	return agent_call_wait(&shim->agent, method, request,
			       AGENT_CALL_TIMEOUT_MS, NULL, err);
}

/**
 * setup_announce() - Tell the proxy what our death means
 * @shim:	With role, id and the proxy descriptor
 * @err:	Filled on failure
 *
 * The container's shim takes the sandbox along; an exec's shim takes its
 * process along. Nothing is read.
 *
 * Return: 0 or -errno
 */
int setup_announce(struct shim *shim, struct err *err)
{
	Grpc__SignalProcessRequest will = GRPC__SIGNAL_PROCESS_REQUEST__INIT;
	int r = agent_client_init(&shim->agent, shim->fds.proxy, err);

	if (r < 0)
		return r;
	will.container_id = TEXT(shim->id);
	will.exec_id = TEXT(shim->process_id);
	will.signal = 9;
	if (shim->role == SHIM_CONTAINER)
		r = agent_proxy_frame(&shim->agent, TTRPC_PROXY_MAIN, NULL, 0,
				      err);
	else
		r = agent_proxy_will(&shim->agent, AGENT_SIGNAL_PROCESS,
				     &will.base, err);
	if (r < 0)
		return r;
	return agent_client_flush(&shim->agent, AGENT_CALL_TIMEOUT_MS, err);
}

int setup_prepare(struct shim *shim, struct err *err)
{
	shim->pid = getpid();
	shim->uid = geteuid();
	if (shim->role == SHIM_CONTAINER &&
	    getrandom(shim->seed, sizeof(shim->seed), 0) != sizeof(shim->seed))
		return err_set(err, errno, "get random bytes");
	return 0;
}

static int seed_random(struct shim *shim, struct err *err)
{
	Grpc__ReseedRandomDevRequest request =
		GRPC__RESEED_RANDOM_DEV_REQUEST__INIT;
	int r;

	request.data.data = shim->seed;
	request.data.len = sizeof(shim->seed);
	r = call(shim, AGENT_RESEED_RANDOM_DEV, &request.base, err);
	explicit_bzero(shim->seed, sizeof(shim->seed));
	return r < 0 ? err_wrap(err, "seed the guest's random numbers") : 0;
}

static int set_clock(struct shim *shim, struct err *err)
{
	Grpc__SetGuestDateTimeRequest request =
		GRPC__SET_GUEST_DATE_TIME_REQUEST__INIT;
	struct timespec now;

	if (clock_gettime(CLOCK_REALTIME, &now) < 0)
		return err_set(err, errno, "read the clock");
	request.sec = now.tv_sec;
	request.usec = now.tv_nsec / 1000;
	if (call(shim, AGENT_SET_GUEST_DATE_TIME, &request.base, err) < 0)
		return err_wrap(err, "set the guest's clock");
	return 0;
}

static int create_sandbox(struct shim *shim, struct err *err)
{
	Grpc__CreateSandboxRequest request = GRPC__CREATE_SANDBOX_REQUEST__INIT;
	Grpc__Storage share = GRPC__STORAGE__INIT;
	Grpc__Storage *storages[] = { &share };

	share.driver = TEXT("virtio-fs");
	share.source = TEXT("kataShared");
	share.fstype = TEXT("virtiofs");
	share.mount_point = TEXT(SHIM_GUEST_SHARE);
	request.storages = storages;
	request.n_storages = ARRAY_SIZE(storages);
	request.sandbox_id = TEXT(shim->id);
	if (shim->spec->hostname)
		request.hostname = shim->spec->hostname;
	if (call(shim, AGENT_CREATE_SANDBOX, &request.base, err) < 0)
		return err_wrap(err, "create the sandbox");
	return 0;
}

static int create_container(struct shim *shim, struct err *err)
{
	const Grpc__ReadBack *report;
	AUTO_AGENT_MESSAGE ProtobufCMessage *request = spec_to_create(shim, err);
	AUTO_AGENT_MESSAGE ProtobufCMessage *reply = NULL;
	int r;

	if (!request)
		return -err->code;
	r = agent_call_wait(&shim->agent, AGENT_CREATE_CONTAINER, request,
			    AGENT_CALL_TIMEOUT_MS, &reply, err);
	if (r < 0)
		return r; /* in the agent's words: engines look for phrases */
	report = ((Grpc__CreateContainerResponse *)reply)->read_back;
	if (report && !report->guest_pid)
		return err_msg(err, EPROTO,
			       "the agent reported a process without a pid");
	return readback_send(shim->fds.control, report, err);
}

#ifdef TEST_HOOKS
/* Where tests break things: the runtime may stop before it answers. */
static int meet_runtime(struct shim *shim, struct err *err)
{
	union record record;

	record_init(&record, RECORD_OK);
	if (record_send(shim->fds.control, &record, err) < 0)
		return -err->code;
	return record_expect(shim->fds.control, RECORD_OK, &record, -1, err);
}
#else
static int meet_runtime(struct shim *shim, struct err *err)
{
	(void)shim;
	(void)err;
	return 0;
}
#endif

/**
 * setup_container() - From a booting VM to a frozen container process
 * @shim:	Confined, with spec
 * @err:	Filled on failure
 *
 * Random numbers come first, so that nothing in the guest draws any before.
 * What the agent read back goes to the runtime.
 *
 * Return: 0 or -errno
 */
int setup_container(struct shim *shim, struct err *err)
{
	int r = agent_check_wait(&shim->agent, shim->boot_timeout_ms, err);

	if (r == 0)
		r = meet_runtime(shim, err);
	if (r >= 0)
		r = seed_random(shim, err);
	if (r == 0)
		r = set_clock(shim, err);
	if (r == 0)
		r = create_sandbox(shim, err);
	if (r < 0)
		return r;
	return create_container(shim, err);
}

/**
 * setup_exec() - Make a further process in the container, which stays frozen
 * @shim:	Confined, with process
 * @err:	Filled on failure, in the agent's words
 *
 * What the agent read back goes to the runtime.
 *
 * Return: 0 or -errno
 */
int setup_exec(struct shim *shim, struct err *err)
{
	AUTO_AGENT_MESSAGE ProtobufCMessage *request = spec_to_exec(shim);
	AUTO_AGENT_MESSAGE ProtobufCMessage *reply = NULL;
	int r = agent_call_wait(&shim->agent, AGENT_EXEC_PROCESS, request,
				AGENT_CALL_TIMEOUT_MS, &reply, err);

	if (r < 0)
		return r;
	return readback_send(shim->fds.control,
			     ((Grpc__ExecProcessResponse *)reply)->read_back,
			     err);
}

/**
 * setup_exec_start() - Let the process of setup_exec() run its program
 * @shim:	Confined; the runtime has agreed
 * @err:	Filled on failure, in the agent's words
 *
 * Return: 0 or -errno
 */
int setup_exec_start(struct shim *shim, struct err *err)
{
	Grpc__StartContainerRequest request =
		GRPC__START_CONTAINER_REQUEST__INIT;

	request.container_id = TEXT(shim->id);
	request.exec_id = TEXT(shim->process_id);
	return call(shim, AGENT_START_CONTAINER, &request.base, err);
}
