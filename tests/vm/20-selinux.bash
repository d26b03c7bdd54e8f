# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# 20-selinux: the main job of an ordinary user under enforcing SELinux with our
# module, on KVM, without a denial that names a type of ours; and what holds
# without it.

OURS='kata_[a-z_]*_t'

# Labels of a running sandbox, as docs/selinux.md has them.
labels() {
	# shellcheck disable=SC2009 # labels are asked for
	ps -eo label,args | grep -E "$OURS" | grep -vE 'grep|ps -e' | tee "$RESULTS/ps"
}

# created ID: a container that was created, no more. Its shim keeps the stdio.
created() {
	as_login user bash -c "$KATA create --bundle ~/b $1 </dev/null >~/out 2>&1 || { cat ~/out; exit 1; }"
}

guest_without_the_module_it_says_so() {
	plain_bundle user /home/user/b
	created without
	as_login user "$KATA" state without | tee state
	grep 'selinux: the kata module is not loaded' state
	as_login user "$KATA" delete --force without
}

guest_module_installs() {
	semodule -i /usr/local/share/selinux/packages/kata.pp
	restorecon -R /usr/local/bin /usr/local/libexec/kata /usr/local/share/kata \
		/usr/lib/qemu /usr/libexec
	[ "$(stat -c %C "$KATA" | cut -d: -f3)" = kata_runtime_exec_t ]
}

guest_auto_chooses_kvm_and_says_so() {
	printf '[hypervisor.qemu]\naccelerator = "auto"\n' >/home/user/auto.toml
	as_login user "$KATA" --config auto.toml kata-env | tee env
	grep 'Accelerator = "kvm"' env
	grep 'AcceleratorReason = "/dev/kvm is real' env
}

guest_main_job_by_podman() {
	as_login user bash "$TREE/tests/demo" "$KATA"
}

guest_labels_of_a_sandbox() {
	local level

	created labels
	labels
	level=$(as_login user "$KATA" state labels | jq -r '.. | .selinuxLevel? // empty')
	[[ $level =~ ^s0:c[0-9]+,c[0-9]+$ ]] || fail "level \"$level\""
	grep ":kata_proxy_t:$level .*kata-proxy" "$RESULTS/ps"
	grep ":kata_shim_t:$level .*kata-shim" "$RESULTS/ps"
	grep ":kata_vmm_kvm_t:$level .*qemu-system-x86_64" "$RESULTS/ps"
	grep ":kata_fs_t:s0-$level .*virtiofsd" "$RESULTS/ps"
	as_login user "$KATA" delete --force labels
}

guest_required_selinux_starts() {
	(
		cat /etc/kata/configuration.toml
		printf '[security]\nrequired = ["selinux"]\n'
	) >/home/user/c.toml
	as_login user "$KATA" --config /home/user/c.toml run --bundle /home/user/b required | tee out
	grep '^in the VM$' out
}

guest_no_denial_names_a_type_of_ours() {
	! grep -a 'avc: *denied' /var/log/audit/audit.log | grep -E "$OURS" ||
		fail "these were denied"
	! grep -a 'type=SECCOMP' /var/log/audit/audit.log || fail "killed by a filter"
}

guest_module_is_removed() {
	semodule -r kata
	restorecon -R /usr/local/bin /usr/local/libexec/kata /usr/local/share/kata \
		/usr/lib/qemu /usr/libexec
	[ "$(stat -c %C "$KATA" | cut -d: -f3)" = bin_t ]
	as_login user "$KATA" run --bundle /home/user/b after | tee out
	grep '^in the VM$' out
}
