// SPDX-License-Identifier: Apache-2.0
/*
 * child.c - child processes with an explicit set of descriptors. Whatever
 * else the caller holds (engines leak descriptors on purpose) is closed
 * before execve, by close_range(2), Linux 5.9.
 *
 * #syscalls:proxy wait4 close - a jail that has ended
 */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "auto.h"
#include "num.h"

#define FDS_MAX (FD_PASS_MAX + 1200) /* mounts of a big config.json */

int child_place_fds(const struct fd_name *fds, size_t count)
{
	int moved[FDS_MAX];
	int floor = 3 + (int)count;

	if (count > FDS_MAX)
		return -E2BIG;
	/* First out of the way of every target, then into place. */
	for (size_t i = 0; i < count; i++) {
		moved[i] = fcntl(fds[i].fd, F_DUPFD_CLOEXEC, floor);
		if (moved[i] < 0)
			return -errno;
	}
	for (size_t i = 0; i < count; i++)
		if (dup2(moved[i], 3 + (int)i) < 0)
			return -errno;
	if (close_range((unsigned)floor, ~0u, 0) < 0)
		return -errno;
	return 0;
}

void child_reset_signals(void)
{
	struct sigaction action = { .sa_handler = SIG_DFL };
	sigset_t none;

	for (int n = 1; n < NSIG; n++)
		IGNORE(sigaction(n, &action, NULL) < 0,
		       "KILL, STOP and libc's own cannot be set");
	sigemptyset(&none);
	IGNORE(sigprocmask(SIG_SETMASK, &none, NULL) < 0, "cannot fail");
}

static int place_stdio(const int stdio[3])
{
	int kept[3];

	for (int i = 0; i < 3; i++) {
		kept[i] = stdio[i] >= 0 ? fcntl(stdio[i], F_DUPFD_CLOEXEC, 3) :
					  open("/dev/null", O_RDWR | O_CLOEXEC);
		if (kept[i] >= 0 && kept[i] < 3)
			kept[i] = fcntl(kept[i], F_DUPFD_CLOEXEC, 3);
		if (kept[i] < 0)
			return -errno;
	}
	for (int i = 0; i < 3; i++)
		if (dup2(kept[i], i) < 0)
			return -errno;
	return 0;
}

/* In the child: never returns. error_fd carries a struct err to the parent. */
static NORETURN void run_child(const struct child_spec *spec, int error_fd,
			       pid_t parent)
{
	static char *empty[] = { NULL };
	AUTO_FREE struct fd_name *fds =
		xcalloc(spec->fd_count + 1, sizeof(*fds));
	struct err err = ERR_INIT;
	int r;

	child_reset_signals();
	if (spec->death_signal) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(127);
	}
	if (spec->fd_count > 0)
		memcpy(fds, spec->fds, spec->fd_count * sizeof(*fds));
	fds[spec->fd_count] = (struct fd_name){ "error", error_fd };
	r = spec->prepare ? spec->prepare(spec->prepare_arg, &err) : 0;
	if (r == 0)
		r = place_stdio(spec->stdio);
	if (r == 0)
		r = child_place_fds(fds, spec->fd_count + 1);
	if (r == 0) {
		error_fd = 3 + (int)spec->fd_count; /* until here the old one */
		r = fd_set_cloexec(error_fd, true);
	}
	if (r == 0) {
		execve(spec->path, spec->argv->item,
		       spec->env && spec->env->item ? spec->env->item : empty);
		r = -errno;
	}
	if (!err.code)
		err_set(&err, -r, "execute %s", spec->path);
	IGNORE(fd_write_all(error_fd, &err, sizeof(err)) < 0,
	       "the parent takes the end of the file for it");
	_exit(127);
}

int child_spawn(const struct child_spec *spec, struct child *ret_child,
		struct err *err)
{
	int pipe_fd[2];
	pid_t parent = getpid();
	struct child child = CHILD_INIT;
	struct err said = ERR_INIT;
	ssize_t n;

