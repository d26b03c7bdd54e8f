#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# As root: the host's control groups of a sandbox, by the OCI command line. All
# of it is inside, all of what is inside ends, and what cannot be had is said.

load ../helpers

# DIRS: the sandbox's directory in every hierarchy there is.
setup() {
	common_setup
	NAME=/kata-e2e-cgroup
	mapfile -t DIRS < <(awk -v name=$NAME '{
		for (i = 7; $i != "-"; i++)
			;
		if (($(i + 1) == "cgroup" || $(i + 1) == "cgroup2") && $4 == "/")
			print $5 name
	}' /proc/self/mountinfo)
	WITH_GROUP="$SLEEPS | .linux.cgroupsPath = \"$NAME\""
}

none_left() {
	local dir

	for dir in "${DIRS[@]}"; do
		[ ! -e "$dir" ] || {
			echo "there is still $dir: $(cat "$dir/cgroup.procs")"
			return 1
		}
	done
}

@test "root: cgroups: every process of the sandbox is in every hierarchy" {
	local dir key procs

	made in-groups "$WITH_GROUP"
	[ "${#DIRS[@]}" -ge 1 ]
	for dir in "${DIRS[@]}"; do
		procs=" $(tr '\n' ' ' <"$dir/cgroup.procs")"
		for key in .pid .kata.vmmPid .kata.fileServerPid .kata.proxyPid; do
			has "$procs" " $(note in-groups $key) "
		done
	done
	rt delete --force in-groups
	none_left
}

@test "root: cgroups: delete ends whatever is in them" {
	local dir pid strays=()

	made strays "$WITH_GROUP"
	for dir in "${DIRS[@]}"; do
		sleep 1000 3>&- 4>&- &
		strays+=($!)
		echo $! >"$dir/cgroup.procs"
	done
	rt delete --force strays
	for pid in "${strays[@]}"; do
		within 5 is_gone "$pid"
	done
	none_left
}

@test "root: cgroups: one that was there before keeps the others in it" {
	local dir pid

	dir=${DIRS[0]}
	mkdir "$dir"
	sleep 1000 3>&- 4>&- &
	pid=$!
	echo $pid >"$dir/cgroup.procs"
	made shared "$WITH_GROUP"
	rt delete --force shared
	kill -0 "$pid"
	[ -d "$dir" ]
	kill "$pid"
	within 5 rmdir "$dir"
	none_left
}

@test "root: cgroups: delete of the one that made it leaves another sandbox in it" {
	made first "$WITH_GROUP"
	made second "$WITH_GROUP"
	rt delete --force first
	has "$(rt state second | jq -r .status)" created
	kill -0 "$(note second .kata.vmmPid)"
	rt delete --force second
	none_left
}

# It may live in there, and what is in there is killed.
@test "root: cgroups: delete kills nothing while another record cannot be read" {
	local record=/run/kata/first/state.json

	made first "$WITH_GROUP"
	made second "$WITH_GROUP"
	mv "$record" kept
	ln -s "$record" "$record" # ELOOP
	run -1 rt delete --force second
	mv -f kept "$record"
	has "$output" 'control groups are those of first: .*symbolic links'
	kill -0 "$(note first .kata.vmmPid)"
	rt delete --force second
	kill -0 "$(note first .kata.vmmPid)"
	rt delete --force first
	none_left
}

# stopped_at STEP: a create that is killed there
stopped_at() {
	local pid

	[ -n "$KATA_HOOKS" ] || skip "no test build (make hooks-build)"
	bundle killed "$WITH_GROUP"
	OCI_IDS+=(killed)
	KATA_TEST_STOP=$1 "$KATA_HOOKS" create --bundle "$BUNDLE" killed \
		</dev/null >out 2>&1 3>&- 4>&- &
	pid=$!
	within 60 grep -q '^State:.*T' "/proc/$pid/status"
	kill -KILL "$pid"
	wait "$pid" || true
}

@test "root: cgroups: a create that is killed before it records them" {
	stopped_at id-taken
	[ -n "$(find "${DIRS[@]}" -maxdepth 0 2>/dev/null)" ]
	[ -n "$(ls /run/kata/.uids)" ]
	rt delete --force killed
	none_left
	lacks "$(cat /run/kata/.uids/* 2>/dev/null)" /killed
}

@test "root: cgroups: one that another made in the middle of create is not ours" {
	local dir pid creator theirs=()

	[ -n "$KATA_HOOKS" ] || skip "no test build (make hooks-build)"
	bundle late "$WITH_GROUP"
	OCI_IDS+=(late)
	KATA_TEST_STOP=cgroup-planned "$KATA_HOOKS" create --bundle "$BUNDLE" late \
		</dev/null >out 2>&1 3>&- 4>&- &
	creator=$!
	within 60 grep -q '^State:.*T' "/proc/$creator/status"
	has "$(jq -r '.cgroups_made[]' /run/kata/late/state.json)" "^${DIRS[0]}\$"
	dir=${DIRS[0]}
	mkdir "$dir"
	sleep 1000 3>&- 4>&- &
	pid=$!
	echo $pid >"$dir/cgroup.procs"
	kill -CONT "$creator"
	wait "$creator"
	mapfile -t theirs < <(jq -r '.cgroups_made[]' /run/kata/late/state.json)
	[ "${#theirs[@]}" -eq $((${#DIRS[@]} - 1)) ]
	lacks " ${theirs[*]} " " $dir "
	rt delete --force late
	kill -0 "$pid"
	[ "$(cat "$dir/cgroup.procs")" = "$pid" ]
	kill "$pid"
	within 5 rmdir "$dir"
	none_left
}

# shellcheck disable=SC2016 # text for another shell
# read_only COMMAND...: where no hierarchy can be written
read_only() {
	timeout 120 unshare -m bash -ec '
		for dir; do
			[ "$dir" != -- ] || break
			mount --bind -o ro "${dir%/*}" "${dir%/*}"
			mount -o remount,bind,ro "${dir%/*}"
			shift
		done
		shift
		exec "$@"' - "${DIRS[@]}" -- "$@" </dev/null >out 2>&1 3>&- 4>&-
}

@test "root: cgroups: none can be made: refused where required" {
	local code=0

	bundle required "$WITH_GROUP"
	printf '[security]\nrequired = ["cgroup"]\n' >required.toml
	read_only "$KATA" --config "$PWD/required.toml" create --bundle "$BUNDLE" required || code=$?
	cat out
	[ "$code" -eq 1 ]
	has "$(head -n 1 out)" '^kata-runtime: layer cgroup is required but cannot be had: cgroup: .* limit not applied'
	[ ! -e /run/kata/required ]
	none_left
}

@test "root: cgroups: none can be made: reported where not" {
	bundle reported "$WITH_GROUP"
	OCI_IDS+=(reported)
	read_only "$KATA" create --bundle "$BUNDLE" reported
	has "$(rt state reported | jq -r '.kata.absent[]')" 'not writable here \(Read-only file system\)'
	none_left
}
