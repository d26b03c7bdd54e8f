// SPDX-License-Identifier: Apache-2.0
/*
 * container.c - create and start of one container, in kata-runtime. The order
 * is docs/architecture.md's; what would outlive this process is in the state
 * record before it is made.
 */
#include "container.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "annotations.h"
#include "auto.h"
#include "bundle.h"
#include "cgroup.h"
#include "filter.h"
#include "guest-profile.h"
#include "hooks.h"
#include "hook-points.h"
#include "jail-check.h"
#include "labels.h"
#include "netns.h"
#include "own-userns.h"
#include "path.h"
#include "preflight.h"
#include "readback.h"
#include "records.h"
#include "sandbox.h"
#include "selinux.h"
#include "share.h"
#include "spawn.h"
#include "state.h"
#include "uid-pool.h"

#define SPARE_FDS 6 /* what undoing a create opens at a time */

/* One create under way. */
struct creation {
	struct runtime *rt;
	const char *id;
	const struct create_options *options;
	int dir_fd;
	int spare[SPARE_FDS]; /* given back before anything is undone */
	struct bundle bundle;
	struct state state;
	struct sandbox sandbox;
	struct share share;
	int pidfd_fd; /* --pidfd-socket, connected */
	pid_t pid;
	int shim_fd;	/* its pidfd, from when it was recorded; -1: none */
	bool vm_failed; /* the sandbox's log says more than the error */
};

static char *now_text(void)
{
	struct timespec now;
	struct tm tm;
	char text[64];

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	return xasprintf("%s.%09ldZ", text, now.tv_nsec);
}

/* Everything that can be refused before anything is made. */
static int prepare(struct creation *c, struct err *err)
{
	const struct create_options *o = c->options;

	if (preserve_fds_check(c->rt->inherited_fds, o->preserve_fds, err) < 0 ||
	    pid_file_check(o->pid_file, err) < 0)
		return -err->code;
	c->pidfd_fd = o->pidfd_socket ? engine_connect(o->pidfd_socket,
						       "pidfd socket", err) :
					-1;
	if (o->pidfd_socket && c->pidfd_fd < 0)
		return c->pidfd_fd;
	if (settings_load(&c->rt->settings, c->rt->config_option,
			  c->rt->initial_userns && geteuid() == 0, err) < 0)
		return -err->code;
	c->rt->debug |= c->rt->settings.runtime_debug;
	if (bundle_load(o->bundle, &c->bundle, err) < 0 ||
	    annotations_apply(&c->rt->settings, c->bundle.spec, err) < 0)
		return -err->code;
	if (c->bundle.spec->process.terminal &&
	    terminal_check(o->console_socket, o->foreground, err) < 0)
		return -err->code;
	if (!c->bundle.spec->process.terminal && o->console_socket)
		return err_msg(
			err, EINVAL,
			"--console-socket given but process.terminal is not set");
	if (preflight_files(c->rt, err) < 0)
		return -err->code;
	return own_userns_enter_new(c->rt, err);
}

static int record_intent(struct creation *c, struct err *err)
{
	c->state.id = xstrdup(c->id);
	c->state.sandbox = xstrdup(c->id);
	c->state.bundle = xstrdup(c->bundle.path);
	c->state.rootfs = xstrdup(c->bundle.rootfs);
	c->state.created = now_text();
	if (getenv("NOTIFY_SOCKET"))
		strv_add(&c->state.notes,
			 "NOTIFY_SOCKET: readiness messages stay in the VM");
	c->state.shim_path = xstrdup(c->rt->settings.shim);
	c->state.seccomp_dir = xstrdup(c->rt->settings.seccomp);
	c->state.policy_dir = xstrdup(c->rt->settings.policies);
	if (own_userns_record(c->rt, &c->state, err) < 0 ||
	    uid_pool_open(c->rt, &c->state, err) < 0)
		return -err->code;
	if (path_write_atomic(c->dir_fd, "config.json", c->bundle.text,
			      c->bundle.len, err) < 0)
		return -err->code;
	return state_save(c->dir_fd, &c->state, err);
}

/* --- the shim ---------------------------------------------------------------- */

struct shim_fds {
	struct fd_name *list;
	size_t count;
};

