#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Filters in the guest: our profile where the engine sends none, none above the
# floor where it may be left out, and the floor always. Numbers are x86-64's:
# 41 socket (38 AF_ALG, 40 AF_VSOCK), 321 bpf, 272 unshare (0x10000000 user), 250
# keyctl, 165 mount, 298 perf_event_open, 16 ioctl (0x5412 TIOCSTI), 175
# init_module.

load helpers

CALLS="41:38:5 41:40:1 41:1:1 272:0x10000000 250:0:-3 165 298 175 16:0:0x5412 16:0:0x100005412 321:99999"

# Runs the calls in a container made from a changed config.json.
calls() {
	bundle calls
	jq --arg c "$CALLS" ".process.args = ([\"/bin/probe\", \"calls\"] + (\$c | split(\" \"))) | $1" \
		"$BUNDLE/config.json" >"$BUNDLE.changed"
	mv "$BUNDLE.changed" "$BUNDLE/config.json"
	run -0 inside "$KATA" run --bundle "$BUNDLE" calls </dev/null
	same "$(tr '\n' ' ' <<<"$output")" "$2 "
}

FLOOR_ONLY="41=97 41=97 41=0 272=0 250=0 165=14 298=1 175=1 16=1 16=1 321=1"
OURS="41=97 41=97 41=0 272=1 250=1 165=1 298=1 175=1 16=1 16=1 321=1"

@test "guest profile: ours, where config.json has none" {
	calls . "$OURS"
}

@test "guest profile: an annotation lifts it for libpod alone" {
	calls '.annotations = {"io.podman.annotations.seccomp": "unconfined"}' "$OURS"
	calls '.annotations = {"io.podman.annotations.seccomp": "unconfined",
		"io.container.manager": "cri-o"}' "$OURS"
	calls '.annotations = {"io.podman.annotations.seccomp": "unconfined",
		"io.container.manager": "libpod"}' "$FLOOR_ONLY"
}

@test "guest profile: a profile that allows everything leaves the floor" {
	calls '.linux.seccomp = {"defaultAction": "SCMP_ACT_ALLOW"}' "$FLOOR_ONLY"
}

@test "guest profile: podman's --privileged and unconfined leave the floor" {
	# shellcheck disable=SC2086
	run -0 prun --security-opt seccomp=unconfined $IMAGE probe calls $CALLS
	same "$(tr '\n' ' ' <<<"$output")" "$FLOOR_ONLY "
	# shellcheck disable=SC2086
	run -0 prun --privileged $IMAGE probe calls $CALLS
	# As an ordinary user podman sends no rule that allows every device.
	same "$(tr '\n' ' ' <<<"$output")" "$FLOOR_ONLY "
}

@test "guest profile: capabilities of the container open what they are for" {
	calls '.process.capabilities.bounding += ["CAP_SYS_ADMIN"]' \
		"41=97 41=97 41=0 272=0 250=1 165=14 298=1 175=1 16=1 16=1 321=1"
}

@test "guest profile: bpf is for whoever may use every device" {
	local every='.linux.seccomp = {"defaultAction": "SCMP_ACT_ALLOW"}
		| .linux.resources.devices = [{"allow": false}, {"allow": true, "access": "rwm"}]'

	calls "$every" "${FLOOR_ONLY/321=1/321=22}"
	calls "$every + [{\"allow\": false, \"type\": \"c\", \"major\": 4}]" "$FLOOR_ONLY"
}

@test "guest profile: an exec has what the container has" {
	start --security-opt seccomp=unconfined $IMAGE sleep 1000
	# shellcheck disable=SC2086
	run -0 pod exec "$CID" probe calls $CALLS
	same "$(tr '\n' ' ' <<<"$output")" "$FLOOR_ONLY "
	run -0 pod exec "$CID" probe status
	has "$output" '^Seccomp_filters=2$'
	pod rm -f -t 0 "$CID"
}

@test "guest profile: a missing, open or altered file stops the start" {
	bundle lacking
	cp -r "$(dirname "$(dirname "$KATA")")/share/kata/seccomp" .
	CONF=$PWD/conf.toml
	printf '[security]\nseccomp = "%s"\n' "$PWD/seccomp" >"$CONF"
	chmod 666 seccomp/guest/default.json
	run ! conf_rt create --bundle "$BUNDLE" lacking
	has "$output" "the guest's seccomp profile: .*writable by group"
	chmod 644 seccomp/guest/default.json
	sed -i 's/"SCMP_ACT_ERRNO",$/"SCMP_ACT_ALLOW",/' seccomp/guest/default.json
	run ! conf_rt create --bundle "$BUNDLE" lacking
	has "$output" "the guest's seccomp profile: .*altered"
	rm seccomp/guest/default.json
	run ! conf_rt create --bundle "$BUNDLE" lacking
	has "$output" "the guest's seccomp profile: .*No such file"
	[ ! -e "$XDG_RUNTIME_DIR/kata/lacking" ]
}

@test "guest profile: names that nobody knows are told" {
	bundle names
	jq '.linux.seccomp = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
		{"names": ["no_such_call"], "action": "SCMP_ACT_ERRNO"}]}' \
		"$BUNDLE/config.json" >"$BUNDLE.changed"
	mv "$BUNDLE.changed" "$BUNDLE/config.json"
	inside "$KATA" create --bundle "$BUNDLE" names </dev/null >out 2>&1
	has "$(cat "$XDG_RUNTIME_DIR/kata/names/log")" \
		'denied by a profile that allows the rest: no_such_call'
	rt delete --force names
}
