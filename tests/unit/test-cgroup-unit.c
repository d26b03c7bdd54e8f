// SPDX-License-Identifier: Apache-2.0
/* link: runtime/cgroup-unit.o runtime/cgroup.o runtime/cgroup-end.o */
/* link: runtime/unit-name.o runtime/unit-annotations.o tests/unit/systemd-peer.o */
/*
 * test-cgroup-unit.c - the systemd driver against a peer that speaks as systemd
 * does: on its own socket, and on a bus of dbus-daemon's. A directory with
 * plain files stands for the scope's control group.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "auto.h"
#include "path.h"
#include "runtime/cgroup-unit.h"
#include "sdbus.h"
#include "skip.h"
#include "systemd-peer.h"

#define DAEMON "/usr/bin/dbus-daemon"
#define GROUP "/user.slice/a.slice/a-b.slice/libpod-c.scope"
#define OPEN_MS 10000
#define PATH "a-b.slice:libpod:c"

static char top[] = "/tmp/test-cgroup-unit-XXXXXX";
static int top_fd = -1;
static pid_t peer, broker, foe;
static char *direct, *bus; /* addresses */
static struct oci_pairs no_annotations;
static struct oci_resources no_resources;

static void nap(void)
{
	const struct timespec ms = { 0, 1000000 };

	nanosleep(&ms, NULL);
}

static void wait_for_file(const char *path)
{
	for (int i = 0; i < 5000 && access(path, F_OK) < 0; i++)
		nap();
	if (access(path, F_OK) < 0)
		fail_msg("no %s", path);
}

static pid_t child(void)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		IGNORE(prctl(PR_SET_PDEATHSIG, SIGKILL) < 0, "a test's child");
	return pid;
}

static void end(pid_t *pid)
{
	if (*pid > 0) {
		kill(*pid, SIGKILL);
		waitpid(*pid, NULL, 0);
	}
	*pid = 0;
}

static void put(const char *name, const char *text)
{
	AUTO_FREE char *path = xasprintf("%s/%s", top, name);
	AUTO_FCLOSE FILE *file = fopen(path, "we");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
}

static char *get(const char *name)
{
	struct err err = ERR_INIT;
	char *text = NULL;

	if (path_read_file(top_fd, name, 65536, &text, &err) < 0)
		fail_msg("%s", err.text);
	return text;
}

/* The line is in the peer's log. */
static void asked(const char *line)
{
	AUTO_FREE char *text = get("log");
	AUTO_FREE char *whole = xasprintf("%s\n", line);

	if (!strstr(text, whole))
		fail_msg("not asked \"%s\" but\n%s", line, text);
}

static void not_asked(const char *word)
{
	AUTO_FREE char *text = get("log");

	if (strstr(text, word))
		fail_msg("asked \"%s\":\n%s", word, text);
}

static void start_peer(const char *address, const char *group)
{
	AUTO_FREE char *log = xasprintf("%s/log", top);

	unlink(log);
	peer = child();
	if (peer == 0)
		systemd_peer(address, log, group);
	wait_for_file(log);
}

static void start_direct(const char *group)
{
	AUTO_FREE char *path = xasprintf("%s/systemd/private", top);

	unlink(path);
	start_peer(path, group);
}

static int set_up(void **state)
{
	(void)state;
	if (!mkdtemp(top))
		return -1;
	top_fd = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (mkdirat(top_fd, "systemd", 0700) || mkdirat(top_fd, "group", 0700))
		return -1;
	direct = xasprintf("unix:path=%s/systemd/private", top);
	bus = xasprintf("unix:path=%s/bus", top);
	unsetenv("DBUS_SESSION_BUS_ADDRESS");
	unsetenv("DBUS_SYSTEM_BUS_ADDRESS");
	return setenv("XDG_RUNTIME_DIR", top, 1);
}

static int tear_down(void **state)
{
	struct err err = ERR_INIT;
	AUTO_FREE char *parent = xstrdup("/tmp");
	AUTO_FD int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	free(direct);
	free(bus);
	close(top_fd);
	return path_remove_tree(fd, top + strlen("/tmp/"), &err);
}

static int end_all(void **state)
{
	(void)state;
	end(&peer);
	end(&broker);
	end(&foe);
	return 0;
}

static struct cgroup_unit_spec spec_of(const char *path)
{
	return (struct cgroup_unit_spec){ .path = path,
					  .id = "c",
					  .resources = &no_resources,
					  .annotations = &no_annotations,
					  .overhead_mib = 16 };
}

