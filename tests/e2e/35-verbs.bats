#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Every verb and flag of the command line, with output and exit codes as engines
# parse them (95-oci.bats has the life of a container).

load helpers

# running NAME [JQ-FILTER]
running() {
	made "$@" && rt start "$1"
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
	same "$(jq -c '.linux.cgroup | [.v1, .v2, .systemd]' <<<"$output")" "[true,true,true]"
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

# alone COMMAND...: where no systemd is to be found
alone() {
	local dir=$PWD/alone

	mkdir -p -m 0700 "$dir"
	inside env XDG_RUNTIME_DIR="$dir" DBUS_SESSION_BUS_ADDRESS="unix:path=$dir/none" "$@"
}

@test "verbs: the systemd driver without a systemd is refused, and says how to have one" {
	local code=0

	skip_unless_user
	bundle nobus "$SLEEPS | .linux.cgroupsPath = \"user.slice:kata:nobus\""
	alone "$KATA" --systemd-cgroup create --bundle "$BUNDLE" nobus </dev/null >out 2>&1 ||
		code=$?
	cat out
	same "$code" 1
	has "$(cat out)" 'no systemd of this user answers .*loginctl enable-linger'
	has "$(cat out)" 'alone/none: No such file or directory'
	has "$(cat out)" 'alone/systemd/private: No such file or directory'
	[ ! -e alone/kata/nobus ]
}

@test "verbs: a property of systemd's that no engine sets is refused before anything is made" {
	skip_unless_user
	bundle evil "$SLEEPS | .linux.cgroupsPath = \"user.slice:kata:evil\" |
		.annotations[\"org.systemd.property.FailureAction\"] = \"'poweroff'\""
	refused 'annotation org.systemd.property.FailureAction is refused' create \
		--bundle "$BUNDLE" evil
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

# --- exec --------------------------------------------------------------------

@test "verbs: exec with a command and flags" {
	running ex ".process.env += [\"A=old\"] | $SLEEPS"
	run -0 rt exec ex sh -c 'echo "$A $PWD"; id -u; id -g; exit 0'
	same "${lines[*]}" "old / 0 0"
	run -0 rt exec --cwd /tmp -e A=new --env=B=b=c -u 12:34 -g 56 --additional-gids 78 \
		ex sh -c 'echo "$A $B $PWD"; id -u; id -g; id -G'
	same "${lines[0]}" "new b=c /tmp"
	same "${lines[1]} ${lines[2]}" "12 34"
	same "${lines[3]}" "34 56 78"
	run -42 rt exec ex sh -c 'exit 42'
	run -137 rt exec ex sh -c 'kill -9 $$'
	run -0 rt exec --cap CAP_NET_RAW --process-label x:y:z --apparmor p ex probe status
	has "$output" '^CapBnd=0000000000002021$'
	has "$output" '^CapEff=0000000000002021$'
	has "$output" '^CapInh=0000000000000000$'
	run -0 rt exec ex grep NoNewPrivs /proc/self/status
	has "$output" '1$'
	same "$(echo through | rt exec ex cat)" through
	refused 'no such file or directory|executable file not found in' exec ex /no/such
	refused 'executable file not found in' exec ex no-such
	refused '[Pp]ermission denied' exec ex /etc/passwd
}

@test "verbs: exec refuses what it cannot do" {
	running exref "$SLEEPS"
	refused 'needs a command or --process' exec exref
	jq .process "$BUNDLE/config.json" >p.json
	refused 'not both' exec --process "$PWD/p.json" exref true
	refused 'No such file' exec --process "$PWD/none.json" exref
	refused '--user "root": must be UID' exec --user root exref true
	refused '--env "X": not NAME=VALUE' exec -e X exref true
	refused '--cap "CAP_NONE": no such capability' exec --cap CAP_NONE exref true
	refused '--cwd "tmp": must be an absolute' exec --cwd tmp exref true
	refused '--additional-gids "x"' exec -g x exref true
	refused 'detached, there must be a --console-socket' exec -d -t exref true
	refused 'stdin is not a terminal' exec -t exref true </dev/null
	refused 'cannot exec in a container that is not running|does not exist' exec nobody true
	echo '{"args": 1}' >bad.json
	refused 'bad.json: args' exec --process "$PWD/bad.json" exref
}

@test "verbs: exec --detach goes on alone, with a pid file" {
	running exd "$SLEEPS"
	inside "$KATA" exec -d --pid-file "$PWD/e.pid" exd sh -c 'sleep 1; echo late' \
		</dev/null >out 2>&1
	has "$(cat e.pid)" '^[0-9]+$'
	within 20 grep -q late out
}

@test "verbs: a foreground exec that is killed takes its process along" {
	local pid

	running exk "$SLEEPS"
	inside "$KATA" exec exk sleep 4321 </dev/null >/dev/null 2>&1 &
	within 20 has_process exk 'sleep 4321'
	pid=$(pgrep -u "$(id -u)" -f "$KATA exec exk sleep 4321" -n)
	kill -9 "$pid"
	within 20 lacks_process exk 'sleep 4321'
	wait
	status_is exk running
}

has_process() { rt exec "$1" ps | grep -q "$2"; }
lacks_process() { ! has_process "$@"; }

# --- terminals ---------------------------------------------------------------

# on_tty STEPS... -- COMMAND...: the runtime on a terminal of the caller's size.
on_tty() {
	local steps=()

	while [ "$1" != -- ]; do
		steps+=("$1")
		shift
	done
	shift
	if is_root; then
		clean_fds "$E2E_DIR/pty-run" "${steps[@]}" -- "$@"
	else
		clean_fds "$E2E_DIR/pty-run" "${steps[@]}" -- podman unshare "$@"
	fi
}

@test "verbs: foreground exec with a terminal: size, resize, Ctrl-C, settings restored" {
	running tty "$SLEEPS"
	run on_tty --size 31x97 --expect 'tty=31 97' --resize 40x100 --expect 'tty=40 100' -- \
		"$KATA" exec -t tty probe tty 1
	same "$status" 0
	run on_tty --expect ready --send '\x03' --expect 'got 2' -- \
		"$KATA" exec -t tty probe signals 2
	same "$status" 7
	# CRI-O's form: the process file says terminal, stdio is one
	jq '.process | .terminal = true | .args = ["/bin/sh", "-c", "tty; exit 9"]' \
		"$BUNDLE/config.json" >p.json
	run on_tty -- sh -c 'before=$(stty -g); "$@"; code=$?
		[ "$(stty -g)" = "$before" ] && echo restored; exit $code' - \
		"$KATA" exec --process "$PWD/p.json" tty
	same "$status" 9
	has "$output" '/dev/pts/'
	has "$output" restored
	# whoever is killed, the terminal is given back
	run on_tty --expect up --expect done -- sh -c 'before=$(stty -g)
		(sleep 3; kill -9 $(cat pid)) & echo $$ >/dev/null
		sh -c "echo \$\$ >pid; exec \"\$@\"" - "$@"
		sleep 1; [ "$(stty -g)" = "$before" ] && echo restored; echo done' - \
		"$KATA" exec -t tty sh -c 'echo up; exec sleep 100'
	has "$output" restored
}

@test "verbs: foreground run with a terminal" {
	bundle shell '.process.terminal = true | .process.args = ["/bin/sh"]'
	run on_tty --size 25x70 --expect '[#$] ' --send 'probe tty; exit 33\n' \
		--expect 'tty=25 70' -- sh -c 'before=$(stty -g); "$@"; code=$?
		[ "$(stty -g)" = "$before" ] && echo restored; exit $code' - \
		"$KATA" run --bundle "$BUNDLE" shell
	same "$status" 33
	has "$output" restored
	same "$(rt list -q)" ""
	refused 'detached, there must be a --console-socket' run -d --bundle "$BUNDLE" shell
	refused 'detached, there must be a --console-socket' create --bundle "$BUNDLE" shell
	refused 'stdin is not a terminal' run --bundle "$BUNDLE" shell </dev/null
}

@test "verbs: foreground run that is killed: terminal restored, container hung up" {
	bundle hung '.process.terminal = true | .process.args =
		["sh", "-c", "trap \"exit 3\" HUP; echo up; sleep 1000 & wait"]'
	run on_tty --expect up --expect done -- sh -c 'before=$(stty -g)
		(sleep 6; kill -9 $(cat pid)) &
		sh -c "echo \$\$ >pid; exec \"\$@\"" - "$@"
		sleep 1; [ "$(stty -g)" = "$before" ] && echo restored; echo done' - \
		"$KATA" run --bundle "$BUNDLE" hung
	has "$output" restored
	within 20 status_is hung stopped
	run -0 rt delete hung
}

@test "verbs: what is typed goes to a job of the foreground alone" {
	running job "$SLEEPS"
	run on_tty -- bash -c 'set -m; "$@" & sleep 2; jobs; fg; echo "code=$?"' - \
		"$KATA" exec -t job sh -c 'tty; exit 9'
	same "$status" 0
	has "$output" '^.1.* Stopped '
	has "$output" '^/dev/pts/'
	has "$output" 'code=9'
	# without a terminal of its own, what is typed goes there all the same
	run on_tty -- bash -c 'set -m; "$@" & sleep 2; jobs; kill -9 %1' - \
		"$KATA" exec job cat
	has "$output" '^.1.* Stopped '
}

@test "verbs: foreground run passes signals on" {
	bundle sig '.process.args = ["/bin/probe", "signals", "15"]'
	OCI_IDS+=(sig)
	inside "$KATA" run --bundle "$BUNDLE" sig </dev/null >out 2>&1 &
	within 40 grep -q ready out
	for signo in HUP INT USR1 TERM; do
		kill -$signo "$(pgrep -u "$(id -u)" -f "$KATA run --bundle $BUNDLE sig" -n)"
		within 10 grep -q "^got $(kill -l $signo)\$" out
	done
	code=0
	wait $! || code=$?
	same "$code" 7
}

# --- limits and figures --------------------------------------------------------

LIMITS='.linux.resources = {"memory": {"limit": 67108864}, "pids": {"limit": 50},
	"cpu": {"quota": 50000, "period": 100000, "shares": 512}}'

# guest ID FILE: of the container's own cgroup
guest() {
	rt exec "$1" cat "/sys/fs/cgroup/$2"
}

CGROUP_MOUNT='.mounts += [{"destination": "/sys/fs/cgroup", "type": "cgroup",
	"source": "cgroup", "options": ["ro"]}]'

