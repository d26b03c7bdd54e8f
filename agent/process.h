/* SPDX-License-Identifier: Apache-2.0 */
/* Processes of containers from the agent's side, and their streams. */
#ifndef AGENT_PROCESS_H
#define AGENT_PROCESS_H

#include "agent.h"

/* What a child writes into its pipe, each at once: no more than PIPE_BUF. */
enum sync_kind { SYNC_READY = 1, SYNC_FAILED };

struct sync_message {
	uint32_t kind;
	struct err err; /* SYNC_FAILED */
};

struct process *process_new(struct container *container, const char *exec_id);
/* Closes everything and answers every call that still waits. */
void process_free(struct agent *agent, struct process *process);
/* The child runs; its descriptors are in the process. Watches them. */
int process_started(struct agent *agent, struct process *process,
		    struct err *err) MUST_CHECK;
/*
 * Lets a frozen process exec; the call in setup_stream is answered then. What
 * the set-up channel has told meanwhile is the error, and its end. -ESRCH: an
 * exec that has ended.
 */
int process_go(struct process *process, struct err *err) MUST_CHECK;
int process_signal(struct process *process, int signal,
		   struct err *err) MUST_CHECK;
/* Takes the status of children that ended; of many, by process_tick() too. */
void process_reap(struct agent *agent);
/*
 * An exec whose status and output have all been taken is forgotten, at the
 * next process_tick(). The init's record stays until RemoveContainer.
 */
void process_check_done(struct agent *agent, const struct process *process);
/* Frees the oldest exec that has exited. Return: false when there is none. */
bool process_drop_exited(struct agent *agent, struct container *container);
/* Ends what waited for a point in time; sets the next one. */
void process_tick(struct agent *agent);
/* Something new waits for a point in time. */
void process_plan_tick(struct agent *agent);

/* --- sync.c --- */
/* Before the start of a helper: room for the number of its child. */
int sync_expect_birth(struct process *process, struct err *err) MUST_CHECK;
/* Once the helper has a child, that is the process. */
void sync_take_birth(struct process *process);
void sync_forget_birth(struct process *process);
/* One message of the child. Return: false when there is no more for now */
bool sync_step(struct agent *agent, struct process *process);
/* The channel was closed by an exec: answers Start or Exec. */
void sync_exec_seen(struct agent *agent, struct process *process);
void sync_close(struct agent *agent, struct process *process);
void sync_drop_report(struct process *process);

/* --- stream.c --- */
void stream_init(struct stream *stream, struct process *process);
/* Takes the descriptor over and makes it non-blocking. */
int stream_open(struct stream *stream, int fd, struct err *err) MUST_CHECK;
int stream_read(struct agent *agent, struct stream *stream, uint32_t call,
		uint32_t want, struct err *err) MUST_CHECK;
int stream_write(struct agent *agent, struct stream *stream, uint32_t call,
		 const void *data, size_t len, struct err *err) MUST_CHECK;
void stream_close_input(struct agent *agent, struct stream *stream);
/* Serves waiting reads; at_end: nothing to read means the end. */
void stream_pump_out(struct agent *agent, struct stream *stream);
/* Its process is gone: what is in the pipe now is all that will be told. */
void stream_end(struct agent *agent, struct stream *stream);
/* Closes it; waiting reads see the end, waiting writes fail. */
void stream_done(struct agent *agent, struct stream *stream);

#endif
