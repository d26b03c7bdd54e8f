#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Layers that only root can break: each stops the start with one line that
# names it, and nothing is left. docs/fail-closed.md lists them all.

load ../helpers

setup() {
	common_setup
	bundle closed "$SLEEPS"
}

# refused PATTERN COMMAND...: create by a shell, the bundle's id is closed
refused() {
	local pattern=$1 status=0

	shift
	timeout 120 "$@" </dev/null >out 2>&1 3>&- 4>&- || status=$?
	echo "status $status: $(cat out)"
	[ "$status" -eq 1 ]
	has "$(head -n 1 out)" "^kata-runtime: .*($pattern)"
}

create() {
	echo "exec '$KATA' $* create --bundle '$BUNDLE' closed"
}

@test "root: closed: a bubblewrap with file capabilities" {
	cp /usr/bin/bwrap with-caps
	setcap cap_net_raw+ep with-caps || skip "no file capabilities on this file system"
	refused '/usr/bin/bwrap has file capabilities: refused; remove them \(setcap -r\)' \
		unshare -m sh -ec "mount --bind with-caps /usr/bin/bwrap; $(create)"
	[ ! -e /run/kata/closed ]
}

@test "root: closed: every id for VMMs is in use" {
	local pid

	[ -n "$KATA_HOOKS" ] || skip "no test build (make hooks-build)"
	printf '[security]\nsandbox_uid_base = 2000000000\nsandbox_uid_count = 1\n' >one.toml
	KATA_TEST_STOP=cgroup-made "$KATA_HOOKS" --config "$PWD/one.toml" create \
		--bundle "$BUNDLE" holder </dev/null >holder.out 2>&1 3>&- 4>&- &
	pid=$!
	OCI_IDS+=(holder)
	within 60 grep -q '"uid": 2000000000' /run/kata/holder/state.json
	refused 'every id for VMMs is in use \(2000000000 and down, /run/kata/\.uids\).*sandbox_uid_count' \
		sh -c "$(create --config "$PWD/one.toml")"
	[ ! -e /run/kata/closed ]
	kill -KILL $pid
	wait $pid || true
	rt delete --force holder
	# free again, and taken back by the create that failed
	[ ! -e /run/kata/.uids/2000000000 ]
}

# in_namespace COMMAND: in a user namespace of ids of its own, as an engine's
in_namespace() {
	local pid status=0

	unshare -U -m sleep 60 3>&- 4>&- &
	pid=$!
	within 10 test "$(readlink /proc/$pid/ns/user)" != "$(readlink /proc/self/ns/user)"
	echo "0 2100000000 65536" >/proc/$pid/uid_map
	echo "0 2100000000 65536" >/proc/$pid/gid_map
	nsenter -t $pid -U -m -S 0 -G 0 sh -ec "$1" || status=$?
	kill $pid
	return $status
}

@test "root: closed: user namespaces are used up where the jail needs one" {
	local place

	place=$(mktemp -d /var/tmp/kata-closed.XXXXXX)
	chmod 711 "$place"
	cp -r "$BUNDLE" "$place/bundle"
	chown -R 2100000000:2100000000 "$place/bundle"
	install -d -o 2100000000 -g 2100000000 -m 0700 "$place/run"
	export -f in_namespace within
	refused 'VM: ' bash -c "in_namespace '
		echo 0 >/proc/sys/user/max_user_namespaces
		export XDG_RUNTIME_DIR=$place/run
		exec \"$KATA\" create --bundle $place/bundle closed'"
	has "$(cat out)" 'user namespace|No space left on device'
	same "$(ls "$place/run/kata")$(ls "$place/run/kata/.uids")" ""
	rm -r "$place"
}
