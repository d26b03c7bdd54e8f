// SPDX-License-Identifier: Apache-2.0
/*
 * hook-run.c - runs the hooks of config.json in kata-runtime, as children of the
 * command: create (prestart, createRuntime), start (poststart) and delete
 * (poststop). They are the engine's programs, trusted as the engine is, and
 * have the caller's rights and namespaces. They get the container's state on
 * stdin and nothing else: no descriptor of ours, no environment but the one
 * that is written for them. A hook dies with the command that runs it.
 *
 * state.pid is the shim's: its namespaces are the host's handle on the
 * container (docker's hook gives its network namespace an interface).
 */
#include "hook-run.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "auto.h"
#include "child.h"
#include "fd.h"
#include "json.h"
#include "selinux.h"

#define OUTPUT_MAX 240 /* bytes of what a failing hook said last */
#define CHUNK 4096
#define PIPE_CHUNKS 16 /* what a pipe holds: 64 KiB, pipe(7) */

/* A hook under way. */
struct running {
	const struct oci_hook *hook;
	struct child child;
	int output_fd;	     /* its stdout and stderr, -1 at their end */
	int64_t deadline_ms; /* 0: none */
	char output[OUTPUT_MAX + 1];
	size_t output_len;
};

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static char *state_text(const struct hook_state *state, size_t *ret_len)
{
	struct json_writer w = { 0 };

	json_begin_object(&w, NULL);
	json_string(&w, "ociVersion", "1.2.0");
	json_string(&w, "id", state->id);
	json_string(&w, "status", state->status);
	if (state->pid > 0)
		json_u64(&w, "pid", (uint64_t)state->pid);
	json_string(&w, "bundle", state->bundle);
	if (state->annotations->count > 0) {
		json_begin_object(&w, "annotations");
		for (size_t i = 0; i < state->annotations->count; i++)
			json_string(&w, state->annotations->item[i].key,
				    state->annotations->item[i].value);
		json_end_object(&w);
	}
	json_end_object(&w);
	*ret_len = w.len;
	return w.text; /* owned by the caller now */
}

/* A group of its own: a time-out ends what the hook has started as well. */
static int own_group(void *arg UNUSED, struct err *err)
{
	return setpgid(0, 0) < 0 ? err_set(err, errno, "group of its own") : 0;
}

static int spawn(struct running *run, int input_fd, struct err *err)
{
	const struct oci_hook *hook = run->hook;
	struct strv path_alone = { 0 };
	struct child_spec spec = { .path = hook->path,
				   .argv = &hook->args,
				   .env = &hook->env,
				   .death_signal = true,
				   .prepare = own_group };
	int pipe_fd[2], r;

	if (pipe2(pipe_fd, O_CLOEXEC) < 0)
		return err_set(err, errno, "pipe");
	spec.stdio[0] = input_fd;
	spec.stdio[1] = pipe_fd[1];
	spec.stdio[2] = pipe_fd[1];
	if (hook->args.count == 0) {
		strv_add(&path_alone, hook->path);
		spec.argv = &path_alone;
	}
	r = selinux_exec_foreign(err);
	if (r == 0)
		r = child_spawn(&spec, &run->child, err);
	selinux_exec_done();
	strv_done(&path_alone);
	close(pipe_fd[1]);
	run->output_fd = pipe_fd[0];
	if (r == 0 && fd_set_nonblock(run->output_fd, true) < 0)
		r = err_set(err, errno, "hook's output");
	return r;
}

/* Keeps the end of what it says. Return: false once there is nothing now */
static bool read_output(struct running *run)
{
	char chunk[CHUNK];
	ssize_t n = read(run->output_fd, chunk, sizeof(chunk));
	size_t keep, len;

	if (n < 0 && errno == EINTR)
		return true;
	if (n == 0) {
		close(run->output_fd);
		run->output_fd = -1;
	}
	if (n <= 0)
		return false;
	len = (size_t)n < OUTPUT_MAX ? (size_t)n : OUTPUT_MAX;
	keep = OUTPUT_MAX - len < run->output_len ? OUTPUT_MAX - len :
						    run->output_len;
	memmove(run->output, run->output + run->output_len - keep, keep);
	memcpy(run->output + keep, chunk + (size_t)n - len, len);
	run->output_len = keep + len;
	return true;
}

