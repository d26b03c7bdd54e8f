// SPDX-License-Identifier: Apache-2.0
/*
 * cmd-events.c - kata-runtime events: figures of a container now and then, and
 * a line whenever its memory ran out, in the form that runc prints. Ends with
 * the container. Needs no rights; the figures are the guest's word.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "auto.h"
#include "container.h"
#include "fd.h"
#include "json.h"
#include "lifecycle.h"
#include "num.h"
#include "opts.h"
#include "records.h"

#define INTERVAL_MAX_MS (24 * 3600 * 1000)
#define OOM_PAUSE_MS 100 /* between two lines of that kind */

/* --- output ---------------------------------------------------------------- */

static void write_cpu(struct json_writer *w, const struct record_stats *s)
{
	json_begin_object(w, "cpu");
	json_begin_object(w, "usage");
	json_u64(w, "total", s->cpu_total);
	json_u64(w, "kernel", s->cpu_kernel);
	json_u64(w, "user", s->cpu_user);
	json_end_object(w);
	json_begin_object(w, "throttling");
	json_u64(w, "periods", s->cpu_periods);
	json_u64(w, "throttledPeriods", s->cpu_throttled_periods);
	json_u64(w, "throttledTime", s->cpu_throttled_time);
	json_end_object(w);
	json_end_object(w);
}

static void write_entry(struct json_writer *w, const char *key, uint64_t limit,
			uint64_t usage, uint64_t max, uint64_t failcnt)
{
	json_begin_object(w, key);
	json_u64(w, "limit", limit);
	json_u64(w, "usage", usage);
	json_u64(w, "max", max);
	json_u64(w, "failcnt", failcnt);
	json_end_object(w);
}

static void write_memory(struct json_writer *w, const struct record_stats *s)
{
	json_begin_object(w, "memory");
	json_u64(w, "cache", s->memory_cache);
	write_entry(w, "usage", s->memory_limit, s->memory_usage, s->memory_max,
		    s->memory_failcnt);
	write_entry(w, "swap", s->swap_limit, s->swap_usage, 0, 0);
	write_entry(w, "kernel", 0, s->memory_kernel, 0, 0);
	json_begin_object(w, "raw");
	for (size_t i = 0; i < s->value_count; i++)
		json_u64(w, s->value[i].name, s->value[i].value);
	json_end_object(w);
	json_end_object(w);
}

static void write_io(struct json_writer *w, const struct record_stats *s)
{
	const struct {
		const char *op;
		uint64_t value;
	} each[] = { { "Read", s->io_read }, { "Write", s->io_write } };

	json_begin_object(w, "blkio");
	json_begin_array(w, "ioServiceBytesRecursive");
	for (size_t i = 0; i < ARRAY_SIZE(each); i++) {
		json_begin_object(w, NULL);
		json_string(w, "op", each[i].op);
		json_u64(w, "value", each[i].value);
		json_end_object(w);
	}
	json_end_array(w);
	json_end_object(w);
}

static void write_links(struct json_writer *w, const struct record_stats *s)
{
	json_begin_array(w, "network_interfaces");
	for (size_t i = 0; i < s->link_count; i++) {
		const struct record_link *link = &s->link[i];

		json_begin_object(w, NULL);
		json_string(w, "Name", link->name);
		json_u64(w, "RxBytes", link->rx_bytes);
		json_u64(w, "RxPackets", link->rx_packets);
		json_u64(w, "RxErrors", link->rx_errors);
		json_u64(w, "RxDropped", link->rx_dropped);
		json_u64(w, "TxBytes", link->tx_bytes);
		json_u64(w, "TxPackets", link->tx_packets);
		json_u64(w, "TxErrors", link->tx_errors);
		json_u64(w, "TxDropped", link->tx_dropped);
		json_end_object(w);
	}
	json_end_array(w);
}

/* Whoever reads them may be gone, or its disk be full: that is the end. */
static int print_event(const char *id, const struct record_stats *stats,
		       struct err *err)
{
	struct json_writer w = { 0 };
	int r = 0;

	json_begin_object(&w, NULL);
	json_string(&w, "type", stats ? "stats" : "oom");
	json_string(&w, "id", id);
	if (stats) {
		json_begin_object(&w, "data");
		write_cpu(&w, stats);
		write_memory(&w, stats);
		json_begin_object(&w, "pids");
		json_u64(&w, "current", stats->pids_current);
		json_u64(&w, "limit",
			 stats->pids_limit == UINT64_MAX ? 0 :
							   stats->pids_limit);
		json_end_object(&w);
		write_io(&w, stats);
		write_links(&w, stats);
		json_end_object(&w);
	}
	json_end_object(&w);
	if (puts(w.text) == EOF || fflush(stdout) == EOF)
		r = err_set(err, errno, "write an event");
	json_writer_done(&w);
	return r;
}

/* --- asking ---------------------------------------------------------------- */

static int take_stats(int dir_fd, const char *id, struct err *err)
{
	union record record;

	record_init(&record, RECORD_SHIM_STATS);
	if (shim_call(dir_fd, &record, RECORD_SHIM_STATS_ARE, SHIM_CALL_MS,
		      &record, err) < 0)
		return -err->code;
	return print_event(id, &record.stats, err);
}

