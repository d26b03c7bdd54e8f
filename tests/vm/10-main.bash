# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# 10-main: the test host is what it says.

guest_selinux_is_enforcing() {
	[ "$(getenforce)" = Enforcing ]
	[ "$(id -Z | cut -d: -f3)" = unconfined_t ]
	[ "$(as_login user id -Z | cut -d: -f3)" = unconfined_t ]
}

guest_systemd_cgroup_v2_and_a_user_session() {
	[ "$(stat -f -c %T /sys/fs/cgroup)" = cgroup2fs ]
	as_login user systemctl --user is-active default.target
	as_login user cat /proc/self/cgroup | grep user-1000
}

guest_kvm_works() {
	[ "$(stat -c '%a %G' /dev/kvm)" = "660 kvm" ]
	as_login user test -w /dev/kvm
	! as_login other test -w /dev/kvm || fail "other may use KVM"
	[ -c /dev/vhost-vsock ]
}

guest_security_modules() {
	local module

	for module in landlock yama bpf; do
		grep -qw "$module" /sys/kernel/security/lsm
	done
}

host_got_the_log() {
	[ -s "$RESULTS/journal" ]
	[ -s "$RESULTS/audit.log" ]
}