/* 0 ended, -ETIMEDOUT, -errno. Its children may hold the output open. */
static int wait_for_end(struct running *run)
{
	for (;;) {
		struct pollfd fds[] = { { run->child.pidfd, POLLIN, 0 },
					{ run->output_fd, POLLIN, 0 } };
		int64_t left = run->deadline_ms ? run->deadline_ms - now_ms() :
						  -1;
		int r;

		if (run->deadline_ms && left <= 0)
			return -ETIMEDOUT;
		r = poll(fds, 2, (int)left);
		if (r < 0 && errno != EINTR)
			return -errno;
		if (r <= 0)
			continue;
		if (fds[1].revents)
			read_output(run);
		if (!fds[0].revents)
			continue;
		/* What it said is in the pipe; what it started may go on. */
		for (int i = 0; i < PIPE_CHUNKS && run->output_fd >= 0; i++)
			if (!read_output(run))
				break;
		return 0;
	}
}

/* One line, printable: it becomes part of an error. */
static const char *last_words(struct running *run)
{
	while (run->output_len > 0 &&
	       (unsigned char)run->output[run->output_len - 1] <= ' ')
		run->output_len--;
	run->output[run->output_len] = '\0';
	for (char *at = run->output; *at; at++)
		if ((unsigned char)*at < ' ' || *at == 0x7f)
			*at = ' ';
	return run->output;
}

static int judge(struct running *run, int status, struct err *err)
{
	const char *said = last_words(run);

	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	return err_msg(err, ECANCELED, "hook %s %s %d%s%s", run->hook->path,
		       WIFSIGNALED(status) ? "was killed by signal" :
					     "exited with status",
		       WIFSIGNALED(status) ? WTERMSIG(status) :
					     WEXITSTATUS(status),
		       *said ? ": " : "", said);
}

static int run_to_end(struct running *run, struct err *err)
{
	int r = wait_for_end(run);

	if (r == 0) {
		r = child_wait(&run->child, -1);
		return r < 0 ? err_set(err, -r, "wait for hook %s",
				       run->hook->path) :
			       judge(run, r, err);
	}
	IGNORE(kill(-run->child.pid, SIGKILL) < 0, "it may have left its group");
	if (r == -ETIMEDOUT)
		return err_msg(err, ETIMEDOUT,
			       "hook %s did not end within %u seconds",
			       run->hook->path, run->hook->timeout);
	return err_set(err, -r, "wait for hook %s", run->hook->path);
}

static int run_hook(const struct oci_hook *hook, const char *text, size_t len,
		    struct err *err)
{
	AUTO_FD int input_fd = fd_memfd("state", text, len, err);
	struct running run = { .hook = hook,
			       .child = CHILD_INIT,
			       .output_fd = -1 };
	int r;

	if (input_fd < 0)
		return input_fd;
	if (hook->timeout > 0)
		run.deadline_ms = now_ms() + (int64_t)hook->timeout * 1000;
	r = spawn(&run, input_fd, err);
	if (r == 0)
		r = run_to_end(&run, err);
	child_end(&run.child);
	if (run.output_fd >= 0)
		close(run.output_fd);
	return r;
}

/**
 * hook_run_list() - The hooks of one kind, one after the other
 * @list:	They
 * @kind:	"hooks.prestart" and so on
 * @state:	What they are told
 * @err:	Filled on failure, with the JSON path
 *
 * Return: 0, or -errno of the first that failed; the rest is not run then
 */
int hook_run_list(const struct oci_hook_list *list, const char *kind,
		  const struct hook_state *state, struct err *err)
{
	AUTO_FREE char *text = NULL;
	size_t len;

	if (list->count == 0)
		return 0;
	text = state_text(state, &len);
	for (size_t i = 0; i < list->count; i++)
		if (run_hook(&list->item[i], text, len, err) < 0)
			return err_wrap(err, "%s[%zu]", kind, i);
	return 0;
}

void hook_run_all(const struct oci_hook_list *list, const char *kind,
		  const struct hook_state *state)
{
	AUTO_FREE char *text = NULL;
	size_t len;

	if (list->count == 0)
		return;
	text = state_text(state, &len);
	for (size_t i = 0; i < list->count; i++) {
		struct err err = ERR_INIT;

		if (run_hook(&list->item[i], text, len, &err) < 0)
			fprintf(stderr, "kata-runtime: %s[%zu]: %s\n", kind, i,
				err.text);
	}
}
