// SPDX-License-Identifier: Apache-2.0
/*
 * test-jailer-filters.c - the shipped allow-lists, each tried in a child that
 * loads it: calls that no jail may make must end the child with SIGSYS, and
 * the few that are answered with an error must be. Needs no rights.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "auto.h"
#include "fd.h"
#include "path.h"
#include "seccomp.h"

#define X32_BIT 0x40000000L
#define KILLED (-1)

struct call {
	const char *what;
	long number;
	long arg[6];
};

static char own_path[4096];
static void *filter;
static size_t filter_len;

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
	    seccomp_compile(profile, &filter, &filter_len, &unknown, &err) < 0)
		fail_msg("%s: %s", name, err.text);
	assert_int_equal(unknown.count, 0);
	strv_done(&unknown);
	seccomp_profile_free(profile);
}

static void unload(void)
{
	free(filter);
	filter = NULL;
}

/* Return: errno of the call (0: it worked), or KILLED */
static int try_call(const struct call *call)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		struct err err = ERR_INIT;
		long r;

		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		    seccomp_filter_load(filter, filter_len, 0, &err) < 0)
			_exit(200);
		r = syscall(call->number, call->arg[0], call->arg[1],
			    call->arg[2], call->arg[3], call->arg[4],
			    call->arg[5]);
		syscall(SYS_exit_group, r < 0 ? errno : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
		return KILLED;
	if (!WIFEXITED(status) || WEXITSTATUS(status) == 200)
		fail_msg("%s: wait status %d", call->what, status);
	return WEXITSTATUS(status);
}

static void expect(const struct call *calls, size_t count, int wanted)
{
	for (size_t i = 0; i < count; i++) {
		int got = try_call(&calls[i]);

		if (got != wanted)
			fail_msg("%s: got %d, wanted %d", calls[i].what, got,
				 wanted);
	}
}

#define EXPECT(wanted, ...)                                                    \
	do {                                                                   \
		const struct call list_[] = { __VA_ARGS__ };                   \
		expect(list_, ARRAY_SIZE(list_), wanted);                      \
	} while (0)

/* What every jailed program is refused. */
static void common(void)
{
	EXPECT(KILLED, { "ptrace", SYS_ptrace, { 0 } },
	       { "mount", SYS_mount, { 0 } }, { "umount2", SYS_umount2, { 0 } },
	       { "bpf", SYS_bpf, { 0 } }, { "open_tree", SYS_open_tree, { 0 } },
	       { "fsopen", SYS_fsopen, { 0 } },
	       { "move_mount", SYS_move_mount, { 0 } },
	       { "setns", SYS_setns, { 0 } },
	       { "pivot_root", SYS_pivot_root, { 0 } },
	       { "keyctl", SYS_keyctl, { 0 } },
	       { "add_key", SYS_add_key, { 0 } },
	       { "perf_event_open", SYS_perf_event_open, { 0 } },
	       { "process_vm_writev", SYS_process_vm_writev, { 0 } },
	       { "pidfd_getfd", SYS_pidfd_getfd, { 0 } },
	       { "finit_module", SYS_finit_module, { 0 } },
	       { "kexec_load", SYS_kexec_load, { 0 } },
	       { "io_uring_enter", SYS_io_uring_enter, { 0 } },
	       { "splice", SYS_splice, { 0 } },
	       { "open_by_handle_at", SYS_open_by_handle_at, { 0 } },
	       { "personality", SYS_personality, { 0 } },
	       { "unshare(NEWUSER)", SYS_unshare, { CLONE_NEWUSER } },
	       { "AF_NETLINK", SYS_socket, { AF_NETLINK, SOCK_RAW } },
	       { "AF_PACKET", SYS_socket, { AF_PACKET, SOCK_RAW } },
	       { "AF_VSOCK", SYS_socket, { AF_VSOCK, SOCK_STREAM } },
	       { "AF_ALG", SYS_socket, { 38, SOCK_SEQPACKET } },
	       { "AF_INET", SYS_socket, { AF_INET, SOCK_STREAM } },
	       { "clone(NEWUSER)", SYS_clone, { CLONE_NEWUSER | SIGCHLD } },
	       { "fork", SYS_fork, { 0 } }, { "vfork", SYS_vfork, { 0 } },
	       { "clone(process)", SYS_clone, { SIGCHLD } },
	       { "TIOCSTI", SYS_ioctl, { 0, 0x5412 } },
	       { "PR_SET_MM", SYS_prctl, { 35 } },
	       { "x32 getpid", SYS_getpid | X32_BIT, { 0 } });
}

