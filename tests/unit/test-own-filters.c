// SPDX-License-Identifier: Apache-2.0
/*
 * test-own-filters.c - the filters of kata-proxy and kata-shim: every call
 * number of three ABIs is evaluated, and each rule on arguments is tried in a
 * child that loads the filter, with what the program passes and with what it
 * never does. Needs no rights.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "auto.h"
#include "filter-eval.h"
#include "path.h"
#include "seccomp.h"

#define NUMBERS 1024 /* far above the last call of any ABI */
#define X32_BIT 0x40000000L
#define PROXY_LIMIT 25
#define SHIM_LIMIT 30

struct call {
	const char *what;
	long number;
	long arg[6];
};

static void *bpf;
static size_t bpf_len;
static size_t name_count; /* different calls of the profile */

static void count_names(const struct oci_seccomp *profile)
{
	struct strv seen = { 0 };

	for (size_t i = 0; i < profile->syscall_count; i++)
		for (size_t n = 0; n < profile->syscalls[i].names.count; n++)
			if (!strv_has(&seen, profile->syscalls[i].names.item[n]))
				strv_add(&seen,
					 profile->syscalls[i].names.item[n]);
	name_count = seen.count;
	strv_done(&seen);
}

static void load(const char *name)
{
	AUTO_FREE char *path =
		xasprintf(TEST_DIR "/../seccomp-profiles/%s.json", name);
	AUTO_FREE char *text = NULL;
	struct oci_seccomp *profile = NULL;
	struct strv unknown = { 0 };
	struct err err = ERR_INIT;

	assert_int_equal(path_read_file(AT_FDCWD, path, 1 << 20, &text, &err),
			 0);
	if (seccomp_profile_parse(text, strlen(text), &profile, &err) < 0 ||
	    seccomp_compile(profile, &bpf, &bpf_len, &unknown, &err) < 0)
		fail_msg("%s: %s", name, err.text);
	assert_int_equal(unknown.count, 0);
	count_names(profile);
	strv_done(&unknown);
	seccomp_profile_free(profile);
}

static void unload(void)
{
	free(bpf);
	bpf = NULL;
}

/* --- every number ---------------------------------------------------------- */

static enum filter_answer answer(uint32_t arch, uint32_t number)
{
	struct filter filter = { bpf, bpf_len / sizeof(struct sock_filter) };
	struct filter_verdict verdict;
	struct err err = ERR_INIT;

	assert_int_equal(filter_check(&filter, &err), 0);
	filter_eval(&filter, 1, arch, number, &verdict);
	assert_true(verdict.complete);
	return filter_answer(&verdict);
}

/* Of the ABI that our programs have: as many as are named, and no errno. */
static void native_calls(size_t limit)
{
	size_t usable = 0;

	for (uint32_t i = 0; i < NUMBERS; i++) {
		enum filter_answer got = answer(AUDIT_ARCH_X86_64, i);

		assert_int_not_equal(got, FILTER_REFUSED);
		usable += got != FILTER_KILLED;
	}
	assert_int_equal(usable, name_count);
	assert_true(usable <= limit);
	print_message("usable calls: %zu\n", usable);
}

static void other_abis(void)
{
	for (uint32_t i = 0; i < NUMBERS; i++) {
		assert_int_equal(answer(AUDIT_ARCH_X86_64, i | FILTER_X32_BIT),
				 FILTER_KILLED);
		assert_int_equal(answer(AUDIT_ARCH_I386, i), FILTER_KILLED);
		assert_int_equal(answer(AUDIT_ARCH_AARCH64, i), FILTER_KILLED);
	}
}

/* --- in a child ------------------------------------------------------------ */

static long compat_call(long number)
{
#ifdef __x86_64__
	long r;

	__asm__ volatile("int $0x80" : "=a"(r) : "a"(number) : "memory");
	return r;
#else
	return syscall(number);
#endif
}

static bool is_killed(const struct call *call, bool compat)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		struct err err = ERR_INIT;

		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		    seccomp_filter_load(bpf, bpf_len, 0, &err) < 0)
			_exit(200);
		if (compat)
			compat_call(call->number);
		else
			syscall(call->number, call->arg[0], call->arg[1],
				call->arg[2], call->arg[3], call->arg[4],
				call->arg[5]);
		syscall(SYS_exit_group, 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
		return true;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		fail_msg("%s: wait status %d", call->what, status);
	return false;
}

