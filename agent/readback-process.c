// SPDX-License-Identifier: Apache-2.0
/*
 * readback-process.c - where a frozen process is and what limits it has, and
 * the same about the agent. Runs in kata-agent; reads /proc, cgroup files and
 * what prlimit(2) and bpf(2) tell.
 */
#include "readback.h"

#include <errno.h>
#include <linux/bpf.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "auto.h"
#include "path.h"

#define LINE_MAX_BYTES 8192

/* "0::/kata/c1" of the only hierarchy. */
static int take_cgroup(struct agent *agent, const char *who, char **ret,
		       struct err *err)
{
	AUTO_FREE char *path = xasprintf("%s/cgroup", who);
	AUTO_FREE char *text = NULL;
	int r = path_read_file(agent->proc_fd, path, LINE_MAX_BYTES, &text, err);

	if (r < 0)
		return err_wrap(err, "read-back");
	text[strcspn(text, "\n")] = '\0';
	if (strncmp(text, "0::", 3) != 0)
		return err_msg(err, EIO, "read-back: cgroup of %s", who);
	*ret = xstrdup(text + 3);
	return 0;
}

static int take_cwd(struct agent *agent, pid_t pid, Grpc__ReadBack *to,
		    struct err *err)
{
	AUTO_FREE char *path = xasprintf("%d/cwd", (int)pid);
	char target[4096];
	ssize_t n = readlinkat(agent->proc_fd, path, target, sizeof(target) - 1);
	bool inside;

	if (n < 0)
		return err_set(err, errno, "read-back: %s", path);
	target[n] = '\0';
	if (readback_cwd_is_inside(agent, pid, &inside, err) < 0)
		return -err->code;
	/* As getcwd(2) has it; the link of /proc never does. */
	to->cwd = inside ? xstrdup(target) :
			   xasprintf("(unreachable)%s", target);
	return 0;
}

static int take_oom(struct agent *agent, pid_t pid, Grpc__ReadBack *to,
		    struct err *err)
{
	AUTO_FREE char *path = xasprintf("%d/oom_score_adj", (int)pid);
	AUTO_FREE char *text = NULL;
	int r = path_read_file(agent->proc_fd, path, 64, &text, err);

	if (r < 0)
		return err_wrap(err, "read-back");
	to->oom_score_adj = strtoll(text, NULL, 10);
	return 0;
}

static int take_rlimits(pid_t pid, Grpc__ReadBack *to, struct err *err)
{
	for (int i = 0; i < RLIM_NLIMITS; i++) {
		struct rlimit limit;

		if (prlimit(pid, (__rlimit_resource_t)i, NULL, &limit) < 0)
			return err_set(err, errno, "read-back: limit %d", i);
		readback_add(to, READBACK_RLIMIT, (size_t)i,
			     (uint64_t[]){ limit.rlim_cur, limit.rlim_max }, 2);
	}
	return 0;
}

int readback_process(struct agent *agent, const struct process *process,
		     Grpc__ReadBack *to, struct err *err)
{
	AUTO_FREE char *who = xasprintf("%d", (int)process->pid);
	int r = take_cgroup(agent, who, &to->cgroup, err);

	if (r == 0)
		r = take_cwd(agent, process->pid, to, err);
	if (r == 0)
		r = take_oom(agent, process->pid, to, err);
	if (r == 0)
		r = take_rlimits(process->pid, to, err);
	return r;
}

int readback_agent(struct agent *agent, Grpc__ReadBack *to, struct err *err)
{
	AUTO_FREE char *cgroup = NULL;
	uint64_t dumpable, root = 0;
	int r = prctl(PR_GET_DUMPABLE, 0, 0, 0, 0);

	if (r < 0)
		return err_set(err, errno, "read-back: dumpable");
	dumpable = (uint64_t)r;
	r = take_cgroup(agent, "self", &cgroup, err);
	if (r == 0)
		r = readback_own_root(agent, &root, err);
	if (r < 0)
		return r;
	readback_add(to, READBACK_AGENT, READBACK_AGENT_DUMPABLE, &dumpable, 1);
	readback_add(to, READBACK_AGENT, READBACK_AGENT_ROOT, &root, 1);
	readback_add_text(to, READBACK_AGENT, READBACK_AGENT_CGROUP, cgroup);
	return 0;
}
