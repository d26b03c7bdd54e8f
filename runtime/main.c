// SPDX-License-Identifier: Apache-2.0
/*
 * main.c - kata-runtime: global options, the verb, and errors to exit codes.
 * One process a command; starts with whatever rights the engine has, needs
 * none of its own. Hostile: config.json only as far as rootfs contents go.
 *
 * #stages:runtime command
 * #holds:runtime ids: the caller's
 * #holds:runtime capabilities: the caller's, in its user namespace
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "alloc.h"
#include "auto.h"
#include "child.h"
#include "fd.h"
#include "json.h"
#include "log.h"
#include "opts.h"
#include "runtime.h"
#include "tsc.h"

static const struct command commands[] = {
	{ "create", "ID", "make a container, not yet running", cmd_create },
	{ "start", "ID", "run the process of a created container", cmd_start },
	{ "run", "ID", "create and start, and wait unless --detach", cmd_run },
	{ "state", "ID", "print the state as JSON", cmd_state },
	{ "kill", "ID [SIGNAL]", "send a signal (default TERM)", cmd_kill },
	{ "delete", "ID", "remove a stopped container", cmd_delete },
	{ "exec", "ID [CMD...]", "run another process in a container", cmd_exec },
	{ "list", "", "list the containers of this state root", cmd_list },
	{ "ps", "ID", "host processes that stand for a container's", cmd_ps },
	{ "pause", "ID", "freeze the processes of a container", cmd_pause },
	{ "resume", "ID", "let a paused container go on", cmd_resume },
	{ "update", "ID", "change the limits of a container", cmd_update },
	{ "events", "ID", "figures and out-of-memory events", cmd_events },
	{ "spec", "", "write a config.json to start from", cmd_spec },
	{ "features", "", "print what is supported, as JSON", cmd_features },
	{ "env", "", "print what is in force, and the host", cmd_env },
	{ "kata-env", "", NULL, cmd_env },
	{ "checkpoint", "ID", NULL, cmd_checkpoint },
	{ "restore", "ID", NULL, cmd_checkpoint },
};

static const char *const manager_name[CGROUP_MANAGER_MAX] = { "cgroupfs",
							      "systemd",
							      "disabled" };

static void usage(const struct opt *table, size_t count, FILE *out)
{
	fputs("usage: kata-runtime [global options] COMMAND [options] [operands]\n\n"
	      "Runs each OCI container in its own small virtual machine.\n\ncommands:\n",
	      out);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (commands[i].help)
			fprintf(out, "  %-8s %-14s %s\n", commands[i].name,
				commands[i].operands, commands[i].help);
	fputs("\nglobal options:\n", out);
	opts_usage(table, count, out);
}

static void print_version(void)
{
	puts("kata-runtime version " KATA_VERSION "\ncommit: " KATA_COMMIT
	     "\nspec: " KATA_SPEC);
}

/*
 * The file is opened before anything is done: an engine that asked for it
 * would otherwise never learn why a command failed. A FIFO nobody reads is an
 * error too and not a wait.
 */
static int open_log(struct runtime *rt, const char *path, struct err *err)
{
	if (!path || strcmp(path, "/dev/stderr") == 0)
		return 0;
	rt->log_fd = open(path,
			  O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW |
				  O_NONBLOCK | O_CLOEXEC,
			  0600);
	return rt->log_fd < 0 ? err_set(err, errno, "open --log %s", path) : 0;
}

/* Podman reads the file as one JSON object: nothing but the error goes in. */
static void log_error(const struct runtime *rt, const struct err *err)
{
	struct json_writer w = { 0 };
	char when[32] = "";
	time_t now = time(NULL);
	struct tm tm;

	if (rt->log_fd < 0)
		return;
	if (gmtime_r(&now, &tm))
		strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
	json_begin_object(&w, NULL);
	json_string(&w, "msg", err->text);
	json_string(&w, "level", "error");
	json_string(&w, "time", when);
	json_end_object(&w);
	if (rt->log_json) {
		IGNORE(fd_write_all(rt->log_fd, w.text, w.len) < 0 ||
			       fd_write_all(rt->log_fd, "\n", 1) < 0,
		       "stderr has it too");
	} else {
		struct json_writer text = { 0 };

		json_string(&text, NULL, err->text); /* quoted and escaped */
		dprintf(rt->log_fd, "time=\"%s\" level=error msg=%s\n", when,
			text.text);
		json_writer_done(&text);
	}
	json_writer_done(&w);
}

void runtime_add_detail(struct runtime *rt, const char *lines)
{
	char *both = xasprintf("%s%s", rt->detail ? rt->detail : "", lines);

	free(rt->detail);
	rt->detail = both;
}

/* "kata-runtime VERB --help": the verb itself prints its options. */
static void verb_usage(const struct command *command)
{
	printf("usage: kata-runtime %s [options] %s\n\n%s\n\n", command->name,
	       command->operands, command->help);
	fflush(stdout);
}

