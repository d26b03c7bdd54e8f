// SPDX-License-Identifier: Apache-2.0
/*
 * proxy-loop.c - kata-proxy's epoll loop, deadlines and the end of a sandbox.
 * Runs confined; every event may come from a hostile VMM or guest.
 *
 * #syscalls:proxy epoll_wait epoll_ctl clock_gettime close
 * #syscalls:proxy getsockopt - SO_PEERCRED: who connects
 */
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log.h"
#include "proxy.h"

#define QUIT_MS 3000
#define COMING_MS 10000 /* jails that have not come up yet */

int proxy_watch(struct proxy *proxy, struct source *source, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = source };
	int op = EPOLL_CTL_MOD;

	if (source->fd < 0 || source->events == events)
		return 0;
	if (source->events == 0)
		op = EPOLL_CTL_ADD;
	else if (events == 0)
		op = EPOLL_CTL_DEL;
	if (epoll_ctl(proxy->epoll_fd, op, source->fd, &event) < 0)
		return -errno;
	source->events = events;
	return 0;
}

void proxy_forget(struct proxy *proxy, struct source *source)
{
	if (source->fd < 0)
		return;
	IGNORE(proxy_watch(proxy, source, 0) < 0, "close removes it as well");
	close(source->fd);
	source->fd = -1;
	source->events = 0;
}

bool proxy_peer_is_us(const struct proxy *proxy, int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return false;
	return cred.uid == proxy->uid;
}

void proxy_set_deadline(struct timespec *deadline, int milliseconds)
{
	clock_gettime(CLOCK_MONOTONIC, deadline);
	deadline->tv_sec += milliseconds / 1000;
	deadline->tv_nsec += (milliseconds % 1000) * 1000000L;
	if (deadline->tv_nsec >= 1000000000L) {
		deadline->tv_sec++;
		deadline->tv_nsec -= 1000000000L;
	}
}

int proxy_left_ms(const struct timespec *deadline)
{
	struct timespec now;
	int64_t left;

	if (deadline->tv_sec == 0)
		return -1;
	clock_gettime(CLOCK_MONOTONIC, &now);
	left = (deadline->tv_sec - now.tv_sec) * 1000 +
	       (deadline->tv_nsec - now.tv_nsec) / 1000000 + 1;
	if (left < 0)
		left = 0;
	return left > 3600000 ? 3600000 : (int)left;
}

void proxy_suspect(struct proxy *proxy, const char *reason)
{
	if (proxy->ending || proxy->suspect_deadline.tv_sec != 0)
		return;
	snprintf(proxy->suspicion, sizeof(proxy->suspicion), "%s", reason);
	proxy_set_deadline(&proxy->suspect_deadline, PROXY_SUSPECT_MS);
}

/*
 * A bubblewrap that loses its monitor while it sets up waits for ever. Until
 * QEMU greets (virtiofsd has served it by then) the end waits, and both jails
 * come as far as dying with us. Once the greeting is late they have had their
 * time, and who speaks nonsense is past its set-up.
 */
static bool jails_are_coming(const struct proxy *proxy)
{
	return proxy->qmp.state <= QMP_CAPABILITIES && !proxy->qmp.faulty &&
	       proxy_left_ms(&proxy->qmp.deadline) != 0 &&
	       proxy->qmp.source.fd >= 0 && proxy->vmm.source.fd >= 0 &&
	       proxy->fs.source.fd >= 0;
}

/* To the log, to whoever creates or calls, and to the shims. */
static void tell_the_end(struct proxy *proxy)
{
	console_drain(proxy);
	if (proxy->failed)
		log_err("sandbox %s ends: %s", proxy->sandbox, proxy->reason);
	else
		log_info("sandbox %s ends: %s", proxy->sandbox, proxy->reason);
	/* A create that is still under way did not get what it wanted. */
	if (proxy->failed || proxy->creator.fd >= 0)
		console_report(proxy);
	if (proxy->failed)
		control_failed(proxy);
	control_last_words(proxy);
	shims_last_words(proxy);
}

