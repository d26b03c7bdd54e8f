#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Seeing what went wrong: real failures of QEMU, the file server and the
# settings; the error names the reason. (A guest's: 93-evil.bats.)
# seccomp: kills on purpose

load helpers

# settings LINE...: a configuration of [hypervisor.qemu] and more.
settings() {
	CONF=$BATS_TEST_TMPDIR/why.toml
	printf '%s\n' '[hypervisor.qemu]' 'accelerator = "tcg"' "$@" >"$CONF"
	chmod 600 "$CONF"
}

# fails PATTERN: create does, and both the user and the engine are told.
fails() {
	bundle why
	OCI_IDS+=(why)
	run conf_rt create --bundle "$BUNDLE" why
	[ "$status" -eq 1 ]
	has "$(cat err)" "$1"
	has "$(jq -r .msg log.json)" "$1"
	run rt list -q
	same "$output" ""
}

@test "why: a kernel that is none" {
	# an ELF file, so that nobody but QEMU can tell
	cp "$(command -v busybox)" kernel
	chmod 644 kernel # the VMM's id reads it
	settings "kernel = \"$BATS_TEST_TMPDIR/kernel\""
	fails 'VM: VMM ended with status 1; last printed: qemu'
}

@test "why: QEMU is killed by its filter" {
	local share

	share=$(dirname "$(dirname "$KATA")")/share/kata
	mkdir copy
	cp -r "$share/policies" "$share/seccomp" copy/
	# another program's filter: it lacks much that QEMU needs
	sed -i 's/"seccomp": "qemu-tcg"/"seccomp": "virtiofsd"/' copy/policies/qemu-tcg.json
	settings '[security]' "policies = \"$BATS_TEST_TMPDIR/copy/policies\""
	fails 'VMM was killed by its seccomp filter .*type=1326'
}

has_stopped() {
	grep -q '^State:.*T' "/proc/$1/status" 2>/dev/null
}

@test "why: a shim that has ended before it is looked at" {
	local pid code=0

	[ -n "$KATA_HOOKS" ] || skip "no test build of the runtime"
	bundle early 'del(.mounts[] | select(.destination == "/proc"))'
	OCI_IDS+=(early)
	inside sh -c "rmdir '$BUNDLE/rootfs/proc' && touch '$BUNDLE/rootfs/proc'"
	inside sh -c 'echo $$ >pid; KATA_TEST_STOP=shim-spawned exec "$@"' - \
		"$KATA_HOOKS" create --bundle "$BUNDLE" early </dev/null >out 2>err &
	within 60 test -s pid
	pid=$(cat pid)
	within 60 has_stopped "$pid" || { cat err; return 1; }
	within 20 grep -q '/proc in the container.s root is not' "$XDG_RUNTIME_DIR/kata/early/log"
	sleep 0.5 # it ends right after its word
	inside kill -CONT "$pid"
	wait $! || code=$?
	same "$code" 1
	has "$(cat err)" "^kata-runtime: .*/proc in the container's root is not a directory"
}

@test "why: the file server is killed, the container's stderr says so" {
	start $IMAGE sleep 1000
	inside kill -9 "$(note "$CID" .kata.fileServerPid)"
	within 20 is_exited "$CID"
	within 10 logs_have "$CID" \
		'kata: sandbox ended: file server was killed (SIGKILL'
}

@test "why: QEMU is killed, also an exec's stderr says so" {
	local pid

	start $IMAGE sleep 1000
	pod exec "$CID" sleep 1000 >exec.out 2>&1 &
	pid=$!
	within 30 running_twice
	inside kill -9 "$(note "$CID" .kata.vmmPid)"
	not wait $pid
	has "$(cat exec.out)" 'kata: sandbox ended: VMM was killed \(SIGKILL'
	within 20 is_exited "$CID"
}

running_twice() {
	[ "$(pod top "$CID" pid | wc -l)" -ge 2 ] && pod exec "$CID" ps | grep -q 'sleep 1000' &&
		[ "$(pod exec "$CID" ps | grep -c '[s]leep 1000')" -ge 2 ]
}

@test "why: --debug puts the guest's and the agent's words into the log" {
	bundle words '.process.args = ["/bin/sleep", "100"]'
	OCI_IDS+=(words)
	inside "$KATA" --debug create --bundle "$BUNDLE" words </dev/null >out 2>&1
	grep -q 'guest console: .*Run /init as init process' "$XDG_RUNTIME_DIR/kata/words/log"
	grep -q 'guest console: .*kata-agent: booted' "$XDG_RUNTIME_DIR/kata/words/log"
}

@test "why: without --debug the log stays quiet" {
	bundle quiet '.process.args = ["/bin/sleep", "100"]'
	OCI_IDS+=(quiet)
	inside "$KATA" create --bundle "$BUNDLE" quiet </dev/null >out 2>&1
	lacks "$(cat "$XDG_RUNTIME_DIR/kata/quiet/log")" 'guest console'
}
