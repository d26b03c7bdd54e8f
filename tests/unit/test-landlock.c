// SPDX-License-Identifier: Apache-2.0
/*
 * test-landlock.c - lib/landlock.c: the names, and what its rules take from a
 * child that applies them, tried call by call. On a kernel without Landlock
 * the children apply nothing, which is looked at, and the rest is skipped.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "landlock.h"
#include "skip.h"

#define READ (LANDLOCK_FS_READ_FILE | LANDLOCK_FS_READ_DIR)

static char dir[] = "/tmp/test-landlock-XXXXXX";
static int listen_fd;
static struct sockaddr_un abstract = { .sun_family = AF_UNIX };
static socklen_t abstract_len;

static int touch(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0700);

	return fd < 0 ? -errno : close(fd);
}

static int set_up(void **state)
{
	(void)state;
	if (!mkdtemp(dir) || chdir(dir) < 0 || mkdir("a", 0700) < 0 ||
	    mkdir("b", 0700) < 0 || touch("a/file") < 0 || touch("secret") < 0)
		return -1;
	abstract_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
				   (size_t)snprintf(abstract.sun_path + 1, 64,
						    "%s", dir));
	listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(listen_fd, (struct sockaddr *)&abstract, abstract_len) < 0)
		return -1;
	return listen(listen_fd, 8);
}

static int tear_down(void **state)
{
	static const char *const file[] = { "a/file", "a/new", "b/file",
					    "b/new", "secret" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(file); i++)
		IGNORE(unlink(file[i]) < 0, "some are not there");
	close(listen_fd);
	return rmdir("a") < 0 || rmdir("b") < 0 || chdir("/") < 0 ||
	       rmdir(dir) < 0;
}

/* --- what a child tries: 0 or errno ---------------------------------------- */

static int answer(long r)
{
	return r < 0 ? errno : 0;
}

static int try_open(const char *path, int flags)
{
	return answer(open(path, flags | O_CLOEXEC, 0600));
}

static int read_file(void)
{
	return try_open("a/file", O_RDONLY);
}

static int write_file(void)
{
	return try_open("a/file", O_WRONLY);
}

static int make_file(void)
{
	return try_open("a/new", O_WRONLY | O_CREAT);
}

static int cut_file(void)
{
	return answer(truncate("a/file", 0));
}

static int read_secret(void)
{
	return try_open("secret", O_RDONLY);
}

static int list_root(void)
{
	return try_open("/", O_RDONLY | O_DIRECTORY);
}

static int move_file(void)
{
	return answer(rename("a/file", "b/file"));
}

static int run_program(void)
{
	static char *argv[] = { NULL };

	execve("/bin/true", argv, argv);
	return errno;
}

static int mount_some(void)
{
	return answer(mount("t", "a", "tmpfs", 0, NULL));
}

static int use_tcp(bool connects)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (!connects)
		to.sin_port = 0;
	if (fd < 0)
		return errno;
	return answer(connects ? connect(fd, (struct sockaddr *)&to, sizeof(to)) :
				 bind(fd, (struct sockaddr *)&to, sizeof(to)));
}

static int connect_tcp(void)
{
	return use_tcp(true);
}

static int bind_tcp(void)
{
	return use_tcp(false);
}

static int connect_abstract(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return answer(connect(fd, (struct sockaddr *)&abstract, abstract_len));
}

static int signal_parent(void)
{
	return answer(kill(getppid(), 0));
}

static int signal_self(void)
{
	return answer(kill(getpid(), 0));
}

/* In a child under the rules. Return: 0 or errno of the attempt; 200: no rules */
static int under(const struct landlock_rule *rules, size_t count, unsigned keep,
		 int (*attempt)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		struct err err = ERR_INIT;

		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		    landlock_restrict(rules, count, keep, &err) != landlock_abi())
			_exit(200);
		_exit(attempt());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void test_names(void **state)
{
	(void)state;
	assert_int_equal(landlock_access("execute"), LANDLOCK_FS_EXECUTE);
	assert_int_equal(landlock_access("refer"), LANDLOCK_FS_REFER);
	assert_int_equal(landlock_access("ioctl_dev"), LANDLOCK_FS_IOCTL_DEV);
	assert_int_equal(landlock_access("EXECUTE"), 0);
	assert_int_equal(landlock_access(""), 0);
	assert_int_equal(landlock_least_abi(LANDLOCK_FS_TRUNCATE), 1);
	assert_int_equal(landlock_least_abi(LANDLOCK_FS_ALL), 2);
}

