// SPDX-License-Identifier: Apache-2.0
/* link: runtime/verify.o runtime/verify-status.o runtime/verify-files.o */
/* link: runtime/verify-mounts.o runtime/verify-inside.o runtime/verify-landlock.o */
/* link: runtime/verify-layout.o */
/* link: runtime/verify-calls.o runtime/installed-filters.o runtime/verify-self.o */
/*
 * test-verify.c - the readers of /proc texts, and the verification of a
 * process that is in no jail at all: every layer must be missed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "auto.h"
#include "landlock.h"
#include "path.h"
#include "runtime/verify-parts.h"
#include "runtime/verify.h"
#include "skip.h"

#define ALL_NS "\"user\",\"mnt\",\"pid\",\"net\",\"ipc\",\"uts\",\"cgroup\""

static struct policy *policy_of(const char *identity, const char *more)
{
	AUTO_FREE char *text =
		xasprintf("{\"name\":\"t\",\"program\":\"/bin/true\","
			  "\"identity\":\"%s\",\"namespaces\":[" ALL_NS "],"
			  "\"seccomp\":\"proxy\"%s}",
			  identity, more);
	struct policy *policy = NULL;
	struct err err = ERR_INIT;

	if (policy_parse(text, strlen(text), &policy, &err) < 0)
		fail_msg("%s", err.text);
	return policy;
}

static void test_status_field(void **state)
{
	static const char text[] =
		"Name:\tx\nUid:\t1\t2\t3\t4\nGroups:\t \nSeccomp:\t2\n"
		"Seccomp_filters:\t7\n";
	char value[32], tiny[4];

	(void)state;
	assert_int_equal(verify_status_field(text, "Uid", value, sizeof(value)),
			 0);
	assert_string_equal(value, "1 2 3 4");
	assert_int_equal(
		verify_status_field(text, "Groups", value, sizeof(value)), 0);
	assert_string_equal(value, "");
	assert_int_equal(
		verify_status_field(text, "Seccomp", value, sizeof(value)), 0);
	assert_string_equal(value, "2");
	assert_int_equal(verify_status_field(text, "Seccomp_filters", value,
					     sizeof(value)),
			 0);
	assert_string_equal(value, "7");
	assert_int_equal(
		verify_status_field(text, "CapEff", value, sizeof(value)),
		-ENOENT);
	assert_int_equal(verify_status_field("", "CapEff", value, sizeof(value)),
			 -ENOENT);
	assert_int_equal(verify_status_field(text, "Uid", tiny, sizeof(tiny)),
			 0);
	assert_string_equal(tiny, "1 2");
}

static void test_limits_find(void **state)
{
	static const char text[] =
		"Limit                     Soft Limit           Hard Limit           Units\n"
		"Max data size             100                  200                  bytes\n"
		"Max core file size        0                    unlimited            bytes\n"
		"Max open files            1024                 4096                 files\n"
		"Max processes             x                    1                    processes\n";
	uint64_t soft, hard;

	(void)state;
	assert_int_equal(verify_limits_find(text, RLIMIT_CORE, &soft, &hard), 0);
	assert_int_equal(soft, 0);
	assert_true(hard == UINT64_MAX);
	assert_int_equal(verify_limits_find(text, RLIMIT_NOFILE, &soft, &hard),
			 0);
	assert_int_equal(hard, 4096);
	assert_int_equal(verify_limits_find(text, RLIMIT_DATA, &soft, &hard), 0);
	assert_int_equal(soft, 100);
	assert_int_equal(hard, 200);
	assert_int_equal(verify_limits_find(text, RLIMIT_NPROC, &soft, &hard),
			 -EINVAL);
	assert_int_equal(verify_limits_find(text, RLIMIT_MEMLOCK, &soft, &hard),
			 -ENOENT);
}

static char *bad_mount(const char *identity, const char *more, const char *line)
{
	AUTO_FREE char *text = xstrdup(line);
	struct policy *policy = policy_of(identity, more);
	size_t count;
	char *bad = NULL;

	verify_mounts_check(text, policy, &count, &bad);
	policy_free(policy);
	return bad;
}

static void mount_fits(const char *identity, const char *more, const char *line,
		       const char *wanted)
{
	AUTO_FREE char *bad = bad_mount(identity, more, line);

	if (wanted) {
		assert_non_null(bad);
		assert_string_equal(bad, wanted);
	} else {
		assert_null(bad);
	}
}

static void test_mounts(void **state)
{
	static const char kvm[] = ",\"binds\":[{\"source\":\"/dev/kvm\","
				  "\"target\":\"/dev/kvm\",\"device\":true}]";

	(void)state;
	mount_fits("own", "", "1 2 0:3 / / ro,nosuid,nodev - tmpfs t rw\n",
		   NULL);
	mount_fits("own", "", "1 2 0:3 / / rw,nosuid,nodev - tmpfs t ro\n",
		   "/ writable");
	mount_fits("own", "", "1 2 0:3 / /u ro,nodev,nosuidx - t t ro\n",
		   "/u without nosuid");
	mount_fits("own", "", "1 2 0:3 / /u ro,nosuid - t t ro\n",
		   "/u without nodev");
	mount_fits("own", "", "1 2 0:3\n", "a line that is not understood");
	mount_fits("own", "", "", "none");
	mount_fits("own", kvm, "1 2 0:3 / /dev/kvm rw,nosuid - t t ro\n", NULL);
	mount_fits("own", kvm, "1 2 0:3 / /dev/vda rw,nosuid - t t ro\n",
		   "/dev/vda without nodev");
	mount_fits("own", ",\"tmpfs\":[\"/run\"]",
		   "1 2 0:3 / /run rw,nosuid,nodev - t t ro\n", NULL);
	mount_fits("whole-map", "", "1 2 0:3 / / rw,nosuid,nodev - t t ro\n",
		   "/ writable");
}

/* The share may hold what the holder attached; nothing else is added. */
static void test_mount_points(void **state)
{
	static const char share[] = ",\"libraries\":true,\"proc\":true,"
				    "\"binds\":[{\"name\":\"share\","
				    "\"target\":\"/share\"}]";
	static const struct {
		const char *line;
		const char *bad;
	} row[] = {
		{ "1 2 0:3 / /share ro,nosuid,nodev - t t rw\n", NULL },
		{ "1 2 0:3 / /share rw,nosuid,nodev - t t rw\n",
		  "/share writable" },
		{ "1 2 0:3 / /share/c/rootfs rw,nosuid,nodev - t t rw\n", NULL },
		{ "1 2 0:3 / /share/c/rootfs rw,nodev - t t rw\n",
		  "/share/c/rootfs without nosuid" },
		{ "1 2 0:3 / /shared rw,nosuid,nodev - t t rw\n",
		  "/shared writable" },
		{ "1 2 0:3 / /c/rootfs rw,nosuid,nodev - t t rw\n",
		  "/c/rootfs writable" },
		{ "1 2 0:3 / /bin/true ro,nosuid,nodev - t t rw\n", NULL },
		{ "1 2 0:3 / /lib/libc.so.6 ro,nosuid,nodev - t t rw\n", NULL },
		{ "1 2 0:3 / /proc/irq ro,nosuid,nodev - t t rw\n", NULL },
		{ "1 2 0:3 / /proc rw,nosuid,nodev - t t rw\n",
		  "/proc writable" },
		{ "1 2 0:3 / /host ro,nosuid,nodev - t t rw\n", "/host unknown" },
		{ "1 2 0:3 / /usr/share ro,nosuid,nodev - t t rw\n",
		  "/usr/share unknown" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(row); i++)
		mount_fits("whole-map", share, row[i].line, row[i].bad);
	mount_fits("own", share, "1 2 0:3 / /share/c rw,nosuid,nodev - t t rw\n",
		   "/share/c writable");
	mount_fits("own", "", "1 2 0:3 / /lib/libc.so.6 ro,nosuid,nodev - t t\n",
		   "/lib/libc.so.6 unknown");
}

static bool listing_fits(const char *const *name, size_t count)
{
	struct policy *policy = policy_of("whole-map", ",\"proc\":true");
	struct verify_report report = VERIFY_REPORT_INIT;
	struct verify v = { .policy = policy, .report = &report };
	struct strv names = { 0 };
	bool ok;

	for (size_t i = 0; i < count; i++)
		strv_add(&names, name[i]);
	verify_listing(&v, &names);
	ok = report.failed == 0;
	strv_done(&names);
	verify_report_done(&report);
	policy_free(policy);
	return ok;
}

static void test_listing(void **state)
{
	static const char *const name[] = { "proc", "bin", "host" };

	(void)state;
	assert_true(listing_fits(name, 2));
	assert_false(listing_fits(name, 3));
	assert_false(listing_fits(name, 0));
}

/* A child that waits with another root; fd closes when it may end. */
static pid_t start_chrooted(int *ret_fd)
{
	int ready[2], hold[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	assert_int_equal(pipe2(hold, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		close(hold[1]);
		if (unshare(CLONE_NEWNS) < 0 || chroot("/usr") < 0 ||
		    chdir("/") < 0 || write(ready[1], "", 1) != 1)
			_exit(1);
		_exit(read(hold[0], &byte, 1) != 0);
	}
	close(ready[1]);
	close(hold[0]);
	*ret_fd = hold[1];
	if (read(ready[0], &byte, 1) != 1) {
		close(ready[0]);
		close(hold[1]);
		waitpid(pid, NULL, 0);
		return -1;
	}
	close(ready[0]);
	return pid;
}

/* Its change of root hides nothing. */
static void test_inside(void **state)
{
	struct verify_inside inside = { 0 };
	struct err err = ERR_INIT;
	AUTO_FREE char *path = NULL;
	AUTO_FD int proc_fd = -1;
	int hold, r, status;
	pid_t pid = start_chrooted(&hold);

	(void)state;
	if (pid < 0)
		skip_because("needs CAP_SYS_ADMIN and CAP_SYS_CHROOT");
	path = xasprintf("/proc/%d", pid);
	proc_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r = verify_inside_read(proc_fd, &inside, &err);
	close(hold);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	if (r < 0)
		fail_msg("%s", err.text);
	assert_true(strv_has(&inside.names, "usr"));
	assert_false(strv_has(&inside.names, ".."));
	assert_non_null(strstr(inside.mountinfo, " / "));
	verify_inside_done(&inside);
	/* nothing to enter: an error, not an empty answer */
	assert_true(verify_inside_read(proc_fd, &inside, &err) < 0);
	verify_inside_done(&inside);
}

static bool failed(const struct verify_report *report, const char *name)
{
	for (size_t i = 0; i < report->count; i++)
		if (strcmp(report->check[i].name, name) == 0)
			return !report->check[i].ok;
	fail_msg("no check %s", name);
	return false;
}

/* This very process, unjailed. */
static void test_unjailed(void **state)
{
	static const char *const missed[] = {
		"program",
		"uid",
		"no_new_privs",
		"seccomp mode",
		"seccomp filters",
		"namespace user",
		"namespace mnt",
		"namespace pid",
		"namespace net",
		"namespace ipc",
		"namespace uts",
		"namespace cgroup",
		"root",
		"files",
		"mounts",
		"environment",
		"layout",
		"working directory",
	};
	struct policy *policy = policy_of("own", "");
	struct verify_expect expect = { .uid = 54321,
					.gid = 54321,
					.inherited_filters = VERIFY_OWN_FILTERS,
					.filters = TEST_DIR
					"/../build/share/kata/seccomp" };
	struct verify_report report = VERIFY_REPORT_INIT;
	struct json_writer writer = { 0 };
	struct err err = ERR_INIT;
	int r;

	(void)state;
	setenv("SECRET", "1", 1);
	r = verify_jail(getpid(), policy, &expect, &report, &err);
	/* the host's root may be too large to walk: refused as well */
	if (r == -EPERM) {
		for (size_t i = 0; i < ARRAY_SIZE(missed); i++)
			if (!failed(&report, missed[i]))
				fail_msg("%s was accepted", missed[i]);
	}
	assert_true(r < 0);
	assert_true(report.failed > 0);
	verify_report_json(&report, &writer, NULL);
	assert_non_null(strstr(writer.text, "\"namespace net\""));
	json_writer_done(&writer);
	verify_report_done(&report);
	policy_free(policy);
}

/* --- threads, as /proc/PID/task shows them ----------------------------------- */

#define CONFINED "00000000880000db" /* the eight of a file server */
#define EARLY "00000000880401db"    /* and its two at the start */
#define NO_CAPS "0000000000000000"

static void put_task(int proc_fd, int tid, const char *caps,
		     const char *bounding, unsigned filters)
{
	AUTO_FREE char *dir = xasprintf("task/%d", tid);
	AUTO_FREE char *file = xasprintf("%s/status", dir);
	AUTO_FREE char *text = xasprintf(
		"Name:\tx\nTracerPid:\t0\nUid:\t7\t7\t7\t7\n"
		"Gid:\t7\t7\t7\t7\nGroups:\t \nCapInh:\t" NO_CAPS
		"\nCapPrm:\t%s\nCapEff:\t%s\nCapBnd:\t%s\nCapAmb:\t" NO_CAPS
		"\nNoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t%u\n",
		caps, caps, bounding, filters);
	AUTO_FD int fd = -1;

	assert_true(mkdirat(proc_fd, dir, 0700) == 0 || errno == EEXIST);
	fd = openat(proc_fd, file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
		    0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

/* Which checks of threads fail, one after another; thread 50 is the leader. */
static char *threads_refused(int proc_fd, const char *policy_file)
{
	AUTO_FREE char *path =
		xasprintf(TEST_DIR "/../jailer/policies/%s.json", policy_file);
	struct verify_expect expect = { .uid = 7, .gid = 7 };
	struct verify_report report = VERIFY_REPORT_INIT;
	struct verify v = { .proc_fd = proc_fd,
			    .expect = &expect,
			    .report = &report };
	struct policy *policy = NULL;
	AUTO_FREE char *text = NULL;
	struct err err = ERR_INIT;
	char *bad = xstrdup("");

	if (path_read_file(AT_FDCWD, path, 65536, &text, &err) < 0 ||
	    policy_parse(text, strlen(text), &policy, &err) < 0)
		fail_msg("%s", err.text);
	v.policy = policy;
	report.pid = 50;
	if (verify_status(&v, &err) < 0)
		fail_msg("%s", err.text);
	for (size_t i = 0; i < report.count; i++) {
		AUTO_FREE char *before = bad;

		bad = report.check[i].ok ? xstrdup(before) :
					   xasprintf("%s%s=%s;", before,
						     report.check[i].name,
						     report.check[i].actual);
	}
	verify_report_done(&report);
	policy_free(policy);
	return bad;
}

static void threads_are(int proc_fd, const char *policy_file, const char *wanted)
{
	AUTO_FREE char *bad = threads_refused(proc_fd, policy_file);

	assert_string_equal(bad, wanted);
}

/*
 * One thread of the C virtiofsd has what the jail gave, and not two; of the
 * Rust one none has.
 */
static void test_threads(void **state)
{
	static const char early[] =
		"cap permitted=" EARLY ";cap effective=" EARLY
		";cap bounding=" EARLY ";seccomp filters=1;";
	char dir[] = "/tmp/test-verify-XXXXXX";
	struct err err = ERR_INIT;
	AUTO_FD int proc_fd = -1, tmp_fd = -1;

	(void)state;
	assert_non_null(mkdtemp(dir));
	proc_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	tmp_fd = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(mkdirat(proc_fd, "task", 0700), 0);
	put_task(proc_fd, 50, CONFINED, NO_CAPS, 2);
	put_task(proc_fd, 51, CONFINED, NO_CAPS, 2);
	threads_are(proc_fd, "virtiofsd", "");
	threads_are(proc_fd, "virtiofsd-rs", "");
	put_task(proc_fd, 52, EARLY, EARLY, 1);
	threads_are(proc_fd, "virtiofsd", "");
	threads_are(proc_fd, "virtiofsd-rs", early);
	put_task(proc_fd, 51, EARLY, EARLY, 1);
	threads_are(proc_fd, "virtiofsd", early);
	/* nothing but what the jail gave */
	put_task(proc_fd, 51, CONFINED, NO_CAPS, 2);
	put_task(proc_fd, 52, EARLY, "000001ffffffffff", 1);
	threads_are(proc_fd, "virtiofsd", "cap bounding=000001ffffffffff;");
	put_task(proc_fd, 52, "00000000a80401db", EARLY, 1);
	threads_are(proc_fd, "virtiofsd",
		    "cap permitted=00000000a80401db;"
		    "cap effective=00000000a80401db;");
	put_task(proc_fd, 52, EARLY, EARLY, 0);
	threads_are(proc_fd, "virtiofsd", "seccomp filters=0;");
	/* and the main thread is never one of them */
	put_task(proc_fd, 52, CONFINED, NO_CAPS, 2);
	put_task(proc_fd, 50, EARLY, EARLY, 1);
	threads_are(proc_fd, "virtiofsd", early);
	assert_int_equal(path_remove_tree(tmp_fd, dir + strlen("/tmp/"), &err),
			 0);
}

/* The layout that kata-jail-exec sets, and nothing more or less. */
static void test_layout(void **state)
{
	static const struct {
		unsigned long value;
		bool ok;
	} list[] = {
		{ ADDR_COMPAT_LAYOUT, true },
		{ 0, false },
		{ ADDR_COMPAT_LAYOUT | ADDR_NO_RANDOMIZE, false },
		{ ADDR_COMPAT_LAYOUT | READ_IMPLIES_EXEC, false },
	};
	AUTO_FD int proc_fd = open("/proc/self", O_DIRECTORY | O_CLOEXEC);
	int before = personality(0xffffffff);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(list); i++) {
		struct verify_report report = VERIFY_REPORT_INIT;
		struct verify v = { .proc_fd = proc_fd, .report = &report };
		struct err err = ERR_INIT;

		assert_true(personality(list[i].value) >= 0);
		assert_int_equal(verify_layout(&v, &err), 0);
		assert_true(personality((unsigned long)before) >= 0);
		assert_int_equal(failed(&report, "layout"), !list[i].ok);
		verify_report_done(&report);
	}
}

static void test_gone(void **state)
{
	struct policy *policy = policy_of("own", "");
	struct verify_expect expect = { .uid = 1 };
	struct verify_report report = VERIFY_REPORT_INIT;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(verify_jail(0x3fffffff, policy, &expect, &report, &err),
			 -ENOENT);
	verify_report_done(&report);
	policy_free(policy);
}

/* A layer that the host lacks is no difference, but it is marked. */
static void test_absent(void **state)
{
	struct policy *policy = policy_of("own", "");
	struct verify_report report = VERIFY_REPORT_INIT;
	struct verify_expect expect = { .selinux_absent = "no reason" };
	struct verify v = { .policy = policy,
			    .expect = &expect,
			    .report = &report };
	struct err err = ERR_INIT;

	(void)state;
	report.jail = xstrdup("t");
	assert_int_equal(verify_label(&v, &err), 0);
	assert_int_equal(report.count, 1);
	assert_string_equal(report.check[0].name, "selinux");
	assert_true(report.check[0].ok);
	assert_true(report.check[0].absent);
	assert_int_equal(report.failed, 0);
	verify_report_done(&report);
	policy_free(policy);
}

/* What an engine shows has the failed checks alone. */
static void test_report_text(void **state)
{
	struct verify_report report = VERIFY_REPORT_INIT;
	struct verify v = { .report = &report };
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	(void)state;
	assert_non_null(out);
	report.jail = xstrdup("t");
	verify_add(&v, "uid", true, xstrdup("5"), xstrdup("5"));
	verify_add(&v, "root", false, xstrdup("small"), xstrdup("large"));
	verify_report_text(&report, out);
	fclose(out);
	assert_string_equal(text, "  BAD t: root: large (must be small)\n");
	free(text);
	verify_report_done(&report);
}

/* What was told is compared with this kernel; told of more or less is caught. */
static void test_landlock(void **state)
{
	struct policy *policy = policy_of("own", "");
	struct verify_report report = VERIFY_REPORT_INIT;
	struct verify_expect expect = { .landlock_told = -1 };
	struct verify v = { .policy = policy,
			    .expect = &expect,
			    .report = &report };
	struct err err = ERR_INIT;
	int abi = landlock_abi();

	(void)state;
	assert_int_equal(verify_landlock(&v, &err), 0);
	expect.landlock_told = abi + 1;
	assert_int_equal(verify_landlock(&v, &err), 0);
	assert_int_equal(report.failed, 2);
	expect.landlock_told = abi;
	assert_int_equal(verify_landlock(&v, &err), 0);
	assert_int_equal(report.failed, 2);
	assert_int_equal(report.check[2].absent, abi == 0);
	expect.landlock_told = 0;
	assert_int_equal(verify_landlock(&v, &err), 0);
	assert_int_equal(report.failed, abi > 0 ? 3 : 2);
	verify_report_done(&report);
	policy_free(policy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_status_field),
		cmocka_unit_test(test_limits_find),
		cmocka_unit_test(test_mounts),
		cmocka_unit_test(test_mount_points),
		cmocka_unit_test(test_listing),
		cmocka_unit_test(test_inside),
		cmocka_unit_test(test_unjailed),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_layout),
		cmocka_unit_test(test_gone),
		cmocka_unit_test(test_absent),
		cmocka_unit_test(test_landlock),
		cmocka_unit_test(test_report_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
