// SPDX-License-Identifier: Apache-2.0
/*
 * state.c - the state root and the record of one sandbox, in kata-runtime.
 * The directory is 0700 and ours; its content is still checked when read, so
 * that a damaged record gives an error and not a wild signal.
 */
#include "state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "auto.h"
#include "child.h"
#include "ids.h"
#include "json.h"
#include "labels.h"
#include "num.h"
#include "path.h"
#include "selinux.h"
#include "userns.h"

#define STATE_BYTES_MAX (256 * 1024)
#define LOCKS_BYTES_MAX (4u << 20)

const char *const status_name[] = { "creating", "created", "running", "paused",
				    "stopped" };

/* The root that is used without --root; NULL with err when there is none. */
static char *default_root(const struct runtime *rt, struct err *err)
{
	const char *run = getenv("XDG_RUNTIME_DIR");
	struct stat st;

	if (rt->initial_userns && geteuid() == 0)
		return xstrdup("/run/kata");
	if (!run || run[0] != '/')
		err_msg(err, ENOENT,
			"XDG_RUNTIME_DIR is %s, and state is kept there: set it, or --root",
			run ? "no absolute path" : "not set");
	else if (stat(run, &st) < 0)
		err_set(err, errno, "XDG_RUNTIME_DIR %s", run);
	else if (st.st_uid != geteuid() || (st.st_mode & 077))
		err_msg(err, EPERM,
			"XDG_RUNTIME_DIR %s: must be the caller's, mode 0700 (is uid %u, %04o)",
			run, st.st_uid, st.st_mode & 07777);
	else
		return xasprintf("%s/kata", run);
	return NULL;
}

static bool is_empty(int dir_fd)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_CLOSEDIR DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	errno = 0;
	while ((entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 &&
		    strcmp(entry->d_name, "..") != 0)
			return false;
	return errno == 0; /* a list that broke off tells nothing */
}

static int check_root(const char *path, int fd, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_set(err, errno, "stat %s", path);
	if (st.st_uid != geteuid())
		return err_msg(
			err, EPERM,
			"state root %s: owned by uid %u, must be the caller's; give another --root",
			path, st.st_uid);
	if (!(st.st_mode & 077))
		return 0;
	/* Somebody else may have put things there; and it may be /usr. */
	if (!is_empty(fd))
		return err_msg(
			err, EPERM,
			"state root %s: mode %04o, must be 0700 (chmod it, if it is meant)",
			path, st.st_mode & 07777);
	if (fchmod(fd, 0700) < 0)
		return err_set(err, errno, "state root %s: mode 0700", path);
	return is_empty(fd) ? 0 :
			      err_msg(err, EPERM,
				      "state root %s: others write to it", path);
}

/*
 * A state root or a state directory. The policy's choice of a label would
 * depend on the directory that it is made in, which may be older than the policy
 * or the caller's (--root). Return: 0; -EEXIST; -errno
 */
static int make_dir(int dir_fd, const char *name, struct err *err)
{
	int r;

	if (selinux_create_plain(LABELS_STATE, err) < 0)
		return -err->code;
	r = mkdirat(dir_fd, name, 0700) < 0 ? -errno : 0;
	selinux_create_done();
	return r < 0 ? err_set(err, -r, "make state directory %s", name) : 0;
}

/* path is cut short meanwhile. */
static int open_root(char *path, struct err *err)
{
	AUTO_FD int fd = -1;

	for (char *at = path + 1; (at = strchr(at, '/')); at++) {
		*at = '\0';
		IGNORE(mkdir(path, 0755) < 0, "the last one decides");
		*at = '/';
	}
	if (make_dir(AT_FDCWD, path, err) == -EEXIST)
		err_clear(err);
	else if (err->code)
		return -err->code;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_set(err, errno, "open state root %s", path);
	if (check_root(path, fd, err) < 0)
		return -err->code;
	return take_fd(&fd);
}

/*
 * Which user namespace this is, what runs and under which id: without an answer
 * each of these would be taken for the usual one.
 */
