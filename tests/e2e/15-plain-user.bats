#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The OCI command line in a plain shell of an ordinary user: no engine, no
# namespace that somebody made before. Every call below is a process of its own.

load helpers

# The runtime from a plain shell.
plain() {
	timeout "$E2E_CALL_SECONDS" "$KATA" "$@" 3>&- 4>&-
}

setup_file() {
	skip_unless_user
}

teardown() {
	local id

	for id in "${OCI_IDS[@]}"; do
		plain delete --force "$id" || return
	done
	OCI_IDS=()
	common_teardown
}

# up NAME [JQ-FILTER]: a detached container from a new bundle.
up() {
	bundle "$@"
	OCI_IDS+=("$1")
	plain run --detach --bundle "$BUNDLE" --pid-file "$BUNDLE/pid" "$1" \
		</dev/null >"$BUNDLE/out" 2>&1 || {
		cat "$BUNDLE/out"
		return 1
	}
}

field() {
	plain state "$1" | jq -re "$2"
}

is_status() {
	[ "$(field "$1" .status)" = "$2" ]
}

@test "plain: run gives output and exit code, and leaves nothing" {
	bundle fore '.process.args = ["/bin/sh", "-c", "echo run; id -u; echo x >/made; exit 42"]'
	run plain run --bundle "$BUNDLE" fore
	same "$status" 42
	same "$output" $'run\n0'
	# root of the container is the caller
	same "$(stat -c %u "$BUNDLE/rootfs/made")" "$(id -u)"
	same "$(plain list -q)" ""
}

@test "plain: the container's other users are the caller's subordinate ids" {
	local uid

	bundle other '.process.user = {"uid": 7, "gid": 9} |
		.process.args = ["/bin/sh", "-c", "id -u; echo x >/tmp/made; exit 3"]'
	run plain run --bundle "$BUNDLE" other
	same "$status" 3
	same "$output" 7
	uid=$(stat -c %u "$BUNDLE/rootfs/tmp/made")
	same "$uid" "$(($(podman unshare awk '$1 == 1 { print $2 }' /proc/self/uid_map) + 6))"
}

@test "plain: detached, list, state, exec, kill, delete from separate shells" {
	local vmm ns

	up bg "$SLEEPS"
	is_status bg running
	same "$(field bg .pid)" "$(cat "$BUNDLE/pid")"
	has "$(plain list)" "^bg +$(cat "$BUNDLE/pid") +running "
	same "$(plain list --format json | jq -r '.[].status')" running
	# its namespace is not the caller's, its VMM's id is neither's
	ns=$(readlink "/proc/$(field bg .kata.proxyPid)/ns/user")
	[ -n "$ns" ]
	[ "$ns" != "$(readlink /proc/self/ns/user)" ]
	vmm=$(stat -c %u "/proc/$(field bg .kata.vmmPid)")
	[ "$vmm" -ne "$(id -u)" ]
	# exec, in the foreground and detached
	jq '.process | .args = ["/bin/sh", "-c", "echo inside; exit 7"]' \
		"$BUNDLE/config.json" >process.json
	run plain exec --process "$PWD/process.json" bg
	same "$status" 7
	same "$output" inside
	plain exec --process "$PWD/process.json" --detach --pid-file "$PWD/exec.pid" bg \
		</dev/null >out 2>&1
	has "$(cat exec.pid)" '^[0-9]+$'
	within 20 grep -q inside out
	# from podman's namespace, beside it, it can be looked at but not entered
	same "$(inside "$KATA" state bg | jq -r .status)" running
	run -1 inside "$KATA" exec --process "$PWD/process.json" bg
	has "$output" 'lives in another user namespace'
	# a second one lives in a namespace of its own
	up two "$SLEEPS"
	[ "$(readlink "/proc/$(field two .kata.proxyPid)/ns/user")" != "$ns" ]
	[ "$(stat -c %u "/proc/$(field two .kata.vmmPid)")" != "$vmm" ]
	# nothing is mounted where the caller sees it
	lacks "$(cat /proc/self/mountinfo)" kata/bg
	run -1 plain delete bg
	has "$output" 'not stopped'
	run -0 plain kill bg KILL
	within 20 is_status bg stopped
	run -1 plain kill bg KILL
	has "$output" 'container not running'
	run -0 plain delete bg
	run -1 plain state bg
	has "$output" 'does not exist'
	is_status two running
}

@test "plain: create, start, and delete --force of a running one" {
	bundle steps "$SLEEPS"
	OCI_IDS+=(steps)
	plain create --bundle "$BUNDLE" steps </dev/null >out 2>&1
	is_status steps created
	run -0 plain start steps
	is_status steps running
	run -1 plain start steps
	has "$output" 'cannot start a container in the running state'
	run -0 plain delete --force steps
	run -0 plain delete --force steps
}

