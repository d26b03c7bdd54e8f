#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# podman cp enters the shim's mount namespace and writes there. If that were
# the host's, it would write on the host: a canary watches.

load helpers

# A path that exists neither here nor in the image.
canary() {
	CANARY=/e2e-canary-$$-$RANDOM
	[ ! -e "$CANARY" ]
}

untouched() {
	[ ! -e "$CANARY" ] && [ ! -L "$CANARY" ]
}

@test "cp: a file into a running container" {
	canary
	echo payload >file
	start $IMAGE sleep 1000
	run -0 pod cp file "$CID:$CANARY"
	untouched
	run -0 pod exec "$CID" cat "$CANARY"
	same "$output" payload
}

@test "cp: a file out of a running container" {
	canary
	start $IMAGE sh -c "echo inside >$CANARY; sleep 1000"
	within 20 pod exec "$CID" test -s "$CANARY"
	run -0 pod cp "$CID:$CANARY" out
	same "$(cat out)" inside
	untouched
}

@test "cp: a tree both ways" {
	canary
	mkdir -p tree/a/b
	echo 1 >tree/a/b/one
	ln -s one tree/a/b/two
	start $IMAGE sleep 1000
	run -0 pod cp tree "$CID:$CANARY"
	run -0 pod exec "$CID" cat "$CANARY/a/b/two"
	same "$output" 1
	run -0 pod cp "$CID:$CANARY" back
	diff -r tree back
	untouched
}

@test "cp: into a volume lands in the volume" {
	mkdir data
	echo payload >file
	start -v "$PWD/data:/v" $IMAGE sleep 1000
	run -0 pod cp file "$CID:/v/file"
	same "$(cat data/file)" payload
}

@test "cp: /etc of the container is not the host's" {
	local before

	before=$(sha256sum /etc/passwd /etc/hosts)
	echo x >passwd
	start $IMAGE sleep 1000
	run -0 pod cp "$CID:/etc/passwd" theirs
	has "$(cat theirs)" '^root:x:0:0:root:/root:/bin/sh$'
	run -0 pod cp passwd "$CID:/etc/passwd"
	same "$(sha256sum /etc/passwd /etc/hosts)" "$before"
}

@test "cp: a --read-only container refuses" {
	canary
	echo payload >file
	start --read-only $IMAGE sleep 1000
	run ! pod cp file "$CID:$CANARY"
	untouched
	run ! pod cp file "$CID:/etc/passwd"
	run -0 pod exec "$CID" grep -c root /etc/passwd
	run -0 pod cp "$CID:/etc/passwd" theirs
}

@test "cp: a ro volume refuses" {
	mkdir data
	echo payload >file
	start -v "$PWD/data:/v:ro" $IMAGE sleep 1000
	run ! pod cp file "$CID:/v/file"
	same "$(ls data)" ""
}

@test "cp: a link in the container that leaves it stays in it" {
	canary
	start $IMAGE sh -c "ln -s /tmp/inside $CANARY; sleep 1000"
	within 20 pod exec "$CID" test -L "$CANARY"
	echo payload >file
	run pod cp file "$CID:$CANARY"
	untouched
	[ ! -e /tmp/inside ]
}

@test "cp: into a stopped container" {
	canary
	echo payload >file
	CID=$(pod create --network none $IMAGE cat "$CANARY")
	run -0 pod cp file "$CID:$CANARY"
	run -0 pod start -a "$CID"
	same "$output" payload
	untouched
}
