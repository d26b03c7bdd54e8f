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
