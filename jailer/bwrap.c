// SPDX-License-Identifier: Apache-2.0
/*
 * bwrap.c - the only place that builds bubblewrap's arguments. They go by a
 * sealed memfd, so that neither they nor host paths show in a command line;
 * the environment is empty, because bwrap's --clearenv leaves the caller's
 * readable. Rights: none of its own.
 *
 * #syscalls:jailer memfd_create execve
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "auto.h"
#include "caps.h"
#include "fd.h"
#include "filter.h"
#include "hooks.h"
#include "path.h"
#include "selinux.h"

#include "jail.h"

/**
 * bwrap_check() - Refuse a bubblewrap that would gain rights by being run
 * @path:	Of bwrap
 * @err:	Filled on failure
 *
 * Return: 0, -EPERM for setuid, setgid or file capabilities, -errno
 */
int bwrap_check(const char *path, struct err *err)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return err_set(err, errno, "bubblewrap is needed: %s", path);
	if (!S_ISREG(st.st_mode) || (st.st_mode & (S_ISUID | S_ISGID)))
		return err_msg(
			err, EPERM,
			"%s is setuid or setgid: refused; remove the bit (chmod ug-s)",
			path);
	if (getxattr(path, "security.capability", NULL, 0) >= 0)
		return err_msg(
			err, EPERM,
			"%s has file capabilities: refused; remove them (setcap -r)",
			path);
	if (errno != ENODATA && errno != ENOTSUP)
		return err_set(err, errno, "file capabilities of %s", path);
	return path_check_trusted(path, err);
}

/**
 * bwrap_find_exec() - The program that bubblewrap executes in the jail
 * @jail:	exec is set
 * @err:	Filled on failure
 *
 * It stands beside this one, wherever that is installed, and becomes part of
 * the jail: owner and mode are checked here, where no policy names it.
 *
 * Return: 0 or -errno
 */