/* --- start ------------------------------------------------------------------ */

static void start_and_end(const char *address)
{
	struct cgroup_unit_spec spec = spec_of(PATH);
	struct cgroup_anchor anchor = CGROUP_ANCHOR_INIT;
	struct cgroup_unit unit = { 0 };
	struct strv dirs = { 0 };
	struct err err = ERR_INIT;
	AUTO_FREE char *path = NULL;

	if (cgroup_unit_plan(&spec, &unit, &err) < 0)
		fail_msg("%s", err.text);
	assert_string_equal(unit.name, "libpod-c.scope");
	assert_string_equal(unit.bus, address);
	not_asked("start");
	if (cgroup_unit_start(&spec, &unit, &anchor, &path, &err) < 0)
		fail_msg("%s", err.text);
	assert_string_equal(path, GROUP);
	assert_int_equal(kill(anchor.pid, 0), 0);
	asked("start libpod-c.scope fail");
	asked("  PIDs au [pid]");
	asked("  Slice s a-b.slice");
	asked("  Delegate b 1");
	asked("  DefaultDependencies b 0");
	asked("  CollectMode s inactive-or-failed");
	asked("  TasksMax t 1024");
	not_asked("MemoryMax");
	not_asked("CPUQuota");
	cgroup_unit_let_go(&anchor);
	assert_int_equal(anchor.pid, 0);
	assert_int_equal(cgroup_unit_end(&unit, &dirs, &err), 0);
	asked("stop libpod-c.scope replace");
	assert_int_equal(cgroup_unit_end(&unit, &dirs, &err), 0); /* twice */
	cgroup_unit_done(&unit);
}

static void test_direct(void **state)
{
	(void)state;
	start_direct(GROUP);
	start_and_end(direct);
}

static void start_broker(void)
{
	AUTO_FREE char *path = xasprintf("%s/bus", top);
	AUTO_FREE char *config = xasprintf("--config-file=%s/bus.conf", top);
	AUTO_FREE char *text = xasprintf(
		"<busconfig><type>session</type><listen>%s</listen>"
		"<policy context=\"default\"><allow own=\"*\"/>"
		"<allow send_destination=\"*\"/><allow eavesdrop=\"false\"/>"
		"</policy></busconfig>\n",
		bus);

	if (access(DAEMON, X_OK) < 0)
		skip_because("no " DAEMON);
	put("bus.conf", text);
	unlink(path);
	broker = child();
	if (broker == 0) {
		execl(DAEMON, DAEMON, config, "--nofork", "--nopidfile",
		      (char *)NULL);
		_exit(95);
	}
	wait_for_file(path);
}

static void wait_for_service(void)
{
	struct sdbus *one = NULL;

	for (int i = 0; i < 500; i++) {
		struct err err = ERR_INIT;

		if (sdbus_open(bus, OPEN_MS, &one, &err) == 0) {
			assert_int_equal(sdbus_version(one), 252);
			sdbus_close(one);
			return;
		}
		assert_int_equal(err.code, EHOSTUNREACH);
		nap();
	}
	fail_msg("no service on the bus");
}

static void test_bus(void **state)
{
	(void)state;
	start_broker();
	start_peer(bus, GROUP);
	wait_for_service();
	assert_int_equal(setenv("DBUS_SESSION_BUS_ADDRESS", bus, 1), 0);
	start_and_end(bus);
	unsetenv("DBUS_SESSION_BUS_ADDRESS");
}

/*
 * Whoever is on the bus can send a signal to a connection whose name and job he
 * guesses. Only what systemd says counts.
 */
static void test_forged(void **state)
{
	AUTO_FREE char *begun = xasprintf("%s/forging", top);
	struct sdbus_properties none = { 0 };
	AUTO_SDBUS struct sdbus *one = NULL;
	struct err err = ERR_INIT;

	(void)state;
	start_broker();
	start_peer(bus, GROUP);
	wait_for_service();
	unlink(begun);
	foe = child();
	if (foe == 0)
		systemd_forger(bus, begun);
	wait_for_file(begun);
	assert_int_equal(sdbus_open(bus, OPEN_MS, &one, &err), 0);
	if (sdbus_start_scope(one, "late.scope", &none, 10000, &err) < 0)
		fail_msg("%s", err.text);
	if (sdbus_stop_unit(one, "late.scope", 10000, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(sdbus_start_scope(one, "slow.scope", &none, 300, &err),
			 -ETIME);
}

/* A socket of /tmp, whose name somebody else has taken since. */
static void listen_as(uid_t uid, const char *path)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(name.sun_path, sizeof(name.sun_path), "%s", path);
	unlink(path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&name, sizeof(name)) < 0 ||
	    (uid != geteuid() && seteuid(uid) < 0) || listen(fd, 4) < 0)
		_exit(98);
	for (;;)
		pause();
}

