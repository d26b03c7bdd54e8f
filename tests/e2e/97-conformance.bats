#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What the OCI runtime specification demands and no other test shows. Named by
# docs/oci-conformance.md, which a check holds against these names.

load helpers

# refused NAME JQ-FILTER PATTERN: create must fail with a line like PATTERN,
# and there is no container afterwards.
refused() {
	jq "$2" "$BUNDLE/config.json" >"$BUNDLE.changed"
	mv "$BUNDLE.changed" "$BUNDLE/config.json"
	# a container that is made would keep a pipe open
	if inside "$KATA" create --bundle "$BUNDLE" "$1" </dev/null >"$BUNDLE.out" 2>&1; then
		OCI_IDS+=("$1")
		echo "accepted: $2"
		return 1
	fi
	has "$(cat "$BUNDLE.out")" "$3"
	same "$(wc -l <"$BUNDLE.out")" 1
	[ ! -e "$XDG_RUNTIME_DIR/kata/$1" ]
	cp "$BATS_TEST_TMPDIR/plain.json" "$BUNDLE/config.json"
}

@test "conformance: invalid values are errors that name their place" {
	bundle bad
	cp "$BUNDLE/config.json" "$BATS_TEST_TMPDIR/plain.json"
	refused bad 'del(.ociVersion)' 'ociVersion: is missing'
	refused bad '.ociVersion = "1.0"' 'ociVersion: must be a version'
	refused bad 'del(.root)' 'root: is missing'
	refused bad 'del(.root.path)' 'root.path: is missing'
	refused bad '.root.path = "nowhere"' 'nowhere'
	refused bad '.root.path = "config.json"' 'config.json'
	refused bad '.root.readonly = "yes"' 'root.readonly'
	refused bad 'del(.process)' 'process'
	refused bad 'del(.process.cwd)' 'process.cwd: is missing'
	refused bad '.process.cwd = "tmp"' 'process.cwd'
	refused bad '.process.args = []' 'process.args'
	refused bad '.process.args = "sh"' 'process.args'
	refused bad '.process.env = [1]' 'process.env'
	refused bad '.process.user = 5' 'process.user'
	refused bad '.process.user.uid = -1' 'process.user.uid'
	refused bad '.process.rlimits += .process.rlimits' 'process.rlimits\[1\]'
	refused bad '.process.rlimits[0].type = "RLIMIT_SPEED"' 'process.rlimits\[0\].type'
	refused bad 'del(.process.rlimits[0].soft)' 'process.rlimits\[0\].soft'
	refused bad '.process.oomScoreAdj = 2000' 'process.oomScoreAdj'
	refused bad '.mounts[0].destination = ""' 'mounts\[0\].destination'
	refused bad 'del(.mounts[0].destination)' 'mounts\[0\].destination'
	refused bad '.annotations = {"": "x"}' 'annotations'
	refused bad '.annotations = {"a": 1}' 'annotations.a'
	refused bad '.linux.namespaces += [{"type": "pid"}]' 'there twice'
	refused bad '.linux.namespaces += [{"type": "disk"}]' 'linux.namespaces\[5\].type'
	refused bad '.linux.namespaces[4].path = "run/x"' 'linux.namespaces\[4\].path.*absolute'
	refused bad '.linux.devices = [{"path": "/dev/x", "type": "z"}]' 'linux.devices\[0\].type'
	refused bad '.linux.devices = [{"path": "dev/x", "type": "c", "major": 1, "minor": 3}]' \
		'linux.devices\[0\].path'
	refused bad '.linux.cgroupsPath = "/a/../b"' 'linux.cgroupsPath'
	refused bad '.linux.maskedPaths = ["proc"]' 'linux.maskedPaths'
	refused bad '.linux.readonlyPaths = ["proc"]' 'linux.readonlyPaths'
	refused bad '.linux.seccomp = {"defaultAction": "SCMP_ACT_ALLOW",
		"syscalls": [{"names": [], "action": "SCMP_ACT_ERRNO"}]}' \
		'linux.seccomp.syscalls\[0\].names'
	refused bad '.linux.intelRdt = {"closID": "x"}' 'linux.intelRdt'
	refused bad '.hooks.createContainer = [{"path": "/bin/true"}]' 'hooks.createContainer'
}

