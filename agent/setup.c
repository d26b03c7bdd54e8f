// SPDX-License-Identifier: Apache-2.0
/*
 * setup.c - a forked child of the agent becomes a process of a container.
 *
 * Theory of operation. The child is a copy of PID 1 with all its rights, in
 * the container's cgroup already. It gives things up in this order, and each
 * step needs what the later ones take away:
 *
 *   descriptors  all but its own few
 *   namespaces   init: new ones and the root; exec: those of the init
 *   terminal     needs the container's devpts
 *   limits       need CAP_SYS_RESOURCE
 *   identity     ids and capability sets (CAP_SYS_ADMIN is kept one step
 *                longer where a filter must be loaded without no_new_privs)
 *   program      is looked up as the user, so that create can say no
 *   filter       seccomp, then the last capset
 *   report       READY; then it waits for one byte and executes the program
 *
 * An init is alone in its new pid namespace: nobody sees it. An exec would be
 * seen by the running container, and one with CAP_SYS_PTRACE could take it
 * over with all its rights. (One without cannot: we are not dumpable.) So
 * where a container may look, an exec's child is a helper in the agent's pid
 * namespace, and only when it has no more rights than the process is to have
 * (filter included, and without the agent's memory: hide.c) does it clone that
 * process into the container's, with CLONE_PARENT, so that the agent is its
 * parent, and ends. The kernel writes the process's number into a page that
 * the helper shares with the agent and the process does not have.
 *
 * After the filter only write(2), read(2), capset(2), prctl(2) and execve(2)
 * are made, and by a helper clone(2), setsid(2), exit_group(2) and on a
 * terminal ioctl(2): a profile that forbids one of them fails to start, and
 * says so. Errors go over the pipe as they are.
 * The image and, for an exec, the running container are hostile.
 *
 * #caps:agent/setup all - guest root until identity_apply()
 */
#include "setup.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "auto.h"
#include "child.h"
#include "fd.h"
#include "hooks.h"
#include "path.h"
#include "process.h"

static char *no_environment[] = { NULL };

static void NORETURN fail(const struct launch *launch, const struct err *err)
{
	struct sync_message message = { .kind = SYNC_FAILED, .err = *err };

	IGNORE(write(launch->sync_fd, &message, sizeof(message)),
	       "the agent sees the exit too");
	_exit(127);
}

/* Closes every descriptor that is not in the list. */
static int keep_only(int *fds, size_t count, struct err *err)
{
	unsigned from = 3;

	for (size_t i = 1; i < count; i++)
		for (size_t k = i; k > 0 && fds[k] < fds[k - 1]; k--) {
			int swap = fds[k];

			fds[k] = fds[k - 1];
			fds[k - 1] = swap;
		}
	for (size_t i = 0; i < count; i++) {
		if (fds[i] < (int)from)
			continue;
		if (fds[i] > (int)from &&
		    close_range(from, (unsigned)fds[i] - 1, 0) < 0)
			return err_set(err, errno, "close descriptors");
		from = (unsigned)fds[i] + 1;
	}
	if (close_range(from, ~0u, 0) < 0)
		return err_set(err, errno, "close descriptors");
	return 0;
}

static int start_alone(const struct launch *launch, struct err *err)
{
	int fds[] = { launch->sync_fd,	launch->go_fd,	  launch->pty_fd,
		      launch->stdio[0], launch->stdio[1], launch->stdio[2],
		      launch->proc_fd,	launch->join_fd };
	int r;

	child_reset_signals();
	r = keep_only(fds, ARRAY_SIZE(fds), err);
	if (r < 0)
		return r;
	if (!launch->by_helper && setsid() < 0)
		return err_set(err, errno, "new session");
	/* The agent's keyring is not the container's. */
	if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0 &&
	    errno != ENOSYS)
		return err_set(err, errno, "new session keyring");
	return 0;
}

static int join(const struct launch *launch, struct err *err)
{
	int what = CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;

	/* The pid namespace is that of children only. */
	if (launch->by_helper)
		what |= CLONE_NEWPID;
	if (setns(launch->join_fd, what) < 0)
		return err_set(err, errno, "enter the container's namespaces");
	close(launch->join_fd);
	return 0;
}

static int set_up_stdio(const struct launch *launch, struct err *err)
{
	AUTO_FD int master_fd = -1;
	int r;

	if (!launch->terminal) {
		for (int i = 0; i < 3; i++)
			if (dup2(launch->stdio[i], i) < 0)
				return err_set(err, errno, "standard streams");
		return 0;
	}
	master_fd = devices_terminal(launch, err);
	if (master_fd < 0)
		return master_fd;
	r = fd_send(launch->pty_fd, "", 1, &master_fd, 1);
	if (r < 0)
		return err_set(err, -r, "hand over the terminal");
	/* The last socket: nothing that the container sees has one. */
	close(launch->pty_fd);
	return launch->by_helper ? 0 : devices_take_terminal(err);
}

/*
 * An init's missing directory is made as guest root. It may be one that only
 * root can enter, or one that only the user can: either is fine. By
 * descriptor, because a plain chdir() would follow /proc/self/fd out of the
 * root.
 */
static int open_cwd(const struct launch *launch, bool *ret_entered,
		    struct err *err)
{
	AUTO_FD int root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	AUTO_FD int fd = -1;

