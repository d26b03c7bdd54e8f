// SPDX-License-Identifier: Apache-2.0
/* link: shim/proxy-forward.o shim/proxy-loop.o shim/proxy-qmp.o */
/* link: shim/proxy-control.o shim/proxy-jails.o shim/proxy-flow.o */
/* link: shim/proxy-shims.o shim/proxy-console.o */
/*
 * fuzz-proxy.c - kata-proxy's readers of what QEMU and the guest send: the
 * first byte picks QMP, the guest's port or the console, the rest arrives there
 * in pieces. It may end the sandbox; it must not do more, and what leaves the
 * proxy is printable.
 */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "auto.h"
#include "fd.h"
#include "log.h"
#include "shim/proxy.h"

#define PIECES 16
#define STREAM 3u /* a call that the guest may answer */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct proxy proxy;

/* Belongs to main. */
int proxy_confine(struct proxy *unused, struct err *err)
{
	(void)unused;
	(void)err;
	return 0;
}

static int watched(struct source *source,
		   void (*handle)(struct proxy *, struct source *, uint32_t))
{
	int pair[2];

	BUG_ON(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
			  0, pair) < 0);
	source->fd = pair[0];
	source->handle = handle;
	BUG_ON(proxy_watch(&proxy, source, EPOLLIN) < 0);
	return pair[1];
}

static void begin(uint8_t state)
{
	memset(&proxy, 0, sizeof(proxy));
	proxy.sandbox = "fuzz";
	proxy.next_guest_id = 1;
	proxy.cont_reply_fd = proxy.quit_reply_fd = proxy.seccomp_fd = -1;
	proxy.creator.fd = proxy.control_listen.fd = proxy.agent_listen.fd = -1;
	proxy.vmm.voice.source.fd = proxy.fs.voice.source.fd = -1;
	proxy.fs.source.fd = proxy.console.fd = proxy.agent.fd = -1;
	proxy.qmp.source.fd = -1;
	for (size_t i = 0; i < PROXY_CONTROLS_MAX; i++)
		proxy.controls[i].fd = -1;
	for (size_t i = 0; i < PROXY_CLIENTS_MAX; i++)
		proxy.clients[i].source.fd = -1;
	proxy.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	BUG_ON(proxy.epoll_fd < 0);
	proxy.vmm.source.fd = proxy.epoll_fd;
	proxy.qmp.state = (enum qmp_state)(state % QMP_STATE_MAX);
	proxy.qmp.id = 7;
	proxy.follow_left = 4096;
}

static void check_printable(const char *text)
{
	for (; *text; text++)
		BUG_ON(*text < 0x20 || *text > 0x7e);
}

static void feed(int fd, const uint8_t *data, size_t size)
{
	size_t piece = size / PIECES + 1;

	while (size > 0) {
		ssize_t n = send(fd, data, min_size(piece, size),
				 MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno != EAGAIN)
			break;
		if (n > 0) {
			data += n;
			size -= (size_t)n;
		}
		proxy_turn(&proxy, 0);
	}
	for (int i = 0; i < 4; i++)
		proxy_turn(&proxy, 0);
}

static int answered_shim(void)
{
	struct client *client = &proxy.clients[0];
	int fd = watched(&client->source, NULL);

	/* Only written to: what it may send is in test-proxy.c. */
	BUG_ON(proxy_watch(&proxy, &client->source, 0) < 0);
	client->hung_up = false;
	proxy.streams[0] = (struct stream){ STREAM, 1, client };
	return fd;
}

static void drain(int fd)
{
	char data[65536];

	while (recv(fd, data, sizeof(data), MSG_DONTWAIT) > 0)
		;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char lines[RECORD_LINES_MAX][RECORD_LINE_MAX], head[RECORD_LINE_MAX];
	int fd, shim_fd = -1;
	size_t count;

	log_init("fuzz", -1, LOG_LEVEL_ERROR, false);
	if (size < 2)
		return 0;
	begin(data[1]);
	if (data[0] % 3 == 0) {
		fd = watched(&proxy.qmp.source, qmp_handle);
	} else if (data[0] % 3 == 1) {
		fd = watched(&proxy.agent, forward_agent);
		shim_fd = answered_shim();
	} else {
		fd = watched(&proxy.console, console_handle);
	}
	feed(fd, data + 2, size - 2);
	if (shim_fd >= 0)
		drain(shim_fd);
	count = console_lines(&proxy, lines, RECORD_LINES_MAX);
	for (size_t i = 0; i < count; i++)
		check_printable(lines[i]);
	console_headline(&proxy, head);
	check_printable(head);
	check_printable(proxy.reason);
	proxy_end(&proxy, true, "the end");
	proxy_forget(&proxy, &proxy.clients[0].source);
	proxy_forget(&proxy, &proxy.qmp.source);
	proxy_forget(&proxy, &proxy.agent);
	proxy_forget(&proxy, &proxy.console);
	if (shim_fd >= 0)
		close(shim_fd);
	close(fd);
	close(proxy.epoll_fd);
	return 0;
}
