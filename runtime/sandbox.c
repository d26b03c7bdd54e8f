// SPDX-License-Identifier: Apache-2.0
/*
 * sandbox.c - starts one VM, in kata-runtime create. Nothing here reads a byte
 * that the guest or the VMM wrote: the proxy answers with checked records, and
 * what the jails are is read from /proc.
 */
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auto.h"
#include "cgroup-unit.h"
#include "file-server.h"
#include "filter.h"
#include "hooks.h"
#include "jail-check.h"
#include "json.h"
#include "labels.h"
#include "log.h"
#include "netns.h"
#include "path.h"
#include "preflight.h"
#include "records.h"
#include "sandbox-fds.h"
#include "selinux.h"
#include "sizing.h"
#include "tsc.h"
#include "uid-pool.h"
#include "vmm.h"

#define READY_MS 47000 /* the proxy's own limits, 30 and 15 s, say more */
#define CONT_MS 10000
#define JAIL_FDS_MAX 8

void sandbox_init(struct sandbox *sandbox)
{
	*sandbox = (struct sandbox){ .dir_fd = -1,
				     .log_fd = -1,
				     .netns_fd = -1,
				     .control_fd = -1,
				     .vmm_info_fd = -1,
				     .fs_info_fd = -1,
				     .vmm_landlock = -1,
				     .fs_landlock = -1,
				     .proxy = CHILD_INIT,
				     .anchor = CGROUP_ANCHOR_INIT };
}

/* NUL-separated, as the proxy reads it. */
static int argv_memfd(const struct strv *argv, struct err *err)
{
	size_t len = 0, at = 0;
	AUTO_FREE char *text = NULL;

	for (size_t i = 0; i < argv->count; i++)
		len += strlen(argv->item[i]) + 1;
	text = xcalloc(1, len);
	for (size_t i = 0; i < argv->count; i++) {
		size_t n = strlen(argv->item[i]) + 1;

		memcpy(text + at, argv->item[i], n);
		at += n;
	}
	return fd_memfd("jail-argv", text, len, err);
}

static void jailer_args(const struct sandbox *s, const char *policy,
			const struct fd_name *fds, size_t count,
			const char *jail, struct strv *ret)
{
	AUTO_FREE char *names = child_fds_arg(fds, count);

	strv_add(ret, s->rt->settings.jailer);
	strv_add(ret, "--policy");
	strv_addf(ret, "%s/%s.json", s->rt->settings.policies, policy);
	strv_addf(ret, "--fds=%s", names);
	if (s->state->single_id)
		strv_add(ret, "--single-id");
	if (s->state->selinux_level) {
		AUTO_FREE char *range = labels_fs_range(s->state);

		strv_add(ret, "--level");
		strv_add(ret, strcmp(jail, "fs") == 0 ? range :
							s->state->selinux_level);
	}
	jail_check_break_args(ret, jail);
}

static const char *vmm_policy(const struct sandbox *s)
{
	return s->accel.accel == ACCEL_KVM ? "qemu-kvm" : "qemu-tcg";
}

/* VMM: 3 qmp, 4 agent, 5 console, 6 fs, 7 net when there is a tap. */
static size_t vmm_fds(const struct sandbox_fds *fds, struct fd_name *ret)
{
	size_t n = 0;

	ret[n++] = (struct fd_name){ "qmp", fds->vmm_qmp };
	ret[n++] = (struct fd_name){ "agent", fds->vmm_agent };
	ret[n++] = (struct fd_name){ "console", fds->vmm_console };
	ret[n++] = (struct fd_name){ "fs", fds->vmm_fs };
	if (fds->tap >= 0)
		ret[n++] = (struct fd_name){ "net", fds->tap };
	ret[n++] = (struct fd_name){ "info", fds->vmm_info_write };
	ret[n++] = (struct fd_name){ "alive", fds->vmm_alive };
	return n;
}

