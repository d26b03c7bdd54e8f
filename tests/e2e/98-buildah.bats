#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# buildah as an ordinary user. It is the sub-reaper of our shim, sets the network
# up between create and start, and polls the state.

load helpers
load buildah

teardown() {
	buildah_teardown
}

@test "buildah: RUN without a network, exit code of a RUN that fails" {
	buildah_build
}

@test "buildah run: exit code, stdin, terminal, volume, user" {
	buildah_run
}

@test "buildah run: a network that is set up after create" {
	[ -w /dev/net/tun ] || skip "no /dev/net/tun"
	working=$(bah from $IMAGE)
	run bah run --runtime "$KATA" --isolation rootless "$working" sh -c \
		'ip -4 addr show tap0; ip route; cat /etc/resolv.conf'
	same "$status" 0
	has "$output" 'inet 10\.0\.2\.100/24'
	has "$output" '^default via 10\.0\.2\.2 dev tap0'
	has "$output" '^nameserver 10\.0\.2\.3'
}

@test "buildah: what fails between create and start leaves no VM" {
	# rootless buildah's other isolation cannot make its network, whatever the
	# runtime; it deletes the created container without --force
	working=$(bah from $IMAGE)
	run bah run --runtime "$KATA" --isolation oci "$working" true
	[ "$status" -ne 0 ] || skip "this buildah makes its network"
	lacks "$output" 'not stopped'
	same "$(rt list -q)" ""
}

@test "podman build by the runtime" {
	context
	run -0 pod build --network none -t built "$PWD/context"
	same "$(control run --rm --network none built cat /made)" "from the host"
	lacks "$(control run --rm --network none built cat /kernel)" "^$(uname -r)\$"
	control rmi -f built >/dev/null
}
