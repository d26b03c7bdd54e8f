// SPDX-License-Identifier: Apache-2.0
/* link: runtime/state.o runtime/uid-pool.o runtime/sandbox-end.o runtime/cgroup.o */
/* link: runtime/cgroup-end.o runtime/id-map.o runtime/proc-uid.o runtime/cgroup-unit.o */
/* link: runtime/unit-name.o runtime/unit-annotations.o */
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
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
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
	struct state out = { .uid = 7,
			     .shim = { .pid = 5, .start = 6 },
			     .holds_execs = true };
	struct state in = { 0 };
	struct err err = ERR_INIT;

	(void)state;
	out.id = xstrdup("c");
	out.uid_pool = xstrdup("/pool");
	out.shim_path = xstrdup("/s");
	out.seccomp_dir = xstrdup("/f");
	out.policy_dir = xstrdup("/p");
	out.unit.name = xstrdup("libpod-c.scope");
	out.unit.bus = xstrdup("unix:path=/run/x");
	out.unit.description = xstrdup("c (1.5)");
	strv_add(&out.notes, "selinux: off on this host");
	assert_int_equal(state_save(top_fd, &out, &err), 0);
	if (state_load(top_fd, &in, &err) < 0)
		fail_msg("%s", err.text);
	assert_string_equal(in.uid_pool, "/pool");
	assert_string_equal(in.shim_path, "/s");
	assert_string_equal(in.seccomp_dir, "/f");
	assert_string_equal(in.policy_dir, "/p");
	assert_string_equal(in.unit.name, "libpod-c.scope");
	assert_string_equal(in.unit.bus, "unix:path=/run/x");
	assert_string_equal(in.unit.description, "c (1.5)");
	assert_true(in.holds_execs);
	assert_int_equal(in.uid, 7);
	assert_int_equal(in.shim.start, 6);
	assert_string_equal(in.notes.item[0], out.notes.item[0]);
	state_done(&in);
	state_done(&out);
}

