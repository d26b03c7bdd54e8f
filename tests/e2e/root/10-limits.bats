#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# As root: limits reach the guest's control groups, and the host's.

load ../helpers

# The container's own cgroup file, through its cgroup2 mount.
guest_file() {
	pod exec "$CID" cat "/sys/fs/cgroup/$1"
}

@test "root: --memory is the guest's memory.max" {
	start --memory 64m $IMAGE sleep 1000
	same "$(guest_file memory.max)" 67108864
}

@test "root: more than --memory is killed in the guest" {
	run pod run --rm --network none --memory 32m --memory-swap 32m $IMAGE \
		sh -c 'head -c 100000000 /dev/zero | tail | wc -c'
	[ "$status" -ne 0 ] || ! grep -q 100000000 <<<"$output"
}

@test "root: --pids-limit" {
	start --pids-limit 20 $IMAGE sleep 1000
	same "$(guest_file pids.max)" 20
	run pod exec "$CID" sh -c 'for i in $(seq 40); do sleep 100 & done'
	has "$output" "can't fork|Resource temporarily unavailable|fork"
}

@test "root: --cpus" {
	start --cpus 0.5 $IMAGE sleep 1000
	same "$(guest_file cpu.max)" "50000 100000"
}

@test "root: the VMM and the file server are in the container's cgroup on the host" {
	local pid

	start --memory 256m $IMAGE sleep 1000
	for pid in .kata.vmmPid .kata.fileServerPid .kata.proxyPid .pid; do
		has "$(cat "/proc/$(note "$CID" $pid)/cgroup")" "libpod-$CID"
	done
}