@test "plain: podman's container from a plain shell" {
	start $IMAGE sleep 1000
	same "$(field "$CID" .status)" running
	has "$(plain list -q)" "^$CID\$"
	echo '{"args": ["/bin/sh", "-c", "echo joined; exit 5"], "cwd": "/",
		"user": {"uid": 0, "gid": 0}, "env": ["PATH=/bin"]}' >process.json
	run plain exec --process "$PWD/process.json" "$CID"
	same "$status" 5
	same "$output" joined
	run -0 plain kill "$CID" KILL
	within 20 is_exited "$CID"
	run -0 pod rm -f -t 0 "$CID"
}

@test "plain: start from a plain shell of what was created in podman's namespace" {
	bundle mixed '.process.args = ["/bin/echo", "mixed"]'
	OCI_IDS+=(mixed)
	inside "$KATA" create --bundle "$BUNDLE" mixed </dev/null >out 2>&1
	run -0 plain start mixed
	within 20 is_status mixed stopped
	same "$(cat out)" mixed
	run -0 plain delete mixed
}

@test "plain: run passes signals on" {
	local pid code=0

	bundle sigs '.process.args = ["/bin/probe", "signals", "10"]'
	OCI_IDS+=(sigs)
	# not by plain: the pid must be the runtime's own
	"$KATA" run --bundle "$BUNDLE" sigs </dev/null >out 2>&1 3>&- 4>&- &
	pid=$!
	within 60 grep -q ready out
	kill -INT $pid
	within 10 grep -q '^got 2$' out
	kill -TERM $pid
	within 10 grep -q '^got 15$' out
	plain kill sigs KILL
	wait $pid || code=$?
	same "$code" 137
}

@test "plain: kill -9 of the proxy: clear errors, delete --force leaves nothing" {
	up orphan "$SLEEPS"
	kill -9 "$(field orphan .kata.proxyPid)"
	within 20 is_status orphan stopped
	jq .process "$BUNDLE/config.json" >process.json
	run -1 plain exec --process "$PWD/process.json" orphan
	has "$output" 'not running'
	run -1 plain start orphan
	has "$output" 'stopped state'
	run -0 plain delete --force orphan
	run -0 plain delete --force orphan
}

@test "plain: kill -9 of the runtime in the middle of create" {
	local delay id pid

	for delay in 0.03 0.1 0.3 0.8; do
		id=kill-${delay/./-}
		bundle "$id"
		OCI_IDS+=("$id")
		"$KATA" create --bundle "$BUNDLE" "$id" </dev/null >/dev/null 2>&1 3>&- 4>&- &
		pid=$!
		sleep "$delay"
		kill -9 "$pid" || true
		wait "$pid" || true
		run -0 plain delete --force "$id"
	done
}

# A VMM that no record names is found by its id, seen from outside the map.
@test "plain: delete --force ends a stray process of the VMM's id" {
	local stray uid

	up stray "$SLEEPS"
	uid=$(field stray .kata.vmmUid)
	podman unshare setpriv --reuid "$uid" --clear-groups sleep 1234 3>&- 4>&- &
	within 10 pgrep -u "$(stat -c %u "/proc/$(field stray .kata.vmmPid)")" -f 'sleep 1234'
	stray=$(pgrep -f 'sleep 1234' -u "$(stat -c %u "/proc/$(field stray .kata.vmmPid)")")
	kill -9 "$(field stray .kata.proxyPid)"
	within 20 is_status stray stopped
	run -0 plain delete --force stray
	within 10 is_gone "$stray"
}

# As when two lists give an id out at once: the second look is before the guest
# runs, and undoing must not take the other for a stray.
@test "plain: a VMM whose id another process has is refused, that one lives" {
	local code=0 pid stray

	[ -n "$KATA_HOOKS" ] || skip "no test build of the runtime"
	bundle alone "$SLEEPS"
	OCI_IDS+=(alone)
	KATA_TEST_STOP=jails-up "$KATA_HOOKS" create --bundle "$BUNDLE" alone \
		</dev/null >out 2>&1 3>&- 4>&- &
	pid=$!
	within 60 is_stopped "$pid"
	podman unshare setpriv --reuid "$(field alone .kata.vmmUid)" --clear-groups \
		sleep 1235 3>&- 4>&- &
	within 10 pgrep -f '^sleep 1235'
	stray=$(pgrep -f '^sleep 1235')
	kill -CONT "$pid"
	wait "$pid" || code=$?
	same "$code" 1
	has "$(cat out)" "its id [0-9]+ is also that of process $stray"
	not is_gone "$stray"
	podman unshare kill -9 "$stray"
	[ ! -e "$XDG_RUNTIME_DIR/kata/alone" ]
}

