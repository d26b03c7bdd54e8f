// SPDX-License-Identifier: Apache-2.0
/*
 * boot.c - what PID 1 owes the guest before it serves, and how it ends it.
 * Runs in kata-agent as guest root; no input but the kernel's own files.
 *
 * Order: the initramfs that the kernel starts us in cannot be pivoted away
 * from, so a tmpfs becomes the root first (containers then pivot_root for
 * real, and leave nothing of us above them). Everything below it is mounted
 * once, the root itself is made read-only, and no path is executed ever.
 *
 * #caps:agent/boot sys_admin - file systems of the guest, once
 * #syscalls:agent/boot mount chdir chroot
 * #syscalls:agent reboot - the end of the machine
 */
#include "boot.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "auto.h"
#include "hooks.h"
#include "log.h"
#include "num.h"
#include "path.h"

#define PORTS_DIR "/sys/class/virtio-ports"
#define REPORTING "/sys/module/page_reporting/parameters/page_reporting_order"
/* 64 KiB: of the default, 4 MiB, fragments keep half of what is freed. */
#define REPORTING_ORDER "4"
#define PORT_WAIT_MS 10000
#define POLL_MS 2
#define CONTROLLERS_MAX 4096
#define MEMINFO_MAX 16384
/*
 * What containers cannot have: for the agent and the kernel's own buffers. The
 * most is well below what the runtime gives a machine above its container's
 * limit, so that the limit can be used to the end.
 */
#define RESERVE_SHARE 32
#define RESERVE_MIN (UINT64_C(6) << 20)
#define RESERVE_MAX (UINT64_C(16) << 20)

static void sleep_ms(long ms)
{
	struct timespec pause = { .tv_sec = ms / 1000,
				  .tv_nsec = ms % 1000 * 1000000 };

	IGNORE(nanosleep(&pause, NULL), "a shorter pause is fine");
}

/*
 * The machine has no power switch on microvm without ACPI; a restart ends it
 * because every start of ours says -no-reboot.
 */
static void NORETURN end_machine(void)
{
	sync();
	for (;;) {
		IGNORE(reboot(RB_AUTOBOOT), "tried again below");
		sleep_ms(100);
	}
}

void boot_fatal(const char *fmt, ...)
{
	char text[ERR_TEXT_MAX];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	log_err("%s; the machine ends", text);
	end_machine();
}

void boot_end(const char *reason)
{
	log_info("%s; the machine ends", reason);
	end_machine();
}

/* --- standard descriptors, root --------------------------------------------- */

/* The initramfs holds nothing but us: 0 to 2 may be closed. */
static int open_console(struct err *err)
{
	int fd;

	IGNORE(mkdir("/dev", 0755), "exists or mknod tells");
	if (mknod("/dev/console", S_IFCHR | 0600, makedev(5, 1)) < 0 &&
	    errno != EEXIST)
		return err_set(err, errno, "make /dev/console");
	if (mknod("/dev/null", S_IFCHR | 0666, makedev(1, 3)) < 0 &&
	    errno != EEXIST)
		return err_set(err, errno, "make /dev/null");
	do {
		fd = open("/dev/console", O_RDWR | O_NOCTTY);
		if (fd < 0)
			fd = open("/dev/null", O_RDWR);
		if (fd < 0)
			return err_set(err, errno, "open /dev/null");
	} while (fd < 2);
	if (fd > 2)
		close(fd);
	return 0;
}

static int mount_on(const char *type, const char *target, unsigned long flags,
		    const char *options, struct err *err)
{
	if (mkdir(target, 0755) < 0 && errno != EEXIST)
		return err_set(err, errno, "make %s", target);
	if (mount(type, target, type, flags, options) < 0)
		return err_set(err, errno, "mount %s on %s", type, target);
	return 0;
}

static int switch_root(struct err *err)
{
	int r = mount_on("tmpfs", "/root", MS_NOSUID, "mode=0755,size=1m", err);

	if (r < 0)
		return r;
	if (chdir("/root") < 0 || mount(".", "/", NULL, MS_MOVE, NULL) < 0 ||
	    chroot(".") < 0 || chdir("/") < 0)
		return err_set(err, errno, "switch to the new root");
	return 0;
}