	if (root_fd < 0)
		return err_set(err, errno, "open the root");
	fd = launch->is_init ?
		     path_mkdirs_in_root(root_fd, launch->cwd, 0755, err) :
		     path_open_in_root(root_fd, launch->cwd,
				       O_PATH | O_DIRECTORY, 0, err);
	if (fd == -EEXIST || fd == -ENOTDIR)
		return err_msg(err, ENOTDIR,
			       "process.cwd: %s is not a directory",
			       launch->cwd);
	if (fd < 0)
		err_clear(err); /* the user may be able to enter it */
	*ret_entered = fd >= 0 && fchdir(fd) == 0;
	return 0;
}

static int enter_cwd(const struct launch *launch, bool entered, struct err *err)
{
	AUTO_FD int root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	AUTO_FD int fd = -1;
	char path[4096];
	long n;

	if (root_fd < 0)
		return err_set(err, errno, "open the root");
	if (!entered) {
		fd = path_open_in_root(root_fd, launch->cwd,
				       O_PATH | O_DIRECTORY, 0, err);
		if (fd < 0)
			return err_wrap(err, "process.cwd");
		if (fchdir(fd) < 0)
			return err_set(err, errno, "chdir to cwd (\"%s\")",
				       launch->cwd);
	}
	/* The kernel marks a directory outside the root: "(unreachable)". */
	n = syscall(SYS_getcwd, path, sizeof(path));
	if (n < 0)
		return err_set(err, errno, "working directory");
	if (path[0] != '/')
		return err_msg(err, EPERM,
			       "process.cwd: %s is outside the container's root",
			       launch->cwd);
	return 0;
}

static int find_program(struct launch *launch, char **ret_program,
			struct err *err)
{
	bool entered = false;
	int r;

	lookup_home(launch);
	umask(022);
	r = hook_is_broken("cwd") ? 0 : open_cwd(launch, &entered, err);
	if (r == 0)
		r = identity_apply(launch, err);
	if (r == 0 && !hook_is_broken("cwd"))
		r = enter_cwd(launch, entered, err);
	if (r == 0)
		r = lookup_program(launch, ret_program, err);
	umask(launch->has_umask ? launch->umask : 022);
	if (hook_is_broken(launch->is_init ? "umask" : "exec"))
		umask(0);
	return r;
}

/* Everything up to the filter; ret is what to execute. */
static int prepare(struct launch *launch, struct hide_parcel *ret,
		   struct err *err)
{
	AUTO_FD int maps_fd = -1;
	int r = start_alone(launch, err);

	if (r == 0)
		r = launch->is_init ? rootfs_enter(launch, err) :
				      join(launch, err);
	if (r == 0)
		r = set_up_stdio(launch, err);
	if (r == 0)
		r = identity_limits(launch, err);
	if (r == 0 && launch->by_helper)
		r = maps_fd = hide_open(launch->proc_fd, err);
	if (r < 0)
		return r;
	/* A test build's way out of the root, which the report has to show. */
	if (hook_is_broken("cwd") && fchdir(launch->proc_fd) < 0)
		return err_set(err, errno, "leave the root");
	/* The last directory of the guest's: args may name what is below it. */
	close(launch->proc_fd);
	launch->proc_fd = -1;
	r = find_program(launch, &ret->program, err);
	if (r == 0 && close_range(3, ~0u, CLOSE_RANGE_CLOEXEC) < 0)
		r = err_set(err, errno, "close descriptors at exec");
	if (r == 0 && launch->by_helper)
		return hide_memory(maps_fd, ret->program, launch, ret, err);
	ret->argv = launch->args.item;
	ret->envp = launch->env.count ? launch->env.item : no_environment;
	return r;
}

/*
 * The helper becomes two: itself, which ends, and the process, born in the
 * container with nothing that the container lacks. The number is in place
 * before the process runs.
 *
 * Should: give the process a session and its terminal.
 * Mustn't: be called with more rights than the process is to have.
 */
static int be_born(const struct launch *launch, struct err *err)
{
	long pid;

	*launch->birth = 0; /* the page is there: the kernel's write succeeds */
	/* clone(2), not clone3(2), which engines' filters refuse. */
	pid = syscall(SYS_clone, CLONE_PARENT | CLONE_PARENT_SETTID | SIGCHLD,
		      0, launch->birth, 0, 0);
	if (pid < 0)
		return err_set(err, errno, "clone the process");
	if (pid > 0)
		_exit(0);
	if (setsid() < 0)
		return err_set(err, errno, "new session");
	return launch->terminal ? devices_take_terminal(err) : 0;
}

/* ENOENT and EACCES in the words that engines look for. */
static const char *words_for(int code)
{
	if (code == ENOENT)
		return "no such file or directory";
	if (code == EACCES)
		return "permission denied";
	return strerror(code);
}

/**
 * setup_child() - The child's whole way to its program
 * @launch:	What to become
 */
void setup_child(struct launch *launch)
{
	struct sync_message ready = { .kind = SYNC_READY };
	struct err err = ERR_INIT;
	struct hide_parcel parcel = { NULL, NULL, NULL };
	char go;

	if (prepare(launch, &parcel, &err) < 0)
		fail(launch, &err);
	BUG_ON(!parcel.program);
	/* The helper first: a process without the filter would be a prize too. */
	if (identity_confine(launch, &err) < 0)
		fail(launch, &err);
	if (launch->by_helper && be_born(launch, &err) < 0)
		fail(launch, &err);
	if (write(launch->sync_fd, &ready, sizeof(ready)) != sizeof(ready))
		_exit(127);
	if (read(launch->go_fd, &go, 1) != 1)
		_exit(127); /* the agent gave up */
	execve(parcel.program, parcel.argv, parcel.envp);
	err_msg(&err, errno, "exec %s: %s", parcel.program, words_for(errno));
	fail(launch, &err);
}
