#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# A hostile agent in the initrd of a real VM, by the whole command line. What
# each wrong answer leads to has its cases in tests/security/test_hostile.py;
# here it is seen that the verbs end in time, say why, and leave nothing.

load helpers

# Seconds that a verb may take beyond its deadline: one, and what a VM's start
# and this machine's other work take.
: "${E2E_SLACK:=15}"

# evil NAME [SCRIPT]: bundle and settings whose guest follows SCRIPT
# (tests/security/evil-agent.c has the words).
evil() {
	[ -x "$E2E_EVIL" ] || skip "no evil agent: make build/e2e/evil-agent"
	bundle "$1" '.process.args = ["/bin/true"]'
	printf '%s\n' "${@:2}" |
		"$E2E_DIR/evil-initrd" "$E2E_EVIL" "$BATS_TEST_TMPDIR/evil.img"
	CONF=$BATS_TEST_TMPDIR/evil.toml
	cat >"$CONF" <<-END
		[hypervisor.qemu]
		initrd = "$BATS_TEST_TMPDIR/evil.img"
		accelerator = "tcg"
		[agent.kata]
		dial_timeout_tcg = ${BOOT_TIMEOUT:-30}
	END
	chmod 600 "$CONF"
	OCI_IDS+=("$1")
}

# ends_within SECONDS COMMAND...: it fails, and in time.
ends_within() {
	local begin=$SECONDS

	if "${@:2}"; then
		printf 'did not fail: %s\n' "${*:2}"
		return 1
	fi
	[ $((SECONDS - begin)) -le $(($1 + E2E_SLACK)) ] || {
		printf 'took %d seconds: %s\n' $((SECONDS - begin)) "${*:2}"
		return 1
	}
}

# One line, printable, in the error and in the engine's log.
said() {
	has "$(cat err)" "$1"
	has "$(jq -r .msg log.json)" "$1"
	same "$(tr -d '\n\t -~' <err | wc -c)" 0
	[ "$(wc -c <err)" -lt 16384 ]
}

# Most memory that proxy and shim ever had.
lean() {
	local pid peak

	for pid in "$(note "$1" .kata.proxyPid)" "$(note "$1" .pid)"; do
		peak=$(inside awk '/^VmHWM/ { print $2 }' "/proc/$pid/status")
		[ "$peak" -gt 0 ]
		[ "$peak" -lt 16384 ]
	done
}

# delete --force is quick whatever the guest does, and works twice.
gone() {
	local begin=$SECONDS

	run -0 rt delete --force "$1"
	run -0 rt delete --force "$1"
	[ $((SECONDS - begin)) -le $((5 + E2E_SLACK)) ]
}

@test "evil: a guest that never answers" {
	BOOT_TIMEOUT=3 evil mute 'boot hang'
	ends_within 3 conf_rt create --bundle "$BUNDLE" mute
	said "the agent did not answer within 3 s of the VM's start; the guest's console is empty"
	gone mute
}

@test "evil: init ends, the kernel panics" {
	evil panic 'boot exit'
	ends_within 5 conf_rt create --bundle "$BUNDLE" panic
	said 'VM: the guest kernel panicked \(guest-reset\); .*Kernel panic - not syncing: Attempted to kill init'
	has "$(cat err)" 'guest console: '
}

@test "evil: console full of escape codes, then silence" {
	# ESC [ 2 J, BEL, a forged line, bytes that are no UTF-8
	BOOT_TIMEOUT=8 evil codes 'boot say 1b5b324a070a32303236206572726f72206b6174612d70726f78793a206f6b0afffe0a' \
		'Check hang'
	ends_within 8 conf_rt create --bundle "$BUNDLE" codes
	said 'did not answer within 8 s .*console ends with: \\xff\\xfe'
	has "$(cat err)" 'guest console: \\x1b\[2J\\x07'
	has "$(cat err)" 'guest console: 2026 error kata-proxy: ok'
}

@test "evil: a frame of 4 GiB" {
	evil oversize 'Check oversize'
	ends_within 5 conf_rt create --bundle "$BUNDLE" oversize
	said 'VM: the guest sent a ttrpc frame of 4294967295 bytes exceeds the limit'
}

@test "evil: a refusal with escape codes" {
	evil refuse 'CreateContainer refuse 1b5d303b78072e2e2f2e2e2f6574632f736861646f77'
	ends_within 5 conf_rt create --bundle "$BUNDLE" refuse
	said '\\x1b\]0;x\\x07\.\./\.\./etc/shadow'
}

