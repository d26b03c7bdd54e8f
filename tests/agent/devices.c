// SPDX-License-Identifier: Apache-2.0
/*
 * devices.c - devices CGROUP NODE: inside a container with CAP_SYS_ADMIN and
 * CAP_MKNOD, puts a device program of its own behind the one that is attached
 * to its cgroup (a directory of a cgroup2 file system): it gives back 0
 * whatever the earlier ones said. Makes the memory device of the guest before
 * and after, and opens it. A line a step: "WHAT=ERRNO", 0: it worked.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* Major and minor of a device that no container may have: /dev/mem's. */
#define MEM_MAJOR 1
#define MEM_MINOR 1

static int told(const char *what, long r)
{
	printf("%s=%d\n", what, r < 0 ? errno : 0);
	return (int)r;
}

static int load(void)
{
	/* bpf_set_retval(0); return 1; */
	struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 1 },
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_set_retval },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = 1 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE,
		/* Without it the helper is refused. */
		.expected_attach_type = BPF_CGROUP_DEVICE,
		.insns = (uint64_t)(uintptr_t)insns,
		.insn_cnt = sizeof(insns) / sizeof(*insns),
		.license = (uint64_t)(uintptr_t) "Apache-2.0",
	};

	return (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
}

static int attach(int cgroup, int program)
{
	union bpf_attr attr = {
		.target_fd = (uint32_t)cgroup,
		.attach_bpf_fd = (uint32_t)program,
		.attach_type = BPF_CGROUP_DEVICE,
		.attach_flags = BPF_F_ALLOW_MULTI,
	};

	return (int)syscall(SYS_bpf, BPF_PROG_ATTACH, &attr, sizeof(attr));
}

int main(int argc, char **argv)
{
	int cgroup, program;

	if (argc != 3)
		return 2;
	cgroup = open(argv[1], O_RDONLY | O_DIRECTORY);
	if (cgroup < 0 ||
	    mknod(argv[2], S_IFCHR | 0600, makedev(MEM_MAJOR, MEM_MINOR)) < 0) {
		perror(argv[0]);
		return 1;
	}
	told("before", open(argv[2], O_RDONLY));
	program = told("load", load());
	if (program >= 0)
		told("attach", attach(cgroup, program));
	told("after", open(argv[2], O_RDONLY));
	return 0;
}
