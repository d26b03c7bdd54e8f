#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Every verb and flag of the command line, with output and exit codes as engines
# parse them (95-oci.bats has the life of a container).

load helpers

SLEEPS='.process.args = ["/bin/sleep", "1000"]'

# made NAME [JQ-FILTER]: creates a container from a new bundle.
made() {
	bundle "$@"
	OCI_IDS+=("$1")
	inside "$KATA" create --bundle "$BUNDLE" --pid-file "$BUNDLE/pid" "$1" \
		</dev/null >"$BUNDLE/out" 2>"$BUNDLE/err" || {
		cat "$BUNDLE/err"
		return 1
	}
}

# running NAME [JQ-FILTER]
running() {
	made "$@" && rt start "$1"
}

status_is() {
	[ "$(rt state "$1" | jq -r .status)" = "$2" ]
}

state_dir() {
	if is_root; then echo /run/kata; else echo "$XDG_RUNTIME_DIR/kata"; fi
}

# refused PATTERN ARGUMENTS...: fails with 1, one line that matches.
refused() {
	local pattern=$1

	shift
	run -1 rt "$@"
	same "${#lines[@]}" 1
	has "$output" "$pattern"
}

# --- without a container -------------------------------------------------------

@test "verbs: an unknown value of a global option is an error" {
	refused '--log-format "xml": must be one of text, json$' --log-format xml list
	refused '--cgroup-manager "x": must be one of cgroupfs, systemd, disabled$' \
		--cgroup-manager=x list
	refused '--rootless "maybe": must be one of true, false, auto$' \
		--rootless=maybe list
	refused 'unknown option --nothing' --nothing list
	refused 'option --root needs a value' --root
	refused 'unknown command "nothing"' nothing
	for value in true false auto; do
		run -0 rt --rootless "$value" --systemd-cgroup --debug list -q
	done
}

@test "verbs: --log is opened before anything is done" {
	refused 'open --log /nowhere/log: No such file' --log /nowhere/log list
	mkfifo fifo
	refused 'open --log .*fifo' --log "$PWD/fifo" list
	run -1 rt --log "$PWD/text.log" state nobody
	has "$(cat text.log)" '^time="20[^"]*Z" level=error msg="container \\"nobody\\" does not exist"$'
	run -0 rt --log "$PWD/none.log" --log-format json list -q
	[ ! -s none.log ]
	run -1 rt --log=/dev/stderr state nobody
	same "${#lines[@]}" 1
}

@test "verbs: checkpoint and restore do not look supported" {
	run -1 rt checkpoint --help
	run -1 rt restore --help
	refused 'checkpoint is not supported: CRIU' checkpoint --image-path /x --work-path /y id
	run -0 rt --help
	lacks "$output" checkpoint
}

@test "verbs: every verb has a usage text" {
	local verb

	for verb in $(rt --help | sed -n '/^commands:/,/^$/s/^  \([a-z-]*\) .*/\1/p'); do
		run -0 rt "$verb" --help
		has "${lines[0]}" "^usage: kata-runtime $verb "
		run -0 rt "$verb" -h
	done
}

@test "verbs: features is JSON alone and true" {
	run -0 --separate-stderr rt features
	same "$stderr" ""
	same "$(jq -r .ociVersionMin <<<"$output")" 1.0.0
	has "$(jq -r .ociVersionMax <<<"$output")" '^1\.[0-9]+\.[0-9]+$'
	same "$(jq -c '.linux.cgroup | [.v1, .v2, .systemd]' <<<"$output")" "[true,true,false]"
	same "$(jq '.linux.namespaces | index("user")' <<<"$output")" null
	same "$(jq -r '.linux.capabilities[0]' <<<"$output")" CAP_CHOWN
	same "$(jq '.linux.capabilities | length' <<<"$output")" 41
	same "$(jq '.linux.seccomp.actions | index("SCMP_ACT_NOTIFY")' <<<"$output")" null
}

