// SPDX-License-Identifier: Apache-2.0
/* link: jailer/options.o jailer/fds.o jailer/libraries.o jailer/userns.o */
/* link: jailer/bwrap.o jailer/root.o jailer/limits.o jailer/rules.o */
/*
 * test-jailer-parts.c - the jailer's parts that need no rights: command line,
 * descriptors, libraries, id map, bubblewrap's arguments.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "auto.h"
#include "jailer/jail.h"

#define ARGS_MAX 16

static int parse(struct jail *jail, struct err *err, const char *const *args)
{
	static char *copy[ARGS_MAX];
	int argc = 0;

	for (int i = 0; i < ARGS_MAX; i++) {
		free(copy[i]);
		copy[i] = NULL;
	}
	for (; args[argc]; argc++)
		copy[argc] = xstrdup(args[argc]);
	memset(jail, 0, sizeof(*jail));
	jail->info_fd = jail->log_fd = jail->seccomp_fd = -1;
	jail->userns_fd = jail->args_fd = -1;
	jail->landlock_fd = jail->report_fd = -1;
	return options_parse(jail, argc, copy, err);
}

#define PARSE(...)                                                             \
	parse(&jail, &err,                                                     \
	      (const char *const[]){ "kata-jailer", __VA_ARGS__, NULL })

static void test_options(void **state)
{
	struct jail jail;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(PARSE("--policy", "/p", "--uid", "5000",
			       "--fds=qmp,info,log", "--bind", "kernel=/k=1",
			       "--share", "/s", "--", "-S", "--uid"),
			 0);
	assert_int_equal(jail.uid, 5000);
	assert_int_equal(jail.info_fd, 4);
	assert_int_equal(jail.log_fd, 5);
	assert_string_equal(jail_named_path(&jail, "kernel"), "/k=1");
	assert_string_equal(jail_named_path(&jail, "share"), "/s");
	assert_null(jail_named_path(&jail, "initrd"));
	assert_string_equal(jail.args[0], "-S");
	assert_string_equal(jail.args[1], "--uid");
	assert_null(jail.args[2]);
	strv_done(&jail.fds);
}

static void test_options_refused(void **state)
{
	struct jail jail;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(PARSE("--policy", "/p"), -EINVAL);
	assert_int_equal(PARSE("--uid", "1", "--"), -EINVAL);
	assert_int_equal(PARSE("--policy", "/p", "--uid", "-1", "--"), -EINVAL);
	assert_int_equal(PARSE("--policy", "/p", "--uid", "4294967295", "--"),
			 -EINVAL);
	assert_int_equal(PARSE("--policy", "/p", "--uid", "0x5", "--"), -EINVAL);
	assert_int_equal(PARSE("--policy", "/p", "--bind", "k", "--"), -EINVAL);
	assert_int_equal(PARSE("--policy", "/p", "--bind", "k=rel", "--"),
			 -EINVAL);
	assert_int_equal(PARSE("--policy", "/p", "--bind", "k=/a", "--bind",
			       "k=/b", "--"),
			 -EINVAL);
	assert_int_equal(PARSE("--policy", "/p", "--fds=a,a", "--"), -EINVAL);
	strv_done(&jail.fds);
	assert_int_equal(PARSE("--policy", "/p", "--break", "uid", "--"),
			 -EINVAL);
	assert_int_equal(PARSE("--policy", "/p", "-S", "--"), -EINVAL);
	assert_int_equal(PARSE("--policy", "/p", "stray", "--"), -EINVAL);
}

/* In a child: descriptor 3 is what the test says, the policy allows "qmp". */
static int check_fd3(const char *name, const char *path, int flags)
{
	struct policy policy = { .name = (char *)"x" };
	struct jail jail = { .policy = &policy, .info_fd = -1, .log_fd = -1 };
	struct err err = ERR_INIT;
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		int fd = open(path, flags);

		if (fd < 0 || (fd != 3 && dup2(fd, 3) < 0))
			_exit(99);
		strv_add(&policy.fds, "qmp");
		strv_add(&jail.fds, name);
		_exit(-fds_check(&jail, &err));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WEXITSTATUS(status);
}

static void test_fds(void **state)
{
	(void)state;
	assert_int_equal(check_fd3("qmp", "/dev/null", O_RDWR), 0);
	assert_int_equal(check_fd3("other", "/dev/null", O_RDWR), EPERM);
	assert_int_equal(check_fd3("qmp", "/", O_RDONLY | O_DIRECTORY), EPERM);
	assert_int_equal(check_fd3("qmp", "/", O_PATH), EPERM);
}

