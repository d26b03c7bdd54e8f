// SPDX-License-Identifier: Apache-2.0
/*
 * container.c - the list of containers, and how one goes away: kill, reap,
 * remove its cgroup, answer. Runs in kata-agent. A container may have made
 * cgroups of its own below its directory; how many is up to it.
 *
 * #syscalls:agent umount2 kill
 */
#include "container.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auto.h"
#include "log.h"
#include "path.h"
#include "process.h"
#include "readback.h"

#define CGROUP_DEPTH_MAX 32

struct container *container_find(struct agent *agent, const char *id,
				 struct err *err)
{
	for (struct container *at = agent->containers; at; at = at->next)
		if (strcmp(at->id, id) == 0)
			return at;
	err_msg(err, ESRCH, "container \"%.128s\" does not exist", id);
	return NULL;
}

struct process *process_find(struct agent *agent, const char *container_id,
			     const char *exec_id, struct err *err)
{
	struct container *container = container_find(agent, container_id, err);

	if (!container)
		return NULL;
	if (strcmp(exec_id, container_id) == 0)
		exec_id = "";
	for (struct process *at = container->processes; at; at = at->next)
		if (strcmp(at->exec_id, exec_id) == 0)
			return at;
	err_msg(err, ESRCH, "no such process: \"%.128s\" in container %s",
		exec_id, container->id);
	return NULL;
}

static int open_cgroup(struct agent *agent, const char *id, struct err *err)
{
	AUTO_FD int fd = openat(agent->cgroup_fd, id,
				O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	char depth[16];
	int r;

	if (fd < 0)
		return err_set(err, errno, "open cgroup %s", id);
	/* remove_cgroup() must get to the bottom of what is made in it. */
	snprintf(depth, sizeof(depth), "%d", CGROUP_DEPTH_MAX);
	r = path_write_file(fd, "cgroup.max.depth", depth, err);
	return r < 0 ? r : take_fd(&fd);
}

int container_new(struct agent *agent, const char *id,
		  struct container **ret_container, struct err *err)
{
	struct container *container;
	int cgroup_fd;

	if (agent->container_count >= AGENT_CONTAINERS_MAX)
		return err_msg(err, EBUSY, "too many containers");
	if (mkdirat(agent->cgroup_fd, id, 0755) < 0)
		return err_set(err, errno, "make cgroup %s", id);
	cgroup_fd = open_cgroup(agent, id, err);
	if (cgroup_fd < 0) {
		IGNORE(unlinkat(agent->cgroup_fd, id, AT_REMOVEDIR),
		       "the error above is the one to tell");
		return cgroup_fd;
	}
	container = xcalloc(1, sizeof(*container));
	container->id = xstrdup(id);
	container->cgroup_fd = cgroup_fd;
	container->wanted = xcalloc(1, sizeof(*container->wanted));
	container->freeze.fd = -1;
	container->oom.fd = -1;
	container->next = agent->containers;
	agent->containers = container;
	agent->container_count++;
	*ret_container = container;
	return 0;
}

/* Depth first; only directories can be removed in a cgroup file system. */
static int remove_cgroup(int parent_fd, const char *name, unsigned depth)
{
	AUTO_CLOSEDIR DIR *dir = NULL;
	struct dirent *entry;
	int fd;

	if (unlinkat(parent_fd, name, AT_REMOVEDIR) == 0)
		return 0;
	if (errno != EBUSY && errno != ENOTEMPTY)
		return -errno;
	if (depth >= CGROUP_DEPTH_MAX)
		return -ELOOP;
	fd = openat(parent_fd, name,
		    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return -ENOMEM;
	}
	while ((entry = readdir(dir)))
		if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
			IGNORE(remove_cgroup(dirfd(dir), entry->d_name,
					     depth + 1),
			       "removing the parent tells");
	return unlinkat(parent_fd, name, AT_REMOVEDIR) < 0 ? -errno : 0;
}

void container_free(struct agent *agent, struct container *container)
{
	struct container **at = &agent->containers;
	int r;

	while (container->processes)
		process_free(agent, container->processes);
	while (*at && *at != container)
		at = &(*at)->next;
	BUG_ON(!*at);
	*at = container->next;
	agent->container_count--;
	freezer_done(agent, container);
	oom_done(agent, container);
	close(container->cgroup_fd);
	r = remove_cgroup(agent->cgroup_fd, container->id, 0);
	if (r < 0)
		log_warn("cgroup of %s stays: %s", container->id, strerror(-r));
	readback_wanted_done(container->wanted);
	free(container->wanted);
	strv_done(&container->seccomp_unknown);
	strv_done(&container->seccomp_unknown_denied);
	free(container->bpf);
	free(container->id);
	free(container);
}

int container_kill_all(struct container *container, struct err *err)
{
	return path_write_file(container->cgroup_fd, "cgroup.kill", "1", err);
}

bool container_is_alive(const struct container *container)
{
	for (const struct process *at = container->processes; at; at = at->next)
		if (at->state != PROCESS_EXITED)
			return true;
	return false;
}

/*
 * Everything the host lent us goes back: an unmount of virtio-fs drops the
 * references that the file server holds.
 */
static void finish_destroy(struct agent *agent)
{
	struct call call = { agent, agent->destroy_stream };

	for (size_t i = agent->storages.count; i-- > 0;) {
		const char *path = agent->storages.item[i];

		if (umount2(path, UMOUNT_NOFOLLOW) == 0)
			continue;
		log_warn("unmount %s: %s; detached", path, strerror(errno));
		IGNORE(umount2(path, UMOUNT_NOFOLLOW | MNT_DETACH),
		       "the machine ends soon");
	}
	strv_done(&agent->storages);
	sync();
	agent->state = SANDBOX_ENDED;
	agent->destroy_stream = 0;
	oom_end(agent);
	call_reply_empty(&call);
}

/* Page cache of the container's files: the host wants its mounts back. */
static void drop_caches(struct agent *agent)
{
	struct err err = ERR_INIT;

	sync();
	if (path_write_file(agent->proc_fd, "sys/vm/drop_caches", "3", &err) < 0)
		log_warn("%s", err.text);
}

void container_check_removal(struct agent *agent)
{
	struct container *next;

	for (struct container *at = agent->containers; at; at = next) {
		struct call call = { agent, at->remove_stream };

		next = at->next;
		if (!at->removing || container_is_alive(at))
			continue;
		container_free(agent, at);
		/* The end of the sandbox unmounts and syncs all of it. */
		if (agent->state != SANDBOX_ENDING)
			drop_caches(agent);
		call_reply_empty(&call);
	}
	if (agent->state == SANDBOX_ENDING && !agent->containers)
		finish_destroy(agent);
}
