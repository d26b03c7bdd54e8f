// SPDX-License-Identifier: Apache-2.0
/*
 * freezer.c - PauseContainer and ResumeContainer by the cgroup v2 freezer.
 * Runs in kata-agent as guest root. The kernel freezes in its own time (each
 * process where it next leaves the kernel) and reports through cgroup.events;
 * the answer waits for that, and a container that does not come to rest in
 * time runs on. A frozen process can still be killed, which nothing else
 * needs to know: SIGKILL works on a paused container.
 *
 * Hostile: the container. It can freeze groups of its own below its cgroup,
 * never its cgroup itself (nsdelegate).
 */
#include "container.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "log.h"
#include "path.h"
#include "process.h"

#define EVENTS_MAX 256
/* Less than the host waits for an answer. */
#define FREEZE_MS 8000

bool freezer_is_paused(const struct container *container)
{
	return container->paused || container->pause_stream;
}

static int check_can_pause(const struct container *container, struct err *err)
{
	const struct process *init = container->processes;

	if (container->removing || !init ||
	    (init->state != PROCESS_FROZEN && init->state != PROCESS_RUNNING))
		return err_msg(err, EBUSY, "container %s is not running",
			       container->id);
	if (container->pause_stream)
		return err_msg(err, EBUSY, "container %s is being paused",
			       container->id);
	return 0;
}

static bool is_frozen(int events_fd)
{
	char text[EVENTS_MAX + 1];
	ssize_t n = pread(events_fd, text, EVENTS_MAX, 0);

	if (n < 0)
		return false;
	text[n] = '\0';
	return strstr(text, "frozen 1") != NULL;
}

static void stop_waiting(struct agent *agent, struct container *container)
{
	loop_forget(agent, &container->freeze);
	if (container->freeze.fd >= 0)
		close(container->freeze.fd);
	container->freeze.fd = -1;
	container->pause_until_ms = 0;
	container->pause_stream = 0;
}

static void on_events(struct agent *agent, struct source *source,
		      uint32_t events UNUSED)
{
	struct container *container =
		container_of(source, struct container, freeze);
	struct call call = { agent, container->pause_stream };

	if (!is_frozen(source->fd))
		return;
	stop_waiting(agent, container);
	container->paused = true;
	call_reply_empty(&call);
}

static int start_freezing(struct agent *agent, struct container *container,
			  struct err *err)
{
	int r;

	container->freeze.fd = openat(container->cgroup_fd, "cgroup.events",
				      O_RDONLY | O_CLOEXEC);
	if (container->freeze.fd < 0)
		return err_set(err, errno, "open cgroup.events");
	container->freeze.ready = on_events;
	r = path_write_file(container->cgroup_fd, "cgroup.freeze", "1", err);
	/* Each look arms the next event: the first one comes from on_events(). */
	if (r == 0)
		r = loop_watch(agent, &container->freeze, EPOLLPRI, err);
	return r;
}

static void thaw(struct container *container)
{
	struct err err = ERR_INIT;

	if (path_write_file(container->cgroup_fd, "cgroup.freeze", "0", &err) < 0)
		log_err("%s: %s", container->id, err.text);
}

/**
 * freezer_pause() - Starts to freeze a container
 * @agent:	The agent
 * @container:	Created or running
 * @stream:	Answered when everything in it has come to rest
 * @err:	Filled on failure
 *
 * Return: 0, or -errno and nothing has changed
 */
int freezer_pause(struct agent *agent, struct container *container,
		  uint32_t stream, struct err *err)
{
	int r = check_can_pause(container, err);

	if (r < 0)
		return r;
	if (container->paused)
		return err_msg(err, EBUSY, "container %s is already paused",
			       container->id);
	r = start_freezing(agent, container, err);
	if (r < 0) {
		stop_waiting(agent, container);
		thaw(container);
		return r;
	}
	container->pause_stream = stream;
	container->pause_until_ms = loop_now_ms() + FREEZE_MS;
	process_plan_tick(agent);
	return 0;
}

int freezer_resume(struct container *container, struct err *err)
{
	int r = check_can_pause(container, err);

	if (r < 0)
		return r;
	if (!container->paused)
		return err_msg(err, EBUSY, "container %s is not paused",
			       container->id);
	r = path_write_file(container->cgroup_fd, "cgroup.freeze", "0", err);
	if (r == 0)
		container->paused = false;
	return r;
}

/* A process that waits for the host's file server cannot be frozen. */
void freezer_expire(struct agent *agent, struct container *container,
		    int64_t now_ms)
{
	struct call call = { agent, container->pause_stream };
	struct err err = ERR_INIT;

	if (!container->pause_stream || container->pause_until_ms > now_ms)
		return;
	stop_waiting(agent, container);
	thaw(container);
	err_msg(&err, EBUSY,
		"container %s did not come to rest within %d s and runs on",
		container->id, FREEZE_MS / 1000);
	call_fail(&call, &err);
}

void freezer_done(struct agent *agent, struct container *container)
{
	struct call call = { agent, container->pause_stream };
	struct err err = ERR_INIT;

	stop_waiting(agent, container);
	err_msg(&err, ESRCH, "container %s was removed", container->id);
	call_fail(&call, &err);
}