	if (pipe2(pipe_fd, O_CLOEXEC) < 0)
		return err_set(err, errno, "pipe");
	child.pid = fork();
	if (child.pid == 0)
		run_child(spec, pipe_fd[1], parent);
	close(pipe_fd[1]);
	if (child.pid < 0) {
		int saved = errno;

		close(pipe_fd[0]);
		return err_set(err, saved, "fork");
	}
	n = fd_read_full(pipe_fd[0], &said, sizeof(said));
	close(pipe_fd[0]);
	if (n != 0) {
		IGNORE(waitpid(child.pid, NULL, 0) < 0, "it exits by itself");
		if (n != sizeof(said) || said.code <= 0)
			return err_set(err, EIO, "execute %s", spec->path);
		*err = said;
		return -err->code;
	}
	child.pidfd = pidfd_open_checked(child.pid, err);
	if (child.pidfd < 0) {
		child_end(&child);
		return -err->code;
	}
	*ret_child = child;
	return 0;
}

char *child_fds_arg(const struct fd_name *fds, size_t count)
{
	size_t len = 1;
	char *text, *at;

	for (size_t i = 0; i < count; i++)
		len += strlen(fds[i].name) + 1;
	text = at = xcalloc(1, len);
	for (size_t i = 0; i < count; i++)
		at = stpcpy(stpcpy(at, i ? "," : ""), fds[i].name);
	return text;
}

static void reaped(struct child *child)
{
	if (child->pidfd >= 0)
		close(child->pidfd);
	*child = (struct child)CHILD_INIT;
}

int child_wait(struct child *child, int timeout_ms)
{
	int status, r;

	if (timeout_ms >= 0) {
		r = fd_wait_in(child->pidfd, timeout_ms);
		if (r < 0)
			return r;
		if (r == 0)
			return -ETIMEDOUT;
	}
	do {
		r = waitpid(child->pid, &status, 0);
	} while (r < 0 && errno == EINTR);
	if (r < 0)
		return -errno;
	reaped(child);
	return status;
}

int child_reap(struct child *child)
{
	int status, r = waitpid(child->pid, &status, WNOHANG);

	if (r <= 0)
		return r < 0 ? -errno : -EAGAIN;
	reaped(child);
	return status;
}

void child_end(struct child *child)
{
	if (child->pid > 0) {
		kill(child->pid, SIGKILL);
		IGNORE(child_wait(child, -1) < 0, "someone else reaped it");
	}
	if (child->pidfd >= 0)
		close(child->pidfd);
	*child = (struct child)CHILD_INIT;
}

