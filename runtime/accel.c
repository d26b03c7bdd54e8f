// SPDX-License-Identifier: Apache-2.0
/*
 * accel.c - measures KVM and chooses the accelerator. Runs in kata-runtime
 * with the caller's rights; the guest that is timed is the few bytes below,
 * so nothing hostile is read. The measurement is done in a child, because a
 * vcpu that never returns must not take the command with it.
 */
#include "accel.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "auto.h"
#include "boot-cache.h"
#include "child.h"
#include "fd.h"

#define PROBE_ITERATIONS 100000
/*
 * Below this nobody asks further: silicon needs about 0.1 ms, nested
 * virtualization was seen to need 3 to 30 ms. Above it the guest is compared with
 * the same loop outside of it, which other load slows down as much: a nested
 * guest took 5 to 20 times as long, an emulated one 2000 times.
 */
#define PROBE_LIMIT_US 25000
#define PROBE_RATIO 300
#define PROBE_TRIES 3
/*
 * The child gets this much processor time: of the clock on the wall other load
 * takes any part, and the second limit is only for a child that never runs.
 */
#define PROBE_CPU_MS 1000
#define PROBE_WALL_MS 5000
#define PROBE_STEP_MS 20
#define REAP_MS 40
#define CACHE_NAME ".accel-time"

const char *const accel_name[ACCEL_MAX] = { "tcg", "kvm" };

/* What the child found; fits a pipe write whole. */
struct probe_result {
	int code;	  /* errno of the step that failed, or 0 */
	char step[32];	  /* that step */
	uint64_t time_us; /* processor time of the loop in the guest */
	uint64_t host_us; /* and outside of it */
};

bool accel_is_real(uint64_t time_us, uint64_t host_us)
{
	return time_us <= PROBE_LIMIT_US || time_us / PROBE_RATIO < host_us;
}

int accel_request_parse(const char *text)
{
	static const char *const name[ACCEL_WANT_MAX] = { "auto", "kvm", "tcg" };

	for (int i = 0; i < ACCEL_WANT_MAX; i++)
		if (strcmp(text, name[i]) == 0)
			return i;
	return -EINVAL;
}

#if defined(__x86_64__)
#define PAGE 4096
#define GUEST_CODE 0x1000

/* Real mode: dec ecx; jnz back; hlt */
static const uint8_t guest_code[] = { 0x66, 0x49, 0x75, 0xfc, 0xf4 };

static int failed(struct probe_result *ret, const char *step)
{
	ret->code = errno ? errno : EIO;
	snprintf(ret->step, sizeof(ret->step), "%s", step);
	return -ret->code;
}

static int load_guest(int vm_fd, struct probe_result *ret)
{
	void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct kvm_userspace_memory_region region = {
		.guest_phys_addr = GUEST_CODE,
		.memory_size = PAGE,
		.userspace_addr = (uintptr_t)page,
	};

	if (page == MAP_FAILED)
		return failed(ret, "guest memory");
	memcpy(page, guest_code, sizeof(guest_code));
	if (ioctl(vm_fd, KVM_SET_USER_MEMORY_REGION, &region) < 0)
		return failed(ret, "KVM_SET_USER_MEMORY_REGION");
	return 0;
}

static int set_registers(int vcpu_fd, struct probe_result *ret)
{
	struct kvm_regs regs = { .rip = GUEST_CODE,
				 .rcx = PROBE_ITERATIONS,
				 .rflags = 2 };
	struct kvm_sregs sregs;

	if (ioctl(vcpu_fd, KVM_GET_SREGS, &sregs) < 0)
		return failed(ret, "KVM_GET_SREGS");
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	if (ioctl(vcpu_fd, KVM_SET_SREGS, &sregs) < 0)
		return failed(ret, "KVM_SET_SREGS");
	if (ioctl(vcpu_fd, KVM_SET_REGS, &regs) < 0)
		return failed(ret, "KVM_SET_REGS");
	return 0;
}

/* Processor time: other load on the machine must not look like emulation. */
static uint64_t now_us(void)
{
	struct timespec t;

	BUG_ON(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t) < 0);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static int run_guest(int vcpu_fd, const struct kvm_run *run,
		     struct probe_result *ret)
{
	uint64_t start = now_us();

