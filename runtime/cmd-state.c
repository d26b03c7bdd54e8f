// SPDX-License-Identifier: Apache-2.0
/* cmd-state.c - kata-runtime state: the OCI state and what holds the container. */
#include <errno.h>
#include <string.h>

#include "auto.h"
#include "container.h"
#include "json.h"
#include "lifecycle.h"
#include "oci.h"
#include "opts.h"
#include "path.h"

#define CONFIG_BYTES_MAX (4u << 20)

static void write_annotations(struct json_writer *w, int dir_fd)
{
	AUTO_FREE char *text = NULL;
	struct oci_spec *spec = NULL;
	struct err err = ERR_INIT;

	if (path_read_file(dir_fd, "config.json", CONFIG_BYTES_MAX, &text,
			   &err) < 0 ||
	    oci_spec_parse(text, strlen(text), &spec, &err) < 0)
		return; /* a create that died early */
	if (spec->annotations.count > 0) {
		json_begin_object(w, "annotations");
		for (size_t i = 0; i < spec->annotations.count; i++)
			json_string(w, spec->annotations.item[i].key,
				    spec->annotations.item[i].value);
		json_end_object(w);
	}
	oci_spec_free(spec);
}

static void write_notes(struct json_writer *w, const struct state *s)
{
	json_begin_object(w, "kata");
	json_string(w, "accelerator", s->accel);
	json_string(w, "acceleratorReason", s->accel_reason);
	json_string(w, "network", s->network);
	json_u64(w, "vcpus", s->vcpus);
	json_u64(w, "memoryMiB", s->memory_mib);
	json_u64(w, "vmmPid", (uint64_t)s->vmm.pid);
	json_u64(w, "vmmUid", s->uid);
	json_bool(w, "singleId", s->single_id);
	json_string(w, "uidMap", s->uid_map);
	json_u64(w, "fileServerPid", (uint64_t)s->fs.pid);
	json_u64(w, "proxyPid", (uint64_t)s->proxy.pid);
	json_string(w, "selinuxLevel", s->selinux_level);
	json_strv(w, "absent", &s->notes);
	json_end_object(w);
}

static void print_state(const struct state *s, int dir_fd)
{
	struct json_writer w = { .pretty = true };
	enum state_status status = state_status(s);

	json_begin_object(&w, NULL);
	json_string(&w, "ociVersion", KATA_SPEC);
	json_string(&w, "id", s->id);
	json_string(&w, "status", status_name[status]);
	json_u64(&w, "pid", (uint64_t)container_pid(s, status));
	json_string(&w, "bundle", s->bundle);
	json_string(&w, "rootfs", s->rootfs);
	json_string(&w, "created", s->created);
	json_string(&w, "owner", "");
	write_annotations(&w, dir_fd);
	write_notes(&w, s);
	json_end_object(&w);
	puts(w.text);
	json_writer_done(&w);
}

int cmd_state(struct runtime *rt, int argc, char **argv, int first,
	      struct err *err)
{
	AUTO_FD int dir_fd = -1;
	struct state state = { 0 };
	const char *id;
	int at = opts_parse(NULL, 0, argc, argv, first, err);

	if (operand_id(argc, argv, at, &id, err) < 0 ||
	    state_root_open(rt, err) < 0)
		return -err->code;
	dir_fd = state_open(rt, id, false, err);
	if (dir_fd < 0 || container_load(dir_fd, &state, err) < 0)
		return -err->code;
	print_state(&state, dir_fd);
	state_done(&state);
	return 0;
}