static void try_all(const struct call *calls, size_t count, bool killed)
{
	for (size_t i = 0; i < count; i++)
		if (is_killed(&calls[i], false) != killed)
			fail_msg("%s is %s", calls[i].what,
				 killed ? "let through" : "killed");
}

#define KILLED(...)                                                            \
	do {                                                                   \
		const struct call list_[] = { __VA_ARGS__ };                   \
		try_all(list_, ARRAY_SIZE(list_), true);                       \
	} while (0)
#define PASSES(...)                                                            \
	do {                                                                   \
		const struct call list_[] = { __VA_ARGS__ };                   \
		try_all(list_, ARRAY_SIZE(list_), false);                      \
	} while (0)

/* Descriptor -1: what is let through comes back with EBADF. */
#define FD (-1L)
#define ACCEPT_FLAGS (SOCK_CLOEXEC | SOCK_NONBLOCK)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#define RW (PROT_READ | PROT_WRITE)

static void common_passes(void)
{
	static struct msghdr msg;

	PASSES({ "accept4", SYS_accept4, { FD, 0, 0, ACCEPT_FLAGS } },
	       { "SO_PEERCRED", SYS_getsockopt, { FD, SOL_SOCKET, SO_PEERCRED } },
	       { "recvmsg", SYS_recvmsg, { FD, (long)&msg, MSG_CMSG_CLOEXEC } },
	       { "send", SYS_sendto, { FD, 0, 0, MSG_NOSIGNAL } },
	       { "send now",
		 SYS_sendto,
		 { FD, 0, 0, MSG_NOSIGNAL | MSG_DONTWAIT } },
	       { "wait4", SYS_wait4, { -1, 0, WNOHANG } },
	       { "mmap", SYS_mmap, { 0, 4096, RW, ANON, -1 } },
	       { "clock", SYS_clock_gettime, { CLOCK_MONOTONIC, 0 } },
	       { "date", SYS_clock_gettime, { CLOCK_REALTIME, 0 } },
	       { "epoll_ctl", SYS_epoll_ctl, { FD, EPOLL_CTL_DEL, FD } },
	       { "write", SYS_write, { FD } }, { "read", SYS_read, { FD } },
	       { "brk", SYS_brk, { 0 } }, { "munmap", SYS_munmap, { 0, 0 } });
}

static void common_kills(void)
{
	KILLED({ "accept4 that waits", SYS_accept4, { FD, 0, 0, SOCK_CLOEXEC } },
	       { "accept4, address", SYS_accept4, { FD, 1, 0, ACCEPT_FLAGS } },
	       { "accept", SYS_accept, { FD } },
	       { "SO_ERROR", SYS_getsockopt, { FD, SOL_SOCKET, SO_ERROR } },
	       { "TCP option", SYS_getsockopt, { FD, 6, SO_PEERCRED } },
	       { "recvmsg, descriptors left open", SYS_recvmsg, { FD } },
	       { "recvmsg peek",
		 SYS_recvmsg,
		 { FD, 0, MSG_CMSG_CLOEXEC | MSG_PEEK } },
	       { "send that may signal", SYS_sendto, { FD } },
	       { "send out of band",
		 SYS_sendto,
		 { FD, 0, 0, MSG_NOSIGNAL | MSG_OOB } },
	       { "send to", SYS_sendto, { FD, 0, 0, MSG_NOSIGNAL, 1, 16 } },
	       { "wait that waits", SYS_wait4, { -1 } },
	       { "mmap rwx", SYS_mmap, { 0, 4096, 7, ANON, -1 } },
	       { "mmap rx", SYS_mmap, { 0, 4096, 5, ANON, -1 } },
	       { "mmap file", SYS_mmap, { 0, 4096, RW, MAP_PRIVATE, FD } },
	       { "mmap fixed",
		 SYS_mmap,
		 { 0x10000, 4096, RW, ANON | MAP_FIXED, -1 } },
	       { "mremap fixed",
		 SYS_mremap,
		 { 0, 0, 0, MREMAP_MAYMOVE | MREMAP_FIXED } },
	       { "another's clock", SYS_clock_gettime, { -6, 0 } });
	KILLED({ "mprotect", SYS_mprotect, { 0, 0, 5 } },
	       { "openat", SYS_openat, { AT_FDCWD } },
	       { "execve", SYS_execve, { 0 } },
	       { "execveat", SYS_execveat, { 0 } }, { "fork", SYS_fork, { 0 } },
	       { "clone3", SYS_clone3, { 0 } }, { "kill", SYS_kill, { 0 } },
	       { "tgkill", SYS_tgkill, { 0 } },
	       { "pidfd_send_signal", SYS_pidfd_send_signal, { 0 } },
	       { "socket", SYS_socket, { AF_UNIX, SOCK_STREAM } },
	       { "connect", SYS_connect, { 0 } }, { "bind", SYS_bind, { 0 } },
	       { "fcntl", SYS_fcntl, { FD } }, { "prctl", SYS_prctl, { 0 } },
	       { "setuid", SYS_setuid, { 0 } }, { "mount", SYS_mount, { 0 } },
	       { "setns", SYS_setns, { 0 } }, { "unshare", SYS_unshare, { 0 } },
	       { "seccomp", SYS_seccomp, { 0 } },
	       { "prlimit64", SYS_prlimit64, { 0 } },
	       { "keyctl", SYS_keyctl, { 0 } },
	       { "getpid of x32", SYS_getpid | X32_BIT, { 0 } },
	       { "read of x32", SYS_read | X32_BIT, { FD } });
}