static int check_proc(struct err *err)
{
	struct statfs fs;

	if (statfs("/proc", &fs) < 0)
		return err_set(err, errno, "/proc");
	if (fs.f_type != PROC_SUPER_MAGIC || access("/proc/self/status", R_OK))
		return err_msg(
			err, ENOSYS,
			"/proc: no procfs that shows this process: mount one");
	return 0;
}

int state_root_open(struct runtime *rt, struct err *err)
{
	if (check_proc(err) < 0)
		return -err->code;
	rt->initial_userns = userns_is_initial();
	if (rt->root_option && rt->root_option[0] == '/')
		rt->root = path_normalise(rt->root_option);
	else if (rt->root_option)
		return err_msg(err, EINVAL, "--root %s: must be absolute",
			       rt->root_option);
	else
		rt->root = default_root(rt, err);
	if (!rt->root)
		return -err->code;
	rt->root_fd = open_root(rt->root, err);
	return rt->root_fd < 0 ? rt->root_fd : 0;
}

int state_default_open(const struct runtime *rt, char **ret_path,
		       struct err *err)
{
	AUTO_FREE char *path = default_root(rt, err);
	int fd;

	if (!path)
		return -err->code;
	fd = open_root(path, err);
	if (fd >= 0)
		*ret_path = take_ptr(path);
	return fd;
}

/* Is it among the parents of this process? */
static bool is_ancestor(pid_t pid)
{
	pid_t at = getpid();

	while (at > 1 && pid_parent(at, &at) == 0)
		if (at == pid)
			return true;
	return false;
}

/* "N: FLOCK ADVISORY WRITE PID MAJOR:MINOR:INODE 0 EOF"; 0: another file's */
static pid_t lock_holder(char *line, ino_t inode)
{
	char *save = NULL, *field[6];
	uint32_t pid;
	uint64_t number;

	for (size_t i = 0; i < ARRAY_SIZE(field); i++) {
		field[i] = strtok_r(i ? NULL : line, " ", &save);
		if (!field[i])
			return 0;
	}
	/* One that waits has an arrow in the second place. */
	if (strcmp(field[1], "FLOCK") != 0 || !strrchr(field[5], ':') ||
	    num_parse_u64(strrchr(field[5], ':') + 1, UINT64_MAX, &number) < 0 ||
	    number != inode || num_parse_u32(field[4], INT_MAX, &pid) < 0)
		return 0;
	return (pid_t)pid;
}

/*
 * A file of another device may have the same number; /proc/locks' device is not
 * always that of fstat(2). Of a holder that cannot be looked at it is not known.
 */
static bool is_other_program(pid_t pid)
{
	AUTO_FREE char *path = xasprintf("/proc/%d/exe", pid);
	struct stat ours, theirs;

	return stat("/proc/self/exe", &ours) == 0 && stat(path, &theirs) == 0 &&
	       (ours.st_dev != theirs.st_dev || ours.st_ino != theirs.st_ino);
}

/*
 * A command that runs hooks waits for them, most of them under the lock: one
 * of these that calls us would wait for its own end. 0: it is not so, or
 * /proc/locks does not say; then whoever has the lock is waited for.
 */
