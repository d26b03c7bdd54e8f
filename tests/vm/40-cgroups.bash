# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# 40-cgroups: the systemd driver, with systemd: by podman as root and as an
# ordinary user, and by the OCI command line out of a login session.

IMAGE=localhost/kata-cgroups
TOP=/sys/fs/cgroup
# all there are: "0", or "0-1" with VM_CPUS=2
CPUS=$(cat /sys/devices/system/cpu/online)

# engine COMMAND...: as whoever calls, with the systemd driver. Without labels:
# Debian's policy has none for containers, and podman would ask for them.
engine() {
	[ -e /tmp/no-labels.conf ] || printf '[containers]\nlabel = false\n' >/tmp/no-labels.conf
	CONTAINERS_CONF=/tmp/no-labels.conf podman --cgroup-manager systemd --runtime "$KATA" "$@" 3>&-
}

# prepare: an image, for whoever calls
prepare() {
	local work

	podman image exists "$IMAGE" && return
	work=$(mktemp -d)
	# shellcheck source=tests/users.bash
	(. "$TREE/tests/users.bash" && busybox_tar "$work/image.tar")
	podman import -q "$work/image.tar" "$IMAGE"
	rm -rf "$work"
}

# inside COMMAND...: in the user namespace where podman calls the runtime
inside() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	else
		podman unshare "$@"
	fi
}

# manager ARGUMENT...: systemctl, of the caller's own manager
manager() {
	if [ "$(id -u)" -eq 0 ]; then
		systemctl "$@"
	else
		systemctl --user "$@"
	fi
}

# is UNIT PROPERTY VALUE
is() {
	local value

	value=$(manager show -p "$2" --value "$1")
	[ "$value" = "$3" ] || fail "$1: $2 is $value, and not $3"
}

# holds FILE VALUE: of the scope
holds() {
	[ "$(cat "$DIR/$1")" = "$2" ] || fail "$1 is $(cat "$DIR/$1"), and not $2"
}

# find_scope UNIT: sets DIR
find_scope() {
	DIR=$TOP$(manager show -p ControlGroup --value "$1")
	[ "$DIR" != "$TOP" ] || fail "$1 has no control group"
	[ -d "$DIR" ]
}

# gone UNIT: neither the unit nor its directory is there any more
gone() {
	local state

	state=$(manager show -p LoadState --value "$1")
	[ "$state" = not-found ] || fail "$1 is $state"
	[ ! -e "$DIR" ] || fail "$DIR is there: $(cat "$DIR/cgroup.procs")"
}

# all_inside ID: every process that the runtime knows of is in the scope
all_inside() {
	local key pid

	for key in .pid .kata.vmmPid .kata.fileServerPid .kata.proxyPid; do
		pid=$(inside "$KATA" state "$1" | jq -e "$key")
		grep -qx "$pid" "$DIR/cgroup.procs" || fail "$key $pid is outside"
		grep -q "${DIR#"$TOP"}\$" "/proc/$pid/cgroup" || fail "$key $pid: elsewhere"
	done
}

# The limits, changed, and what systemd makes of them when it reloads.
# The guest's own limits are exactly what was asked for.
limits() {
	local id=$1 unit=libpod-$1.scope memory

	find_scope "$unit"
	all_inside "$id"
	memory=$(cat "$DIR/memory.max")
	[ "$memory" -gt 67108864 ] || fail "memory.max is $memory"
	is "$unit" MemoryMax "$memory"
	is "$unit" TasksMax 1024
	is "$unit" CPUQuotaPerSecUSec 1.500000s
	is "$unit" Delegate yes
	is "$unit" DefaultDependencies no
	is "$unit" KillSignal 15
	holds pids.max 1024
	holds cpu.max "150000 100000"
	manager daemon-reload
	holds memory.max "$memory"
	holds cpu.max "150000 100000"
	holds pids.max 1024
	echo "note: $(engine stats --no-stream --format '{{.Name}} {{.MemUsage}} {{.PIDs}} {{.CPUPerc}}' "$id")"
	engine stats --no-stream --format '{{.MemUsage}}' "$id" | grep -qE '^[1-9][0-9.]*[kMG]?B'
	[ "$(engine exec "$id" cat /sys/fs/cgroup/memory.max)" = 67108864 ]
	[ "$(engine exec "$id" cat /sys/fs/cgroup/pids.max)" = 100 ]
	inside "$KATA" update --cpu-quota 33333 --cpu-share 512 "$id"
	holds cpu.max "133333 100000"
	holds cpu.weight 20
	is "$unit" CPUQuotaPerSecUSec 1.340000s
	is "$unit" CPUWeight 20
	manager daemon-reload
	holds cpu.weight 20
	holds memory.max "$memory"
	[ "$(cut -d' ' -f1 "$DIR/cpu.max")" -ge 133333 ]
}