static void thread_in_namespace(void)
{
	EXPECT(KILLED,
	       { "thread with NEWNS",
		 SYS_clone,
		 { CLONE_VM | CLONE_SIGHAND | CLONE_THREAD | CLONE_NEWNS } });
	EXPECT(ENOSYS, { "clone3", SYS_clone3, { 0 } });
}

/* Locks, limits, messages: what both programs share. */
static void shared_arguments(void)
{
	EXPECT(KILLED, { "FUTEX_LOCK_PI", SYS_futex, { 0, 6 } },
	       { "FUTEX_CMP_REQUEUE_PI", SYS_futex, { 0, 12 } },
	       { "sendmsg MSG_OOB", SYS_sendmsg, { -1, 0, MSG_OOB } },
	       { "recvmsg MSG_OOB", SYS_recvmsg, { -1, 0, MSG_OOB } },
	       { "MREMAP_FIXED", SYS_mremap, { 0, 0, 0, 3 } },
	       { "MADV_DONTUNMAP", SYS_madvise, { 0, 0, 21 } },
	       { "MADV_HWPOISON", SYS_madvise, { 0, 0, 100 } },
	       { "F_SETOWN", SYS_fcntl, { 0, F_SETOWN, 1 } },
	       { "F_SETPIPE_SZ", SYS_fcntl, { 0, F_SETPIPE_SZ, 4096 } },
	       { "PR_SET_DUMPABLE", SYS_prctl, { PR_SET_DUMPABLE, 1 } },
	       { "PR_SET_PTRACER", SYS_prctl, { PR_SET_PTRACER, 1 } },
	       { "ARCH_SET_GS", SYS_arch_prctl, { 0x1001 } },
	       { "thread with its own files",
		 SYS_clone,
		 { 0x3d0f00 & ~CLONE_FILES } },
	       { "PROT_GROWSDOWN", SYS_mprotect, { 0, 0, 0x01000003 } });
	EXPECT(0, { "FUTEX_WAKE", SYS_futex, { (long)&filter_len, 1 } },
	       { "getrlimit", SYS_prlimit64, { 0, 7 } },
	       { "MADV_DONTNEED", SYS_madvise, { 0, 0, MADV_DONTNEED } });
}

/* What a VMM may ask of files, sockets and memory. */
static void vmm_arguments(void)
{
	EXPECT(EPERM, { "setrlimit", SYS_prlimit64, { 0, 7, 4096 } });
	EXPECT(0, { "F_GETFL", SYS_fcntl, { 0, F_GETFL } });
	EXPECT(KILLED, { "O_CREAT", SYS_openat, { -1, 0, O_CREAT } },
	       { "O_WRONLY", SYS_openat, { -1, 0, O_WRONLY } },
	       { "O_TRUNC", SYS_openat, { -1, 0, O_TRUNC } },
	       { "O_PATH", SYS_openat, { -1, 0, O_PATH } },
	       { "AF_UNIX", SYS_socket, { AF_UNIX, SOCK_STREAM } },
	       { "a pair of datagrams",
		 SYS_socketpair,
		 { AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC } },
	       { "a pair of TIPC",
		 SYS_socketpair,
		 { AF_TIPC, SOCK_STREAM | SOCK_CLOEXEC } },
	       { "SO_PEERSEC", SYS_getsockopt, { 0, SOL_SOCKET, SO_PEERSEC } },
	       { "a memfd without O_CLOEXEC", SYS_memfd_create, { 0, 0 } },
	       { "fallocate", SYS_fallocate, { 0, 0 } },
	       { "TUNSETIFF", SYS_ioctl, { 0, 0x400454ca } },
	       { "an unfiltered second thread", SYS_seccomp, { 9 } });
	EXPECT(EINVAL, { "MFD_HUGETLB", SYS_memfd_create, { 0, 5 } });
	EXPECT(ENOPROTOOPT, { "setsockopt", SYS_setsockopt, { 0, 1, 60 } });
	EXPECT(EBADF, { "O_RDONLY", SYS_openat, { -1, (long)"a", O_CLOEXEC } },
	       { "MSG_CMSG_CLOEXEC", SYS_recvmsg, { -1, 0, MSG_CMSG_CLOEXEC } },
	       { "punch a hole", SYS_fallocate, { -1, 3 } },
	       { "TUNGETIFF", SYS_ioctl, { -1, 0x800454d2 } },
	       { "F_ADD_SEALS", SYS_fcntl, { -1, F_ADD_SEALS } });
	EXPECT(ENOSYS, { "io_uring_setup", SYS_io_uring_setup, { 0 } });
}