	if (ioctl(vcpu_fd, KVM_RUN, 0) < 0)
		return failed(ret, "KVM_RUN");
	if (run->exit_reason != KVM_EXIT_HLT) {
		errno = EIO;
		return failed(ret, "guest did not halt");
	}
	ret->time_us = now_us() - start;
	return 0;
}

static uint64_t run_here(void)
{
	uint32_t count = PROBE_ITERATIONS;
	uint64_t start = now_us();

	__asm__ volatile("1: dec %0; jnz 1b" : "+r"(count) : : "cc");
	return now_us() - start;
}

/* The middle one: a clock that ticks may say nothing or far too much once. */
static uint64_t median_here(void)
{
	uint64_t time[3] = { run_here(), run_here(), run_here() };
	uint64_t low = time[0] < time[1] ? time[0] : time[1];
	uint64_t high = time[0] < time[1] ? time[1] : time[0];

	return time[2] < low ? low : time[2] > high ? high : time[2];
}

static int fastest(int vcpu_fd, const struct kvm_run *run,
		   struct probe_result *ret)
{
	uint64_t best = UINT64_MAX;

	ret->host_us = median_here();
	for (int i = 0; i < PROBE_TRIES && best > PROBE_LIMIT_US; i++) {
		if (set_registers(vcpu_fd, ret) < 0 ||
		    run_guest(vcpu_fd, run, ret) < 0)
			return -ret->code;
		if (ret->time_us < best)
			best = ret->time_us;
		if (!accel_is_real(best, ret->host_us))
			break;
	}
	ret->time_us = best;
	return 0;
}

static int probe(struct probe_result *ret)
{
	AUTO_FD int kvm_fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	AUTO_FD int vm_fd = -1;
	AUTO_FD int vcpu_fd = -1;
	struct kvm_run *run;
	int size;

	if (kvm_fd < 0)
		return failed(ret, "open /dev/kvm");
	errno = 0;
	if (ioctl(kvm_fd, KVM_GET_API_VERSION, 0) != KVM_API_VERSION)
		return failed(ret, "KVM_GET_API_VERSION");
	vm_fd = ioctl(kvm_fd, KVM_CREATE_VM, 0);
	if (vm_fd < 0)
		return failed(ret, "KVM_CREATE_VM");
	if (load_guest(vm_fd, ret) < 0)
		return -ret->code;
	vcpu_fd = ioctl(vm_fd, KVM_CREATE_VCPU, 0);
	if (vcpu_fd < 0)
		return failed(ret, "KVM_CREATE_VCPU");
	size = ioctl(kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (size < (int)sizeof(*run))
		return failed(ret, "KVM_GET_VCPU_MMAP_SIZE");
	run = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED,
		   vcpu_fd, 0);
	if (run == MAP_FAILED)
		return failed(ret, "map vcpu");
	return fastest(vcpu_fd, run, ret);
}
#else
static int probe(struct probe_result *ret)
{
	ret->code = ENOSYS;
	snprintf(ret->step, sizeof(ret->step), "no probe for this machine");
	return -ret->code;
}
#endif