@test "verbs: update: flags and JSON, what is not given stays" {
	running up "$SLEEPS | $LIMITS | $CGROUP_MOUNT"
	same "$(guest up memory.max)" 67108864
	run -0 rt update --memory 48m --pids-limit 20 up
	same "$output" ""
	same "$(guest up memory.max)" 50331648
	same "$(guest up pids.max)" 20
	same "$(guest up cpu.max)" "50000 100000"
	run -0 rt update --cpu-quota 25000 up
	same "$(guest up cpu.max)" "25000 100000"
	same "$(guest up memory.max)" 50331648
	# as engines send it: zeros are no values, and stdin
	echo '{"memory": {"limit": 0, "swap": 0}, "cpu": {"shares": 0, "quota": 30000,
		"period": 0, "cpus": ""}, "pids": {"limit": -1}, "blockIO": {"weight": 0}}' >r.json
	run -0 rt update --resources - up <r.json
	same "$(guest up cpu.max)" "30000 100000"
	same "$(guest up pids.max)" max
	same "$(guest up memory.max)" 50331648
	echo '{"pids": {"limit": 33}}' >r.json
	run -0 rt update "--resources=$PWD/r.json" up
	same "$(guest up pids.max)" 33
	# a device rule that is in force is no change
	jq '{devices: .linux.resources.devices, pids: {limit: 34}}' "$BUNDLE/config.json" >r.json
	run -0 rt update -r "$PWD/r.json" up
	same "$(guest up pids.max)" 34
	# a paused container as well
	rt pause up
	run -0 rt update --pids-limit 35 up
	rt resume up
	same "$(guest up pids.max)" 35
}