static int vmm_argv(const struct sandbox *s, const struct sandbox_fds *fds,
		    const uint8_t mac[6], struct err *err)
{
	const struct settings *set = &s->rt->settings;
	struct fd_name names[JAIL_FDS_MAX];
	size_t count = vmm_fds(fds, names);
	struct strv argv = { 0 };
	struct vmm_config config = {
		.accel = s->accel.accel,
		.memory_mib = s->state->memory_mib,
		.vcpus = s->state->vcpus,
		.agent_log = s->rt->debug || set->agent_debug,
		.guest_log = s->rt->debug || set->guest_debug,
		.reclaim = set->reclaim_memory,
		.kernel_params = set->kernel_params,
		.cpu_features = set->cpu_features,
		.kernel = JAIL_KERNEL,
		.initrd = JAIL_INITRD,
		.qmp_fd = 3,
		.agent_fd = 4,
		.console_fd = 5,
		.fs_fd = 6,
		.net_fd = fds->tap >= 0 ? 7 : -1,
	};
	int fd;

	memcpy(config.mac, mac, 6);
	if (config.accel == ACCEL_TCG &&
	    tsc_khz(s->rt->root_fd, s->rt->tsc_start, s->rt->ns_start,
		    &config.tsc_khz, err) < 0)
		return err_wrap(err, "time stamp counter");
	jailer_args(s, vmm_policy(s), names, count, "vmm", &argv);
	if (!s->state->single_id) {
		strv_add(&argv, "--uid");
		strv_addf(&argv, "%u", s->state->uid);
	}
	strv_add(&argv, "--bind");
	strv_addf(&argv, "kernel=%s", set->kernel);
	strv_add(&argv, "--bind");
	strv_addf(&argv, "initrd=%s", set->initrd);
	strv_add(&argv, "--");
	vmm_qemu_args(&config, &argv);
	fd = argv_memfd(&argv, err);
	strv_done(&argv);
	return fd;
}

static int fs_argv(const struct sandbox *s, const struct sandbox_fds *fds,
		   struct err *err)
{
	const struct fd_name names[] = { { "fs", fds->fs_listen },
					 { "info", fds->fs_info_write },
					 { "alive", fds->fs_alive } };
	const struct file_server *server = s->rt->file_server;
	struct strv argv = { 0 };
	int fd;

	jailer_args(s, server->policy, names, ARRAY_SIZE(names), "fs", &argv);
	strv_add(&argv, "--share");
	strv_addf(&argv, "%s" HOLDER_SHARE, s->share_path);
	strv_add(&argv, "--");
	server->add_args(s->rt->settings.fs_cache, &argv);
	fd = argv_memfd(&argv, err);
	strv_done(&argv);
	return fd;
}

static int join_cgroups(void *arg, struct err *err)
{
	const struct state *state = arg;

	return cgroup_unit_join(&state->unit, &state->cgroups, err);
}

static size_t proxy_fds(const struct sandbox *s, const struct sandbox_fds *fds,
			int vmm_fd, int fs_fd, struct fd_name *ret)
{
	static const char *const vmm_name[] = { "vmm0", "vmm1", "vmm2", "vmm3",
						"vmm4", "vmm5", "vmm6", "vmm7" };
	struct fd_name vmm[JAIL_FDS_MAX];
	size_t n = 0, count = vmm_fds(fds, vmm);

	ret[n++] = (struct fd_name){ "control", fds->proxy_control };
	ret[n++] = (struct fd_name){ "control_listen", fds->control_listen };
	ret[n++] = (struct fd_name){ "agent_listen", fds->agent_listen };
	ret[n++] = (struct fd_name){ "qmp", fds->proxy_qmp };
	ret[n++] = (struct fd_name){ "agent", fds->proxy_agent };
	ret[n++] = (struct fd_name){ "console", fds->proxy_console };
	ret[n++] = (struct fd_name){ "log", s->log_fd };
	ret[n++] = (struct fd_name){ "seccomp", fds->seccomp };
	ret[n++] = (struct fd_name){ "vmm_argv", vmm_fd };
	ret[n++] = (struct fd_name){ "fs_argv", fs_fd };
	for (size_t i = 0; i < count; i++)
		ret[n++] = (struct fd_name){ vmm_name[i], vmm[i].fd };
	ret[n++] = (struct fd_name){ "fs0", fds->fs_listen };
	ret[n++] = (struct fd_name){ "fs1", fds->fs_info_write };
	ret[n++] = (struct fd_name){ "fs2", fds->fs_alive };
	ret[n++] = (struct fd_name){ "vmm_alive", fds->vmm_alive_write };
	ret[n++] = (struct fd_name){ "fs_alive", fds->fs_alive_write };
	/* Held, not read: bubblewrap must not meet a broken pipe when this
	 * process is killed, for its child would wait for it for ever. */
	ret[n++] = (struct fd_name){ "vmm_info", fds->vmm_info };
	ret[n++] = (struct fd_name){ "fs_info", fds->fs_info };
	return n;
}

