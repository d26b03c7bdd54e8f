// SPDX-License-Identifier: Apache-2.0
/*
 * cmd-list.c - kata-runtime list: every container of this state root. Reads
 * the records and /proc alone; no settings, no accelerator, no process. Needs
 * no rights.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auto.h"
#include "json.h"
#include "lifecycle.h"
#include "opts.h"

#define PASSWD "/etc/passwd"

struct list_entry {
	struct state state;
	enum state_status status;
};

struct listing {
	struct list_entry *entry;
	size_t count;
	char *owner; /* of the state root, and so of all that is in it */
};

/* By the file alone: a name service may ask the network. */
static char *owner_name(int root_fd)
{
	AUTO_FCLOSE FILE *file = fopen(PASSWD, "re");
	struct passwd *user;
	struct stat st;

	if (fstat(root_fd, &st) < 0)
		return xstrdup("");
	while (file && (user = fgetpwent(file)))
		if (user->pw_uid == st.st_uid)
			return xstrdup(user->pw_name);
	return xasprintf("#%u", st.st_uid);
}

static void take_one(struct runtime *rt, const char *id, struct listing *ret)
{
	struct list_entry one = { 0 };
	struct err err = ERR_INIT;
	AUTO_FD int fd = state_open(rt, id, false, &err);

	if (fd < 0 || container_load(fd, &one.state, &err) < 0) {
		/* deleted meanwhile, or being made */
		if (err.code != ENOENT && err.code != ENOTDIR)
			fprintf(stderr, "kata-runtime: %s: %s\n", id, err.text);
		return;
	}
	one.status = state_status(&one.state);
	ret->entry = xgrow(ret->entry, ret->count, ret->count + 1,
			   sizeof(*ret->entry));
	ret->entry[ret->count++] = one;
}

static int by_id(const void *a, const void *b)
{
	const struct list_entry *left = a, *right = b;

	return strcmp(left->state.id, right->state.id);
}

static int take_all(struct runtime *rt, struct listing *ret, struct err *err)
{
	int copy = fcntl(rt->root_fd, F_DUPFD_CLOEXEC, 0);
	AUTO_CLOSEDIR DIR *dir = copy >= 0 ? fdopendir(copy) : NULL;
	struct dirent *entry;

	if (!dir)
		return err_set(err, errno, "list %s", rt->root);
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			take_one(rt, entry->d_name, ret);
	if (ret->count)
		qsort(ret->entry, ret->count, sizeof(*ret->entry), by_id);
	ret->owner = owner_name(rt->root_fd);
	return 0;
}

static void listing_done(struct listing *list)
{
	for (size_t i = 0; i < list->count; i++)
		state_done(&list->entry[i].state);
	free(list->entry);
	free(list->owner);
}

static const char *or_dash(const char *text)
{
	return text && *text ? text : "-";
}

static void print_json(const struct listing *list)
{
	struct json_writer w = { 0 };

	json_begin_array(&w, NULL);
	for (size_t i = 0; i < list->count; i++) {
		const struct list_entry *e = &list->entry[i];

		json_begin_object(&w, NULL);
		json_string(&w, "ociVersion", KATA_SPEC);
		json_string(&w, "id", e->state.id);
		json_u64(&w, "pid",
			 (uint64_t)container_pid(&e->state, e->status));
		json_string(&w, "status", status_name[e->status]);
		json_string(&w, "bundle", e->state.bundle);
		json_string(&w, "rootfs", e->state.rootfs);
		json_string(&w, "created", e->state.created);
		json_string(&w, "owner", list->owner);
		json_end_object(&w);
	}
	json_end_array(&w);
	puts(w.text);
	json_writer_done(&w);
}

/* Columns as other runtimes have them: as wide as the widest, three apart. */
static void print_table(const struct listing *list)
{
	static const char *const title[] = { "ID",     "PID",	  "STATUS",
					     "BUNDLE", "CREATED", "OWNER" };
	int width[ARRAY_SIZE(title)] = { 12, 12, 12, 12, 12, 0 };

	for (size_t row = 0; row < list->count; row++) {
		const struct state *s = &list->entry[row].state;
		const char *const text[] = { s->id, "", "", or_dash(s->bundle),
					     or_dash(s->created) };

		for (size_t i = 0; i < ARRAY_SIZE(text); i++)
			if ((int)strlen(text[i]) + 3 > width[i])
				width[i] = (int)strlen(text[i]) + 3;
	}
	for (size_t i = 0; i < ARRAY_SIZE(title); i++)
		printf("%-*s", width[i], title[i]);
	putchar('\n');
	for (size_t row = 0; row < list->count; row++) {
		const struct list_entry *e = &list->entry[row];

		printf("%-*s%-*d%-*s%-*s%-*s%s\n", width[0], e->state.id,
		       width[1], container_pid(&e->state, e->status), width[2],
		       status_name[e->status], width[3],
		       or_dash(e->state.bundle), width[4],
		       or_dash(e->state.created), list->owner);
	}
}

static void print_ids(const struct listing *list)
{
	for (size_t i = 0; i < list->count; i++)
		puts(list->entry[i].state.id);
}

int cmd_list(struct runtime *rt, int argc, char **argv, int first,
	     struct err *err)
{
	const char *format = "table";
	struct listing list = { 0 };
	bool quiet = false, json;
	const struct opt table[] = {
		{ "format", 'f', "FORMAT", "table or json", &format, NULL },
		{ "quiet", 'q', NULL, "IDs alone", NULL, &quiet },
	};
	int r = opts_parse_all(table, ARRAY_SIZE(table), argc, argv, first, err);

	if (r < 0)
		return r;
	json = strcmp(format, "json") == 0;
	if (!json && strcmp(format, "table") != 0)
		return err_msg(err, EINVAL, "--format: table or json");
	if (state_root_open(rt, err) < 0 || take_all(rt, &list, err) < 0)
		return -err->code;
	if (quiet)
		print_ids(&list);
	else if (json)
		print_json(&list);
	else
		print_table(&list);
	listing_done(&list);
	return 0;
}
