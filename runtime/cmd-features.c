// SPDX-License-Identifier: Apache-2.0
/*
 * cmd-features.c - kata-runtime features: what the runtime specification's
 * features document asks, as it is and not as one could wish. Engines parse
 * stdout and stderr together, so nothing else is printed. Needs no rights.
 *
 * The mount options are those of agent/mount-options.c; an end-to-end test
 * gives each of them to a container.
 */
#include <errno.h>
#include <stdio.h>

#include "caps.h"
#include "json.h"
#include "opts.h"
#include "runtime.h"

static void list(struct json_writer *w, const char *key,
		 const char *const *item, size_t count)
{
	json_begin_array(w, key);
	for (size_t i = 0; i < count; i++)
		json_string(w, NULL, item[i]);
	json_end_array(w);
}

static void write_mount_options(struct json_writer *w)
{
	static const char *const option[] = {
		"async",      "atime",	      "bind",
		"defaults",   "dev",	      "diratime",
		"dirsync",    "exec",	      "iversion",
		"lazytime",   "loud",	      "noatime",
		"nodev",      "nodiratime",   "noexec",
		"nofail",     "noiversion",   "nolazytime",
		"nomand",     "norelatime",   "nostrictatime",
		"nosuid",     "nosymfollow",  "private",
		"ratime",     "rbind",	      "rdev",
		"rdiratime",  "relatime",     "rexec",
		"rnoatime",   "rnodev",	      "rnodiratime",
		"rnoexec",    "rnorelatime",  "rnostrictatime",
		"rnosuid",    "rnosymfollow", "ro",
		"rprivate",   "rrelatime",    "rro",
		"rrw",	      "rstrictatime", "rsuid",
		"rsymfollow", "runbindable",  "rw",
		"silent",     "strictatime",  "suid",
		"symfollow",  "sync",	      "tmpcopyup",
		"unbindable",
	};

	list(w, "mountOptions", option, ARRAY_SIZE(option));
}

static void write_capabilities(struct json_writer *w)
{
	json_begin_array(w, "capabilities");
	for (unsigned cap = 0; caps_to_name(cap); cap++) {
		char name[48];
		size_t i = 0;

		/* "cap_chown" here, "CAP_CHOWN" there */
		for (const char *at = caps_to_name(cap);
		     *at && i + 1 < sizeof(name); at++)
			name[i++] = *at >= 'a' && *at <= 'z' ?
					    (char)(*at - 'a' + 'A') :
					    *at;
		name[i] = '\0';
		json_string(w, NULL, name);
	}
	json_end_array(w);
}

static void write_cgroup(struct json_writer *w)
{
	json_begin_object(w, "cgroup");
	json_bool(w, "v1", true);
	json_bool(w, "v2", true);
	json_bool(w, "systemd", true);
	json_bool(w, "systemdUser", true);
	json_bool(w, "rdma", false);
	json_end_object(w);
}

/* Filters are compiled in the guest, for the guest's architecture alone. */
static void write_seccomp(struct json_writer *w)
{
	static const char *const action[] = {
		"SCMP_ACT_ALLOW",	"SCMP_ACT_ERRNO",
		"SCMP_ACT_KILL",	"SCMP_ACT_KILL_PROCESS",
		"SCMP_ACT_KILL_THREAD", "SCMP_ACT_LOG",
		"SCMP_ACT_TRACE",	"SCMP_ACT_TRAP",
	};
	static const char *const operator[] = {
		"SCMP_CMP_EQ", "SCMP_CMP_GE", "SCMP_CMP_GT",
		"SCMP_CMP_LE", "SCMP_CMP_LT", "SCMP_CMP_MASKED_EQ",
		"SCMP_CMP_NE",
	};
	static const char *const arch[] = { "SCMP_ARCH_X86_64" };

	json_begin_object(w, "seccomp");
	json_bool(w, "enabled", true);
	list(w, "actions", action, ARRAY_SIZE(action));
	list(w, "operators", operator, ARRAY_SIZE(operator));
	list(w, "archs", arch, ARRAY_SIZE(arch));
	json_end_object(w);
}

static void write_enabled(struct json_writer *w, const char *key, bool enabled)
{
	json_begin_object(w, key);
	json_bool(w, "enabled", enabled);
	json_end_object(w);
}

static void write_linux(struct json_writer *w)
{
	static const char *const ns[] = { "cgroup",  "ipc", "mount",
					  "network", "pid", "uts" };

	json_begin_object(w, "linux");
	list(w, "namespaces", ns, ARRAY_SIZE(ns));
	write_capabilities(w);
	write_cgroup(w);
	write_seccomp(w);
	/* Names and labels are recorded; the VM stands in their place. */
	write_enabled(w, "apparmor", false);
	write_enabled(w, "selinux", false);
	write_enabled(w, "intelRdt", false);
	write_enabled(w, "netDevices", false);
	json_begin_object(w, "mountExtensions");
	write_enabled(w, "idmap", false);
	json_end_object(w);
	json_end_object(w);
}

int cmd_features(struct runtime *rt, int argc, char **argv, int first,
		 struct err *err)
{
	struct json_writer w = { .pretty = true };
	int r = opts_parse_all(NULL, 0, argc, argv, first, err);

	(void)rt;
	if (r < 0)
		return r;
	json_begin_object(&w, NULL);
	json_string(&w, "ociVersionMin", "1.0.0");
	json_string(&w, "ociVersionMax", KATA_SPEC);
	json_begin_array(&w, "hooks"); /* those of the host, hook-points.c */
	json_string(&w, NULL, "prestart");
	json_string(&w, NULL, "createRuntime");
	json_string(&w, NULL, "poststart");
	json_string(&w, NULL, "poststop");
	json_end_array(&w);
	write_mount_options(&w);
	write_linux(&w);
	json_begin_object(&w, "annotations");
	json_string(&w, "kata-runtime.version", KATA_VERSION);
	json_string(&w, "kata-runtime.commit", KATA_COMMIT);
	json_string(&w, "kata-runtime.checkpoint.enabled", "false");
	json_end_object(&w);
	/* No annotation of a config.json changes what is done. */
	json_begin_array(&w, "potentiallyUnsafeConfigAnnotations");
	json_end_array(&w);
	json_end_object(&w);
	puts(w.text);
	json_writer_done(&w);
	return 0;
}
