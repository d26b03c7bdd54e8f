// SPDX-License-Identifier: Apache-2.0
/*
 * cmd-exec.c - kata-runtime exec: a new shim inside the namespaces of the
 * container's shim. Detached (conmon, containerd) or in the foreground.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "auto.h"
#include "child.h"
#include "container.h"
#include "fd.h"
#include "ids.h"
#include "lifecycle.h"
#include "oci.h"
#include "opts.h"
#include "own-userns.h"
#include "path.h"
#include "records.h"
#include "spawn.h"
#include "state.h"

#define EXEC_MS 30000
#define PROCESS_BYTES_MAX (1u << 20)
#define EXEC_FDS 8

struct exec_options {
	const char *process, *pid_file, *console_socket, *preserve_fds;
	bool detach, tty;
};

struct execution {
	struct runtime *rt;
	const char *id;
	const struct exec_options *options;
	int dir_fd;
	struct state state;
	char exec_id[40];
	struct fd_name fds[EXEC_FDS];
	size_t fd_count;
	pid_t pid;
};

static void add_fd(struct execution *e, const char *name, int fd)
{
	BUG_ON(e->fd_count == EXEC_FDS);
	e->fds[e->fd_count++] = (struct fd_name){ name, fd };
}

/* Reads and checks the process here, so that errors come early; the shim gets
 * the same bytes. */
static int open_process(struct execution *e, struct err *err)
{
	AUTO_FREE char *text = NULL;
	struct oci_process *process = NULL;
	bool terminal;
	int fd;

	if (path_read_file(AT_FDCWD, e->options->process, PROCESS_BYTES_MAX,
			   &text, err) < 0)
		return -err->code;
	if (oci_process_parse(text, strlen(text), &process, err) < 0)
		return err_wrap(err, "%s", e->options->process);
	terminal = process->terminal;
	if (oci_process_unsupported(process, err) < 0) {
		oci_process_free(process);
		return err_wrap(err, "%s", e->options->process);
	}
	oci_process_free(process);
	if (terminal && !e->options->console_socket)
		return err_msg(
			err, EINVAL,
			"process.terminal is set but there is no --console-socket");
	fd = fd_memfd("process", text, strlen(text), err);
	if (fd >= 0)
		add_fd(e, "process", fd);
	return fd;
}

static int open_files(struct execution *e, struct err *err)
{
	AUTO_FREE char *filter =
		xasprintf("%s/shim.bpf", e->rt->settings.seccomp);
	int fd = open_process(e, err);

	if (fd < 0)
		return fd;
	fd = openat(e->dir_fd, "log", O_WRONLY | O_APPEND | O_CLOEXEC);
	if (fd < 0)
		return err_set(err, errno, "log");
	add_fd(e, "log", fd);
	fd = path_open_trusted(filter, err);
	if (fd < 0)
		return err_wrap(err, "seccomp filter");
	add_fd(e, "seccomp", fd);
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
	fd = console_connect(e->options->console_socket, err);
	if (fd >= 0)
		add_fd(e, "console", fd);
	return fd;
}

static int spawn(struct execution *e, int control_fd, struct err *err)
{
	AUTO_FREE char *list = NULL;
	struct strv argv = { 0 };
	struct spawn_shim spec = { .path = e->rt->settings.shim,
				   .argv = &argv,
				   .fds = e->fds,
				   .cgroups = &e->state.cgroups,
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
	strv_addf(&argv, "--fds=%s", list);
	r = spawn_shim(&spec, &e->pid, err);
	strv_done(&argv);
	return r;
}

static int run_exec(struct execution *e, struct err *err)
{
	union record record;
	AUTO_FD int ours = -1;
	int pair[2], r;

	if (path_check_trusted(e->rt->settings.shim, err) < 0 ||
	    open_files(e, err) < 0)
		return -err->code;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_set(err, errno, "socketpair");
	ours = pair[0];
	r = spawn(e, pair[1], err); /* pair[1] is closed with e->fds */
	if (r == 0)
		r = record_expect(ours, RECORD_SHIM_STARTED, &record, EXEC_MS,
				  err);
	if (r >= 0 && e->options->pid_file)
		r = pid_file_write(e->options->pid_file, e->pid, err);
	if (r < 0 || e->options->detach)
		return r < 0 ? r : 0;
	return 1;
}

static int wait_exec(pid_t pid, struct err *err)
{
	int status;
	pid_t r;

	do {
		r = waitpid(pid, &status, 0);
	} while (r < 0 && errno == EINTR);
	if (r < 0)
		return err_set(err, errno, "wait for the process");
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) :
				     WEXITSTATUS(status);
}

static int exec_in(struct execution *e, struct err *err)
{
	enum state_status status;
	uint64_t nonce[2];
	int r;

	if (container_load(e->dir_fd, &e->state, err) < 0)
		return -err->code;
	status = state_status(&e->state);
	if (status == STATUS_PAUSED)
		return err_msg(err, EBUSY, "cannot exec in a paused container");
	if (status != STATUS_RUNNING)
		return err_msg(err, ESRCH,
			       "cannot exec in a container that is not running");
	if (own_userns_join(e->rt, &e->state, err) < 0)
		return -err->code;
	if (getrandom(nonce, sizeof(nonce), 0) != sizeof(nonce))
		return err_set(err, errno, "random exec id");
	snprintf(e->exec_id, sizeof(e->exec_id), "%016llx%016llx",
		 (unsigned long long)nonce[0], (unsigned long long)nonce[1]);
	r = run_exec(e, err);
	for (size_t i = 0; i < e->fd_count; i++)
		close(e->fds[i].fd);
	return r > 0 ? wait_exec(e->pid, err) : r;
}

int cmd_exec(struct runtime *rt, int argc, char **argv, int first,
	     struct err *err)
{
	struct exec_options o = { 0 };
	struct execution e = { .rt = rt, .options = &o, .dir_fd = -1 };
	const struct opt table[] = {
		{ "process", 'p', "FILE", "OCI process as JSON", &o.process,
		  NULL },
		{ "pid-file", 0, "FILE", "where the pid to watch is written",
		  &o.pid_file, NULL },
		{ "console-socket", 0, "PATH",
		  "socket that receives the terminal", &o.console_socket, NULL },
		{ "preserve-fds", 0, "N", "only 0: descriptors cannot enter a VM",
		  &o.preserve_fds, NULL },
		{ "detach", 'd', NULL, "return once it runs", NULL, &o.detach },
		{ "tty", 't', NULL, "accepted: process.terminal decides", NULL,
		  &o.tty },
	};
	int at = opts_parse(table, ARRAY_SIZE(table), argc, argv, first, err);
	int r;

	if (operand_id(argc, argv, at, &e.id, err) < 0)
		return -err->code;
	if (!o.process)
		return err_msg(err, EINVAL, "exec needs --process FILE");
	if (preserve_fds_check(o.preserve_fds, err) < 0 ||
	    state_root_open(rt, err) < 0 ||
	    settings_load(&rt->settings, rt->config_option,
			  rt->initial_userns && geteuid() == 0, err) < 0)
		return -err->code;
	if (!o.detach && prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		return err_set(err, errno, "become a sub-reaper");
	e.dir_fd = state_open(rt, e.id, false, err);
	if (e.dir_fd < 0)
		return e.dir_fd;
	r = exec_in(&e, err);
	state_done(&e.state);
	close(e.dir_fd);
	return r;
}