static int open_what_listens(uid_t uid, struct err *err)
{
	AUTO_FREE char *path = xasprintf("%s/silent", top);
	AUTO_FREE char *address = xasprintf("unix:path=%s", path);
	struct sdbus *one = NULL;
	int r = -ECONNREFUSED;

	foe = child();
	if (foe == 0)
		listen_as(uid, path);
	wait_for_file(path);
	for (int i = 0; i < 1000 && r == -ECONNREFUSED; i++) {
		*err = (struct err)ERR_INIT;
		r = sdbus_open(address, 200, &one, err);
		nap();
	}
	assert_null(one);
	return r;
}

static void test_stranger(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	if (geteuid() != 0)
		skip_because("needs root, to listen as somebody else");
	assert_int_equal(open_what_listens(54321, &err), -EPERM);
	assert_non_null(strstr(err.text, "/silent"));
	assert_non_null(strstr(err.text, "uid 54321"));
}

/* Nothing is said to a connection, ever. */
static void test_silent(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(open_what_listens(geteuid(), &err), -ETIMEDOUT);
	assert_non_null(strstr(err.text, "/silent"));
}

/* A session bus that nobody of systemd's is on; its own socket is there. */
static void test_bus_without_systemd(void **state)
{
	(void)state;
	start_broker();
	start_direct(GROUP);
	assert_int_equal(setenv("DBUS_SESSION_BUS_ADDRESS", bus, 1), 0);
	start_and_end(direct);
	unsetenv("DBUS_SESSION_BUS_ADDRESS");
}

static void test_root(void **state)
{
	struct cgroup_unit_spec spec = spec_of(":libpod:c");
	struct cgroup_anchor anchor = CGROUP_ANCHOR_INIT;
	struct cgroup_unit unit = { 0 };
	struct err err = ERR_INIT;
	AUTO_FREE char *path = NULL;

	(void)state;
	start_direct("/system.slice/libpod-c.scope");
	assert_int_equal(setenv("DBUS_SYSTEM_BUS_ADDRESS", direct, 1), 0);
	spec.is_system = true;
	assert_int_equal(cgroup_unit_plan(&spec, &unit, &err), 0);
	assert_int_equal(cgroup_unit_start(&spec, &unit, &anchor, &path, &err),
			 0);
	asked("  Slice s system.slice");
	cgroup_unit_let_go(&anchor);
	cgroup_unit_done(&unit);
	unsetenv("DBUS_SYSTEM_BUS_ADDRESS");
}

static void test_limits(void **state)
{
	struct oci_resources res = { .has_memory_limit = true,
				     .memory_limit = 64 << 20,
				     .has_cpu_quota = true,
				     .cpu_quota = 12345,
				     .has_cpu_period = true,
				     .cpu_period = 50000,
				     .has_cpu_shares = true,
				     .cpu_shares = 1024,
				     .cpuset_cpus = (char[]){ "0-2,9" },
				     .cpuset_mems = (char[]){ "0" } };
	struct oci_pair pair = { (char[]){ "org.systemd.property.KillSignal" },
				 (char[]){ "2" } };
	struct oci_pair other = { (char[]){ "org.systemd.property.CollectMode" },
				  (char[]){ "'inactive'" } };
	struct oci_pair both[] = { pair, other };
	const struct oci_pairs annotations = { both, 2 };
	struct cgroup_unit_spec spec = spec_of(PATH);
	struct cgroup_anchor anchor = CGROUP_ANCHOR_INIT;
	struct cgroup_unit unit = { 0 };
	struct err err = ERR_INIT;
	AUTO_FREE char *path = NULL;

	(void)state;
	start_direct(GROUP);
	spec.resources = &res;
	spec.annotations = &annotations;
	assert_int_equal(cgroup_unit_plan(&spec, &unit, &err), 0);
	assert_int_equal(cgroup_unit_start(&spec, &unit, &anchor, &path, &err),
			 0);
	asked("  MemoryMax t 83886080");
	/* (12345 + 50000) / 50000 of a second is 124.69 percent */
	asked("  CPUQuotaPerSecUSec t 1250000");
	asked("  CPUQuotaPeriodUSec t 50000");
	asked("  CPUWeight t 39");
	asked("  AllowedCPUs ay 0702");
	asked("  AllowedMemoryNodes ay 01");
	asked("  KillSignal i 2");
	asked("  CollectMode s inactive");
	not_asked("inactive-or-failed");
	cgroup_unit_let_go(&anchor);
	cgroup_unit_done(&unit);
}

