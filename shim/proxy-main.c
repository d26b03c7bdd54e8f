// SPDX-License-Identifier: Apache-2.0
/*
 * proxy-main.c - kata-proxy: one per sandbox. Stages: descriptors, mount
 * holder, jails, and in the loop, once QEMU greets, confinement; what each may
 * is in proxy-privs.c. Started by kata-runtime create with everything by
 * descriptor and an empty environment; keeps the user namespace's uid 0 and no
 * capability.
 *
 * #syscalls:proxy/start geteuid umask write close fcntl epoll_create1 pipe2
 * #syscalls:proxy/start rt_sigaction rt_sigprocmask
 * #syscalls:proxy exit_group
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auto.h"
#include "hooks.h"
#include "log.h"
#include "proxy.h"

#define GREETING_MS 30000

enum {
	FD_CONTROL,
	FD_CONTROL_LISTEN,
	FD_AGENT_LISTEN,
	FD_QMP,
	FD_AGENT,
	FD_CONSOLE,
	FD_LOG,
	FD_SECCOMP,
	FD_VMM_ARGV,
	FD_FS_ARGV,
	FD_VMM_ALIVE,
	FD_FS_ALIVE,
	FD_VMM_INFO,
	FD_FS_INFO,
	FD_FIXED
};

static const char *const fixed_name[FD_FIXED] = {
	"control",  "control_listen", "agent_listen", "qmp",
	"agent",    "console",	      "log",	      "seccomp",
	"vmm_argv", "fs_argv",	      "vmm_alive",    "fs_alive",
	"vmm_info", "fs_info"
};

static const char *const vmm_name[PROXY_JAIL_FDS_MAX] = {
	"vmm0", "vmm1", "vmm2",	 "vmm3",  "vmm4",  "vmm5",  "vmm6",  "vmm7",
	"vmm8", "vmm9", "vmm10", "vmm11", "vmm12", "vmm13", "vmm14", "vmm15"
};

static const char *const fs_name[PROXY_JAIL_FDS_MAX] = {
	"fs0", "fs1", "fs2",  "fs3",  "fs4",  "fs5",  "fs6",  "fs7",
	"fs8", "fs9", "fs10", "fs11", "fs12", "fs13", "fs14", "fs15"
};

struct inherited {
	struct fd_name all[FD_FIXED + 2 * PROXY_JAIL_FDS_MAX];
	int vmm[PROXY_JAIL_FDS_MAX];
	size_t vmm_count;
	int fs[PROXY_JAIL_FDS_MAX];
	size_t fs_count;
};

static int parse_fds(const char *list, struct inherited *in, struct err *err)
{
	struct fd_name *all = in->all;

	for (size_t i = 0; i < FD_FIXED; i++)
		all[i] = (struct fd_name){ fixed_name[i], -1 };
	for (size_t i = 0; i < PROXY_JAIL_FDS_MAX; i++) {
		all[FD_FIXED + i] = (struct fd_name){ vmm_name[i], -1 };
		all[FD_FIXED + PROXY_JAIL_FDS_MAX + i] =
			(struct fd_name){ fs_name[i], -1 };
	}
	if (fd_names_parse(list, all, ARRAY_SIZE(in->all), err) < 0)
		return -err->code;
	for (size_t i = 0; i < FD_FIXED; i++)
		if (all[i].fd < 0)
			return err_msg(err, EINVAL, "--fds: %s is missing",
				       fixed_name[i]);
	for (size_t i = 0; i < PROXY_JAIL_FDS_MAX && all[FD_FIXED + i].fd >= 0;
	     i++)
		in->vmm[in->vmm_count++] = all[FD_FIXED + i].fd;
	for (size_t i = 0; i < PROXY_JAIL_FDS_MAX &&
			   all[FD_FIXED + PROXY_JAIL_FDS_MAX + i].fd >= 0;
	     i++)
		in->fs[in->fs_count++] =
			all[FD_FIXED + PROXY_JAIL_FDS_MAX + i].fd;
	return 0;
}

static void unused_source(struct source *source)
{
	source->fd = -1;
}

static int watch_fd(struct proxy *proxy, struct source *source, int fd,
		    void (*handle)(struct proxy *, struct source *, uint32_t),
		    struct err *err)
{
	int r = fd_set_nonblock(fd, true);

	source->fd = fd;
	source->handle = handle;
	if (r == 0)
		r = proxy_watch(proxy, source, EPOLLIN);
	return r < 0 ? err_set(err, -r, "watch descriptor %d", fd) : 0;
}

static int watch_all(struct proxy *proxy, const struct inherited *in,
		     struct err *err)
{
	const struct fd_name *fd = in->all;

	if (watch_fd(proxy, &proxy->creator, fd[FD_CONTROL].fd, control_creator,
		     err) < 0 ||
	    watch_fd(proxy, &proxy->control_listen, fd[FD_CONTROL_LISTEN].fd,
		     control_accept, err) < 0 ||
	    watch_fd(proxy, &proxy->agent_listen, fd[FD_AGENT_LISTEN].fd,
		     shims_accept, err) < 0 ||
	    watch_fd(proxy, &proxy->qmp.source, fd[FD_QMP].fd, qmp_handle,
		     err) < 0 ||
	    watch_fd(proxy, &proxy->agent, fd[FD_AGENT].fd, forward_agent,
		     err) < 0 ||
	    watch_fd(proxy, &proxy->console, fd[FD_CONSOLE].fd, console_handle,
		     err) < 0)
		return -err->code;
	return 0;
}

static int init(struct proxy *proxy, struct err *err)
{
	unused_source(&proxy->creator);
	unused_source(&proxy->vmm.source);
	unused_source(&proxy->vmm.voice.source);
	unused_source(&proxy->fs.source);
	unused_source(&proxy->fs.voice.source);
	for (size_t i = 0; i < PROXY_CONTROLS_MAX; i++)
		unused_source(&proxy->controls[i]);
	for (size_t i = 0; i < PROXY_CLIENTS_MAX; i++)
		unused_source(&proxy->clients[i].source);
	proxy->cont_reply_fd = proxy->quit_reply_fd = -1;
	proxy->next_guest_id = 1;
	proxy->vmm.what = "VMM";
	proxy->fs.what = "file server";
	proxy->uid = geteuid();
	proxy->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	return proxy->epoll_fd < 0 ? err_set(err, errno, "epoll") : 0;
}

static void close_all(const int *fds, size_t count)
{
	for (size_t i = 0; i < count; i++)
		close(fds[i]);
}

static int start_jail(struct proxy *proxy, struct jail *jail, int argv_fd,
		      const int *jail_fds, size_t count, struct err *err)
{
	AUTO_FD int voice_fd = -1;
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_set(err, errno, "pipe");
	voice_fd = fds[1];
	jail->voice.left = PROXY_VOICE_MAX;
	jail->voice.what = jail->what;
	if (watch_fd(proxy, &jail->voice.source, fds[0], voice_handle, err) < 0)
		return -err->code;
	return jails_start(proxy, jail, argv_fd, jail_fds, count, voice_fd, err);
}

static int start_jails(struct proxy *proxy, const struct inherited *in,
		       struct err *err)
{
	if (start_jail(proxy, &proxy->fs, in->all[FD_FS_ARGV].fd, in->fs,
		       in->fs_count, err) < 0)
		return -err->code;
	return start_jail(proxy, &proxy->vmm, in->all[FD_VMM_ARGV].fd, in->vmm,
			  in->vmm_count, err);
}

static int set_up(struct proxy *proxy, struct inherited *in, struct err *err)
{
	if (proxy_privs_start(proxy, err) < 0 || init(proxy, err) < 0 ||
	    jails_hold_mounts(proxy->root, err) < 0)
		return -err->code;
	proxy_set_deadline(&proxy->qmp.deadline, GREETING_MS);
	if (start_jails(proxy, in, err) < 0)
		return -err->code;
	close_all(in->fs, in->fs_count);
	close_all(in->vmm, in->vmm_count);
	close(in->all[FD_VMM_ARGV].fd);
	close(in->all[FD_FS_ARGV].fd);
	proxy->seccomp_fd = in->all[FD_SECCOMP].fd;
	/* The jails are under way, with the namespaces that were ours. */
	if (proxy_privs_apart(err) < 0)
		return -err->code;
	return watch_all(proxy, in, err);
}

