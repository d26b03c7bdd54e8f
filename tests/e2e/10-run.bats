#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# run: a kernel of its own, exit codes, signals, output.

load helpers

@test "run: the container has another kernel than the host" {
	run -0 prun $IMAGE uname -r
	[ "$output" != "$(uname -r)" ]
	has "$output" '^[0-9]+\.[0-9]+'
}

@test "run: pid 1 is the container's process" {
	run -0 prun $IMAGE sh -c 'echo $$; ls /proc | grep -c "^[0-9]"'
	same "${lines[0]}" 1
}

@test "run: exit codes 0 1 2 42 125 126 127 200 255" {
	local code

	for code in 0 1 2 42 125 126 127 200 255; do
		run "-$code" prun $IMAGE sh -c "exit $code"
		same "$output" ""
	done
}

@test "run: a fault in pid 1 is 128+n: SEGV BUS ILL TRAP FPE" {
	local pair

	for pair in segv:139 bus:135 ill:132 trap:133 fpe:136; do
		run prun $IMAGE probe crash "${pair%:*}"
		same "$pair=$status" "$pair=${pair#*:}"
	done
}

@test "run: command not found is 127" {
	run -127 prun $IMAGE /no/such/command
	run -127 prun $IMAGE no-such-command
}

@test "run: not executable is 126" {
	run prun $IMAGE /etc/passwd
	same "$status" 126
	run prun $IMAGE /etc
	same "$status" 126
}

@test "run: stdout and stderr stay apart" {
	prun $IMAGE sh -c 'echo out; echo err >&2' >o 2>e
	same "$(cat o)" out
	same "$(cat e)" err
}

@test "run: 32 MiB of output arrive whole" {
	local sum

	prun $IMAGE sh -c 'head -c 33554432 /dev/zero | tr "\0" x' >big
	same "$(stat -c %s big)" 33554432
	sum=$(head -c 33554432 /dev/zero | tr '\0' x | sha256sum)
	same "$(sha256sum <big)" "$sum"
}

@test "run: environment and working directory" {
	run -0 prun -e COLOUR=blue -w /tmp $IMAGE sh -c 'echo $COLOUR; pwd'
	same "${lines[0]}" blue
	same "${lines[1]}" /tmp
}

@test "run: --hostname" {
	run -0 prun --hostname my-name $IMAGE hostname
	same "$output" my-name
}

@test "run: --init has its own pid 1" {
	[ -x /usr/libexec/podman/catatonit ] || [ -x /usr/bin/catatonit ] ||
		skip "no catatonit on this machine"
	run -0 prun --init $IMAGE sh -c 'echo $$; cat /proc/1/comm'
	[ "${lines[0]}" != 1 ]
	has "${lines[1]}" 'catatonit|podman-init|init'
}

@test "run: a hundred files in the rootfs are written and read back" {
	run -0 prun $IMAGE sh -c '
		mkdir /data && cd /data || exit 1
		for i in $(seq 100); do echo $i >f$i || exit 1; done
		cat f* | sort -n | tail -n 1; rm -r /data'
	same "$output" 100
}