static int dispatch(struct runtime *rt, int argc, char **argv, int at,
		    struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(argv[at], commands[i].name) != 0)
			continue;
		if (commands[i].help && at + 1 < argc &&
		    opts_is_help(argv[at + 1]))
			verb_usage(&commands[i]);
		return commands[i].run(rt, argc, argv, at + 1, err);
	}
	return err_msg(err, EINVAL, "unknown command \"%s\"; see --help",
		       argv[at]);
}

/* Global options as given. */
struct global {
	const char *log, *log_format, *cgroup_manager, *rootless;
	bool systemd_cgroup, help, version;
};

static int check_word(const char *option, const char *value,
		      const char *const *words, size_t count, struct err *err)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(value, words[i]) == 0)
			return (int)i;
	return err_msg(err, EINVAL, "--%s \"%.32s\": must be one of %s, %s%s%s",
		       option, value, words[0], words[1], count > 2 ? ", " : "",
		       count > 2 ? words[2] : "");
}

/* Before any is opened here: what --preserve-fds can speak of. */
static uint32_t count_inherited(void)
{
	uint32_t count = 0;

	while (fcntl(3 + (int)count, F_GETFD) >= 0)
		count++;
	return count;
}

static int take_global(struct runtime *rt, const struct global *g,
		       struct err *err)
{
	static const char *const format[] = { "text", "json" };
	static const char *const rootless[] = { "true", "false", "auto" };
	int r = check_word("log-format", g->log_format, format,
			   ARRAY_SIZE(format), err);

	if (r < 0)
		return r;
	rt->log_json = r == 1;
	if (open_log(rt, g->log, err) < 0 ||
	    check_word("rootless", g->rootless, rootless, ARRAY_SIZE(rootless),
		       err) < 0)
		return -err->code;
	r = check_word("cgroup-manager", g->cgroup_manager, manager_name,
		       CGROUP_MANAGER_MAX, err);
	if (r < 0)
		return r;
	rt->cgroup_manager = (enum cgroup_manager)r;
	if (g->systemd_cgroup)
		rt->cgroup_manager = CGROUP_MANAGER_SYSTEMD;
	return 0;
}

static void finish(struct runtime *rt)
{
	free(rt->detail);
	settings_done(&rt->settings);
	free(rt->root);
	if (rt->root_fd >= 0)
		close(rt->root_fd);
	if (rt->log_fd >= 0)
		close(rt->log_fd);
}

static int report(const struct runtime *rt, int r, const struct err *err)
{
	if (r >= 0 || r == -OPTS_HELP)
		return r < 0 ? 0 : r;
	log_error(rt, err);
	fprintf(stderr, "kata-runtime: %s\n", err->text);
	if (rt->detail)
		fputs(rt->detail, stderr);
	return 1;
}

int main(int argc, char **argv)
{
	struct runtime rt = { .root_fd = -1, .log_fd = -1 };
	struct err err = ERR_INIT;
	struct global g = { .log_format = "text",
			    .cgroup_manager = "cgroupfs",
			    .rootless = "auto" };
	const struct opt table[] = {
		{ "root", 0, "DIR", "state root", &rt.root_option, NULL },
		{ "config", 0, "FILE", "configuration.toml to use",
		  &rt.config_option, NULL },
		{ "log", 0, "FILE", "where errors are written as well", &g.log,
		  NULL },
		{ "log-format", 0, "FORMAT", "text or json", &g.log_format,
		  NULL },
		{ "cgroup-manager", 0, "NAME",
		  "who makes the host's control group: cgroupfs, systemd, or disabled",
		  &g.cgroup_manager, NULL },
		{ "rootless", 0, "BOOL",
		  "true, false or auto: the user namespace decides",
		  &g.rootless, NULL },
		{ "systemd-cgroup", 0, NULL,
		  "the same as --cgroup-manager systemd", NULL,
		  &g.systemd_cgroup },
		{ "debug", 0, NULL, "more in the sandbox's log", NULL,
		  &rt.debug },
		{ "version", 'v', NULL, "print the version", NULL, &g.version },
		{ "help", 'h', NULL, "print this text", NULL, &g.help },
	};
	int at, r;

	tsc_mark(&rt.tsc_start, &rt.ns_start);
	rt.inherited_fds = count_inherited();
	child_reset_signals();
	log_init("kata-runtime", 2, LOG_LEVEL_WARN, false);
	at = opts_parse(table, ARRAY_SIZE(table), argc, argv, 1, &err);
	if (at >= 0 && g.version) {
		print_version();
		return 0;
	}
	if (at >= 0 && (g.help || at >= argc)) {
		usage(table, ARRAY_SIZE(table), g.help ? stdout : stderr);
		return g.help ? 0 : 1;
	}
	r = at < 0 ? at : take_global(&rt, &g, &err);
	if (r >= 0)
		r = dispatch(&rt, argc, argv, at, &err);
	r = report(&rt, r, &err);
	finish(&rt);
	return r;
}
