// SPDX-License-Identifier: Apache-2.0
/* link: agent/cgroup.o agent/cgroup-plan.o agent/device-filter.o */
/* link: agent/stats.o agent/oom.o */
/* Limits of kata-agent on a directory of plain files in place of a cgroup. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/cgroup.h"
#include "agent/container.h"
#include "path.h"

static char directory[] = "/tmp/test-agent-cgroup-XXXXXX";
static int dir_fd;

/* --- what oom.o needs, instead of the rest of the agent -------------------- */

static char told[256];

int loop_watch(struct agent *agent UNUSED, struct source *source UNUSED,
	       uint32_t events UNUSED, struct err *err UNUSED)
{
	return 0;
}

void loop_forget(struct agent *agent UNUSED, struct source *source UNUSED)
{
}

static void note(uint32_t stream, const char *text)
{
	size_t len = strlen(told);

	snprintf(told + len, sizeof(told) - len, "%u:%s ", stream, text);
}

void call_reply(const struct call *call, const ProtobufCMessage *message)
{
	note(call->stream, ((const Grpc__OOMEvent *)message)->container_id);
}

void call_fail(const struct call *call, const struct err *err)
{
	note(call->stream, err->code == ESRCH ? "gone" : "end");
}

/* --- files ------------------------------------------------------------------- */