@test "conformance: the namespace at a path must be of its type" {
	bundle ns '.linux.namespaces |= map(if .type == "network" then
		.path = "/proc/self/ns/uts" else . end)'
	OCI_IDS+=(ns)
	not inside "$KATA" create --bundle "$BUNDLE" ns </dev/null >"$BUNDLE/out" 2>&1
	has "$(cat "$BUNDLE/out")" 'linux.namespaces|network'
	run ! rt state ns
}

# Words that a command prints in a container with the given changes.
printed() {
	bundle "$1" "$2"
	run rt run --bundle "$BUNDLE" "$1"
	[ "$status" -eq 0 ] || {
		echo "$output"
		return 1
	}
}

@test "conformance: mounts in order, devices, links, oom score, unknown properties" {
	printed all '.process.args = ["/bin/sh", "-c", "
			cat /order/file; ls /relative | wc -l
			cat /proc/self/oom_score_adj
			stat -c \"%n %F %t %T %a %u %g\" /dev/mynull /dev/pipe
			echo x > /dev/mynull && echo written
			for l in fd stdin stdout stderr ptmx; do readlink /dev/$l; done
			stat -c \"%n %t %T\" /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty
			hostname; grep -c \" /words tmpfs .*noatime\" /proc/mounts"]
		| .process.oomScoreAdj = 321
		| .futureProperty = {"deep": [1, 2]} | .linux.futureProperty = true
		| .process.consoleSize = {"height": 10, "width": 20}
		| .mounts += [
			{"destination": "/order", "type": "tmpfs", "source": "t", "options": ["mode=755"]},
			{"destination": "/order/file", "type": "bind", "source": "'"$BATS_TEST_TMPDIR"'/shared",
				"options": ["bind", "ro", "sync"]},
			{"destination": "relative/here", "type": "tmpfs", "source": "t"},
			{"destination": "/words", "type": "tmpfs", "source": "t", "options":
				["defaults", "async", "dirsync", "sync", "lazytime", "loud", "silent",
				 "iversion", "noatime", "nodiratime", "noexec", "nosuid", "nodev", "rprivate"]}]
		| .linux.resources.devices = [{"allow": false, "access": "rwm"},
			{"allow": true, "type": "c", "major": 1, "minor": 3, "access": "rw"}]
		| .linux.devices = [
			{"path": "/dev/mynull", "type": "c", "major": 1, "minor": 3, "fileMode": 384, "uid": 7, "gid": 8},
			{"path": "/dev/pipe", "type": "p", "fileMode": 420, "uid": 1, "gid": 2}]
		| .process.capabilities |= map_values(. + ["CAP_DAC_OVERRIDE"])'
	same "$output" "first
1
321
/dev/mynull character special file 1 3 600 7 8
/dev/pipe fifo 0 0 644 1 2
written
/proc/self/fd
/proc/self/fd/0
/proc/self/fd/1
/proc/self/fd/2
pts/ptmx
/dev/null 1 3
/dev/zero 1 5
/dev/full 1 7
/dev/random 1 8
/dev/urandom 1 9
/dev/tty 5 0
e2e
1"
}

@test "conformance: a device node over another file is an error" {
	bundle over '.linux.devices = [{"path": "/dev/a", "type": "p"},
		{"path": "/dev/a", "type": "c", "major": 1, "minor": 3}]'
	run rt run --bundle "$BUNDLE" over
	same "$status" 1
	has "$output" 'linux.devices\[1\].*another file'
	run ! rt state over
}

@test "conformance: state carries annotations; an unset oom score stays" {
	local pid

	bundle annotated '.process.args = ["/bin/sleep", "1000"]
		| .annotations = {"org.example.key": "a \"value\""}'
	OCI_IDS+=(annotated)
	inside "$KATA" create --bundle "$BUNDLE" --pid-file "$BUNDLE/pid" annotated \
		</dev/null >/dev/null 2>&1
	same "$(note annotated '.annotations["org.example.key"]')" 'a "value"'
	pid=$(cat "$BUNDLE/pid")
	same "$(cat "/proc/$pid/oom_score_adj")" "$(cat /proc/self/oom_score_adj)"
	has "$(note annotated .bundle)" '^/'
	run -0 rt start annotated
	run -0 rt kill annotated KILL
}


setup() {
	cd "$BATS_TEST_TMPDIR" || return
	CID=
	OCI_IDS=()
	echo first >"$BATS_TEST_TMPDIR/shared"
	"$E2E_DIR/snapshot" >"$BATS_TEST_TMPDIR/before"
}
