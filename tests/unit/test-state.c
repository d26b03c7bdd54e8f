// SPDX-License-Identifier: Apache-2.0
/* link: runtime/state.o runtime/uid-pool.o runtime/sandbox-end.o runtime/cgroup.o */
/* link: runtime/id-map.o runtime/proc-uid.o */
/*
 * test-state.c - the record of a sandbox, reused pids, the pool of ids that
 * state roots share, and the end of a sandbox whose record is lost.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "auto.h"
#include "path.h"
#include "records.h"
#include "runtime/proc-uid.h"
#include "runtime/sandbox.h"
#include "runtime/state.h"
#include "runtime/uid-pool.h"
#include "skip.h"

static char top[] = "/tmp/test-state-XXXXXX";
static int top_fd = -1;

static int set_up(void **state)
{
	(void)state;
	memcpy(top + sizeof(top) - 7, "XXXXXX", 6);
	if (!mkdtemp(top))
		return -1;
	top_fd = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return setenv("XDG_RUNTIME_DIR", top, 1);
}

static int tear_down(void **state)
{
	struct err err = ERR_INIT;
	const char *name = strrchr(top, '/') + 1;
	AUTO_FD int tmp_fd = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	close(top_fd);
	return path_remove_tree(tmp_fd, name, &err);
}

static void test_record(void **state)
{
	struct state out = { .uid = 7, .shim = { .pid = 5, .start = 6 } };
	struct state in = { 0 };
	struct err err = ERR_INIT;

	(void)state;
	out.id = xstrdup("c");
	out.uid_pool = xstrdup("/pool");
	out.shim_path = xstrdup("/s");
	out.seccomp_dir = xstrdup("/f");
	strv_add(&out.notes, "selinux: off on this host");
	assert_int_equal(state_save(top_fd, &out, &err), 0);
	if (state_load(top_fd, &in, &err) < 0)
		fail_msg("%s", err.text);
	assert_string_equal(in.uid_pool, "/pool");
	assert_string_equal(in.shim_path, "/s");
	assert_string_equal(in.seccomp_dir, "/f");
	assert_int_equal(in.uid, 7);
	assert_int_equal(in.shim.start, 6);
	assert_string_equal(in.notes.item[0], out.notes.item[0]);
	state_done(&in);
	state_done(&out);
}

static void test_reused_pid(void **state)
{
	struct process_ref me = { 0 };
	struct err err = ERR_INIT;
	int fd;

	(void)state;
	assert_int_equal(process_record(&me, getpid(), "me", &err), 0);
	fd = process_pidfd(&me, &err);
	assert_true(fd >= 0);
	close(fd);
	fd = process_open_ns(&me, "net", &err);
	assert_true(fd >= 0);
	close(fd);
	me.start++;
	assert_int_equal(process_pidfd(&me, &err), -ESRCH);
	assert_int_equal(process_open_ns(&me, "net", &err), -ESRCH);
	assert_int_equal(process_kill(&me, SIGKILL), 0); /* not me */
	me.pid = 0;
	assert_int_equal(process_pidfd(&me, &err), -ESRCH);
}

/* Leaves no descriptor but those that are open, and spare more. */
static struct rlimit few_fds(int spare)
{
	struct rlimit before, few;
	int next = dup(top_fd);

	assert_true(next >= 0);
	close(next);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	few = before;
	few.rlim_cur = (rlim_t)(next + spare);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	return before;
}

static int ours(pid_t pid, void *arg, struct err *err)
{
	(void)arg;
	(void)err;
	return pid == getpid();
}

/* What cannot be looked at is neither gone nor of another id. */
static void test_cannot_look(void **state)
{
	struct process_ref me = { 0 };
	struct err err = ERR_INIT;
	struct rlimit before;
	int pidfd, scan;
	bool alive;

	(void)state;
	assert_int_equal(process_record(&me, getpid(), "me", &err), 0);
	assert_int_equal(proc_each_of_uid(getuid(), ours, NULL, &err), 1);
	before = few_fds(1);
	alive = process_alive(&me);
	pidfd = process_pidfd(&me, &err);
	err_clear(&err);
	scan = proc_each_of_uid(getuid(), ours, NULL, &err);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(scan, -EMFILE);
	assert_int_equal(pidfd, -EMFILE);
	assert_true(alive); /* one is enough for that */
	before = few_fds(0);
	alive = process_alive(&me);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_true(alive);
}

