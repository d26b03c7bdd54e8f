// SPDX-License-Identifier: Apache-2.0
/* link: runtime/file-server.o runtime/foreign.o */
/*
 * test-file-server.c - which file server a host has, and its version. The
 * programs here are scripts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auto.h"
#include "runtime/file-server.h"

#define C_SAYS "virtiofsd version 7.2.22 (Debian 1:7.2)"
#define RUST_SAYS "virtiofsd 1.13.2"

/* below the build: of nobody else, up to the root */
static char *dir;
static struct runtime rt;

static void put(const char *name, const char *text, mode_t mode)
{
	AUTO_FREE char *path = xasprintf("%s/%s", dir, name);
	AUTO_FD int fd =
		open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static void remove_file(const char *name)
{
	AUTO_FREE char *path = xasprintf("%s/%s", dir, name);

	unlink(path);
}

/* A program that says so, and counts how often it was asked; NULL: none. */
static void program(const char *name, const char *says, int status)
{
	AUTO_FREE char *text = NULL;

	remove_file(name);
	if (!says)
		return;
	text = xasprintf("#!/bin/sh\necho asked >>%s/asked\n"
			 "[ \"$*\" = --version ] && echo '%s'\nexit %d\n",
			 dir, says, status);
	put(name, text, 0755);
}

static void policy(const char *name, const char *program_name)
{
	AUTO_FREE char *file = xasprintf("%s.json", name);
	AUTO_FREE char *text = xasprintf(
		"{\"name\":\"%s\",\"program\":\"%s/%s\",\"identity\":\"whole-map\","
		"\"namespaces\":[\"user\",\"mnt\",\"pid\",\"net\",\"ipc\",\"uts\","
		"\"cgroup\"],\"seccomp\":\"%s\"}",
		name, dir, program_name, name);

	put(file, text, 0644);
}

static size_t asked(void)
{
	AUTO_FREE char *path = xasprintf("%s/asked", dir);
	struct stat st;

	return stat(path, &st) < 0 ? 0 : (size_t)st.st_size / strlen("asked\n");
}

static int set_up(void **state)
{
	AUTO_FREE char *build = realpath(TEST_DIR "/../build", NULL);

	(void)state;
	dir = xasprintf("%s/test-file-server-XXXXXX", build);
	if (!build || !mkdtemp(dir))
		return -1;
	policy("virtiofsd", "c");
	policy("virtiofsd-rs", "rust");
	rt = (struct runtime){ .root_fd = -1 };
	rt.settings.policies = dir;
	return 0;
}

static int tear_down(void **state)
{
	static const char *const name[] = { "c",
					    "rust",
					    "asked",
					    "virtiofsd.json",
					    "private",
					    "virtiofsd-rs.json",
					    "elsewhere",
					    ".virtiofsd-program",
					    ".virtiofsd-rs-program" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(name); i++)
		remove_file(name[i]);
	if (rmdir(dir) < 0)
		return -1;
	free(dir);
	return 0;
}

static const char *found(void)
{
	const struct file_server *server = NULL;
	struct err err = ERR_INIT;

	if (file_server_find(&rt, &server, &err) < 0)
		fail_msg("%s", err.text);
	return server->policy;
}

static void none(int code, const char *text)
{
	const struct file_server *server = NULL;
	struct err err = ERR_INIT;

	assert_int_equal(file_server_find(&rt, &server, &err), -code);
	if (!strstr(err.text, text))
		fail_msg("no \"%s\" in: %s", text, err.text);
}

static void test_which(void **state)
{
	(void)state;
	program("c", C_SAYS, 0);
	program("rust", NULL, 0);
	assert_string_equal(found(), "virtiofsd");
	program("c", NULL, 0);
	program("rust", RUST_SAYS, 0);
	assert_string_equal(found(), "virtiofsd-rs");
	/* Debian 13: the old place is a link to the other one */
	program("c", RUST_SAYS, 0);
	assert_string_equal(found(), "virtiofsd-rs");
}

static void test_none(void **state)
{
	(void)state;
	program("c", NULL, 0);
	program("rust", NULL, 0);
	none(ENOENT, "is it installed?");
	none(ENOENT, "/rust, ");
	none(ENOENT, "/c: No such file");
}

static void expect_version(const char *name, int code, const char *text)
{
	AUTO_FREE char *path = xasprintf("%s/%s", dir, name);
	AUTO_FREE char *said = NULL;
	struct err err = ERR_INIT;

	assert_int_equal(file_server_version(path, &said, &err), -code);
	if (!strstr(code ? err.text : said, text))
		fail_msg("no \"%s\" in: %s", text, code ? err.text : said);
}

/* One that fails has no version, whatever it says. */
static void test_version(void **state)
{
	AUTO_FREE char *path = xasprintf("%s/rust", dir);

	(void)state;
	program("rust", RUST_SAYS, 0);
	expect_version("rust", 0, RUST_SAYS "\n");
	program("rust", "setgroups() failed with error=1", 1);
	expect_version("rust", ENOEXEC, "wait status 256: setgroups() failed");
	/* another's is not run */
	program("rust", RUST_SAYS, 0);
	assert_int_equal(chmod(path, 0777), 0);
	remove_file("asked");
	expect_version("rust", EPERM, "writable by group");
	assert_int_equal(asked(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_which),
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_version),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