void proxy_end(struct proxy *proxy, bool failed, const char *fmt, ...)
{
	va_list ap;

	if (proxy->ending)
		return;
	proxy->ending = true;
	proxy->failed = failed;
	va_start(ap, fmt);
	if (vsnprintf(proxy->reason, sizeof(proxy->reason), fmt, ap) < 0)
		proxy->reason[0] = '\0';
	va_end(ap);
	/* It goes to several readers, all of which take printable ASCII. */
	for (char *at = proxy->reason; *at; at++)
		if (*at < 0x20 || *at > 0x7e)
			*at = '?';
	proxy_set_deadline(&proxy->end_deadline, QUIT_MS);
	if (proxy->qmp.state <= QMP_CAPABILITIES)
		proxy_set_deadline(&proxy->end_deadline,
				   jails_are_coming(proxy) ? COMING_MS :
							     PROXY_SETTLE_MS);
	tell_the_end(proxy);
	if (proxy->qmp.state > QMP_CAPABILITIES)
		qmp_quit(proxy);
}

static int next_timeout(const struct proxy *proxy)
{
	const struct timespec *const each[] = { &proxy->qmp.deadline,
						&proxy->stuck_deadline,
						&proxy->suspect_deadline };
	int left = -1;

	/* No other deadline means anything then, and one that is over would
	 * make the loop spin. */
	if (proxy->ending)
		return proxy_left_ms(&proxy->end_deadline);
	for (size_t i = 0; i < ARRAY_SIZE(each); i++) {
		int other = proxy_left_ms(each[i]);

		if (other >= 0 && (left < 0 || other < left))
			left = other;
	}
	return left;
}

static void check_deadlines(struct proxy *proxy)
{
	if (!proxy->ending && proxy_left_ms(&proxy->qmp.deadline) == 0)
		qmp_late(proxy);
	if (!proxy->ending && proxy_left_ms(&proxy->suspect_deadline) == 0)
		proxy_end(proxy, true, "%s", proxy->suspicion);
	if (!proxy->ending && proxy_left_ms(&proxy->stuck_deadline) == 0)
		proxy_end(proxy, true,
			  "the guest takes no requests while a shim is gone");
}

/*
 * The end is reached when the VMM's monitor is gone, or too late. A VMM that
 * never greeted leaves a file server that may still be setting up.
 */
static bool is_over(const struct proxy *proxy)
{
	if (!proxy->ending)
		return false;
	if (proxy_left_ms(&proxy->end_deadline) == 0)
		return true;
	return proxy->vmm.source.fd < 0 &&
	       (proxy->qmp.state > QMP_CAPABILITIES || proxy->fs.source.fd < 0);
}

static void serve(struct proxy *proxy, const struct epoll_event *event,
		  bool listener)
{
	struct source *source = event->data.ptr;
	bool accepts = source->handle == shims_accept ||
		       source->handle == control_accept;

	/* An earlier event of this round may have closed it. */
	if (source->fd >= 0 && accepts == listener)
		source->handle(proxy, source, event->events);
}

/*
 * Listeners come last: what they accept takes the place of a source that was
 * closed in this round, whose own event would be taken for the new one's.
 */
void proxy_turn(struct proxy *proxy, int timeout_ms)
{
	struct epoll_event events[16];
	int n = epoll_wait(proxy->epoll_fd, events, ARRAY_SIZE(events),
			   timeout_ms);

	BUG_ON(n < 0 && errno != EINTR);
	for (int i = 0; i < n; i++)
		serve(proxy, &events[i], false);
	for (int i = 0; i < n; i++)
		serve(proxy, &events[i], true);
	check_deadlines(proxy);
}

void proxy_run(struct proxy *proxy)
{
	while (!is_over(proxy))
		proxy_turn(proxy, next_timeout(proxy));
}