static int spawn_proxy(struct sandbox *s, const struct sandbox_fds *fds,
		       const uint8_t mac[6], struct err *err)
{
	AUTO_FD int vmm_fd = vmm_argv(s, fds, mac, err);
	AUTO_FD int fs_fd = vmm_fd < 0 ? -1 : fs_argv(s, fds, err);
	struct fd_name names[32];
	AUTO_FREE char *list = NULL;
	struct strv argv = { 0 };
	struct child_spec spec = { .path = s->rt->settings.proxy,
				   .argv = &argv,
				   .fds = names,
				   .stdio = { -1, s->log_fd, s->log_fd },
				   .prepare = join_cgroups,
				   .prepare_arg = s->state };
	int r;

	if (vmm_fd < 0 || fs_fd < 0)
		return -err->code;
	spec.fd_count = proxy_fds(s, fds, vmm_fd, fs_fd, names);
	list = child_fds_arg(names, spec.fd_count);
	strv_add(&argv, "kata-proxy");
	strv_add(&argv, s->state->id);
	strv_add(&argv, s->share_path);
	strv_addf(&argv, "--fds=%s", list);
	/* The guest's words come by its console: any of these wants it kept. */
	if (s->rt->debug || s->rt->settings.runtime_debug ||
	    s->rt->settings.guest_debug || s->rt->settings.agent_debug)
		strv_add(&argv, "--debug");
	jail_check_break_args(&argv, "proxy");
	r = labels_exec(s->state, LABELS_PROXY, err);
	if (r == 0)
		r = child_spawn(&spec, &s->proxy, err);
	selinux_exec_done();
	cgroup_unit_let_go(&s->anchor);
	strv_done(&argv);
	return r < 0 ? err_wrap(err, "proxy") : 0;
}

static int choose_accel(struct sandbox *s, struct err *err)
{
	struct runtime *rt = s->rt;
	enum accel_request want = rt->settings.accelerator;

	if (rt->settings.required & LAYER_KVM)
		want = ACCEL_WANT_KVM;
	if (accel_choose(want, rt->root_fd, &s->accel, err) < 0)
		return err_wrap(err, "accelerator");
	s->state->accel = xstrdup(accel_name[s->accel.accel]);
	s->state->accel_reason = xstrdup(s->accel.reason);
	s->state->boot_timeout = s->accel.accel == ACCEL_KVM ?
					 rt->settings.dial_timeout :
					 rt->settings.dial_timeout_tcg;
	return 0;
}

/* More was planned when somebody else made one, or none can be made. */
static int record_made(struct sandbox *s, const struct strv *made,
		       struct err *err)
{
	bool all = s->state->cgroups_made.count == made->count;

	for (size_t i = 0; i < made->count; i++)
		all = all && strv_has(&s->state->cgroups_made, made->item[i]);
	strv_done(&s->state->cgroups_made);
	s->state->cgroups_made = *made;
	return all ? 0 : state_save(s->dir_fd, s->state, err);
}

/*
 * Asks systemd for the sandbox's scope, which is recorded before. *ret_path,
 * the caller's, is its control group.
 */
static int make_unit(struct sandbox *s, const struct sizing *sizing,
		     char **ret_path, struct err *err)
{
	const struct oci_spec *spec = s->bundle->spec;
	const struct cgroup_unit_spec unit = {
		.path = spec->linux_.cgroups_path,
		.id = s->state->id,
		.is_system = s->rt->initial_userns && geteuid() == 0,
		.resources = &spec->linux_.resources,
		.annotations = &spec->annotations,
		.overhead_mib = sizing->cgroup_extra_mib,
	};

	if (cgroup_unit_plan(&unit, &s->state->unit, err) < 0 ||
	    state_save(s->dir_fd, s->state, err) < 0)
		return -err->code;
	hook_step("unit-planned");
	if (cgroup_unit_start(&unit, &s->state->unit, &s->anchor, ret_path,
			      err) < 0)
		return -err->code;
	hook_step("unit-started");
	return 0;
}

