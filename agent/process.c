// SPDX-License-Identifier: Apache-2.0
/*
 * process.c - life of a process from the agent's side: set-up, frozen,
 * running, exited, and the requests that wait for each change. Runs in
 * kata-agent, which is the parent of every container's init and exec.
 */
#include "process.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "container.h"
#include "log.h"

/* How long a terminal may take to hand over the last output. */
#define TERMINAL_DRAIN_MS 200
/* A container can make children of the agent's faster than it reaps them. */
#define REAP_MAX 64

struct process *process_new(struct container *container, const char *exec_id)
{
	struct process *process = xcalloc(1, sizeof(*process));
	struct process **at = &container->processes;

	process->container = container;
	process->exec_id = xstrdup(exec_id);
	process->is_init = !*exec_id;
	process->pidfd = -1;
	process->sync_fd = -1;
	process->go_fd = -1;
	process->pty_fd = -1;
	stream_init(&process->in, process);
	stream_init(&process->out, process);
	stream_init(&process->err, process);
	while (*at)
		at = &(*at)->next;
	*at = process;
	container->process_count++;
	return process;
}

static void unlink_process(struct process *process)
{
	struct process **at = &process->container->processes;

	while (*at && *at != process)
		at = &(*at)->next;
	BUG_ON(!*at);
	*at = process->next;
	process->container->process_count--;
}

static void answer_waiters(struct agent *agent, struct process *process)
{
	Grpc__WaitProcessResponse answer = GRPC__WAIT_PROCESS_RESPONSE__INIT;

	answer.status = process->status;
	for (size_t i = 0; i < process->waiter_count; i++) {
		struct call call = { agent, process->waiters[i] };

		call_reply(&call, &answer.base);
	}
	process->status_told |= process->waiter_count > 0;
	process->waiter_count = 0;
	process_check_done(agent, process);
}

void process_free(struct agent *agent, struct process *process)
{
	struct call setup = { agent, process->setup_stream };
	struct err err = ERR_INIT;

	err_msg(&err, ESRCH, "the process was removed");
	call_fail(&setup, &err);
	process->state = PROCESS_EXITED;
	process->is_init = true; /* this is its end already */
	process->drain_until_ms = 0;
	answer_waiters(agent, process);
	sync_close(agent, process);
	sync_forget_birth(process);
	stream_done(agent, &process->in);
	stream_done(agent, &process->out);
	stream_done(agent, &process->err);
	if (process->pidfd >= 0)
		close(process->pidfd);
	unlink_process(process);
	sync_drop_report(process);
	free(process->exec_id);
	free(process->apparmor);
	free(process);
}

/* --- signals ------------------------------------------------------------------- */

static bool ends_by_default(int signal)
{
	switch (signal) {
	case 0:
	case SIGCONT:
	case SIGCHLD:
	case SIGURG:
	case SIGWINCH:
	case SIGSTOP:
	case SIGTSTP:
	case SIGTTIN:
	case SIGTTOU:
		return false;
	default:
		return true;
	}
}

int process_signal(struct process *process, int signal, struct err *err)
{
	if (process->state == PROCESS_EXITED)
		return err_msg(err, ESRCH, "no such process: it has exited");
	/*
	 * Before exec the process has no handler for anything, and as an init
	 * it would ignore what it has no handler for: what ends a process by
	 * default must end this one.
	 */
	if (process->state != PROCESS_RUNNING && ends_by_default(signal))
		signal = SIGKILL;
	sync_take_birth(process);
	if (syscall(SYS_pidfd_send_signal, process->pidfd, signal, NULL, 0) < 0)
		return err_set(err, errno, "signal %d", signal);
	/* A child that is just being born must not survive its helper. */
	if (process->has_helper && process->sync_fd >= 0 && signal == SIGKILL &&
	    !process->setup_err.code)
		err_msg(&process->setup_err, EIO,
			"set-up was ended by signal %d", signal);
	return 0;
}

/* --- the end -------------------------------------------------------------------- */

static void describe_early_end(struct process *process)
{
	int signal = process->status - 128;

	/* A filter that kills says more than what failed because of it. */
	if (process->setup_err.code && signal != SIGSYS)
		return;
	if (signal > 0)
		err_msg(&process->setup_err, EIO,
			"set-up was ended by signal %d%s", signal,
			signal == SIGSYS ? " (by its own seccomp profile)" : "");
	else
		err_msg(&process->setup_err, EIO, "set-up ended with status %d",
			process->status);
}

/*
 * Did it end without its program? An init that was killed while it was frozen
 * has ended as one that ran: it can be waited for. Nobody waits for a held exec
 * before its start.
 */
static bool is_early(const struct process *process)
{
	switch (process->state) {
	case PROCESS_SETUP:
		return true;
	case PROCESS_FROZEN:
		return !process->is_init;
	case PROCESS_STARTING:
		return process->setup_err.code;
	default:
		return false;
	}
}

