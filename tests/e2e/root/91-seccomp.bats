#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The filters of QEMU and virtiofsd hold what these need and nothing else. What
# a start shows is looked at here; `make soak S=seccomp` looks at all of it.

load ../helpers

SECURITY=$E2E_DIR/../security

setup() {
	common_setup
	WATCH=
}

teardown() {
	[ -z "$WATCH" ] || ! kill "$WATCH" 2>/dev/null || wait "$WATCH"
	common_teardown
}

watching() {
	grep -q watching watch.out || ! kill -0 "$WATCH" 2>/dev/null
}

@test "root: each rule of the filters is seen at work or says why not" {
	python3 "$SECURITY/test_seccomp.py"
}

@test "root: what a start shows of the filters is still so" {
	command -v bpftrace >/dev/null || skip "no bpftrace: nothing can be watched"
	python3 "$SECURITY/seccomp_watch.py" watched.json >watch.out 2>&1 3>&- 4>&- &
	WATCH=$!
	within 90 watching
	cat watch.out
	pod run --rm $IMAGE sh -c 'mkdir /v && probe files /v; cat /bin/busybox >/f'
	start $IMAGE sleep 1000
	pod exec "$CID" true
	pod rm -f -t 0 "$CID"
	kill -INT "$WATCH"
	wait "$WATCH"
	WATCH=
	python3 "$SECURITY/test_seccomp.py" watched.json start
}
