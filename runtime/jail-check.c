// SPDX-License-Identifier: Apache-2.0
/*
 * jail-check.c - the moment of proof in kata-runtime create: QEMU is stopped,
 * virtiofsd has accepted it and confined itself, no guest instruction has run.
 */
#include "jail-check.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auto.h"
#include "hooks.h"
#include "json.h"
#include "log.h"
#include "path.h"
#include "policy.h"
#include "verify.h"

#define INFO_BYTES_MAX 4096
#define INFO_MS 10000

#ifdef TEST_HOOKS
void jail_check_break_args(struct strv *argv, const char *jail)
{
	const char *layer = hook_layer_for(jail);

	if (!layer)
		return;
	strv_add(argv, "--break");
	strv_add(argv, layer);
}
#else
void jail_check_break_args(struct strv *argv, const char *jail)
{
	(void)argv;
	(void)jail;
}
#endif

/* bubblewrap's --info-fd: {"child-pid": N, ...}, written before it executes. */
static int read_info(int fd, const char *what, pid_t *ret_pid, struct err *err)
{
	AUTO_FREE char *text = NULL;
	struct json *tree = NULL;
	uint64_t pid = 0;
	size_t len;
	int r = fd_wait_in(fd, INFO_MS);

	if (r <= 0)
		return err_msg(err, ETIMEDOUT, "%s: bubblewrap gave no pid",
			       what);
	if (fd_read_text(fd, INFO_BYTES_MAX, &text, &len, err) < 0)
		return err_wrap(err, "%s: bubblewrap's information", what);
	if (len == 0)
		return err_msg(
			err, EIO,
			"%s: the jail could not be made; see the sandbox's log",
			what);
	if (json_parse(text, len, &json_limits_qmp, &tree, err) == 0)
		IGNORE(json_get_u64(tree, "info", "child-pid", INT_MAX, &pid,
				    err) < 0,
		       "checked by the value");
	json_free(tree);
	if (pid == 0)
		return err_msg(err, EIO,
			       "%s: bubblewrap's information has no pid", what);
	*ret_pid = (pid_t)pid;
	return 0;
}

static int read_parent(pid_t pid, pid_t *ret, struct err *err)
{
	AUTO_FREE char *path = xasprintf("/proc/%d/status", pid);
	AUTO_FREE char *text = NULL;
	char *at;

	if (path_read_file(AT_FDCWD, path, 65536, &text, err) < 0)
		return -err->code;
	at = strstr(text, "\nPPid:\t");
	if (!at || sscanf(at, "\nPPid:\t%d", ret) != 1)
		return err_msg(err, EIO, "%s has no PPid", path);
	return 0;
}

static int record_jail(int info_fd, const char *what,
		       struct process_ref *program, struct process_ref *monitor,
		       struct err *err)
{
	pid_t pid = 0, parent = 0;

	if (read_info(info_fd, what, &pid, err) < 0 ||
	    process_record(program, pid, what, err) < 0 ||
	    read_parent(pid, &parent, err) < 0)
		return -err->code;
	return process_record(monitor, parent, what, err);
}

/* The proof is kept beside the state: ID/verified.json. */
static int save_reports(int dir_fd, const struct verify_report *vmm,
			const struct verify_report *fs, struct err *err)
{
	struct json_writer w = { .pretty = true };
	int r;

	json_begin_array(&w, NULL);
	verify_report_json(vmm, &w, NULL);
	verify_report_json(fs, &w, NULL);
	json_end_array(&w);
	r = path_write_atomic(dir_fd, "verified.json", w.text, w.len, err);
	json_writer_done(&w);
	return r;
}

static int verify_one(const struct sandbox *s, const char *policy_name,
		      pid_t pid, const struct verify_expect *expect,
		      struct verify_report *report, struct err *err)
{
	AUTO_FREE char *path =
		xasprintf("%s/%s.json", s->rt->settings.policies, policy_name);
	struct policy *policy = NULL;
	int r = policy_load(path, &policy, err);

	if (r == 0)
		r = verify_jail(pid, policy, expect, report, err);
	policy_free(policy);
	if (r < 0)
		verify_report_text(report, stderr);
	return r < 0 ? err_wrap(err, "jail %s", policy_name) : 0;
}

static int verify_both(struct sandbox *s, const char *vmm_policy,
		       struct verify_report *vmm, struct verify_report *fs,
		       struct err *err)
{
	AUTO_FREE char *share =
		xasprintf("/proc/%d/root" HOLDER_SHARE, s->proxy.pid);
	const struct verify_named named[] = {
		{ "kernel", s->rt->settings.kernel },
		{ "initrd", s->rt->settings.initrd },
	};
	const struct verify_expect vmm_expect = {
		.uid = s->state->uid,
		.gid = s->state->uid,
		.named = named,
		.named_count = ARRAY_SIZE(named),
		.inherited_filters = VERIFY_OWN_FILTERS,
	};
	const struct verify_expect fs_expect = {
		.share = share,
		.inherited_filters = VERIFY_OWN_FILTERS,
	};

	if (verify_one(s, vmm_policy, s->state->vmm.pid, &vmm_expect, vmm,
		       err) < 0 ||
	    verify_one(s, "virtiofsd", s->state->fs.pid, &fs_expect, fs, err) < 0)
		return -err->code;
	return save_reports(s->dir_fd, vmm, fs, err);
}

int jail_check(struct sandbox *s, const char *vmm_policy, struct err *err)
{
	struct verify_report vmm = VERIFY_REPORT_INIT, fs = VERIFY_REPORT_INIT;
	int r;

	if (record_jail(s->vmm_info_fd, "VMM", &s->state->vmm,
			&s->state->vmm_monitor, err) < 0 ||
	    record_jail(s->fs_info_fd, "file server", &s->state->fs,
			&s->state->fs_monitor, err) < 0)
		return -err->code;
	r = verify_both(s, vmm_policy, &vmm, &fs, err);
	verify_report_done(&vmm);
	verify_report_done(&fs);
	return r;
}
