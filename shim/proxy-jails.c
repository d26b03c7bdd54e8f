// SPDX-License-Identifier: Apache-2.0
/*
 * proxy-jails.c - the mount holder, the two jails as children of the main
 * thread (parent-death signals are per thread).
 *
 * The holder is this process' mount namespace: it is gone when the process is,
 * so nothing needs to be unmounted. Needs CAP_SYS_ADMIN in the user namespace,
 * before proxy_confine().
 *
 * #caps:proxy/holder sys_admin - mount namespace and two tmpfs
 * #caps:proxy/jails all - inherited by kata-jailer, which maps ids
 * #files:proxy/holder STATE/ID/share rw - where the two tmpfs are
 * #files:proxy/jails libexec/kata/kata-jailer r - executed twice
 * #syscalls:proxy/holder unshare mount mkdir
 * #syscalls:proxy/jails clone execve pidfd_open
 * #syscalls:proxy/confine chdir pivot_root umount2
 * #caps:proxy/confine sys_admin - a root without the host
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "auto.h"
#include "hooks.h"
#include "log.h"
#include "proxy.h"

#define ARGV_BYTES_MAX (256 * 1024)

static int mount_tmpfs(const char *path, const char *options, struct err *err)
{
	if (mount("kata", path, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
		  options) < 0)
		return err_set(err, errno, "mount holder: tmpfs on %s", path);
	return 0;
}

/*
 * Two file systems: a private one that becomes our root later, and in it the
 * shared one that trees are attached to.
 *
 * Should: leave the caller's mount table alone, pass later mounts on to the
 * file server. Mustn't: let the file server's mounts come back.
 */
int jails_hold_mounts(const char *root, struct err *err)
{
	AUTO_FREE char *share = xasprintf("%s/" PROXY_SHARE, root);

	if (confine_namespaces(CLONE_NEWNS, err) < 0)
		return err_wrap(err, "mount holder");
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		return err_set(err, errno, "mount holder: slave propagation");
	if (mount_tmpfs(root, "mode=0755,size=16k,nr_inodes=8", err) < 0)
		return -err->code;
	if (mkdir(share, 0755) < 0)
		return err_set(err, errno, "mount holder: make %s", share);
	if (mount_tmpfs(share, "mode=0755,size=1m,nr_inodes=8k", err) < 0)
		return -err->code;
	if (mount(NULL, share, NULL, MS_SHARED, NULL) < 0)
		return err_set(err, errno, "mount holder: share %s", share);
	return 0;
}

/*
 * Once both jails have mount namespaces of their own nothing of the host is
 * needed here any more. What stayed would also keep the engine's other mounts
 * busy. Afterwards our root holds the shared directory alone.
 */
int jails_leave_host(const char *root, struct err *err)
{
	if (hook_is_broken("root"))
		return 0;
	if (chdir(root) < 0)
		return err_set(err, errno, "mount holder: enter %s", root);
	if (syscall(SYS_pivot_root, ".", ".") < 0)
		return err_set(err, errno, "mount holder: pivot_root");
	if (umount2(".", MNT_DETACH) < 0)
		return err_set(err, errno, "mount holder: detach the host");
	if (chdir("/") < 0)
		return err_set(err, errno, "mount holder: enter the new root");
	return 0;
}

static int read_argv(int fd, struct strv *ret, struct err *err)
{
	AUTO_FREE char *text = NULL;
	size_t len, at = 0;

	if (fd_read_text(fd, ARGV_BYTES_MAX, &text, &len, err) < 0)
		return err_wrap(err, "jail arguments");
	while (at < len) {
		strv_add(ret, text + at);
		at += strlen(text + at) + 1;
	}
	return ret->count > 0 ? 0 : err_msg(err, EINVAL, "no jail arguments");
}

int jails_start(struct proxy *proxy, struct jail *jail, int argv_fd,
		const int *fds, size_t count, int voice_fd, struct err *err)
{
	struct fd_name names[PROXY_JAIL_FDS_MAX];
	struct strv argv = { 0 };
	struct child_spec spec = { .fds = names,
				   .fd_count = count,
				   .stdio = { -1, voice_fd, voice_fd },
				   .death_signal = true };
	int r;

	BUG_ON(count > PROXY_JAIL_FDS_MAX);
	for (size_t i = 0; i < count; i++)
		names[i] = (struct fd_name){ jail->what, fds[i] };
	r = read_argv(argv_fd, &argv, err);
	if (r == 0) {
		spec.path = argv.item[0];
		spec.argv = &argv;
		r = child_spawn(&spec, &jail->child, err);
	}
	strv_done(&argv);
	if (r < 0)
		return err_wrap(err, "%s", jail->what);
	jail->source.fd = jail->child.pidfd;
	jail->source.handle = jails_exited;
	r = proxy_watch(proxy, &jail->source, EPOLLIN);
	return r < 0 ? err_set(err, -r, "watch %s", jail->what) : 0;
}

/*
 * bubblewrap passes the end of its child on: 128 and the signal's number. The
 * status is the kernel's, what the jail printed before is not.
 */
static void describe_exit(const struct jail *jail, int status, char *ret,
			  size_t size)
{
	int code = (status >> 8) & 0xff;
	int signo = status & 0x7f ? status & 0x7f : code - 128;

	if (status < 0)
		snprintf(ret, size, "%s ended", jail->what);
	else if (signo == SIGSYS)
		snprintf(ret, size,
			 "%s was killed by its seccomp filter (the kernel's log has type=1326)",
			 jail->what);
	else if (signo == SIGKILL)
		snprintf(ret, size,
			 "%s was killed (SIGKILL: for memory, or by hand)",
			 jail->what);
	else if (signo > 0)
		snprintf(ret, size, "%s ended by signal %d", jail->what, signo);
	else
		snprintf(ret, size, "%s ended with status %d", jail->what, code);
}

void jails_exited(struct proxy *proxy, struct source *source, uint32_t events)
{
	struct jail *jail = source == &proxy->vmm.source ? &proxy->vmm :
							   &proxy->fs;
	char text[128];
	int status;

	(void)events;
	IGNORE(proxy_watch(proxy, source, 0) < 0, "closed next");
	source->fd = -1;
	status = child_reap(&jail->child); /* closes the pidfd */
	if (proxy->ending && proxy->qmp.state <= QMP_CAPABILITIES)
		proxy_set_deadline(&proxy->end_deadline, PROXY_SETTLE_MS);
	describe_exit(jail, status, text, sizeof(text));
	voice_drain(proxy, &jail->voice);
	if (jail == &proxy->fs && status == 0)
		/* It does so when QEMU has gone, who has more to say. */
		proxy_suspect(proxy, "the file server ended by itself");
	else if (jail->voice.last[0])
		proxy_end(proxy, true, "%s; last printed: %s", text,
			  jail->voice.last);
	else
		proxy_end(proxy, true, "%s", text);
}
