#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# A sample of the fault matrix (tests/e2e/faults; `make soak S=faults` has all
# of it): one process gets SIGKILL at a known step, and `delete --force`, called
# twice, leaves nothing. The driver takes its own snapshots, one a cell.

load helpers

# lib/hooks.h; OCI hooks have names of their own
SWITCHES='hook_(layer|has_|is_|goes_|step|hold|die_)'

# struck CELL...: STEP:VICTIM each
struck() {
	[ -n "$KATA_HOOKS" ] || skip "no test build of the runtime"
	run clean_fds "$E2E_DIR/faults" "$@"
	echo "$output"
	[ "$status" -eq 0 ]
	has "$output" "^faults: $# of $# cells clean"
}

programs() {
	local top

	top=$(dirname "$(dirname "$1")")
	echo "$1" "$top"/libexec/kata/kata-{agent,jailer,proxy,shim}
}

@test "faults: no program of the release has the switches" {
	local file

	for file in $(programs "$KATA"); do
		lacks "$(strings -a "$file")" "KATA_TEST_|TestDie|agent_break|^$SWITCHES"
		lacks "$(nm "$file" 2>&1)" " $SWITCHES"
	done
}

@test "faults: the test build has them: the check above can fail" {
	[ -n "$KATA_HOOKS" ] || skip "no test build of the runtime"
	has "$(strings -a "$KATA_HOOKS")" KATA_TEST_STOP
	has "$(strings -a "$KATA_HOOKS")" KATA_TEST_BREAK
	has "$(strings -a "$KATA_HOOKS")" KATA_TEST_UNVERIFIED
	has "$(strings -a "$(dirname "$KATA_HOOKS")/../libexec/kata/kata-agent")" TestDie
	has "$(strings -a "$(dirname "$KATA_HOOKS")/../libexec/kata/kata-agent")" agent_break
	has "$(nm "$(dirname "$KATA_HOOKS")/../libexec/kata/kata-jailer")" hook_layer
}

@test "faults: the driver tells what is left behind" {
	[ -n "$KATA_HOOKS" ] || skip "no test build of the runtime"
	mkdir -p "$XDG_RUNTIME_DIR/kata"
	# a file that appears between two snapshots of the driver
	(
		within 60 test -e "$E2E_WORK/faults/bundle/process.json"
		within 60 test -d "$XDG_RUNTIME_DIR/kata/fault-1"
		touch "$XDG_RUNTIME_DIR/kata/stray"
		within 60 test -e "$E2E_WORK/told"
		rm "$E2E_WORK/told"
		rm "$XDG_RUNTIME_DIR/kata/stray"
	) 3>&- 4>&- &
	run clean_fds env CLEAN_SECONDS=2 "$E2E_DIR/faults" agent-connected:runtime
	touch "$E2E_WORK/told"
	wait
	[ "$status" -eq 1 ]
	has "$output" 'left behind: file .*/kata/stray'
}

@test "faults: the runtime is killed in create" {
	struck state-recorded:runtime cgroup-planned:runtime id-taken:runtime cgroup-made:runtime proxy-up:runtime \
		jails-inside:runtime jails-up:runtime vm-running:runtime shim-spawned:runtime \
		shim-confined:runtime read-back:runtime
}

@test "faults: a jailer or a jail is killed in create" {
	struck proxy-up:jailer jails-inside:vmm jails-up:virtiofsd verified:vmm
}

@test "faults: the proxy is killed in create" {
	struck proxy-up:proxy verified:proxy
}

@test "faults: agent, shim and init are killed in create" {
	struck vm-running:agent shim-spawned:shim shim-confined:shim agent-connected:shim read-back:init \
		container-created:init
}

@test "faults: something is killed after create" {
	struck pid-file-written:proxy start-recorded:shim network-wired:runtime started:jailer-fs exec-started:exec-shim
}

@test "faults: an exec that nobody has compared never runs its program" {
	struck exec-confined:runtime exec-held:runtime exec-held:exec-shim exec-held:proxy
}

@test "faults: something is killed in delete" {
	struck delete-begun:runtime delete-begun:vmm processes-ended:runtime
}
