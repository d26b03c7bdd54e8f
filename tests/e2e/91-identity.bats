#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# One id per sandbox. A test build stops each create once its id is recorded;
# that costs no VM.

load helpers

setup() {
	[ -n "$KATA_HOOKS" ] || skip "no test build (make hooks-build)"
	skip_unless_user
	common_setup
	bundle identity "$SLEEPS"
	mkdir -m 0700 root0 root1
}

teardown() {
	local pid dir

	# what a test that failed left stopped
	for pid in $(held); do
		kill -KILL "$pid"
	done
	for dir in "$BATS_TEST_TMPDIR"/root?/*/; do
		[ ! -d "$dir" ] || inside "$KATA" --root "${dir%/*/}" delete --force "$(basename "$dir")"
	done
	common_teardown
}

# hold ROOT ID [SETPRIV-OPTIONS]: a create that stops with its id recorded.
hold() {
	podman unshare env KATA_TEST_STOP=cgroup-made "$KATA_HOOKS" --root "$BATS_TEST_TMPDIR/$1" \
		create --bundle "$BUNDLE" "$2" </dev/null >"$2.out" 2>&1 3>&- 4>&- &
}

# Those of them that run or are stopped.
held() {
	pgrep -f -- "--root $BATS_TEST_TMPDIR/root. create" || true
}

# The id of a state, 0 until there is one.
id_of() {
	jq -r .uid "$1/state.json" 2>/dev/null || echo 0
}

ids() {
	local dir

	for dir in root?/*/; do
		id_of "$dir"
	done | awk '$1 > 0'
}

have_ids() {
	[ "$(ids | wc -l)" -eq "$1" ]
}

let_go() {
	local pid

	for pid in $(held); do
		kill -KILL "$pid"
	done
	wait
}

delete_all() {
	local dir root

	for dir in root?/*/; do
		root=${dir%%/*}
		inside "$KATA" --root "$BATS_TEST_TMPDIR/$root" delete --force "$(basename "$dir")"
	done
}

pool() {
	ls "$XDG_RUNTIME_DIR/kata/.uids"
}

@test "identity: twenty creates at once, of two state roots, have twenty ids" {
	local n

	for n in {1..20}; do
		hold root$((n % 2)) "at-once$n"
	done
	within 120 have_ids 20 || {
		cat at-once*.out
		return 1
	}
	same "$(ids | sort -u | wc -l)" 20
	same "$(pool | wc -l)" 20
	# killed, all of them: delete frees what they had
	let_go
	delete_all
	same "$(pool)" ""
}

@test "identity: the highest id of the map, but not the container's own" {
	local highest

	highest=$(podman unshare awk '{ last = $1 + $3 - 1; if (last > most) most = last }
		END { print most }' /proc/self/uid_map)
	hold root0 highest
	within 60 have_ids 1
	same "$(ids)" "$highest"
	let_go
	delete_all
	bundle other "$SLEEPS | .process.user = {\"uid\": $highest, \"gid\": $((highest - 1)),
		\"additionalGids\": [$((highest - 2))]}"
	hold root0 other
	within 60 have_ids 1
	same "$(ids)" $((highest - 3))
	let_go
	delete_all
}

@test "identity: an id that a process has, as user or group, is passed over" {
	local highest holder # the map is of 65537 ids

	hold root0 first
	within 60 have_ids 1
	highest=$(ids)
	let_go
	delete_all
	podman unshare setpriv --regid "$highest" --clear-groups sleep 1000 3>&- 4>&- &
	podman unshare setpriv --groups $((highest - 1)) sleep 1000 3>&- 4>&- &
	within 30 strangers 2
	hold root1 second
	within 60 have_ids 1
	for holder in $(pgrep -U "$(id -u)" -x sleep); do
		kill "$holder"
	done
	let_go
	# one more is left out always: 65534, that of everybody who has none here
	same "$(ids)" $((highest - 3))
	delete_all
}

strangers() {
	[ "$(pgrep -U "$(id -u)" -x -c sleep)" -eq "$1" ]
}
