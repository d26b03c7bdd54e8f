// SPDX-License-Identifier: Apache-2.0
/*
 * loop.c - the agent's only epoll loop. Runs in kata-agent, PID 1 of the
 * guest. One event is taken at a time, so a source may free any other one.
 */
#include "agent.h"

#include <errno.h>
#include <sys/epoll.h>
#include <time.h>

#include "process.h"

int64_t loop_now_ms(void)
{
	struct timespec now;

	BUG_ON(clock_gettime(CLOCK_MONOTONIC, &now) < 0);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int loop_init(struct agent *agent, struct err *err)
{
	agent->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (agent->epoll_fd < 0)
		return err_set(err, errno, "epoll");
	return 0;
}

int loop_watch(struct agent *agent, struct source *source, uint32_t events,
	       struct err *err)
{
	struct epoll_event event = { .events = events, .data.ptr = source };

	if (source->added && source->events == events)
		return 0;
	if (epoll_ctl(agent->epoll_fd,
		      source->added ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, source->fd,
		      &event) < 0)
		return err_set(err, errno, "epoll: watch descriptor %d",
			       source->fd);
	source->added = true;
	source->events = events;
	return 0;
}

void loop_forget(struct agent *agent, struct source *source)
{
	if (!source->added)
		return;
	IGNORE(epoll_ctl(agent->epoll_fd, EPOLL_CTL_DEL, source->fd, NULL),
	       "a closed descriptor has left by itself");
	source->added = false;
	source->events = 0;
}

static int wait_ms(const struct agent *agent)
{
	int64_t left;

	if (agent->tick_ms < 0)
		return -1;
	left = agent->tick_ms - loop_now_ms();
	return left < 0 ? 0 : left > 60000 ? 60000 : (int)left;
}

int loop_run(struct agent *agent, struct err *err)
{
	for (;;) {
		struct epoll_event event;
		struct source *source;
		int n;

		/* Frees sources, so never between the wait and the call. */
		if (agent->tick_ms >= 0 && loop_now_ms() >= agent->tick_ms)
			process_tick(agent);
		n = epoll_wait(agent->epoll_fd, &event, 1, wait_ms(agent));
		if (n < 0 && errno != EINTR)
			return err_set(err, errno, "epoll wait");
		if (n == 1) {
			source = event.data.ptr;
			source->ready(agent, source, event.events);
		}
	}
}
