#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# update as root: the host's control groups, in whichever version they are.

load ../helpers

# host CONTROLLER V1-FILE V2-FILE: what the sandbox's own group says
host() {
	cat "/sys/fs/cgroup/$1/kata-e2e-verbs/c/$2" 2>/dev/null ||
		cat "/sys/fs/cgroup/kata-e2e-verbs/c/$3" 2>/dev/null ||
		cat "/sys/fs/cgroup/unified/kata-e2e-verbs/c/$3"
}

teardown() {
	common_teardown
	find /sys/fs/cgroup -maxdepth 2 -name kata-e2e-verbs -exec rmdir {} +
}

@test "verbs as root: update changes host and guest, or neither" {
	local before after

	grep -q 'cgroup2\? .*memory\|^cgroup2 ' /proc/mounts || skip "no memory controller here"
	bundle up '.process.args = ["/bin/sleep", "1000"] |
		.linux.cgroupsPath = "/kata-e2e-verbs/c" |
		.linux.resources = {"memory": {"limit": 67108864},
			"cpu": {"quota": 50000, "period": 100000, "cpus": "0"}} |
		.mounts += [{"destination": "/sys/fs/cgroup", "type": "cgroup",
			"source": "cgroup", "options": ["ro"]}]'
	OCI_IDS+=(up)
	rt run -d --bundle "$BUNDLE" up </dev/null >out 2>&1 || { cat out; return 1; }
	same "$(host cpuset cpuset.cpus cpuset.cpus)" 0
	before=$(host memory memory.limit_in_bytes memory.max)
	run -0 rt update --memory 80m --cpu-quota 25000 up
	after=$(host memory memory.limit_in_bytes memory.max)
	same $((after - before)) $((16 << 20))
	has "$(host cpu cpu.cfs_quota_us cpu.max)" '^125000' # one CPU for the VMM
	same "$(rt exec up cat /sys/fs/cgroup/memory.max)" $((80 << 20))
	# the host's kernel refuses the last one: the others are taken back
	run -1 rt update --memory 72m --cpu-quota 30000 --cpuset-cpus 4095 up
	has "$output" cpuset.cpus
	same "$(host memory memory.limit_in_bytes memory.max)" "$after"
	has "$(host cpu cpu.cfs_quota_us cpu.max)" '^125000'
	same "$(rt exec up cat /sys/fs/cgroup/memory.max)" $((80 << 20))
	# and so when it is the guest that refuses
	run -1 rt update --memory 72m --resources - up
	run -1 rt update --resources - up <<<'{"memory": {"limit": 75497472},
		"unified": {"no.such.file": "1"}}'
	same "$(host memory memory.limit_in_bytes memory.max)" "$after"
	same "$(rt exec up cat /sys/fs/cgroup/memory.max)" $((80 << 20))
}
