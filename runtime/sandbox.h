/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One VM: descriptors, proxy, jails, verification, and the moment when the
 * guest may run.
 */
#ifndef RUNTIME_SANDBOX_H
#define RUNTIME_SANDBOX_H

#include "bundle.h"
#include "child.h"
#include "runtime.h"
#include "share.h"
#include "state.h"
#include "verify.h"

/* The shared directory in the holder, once the proxy has left the host's root. */
#define HOLDER_SHARE "/share"

/* What is kept in ID/verified.json, in this order. */
enum jail_report {
	REPORT_VMM,
	REPORT_FS,
	REPORT_PROXY,
	REPORT_SHIM, /* of the container; those of execs are not kept */
	REPORT_COUNT
};

struct sandbox {
	struct runtime *rt;
	const struct bundle *bundle;
	struct state *state;
	int dir_fd; /* borrowed */
	int log_fd;
	int netns_fd;
	int control_fd; /* to the proxy; its close before MAIN ends the VM */
	int vmm_info_fd, fs_info_fd; /* bubblewrap says the program's pid here */
	int vmm_landlock, fs_landlock; /* and kata-jail-exec this ABI; or -1 */
	int proxy_landlock;	       /* what the proxy told */
	struct child proxy;
	struct cgroup_anchor anchor; /* in systemd's scope, until proxy is */
	struct accel_choice accel;
	struct verify_report report[REPORT_COUNT]; /* by enum jail_report */
	char *share_path; /* mount point in the holder */
	char *name;	  /* basename of share_path's container directory */
};

/* Descriptors -1, nothing made. */
void sandbox_init(struct sandbox *sandbox);
/*
 * Starts proxy and jails with the VM stopped. state is saved after each thing
 * that would outlive this process.
 */
int sandbox_start(struct sandbox *sandbox, struct err *err) MUST_CHECK;
/* Waits for the VM to be ready, verifies both jails, attaches the share, and
 * lets the guest run. */
int sandbox_release(struct sandbox *sandbox, const struct share *share,
		    struct err *err) MUST_CHECK;
/* Is it an error of the VM, and not the agent's answer to a request? */
bool sandbox_is_at_fault(const struct err *err);
/*
 * Adds what the proxy knows to an error of the VM: why it ended, and the line
 * of the guest's console that says most. Returns -err->code.
 */
int sandbox_explain(const struct sandbox *sandbox, struct err *err);
/* The same for a later verb, whose shim failed by the VM's fault. */
int sandbox_ask_why(int dir_fd, struct err *err);
/* The last lines of its log, printable; owned by the caller, NULL: no log. */
char *sandbox_log_tail(int dir_fd);
/* Closes descriptors; the processes stay. */
void sandbox_done(struct sandbox *sandbox);
/*
 * Ends VM and proxy of a recorded sandbox, waits until nothing of it lives,
 * and removes cgroups and id. Works on any half-made state.
 */
int sandbox_destroy(struct runtime *rt, int dir_fd, struct state *state,
		    struct err *err) MUST_CHECK;
/*
 * Ends the VM of a sandbox whose record cannot be read, by control.sock alone.
 * An error when somebody holds that socket and does not end.
 */
int sandbox_quit(int dir_fd, struct err *err) MUST_CHECK;

#endif