static int none(pid_t pid, void *arg, struct err *err)
{
	(void)pid;
	(void)arg;
	(void)err;
	return 0;
}

/* Exit status of a child: 0, 1, or 2 when nothing can be hidden here. */
static int with_one_hidden(void)
{
	AUTO_FREE char *secret = xasprintf("%s/secret", top);
	struct err err = ERR_INIT;
	int strict, seen;

	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0 ||
	    close(open(secret, O_CREAT | O_RDONLY | O_CLOEXEC, 0)) < 0 ||
	    mount(secret, "/proc/1/status", NULL, MS_BIND, NULL) < 0)
		return 2;
	capng_clear(CAPNG_SELECT_CAPS);
	if (capng_apply(CAPNG_SELECT_CAPS) < 0)
		return 2;
	strict = proc_each_of_uid(1, none, NULL, &err);
	err_clear(&err);
	seen = proc_each_seen_of_uid(getuid(), ours, NULL, &err);
	return strict != -EACCES || seen != 1;
}

static void test_hidden(void **state)
{
	pid_t pid;
	int status;

	(void)state;
	pid = fork();
	if (pid == 0)
		_exit(with_one_hidden());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (status == 2 << 8)
		skip_because("no user namespace can be made here");
	assert_int_equal(status, 0);
}

static int count(void *arg, struct err *err)
{
	(void)err;
	++*(int *)arg;
	return 0;
}

/* Where only one id is mapped there is none for a VMM. */
static void take_or_skip(struct runtime *rt, struct state *state)
{
	struct err err = ERR_INIT;

	if (uid_pool_take(rt, state, &err) == 0)
		return;
	if (err.code == ENOSPC)
		skip_because("one id is all that is mapped here");
	fail_msg("%s", err.text);
}

/* A record that still names a freed id has no word about who runs under it. */
static void test_pool_whose(void **state)
{
	struct runtime rt = { .root = (char[]){ "/x/a" } };
	struct state one = { .id = (char[]){ "c" } };
	struct state two = { .id = (char[]){ "d" } };
	struct err err = ERR_INIT;
	int calls = 0;

	(void)state;
	take_or_skip(&rt, &one);
	assert_int_equal(uid_pool_while_ours(&rt, &one, count, &calls, &err), 0);
	assert_int_equal(calls, 1);
	assert_int_equal(uid_pool_release(&rt, &one, &err), 0);
	assert_int_equal(uid_pool_while_ours(&rt, &one, count, &calls, &err), 0);
	assert_int_equal(uid_pool_take(&rt, &two, &err), 0);
	assert_int_equal(one.uid, two.uid);
	assert_int_equal(uid_pool_while_ours(&rt, &one, count, &calls, &err), 0);
	assert_int_equal(calls, 1);
	assert_int_equal(uid_pool_while_ours(&rt, &two, count, &calls, &err), 0);
	assert_int_equal(calls, 2);
	free(one.uid_pool);
	free(two.uid_pool);
}

/* Two roots of the same user take from one pool. */
static void test_pool(void **state)
{
	AUTO_FREE char *pool = xasprintf("%s/kata/.uids", top);
	struct runtime a = { .root = (char[]){ "/x/a" } };
	struct runtime b = { .root = (char[]){ "/x/b" } };
	struct state one = { .id = (char[]){ "c" } };
	struct state two = { .id = (char[]){ "c" } };
	struct state thief;
	struct err err = ERR_INIT;

	(void)state;
	take_or_skip(&a, &one);
	assert_int_equal(uid_pool_take(&b, &two, &err), 0);
	assert_int_not_equal(one.uid, two.uid);
	assert_string_equal(one.uid_pool, pool);
	assert_string_equal(two.uid_pool, pool);
	/* the same name in another root frees nothing */
	thief = one;
	assert_int_equal(uid_pool_release(&b, &thief, &err), 0);
	assert_int_equal(faccessat(top_fd, "kata/.uids", F_OK, 0), 0);
	free(two.uid_pool);
	two.uid_pool = NULL;
	assert_int_equal(uid_pool_take(&b, &two, &err), 0);
	assert_int_not_equal(one.uid, two.uid);
	/* XDG_RUNTIME_DIR may have changed meanwhile: the record knows */
	assert_int_equal(setenv("XDG_RUNTIME_DIR", "/nonexistent", 1), 0);
	assert_int_equal(uid_pool_release(&a, &one, &err), 0);
	assert_int_equal(uid_pool_release(&a, &one, &err), 0);
	assert_int_equal(setenv("XDG_RUNTIME_DIR", top, 1), 0);
	free(one.uid_pool);
	free(two.uid_pool);
}