/* --- devices ----------------------------------------------------------------- */

static const struct {
	const char *path;
	mode_t mode;
	unsigned major, minor;
} nodes[] = {
	{ "/dev/null", 0666, 1, 3 },	{ "/dev/zero", 0666, 1, 5 },
	{ "/dev/full", 0666, 1, 7 },	{ "/dev/random", 0666, 1, 8 },
	{ "/dev/urandom", 0666, 1, 9 }, { "/dev/tty", 0666, 5, 0 },
	{ "/dev/console", 0600, 5, 1 },
};

static int make_nodes(struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(nodes); i++)
		if (mknod(nodes[i].path, S_IFCHR | nodes[i].mode,
			  makedev(nodes[i].major, nodes[i].minor)) < 0)
			return err_set(err, errno, "make %s", nodes[i].path);
	return 0;
}

/* --- cgroups ----------------------------------------------------------------- */

/*
 * "+cpu +memory": everything the kernel offers, for dir's children; in one
 * write, because each one stops and moves the whole tree.
 */
static int enable_controllers(int dir_fd, struct err *err)
{
	AUTO_FREE char *all = xstrdup("");
	AUTO_FREE char *text = NULL;
	char *at, *save = NULL;
	int r = path_read_file(dir_fd, "cgroup.controllers", CONTROLLERS_MAX,
			       &text, err);

	if (r < 0)
		return r;
	for (at = strtok_r(text, " \n", &save); at;
	     at = strtok_r(NULL, " \n", &save)) {
		char *more = xasprintf("%s +%s", all, at);

		free(all);
		all = more;
	}
	r = path_write_file(dir_fd, "cgroup.subtree_control", all, err);
	return r < 0 ? err_wrap(err, "enable cgroup controllers") : 0;
}

/*
 * The agent has a group of its own, without a limit: nothing can free memory
 * but the agent. Containers live below "kata", whose children get every
 * controller. nsdelegate keeps a container
 * from its own limits even where its cgroup2 is mounted writable.
 */
static int set_up_cgroups(struct agent *agent, struct err *err)
{
	AUTO_FD int root_fd = -1;
	AUTO_FD int dir_fd = -1;
	int r;

	/* sysfs brings the mount point: mkdir is not allowed there. */
	if (mount("cgroup2", AGENT_CGROUP_DIR, "cgroup2",
		  MS_NOSUID | MS_NODEV | MS_NOEXEC, "nsdelegate") < 0)
		return err_set(err, errno, "mount cgroup2");
	root_fd = open(AGENT_CGROUP_DIR, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root_fd < 0)
		return err_set(err, errno, "open " AGENT_CGROUP_DIR);
	r = enable_controllers(root_fd, err);
	if (r < 0)
		return r;
	if (mkdirat(root_fd, "agent", 0755) < 0)
		return err_set(err, errno, "make the agent's cgroup");
	r = hook_is_broken("agent-cgroup") ?
		    0 :
		    path_write_file(root_fd, "agent/cgroup.procs", "0", err);
	if (r < 0)
		return err_wrap(err, "enter the agent's cgroup");
	if (mkdirat(root_fd, "kata", 0755) < 0)
		return err_set(err, errno, "make the containers' cgroup");
	dir_fd = openat(root_fd, "kata",
			O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (dir_fd < 0)
		return err_set(err, errno, "open the containers' cgroup");
	r = enable_controllers(dir_fd, err);
	if (r < 0)
		return r;
	agent->cgroup_fd = take_fd(&dir_fd);
	return 0;
}

/*
 * All containers together leave the agent some memory. Without that the
 * kernel may find nothing to kill but PID 1 while a killed container's tmpfs
 * is still being freed, and then it panics: "System is deadlocked on memory".
 */
static int keep_reserve(struct agent *agent, struct err *err)
{
	static const char key[] = "MemAvailable:";
	AUTO_FREE char *limit = NULL;
	AUTO_FREE char *text = NULL;
	const char *at;
	uint64_t have, reserve;
	int r = path_read_file(agent->proc_fd, "meminfo", MEMINFO_MAX, &text,
			       err);

	if (r < 0)
		return r;
	at = strstr(text, key);
	if (!at)
		return err_msg(err, EIO, "meminfo: no %s", key);
	have = strtoull(at + sizeof(key) - 1, NULL, 10) << 10;
	reserve = have / RESERVE_SHARE;
	if (reserve < RESERVE_MIN)
		reserve = RESERVE_MIN;
	if (reserve > RESERVE_MAX)
		reserve = RESERVE_MAX;
	if (have < 2 * reserve)
		return err_msg(err, ENOMEM,
			       "the machine has too little memory: %llu KiB",
			       (unsigned long long)have >> 10);
	limit = xasprintf("%llu", (unsigned long long)(have - reserve));
	r = path_write_file(agent->cgroup_fd, "memory.max", limit, err);
	return r < 0 ? err_wrap(err, "memory of all containers") : 0;
}

/* --- all of it ---------------------------------------------------------------- */

static int make_run(struct err *err)
{
	static const char *const dirs[] = {
		AGENT_RUN_DIR, AGENT_RUN_DIR "/shared", AGENT_SHARE_DIR,
		AGENT_RUN_DIR "/rootfs", /* where a child attaches its root */
	};
	int r = mount_on("tmpfs", "/run", MS_NOSUID | MS_NODEV | MS_NOEXEC,
			 "mode=0700,size=4m", err);

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(dirs); i++)
		if (mkdir(dirs[i], 0755) < 0)
			r = err_set(err, errno, "make %s", dirs[i]);
	return r;
}