/* Of an older build: no word is no. */
static void test_old_record(void **state)
{
	static const char text[] = "{\"version\": 1, \"id\": \"c\"}";
	struct state in = { .holds_execs = true };
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(path_write_atomic(top_fd, "state.json", text,
					   strlen(text), &err),
			 0);
	assert_int_equal(state_load(top_fd, &in, &err), 0);
	assert_false(in.holds_execs);
	state_done(&in);
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
	assert_int_equal(proc_each_of_id(getuid(), ours, NULL, &err), 1);
	before = few_fds(1);
	alive = process_alive(&me);
	pidfd = process_pidfd(&me, &err);
	err_clear(&err);
	scan = proc_each_of_id(getuid(), ours, NULL, &err);
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
	strict = proc_each_of_id(1, none, NULL, &err);
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

	if (uid_pool_take(rt, NULL, state, &err) == 0)
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
	assert_int_equal(uid_pool_take(&rt, NULL, &two, &err), 0);
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
	assert_int_equal(uid_pool_take(&b, NULL, &two, &err), 0);
	assert_int_not_equal(one.uid, two.uid);
	assert_string_equal(one.uid_pool, pool);
	assert_string_equal(two.uid_pool, pool);
	/* the same name in another root frees nothing */
	thief = one;
	assert_int_equal(uid_pool_release(&b, &thief, &err), 0);
	assert_int_equal(faccessat(top_fd, "kata/.uids", F_OK, 0), 0);
	free(two.uid_pool);
	two.uid_pool = NULL;
	assert_int_equal(uid_pool_take(&b, NULL, &two, &err), 0);
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
		assert_int_equal(uid_pool_take(&rt, NULL, &second, &err), 0);
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

/* A pool of its own for a test, whoever runs it, with `count` ids. */
#define FIRST 2000000000u
static struct runtime own_pool(struct state *state, uint32_t count)
{
	struct runtime rt = { .root = top,
			      .initial_userns = true,
			      .settings = { .sandbox_uid_base = FIRST,
					    .sandbox_uid_count = count } };

	free(state->uid_pool);
	state->uid = 0;
	state->uid_pool = xasprintf("%s/pool", top);
	assert_true(mkdir(state->uid_pool, 0700) == 0 || errno == EEXIST);
	assert_true(mkdirat(top_fd, state->id, 0700) == 0 || errno == EEXIST);
	return rt;
}

static void put(const char *path, const char *text)
{
	AUTO_FD int fd = openat(top_fd, path,
				O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

/* A create that was killed between the pool and its record. */
static void test_pool_killed_creator(void **state)
{
	struct state s = { .id = (char[]){ "c" } };
	struct runtime rt = own_pool(&s, 2);
	AUTO_FREE char *owner = xasprintf("%s/c", top);
	struct err err = ERR_INIT;

	(void)state;
	put("pool/2000000000", owner);
	assert_int_equal(uid_pool_find(&rt, &s, &err), 0);
	assert_int_equal(s.uid, FIRST);
	assert_int_equal(uid_pool_release(&rt, &s, &err), 0);
	assert_int_equal(faccessat(top_fd, "pool/2000000000", F_OK, 0), -1);
	s.uid = 0;
	put("pool/2000000000", "/another/c");
	assert_int_equal(uid_pool_find(&rt, &s, &err), 0);
	assert_int_equal(s.uid, 0);
	free(s.uid_pool);
}

/* Ids of sandboxes that no delete can find any more. */
static void test_pool_full(void **state)
{
	struct state s = { .id = (char[]){ "c" } };
	struct runtime rt = own_pool(&s, 3);
	AUTO_FREE char *lives = xasprintf("%s/lives", top);
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(mkdir(lives, 0700), 0);
	put("pool/2000000000", "/nonexistent/a");
	put("pool/2000000001", "");
	put("pool/2000000002", lives);
	assert_int_equal(uid_pool_take(&rt, NULL, &s, &err), 0);
	assert_int_equal(s.uid, FIRST + 1);
	assert_int_equal(uid_pool_take(&rt, NULL, &s, &err), 0);
	assert_int_equal(s.uid, FIRST);
	put("pool/2000000000", lives);
	put("pool/2000000001", lives);
	assert_int_equal(uid_pool_take(&rt, NULL, &s, &err), -ENOSPC);
	assert_non_null(strstr(err.text, "every id for VMMs is in use"));
	assert_non_null(strstr(err.text, "sandbox_uid_count"));
	free(s.uid_pool);
}

/* What the spec names is the container's. */
static void test_pool_leaves_out_the_specs(void **state)
{
	uint32_t group = FIRST + 6;
	struct oci_mapping map = { .host_id = FIRST + 3, .size = 2 };
	struct oci_spec spec = { .process.user = { .uid = FIRST + 8,
						   .gid = FIRST + 7,
						   .additional_gids = &group,
						   .additional_gid_count = 1 },
				 .linux_ = { .uid_mappings = &map,
					     .uid_mapping_count = 1 } };
	static const uint32_t left[] = { 5, 2, 1, 0 };
	struct state s = { .id = (char[]){ "c" } };
	struct runtime rt = own_pool(&s, 9);
	struct err err = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(left); i++) {
		assert_int_equal(uid_pool_take(&rt, &spec, &s, &err), 0);
		assert_int_equal(s.uid, FIRST + left[i]);
	}
	free(s.uid_pool);
}

/* Twenty at once, of two state roots, for twenty ids. */
static void test_pool_at_once(void **state)
{
	enum { COUNT = 20 };
	struct state s = { .id = (char[]){ "c" } };
	struct runtime rt = own_pool(&s, COUNT);
	bool seen[COUNT] = { false };
	struct err err = ERR_INIT;
	int result[2];

	(void)state;
	assert_int_equal(pipe(result), 0);
	for (int i = 0; i < COUNT; i++) {
		if (fork() > 0)
			continue;
		if (i % 2)
			rt.root = (char *)"/x/another";
		if (uid_pool_take(&rt, NULL, &s, &err) < 0)
			s.uid = 0;
		_exit(write(result[1], &s.uid, sizeof(s.uid)) != sizeof(s.uid));
	}
	for (int i = 0; i < COUNT; i++) {
		uint32_t uid = 0;

		assert_int_equal(read(result[0], &uid, sizeof(uid)),
				 sizeof(uid));
		assert_in_range(uid, FIRST, FIRST + COUNT - 1);
		assert_false(seen[uid - FIRST]);
		seen[uid - FIRST] = true;
	}
	while (wait(NULL) > 0)
		;
	close(result[0]);
	close(result[1]);
	free(s.uid_pool);
}

/* A child that has the id as nothing but what become() makes of it. */
static void with_child(int (*become)(uint32_t id), uint32_t id,
		       void (*check)(pid_t pid, uint32_t id))
{
	int ready[2];
	char byte = 0;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		byte = become(id) == 0 ? 'y' : 'n';
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
			_exit(1);
		if (write(ready[1], &byte, 1) == 1)
			pause();
		_exit(1);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	if (byte == 'y')
		check(pid, id);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	if (byte != 'y')
		skip_because("another id needs root");
}

static int become_effective(uint32_t id)
{
	return seteuid(id);
}

static int become_saved_group(uint32_t id)
{
	return setresgid((gid_t)-1, (gid_t)-1, id);
}

/* All that there may be, with the one that matters at the end. */
static int become_member(uint32_t id)
{
	static gid_t many[65536];

	for (uint32_t i = 0; i < ARRAY_SIZE(many); i++)
		many[i] = id + 100000 - i;
	many[ARRAY_SIZE(many) - 1] = id;
	return setgroups(ARRAY_SIZE(many), many);
}

static void check_taken(pid_t pid, uint32_t id)
{
	struct state s = { .id = (char[]){ "c" } };
	struct runtime rt = own_pool(&s, 2);
	struct err err = ERR_INIT;

	if (uid_pool_take(&rt, NULL, &s, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(s.uid, FIRST);
	assert_int_equal(proc_has_id(pid, id, &err), 1);
	assert_int_equal(proc_has_id(pid, 4000000000u, &err), 0);
	assert_int_equal(uid_pool_take(&rt, NULL, &s, &err), -ENOSPC);
	assert_int_equal(uid_pool_release(&rt, &s, &err), 0);
	free(s.uid_pool);
}

static void test_pool_id_of_a_stranger(void **state)
{
	(void)state;
	with_child(become_effective, FIRST + 1, check_taken);
	with_child(become_saved_group, FIRST + 1, check_taken);
	with_child(become_member, FIRST + 1, check_taken);
}

static void map_child(pid_t pid, const char *file, const char *text)
{
	AUTO_FREE char *path = xasprintf("/proc/%d/%s", pid, file);
	AUTO_FD int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		print_message("%s: %s\n", path, strerror(errno));
}

/* In a namespace of several ranges; uid and gid have 11, 2 and 1 in common. */
static int take_in_ranges(int begin_fd)
{
	static const uint32_t wanted[] = { 11, 2, 1 };
	struct state s = { .id = (char[]){ "c" } };
	struct runtime rt = own_pool(&s, 1);
	struct err err = ERR_INIT;
	char byte;

	rt.initial_userns = false;
	if (read(begin_fd, &byte, 1) != 1 || setuid(0) < 0)
		return 2;
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
		if (uid_pool_take(&rt, NULL, &s, &err) < 0 || s.uid != wanted[i])
			return 1;
	return uid_pool_take(&rt, NULL, &s, &err) != -ENOSPC;
}

static void test_pool_ranges(void **state)
{
	int begin[2], made[2], status;
	char byte = 0;
	pid_t pid;

	(void)state;
	if (geteuid() != 0)
		skip_because("maps of several ranges need root");
	assert_int_equal(pipe(begin), 0);
	assert_int_equal(pipe(made), 0);
	pid = fork();
	if (pid == 0) {
		if (unshare(CLONE_NEWUSER) < 0 || write(made[1], "y", 1) != 1)
			_exit(2);
		_exit(take_in_ranges(begin[0]));
	}
	close(made[1]);
	if (read(made[0], &byte, 1) == 1) {
		map_child(pid, "uid_map", "0 0 1\n1 100000 2\n10 200000 2\n");
		map_child(pid, "gid_map", "0 0 1\n1 100000 2\n11 200000 5\n");
		assert_int_equal(write(begin[1], "y", 1), 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	close(begin[0]);
	close(begin[1]);
	close(made[0]);
	if (status == 2 << 8)
		skip_because("no user namespace can be made here");
	assert_int_equal(status, 0);
}

/* Only freed with the directory in which a file of the id is. */
static void test_pool_file_keeps_id(void **state)
{
	struct state s = { .id = (char[]){ "c" } };
	struct runtime rt = own_pool(&s, 1);
	struct err err = ERR_INIT;
	AUTO_FD int dir_fd = -1;

	(void)state;
	dir_fd = openat(top_fd, "c", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(uid_pool_take(&rt, NULL, &s, &err), 0);
	assert_int_equal(symlinkat("x", dir_fd, "file"), 0);
	if (fchownat(dir_fd, "file", FIRST, 0, AT_SYMLINK_NOFOLLOW) < 0) {
		free(s.uid_pool);
		skip_because("another's file needs root");
	}
	assert_int_equal(sandbox_destroy(&rt, dir_fd, &s, &err), 0);
	assert_int_equal(s.uid, FIRST);
	assert_int_equal(faccessat(top_fd, "pool/2000000000", F_OK, 0), 0);
	assert_int_equal(unlinkat(dir_fd, "file", 0), 0);
	assert_int_equal(sandbox_destroy(&rt, dir_fd, &s, &err), 0);
	assert_int_equal(s.uid, 0);
	assert_int_equal(faccessat(top_fd, "pool/2000000000", F_OK, 0), -1);
	free(s.uid_pool);
}

static void test_pool_overflow_id(void **state)
{
	struct state s = { .id = (char[]){ "c" } };
	struct runtime rt = own_pool(&s, 2);
	struct err err = ERR_INIT;

	(void)state;
	rt.settings.sandbox_uid_base = 65534;
	assert_int_equal(uid_pool_take(&rt, NULL, &s, &err), 0);
	assert_int_equal(s.uid, 65535);
	assert_int_equal(uid_pool_take(&rt, NULL, &s, &err), -ENOSPC);
	free(s.uid_pool);
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
		TEST(test_old_record),
		TEST(test_reused_pid),
		TEST(test_cannot_look),
		TEST(test_hidden),
		TEST(test_pool),
		TEST(test_pool_whose),
		TEST(test_pool_id_is_running),
		TEST(test_pool_killed_creator),
		TEST(test_pool_full),
		TEST(test_pool_leaves_out_the_specs),
		TEST(test_pool_at_once),
		TEST(test_pool_id_of_a_stranger),
		TEST(test_pool_ranges),
		TEST(test_pool_file_keeps_id),
		TEST(test_pool_without_default),
		TEST(test_pool_overflow_id),
		TEST(test_quit_nobody),
		TEST(test_quit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
