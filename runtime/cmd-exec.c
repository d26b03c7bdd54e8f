// SPDX-License-Identifier: Apache-2.0
/*
 * cmd-exec.c - kata-runtime exec: a new shim inside the namespaces of the
 * container's shim. Detached (conmon, containerd), or in the foreground with
 * the caller's stdio and terminal (CRI-O, a person). Needs the rights of the
 * user that the container belongs to.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "auto.h"
#include "child.h"
#include "container.h"
#include "exec-process.h"
#include "fd.h"
#include "filter.h"
#include "foreground.h"
#include "hooks.h"
#include "ids.h"
#include "jail-check.h"
#include "labels.h"
#include "lifecycle.h"
#include "opts.h"
#include "own-userns.h"
#include "path.h"
#include "readback.h"
#include "records.h"
#include "sandbox.h"
#include "spawn.h"
#include "selinux.h"
#include "state.h"

#define EXEC_MS 30000
#define CONFIG_BYTES_MAX (4u << 20)
#define EXEC_FDS 8
#define SETTLE_MS 2000 /* for a shim that has said why it failed */

struct exec_options {
	struct exec_flags flags;
	const char *pid_file, *console_socket, *pidfd_socket, *preserve_fds;
	bool detach, ignore_paused;
};

struct execution {
	struct runtime *rt;
	const char *id;
	const struct exec_options *options;
	int dir_fd;
	struct state state;
	char exec_id[40];
	struct oci_process *process; /* owned: what the guest is asked for */
	struct policy *policy;	     /* owned: what the shim is compared with */
	struct fd_name fds[EXEC_FDS];
	size_t fd_count;
	int control_fd; /* ours; open until the end of a foreground exec */
	pid_t pid;
	struct process_ref shim; /* the same, for as long as it lives */
	int shim_fd;  /* its pidfd; -1: it ended before there was one */
	bool started; /* the guest has the process */
};

static void add_fd(struct execution *e, const char *name, int fd)
{
	BUG_ON(e->fd_count == EXEC_FDS);
	e->fds[e->fd_count++] = (struct fd_name){ name, fd };
}

static int open_process(struct execution *e, struct err *err)
{
	const struct exec_options *o = e->options;
	AUTO_FREE char *text = NULL;
	bool terminal;
	int fd;

	if (exec_process(&o->flags, e->dir_fd, &text, &terminal, err) < 0)
		return -err->code;
	if (terminal && terminal_check(o->console_socket, !o->detach, err) < 0)
		return -err->code;
	fd = fd_memfd("process", text, strlen(text), err);
	if (fd < 0)
		return fd;
	add_fd(e, "process", fd);
	return oci_process_parse(text, strlen(text), &e->process, err);
}

/* Before the container's namespace is entered: there an owner may be unmapped. */
static int check_shim(struct execution *e, struct err *err)
{
	int fd;

	if (!e->state.shim_path || !e->state.seccomp_dir || !e->state.policy_dir)
		return err_msg(
			err, EINVAL,
			"the record of %s names no shim: it was made by an older build",
			e->id);
	if (path_check_trusted(e->state.shim_path, err) < 0)
		return err_wrap(err, "kata-shim");
	fd = filter_open(e->state.seccomp_dir, "shim", err);
	if (fd < 0)
		return err_wrap(err, "seccomp filter");
	add_fd(e, "seccomp", fd);
	return jail_check_shim_policy(&e->state, &e->policy, err);
}

static int open_files(struct execution *e, struct err *err)
{
	int fd = open_process(e, err);

	if (fd < 0)
		return fd;
	fd = openat(e->dir_fd, "log", O_WRONLY | O_APPEND | O_CLOEXEC);
	if (fd < 0)
		return err_set(err, errno, "log");
	add_fd(e, "log", fd);
	fd = process_open_ns(&e->state.shim, "mnt", err);
	if (fd < 0)
		return fd;
	add_fd(e, "mntns", fd);
	fd = state_connect(e->dir_fd, "agent.sock", SOCK_STREAM, err);
	if (fd < 0)
		return fd;
	add_fd(e, "proxy", fd);
	if (!e->options->console_socket)
		return 0;
	fd = engine_connect(e->options->console_socket, "console socket", err);
	if (fd >= 0)
		add_fd(e, "console", fd);
	return fd;
}

