#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# As root: the main job again. Nothing of the sandbox runs as root of the host.

load ../helpers

@test "root: run, exec, logs, rm" {
	start $IMAGE sh -c 'echo up; exec sleep 1000'
	within 30 logs_have "$CID" up
	run pod exec "$CID" sh -c 'uname -r; exit 42'
	same "$status" 42
	[ "${lines[0]}" != "$(uname -r)" ]
	run -0 pod rm -f -t 0 "$CID"
}

@test "root: exit codes" {
	local code

	for code in 0 1 42 127 255; do
		run "-$code" prun $IMAGE sh -c "exit $code"
	done
}

@test "root: the installed filters are read back before the guest runs" {
	local text name

	start $IMAGE sleep 1000
	text=$(cat "/run/kata/$CID/verified.json")
	for name in qemu-tcg "$FS"; do
		has "$(checks "$text" 'seccomp filter')" "^$name: $name [0-9a-f]{16} installed\$"
		has "$(checks "$text" 'seccomp calls')" "^$name: [0-9]+ always, [0-9]+ by argument\$"
	done
}

@test "root: no process of the VM is root of the host or has a capability" {
	local pid

	start $IMAGE sleep 1000
	pid=$(note "$CID" .kata.vmmPid)
	[ "$(awk '/^Uid:/ { print $2 }' "/proc/$pid/status")" -ne 0 ]
	has "$(cat "/proc/$pid/status")" '^CapEff:.0000000000000000'
	has "$(cat "/proc/$pid/status")" '^CapBnd:.0000000000000000'
	pid=$(note "$CID" .kata.fileServerPid)
	[ "$(readlink "/proc/$pid/ns/user")" != "$(readlink /proc/self/ns/user)" ]
	for pid in .kata.proxyPid .pid; do
		pid=$(note "$CID" $pid)
		has "$(cat "/proc/$pid/status")" '^CapEff:.0000000000000000'
		has "$(cat "/proc/$pid/status")" '^CapBnd:.0000000000000000'
	done
}

@test "root: --user and files on the host as with runc" {
	local engine

	for engine in pod control; do
		mkdir "$engine"
		chmod 777 "$engine"
		"$engine" run --rm --network none --user 1234:567 \
			-v "$PWD/$engine:/v" $IMAGE touch /v/file
	done
	same "$(stat -c '%u:%g %a' pod/file)" "$(stat -c '%u:%g %a' control/file)"
}

@test "root: cp both ways, the host untouched" {
	local canary=/e2e-canary-$$

	echo payload >file
	start $IMAGE sleep 1000
	run -0 pod cp file "$CID:$canary"
	[ ! -e "$canary" ]
	run -0 pod cp "$CID:$canary" back
	same "$(cat back)" payload
}

@test "root: kill -9 of the VMM" {
	start $IMAGE sleep 1000
	kill -9 "$(note "$CID" .kata.vmmPid)"
	within 20 is_exited "$CID"
	run -0 pod rm -f -t 0 "$CID"
}

@test "root: kill -9 of the proxy" {
	start $IMAGE sleep 1000
	kill -9 "$(note "$CID" .kata.proxyPid)"
	within 20 is_exited "$CID"
	run -0 pod rm -f -t 0 "$CID"
}

@test "root: stop" {
	start $IMAGE sh -c 'trap "exit 3" TERM; while :; do sleep 0.1; done'
	sleep 1
	run -0 pod stop -t 20 "$CID"
	same "$(pod inspect -f '{{.State.ExitCode}}' "$CID")" 3
}

@test "root: -i and -t" {
	run -0 pod run --rm -i --network none $IMAGE cat <<<text
	same "$output" text
	run clean_fds "$E2E_DIR/pty-run" --size 31x97 -- podman --runtime "$RUNTIME" \
		run --rm -it --network none $IMAGE sh -c 'sleep 1; probe tty; exit 6'
	has "$output" 'tty=31 97'
	same "$status" 6
}

@test "root: --privileged is all of the guest and nothing of the host" {
	run -0 prun --privileged "$IMAGE" sh -c \
		'grep ^CapEff: /proc/self/status; ls /dev; : </dev/zero && echo zero'
	# engines ask for what they have themselves; root may lack one here
	has "$output" '^CapEff:.*000001ff[fe]+$'
	has "$output" '^zero$'
	lacks "$output" '^(kvm|vda|mem|fuse|net|loop0|vsock)$'
}
