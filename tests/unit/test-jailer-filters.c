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
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "auto.h"
#include "path.h"
#include "seccomp.h"

#define X32_BIT 0x40000000L
#define KILLED (-1)

struct call {
	const char *what;
	long number;
	long arg[6];
};

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
	EXPECT(ENOSYS, { "clone3", SYS_clone3, { 0 } },
	       { "io_uring_setup", SYS_io_uring_setup, { 0 } });
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
	EXPECT(0, { "mmap rwx",
		    SYS_mmap,
		    { 0, 4096, 7, MAP_PRIVATE | MAP_ANONYMOUS, -1 } });
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
	no_new_code();
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
	no_new_code();
	EXPECT(KILLED, { "unshare(NEWNS)", SYS_unshare, { CLONE_NEWNS } },
	       { "unshare(FS|NEWNS)", SYS_unshare, { CLONE_FS | CLONE_NEWNS } },
	       { "connect", SYS_connect, { 0 } });
	EXPECT(0, { "unshare(FS)", SYS_unshare, { CLONE_FS } });
	EXPECT(EPERM, { "userfaultfd", SYS_userfaultfd, { 0 } });
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tcg),
		cmocka_unit_test(test_kvm),
		cmocka_unit_test(test_virtiofsd),
		cmocka_unit_test(test_proxy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