static int spawn(struct execution *e, int control_fd, struct err *err)
{
	AUTO_FREE char *list = NULL;
	struct strv argv = { 0 };
	struct spawn_shim spec = { .path = e->state.shim_path,
				   .argv = &argv,
				   .fds = e->fds,
				   .cgroups = &e->state.cgroups,
				   .unit = &e->state.unit,
				   .net_fd = -1,
				   .join = &e->state.shim };
	int r;

	add_fd(e, "control", control_fd);
	spec.fd_count = e->fd_count;
	list = child_fds_arg(e->fds, e->fd_count);
	strv_add(&argv, "kata-shim");
	strv_add(&argv, "--role");
	strv_add(&argv, "exec");
	strv_add(&argv, "--id");
	strv_add(&argv, e->id);
	strv_add(&argv, "--exec-id");
	strv_add(&argv, e->exec_id);
	if (!e->options->detach)
		strv_add(&argv, "--foreground");
	if (e->rt->debug)
		strv_add(&argv, "--debug");
	jail_check_break_args(&argv, "shim");
	strv_addf(&argv, "--fds=%s", list);
	r = labels_exec(&e->state, LABELS_SHIM, err);
	if (r == 0)
		r = spawn_shim(&spec, &e->pid, err);
	selinux_exec_done();
	strv_done(&argv);
	return r;
}

/* The shim has its own: were one kept here, its end would not be seen. */
static void close_fds(struct execution *e)
{
	for (size_t i = 0; i < e->fd_count; i++)
		close(e->fds[i].fd);
	e->fd_count = 0;
}

static void close_control(struct execution *e)
{
	if (e->control_fd >= 0)
		close(e->control_fd);
	e->control_fd = -1;
}

/*
 * Its end is that of the process in the guest. A shim that has said why it
 * failed ends by itself, and so does one that waits for our word; one whose
 * process runs does not, and detached it would not learn of our end: the caller
 * is told that there is no such process. In the foreground it is our child: not
 * reaped, it would hold up the end of the container's pid namespace.
 */
static void end_failed(const struct execution *e)
{
	int r = 0;

	if (e->pid <= 0)
		return;
	if (e->started || e->shim_fd < 0 ||
	    fd_wait_in(e->shim_fd, SETTLE_MS) <= 0)
		r = process_kill(&e->shim, SIGKILL);
	if (r < 0)
		fprintf(stderr, "kata-runtime: end the shim (pid %d): %s\n",
			e->pid, strerror(-r));
	if (e->options->detach)
		return;
	IGNORE(kill(e->pid, SIGKILL) < 0, "not reaped yet: it is no other");
	IGNORE(waitpid(e->pid, NULL, 0) < 0, "somebody else has reaped it");
}

/* What the caller gets to watch it by. */
static int tell_caller(struct execution *e, int pidfd_fd, struct err *err)
{
	if (pidfd_fd >= 0 && pidfd_send(pidfd_fd, e->shim_fd, err) < 0)
		return -err->code;
	if (!e->options->pid_file)
		return 0;
	return pid_file_write(e->options->pid_file, e->pid, err);
}

/* One that has ended already has left word of why. */
static int record_shim(struct execution *e, struct err *err)
{
	int r = process_record(&e->shim, e->pid, "shim", err);

	if (r == 0)
		r = e->shim_fd = process_pidfd(&e->shim, err);
	if (r != -ESRCH)
		return r < 0 ? r : 0;
	err_clear(err);
	return 0;
}

