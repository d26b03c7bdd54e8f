#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The jails: what holds is read from outside here as well, and a jail that lacks
# one layer (test builds only) is caught before the VM runs.

load helpers

# check_status PID: ids, capabilities, filters, as the host's kernel tells.
check_status() {
	local text key

	text=$(cat "/proc/$1/status")
	for key in CapInh CapPrm CapEff CapBnd CapAmb; do
		has "$text" "^$key:.0000000000000000"
	done
	has "$text" '^NoNewPrivs:.1'
	has "$text" '^Seccomp:.2'
}

@test "jail: the VMM has no rights and an id of its own" {
	local pid uid

	start $IMAGE sleep 1000
	pid=$(note "$CID" .kata.vmmPid)
	check_status "$pid"
	uid=$(awk '/^Uid:/ { print $2 }' "/proc/$pid/status")
	[ "$uid" -ne 0 ]
	[ "$uid" -ne "$(id -u)" ]
	has "$(cat "/proc/$pid/status")" "^Uid:.$uid.$uid.$uid.$uid"
}

@test "jail: the VMM shares no namespace with anyone" {
	local pid ns

	start $IMAGE sleep 1000
	pid=$(note "$CID" .kata.vmmPid)
	for ns in user mnt pid net ipc uts cgroup; do
		[ "$(inside readlink "/proc/$pid/ns/$ns")" != "$(readlink /proc/self/ns/$ns)" ]
		[ "$(inside readlink "/proc/$pid/ns/$ns")" != "$(inside readlink /proc/self/ns/$ns)" ]
	done
}

@test "jail: the VMM sees nothing of the host" {
	local pid text

	start $IMAGE sleep 1000
	pid=$(note "$CID" .kata.vmmPid)
	text=$(inside ls "/proc/$pid/root/")
	lacks "$text" '^(home|root|etc|work|srv|boot|opt)$'
	run inside cat "/proc/$pid/root/etc/passwd"
	[ "$status" -ne 0 ]
	text=$(inside sh -c "tr '\0' '\n' </proc/$pid/environ")
	same "$text" "PWD=/"
	text=$(inside cat "/proc/$pid/net/dev")
	same "$(grep -c : <<<"$text")" 1
}

@test "jail: the file server has eight capabilities in a namespace of its own" {
	local pid text

	start $IMAGE sleep 1000
	pid=$(note "$CID" .kata.fileServerPid)
	text=$(cat "/proc/$pid/status")
	has "$text" '^CapEff:.00000000880000db'
	has "$text" '^CapBnd:.0000000000000000'
	has "$text" '^Seccomp:.2'
	has "$text" '^NoNewPrivs:.1'
	[ "$(inside readlink "/proc/$pid/ns/user")" != "$(inside readlink /proc/self/ns/user)" ]
}

@test "jail: proxy and shim hold no capability and run under a filter" {
	start $IMAGE sleep 1000
	check_status "$(note "$CID" .kata.proxyPid)"
	check_status "$(note "$CID" .pid)"
}

@test "jail: the state directory is the owner's alone" {
	local root=${XDG_RUNTIME_DIR:-/nonexistent}/kata

	! is_root || root=/run/kata
	start $IMAGE sleep 1000
	same "$(stat -c %a "$root")" 700
	[ -z "$(find "$root" -type s -perm /077)" ]
}

@test "jail: the engine's mount table does not change" {
	local root=${XDG_RUNTIME_DIR:-/nonexistent}/kata

	! is_root || root=/run/kata
	start $IMAGE sleep 1000
	lacks "$(inside cat /proc/self/mountinfo)" " $root/"
}

@test "jail: the filters that are in force are those of this build" {
	local root=$XDG_RUNTIME_DIR/kata text seccomp name

	seccomp=$(dirname "$(dirname "$KATA")")/share/kata/seccomp
	start $IMAGE sleep 1000
	text=$(inside cat "$root/$CID/verified.json")
	for name in qemu-tcg "$FS"; do
		has "$(checks "$text" 'seccomp filter')" \
			"^$name: $name $(cut -c1-16 "$seccomp/$name.sha256") (installed|on disk)\$"
	done
	# only root of the host may read them: tests/e2e/root/20-main.bats
	has "$(checks "$text" 'seccomp calls')" '^qemu-tcg: not read: only root'
}

@test "jail: state names the accelerator and why" {
	start $IMAGE sleep 1000
	has "$(note "$CID" .kata.accelerator)" '^(tcg|kvm)$'
	[ -n "$(note "$CID" .kata.acceleratorReason)" ]
}

