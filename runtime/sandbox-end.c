// SPDX-License-Identifier: Apache-2.0
/*
 * sandbox-end.c - takes a sandbox down, in kata-runtime delete and after a
 * failed create. Works from the record alone, on any half-made state, twice.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "auto.h"
#include "cgroup-unit.h"
#include "fd.h"
#include "hooks.h"
#include "id-map.h"
#include "num.h"
#include "path.h"
#include "proc-uid.h"
#include "records.h"
#include "sandbox.h"
#include "uid-pool.h"

#define QUIT_MS 5000
#define GONE_MS 5000
#define POLL_MS 5
#define QUIT_TRIES 20

/* The orderly way: the proxy tells QEMU to quit. Failing is fine. */
static void ask_proxy(int dir_fd, const struct state *state)
{
	struct err err = ERR_INIT;
	union record record;
	AUTO_FD int fd = -1;

	if (!process_alive(&state->proxy))
		return;
	fd = state_connect(dir_fd, "control.sock", SOCK_SEQPACKET, &err);
	if (fd < 0)
		return;
	record_init(&record, RECORD_PROXY_QUIT);
	if (record_send(fd, &record, &err) < 0)
		return;
	IGNORE(record_expect(fd, RECORD_OK, &record, QUIT_MS, &err) < 0,
	       "what is left is killed next");
}

/* Return: 1 nobody listens any more, 0 asked, -errno */
static int ask_to_quit(int dir_fd, struct err *err)
{
	AUTO_FD int fd =
		state_connect(dir_fd, "control.sock", SOCK_SEQPACKET, err);
	union record record;
	int r;

	if (fd == -ENOENT || fd == -ECONNREFUSED) {
		err_clear(err);
		return 1;
	}
	if (fd < 0)
		return fd;
	record_init(&record, RECORD_PROXY_QUIT);
	r = record_send(fd, &record, err);
	if (r == 0)
		r = record_expect(fd, RECORD_OK, &record, QUIT_MS, err);
	if (r == -ETIMEDOUT)
		return r;
	err_clear(err); /* whether it ended is seen at the next call */
	return 0;
}

/* Without a record the proxy's socket is all that is known. */
int sandbox_quit(int dir_fd, struct err *err)
{
	const struct timespec pause = { 0, 100000000 };

	for (int i = 0; i < QUIT_TRIES; i++) {
		int r = ask_to_quit(dir_fd, err);

		if (r > 0)
			return 0;
		if (r < 0)
			return err_wrap(
				err,
				"the record is lost and control.sock does not answer");
		nanosleep(&pause, NULL);
	}
	return err_msg(err, EBUSY,
		       "the record is lost and the proxy does not end");
}

static void reap_ours(const struct process_ref *ref)
{
	if (ref->pid > 0)
		IGNORE(waitpid(ref->pid, NULL, WNOHANG) < 0,
		       "only a failed create has it as a child");
}

/* Until the process has ended, at most ms; without a handle on it, ms. */
static void wait_for_end(const struct process_ref *ref, int ms)
{
	const struct timespec pause = { 0, ms * 1000000L };
	struct err ignored = ERR_INIT;
	AUTO_FD int fd = process_pidfd(ref, &ignored);

	if (fd < 0 || fd_wait_in(fd, ms) < 0)
		nanosleep(&pause, NULL);
}

/* Waits until it is gone, killing it after grace_ms. */
static int end_process(const struct process_ref *ref, const char *what,
		       int grace_ms, struct err *err)
{
	int r;

	for (int waited = 0; waited < grace_ms + GONE_MS; waited += POLL_MS) {
		reap_ours(ref);
		if (!process_alive(ref))
			return 0;
		if (waited >= grace_ms) {
			r = process_kill(ref, SIGKILL);
			if (r < 0)
				return err_set(err, -r, "end %s (pid %d)", what,
					       ref->pid);
		}
		wait_for_end(ref, POLL_MS);
	}
	return err_msg(err, EBUSY, "%s (pid %d) does not end", what, ref->pid);
}

/*
 * First the start time, then the id: between the list and this the number may
 * have become another's. EPERM: a process of another user namespace, which our
 * own can never be in; it is not of this sandbox, whatever its id.
 */
static int end_stray(pid_t pid, void *arg, struct err *err)
{
	const uint32_t *uid = arg;
	struct process_ref ref = { 0 };
	uint32_t owner = 0;
	int r = process_record(&ref, pid, "VMM", err);

	if (r == 0)
		r = proc_uid(pid, &owner, err);
	if (r < 0 && r != -ESRCH)
		return r;
	if (r == 0 && owner == *uid)
		r = end_process(&ref, "process of the VMM's id", 0, err);
	if (r == 0 || r == -ESRCH || r == -EPERM) {
		err_clear(err); /* ended, gone meanwhile, or not ours */
		return 0;
	}
	return r;
}

/*
 * The VMM's id belongs to this sandbox alone: whatever runs under it and is in
 * no record (a start that was killed half way) ends here. We may look at it, as
 * the owner of its user namespace or as root: what is hidden from us is
 * another's, and a delete that failed for it could never be made good.
 */
static int end_by_uid(void *arg, struct err *err)
{
	const uint32_t *uid = arg;

	return proc_each_seen_of_uid(*uid, end_stray, arg, err);
}

/*
 * The VMM's id as this process sees it: called from outside of the user
 * namespace that the id is of, its place in the map. 0: there is none.
 */