@test "plain: delete removes files of the container's ids from the state" {
	local dir

	up owned "$SLEEPS"
	dir=$XDG_RUNTIME_DIR/kata/owned/share
	podman unshare sh -c 'mkdir -m 700 "$1/d" && touch "$1/d/f" && chown -R 5:5 "$1/d"' \
		- "$dir"
	run -0 plain delete --force owned
	[ ! -e "$XDG_RUNTIME_DIR/kata/owned" ]
}

@test "plain: the state root must be the caller's own" {
	mkdir -m 0755 open
	run -1 env -u XDG_RUNTIME_DIR "$KATA" list
	has "$output" 'XDG_RUNTIME_DIR is not set'
	XDG_RUNTIME_DIR=$PWD/open run -1 "$KATA" list
	has "$output" "$PWD/open: must be the caller's, mode 0700"
	XDG_RUNTIME_DIR=/run run -1 "$KATA" list
	has "$output" "/run: must be the caller's"
}

@test "plain: what is refused leaves nothing" {
	bundle bad 'del(.linux.namespaces[] | select(.type == "network"))'
	run -1 plain run --bundle "$BUNDLE" bad
	has "$output" 'network'
	bundle nnp
	run -1 setpriv --no-new-privs "$KATA" run --bundle "$BUNDLE" nnp
	has "$output" 'newuidmap has no rights in a session with no_new_privs'
	[ ! -e "$XDG_RUNTIME_DIR/kata/nnp" ]
	# an error that the log must get although it came from a namespace
	run -1 setpriv --no-new-privs "$KATA" --log "$PWD/log" --log-format json \
		run --bundle "$BUNDLE" nnp
	has "$(jq -r .msg log)" no_new_privs
}

@test "plain: spec and run in a terminal: Ctrl-C ends it, and it is gone" {
	bundle term
	rm "$BUNDLE/config.json"
	(cd "$BUNDLE" && plain spec)
	# in a directory of the caller's, as the README has it
	# the job itself says that it is there: before, Ctrl-C would be the shell's
	run clean_fds "$E2E_DIR/pty-run" --size 30x100 --expect '# ' \
		--send "sh -c 'echo \$((40+2)); sleep 1000'\r" --expect '42' --send '\x03' --expect '# ' --send 'exit 9\r' -- \
		env -C "$BUNDLE" "$KATA" run term
	[ "$status" -eq 9 ] || echo "$output"
	same "$status" 9
	run -1 plain state term
}

@test "plain: pause, resume and ps from a plain shell" {
	up calm "$SLEEPS"
	run -0 plain pause calm
	is_status calm paused
	run -0 plain resume calm
	is_status calm running
	same "$(plain ps --format json calm | jq -r 'join(" ")')" "$(field calm .pid)"
}

@test "plain: delete --force while commands are entering" {
	local delay pids=() pid

	up busy "$SLEEPS"
	jq '.process | .args = ["/bin/true"]' "$BUNDLE/config.json" >process.json
	for delay in 0 0.05 0.1 0.2; do
		(sleep $delay; plain exec --process "$PWD/process.json" busy >/dev/null 2>&1) &
		pids+=($!)
	done
	sleep 0.2
	run -0 plain delete --force busy
	same "$output" ""
	for pid in "${pids[@]}"; do
		# some came in time; none hangs
		wait "$pid" || true
	done
}

is_stopped() {
	grep -q '^State:.*T' "/proc/$1/status"
}

# The places between the moments that chance above hits.
@test "plain: kill -9 of the runtime at steps of create" {
	local step pid

	[ -n "$KATA_HOOKS" ] || skip "no test build of the runtime"
	bundle steps "$SLEEPS"
	OCI_IDS+=(steps)
	for step in userns-mapped state-recorded jails-up vm-running; do
		KATA_TEST_STOP=$step "$KATA_HOOKS" create --bundle "$BUNDLE" steps \
			</dev/null >/dev/null 2>&1 3>&- 4>&- &
		pid=$!
		within 60 is_stopped "$pid"
		# the child that waits for its map is there, and goes with its parent
		[ "$step" != userns-mapped ] || pgrep -P "$pid" >child
		kill -9 "$pid"
		wait "$pid" || true
		[ "$step" != userns-mapped ] || within 10 is_gone "$(cat child)"
		run -0 plain delete --force steps
		same "$output" ""
	done
}
