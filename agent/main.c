// SPDX-License-Identifier: Apache-2.0
/*
 * main.c - kata-agent, PID 1 of the guest: boots, then answers the host.
 *
 * Rights: guest root, and nothing outside the guest. Input: request frames
 * from the host (trusted with this guest), and everything that containers do
 * (hostile to each other and to this process).
 *
 * #stages:agent boot setup serve
 * #holds:agent ids: root of the guest
 * #holds:agent capabilities: all of the guest's
 * #holds:agent dumpable: no
 * #syscalls:agent/boot prctl
 */
#include "agent.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "auto.h"
#include "boot.h"
#include "hooks.h"
#include "log.h"
#include "path.h"
#include "process.h"

#define CMDLINE_MAX 4096
#define FIRST_PAGES (16 << 10)
/* 256 containers with 30 processes each; more than the memory is good for. */
#define DESCRIPTORS_MAX 65536

/*
 * Three pipes, two pidfds or sockets for a process, four for a container; as
 * root of the guest this is ours to raise. Containers get what we were born
 * with, unless their specification says otherwise.
 */
static void raise_descriptors(struct agent *agent)
{
	struct rlimit more = { DESCRIPTORS_MAX, DESCRIPTORS_MAX };

	if (getrlimit(RLIMIT_NOFILE, &agent->nofile) < 0 ||
	    setrlimit(RLIMIT_NOFILE, &more) < 0)
		boot_fatal("RLIMIT_NOFILE: %s", strerror(errno));
}

static void signal_ready(struct agent *agent, struct source *source,
			 uint32_t events UNUSED)
{
	struct signalfd_siginfo info;

	/* One is pending at most, however many have ended. */
	IGNORE(read(source->fd, &info, sizeof(info)), "just to be quiet");
	process_reap(agent);
}

static int start_signals(struct agent *agent, struct err *err)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return err_set(err, errno, "block SIGCHLD");
	signal(SIGPIPE, SIG_IGN);
	agent->signals.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (agent->signals.fd < 0)
		return err_set(err, errno, "signalfd");
	agent->signals.ready = signal_ready;
	return loop_watch(agent, &agent->signals, EPOLLIN, err);
}

/* "agent.log=debug" on the kernel's command line. */
static void set_log_level(struct agent *agent)
{
	AUTO_FREE char *text = NULL;
	struct err err = ERR_INIT;

	if (path_read_file(agent->proc_fd, "cmdline", CMDLINE_MAX, &text,
			   &err) < 0)
		boot_fatal("%s", err.text);
	if (strstr(text, "agent.log=debug"))
		log_init("kata-agent", STDERR_FILENO, LOG_LEVEL_DEBUG, false);
}

static void *first_pages;

int main(void)
{
	static struct agent agent = { .tick_ms = -1 };
	struct err err = ERR_INIT;
	int fd;

	if (getpid() != 1) {
		fputs("kata-agent " KATA_VERSION
		      ": runs as PID 1 of a guest only\n",
		      stderr);
		return 2;
	}
	hook_guest_layer();
	log_init("kata-agent", STDERR_FILENO, LOG_LEVEL_INFO, false);
	/* hide.c cannot empty the pages next to the thread's own: keep those. */
	first_pages = xcalloc(1, FIRST_PAGES);
	/* Children start as copies of us: nobody looks into them. */
	if (!hook_is_broken("dumpable") && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		boot_fatal("non-dumpable: %s", strerror(errno));
	raise_descriptors(&agent);
	if (boot_mounts(&agent, &err) < 0)
		boot_fatal("%s", err.text);
	set_log_level(&agent);
	if (loop_init(&agent, &err) < 0 || start_signals(&agent, &err) < 0)
		boot_fatal("%s", err.text);
	log_debug("booted");
	fd = boot_open_port(&err);
	if (fd < 0)
		boot_fatal("%s", err.text);
	log_debug("the host is there");
	if (channel_start(&agent, fd, &err) < 0 || loop_run(&agent, &err) < 0)
		boot_fatal("%s", err.text);
	boot_fatal("the loop ended");
}
