// SPDX-License-Identifier: Apache-2.0
/*
 * signals.c - every signal that can be caught goes to the guest's process.
 *
 * Runs in kata-shim. Needs no rights. All signals are blocked and read from a
 * signalfd, also because a pid namespace's init loses unblocked ones that it
 * has no handler for. Senders are those who may signal us: trusted.
 *
 * #syscalls:shim/start rt_sigprocmask signalfd4
 * #syscalls:shim read wait4
 */
#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent.pb-c.h"
#include "log.h"
#include "shim.h"

static void forwarded(void *ctx, const ProtobufCMessage *message,
		      const struct err *err)
{
	struct shim *shim = ctx;

	(void)message;
	shim->signal_in_flight = false;
	if (err && err->code != ESRCH && err->code != ENOENT)
		log_warn("forward a signal: %s", err->text);
	signals_flush(shim);
}

/* One call at a time; the same signal twice in between counts once. */
void signals_flush(struct shim *shim)
{
	Grpc__SignalProcessRequest request = GRPC__SIGNAL_PROCESS_REQUEST__INIT;
	struct err err = ERR_INIT;
	unsigned bit;

	if (shim->state != SHIM_RUNNING || shim->signal_in_flight ||
	    !shim->signals_waiting)
		return;
	bit = (unsigned)__builtin_ctzll(shim->signals_waiting);
	shim->signals_waiting &= ~(1ull << bit);
	request.container_id = (char *)(uintptr_t)shim->id;
	request.exec_id = (char *)(uintptr_t)shim->process_id;
	request.signal = bit + 1;
	if (agent_call_start(&shim->agent, AGENT_SIGNAL_PROCESS, &request.base,
			     AGENT_CALL_TIMEOUT_MS, forwarded, shim, &err) < 0) {
		log_warn("forward signal %u: %s", bit + 1, err.text);
		return;
	}
	shim->signal_in_flight = true;
}

/* Whether a process that has not begun would have died of it. */
bool signals_ends_created(unsigned number)
{
	switch (number) {
	case 0:
	case SIGCHLD:
	case SIGCONT:
	case SIGURG:
	case SIGWINCH:
	case SIGSTOP:
	case SIGTSTP:
	case SIGTTIN:
	case SIGTTOU:
		return false;
	default:
		return true;
	}
}

/**
 * signals_forward() - Pass a signal on to the guest's process
 * @shim:	In any state
 * @number:	1 to 64
 *
 * Before the start there is no process that could catch it: the container
 * ends as that signal would end it.
 */
void signals_forward(struct shim *shim, unsigned number)
{
	BUG_ON(number < 1 || number > 64);
	if (shim->state == SHIM_CREATED) {
		if (signals_ends_created(number))
			exit_with(shim, 128 + (int)number);
		return;
	}
	shim->signals_waiting |= 1ull << (number - 1);
	signals_flush(shim);
}

/* A process that an engine left behind in our pid namespace. */
static void reap(void)
{
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
}

static void one_signal(struct shim *shim, const struct signalfd_siginfo *info)
{
	if (info->ssi_signo == SIGCHLD && info->ssi_code != SI_USER) {
		reap();
		return;
	}
	if (info->ssi_pid == (uint32_t)shim->pid)
		return; /* SIGPIPE of a write of ours; the write reports it */
	if (info->ssi_signo == SIGWINCH && shim->terminal) {
		tty_resize(shim);
		return;
	}
	if (info->ssi_signo >= 1 && info->ssi_signo <= 64)
		signals_forward(shim, info->ssi_signo);
}

static void signals_handle(struct shim *shim, struct shim_source *source,
			   uint32_t events)
{
	struct signalfd_siginfo info;

	(void)events;
	while (read(source->fd, &info, sizeof(info)) == sizeof(info))
		one_signal(shim, &info);
}

int signals_init(struct shim *shim, struct err *err)
{
	sigset_t all;

	sigfillset(&all);
	if (sigprocmask(SIG_SETMASK, &all, NULL) < 0)
		return err_set(err, errno, "block signals");
	shim->signal_source.fd = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
	if (shim->signal_source.fd < 0)
		return err_set(err, errno, "signalfd");
	shim->signal_source.handle = signals_handle;
	return loop_watch(shim, &shim->signal_source, EPOLLIN);
}