bool child_end_within(pid_t pid, int grace_ms, int kill_ms, int *ret_status)
{
	struct err ignored = ERR_INIT;
	AUTO_FD int fd = -1;
	int status, r;

	BUG_ON(pid <= 0); /* kill(2) would take it for many */
	/* A child keeps its pid until it is reaped; of another's no signal. */
	r = waitpid(pid, &status, WNOHANG);
	if (r == 0) {
		fd = pidfd_open_checked(pid, &ignored);
		if (fd < 0 || fd_wait_in(fd, grace_ms) <= 0)
			kill(pid, SIGKILL);
		if (fd >= 0)
			IGNORE(fd_wait_in(fd, kill_ms) < 0, "as if it lived");
		r = waitpid(pid, &status, WNOHANG);
	}
	if (r != pid)
		return false;
	if (ret_status)
		*ret_status = status;
	return true;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int left_ms(int64_t end)
{
	int64_t left = end - now_ms();

	return left > 0 ? (int)left : 0;
}

/* Until end of file. Return: bytes, at most size, or -errno */
static ssize_t read_until(int fd, int64_t end, char *text, size_t size)
{
	size_t used = 0;

	while (used < size) {
		int r = fd_wait_in(fd, left_ms(end));
		ssize_t n;

		if (r <= 0)
			return r < 0 ? r : -ETIMEDOUT;
		n = read(fd, text + used, size - used);
		if (n == 0)
			break;
		if (n < 0 && errno != EINTR)
			return -errno;
		used += n > 0 ? (size_t)n : 0;
	}
	return (ssize_t)used;
}

int child_output(const char *path, const struct strv *argv, int timeout_ms,
		 size_t max, char **ret_text, struct err *err)
{
	return child_output_prepared(path, argv, NULL, timeout_ms, max,
				     ret_text, err);
}

int child_output_prepared(const char *path, const struct strv *argv,
			  int (*prepare)(void *arg, struct err *err),
			  int timeout_ms, size_t max, char **ret_text,
			  struct err *err)
{
	int64_t end = now_ms() + timeout_ms;
	AUTO_CHILD struct child child = CHILD_INIT;
	AUTO_FREE char *text = xcalloc(1, max + 2);
	AUTO_FD int read_fd = -1;
	int pipe_fd[2], r;
	ssize_t n;

	if (pipe2(pipe_fd, O_CLOEXEC) < 0)
		return err_set(err, errno, "pipe");
	read_fd = pipe_fd[0];
	r = child_spawn(
		&(struct child_spec){ .path = path,
				      .argv = argv,
				      .stdio = { -1, pipe_fd[1], pipe_fd[1] },
				      .death_signal = true,
				      .prepare = prepare },
		&child, err);
	close(pipe_fd[1]);
	if (r < 0)
		return r;
	n = read_until(read_fd, end, text, max + 1);
	if (n > (ssize_t)max)
		return err_msg(err, EFBIG, "%s says more than %zu bytes", path,
			       max);
	r = n < 0 ? (int)n : child_wait(&child, left_ms(end));
	if (r == -ETIMEDOUT)
		return err_msg(err, ETIMEDOUT, "%s does not end within %d ms",
			       path, timeout_ms);
	if (r < 0)
		return err_set(err, -r, "wait for %s", path);
	*ret_text = take_ptr(text);
	return r;
}

char *child_line(char *text, const char *prefix)
{
	for (char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, prefix, strlen(prefix)) != 0)
			continue;
		line[strcspn(line, "\n")] = '\0';
		return line;
	}
	return NULL;
}

int pidfd_open_checked(pid_t pid, struct err *err)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0); /* sets O_CLOEXEC */

	return fd < 0 ? err_set(err, errno, "pidfd of %d", pid) : fd;
}

/*
 * Field number of /proc/PID/stat from 4 on, as proc(5) counts. -ESRCH only when
 * the process is surely gone: whoever hears that goes on without it.
 */
static int stat_field(pid_t pid, int number, uint64_t *ret)
{
	char path[64], text[1024], *at, *save = NULL;
	AUTO_FD int fd = -1;
	ssize_t n;
	char *field;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	n = fd_read_full(fd, text, sizeof(text) - 1);
	if (n < 0)
		return (int)n; /* ESRCH: it ended after the file was opened */
	text[n] = '\0';
	at = strrchr(text, ')'); /* the name may hold spaces and brackets */
	if (!at || at[1] != ' ')
		return -EIO;
	if (at[2] == 'Z' || at[2] == 'X')
		return -ESRCH;
	field = strtok_r(at + 1, " ", &save); /* field 3 */
	for (int i = 3; field && i < number; i++)
		field = strtok_r(NULL, " ", &save);
	if (!field || num_parse_u64(field, UINT64_MAX, ret) < 0)
		return -EIO;
	return 0;
}

int pid_start_time(pid_t pid, uint64_t *ret_ticks)
{
	return stat_field(pid, 22, ret_ticks);
}

int pid_parent(pid_t pid, pid_t *ret_parent)
{
	uint64_t parent = 0;
	int r = stat_field(pid, 4, &parent);

	if (r < 0)
		return r;
	if (parent > INT_MAX)
		return -EIO;
	*ret_parent = (pid_t)parent;
	return 0;
}
