/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel says about a prepared process, for the host to compare. */
#ifndef AGENT_READBACK_H
#define AGENT_READBACK_H

#include "agent.h"
#include "readback-kinds.h"

/*
 * What a request lists, kept from the request to the report: the order of the
 * lists is that of the request.
 */
struct readback_wanted {
	struct strv mounts; /* destinations */
	struct strv masked, read_only, devices;
	struct strv sysctls; /* below /proc/sys */
	struct strv unified; /* files of the cgroup */
};

/* Only the limits of the cgroup: memory_max to device_filters. */
int readback_limits(int cgroup_fd, Grpc__ReadBack *message,
		    struct err *err) MUST_CHECK;
/* Fills message (strings and lists owned by it: readback_done()). */
int readback_take(struct agent *agent, const struct process *process,
		  Grpc__ReadBack *message, struct err *err) MUST_CHECK;
void readback_done(Grpc__ReadBack *message);
void readback_wanted_done(struct readback_wanted *wanted);

/* Value of "Name:\t..." in the text of /proc/PID/status; -ENOENT. */
int readback_field(const char *status, const char *name, int base,
		   uint64_t *ret) MUST_CHECK;

/* --- parts --- */
/* One more item of the report; at most three values. */
void readback_add(Grpc__ReadBack *to, enum readback_kind kind, size_t index,
		  const uint64_t *values, size_t count);
void readback_add_text(Grpc__ReadBack *to, enum readback_kind kind,
		       size_t index, const char *text);
/* readback-process.c: cgroup, directory, namespaces, limits of a process. */
int readback_process(struct agent *agent, const struct process *process,
		     Grpc__ReadBack *to, struct err *err) MUST_CHECK;
/* About the agent itself. */
int readback_agent(struct agent *agent, Grpc__ReadBack *to,
		   struct err *err) MUST_CHECK;
/* readback-root.c: the file system of an init, the directory of any. */
int readback_root(struct agent *agent, pid_t pid,
		  const struct readback_wanted *wanted, Grpc__ReadBack *to,
		  struct err *err) MUST_CHECK;
/* Is the directory a process works in below the process's root? */
int readback_cwd_is_inside(struct agent *agent, pid_t pid, bool *ret,
			   struct err *err) MUST_CHECK;
int readback_own_root(struct agent *agent, uint64_t *ret,
		      struct err *err) MUST_CHECK;
/* readback-names.c: what the ipc and uts namespaces of an init have. */
int readback_names(struct agent *agent, int pidfd,
		   const struct readback_wanted *wanted, Grpc__ReadBack *to,
		   struct err *err) MUST_CHECK;

#endif
