// SPDX-License-Identifier: Apache-2.0
/* link: agent/metrics.o */
/* Prometheus text of kata-agent, from a directory in place of /proc. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/metrics.h"
#include "path.h"

static char directory[] = "/tmp/test-agent-metrics-XXXXXX";
static int dir_fd;

static int set_up(void **state UNUSED)
{
	assert_non_null(mkdtemp(directory));
	dir_fd = open(directory, O_RDONLY | O_DIRECTORY);
	assert_int_equal(mkdirat(dir_fd, "self", 0700), 0);
	assert_int_equal(mkdirat(dir_fd, "self/net", 0700), 0);
	return dir_fd < 0;
}

static int tear_down(void **state UNUSED)
{
	struct err err = ERR_INIT;

	close(dir_fd);
	return path_remove_tree(AT_FDCWD, directory, &err);
}

static void put(const char *name, const char *text)
{
	int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void assert_snake(const char *from, const char *wanted)
{
	char to[64];

	metrics_snake(to, sizeof(to), from, strlen(from));
	assert_string_equal(to, wanted);
}

static void test_names(void **state UNUSED)
{
	assert_snake("MemTotal", "mem_total");
	assert_snake("Active(anon)", "active_anon");
	assert_snake("SReclaimable", "s_reclaimable");
	assert_snake("DirectMap4k", "direct_map_4k");
	assert_snake("NFS_Unstable", "nfs_unstable");
	assert_snake("", "");
	assert_snake("((", "");
}

static void assert_has(const struct metrics *metrics, const char *line)
{
	if (!strstr(metrics->text, line))
		fail_msg("no \"%s\"", line);
}

static void test_texts(void **state UNUSED)
{
	struct metrics metrics = { 0 };

	put("loadavg", "0.50 1.25 2.00 3/77 999\n");
	put("meminfo", "MemTotal:   1000 kB\nnonsense\nHugePages_Free: 2\n");
	put("stat", "cpu  1 2 3 4 5 6 7 8 9 10\ncpu0 11 12\nintr 5\n");
	put("self/net/dev",
	    "Inter-| x\n face |bytes\n  a\"b\\c: 7 8 9 1 1 1 1 1 70 80 1 1 1 1 1 1\n");
	put("self/status",
	    "Name:\tx\nVmRSS:\t  12 kB\nnonvoluntary_ctxt_switches:\t3\n");
	put("self/stat",
	    "1 (a) b) S 0 1 1 0 -1 4 10 20 30 40 5 6 7 8 20 0 1 0 99 4096 3 x\n");
	metrics_take(dir_fd, 5, &metrics);
	assert_has(&metrics, "kata_agent_scrape_count 5\n");
	assert_has(&metrics, "kata_guest_load{item=\"load5\"} 1.25\n");
	assert_has(&metrics, "kata_guest_tasks{item=\"max\"} 77\n");
	assert_has(&metrics, "kata_guest_meminfo{item=\"mem_total\"} 1000\n");
	assert_has(&metrics,
		   "kata_guest_cpu_time{cpu=\"total\",item=\"guestnice\"} 10\n");
	assert_has(&metrics,
		   "kata_guest_cpu_time{cpu=\"cpu0\",item=\"nice\"} 12\n");
	assert_has(
		&metrics,
		"kata_guest_netdev_stat{interface=\"a_b_c\",item=\"sent_packets\"} 80\n");
	assert_has(&metrics, "kata_agent_proc_status{item=\"vmrss\"} 12288\n");
	assert_has(
		&metrics,
		"kata_agent_proc_status{item=\"nonvoluntary_ctxt_switches\"} 3\n");
	assert_has(&metrics, "kata_agent_proc_stat{item=\"cstime\"} 8\n");
	assert_has(&metrics, "kata_agent_total_vm 4096\n");
	assert_null(strstr(metrics.text, "kata_guest_diskstat"));
	free(metrics.text);
}

static void test_limit(void **state UNUSED)
{
	static char big[200 << 10];
	struct metrics metrics = { 0 };
	size_t used = 0;

	while (used + 16 < sizeof(big))
		used += (size_t)snprintf(big + used, sizeof(big) - used,
					 "a%zu 1\n", used);
	put("vmstat", big);
	metrics_take(dir_fd, 1, &metrics);
	assert_true(metrics.len < METRICS_MAX);
	assert_true(metrics.len > METRICS_MAX - 256);
	assert_int_equal(metrics.text[metrics.len - 1], '\n');
	free(metrics.text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_limit),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
