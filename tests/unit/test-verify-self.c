// SPDX-License-Identifier: Apache-2.0
/* link: runtime/verify.o runtime/verify-status.o runtime/verify-files.o */
/* link: runtime/verify-mounts.o runtime/verify-inside.o runtime/verify-landlock.o */
/* link: runtime/verify-layout.o */
/* link: runtime/verify-calls.o runtime/installed-filters.o runtime/verify-self.o */
/*
 * test-verify-self.c - what is asked of programs that confine themselves: that
 * no other process of their user can take hold of them, and which descriptors
 * they hold.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "auto.h"
#include "caps.h"
#include "runtime/verify-parts.h"
#include "skip.h"

static pid_t start(bool dumpable)
{
	int ready[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct err err = ERR_INIT;

		/* who holds more than the looker is shut to it in any case */
		if (caps_drop_all(&err) < 0 ||
		    prctl(PR_SET_DUMPABLE, dumpable) < 0 ||
		    write(ready[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return pid;
}

static void judge(bool dumpable, uint32_t uid, bool ok, const char *found)
{
	const struct verify_expect expect = { .uid = uid, .gid = getegid() };
	struct verify_report report = VERIFY_REPORT_INIT;
	struct verify v = { .expect = &expect, .report = &report };
	pid_t pid = start(dumpable);
	AUTO_FREE char *path = xasprintf("/proc/%d", pid);
	AUTO_FD int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct err err = ERR_INIT;
	int r;

	v.proc_fd = fd;
	r = verify_undumpable(&v, &err);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	if (r < 0)
		fail_msg("%s", err.text);
	assert_int_equal(report.count, 1);
	assert_int_equal(report.check[0].ok, ok);
	assert_string_equal(report.check[0].actual, found);
	verify_report_done(&report);
}

static void need_rights(void)
{
	struct caps_sets caps;
	struct err err = ERR_INIT;

	if (caps_read(0, &caps, &err) < 0 ||
	    !(caps.effective & UINT64_C(1) << CAP_SYS_PTRACE))
		skip_because("needs CAP_SYS_PTRACE, as the runtime has it");
}

static void test_undumpable(void **state)
{
	(void)state;
	need_rights();
	judge(false, geteuid(), true, "shut");
	judge(true, geteuid(), false, "open");
}

static bool may_hold(const char *kinds, int fd, const char *number)
{
	AUTO_FREE char *text =
		xasprintf("{\"name\":\"t\",\"program\":\"kata-t\","
			  "\"identity\":\"self\",\"namespaces\":[\"mnt\"],"
			  "\"seccomp\":\"t\",\"descriptors\":[%s]}",
			  kinds);
	AUTO_FREE char *own = xasprintf("%d", fd);
	AUTO_FREE char *path = xasprintf("/proc/self/fd/%d", fd);
	AUTO_FD int proc_fd =
		open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct policy *policy = NULL;
	struct verify v = { .proc_fd = proc_fd };
	struct err err = ERR_INIT;
	char link[256] = "";
	struct stat st;
	bool may;

	if (policy_parse(text, strlen(text), &policy, &err) < 0)
		fail_msg("%s", err.text);
	v.policy = policy;
	assert_true(readlink(path, link, sizeof(link) - 1) > 0);
	assert_int_equal(fstat(fd, &st), 0);
	may = verify_self_fd(&v, number ? number : own, link, &st);
	policy_free(policy);
	return may;
}

static void test_descriptors(void **state)
{
	AUTO_FD int dir = open("/var/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_FD int log =
		open("/var/tmp", O_TMPFILE | O_WRONLY | O_APPEND, 0600);
	AUTO_FD int file = open("/var/tmp", O_TMPFILE | O_RDWR | O_APPEND, 0600);
	AUTO_FD int ptmx = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);

	(void)state;
	assert_true(may_hold("\"log\"", log, NULL));
	assert_false(may_hold("", log, NULL));
	assert_false(may_hold("\"log\"", file, NULL));
	assert_false(may_hold("\"log\",\"terminal\",\"stdio\"", dir, NULL));
	/* the engine's standard streams may be files, never a directory */
	assert_true(may_hold("\"stdio\"", file, "1"));
	assert_false(may_hold("\"stdio\"", dir, "1"));
	assert_false(may_hold("", file, "1"));
	assert_true(may_hold("\"terminal\"", ptmx, NULL));
	assert_false(may_hold("\"log\"", ptmx, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_undumpable),
		cmocka_unit_test(test_descriptors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
