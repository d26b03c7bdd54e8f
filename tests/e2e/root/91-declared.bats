#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# As root. Declared against measured: what docs/privileges.md says of each process, which
# is what the code beside the calls declares, and what the kernel says.

load ../helpers

declared() {
	inside "$E2E_DIR/declared" "$E2E_DIR/../../docs/privileges.md" "$@"
}

# The page's row for the jail that the VM is in.
vmm_row() {
	echo "qemu-$(note "$CID" .kata.accelerator)"
}

@test "root: declared: proxy, shim, VMM and file server hold what the page says" {
	start $IMAGE sleep 1000
	run declared "kata-proxy=$(note "$CID" .kata.proxyPid)" \
		"kata-shim=$(note "$CID" .pid)" \
		"$(vmm_row)=$(note "$CID" .kata.vmmPid)" \
		"$FS=$(note "$CID" .kata.fileServerPid)"
	echo "$output"
	same "$status" 0
	# all of it was compared
	same "$(grep -c '^ok ' <<<"$output")" 71
}

@test "root: declared: the shim of an exec holds no more" {
	local shim

	start $IMAGE sleep 1000
	pod exec -d "$CID" sleep 1000
	shim=$(pgrep -P "$(pgrep -f "conmon.*$CID" | tail -n 1)" kata-shim | tail -n 1)
	[ -n "$shim" ]
	[ "$shim" -ne "$(note "$CID" .pid)" ]
	run declared "kata-shim=$shim"
	echo "$output"
	same "$status" 0
}

@test "root: declared: a process that holds something else is told" {
	start $IMAGE sleep 1000
	run declared "kata-proxy=$(note "$CID" .kata.vmmPid)"
	same "$status" 1
	has "$output" '^BAD kata-proxy: Uid'
	has "$output" '^BAD kata-proxy: namespace user'
	run declared "kata-proxy=self"
	same "$status" 1
	has "$output" '^BAD kata-proxy: CapEff'
	has "$output" '^BAD kata-proxy: dumpable is yes'
	has "$output" '^BAD kata-proxy: Seccomp is'
}
