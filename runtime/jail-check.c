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
#include "cgroup.h"
#include "file-server.h"
#include "hooks.h"
#include "json.h"
#include "labels.h"
#include "log.h"
#include "num.h"
#include "path.h"
#include "policy.h"
#include "proc-uid.h"
#include "records.h"
#include "uid-pool.h"
#include "verify.h"

#define INFO_BYTES_MAX 4096
#define INFO_MS 10000
#define CONFINED_MS 30000 /* a shim that builds its mirror first */
#define SINGLE_ID_NOTE                                                         \
	"own id: single_id is set and the caller has no subordinate ids: VMM " \
	"and file server run under the caller's id and groups"

#ifdef TEST_HOOKS
void jail_check_break_args(struct strv *argv, const char *jail)
{
	const char *layer = hook_layer_for(jail);

	/* The proxy goes on while we stop: its jailers wait as well. */
	if (hook_is_step("proxy-up"))
		layer = "hold";
	if (hook_is_step("jails-inside"))
		layer = "hold-inside";
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

/*
 * Behind bubblewrap's information stands what kata-jail-exec told before it
 * became the program: "landlock ABI". Nothing there: it never got so far.
 */
static int read_told(char *told, int *ret)
{
	static const char key[] = "landlock ";
	size_t len = strlen(told);
	uint32_t abi;

	if (len < sizeof(key) || told[len - 1] != '\n' ||
	    strncmp(told, key, sizeof(key) - 1) != 0)
		return -EINVAL;
	told[len - 1] = '\0';
	if (num_parse_u32(told + sizeof(key) - 1, 1000, &abi) < 0)
		return -EINVAL;
	*ret = (int)abi;
	return 0;
}

/*
 * bubblewrap's --info-fd: {"child-pid": N, ...}, flat, written before it
 * executes. The end of the file comes with the program.
 */
static int read_info(int fd, const char *what, pid_t *ret_pid,
		     int *ret_landlock, struct err *err)
{
	char *end;
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
	end = strstr(text, "}\n");
	if (!end || read_told(end + 2, ret_landlock) < 0)
		return err_msg(
			err, EIO,
			"%s: kata-jail-exec did not confine itself; see the sandbox's log",
			what);
	len = (size_t)(end + 2 - text);
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

static int parent_of(pid_t pid, const char *what, pid_t *ret, struct err *err)
{
	int r = pid_parent(pid, ret);

	if (r == -ESRCH)
		return err_msg(err, ESRCH, "%s (pid %d) ended at once", what,
			       pid);
	return r < 0 ? err_set(err, -r, "parent of %s (pid %d)", what, pid) : 0;
}

/* The proxy forked the monitor, bubblewrap's outer half, and that the program. */
static int record_jail(int info_fd, const char *what, pid_t proxy,
		       struct process_ref *program, struct process_ref *monitor,
		       int *ret_landlock, struct err *err)
{
	pid_t pid = 0, outer = 0, above = 0;

	if (read_info(info_fd, what, &pid, ret_landlock, err) < 0 ||
	    process_record(program, pid, what, err) < 0 ||
	    parent_of(pid, what, &outer, err) < 0 ||
	    process_record(monitor, outer, what, err) < 0 ||
	    parent_of(outer, what, &above, err) < 0)
		return -err->code;
	if (above != proxy) {
		*monitor = (struct process_ref){ 0 }; /* not ours to end */
		return err_msg(
			err, EPERM,
			"%s: the monitor (pid %d) is a child of %d, not of the proxy (pid %d)",
			what, outer, above, proxy);
	}
	return 0;
}

/* The proof is kept beside the state: ID/verified.json. */
static int save_reports(const struct sandbox *s, struct err *err)
{
	struct json_writer w = { .pretty = true };
	int r;

	json_begin_array(&w, NULL);
	for (size_t i = 0; i < REPORT_COUNT; i++)
		if (s->report[i].jail)
			verify_report_json(&s->report[i], &w, NULL);
	json_end_array(&w);
	r = path_write_atomic(s->dir_fd, "verified.json", w.text, w.len, err);
	json_writer_done(&w);
	return r;
}

/* For the lines after the error: what does not hold, and nothing else. */
static void show_failed(struct runtime *rt, const struct verify_report *report)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return;
	verify_report_text(report, out);
	fclose(out);
	runtime_add_detail(rt, text);
	free(text);
}

static int load_policy(const char *dir, const char *name, struct policy **ret,
		       struct err *err)
{
	AUTO_FREE char *path = xasprintf("%s/%s.json", dir, name);

	return policy_load(path, ret, err);
}

static int verify_with(struct runtime *rt, const struct policy *policy,
		       pid_t pid, const struct verify_expect *expect,
		       struct verify_report *report, struct err *err)
{
	int r = verify_jail(pid, policy, expect, report, err);

	if (r < 0 && hook_goes_on()) {
		err_clear(err);
		return 0;
	}
	if (r < 0)
		show_failed(rt, report);
	return r; /* the text names the jail */
}

static bool is_required(const struct runtime *rt, const char *layer)
{
	for (size_t i = 0; i < LAYER_COUNT; i++)
		if (strcmp(layer_name[i], layer) == 0)
			return rt->settings.required & (1u << i);
	return false;
}

/*
 * Layers of a verified jail that the host does not have: reported, or an error
 * when the settings require them.
 */
static int note_absent(struct sandbox *s, const struct verify_report *report,
		       struct err *err)
{
	for (size_t i = 0; i < report->count; i++) {
		const struct verify_check *check = &report->check[i];
		AUTO_FREE char *note = NULL;

		if (!check->absent)
			continue;
		if (is_required(s->rt, check->name))
			return err_msg(
				err, ENOTSUP,
				"jail %s: layer %s is required but cannot be had: %s",
				report->jail, check->name, check->actual);
		note = xasprintf("%s: %s", check->name, check->actual);
		if (!strv_has(&s->state->notes, note))
			strv_add(&s->state->notes, note);
	}
	return 0;
}

static int verify_one(struct runtime *rt, const char *policy_name, pid_t pid,
		      const struct verify_expect *expect,
		      struct verify_report *report, struct err *err)
{
	struct policy *policy = NULL;
	int r = load_policy(rt->settings.policies, policy_name, &policy, err);

	if (r == 0)
		r = verify_with(rt, policy, pid, expect, report, err);
	policy_free(policy);
	return r;
}

/* A program of ours, which confined itself under the caller's ids. */
static struct verify_expect expect_own(const char *program, const char *filters,
				       const struct state *state,
				       int landlock_told)
{
	return (struct verify_expect){
		.uid = geteuid(),
		.gid = getegid(),
		.single_id = state->single_id,
		.selinux_range = state->selinux_level,
		.selinux_absent = state->selinux_absent,
		.inherited_filters = VERIFY_OWN_FILTERS,
		.landlock_told = landlock_told,
		.filters = filters,
		.program = program,
	};
}

int jail_check_shim_policy(const struct state *state, struct policy **ret,
			   struct err *err)
{
	return load_policy(state->policy_dir, "kata-shim", ret, err);
}

int jail_check_shim(struct runtime *rt, const struct state *state,
		    const struct policy *policy, pid_t pid, int control_fd,
		    struct verify_report *report, struct err *err)
{
	/* that of an exec is in the mounts of the container's */
	bool is_own = pid == state->shim.pid;
	AUTO_FREE char *root =
		is_own ? xstrdup(state->rootfs) :
			 xasprintf("/proc/%d/root", state->shim.pid);
	struct verify_expect expect;
	union record record;

	if (record_expect(control_fd, RECORD_SHIM_CONFINED, &record,
			  CONFINED_MS, err) < 0)
		return -err->code;
	hook_step(is_own ? "shim-confined" : "exec-confined");
	expect = expect_own(state->shim_path, state->seccomp_dir, state,
			    (int)record.confined.landlock);
	expect.root = root;
	if (verify_with(rt, policy, pid, &expect, report, err) < 0)
		return -err->code;
	record_init(&record, RECORD_OK);
	return record_send(control_fd, &record, err);
}

int jail_check_own_shim(struct sandbox *s, int control_fd, struct err *err)
{
	struct policy *policy = NULL;
	int r = jail_check_shim_policy(s->state, &policy, err);

	if (r == 0)
		r = jail_check_shim(s->rt, s->state, policy, s->state->shim.pid,
				    control_fd, &s->report[REPORT_SHIM], err);
	policy_free(policy);
	if (r == 0)
		r = note_absent(s, &s->report[REPORT_SHIM], err);
	return r < 0 ? r : save_reports(s, err);
}

static int verify_all(struct sandbox *s, const char *vmm_policy, struct err *err)
{
	struct verify_report *report = s->report;
	AUTO_FREE char *share =
		xasprintf("/proc/%d/root" HOLDER_SHARE, s->proxy.pid);
	AUTO_FREE char *exec = settings_jail_exec(&s->rt->settings);
	AUTO_FREE char *fs_range = labels_fs_range(s->state);
	/* where the jailer looks for them */
	AUTO_FREE char *filters =
		xasprintf("%s/../seccomp", s->rt->settings.policies);
	const struct verify_named named[] = {
		{ "kernel", s->rt->settings.kernel },
		{ "initrd", s->rt->settings.initrd },
	};
	const struct verify_expect vmm_expect = {
		.uid = s->state->uid,
		.gid = s->state->uid,
		.single_id = s->state->single_id,
		.named = named,
		.named_count = ARRAY_SIZE(named),
		.inherited_filters = VERIFY_OWN_FILTERS,
		.exec = exec,
		.landlock_told = s->vmm_landlock,
		.filters = filters,
		.selinux_range = s->state->selinux_level,
		.selinux_absent = s->state->selinux_absent,
	};
	const struct verify_expect fs_expect = {
		.share = share,
		.single_id = s->state->single_id,
		.inherited_filters = VERIFY_OWN_FILTERS,
		.exec = exec,
		.landlock_told = s->fs_landlock,
		.filters = filters,
		.selinux_range = fs_range,
		.selinux_absent = s->state->selinux_absent,
	};
	const struct verify_expect proxy_expect =
		expect_own(s->rt->settings.proxy, s->rt->settings.seccomp,
			   s->state, s->proxy_landlock);

	/* The proxy first: the file server's share is looked for in its root. */
	if (verify_one(s->rt, "kata-proxy", s->proxy.pid, &proxy_expect,
		       &report[REPORT_PROXY], err) < 0 ||
	    verify_one(s->rt, vmm_policy, s->state->vmm.pid, &vmm_expect,
		       &report[REPORT_VMM], err) < 0 ||
	    verify_one(s->rt, s->rt->file_server->policy, s->state->fs.pid,
		       &fs_expect, &report[REPORT_FS], err) < 0)
		return -err->code;
	return save_reports(s, err);
}

static int record_both(struct sandbox *s, struct err *err)
{
	struct state *state = s->state;

	if (record_jail(s->vmm_info_fd, "VMM", s->proxy.pid, &state->vmm,
			&state->vmm_monitor, &s->vmm_landlock, err) < 0 ||
	    record_jail(s->fs_info_fd, "file server", s->proxy.pid, &state->fs,
			&state->fs_monitor, &s->fs_landlock, err) < 0)
		return -err->code;
	return 0;
}

void jail_check_learn(struct sandbox *s)
{
	struct err ignored = ERR_INIT;

	if (s->vmm_info_fd < 0 || s->fs_info_fd < 0)
		return;
	if (s->state->fs.pid == 0)
		IGNORE(record_jail(s->fs_info_fd, "file server", s->proxy.pid,
				   &s->state->fs, &s->state->fs_monitor,
				   &s->fs_landlock, &ignored) < 0,
		       "a jail that never came up has nothing to end");
	if (s->state->vmm.pid == 0)
		IGNORE(record_jail(s->vmm_info_fd, "VMM", s->proxy.pid,
				   &s->state->vmm, &s->state->vmm_monitor,
				   &s->vmm_landlock, &ignored) < 0,
		       "a jail that never came up has nothing to end");
}

static int is_other(pid_t pid, void *arg, struct err *err)
{
	const struct state *state = arg;
	uint64_t start;
	int r;

	if (pid == state->vmm.pid || pid == state->vmm_monitor.pid)
		return 0;
	r = pid_start_time(pid, &start);
	if (r == -ESRCH)
		return 0; /* it has ended, or is a zombie */
	return err_msg(err, EBUSY,
		       "VMM: its id %u is also that of process %d: try again",
		       state->uid, pid);
}

/*
 * The id was free when it was taken, by one pool's word and by /proc. Of two
 * pools that gave it out at the same moment both may have seen nobody; but now
 * both VMMs have it and are stopped: whoever looks last sees the other, so no
 * two of them go on. To be undone is then this VMM, by its pid; not the id.
 */
static int check_alone(struct sandbox *s, struct err *err)
{
	struct state *state = s->state;
	struct err lost = ERR_INIT;

	if (state->uid == 0 ||
	    proc_each_of_id(state->uid, is_other, state, err) == 0)
		return 0;
	IGNORE(uid_pool_release(s->rt, state, &lost) < 0, "a lost id, no more");
	state->uid = 0;
	return -err->code;
}

/* Read back like the rest: a process outside is bound by no limit. */
static int check_cgroups(struct sandbox *s, struct err *err)
{
	const struct state *state = s->state;
	const struct {
		const struct process_ref *ref;
		const char *what;
	} all[] = { { &state->proxy, "proxy" },
		    { &state->vmm_monitor, "VMM jail" },
		    { &state->vmm, "VMM" },
		    { &state->fs_monitor, "file server jail" },
		    { &state->fs, "file server" } };

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (cgroup_check(&state->cgroups, all[i].ref->pid, all[i].what,
				 err) < 0)
			return -err->code;
	return 0;
}

int jail_check(struct sandbox *s, const char *vmm_policy, struct err *err)
{
	int r;

	if (record_both(s, err) < 0 || check_alone(s, err) < 0 ||
	    check_cgroups(s, err) < 0)
		return -err->code;
	r = verify_all(s, vmm_policy, err);
	if (r == 0)
		r = note_absent(s, &s->report[REPORT_VMM], err);
	if (r == 0)
		r = note_absent(s, &s->report[REPORT_FS], err);
	if (r == 0)
		r = note_absent(s, &s->report[REPORT_PROXY], err);
	if (r == 0 && s->state->single_id)
		strv_add(&s->state->notes, SINGLE_ID_NOTE);
	return r;
}