static void test_libraries(void **state)
{
	struct strv list = { 0 };
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(libraries_find("/usr/bin/bwrap", &list, &err), 0);
	assert_true(list.count >= 2);
	assert_non_null(strstr(list.item[0], "ld"));
	for (size_t i = 0; i < list.count; i++)
		assert_int_equal(access(list.item[i], R_OK), 0);
	strv_done(&list);
	assert_int_equal(libraries_find("/etc/passwd", &list, &err), -ENOEXEC);
	assert_int_equal(libraries_find("/nonexistent", &list, &err), -ENOENT);
}

static void test_libraries_parse(void **state)
{
	struct strv list = { 0 };
	struct err err = ERR_INIT;
	char good[] = "\tlinux-vdso.so.1 (0x00007ff)\n"
		      "\tliba.so => /lib/liba.so (0x00007f0)\n"
		      "\tlibb.so => /lib/liba.so (0x00007f1)\n"
		      "\t/lib64/ld.so (0x00007f2)\n";
	char bad[] = "\tlibz.so => not found\n";

	(void)state;
	assert_int_equal(libraries_parse(good, &list, &err), 0);
	assert_int_equal(list.count, 2);
	assert_string_equal(list.item[0], "/lib/liba.so");
	assert_string_equal(list.item[1], "/lib64/ld.so");
	strv_done(&list);
	assert_int_equal(libraries_parse(bad, &list, &err), -ENOENT);
}

static void test_identity_map(void **state)
{
	struct err err = ERR_INIT;
	char *map = NULL;

	(void)state;
	assert_int_equal(
		userns_identity_map("         0       1000          1\n"
				    "         1     100000      65536\n",
				    &map, &err),
		0);
	assert_string_equal(map, "0 0 1\n1 1 65536\n");
	free(map);
	assert_int_equal(userns_identity_map("0 0 4294967295\n", &map, &err), 0);
	assert_string_equal(map, "0 0 4294967295\n");
	free(map);
	assert_int_equal(userns_identity_map("", &map, &err), -EINVAL);
	assert_int_equal(userns_identity_map("0 0\n", &map, &err), -EINVAL);
	assert_int_equal(userns_identity_map("0 0 0\n", &map, &err), -EINVAL);
	assert_int_equal(userns_identity_map("0 0 1 1\n", &map, &err), -EINVAL);
	assert_int_equal(userns_identity_map("-1 0 1\n", &map, &err), -EINVAL);
}

static void test_bwrap_check(void **state)
{
	char path[] = "/tmp/test-bwrap-XXXXXX";
	struct err err = ERR_INIT;
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, 0755), 0);
	assert_int_equal(bwrap_check(path, &err), 0);
	assert_int_equal(fchmod(fd, 04755), 0);
	assert_int_equal(bwrap_check(path, &err), -EPERM);
	assert_int_equal(fchmod(fd, 02755), 0);
	assert_int_equal(bwrap_check(path, &err), -EPERM);
	assert_int_equal(fchmod(fd, 0777), 0);
	assert_int_equal(bwrap_check(path, &err), -EPERM);
	close(fd);
	unlink(path);
	assert_int_equal(bwrap_check(path, &err), -ENOENT);
}

static size_t index_of(const struct strv *list, const char *text)
{
	size_t i = 0;

	while (i < list->count && strcmp(list->item[i], text) != 0)
		i++;
	return i;
}

static void test_arguments(void **state)
{
	static const char *const always[] = {
		"--unshare-pid",     "--unshare-net",	 "--unshare-ipc",
		"--unshare-uts",     "--unshare-cgroup", "--as-pid-1",
		"--die-with-parent", "--new-session",	 "--cap-drop",
		"--remount-ro",	     POLICY_EXEC,
	};
	struct policy policy = { .name = (char *)"x",
				 .program = (char *)"/usr/bin/x" };
	struct jail jail = { .policy = &policy,
			     .info_fd = 4,
			     .seccomp_fd = -1,
			     .landlock_fd = -1 };
	struct strv args = { 0 };
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(bwrap_arguments(&jail, &args, &err), -EINVAL);
	jail.seccomp_fd = 9;
	assert_int_equal(bwrap_arguments(&jail, &args, &err), -EINVAL);
	jail.landlock_fd = 10;
	assert_int_equal(bwrap_arguments(&jail, &args, &err), 0);
	for (size_t i = 0; i < ARRAY_SIZE(always); i++)
		if (!strv_has(&args, always[i]))
			fail_msg("%s is missing", always[i]);
	/* kata-jail-exec loads it, behind the rules of Landlock */
	assert_false(strv_has(&args, "--seccomp"));
	assert_true(strv_has(&args, "--unshare-user"));
	assert_true(strv_has(&args, "--disable-userns"));
	assert_false(strv_has(&args, "--cap-add"));
	assert_false(strv_has(&args, "--proc"));
	/* nothing is mounted after the root became read-only */
	assert_true(index_of(&args, "--remount-ro") >
		    index_of(&args, "--ro-bind"));
	strv_done(&args);

	policy.identity = POLICY_ID_WHOLE_MAP;
	policy.caps = 1;
	policy.proc = true;
	assert_int_equal(bwrap_arguments(&jail, &args, &err), 0);
	assert_false(strv_has(&args, "--unshare-user"));
	assert_string_equal(args.item[index_of(&args, "--cap-add") + 1],
			    "cap_chown");
	assert_true(index_of(&args, "--cap-drop") < index_of(&args, "--cap-add"));
	assert_true(strv_has(&args, "--proc"));
	strv_done(&args);
}

