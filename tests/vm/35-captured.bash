# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# 35-captured: what a captured QEMU tries, under KVM and with its profile
# (docs/captured-vmm.md), beside SELinux without our module. KVM is emulated here,
# where an action takes ten times what it takes elsewhere: CAPTURED_TESTS= takes
# all of them, this list one of each kind.

: "${CAPTURED_TESTS=LiveKvm UnderKvm $(printf 'Captured.test_kvm_%s ' \
	abstract_socket bpf execve fork kill mount open_by_handle_at other_vm_socket \
	prot_exec ptrace read_shadow socket_inet unshare_newuser)}"

guest_captured_qemu_under_kvm_fails() {
	cd /tmp || exit
	# shellcheck disable=SC2086 # words
	E2E_USER=user python3 "$TREE/tests/security/test_captured.py" "$TREE/build" --kvm \
		$CAPTURED_TESTS 2>&1 | tee "$RESULTS/captured"
	sed -nE 's/^.*(^|[^0-9])([0-9]+ usable system calls).*/note: \2/p' "$RESULTS/captured"
	grep -E '^Ran [1-9][0-9]+ tests' "$RESULTS/captured"
}
