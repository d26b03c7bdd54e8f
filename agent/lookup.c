// SPDX-License-Identifier: Apache-2.0
/*
 * lookup.c - HOME and the program of a process. Runs in the forked child,
 * inside the container's root; HOME as guest root from the image's
 * /etc/passwd (hostile: bounded, a regular file or nothing), the program as
 * the container's user. The error texts are those that engines look for.
 */
#include "setup.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auto.h"
#include "fd.h"
#include "num.h"
#include "path.h"

#define PASSWD_MAX (1024 * 1024)

/* name:password:uid:gid:comment:home:shell */
bool lookup_passwd(const char *text, uint32_t uid, char **ret_home)
{
	for (const char *line = text; *line;) {
		size_t len = strcspn(line, "\n");
		AUTO_FREE char *copy = xstrndup(line, len);
		char *field[6] = { NULL };
		char *save = copy;
		uint32_t number;
		size_t n = 0;

		while (n < ARRAY_SIZE(field) && save)
			field[n++] = strsep(&save, ":");
		if (n == ARRAY_SIZE(field) &&
		    num_parse_u32(field[2], UINT32_MAX, &number) == 0 &&
		    number == uid && field[5][0] == '/') {
			*ret_home = xstrdup(field[5]);
			return true;
		}
		line += len;
		line += *line == '\n';
	}
	return false;
}

static char *read_passwd(void)
{
	AUTO_FD int root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	AUTO_FD int fd = -1;
	struct err err = ERR_INIT;
	struct stat st;
	char *text = NULL;

	if (root_fd < 0)
		return NULL;
	fd = path_open_in_root(root_fd, "etc/passwd",
			       O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, &err);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return NULL;
	IGNORE(fd_read_text(fd, PASSWD_MAX, &text, NULL, &err),
	       "without it HOME is /");
	return text;
}

/* An empty HOME counts as none, as in other runtimes. */
static void drop_empty_home(struct strv *env)
{
	size_t kept = 0;

	for (size_t i = 0; i < env->count; i++) {
		if (strcmp(env->item[i], "HOME=") == 0)
			free(env->item[i]);
		else
			env->item[kept++] = env->item[i];
	}
	env->count = kept;
	if (env->item)
		env->item[kept] = NULL;
}

void lookup_home(struct launch *launch)
{
	AUTO_FREE char *text = NULL;
	AUTO_FREE char *home = NULL;

	if (launch->has_home)
		return;
	drop_empty_home(&launch->env);
	text = read_passwd();
	if (!text || !lookup_passwd(text, launch->uid, &home))
		home = xstrdup("/");
	strv_addf(&launch->env, "HOME=%s", home);
}

static const char *path_of(const struct strv *env)
{
	for (size_t i = 0; i < env->count; i++)
		if (strncmp(env->item[i], "PATH=", 5) == 0)
			return env->item[i] + 5;
	return "";
}

/* Return: 0, or -errno for why path cannot be executed */
static int check_program(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	return faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) < 0 ? -errno : 0;
}

static int fail_direct(const char *name, int code, struct err *err)
{
	if (code == ENOENT)
		return err_msg(err, code,
			       "exec: \"%s\": stat %s: no such file or directory",
			       name, name);
	if (code == EACCES)
		return err_msg(err, code, "exec: \"%s\": permission denied",
			       name);
	if (code == EISDIR)
		return err_msg(err, EACCES,
			       "exec: \"%s\": is a directory: permission denied",
			       name);
	return err_set(err, code, "exec: \"%s\"", name);
}

int lookup_program(const struct launch *launch, char **ret_path, struct err *err)
{
	const char *name = launch->args.item[0];
	int r;

	if (strchr(name, '/')) {
		r = check_program(name);
		if (r < 0)
			return fail_direct(name, -r, err);
		*ret_path = xstrdup(name);
		return 0;
	}
	for (const char *at = path_of(&launch->env); *at && *name;) {
		size_t len = strcspn(at, ":");
		AUTO_FREE char *path = xasprintf("%.*s/%s", (int)len, at, name);

		/* A relative directory would mean whatever is in cwd. */
		if (*at == '/' && check_program(path) == 0) {
			*ret_path = take_ptr(path);
			return 0;
		}
		at += len;
		at += *at == ':';
	}
	return err_msg(err, ENOENT,
		       "exec: \"%s\": executable file not found in $PATH", name);
}
