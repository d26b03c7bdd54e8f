// SPDX-License-Identifier: Apache-2.0
/*
 * handle-guest.c - requests about the guest as a machine: figures, volumes,
 * CPUs, mounts of the share. Runs in kata-agent. Paths of the host are
 * believed only below mount points that it was given, and never followed
 * through a symlink: below a rootfs they are the container's.
 *
 * #syscalls:agent umount2 fspick fsconfig
 */
#include "dispatch.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "auto.h"
#include "log.h"
#include "metrics.h"
#include "num.h"
#include "path.h"

#define CPU_DIR "/sys/devices/system/cpu"
#define MOUNTS_TEXT_MAX (1024 * 1024)

int handle_get_metrics(const struct call *call,
		       const ProtobufCMessage *request UNUSED,
		       struct err *err UNUSED)
{
	Grpc__Metrics answer = GRPC__METRICS__INIT;
	struct metrics metrics = { 0 };

	metrics_take(call->agent->proc_fd, ++call->agent->scrapes, &metrics);
	if (metrics.text)
		answer.metrics = metrics.text;
	call_reply(call, &answer.base);
	free(metrics.text);
	return 0;
}

/* --- volumes ------------------------------------------------------------------- */

static bool is_below(const char *path, const char *top)
{
	size_t len = strlen(top);

	while (len && top[len - 1] == '/')
		len--;
	return strncmp(path, top, len) == 0 &&
	       (path[len] == '/' || path[len] == '\0');
}

/* Return: O_PATH descriptor of a path below one of the sandbox's storages */
static int open_volume(struct agent *agent, const char *path, struct err *err)
{
	static const char prefix[] = AGENT_RUN_DIR "/";
	size_t i = 0;
	int fd;

	while (i < agent->storages.count &&
	       !is_below(path, agent->storages.item[i]))
		i++;
	if (i == agent->storages.count ||
	    strncmp(path, prefix, sizeof(prefix) - 1) != 0)
		return err_msg(
			err, EPERM,
			"volume_guest_path: is not below a storage of the sandbox");
	fd = path_open_beneath(agent->share_fd, path + sizeof(prefix) - 1,
			       O_PATH, 0, err);
	if (fd == -ENOENT || fd == -ENOTDIR)
		return err_msg(err, ESRCH, "volume_guest_path: does not exist");
	return fd < 0 ? err_wrap(err, "volume_guest_path") : fd;
}

int handle_get_volume_stats(const struct call *call,
			    const ProtobufCMessage *request, struct err *err)
{
	const Grpc__VolumeStatsRequest *from =
		(const Grpc__VolumeStatsRequest *)request;
	Grpc__VolumeStatsResponse answer = GRPC__VOLUME_STATS_RESPONSE__INIT;
	Grpc__VolumeCondition condition = GRPC__VOLUME_CONDITION__INIT;
	Grpc__VolumeUsage bytes = GRPC__VOLUME_USAGE__INIT;
	Grpc__VolumeUsage inodes = GRPC__VOLUME_USAGE__INIT;
	Grpc__VolumeUsage *usage[] = { &bytes, &inodes };
	AUTO_FD int fd = open_volume(call->agent, from->volume_guest_path, err);
	struct statfs fs;

	if (fd < 0)
		return fd;
	if (fstatfs(fd, &fs) < 0)
		return err_set(err, errno, "volume_guest_path");
	bytes.unit = GRPC__VOLUME_USAGE__UNIT__BYTES;
	bytes.total = (uint64_t)fs.f_blocks * (uint64_t)fs.f_bsize;
	bytes.available = (uint64_t)fs.f_bavail * (uint64_t)fs.f_bsize;
	bytes.used = (uint64_t)(fs.f_blocks - fs.f_bfree) * (uint64_t)fs.f_bsize;
	inodes.unit = GRPC__VOLUME_USAGE__UNIT__INODES;
	inodes.total = fs.f_files;
	inodes.available = fs.f_ffree;
	inodes.used = fs.f_files - fs.f_ffree;
	answer.usage = usage;
	answer.n_usage = ARRAY_SIZE(usage);
	answer.volume_condition = &condition;
	call_reply(call, &answer.base);
	return 0;
}

