# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# helpers.bash - what every e2e test shares. tests/e2e/run prepares the
# environment: E2E_WORK (own directory, 0700), E2E_DIR (these files), KATA (the
# runtime under test), KATA_HOOKS (the one with test switches, may be empty),
# RUNTIME (what podman is given), and podman's own configuration.

bats_require_minimum_version 1.5.0

# A call of the engine may take this long before it counts as hung.
: "${E2E_CALL_SECONDS:=180}"

IMAGE=localhost/kata-e2e

# The jail of this host's virtiofsd: of the C one, or of the Rust one, which
# Debian 13 has a link to in the other's place.
FS=virtiofsd-rs
[ ! -e /usr/lib/qemu/virtiofsd ] || [ -L /usr/lib/qemu/virtiofsd ] || FS=virtiofsd

# bats waits for everything that holds its descriptors: conmon must not.
clean_fds() {
	"$@" 3>&- 4>&-
}

# podman with the runtime under test.
pod() {
	timeout "$E2E_CALL_SECONDS" podman --runtime "$RUNTIME" "$@" 3>&- 4>&-
}

# podman with runc: what an ordinary container does, to compare with.
control() {
	timeout "$E2E_CALL_SECONDS" podman --runtime runc "$@" 3>&- 4>&-
}

# pod run --rm without a network, which most tests have no use for.
prun() {
	pod run --rm --network none "$@"
}

# Starts a container in the background; its id is in $CID.
start() {
	CID=$(pod run -d --network none "$@")
}

is_root() {
	[ "$(id -u)" -eq 0 ]
}

skip_unless_user() {
	! is_root || skip "only for an ordinary user"
}

# Inside podman's user namespace: the place where the runtime is called.
inside() {
	if is_root; then
		timeout "$E2E_CALL_SECONDS" "$@" 3>&- 4>&-
	else
		timeout "$E2E_CALL_SECONDS" podman unshare "$@" 3>&- 4>&-
	fi
}

# The runtime itself, as conmon calls it. conmon sets XDG_RUNTIME_DIR.
rt() {
	inside "$KATA" "$@"
}

# A call with the settings in $CONF; what it says is in ./out, ./err and, as the
# engine's log, ./log.json. bats' run waits for whoever holds its pipe, and the
# shim holds stdout and stderr: files instead.
conf_rt() {
	local code=0

	inside "$KATA" --config "$CONF" --log "$BATS_TEST_TMPDIR/log.json" \
		--log-format json "$@" </dev/null >out 2>err || code=$?
	cat out err
	return "$code"
}

# One field of the runtime's state: note CID .kata.vmmPid
note() {
	rt state "$1" | jq -re "$2"
}

# checks TEXT NAME: what a verified.json tells of a check, a line a jail.
checks() {
	jq -r --arg name "$2" '.[] | .jail + ": " + (.checks[] | select(.name == $name)
		| .actual)' <<<"$1"
}

# Waits up to SECONDS until a command succeeds.
within() {
	local end=$((SECONDS + $1))

	shift
	until "$@"; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.1
	done
}

is_gone() {
	[ ! -d "/proc/$1" ] || grep -q '^State:.*Z' "/proc/$1/status" 2>/dev/null
}

is_exited() {
	[ "$(pod inspect -f '{{.State.Status}}' "$1")" = exited ]
}

# logs_have CID PATTERN
logs_have() {
	pod logs "$1" 2>&1 | grep -q -- "$2"
}

# Fails with both values shown.
same() {
	[ "$1" = "$2" ] || {
		printf 'expected: %s\nfound:    %s\n' "$2" "$1"
		return 1
	}
}

# has TEXT PATTERN: extended regular expression on some line.
has() {
	grep -qE -- "$2" <<<"$1" || {
		printf 'no line matches: %s\nin:\n%s\n' "$2" "$1"
		return 1
	}
}

# lacks TEXT PATTERN: on no line. (A bare "! grep" cannot fail a test: bash's
# errexit passes over inverted commands.)
lacks() {
	! grep -E -- "$2" <<<"$1" || {
		printf 'a line matches: %s\n' "$2"
		return 1
	}
}

# not COMMAND...: it must fail.
not() {
	if "$@"; then
		printf 'did not fail: %s\n' "$*"
		return 1
	fi
}

# --- bundles for the OCI command line ---------------------------------------
# bundle NAME [JQ-FILTER]: $BUNDLE with a rootfs and a config.json as an engine
# writes it, changed by the filter.
bundle() {
	BUNDLE=$BATS_TEST_TMPDIR/$1
	mkdir -p "$BUNDLE/rootfs"
	inside tar -xf "$E2E_WORK/image.tar" -C "$BUNDLE/rootfs"
	jq "${2:-.}" "$E2E_DIR/config.json" >"$BUNDLE/config.json"
	if is_root; then
		jq 'del(.linux.namespaces[] | select(.type == "user"))' \
			"$BUNDLE/config.json" >"$BUNDLE/config.root"
		mv "$BUNDLE/config.root" "$BUNDLE/config.json"
	fi
}

# A bundle's filter: a program that stays.
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

status_is() {
	[ "$(rt state "$1" | jq -r .status)" = "$2" ]
}

# The before/after check of every test.
common_setup() {
	cd "$BATS_TEST_TMPDIR" || return
	CID=
	OCI_IDS=()
	"$E2E_DIR/snapshot" >"$BATS_TEST_TMPDIR/before"
}

setup() {
	common_setup
}

nothing_left() {
	"$E2E_DIR/snapshot" >"$BATS_TEST_TMPDIR/after" &&
		! comm -13 "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after" |
		grep -q .
}

# Network namespaces of podman, control groups of its parents and the like take
# a moment to go.
common_teardown() {
	local id

	for id in "${OCI_IDS[@]}"; do
		rt delete --force "$id" || return
	done
	if pod ps -aq | grep -q .; then
		pod rm -f -a -t 0 >/dev/null || return
	fi
	if ! within 10 nothing_left; then
		echo "left behind:"
		comm -13 "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
		return 1
	fi
	# bats removes its directories as the user; files may be of other ids
	inside rm -rf "$BATS_TEST_TMPDIR/"*/ || echo "left in $BATS_TEST_TMPDIR: see above"
}

teardown() {
	common_teardown
}