static void add_fd(struct shim_fds *fds, const char *name, int fd)
{
	fds->list = xgrow(fds->list, fds->count, fds->count + 1,
			  sizeof(*fds->list));
	fds->list[fds->count++] = (struct fd_name){ name, fd };
}

static int open_shim_files(struct creation *c, struct shim_fds *fds,
			   struct err *err)
{
	int fd = openat(c->dir_fd, "config.json", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return err_set(err, errno, "config.json");
	add_fd(fds, "config", fd);
	fd = filter_open(c->rt->settings.seccomp, "shim", err);
	if (fd < 0)
		return err_wrap(err, "seccomp filter");
	add_fd(fds, "seccomp", fd);
	if (guest_profile_wanted(c->bundle.spec)) {
		fd = filter_open(c->rt->settings.seccomp, GUEST_PROFILE_FILE,
				 err);
		if (fd < 0)
			return err_wrap(err, "the guest's seccomp profile");
		add_fd(fds, "profile", fd);
	}
	fd = state_connect(c->dir_fd, "agent.sock", SOCK_STREAM, err);
	if (fd < 0)
		return fd;
	add_fd(fds, "proxy", fd);
	fd = labels_create(&c->state, err);
	if (fd == 0)
		fd = state_listen(c->dir_fd, "shim.sock", SOCK_SEQPACKET, err);
	labels_create_done(&c->state);
	if (fd < 0)
		return fd;
	add_fd(fds, "listen", fd);
	if (!c->options->console_socket)
		return 0;
	fd = engine_connect(c->options->console_socket, "console socket", err);
	if (fd >= 0)
		add_fd(fds, "console", fd);
	return fd;
}

/* owned is how many of fds were opened for the shim and are closed after. */
static int spawn_container_shim(struct creation *c, struct shim_fds *fds,
				int control_fd, struct err *err)
{
	AUTO_FREE char *list = NULL;
	struct strv argv = { 0 };
	struct spawn_shim spec = { .path = c->rt->settings.shim,
				   .argv = &argv,
				   .cgroups = &c->state.cgroups,
				   .unit = &c->state.unit,
				   .net_fd = c->sandbox.netns_fd };
	size_t owned;
	int r = open_shim_files(c, fds, err);

	owned = fds->count;
	add_fd(fds, "control", control_fd);
	add_fd(fds, "log", c->sandbox.log_fd);
	for (size_t i = 0; i < c->share.count; i++)
		add_fd(fds, c->share.tree[i].name, c->share.tree[i].mirror_fd);
	list = child_fds_arg(fds->list, fds->count);
	strv_add(&argv, "kata-shim");
	strv_add(&argv, "--role");
	strv_add(&argv, "container");
	strv_add(&argv, "--id");
	strv_add(&argv, c->id);
	strv_add(&argv, "--boot-timeout");
	strv_addf(&argv, "%u", c->state.boot_timeout);
	if (c->options->foreground)
		strv_add(&argv, "--foreground");
	if (c->rt->debug)
		strv_add(&argv, "--debug");
	jail_check_break_args(&argv, "shim");
	strv_addf(&argv, "--fds=%s", list);
	spec.fds = fds->list;
	spec.fd_count = fds->count;
	if (r >= 0)
		r = labels_exec(&c->state, LABELS_SHIM, err);
	if (r >= 0)
		r = spawn_shim(&spec, &c->pid, err);
	selinux_exec_done();
	for (size_t i = 0; i < owned; i++)
		close(fds->list[i].fd);
	strv_done(&argv);
	return r < 0 ? r : 0;
}

static int wait_for_readback(struct creation *c, int control_fd, struct err *err)
{
	struct readback got = { 0 };
	union record record;
	int limit =
		(int)(c->state.boot_timeout + c->rt->settings.create_timeout) *
		1000;
	int r;

#ifdef TEST_HOOKS
	/* The shim of a test build tells when the agent answered its first call. */
	if (record_expect(control_fd, RECORD_OK, &record, limit, err) < 0)
		return -err->code;
	hook_step("agent-connected");
	record_init(&record, RECORD_OK);
	if (record_send(control_fd, &record, err) < 0)
		return -err->code;
#endif
	r = readback_receive(control_fd, limit, &got, err);
	hook_step("read-back");
	if (r == 0)
		r = readback_check(&got, c->bundle.spec, c->id, err);
	c->state.holds_execs = got.main.holds_execs;
	readback_done(&got);
	if (r < 0)
		return r;
	record_init(&record, RECORD_OK);
	return record_send(control_fd, &record, err);
}

/* One that has ended already has left word of why, unless it was killed. */
static int record_shim(struct creation *c, int control_fd, struct err *err)
{
	struct err said = ERR_INIT;
	union record record;
	int r;

	hook_step("shim-spawned");
	r = process_record(&c->state.shim, c->pid, "shim", err);
	if (r == 0)
		r = c->shim_fd = process_pidfd(&c->state.shim, err);
	if (r == -ESRCH &&
	    record_expect(control_fd, RECORD_SHIM_CONFINED, &record, 0, &said) <
		    0 &&
	    said.code != EPIPE) {
		*err = said;
		r = -said.code;
	}
	return r < 0 ? r : 0;
}

static int make_shim(struct creation *c, struct err *err)
{
	struct shim_fds fds = { 0 };
	AUTO_FD int ours = -1;
	int pair[2], r;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_set(err, errno, "socketpair");
	ours = pair[0];
	r = spawn_container_shim(c, &fds, pair[1], err);
	close(pair[1]);
	free(fds.list);
	if (r == 0)
		r = record_shim(c, ours, err);
	if (r == 0)
		r = cgroup_check(&c->state.cgroups, c->pid, "shim", err);
	if (r == 0)
		r = state_save(c->dir_fd, &c->state, err);
	if (r == 0)
		r = jail_check_own_shim(&c->sandbox, ours, err);
	if (r == 0)
		r = wait_for_readback(c, ours, err);
	/* In the foreground it stays open: its end tells the shim of ours. */
	if (r == 0 && c->options->foreground)
		IGNORE(take_fd(&ours) < 0, "closed by our end");
	return r;
}

static int build(struct creation *c, struct err *err)
{
	c->sandbox.rt = c->rt;
	c->sandbox.bundle = &c->bundle;
	c->sandbox.state = &c->state;
	c->sandbox.dir_fd = c->dir_fd;
	if (record_intent(c, err) < 0)
		return -err->code;
	hook_step("state-recorded");
	if (sandbox_start(&c->sandbox, err) < 0)
		return -err->code;
	/* QEMU starts meanwhile. */
	if (share_open(&c->bundle, &c->share, err) < 0)
		return -err->code;
	if (sandbox_release(&c->sandbox, &c->share, err) < 0) {
		c->vm_failed = true;
		return -err->code;
	}
	if (make_shim(c, err) < 0) {
		c->vm_failed = sandbox_is_at_fault(err);
		return c->vm_failed ? sandbox_explain(&c->sandbox, err) :
				      -err->code;
	}
	hook_step("container-created");
	if (hook_point_created(c->dir_fd, c->bundle.spec, &c->state, err) < 0)
		return -err->code;
	c->state.ready = true;
	if (state_save(c->dir_fd, &c->state, err) < 0)
		return -err->code;
	if (c->pidfd_fd >= 0 && pidfd_send(c->pidfd_fd, c->shim_fd, err) < 0)
		return -err->code;
	if (c->options->pid_file &&
	    pid_file_write(c->options->pid_file, c->pid, err) < 0)
		return -err->code;
	hook_step("pid-file-written");
	return 0;
}

/* The sandbox's own words go with it: kept before its directory is removed. */
static void keep_log(struct runtime *rt, int dir_fd)
{
	AUTO_FREE char *text = sandbox_log_tail(dir_fd);

	if (text)
		runtime_add_detail(rt, text);
}

/* A create that ran out of descriptors must still be able to clean up. */
static int keep_spare(struct creation *c, struct err *err)
{
	for (size_t i = 0; i < SPARE_FDS; i++) {
		c->spare[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
		if (c->spare[i] < 0)
			return err_set(err, errno,
				       "keep descriptors in reserve");
	}
	return 0;
}

static void give_spare(struct creation *c)
{
	for (size_t i = 0; i < SPARE_FDS; i++) {
		if (c->spare[i] >= 0)
			close(c->spare[i]);
		c->spare[i] = -1;
	}
}

static void undo(struct creation *c)
{
	struct err err = ERR_INIT, unsaved = ERR_INIT;

	/* What was learned meanwhile, for a delete should this not succeed. */
	IGNORE(state_save(c->dir_fd, &c->state, &unsaved) < 0,
	       "matters, and is told, if the rest fails too");
	if (sandbox_destroy(c->rt, c->dir_fd, &c->state, &err) < 0) {
		fprintf(stderr, "kata-runtime: clean up: %s\n", err.text);
		if (unsaved.code)
			fprintf(stderr, "kata-runtime: clean up: %s\n",
				unsaved.text);
		return; /* the record stays, for delete --force */
	}
	if (c->vm_failed)
		keep_log(c->rt, c->dir_fd);
	hook_point_stopped(c->dir_fd, &c->state);
	/* while the name is still taken: the next one of it has its own */
	if (labels_release(c->rt, &c->state, &err) < 0 ||
	    path_remove_tree(c->rt->root_fd, c->id, &err) < 0 ||
	    (c->state.uid && uid_pool_release(c->rt, &c->state, &err) < 0))
		fprintf(stderr, "kata-runtime: clean up: %s\n", err.text);
}

int container_create(struct runtime *rt, const char *id,
		     const struct create_options *options,
		     struct process_ref *ret_shim, struct err *err)
{
	struct creation c = { .rt = rt,
			      .id = id,
			      .options = options,
			      .dir_fd = -1,
			      .pidfd_fd = -1,
			      .shim_fd = -1 };
	int r;

	sandbox_init(&c.sandbox); /* its descriptors are closed in every case */
	for (size_t i = 0; i < SPARE_FDS; i++)
		c.spare[i] = -1;
	r = state_root_open(rt, err);
	if (r == 0)
		r = prepare(&c, err);
	if (r == 0)
		r = keep_spare(&c, err);
	if (r == 0) {
		c.dir_fd = state_create(rt, id, err);
		r = c.dir_fd < 0 ? c.dir_fd : build(&c, err);
		if (r == -ENOSPC)
			r = err_wrap(err, "state root %s", rt->root);
		if (r < 0)
			jail_check_learn(&c.sandbox);
		sandbox_done(&c.sandbox);
		give_spare(&c);
		if (r < 0 && c.dir_fd >= 0)
			undo(&c);
	}
	give_spare(&c);
	if (r == 0)
		*ret_shim = c.state.shim;
	share_done(&c.share);
	bundle_done(&c.bundle);
	state_done(&c.state);
	if (c.dir_fd >= 0)
		close(c.dir_fd);
	if (c.pidfd_fd >= 0)
		close(c.pidfd_fd);
	if (c.shim_fd >= 0)
		close(c.shim_fd);
	return r < 0 ? r : 0;
}

/*
 * All that is made here is the caller's own. What is not (somebody with the
 * container's ids put it there) needs a namespace in which it is.
 */
static int remove_dir(struct runtime *rt, const char *id,
		      const struct state *state, struct err *err)
{
	int r = path_remove_tree(rt->root_fd, id, err);

	if ((r != -EACCES && r != -EPERM) || !own_userns_is_plain(rt))
		return r;
	err_clear(err);
	if (own_userns_enter_same(rt, state, err) < 0)
		return -err->code;
	return path_remove_tree(rt->root_fd, id, err);
}

int container_remove(struct runtime *rt, const char *id, int dir_fd,
		     struct err *err)
{
	struct state state = { 0 };
	struct err damaged = ERR_INIT;
	int r;

	if (state_load(dir_fd, &state, &damaged) == 0) {
		hook_step("delete-begun");
		r = sandbox_destroy(rt, dir_fd, &state, err);
		if (r >= 0)
			hook_point_stopped(dir_fd, &state);
	} else {
		/* A create that died before its first record left nothing. */
		if (damaged.code != ENOENT)
			fprintf(stderr, "kata-runtime: %s: %s\n", id,
				damaged.text);
		r = sandbox_quit(dir_fd, err);
	}
	if (r >= 0) /* while the name is still taken */
		r = labels_release(rt, &state, err);
	if (r >= 0)
		r = remove_dir(rt, id, &state, err);
	if (r >= 0 && state.uid) /* files of the id kept it until now */
		r = uid_pool_release(rt, &state, err);
	state_done(&state);
	return r;
}
