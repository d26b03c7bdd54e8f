// SPDX-License-Identifier: Apache-2.0
/* link: runtime/cmd-events.o runtime/lifecycle.o runtime/hook-points.o runtime/hook-run.o */
/* link: runtime/state.o runtime/netns.o runtime/engine-args.o */
/* link: runtime/own-userns.o runtime/userns-make.o runtime/foreign.o runtime/id-map.o */
/* link: runtime/sandbox-words.o */
/*
 * test-events.c - `events` before a shim that is played here and says without
 * end that memory ran out, as the shim of a captured guest would.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "auto.h"
#include "path.h"
#include "records.h"
#include "runtime/state.h"

#define FLOOD_MS 1000
#define LINES_MAX (FLOOD_MS / 100 + 1)

static char top[] = "/tmp/test-events-XXXXXX";
static int shim_fd = -1;

/* TOP/c/: a running container, whose shim is this process. */
static int set_up(void **state)
{
	struct state record = { .ready = true, .started = true };
	struct err err = ERR_INIT;
	AUTO_FREE char *dir = NULL;
	AUTO_FD int dir_fd = -1;
	int r;

	(void)state;
	memcpy(top + sizeof(top) - 7, "XXXXXX", 6);
	if (!mkdtemp(top))
		return -1;
	dir = xasprintf("%s/c", top);
	if (mkdir(dir, 0700) < 0)
		return -1;
	dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	record.id = xstrdup("c");
	r = process_record(&record.shim, getpid(), "shim", &err);
	if (r == 0)
		r = state_save(dir_fd, &record, &err);
	state_done(&record);
	shim_fd = state_listen(dir_fd, "shim.sock", SOCK_SEQPACKET, &err);
	return r < 0 || shim_fd < 0 ? -1 : 0;
}

static int tear_down(void **state)
{
	AUTO_FD int tmp_fd = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct err err = ERR_INIT;

	(void)state;
	close(shim_fd);
	return path_remove_tree(tmp_fd, strrchr(top, '/') + 1, &err);
}

/* The command, its output to a file; its exit code is the error. */
static pid_t start(const char *output)
{
	char *argv[] = { (char *)"events", (char *)"c", NULL };
	struct runtime rt = { .root_option = top, .root_fd = -1 };
	struct err err = ERR_INIT;
	pid_t pid = fork();
	int fd;

	if (pid != 0)
		return pid;
	close(shim_fd);
	alarm(20);
	fd = open(output, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0)
		_exit(255);
	_exit(cmd_events(&rt, 2, argv, 1, &err) < 0 ? err.code : 0);
}

/* Answers at once, for a while or until nobody asks. */
static void flood(pid_t pid)
{
	struct timespec now, begin;
	struct err err = ERR_INIT;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	do {
		struct pollfd ready = { .fd = shim_fd, .events = POLLIN };
		union record record;

		if (poll(&ready, 1, 20) > 0) {
			AUTO_FD int peer = accept(shim_fd, NULL, NULL);

			if (record_recv(peer, &record, 1000, &err) ==
			    RECORD_SHIM_WAIT_OOM) {
				record_init(&record, RECORD_OK);
				assert_int_equal(
					record_send(peer, &record, &err), 0);
			}
		}
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while ((now.tv_sec - begin.tv_sec) * 1000 +
				 (now.tv_nsec - begin.tv_nsec) / 1000000 <
			 FLOOD_MS &&
		 kill(pid, 0) == 0);
}

static void test_flood(void **state)
{
	AUTO_FREE char *output = xasprintf("%s/output", top);
	AUTO_FREE char *text = NULL;
	struct err err = ERR_INIT;
	size_t lines = 0;
	pid_t pid;

	(void)state;
	pid = start(output);
	assert_true(pid > 0);
	flood(pid);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(
		path_read_file(AT_FDCWD, output, 16u << 20, &text, &err), 0);
	for (const char *at = text; (at = strchr(at, '\n')); at++)
		lines++;
	assert_in_range(lines, 2, LINES_MAX);
}

/* The container goes on: this must not be taken for its end. */
static void test_nowhere_to_write(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	pid = start("/dev/full");
	assert_true(pid > 0);
	flood(pid);
	assert_int_equal(waitpid(pid, &status, WNOHANG), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), ENOSPC);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_flood),
		TEST(test_nowhere_to_write),
	};

	return cmocka_run_group_tests_name("events", tests, NULL, NULL);
}
