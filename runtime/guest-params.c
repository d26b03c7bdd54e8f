// SPDX-License-Identifier: Apache-2.0
/*
 * guest-params.c - kernel_params and cpu_features of configuration.toml: what
 * an administrator may add to the guest's kernel command line and to QEMU's
 * -cpu. Runs in kata-runtime without rights. Neither is free text: a word must
 * be on the list below, with a value of its kind, because a word that the
 * kernel does not know goes on to the agent, and one that we set ourselves
 * would change what boots or who may talk to the agent. So would some of
 * sysctl.*, which the kernel writes before the agent starts, after its own
 * parameters: kernel.panic keeps a guest that should have ended, and
 * kernel.core_pattern names a program to run.
 */
#include <errno.h>
#include <string.h>

#include "auto.h"
#include "num.h"
#include "settings-keys.h"

#define PARAMS_MAX 1024
#define FEATURES_MAX 512

enum param_kind { PARAM_FLAG, PARAM_NUMBER, PARAM_WORD };

struct param {
	const char *name; /* may end in '.': a prefix */
	enum param_kind kind;
};

static const struct param params[] = {
	{ "audit", PARAM_WORD },
	{ "audit_backlog_limit", PARAM_NUMBER },
	{ "cgroup.memory", PARAM_WORD },
	{ "cgroup_disable", PARAM_WORD },
	{ "enforcing", PARAM_NUMBER },
	{ "fuse.max_user_bgreq", PARAM_NUMBER },
	{ "fuse.max_user_congthresh", PARAM_NUMBER },
	{ "gather_data_sampling", PARAM_WORD },
	{ "hardened_usercopy", PARAM_WORD },
	{ "ignore_loglevel", PARAM_FLAG },
	{ "init_on_alloc", PARAM_WORD },
	{ "init_on_free", PARAM_WORD },
	{ "ipv6.disable", PARAM_NUMBER },
	{ "ipv6.disable_ipv6", PARAM_NUMBER },
	{ "isolcpus", PARAM_WORD },
	{ "l1tf", PARAM_WORD },
	{ "lockdown", PARAM_WORD },
	{ "log_buf_len", PARAM_WORD },
	{ "loglevel", PARAM_NUMBER },
	{ "lsm", PARAM_WORD },
	{ "mds", PARAM_WORD },
	{ "mitigations", PARAM_WORD },
	{ "mmio_stale_data", PARAM_WORD },
	{ "nohz", PARAM_WORD },
	{ "nopti", PARAM_FLAG },
	{ "nosmt", PARAM_FLAG },
	{ "nospectre_v1", PARAM_FLAG },
	{ "nospectre_v2", PARAM_FLAG },
	{ "overlay.", PARAM_WORD },
	{ "page_alloc.shuffle", PARAM_WORD },
	{ "panic_on_warn", PARAM_FLAG },
	{ "printk.time", PARAM_WORD },
	{ "pti", PARAM_WORD },
	{ "random.trust_bootloader", PARAM_WORD },
	{ "random.trust_cpu", PARAM_WORD },
	{ "randomize_kstack_offset", PARAM_WORD },
	{ "rcu_nocbs", PARAM_WORD },
	{ "reg_file_data_sampling", PARAM_WORD },
	{ "retbleed", PARAM_WORD },
	{ "selinux", PARAM_NUMBER },
	{ "slab_nomerge", PARAM_FLAG },
	{ "spec_store_bypass_disable", PARAM_WORD },
	{ "spectre_v2", PARAM_WORD },
	{ "spectre_v2_user", PARAM_WORD },
	{ "srbds", PARAM_WORD },
	{ "sysctl.fs.aio-max-nr", PARAM_NUMBER },
	{ "sysctl.fs.file-max", PARAM_NUMBER },
	{ "sysctl.fs.inotify.max_queued_events", PARAM_NUMBER },
	{ "sysctl.fs.inotify.max_user_instances", PARAM_NUMBER },
	{ "sysctl.fs.inotify.max_user_watches", PARAM_NUMBER },
	{ "sysctl.fs.nr_open", PARAM_NUMBER },
	{ "sysctl.fs.pipe-max-size", PARAM_NUMBER },
	{ "sysctl.net.", PARAM_WORD },
	{ "sysctl.vm.", PARAM_WORD },
	{ "tsx", PARAM_WORD },
	{ "tsx_async_abort", PARAM_WORD },
	{ "vsyscall", PARAM_WORD },
};

