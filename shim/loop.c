// SPDX-License-Identifier: Apache-2.0
/*
 * loop.c - the one epoll loop of kata-shim.
 *
 * Runs in kata-shim, confined. Needs no rights. Sources are part of struct
 * shim and never freed, so a late event finds fd -1 at worst.
 *
 * #syscalls:shim/start epoll_create1
 * #syscalls:shim epoll_wait epoll_ctl close clock_gettime
 */
#include <errno.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "shim.h"

#define BATCH 8

int64_t loop_now_ms(void)
{
	struct timespec now;

	BUG_ON(clock_gettime(CLOCK_MONOTONIC, &now) < 0);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void agent_handle(struct shim *shim, struct shim_source *source,
			 uint32_t events)
{
	struct err err = ERR_INIT;

	(void)source;
	if (agent_client_handle(&shim->agent, events, &err) < 0)
		loop_broken(shim, &err);
}

/**
 * loop_init() - Make the epoll set; before the shim confines itself
 * @shim:	With the proxy descriptor
 * @err:	Filled on failure
 *
 * Return: 0 or -errno
 */
int loop_init(struct shim *shim, struct err *err)
{
	shim->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (shim->epoll_fd < 0)
		return err_set(err, errno, "epoll");
	shim->agent_source.fd = shim->fds.proxy;
	shim->agent_source.handle = agent_handle;
	return 0;
}

/**
 * loop_watch() - Change what is watched on a source
 * @shim:	With the epoll set
 * @source:	Open source
 * @events:	EPOLL* bits; 0 takes it out, so that a hang-up is silent too
 *
 * Return: 0 or -errno (-EPERM: a file that epoll does not take)
 */
int loop_watch(struct shim *shim, struct shim_source *source, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = source };
	int op;

	if (source->events == events)
		return 0;
	if (!events)
		op = EPOLL_CTL_DEL;
	else
		op = source->events ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
	if (epoll_ctl(shim->epoll_fd, op, source->fd, &event) < 0)
		return -errno;
	source->events = events;
	return 0;
}

void loop_close(struct shim *shim, struct shim_source *source)
{
	if (source->fd < 0)
		return;
	IGNORE(loop_watch(shim, source, 0) < 0, "close takes it out too");
	close(source->fd);
	source->fd = -1;
	source->events = 0;
}

void loop_broken(struct shim *shim, const struct err *err)
{
	if (shim->broken)
		return;
	shim->broken = true;
	shim->broken_err = *err;
}

static int timeout(const struct shim *shim)
{
	int call = agent_client_timeout(&shim->agent);
	int leave = exit_timeout_ms(shim);

	if (call < 0)
		return leave;
	if (leave < 0)
		return call;
	return call < leave ? call : leave;
}

static int turn(struct shim *shim, struct err *err)
{
	struct epoll_event event[BATCH];
	int n, r;

	/* Calls that handlers began: most sockets take them at once. */
	if (shim->agent.out_len)
		agent_handle(shim, &shim->agent_source, 0);
	if (shim->broken || shim->state == SHIM_END)
		return 0;
	r = loop_watch(shim, &shim->agent_source,
		       agent_client_events(&shim->agent));
	if (r < 0)
		return err_set(err, -r, "watch the agent channel");
	n = epoll_wait(shim->epoll_fd, event, BATCH, timeout(shim));
	if (n < 0 && errno != EINTR)
		return err_set(err, errno, "epoll_wait");
	for (int i = 0; i < n; i++) {
		struct shim_source *source = event[i].data.ptr;

		if (source->fd >= 0 && source->events)
			source->handle(shim, source, event[i].events);
	}
	agent_client_expire(&shim->agent);
	exit_check(shim);
	return 0;
}

/**
 * loop_run() - Serve the engine and the guest until the process has ended
 * @shim:	Confined; state SHIM_CREATED or SHIM_RUNNING
 * @err:	Filled when the sandbox is gone
 *
 * Return: 0 with shim->status set; -errno when the VM was lost
 */
int loop_run(struct shim *shim, struct err *err)
{
	int r = 0;

	while (r == 0 && !shim->broken && shim->state != SHIM_END)
		r = turn(shim, err);
	if (r == 0 && shim->broken) {
		*err = shim->broken_err;
		r = -err->code;
	}
	return r;
}