/* An id that a process has is taken, also when another pool gave it out. */
static void test_pool_id_is_running(void **state)
{
	struct runtime rt = { .root = (char[]){ "/x/a" } };
	struct state first = { .id = (char[]){ "c" } };
	struct state second = { .id = (char[]){ "d" } };
	struct err err = ERR_INIT;
	int ready[2];
	char byte;
	pid_t pid;

	(void)state;
	take_or_skip(&rt, &first);
	assert_int_equal(uid_pool_release(&rt, &first, &err), 0);
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (setuid(first.uid) == 0 && write(ready[1], "x", 1) == 1)
			pause();
		_exit(1);
	}
	close(ready[1]);
	if (read(ready[0], &byte, 1) == 1) {
		assert_int_equal(uid_pool_take(&rt, &second, &err), 0);
		assert_int_not_equal(second.uid, first.uid);
		assert_int_equal(uid_pool_release(&rt, &second, &err), 0);
	}
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	close(ready[0]);
	free(first.uid_pool);
	free(second.uid_pool);
}

static void test_pool_without_default(void **state)
{
	AUTO_FREE char *pool = xasprintf("%s/.uids", top);
	struct runtime rt = { .root = top };
	struct state s = { .id = (char[]){ "c" } };

	(void)state;
	assert_int_equal(unsetenv("XDG_RUNTIME_DIR"), 0);
	take_or_skip(&rt, &s);
	assert_string_equal(s.uid_pool, pool);
	free(s.uid_pool);
}

/* Not as root: there the default root is the machine's. */
static void test_pool_overflow_id(void **state)
{
	struct runtime rt = { .root = top,
			      .initial_userns = true,
			      .settings = { .sandbox_uid_base = 65534,
					    .sandbox_uid_count = 2 } };
	struct state s = { .id = (char[]){ "c" } };
	struct err err = ERR_INIT;

	(void)state;
	if (geteuid() == 0)
		skip_because("the default root of root is the machine's");
	assert_int_equal(uid_pool_take(&rt, &s, &err), 0);
	assert_int_equal(s.uid, 65535);
	free(s.uid_pool);
	s.uid_pool = NULL;
	assert_int_equal(uid_pool_take(&rt, &s, &err), -ENOSPC);
}

static void test_quit_nobody(void **state)
{
	struct err err = ERR_INIT;
	int fd;

	(void)state;
	assert_int_equal(sandbox_quit(top_fd, &err), 0);
	fd = state_listen(top_fd, "control.sock", SOCK_SEQPACKET, &err);
	assert_true(fd >= 0);
	close(fd); /* its file stays, as a dead proxy leaves it */
	assert_int_equal(sandbox_quit(top_fd, &err), 0);
}

/* A proxy that takes the request once, answers, and goes. */
static void test_quit(void **state)
{
	struct err err = ERR_INIT;
	int fd, status;
	pid_t pid;

	(void)state;
	fd = state_listen(top_fd, "control.sock", SOCK_SEQPACKET, &err);
	assert_true(fd >= 0);
	pid = fork();
	if (pid == 0) {
		union record record;
		int peer = accept(fd, NULL, NULL);
		int r = record_expect(peer, RECORD_PROXY_QUIT, &record, 2000,
				      &err);

		record_init(&record, RECORD_OK);
		_exit(r < 0 || record_send(peer, &record, &err) < 0);
	}
	close(fd);
	assert_int_equal(sandbox_quit(top_fd, &err), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_record),
		TEST(test_reused_pid),
		TEST(test_cannot_look),
		TEST(test_hidden),
		TEST(test_pool),
		TEST(test_pool_whose),
		TEST(test_pool_id_is_running),
		TEST(test_pool_without_default),
		TEST(test_pool_overflow_id),
		TEST(test_quit_nobody),
		TEST(test_quit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
