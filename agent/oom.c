// SPDX-License-Identifier: Apache-2.0
/*
 * oom.c - which container ran out of memory: GetOOMEvent. Runs in kata-agent.
 * The kernel counts kills in memory.events of the container's cgroup, groups
 * below it included, and wakes who polls the file. A kill is told once to one
 * call without a container's name, or kept for the next one; and once to all
 * calls that name the container, or kept for the next of those.
 *
 * Hostile: the container, which can have itself killed as often as it likes;
 * what is kept is bounded by the number of containers.
 */
#include "container.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "log.h"

#define EVENTS_MAX 512

uint64_t oom_kills(const char *events)
{
	static const char key[] = "oom_kill ";

	for (const char *at = events; *at;) {
		if (strncmp(at, key, sizeof(key) - 1) == 0)
			return strtoull(at + sizeof(key) - 1, NULL, 10);
		at += strcspn(at, "\n");
		at += *at == '\n';
	}
	return 0;
}

static void drop_waiter(struct agent *agent, size_t index)
{
	free(agent->oom_waiters[index].container_id);
	agent->oom_waiter_count--;
	memmove(&agent->oom_waiters[index], &agent->oom_waiters[index + 1],
		(agent->oom_waiter_count - index) * sizeof(*agent->oom_waiters));
}

static void tell(struct agent *agent, uint32_t stream, const char *id)
{
	Grpc__OOMEvent answer = GRPC__OOMEVENT__INIT;
	struct call call = { agent, stream };

	answer.container_id = (char *)(uintptr_t)id;
	call_reply(&call, &answer.base);
}

/* Return: how many were told; name "" is those that named none. */
static size_t tell_waiters(struct agent *agent, const char *name,
			   const char *id, size_t most)
{
	size_t told = 0;

	for (size_t i = 0; i < agent->oom_waiter_count && told < most;) {
		struct oom_waiter *waiter = &agent->oom_waiters[i];

		if (strcmp(waiter->container_id, name) != 0) {
			i++;
			continue;
		}
		tell(agent, waiter->stream, id);
		drop_waiter(agent, i);
		told++;
	}
	return told;
}

static void drop_first(struct strv *queue)
{
	free(queue->item[0]);
	/* With the NULL at the end. */
	memmove(queue->item, queue->item + 1,
		queue->count * sizeof(*queue->item));
	queue->count--;
}

static void keep(struct agent *agent, const char *id)
{
	if (strv_has(&agent->oom_queue, id))
		return;
	if (agent->oom_queue.count >= AGENT_CONTAINERS_MAX)
		drop_first(&agent->oom_queue);
	strv_add(&agent->oom_queue, id);
}

/* Also arms the next event: the kernel reports what is newer than a read. */
void oom_check(struct agent *agent, struct container *container)
{
	char text[EVENTS_MAX + 1];
	uint64_t kills;
	ssize_t n;

	if (container->oom.fd < 0)
		return;
	n = pread(container->oom.fd, text, EVENTS_MAX, 0);
	if (n < 0) {
		log_warn("%s: memory.events: %s", container->id,
			 strerror(errno));
		return;
	}
	text[n] = '\0';
	kills = oom_kills(text);
	if (kills == container->oom_kills)
		return;
	container->oom_kills = kills;
	log_info("%s: out of memory, %llu killed so far", container->id,
		 (unsigned long long)kills);
	if (!tell_waiters(agent, container->id, container->id, SIZE_MAX))
		container->oom_pending = true;
	if (!tell_waiters(agent, "", container->id, 1))
		keep(agent, container->id);
}

static void on_events(struct agent *agent, struct source *source,
		      uint32_t events UNUSED)
{
	oom_check(agent, container_of(source, struct container, oom));
}

int oom_watch(struct agent *agent, struct container *container, struct err *err)
{
	container->oom.fd = openat(container->cgroup_fd, "memory.events",
				   O_RDONLY | O_CLOEXEC);
	if (container->oom.fd < 0)
		return err_set(err, errno, "open memory.events");
	container->oom.ready = on_events;
	oom_check(agent, container);
	return loop_watch(agent, &container->oom, EPOLLPRI, err);
}

void oom_done(struct agent *agent, struct container *container)
{
	struct err err = ERR_INIT;

	loop_forget(agent, &container->oom);
	if (container->oom.fd >= 0)
		close(container->oom.fd);
	container->oom.fd = -1;
	err_msg(&err, ESRCH, "container %s was removed", container->id);
	for (size_t i = 0; i < agent->oom_waiter_count;) {
		struct call call = { agent, agent->oom_waiters[i].stream };

		if (strcmp(agent->oom_waiters[i].container_id, container->id) !=
		    0) {
			i++;
			continue;
		}
		call_fail(&call, &err);
		drop_waiter(agent, i);
	}
}

void oom_end(struct agent *agent)
{
	struct err err = ERR_INIT;

	err_msg(&err, EBUSY, "the sandbox has ended");
	while (agent->oom_waiter_count) {
		struct call call = { agent, agent->oom_waiters[0].stream };

		call_fail(&call, &err);
		drop_waiter(agent, 0);
	}
	strv_done(&agent->oom_queue);
}

/* What was kept for this caller is told at once. */
static bool take_kept(struct agent *agent, struct container *container,
		      uint32_t stream)
{
	if (container && container->oom_pending) {
		container->oom_pending = false;
		tell(agent, stream, container->id);
		return true;
	}
	if (!container && agent->oom_queue.count) {
		tell(agent, stream, agent->oom_queue.item[0]);
		drop_first(&agent->oom_queue);
		return true;
	}
	return false;
}

/**
 * oom_wait() - One GetOOMEvent call
 * @agent:	The agent
 * @container:	Whose events only; NULL: anybody's
 * @stream:	Answered now or later
 * @err:	Filled on failure
 *
 * Return: 0, or -EBUSY when too many wait
 */
int oom_wait(struct agent *agent, struct container *container, uint32_t stream,
	     struct err *err)
{
	struct oom_waiter *waiter;

	if (take_kept(agent, container, stream))
		return 0;
	if (agent->oom_waiter_count == ARRAY_SIZE(agent->oom_waiters))
		return err_msg(err, EBUSY,
			       "too many calls wait for the lack of memory");
	waiter = &agent->oom_waiters[agent->oom_waiter_count++];
	waiter->stream = stream;
	waiter->container_id = xstrdup(container ? container->id : "");
	return 0;
}
