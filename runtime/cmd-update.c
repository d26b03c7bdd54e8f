// SPDX-License-Identifier: Apache-2.0
/*
 * cmd-update.c - kata-runtime update: other limits for a container that
 * exists. First what the VM has is compared, then the host's cgroup changed,
 * then the guest asked; when one refuses, what was changed before is changed
 * back. The guest's answer is what its kernel says, and compared like at
 * create. Needs what the cgroup needs; input is the engine's.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "auto.h"
#include "cgroup-unit.h"
#include "container.h"
#include "fd.h"
#include "json.h"
#include "lifecycle.h"
#include "num.h"
#include "oci.h"
#include "opts.h"
#include "own-userns.h"
#include "path.h"
#include "readback.h"
#include "records.h"

#define INPUT_MAX (1u << 20)
#define CONFIG_BYTES_MAX (4u << 20)

struct update_flags {
	const char *resources;
	const char *memory, *reservation, *swap, *kernel, *kernel_tcp;
	const char *shares, *quota, *period, *burst, *idle, *rt_runtime,
		*rt_period, *cpus, *mems;
	const char *pids, *weight, *l3, *mem_bw;
};

/* --- flags to JSON, so that there is one reader ------------------------------ */

/* "64m", "1g", "-1": bytes, as other runtimes take them. */
static int parse_bytes(const char *flag, const char *text, int64_t *ret,
		       struct err *err)
{
	static const char units[] = "bkmgtp";
	size_t digits = strspn(text, "0123456789");
	AUTO_FREE char *number = xstrndup(text, digits);
	const char *unit = text + digits;
	const char *at = *unit ? strchr(units, *unit | 0x20) : units;
	uint64_t value;

	if (strcmp(text, "-1") == 0) {
		*ret = -1;
		return 0;
	}
	if (!at ||
	    (*unit && unit[1] && strcasecmp(unit + 1, "b") != 0 &&
	     strcasecmp(unit + 1, "ib") != 0) ||
	    num_parse_u64(number, INT64_MAX, &value) < 0 ||
	    value > (uint64_t)INT64_MAX >> (10 * (at - units)))
		return err_msg(err, EINVAL,
			       "--%s \"%.32s\": not a size like 64m, or -1",
			       flag, text);
	*ret = (int64_t)(value << (10 * (at - units)));
	return 0;
}

static int write_bytes(struct json_writer *w, const char *key, const char *flag,
		       const char *text, struct err *err)
{
	int64_t value;

	if (!text)
		return 0;
	if (parse_bytes(flag, text, &value, err) < 0)
		return -err->code;
	json_i64(w, key, value);
	return 0;
}

/* Whole numbers, -1 where the reader takes a sign. */
static int write_number(struct json_writer *w, const char *key,
			const char *flag, const char *text, struct err *err)
{
	uint64_t value;

	if (!text)
		return 0;
	if (strcmp(text, "-1") == 0) {
		json_i64(w, key, -1);
		return 0;
	}
	if (num_parse_u64(text, UINT64_MAX, &value) < 0)
		return err_msg(err, EINVAL, "--%s \"%.32s\": not a number",
			       flag, text);
	json_u64(w, key, value);
	return 0;
}

static int write_memory(struct json_writer *w, const struct update_flags *f,
			struct err *err)
{
	json_begin_object(w, "memory");
	if (write_bytes(w, "limit", "memory", f->memory, err) < 0 ||
	    write_bytes(w, "reservation", "memory-reservation", f->reservation,
			err) < 0 ||
	    write_bytes(w, "swap", "memory-swap", f->swap, err) < 0)
		return -err->code;
	json_end_object(w);
	return 0;
}

static int write_cpu(struct json_writer *w, const struct update_flags *f,
		     struct err *err)
{
	json_begin_object(w, "cpu");
	if (write_number(w, "shares", "cpu-share", f->shares, err) < 0 ||
	    write_number(w, "quota", "cpu-quota", f->quota, err) < 0 ||
	    write_number(w, "period", "cpu-period", f->period, err) < 0 ||
	    write_number(w, "burst", "cpu-burst", f->burst, err) < 0 ||
	    write_number(w, "idle", "cpu-idle", f->idle, err) < 0 ||
	    write_number(w, "realtimeRuntime", "cpu-rt-runtime", f->rt_runtime,
			 err) < 0 ||
	    write_number(w, "realtimePeriod", "cpu-rt-period", f->rt_period,
			 err) < 0)
		return -err->code;
	if (f->cpus)
		json_string(w, "cpus", f->cpus);
	if (f->mems)
		json_string(w, "mems", f->mems);
	json_end_object(w);
	return 0;
}

static int flags_json(const struct update_flags *f, struct json_writer *w,
		      struct err *err)
{
	if (f->kernel || f->kernel_tcp)
		return err_msg(
			err, EOPNOTSUPP,
			"--kernel-memory: kernels have no such limit any more");
	if (f->l3 || f->mem_bw)
		return err_msg(
			err, EOPNOTSUPP,
			"--l3-cache-schema, --mem-bw-schema: a VM has no resctrl");
	json_begin_object(w, NULL);
	if (write_memory(w, f, err) < 0 || write_cpu(w, f, err) < 0)
		return -err->code;
	json_begin_object(w, "pids");
	if (write_number(w, "limit", "pids-limit", f->pids, err) < 0)
		return -err->code;
	json_end_object(w);
	json_begin_object(w, "blockIO");
	if (write_number(w, "weight", "blkio-weight", f->weight, err) < 0)
		return -err->code;
	json_end_object(w);
	json_end_object(w);
	return 0;
}

