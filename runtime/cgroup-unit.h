/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The systemd driver: a transient scope of a manager of systemd's holds the
 * sandbox, with Delegate=yes. Its control group is then used as any other
 * (cgroup.h); systemd is told each limit as well, or it would write its own.
 */
#ifndef RUNTIME_CGROUP_UNIT_H
#define RUNTIME_CGROUP_UNIT_H

#include "cgroup.h"

/* What is recorded before the scope is made; name NULL: there is none. */
struct cgroup_unit {
	char *name;	   /* "libpod-ID.scope" */
	char *bus;	   /* D-Bus address of the manager that has it */
	char *description; /* tells ours from another of that name */
};

static inline void cgroup_unit_done(struct cgroup_unit *unit)
{
	free(unit->name);
	free(unit->bus);
	free(unit->description);
	*unit = (struct cgroup_unit){ 0 };
}

struct cgroup_unit_spec {
	const char *path; /* linux.cgroupsPath: "slice:prefix:name", or NULL */
	const char *id;	  /* of the container */
	bool is_system;	  /* the system's manager; else the caller's own */
	const struct oci_resources *resources;
	const struct oci_pairs *annotations;
	uint32_t overhead_mib;
};

/*
 * A process that does nothing: a scope begins with one, and ends when the last
 * has left. It ends with whoever made it.
 */
struct cgroup_anchor {
	pid_t pid; /* 0: none */
	int fd;
};

#define CGROUP_ANCHOR_INIT                                                     \
	{                                                                      \
		.pid = 0, .fd = -1                                             \
	}

/* Is systemd asked for, by option or by the form of the path? */
bool cgroup_unit_is_wanted(enum cgroup_manager manager, const char *path);
/*
 * Names the unit, checks everything that can be, and finds the manager: for
 * the system's $DBUS_SYSTEM_BUS_ADDRESS, /run/dbus/system_bus_socket and
 * /run/systemd/private; for a user's $DBUS_SESSION_BUS_ADDRESS,
 * $XDG_RUNTIME_DIR/systemd/private and $XDG_RUNTIME_DIR/bus. Makes nothing.
 */
int cgroup_unit_plan(const struct cgroup_unit_spec *spec,
		     struct cgroup_unit *ret, struct err *err) MUST_CHECK;
/*
 * Makes the planned scope, which the anchor keeps (cgroup_unit_let_go() when
 * somebody else is in it). *ret_path, the caller's, is its control group below
 * the mount points. After a failure cgroup_unit_end() removes what there is.
 */
int cgroup_unit_start(const struct cgroup_unit_spec *spec,
		      const struct cgroup_unit *unit,
		      struct cgroup_anchor *ret_anchor, char **ret_path,
		      struct err *err) MUST_CHECK;
void cgroup_unit_let_go(struct cgroup_anchor *anchor);
/*
 * Moves the caller into every directory, with the manager's help where the
 * kernel does not let it. With no unit: cgroup_join().
 */
int cgroup_unit_join(const struct cgroup_unit *unit, const struct strv *dirs,
		     struct err *err) MUST_CHECK;
/*
 * After the files of its control group were written: systemd is told what they
 * say, so that its next reload leaves them so. Nothing without a unit.
 */
int cgroup_unit_follow(const struct cgroup_unit *unit, const struct strv *dirs,
		       struct err *err) MUST_CHECK;
/*
 * Ends every process of the scope, stops it and waits for that. 0 when it is
 * not there, is another's by its description, or its manager is gone, as a
 * user's is after the last session: its units went with it.
 */
int cgroup_unit_end(const struct cgroup_unit *unit, const struct strv *dirs,
		    struct err *err) MUST_CHECK;

#endif
