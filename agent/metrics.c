// SPDX-License-Identifier: Apache-2.0
/*
 * metrics.c - GetMetrics: the guest and the agent as text for Prometheus,
 * under the names that Kata's agent uses. Runs in kata-agent; reads files of
 * /proc only, which the kernel writes. What the guest's kernel does not have
 * is left out. Names of interfaces and disks may come from the host; they are
 * put into quotes, so what could end the quotes is replaced.
 */
#include "metrics.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "auto.h"
#include "path.h"

#define FILE_MAX (256 * 1024)
#define NAME_MAX_LEN 64

__attribute__((format(printf, 2, 3))) static void say(struct metrics *out,
						      const char *fmt, ...)
{
	char line[256];
	va_list args;
	int len;

	va_start(args, fmt);
	len = vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	if (len < 0 || (size_t)len >= sizeof(line))
		return; /* no figure of ours is that long */
	if (out->len + (size_t)len + 1 > METRICS_MAX)
		return; /* full: what fits is still well formed */
	out->text = xgrow(out->text, out->len, out->len + (size_t)len + 1, 1);
	memcpy(out->text + out->len, line, (size_t)len + 1);
	out->len += (size_t)len;
}

static void head(struct metrics *out, const char *name, const char *type,
		 const char *help)
{
	say(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static char *read_proc(int proc_fd, const char *name)
{
	struct err err = ERR_INIT;
	char *text = NULL;

	if (path_read_file(proc_fd, name, FILE_MAX, &text, &err) < 0)
		return xstrdup("");
	return text;
}

static const char *next_line(const char *at)
{
	at += strcspn(at, "\n");
	return at + (*at == '\n');
}

/* "eth0:" to "eth0"; nothing that could end a label. */
static void copy_name(char *to, const char *from, size_t len)
{
	size_t used = 0;

	while (used < len && used < NAME_MAX_LEN - 1) {
		char c = from[used];

		to[used++] = c == '"' || c == '\\' ||
					     !isprint((unsigned char)c) ?
				     '_' :
				     c;
	}
	to[used] = '\0';
}

/* --- the guest ----------------------------------------------------------------- */

/* A new word: "mT" of MemTotal, "SR" of SReclaimable, "p4" of DirectMap4k. */
static bool starts_word(const char *from, size_t i, size_t len)
{
	unsigned char before = (unsigned char)from[i - 1];
	unsigned char c = (unsigned char)from[i];

	if (islower(before))
		return isupper(c) || isdigit(c);
	return isupper(before) && isupper(c) && i + 1 < len &&
	       islower((unsigned char)from[i + 1]);
}

/* "MemTotal" to "mem_total", "Active(anon)" to "active_anon". */
void metrics_snake(char *to, size_t size, const char *from, size_t len)
{
	size_t used = 0;

	for (size_t i = 0; i < len && used + 2 < size; i++) {
		unsigned char c = (unsigned char)from[i];

		if (!isalnum(c)) {
			if (used && to[used - 1] != '_' && i + 1 < len)
				to[used++] = '_';
			continue;
		}
		if (i && starts_word(from, i, len))
			to[used++] = '_';
		to[used++] = (char)tolower(c);
	}
	to[used] = '\0';
}

/* "MemTotal:   123 kB" lines: the figure as it stands there, in kB. */
static void take_meminfo(struct metrics *out, int proc_fd)
{
	AUTO_FREE char *text = read_proc(proc_fd, "meminfo");

	head(out, "kata_guest_meminfo", "gauge", "Memory of the guest, in kB.");
	for (const char *at = text; *at; at = next_line(at)) {
		size_t len = strcspn(at, ":\n");
		char item[NAME_MAX_LEN];

		if (at[len] != ':')
			continue;
		metrics_snake(item, sizeof(item), at, len);
		say(out, "kata_guest_meminfo{item=\"%s\"} %llu\n", item,
		    strtoull(at + len + 1, NULL, 10));
	}
}

/* "name value" lines. */
static void take_vmstat(struct metrics *out, int proc_fd)
{
	AUTO_FREE char *text = read_proc(proc_fd, "vmstat");

	head(out, "kata_guest_vm_stat", "gauge", "As in /proc/vmstat.");
	for (const char *at = text; *at; at = next_line(at)) {
		char item[NAME_MAX_LEN];
		size_t len = strcspn(at, " \n");

		copy_name(item, at, len);
		say(out, "kata_guest_vm_stat{item=\"%s\"} %llu\n", item,
		    strtoull(at + len, NULL, 10));
	}
}

/* "0.10 0.20 0.30 1/60 123" */
static void take_load(struct metrics *out, int proc_fd)
{
	AUTO_FREE char *text = read_proc(proc_fd, "loadavg");
	double load[3];
	unsigned running, all;

	/* NOLINTNEXTLINE(cert-err34-c): the kernel's own text */
	if (sscanf(text, "%lf %lf %lf %u/%u", &load[0], &load[1], &load[2],
		   &running, &all) != 5)
		return;
	head(out, "kata_guest_load", "gauge", "Load of the guest.");
	say(out, "kata_guest_load{item=\"load1\"} %.2f\n", load[0]);
	say(out, "kata_guest_load{item=\"load5\"} %.2f\n", load[1]);
	say(out, "kata_guest_load{item=\"load15\"} %.2f\n", load[2]);
	head(out, "kata_guest_tasks", "gauge", "Tasks of the guest.");
	say(out, "kata_guest_tasks{item=\"cur\"} %u\n", running);
	say(out, "kata_guest_tasks{item=\"max\"} %u\n", all);
}

/* Numbers after a name, one item for each, in the order of items. */
static void take_row(struct metrics *out, const char *metric, const char *label,
		     const char *name, const char *const *items, size_t count,
		     const char *numbers)
{
	for (size_t i = 0; i < count; i++) {
		char *end;
		unsigned long long value = strtoull(numbers, &end, 10);

		if (end == numbers)
			return;
		say(out, "%s{%s=\"%s\",item=\"%s\"} %llu\n", metric, label,
		    name, items[i], value);
		numbers = end;
	}
}

static void take_cpu(struct metrics *out, int proc_fd)
{
	static const char *const items[] = { "user",	 "nice",   "system",
					     "idle",	 "iowait", "irq",
					     "softirq",	 "steal",  "guest",
					     "guestnice" };
	AUTO_FREE char *text = read_proc(proc_fd, "stat");

	head(out, "kata_guest_cpu_time", "gauge", "Ticks of each CPU.");
	for (const char *at = text; strncmp(at, "cpu", 3) == 0;
	     at = next_line(at)) {
		size_t len = strcspn(at, " ");
		char name[NAME_MAX_LEN];

		copy_name(name, at, len);
		take_row(out, "kata_guest_cpu_time", "cpu",
			 len == 3 ? "total" : name, items, ARRAY_SIZE(items),
			 at + len);
	}
}

static void take_interfaces(struct metrics *out, int proc_fd)
{
	static const char *const items[] = {
		"recv_bytes",	   "recv_packets",   "recv_errs",
		"recv_drop",	   "recv_fifo",	     "recv_frame",
		"recv_compressed", "recv_multicast", "sent_bytes",
		"sent_packets",	   "sent_errs",	     "sent_drop",
		"sent_fifo",	   "sent_colls",     "sent_carrier",
		"sent_compressed",
	};
	AUTO_FREE char *text = read_proc(proc_fd, "self/net/dev");

	head(out, "kata_guest_netdev_stat", "gauge", "As in /proc/net/dev.");
	for (const char *at = text; *at; at = next_line(at)) {
		size_t blank = strspn(at, " ");
		size_t len = strcspn(at + blank, ":\n");
		char name[NAME_MAX_LEN];

		if (at[blank + len] != ':')
			continue; /* the two lines of titles */
		copy_name(name, at + blank, len);
		take_row(out, "kata_guest_netdev_stat", "interface", name,
			 items, ARRAY_SIZE(items), at + blank + len + 1);
	}
}

static void take_disks(struct metrics *out, int proc_fd)
{
	static const char *const items[] = {
		"reads",
		"merged",
		"sectors_read",
		"time_reading",
		"writes",
		"writes_merged",
		"sectors_written",
		"time_writing",
		"in_progress",
		"time_in_progress",
		"weighted_time_in_progress",
		"discards",
		"discards_merged",
		"sectors_discarded",
		"time_discarding",
		"flushes",
		"time_flushing",
	};
	AUTO_FREE char *text = read_proc(proc_fd, "diskstats");

	if (!*text)
		return;
	head(out, "kata_guest_diskstat", "gauge", "As in /proc/diskstats.");
	for (const char *at = text; *at; at = next_line(at)) {
		char raw[NAME_MAX_LEN], name[NAME_MAX_LEN];
		int used = 0;

		if (sscanf(at, "%*u %*u %63s%n", raw, &used) != 1)
			continue;
		copy_name(name, raw, strlen(raw));
		take_row(out, "kata_guest_diskstat", "disk", name, items,
			 ARRAY_SIZE(items), at + used);
	}
}

/* --- the agent ------------------------------------------------------------------ */

struct own_stat {
	unsigned long long utime, stime, cutime, cstime, start, vsize;
	long long threads, rss;
};

/* Fields of proc(5)'s stat, after the name in brackets. */
static bool parse_stat(const char *text, struct own_stat *ret)
{
	const char *at = strrchr(text, ')');

	if (!at)
		return false;
	/* NOLINTNEXTLINE(cert-err34-c): the kernel's own text */
	return sscanf(at + 1,
		      " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u"
		      " %llu %llu %llu %llu %*d %*d %lld %*d %llu %llu"
		      " %lld",
		      &ret->utime, &ret->stime, &ret->cutime, &ret->cstime,
		      &ret->threads, &ret->start, &ret->vsize, &ret->rss) == 8;
}

static void take_own_stat(struct metrics *out, int proc_fd)
{
	AUTO_FREE char *text = read_proc(proc_fd, "self/stat");
	double ticks = (double)sysconf(_SC_CLK_TCK);
	long long page = sysconf(_SC_PAGESIZE);
	struct own_stat stat;

	if (!parse_stat(text, &stat))
		return;
	head(out, "kata_agent_proc_stat", "gauge", "Ticks of the agent.");
	say(out, "kata_agent_proc_stat{item=\"utime\"} %llu\n", stat.utime);
	say(out, "kata_agent_proc_stat{item=\"stime\"} %llu\n", stat.stime);
	say(out, "kata_agent_proc_stat{item=\"cutime\"} %llu\n", stat.cutime);
	say(out, "kata_agent_proc_stat{item=\"cstime\"} %llu\n", stat.cstime);
	head(out, "kata_agent_threads", "gauge", "Threads of the agent.");
	say(out, "kata_agent_threads %lld\n", stat.threads);
	head(out, "kata_agent_total_time", "gauge", "Ticks of the agent.");
	say(out, "kata_agent_total_time %llu\n", stat.utime + stat.stime);
	head(out, "kata_agent_total_vm", "gauge", "Its address space, bytes.");
	say(out, "kata_agent_total_vm %llu\n", stat.vsize);
	head(out, "kata_agent_total_rss", "gauge", "Its memory, bytes.");
	say(out, "kata_agent_total_rss %lld\n", stat.rss * page);
	head(out, "kata_agent_process_cpu_seconds_total", "counter",
	     "Time of the agent.");
	say(out, "kata_agent_process_cpu_seconds_total %.2f\n",
	    (double)(stat.utime + stat.stime) / ticks);
	head(out, "kata_agent_process_resident_memory_bytes", "gauge",
	     "Its memory.");
	say(out, "kata_agent_process_resident_memory_bytes %lld\n",
	    stat.rss * page);
	head(out, "kata_agent_process_virtual_memory_bytes", "gauge",
	     "Its address space.");
	say(out, "kata_agent_process_virtual_memory_bytes %llu\n", stat.vsize);
}

static void take_own_status(struct metrics *out, int proc_fd)
{
	static const char *const names[] = {
		"VmPeak",
		"VmSize",
		"VmLck",
		"VmPin",
		"VmHWM",
		"VmRSS",
		"RssAnon",
		"RssFile",
		"RssShmem",
		"VmData",
		"VmStk",
		"VmExe",
		"VmLib",
		"VmPTE",
		"VmSwap",
		"HugetlbPages",
		"voluntary_ctxt_switches",
		"nonvoluntary_ctxt_switches",
	};
	AUTO_FREE char *text = read_proc(proc_fd, "self/status");

	head(out, "kata_agent_proc_status", "gauge",
	     "As in /proc/self/status, memory in bytes.");
	for (const char *at = text; *at; at = next_line(at)) {
		size_t len = strcspn(at, ":\n");
		char item[NAME_MAX_LEN] = "";
		size_t i = 0;
		bool is_size;

		while (i < ARRAY_SIZE(names) && (strlen(names[i]) != len ||
						 strncmp(names[i], at, len) != 0))
			i++;
		if (i == ARRAY_SIZE(names))
			continue;
		for (size_t k = 0; k < len && k + 1 < sizeof(item); k++)
			item[k] = (char)tolower((unsigned char)at[k]);
		is_size = memmem(at, strcspn(at, "\n"), " kB", 3) != NULL;
		say(out, "kata_agent_proc_status{item=\"%s\"} %llu\n", item,
		    strtoull(at + len + 1, NULL, 10) * (is_size ? 1024 : 1));
	}
}

static void take_own_io(struct metrics *out, int proc_fd)
{
	AUTO_FREE char *text = read_proc(proc_fd, "self/io");

	if (!*text)
		return; /* a kernel without that accounting */
	head(out, "kata_agent_io_stat", "gauge", "As in /proc/self/io.");
	for (const char *at = text; *at; at = next_line(at)) {
		size_t len = strcspn(at, ":\n");
		char item[NAME_MAX_LEN];
		size_t used = 0;

		for (size_t i = 0; i < len && used + 1 < sizeof(item); i++)
			if (at[i] != '_')
				item[used++] = at[i];
		item[used] = '\0';
		say(out, "kata_agent_io_stat{item=\"%s\"} %llu\n", item,
		    strtoull(at + len + 1, NULL, 10));
	}
}

static void take_descriptors(struct metrics *out, int proc_fd)
{
	AUTO_CLOSEDIR DIR *dir = NULL;
	struct rlimit limit;
	unsigned count = 0;
	int fd = openat(proc_fd, "self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	dir = fd >= 0 ? fdopendir(fd) : NULL;
	if (!dir || getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	for (struct dirent *at; (at = readdir(dir));)
		count += at->d_name[0] != '.';
	head(out, "kata_agent_process_open_fds", "gauge", "Descriptors.");
	say(out, "kata_agent_process_open_fds %u\n", count - 1); /* not dir */
	head(out, "kata_agent_process_max_fds", "gauge", "Their limit.");
	say(out, "kata_agent_process_max_fds %llu\n",
	    (unsigned long long)limit.rlim_cur);
}

/**
 * metrics_take() - All figures
 * @proc_fd:	A /proc of the agent's pid namespace, a directory
 * @scrapes:	How often this was called
 * @out:	Zeroed; text is to be freed by the caller
 */
void metrics_take(int proc_fd, uint64_t scrapes, struct metrics *out)
{
	head(out, "kata_agent_scrape_count", "counter", "Calls of GetMetrics.");
	say(out, "kata_agent_scrape_count %" PRIu64 "\n", scrapes);
	take_own_stat(out, proc_fd);
	take_own_status(out, proc_fd);
	take_own_io(out, proc_fd);
	take_descriptors(out, proc_fd);
	take_load(out, proc_fd);
	take_cpu(out, proc_fd);
	take_meminfo(out, proc_fd);
	take_vmstat(out, proc_fd);
	take_interfaces(out, proc_fd);
	take_disks(out, proc_fd);
}
