// SPDX-License-Identifier: Apache-2.0
/*
 * readback.c - what the kernel says about a process that has set itself up
 * and waits. Runs in kata-agent; reads /proc and cgroup files only, and
 * nothing that was asked for: the host compares the two.
 */
#include "readback.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "auto.h"
#include "num.h"
#include "path.h"

#define STATUS_MAX (16 * 1024)
#define GROUPS_MAX 65536

/* Names in the order of the bits (agent.proto, ReadBack.namespaces). */
static const char *const namespaces[] = { "user", "mnt", "pid",	  "net",
					  "ipc",  "uts", "cgroup" };

static const char *field_text(const char *status, const char *name)
{
	size_t len = strlen(name);

	for (const char *at = status; at; at = strchr(at, '\n')) {
		at += *at == '\n';
		if (strncmp(at, name, len) == 0 && at[len] == ':')
			return at + len + 1 + strspn(at + len + 1, " \t");
	}
	return NULL;
}

int readback_field(const char *status, const char *name, int base, uint64_t *ret)
{
	const char *text = field_text(status, name);
	char *end;

	if (!text)
		return -ENOENT;
	errno = 0;
	*ret = strtoull(text, &end, base);
	return errno || end == text ? -EINVAL : 0;
}

static int take_u32(const char *status, const char *name, uint32_t *ret,
		    struct err *err)
{
	uint64_t value;

	if (readback_field(status, name, 10, &value) < 0 || value > UINT32_MAX)
		return err_msg(err, EIO, "read-back: no %s in status", name);
	*ret = (uint32_t)value;
	return 0;
}

static int take_caps(const char *status, Grpc__ReadBack *to, struct err *err)
{
	const struct {
		const char *name;
		uint64_t *to;
	} fields[] = {
		{ "CapInh", &to->cap_inheritable },
		{ "CapPrm", &to->cap_permitted },
		{ "CapEff", &to->cap_effective },
		{ "CapBnd", &to->cap_bounding },
		{ "CapAmb", &to->cap_ambient },
	};

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		if (readback_field(status, fields[i].name, 16, fields[i].to) < 0)
			return err_msg(err, EIO, "read-back: no %s in status",
				       fields[i].name);
	return 0;
}

static void take_groups(const char *status, Grpc__ReadBack *to)
{
	const char *at = field_text(status, "Groups");
	char *end;

	while (at && *at && *at != '\n' && to->n_groups < GROUPS_MAX) {
		unsigned long gid = strtoul(at, &end, 10);

		if (end == at)
			break;
		to->groups = xgrow(to->groups, to->n_groups, to->n_groups + 1,
				   sizeof(*to->groups));
		to->groups[to->n_groups++] = (uint32_t)gid;
		at = end + strspn(end, " ");
	}
}

static int take_status(struct agent *agent, pid_t pid, Grpc__ReadBack *to,
		       struct err *err)
{
	AUTO_FREE char *path = xasprintf("%d/status", (int)pid);
	AUTO_FREE char *status = NULL;
	int r = path_read_file(agent->proc_fd, path, STATUS_MAX, &status, err);

	if (r == 0)
		r = take_caps(status, to, err);
	if (r == 0)
		r = take_u32(status, "Seccomp", &to->seccomp_mode, err);
	if (r == 0)
		r = take_u32(status, "Seccomp_filters", &to->seccomp_filters,
			     err);
	if (r == 0)
		r = take_u32(status, "NoNewPrivs", &to->no_new_privs, err);
	if (r == 0)
		r = take_u32(status, "Uid", &to->uid, err);
	if (r == 0)
		r = take_u32(status, "Gid", &to->gid, err);
	if (r == 0)
		take_groups(status, to);
	return r;
}

static int take_namespaces(struct agent *agent, pid_t pid, Grpc__ReadBack *to,
			   struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(namespaces); i++) {
		AUTO_FREE char *theirs =
			xasprintf("%d/ns/%s", (int)pid, namespaces[i]);
		AUTO_FREE char *ours = xasprintf("self/ns/%s", namespaces[i]);
		char a[64] = "", b[64] = "";

		if (readlinkat(agent->proc_fd, theirs, a, sizeof(a) - 1) < 0 ||
		    readlinkat(agent->proc_fd, ours, b, sizeof(b) - 1) < 0)
			return err_set(err, errno, "read-back: %s", theirs);
		if (strcmp(a, b) != 0)
			to->namespaces |= 1u << i;
	}
	return 0;
}

/* "max" or a number; ret2 may be NULL. */
static int take_limit(int cgroup_fd, const char *name, int64_t *ret,
		      int64_t *ret2, struct err *err)
{
	AUTO_FREE char *text = NULL;
	char *end = NULL;
	int r = path_read_file(cgroup_fd, name, 256, &text, err);

	if (r < 0)
		return r;
	end = text;
	if (strncmp(text, "max", 3) == 0) {
		*ret = -1;
		end += 3;
	} else {
		*ret = strtoll(text, &end, 10);
		if (end == text)
			return err_msg(err, EIO, "read-back: bad %s", name);
	}
	if (ret2)
		*ret2 = strtoll(end, NULL, 10);
	return 0;
}

int readback_limits(int cgroup_fd, Grpc__ReadBack *message, struct err *err)
{
	int r = take_limit(cgroup_fd, "memory.max", &message->memory_max, NULL,
			   err);

	if (r == 0)
		r = take_limit(cgroup_fd, "pids.max", &message->pids_max, NULL,
			       err);
	if (r == 0)
		r = take_limit(cgroup_fd, "cpu.max", &message->cpu_quota,
			       &message->cpu_period, err);
	return r;
}

/**
 * readback_take() - Report of one frozen process
 * @agent:	For its /proc
 * @process:	Has set itself up and waits
 * @message:	Initialised message to fill
 * @err:	Filled on failure
 *
 * Return: 0 or -errno
 */
int readback_take(struct agent *agent, const struct process *process,
		  Grpc__ReadBack *message, struct err *err)
{
	const struct container *container = process->container;
	struct utsname names;
	int r;

	message->guest_pid = (uint32_t)process->pid;
	r = take_status(agent, process->pid, message, err);
	if (r == 0)
		r = take_namespaces(agent, process->pid, message, err);
	if (r == 0)
		r = readback_limits(container->cgroup_fd, message, err);
	if (r < 0)
		return r;
	if (uname(&names) < 0)
		return err_set(err, errno, "uname");
	message->kernel = xstrdup(names.release);
	message->agent_version = xstrdup(KATA_VERSION);
	message->apparmor_profile =
		xstrdup(process->apparmor ? process->apparmor : "");
	message->n_seccomp_unknown = container->seccomp_unknown.count;
	message->seccomp_unknown = container->seccomp_unknown.item;
	message->n_seccomp_unknown_denied =
		container->seccomp_unknown_denied.count;
	message->seccomp_unknown_denied = container->seccomp_unknown_denied.item;
	return 0;
}

/* Frees what readback_take() made; the unknown names are the container's. */
void readback_done(Grpc__ReadBack *message)
{
	if (message->kernel != (char *)protobuf_c_empty_string)
		free(message->kernel);
	if (message->agent_version != (char *)protobuf_c_empty_string)
		free(message->agent_version);
	if (message->apparmor_profile != (char *)protobuf_c_empty_string)
		free(message->apparmor_profile);
	free(message->groups);
	*message = (Grpc__ReadBack)GRPC__READ_BACK__INIT;
}
