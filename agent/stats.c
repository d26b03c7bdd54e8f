// SPDX-License-Identifier: Apache-2.0
/*
 * stats.c - StatsContainer from cgroup v2 files and the sandbox's links. Runs
 * in kata-agent. A file that the guest's kernel lacks leaves zeros: these are
 * figures, not limits. Huge pages are not told: the kernel has none.
 */
#include "cgroup.h"

#include <errno.h>
#include <string.h>

#include "auto.h"
#include "netlink.h"
#include "path.h"

#define FILE_MAX (64 * 1024)
#define NANO_PER_MICRO 1000
#define MEMORY_KEYS_MAX 128
#define BLOCK_DEVICES_MAX 256

/* Text of a file, "" when there is none; the caller frees it. */
static char *read_or_empty(int cgroup_fd, const char *name)
{
	struct err err = ERR_INIT;
	char *text = NULL;

	if (path_read_file(cgroup_fd, name, FILE_MAX, &text, &err) < 0)
		return xstrdup("");
	return text;
}

/* "key value" lines; 0 when the key is not there. */
static uint64_t value_of(const char *text, const char *key)
{
	size_t len = strlen(key);

	for (const char *at = text; *at;) {
		if (strncmp(at, key, len) == 0 && at[len] == ' ')
			return strtoull(at + len + 1, NULL, 10);
		at += strcspn(at, "\n");
		at += *at == '\n';
	}
	return 0;
}

/* "max" counts as no limit: the largest number, as Kata's agent says it. */
static uint64_t number_in(int cgroup_fd, const char *name)
{
	AUTO_FREE char *text = read_or_empty(cgroup_fd, name);

	if (strncmp(text, "max", 3) == 0)
		return UINT64_MAX;
	return strtoull(text, NULL, 10);
}

static Grpc__CpuStats *take_cpu(int cgroup_fd)
{
	AUTO_FREE char *text = read_or_empty(cgroup_fd, "cpu.stat");
	Grpc__CpuStats *cpu = xcalloc(1, sizeof(*cpu));

	grpc__cpu_stats__init(cpu);
	cpu->cpu_usage = xcalloc(1, sizeof(*cpu->cpu_usage));
	grpc__cpu_usage__init(cpu->cpu_usage);
	cpu->cpu_usage->total_usage =
		value_of(text, "usage_usec") * NANO_PER_MICRO;
	cpu->cpu_usage->usage_in_usermode =
		value_of(text, "user_usec") * NANO_PER_MICRO;
	cpu->cpu_usage->usage_in_kernelmode =
		value_of(text, "system_usec") * NANO_PER_MICRO;
	cpu->throttling_data = xcalloc(1, sizeof(*cpu->throttling_data));
	grpc__throttling_data__init(cpu->throttling_data);
	cpu->throttling_data->periods = value_of(text, "nr_periods");
	cpu->throttling_data->throttled_periods = value_of(text, "nr_throttled");
	cpu->throttling_data->throttled_time =
		value_of(text, "throttled_usec") * NANO_PER_MICRO;
	return cpu;
}

static void take_memory_keys(Grpc__MemoryStats *memory, const char *text)
{
	memory->stats = xcalloc(MEMORY_KEYS_MAX, sizeof(*memory->stats));
	while (*text && memory->n_stats < MEMORY_KEYS_MAX) {
		size_t len = strcspn(text, " \n");
		Grpc__MemoryStats__StatsEntry *entry =
			xcalloc(1, sizeof(*entry));

		grpc__memory_stats__stats_entry__init(entry);
		entry->key = xstrndup(text, len);
		entry->value = strtoull(text + len, NULL, 10);
		memory->stats[memory->n_stats++] = entry;
		text += strcspn(text, "\n");
		text += *text == '\n';
	}
}

static Grpc__MemoryData *new_data(void)
{
	Grpc__MemoryData *data = xcalloc(1, sizeof(*data));

	grpc__memory_data__init(data);
	return data;
}