static bool has_flags(const struct update_flags *f)
{
	/* every member is a pointer, the file's name the first */
	const char *const *at = &f->resources;

	for (size_t i = 1; i < sizeof(*f) / sizeof(*at); i++)
		if (at[i])
			return true;
	return false;
}

static int read_input(const struct update_flags *f, char **ret_text,
		      size_t *ret_len, struct err *err)
{
	struct json_writer w = { 0 };
	AUTO_FD int fd = -1;

	if (f->resources && has_flags(f))
		return err_msg(err, EINVAL,
			       "update takes --resources or limits, not both");
	if (!f->resources && !has_flags(f))
		return err_msg(err, EINVAL,
			       "update needs --resources or a limit; see --help");
	if (!f->resources) {
		int r = flags_json(f, &w, err);

		if (r == 0) {
			*ret_len = w.len;
			*ret_text = take_ptr(w.text);
		}
		json_writer_done(&w);
		return r;
	}
	if (strcmp(f->resources, "-") == 0)
		fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	else
		fd = open(f->resources, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_set(err, errno, "--resources %s", f->resources);
	if (fd_read_text(fd, INPUT_MAX, ret_text, ret_len, err) < 0)
		return err_wrap(err, "--resources %s", f->resources);
	return 0;
}

/* --- what can be had ---------------------------------------------------------- */

/* Engines send every field, with 0 for what shall stay as it is. */
static void drop_zeros(struct oci_resources *r)
{
	r->has_memory_limit = r->has_memory_limit && r->memory_limit;
	r->has_memory_swap = r->has_memory_swap && r->memory_swap;
	r->has_memory_reservation = r->has_memory_reservation &&
				    r->memory_reservation;
	r->has_cpu_shares = r->has_cpu_shares && r->cpu_shares;
	r->has_cpu_quota = r->has_cpu_quota && r->cpu_quota;
	r->has_cpu_period = r->has_cpu_period && r->cpu_period;
	r->has_pids_limit = r->has_pids_limit && r->pids_limit;
	r->has_block_io_weight = r->has_block_io_weight && r->block_io_weight;
}

static bool same_text(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "") == 0;
}

static bool same_rules(const struct oci_resources *a,
		       const struct oci_resources *b)
{
	if (a->device_count != b->device_count)
		return false;
	for (size_t i = 0; i < a->device_count; i++) {
		const struct oci_device_rule *left = &a->devices[i];
		const struct oci_device_rule *right = &b->devices[i];

		if (left->allow != right->allow ||
		    left->major != right->major || left->minor != right->minor ||
		    !same_text(left->type, right->type) ||
		    !same_text(left->access, right->access))
			return false;
	}
	return true;
}

/* containerd sends the rules of create along: they are in force. */
static int check_devices(int dir_fd, const struct oci_resources *resources,
			 struct err *err)
{
	AUTO_FREE char *text = NULL;
	struct oci_spec *spec = NULL;
	bool same;

	if (resources->device_count == 0)
		return 0;
	if (path_read_file(dir_fd, "config.json", CONFIG_BYTES_MAX, &text,
			   err) < 0 ||
	    oci_spec_parse(text, strlen(text), &spec, err) < 0)
		return -err->code;
	same = same_rules(resources, &spec->linux_.resources);
	oci_spec_free(spec);
	return same ? 0 :
		      err_msg(err, EOPNOTSUPP,
			      "linux.resources.devices: cannot be changed after create");
}

static int check_fits(const struct state *state, const struct oci_resources *r,
		      struct err *err)
{
	int64_t period = r->has_cpu_period ? (int64_t)r->cpu_period : 100000;

	if (r->has_memory_limit && r->memory_limit > 0 &&
	    r->memory_limit > (int64_t)state->memory_mib << 20)
		return err_msg(
			err, ERANGE,
			"linux.resources.memory.limit: %lld; the VM has %u MiB and cannot grow",
			(long long)r->memory_limit, state->memory_mib);
	if (r->has_cpu_quota && r->cpu_quota > 0 &&
	    r->cpu_quota > period * (int64_t)state->vcpus)
		return err_msg(
			err, ERANGE,
			"linux.resources.cpu.quota: %lld/%lld; the VM has %u CPUs and cannot grow",
			(long long)r->cpu_quota, (long long)period,
			state->vcpus);
	return 0;
}

/* --- the change, under the container's lock ----------------------------------- */

static int ask_guest(int dir_fd, const struct oci_resources *resources,
		     struct err *err)
{
	AUTO_FREE char *json = oci_resources_format(resources);
	union record record;