/* In the directory of that name below every hierarchy. */
static int make_dirs(struct sandbox *s, enum cgroup_manager manager,
		     const char *path, const struct sizing *sizing,
		     struct cgroup *ret, struct err *err)
{
	const struct oci_resources *resources =
		&s->bundle->spec->linux_.resources;

	if (cgroup_plan(manager, path, &s->state->cgroups_made, err) < 0)
		return -err->code;
	if (s->state->cgroups_made.count > 0 &&
	    state_save(s->dir_fd, s->state, err) < 0)
		return -err->code;
	hook_step("cgroup-planned");
	if (cgroup_make(manager, path, resources, sizing->cgroup_extra_mib, ret,
			&s->state->notes, err) < 0) {
		/* what the caller undoes next, and must not go beyond */
		strv_done(&s->state->cgroups_made);
		s->state->cgroups_made = ret->made;
		return -err->code;
	}
	s->state->cgroups = ret->dirs;
	return record_made(s, &ret->made, err);
}

static int make_cgroups(struct sandbox *s, struct err *err)
{
	const struct oci_linux *linux_ = &s->bundle->spec->linux_;
	enum cgroup_manager manager = s->rt->cgroup_manager;
	struct cgroup cgroup = { 0 };
	AUTO_FREE char *path = NULL;
	struct sizing sizing;

	if (sizing_make(&s->rt->settings, &linux_->resources, &sizing, err) < 0)
		return -err->code;
	if (cgroup_unit_is_wanted(manager, linux_->cgroups_path)) {
		manager = CGROUP_MANAGER_SYSTEMD;
		if (make_unit(s, &sizing, &path, err) < 0)
			return err_wrap(err, "cgroup");
	} else if (linux_->cgroups_path) {
		path = xstrdup(linux_->cgroups_path);
	}
	if (make_dirs(s, manager, path, &sizing, &cgroup, err) < 0)
		return -err->code;
	s->state->memory_mib = sizing.memory_mib;
	s->state->vcpus = sizing.vcpus;
	s->state->overhead_mib = sizing.cgroup_extra_mib;
	if (sizing.cut)
		strv_addf(
			&s->state->notes,
			"memory limit: larger than what the VM may have (%u MiB)",
			sizing.memory_mib);
	if (cgroup.incomplete && (s->rt->settings.required & LAYER_CGROUP))
		return err_msg(err, ENOTSUP,
			       "layer cgroup is required but cannot be had: %s",
			       s->state->notes.item[s->state->notes.count - 1]);
	return 0;
}

static int open_network(struct sandbox *s, struct netns_tap *tap,
			struct err *err)
{
	const struct oci_namespace *ns =
		oci_namespace(s->bundle->spec, "network");

	s->netns_fd = netns_open(ns ? ns->path : NULL, err);
	if (s->netns_fd < 0)
		return -err->code;
	if (s->rt->settings.network == NET_NONE) {
		s->state->network = xstrdup(STATE_NET_OFF);
		return 0;
	}
	if (netns_make_tap(s->netns_fd, tap, err) < 0)
		return -err->code;
	if (tap->fd < 0)
		strv_addf(&s->state->notes, "network device left out: %s",
			  tap->reason);
	s->state->network = xstrdup(tap->fd < 0 ? "none" : "tcfilter");
	return 0;
}

static int open_endpoints(struct sandbox *s, struct sandbox_fds *fds,
			  struct err *err)
{
	s->log_fd = openat(
		s->dir_fd, "log",
		O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (s->log_fd < 0)
		return err_set(err, errno, "open log");
	if (mkdirat(s->dir_fd, "share", 0700) < 0)
		return err_set(err, errno, "make share");
	fds->seccomp = filter_open(s->rt->settings.seccomp, "proxy", err);
	if (fds->seccomp < 0)
		return err_wrap(err, "seccomp filter");
	return sandbox_fds_open(s->dir_fd, fds, err);
}

/* Processes of the sandbox are going to use these. */
static int open_labelled(struct sandbox *s, struct sandbox_fds *fds,
			 struct err *err)
{
	int r = labels_create(s->state, err);