@test "verbs: update refuses what cannot be, and changes nothing" {
	running no "$SLEEPS | $LIMITS | $CGROUP_MOUNT"
	refused 'memory.limit: 107374182400; the VM has [0-9]+ MiB' \
		update --memory 100g --pids-limit 7 no
	refused 'cpu.quota: 9900000/100000; the VM has [0-9]+ CPU' \
		update --cpu-quota 9900000 --pids-limit 7 no
	refused 'not supported' update --cpu-rt-runtime 5 --pids-limit 7 no
	refused 'kernel' update --kernel-memory 5m no
	refused 'resctrl' update --l3-cache-schema x no
	refused '--memory "lots": not a size' update --memory lots no
	refused '--pids-limit "x": not a number' update --pids-limit x no
	refused 'needs --resources or a limit' update no
	refused 'not both' update --resources - --memory 5m no
	refused 'resources: .*pids.limit' update --resources - no <<<'{"pids": {"limit": "x"}}'
	refused 'resources: ' update --resources - no <<<'{'
	refused 'No such file' update --resources "$PWD/none" no
	refused 'devices: cannot be changed' update --resources - no \
		<<<'{"devices": [{"allow": true, "access": "rwm"}]}'
	is_root || refused 'no cpuset cgroup' update --cpuset-cpus 0 --pids-limit 7 no
	same "$(guest no pids.max)" 50
	same "$(guest no memory.max)" 67108864
	rt kill no KILL
	within 20 status_is no stopped
	refused 'cannot update: container not running \(it is stopped\)' update --pids-limit 7 no
}

