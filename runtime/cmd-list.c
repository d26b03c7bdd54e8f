// SPDX-License-Identifier: Apache-2.0
/* cmd-list.c - kata-runtime list: every container of this state root. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "auto.h"
#include "json.h"
#include "opts.h"
#include "state.h"

static void list_json(struct json_writer *w, const struct state *s)
{
	enum state_status status = state_status(s);

	json_begin_object(w, NULL);
	json_string(w, "ociVersion", "1.2.0");
	json_string(w, "id", s->id);
	json_u64(w, "pid", status == STATUS_STOPPED ? 0 : (uint64_t)s->shim.pid);
	json_string(w, "status", status_name[status]);
	json_string(w, "bundle", s->bundle);
	json_string(w, "rootfs", s->rootfs);
	json_string(w, "created", s->created);
	json_string(w, "owner", "");
	json_end_object(w);
}

static void list_one(const struct state *s, const char *format, bool quiet,
		     struct json_writer *w)
{
	enum state_status status = state_status(s);

	if (quiet)
		puts(s->id);
	else if (strcmp(format, "json") == 0)
		list_json(w, s);
	else
		printf("%-64s %-8d %-9s %-30s %s\n", s->id,
		       status == STATUS_STOPPED ? 0 : s->shim.pid,
		       status_name[status], s->created ? s->created : "-",
		       s->bundle ? s->bundle : "-");
}

static int list_all(struct runtime *rt, const char *format, bool quiet,
		    struct json_writer *w, struct err *err)
{
	int copy = fcntl(rt->root_fd, F_DUPFD_CLOEXEC, 0);
	AUTO_CLOSEDIR DIR *dir = copy >= 0 ? fdopendir(copy) : NULL;
	struct dirent *entry;

	if (!dir)
		return err_set(err, errno, "list %s", rt->root);
	while ((entry = readdir(dir))) {
		struct err one = ERR_INIT;
		struct state state = { 0 };
		AUTO_FD int fd = -1;

		if (entry->d_name[0] == '.')
			continue;
		fd = state_open(rt, entry->d_name, false, &one);
		if (fd < 0 || state_load(fd, &state, &one) < 0) {
			if (one.code != ENOENT && one.code != ENOTDIR)
				fprintf(stderr, "kata-runtime: %s: %s\n",
					entry->d_name, one.text);
			continue; /* deleted meanwhile, or being made */
		}
		list_one(&state, format, quiet, w);
		state_done(&state);
	}
	return 0;
}

int cmd_list(struct runtime *rt, int argc, char **argv, int first,
	     struct err *err)
{
	struct json_writer w = { 0 };
	const char *format = "table";
	bool quiet = false, json;
	const struct opt table[] = {
		{ "format", 'f', "FORMAT", "table or json", &format, NULL },
		{ "quiet", 'q', NULL, "IDs alone", NULL, &quiet },
	};
	int at = opts_parse(table, ARRAY_SIZE(table), argc, argv, first, err);
	int r;

	if (at < 0)
		return at;
	if (at < argc)
		return err_msg(err, EINVAL, "unexpected operand \"%.64s\"",
			       argv[at]);
	json = strcmp(format, "json") == 0;
	if (!json && strcmp(format, "table") != 0)
		return err_msg(err, EINVAL, "--format: table or json");
	if (state_root_open(rt, err) < 0)
		return -err->code;
	if (json && !quiet)
		json_begin_array(&w, NULL);
	else if (!quiet)
		printf("%-64s %-8s %-9s %-30s %s\n", "ID", "PID", "STATUS",
		       "CREATED", "BUNDLE");
	r = list_all(rt, format, quiet, &w, err);
	if (json && !quiet) {
		json_end_array(&w);
		puts(w.text);
	}
	json_writer_done(&w);
	return r;
}