static Grpc__MemoryStats *take_memory(int cgroup_fd)
{
	AUTO_FREE char *stat = read_or_empty(cgroup_fd, "memory.stat");
	AUTO_FREE char *events = read_or_empty(cgroup_fd, "memory.events");
	Grpc__MemoryStats *memory = xcalloc(1, sizeof(*memory));

	grpc__memory_stats__init(memory);
	memory->cache = value_of(stat, "file");
	memory->use_hierarchy = true;
	memory->usage = new_data();
	memory->usage->usage = number_in(cgroup_fd, "memory.current");
	memory->usage->max_usage = number_in(cgroup_fd, "memory.peak");
	memory->usage->limit = number_in(cgroup_fd, "memory.max");
	memory->usage->failcnt = value_of(events, "max");
	memory->oom_kill = value_of(events, "oom_kill");
	memory->swap_usage = new_data();
	memory->swap_usage->usage = number_in(cgroup_fd, "memory.swap.current");
	memory->swap_usage->limit = number_in(cgroup_fd, "memory.swap.max");
	memory->kernel_usage = new_data();
	memory->kernel_usage->usage = value_of(stat, "kernel");
	take_memory_keys(memory, stat);
	return memory;
}

static Grpc__PidsStats *take_pids(int cgroup_fd)
{
	Grpc__PidsStats *pids = xcalloc(1, sizeof(*pids));

	grpc__pids_stats__init(pids);
	pids->current = number_in(cgroup_fd, "pids.current");
	pids->limit = number_in(cgroup_fd, "pids.max");
	return pids;
}

/* --- block devices ------------------------------------------------------------ */

struct block_list {
	Grpc__BlkioStatsEntry ***entries;
	size_t *count;
};

static void add_block(struct block_list *list, uint64_t major, uint64_t minor,
		      const char *op, uint64_t value)
{
	Grpc__BlkioStatsEntry *entry = xcalloc(1, sizeof(*entry));

	grpc__blkio_stats_entry__init(entry);
	entry->major = major;
	entry->minor = minor;
	entry->op = (char *)(uintptr_t)op; /* static: never freed */
	entry->value = value;
	*list->entries = xgrow(*list->entries, *list->count, *list->count + 1,
			       sizeof(**list->entries));
	(*list->entries)[(*list->count)++] = entry;
}

/* "rbytes=1 wbytes=2 ...": one figure; false when it is not there. */
static bool block_value(const char *line, size_t len, const char *key,
			uint64_t *ret)
{
	const char *at = memmem(line, len, key, strlen(key));

	if (!at)
		return false;
	*ret = strtoull(at + strlen(key), NULL, 10);
	return true;
}

/* One line of io.stat: "254:0 rbytes=... wbytes=... rios=... wios=...". */
static void take_device(Grpc__BlkioStats *stats, const char *line, size_t len)
{
	struct block_list bytes = { &stats->io_service_bytes_recursive,
				    &stats->n_io_service_bytes_recursive };
	struct block_list count = { &stats->io_serviced_recursive,
				    &stats->n_io_serviced_recursive };
	const struct {
		const char *key, *op;
		struct block_list *list;
	} keys[] = {
		{ " rbytes=", "Read", &bytes },
		{ " wbytes=", "Write", &bytes },
		{ " dbytes=", "Discard", &bytes },
		{ " rios=", "Read", &count },
		{ " wios=", "Write", &count },
		{ " dios=", "Discard", &count },
	};
	char *end;
	uint64_t major = strtoull(line, &end, 10), minor, value;

	if (end == line || *end != ':')
		return;
	minor = strtoull(end + 1, NULL, 10);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (block_value(line, len, keys[i].key, &value))
			add_block(keys[i].list, major, minor, keys[i].op, value);
}