@test "evil: it claims what it did not do" {
	# a read-back without seccomp, capabilities and namespaces
	evil liar 'CreateContainer answer c23e02082a'
	ends_within 5 conf_rt create --bundle "$BUNDLE" liar
	said 'the guest did not apply'
}

@test "evil: a console that never stops, while start waits" {
	evil noise 'StartContainer noise'
	run -0 conf_rt create --bundle "$BUNDLE" noise
	(sleep 4; lean noise) &
	ends_within 10 conf_rt start noise
	said "did not answer StartContainer in time; the guest's console ends with: .*noise noise"
	wait $!
	[ "$(stat -c %s "$XDG_RUNTIME_DIR/kata/noise/log")" -lt 65536 ]
	gone noise
}

@test "evil: a flood of frames in answer to start" {
	evil flood 'StartContainer flood'
	run -0 conf_rt create --bundle "$BUNDLE" flood
	ends_within 2 conf_rt start flood
	said 'the guest sent a frame of type 2 for stream .*nobody asked for'
	gone flood
}

@test "evil: the agent ends in start, the container's stderr says why" {
	evil crash 'StartContainer exit'
	inside "$KATA" --config "$CONF" create --bundle "$BUNDLE" crash \
		</dev/null >shim.out 2>shim.err
	ends_within 5 conf_rt start crash
	said 'the guest kernel panicked'
	within 10 grep -q 'kata: sandbox ended: the guest kernel panicked' shim.err
	has "$(cat shim.err)" 'kata: guest console: .*Kernel panic'
	lacks "$(cat shim.err)" '[^ -~]'
}

@test "evil: kill of a container whose agent never answers" {
	local begin

	evil kills 'SignalProcess hang'
	run -0 conf_rt create --bundle "$BUNDLE" kills
	run -0 conf_rt start kills
	begin=$SECONDS
	run -0 conf_rt kill kills KILL
	[ $((SECONDS - begin)) -le $((10 + E2E_SLACK)) ]
	same "$(note kills .status)" stopped
	gone kills
}

@test "evil: an exec's answer is garbage; the container stays" {
	evil execs 'ExecProcess garbage'
	run -0 conf_rt create --bundle "$BUNDLE" execs
	run -0 conf_rt start execs
	ends_within 3 conf_rt exec execs /bin/true
	said 'malformed'
	same "$(note execs .status)" running
	lean execs
	gone execs
}

# How often the guest was told to let a process run its program.
words() {
	grep -c 'console.*the-word' "$XDG_RUNTIME_DIR/kata/$1/log"
}

@test "evil: an exec that lies about itself is never told to run" {
	# the-word, to the console, at each StartContainer: the init's and an exec's
	local go='StartContainer say 7468652d776f72640a'

	evil truth "$go"
	run -0 conf_rt --debug create --bundle "$BUNDLE" truth
	run -0 conf_rt start truth
	run -0 conf_rt --debug exec --detach truth /bin/true
	within 5 same "$(words truth)" 2
	gone truth
	# a read-back without seccomp, capabilities and namespaces
	evil lies "$go" 'ExecProcess answer c23e02082a'
	run -0 conf_rt --debug create --bundle "$BUNDLE" lies
	run -0 conf_rt start lies
	same "$(words lies)" 1
	ends_within 3 conf_rt --debug exec lies /bin/true
	said 'the guest did not apply'
	same "$(words lies)" 1
	same "$(note lies .status)" running
	gone lies
}

@test "evil: an impossible exit status" {
	evil status 'WaitProcess answer 08ac02'
	inside "$KATA" --config "$CONF" create --bundle "$BUNDLE" status \
		</dev/null >shim.out 2>shim.err
	conf_rt start status || true # it may be gone before it has answered
	within 10 grep -q 'kata: sandbox ended: the agent reported an impossible exit status' shim.err
	gone status
}

@test "evil: the guest's memory is used up" {
	evil greedy 'StartContainer exhaust'
	run -0 conf_rt create --bundle "$BUNDLE" greedy
	ends_within 10 conf_rt start greedy
	gone greedy
}

@test "evil: by podman, which shows the reason" {
	evil engine 'boot exit'
	run pod --runtime-flag "config=$CONF" run --rm --network none $IMAGE true
	[ "$status" -ne 0 ]
	has "$output" 'the guest kernel panicked .*Kernel panic - not syncing'
}