/* Stopped, or frozen: it does not see that it may go. */
static void test_let_go(void **state)
{
	struct cgroup_unit_spec spec = spec_of(PATH);
	struct cgroup_anchor anchor = CGROUP_ANCHOR_INIT;
	struct cgroup_unit unit = { 0 };
	struct err err = ERR_INIT;
	AUTO_FREE char *path = NULL;
	pid_t pid;

	(void)state;
	start_direct(GROUP);
	assert_int_equal(cgroup_unit_plan(&spec, &unit, &err), 0);
	assert_int_equal(cgroup_unit_start(&spec, &unit, &anchor, &path, &err),
			 0);
	pid = anchor.pid;
	assert_int_equal(kill(pid, SIGSTOP), 0);
	assert_int_equal(waitpid(pid, NULL, WUNTRACED), pid);
	alarm(30);
	cgroup_unit_let_go(&anchor);
	alarm(0);
	assert_int_equal(anchor.pid, 0);
	assert_int_equal(kill(pid, 0), -1);
	cgroup_unit_done(&unit);
}

/* --- what goes wrong --------------------------------------------------------- */

/* Return: what cgroup_unit_start() did with that path */
static int start_of(const char *name, const char *group, struct err *err)
{
	AUTO_FREE char *cgroups_path = xasprintf("a-b.slice:libpod:%s", name);
	struct cgroup_unit_spec spec = spec_of(cgroups_path);
	struct cgroup_anchor anchor = CGROUP_ANCHOR_INIT;
	struct cgroup_unit unit = { 0 };
	AUTO_FREE char *path = NULL;
	int r;

	start_direct(group);
	if (cgroup_unit_plan(&spec, &unit, err) < 0)
		fail_msg("%s", err->text);
	r = cgroup_unit_start(&spec, &unit, &anchor, &path, err);
	if (r < 0) {
		assert_null(path);
		assert_int_equal(anchor.pid, 0);
		assert_int_equal(anchor.fd, -1);
	}
	cgroup_unit_let_go(&anchor);
	cgroup_unit_done(&unit);
	return r;
}

static void test_early(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	if (start_of("early", "/a.slice/a-b.slice/libpod-early.scope", &err) < 0)
		fail_msg("%s", err.text);
}

static void test_broken(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(start_of("broken", GROUP, &err), -EIO);
	assert_non_null(strstr(err.text, "libpod-broken.scope"));
	assert_non_null(strstr(err.text, "result is failed"));
}

static void test_slow(void **state)
{
	struct sdbus_properties none = { 0 };
	AUTO_SDBUS struct sdbus *one = NULL;
	struct err err = ERR_INIT;

	(void)state;
	start_direct(GROUP);
	assert_int_equal(sdbus_open(direct, OPEN_MS, &one, &err), 0);
	assert_int_equal(sdbus_start_scope(one, "slow.scope", &none, 100, &err),
			 -ETIME);
}

static void test_taken(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(start_of("taken", GROUP, &err), -EEXIST);
	assert_non_null(strstr(err.text, "libpod-taken.scope, which is active"));
	not_asked("stop");
	not_asked("reset");
}

static void test_failed(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(start_of("failed", GROUP, &err), -EEXIST);
	asked("reset libpod-failed.scope");
}

static void test_elsewhere(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(start_of("c", "/a.slice/libpod-c.scope", &err), -EPERM);
	assert_non_null(strstr(err.text, "not in /a.slice/a-b.slice"));
}

static void test_no_manager(void **state)
{
	struct cgroup_unit_spec spec = spec_of(PATH);
	struct cgroup_unit unit = { 0 };
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(setenv("XDG_RUNTIME_DIR", "/nowhere/%", 1), 0);
	assert_int_equal(cgroup_unit_plan(&spec, &unit, &err), -EHOSTUNREACH);
	assert_non_null(strstr(err.text, "loginctl enable-linger"));
	assert_non_null(strstr(err.text, "/nowhere/%25/systemd/private"));
	assert_non_null(strstr(err.text, "/nowhere/%25/bus"));
	assert_null(unit.name);
	unsetenv("XDG_RUNTIME_DIR");
	assert_int_equal(cgroup_unit_plan(&spec, &unit, &err), -EHOSTUNREACH);
	assert_non_null(strstr(err.text, "XDG_RUNTIME_DIR is"));
	assert_int_equal(setenv("XDG_RUNTIME_DIR", top, 1), 0);
	spec.path = "a.slice/b:c:d";
	assert_int_equal(cgroup_unit_plan(&spec, &unit, &err), -EINVAL);
}

