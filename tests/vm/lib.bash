# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# lib.bash - for both halves of a test on the test host. In the guest the build
# is installed below /usr/local; /opt/kata has tests/ and build/ as in the
# checkout. RESULTS is a directory that goes back to the host's half.

# shellcheck disable=SC2034 # for the tests
TREE=/opt/kata
# shellcheck disable=SC2034
KATA=/usr/local/bin/kata-runtime

# Types of ours, as labels have them.
# shellcheck disable=SC2034
OURS='kata_[a-z_]*_t'

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

# Labels of the installed build, by the policy that is loaded.
label_build() {
	restorecon -R /usr/local/bin /usr/local/libexec/kata /usr/local/share/kata \
		/usr/lib/qemu /usr/libexec
}

# module_in, module_out: our policy module, as docs/selinux.md says.
module_in() {
	semodule -i /usr/local/share/selinux/packages/kata.pp
	label_build
	[ "$(stat -c %C "$KATA" | cut -d: -f3)" = kata_runtime_exec_t ]
}

module_out() {
	semodule -r kata
	label_build
	[ "$(stat -c %C "$KATA" | cut -d: -f3)" = bin_t ]
}

# audit_mark WORD: puts it into audit's log; returns when it is there, and so all
# that was before it.
audit_mark() {
	local before _

	before=$(grep -ac "text=$1 " /var/log/audit/audit.log) || true
	auditctl -m "$1"
	for _ in $(seq 100); do
		[ "$(grep -ac "text=$1 " /var/log/audit/audit.log)" -le "$before" ] || return 0
		sleep 0.1
	done
	fail "audit's log lacks a mark"
}

# provoked COMMAND...: what is denied meanwhile is meant to be: see denials_of_ours.
# The test that provokes looks at all of it, provoked_lines.
provoked() {
	local code=0

	audit_mark kata-provoked-begin
	"$@" || code=$?
	audit_mark kata-provoked-end
	return "$code"
}

# Denials of the last of these.
provoked_lines() {
	awk '/text=kata-provoked-begin / { text = "" } /avc: *denied/ { text = text $0 "\n" }
		/text=kata-provoked-end / { last = text } END { printf "%s", last }' \
		/var/log/audit/audit.log
}

# Denials so far that name a type of ours, but for those that a test provoked.
denials_of_ours() {
	audit_mark kata-looked-at
	awk '/text=kata-provoked-begin / { skip = 1 } /text=kata-provoked-end / { skip = 0 }
		/avc: *denied/ && !skip' /var/log/audit/audit.log >/tmp/denials
	grep -aE "$OURS" /tmp/denials || [ $? -eq 1 ]
}
