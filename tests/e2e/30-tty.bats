#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# -t: size, resize, line discipline, exit codes.

load helpers

on_tty() { # STEPS... -- PODMAN-ARGUMENTS...
	local steps=()

	while [ "$1" != -- ]; do
		steps+=("$1")
		shift
	done
	shift
	clean_fds "$E2E_DIR/pty-run" "${steps[@]}" -- \
		podman --runtime "$RUNTIME" "$@"
}

@test "tty: run -t has a terminal of the caller's size" {
	run -0 on_tty --size 31x97 -- run --rm -it --network none $IMAGE \
		sh -c 'sleep 1; probe tty'
	has "$output" 'tty=31 97'
}

@test "tty: a resize reaches the process" {
	run -0 on_tty --size 20x60 --expect 'tty=[0-9]+ [0-9]+' \
		--resize 44x133 --expect 'tty=44 133' -- \
		run --rm -it --network none $IMAGE probe tty 1
	has "$output" 'tty=44 133'
}

@test "tty: input is echoed once and Ctrl-D ends it" {
	run -0 on_tty --expect '[#$] ' --send 'echo a-b-c | tr - _\n' \
		--expect 'a_b_c' --send 'exit 33\n' -- \
		run -it --network none $IMAGE sh -c 'sh; echo code=$?'
	has "$output" 'code=33'
	same "$(grep -c 'echo a-b-c' <<<"$output")" 1
}

@test "tty: Ctrl-C interrupts" {
	run on_tty --expect ready --send '\x03' --expect 'got 2' -- \
		run --rm -it --network none $IMAGE probe signals 2
	same "$status" 7
}

@test "tty: exit code" {
	run on_tty -- run --rm -it --network none $IMAGE sh -c 'exit 42'
	same "$status" 42
}

@test "tty: exec -it with resize" {
	start $IMAGE sleep 1000
	run -0 on_tty --size 25x70 --expect 'tty=' --resize 41x101 \
		--expect 'tty=41 101' -- exec -it "$CID" probe tty 1
	run on_tty -- exec -it "$CID" sh -c 'tty; exit 9'
	same "$status" 9
	has "$output" '/dev/pts/'
}

@test "tty: without -t there is none" {
	run prun $IMAGE tty
	has "$output" 'not a tty'
}
