#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# As real root the file server has the host's uid 0, without a capability. The
# kernel asks for nothing else before it writes a sysctl: the jail must.

load ../helpers

@test "root: in the file server's jail uid 0 writes no sysctl" {
	local pid

	start $IMAGE sleep 1000
	pid=$(note "$CID" .kata.fileServerPid)
	run python3 "$E2E_DIR/in-jail.py" "$pid" \
		/proc/sys/kernel/core_pattern /proc/sys/vm/page-cluster \
		/proc/sysrq-trigger
	echo "$output"
	[ "$status" -eq 0 ]
	[ "${#lines[@]}" -eq 3 ]
	for line in "${lines[@]}"; do
		[[ $line == *"Read-only file system"* || $line == *"No such file"* ]]
	done
}