static int open_own(const char *path, int flags, int *ret_fd, struct err *err)
{
	*ret_fd = open(path, flags | O_CLOEXEC);
	return *ret_fd < 0 ? err_set(err, errno, "open %s", path) : 0;
}

/*
 * Free pages go back to the host in pieces this small; where the VM has no
 * balloon there is nothing to set. The kernel takes it at run time only: its
 * driver overwrites what the command line says.
 */
static int tune_reporting(struct err *err)
{
	if (access(REPORTING, F_OK) < 0 && errno == ENOENT)
		return 0;
	return path_write_file(AT_FDCWD, REPORTING, REPORTING_ORDER, err);
}

static int seal(const char *path, unsigned long more)
{
	if (hook_is_broken("agent-root"))
		return 0;
	return mount(NULL, path, NULL,
		     MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | more, NULL);
}

/**
 * boot_mounts() - Make the guest a place to serve from
 * @agent:	Gets the descriptors that later work is relative to
 * @err:	Filled on failure
 *
 * Should: leave a read-only root without any program in it.
 * Mustn't: depend on anything in the initramfs but this program.
 * Return: 0 or -errno
 */
int boot_mounts(struct agent *agent, struct err *err)
{
	int r = open_console(err);

	if (r < 0)
		return r;
	umask(0);
	r = switch_root(err);
	if (r == 0)
		r = mount_on("proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC,
			     NULL, err);
	if (r == 0)
		r = mount_on("sysfs", "/sys", MS_NOSUID | MS_NODEV | MS_NOEXEC,
			     NULL, err);
	if (r == 0)
		r = tune_reporting(err);
	if (r == 0)
		r = mount_on("tmpfs", "/dev", MS_NOSUID | MS_NOEXEC,
			     "mode=0755,size=64k", err);
	if (r == 0)
		r = make_nodes(err);
	if (r == 0)
		r = make_run(err);
	if (r == 0)
		r = set_up_cgroups(agent, err);
	if (r == 0)
		r = open_own("/proc", O_RDONLY | O_DIRECTORY, &agent->proc_fd,
			     err);
	if (r == 0)
		r = open_own("/dev/null", O_RDWR, &agent->null_fd, err);
	if (r == 0)
		r = open_own("/proc/self/ns/pid", O_RDONLY, &agent->pidns_fd,
			     err);
	if (r == 0)
		r = open_own(AGENT_RUN_DIR, O_PATH | O_DIRECTORY,
			     &agent->share_fd, err);
	if (r == 0)
		r = keep_reserve(agent, err);
	if (r < 0)
		return r;
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    seal("/", MS_NODEV | MS_NOEXEC) < 0)
		return err_set(err, errno, "make the root read-only");
	umask(022);
	return 0;
}