/*
 * execve is for a name where nobody can put one (docs/decisions/0018): with a
 * name elsewhere it kills, there it finds nothing.
 */
static void spent_execve(void)
{
	long place = 0x10000000;

	EXPECT(KILLED, { "execve", SYS_execve, { (long)"/bin/true" } },
	       { "execve of nothing", SYS_execve, { 0 } },
	       { "execveat", SYS_execveat, { -1, (long)"/bin/true" } },
	       { "mmap there",
		 SYS_mmap,
		 { place, 4096, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
		   -1 } },
	       { "mmap up to there",
		 SYS_mmap,
		 { place - 4096, 8192, 3,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1 } },
	       { "mmap there by a hint",
		 SYS_mmap,
		 { place, 4096, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1 } },
	       { "mmap of what grows down",
		 SYS_mmap,
		 { 1L << 32, 4096, 3,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN, -1 } },
	       { "mremap to there", SYS_mremap, { 0, 4096, 4096, 3, place } });
	EXPECT(EFAULT, { "execve of what is not there", SYS_execve, { place } });
}

/*
 * Nor does the kernel put memory there, however little room it is left: what
 * kata-jail-exec has become asks for all of the address space, under the jail's
 * filter, and writes the name if it gets the place.
 */
#define PLACE 0x10000000UL
#define PAGE 4096UL
#define FILL_FAILED 201 /* exit codes of fill(); others are execve's errno */
#define FILL_LOW 202

