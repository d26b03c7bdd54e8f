#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# kill -9 of each process of a sandbox: podman sees the end, nothing is left.

load helpers

# Signals a process of the sandbox, whatever its id is.
smite() {
	inside kill -9 "$1"
}

ends_after() { # FIELD of state
	local pid

	start $IMAGE sleep 1000
	pid=$(note "$CID" "$1")
	[ "$pid" -gt 1 ]
	smite "$pid"
	within 20 is_exited "$CID"
	[ "$(pod inspect -f '{{.State.ExitCode}}' "$CID")" -ne 0 ]
	run -0 pod rm -f -t 0 "$CID"
	# the rest is the check that nothing is left
}

@test "crash: kill -9 of the VMM" {
	ends_after .kata.vmmPid
}

@test "crash: kill -9 of the file server" {
	ends_after .kata.fileServerPid
}

@test "crash: kill -9 of the proxy" {
	ends_after .kata.proxyPid
}

@test "crash: without its proxy the VM ends by itself" {
	local vmm fs

	# no engine here that would call delete
	bundle orphan '.process.args = ["/bin/sleep", "1000"]'
	OCI_IDS+=(orphan)
	inside "$KATA" create --bundle "$BUNDLE" orphan </dev/null >out 2>&1
	rt start orphan
	vmm=$(note orphan .kata.vmmPid)
	fs=$(note orphan .kata.fileServerPid)
	# a VMM that does not cooperate
	inside kill -STOP "$vmm"
	smite "$(note orphan .kata.proxyPid)"
	within 10 is_gone "$vmm"
	within 10 is_gone "$fs"
}

@test "crash: kill -9 of the shim" {
	ends_after .pid
}

@test "crash: kill -9 of all of them at once" {
	start $IMAGE sleep 1000
	# one may be gone before its turn: the others ended it
	inside kill -9 "$(note "$CID" .pid)" "$(note "$CID" .kata.proxyPid)" \
		"$(note "$CID" .kata.vmmPid)" "$(note "$CID" .kata.fileServerPid)" || true
	within 20 is_exited "$CID"
	run -0 pod rm -f -t 0 "$CID"
}

@test "crash: the VMM dies under an exec" {
	local code=0 pid

	start $IMAGE sleep 1000
	pod exec "$CID" sleep 1000 &
	pid=$!
	sleep 2
	smite "$(note "$CID" .kata.vmmPid)"
	wait $pid || code=$?
	[ "$code" -ne 0 ]
	within 20 is_exited "$CID"
}

@test "crash: an exec's shim is killed: its guest process goes, the container stays" {
	local shim

	start $IMAGE sleep 1000
	pod exec -d "$CID" sleep 2345
	within 20 in_guest 'sleep 2345'
	shim=$(exec_shims "$CID")
	[ -n "$shim" ]
	# shellcheck disable=SC2086
	smite $shim
	within 20 not_in_guest 'sleep 2345'
	run -0 pod exec "$CID" true
}

in_guest() {
	pod exec "$CID" ps | grep -q "[${1:0:1}]${1:1}"
}

not_in_guest() {
	! in_guest "$1"
}

# pids of shims that share the container shim's pid namespace, but are not it
exec_shims() {
	local main

	main=$(note "$1" .pid)
	inside sh -c "want=\$(readlink /proc/$main/ns/mnt)
		for p in /proc/[0-9]*; do
			[ \"\$(readlink \$p/ns/mnt 2>/dev/null)\" = \"\$want\" ] &&
				[ \${p#/proc/} != $main ] && echo \${p#/proc/}
		done; true"
}

# Without conmon podman signals the pid but calls no delete, with runc neither:
# the state stays until the next delete, nothing runs.
@test "crash: conmon is killed: rm -f ends all, the next delete clears the state" {
	local conmon vmm

	start $IMAGE sleep 1000
	conmon=$(pod inspect -f '{{.State.ConmonPid}}' "$CID")
	kill -9 "$conmon"
	vmm=$(note "$CID" .kata.vmmPid)
	run pod rm -f -t 0 "$CID"
	within 20 is_gone "$conmon"
	within 20 is_gone "$vmm"
	OCI_IDS+=("$CID")
}

@test "crash: kill -9 of the runtime in the middle of create" {
	local delay id

	for delay in 0.05 0.2 0.5 1.0 1.6; do
		id=kill-${delay/./-}
		bundle "$id"
		OCI_IDS+=("$id")
		inside sh -c "$KATA create --bundle $BUNDLE --pid-file $BUNDLE/pid $id \
			</dev/null >/dev/null 2>&1 & sleep $delay; kill -9 \$!; true"
		run -0 rt delete --force "$id"
	done
}
