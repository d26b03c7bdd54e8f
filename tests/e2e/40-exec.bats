#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# exec: codes, signals, settings, many at once.

load helpers

@test "exec: output and exit codes" {
	local code

	start $IMAGE sleep 1000
	run -0 pod exec "$CID" echo hello
	same "$output" hello
	for code in 1 2 42 125 126 127 255; do
		run "-$code" pod exec "$CID" sh -c "exit $code"
	done
}

@test "exec: a signal is 128+n" {
	local signo

	start $IMAGE sleep 1000
	for signo in 1 2 6 9 11 13 15 31 34 64; do
		run pod exec "$CID" probe kill $signo
		same "$signo=$status" "$signo=$((128 + signo))"
	done
}

@test "exec: not found 127, not executable 126, the container goes on" {
	start $IMAGE sleep 1000
	run -127 pod exec "$CID" /no/such/command
	run -127 pod exec "$CID" no-such-command
	run pod exec "$CID" /etc/passwd
	same "$status" 126
	run -0 pod exec "$CID" true
}

@test "exec: --env, --workdir, --user" {
	start $IMAGE sleep 1000
	run -0 pod exec -e A=b -w /tmp -u 1234:5678 "$CID" \
		sh -c 'echo $A $PWD; id -u; id -g'
	same "${lines[0]}" "b /tmp"
	same "${lines[1]}" 1234
	same "${lines[2]}" 5678
}

@test "exec: stays in the container's namespaces and limits" {
	local inner

	start $IMAGE sh -c 'probe ns >/ns; exec sleep 1000'
	within 20 pod exec "$CID" test -s /ns
	inner=$(pod exec "$CID" cat /ns)
	same "$(pod exec "$CID" probe ns)" "$inner"
	run -0 pod exec "$CID" probe status
	has "$output" '^Seccomp=2$'
	has "$output" '^CapInh=0000000000000000$'
}

@test "exec: eight at once" {
	local i pids=()

	start $IMAGE sleep 1000
	for i in 1 2 3 4 5 6 7 8; do
		pod exec "$CID" sh -c "head -c 1000000 /dev/zero | wc -c; exit $i" \
			>"out$i" &
		pids+=($!)
	done
	for i in 1 2 3 4 5 6 7 8; do
		local code=0
		wait "${pids[i - 1]}" || code=$?
		same "$code" "$i"
		same "$(cat "out$i")" 1000000
	done
}

@test "exec: -d goes on alone" {
	start $IMAGE sleep 1000
	pod exec -d "$CID" sh -c 'sleep 1; echo done >/flag'
	within 20 pod exec "$CID" grep -q done /flag
}

@test "exec: a stopped container refuses" {
	start $IMAGE true
	pod wait "$CID"
	run ! pod exec "$CID" true
}

@test "exec: ends with its container" {
	local code=0 pid

	start $IMAGE sleep 1000
	pod exec "$CID" sleep 1000 &
	pid=$!
	sleep 2
	pod kill "$CID"
	wait $pid || code=$?
	[ "$code" -ne 0 ]
}

# Its agent would run the program before anybody has compared.
@test "exec: in a VM that an older version started is refused, before anything runs" {
	made older "$SLEEPS"
	run -0 rt start older
	rt exec older true </dev/null
	inside sed -i '/"holds_execs"/d' "$XDG_RUNTIME_DIR/kata/older/state.json"
	run -1 rt exec older touch /ran </dev/null
	has "$output" 'cannot exec in older: its VM was started by an older version.*recreate'
	[ ! -e "$BUNDLE/rootfs/ran" ]
	# all else goes on, and it can be deleted
	run -0 rt kill older KILL
	within 20 status_is older stopped
	run -0 rt delete older
}

# Whoever asked is told that there is no exec: then there must be none.
@test "exec: -d whose pid file cannot be written leaves no process" {
	start $IMAGE sleep 1000
	echo '{"args": ["/bin/sleep", "4321"], "cwd": "/", "user": {"uid": 0, "gid": 0},
		"env": ["PATH=/bin"]}' >process.json
	mkdir taken
	not rt exec --detach --process "$PWD/process.json" --pid-file "$PWD/taken" "$CID" \
		</dev/null >out 2>&1
	has "$(cat out)" "pid file: .*taken"
	within 10 runs_no_more "$CID" 4321
	rt exec --detach --process "$PWD/process.json" --pid-file "$PWD/pid" "$CID" \
		</dev/null >out 2>&1
	not runs_no_more "$CID" 4321
	kill -0 "$(cat pid)"
}

# runs_no_more CID WORD: no command line in the container is "sleep WORD".
runs_no_more() {
	! pod exec "$1" sh -c 'cat /proc/[0-9]*/cmdline | tr "\0" " "' | grep -q "sleep $2"
}