/* A connection whose answer says that memory ran out. */
static int wait_oom(int dir_fd, struct err *err)
{
	AUTO_FD int fd = state_connect(dir_fd, "shim.sock", SOCK_SEQPACKET, err);
	union record record;

	if (fd < 0)
		return fd;
	record_init(&record, RECORD_SHIM_WAIT_OOM);
	if (record_send(fd, &record, err) < 0)
		return -err->code;
	return take_fd(&fd);
}

static int64_t now_ms(void)
{
	struct timespec now;

	BUG_ON(clock_gettime(CLOCK_MONOTONIC, &now) < 0);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Return: 1 memory ran out, 0 the time is over; -errno */
static int wait_for_event(int oom_fd, int64_t until, struct err *err)
{
	struct pollfd ready = { .fd = oom_fd, .events = POLLIN };
	int64_t left = until - now_ms();
	union record record;
	int n = poll(&ready, 1, left > 0 ? (int)left : 0);

	if (n < 0 && errno != EINTR)
		return err_set(err, errno, "poll");
	if (n <= 0)
		return 0;
	if (record_expect(oom_fd, RECORD_OK, &record, 0, err) < 0)
		return -err->code;
	return 1;
}

/*
 * The word comes from the guest, and a hostile one can say it as fast as it is
 * asked. One that comes too soon is printed late: it may be the last.
 */
static int print_oom(const char *id, int64_t *next, struct err *err)
{
	int64_t left = *next - now_ms();
	const struct timespec pause = { 0, left * 1000000 };

	if (left > 0)
		nanosleep(&pause, NULL);
	*next = now_ms() + OOM_PAUSE_MS;
	return print_event(id, NULL, err);
}

static int follow(int dir_fd, const char *id, int64_t interval, struct err *err)
{
	int64_t next = now_ms() + interval, next_oom = 0;

	for (;;) {
		AUTO_FD int oom_fd = wait_oom(dir_fd, err);
		int r = oom_fd;

		while (r >= 0 && (r = wait_for_event(oom_fd, next, err)) == 0) {
			if (now_ms() < next)
				continue;
			next += interval;
			r = take_stats(dir_fd, id, err);
		}
		if (r < 0 || print_oom(id, &next_oom, err) < 0)
			return -err->code;
	}
}

/* "5s", "100ms", "1m30s" of Go, in whole milliseconds. */
static int parse_interval(const char *text, int64_t *ret, struct err *err)
{
	static const struct {
		const char *unit;
		int64_t ms;
	} units[] = {
		{ "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 }
	};
	int64_t total = 0;

	for (const char *at = text; *at;) {
		size_t digits = strspn(at, "0123456789");
		AUTO_FREE char *number = xstrndup(at, digits);
		size_t len = strcspn(at + digits, "0123456789");
		uint32_t value;
		int64_t ms = 0;

		for (size_t i = 0; i < ARRAY_SIZE(units); i++)
			if (strlen(units[i].unit) == len &&
			    memcmp(at + digits, units[i].unit, len) == 0)
				ms = units[i].ms;
		if (!ms || num_parse_u32(number, INTERVAL_MAX_MS, &value) < 0) {
			total = 0;
			break;
		}
		total += value * ms;
		at += digits + len;
	}
	if (total <= 0 || total > INTERVAL_MAX_MS)
		return err_msg(
			err, EINVAL,
			"--interval \"%.32s\": must be like 5s or 500ms, at most 24h",
			text);
	*ret = total;
	return 0;
}

/* The shim says goodbye to its commands before it has ended itself. */
static bool has_ended(const struct process_ref *shim)
{
	struct err err = ERR_INIT;
	AUTO_FD int fd = process_pidfd(shim, &err);

	return fd == -ESRCH || (fd >= 0 && fd_wait_in(fd, SHIM_CALL_MS) > 0);
}

static int events(struct runtime *rt, const char *id, bool once,
		  int64_t interval, struct err *err)
{
	AUTO_FD int dir_fd = state_open(rt, id, false, err);
	struct state state = { 0 };
	int r;

	if (dir_fd < 0)
		return dir_fd;
	if (container_load(dir_fd, &state, err) < 0)
		return -err->code;
	if (state_status(&state) == STATUS_STOPPED) {
		state_done(&state);
		return err_msg(err, ESRCH,
			       "container with id %s is not running", id);
	}
	if (once) {
		r = take_stats(dir_fd, id, err);
	} else {
		r = follow(dir_fd, id, interval, err);
		/* The end of the container is the end of its events. */
		if (r < 0 && !ferror(stdout) && has_ended(&state.shim))
			r = 0;
	}
	state_done(&state);
	return r;
}

int cmd_events(struct runtime *rt, int argc, char **argv, int first,
	       struct err *err)
{
	const char *interval = "5s", *id;
	bool once = false;
	int64_t ms;
	const struct opt table[] = {
		{ "interval", 0, "TIME", "between figures (default: 5s)",
		  &interval, NULL },
		{ "stats", 0, NULL, "figures once, and no more", NULL, &once },
	};
	int at = opts_parse(table, ARRAY_SIZE(table), argc, argv, first, err);

	if (operand_id(argc, argv, at, &id, err) < 0 ||
	    parse_interval(interval, &ms, err) < 0 ||
	    state_root_open(rt, err) < 0)
		return -err->code;
	return events(rt, id, once, ms, err);
}
