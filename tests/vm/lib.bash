# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# lib.bash - for both halves of a test on the test host. In the guest the build
# is installed below /usr/local; /opt/kata has tests/ and build/ as in the
# checkout. RESULTS is a directory that goes back to the host's half.

# shellcheck disable=SC2034 # for the tests
TREE=/opt/kata
# shellcheck disable=SC2034
KATA=/usr/local/bin/kata-runtime

# fail WORDS: ends the test.
fail() {
	echo "$*"
	exit 1
}

# as_login NAME COMMAND...: logged in, with the session, the context and the home
# directory of a user's own.
as_login() {
	local user=$1

	shift
	# shellcheck disable=SC2029 # it is for the other side
	ssh "$user@localhost" "$(printf '%q ' "$@")"
}

# podman_once USER: one container by podman, whose output is seen.
podman_once() {
	# shellcheck disable=SC2016 # for the other side
	as_login "$1" bash -ec '
		. "$1/tests/users.bash"
		work=$(mktemp -d /var/tmp/vm-podman.XXXXXX)
		cd "$work"
		engine_env "$work"
		trap "cd /; engine_end $work; rmdir $work" EXIT
		busybox_tar "$work/image.tar"
		podman import -q "$work/image.tar" localhost/busybox >/dev/null
		podman --runtime "$2" run --rm --network none localhost/busybox \
			sh -c "echo in the VM; uname -r" | tee out
		grep "^in the VM$" out
	' - "$TREE" "$KATA"
}

# plain_bundle USER DIR: a bundle of USER's for kata-runtime without an engine.
plain_bundle() {
	# shellcheck disable=SC2016 # for the other side
	as_login "$1" bash -ec '
		. "$1/tests/users.bash"
		mkdir -p "$2/rootfs"
		busybox_tar "$2/image.tar"
		tar -C "$2/rootfs" -xf "$2/image.tar"
		jq ".process.args = [\"/bin/echo\", \"in the VM\"]" \
			"$1/tests/e2e/config.json" >"$2/config.json"
	' - "$TREE" "$2"
}
