#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# containerd of Debian 12, whose runc shim drives us as its binary.

load ../helpers
load ../engines

I=$IMAGE:latest

setup_file() {
	containerd_start
}

teardown_file() {
	daemon_end containerd
}

# detached ID COMMAND...
detached() {
	CTRD_ID=$1
	shift
	ctrd_run -d "$I" "$CTRD_ID" "$@"
}

teardown() {
	! is_left_out || return 0
	if [ -n "${CTRD_ID:-}" ]; then
		ctrd task rm -f "$CTRD_ID" >/dev/null 2>&1 || true # ended by the test
		ctrd container rm "$CTRD_ID" >/dev/null 2>&1 || true
	fi
	common_teardown
}

@test "containerd: run gives output and exit code, in a kernel of its own" {
	run ctrd_run --rm "$I" out sh -c 'uname -r; echo err >&2; exit 42'
	same "$status" 42
	has "$output" '^err$'
	[ "${lines[0]}" != "$(uname -r)" ]
	run ctrd container ls -q
	same "$output" ""
}

@test "containerd: exec, ps, metrics, pause, resume, kill, delete" {
	local pid

	detached life sleep 1000
	task_is life RUNNING
	run ctrd task exec --exec-id e1 life sh -c 'echo out; echo err >&2; exit 7'
	same "$status" 7
	has "$output" '^out$'
	has "$output" '^err$'
	run ctrd task exec --exec-id e2 life cat <<<text
	same "$output" text
	pid=$(ctrd task ls | awk '$1 == "life" { print $2 }')
	run -0 ctrd task ps life
	has "$output" "^$pid "
	has "$(ctrd task metrics life)" '^(memory.usage_in_bytes|memory.usage) +[1-9][0-9]{6,}'
	run -0 ctrd task pause life
	task_is life PAUSED
	run -0 ctrd task resume life
	task_is life RUNNING
	run -0 ctrd task kill -s SIGKILL life
	within 20 task_is life STOPPED
	run ctrd task delete life
	has "$output" 'exit code 137'
	run -0 ctrd container rm life
}

@test "containerd: a signal that is caught gives the program's exit code" {
	detached trap sh -c 'trap "exit 3" TERM; echo up; while :; do sleep 0.1; done'
	sleep 1
	run -0 ctrd task kill -s SIGTERM trap
	within 20 task_is trap STOPPED
	run ctrd task delete trap
	has "$output" 'exit code 3'
}

@test "containerd: a terminal of the caller's size" {
	run client "$E2E_DIR/pty-run" --size 31x97 -- ctr \
		--address "$E2E_WORK/containerd/sock" -n "$CTRD_NAMESPACE" run --rm -t \
		--runtime io.containerd.runc.v2 --runc-binary "$KATA" "$I" tty \
		sh -c 'sleep 1; probe tty; exit 6'
	has "$output" 'tty=31 97'
	same "$status" 6
}

@test "containerd: read-only, mounts, environment, directory, seccomp" {
	echo from the host >file
	run ctrd_run --rm --read-only --env A=b --cwd /tmp \
		--seccomp --mount "type=bind,src=$PWD,dst=/v,options=rbind:ro" "$I" opts sh -c \
		'echo "$A $PWD"; cat /v/file; grep Seccomp: /proc/self/status
		touch /x; touch /v/x'
	same "$status" 1
	has "$output" '^b /tmp$'
	has "$output" '^from the host$'
	has "$output" 'Seccomp:.2'
	same "$(grep -c 'Read-only file system' <<<"$output")" 2
}

@test "containerd: --privileged is all of the guest and nothing of the host" {
	run ctrd_run --rm --privileged "$I" priv sh -c 'grep CapEff /proc/self/status
		cat /proc/1/comm; [ -e /dev/vda ] || echo no disk'
	same "$status" 0
	has "$output" '^CapEff:.0*[13]ff[ef]+$'
	has "$output" '^sh$'
	has "$output" '^no disk$'
}

@test "containerd: what cannot be had is told by its shim" {
	local before

	run ctrd_run --rm "$I" absent /nonexistent
	same "$status" 1
	has "$output" '/nonexistent.*no such file or directory'
	before=$(ip -o link)
	run ctrd_run --rm --net-host "$I" host true
	same "$status" 1
	has "$output" 'a VM cannot share the host.s network'
	run ctrd_run --rm --with-ns "network:/proc/$$/ns/net" "$I" host true
	same "$status" 1
	has "$output" 'a VM cannot share the host.s network'
	same "$(ip -o link)" "$before"
	run ctrd container ls -q
	same "$output" ""
}

@test "containerd: the VMM's death ends the task" {
	local vmm

	detached crash sleep 1000
	vmm=$("$KATA" --root "/run/containerd/runc/$CTRD_NAMESPACE" state crash | jq -re .kata.vmmPid)
	kill -9 "$vmm"
	within 20 task_is crash STOPPED
	run ctrd task delete crash
	has "$output" 'exit code 255'
}
