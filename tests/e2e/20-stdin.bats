#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# stdin of run and exec: all bytes, and the end.

load helpers

# 1 GiB through one cat; E2E_STDIN_MIB (a multiple of 16) changes it.
stream() {
	local i

	[ -e block ] || head -c 16777216 /dev/urandom >block
	for ((i = 0; i < ${E2E_STDIN_MIB:-1024} / 16; i++)); do
		cat block
	done
}

@test "stdin: hundreds of MiB through cat, checksum equal" {
	local sum

	sum=$(stream | sha256sum)
	E2E_CALL_SECONDS=900
	stream | prun -i $IMAGE cat | sha256sum >after
	same "$(cat after)" "$sum"
}

@test "stdin: the end of it ends the container" {
	run -0 prun -i $IMAGE cat </dev/null
	same "$output" ""
	run -0 prun -i $IMAGE sh -c 'read -r line; echo "<$line>"; cat | wc -c' \
		<<<$'first\nsecond'
	same "${lines[0]}" "<first>"
	same "${lines[1]}" 7
}

@test "stdin: without -i there is nothing to read" {
	run -0 prun $IMAGE sh -c 'cat | wc -c' <<<text
	same "$output" 0
}

@test "stdin: a reader that stops early does not hang" {
	run bash -c 'head -c 67108864 /dev/zero |
		timeout 120 podman --runtime "$RUNTIME" run --rm -i --network none \
		'$IMAGE' head -c 10 3>&- 4>&- | wc -c'
	has "$output" '^10$'
}

@test "stdin: exec -i" {
	start $IMAGE sleep 1000
	head -c 4194304 /dev/urandom >data
	pod exec -i "$CID" cat <data >back
	cmp data back
}