/* --- a scope that is there ---------------------------------------------------- */

static void started(struct cgroup_unit *ret)
{
	struct cgroup_unit_spec spec = spec_of(PATH);
	struct cgroup_anchor anchor = CGROUP_ANCHOR_INIT;
	struct err err = ERR_INIT;
	AUTO_FREE char *path = NULL;

	start_direct(GROUP);
	assert_int_equal(cgroup_unit_plan(&spec, ret, &err), 0);
	assert_int_equal(cgroup_unit_start(&spec, ret, &anchor, &path, &err), 0);
	cgroup_unit_let_go(&anchor);
}

static void test_follow(void **state)
{
	struct cgroup_unit unit = { 0 };
	struct strv dirs = { 0 };
	struct err err = ERR_INIT;
	AUTO_FREE char *cpu = NULL;

	(void)state;
	started(&unit);
	strv_addf(&dirs, "%s/group", top);
	put("group/memory.max", "max\n");
	put("group/cpu.max", "133333 100000\n");
	put("group/cpu.weight", "39\n");
	put("group/cpuset.cpus", "1\n");
	assert_int_equal(cgroup_unit_follow(&unit, &dirs, &err), 0);
	asked("set libpod-c.scope 1");
	asked("  MemoryMax t 18446744073709551615");
	asked("  CPUQuotaPerSecUSec t 1340000");
	asked("  CPUQuotaPeriodUSec t 100000");
	asked("  CPUWeight t 39");
	asked("  AllowedCPUs ay 02");
	cpu = get("group/cpu.max");
	/* written again: systemd would have written its own meanwhile */
	assert_string_equal(cpu, "133333 100000\n");
	put("group/cpu.max", "max 100000\n");
	put("group/memory.max", "1048576\n");
	assert_int_equal(cgroup_unit_follow(&unit, &dirs, &err), 0);
	asked("  MemoryMax t 1048576");
	asked("  CPUQuotaPerSecUSec t 18446744073709551615");
	strv_done(&dirs);
	cgroup_unit_done(&unit);
}

/* systemd would take back, when it reloads, what it is not told. */
static void test_follow_what_cannot_be_read(void **state)
{
	struct cgroup_unit unit = { 0 };
	struct strv dirs = { 0 };
	struct err err = ERR_INIT;

	(void)state;
	started(&unit);
	strv_addf(&dirs, "%s/unread", top);
	assert_int_equal(mkdirat(top_fd, "unread", 0700), 0);
	assert_int_equal(mkdirat(top_fd, "unread/memory.max", 0700), 0);
	assert_int_equal(mkdirat(top_fd, "words", 0700), 0);
	put("unread/cpu.max", "133333 100000\n");
	assert_int_equal(cgroup_unit_follow(&unit, &dirs, &err), -EISDIR);
	strv_done(&dirs);
	strv_addf(&dirs, "%s/words", top);
	put("words/memory.max", "some\n");
	assert_int_equal(cgroup_unit_follow(&unit, &dirs, &err), -EIO);
	assert_non_null(strstr(err.text, "memory.max: \"some\" is no limit"));
	put("words/memory.max", "1048576\n");
	put("words/cpu.max", "5000\n");
	assert_int_equal(cgroup_unit_follow(&unit, &dirs, &err), -EIO);
	assert_non_null(strstr(err.text, "period"));
	strv_done(&dirs);
	cgroup_unit_done(&unit);
}

static void test_follow_nothing(void **state)
{
	const struct cgroup_unit none = { 0 };
	struct strv dirs = { 0 };
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(cgroup_unit_follow(&none, &dirs, &err), 0);
	assert_int_equal(cgroup_unit_end(&none, &dirs, &err), 0);
	assert_int_equal(cgroup_unit_join(&none, &dirs, &err), 0);
}