	if (r == 0)
		r = open_endpoints(s, fds, err);
	labels_create_done(s->state);
	return r;
}

static int start_with(struct sandbox *s, struct sandbox_fds *fds,
		      struct err *err)
{
	struct netns_tap tap = { .fd = -1 };

	if (s->bundle->devices_left_out > 0)
		strv_addf(
			&s->state->notes,
			"%zu devices of the host left out: privileged means all of the guest's",
			s->bundle->devices_left_out);
	if (choose_accel(s, err) < 0 || make_cgroups(s, err) < 0 ||
	    preflight_limits(s->state->memory_mib, err) < 0)
		return -err->code;
	if (uid_pool_take(s->rt, s->bundle->spec, s->state, err) < 0)
		return -err->code;
	if (labels_take(s->rt, s->bundle->spec, s->state, err) < 0)
		return -err->code;
	hook_step("id-taken"); /* not yet recorded */
	if (state_save(s->dir_fd, s->state, err) < 0)
		return -err->code;
	hook_step("cgroup-made");
	if (labels_enter(s->state, err) < 0)
		return -err->code;
	if (open_network(s, &tap, err) < 0)
		return -err->code;
	fds->tap = tap.fd;
	if (open_labelled(s, fds, err) < 0 ||
	    spawn_proxy(s, fds, tap.mac, err) < 0)
		return -err->code;
	hook_step("proxy-up");	   /* not yet recorded */
	hook_step("jails-inside"); /* neither; kata-jail-exec waits in each */
	if (process_record(&s->state->proxy, s->proxy.pid, "proxy", err) < 0)
		return -err->code;
	s->control_fd = take_fd(&fds->control);
	s->vmm_info_fd = take_fd(&fds->vmm_info);
	s->fs_info_fd = take_fd(&fds->fs_info);
	return state_save(s->dir_fd, s->state, err);
}

int sandbox_start(struct sandbox *s, struct err *err)
{
	struct sandbox_fds fds;
	int r;

	sandbox_fds_init(&fds);
	s->share_path = xasprintf("%s/%s/share", s->rt->root, s->state->id);
	r = start_with(s, &fds, err);
	sandbox_fds_done(&fds);
	return r;
}

int sandbox_release(struct sandbox *s, const struct share *share,
		    struct err *err)
{
	union record record;

	if (record_expect(s->control_fd, RECORD_PROXY_READY, &record, READY_MS,
			  err) < 0) {
		err_wrap(err, "VM");
		return sandbox_explain(s, err);
	}
	s->proxy_landlock = (int)record.confined.landlock;
	hook_step("jails-up"); /* not yet recorded */
	if (jail_check(s, vmm_policy(s), err) < 0)
		return -err->code;
	hook_step("verified");
	if (state_save(s->dir_fd, s->state, err) < 0)
		return -err->code;
	if (share_attach(share, s->proxy.pid, HOLDER_SHARE, s->state->id, err) <
	    0)
		return -err->code;
	record_init(&record, RECORD_PROXY_CONT);
	if (record_send(s->control_fd, &record, err) < 0 ||
	    record_expect(s->control_fd, RECORD_OK, &record, CONT_MS, err) < 0) {
		err_wrap(err, "VM");
		return sandbox_explain(s, err);
	}
	hook_step("vm-running");
	return 0;
}

void sandbox_done(struct sandbox *s)
{
	int *fd[] = { &s->log_fd,      &s->netns_fd,   &s->control_fd,
		      &s->vmm_info_fd, &s->fs_info_fd, &s->proxy.pidfd };

	for (size_t i = 0; i < ARRAY_SIZE(fd); i++)
		if (*fd[i] >= 0)
			close(*fd[i]);
	cgroup_unit_let_go(&s->anchor);
	for (size_t i = 0; i < REPORT_COUNT; i++)
		verify_report_done(&s->report[i]);
	free(s->share_path);
	free(s->name);
	sandbox_init(s);
}