# --- twins ---------------------------------------------------------------------
# twin POLICIES POLICY [JAILER]: every forbidden call in a jail of that policy.
twin() {
	local share uid=60000 options

	share=$(dirname "$(dirname "$KATA")")/share/kata
	! is_root || uid=1900060000
	options=(--uid $uid --bind "kernel=$share/vmlinux" --bind "initrd=$share/initrd.img")
	if [ "$2" = "$FS" ]; then
		mkdir -p share
		options=(--share "$PWD/share")
	fi
	inside "$E2E_TOOLS/twin-check" \
		"${3:-$(dirname "$(dirname "$KATA")")/libexec/kata/kata-jailer}" "$1" "$2" "${options[@]}"
}

# with_filter POLICY FILTER: ./DIR/policies, where POLICY names FILTER.
with_filter() {
	mkdir "$2"
	cp -r "$(dirname "$(dirname "$KATA")")"/share/kata/{policies,seccomp} "$2"
	sed -i "s/\"seccomp\": \"[a-z-]*\"/\"seccomp\": \"$2\"/" "$2/policies/$1.json"
}

@test "jail: what a policy forbids is tried in a twin, and ends it" {
	local policies

	policies=$(dirname "$(dirname "$KATA")")/share/kata/policies
	run -0 twin "$policies" qemu-tcg
	has "$output" '"tried":1[0-9]{3},"through":0'
	run -0 twin "$policies" "$FS"
	has "$output" '"tried":1[0-9]{3},"through":0'
	# no KVM here: its filter, in the other jail
	with_filter qemu-tcg qemu-kvm
	run -0 twin "$PWD/qemu-kvm/policies" qemu-tcg
	has "$output" '"tried":1[0-9]{3},"through":0'
}

@test "jail: a twin under a wider filter, or under none, is told apart" {
	local policies

	policies=$(dirname "$(dirname "$KATA")")/share/kata/policies
	with_filter qemu-tcg virtiofsd
	printf '#!/bin/sh\nshift 2\nexec %s --policy %s "$@"\n' \
		"$(dirname "$(dirname "$KATA")")/libexec/kata/kata-jailer" \
		"$PWD/virtiofsd/policies/qemu-tcg.json" >jailer
	chmod 755 jailer
	run -1 twin "$policies" qemu-tcg "$PWD/jailer"
	has "$output" '"through":[1-9].*"first":"call n[0-9]+: (errno|returned).*must be killed"'
	[ -n "$KATA_HOOKS" ] || skip "no test build of the runtime"
	printf '#!/bin/sh\nexec %s --break seccomp "$@"\n' \
		"$(dirname "$(dirname "$KATA_HOOKS")")/libexec/kata/kata-jailer" >jailer
	run -1 twin "$policies" qemu-tcg "$PWD/jailer"
	has "$output" 'no seccomp filter'
}

# --- broken jails ------------------------------------------------------------
# caught JAIL LAYER PATTERN: create fails and names the layer.
caught() {
	local jail=$1 layer=$2 id=break-$1-$2 code=0

	[ -n "$KATA_HOOKS" ] || skip "no test build of the runtime"
	bundle "$id"
	OCI_IDS+=("$id")
	# not by `run`: a create that works by mistake keeps its output open
	inside env "KATA_TEST_BREAK=$jail:$layer" "$KATA_HOOKS" create --bundle "$BUNDLE" \
		--pid-file "$BUNDLE/pid" "$id" </dev/null >out 2>&1 || code=$?
	[ "$code" -eq 1 ] # refused, not crashed
	has "$(cat out)" "$3"
	[ ! -e "$BUNDLE/pid" ]
	# nothing runs, and nothing is left for delete to find
	run -0 inside "$KATA_HOOKS" list --quiet
	same "$output" ""
}

@test "jail: the test build itself is sound" {
	[ -n "$KATA_HOOKS" ] || skip "no test build of the runtime"
	bundle sound
	OCI_IDS+=(sound)
	inside "$KATA_HOOKS" create --bundle "$BUNDLE" --pid-file "$BUNDLE/pid" sound \
		</dev/null >out 2>&1
	[ -s "$BUNDLE/pid" ]
}

# Where the kernel has no Landlock there is nothing to leave out.
has_landlock() {
	python3 -c 'import ctypes, sys
sys.exit(ctypes.CDLL(None).syscall(444, None, 0, 1) < 1)'
}

@test "jail: Landlock is in force, or listed as absent" {
	local text

	start $IMAGE sleep 1000
	text=$(rt state "$CID" | jq -r '.kata.absent[]')
	if has_landlock; then
		lacks "$text" landlock
	else
		has "$text" '^landlock: '
	fi
}

