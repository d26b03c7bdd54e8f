// SPDX-License-Identifier: Apache-2.0
/*
 * cmd-ps.c - kata-runtime ps: the host processes that stand for those of a
 * container, one kata-shim for its init and one for each exec.
 *
 * Found by what the kernel says and not by a list of ours that could be stale:
 * they are the processes of the pid namespace of the container's shim. The
 * guest's own processes have no pid here (`exec ID ps` shows them). Needs the
 * rights of the user that the container belongs to.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "auto.h"
#include "container.h"
#include "json.h"
#include "lifecycle.h"
#include "num.h"
#include "opts.h"
#include "own-userns.h"
#include "path.h"

#define STAT_BYTES_MAX 4096
#define SHIM_NAME "kata-shim"

struct ps_list {
	pid_t *pid;
	size_t count;
};

static int pid_namespace(int proc_fd, const char *pid, struct stat *ret)
{
	AUTO_FREE char *path = xasprintf("%s/ns/pid", pid);

	return fstatat(proc_fd, path, ret, 0) < 0 ? -errno : 0;
}

static bool is_shim(int proc_fd, const char *pid)
{
	AUTO_FREE char *path = xasprintf("%s/comm", pid);
	AUTO_FREE char *name = NULL;
	struct err err = ERR_INIT;

	/* An engine may have sent a process of its own in there. */
	return path_read_file(proc_fd, path, 64, &name, &err) == 0 &&
	       strcmp(name, SHIM_NAME "\n") == 0;
}

static void add(struct ps_list *list, pid_t pid)
{
	list->pid = xgrow(list->pid, list->count, list->count + 1,
			  sizeof(*list->pid));
	list->pid[list->count++] = pid;
}

static int find(const struct process_ref *shim, struct ps_list *ret,
		struct err *err)
{
	AUTO_CLOSEDIR DIR *dir = opendir("/proc");
	AUTO_FREE char *name = xasprintf("%d", shim->pid);
	struct dirent *entry;
	struct stat ours, one;
	int r;

	if (!dir)
		return err_set(err, errno, "list /proc");
	r = pid_namespace(dirfd(dir), name, &ours);
	if (r < 0)
		return err_set(err, -r, "pid namespace of the container");
	while ((entry = readdir(dir))) {
		uint32_t pid;

		if (num_parse_u32(entry->d_name, INT_MAX, &pid) < 0 ||
		    pid_namespace(dirfd(dir), entry->d_name, &one) < 0 ||
		    one.st_ino != ours.st_ino || one.st_dev != ours.st_dev ||
		    !is_shim(dirfd(dir), entry->d_name))
			continue;
		add(ret, (pid_t)pid);
	}
	if (!process_alive(shim))
		return err_msg(err, ESRCH, "container not running");
	return 0;
}

/* --- output: as `ps -ef`, which other runtimes show here ------------------ */

struct ps_times {
	long parent;
	unsigned long long ticks, start;
};

/* Fields of proc(5); the name in brackets may hold anything. */
static bool read_times(pid_t pid, struct ps_times *ret)
{
	AUTO_FREE char *path = xasprintf("/proc/%d/stat", pid);
	AUTO_FREE char *text = NULL;
	struct err err = ERR_INIT;
	unsigned long long user, kernel;
	char *at;

	if (path_read_file(AT_FDCWD, path, STAT_BYTES_MAX, &text, &err) < 0)
		return false;
	at = strrchr(text, ')');
	if (!at || sscanf(at + 1,
			  " %*c %ld %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu "
			  "%llu %*d %*d %*d %*d %*d %*d %llu",
			  &ret->parent, &user, &kernel, &ret->start) != 4)
		return false;
	ret->ticks = user + kernel;
	return true;
}

static void start_text(unsigned long long start, char *text, size_t size)
{
	long hertz = sysconf(_SC_CLK_TCK);
	struct timespec now, boot;
	time_t when;
	struct tm tm;

	clock_gettime(CLOCK_REALTIME, &now);
	clock_gettime(CLOCK_BOOTTIME, &boot);
	when = now.tv_sec - boot.tv_sec + (time_t)(start / (unsigned long)hertz);
	localtime_r(&when, &tm);
	strftime(text, size, now.tv_sec - when < 86400 ? "%H:%M" : "%b%d", &tm);
}

static void print_line(pid_t pid, bool is_init)
{
	unsigned long hertz = (unsigned long)sysconf(_SC_CLK_TCK);
	struct ps_times times;
	char path[32], start[16];
	struct stat st;
	unsigned long long seconds;

	snprintf(path, sizeof(path), "/proc/%d", pid);
	if (stat(path, &st) < 0 || !read_times(pid, &times))
		return; /* gone meanwhile */
	start_text(times.start, start, sizeof(start));
	seconds = times.ticks / hertz;
	printf("%-8u %8d %8ld  0 %-5s ?        %02llu:%02llu:%02llu %s\n",
	       st.st_uid, pid, times.parent, start, seconds / 3600,
	       seconds / 60 % 60, seconds % 60,
	       is_init ? SHIM_NAME " [init]" : SHIM_NAME " [exec]");
}

static void print_list(const struct ps_list *list, pid_t init, bool json)
{
	struct json_writer w = { 0 };

	if (!json) {
		puts("UID           PID     PPID  C STIME TTY          TIME CMD");
		for (size_t i = 0; i < list->count; i++)
			print_line(list->pid[i], list->pid[i] == init);
		return;
	}
	json_begin_array(&w, NULL);
	for (size_t i = 0; i < list->count; i++)
		json_u64(&w, NULL, (uint64_t)list->pid[i]);
	json_end_array(&w);
	puts(w.text);
	json_writer_done(&w);
}

static int ps(struct runtime *rt, const char *id, bool json, struct err *err)
{
	AUTO_FD int dir_fd = state_open(rt, id, false, err);
	struct ps_list list = { 0 };
	struct state state = { 0 };
	enum state_status status;
	int r;

	if (dir_fd < 0)
		return dir_fd;
	if (container_load(dir_fd, &state, err) < 0)
		return -err->code;
	status = state_status(&state);
	if (status == STATUS_STOPPED)
		r = err_msg(err, ESRCH, "container not running");
	else
		r = own_userns_join(rt, &state, err);
	if (r == 0)
		r = find(&state.shim, &list, err);
	if (r == 0)
		print_list(&list, state.shim.pid, json);
	free(list.pid);
	state_done(&state);
	return r;
}

int cmd_ps(struct runtime *rt, int argc, char **argv, int first, struct err *err)
{
	const char *format = "table", *id;
	const struct opt table[] = {
		{ "format", 'f', "FORMAT", "table or json", &format, NULL },
	};
	int at = opts_parse(table, ARRAY_SIZE(table), argc, argv, first, err);
	bool json = strcmp(format, "json") == 0;

	if (at < 0)
		return at;
	if (at + 1 < argc)
		return err_msg(
			err, EINVAL,
			"options of ps(1) (\"%.32s\") are not supported; in the VM: exec %s ps",
			argv[at + 1], argv[at]);
	if (!json && strcmp(format, "table") != 0)
		return err_msg(err, EINVAL, "--format: table or json");
	if (operand_id(argc, argv, at, &id, err) < 0 ||
	    state_root_open(rt, err) < 0)
		return -err->code;
	return ps(rt, id, json, err);
}
