// SPDX-License-Identifier: Apache-2.0
/*
 * readback.c - what the agent says it read back, as records for the runtime.
 *
 * Runs in kata-shim after privs_confine(). Hostile: all of it. Ranges, counts
 * and texts are checked here; whether it is what was asked for is for the
 * runtime to say.
 */
#include <errno.h>
#include <string.h>

#include "agent.pb-c.h"
#include "log.h"
#include "shim.h"

#define NAMESPACE_BITS 7
/* At most so many unknown names are told, each escaped and cut. */
#define UNKNOWN_SHOWN 8

static bool is_limit(int64_t value)
{
	return value >= READBACK_NO_LIMIT;
}

static bool is_optional(int64_t value)
{
	return value >= READBACK_NO_FILE;
}

static bool is_sane(const Grpc__ReadBack *in)
{
	return in->seccomp_mode <= 2 && in->no_new_privs <= 1 &&
	       in->namespaces < 1u << NAMESPACE_BITS &&
	       in->shared_namespaces < 1u << NAMESPACE_BITS &&
	       is_limit(in->memory_max) && is_limit(in->pids_max) &&
	       is_limit(in->cpu_quota) && is_limit(in->cpu_period) &&
	       is_optional(in->memory_swap_max) && is_optional(in->memory_low) &&
	       is_optional(in->cpu_weight) && is_optional(in->io_weight) &&
	       in->umask <= 0777 && in->n_items <= READBACK_ITEMS_MAX;
}

static void tell_names(const char *what, char *const *names, size_t count)
{
	char text[512] = "";
	size_t used = 0;

	if (!count)
		return;
	for (size_t i = 0; i < count && i < UNKNOWN_SHOWN; i++) {
		char name[48];

		log_escape(name, sizeof(name), names[i], strlen(names[i]));
		used += (size_t)snprintf(text + used, sizeof(text) - used,
					 "%s%s", i ? ", " : "", name);
	}
	log_warn("linux.seccomp: %s: %s%s (%zu)", what, text,
		 count > UNKNOWN_SHOWN ? ", ..." : "", count);
}

/* One line: what separates numbers in /proc is one space here. */
static void take_text(char *out, size_t size, const char *in)
{
	char plain[READBACK_TEXT_MAX];
	size_t len = strnlen(in, sizeof(plain));

	for (size_t i = 0; i < len; i++)
		plain[i] = in[i];
	for (size_t i = 0; i < len; i++)
		if (plain[i] == '\t')
			plain[i] = ' ';
	log_escape(out, size, plain, len);
}

static void take_limits(const Grpc__ReadBack *in, struct record_readback *out)
{
	out->memory_max = in->memory_max;
	out->pids_max = in->pids_max;
	out->cpu_quota = in->cpu_quota;
	out->cpu_period = in->cpu_period;
	out->memory_swap_max = in->memory_swap_max;
	out->memory_low = in->memory_low;
	out->cpu_weight = in->cpu_weight;
	out->io_weight = in->io_weight;
	out->device_filters = in->device_filters;
}

int readback_record(const struct Grpc__ReadBack *in,
		    struct record_readback *out, struct err *err)
{
	if (!in)
		return err_msg(
			err, EPROTO,
			"the agent did not report what it applied (no kata-c/1)");
	if (!is_sane(in))
		return err_msg(
			err, EPROTO,
			"the agent's report of what it applied is malformed");
	out->guest_pid = in->guest_pid;
	out->seccomp_mode = in->seccomp_mode;
	out->seccomp_filters = in->seccomp_filters;
	out->no_new_privs = in->no_new_privs;
	out->cap_inheritable = in->cap_inheritable;
	out->cap_permitted = in->cap_permitted;
	out->cap_effective = in->cap_effective;
	out->cap_bounding = in->cap_bounding;
	out->cap_ambient = in->cap_ambient;
	out->uid = in->uid;
	out->gid = in->gid;
	out->umask = in->umask;
	out->oom_score_adj = in->oom_score_adj;
	out->namespaces = in->namespaces;
	out->shared_namespaces = in->shared_namespaces;
	out->holds_execs = in->holds_execs;
	take_limits(in, out);
	take_text(out->cgroup, sizeof(out->cgroup), in->cgroup);
	take_text(out->cwd, sizeof(out->cwd), in->cwd);
	take_text(out->agent_version, sizeof(out->agent_version),
		  in->agent_version);
	take_text(out->kernel, sizeof(out->kernel), in->kernel);
	return 0;
}

static int send_item(int control_fd, const Grpc__ReadBackItem *in,
		     struct err *err)
{
	union record record;

	record_init(&record, RECORD_SHIM_ITEM);
	if (in->kind == 0 || in->kind >= READBACK_KIND_MAX ||
	    in->n_value > ARRAY_SIZE(record.item.value))
		return err_msg(
			err, EPROTO,
			"the agent's report of what it applied is malformed");
	record.item.kind = in->kind;
	record.item.index = in->index;
	for (size_t i = 0; i < in->n_value; i++)
		record.item.value[i] = in->value[i];
	take_text(record.item.text, sizeof(record.item.text), in->text);
	return record_send(control_fd, &record, err);
}

/**
 * readback_send() - The report on a process, to the runtime
 * @control_fd:	To the runtime
 * @in:		Of the agent; NULL: it sent none, which is an error
 * @err:	Filled on failure
 *
 * Return: 0 or -errno
 */
int readback_send(int control_fd, const struct Grpc__ReadBack *in,
		  struct err *err)
{
	union record record;

	record_init(&record, RECORD_SHIM_READBACK);
	if (readback_record(in, &record.readback, err) < 0)
		return -err->code;
	tell_names("system calls that the guest does not know",
		   in->seccomp_unknown, in->n_seccomp_unknown);
	tell_names("of those, denied by a profile that allows the rest",
		   in->seccomp_unknown_denied, in->n_seccomp_unknown_denied);
	record.readback.item_count = (uint32_t)in->n_items;
	if (record_send(control_fd, &record, err) < 0)
		return -err->code;
	for (size_t i = 0; i < in->n_items; i++)
		if (send_item(control_fd, in->items[i], err) < 0)
			return -err->code;
	return 0;
}
