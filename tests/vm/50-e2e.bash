# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# 50-e2e: the e2e tests under KVM, as an ordinary user. All of them take hours
# there (tests/vm/README.md): one of E2E_SHARD's parts a run, another every day.

E2E_PARTS=12

# The part: of the day, or what /proc/cmdline says.
part() {
	local asked

	asked=$(sed -n 's/.*\bvm-e2e=\([0-9/]*\).*/\1/p' /proc/cmdline)
	echo "${asked:-$(($(date +%s) / 86400 % E2E_PARTS + 1))/$E2E_PARTS}"
}

suite_guest_e2e() {
	local shard

	shard=$(part)
	echo "# 50-e2e: part $shard of the tests"
	mkdir -p "$TREE/build"
	E2E_SHARD=$shard E2E_USER=user E2E_STDIN_MIB=8 E2E_CALL_SECONDS=600 \
		"$TREE/tests/e2e/run" "$TREE/build" 2>&1
}
