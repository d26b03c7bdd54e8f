// SPDX-License-Identifier: Apache-2.0
/*
 * landlock-probe.c - a static program that kata-jail-exec becomes, for
 * test_landlock.py. Tries each thing that its rules are about, in a child, and
 * prints "NAME: ok" or "NAME: ERRNO". Its rules are those of RULES there.
 *
 *	landlock-probe			all attempts
 *	landlock-probe nothing		exit status 0
 *	landlock-probe serve PROGRAM...	an abstract socket, then executes
 *	landlock-probe files SOCKET PROGRAM...
 *			PROGRAM gets a listening socket at 3 and /info at 4; says
 *			whether it runs five seconds after it was connected to
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define ABSTRACT "\0kata-landlock-probe"
#define ABSTRACT_LEN                                                           \
	(offsetof(struct sockaddr_un, sun_path) + sizeof(ABSTRACT) - 1)

static char top[PATH_MAX]; /* of the files that the rules are about */

static const char *at(const char *path)
{
	static char full[2][PATH_MAX + 64];
	static int turn;

	turn = !turn;
	snprintf(full[turn], sizeof(full[turn]), "%s%s", top, path);
	return full[turn];
}

static int answer(long r)
{
	return r < 0 ? errno : 0;
}

static int opened(const char *path, int flags)
{
	return answer(open(at(path), flags | O_CLOEXEC, 0600));
}

static int run(const char *path)
{
	char *argv[] = { (char *)"x", (char *)"nothing", NULL };

	execve(path, argv, argv + 2);
	return errno;
}

static int read_ro(void)
{
	return opened("/ro/file", O_RDONLY);
}

static int write_ro(void)
{
	return opened("/ro/file", O_WRONLY);
}

static int make_ro(void)
{
	return opened("/ro/new", O_WRONLY | O_CREAT);
}

static int cut_ro(void)
{
	return answer(truncate(at("/ro/file"), 0));
}

static int make_rw(void)
{
	return opened("/rw/new", O_WRONLY | O_CREAT);
}

static int move_rw(void)
{
	return answer(rename(at("/rw/a/file"), at("/rw/b/file")));
}

static int read_other(void)
{
	return opened("/secret", O_RDONLY);
}

static int list_root(void)
{
	return answer(open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

static int run_rw(void)
{
	return run(at("/rw/program"));
}

static int run_self(void)
{
	return run(at("/landlock-probe"));
}

static int run_jail_exec(void)
{
	return run(at("/kata-jail-exec"));
}

static int read_jail_exec(void)
{
	return opened("/kata-jail-exec", O_RDONLY);
}

static int use_tcp(bool binds)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(binds ? 0 : 9) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0)
		return errno;
	return answer(binds ? bind(fd, (struct sockaddr *)&to, sizeof(to)) :
			      connect(fd, (struct sockaddr *)&to, sizeof(to)));
}

static int bind_tcp(void)
{
	return use_tcp(true);
}

static int connect_tcp(void)
{
	return use_tcp(false);
}

static int abstract_socket(int *ret_fd, struct sockaddr_un *addr)
{
	*addr = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(addr->sun_path, ABSTRACT, sizeof(ABSTRACT));
	*ret_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return answer(*ret_fd);
}

static int connect_abstract(void)
{
	struct sockaddr_un addr;
	int fd;

	if (abstract_socket(&fd, &addr) != 0)
		return errno;
	return answer(connect(fd, (struct sockaddr *)&addr, ABSTRACT_LEN));
}

static pid_t outside; /* a process that is not under the rules */

static int signal_other(void)
{
	return answer(kill(outside, 0));
}

static int signal_child(void)
{
	return answer(kill(getppid(), 0));
}

static int ask_device(void)
{
	struct termios settings;
	int fd = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);

	return fd < 0 ? errno : answer(ioctl(fd, TCGETS, &settings));
}

static int mount_some(void)
{
	return answer(mount("x", at("/rw"), "tmpfs", 0, NULL));
}

static const struct {
	const char *name;
	int (*attempt)(void);
} attempts[] = {
	{ "read_ro", read_ro },
	{ "write_ro", write_ro },
	{ "make_ro", make_ro },
	{ "cut_ro", cut_ro },
	{ "make_rw", make_rw },
	{ "move_rw", move_rw },
	{ "read_other", read_other },
	{ "list_root", list_root },
	{ "run_rw", run_rw },
	{ "run_self", run_self },
	{ "run_jail_exec", run_jail_exec },
	{ "read_jail_exec", read_jail_exec },
	{ "bind_tcp", bind_tcp },
	{ "connect_tcp", connect_tcp },
	{ "connect_abstract", connect_abstract },
	{ "signal_other", signal_other },
	{ "signal_child", signal_child },
	{ "ask_device", ask_device },
	{ "mount", mount_some },
};

static void try(const char *name, int (*attempt)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(attempt());
	if (waitpid(pid, &status, 0) != pid)
		status = -1;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		printf("%s: ok\n", name);
	else if (WIFEXITED(status))
		printf("%s: %s\n", name, strerrorname_np(WEXITSTATUS(status)));
	else
		printf("%s: wait status %d\n", name, status);
	fflush(stdout);
}

static int serve(char **argv)
{
	struct sockaddr_un addr;
	int fd;

	if (abstract_socket(&fd, &addr) != 0 ||
	    bind(fd, (struct sockaddr *)&addr, ABSTRACT_LEN) < 0 ||
	    listen(fd, 8) < 0 || fcntl(fd, F_SETFD, 0) < 0)
		return 1;
	execv(argv[0], argv);
	return 1;
}

/* In the parent: the peer that a virtual machine monitor would be. */
static int meet(pid_t pid, const struct sockaddr_un *addr)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int status;

	if (connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) < 0)
		return 1;
	sleep(5);
	if (waitpid(pid, &status, WNOHANG) == 0)
		printf("connected: runs\n");
	else
		printf("connected: ended, wait status %d\n", status);
	return kill(pid, SIGKILL);
}

static int files(char **argv)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int info = open("/info", O_WRONLY | O_CREAT | O_TRUNC, 0600);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	pid_t pid;

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", argv[0]);
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ||
	    listen(fd, 1) < 0)
		return 1;
	pid = fork();
	if (pid == 0) {
		/* out of the way of 3 and 4 */
		info = fcntl(info, F_DUPFD_CLOEXEC, 10);
		fd = fcntl(fd, F_DUPFD_CLOEXEC, 10);
		if (dup2(fd, 3) < 0 || dup2(info, 4) < 0)
			return 1;
		execv(argv[1], argv + 1);
		return 1;
	}
	return meet(pid, &addr);
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "nothing") == 0)
		return 0;
	if (argc > 2 && strcmp(argv[1], "serve") == 0)
		return serve(argv + 2);
	if (argc > 3 && strcmp(argv[1], "files") == 0)
		return files(argv + 2);
	snprintf(top, sizeof(top), "%s", argv[0]);
	*strrchr(top, '/') = '\0';
	outside = getppid();
	for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++)
		try(attempts[i].name, attempts[i].attempt);
	return 0;
}