static void test_nothing_is_left(void **state)
{
	const struct {
		int least, expected;
		int (*attempt)(void);
	} row[] = {
		{ 1, EACCES, read_file },    { 1, EACCES, write_file },
		{ 1, EACCES, make_file },    { 1, EACCES, list_root },
		{ 1, EACCES, run_program },  { 1, EXDEV, move_file },
		{ 3, EACCES, cut_file },     { 4, EACCES, connect_tcp },
		{ 4, EACCES, bind_tcp },     { 6, EPERM, connect_abstract },
		{ 6, EPERM, signal_parent }, { 1, 0, signal_self },
	};
	int abi = landlock_abi();

	(void)state;
	if (abi == 0) {
		assert_int_equal(under(NULL, 0, 0, read_file), 0);
		skip_because("this kernel has no Landlock");
	}
	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		int got = under(NULL, 0, 0, row[i].attempt);

		if (abi >= row[i].least && got != row[i].expected &&
		    !(row[i].expected == EXDEV && got == EACCES))
			fail_msg("row %zu: %d (%s)", i, got, strerror(got));
	}
}

/* The same calls work without rules: it is Landlock that refused them. */
static void test_all_works_otherwise(void **state)
{
	int (*const attempt[])(void) = { read_file,	write_file,
					 make_file,	cut_file,
					 list_root,	connect_abstract,
					 signal_parent, bind_tcp };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(attempt); i++) {
		int status;
		pid_t pid = fork();

		if (pid == 0)
			_exit(attempt[i]());
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (WEXITSTATUS(status) != 0)
			fail_msg("attempt %zu: %d", i, WEXITSTATUS(status));
	}
}

static void test_rules(void **state)
{
	const struct landlock_rule one[] = { { READ, "a" } };
	const struct landlock_rule two[] = {
		{ READ | LANDLOCK_FS_REMOVE_FILE | LANDLOCK_FS_MAKE_REG |
			  LANDLOCK_FS_REFER,
		  "a" },
		{ READ | LANDLOCK_FS_REMOVE_FILE | LANDLOCK_FS_MAKE_REG |
			  LANDLOCK_FS_REFER,
		  "b" },
	};
	const struct landlock_rule missing[] = { { READ, "nowhere" },
						 { READ, "a/file" } };

	(void)state;
	if (landlock_abi() < 2)
		skip_because("this kernel has no Landlock of ABI 2");
	assert_int_equal(under(one, 1, 0, read_file), 0);
	assert_int_equal(under(one, 1, 0, write_file), EACCES);
	assert_int_equal(under(one, 1, 0, read_secret), EACCES);
	/* rights of directories are left out for a file; a missing path is none */
	assert_int_equal(under(missing, 2, 0, read_file), 0);
	assert_int_equal(under(missing, 2, 0, read_secret), EACCES);
	assert_int_equal(under(two, 2, 0, move_file), 0);
	assert_int_equal(rename("b/file", "a/file"), 0);
	if (landlock_abi() >= 6)
		assert_int_equal(
			under(one, 1, LANDLOCK_KEEP_SIGNALS, signal_parent), 0);
	if (geteuid() == 0)
		assert_int_equal(under(one, 1, 0, mount_some), EPERM);
}

/* A thread that could gain rights by exec cannot take them from itself. */
static void test_refused(void **state)
{
	const struct landlock_rule bad[] = { { READ, "secret/x" } };
	struct err err = ERR_INIT;

	(void)state;
	if (landlock_abi() == 0)
		skip_because("this kernel has no Landlock");
	assert_int_equal(landlock_restrict(bad, 1, 0, &err), -ENOTDIR);
	assert_non_null(strstr(err.text, "secret/x"));
	if (geteuid() == 0 || prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 0)
		return;
	assert_int_equal(landlock_restrict(NULL, 0, 0, &err), -EPERM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_all_works_otherwise),
		cmocka_unit_test(test_nothing_is_left),
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
