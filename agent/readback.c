// SPDX-License-Identifier: Apache-2.0
/*
 * readback.c - what the kernel says about a process that has set itself up
 * and waits. Runs in kata-agent; reads /proc and cgroup files only, and
 * nothing that was asked for: the host compares the two.
 */
#include "readback.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <string.h>
#include <sys/syscall.h>
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

static int take_umask(const char *status, Grpc__ReadBack *to, struct err *err)
{
	uint64_t value;

	if (readback_field(status, "Umask", 8, &value) < 0)
		return err_msg(err, EIO, "read-back: no Umask in status");
	to->umask = (uint32_t)value;
	return 0;
}

static void take_groups(const char *status, Grpc__ReadBack *to)
{
	const char *at = field_text(status, "Groups");
	char *end;

	while (at && *at && *at != '\n' && to->n_groups < GROUPS_MAX) {
		uint64_t gid = strtoul(at, &end, 10);

		if (end == at)
			break;
		to->groups = xgrow(to->groups, to->n_groups, to->n_groups + 1,
				   sizeof(*to->groups));
		readback_add(to, READBACK_GROUP, to->n_groups, &gid, 1);
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
		r = take_umask(status, to, err);
	if (r == 0)
		r = take_u32(status, "Uid", &to->uid, err);
	if (r == 0)
		r = take_u32(status, "Gid", &to->gid, err);
	if (r == 0)
		take_groups(status, to);
	return r;
}

static int read_namespace(struct agent *agent, const char *who, const char *name,
			  char *ret, size_t size, struct err *err)
{
	AUTO_FREE char *path = xasprintf("%s/ns/%s", who, name);
	ssize_t n = readlinkat(agent->proc_fd, path, ret, size - 1);

	if (n < 0)
		return err_set(err, errno, "read-back: %s", path);
	ret[n] = '\0';
	return 0;
}

/* Those that are not ours, and those that are the init's. */
static int take_namespaces(struct agent *agent, const struct process *process,
			   Grpc__ReadBack *to, struct err *err)
{
	AUTO_FREE char *who = xasprintf("%d", (int)process->pid);
	AUTO_FREE char *init =
		xasprintf("%d", (int)process->container->processes->pid);

	for (size_t i = 0; i < ARRAY_SIZE(namespaces); i++) {
		char theirs[64], ours[64], inits[64];

		if (read_namespace(agent, who, namespaces[i], theirs,
				   sizeof(theirs), err) < 0 ||
		    read_namespace(agent, "self", namespaces[i], ours,
				   sizeof(ours), err) < 0 ||
		    read_namespace(agent, init, namespaces[i], inits,
				   sizeof(inits), err) < 0)
			return -err->code;
		if (strcmp(theirs, ours) != 0)
			to->namespaces |= 1u << i;
		if (strcmp(theirs, inits) == 0)
			to->shared_namespaces |= 1u << i;
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
	if (strncmp(text, "default ", 8) == 0) /* io.weight */
		memmove(text, text + 8, strlen(text + 8) + 1);
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

/* A controller that this kernel does not have has no file. */
static int take_optional(int cgroup_fd, const char *name, int64_t *ret,
			 struct err *err)
{
	if (faccessat(cgroup_fd, name, F_OK, 0) < 0 && errno == ENOENT) {
		*ret = READBACK_NO_FILE;
		return 0;
	}
	return take_limit(cgroup_fd, name, ret, NULL, err);
}

static int take_device_filters(int cgroup_fd, uint32_t *ret, struct err *err)
{
	union bpf_attr query = {
		.query = { .target_fd = (uint32_t)cgroup_fd,
			   .attach_type = BPF_CGROUP_DEVICE },
	};

	if (syscall(SYS_bpf, BPF_PROG_QUERY, &query, sizeof(query)) < 0)
		return err_set(err, errno, "read-back: device filters");
	*ret = query.query.prog_cnt;
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
	if (r == 0)
		r = take_optional(cgroup_fd, "memory.swap.max",
				  &message->memory_swap_max, err);
	if (r == 0)
		r = take_optional(cgroup_fd, "memory.low", &message->memory_low,
				  err);
	if (r == 0)
		r = take_optional(cgroup_fd, "cpu.weight", &message->cpu_weight,
				  err);
	if (r == 0)
		r = take_optional(cgroup_fd, "io.weight", &message->io_weight,
				  err);
	if (r == 0)
		r = take_device_filters(cgroup_fd, &message->device_filters,
					err);
	return r;
}

static int take_unified(int cgroup_fd, const struct strv *files,
			Grpc__ReadBack *to, struct err *err)
{
	for (size_t i = 0; i < files->count; i++) {
		AUTO_FREE char *text = NULL;
		int r = path_read_file(cgroup_fd, files->item[i], 4096, &text,
				       err);

		if (r < 0)
			return err_wrap(err, "read-back");
		text[strcspn(text, "\n")] = '\0';
		readback_add_text(to, READBACK_UNIFIED, i, text);
	}
	return 0;
}

/* Only of an init: an exec finds the same. */
static int take_container(struct agent *agent, const struct process *process,
			  Grpc__ReadBack *to, struct err *err)
{
	const struct container *container = process->container;
	const struct readback_wanted *wanted = container->wanted;
	int r = take_unified(container->cgroup_fd, &wanted->unified, to, err);

	if (r == 0)
		r = readback_root(agent, process->pid, wanted, to, err);
	if (r == 0)
		r = readback_names(agent, process->pidfd, wanted, to, err);
	if (r == 0)
		r = readback_agent(agent, to, err);
	return r;
}

static Grpc__ReadBackItem *add_item(Grpc__ReadBack *to, enum readback_kind kind,
				    size_t index)
{
	Grpc__ReadBackItem *item = xcalloc(1, sizeof(*item));

	grpc__read_back_item__init(item);
	item->kind = kind;
	item->index = (uint32_t)index;
	to->items = xgrow(to->items, to->n_items, to->n_items + 1,
			  sizeof(*to->items));
	to->items[to->n_items++] = item;
	return item;
}

void readback_add(Grpc__ReadBack *to, enum readback_kind kind, size_t index,
		  const uint64_t *values, size_t count)
{
	Grpc__ReadBackItem *item = add_item(to, kind, index);

	item->value = xcalloc(count, sizeof(*item->value));
	memcpy(item->value, values, count * sizeof(*item->value));
	item->n_value = count;
}

void readback_add_text(Grpc__ReadBack *to, enum readback_kind kind,
		       size_t index, const char *text)
{
	add_item(to, kind, index)->text = xstrdup(text);
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
		r = take_namespaces(agent, process, message, err);
	if (r == 0)
		r = readback_limits(container->cgroup_fd, message, err);
	if (r == 0)
		r = readback_process(agent, process, message, err);
	if (r == 0 && process->is_init)
		r = take_container(agent, process, message, err);
	if (r < 0)
		return r;
	if (uname(&names) < 0)
		return err_set(err, errno, "uname");
	message->kernel = xstrdup(names.release);
	message->agent_version = xstrdup(KATA_VERSION);
	message->holds_execs = true;
	message->apparmor_profile =
		xstrdup(process->apparmor ? process->apparmor : "");
	message->n_seccomp_unknown = container->seccomp_unknown.count;
	message->seccomp_unknown = container->seccomp_unknown.item;
	message->n_seccomp_unknown_denied =
		container->seccomp_unknown_denied.count;
	message->seccomp_unknown_denied = container->seccomp_unknown_denied.item;
	return 0;
}

static void free_text(char *text)
{
	if (text != (char *)protobuf_c_empty_string)
		free(text);
}

/* Frees what readback_take() made; the unknown names are the container's. */
void readback_done(Grpc__ReadBack *message)
{
	free_text(message->kernel);
	free_text(message->agent_version);
	free_text(message->apparmor_profile);
	free_text(message->cgroup);
	free_text(message->cwd);
	free(message->groups);
	for (size_t i = 0; i < message->n_items; i++) {
		free_text(message->items[i]->text);
		free(message->items[i]->value);
		free(message->items[i]);
	}
	free(message->items);
	*message = (Grpc__ReadBack)GRPC__READ_BACK__INIT;
}

void readback_wanted_done(struct readback_wanted *wanted)
{
	strv_done(&wanted->mounts);
	strv_done(&wanted->masked);
	strv_done(&wanted->read_only);
	strv_done(&wanted->devices);
	strv_done(&wanted->sysctls);
	strv_done(&wanted->unified);
}