# The whole life of one container, for whoever calls.
life() {
	local id

	prepare
	id=$(engine run -d --network none --memory 64m --cpus 0.5 --pids-limit 100 \
		"$IMAGE" sleep 1000)
	limits "$id"
	engine rm -f -t 0 "$id"
	gone "libpod-$id.scope"
}

# What `life` needs, for another shell.
life_for_another_shell() {
	declare -f fail engine prepare inside manager is holds find_scope gone all_inside \
		limits life
	declare -p TREE KATA IMAGE TOP
	echo 'set -e -o pipefail'
}

guest_root_has_a_scope_in_machine_slice() {
	life
	[ -d $TOP/machine.slice ]
}

guest_a_user_has_a_scope_of_his_own_manager() {
	life_for_another_shell >/tmp/functions
	as_login user bash -c '. /tmp/functions; life'
}

# user_kata ARGUMENT...: kata-runtime in a login of the user. On the login's own
# output the shim would keep it open.
user_kata() {
	# shellcheck disable=SC2016 # for the other side
	as_login user bash -c '"$@" </dev/null >~/out 2>&1' - "$KATA" "$@" ||
		fail "$(cat /home/user/out)"
}

# From a session's scope the kernel does not let him move a process.
guest_a_user_without_podman() {
	bundle /tmp/plain :kata:plain
	chown -R user: /tmp/plain
	as_login user grep -q '/session-.*[.]scope' /proc/self/cgroup
	user_kata --systemd-cgroup create --bundle /tmp/plain plain
	DIR=$TOP/user.slice/user-1000.slice/user@1000.service/user.slice/kata-plain.scope
	as_login user "$KATA" state plain | jq '.pid, .kata.vmmPid, .kata.proxyPid' >/tmp/pids
	[ "$(wc -l </tmp/pids)" = 3 ]
	! grep -vxf "$DIR/cgroup.procs" /tmp/pids || fail "outside of $DIR"
	as_login user "$KATA" delete --force plain
	[ ! -e "$DIR" ]
}

# bundle DIR PATH [JQ]: for the OCI command line; all share one root file system
bundle() {
	if [ ! -d /tmp/kata-rootfs ]; then
		mkdir /tmp/kata-rootfs
		# shellcheck source=tests/users.bash
		(. "$TREE/tests/users.bash" && busybox_tar /tmp/kata-rootfs.tar)
		tar -C /tmp/kata-rootfs -xf /tmp/kata-rootfs.tar
		chown -R user: /tmp/kata-rootfs
	fi
	rm -rf "$1"
	mkdir "$1"
	"$KATA" spec --bundle "$1"
	jq --arg path "$2" '.process.args = ["sleep", "1000"] | .process.terminal = false |
		.root.path = "/tmp/kata-rootfs" |
		.linux.cgroupsPath = $path |'" ${3:-.}" "$1/config.json" >"$1/new.json"
	mv "$1/new.json" "$1/config.json"
}

# refused WORDS ARGUMENT...: by create, and nothing is left
refused() {
	local words=$1

	shift
	if "$KATA" "$@" </dev/null >/tmp/out 2>&1; then
		fail "not refused: $words"
	fi
	grep -q "$words" /tmp/out || fail "$(cat /tmp/out)"
}

guest_a_name_that_is_taken_is_refused_and_left_alone() {
	bundle /tmp/taken :kata:taken
	systemd-run -q --unit kata-taken.scope --scope sleep 100 &
	until [ "$(systemctl is-active kata-taken.scope)" = active ]; do
		sleep 0.2
	done
	refused 'systemd has a unit kata-taken.scope, which is active' --systemd-cgroup \
		create --bundle /tmp/taken taken
	[ "$(systemctl is-active kata-taken.scope)" = active ]
	systemctl stop kata-taken.scope
}

guest_a_slice_is_made_where_its_name_says() {
	bundle /tmp/deep kata-one-two.slice:kata:deep '
		.annotations["org.systemd.property.TimeoutStopUSec"] = "uint64 7000000" |
		.annotations["org.systemd.property.After"] = "['"'multi-user.target'"']"'
	"$KATA" create --bundle /tmp/deep deep </dev/null >/tmp/out 2>&1 || fail "$(cat /tmp/out)"
	DIR=$TOP/kata.slice/kata-one.slice/kata-one-two.slice/kata-deep.scope
	all_inside deep
	is kata-deep.scope TimeoutStopUSec 7s
	"$KATA" delete --force deep
	gone kata-deep.scope
}