/* It decodes what the guest says: not before it holds what the policy says. */
static int look_at_shim(struct execution *e, struct err *err)
{
	struct verify_report report = VERIFY_REPORT_INIT;
	int r = jail_check_shim(e->rt, &e->state, e->policy, e->pid,
				e->control_fd, &report, err);

	verify_report_done(&report);
	return r;
}

/*
 * The process is frozen and executes its program at our word. One that is not
 * what was asked for ends with its shim, and so does one that we leave alone.
 */
static int verify(struct execution *e, struct err *err)
{
	AUTO_FREE char *text = NULL;
	struct readback got = { 0 };
	struct oci_spec *spec = NULL;
	union record record;
	int r = readback_receive(e->control_fd, EXEC_MS, &got, err);

	if (r < 0)
		return r; /* the shim has said why it failed, and ends */
	hook_step("exec-held");
	r = path_read_file(e->dir_fd, "config.json", CONFIG_BYTES_MAX, &text,
			   err);
	if (r == 0)
		r = oci_spec_parse(text, strlen(text), &spec, err);
	if (r == 0)
		r = readback_check_exec(&got, e->process, spec, e->id, err);
	oci_spec_free(spec);
	readback_done(&got);
	if (r < 0)
		return r;
	record_init(&record, RECORD_OK);
	return record_send(e->control_fd, &record, err);
}

