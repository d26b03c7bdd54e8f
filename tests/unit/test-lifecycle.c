// SPDX-License-Identifier: Apache-2.0
/* link: runtime/lifecycle.o runtime/hook-points.o runtime/hook-run.o */
/* link: runtime/state.o runtime/netns.o */
/* link: runtime/own-userns.o runtime/userns-make.o runtime/foreign.o runtime/id-map.o */
/* link: runtime/sandbox-words.o */
/*
 * test-lifecycle.c - the status of a container whose last verb was cut: what
 * the shim says, here played by a child process.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "auto.h"
#include "path.h"
#include "records.h"
#include "runtime/lifecycle.h"

static char top[] = "/tmp/test-lifecycle-XXXXXX";
static int top_fd = -1;
static pid_t shim;

static int set_up(void **state)
{
	(void)state;
	memcpy(top + sizeof(top) - 7, "XXXXXX", 6);
	if (!mkdtemp(top))
		return -1;
	top_fd = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	shim = 0;
	return 0;
}

static int tear_down(void **state)
{
	AUTO_FD int tmp_fd = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct err err = ERR_INIT;

	(void)state;
	if (shim > 0) {
		kill(shim, SIGKILL);
		waitpid(shim, NULL, 0);
	}
	close(top_fd);
	return path_remove_tree(tmp_fd, strrchr(top, '/') + 1, &err);
}

/* Answers every STATUS with the same; 0: never answers. */
static void play_shim(uint32_t status)
{
	struct err err = ERR_INIT;
	int fd = state_listen(top_fd, "shim.sock", SOCK_SEQPACKET, &err);

	assert_true(fd >= 0);
	shim = fork();
	assert_true(shim >= 0);
	if (shim > 0) {
		close(fd);
		return;
	}
	for (;;) {
		int peer = accept(fd, NULL, NULL);
		union record r;

		if (record_recv(peer, &r, 1000, &err) != RECORD_SHIM_STATUS)
			_exit(1);
		if (!status)
			pause(); /* until it is killed */
		record_init(&r, RECORD_SHIM_STATUS_IS);
		r.status.status = status;
		if (record_send(peer, &r, &err) < 0)
			_exit(1);
		close(peer);
	}
}

static enum state_status status_now(bool started, bool was_paused,
				    bool unsettled)
{
	struct state out = { .ready = true,
			     .started = started,
			     .paused = was_paused,
			     .unsettled = unsettled };
	struct state in = { 0 };
	struct err err = ERR_INIT;
	enum state_status status;

	out.id = xstrdup("c");
	assert_int_equal(process_record(&out.shim, shim, "shim", &err), 0);
	assert_int_equal(state_save(top_fd, &out, &err), 0);
	assert_int_equal(container_load(top_fd, &in, &err), 0);
	status = state_status(&in);
	assert_int_equal(container_pid(&in, status), shim);
	assert_int_equal(container_pid(&in, STATUS_STOPPED), 0);
	state_done(&in);
	state_done(&out);
	return status;
}

static void test_settled(void **state)
{
	(void)state;
	play_shim(RECORD_STATUS_CREATED); /* is not asked */
	assert_int_equal(status_now(false, false, false), STATUS_CREATED);
	assert_int_equal(status_now(true, false, false), STATUS_RUNNING);
	assert_int_equal(status_now(true, true, false), STATUS_PAUSED);
}

static void test_start_was_cut(void **state)
{
	(void)state;
	play_shim(RECORD_STATUS_RUNNING);
	assert_int_equal(status_now(false, false, true), STATUS_RUNNING);
}

static void test_start_never_arrived(void **state)
{
	(void)state;
	play_shim(RECORD_STATUS_CREATED);
	assert_int_equal(status_now(false, false, true), STATUS_CREATED);
}

static void test_pause_was_cut(void **state)
{
	(void)state;
	play_shim(RECORD_STATUS_PAUSED);
	assert_int_equal(status_now(true, false, true), STATUS_PAUSED);
}

static void test_resume_was_cut(void **state)
{
	(void)state;
	play_shim(RECORD_STATUS_RUNNING);
	assert_int_equal(status_now(true, true, true), STATUS_RUNNING);
}

/* What was recorded last stays true until the verb that is under way ends. */
static void test_no_answer(void **state)
{
	(void)state;
	play_shim(0);
	assert_int_equal(status_now(true, true, true), STATUS_PAUSED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_settled),
		TEST(test_start_was_cut),
		TEST(test_start_never_arrived),
		TEST(test_pause_was_cut),
		TEST(test_resume_was_cut),
		TEST(test_no_answer),
	};

	return cmocka_run_group_tests_name("lifecycle", tests, NULL, NULL);
}