static int vmm_uid(const struct runtime *rt, const struct state *state,
		   uint32_t *ret, struct err *err)
{
	struct id_map map = { 0 };
	int r;

	*ret = state->uid;
	if (state->uid == 0 || !rt->initial_userns || !state->uid_map)
		return 0;
	if (id_map_parse(state->uid_map, &map, err) < 0)
		return -err->code;
	r = id_map_outside(&map, state->uid, ret);
	id_map_done(&map);
	return r < 0 ? err_msg(err, EINVAL, "state: uid %u is not in uid_map",
			       state->uid) :
		       0;
}

/* Does a file in the state directory belong to the id? 1, 0, -errno */
static int has_files_of(int dir_fd, uint32_t uid, struct err *err)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_CLOSEDIR DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	struct stat st;

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return err_set(err, errno, "list the state directory");
	}
	errno = 0;
	while ((entry = readdir(dir))) {
		if (fstatat(dir_fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return err_set(err, errno, "stat %s", entry->d_name);
		if (st.st_uid == uid || st.st_gid == uid)
			return 1;
		errno = 0;
	}
	return errno ? err_set(err, errno, "list the state directory") : 0;
}

/*
 * Hooks may run for long after this, and by then it is another's. Not so while
 * a file of the id is there: then it is freed once the directory is gone.
 */
static int free_uid(const struct runtime *rt, int dir_fd, struct state *state,
		    uint32_t seen_as, struct err *err)
{
	struct err unsaved = ERR_INIT;
	int r;

	if (state->uid == 0)
		return 0;
	r = has_files_of(dir_fd, seen_as, err);
	if (r != 0)
		return r < 0 ? r : 0;
	if (uid_pool_release(rt, state, err) < 0)
		return -err->code;
	state->uid = 0;
	IGNORE(state_save(dir_fd, state, &unsaved) < 0,
	       "a full disk; the pool says whose the id is");
	return 0;
}

static void copy_strv(const struct strv *from, struct strv *ret)
{
	for (size_t i = 0; i < from->count; i++)
		strv_add(ret, from->item[i]);
}

/* Takes what the other sandbox is in as well out of the list. */
static void strike_shared(struct strv *list, const struct state *other)
{
	struct strv left = { 0 };

	for (size_t i = 0; i < list->count; i++)
		if (!strv_has(&other->cgroups, list->item[i]))
			strv_add(&left, list->item[i]);
	strv_done(list);
	*list = left;
}

/*
 * A record that is not there, or damaged, holds nothing back. One that we fail
 * to read (for want of descriptors) may be of a sandbox that lives in there.
 */
static int strike_by(struct runtime *rt, const char *id, struct strv *dirs,
		     struct strv *made, struct err *err)
{
	AUTO_FD int fd = state_open(rt, id, false, err);
	struct state other = { 0 };
	int r = fd < 0 ? fd : state_load(fd, &other, err);

	if (r == 0) {
		strike_shared(dirs, &other);
		strike_shared(made, &other);
		state_done(&other);
		return 0;
	}
	if (r != -ENOENT && r != -ENOTDIR && r != -EINVAL && r != -EFBIG &&
	    r != -EPROTO)
		return err_wrap(err, "whose control groups are those of %s", id);
	err_clear(err);
	return 0;
}

/*
 * Leaves of both lists the control groups that no other sandbox of this state
 * root has recorded, which it does before it joins: the last one in a directory
 * removes it.
 */
static int strike_all_shared(struct runtime *rt, const char *id,
			     struct strv *dirs, struct strv *made,
			     struct err *err)
{
	int fd = openat(rt->root_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_CLOSEDIR DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return err_set(err, errno, "list %s", rt->root);
	}
	errno = 0;
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] != '.' && strcmp(entry->d_name, id) != 0 &&
		    strike_by(rt, entry->d_name, dirs, made, err) < 0)
			return -err->code;
		errno = 0;
	}
	return errno ? err_set(err, errno, "list %s", rt->root) : 0;
}

static int end_cgroups(struct runtime *rt, const struct state *state,
		       struct err *err)
{
	struct strv dirs = { 0 }, made = { 0 };
	int r = 0;

	copy_strv(&state->cgroups, &dirs);
	copy_strv(&state->cgroups_made, &made);
	if (dirs.count > 0 || made.count > 0)
		r = strike_all_shared(rt, state->id, &dirs, &made, err);
	if (r == 0)
		r = cgroup_unit_end(&state->unit, &dirs, err);
	if (r == 0) {
		cgroup_kill(&made);
		r = cgroup_remove(&dirs, &made, err);
	}
	strv_done(&dirs);
	strv_done(&made);
	return r;
}

int sandbox_destroy(struct runtime *rt, int dir_fd, struct state *state,
		    struct err *err)
{
	uint32_t uid;

	/* The shim first: its end makes the proxy end the VM by itself. */
	if (end_process(&state->shim, "shim", 0, err) < 0)
		return -err->code;
	ask_proxy(dir_fd, state);
	/* A create that was killed before it wrote the proxy down. */
	if (state->proxy.pid == 0 && sandbox_quit(dir_fd, err) < 0)
		return -err->code;
	if (end_process(&state->proxy, "proxy", 0, err) < 0 ||
	    end_process(&state->vmm_monitor, "VMM jail", 200, err) < 0 ||
	    end_process(&state->vmm, "VMM", 200, err) < 0 ||
	    end_process(&state->fs_monitor, "file server jail", 200, err) < 0 ||
	    end_process(&state->fs, "file server", 200, err) < 0)
		return -err->code;
	if (uid_pool_find(rt, state, err) < 0 ||
	    vmm_uid(rt, state, &uid, err) < 0 ||
	    uid_pool_while_ours(rt, state, end_by_uid, &uid, err) < 0)
		return -err->code;
	hook_step("processes-ended");
	if (end_cgroups(rt, state, err) < 0)
		return -err->code;
	return free_uid(rt, dir_fd, state, uid, err);
}