/* --- the port ----------------------------------------------------------------- */

static bool is_our_port(const char *entry)
{
	AUTO_FREE char *path = xasprintf(PORTS_DIR "/%s/name", entry);
	AUTO_FREE char *text = NULL;
	struct err err = ERR_INIT;

	if (entry[0] == '.' ||
	    path_read_file(AT_FDCWD, path, 256, &text, &err) < 0)
		return false;
	text[strcspn(text, "\n")] = '\0';
	return strcmp(text, PORT_NAME) == 0;
}

/* Makes the device node from "MAJOR:MINOR" in sysfs. */
static int make_port_node(const char *entry, const char *node, struct err *err)
{
	AUTO_FREE char *path = xasprintf(PORTS_DIR "/%s/dev", entry);
	AUTO_FREE char *text = NULL;
	uint32_t major_nr, minor_nr;
	char *colon;
	int r = path_read_file(AT_FDCWD, path, 64, &text, err);

	if (r < 0)
		return r;
	text[strcspn(text, "\n")] = '\0';
	colon = strchr(text, ':');
	if (!colon)
		return err_msg(err, EIO, "%s: no device number", path);
	*colon = '\0';
	if (num_parse_u32(text, 4095, &major_nr) < 0 ||
	    num_parse_u32(colon + 1, 1048575, &minor_nr) < 0)
		return err_msg(err, EIO, "%s: bad device number", path);
	if (mknod(node, S_IFCHR | 0600, makedev(major_nr, minor_nr)) < 0)
		return err_set(err, errno, "make %s", node);
	return 0;
}

/* Return: descriptor, -ENOENT while the port has not appeared, -errno */
static int find_port(struct err *err)
{
	AUTO_CLOSEDIR DIR *dir = opendir(PORTS_DIR);
	struct dirent *entry;
	int fd, r;

	if (!dir)
		return err_set(err, errno, "open " PORTS_DIR);
	while ((entry = readdir(dir))) {
		if (!is_our_port(entry->d_name))
			continue;
		r = make_port_node(entry->d_name, "/dev/agent-port", err);
		if (r < 0)
			return r;
		fd = open("/dev/agent-port", O_RDWR | O_NONBLOCK | O_CLOEXEC);
		if (fd < 0)
			return err_set(err, errno, "open the port");
		/* Nothing else needs the node: containers get no path to it. */
		IGNORE(unlink("/dev/agent-port"), "our own /dev only");
		if (seal("/dev", MS_NOEXEC) < 0) {
			err_set(err, errno, "make /dev read-only");
			close(fd);
			return -err->code;
		}
		return fd;
	}
	return -ENOENT;
}

/**
 * boot_open_port() - Find and open agent.channel.0
 * @err:	Filled on failure
 *
 * The port's name comes by a message of the device after its driver has
 * started, so it may not be there yet; and without a host at the other end
 * the port reports a hang-up, which must not be taken for its end.
 *
 * Return: descriptor or -errno
 */
int boot_open_port(struct err *err)
{
	AUTO_FD int fd = -ENOENT;

	for (int waited = 0; fd == -ENOENT; waited += POLL_MS) {
		fd = find_port(err);
		if (fd == -ENOENT && waited >= PORT_WAIT_MS)
			return err_msg(err, ENOENT,
				       "no virtio-serial port " PORT_NAME);
		if (fd == -ENOENT)
			sleep_ms(POLL_MS);
	}
	if (fd < 0)
		return fd;
	for (;;) {
		struct pollfd at = { .fd = fd, .events = POLLIN };

		if (poll(&at, 1, 1000) > 0) {
			if (at.revents & POLLIN)
				return take_fd(&fd);
			sleep_ms(POLL_MS);
		}
	}
}
