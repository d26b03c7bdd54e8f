#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Hooks of config.json by the OCI command line: when they run, what they are
# told, what a hook that fails does.

load helpers

# create ID: not by "run", which waits for what holds its descriptors: the shim.
create() {
	rt create --bundle "$BUNDLE" --pid-file pid "$1" </dev/null >out 2>&1 || {
		cat out
		return 1
	}
}

# hook FILE: makes FILE.sh, a hook that appends the state it gets to FILE, and
# which hook it was; the third argument is its exit status.
hook() {
	cat >"$1.sh" <<-'END'
		#!/bin/sh
		{ cat; printf ' %s\n' "$1"; } >>"$2"
		[ "$3" -eq 0 ] || echo "no such luck" >&2
		exit "$3"
	END
	chmod 755 "$1.sh"
}

# hooked NAME JQ: a bundle with "h(KIND; STATUS)" for a hook of that kind.
hooked() {
	hook "$PWD/told"
	OCI_IDS+=("$1")
	bundle "$1" "def h(\$kind; \$status): .hooks[\$kind] +=
		[{path: \"$PWD/told.sh\", args: [\"hook\", \$kind, \"$PWD/told\", \$status]}];
		.process.terminal = false | .process.args = [\"sleep\", \"1000\"] | $2"
}

@test "hooks: order, and the state each is told" {
	local pid

	hooked hk1 'h("poststop"; "0") | h("poststart"; "0") |
		h("createRuntime"; "0") | h("prestart"; "0") | h("prestart"; "0") |
		.annotations["org.example.a"] = "b"'
	create hk1
	pid=$(cat pid)
	same "$(jq -r '[.status, .id, .pid, .bundle, .annotations["org.example.a"]] | join(" ")' \
		<(sed 's/ [^ ]*$//' told) | sort -u)" "creating hk1 $pid $BUNDLE b"
	same "$(sed 's/.* //' told | tr '\n' ' ')" "prestart prestart createRuntime "
	run -0 rt start hk1
	same "$(tail -n 1 told | sed 's/ [^ ]*$//' | jq -r '.status, .pid' | tr '\n' ' ')" \
		"running $pid "
	same "$(tail -n 1 told | sed 's/.* //')" poststart
	same "$(wc -l <told)" 4
	run -0 rt kill hk1 KILL
	run -0 rt delete --force hk1
	same "$(tail -n 1 told | sed 's/ [^ ]*$//' | jq -r '.status, .pid' | tr '\n' ' ')" \
		"stopped null "
	same "$(sed 's/.* //' told | tail -n 1)" poststop
	run -0 rt delete --force hk1
	same "$(wc -l <told)" 5
}

@test "hooks: one that fails ends create, the rest is not run, poststop is" {
	hooked hk2 'h("prestart"; "0") | h("prestart"; "3") | h("createRuntime"; "0") |
		h("poststop"; "1") | h("poststop"; "0")'
	run rt create --bundle "$BUNDLE" hk2 </dev/null
	same "$status" 1
	has "$output" 'hooks\.prestart\[1\]: hook .*/told\.sh exited with status 3: no such luck'
	has "$output" 'hooks\.poststop\[0\]: .*status 1'
	same "$(sed 's/.* //' told | tr '\n' ' ')" "prestart prestart poststop poststop "
	run rt state hk2
	same "$status" 1
	has "$output" "does not exist"
}

@test "hooks: poststart that fails ends the container and start" {
	hooked hk3 'h("poststart"; "5") | h("poststop"; "0")'
	create hk3
	run rt start hk3
	same "$status" 1
	has "$output" 'hooks\.poststart\[0\]: .*status 5'
	within 20 is_stopped hk3
	run -0 rt delete hk3
	same "$(sed 's/.* //' told | tr '\n' ' ')" "poststart poststop "
}

is_stopped() {
	[ "$(rt state "$1" | jq -r .status)" = stopped ]
}

@test "hooks: what cannot run in the guest or is malformed is refused" {
	hooked hk4 'h("createContainer"; "0")'
	run rt create --bundle "$BUNDLE" hk4 </dev/null
	same "$status" 1
	has "$output" 'hooks\.createContainer: not supported'
	hooked hk5 'h("startContainer"; "0")'
	run rt create --bundle "$BUNDLE" hk5 </dev/null
	has "$output" 'hooks\.startContainer: not supported'
	hooked hk6 '.hooks.prestart = [{path: "relative"}]'
	run rt create --bundle "$BUNDLE" hk6 </dev/null
	has "$output" 'hooks\.prestart\[0\]\.path: must be an absolute path'
	hooked hk7 '.hooks.prestart = [{path: "/bin/sh", args: ["sh", "-c", "sleep 60"], timeout: 1}]'
	run rt create --bundle "$BUNDLE" hk7 </dev/null
	has "$output" 'did not end within 1 seconds'
	[ ! -e told ]
}

# The id of a VMM that has ended goes to the next sandbox while the hooks of the
# first are still to run: a delete that is made good must leave that one alone.
@test "hooks: delete killed in poststop, and again: another's VM lives" {
	local uid vmm

	OCI_IDS+=(hk8 hk9)
	bundle hk8 "def kill: \"[ -e $PWD/once ] || { : >$PWD/once; kill -9 \$PPID; }; : >$PWD/ran\";
		.process.terminal = false | .process.args = [\"sleep\", \"1000\"] |
		.hooks.poststop = [{path: \"/bin/sh\", args: [\"sh\", \"-c\", kill]}]"
	create hk8
	uid=$(note hk8 .kata.vmmUid)
	run rt delete --force hk8
	[ "$status" -ne 0 ]
	[ -e once ]
	bundle hk9 '.process.terminal = false | .process.args = ["sleep", "1000"]'
	create hk9
	same "$(note hk9 .kata.vmmUid)" "$uid"
	vmm=$(note hk9 .kata.vmmPid)
	run -0 rt delete --force hk8
	[ -e ran ]
	not is_gone "$vmm"
	run -0 rt start hk9
	same "$(note hk9 .status)" running
}

# calling NAME KIND SCRIPT: a bundle with a hook that runs SCRIPT, where kata is
# the runtime.
calling() {
	printf '#!/bin/sh\nkata() { "%s" "$@"; }\n%s\n' "$KATA" "$3" >"$PWD/calls.sh"
	chmod 755 calls.sh
	OCI_IDS+=("$1")
	bundle "$1" ".process.terminal = false | .process.args = [\"sleep\", \"1000\"] |
		.hooks[\"$2\"] = [{path: \"$PWD/calls.sh\",
			env: [\"PATH=$PATH\", \"XDG_RUNTIME_DIR=$XDG_RUNTIME_DIR\"]}]"
}

@test "hooks: poststart may change its own container" {
	E2E_CALL_SECONDS=20 # it would wait for itself
	calling hk10 poststart "set -e
		kata state hk10 >$PWD/state
		kata pause hk10
		kata resume hk10
		kata kill hk10 TERM"
	create hk10
	run -0 rt start hk10
	same "$(jq -r .status state)" running
	run -0 rt delete --force hk10
	calling hk11 poststart 'kata delete --force hk11'
	create hk11
	run -0 rt start hk11
	run -1 rt state hk11
}

@test "hooks: one that would wait for its own command is told" {
	E2E_CALL_SECONDS=20
	calling hk12 createRuntime "kata state hk12 >$PWD/state && kata delete --force hk12"
	run -1 rt create --bundle "$BUNDLE" hk12 </dev/null
	has "$output" 'container hk12 is locked by the command \(pid [0-9]+\) whose hook'
	same "$(jq -r .status state)" creating
	calling hk13 poststop 'kata delete --force hk13 || exit 3'
	create hk13
	run -0 rt delete --force hk13
	has "$output" 'hooks\.poststop\[0\]: .*status 3: .*container hk13 is locked by'
}

@test "hooks: run takes down what it made, not what a hook made of that name" {
	calling hk14 poststart "kata delete --force hk14
		kata create --bundle \"$PWD/again\" hk14 </dev/null >$PWD/said 2>&1 || cat $PWD/said
		exit 4"
	cp -r "$BUNDLE" again
	run -1 rt run --detach --bundle "$BUNDLE" hk14 </dev/null
	has "$output" 'hooks\.poststart\[0\]: .*status 4'
	same "$(note hk14 .status)" created
	run -0 rt delete --force hk14
}
