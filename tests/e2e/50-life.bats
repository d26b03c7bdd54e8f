#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The life of a container as podman drives it.

load helpers

@test "life: logs" {
	start $IMAGE sh -c 'echo one; echo two >&2; echo three'
	pod wait "$CID"
	run -0 --separate-stderr pod logs "$CID"
	has "$output" '^one$'
	has "$output" '^three$'
	has "$stderr" '^two$'
}

@test "life: logs -f sees output as it comes" {
	start $IMAGE sh -c 'for i in 1 2 3; do echo line $i; sleep 1; done'
	run -0 pod logs -f "$CID"
	has "$output" '^line 3$'
}

@test "life: stop sends TERM and the handler's code comes back" {
	start $IMAGE sh -c 'trap "exit 17" TERM; echo up; while :; do sleep 0.1; done'
	within 30 logs_have "$CID" up
	run -0 pod stop -t 20 "$CID"
	same "$(pod inspect -f '{{.State.ExitCode}}' "$CID")" 17
}

@test "life: stop kills what ignores TERM, 137" {
	start $IMAGE sleep 1000
	run -0 pod stop -t 1 "$CID"
	same "$(pod inspect -f '{{.State.ExitCode}}' "$CID")" 137
}

@test "life: kill delivers each catchable signal" {
	local signo

	start $IMAGE probe signals 15
	within 30 logs_have "$CID" ready
	for signo in 1 2 3 10 12 18 28 34 64; do
		pod kill -s $signo "$CID" >/dev/null
		within 10 grep -q "^got $signo\$" <(pod logs "$CID")
	done
	pod kill -s TERM "$CID"
	run -0 pod wait "$CID"
	same "$output" 7
}

@test "life: kill is KILL, 137" {
	start $IMAGE sleep 1000
	pod kill "$CID"
	run -0 pod wait "$CID"
	same "$output" 137
}

@test "life: rm -f of a running container" {
	start $IMAGE sleep 1000
	run -0 pod rm -f -t 0 "$CID"
	run ! pod inspect "$CID"
}

@test "life: create, then start, then start again" {
	CID=$(pod create --network none $IMAGE sh -c 'echo run >>/count; wc -l </count')
	run -0 pod start -a "$CID"
	same "$output" 1
	run -0 pod start -a "$CID"
	same "$output" 2
}

booted_twice() {
	[ "$(pod logs "$CID" | grep -c boot)" -eq 2 ]
}

@test "life: restart" {
	start $IMAGE sh -c 'echo boot; exec sleep 1000'
	within 30 logs_have "$CID" boot
	run -0 pod restart -t 0 "$CID"
	within 30 booted_twice
}

@test "life: attach gets output, wait the exit code" {
	start $IMAGE sh -c 'sleep 3; echo late; exit 5'
	run pod attach --no-stdin "$CID"
	has "$output" late
	same "$(pod wait "$CID")" 5
}

@test "life: two containers at once have two machines" {
	local one two

	start $IMAGE sleep 1000
	one=$CID
	start $IMAGE sleep 1000
	two=$CID
	[ "$(note "$one" .kata.vmmPid)" != "$(note "$two" .kata.vmmPid)" ]
	[ "$(note "$one" .kata.vmmUid)" != "$(note "$two" .kata.vmmUid)" ]
	run -0 pod exec "$one" true
	run -0 pod exec "$two" true
}

@test "life: ps, inspect and top" {
	start $IMAGE sleep 1000
	has "$(pod ps --format '{{.ID}} {{.Status}}')" "^${CID:0:12} Up"
	same "$(pod inspect -f '{{.State.Status}}' "$CID")" running
	run -0 pod exec "$CID" ps
	has "$output" 'sleep 1000'
}

@test "life: cleanup after --rm leaves no container" {
	run -0 prun $IMAGE true
	same "$(pod ps -aq)" ""
}