# create under a kernel that answers landlock_create_ruleset (444) with ENOSYS
create_without_landlock() {
	local id=$1 code=0

	bundle "$id"
	OCI_IDS+=("$id")
	inside "$E2E_DIR/without-call" 444 "$KATA" --config "$CONF" create --bundle "$BUNDLE" \
		--pid-file "$BUNDLE/pid" "$id" </dev/null >out 2>&1 || code=$?
	return "$code"
}

@test "jail: a start without Landlock goes on, and says so" {
	CONF=$BATS_TEST_TMPDIR/conf.toml
	: >"$CONF"
	create_without_landlock bare
	has "$(rt state bare | jq -r '.kata.absent[]')" '^landlock: not in this kernel, or off$'
}

@test "jail: Landlock that is required and cannot be had stops the start" {
	CONF=$BATS_TEST_TMPDIR/conf.toml
	printf '[security]\nrequired = ["landlock"]\n' >"$CONF"
	run ! create_without_landlock need
	has "$(cat out)" 'layer landlock is required but cannot be had: not in this kernel, or off'
	run -0 rt list --quiet
	same "$output" ""
	has_landlock || skip "this kernel has no Landlock"
	bundle have
	OCI_IDS+=(have)
	inside "$KATA" --config "$CONF" create --bundle "$BUNDLE" --pid-file "$BUNDLE/pid" have \
		</dev/null >out 2>&1
	[ -s "$BUNDLE/pid" ]
}

@test "jail: VMM without Landlock is caught" {
	has_landlock || skip "this kernel has no Landlock"
	caught vmm landlock 'landlock'
}

@test "jail: file server without Landlock is caught" {
	has_landlock || skip "this kernel has no Landlock"
	caught fs landlock 'landlock'
}

@test "jail: the release build has no switches" {
	not grep -aq KATA_TEST_BREAK "$KATA"
	not grep -aq KATA_TEST_BREAK "$(dirname "$KATA")/../libexec/kata/kata-jailer"
	# the filter and the rules that only a test may leave out
	run "$(dirname "$KATA")/../libexec/kata/kata-jail-exec" - - - /bin/true
	[ "$status" -eq 125 ]
}

# with an id of its own bubblewrap could make no namespace at all
@test "jail: VMM without a user namespace is caught" { caught vmm uid+user+layout 'BAD .*namespace user'; }
@test "jail: VMM without a pid namespace is caught" { caught vmm pid 'pid'; }
@test "jail: VMM without a network namespace is caught" { caught vmm net 'net'; }
@test "jail: VMM without an ipc namespace is caught" { caught vmm ipc 'ipc'; }
@test "jail: VMM without a uts namespace is caught" { caught vmm uts 'uts'; }
@test "jail: VMM without a cgroup namespace is caught" { caught vmm cgroup 'cgroup'; }
@test "jail: VMM without an id of its own is caught" { caught vmm uid 'uid'; }
@test "jail: VMM with supplementary groups is caught" { caught vmm groups 'groups'; }
@test "jail: VMM with a capability is caught" { caught vmm caps 'cap'; }
@test "jail: VMM without a filter is caught" { caught vmm seccomp 'seccomp'; }
@test "jail: VMM with more files is caught" { caught vmm fs 'root|mount'; }
@test "jail: VMM whose memory goes where the kernel likes is caught" { caught vmm layout 'layout'; }
@test "jail: VMM with an environment is caught" { caught vmm env 'environ'; }
@test "jail: VMM with a stray descriptor is caught" { caught vmm fds 'descriptor'; }
@test "jail: VMM without rlimits is caught" { caught vmm rlimits 'limit'; }
@test "jail: file server without a user namespace is caught" { caught fs user 'user'; }
@test "jail: file server without a pid namespace is caught" { caught fs pid 'pid'; }
@test "jail: file server without a network namespace is caught" { caught fs net 'net'; }
@test "jail: file server without an ipc namespace is caught" { caught fs ipc 'ipc'; }
@test "jail: file server without a uts namespace is caught" { caught fs uts 'uts'; }
@test "jail: file server without a cgroup namespace is caught" { caught fs cgroup 'cgroup'; }
@test "jail: file server with a capability is caught" { caught fs caps 'cap'; }
@test "jail: file server without a filter is caught" { caught fs seccomp 'seccomp'; }
@test "jail: file server with more files is caught" { caught fs fs 'root|mount'; }
@test "jail: file server whose memory goes where the kernel likes is caught" { caught fs layout 'layout'; }
@test "jail: file server with an environment is caught" { caught fs env 'environ'; }
@test "jail: file server with a stray descriptor is caught" { caught fs fds 'descriptor'; }
@test "jail: file server without rlimits is caught" { caught fs rlimits 'limit'; }