	record_init(&record, RECORD_SHIM_UPDATE);
	if (strlen(json) >= sizeof(record.update.json))
		return err_msg(err, E2BIG, "resources: more than %zu bytes",
			       sizeof(record.update.json) - 1);
	memcpy(record.update.json, json, strlen(json));
	if (shim_call(dir_fd, &record, RECORD_SHIM_READBACK, SHIM_CALL_MS,
		      &record, err) < 0)
		return -err->code;
	return readback_check_limits(&record.readback, resources, err);
}

static void take_back(const struct state *state, const struct cgroup_undo *undo)
{
	struct err err = ERR_INIT;

	cgroup_undo(undo);
	if (cgroup_unit_follow(&state->unit, &state->cgroups, &err) < 0)
		fprintf(stderr, "kata-runtime: undo: %s\n", err.text);
}

static int apply(int dir_fd, const struct state *state,
		 const struct oci_resources *resources, struct err *err)
{
	struct cgroup_undo undo = { 0 };
	int r = cgroup_update(&state->cgroups, resources, state->overhead_mib,
			      &undo, err);

	if (r == 0) {
		r = cgroup_unit_follow(&state->unit, &state->cgroups, err);
		if (r == 0)
			r = ask_guest(dir_fd, resources, err);
		if (r < 0)
			take_back(state, &undo);
	}
	cgroup_undo_done(&undo);
	return r;
}

static int update(struct runtime *rt, const char *id,
		  const struct oci_resources *resources, struct err *err)
{
	AUTO_FD int dir_fd = state_open(rt, id, true, err);
	struct state state = { 0 };
	enum state_status status;
	int r;

	if (dir_fd < 0)
		return dir_fd;
	r = container_load(dir_fd, &state, err);
	if (r == 0) {
		status = state_status(&state);
		if (status == STATUS_STOPPED || status == STATUS_CREATING)
			r = err_msg(
				err, ESRCH,
				"cannot update: container not running (it is %s)",
				status_name[status]);
	}
	if (r == 0)
		r = check_fits(&state, resources, err);
	if (r == 0)
		r = check_devices(dir_fd, resources, err);
	if (r == 0)
		r = own_userns_join(rt, &state, err);
	if (r == 0)
		r = apply(dir_fd, &state, resources, err);
	state_done(&state);
	return r;
}

static int parse(struct update_flags *f, int argc, char **argv, int first,
		 struct err *err)
{
	const struct opt table[] = {
		{ "resources", 'r', "FILE", "limits as JSON, - for stdin",
		  &f->resources, NULL },
		{ "memory", 0, "SIZE", "memory limit", &f->memory, NULL },
		{ "memory-reservation", 0, "SIZE", "memory soft limit",
		  &f->reservation, NULL },
		{ "memory-swap", 0, "SIZE", "memory and swap together",
		  &f->swap, NULL },
		{ "kernel-memory", 0, "SIZE", "refused", &f->kernel, NULL },
		{ "kernel-memory-tcp", 0, "SIZE", "refused", &f->kernel_tcp,
		  NULL },
		{ "cpu-share", 0, "N", "CPU weight", &f->shares, NULL },
		{ "cpu-quota", 0, "USEC", "CPU time in a period", &f->quota,
		  NULL },
		{ "cpu-period", 0, "USEC", "the period", &f->period, NULL },
		{ "cpu-burst", 0, "USEC", "not built yet: refused unless 0",
		  &f->burst, NULL },
		{ "cpu-idle", 0, "N", "not built yet: refused unless 0",
		  &f->idle, NULL },
		{ "cpu-rt-runtime", 0, "USEC", "refused", &f->rt_runtime, NULL },
		{ "cpu-rt-period", 0, "USEC", "refused", &f->rt_period, NULL },
		{ "cpuset-cpus", 0, "LIST", "CPUs of the host", &f->cpus, NULL },
		{ "cpuset-mems", 0, "LIST", "memory nodes of the host",
		  &f->mems, NULL },
		{ "pids-limit", 0, "N", "number of tasks", &f->pids, NULL },
		{ "blkio-weight", 0, "N", "I/O weight", &f->weight, NULL },
		{ "l3-cache-schema", 0, "TEXT", "refused", &f->l3, NULL },
		{ "mem-bw-schema", 0, "TEXT", "refused", &f->mem_bw, NULL },
	};

	return opts_parse(table, ARRAY_SIZE(table), argc, argv, first, err);
}

int cmd_update(struct runtime *rt, int argc, char **argv, int first,
	       struct err *err)
{
	struct update_flags flags = { 0 };
	struct oci_resources *resources = NULL;
	AUTO_FREE char *text = NULL;
	const char *id;
	size_t len = 0;
	int at = parse(&flags, argc, argv, first, err), r;

	if (operand_id(argc, argv, at, &id, err) < 0 ||
	    read_input(&flags, &text, &len, err) < 0 ||
	    state_root_open(rt, err) < 0)
		return -err->code;
	if (oci_resources_parse(text, len, &resources, err) < 0)
		return err_wrap(err, "resources");
	drop_zeros(resources);
	r = oci_resources_unsupported(resources, err);
	if (r == 0)
		r = update(rt, id, resources, err);
	oci_resources_free(resources);
	return r;
}