@test "verbs: events: figures in runc's form" {
	running ev "$SLEEPS | $LIMITS"
	run -0 rt events --stats ev
	same "${#lines[@]}" 1
	same "$(jq -r '.type + " " + .id' <<<"$output")" "stats ev"
	same "$(jq -r .data.memory.usage.limit <<<"$output")" 67108864
	jq -e '.data.cpu.usage.total > 0 and .data.memory.usage.usage > 0 and
		.data.pids.current == 1 and .data.pids.limit == 50 and
		(.data.memory.raw.anon | type) == "number"' <<<"$output"
	refused 'interval "never"' events --interval never ev
	inside "$KATA" events --interval 300ms ev >lines &
	within 20 lines_of lines 3
	rt kill ev KILL
	wait $!
	same "$(jq -rs 'map(.type) | unique | join(" ")' lines)" stats
	within 20 status_is ev stopped
	refused 'is not running' events ev
}

lines_of() { [ "$(wc -l <"$1")" -ge "$2" ]; }

@test "verbs: events: out of memory, of an exec and of the init" {
	running oom "$SLEEPS | .linux.resources.memory.limit = 33554432"
	inside "$KATA" events --interval 1h oom >lines &
	run rt exec oom tail /dev/zero
	[ "$status" -eq 137 ]
	within 20 grep -q '^{"type":"oom","id":"oom"}$' lines
	rt kill oom KILL
	wait $!
	same "$(wc -l <lines)" 1
	# the init's own end comes after the word of it
	made init '.process.args = ["/bin/tail", "/dev/zero"] |
		.linux.resources.memory.limit = 33554432'
	inside "$KATA" events --interval 1h init >lines &
	sleep 0.5
	rt start init
	wait $!
	same "$(cat lines)" '{"type":"oom","id":"init"}'
	within 20 status_is init stopped
}

# --- what engines leave in the environment and in descriptors -------------------

