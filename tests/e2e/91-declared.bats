#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Declared against measured: what docs/privileges.md says of each process, which
# is what the code beside the calls declares, and what the kernel says.

load helpers

declared() {
	inside "$E2E_DIR/declared" "$E2E_DIR/../../docs/privileges.md" "$@"
}

# The page's row for the jail that the VM is in.
vmm_row() {
	echo "qemu-$(note "$CID" .kata.accelerator)"
}

@test "declared: proxy, shim, VMM and file server hold what the page says" {
	start $IMAGE sleep 1000
	run declared "kata-proxy=$(note "$CID" .kata.proxyPid)" \
		"kata-shim=$(note "$CID" .pid)" \
		"$(vmm_row)=$(note "$CID" .kata.vmmPid)" \
		"$FS=$(note "$CID" .kata.fileServerPid)"
	echo "$output"
	same "$status" 0
	# all of it was compared
	same "$(grep -c '^ok ' <<<"$output")" 71
}

@test "declared: the shim of an exec holds no more" {
	local shim

	start $IMAGE sleep 1000
	pod exec -d "$CID" sleep 1000
	shim=$(pgrep -P "$(pgrep -f "conmon.*$CID" | tail -n 1)" kata-shim | tail -n 1)
	[ -n "$shim" ]
	[ "$shim" -ne "$(note "$CID" .pid)" ]
	run declared "kata-shim=$shim"
	echo "$output"
	same "$status" 0
}

@test "declared: a process that holds something else is told" {
	start $IMAGE sleep 1000
	run declared "kata-proxy=$(note "$CID" .kata.vmmPid)"
	same "$status" 1
	has "$output" '^BAD kata-proxy: Uid'
	has "$output" '^BAD kata-proxy: namespace user'
	run declared "kata-proxy=self"
	same "$status" 1
	has "$output" '^BAD kata-proxy: CapEff'
	has "$output" '^BAD kata-proxy: dumpable is yes'
	has "$output" '^BAD kata-proxy: Seccomp is'
}

has_landlock() {
	python3 -c 'import ctypes, sys
sys.exit(ctypes.CDLL(None).syscall(444, None, 0, 1) < 1)'
}

# --- a layer that was left out, by the test build ------------------------------
# caught PROGRAM LAYER PATTERN: create fails, names it, and leaves nothing.
caught() {
	local id=own-$1-$2 code=0

	bundle "$id"
	OCI_IDS+=("$id")
	# a shim is looked at before the guest answers its first call: not reached
	inside env "KATA_TEST_BREAK=$1:$2" KATA_TEST_STOP=agent-connected \
		timeout -k 1 120 "$KATA_HOOKS" create --bundle "$BUNDLE" \
		--pid-file "$BUNDLE/pid" "$id" </dev/null >out 2>&1 || code=$?
	echo "$1 without $2: $code $(cat out)"
	[ "$code" -eq 1 ]
	has "$(cat out)" "jail kata-$1: $3"
	[ ! -e "$BUNDLE/pid" ]
	run -0 inside "$KATA_HOOKS" list --quiet
	same "$output" ""
}

@test "declared: a proxy that kept something is caught before the VM runs" {
	local ns

	[ -n "$KATA_HOOKS" ] || skip "no test build of the runtime"
	for ns in net ipc uts cgroup; do
		caught proxy "$ns" "namespace $ns"
	done
	caught proxy groups 'groups is'
	caught proxy caps 'cap permitted'
	caught proxy seccomp 'seccomp'
	caught proxy dumpable 'to the user'
	caught proxy rlimits 'limit'
	caught proxy root 'root'
	! has_landlock || caught proxy landlock 'landlock'
}

@test "declared: a shim that kept something is caught before it may answer" {
	[ -n "$KATA_HOOKS" ] || skip "no test build of the runtime"
	caught shim groups 'groups is'
	caught shim caps 'cap permitted'
	caught shim seccomp 'seccomp'
	caught shim dumpable 'to the user'
	caught shim rlimits 'limit'
	caught shim root 'root'
	! has_landlock || caught shim landlock 'landlock'
}

# caught_exec LAYER PATTERN: exec fails, names it, and the guest ran nothing.
caught_exec() {
	local code=0

	inside env "KATA_TEST_BREAK=shim:$1" "$KATA_HOOKS" exec --detach --pid-file "$PWD/pid" \
		own touch "/ran-$1" </dev/null >out 2>&1 || code=$?
	echo "exec without $1: $code $(cat out)"
	[ "$code" -eq 255 ] || [ "$code" -eq 1 ]
	has "$(cat out)" "jail kata-shim: $2"
	[ ! -e pid ]
	within 5 one_process # whoever is its parent now may not have reaped it
}

one_process() {
	[ "$(inside "$KATA_HOOKS" ps --format json own | jq -c length)" = 1 ]
}

@test "declared: the shim of an exec that kept something is caught, the container goes on" {
	[ -n "$KATA_HOOKS" ] || skip "no test build of the runtime"
	bundle own "$SLEEPS"
	OCI_IDS+=(own)
	inside "$KATA_HOOKS" create --bundle "$BUNDLE" --pid-file "$BUNDLE/pid" own \
		</dev/null >out 2>&1
	inside "$KATA_HOOKS" start own
	caught_exec caps 'cap permitted'
	caught_exec seccomp 'seccomp'
	caught_exec dumpable 'to the user'
	caught_exec rlimits 'limit'
	! has_landlock || caught_exec landlock 'landlock'
	inside "$KATA_HOOKS" exec own sh -c 'touch /whole; ls /' </dev/null >out
	has "$(cat out)" '^whole$'
	lacks "$(cat out)" '^ran-'
}

@test "declared: what the shim holds is kept with the rest" {
	local text

	start $IMAGE sleep 1000
	text=$(inside cat "$XDG_RUNTIME_DIR/kata/$CID/verified.json")
	same "$(jq -r '.[3].jail, .[3].pid, .[3].ok' <<<"$text" | xargs)" \
		"kata-shim $(note "$CID" .pid) true"
	has "$(checks "$text" 'cap effective')" '^kata-shim: 0000000000000000$'
}
