// SPDX-License-Identifier: Apache-2.0
/*
 * file-server.c - which file server this host has, and what it is told. See
 * file-server.h. Runs in kata-runtime, with the caller's rights; no text of a
 * config.json or an annotation gets into these arguments.
 */
#include "file-server.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "auto.h"
#include "foreign.h"
#include "policy.h"
#include "seccomp.h"

/* virtiofsd of QEMU 7.2, tools/virtiofsd/passthrough_ll.c and helper.c */
static void add_c_args(enum fs_cache cache, struct strv *args)
{
	static const char *const word[FS_CACHE_MAX] = { "none", "auto",
							"always" };

	strv_add(args, "--fd=3");
	strv_add(args, "-o");
	strv_addf(args,
		  "source=/share,sandbox=chroot,announce_submounts,cache=%s,"
		  "xattr,log_level=err",
		  word[cache]);
	strv_add(args, "--thread-pool-size=0");
	strv_add(args, "-f");
}

/*
 * virtiofsd 1.13, src/main.rs. Its defaults are not relied upon where another
 * would weaken the jail or change what the guest sees. The limit of open files
 * is the policy's: it would set another and warn that it cannot.
 */
static void add_rust_args(enum fs_cache cache, struct strv *args)
{
	static const char *const word[FS_CACHE_MAX] = { "never", "auto",
							"always" };

	strv_add(args, "--fd=3");
	strv_add(args, "--shared-dir=/share");
	strv_add(args, "--sandbox=chroot");
	strv_add(args, "--seccomp=kill");
	strv_add(args, "--announce-submounts");
	strv_add(args, "--inode-file-handles=never");
	strv_addf(args, "--cache=%s", word[cache]);
	strv_add(args, "--xattr");
	strv_add(args, "--thread-pool-size=0");
	strv_add(args, "--rlimit-nofile=0");
	strv_add(args, "--log-level=error");
}

/*
 * Rust first: where it is the one, Debian 13 has a link to it in the place of
 * the C one.
 */
static const struct file_server known[] = {
	{ "virtiofsd-rs", "virtiofsd ", add_rust_args },
	{ "virtiofsd", "virtiofsd version ", add_c_args },
};

/* --- which it is ------------------------------------------------------------ */

/*
 * The C virtiofsd drops its supplementary groups before it looks at its
 * arguments, and ends where it may not. It is told that it has none, as its
 * jail's filter tells it.
 *
 * #syscalls:runtime prctl seccomp - for the child that is asked its version
 */
static int answer_getgroups(void *arg UNUSED, struct err *err)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getgroups, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_set(err, errno, "no_new_privs");
	return seccomp_filter_load(code, sizeof(code), 0, err);
}

int file_server_version(const char *program, char **ret_text, struct err *err)
{
	return foreign_version(program, answer_getgroups, ret_text, err);
}

/* Takes list and gives it with one more word. */
static char *add_word(char *list, const char *word)
{
	AUTO_FREE char *before = list;

	return before ? xasprintf("%s, %s", before, word) : xstrdup(word);
}

int file_server_find(const struct runtime *rt, const struct file_server **ret,
		     struct err *err)
{
	AUTO_FREE char *missing = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		AUTO_FREE char *path = xasprintf(
			"%s/%s.json", rt->settings.policies, known[i].policy);
		struct policy *policy = NULL;
		int code;

		if (policy_load(path, &policy, err) < 0)
			return err_wrap(err, "jail %s", known[i].policy);
		code = access(policy->program, F_OK) < 0 ? errno : 0;
		missing = add_word(take_ptr(missing), policy->program);
		policy_free(policy);
		*ret = &known[i];
		/* what is wrong with one that is there is for its check */
		if (code != ENOENT)
			return 0;
	}
	return err_msg(
		err, ENOENT,
		"program of jail virtiofsd (is it installed?): none of %s: %s",
		missing, strerror(ENOENT));
}