/* 3, 4, 6 and 20 are read, write, close and getpid of i386. */
static void compat_kills(void)
{
	static const int number[] = { 3, 4, 6, 20 };
	const struct call control = { "control", SYS_getppid, { 0 } };

	if (compat_call(20) != getpid()) {
		print_message("no calls of i386 here: evaluated only\n");
		return;
	}
	assert_true(is_killed(&control, false));
	for (size_t i = 0; i < ARRAY_SIZE(number); i++) {
		struct call call = { "i386", number[i], { 0 } };

		assert_true(is_killed(&call, true));
	}
}

static void test_proxy(void **state)
{
	(void)state;
	load("proxy");
	native_calls(PROXY_LIMIT);
	other_abis();
	common_passes();
	common_kills();
	compat_kills();
	KILLED({ "poll", SYS_poll, { 0, 0, 0 } },
	       { "dup2", SYS_dup2, { FD, 0 } },
	       { "ioctl", SYS_ioctl, { 0, TIOCGWINSZ } },
	       { "madvise", SYS_madvise, { 0, 0, MADV_DONTNEED } },
	       { "mremap", SYS_mremap, { 0, 0, 0, MREMAP_MAYMOVE } },
	       { "sendmsg", SYS_sendmsg, { FD, 0, MSG_NOSIGNAL } });
	unload();
}

static void test_shim(void **state)
{
	static struct iovec iov;

	(void)state;
	load("shim");
	native_calls(SHIM_LIMIT);
	other_abis();
	common_passes();
	common_kills();
	compat_kills();
	PASSES({ "poll of one", SYS_poll, { 0, 0, 0 } },
	       { "mremap", SYS_mremap, { 0, 0, 0, MREMAP_MAYMOVE } },
	       { "stdio", SYS_dup2, { FD, 2 } },
	       { "size", SYS_ioctl, { 0, TIOCGWINSZ } },
	       { "settings", SYS_ioctl, { 0, TCSETSW } },
	       { "settings again", SYS_ioctl, { 0, TCGETS } },
	       { "madvise", SYS_madvise, { 0, 0, MADV_DONTNEED } },
	       { "pwritev2",
		 SYS_pwritev2,
		 { FD, (long)&iov, 1, -1, -1, RWF_NOWAIT } },
	       { "recv", SYS_recvfrom, { FD, 0, 0, MSG_DONTWAIT } });
	KILLED({ "poll of two", SYS_poll, { 0, 2, 0 } },
	       { "dup2 elsewhere", SYS_dup2, { FD, 3 } },
	       { "TIOCSTI", SYS_ioctl, { 0, TIOCSTI } },
	       { "size of stdout", SYS_ioctl, { 1, TIOCGWINSZ } },
	       { "TIOCSWINSZ", SYS_ioctl, { 0, TIOCSWINSZ } },
	       { "MADV_MERGEABLE", SYS_madvise, { 0, 0, MADV_MERGEABLE } },
	       { "pwritev2 that waits",
		 SYS_pwritev2,
		 { FD, (long)&iov, 1, -1, -1, 0 } },
	       { "recv that waits", SYS_recvfrom, { FD } },
	       { "recv from", SYS_recvfrom, { FD, 0, 0, MSG_DONTWAIT, 1, 1 } },
	       { "getpid", SYS_getpid, { 0 } },
	       { "writev", SYS_writev, { FD } });
	unload();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_proxy),
		cmocka_unit_test(test_shim),
	};

	/* A child that is killed leaves no file. */
	setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
	return cmocka_run_group_tests(tests, NULL, NULL);
}