@test "verbs: --preserve-fds and LISTEN_FDS are refused for what they are" {
	bundle fds "$SLEEPS"
	cat >fds.py <<-'END'
		import os, socket, subprocess, sys
		kata, bundle, kind, *args = sys.argv[1:]
		os.closerange(3, 64)
		fd = {"file": lambda: os.open("/etc/passwd", os.O_RDONLY),
		      "socket": lambda: socket.socket().detach(),
		      "pipe": lambda: os.pipe()[0], "none": lambda: -1}[kind]()
		if fd >= 0:
		    os.dup2(fd, 3)
		    os.set_inheritable(3, True)
		os.closerange(4, 64)
		env = dict(os.environ)
		if kind == "socket":
		    env["LISTEN_FDS"] = "1"
		    args = ["sh", "-c", 'LISTEN_PID=$$ exec "$@"', "-"] + [kata, *args]
		else:
		    args = [kata, *args]
		result = subprocess.run([*args, "--bundle", bundle, "fds"], close_fds=False, env=env,
		                        stdin=subprocess.DEVNULL)
		sys.exit(result.returncode)
	END
	run -1 inside python3 fds.py "$KATA" "$BUNDLE" file create --preserve-fds 1
	has "$output" 'preserve-fds 1: descriptor 3 is a file of the host.s kernel and cannot'
	run -1 inside python3 fds.py "$KATA" "$BUNDLE" pipe run --preserve-fds=1
	has "$output" 'descriptor 3 is a pipe'
	run -1 inside python3 fds.py "$KATA" "$BUNDLE" socket create
	has "$output" 'LISTEN_FDS 1: descriptor 3 is a socket'
	run -1 inside python3 fds.py "$KATA" "$BUNDLE" none create --preserve-fds 1
	has "$output" 'of 1 descriptors from 3 on, 3 is not open'
	refused '"many" is not a number' create --preserve-fds many --bundle "$BUNDLE" fds
	# another's are none of our business
	OCI_IDS+=(fds)
	LISTEN_FDS=5 LISTEN_PID=1 rt create --preserve-fds 0 --bundle "$BUNDLE" fds \
		</dev/null >out 2>&1
	same "$(rt list -q)" fds
}

@test "verbs: stray descriptors do not stay, SIGPIPE is not ignored, no PATH and no HOME" {
	bundle stray '.process.args = ["/bin/sh", "-c", "grep SigIgn /proc/self/status; sleep 1000"]'
	OCI_IDS+=(stray)
	cat >stray.py <<-'END'
		import os, signal, socket, subprocess, sys, time
		kata, bundle = sys.argv[1:]
		listener = socket.create_server(("127.0.0.1", 0))
		port = listener.getsockname()[1]
		os.dup2(listener.fileno(), 60)
		signal.signal(signal.SIGPIPE, signal.SIG_IGN)
		env = {"NOTIFY_SOCKET": "/nowhere"}
		if "XDG_RUNTIME_DIR" in os.environ:
		    env["XDG_RUNTIME_DIR"] = os.environ["XDG_RUNTIME_DIR"]
		def call(*args, **more):
		    subprocess.run([kata, *args], env=env, check=True, close_fds=False,
		                   restore_signals=False, stdin=subprocess.DEVNULL, **more)
		with open("out", "w") as out:
		    call("run", "-d", "--bundle", bundle, "stray", stdout=out)
		    call("exec", "-d", "stray", "sleep", "1000", stdout=out)
		os.close(60)
		listener.close()
		socket.create_server(("127.0.0.1", port)).close()
		call("state", "stray")
		call("pause", "stray")
		call("resume", "stray")
		for _ in range(600):
		    if "SigIgn" in open("out").read():
		        break
		    time.sleep(0.1)
		call("kill", "stray", "KILL")
	END
	run -0 inside python3 stray.py "$KATA" "$BUNDLE" || { echo "$output"; return 1; }
	has "$(cat out)" '^SigIgn:.*0000$'
	has "$(rt state stray | jq -r '.kata.absent[]')" NOTIFY_SOCKET
	within 20 status_is stray stopped
}