int bwrap_find_exec(struct jail *jail, struct err *err)
{
	char own[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", own, sizeof(own) - 1);
	char *slash;

	if (n < 0)
		return err_set(err, errno, "read /proc/self/exe");
	own[n] = '\0';
	slash = strrchr(own, '/');
	if (!slash)
		return err_msg(err, EINVAL, "kata-jailer has no directory");
	jail->exec = xasprintf("%.*s/%s", (int)(slash - own), own,
			       jail->twin ? POLICY_TWIN_NAME : POLICY_EXEC_NAME);
	return path_check_trusted(jail->exec, err);
}

/* The filters are beside the policies. */
static char *filter_dir(const struct jail *jail)
{
	const char *slash = strrchr(jail->policy_path, '/');
	int len = slash ? (int)(slash - jail->policy_path) + 1 : 0;

	return xasprintf("%.*s../seccomp", len, jail->policy_path);
}

/**
 * bwrap_load_filter() - Copy the compiled filter into a sealed memfd
 * @jail:	seccomp_fd is set
 * @err:	Filled on failure
 *
 * Its bytes must be those that were built with this program.
 *
 * Return: 0 or -errno
 */
int bwrap_load_filter(struct jail *jail, struct err *err)
{
	AUTO_FREE char *dir = filter_dir(jail);

	jail->seccomp_fd = filter_open(dir, jail->policy->seccomp, err);
	return jail->seccomp_fd < 0 ? err_wrap(err, "seccomp filter") : 0;
}

static void add_namespaces(const struct jail *jail, struct strv *args)
{
	static const char *const option[] = { "pid", "net", "ipc", "uts",
					      "cgroup" };

	/*
	 * The file server's is entered by identity.c: given --userns, bwrap 0.8
	 * leaves that descriptor open in the program.
	 */
	if (jail->policy->identity == POLICY_ID_OWN && !hook_is_broken("user")) {
		strv_add(args, "--unshare-user");
		strv_add(args, "--disable-userns");
	}
	/* one by one: --unshare-all may leave out user and cgroup in silence */
	for (size_t i = 0; i < ARRAY_SIZE(option); i++)
		if (!hook_is_broken(option[i]))
			strv_addf(args, "--unshare-%s", option[i]);
	if (!hook_is_broken("uts")) {
		strv_add(args, "--hostname");
		strv_add(args, "jail");
	}
	if (!hook_is_broken("pid"))
		strv_add(args, "--as-pid-1");
	strv_add(args, "--die-with-parent");
	strv_add(args, "--new-session");
}

static void add_caps(const struct jail *jail, struct strv *args)
{
	uint64_t bits = jail->policy->caps | jail->policy->start_caps;

	strv_add(args, "--cap-drop");
	strv_add(args, "ALL");
	for (unsigned cap = 0; cap < 64; cap++) {
		if (!(bits & (UINT64_C(1) << cap)))
			continue;
		strv_add(args, "--cap-add");
		strv_add(args, caps_to_name(cap));
	}
	if (hook_is_broken("caps")) {
		strv_add(args, "--cap-add");
		strv_add(args, "cap_sys_ptrace");
	}
}

static void add_bind(struct strv *args, const char *option, const char *source,
		     const char *target)
{
	strv_add(args, option);
	strv_add(args, source);
	strv_add(args, target);
}

static void add_policy_bind(const struct jail *jail, size_t index,
			    struct strv *args)
{
	const struct policy_bind *bind = &jail->policy->binds[index];
	AUTO_FREE char *staged = NULL;
	const char *option = bind->device   ? "--dev-bind" :
			     bind->writable ? "--bind" :
					      "--ro-bind";

	if (!root_is_staged(bind)) {
		add_bind(args, bind->optional ? "--ro-bind-try" : option,
			 bind->source, bind->target);
		return;
	}
	if (bind->device && strcmp(bind->source, "/dev/kvm") == 0)
		staged = xstrdup(JAIL_STAGE "/kvm");
	else
		staged = xasprintf("%s/%zu", JAIL_STAGE, index);
	if (!bind->optional || access(staged, F_OK) == 0)
		add_bind(args, option, staged, bind->target);
}

static void add_files(const struct jail *jail, struct strv *args)
{
	const struct policy *policy = jail->policy;

	add_bind(args, "--ro-bind", JAIL_STAGE_EXEC, POLICY_EXEC);
	add_bind(args, "--ro-bind", policy->program, policy->program);
	for (size_t i = 0; i < jail->libraries.count; i++)
		add_bind(args, "--ro-bind", jail->libraries.item[i],
			 jail->libraries.item[i]);
	for (size_t i = 0; i < policy->dirs.count; i++) {
		strv_add(args, "--dir");
		strv_add(args, policy->dirs.item[i]);
	}
	for (size_t i = 0; i < policy->tmpfs.count; i++) {
		strv_add(args, "--tmpfs");
		strv_add(args, policy->tmpfs.item[i]);
	}
	if (policy->proc) {
		/* Read-only: sysctls ask for the owner's id and for no
		 * capability, and as real root that id is the file server's. */
		strv_add(args, "--proc");
		strv_add(args, "/proc");
		strv_add(args, "--remount-ro");
		strv_add(args, "/proc");
	}
	for (size_t i = 0; i < policy->bind_count; i++)
		add_policy_bind(jail, i, args);
	if (hook_is_broken("fs"))
		add_bind(args, "--ro-bind", "/usr", "/host");
	strv_add(args, "--remount-ro");
	strv_add(args, "/");
}

/**
 * bwrap_arguments() - The whole jail as bubblewrap options
 * @jail:	Policy, libraries and descriptors
 * @ret:	Options in order; owned by the caller
 * @err:	Filled on failure
 *
 * Return: 0 or -errno
 */
int bwrap_arguments(const struct jail *jail, struct strv *ret, struct err *err)
{
	if (jail->seccomp_fd < 0 || jail->landlock_fd < 0)
		return err_msg(err, EINVAL, "no seccomp filter is loaded");
	add_namespaces(jail, ret);
	add_caps(jail, ret);
	add_files(jail, ret);
	strv_add(ret, "--chdir");
	strv_add(ret, "/");
	if (hook_is_broken("env")) {
		strv_add(ret, "--setenv");
		strv_add(ret, "SECRET");
		strv_add(ret, "1");
	}
	if (jail->info_fd >= 0) {
		strv_add(ret, "--info-fd");
		strv_addf(ret, "%d", jail->info_fd);
	}
	return 0;
}

/**
 * bwrap_prepare() - Put the options into a memfd
 * @jail:	args_fd is set
 * @err:	Filled on failure
 *
 * Return: 0 or -errno
 */
int bwrap_prepare(struct jail *jail, struct err *err)
{
	struct strv args = { 0 };
	AUTO_FREE char *text = NULL;
	size_t len = 0;
	int r = bwrap_arguments(jail, &args, err);

	for (size_t i = 0; r == 0 && i < args.count; i++)
		len += strlen(args.item[i]) + 1;
	if (r == 0) {
		char *at = text = xcalloc(1, len);

		for (size_t i = 0; i < args.count; i++)
			at = stpcpy(at, args.item[i]) + 1;
		jail->args_fd = fd_memfd("args", text, len, err);
		r = jail->args_fd < 0 ? jail->args_fd : 0;
	}
	strv_done(&args);
	return r;
}

/* A layer that a test leaves out is a "-", which no release accepts. */
static void add_layer(struct strv *argv, const char *layer, int fd)
{
	if (fd < 0 || (layer && hook_is_broken(layer)))
		strv_add(argv, "-");
	else
		strv_addf(argv, "%d", fd);
}

/**
 * bwrap_exec() - Become bubblewrap
 * @jail:	Complete
 * @err:	Filled
 *
 * Return: only on failure, -errno
 */
int bwrap_exec(const struct jail *jail, struct err *err)
{
	static char *empty[] = { NULL };
	struct strv argv = { 0 };
	int code;

	strv_add(&argv, "bwrap");
	strv_add(&argv, "--args");
	strv_addf(&argv, "%d", jail->args_fd);
	strv_add(&argv, "--");
	strv_add(&argv, POLICY_EXEC);
#ifdef TEST_HOOKS
	if (hook_is_broken("hold-inside"))
		strv_add(&argv, JAIL_EXEC_HOLD);
	if (hook_is_broken("layout"))
		strv_add(&argv, JAIL_EXEC_LEAVE);
#endif
	add_layer(&argv, "landlock", jail->landlock_fd);
	add_layer(&argv, "seccomp", jail->seccomp_fd);
	add_layer(&argv, NULL, jail->report_fd);
	strv_add(&argv, jail->policy->program);
	for (char **arg = jail->args; *arg; arg++)
		strv_add(&argv, *arg);
	/* after the last program of this process that is to run as it does */
	if (jail->label && selinux_set_exec(jail->label, err) < 0) {
		strv_done(&argv);
		return -err->code;
	}
	execve(JAIL_BWRAP, argv.item, empty);
	code = errno;
	strv_done(&argv);
	return err_set(err, code, "execute %s", JAIL_BWRAP);
}
