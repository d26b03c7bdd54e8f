// SPDX-License-Identifier: Apache-2.0
/* test-log.c - log lines, levels, JSON, and hostile text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <unistd.h>

#include "fd.h"
#include "json.h"
#include "log.h"

static int pipe_fd[2];

/* What was logged since the last call; static. */
static char *logged(void)
{
	static char text[8192];
	ssize_t n;

	/* something is always there, so that read(2) does not wait */
	assert_int_equal(write(pipe_fd[1], "", 1), 1);
	n = read(pipe_fd[0], text, sizeof(text) - 1);
	assert_true(n > 0);
	text[n] = '\0';
	return text;
}

static int setup(void **state)
{
	(void)state;
	return pipe(pipe_fd);
}

static int teardown(void **state)
{
	(void)state;
	log_init("x", -1, LOG_LEVEL_ERROR, false);
	return close(pipe_fd[0]) | close(pipe_fd[1]);
}

static void test_levels(void **state)
{
	char *line;

	(void)state;
	log_init("prog", pipe_fd[1], LOG_LEVEL_INFO, false);
	log_debug("not seen");
	assert_string_equal(logged(), "");
	log_info("seen %d", 5);
	line = logged();
	assert_non_null(strstr(line, "prog: seen 5\n"));
	assert_non_null(strstr(line, " info "));
	log_init("prog", -1, LOG_LEVEL_DEBUG, false);
	log_err("nowhere");
	assert_string_equal(logged(), "");
}

static void test_json(void **state)
{
	struct json *tree = NULL;
	struct err err = ERR_INIT;
	char *line;

	(void)state;
	log_init("prog", pipe_fd[1], LOG_LEVEL_INFO, true);
	log_err("a \"quoted\" \\ \n\x01 line");
	line = logged();
	if (json_parse(line, strlen(line), &json_limits_qmp, &tree, &err) < 0)
		fail_msg("%s: %s", err.text, line);
	assert_string_equal(json_get(tree, "msg")->text,
			    "a \"quoted\" \\ ?? line");
	assert_string_equal(json_get(tree, "level")->text, "error");
	assert_non_null(json_get(tree, "time"));
	json_free(tree);
}

static void test_long_line(void **state)
{
	char big[4000];
	char *line;

	(void)state;
	log_init("prog", pipe_fd[1], LOG_LEVEL_INFO, false);
	memset(big, 'y', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	log_info("%s", big);
	line = logged();
	assert_true(strlen(line) < sizeof(big));
	assert_int_equal(line[strlen(line) - 1], '\n');
	log_init("prog", pipe_fd[1], LOG_LEVEL_INFO, true);
	memset(big, '"', sizeof(big) - 1);
	log_info("%s", big);
	line = logged();
	assert_int_equal(line[strlen(line) - 2], '}');
}

static void test_guest(void **state)
{
	char noise[1000];
	char *line;

	(void)state;
	log_init("prog", pipe_fd[1], LOG_LEVEL_INFO, false);
	log_guest("console", "a\x1b[2J\nb\\", 8);
	line = logged();
	assert_non_null(strstr(line, "guest console: a\\x1b[2J\\x0ab\\x5c\n"));
	memset(noise, 0xff, sizeof(noise));
	log_guest("console", noise, sizeof(noise));
	line = logged();
	assert_true(strlen(line) < 4 * 256 + 100);
}

static void test_escape(void **state)
{
	char out[8];

	(void)state;
	assert_int_equal(log_escape(out, sizeof(out), "ab\n", 3), 6);
	assert_string_equal(out, "ab\\x0a");
	/* no half escape at the end */
	assert_int_equal(log_escape(out, sizeof(out), "abcd\n", 5), 4);
	assert_string_equal(out, "abcd");
	assert_int_equal(log_escape(out, sizeof(out), NULL, 0), 0);
	assert_string_equal(out, "");
	assert_int_equal(log_escape(out, 0, "x", 1), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_levels, setup, teardown),
		cmocka_unit_test_setup_teardown(test_json, setup, teardown),
		cmocka_unit_test_setup_teardown(test_long_line, setup, teardown),
		cmocka_unit_test_setup_teardown(test_guest, setup, teardown),
		cmocka_unit_test(test_escape),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