@test "verbs: --pidfd-socket receives the process to watch" {
	bundle pidfd "$SLEEPS"
	OCI_IDS+=(pidfd)
	cat >pidfd.py <<-'END'
		import os, select, signal, socket, subprocess, sys
		kata, bundle = sys.argv[1:]
		path = "/tmp/e2e-pidfd-%d" % os.getpid()
		server = socket.socket(socket.AF_UNIX)
		server.bind(path)
		server.listen(2)
		def call(*args):
		    subprocess.run([kata, *args], check=True, stdin=subprocess.DEVNULL,
		                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
		def take():
		    peer, _ = server.accept()
		    _, fds, _, _ = socket.recv_fds(peer, 64, 1)
		    with open("/proc/self/fdinfo/%d" % fds[0]) as info:
		        pid = [line.split()[1] for line in info if line.startswith("Pid:")][0]
		    return fds[0], pid
		call("create", "--bundle", bundle, "--pid-file", "pid", "--pidfd-socket", path, "pidfd")
		fd, pid = take()
		print("init", pid == open("pid").read())
		call("start", "pidfd")
		call("exec", "-d", "--pid-file", "epid", "--pidfd-socket", path, "pidfd", "sleep", "99")
		efd, pid = take()
		print("exec", pid == open("epid").read())
		os.unlink(path)
		signal.pidfd_send_signal(fd, signal.SIGKILL)
		print("gone", bool(select.select([fd], [], [], 30)[0]))
	END
	run -0 inside python3 pidfd.py "$KATA" "$BUNDLE"
	same "$output" "init True
exec True
gone True"
	refused 'pidfd socket /nowhere/s: No such file' \
		create --bundle "$BUNDLE" --pidfd-socket /nowhere/s other
}

# Nobody else can have its number as long as it is not reaped: here it is.
@test "verbs: --pidfd-socket: of one that has ended and been reaped meanwhile" {
	[ -n "$KATA_HOOKS" ] || skip "no test build of the runtime"
	bundle reaped "$SLEEPS"
	OCI_IDS+=(reaped)
	cat >reaped.py <<-'END'
		import ctypes, os, select, signal, socket, subprocess, sys
		kata, bundle = sys.argv[1:]
		ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
		path = "/tmp/e2e-reaped-%d" % os.getpid()
		server = socket.socket(socket.AF_UNIX)
		server.bind(path)
		server.listen(2)
		server.settimeout(60)
		def children():
		    with open("/proc/self/task/%d/children" % os.getpid()) as file:
		        return {int(pid) for pid in file.read().split()}
		# stops at step; what it has made there is ours, and reaped when it has ended
		def told(step, kills, *args):
		    before = children()
		    env = dict(os.environ, KATA_TEST_STOP=step)
		    child = subprocess.Popen([kata, *args], env=env, stdin=subprocess.DEVNULL,
		                             stdout=subprocess.DEVNULL, stderr=open("err", "w"))
		    _, status = os.waitpid(child.pid, os.WUNTRACED)
		    if not os.WIFSTOPPED(status):
		        return "no stop: " + open("err").read()
		    if kills:
		        pid = int(subprocess.run([kata, "state", args[-1]], check=True, text=True,
		                                 capture_output=True).stdout.split('"pid":')[1].split(",")[0])
		        os.kill(pid, signal.SIGKILL)
		        os.waitpid(pid, 0)
		    else:
		        pids = children() - before - {child.pid}
		        assert pids
		        for pid in pids:
		            os.waitpid(pid, 0)
		    os.kill(child.pid, signal.SIGCONT)
		    if child.wait() != 0:
		        return open("err").read()
		    peer, _ = server.accept()
		    _, fds, _, _ = socket.recv_fds(peer, 64, 1)
		    return bool(select.select(fds, [], [], 30)[0])
		subprocess.run([kata, "run", "-d", "--bundle", bundle, "reaped"], check=True,
		               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
		               stderr=subprocess.DEVNULL)
		print("exec", told("exec-started", False, "exec", "-d", "--pidfd-socket", path,
		                   "reaped", "true"))
		subprocess.run([kata, "delete", "--force", "reaped"], check=True)
		print("create", told("container-created", True, "create", "--bundle", bundle,
		                     "--pidfd-socket", path, "reaped"))
		os.unlink(path)
	END
	run -0 inside python3 reaped.py "$KATA_HOOKS" "$BUNDLE"
	same "$output" "exec True
create True"
}

@test "verbs: kill: every form, and every process with --all" {
	running kills '.process.args = ["/bin/sh", "-c", "trap : TERM; sleep 1000 & while :; do wait; done"]'
	rt exec -d kills sleep 1001 >/dev/null 2>&1
	run -0 rt kill --all kills SIGCONT
	refused 'signal|SIG' kill kills SIGNOPE
	refused 'signal|SIG' kill kills 65
	refused 'usage: kill' kill
	run -0 rt kill kills SIGRTMAX-1 # nobody waits for it, and it is an init
	run -0 rt kill -a kills SIGKILL
	within 20 status_is kills stopped
	refused 'container not running' kill kills 15
}
