#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# As root: create within a control group that has too little for a VM. It says
# why, and takes back what it made.

load ../helpers

# group CONTROLLER FILE VALUE: makes $GROUP, in whichever hierarchy has it
group() {
	GROUP=/sys/fs/cgroup/$1/kata-limits
	[ -d "/sys/fs/cgroup/$1" ] || GROUP=/sys/fs/cgroup/kata-limits
	mkdir "$GROUP"
	echo "$3" >"$GROUP/$2" || {
		rmdir "$GROUP"
		skip "no controller $1 here"
	}
}

# refused PATTERN: create in $GROUP
refused() {
	local status=0

	bundle tight '.process.args = ["/bin/sleep", "1000"]'
	timeout 120 bash -c "echo \$\$ >$GROUP/cgroup.procs
		exec '$KATA' create --bundle '$BUNDLE' tight" </dev/null >out 2>&1 3>&- 4>&- ||
		status=$?
	within 20 rmdir "$GROUP"
	echo "status $status: $(cat out)"
	[ "$status" -eq 1 ]
	has "$(head -n 1 out)" "^kata-runtime: .*($1)"
	[ ! -e /run/kata/tight ]
	run -0 rt delete --force tight
}

memory_file() {
	[ -e /sys/fs/cgroup/memory/memory.limit_in_bytes ] &&
		echo memory.limit_in_bytes || echo memory.max
}

@test "root: a memory control group too small for the VM" {
	group memory "$(memory_file)" 41943040
	refused 'killed|SIGKILL|signal 9'
}

@test "root: a pids control group with no room" {
	group pids pids.max 2
	refused 'fork: Resource temporarily unavailable'
}