/* Access of a path's only rule, or "none". */
static const char *access_of(const struct strv *words, const char *path)
{
	const char *found = "none";

	for (size_t i = 1; i + 1 < words->count; i += 2) {
		if (strcmp(words->item[i + 1], path) != 0)
			continue;
		assert_string_equal(found, "none");
		found = words->item[i];
	}
	return found;
}

static void test_rules(void **state)
{
	struct policy_bind binds[] = {
		{ .name = (char *)"kernel", .target = (char *)"/guest/k" },
		{ .name = (char *)"data",
		  .target = (char *)"/data",
		  .writable = true },
		{ .source = (char *)"/dev/kvm",
		  .target = (char *)"/dev/kvm",
		  .device = true },
		{ .name = (char *)"share", .target = (char *)"/share" },
	};
	struct policy_access own = { (char *)"/share", 0x2006 };
	struct policy policy = { .name = (char *)"x",
				 .program = (char *)"/usr/bin/x",
				 .binds = binds,
				 .bind_count = ARRAY_SIZE(binds) };
	struct jail jail = { .policy = &policy };
	struct strv words = { 0 };

	(void)state;
	strv_add(&jail.libraries, "/lib64/ld.so");
	strv_add(&jail.libraries, "/lib/libc.so");
	rules_words(&jail, &words);
	assert_int_equal(words.count, 1 + 2 * 7);
	assert_string_equal(words.item[0], "1");
	assert_string_equal(access_of(&words, "/usr/bin/x"), "5");
	assert_string_equal(access_of(&words, "/lib64/ld.so"), "5");
	assert_string_equal(access_of(&words, "/lib/libc.so"), "4");
	assert_string_equal(access_of(&words, "/guest/k"), "c");
	assert_string_equal(access_of(&words, "/data"), "7ffe");
	assert_string_equal(access_of(&words, "/dev/kvm"), "8006");
	assert_string_equal(access_of(&words, "/share"), "c");
	assert_string_equal(access_of(&words, "/"), "none");
	assert_string_equal(access_of(&words, POLICY_EXEC), "none");
	assert_string_equal(access_of(&words, "/proc"), "none");
	strv_done(&words);

	/* the policy's own rule stands in place of the one of the bind */
	policy.landlock = &own;
	policy.landlock_count = 1;
	policy.proc = true;
	rules_words(&jail, &words);
	assert_string_equal(words.item[0], "2");
	assert_string_equal(access_of(&words, "/share"), "2006");
	assert_string_equal(access_of(&words, "/proc"), "c");
	strv_done(&words);
	strv_done(&jail.libraries);
}

static void test_staged(void **state)
{
	struct policy_bind bind = { .name = (char *)"kernel" };

	(void)state;
	assert_true(root_is_staged(&bind));
	bind = (struct policy_bind){ .source = (char *)"/usr/share/x" };
	assert_false(root_is_staged(&bind));
	bind.source = (char *)"/dev/kvm";
	assert_true(root_is_staged(&bind));
	bind.source = (char *)"/usrlocal";
	assert_true(root_is_staged(&bind));
}

static void test_limits(void **state)
{
	struct policy_rlimit limits[] = {
		{ RLIMIT_CORE, (char *)"core", 0 },
		{ RLIMIT_NOFILE, (char *)"nofile", INT64_MAX },
	};
	struct policy policy = { .rlimits = limits, .rlimit_count = 2 };
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		struct err err = ERR_INIT;
		struct rlimit before, after;

		getrlimit(RLIMIT_NOFILE, &before);
		if (limits_apply(&policy, &err) < 0)
			_exit(1);
		getrlimit(RLIMIT_NOFILE, &after);
		if (after.rlim_max != before.rlim_max ||
		    after.rlim_cur != after.rlim_max)
			_exit(2);
		getrlimit(RLIMIT_CORE, &after);
		_exit(after.rlim_max || after.rlim_cur ? 3 : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_options_refused),
		cmocka_unit_test(test_fds),
		cmocka_unit_test(test_libraries),
		cmocka_unit_test(test_libraries_parse),
		cmocka_unit_test(test_identity_map),
		cmocka_unit_test(test_bwrap_check),
		cmocka_unit_test(test_arguments),
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_staged),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
