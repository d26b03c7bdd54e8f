#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What the guest reads back is compared with what was asked: an agent of the
# test build that leaves out one step is noticed, and nothing stays behind.

load helpers

# Every setting that has a step of its own.
FULL='.root.readonly = true | .process.user.additionalGids = [9, 7, 7]
	| .process.oomScoreAdj = 100
	| .linux.sysctl = {"kernel.msgmax": "4096", "net.ipv4.ping_group_range": "0 0",
		"net.ipv4.route.flush": "1"}
	| .linux.resources = {"pids": {"limit": 50}, "memory": {"limit": 67108864},
		"cpu": {"shares": 512, "quota": 50000, "period": 100000},
		"unified": {"memory.high": "32M"}}
	| .linux.devices = [{"path": "/dev/pipe", "type": "p", "fileMode": 432, "uid": 5, "gid": 6}]'

# left_out LAYER PATTERN: create must fail with such a line.
left_out() {
	local code=0

	KATA_TEST_BREAK=guest:$1 inside "$KATA_HOOKS" create --bundle "$BUNDLE" \
		"left-$1" </dev/null >out 2>&1 || code=$?
	if [ "$code" -eq 0 ]; then
		inside "$KATA_HOOKS" delete --force "left-$1"
		echo "not noticed: $1"
		return 1
	fi
	has "$(cat out)" "$2"
	[ ! -e "$XDG_RUNTIME_DIR/kata/left-$1" ]
}

@test "read-back: everything that was asked for, and a process beside it" {
	[ -n "$KATA_HOOKS" ] || skip "no test build of the runtime"
	bundle full "$FULL | $SLEEPS"
	inside "$KATA_HOOKS" create --bundle "$BUNDLE" full </dev/null >out 2>&1
	inside "$KATA_HOOKS" start full
	run -0 inside "$KATA_HOOKS" exec full cat /proc/sys/kernel/msgmax </dev/null
	same "$output" 4096
	inside "$KATA_HOOKS" delete --force full
}

@test "read-back: a filter that was not loaded is noticed" {
	[ -n "$KATA_HOOKS" ] || skip "no test build of the runtime"
	bundle full "$FULL"
	for layer in floor floor-devices profile; do
		left_out $layer 'did not apply linux.seccomp .number of filters.: asked 0x3, read back 0x2'
	done
}

@test "read-back: identity and limits of the process" {
	[ -n "$KATA_HOOKS" ] || skip "no test build of the runtime"
	bundle full "$FULL"
	left_out nnp 'did not apply process.noNewPrivileges'
	left_out bounding 'did not apply process.capabilities.bounding'
	left_out groups 'did not apply process.user.additionalGids'
	left_out umask 'did not apply process.user.umask'
	left_out oom 'did not apply process.oomScoreAdj'
	left_out rlimits 'did not apply RLIMIT_NOFILE'
	left_out cwd 'did not apply process.cwd: read back "\(unreachable\)/proc'
}

@test "read-back: the file system" {
	[ -n "$KATA_HOOKS" ] || skip "no test build of the runtime"
	bundle full "$FULL"
	left_out root 'did not apply root.readonly'
	left_out mount 'did not apply mounts\[0\]: nothing is mounted on /proc'
	left_out mount-flags 'did not apply mounts\[[0-9]\].options of /'
	left_out masked 'did not apply linux.maskedPaths\[[0-9]\]: /.* is open'
	left_out readonly 'did not apply linux.readonlyPaths\[0\]: /proc/sys is open'
}

@test "read-back: names, sysctls, limits of the control group, devices" {
	[ -n "$KATA_HOOKS" ] || skip "no test build of the runtime"
	bundle full "$FULL"
	left_out hostname 'did not apply hostname: asked "e2e"'
	left_out sysctl 'did not apply linux.sysctl\[kernel.msgmax\]: asked "4096"'
	left_out limits 'did not apply linux.resources'
	left_out devices 'did not apply linux.resources.devices: asked 0x1, read back 0x0'
}

@test "read-back: the agent itself" {
	[ -n "$KATA_HOOKS" ] || skip "no test build of the runtime"
	bundle full "$FULL"
	left_out dumpable "did not apply the agent's own dumpable flag"
	left_out agent-root "did not apply the agent's own root"
	left_out agent-cgroup "did not apply the agent's own cgroup"
}

@test "read-back: an exec that is not what was asked for is ended" {
	[ -n "$KATA_HOOKS" ] || skip "no test build of the runtime"
	bundle full "$FULL | $SLEEPS"
	KATA_TEST_BREAK=guest:exec inside "$KATA_HOOKS" create --bundle "$BUNDLE" \
		odd </dev/null >out 2>&1
	inside "$KATA_HOOKS" start odd
	run ! inside "$KATA_HOOKS" exec odd sleep 500 </dev/null
	has "$output" 'did not apply process.user.umask: asked 0x12, read back 0x0'
	run ! inside "$KATA_HOOKS" exec --detach odd sleep 500 </dev/null
	has "$output" 'did not apply process.user.umask: asked 0x12, read back 0x0'
	within 10 no_exec odd
	inside "$KATA_HOOKS" delete --force odd
}

# The container's own shim alone is there.
no_exec() {
	[ "$(inside "$KATA_HOOKS" ps --format json "$1" | jq length)" -eq 1 ]
}