static int start_process(struct execution *e, struct err *err)
{
	union record record;
	AUTO_FD int pidfd_fd = -1;
	int pair[2], r;

	if (labels_enter(&e->state, err) < 0 || open_files(e, err) < 0)
		return -err->code;
	if (e->options->pidfd_socket) {
		pidfd_fd = engine_connect(e->options->pidfd_socket,
					  "pidfd socket", err);
		if (pidfd_fd < 0)
			return pidfd_fd;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_set(err, errno, "socketpair");
	e->control_fd = pair[0];
	r = spawn(e, pair[1], err); /* pair[1] is one of e->fds now */
	close_fds(e);
	if (r == 0)
		r = record_shim(e, err);
	if (r == 0)
		r = look_at_shim(e, err);
	if (r == 0)
		r = verify(e, err);
	if (r == 0)
		r = record_expect(e->control_fd, RECORD_SHIM_STARTED, &record,
				  EXEC_MS, err);
	if (r < 0)
		return r;
	e->started = true;
	hook_step("exec-started");
	return tell_caller(e, pidfd_fd, err);
}

static int check_status(const struct execution *e, struct err *err)
{
	enum state_status status = state_status(&e->state);

	if (status == STATUS_PAUSED && !e->options->ignore_paused)
		return err_msg(
			err, EBUSY,
			"cannot exec in a paused container (use --ignore-paused to override)");
	if (status != STATUS_RUNNING && status != STATUS_PAUSED)
		return err_msg(err, ESRCH,
			       "cannot exec in a container that is not running");
	return 0;
}

/* One that does not would run the program before anybody has compared. */
static int check_agent(const struct execution *e, struct err *err)
{
	if (e->state.holds_execs)
		return 0;
	return err_msg(
		err, EOPNOTSUPP,
		"cannot exec in %s: its VM was started by an older version, "
		"whose agent cannot hold an exec until it is verified; recreate the container",
		e->id);
}

static int exec_in(struct execution *e, struct err *err)
{
	uint64_t nonce[2];
	int r;

	if (container_load(e->dir_fd, &e->state, err) < 0 ||
	    check_status(e, err) < 0 || check_agent(e, err) < 0)
		return -err->code;
	if (getrandom(nonce, sizeof(nonce), 0) != sizeof(nonce))
		return err_set(err, errno, "random exec id");
	snprintf(e->exec_id, sizeof(e->exec_id), "%016llx%016llx",
		 (unsigned long long)nonce[0], (unsigned long long)nonce[1]);
	r = check_shim(e, err);
	if (r == 0)
		r = own_userns_join(e->rt, &e->state, err);
	if (r == 0)
		r = start_process(e, err);
	close_fds(e); /* of a start that did not get that far */
	if (r < 0) {
		IGNORE(sandbox_ask_why(e->dir_fd, err) < 0, "err has it");
		close_control(e);
		end_failed(e);
	}
	if (r < 0 || e->options->detach)
		return r;
	foreground_watch(e->pid);
	return foreground_wait(e->pid, err);
}

static int run_exec(struct execution *e, struct err *err)
{
	int r;

	if (state_root_open(e->rt, err) < 0)
		return -err->code;
	e->dir_fd = state_open(e->rt, e->id, false, err);
	if (e->dir_fd < 0)
		return e->dir_fd;
	r = e->options->detach ?
		    0 :
		    foreground_begin(!e->options->console_socket, err);
	if (r == 0)
		r = exec_in(e, err);
	foreground_end();
	oci_process_free(e->process);
	policy_free(e->policy);
	close_control(e);
	if (e->shim_fd >= 0)
		close(e->shim_fd);
	state_done(&e->state);
	close(e->dir_fd);
	return r;
}

static int parse(struct exec_options *o, int argc, char **argv, int first,
		 struct err *err)
{
	struct exec_flags *f = &o->flags;
	const struct opt table[] = {
		{ "process", 'p', "FILE", "OCI process as JSON", &f->process,
		  NULL },
		{ "pid-file", 0, "FILE", "where the pid to watch is written",
		  &o->pid_file, NULL },
		{ "console-socket", 0, "PATH",
		  "socket that receives the terminal", &o->console_socket, NULL },
		{ "detach", 'd', NULL, "return once it runs", NULL, &o->detach },
		{ "tty", 't', NULL, "a command gets a terminal", NULL, &f->tty },
		{ "cwd", 0, "DIR", "working directory of a command", &f->cwd,
		  NULL },
		{ "env", 'e', "NAME=VALUE", "one more variable", NULL, &f->env },
		{ "user", 'u', "UID[:GID]", "who a command runs as", &f->user,
		  NULL },
		{ "additional-gids", 'g', "GID", "one more group", NULL,
		  &f->gids },
		{ "cap", 'c', "NAME", "one more capability", NULL, &f->caps },
		{ "no-new-privs", 0, NULL, "no rights by set-uid programs",
		  NULL, &f->no_new_privs },
		{ "process-label", 0, "LABEL", "SELinux label, recorded",
		  &f->process_label, NULL },
		{ "apparmor", 0, "PROFILE", "AppArmor profile, recorded",
		  &f->apparmor, NULL },
		{ "ignore-paused", 0, NULL, "exec in a paused container too",
		  NULL, &o->ignore_paused },
		{ "pidfd-socket", 0, "PATH", "socket that receives a pidfd",
		  &o->pidfd_socket, NULL },
		{ "preserve-fds", 0, "N", "only 0: descriptors cannot enter a VM",
		  &o->preserve_fds, NULL },
	};

	return opts_parse(table, ARRAY_SIZE(table), argc, argv, first, err);
}

int cmd_exec(struct runtime *rt, int argc, char **argv, int first,
	     struct err *err)
{
	struct exec_options o = { 0 };
	struct execution e = { .rt = rt,
			       .options = &o,
			       .dir_fd = -1,
			       .control_fd = -1,
			       .shim_fd = -1 };
	int at = parse(&o, argc, argv, first, err);
	int r = at;

	if (at >= 0 && at < argc) {
		/* What follows the ID is the command. */
		e.id = argv[at];
		o.flags.args = argv + at + 1;
		o.flags.arg_count = (size_t)(argc - at - 1);
		r = ids_check(e.id, err);
	} else if (at >= 0) {
		r = err_msg(err, EINVAL, "a container ID is needed");
	}
	if (r >= 0)
		r = preserve_fds_check(rt->inherited_fds, o.preserve_fds, err);
	if (r >= 0)
		r = pid_file_check(o.pid_file, err);
	if (r >= 0)
		r = run_exec(&e, err);
	exec_flags_done(&o.flags);
	return r;
}
