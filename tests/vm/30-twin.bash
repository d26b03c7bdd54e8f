# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# 30-twin: two pods whose processes have one user id, the user's own. A captured
# VMM of one opens, signals, traces and connects to what is the other's where
# our module is not installed, and is refused all of it where it is.
#
# So that nothing but SELinux stands between the two, a test build (lib/hooks.h)
# leaves layers out:
#   uid     no id of its own: id 0 of the user namespace, which is the user;
#           proxy, shim, file server and every file of the pods are that id's
#   user    no user namespace of its own: another one's process cannot be traced
#   layout  is set with a capability that id 0 lacks without a namespace
# and where the captured VMM is, so that the other pod can be named and called:
#   pid, fs            the host's numbers; /usr of the host in its jail
#   seccomp, own, landlock
# The other pod keeps these five. The third one, "peer", has the categories of
# the captured one by its process.selinuxLabel: it can be reached, so what
# refuses the rest is the categories.

HOOKS=$TREE/build/hooks
SIGHT=/usr/local/same-uid
LEVEL=s0:c100,c200

# In podman's user namespace, which all of a user's pods share. Beneath $SIGHT,
# which the captured VMM sees, is what it is to try its hand at: process
# directories of the others' VMMs, and files of the state directory.
# shellcheck disable=SC2016 # for the other side
START_PODS='
	runtime=$1/bin/kata-runtime sight=$2 level=$3
	export KATA_TEST_UNVERIFIED=1
	cd ~/same-uid
	start() {
		mkdir -p "$1"
		jq ".process.args = [\"/bin/sleep\", \"100000\"] |
			.root.path = \"$PWD/bundle/rootfs\" |
			.process.selinuxLabel = \"$3\"" bundle/config.json >"$1/config.json"
		# a pipe, as engines have: kata-shim keeps it
		KATA_TEST_BREAK=vmm:uid+user+layout$2 "$runtime" run --detach \
			--bundle "$1" "$1" </dev/null > >(exec cat >out 2>&1) 2>&1 ||
			{ sleep 1; cat out; exit 1; }
		"$runtime" state "$1" >"$1.json"
	}
	see() {
		mount --bind "/proc/$(jq .kata.vmmPid "$1.json")" "$sight/$1"
	}
	start other "" ""
	see other
	for file in agent.sock log state.json; do
		mount --bind "$XDG_RUNTIME_DIR/kata/other/$file" "$sight/$file"
	done
	[ -z "$level" ] || start peer "" "system_u:system_r:container_t:$level"
	[ -z "$level" ] || see peer
	start own +pid+fs+seccomp+own+landlock "system_u:system_r:container_t:${level:-s0}"
'

start_pods() {
	as_login user podman unshare unshare -m bash -ec "$START_PODS" - "$HOOKS" "$SIGHT" "$@"
}

end_pods() {
	local name

	for name in "$@"; do
		as_login user podman unshare "$HOOKS/bin/kata-runtime" delete --force "$name"
	done
}

# Their states, for same_uid.py.
of_pods() {
	local name

	for name in "$@"; do
		echo "/home/user/same-uid/$name.json"
	done
}

# The VMMs run as the user and in the user's namespace, and the two do.
have_one_id() {
	local id name pid

	for name in "$@"; do
		for pid in $(jq '.pid, .kata.vmmPid, .kata.proxyPid' "/home/user/same-uid/$name.json"); do
			id=$(awk '$1 == "Uid:" { print $2, $3, $4, $5 }' "/proc/$pid/status")
			[ "$(sort -u <<<"${id// /$'\n'}")" = "$(id -u user)" ] ||
				fail "$name: $pid runs as $id"
		done
	done
}

guest_same_uid_is_enough_without_the_module() {
	! semodule -l | grep -qx kata || module_out
	sysctl -q kernel.yama.ptrace_scope=0
	install -d "$SIGHT/other" "$SIGHT/peer"
	touch "$SIGHT/agent.sock" "$SIGHT/log" "$SIGHT/state.json"
	plain_bundle user /home/user/same-uid/bundle
	start_pods ''
	have_one_id own other
	[ "$(getenforce)" = Enforcing ]
	# shellcheck disable=SC2046
	python3 "$TREE/tests/security/same_uid.py" reached $(of_pods own other) |
		tee "$RESULTS/twin-without"
	end_pods own other
}

guest_the_module_refuses_it() {
	local file

	module_in
	for file in bin/kata-runtime libexec/kata/kata-{proxy,shim,jailer,jail-exec} \
		share/kata/{vmlinux,initrd.img}; do
		chcon "--reference=/usr/local/$file" "$HOOKS/$file"
	done
	provoked start_pods "$LEVEL"
	provoked_lines >"$RESULTS/provoked-start"
	have_one_id own other peer
	[ "$(getenforce)" = Enforcing ]
	# shellcheck disable=SC2009,SC2046 # labels are asked for
	ps -o label,pid,args -p $(jq '.pid, (.kata | .vmmPid, .fileServerPid, .proxyPid)' \
		$(of_pods own other peer) | paste -sd,) | tee "$RESULTS/twin-ps"
	# shellcheck disable=SC2046
	provoked python3 "$TREE/tests/security/same_uid.py" refused $(of_pods own other peer) |
		tee "$RESULTS/twin-with"
	provoked_lines >"$RESULTS/provoked"
	end_pods own other peer
}

# was_denied CLASS PERMISSION TYPE: between the two pods.
was_denied() {
	grep -E "denied  \{[^}]* $2 .*scontext=[^ ]*:kata_vmm_kvm_t:$LEVEL tcontext=[^ ]*:$3:(s0-)?$OTHER tclass=$1 " \
		"$RESULTS/provoked" || fail "audit's log has no denial of $1 $2 $3"
}

guest_audit_names_both_pods() {
	local OTHER type

	[ -s "$RESULTS/provoked" ]
	OTHER=$(jq -r .kata.selinuxLevel /home/user/same-uid/other.json)
	[[ $OTHER =~ ^s0:c[0-9]+,c[0-9]+$ && $OTHER != "$LEVEL" ]]
	was_denied dir search kata_vmm_kvm_t
	was_denied process ptrace kata_vmm_kvm_t
	for type in kata_vmm_kvm_t kata_fs_t kata_proxy_t kata_shim_t; do
		was_denied process signull "$type"
		was_denied process signal "$type"
	done
	was_denied sock_file write kata_state_t
	was_denied file read kata_state_t
}

# None but the captured VMM's; and at its start, because of the layers left out,
# that QEMU tries io_uring, and that the verification, whose word is not heeded,
# walks through /usr.
guest_nothing_else_was_denied() {
	local left vmm=":kata_vmm_kvm_t:$LEVEL"

	[ -s "$RESULTS/provoked" ] && [ -s "$RESULTS/provoked-start" ]
	left=$(grep -E "$OURS" "$RESULTS/provoked" | grep -v "scontext=[^ ]*$vmm tcontext=") || true
	[ -z "$left" ] || fail "not the captured VMM's: $left"
	left=$(grep -E "$OURS" "$RESULTS/provoked-start" | grep -vE \
		-e "\{ create \} .*\[io_uring\] scontext=[^ ]*$vmm tcontext=[^ ]*$vmm tclass=anon_inode" \
		-e "\{ read \} .*scontext=[^ ]*:kata_runtime_t:s0-$LEVEL tcontext=[^ ]*:src_t:s0 tclass=dir") || true
	[ -z "$left" ] || fail "at the start: $left"
	left=$(denials_of_ours)
	[ -z "$left" ] || fail "these were denied: $left"
}

guest_the_module_is_removed_again() {
	module_out
}