@test "verbs: features: every mount option is one that a container can have" {
	rt features | jq '[.mountOptions[] | select(IN("bind", "rbind") | not)] |
		to_entries | map({destination: "/m/\(.key)", type: "tmpfs",
		source: "tmpfs", options: [.value]})' >options.json
	bundle options ".mounts += $(cat options.json) |
		.process.args = [\"/bin/sh\", \"-c\", \"grep -c ' /m/' /proc/mounts\"]"
	run -0 rt run --bundle "$BUNDLE" options
	same "$output" "$(jq length options.json)"
}

@test "verbs: --version as parsers want it" {
	run -0 rt --version
	has "${lines[0]}" '^kata-runtime version [0-9]+\.[0-9]+\.[0-9]+$'
	has "${lines[1]}" '^commit: [0-9a-f]+$'
	has "${lines[2]}" '^spec: 1\.[0-9]+\.[0-9]+$'
	run -0 rt -v
	has "${lines[0]}" '^kata-runtime version '
}

@test "verbs: spec writes a config.json that runs, once" {
	mkdir -p spec/rootfs
	inside tar -xf "$E2E_WORK/image.tar" -C spec/rootfs
	run -0 rt spec --bundle spec
	same "$output" ""
	refused 'config.json exists' spec -b "$PWD/spec"
	jq '.process.terminal = false |
		.process.args = ["/bin/sh", "-c", "id -u; hostname; touch /x || echo read-only"]' \
		spec/config.json >c
	mv c spec/config.json
	run -0 rt run --bundle "$PWD/spec" spec
	has "$output" '^0$'
	has "$output" '^kata$'
	has "$output" '^read-only$'
	mkdir rootless
	run -0 rt spec --rootless --bundle rootless
	same "$(jq .linux.resources rootless/config.json)" null
	refused 'No such file' spec --bundle "$PWD/nowhere"
}

@test "verbs: wrong operands are one line" {
	local verb

	for verb in start state delete ps pause resume; do
		refused 'container ID is needed' "$verb"
		refused 'unexpected operand|not supported' "$verb" a b
		refused 'does not exist' "$verb" nobody
	done
	refused 'must be|ID' state ../x
	refused 'unexpected operand' list x
	refused '--format: table or json' list --format xml
}

# --- with one ----------------------------------------------------------------

@test "verbs: ps names the shims of init and execs" {
	local init

	running psed "$SLEEPS"
	init=$(cat "$BUNDLE/pid")
	same "$(rt ps --format json psed)" "[$init]"
	jq '.process | .args = ["/bin/sleep", "1000"]' "$BUNDLE/config.json" >p.json
	inside "$KATA" exec --process "$PWD/p.json" --detach --pid-file "$PWD/exec.pid" \
		psed </dev/null >/dev/null 2>&1
	same "$(rt ps -f json psed | jq -c sort)" \
		"$(jq -cn "[$init, $(cat exec.pid)] | sort")"
	run -0 rt ps psed
	has "${lines[0]}" '^UID +PID +PPID +C +STIME +TTY +TIME +CMD$'
	has "$output" "^[0-9]+ +$init .* kata-shim \[init\]$"
	has "$output" "^[0-9]+ +$(cat exec.pid) .* kata-shim \[exec\]$"
	refused 'not supported.*exec psed ps' ps psed -o pid
	rt kill psed KILL
	within 20 status_is psed stopped
	refused 'container not running' ps psed
}

@test "verbs: list as a table" {
	made listed "$SLEEPS"
	run -0 rt list
	has "${lines[0]}" '^ID +PID +STATUS +BUNDLE +CREATED +OWNER$'
	has "${lines[1]}" "^listed +$(cat "$BUNDLE/pid") +created +$BUNDLE +20[0-9T:.-]+Z +root$"
	same "$(rt list --format=json | jq -r '.[0] | .owner + " " + .bundle')" "root $BUNDLE"
}

@test "verbs: a start that was killed is no lie" {
	made cut "$SLEEPS"
	# as if kata-runtime had died before the record was sent
	jq '.unsettled = true' "$(state_dir)/cut/state.json" >s
	cp s "$(state_dir)/cut/state.json"
	status_is cut created
	# and after the shim had served it
	rt start cut
	jq '.unsettled = true | .started = false' "$(state_dir)/cut/state.json" >s
	cp s "$(state_dir)/cut/state.json"
	status_is cut running
	same "$(rt list --format json | jq -r '.[0].status')" running
	refused 'running state' start cut
}

@test "verbs: --cgroup-manager disabled makes none and says so" {
	bundle nocg "$SLEEPS | .linux.cgroupsPath = \"/kata-e2e-none\""
	OCI_IDS+=(nocg)
	inside "$KATA" --cgroup-manager disabled create --bundle "$BUNDLE" nocg \
		</dev/null >/dev/null 2>&1
	has "$(rt state nocg | jq -r '.kata.absent[]')" 'none is made \(--cgroup-manager disabled\)'
	same "$(find /sys/fs/cgroup -maxdepth 3 -name kata-e2e-none)" ""
	refused 'expected "slice:prefix:name"' --systemd-cgroup create --bundle "$BUNDLE" other
}

@test "verbs: pause and resume" {
	local before

	running frozen '.process.args = ["/bin/sh", "-c",
		"while :; do date +%s.%N; sleep 0.05; done"]'
	within 20 test -s "$BUNDLE/out"
	refused 'cannot resume: container not paused' resume frozen
	run -0 rt pause frozen
	same "$output" ""
	status_is frozen paused
	same "$(rt list --format json | jq -r '.[0].status')" paused
	sleep 0.5 # what was on its way
	before=$(wc -l <"$BUNDLE/out")
	sleep 1
	same "$(wc -l <"$BUNDLE/out")" "$before"
	refused 'container not running \(it is paused\)' pause frozen
	refused 'paused' start frozen
	refused 'not stopped: paused' delete frozen
	jq .process "$BUNDLE/config.json" >p.json
	refused 'paused' exec --process "$PWD/p.json" frozen
	run -0 rt resume frozen
	same "$output" ""
	status_is frozen running
	sleep 1
	[ "$(wc -l <"$BUNDLE/out")" -gt "$before" ]
	# SIGKILL reaches what is frozen
	rt pause frozen
	run -0 rt kill frozen KILL
	within 20 status_is frozen stopped
	refused 'not running \(it is stopped\)' pause frozen
	run -0 rt delete frozen
}

@test "verbs: a paused container whose shim was killed goes by delete --force" {
	running lost "$SLEEPS"
	refused 'cannot resume' resume lost
	rt pause lost
	inside kill -9 "$(cat "$BUNDLE/pid")"
	within 20 status_is lost stopped
	run -0 rt delete --force lost
	run -0 rt delete --force lost
}