Grpc__BlkioStats *stats_block_io(const char *text)
{
	Grpc__BlkioStats *stats = xcalloc(1, sizeof(*stats));

	grpc__blkio_stats__init(stats);
	for (size_t i = 0; *text && i < BLOCK_DEVICES_MAX; i++) {
		size_t len = strcspn(text, "\n");

		take_device(stats, text, len);
		text += len;
		text += *text == '\n';
	}
	return stats;
}

void stats_block_io_done(Grpc__BlkioStats *stats)
{
	for (size_t i = 0; i < stats->n_io_service_bytes_recursive; i++)
		free(stats->io_service_bytes_recursive[i]);
	free(stats->io_service_bytes_recursive);
	for (size_t i = 0; i < stats->n_io_serviced_recursive; i++)
		free(stats->io_serviced_recursive[i]);
	free(stats->io_serviced_recursive);
	free(stats);
}

static Grpc__BlkioStats *take_block_io(int cgroup_fd)
{
	AUTO_FREE char *text = read_or_empty(cgroup_fd, "io.stat");

	return stats_block_io(text);
}

/* --- network ------------------------------------------------------------------ */

/* All links: the network is the sandbox's. */
static int take_links(Grpc__StatsContainerResponse *message, struct err *err)
{
	AUTO_NETLINK struct netlink *netlink = NULL;
	AUTO_FREE struct net_link *links = NULL;
	size_t count = 0;
	int r = netlink_open(&netlink, err);

	if (r == 0)
		r = netlink_list_links(netlink, &links, &count, err);
	if (r < 0)
		return r;
	message->network_stats = xcalloc(count + 1, sizeof(void *));
	for (size_t i = 0; i < count; i++) {
		Grpc__NetworkStats *to;

		if (links[i].is_loopback)
			continue;
		to = xcalloc(1, sizeof(*to));
		grpc__network_stats__init(to);
		to->name = xstrdup(links[i].name);
		to->rx_bytes = links[i].rx_bytes;
		to->rx_packets = links[i].rx_packets;
		to->rx_errors = links[i].rx_errors;
		to->rx_dropped = links[i].rx_dropped;
		to->tx_bytes = links[i].tx_bytes;
		to->tx_packets = links[i].tx_packets;
		to->tx_errors = links[i].tx_errors;
		to->tx_dropped = links[i].tx_dropped;
		message->network_stats[message->n_network_stats++] = to;
	}
	return 0;
}

int stats_take(struct agent *agent UNUSED, int cgroup_fd,
	       Grpc__StatsContainerResponse *message, struct err *err)
{
	Grpc__CgroupStats *stats = xcalloc(1, sizeof(*stats));

	grpc__cgroup_stats__init(stats);
	message->cgroup_stats = stats;
	stats->cpu_stats = take_cpu(cgroup_fd);
	stats->memory_stats = take_memory(cgroup_fd);
	stats->pids_stats = take_pids(cgroup_fd);
	stats->blkio_stats = take_block_io(cgroup_fd);
	return take_links(message, err);
}

void stats_done(Grpc__StatsContainerResponse *message)
{
	Grpc__CgroupStats *stats = message->cgroup_stats;
	Grpc__MemoryStats *memory = stats ? stats->memory_stats : NULL;

	for (size_t i = 0; i < message->n_network_stats; i++) {
		free(message->network_stats[i]->name);
		free(message->network_stats[i]);
	}
	free(message->network_stats);
	if (!stats)
		return;
	free(stats->cpu_stats->cpu_usage);
	free(stats->cpu_stats->throttling_data);
	free(stats->cpu_stats);
	for (size_t i = 0; i < memory->n_stats; i++) {
		free(memory->stats[i]->key);
		free(memory->stats[i]);
	}
	free(memory->stats);
	free(memory->usage);
	free(memory->swap_usage);
	free(memory->kernel_usage);
	free(memory);
	free(stats->pids_stats);
	stats_block_io_done(stats->blkio_stats);
	free(stats);
}
