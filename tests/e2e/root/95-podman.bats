#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What podman does as root alone, where cgroups are v1: pause and figures.

load ../helpers

@test "root: podman: pause, unpause, stats, the same pid in podman's eyes" {
	local before pid

	start $IMAGE sh -c 'while :; do date +%s >>/ticks; sleep 0.1; done'
	pid=$(pod inspect -f '{{.State.Pid}}' "$CID")
	within 20 pod exec "$CID" test -s /ticks
	run -0 pod pause "$CID"
	same "$(pod inspect -f '{{.State.Status}}' "$CID")" paused
	before=$(pod cp "$CID:/ticks" - | wc -c)
	sleep 2
	same "$(pod cp "$CID:/ticks" - | wc -c)" "$before"
	run -0 pod unpause "$CID"
	same "$(pod inspect -f '{{.State.Status}} {{.State.Pid}}' "$CID")" "running $pid"
	has "$(pod stats --no-stream --format '{{.MemUsage}}' "$CID")" '^[1-9][0-9.]+MB'
	has "$(pod stats --no-stream --format '{{.PIDs}}' "$CID")" '^[1-9]'
}