/* Who may read cgroup.procs, which says this, and not write it. */
static int join_unprivileged(const struct cgroup_unit *unit,
			     const struct strv *dirs, const char *procs)
{
	static const char *const open_to_all[] = { ".", "systemd",
						   "systemd/private", "group" };
	struct err err = ERR_INIT;
	int r;

	put("group/cgroup.procs", procs);
	assert_int_equal(fchmodat(top_fd, "group/cgroup.procs", 0444, 0), 0);
	for (size_t i = 0; i < ARRAY_SIZE(open_to_all); i++)
		assert_int_equal(fchmodat(top_fd, open_to_all[i], 0777, 0), 0);
	if (geteuid() == 0)
		assert_int_equal(seteuid(65534), 0);
	r = cgroup_unit_join(unit, dirs, &err);
	if (getuid() == 0)
		assert_int_equal(seteuid(0), 0);
	assert_int_equal(unlinkat(top_fd, "group/cgroup.procs", 0), 0);
	return r;
}

/* What the kernel does not let the caller do, systemd does for it. */
static void test_join(void **state)
{
	struct cgroup_unit unit = { 0 };
	struct strv dirs = { 0 };
	AUTO_FREE char *line = xasprintf("%d\n", getpid());

	(void)state;
	started(&unit);
	strv_addf(&dirs, "%s/group", top);
	assert_int_equal(join_unprivileged(&unit, &dirs, line), 0);
	asked("attach libpod-c.scope \"\" [pid]");
	/* systemd said that it did, and did not */
	assert_int_equal(join_unprivileged(&unit, &dirs, "1\n"), -EPERM);
	assert_int_equal(fchmod(top_fd, 0700), 0);
	strv_done(&dirs);
	cgroup_unit_done(&unit);
}

/* Another's of that name stays, with everything in it. */
static void test_not_ours(void **state)
{
	struct cgroup_unit unit = { 0 };
	struct strv dirs = { 0 };
	struct err err = ERR_INIT;
	pid_t stranger;

	(void)state;
	started(&unit);
	stranger = child();
	if (stranger == 0)
		for (;;)
			pause();
	strv_addf(&dirs, "%s/group", top);
	free(unit.description);
	unit.description = xstrdup("kata-runtime container c (before)");
	assert_int_equal(cgroup_unit_end(&unit, &dirs, &err), 0);
	not_asked("stop");
	assert_int_equal(kill(stranger, 0), 0);
	assert_int_equal(waitpid(stranger, NULL, WNOHANG), 0);
	end(&stranger);
	strv_done(&dirs);
	cgroup_unit_done(&unit);
}

/* The user's last session has gone, and his manager with every unit. */
static void test_manager_gone(void **state)
{
	struct cgroup_unit unit = { 0 };
	struct strv dirs = { 0 };
	struct err err = ERR_INIT;

	(void)state;
	started(&unit);
	end(&peer);
	assert_int_equal(cgroup_unit_end(&unit, &dirs, &err), 0);
	assert_int_equal(err.code, 0);
	assert_true(cgroup_unit_follow(&unit, &dirs, &err) < 0);
	cgroup_unit_done(&unit);
}

static void test_wanted(void **state)
{
	(void)state;
	assert_true(cgroup_unit_is_wanted(CGROUP_MANAGER_SYSTEMD, NULL));
	assert_true(cgroup_unit_is_wanted(CGROUP_MANAGER_SYSTEMD, "/a"));
	assert_true(cgroup_unit_is_wanted(CGROUP_MANAGER_CGROUPFS, PATH));
	assert_false(cgroup_unit_is_wanted(CGROUP_MANAGER_CGROUPFS, "/a"));
	assert_false(cgroup_unit_is_wanted(CGROUP_MANAGER_CGROUPFS, NULL));
	assert_false(cgroup_unit_is_wanted(CGROUP_MANAGER_DISABLED, PATH));
}

#define TEST(name) cmocka_unit_test_teardown(name, end_all)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_direct),
		TEST(test_bus),
		TEST(test_forged),
		TEST(test_stranger),
		TEST(test_silent),
		TEST(test_bus_without_systemd),
		TEST(test_root),
		TEST(test_limits),
		TEST(test_let_go),
		TEST(test_early),
		TEST(test_broken),
		TEST(test_slow),
		TEST(test_taken),
		TEST(test_failed),
		TEST(test_elsewhere),
		TEST(test_no_manager),
		TEST(test_follow),
		TEST(test_follow_nothing),
		TEST(test_follow_what_cannot_be_read),
		TEST(test_join),
		TEST(test_not_ours),
		TEST(test_manager_gone),
		TEST(test_wanted),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
