// SPDX-License-Identifier: Apache-2.0
/*
 * main.c - kata-runtime: global options, the verb, and errors to exit codes.
 * One process a command; starts with whatever rights the engine has, needs
 * none of its own. Hostile: config.json only as far as rootfs contents go.
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

#ifndef KATA_COMMIT
#define KATA_COMMIT "unknown"
#endif

static const struct command commands[] = {
	{ "create", "ID", "make a container, not yet running", cmd_create },
	{ "start", "ID", "run the process of a created container", cmd_start },
	{ "run", "ID", "create and start, and wait unless --detach", cmd_run },
	{ "state", "ID", "print the state as JSON", cmd_state },
	{ "kill", "ID [SIGNAL]", "send a signal (default TERM)", cmd_kill },
	{ "delete", "ID", "remove a stopped container", cmd_delete },
	{ "exec", "ID [CMD...]", "run another process in a container", cmd_exec },
	{ "list", "", "list the containers of this state root", cmd_list },
};

static void usage(const struct opt *table, size_t count, FILE *out)
{
	fputs("usage: kata-runtime [global options] COMMAND [options] [operands]\n\n"
	      "Runs each OCI container in its own small virtual machine.\n\ncommands:\n",
	      out);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		fprintf(out, "  %-8s %-14s %s\n", commands[i].name,
			commands[i].operands, commands[i].help);
	fputs("\nglobal options:\n", out);
	opts_usage(table, count, out);
}

static void print_version(void)
{
	puts("kata-runtime version " KATA_VERSION "\ncommit: " KATA_COMMIT
	     "\nspec: 1.2.0");
}

/* Engines read the log file as one JSON object: nothing but errors goes in. */
static void log_error(const struct runtime *rt, const struct err *err)
{
	AUTO_FD int fd = -1;
	struct json_writer w = { 0 };
	char when[32] = "";
	time_t now = time(NULL);
	struct tm tm;

	if (!rt->log_path)
		return;
	fd = open(rt->log_path,
		  O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0) {
		fprintf(stderr, "kata-runtime: --log %s: %s\n", rt->log_path,
			strerror(errno));
		return;
	}
	if (gmtime_r(&now, &tm))
		strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
	if (rt->log_json) {
		json_begin_object(&w, NULL);
		json_string(&w, "msg", err->text);
		json_string(&w, "level", "error");
		json_string(&w, "time", when);
		json_end_object(&w);
		IGNORE(fd_write_all(fd, w.text, w.len) < 0 ||
			       fd_write_all(fd, "\n", 1) < 0,
		       "stderr has it too");
		json_writer_done(&w);
	} else {
		dprintf(fd, "%s error: %s\n", when, err->text);
	}
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
		if (at + 1 < argc && opts_is_help(argv[at + 1]))
			verb_usage(&commands[i]);
		return commands[i].run(rt, argc, argv, at + 1, err);
	}
	return err_msg(err, EINVAL, "unknown command \"%s\"; see --help",
		       argv[at]);
}

int main(int argc, char **argv)
{
	struct runtime rt = { .root_fd = -1 };
	struct err err = ERR_INIT;
	const char *log_format = "text", *cgroup_manager = NULL,
		   *rootless = NULL;
	bool help = false, version = false;
	const struct opt table[] = {
		{ "root", 0, "DIR", "state root", &rt.root_option, NULL },
		{ "config", 0, "FILE", "configuration.toml to use",
		  &rt.config_option, NULL },
		{ "log", 0, "FILE", "where errors are written as well",
		  &rt.log_path, NULL },
		{ "log-format", 0, "FORMAT", "text or json", &log_format, NULL },
		{ "cgroup-manager", 0, "NAME", "cgroupfs, systemd or disabled",
		  &cgroup_manager, NULL },
		{ "rootless", 0, "BOOL",
		  "accepted; decided by the user namespace", &rootless, NULL },
		{ "systemd-cgroup", 0, NULL, "cgroupsPath is slice:prefix:name",
		  NULL, &rt.systemd_cgroup },
		{ "debug", 0, NULL, "more in the sandbox's log", NULL,
		  &rt.debug },
		{ "version", 'v', NULL, "print the version", NULL, &version },
		{ "help", 'h', NULL, "print this text", NULL, &help },
	};
	int at, r;

	tsc_mark(&rt.tsc_start, &rt.ns_start);
	child_reset_signals();
	log_init("kata-runtime", 2, LOG_LEVEL_WARN, false);
	at = opts_parse(table, ARRAY_SIZE(table), argc, argv, 1, &err);
	rt.log_json = strcmp(log_format, "json") == 0;
	if (at >= 0 && version) {
		print_version();
		return 0;
	}
	if (at >= 0 && (help || at >= argc)) {
		usage(table, ARRAY_SIZE(table), help ? stdout : stderr);
		return help ? 0 : 1;
	}
	r = at < 0 ? at : dispatch(&rt, argc, argv, at, &err);
	if (r == -OPTS_HELP)
		r = 0;
	if (r < 0) {
		log_error(&rt, &err);
		fprintf(stderr, "kata-runtime: %s\n", err.text);
		if (rt.detail)
			fputs(rt.detail, stderr);
	}
	free(rt.detail);
	settings_done(&rt.settings);
	free(rt.root);
	if (rt.root_fd >= 0)
		close(rt.root_fd);
	return r < 0 ? 1 : r;
}
