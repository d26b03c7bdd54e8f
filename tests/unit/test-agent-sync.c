// SPDX-License-Identifier: Apache-2.0
/* link: agent/sync.o */
/* The word that lets a frozen process go: who gets it, and what else is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/process.h"
#include "agent/readback.h"

static int killed; /* the last signal that was sent, 0 none */

/* --- what sync.o needs, instead of the rest of the agent -------------------- */

int process_signal(struct process *process UNUSED, int signal,
		   struct err *err UNUSED)
{
	killed = signal;
	return 0;
}

int loop_watch(struct agent *agent UNUSED, struct source *source UNUSED,
	       uint32_t events UNUSED, struct err *err UNUSED)
{
	return 0;
}

void loop_forget(struct agent *agent UNUSED, struct source *source UNUSED)
{
}

int stream_open(struct stream *stream UNUSED, int fd UNUSED,
		struct err *err UNUSED)
{
	return 0;
}

int readback_take(struct agent *agent UNUSED,
		  const struct process *process UNUSED,
		  Grpc__ReadBack *report UNUSED, struct err *err UNUSED)
{
	return 0;
}

void readback_done(Grpc__ReadBack *report UNUSED)
{
}

void call_reply(const struct call *call UNUSED,
		const ProtobufCMessage *message UNUSED)
{
}

/* --- processes that are frozen ---------------------------------------------- */

struct frozen {
	struct container container;
	struct process process;
	pid_t pid;
	int sync_fd, go_fd; /* the process's ends */
};

/* A child that waits stands for the process. */
static int set_up(void **state)
{
	struct frozen *f = xcalloc(1, sizeof(*f));
	int sync[2], go[2];

	signal(SIGPIPE, SIG_IGN); /* as the agent does */
	killed = 0;
	f->pid = fork();
	if (f->pid == 0)
		for (;;)
			pause();
	assert_true(f->pid > 0);
	assert_int_equal(pipe2(sync, O_CLOEXEC), 0);
	assert_int_equal(pipe2(go, O_CLOEXEC | O_NONBLOCK), 0);
	f->container.id = (char *)(uintptr_t) "c";
	f->process = (struct process){
		.container = &f->container,
		.exec_id = (char *)(uintptr_t) "e",
		.state = PROCESS_FROZEN,
		.is_held = true,
		.pid = f->pid,
		.pidfd = (int)syscall(SYS_pidfd_open, f->pid, 0),
		.sync_fd = sync[0],
		.go_fd = go[1],
		.pty_fd = -1,
	};
	f->sync_fd = sync[1];
	f->go_fd = go[0];
	assert_true(f->process.pidfd >= 0);
	*state = f;
	return 0;
}

static void end(const struct frozen *f)
{
	siginfo_t info;

	/* as a zombie: nobody has reaped it */
	assert_int_equal(kill(f->pid, SIGKILL), 0);
	assert_int_equal(waitid(P_PID, (id_t)f->pid, &info, WEXITED | WNOWAIT),
			 0);
}

static int tear_down(void **state)
{
	struct frozen *f = *state;

	sync_close(NULL, &f->process);
	close(f->process.pidfd);
	close(f->sync_fd);
	if (f->go_fd >= 0)
		close(f->go_fd);
	kill(f->pid, SIGKILL);
	waitpid(f->pid, NULL, 0);
	free(f);
	return 0;
}

/* What the process would read: 1 the word, 0 the end, -1 nothing yet. */
static int heard(const struct frozen *f)
{
	char byte;

	return (int)read(f->go_fd, &byte, 1);
}

static void test_goes(void **state)
{
	struct frozen *f = *state;
	struct err err = ERR_INIT;

	assert_int_equal(process_go(&f->process, &err), 0);
	assert_int_equal(f->process.state, PROCESS_STARTING);
	assert_int_equal(heard(f), 1);
	assert_int_equal(killed, 0);
	assert_int_equal(process_go(&f->process, &err), -EBUSY);
	assert_non_null(strstr(err.text, "already started"));
}

/* A container that may trace has written it in the process's place. */
static void test_failure_told_while_frozen(void **state)
{
	struct sync_message message = { .kind = SYNC_FAILED };
	struct frozen *f = *state;
	struct err err = ERR_INIT;

	err_msg(&message.err, ENOEXEC, "some words");
	assert_int_equal(write(f->sync_fd, &message, sizeof(message)),
			 sizeof(message));
	assert_true(sync_step(NULL, &f->process));
	assert_int_equal(process_go(&f->process, &err), -ENOEXEC);
	assert_string_equal(err.text, "some words");
	assert_int_equal(heard(f), -1);
	assert_int_equal(killed, SIGKILL);
}

static void test_cut_off_while_frozen(void **state)
{
	struct frozen *f = *state;
	struct err err = ERR_INIT;

	assert_int_equal(write(f->sync_fd, "?", 1), 1);
	assert_false(sync_step(NULL, &f->process));
	assert_int_equal(killed, SIGKILL);
	assert_int_equal(process_go(&f->process, &err), -EPROTO);
	assert_non_null(strstr(err.text, "not of the process"));
	assert_int_equal(heard(f), 0);
}

/* Killed, and neither its end nor that of its pipes has been seen yet. */
static void test_ended(void **state)
{
	struct frozen *f = *state;
	struct err err = ERR_INIT;

	end(f);
	assert_int_equal(process_go(&f->process, &err), -ESRCH);
	assert_non_null(
		strstr(err.text, "no such process: \"e\" in container c"));
	assert_int_equal(heard(f), -1); /* who else has its end of the pipe */
	assert_int_equal(f->process.state, PROCESS_FROZEN);
}

static void test_pipe_closed(void **state)
{
	struct frozen *f = *state;
	struct err err = ERR_INIT;

	close(f->go_fd);
	f->go_fd = -1;
	assert_int_equal(process_go(&f->process, &err), -ESRCH);
	/* an init is there to be waited for */
	f->process.is_init = true;
	assert_int_equal(process_go(&f->process, &err), -EBUSY);
}

/* The container has filled it: the process is there. */
static void test_pipe_full(void **state)
{
	static const char bytes[4096];
	struct frozen *f = *state;
	struct err err = ERR_INIT;

	while (write(f->process.go_fd, bytes, sizeof(bytes)) > 0)
		;
	assert_int_equal(process_go(&f->process, &err), -EAGAIN);
	assert_int_equal(f->process.state, PROCESS_FROZEN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_goes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_failure_told_while_frozen,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_cut_off_while_frozen,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_ended, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_pipe_closed, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_pipe_full, set_up,
						tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