#ifdef TEST_HOOKS
/* The last two words may be "--break LAYER". Return: how many are left */
static int take_break(int argc, char **argv)
{
	if (argc < 3 || strcmp(argv[argc - 2], "--break") != 0)
		return argc;
	hook_layer = argv[argc - 1];
	return argc - 2;
}
#else
#define take_break(argc, argv) (argc)
#endif

int main(int argc, char **argv)
{
	/* Static: its fixed buffers are too large for a stack. */
	static struct proxy proxy;
	struct inherited in = { 0 };
	struct err err = ERR_INIT, ignored = ERR_INIT;
	bool debug;

	argc = take_break(argc, argv);
	debug = argc == 5 && strcmp(argv[4], "--debug") == 0;
	if ((argc != 4 && !debug) || strncmp(argv[3], "--fds=", 6) != 0) {
		fputs("kata-proxy is started by kata-runtime\n", stderr);
		return 2;
	}
	proxy.sandbox = argv[1];
	proxy.root = argv[2];
	child_reset_signals();
	signal(SIGPIPE, SIG_IGN);
	umask(077);
	if (parse_fds(argv[3] + 6, &in, &err) < 0) {
		fprintf(stderr, "kata-proxy: %s\n", err.text);
		return 1;
	}
	log_init("kata-proxy", in.all[FD_LOG].fd,
		 debug ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO, false);
	proxy.follow_left = debug ? PROXY_FOLLOW_MAX : 0;
	if (set_up(&proxy, &in, &err) < 0) {
		log_err("%s", err.text);
		IGNORE(record_send_error(in.all[FD_CONTROL].fd, &err,
					 &ignored) < 0,
		       "the log has it");
		return 1;
	}
	proxy_run(&proxy);
	control_ended(&proxy);
	_exit(0);
}