static pid_t held_above(int fd)
{
	AUTO_FREE char *text = NULL;
	struct err err = ERR_INIT;
	char *save = NULL;
	struct stat st;

	if (fstat(fd, &st) < 0 ||
	    path_read_file(AT_FDCWD, "/proc/locks", LOCKS_BYTES_MAX, &text,
			   &err) < 0)
		return 0;
	for (char *line = strtok_r(text, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		pid_t pid = lock_holder(line, st.st_ino);

		if (pid > 0 && is_ancestor(pid) && !is_other_program(pid))
			return pid;
	}
	return 0;
}

static int lock_dir(int fd, const char *id, struct err *err)
{
	pid_t pid;
	int r;

	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	pid = errno == EWOULDBLOCK ? held_above(fd) : 0;
	if (pid > 0)
		return err_msg(
			err, EDEADLK,
			"container %s is locked by the command (pid %d) whose hook this one "
			"is called by: it cannot be changed before that hook has ended",
			id, pid);
	do {
		r = flock(fd, LOCK_EX);
	} while (r < 0 && errno == EINTR);
	return r < 0 ? err_set(err, errno, "lock %s", id) : 0;
}

int state_unlock(int dir_fd, struct err *err)
{
	return flock(dir_fd, LOCK_UN) < 0 ? err_set(err, errno, "unlock") : 0;
}

int state_create(struct runtime *rt, const char *id, struct err *err)
{
	AUTO_FD int fd = -1;
	int r;

	r = make_dir(rt->root_fd, id, err);
	if (r == -EEXIST) {
		err_clear(err);
		return err_msg(err, EEXIST,
			       "container with given ID already exists: %s", id);
	}
	if (r < 0)
		return r;
	fd = path_open_beneath(rt->root_fd, id, O_RDONLY | O_DIRECTORY, 0, err);
	if (fd < 0 || lock_dir(fd, id, err) < 0) {
		IGNORE(unlinkat(rt->root_fd, id, AT_REMOVEDIR) < 0,
		       "the first error is the one to report");
		return -err->code;
	}
	return take_fd(&fd);
}

int state_open(struct runtime *rt, const char *id, bool lock, struct err *err)
{
	struct stat opened, named;

	for (;;) {
		AUTO_FD int fd = path_open_beneath(
			rt->root_fd, id, O_RDONLY | O_DIRECTORY, 0, err);

		if (fd == -ENOENT)
			return err_msg(err, ENOENT,
				       "container \"%s\" does not exist", id);
		if (fd < 0)
			return fd;
		if (!lock)
			return take_fd(&fd);
		if (lock_dir(fd, id, err) < 0)
			return -err->code;
		/* A delete may have held the lock: is it still the one named? */
		if (fstat(fd, &opened) < 0)
			return err_set(err, errno, "stat %s", id);
		if (fstatat(rt->root_fd, id, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
		    named.st_ino == opened.st_ino)
			return take_fd(&fd);
	}
}

static void write_process(struct json_writer *w, const char *key,
			  const struct process_ref *ref)
{
	json_begin_object(w, key);
	json_u64(w, "pid", (uint64_t)ref->pid);
	json_u64(w, "start", ref->start);
	json_end_object(w);
}

int state_save(int dir_fd, const struct state *s, struct err *err)
{
	struct json_writer w = { .pretty = true };
	int r;

	json_begin_object(&w, NULL);
	json_u64(&w, "version", STATE_VERSION);
	json_string(&w, "id", s->id);
	json_string(&w, "sandbox", s->sandbox);
	json_string(&w, "bundle", s->bundle);
	json_string(&w, "rootfs", s->rootfs);
	json_string(&w, "created", s->created);
	json_string(&w, "shim_path", s->shim_path);
	json_string(&w, "seccomp_dir", s->seccomp_dir);
	json_string(&w, "policy_dir", s->policy_dir);
	json_bool(&w, "ready", s->ready);
	json_bool(&w, "started", s->started);
	json_bool(&w, "paused", s->paused);
	json_bool(&w, "unsettled", s->unsettled);
	json_bool(&w, "hooks", s->hooks);
	json_bool(&w, "holds_execs", s->holds_execs);
	write_process(&w, "shim", &s->shim);
	write_process(&w, "proxy", &s->proxy);
	write_process(&w, "vmm", &s->vmm);
	write_process(&w, "fs", &s->fs);
	write_process(&w, "vmm_monitor", &s->vmm_monitor);
	write_process(&w, "fs_monitor", &s->fs_monitor);
	json_u64(&w, "uid", s->uid);
	json_string(&w, "uid_pool", s->uid_pool);
	json_bool(&w, "single_id", s->single_id);
	json_string(&w, "uid_map", s->uid_map);
	json_string(&w, "gid_map", s->gid_map);
	json_string(&w, "accelerator", s->accel);
	json_string(&w, "accelerator_reason", s->accel_reason);
	json_string(&w, "network", s->network);
	json_string(&w, "selinux_level", s->selinux_level);
	json_string(&w, "selinux_absent", s->selinux_absent);
	json_strv(&w, "cgroups", &s->cgroups);
	json_strv(&w, "cgroups_made", &s->cgroups_made);
	json_string(&w, "unit", s->unit.name);
	json_string(&w, "unit_bus", s->unit.bus);
	json_string(&w, "unit_description", s->unit.description);
	json_strv(&w, "notes", &s->notes);
	json_u64(&w, "boot_timeout", s->boot_timeout);
	json_u64(&w, "memory_mib", s->memory_mib);
	json_u64(&w, "vcpus", s->vcpus);
	json_u64(&w, "overhead_mib", s->overhead_mib);
	json_end_object(&w);
	r = path_write_atomic(dir_fd, "state.json", w.text, w.len, err);
	json_writer_done(&w);
	return r;
}

static int read_text(const struct json *tree, const char *key, char **ret,
		     struct err *err)
{
	const char *text = NULL;
	int r = json_get_string(tree, "state", key, &text, err);

	if (r > 0)
		*ret = xstrdup(text);
	return r;
}

static int read_process(const struct json *tree, const char *key,
			struct process_ref *ret, struct err *err)
{
	const struct json *object = NULL;
	uint64_t pid = 0;

	if (json_get_object(tree, "state", key, &object, err) < 0)
		return -err->code;
	if (!object)
		return 0;
	if (json_get_u64(object, key, "pid", INT_MAX, &pid, err) < 0 ||
	    json_get_u64(object, key, "start", UINT64_MAX, &ret->start, err) < 0)
		return -err->code;
	ret->pid = (pid_t)pid;
	return 0;
}

static int read_texts(const struct json *tree, struct state *s, struct err *err)
{
	if (read_text(tree, "id", &s->id, err) < 0 ||
	    read_text(tree, "sandbox", &s->sandbox, err) < 0 ||
	    read_text(tree, "bundle", &s->bundle, err) < 0 ||
	    read_text(tree, "rootfs", &s->rootfs, err) < 0 ||
	    read_text(tree, "created", &s->created, err) < 0 ||
	    read_text(tree, "shim_path", &s->shim_path, err) < 0 ||
	    read_text(tree, "seccomp_dir", &s->seccomp_dir, err) < 0 ||
	    read_text(tree, "policy_dir", &s->policy_dir, err) < 0 ||
	    read_text(tree, "accelerator", &s->accel, err) < 0 ||
	    read_text(tree, "accelerator_reason", &s->accel_reason, err) < 0 ||
	    read_text(tree, "network", &s->network, err) < 0 ||
	    read_text(tree, "selinux_level", &s->selinux_level, err) < 0 ||
	    read_text(tree, "selinux_absent", &s->selinux_absent, err) < 0 ||
	    read_text(tree, "uid_pool", &s->uid_pool, err) < 0 ||
	    read_text(tree, "uid_map", &s->uid_map, err) < 0 ||
	    read_text(tree, "gid_map", &s->gid_map, err) < 0 ||
	    read_text(tree, "unit", &s->unit.name, err) < 0 ||
	    read_text(tree, "unit_bus", &s->unit.bus, err) < 0 ||
	    read_text(tree, "unit_description", &s->unit.description, err) < 0 ||
	    json_get_strv(tree, "state", "cgroups", &s->cgroups, err) < 0 ||
	    json_get_strv(tree, "state", "cgroups_made", &s->cgroups_made,
			  err) < 0 ||
	    json_get_strv(tree, "state", "notes", &s->notes, err) < 0)
		return -err->code;
	return 0;
}

static int read_tree(const struct json *tree, struct state *s, struct err *err)
{
	uint64_t version = 0, uid = 0, timeout = 60, memory = 0, vcpus = 0,
		 overhead = 0;

	if (json_get_u64(tree, "state", "version", 1000, &version, err) < 0 ||
	    json_get_u64(tree, "state", "uid", UINT32_MAX, &uid, err) < 0 ||
	    json_get_u64(tree, "state", "boot_timeout", 600, &timeout, err) < 0 ||
	    json_get_u64(tree, "state", "memory_mib", UINT32_MAX, &memory,
			 err) < 0 ||
	    json_get_u64(tree, "state", "vcpus", 1024, &vcpus, err) < 0 ||
	    json_get_u64(tree, "state", "overhead_mib", UINT32_MAX, &overhead,
			 err) < 0 ||
	    json_get_bool(tree, "state", "ready", &s->ready, err) < 0 ||
	    json_get_bool(tree, "state", "started", &s->started, err) < 0 ||
	    json_get_bool(tree, "state", "paused", &s->paused, err) < 0 ||
	    json_get_bool(tree, "state", "unsettled", &s->unsettled, err) < 0 ||
	    json_get_bool(tree, "state", "single_id", &s->single_id, err) < 0 ||
	    json_get_bool(tree, "state", "hooks", &s->hooks, err) < 0 ||
	    json_get_bool(tree, "state", "holds_execs", &s->holds_execs, err) <
		    0 ||
	    read_texts(tree, s, err) < 0 ||
	    read_process(tree, "shim", &s->shim, err) < 0 ||
	    read_process(tree, "proxy", &s->proxy, err) < 0 ||
	    read_process(tree, "vmm", &s->vmm, err) < 0 ||
	    read_process(tree, "fs", &s->fs, err) < 0 ||
	    read_process(tree, "vmm_monitor", &s->vmm_monitor, err) < 0 ||
	    read_process(tree, "fs_monitor", &s->fs_monitor, err) < 0)
		return -err->code;
	if (version == 0 || version > STATE_VERSION)
		return err_msg(err, EPROTO,
			       "state: version %llu is not known to this build",
			       (unsigned long long)version);
	s->uid = (uint32_t)uid;
	s->boot_timeout = (uint32_t)timeout;
	s->memory_mib = (uint32_t)memory;
	s->vcpus = (uint32_t)vcpus;
	s->overhead_mib = (uint32_t)overhead;
	return 0;
}

int state_load(int dir_fd, struct state *ret, struct err *err)
{
	AUTO_FREE char *text = NULL;
	struct json *tree = NULL;
	struct state s = { 0 };
	int r;

	r = path_read_file(dir_fd, "state.json", STATE_BYTES_MAX, &text, err);
	if (r == 0)
		r = json_parse(text, strlen(text), &json_limits_config, &tree,
			       err);
	if (r == 0)
		r = read_tree(tree, &s, err);
	json_free(tree);
	if (r < 0) {
		state_done(&s);
		return r;
	}
	*ret = s;
	return 0;
}

void state_done(struct state *s)
{
	char *owned[] = { s->id,
			  s->sandbox,
			  s->bundle,
			  s->rootfs,
			  s->created,
			  s->accel,
			  s->network,
			  s->uid_pool,
			  s->accel_reason,
			  s->uid_map,
			  s->gid_map,
			  s->shim_path,
			  s->seccomp_dir,
			  s->policy_dir,
			  s->selinux_level,
			  s->selinux_absent };

	for (size_t i = 0; i < ARRAY_SIZE(owned); i++)
		free(owned[i]);
	strv_done(&s->cgroups);
	strv_done(&s->cgroups_made);
	cgroup_unit_done(&s->unit);
	strv_done(&s->notes);
	memset(s, 0, sizeof(*s));
}

enum state_status state_status(const struct state *s)
{
	if (s->shim.pid > 0 && process_alive(&s->shim)) {
		if (!s->ready)
			return STATUS_CREATING;
		if (!s->started)
			return STATUS_CREATED;
		return s->paused ? STATUS_PAUSED : STATUS_RUNNING;
	}
	return STATUS_STOPPED;
}

/* Return: 1 it lives; 0 it is gone; -errno: that cannot be told */
static int look_at(const struct process_ref *ref)
{
	uint64_t start;
	int r = ref->pid > 0 ? pid_start_time(ref->pid, &start) : -ESRCH;

	if (r == -ESRCH)
		return 0;
	return r < 0 ? r : start == ref->start;
}

bool process_alive(const struct process_ref *ref)
{
	return look_at(ref) != 0;
}

/* For a handle that was taken by number: is it the recorded process's? */
static int check_same(const struct process_ref *ref, const char *gone,
		      struct err *err)
{
	int r = look_at(ref);

	if (r < 0)
		return err_set(err, -r, "look at process %d", ref->pid);
	return r ? 0 : err_msg(err, ESRCH, "%s", gone);
}

int process_record(struct process_ref *ref, pid_t pid, const char *what,
		   struct err *err)
{
	uint64_t start;
	int r = pid_start_time(pid, &start);

	if (r == -ESRCH)
		return err_msg(err, ESRCH, "%s (pid %d) ended at once", what,
			       pid);
	if (r < 0)
		return err_set(err, -r, "look at %s (pid %d)", what, pid);
	ref->pid = pid;
	ref->start = start;
	return 0;
}

int process_pidfd(const struct process_ref *ref, struct err *err)
{
	AUTO_FD int fd = -1;

	if (ref->pid <= 0)
		return err_msg(err, ESRCH, "no process is recorded");
	fd = pidfd_open_checked(ref->pid, err);
	if (fd < 0)
		return fd;
	if (check_same(ref, "the recorded process is gone", err) < 0)
		return -err->code;
	return take_fd(&fd);
}

/*
 * The number is looked at once more after the file is open: if it is still
 * the recorded process, it was so in between.
 */
int process_open_ns(const struct process_ref *ref, const char *ns,
		    struct err *err)
{
	AUTO_FREE char *path = xasprintf("/proc/%d/ns/%s", ref->pid, ns);
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return err_set(err, errno, "%s namespace of the container", ns);
	if (check_same(ref, "container not running", err) < 0)
		return -err->code;
	return take_fd(&fd);
}

int process_kill(const struct process_ref *ref, int signo)
{
	struct err err = ERR_INIT;
	AUTO_FD int fd = -1;

	if (ref->pid <= 0)
		return 0;
	fd = process_pidfd(ref, &err);
	if (fd < 0)
		return fd == -ESRCH ? 0 : fd;
	if (syscall(SYS_pidfd_send_signal, fd, signo, NULL, 0) < 0)
		return errno == ESRCH ? 0 : -errno;
	return 0;
}

/* sun_path is short: go through the descriptor, whatever the root's length. */
int state_socket_address(int dir_fd, const char *name, void *ret_sockaddr_un,
			 struct err *err)
{
	struct sockaddr_un *address = ret_sockaddr_un;
	int n;

	memset(address, 0, sizeof(*address));
	address->sun_family = AF_UNIX;
	n = snprintf(address->sun_path, sizeof(address->sun_path),
		     "/proc/self/fd/%d/%s", dir_fd, name);
	if (n < 0 || (size_t)n >= sizeof(address->sun_path))
		return err_msg(err, ENAMETOOLONG, "socket name %s", name);
	return 0;
}

int state_connect(int dir_fd, const char *name, int type, struct err *err)
{
	AUTO_FD int fd = -1;
	struct sockaddr_un address;

	if (selinux_socket_plain(err) < 0)
		return -err->code;
	fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	selinux_socket_done();
	if (fd < 0)
		return err_set(err, errno, "socket");
	if (state_socket_address(dir_fd, name, &address, err) < 0)
		return -err->code;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return err_set(err, errno, "connect to %s", name);
	return take_fd(&fd);
}

int state_listen(int dir_fd, const char *name, int type, struct err *err)
{
	AUTO_FD int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	struct sockaddr_un address;
	mode_t mask;
	int r;

	if (fd < 0)
		return err_set(err, errno, "socket");
	if (state_socket_address(dir_fd, name, &address, err) < 0)
		return -err->code;
	mask = umask(0177);
	r = bind(fd, (struct sockaddr *)&address, sizeof(address));
	umask(mask);
	if (r < 0)
		return err_set(err, errno, "bind %s", name);
	if (listen(fd, 16) < 0)
		return err_set(err, errno, "listen on %s", name);
	return take_fd(&fd);
}