static NORETURN void fill(const char *profile)
{
	unsigned long lowest = ULONG_MAX;
	struct err err = ERR_INIT;
	char *place = (char *)PLACE; /* NOLINT(performance-no-int-to-ptr) */
	long at;

	load(profile);
	if (seccomp_filter_load(filter, filter_len, 0, &err) < 0)
		_exit(FILL_FAILED);
	for (unsigned long size = 1UL << 46; size >= PAGE; size /= 2)
		while ((at = syscall(SYS_mmap, 0, size, PROT_NONE,
				     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) > 0)
			lowest = (unsigned long)at < lowest ? (unsigned long)at :
							      lowest;
	if (syscall(SYS_mprotect, place, PAGE, PROT_READ | PROT_WRITE) == 0)
		memcpy(place, "/bin/true", sizeof("/bin/true"));
	syscall(SYS_execve, place, NULL, NULL);
	if (errno == EFAULT && lowest < 1UL << 32)
		syscall(SYS_exit_group, FILL_LOW);
	for (;;)
		syscall(SYS_exit_group, errno);
}

/* Execute this program's fill() as the programs of jails are, or directly. */
static int try_to_fill(const char *profile, bool by_jail_exec)
{
	static const struct sock_filter allow_all[] = { BPF_STMT(
		BPF_RET | BPF_K, SECCOMP_RET_ALLOW) };
	struct err err = ERR_INIT;
	AUTO_FD int rules_fd = fd_memfd("rules", "99", sizeof("99"), &err);
	AUTO_FD int filter_fd =
		fd_memfd("filter", allow_all, sizeof(allow_all), &err);
	AUTO_FREE char *rules = xasprintf("%d", rules_fd);
	AUTO_FREE char *bpf = xasprintf("%d", filter_fd);
	int status;
	pid_t pid;

	assert_true(rules_fd >= 0 && filter_fd >= 0);
	pid = fork();
	if (pid == 0) {
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		    fcntl(rules_fd, F_SETFD, 0) < 0 ||
		    fcntl(filter_fd, F_SETFD, 0) < 0)
			_exit(FILL_FAILED);
		if (by_jail_exec)
			execl(TEST_DIR "/../build/libexec/kata/kata-jail-exec",
			      "kata-jail-exec", rules, bpf, "-", own_path,
			      "fill", profile, (char *)NULL);
		else
			execl(own_path, own_path, "fill", profile, (char *)NULL);
		_exit(FILL_FAILED);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (!WIFEXITED(status) || WEXITSTATUS(status) == FILL_FAILED)
		fail_msg("%s: wait status %d", profile, status);
	return WEXITSTATUS(status);
}

/* vm.legacy_va_layout, and a stack without limit, have the same effect. */
static bool looks_downwards(void)
{
	AUTO_FREE char *text = NULL;
	struct rlimit stack;
	struct err err = ERR_INIT;

	return getrlimit(RLIMIT_STACK, &stack) == 0 &&
	       stack.rlim_cur != RLIM_INFINITY &&
	       path_read_file(AT_FDCWD, "/proc/sys/vm/legacy_va_layout", 16,
			      &text, &err) == 0 &&
	       strcmp(text, "0\n") == 0;
}

static void test_whole_address_space(void **state)
{
	static const char *const profile[] = { "virtiofsd", "virtiofsd-rs",
					       "qemu-tcg", "qemu-kvm" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(profile); i++)
		assert_int_equal(try_to_fill(profile[i], true), EFAULT);
	/* else the kernel gives the place away, and /bin/true is executed */
	if (looks_downwards())
		assert_int_equal(try_to_fill("virtiofsd", false), 0);
}

static void test_tcg(void **state)
{
	(void)state;
	load("qemu-tcg");
	common();
	thread_in_namespace();
	EXPECT(KILLED, { "KVM ioctl", SYS_ioctl, { 0, 0xae00 } },
	       { "chroot", SYS_chroot, { 0 } }, { "setuid", SYS_setuid, { 0 } },
	       { "kill", SYS_kill, { 0 } }, { "unlinkat", SYS_unlinkat, { 0 } });
	spent_execve();
	shared_arguments();
	vmm_arguments();
	/* the code generator changes its memory, it does not map it so */
	EXPECT(KILLED, { "mmap rwx",
			 SYS_mmap,
			 { 0, 4096, 7, MAP_PRIVATE | MAP_ANONYMOUS, -1 } });
	EXPECT(0, { "mprotect rwx", SYS_mprotect, { 0, 0, 7 } });
	EXPECT(EROFS, { "O_RDWR", SYS_openat, { -1, 0, O_RDWR } });
	unload();
}

static void no_new_code(void)
{
	EXPECT(KILLED,
	       { "mmap rwx",
		 SYS_mmap,
		 { 0, 4096, 7, MAP_PRIVATE | MAP_ANONYMOUS, -1 } },
	       { "mmap rx anonymous",
		 SYS_mmap,
		 { 0, 4096, 5, MAP_PRIVATE | MAP_ANONYMOUS, -1 } },
	       { "mprotect rx", SYS_mprotect, { 0, 0, 5 } });
	EXPECT(0, { "mmap rw",
		    SYS_mmap,
		    { 0, 4096, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1 } });
}

static void test_kvm(void **state)
{
	(void)state;
	load("qemu-kvm");
	common();
	thread_in_namespace();
	spent_execve();
	shared_arguments();
	vmm_arguments();
	no_new_code();
	EXPECT(KILLED, { "O_RDWR", SYS_openat, { -1, 0, O_RDWR | O_TRUNC } });
	EXPECT(EBADF, { "/dev/kvm",
			SYS_openat,
			{ -1, (long)"kvm", O_RDWR | O_CLOEXEC } });
	/* let through to the kernel: descriptor 0 is no KVM descriptor */
	assert_int_not_equal(try_call(&(struct call){
				     "KVM ioctl", SYS_ioctl, { 0, 0xae00 } }),
			     KILLED);
	unload();
}

static void test_virtiofsd(void **state)
{
	(void)state;
	load("virtiofsd");
	common();
	thread_in_namespace();
	spent_execve();
	shared_arguments();
	no_new_code();
	EXPECT(KILLED, { "unshare(NEWNS)", SYS_unshare, { CLONE_NEWNS } },
	       { "unshare(FS|NEWNS)", SYS_unshare, { CLONE_FS | CLONE_NEWNS } },
	       { "connect", SYS_connect, { 0 } });
	EXPECT(0, { "unshare(FS)", SYS_unshare, { CLONE_FS } });
	EXPECT(EPERM, { "setrlimit", SYS_prlimit64, { 0, 7, 4096 } });
	EXPECT(0, { "F_GETFL", SYS_fcntl, { 0, F_GETFL } });
	EXPECT(ENOSYS, { "userfaultfd", SYS_userfaultfd, { 0 } });
	EXPECT(EOPNOTSUPP, { "flock", SYS_flock, { 0 } });
	EXPECT(KILLED, { "any ioctl", SYS_ioctl, { 0, 0x5401 } });
	unload();
}

static void test_virtiofsd_rs(void **state)
{
	long none = 0xffffffff;

	(void)state;
	load("virtiofsd-rs");
	common();
	thread_in_namespace();
	spent_execve();
	shared_arguments();
	no_new_code();
	EXPECT(KILLED, { "setrlimit", SYS_prlimit64, { 0, 7, 4096 } },
	       { "unshare(FS)", SYS_unshare, { CLONE_FS } },
	       { "unshare(NEWNS)", SYS_unshare, { CLONE_NEWNS } },
	       { "name_to_handle_at", SYS_name_to_handle_at, { 0 } },
	       { "membarrier", SYS_membarrier, { 0 } },
	       { "kill", SYS_kill, { 0 } }, { "tkill", SYS_tkill, { 0 } },
	       { "connect", SYS_connect, { 0 } },
	       { "sendto", SYS_sendto, { 0 } },
	       { "sendmsg without MSG_NOSIGNAL", SYS_sendmsg, { -1, 0, 0 } },
	       { "all user ids", SYS_setresuid, { 1, 1, 1 } },
	       { "real group id", SYS_setresgid, { 1, none, none } },
	       { "saved user id", SYS_setresuid, { none, none, 1 } },
	       { "two groups", SYS_setgroups, { 2, 0 } },
	       { "any ioctl", SYS_ioctl, { 0, 0x5401 } });
	EXPECT(0, { "no id", SYS_setresuid, { none, none, none } },
	       { "no id, sign-extended", SYS_setresgid, { -1, -1, -1 } },
	       { "no group", SYS_getgroups, { 0, 0 } });
	EXPECT(EBADF, { "an answer", SYS_sendmsg, { -1, 0, MSG_NOSIGNAL } });
	unload();
}

static void test_proxy(void **state)
{
	(void)state;
	load("proxy");
	common();
	no_new_code();
	EXPECT(KILLED, { "execve", SYS_execve, { 0 } },
	       { "openat", SYS_openat, { AT_FDCWD } },
	       { "AF_UNIX", SYS_socket, { AF_UNIX, SOCK_STREAM } },
	       { "connect", SYS_connect, { 0 } }, { "bind", SYS_bind, { 0 } });
	unload();
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tcg),
		cmocka_unit_test(test_kvm),
		cmocka_unit_test(test_virtiofsd),
		cmocka_unit_test(test_virtiofsd_rs),
		cmocka_unit_test(test_proxy),
		cmocka_unit_test(test_whole_address_space),
	};

	if (argc == 3 && strcmp(argv[1], "fill") == 0)
		fill(argv[2]);
	if (readlink("/proc/self/exe", own_path, sizeof(own_path) - 1) < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