static void put(const char *name, const char *text)
{
	int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

/* A shorter write leaves the rest of the old text in a plain file. */
static void assert_starts(const char *name, const char *text)
{
	struct err err = ERR_INIT;
	char *now = NULL;

	assert_int_equal(path_read_file(dir_fd, name, 4096, &now, &err), 0);
	assert_true(strncmp(now, text, strlen(text)) == 0);
	free(now);
}

static int set_up(void **state UNUSED)
{
	assert_non_null(mkdtemp(directory));
	dir_fd = open(directory, O_RDONLY | O_DIRECTORY);
	return dir_fd < 0;
}

static int tear_down(void **state UNUSED)
{
	struct err err = ERR_INIT;

	close(dir_fd);
	return path_remove_tree(AT_FDCWD, directory, &err);
}

static void reset(void)
{
	put("memory.max", "max\n");
	put("memory.low", "0\n");
	put("cpu.max", "max 100000\n");
	put("cpu.max.burst", "0\n");
	put("cpu.weight", "100\n");
	put("cpu.idle", "0\n");
	put("cpuset.cpus", "\n");
	put("pids.max", "max\n");
	put("io.max", "8:0 rbps=1\n8:16 rbps=2\n");
}

/* --- plans ------------------------------------------------------------------- */

static void assert_plan(const Grpc__LinuxResources *from, const char *wanted)
{
	struct cgroup_plan plan = { 0 };
	struct err err = ERR_INIT;
	char all[512] = "";

	assert_int_equal(cgroup_plan_make(dir_fd, from, &plan, &err), 0);
	for (size_t i = 0; i < plan.count; i++) {
		size_t len = strlen(all);

		snprintf(all + len, sizeof(all) - len, "%s=%s;",
			 plan.writes[i].file, plan.writes[i].text);
	}
	assert_string_equal(all, wanted);
	cgroup_plan_done(&plan);
}

static void test_nothing_given(void **state UNUSED)
{
	Grpc__LinuxResources from = GRPC__LINUX_RESOURCES__INIT;
	Grpc__LinuxMemory memory = GRPC__LINUX_MEMORY__INIT;
	Grpc__LinuxCPU cpu = GRPC__LINUX_CPU__INIT;
	Grpc__LinuxPids pids = GRPC__LINUX_PIDS__INIT;

	reset();
	assert_plan(&from, "");
	from.memory = &memory;
	from.cpu = &cpu;
	from.pids = &pids;
	assert_plan(&from, "");
}

static void test_half_of_cpu_max(void **state UNUSED)
{
	Grpc__LinuxResources from = GRPC__LINUX_RESOURCES__INIT;
	Grpc__LinuxCPU cpu = GRPC__LINUX_CPU__INIT;

	reset();
	from.cpu = &cpu;
	put("cpu.max", "30000 60000\n");
	cpu.quota = 20000;
	assert_plan(&from, "cpu.max=20000 60000;");
	cpu.quota = -1;
	assert_plan(&from, "cpu.max=max 60000;");
	cpu.quota = 0;
	cpu.period = 50000;
	assert_plan(&from, "cpu.max=30000 50000;");
	cpu.quota = 10000;
	cpu.burst = 5000;
	assert_plan(&from,
		    "cpu.max.burst=0;cpu.max=10000 50000;cpu.max.burst=5000;");
}

static void test_idle_and_weight(void **state UNUSED)
{
	Grpc__LinuxResources from = GRPC__LINUX_RESOURCES__INIT;
	Grpc__LinuxCPU cpu = GRPC__LINUX_CPU__INIT;

	reset();
	from.cpu = &cpu;
	cpu.shares = 1024;
	cpu.has_idle_case = GRPC__LINUX_CPU__HAS_IDLE_IDLE;
	assert_plan(&from, "cpu.idle=0;cpu.weight=39;");
	cpu.idle = 1;
	assert_plan(&from, "cpu.weight=39;cpu.idle=1;");
}

static void test_memory_comes_last(void **state UNUSED)
{
	Grpc__LinuxResources from = GRPC__LINUX_RESOURCES__INIT;
	Grpc__LinuxMemory memory = GRPC__LINUX_MEMORY__INIT;
	Grpc__LinuxPids pids = GRPC__LINUX_PIDS__INIT;
	Grpc__LinuxResources__UnifiedEntry entry =
		GRPC__LINUX_RESOURCES__UNIFIED_ENTRY__INIT;
	Grpc__LinuxResources__UnifiedEntry *entries[] = { &entry };

	reset();
	from.memory = &memory;
	from.pids = &pids;
	from.unified = entries;
	from.n_unified = 1;
	entry.key = (char *)"memory.high";
	entry.value = (char *)"7";
	memory.limit = 1 << 20;
	memory.reservation = -1;
	pids.limit = -1;
	assert_plan(
		&from,
		"memory.low=0;pids.max=max;memory.high=7;memory.max=1048576;");
	entry.key = (char *)"memory.max";
	assert_plan(&from,
		    "memory.low=0;pids.max=max;memory.max=1048576;memory.max=7;");
}

static void test_swap_needs_a_limit(void **state UNUSED)
{
	Grpc__LinuxResources from = GRPC__LINUX_RESOURCES__INIT;
	Grpc__LinuxMemory memory = GRPC__LINUX_MEMORY__INIT;
	struct cgroup_plan plan = { 0 };
	struct err err = ERR_INIT;

	reset();
	from.memory = &memory;
	memory.swap = 4096;
	assert_int_equal(cgroup_plan_make(dir_fd, &from, &plan, &err), -EINVAL);
	assert_non_null(strstr(err.text, "linux.resources.memory.swap"));
	cgroup_plan_done(&plan);
	put("memory.max", "8192\n");
	assert_int_equal(cgroup_plan_make(dir_fd, &from, &plan, &err), -EINVAL);
	cgroup_plan_done(&plan);
	memory.swap = 10000;
	assert_plan(&from, ""); /* this guest has no swap */
	put("memory.swap.max", "max\n");
	assert_plan(&from, "memory.swap.max=1808;");
	unlinkat(dir_fd, "memory.swap.max", 0);
}

/* --- updates ----------------------------------------------------------------- */

static void test_update_is_undone(void **state UNUSED)
{
	Grpc__LinuxResources from = GRPC__LINUX_RESOURCES__INIT;
	Grpc__LinuxMemory memory = GRPC__LINUX_MEMORY__INIT;
	Grpc__LinuxCPU cpu = GRPC__LINUX_CPU__INIT;
	Grpc__LinuxHugepageLimit huge = GRPC__LINUX_HUGEPAGE_LIMIT__INIT;
	Grpc__LinuxHugepageLimit *list[] = { &huge };
	struct err err = ERR_INIT;

	reset();
	from.memory = &memory;
	from.cpu = &cpu;
	from.hugepagelimits = list;
	from.n_hugepagelimits = 1;
	memory.limit = 4096;
	memory.reservation = 77;
	cpu.shares = 2;
	cpu.cpus = (char *)"0";
	huge.pagesize = (char *)"2MB";
	assert_int_equal(cgroup_update(dir_fd, &from, &err), -EOPNOTSUPP);
	assert_non_null(strstr(err.text, "linux.resources.hugepageLimits"));
	assert_null(strstr(err.text, "partly"));
	assert_starts("cpu.weight", "100");
	assert_starts("memory.low", "0");
	assert_starts("memory.max", "max"); /* never touched */
	assert_starts("cpuset.cpus", "\n");
	from.n_hugepagelimits = 0;
	assert_int_equal(cgroup_update(dir_fd, &from, &err), 0);
	assert_starts("cpu.weight", "1");
	assert_starts("memory.max", "4096");
	assert_starts("memory.low", "77");
	assert_starts("cpuset.cpus", "0");
}

static void test_update_refuses(void **state UNUSED)
{
	Grpc__LinuxResources from = GRPC__LINUX_RESOURCES__INIT;
	Grpc__LinuxDeviceCgroup rule = GRPC__LINUX_DEVICE_CGROUP__INIT;
	Grpc__LinuxDeviceCgroup *rules[] = { &rule };
	Grpc__LinuxResources__UnifiedEntry entry =
		GRPC__LINUX_RESOURCES__UNIFIED_ENTRY__INIT;
	Grpc__LinuxResources__UnifiedEntry *entries[] = { &entry };
	struct err err = ERR_INIT;

	reset();
	from.devices = rules;
	from.n_devices = 1;
	assert_int_equal(cgroup_update(dir_fd, &from, &err), -EOPNOTSUPP);
	assert_non_null(strstr(err.text, "linux.resources.devices"));
	from.n_devices = 0;
	from.unified = entries;
	from.n_unified = 1;
	entry.value = (char *)"1";
	entry.key = (char *)"io.max";
	assert_int_equal(cgroup_update(dir_fd, &from, &err), -EOPNOTSUPP);
	assert_non_null(strstr(err.text, "linux.resources.unified[io.max]"));
	entry.key = (char *)"cgroup.freeze";
	assert_int_equal(cgroup_update(dir_fd, &from, &err), -EOPNOTSUPP);
	entry.key = (char *)"memory.nothing";
	assert_int_equal(cgroup_update(dir_fd, &from, &err), -EOPNOTSUPP);
}

/* --- figures and events -------------------------------------------------------- */

static void test_block_io(void **state UNUSED)
{
	Grpc__BlkioStats *stats = stats_block_io(
		"254:16 rbytes=10 wbytes=20 rios=3 wios=4 dbytes=5 dios=6\n"
		"nonsense\n"
		"8:0 rbytes=7 wbytes=8\n");

	assert_int_equal(stats->n_io_service_bytes_recursive, 5);
	assert_int_equal(stats->n_io_serviced_recursive, 3);
	assert_int_equal(stats->io_service_bytes_recursive[1]->major, 254);
	assert_int_equal(stats->io_service_bytes_recursive[1]->minor, 16);
	assert_int_equal(stats->io_service_bytes_recursive[1]->value, 20);
	assert_string_equal(stats->io_service_bytes_recursive[1]->op, "Write");
	assert_int_equal(stats->io_serviced_recursive[0]->value, 3);
	assert_int_equal(stats->io_service_bytes_recursive[3]->value, 7);
	stats_block_io_done(stats);
	stats = stats_block_io("");
	assert_int_equal(stats->n_io_service_bytes_recursive, 0);
	stats_block_io_done(stats);
}

static void put_kills(unsigned kills)
{
	char text[64];

	snprintf(text, sizeof(text), "oom 9\noom_kill %u\noom_group_kill 3\n",
		 kills);
	put("memory.events", text);
}

static void test_oom_is_told_once_to_each_kind(void **state UNUSED)
{
	static struct agent agent;
	struct container one = { .id = (char *)"one", .cgroup_fd = dir_fd };
	struct container two = { .id = (char *)"two", .oom.fd = -1 };
	struct err err = ERR_INIT;

	told[0] = '\0';
	put_kills(0);
	assert_int_equal(oom_watch(&agent, &one, &err), 0);
	assert_int_equal(oom_wait(&agent, NULL, 1, &err), 0);
	assert_int_equal(oom_wait(&agent, NULL, 3, &err), 0);
	assert_int_equal(oom_wait(&agent, &one, 5, &err), 0);
	assert_int_equal(oom_wait(&agent, &two, 7, &err), 0);
	oom_check(&agent, &one);
	assert_string_equal(told, "");
	put_kills(2);
	oom_check(&agent, &one);
	oom_check(&agent, &one);
	assert_string_equal(told, "5:one 1:one ");
	put_kills(3); /* nobody waits by name: kept */
	oom_check(&agent, &one);
	put_kills(4);
	oom_check(&agent, &one);
	assert_int_equal(oom_wait(&agent, &one, 9, &err), 0);
	assert_int_equal(oom_wait(&agent, NULL, 11, &err), 0);
	assert_string_equal(told, "5:one 1:one 3:one 9:one 11:one ");
	told[0] = '\0';
	oom_done(&agent, &two);
	assert_string_equal(told, "7:gone ");
	for (unsigned i = 0; i < AGENT_OOM_WAITERS_MAX; i++)
		assert_int_equal(oom_wait(&agent, &one, 100, &err), 0);
	assert_int_equal(oom_wait(&agent, &one, 100, &err), -EBUSY);
	oom_done(&agent, &one);
	assert_int_equal(agent.oom_waiter_count, 0);
	told[0] = '\0';
	assert_int_equal(oom_wait(&agent, NULL, 13, &err), 0);
	oom_end(&agent);
	assert_string_equal(told, "13:end ");
}

static void test_oom_queue_is_bounded(void **state UNUSED)
{
	static struct agent agent;
	struct err err = ERR_INIT;

	told[0] = '\0';
	put_kills(0);
	for (unsigned i = 0; i < AGENT_CONTAINERS_MAX + 2; i++) {
		char name[16];
		struct container at = { .id = name, .cgroup_fd = dir_fd };

		snprintf(name, sizeof(name), "c%u", i);
		put_kills(0);
		assert_int_equal(oom_watch(&agent, &at, &err), 0);
		put_kills(1);
		oom_check(&agent, &at);
		oom_done(&agent, &at);
	}
	assert_int_equal(agent.oom_queue.count, AGENT_CONTAINERS_MAX);
	assert_int_equal(oom_wait(&agent, NULL, 1, &err), 0);
	assert_string_equal(told, "1:c2 ");
	oom_end(&agent);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_given),
		cmocka_unit_test(test_half_of_cpu_max),
		cmocka_unit_test(test_idle_and_weight),
		cmocka_unit_test(test_memory_comes_last),
		cmocka_unit_test(test_swap_needs_a_limit),
		cmocka_unit_test(test_update_is_undone),
		cmocka_unit_test(test_update_refuses),
		cmocka_unit_test(test_block_io),
		cmocka_unit_test(test_oom_is_told_once_to_each_kind),
		cmocka_unit_test(test_oom_queue_is_bounded),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