/* --- mounts of the share --------------------------------------------------------- */

/* "\040" and its like, as the kernel writes blanks in mountinfo. */
static void unescape(char *text)
{
	char *to = text;

	for (char *at = text; *at; at++) {
		if (at[0] == '\\' && at[1] >= '0' && at[1] <= '3' && at[2] &&
		    at[3]) {
			*to++ = (char)((at[1] - '0') << 6 | (at[2] - '0') << 3 |
				       (at[3] - '0'));
			at += 3;
		} else {
			*to++ = *at;
		}
	}
	*to = '\0';
}

/* Looking makes the file server look; what it no longer has is let go. */
static void look_at_mount(char *path)
{
	struct stat st;

	unescape(path);
	if (!is_below(path, AGENT_SHARE_DIR) ||
	    strcmp(path, AGENT_SHARE_DIR) == 0 || lstat(path, &st) == 0)
		return;
	log_info("%s is stale: %s", path, strerror(errno));
	if (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) < 0)
		log_warn("unmount %s: %s", path, strerror(errno));
}

int handle_remove_stale_mounts(const struct call *call,
			       const ProtobufCMessage *request UNUSED,
			       struct err *err)
{
	AUTO_FREE char *text = NULL;
	char *save = NULL;
	int r = path_read_file(call->agent->proc_fd, "self/mountinfo",
			       MOUNTS_TEXT_MAX, &text, err);

	if (r < 0)
		return r;
	for (char *line = strtok_r(text, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		char *field = line;

		/* ID, parent, device, root, mount point */
		for (int i = 0; field && i < 4; i++)
			field = strchr(field, ' ') ? strchr(field, ' ') + 1 :
						     NULL;
		if (!field)
			return err_msg(err, EIO, "bad line in mountinfo");
		field[strcspn(field, " ")] = '\0';
		look_at_mount(field);
	}
	call_reply_empty(call);
	return 0;
}

/* --- memory file systems --------------------------------------------------------- */

static bool can_change(const char *option)
{
	static const char *const names[] = { "size=", "nr_inodes=", "nr_blocks=" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strncmp(option, names[i], strlen(names[i])) == 0)
			return true;
	return strcmp(option, "remount") == 0;
}

static int check_ephemeral(struct agent *agent, const Grpc__Storage *storage,
			   size_t i, struct err *err)
{
	if (strcmp(storage->driver, "ephemeral") != 0)
		return err_msg(
			err, EINVAL,
			"storages[%zu].driver: only \"ephemeral\" can be changed",
			i);
	if (!strv_has(&agent->storages, storage->mount_point))
		return err_msg(err, ESRCH,
			       "storages[%zu].mount_point: no such storage", i);
	for (size_t k = 0; k < storage->n_options; k++)
		if (!can_change(storage->options[k]))
			return err_msg(
				err, EINVAL,
				"storages[%zu].options[%zu]: \"%.64s\" cannot be changed",
				i, k, storage->options[k]);
	return 0;
}

static int set_option(int fs_fd, const char *option)
{
	AUTO_FREE char *key = xstrdup(option);
	char *value = strchr(key, '=');

	if (!value)
		return 0; /* "remount": that is what this is */
	*value++ = '\0';
	return fsconfig(fs_fd, FSCONFIG_SET_STRING, key, value, 0);
}

/* The path is one of ours: no part of it is under a container's control. */
static int change_ephemeral(const Grpc__Storage *storage, size_t i,
			    struct err *err)
{
	AUTO_FD int fs_fd = fspick(AT_FDCWD, storage->mount_point,
				   FSPICK_CLOEXEC | FSPICK_SYMLINK_NOFOLLOW |
					   FSPICK_NO_AUTOMOUNT);
	struct statfs fs;

