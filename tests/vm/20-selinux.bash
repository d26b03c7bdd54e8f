# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# 20-selinux: the main job of an ordinary user under enforcing SELinux with our
# module, on KVM, without a denial that names a type of ours; and what holds
# without it.

# the_labels LEVEL: the processes of a sandbox, in the words of
# tests/selinux/labels, are those that it has for the accelerator in use.
the_labels() {
	local other=tcg

	ps -eo label,comm | awk -v ours=":$OURS:" '$1 ~ ours' | tee "$RESULTS/ps"
	sed -E 's/^[^:]*:[^:]*:([^:]*):(\S+)\s+(\S+).*$/\1 \2 \3/' "$RESULTS/ps" |
		sed "s/${1#s0:}/PAIR/" | sort -u >seen
	! grep -q '^kata_vmm_tcg_t ' seen || other=kvm
	awk -v other="$other" '$1 == "ps" && $3 != "-" && $2 !~ other { print $2, $3, $4 }' \
		"$TREE/tests/selinux/labels" | sort >expected
	diff expected seen || fail "the labels differ"
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
	module_in
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
	level=$(as_login user "$KATA" state labels | jq -r '.. | .selinuxLevel? // empty')
	[[ $level =~ ^s0:c[0-9]+,c[0-9]+$ ]] || fail "level \"$level\""
	the_labels "$level"
	as_login user "$KATA" delete --force labels
}

guest_labels_of_files() {
	local type path n=0

	while read -r type path; do
		[ -e "$path" ] || continue
		[ "$(stat -c %C "$path" | cut -d: -f3)" = "$type" ] || fail "$(stat -c '%C %n' "$path")"
		n=$((n + 1))
	done < <(sed -n 's/^ls //p' "$TREE/tests/selinux/labels")
	# all but /run/kata, and one of the two places of virtiofsd
	[ "$n" -ge $(($(grep -c '^ls ' "$TREE/tests/selinux/labels") - 2)) ]
}

# An engine that systemd starts is initrc_t at s0; kata-runtime has all categories.
guest_a_service_of_root() {
	local level

	plain_bundle root /root/b
	cat >/root/service <<-END
		id -Z
		cd /root
		$KATA create --bundle /root/b service </dev/null || exit
		$KATA state service >/root/state
		ps -eo label,comm | grep -E ":$OURS:" >/root/ps
		$KATA start service
		sleep 3
		$KATA delete --force service
	END
	systemd-run --wait --unit kata-test-service sh -c 'sh /root/service >/root/out 2>&1' ||
		{ cat /root/out; journalctl -u kata-test-service; fail "it does not run"; }
	cat /root/out /root/ps
	grep '^system_u:system_r:initrc_t:s0$' /root/out
	grep '^in the VM$' /root/out
	level=$(jq -r '.. | .selinuxLevel? // empty' /root/state)
	[[ $level =~ ^s0:c[0-9]+,c[0-9]+$ ]] || fail "level \"$level\""
	grep -E "^system_u:system_r:kata_vmm_(kvm|tcg)_t:$level " /root/ps
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
	local left

	left=$(denials_of_ours)
	[ -z "$left" ] || fail "these were denied: $left"
	! grep -a 'type=SECCOMP' /var/log/audit/audit.log || fail "killed by a filter"
}

guest_module_is_removed() {
	module_out
	as_login user "$KATA" run --bundle /home/user/b after | tee out
	grep '^in the VM$' out
}