/*
 * The process never ran its program. Create and Exec leave nothing behind;
 * a failed Start leaves a stopped container.
 */
static bool end_early(struct agent *agent, struct process *process)
{
	struct call call = { agent, process->setup_stream };
	struct container *container = process->container;
	bool gone = process->state == PROCESS_SETUP || !process->is_init;
	struct err err;

	describe_early_end(process);
	err = process->setup_err;
	process->setup_stream = 0;
	if (gone)
		process_free(agent, process);
	if (gone && !container->processes && !container->removing)
		container_free(agent, container);
	call_fail(&call, &err);
	return gone;
}

static bool is_done(const struct process *process)
{
	return process->state == PROCESS_EXITED && !process->is_init &&
	       process->status_told && process->out.end_told &&
	       (process->terminal || process->err.end_told);
}

void process_check_done(struct agent *agent, const struct process *process)
{
	if (is_done(process))
		agent->tick_ms = 0;
}

bool process_drop_exited(struct agent *agent, struct container *container)
{
	for (struct process *at = container->processes; at; at = at->next)
		if (!at->is_init && at->state == PROCESS_EXITED) {
			process_free(agent, at);
			return true;
		}
	return false;
}

/* at 0: never */
static int64_t sooner(int64_t next, int64_t at)
{
	return at && (next < 0 || at < next) ? at : next;
}

static int64_t next_tick(struct agent *agent)
{
	int64_t next = -1;

	for (struct container *c = agent->containers; c; c = c->next) {
		next = sooner(next, c->pause_until_ms);
		for (struct process *p = c->processes; p; p = p->next)
			if (p->state == PROCESS_EXITED)
				next = sooner(next, p->drain_until_ms);
	}
	return next;
}

void process_plan_tick(struct agent *agent)
{
	if (agent->tick_ms != 0)
		agent->tick_ms = next_tick(agent);
}

static void tick_process(struct agent *agent, struct process *process,
			 int64_t now)
{
	if (process->state == PROCESS_EXITED && process->drain_until_ms &&
	    process->drain_until_ms <= now) {
		process->drain_until_ms = 0;
		stream_pump_out(agent, &process->out);
	}
	if (is_done(process))
		process_free(agent, process);
}

/* status: as WaitProcess gives it */
static void on_end(struct agent *agent, struct process *process, int status)
{
	struct container *container = process->container;

	oom_check(agent, container);
	process->status = status;
	while (process->sync_fd >= 0 && sync_step(agent, process))
		;
	if (is_early(process) && end_early(agent, process)) {
		container_check_removal(agent);
		return;
	}
	if (process->state == PROCESS_STARTING && process->setup_stream)
		sync_exec_seen(agent, process);
	process->state = PROCESS_EXITED;
	sync_close(agent, process);
	if (process->terminal)
		process->drain_until_ms = loop_now_ms() + TERMINAL_DRAIN_MS;
	answer_waiters(agent, process);
	stream_end(agent, &process->out);
	stream_end(agent, &process->err);
	process_plan_tick(agent);
	log_debug("%s/%s ended with %d", container->id, process->exec_id,
		  process->status);
	container_check_removal(agent);
}

/* --- reaping ------------------------------------------------------------------- */

static struct process *by_pid(struct agent *agent, pid_t pid)
{
	for (struct container *c = agent->containers; c; c = c->next)
		for (struct process *p = c->processes; p; p = p->next) {
			sync_take_birth(p);
			if (p->helper_pid == pid ||
			    (p->pid == pid && p->state != PROCESS_EXITED))
				return p;
		}
	return NULL;
}

/* The helper's end is the process's own only when it has no child. */
static void on_child(struct agent *agent, struct process *process, pid_t pid,
		     int status)
{
	if (pid == process->helper_pid)
		process->helper_pid = 0;
	else
		on_end(agent, process, status);
}

void process_reap(struct agent *agent)
{
	for (int i = 0; i < REAP_MAX; i++) {
		int status;
		pid_t pid = waitpid(-1, &status, WNOHANG);
		struct process *process;

		agent->has_to_reap = pid > 0;
		if (pid <= 0)
			return;
		process = by_pid(agent, pid);
		status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) :
					       WEXITSTATUS(status);
		if (process)
			on_child(agent, process, pid, status);
	}
	agent->tick_ms = 0;
}

void process_tick(struct agent *agent)
{
	int64_t now = loop_now_ms();
	struct process *next;

	/* May free any container. */
	if (agent->has_to_reap)
		process_reap(agent);
	for (struct container *c = agent->containers; c; c = c->next) {
		freezer_expire(agent, c, now);
		for (struct process *p = c->processes; p; p = next) {
			next = p->next;
			tick_process(agent, p, now);
		}
	}
	agent->tick_ms = agent->has_to_reap ? 0 : next_tick(agent);
}