static bool is_param(const struct param *p, const char *name)
{
	static const char fine[] = "abcdefghijklmnopqrstuvwxyz0123456789_.";
	size_t len = strlen(p->name);

	/* A quote, say, would join this word with those that follow. */
	if (p->name[len - 1] == '.')
		return strncmp(p->name, name, len) == 0 && name[len] &&
		       !name[strspn(name, fine)];
	return strcmp(p->name, name) == 0;
}

static int check_value(const struct param *p, const char *name,
		       const char *value, struct err *err)
{
	static const char fine[] = "abcdefghijklmnopqrstuvwxyz"
				   "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.,:/+-";
	uint64_t number;

	if (p->kind == PARAM_FLAG)
		return value ? err_msg(err, EINVAL,
				       "kernel parameter %s takes no value",
				       name) :
			       0;
	if (!value || !*value)
		return err_msg(err, EINVAL, "kernel parameter %s needs a value",
			       name);
	if (p->kind == PARAM_NUMBER &&
	    num_parse_u64(value, UINT32_MAX, &number) < 0)
		return err_msg(err, EINVAL,
			       "kernel parameter %s must be a number", name);
	if (value[strspn(value, fine)])
		return err_msg(
			err, EINVAL,
			"kernel parameter %s: a character that is not allowed",
			name);
	return 0;
}

static int check_param(char *word, struct err *err)
{
	char *value = strchr(word, '=');

	if (value)
		*value++ = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(params); i++)
		if (is_param(&params[i], word))
			return check_value(&params[i], word, value, err);
	return err_msg(
		err, EINVAL,
		"kernel parameter \"%.64s\" is not on the list of those that may be added",
		word);
}

/**
 * kernel_params_check() - May these words be added to the guest's command line?
 * @text:	Words with one blank between them, or ""
 * @err:	Filled on failure
 *
 * Return: 0 or -EINVAL
 */
int kernel_params_check(const char *text, struct err *err)
{
	AUTO_FREE char *copy = xstrdup(text);
	char *save = NULL;

	if (strlen(text) > PARAMS_MAX)
		return err_msg(err, EINVAL, "longer than %d characters",
			       PARAMS_MAX);
	for (const char *c = text; *c; c++)
		if (*c < ' ' || *c > '~')
			return err_msg(err, EINVAL,
				       "printable ASCII and blanks only");
	for (char *word = strtok_r(copy, " ", &save); word;
	     word = strtok_r(NULL, " ", &save))
		if (check_param(word, err) < 0)
			return -err->code;
	return 0;
}

static int check_feature(char *word, struct err *err)
{
	static const char fine[] = "abcdefghijklmnopqrstuvwxyz"
				   "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
	static const char *const never[] = { "vmx", "svm" };
	bool sign = *word == '+' || *word == '-';
	char *name = sign ? word + 1 : word;
	char *value = sign ? NULL : strchr(name, '=');

	if (value)
		*value++ = '\0';
	if (!*name || name[strspn(name, fine)])
		return err_msg(err, EINVAL, "\"%.64s\" is no processor feature",
			       word);
	if (!sign &&
	    (!value || (strcmp(value, "on") != 0 && strcmp(value, "off") != 0)))
		return err_msg(
			err, EINVAL,
			"\"%.64s\" must be +NAME, -NAME, NAME=on or NAME=off",
			word);
	for (size_t i = 0; i < ARRAY_SIZE(never); i++)
		if (strncmp(name, never[i], 3) == 0 &&
		    (!name[3] || name[3] == '-'))
			return err_msg(
				err, EINVAL,
				"%s: nested virtualization is never shown to a guest",
				name);
	return 0;
}

/**
 * cpu_features_check() - May this list be added to -cpu?
 * @text:	"+a,-b,c=on,d=off", or ""
 * @err:	Filled on failure
 *
 * Return: 0 or -EINVAL
 */
int cpu_features_check(const char *text, struct err *err)
{
	AUTO_FREE char *copy = xstrdup(text);
	char *at = copy, *word;

	if (!*text)
		return 0;
	if (strlen(text) > FEATURES_MAX)
		return err_msg(err, EINVAL, "longer than %d characters",
			       FEATURES_MAX);
	while ((word = strsep(&at, ",")))
		if (check_feature(word, err) < 0)
			return -err->code;
	return 0;
}