	if (fs_fd < 0)
		return err_set(err, errno, "storages[%zu].mount_point", i);
	if (statfs(storage->mount_point, &fs) < 0 || fs.f_type != TMPFS_MAGIC)
		return err_msg(err, EINVAL,
			       "storages[%zu].mount_point: is not a tmpfs", i);
	for (size_t k = 0; k < storage->n_options; k++)
		if (set_option(fs_fd, storage->options[k]) < 0)
			return err_set(err, errno, "storages[%zu].options[%zu]",
				       i, k);
	if (fsconfig(fs_fd, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0) < 0)
		return err_set(err, errno, "storages[%zu].options", i);
	return 0;
}

int handle_update_ephemeral(const struct call *call,
			    const ProtobufCMessage *request, struct err *err)
{
	const Grpc__UpdateEphemeralMountsRequest *from =
		(const Grpc__UpdateEphemeralMountsRequest *)request;
	int r = 0;

	if (from->n_storages > AGENT_STORAGES_MAX)
		return err_msg(err, EINVAL, "storages: too many");
	for (size_t i = 0; r == 0 && i < from->n_storages; i++)
		r = check_ephemeral(call->agent, from->storages[i], i, err);
	for (size_t i = 0; r == 0 && i < from->n_storages; i++)
		r = change_ephemeral(from->storages[i], i, err);
	if (r == 0)
		call_reply_empty(call);
	return r;
}

/* --- CPUs -------------------------------------------------------------------------- */

/* "cpu7" */
static bool is_cpu(const char *name)
{
	uint32_t number;

	return strncmp(name, "cpu", 3) == 0 &&
	       num_parse_u32(name + 3, UINT32_MAX, &number) == 0;
}

/* Return: 1 when it was brought online, 0 when it is online already */
static int online_cpu(int dir_fd, const char *name, struct err *err)
{
	AUTO_FREE char *file = xasprintf("%s/online", name);
	AUTO_FREE char *text = NULL;
	int r = path_read_file(dir_fd, file, 16, &text, err);

	if (r == -ENOENT) {
		err_clear(err); /* the first CPU of a machine has no switch */
		return 0;
	}
	if (r < 0)
		return r;
	if (text[0] != '0')
		return 0;
	r = path_write_file(dir_fd, file, "1", err);
	return r < 0 ? r : 1;
}

static int online_cpus(uint32_t most, uint32_t *ret_count, struct err *err)
{
	AUTO_CLOSEDIR DIR *dir = opendir(CPU_DIR);

	if (!dir)
		return err_set(err, errno, "open " CPU_DIR);
	*ret_count = 0;
	for (struct dirent *at; (at = readdir(dir));) {
		int r;

		if (!is_cpu(at->d_name))
			continue;
		if (most && *ret_count >= most)
			return 0;
		r = online_cpu(dirfd(dir), at->d_name, err);
		if (r < 0)
			return r;
		*ret_count += (uint32_t)r;
	}
	return 0;
}

/*
 * All memory of the guest is online from its start: its kernel cannot take
 * any later. Nothing is waited for, as no CPU can appear on its own.
 */
int handle_online_cpu_mem(const struct call *call,
			  const ProtobufCMessage *request, struct err *err)
{
	const Grpc__OnlineCPUMemRequest *from =
		(const Grpc__OnlineCPUMemRequest *)request;
	uint32_t count = 0;
	int r = online_cpus(from->nb_cpus, &count, err);

	if (r < 0)
		return r;
	if (count < from->nb_cpus)
		return err_msg(err, EBUSY,
			       "nb_cpus: only %u of %u were there and offline",
			       count, from->nb_cpus);
	call_reply_empty(call);
	return 0;
}