guest_processors_are_chosen_by_systemd_too() {
	bundle /tmp/pinned :kata:pinned ".linux.resources.cpu.cpus = \"$CPUS\""
	"$KATA" create --bundle /tmp/pinned pinned </dev/null >/tmp/out 2>&1 ||
		fail "$(cat /tmp/out)"
	find_scope kata-pinned.scope
	holds cpuset.cpus "$CPUS"
	is kata-pinned.scope AllowedCPUs "$CPUS"
	"$KATA" state pinned | jq -e '.kata.absent | map(select(startswith("cgroup"))) == []'
	"$KATA" delete --force pinned
	gone kata-pinned.scope
}

guest_systemd_stops_the_scope() {
	bundle /tmp/stopped :kata:stopped
	"$KATA" create --bundle /tmp/stopped stopped </dev/null >/tmp/out 2>&1 ||
		fail "$(cat /tmp/out)"
	find_scope kata-stopped.scope
	systemctl stop kata-stopped.scope
	[ "$("$KATA" state stopped | jq -r .status)" = stopped ]
	"$KATA" delete stopped
	gone kata-stopped.scope
}

# killed_at STEP: a create of the test build, with kill -9
killed_at() {
	local pid code=0

	bundle /tmp/killed :kata:killed
	KATA_TEST_STOP=$1 "$TREE/build/hooks/bin/kata-runtime" create --bundle /tmp/killed \
		killed </dev/null >/tmp/out 2>&1 &
	pid=$!
	until grep -q '^State:.*T' "/proc/$pid/status"; do
		kill -0 "$pid" || fail "$(cat /tmp/out)"
		sleep 0.2
	done
	kill -KILL "$pid"
	wait "$pid" || code=$?
	[ "$code" -eq 137 ] || fail "the create that was killed ended with $code"
}

guest_a_create_that_is_killed_leaves_no_scope() {
	local step

	for step in unit-planned unit-started cgroup-planned cgroup-made; do
		killed_at $step
		jq -e '.unit == "kata-killed.scope"' /run/kata/killed/state.json
		DIR=$TOP/system.slice/kata-killed.scope
		"$KATA" delete --force killed
		gone kata-killed.scope
	done
}

# By its description: the record says the name that somebody else has now.
guest_a_killed_create_does_not_end_a_later_unit_of_that_name() {
	killed_at unit-planned
	systemd-run -q --unit kata-killed.scope --scope sleep 100 &
	until [ "$(systemctl is-active kata-killed.scope)" = active ]; do
		sleep 0.2
	done
	"$KATA" delete --force killed
	[ "$(systemctl is-active kata-killed.scope)" = active ]
	systemctl stop kata-killed.scope
}

# Debian gives a user's manager cpu, memory and pids.
guest_a_controller_that_is_not_delegated_is_named() {
	bundle /tmp/cpuset user.slice:kata:cpuset ".linux.resources.cpu.cpus = \"$CPUS\""
	chown -R user: /tmp/cpuset
	user_kata create --bundle /tmp/cpuset cpuset
	as_login user "$KATA" state cpuset | jq -r '.kata.absent[]' >/tmp/absent
	as_login user "$KATA" delete --force cpuset
	grep 'cpuset limit not applied: .* not delegated to user@1000.service' /tmp/absent ||
		fail "$(cat /tmp/absent)"
}

# The last test: it starts the user's manager again.
guest_delegation_is_what_the_note_says() {
	mkdir -p /etc/systemd/system/user@.service.d
	printf '[Service]\nDelegate=cpu cpuset io memory pids\n' \
		>/etc/systemd/system/user@.service.d/delegate.conf
	systemctl daemon-reload
	systemctl restart user@1000.service
	user_kata create --bundle /tmp/cpuset cpuset
	DIR=$TOP/user.slice/user-1000.slice/user@1000.service/user.slice/kata-cpuset.scope
	holds cpuset.cpus "$CPUS"
	as_login user "$KATA" state cpuset | jq -e '.kata.absent | map(select(startswith("cgroup"))) == []'
	as_login user "$KATA" delete --force cpuset
	[ ! -e "$DIR" ]
	rm -r /etc/systemd/system/user@.service.d
	systemctl daemon-reload
	systemctl restart user@1000.service
}