/* Processor time of a child that was not waited for, of all its threads. */
static uint64_t child_cpu_ms(pid_t pid)
{
	struct timespec t;
	clockid_t clock;

	if (clock_getcpuclockid(pid, &clock) != 0 ||
	    clock_gettime(clock, &t) < 0)
		return 0;
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* Return: 1 there is a result, 0 not finished in its time, -errno */
static int wait_for_probe(int fd, pid_t pid)
{
	int r = 0;

	for (int waited = 0; r == 0 && waited < PROBE_WALL_MS &&
			     child_cpu_ms(pid) < PROBE_CPU_MS;
	     waited += PROBE_STEP_MS)
		r = fd_wait_in(fd, PROBE_STEP_MS);
	return r;
}

/* Return: 1 measured, 0 not finished in time, -errno */
static int probe_in_child(struct probe_result *ret, struct err *err)
{
	AUTO_FD int read_fd = -1;
	int pipe_fd[2];
	pid_t pid;
	int r;

	if (pipe2(pipe_fd, O_CLOEXEC) < 0)
		return err_set(err, errno, "pipe");
	read_fd = pipe_fd[0];
	pid = fork();
	if (pid == 0) {
		struct probe_result result = { 0 };

		IGNORE(probe(&result) < 0, "the result says so");
		r = fd_write_all(pipe_fd[1], &result, sizeof(result));
		_exit(r < 0);
	}
	close(pipe_fd[1]);
	if (pid < 0)
		return err_set(err, errno, "fork");
	r = wait_for_probe(read_fd, pid);
	if (r > 0 && fd_read_full(read_fd, ret, sizeof(*ret)) != sizeof(*ret))
		r = err_msg(err, EIO, "KVM probe ended without a result");
	else if (r < 0)
		err_set(err, -r, "KVM probe");
	/* inside a broken KVM it may not die at once */
	IGNORE(!child_end_within(pid, 0, REAP_MS, NULL),
	       "a zombie until we end");
	return r;
}

static void judge(const struct probe_result *result, struct accel_choice *ret)
{
	unsigned long long us = result->time_us;

	ret->accel = accel_is_real(us, result->host_us) ? ACCEL_KVM : ACCEL_TCG;
	snprintf(ret->reason, sizeof(ret->reason),
		 ret->accel == ACCEL_KVM ?
			 "/dev/kvm is real: test guest took %llu.%03llu ms" :
			 "/dev/kvm is emulated: test guest took %llu.%03llu ms, "
			 "silicon takes about 0.1",
		 us / 1000, us % 1000);
}

/* Both times in one number. */
static bool load(int root_fd, struct probe_result *ret)
{
	uint64_t both;

	if (!boot_cache_load(root_fd, CACHE_NAME, UINT64_MAX, &both))
		return false;
	ret->time_us = both & UINT32_MAX;
	ret->host_us = both >> 32;
	return true;
}

static int save(int root_fd, const struct probe_result *result, struct err *err)
{
	return boot_cache_save(root_fd, CACHE_NAME,
			       (result->host_us & UINT32_MAX) << 32 |
				       (result->time_us & UINT32_MAX),
			       err);
}

static int measure(int root_fd, struct accel_choice *ret, struct err *err)
{
	struct probe_result result = { 0 };
	int r;

	/* The right to open it may have changed since; the speed has not. */
	if (access("/dev/kvm", R_OK | W_OK) == 0 && load(root_fd, &result)) {
		judge(&result, ret);
		ret->cached = true;
		return 0;
	}
	r = probe_in_child(&result, err);
	if (r < 0)
		return r;
	ret->accel = ACCEL_TCG;
	if (r == 0) {
		snprintf(ret->reason, sizeof(ret->reason),
			 "/dev/kvm is emulated: test guest not done after %d ms of processor time",
			 PROBE_CPU_MS);
		return 0;
	}
	if (result.code) {
		result.step[sizeof(result.step) - 1] = '\0';
		snprintf(ret->reason, sizeof(ret->reason),
			 "KVM cannot be used: %s: %s", result.step,
			 strerror(result.code));
		return 0;
	}
	judge(&result, ret);
	return save(root_fd, &result, err);
}

/**
 * accel_choose() - Choose the accelerator and say why
 * @want:	What the settings ask for
 * @root_fd:	State root, or -1
 * @ret:	Choice and reason
 * @err:	Filled on failure
 *
 * Return: 0, -ENODEV when KVM is demanded and cannot be used, or -errno
 *
 * #files:runtime /dev/kvm rw - timing a guest of our own
 */
int accel_choose(enum accel_request want, int root_fd, struct accel_choice *ret,
		 struct err *err)
{
	struct accel_choice choice = { .accel = ACCEL_TCG };
	int r;

	BUG_ON(want < 0 || want >= ACCEL_WANT_MAX);
	if (want == ACCEL_WANT_TCG) {
		snprintf(choice.reason, sizeof(choice.reason),
			 "the settings ask for TCG");
		*ret = choice;
		return 0;
	}
	r = measure(root_fd, &choice, err);
	if (r < 0)
		return r;
	if (want == ACCEL_WANT_KVM && choice.accel != ACCEL_KVM)
		return err_msg(
			err, ENODEV,
			"accelerator: KVM is demanded by the settings, but %s; "
			"set accelerator = \"auto\" or \"tcg\"",
			choice.reason);
	*ret = choice;
	return 0;
}
