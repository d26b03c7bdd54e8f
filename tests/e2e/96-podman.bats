#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What else podman does with a container, besides the files on single matters.

load helpers

@test "podman: health check, top with columns, diff, commit, export" {
	start --health-cmd 'test -e /ok' $IMAGE sh -c 'echo new >/new; exec sleep 1000'
	run pod healthcheck run "$CID"
	same "$status" 1
	run -0 pod exec "$CID" touch /ok
	run -0 pod healthcheck run "$CID"
	run -0 pod top "$CID" -eo pid,args
	has "$output" '^ *1 sleep 1000'
	has "$(pod diff "$CID")" '^A /new$'
	pod commit -q "$CID" committed >/dev/null
	same "$(control run --rm --network none committed cat /new)" new
	pod rmi -f committed >/dev/null
	has "$(pod export "$CID" | tar -t)" '^new$'
}

@test "podman: init, then start --attach" {
	CID=$(pod create --network none $IMAGE sh -c 'echo hi; sleep 1; exit 4')
	run -0 pod init "$CID"
	same "$(pod inspect -f '{{.State.Status}}' "$CID")" initialized
	run pod start --attach "$CID"
	same "$output" hi
	same "$status" 4
}

@test "podman: secret, environment file, annotations, time-out" {
	echo A=b >env
	echo s3cret | pod secret create e2e-secret - >/dev/null
	run prun --secret e2e-secret --env-file env --env C=d --annotation org.example=x \
		--workdir /tmp $IMAGE sh -c 'echo "$A $C $PWD"; cat /run/secrets/e2e-secret'
	pod secret rm e2e-secret >/dev/null
	same "$output" $'b d /tmp\ns3cret'
	same "$status" 0
	SECONDS=0
	run prun --timeout 3 $IMAGE sleep 1000
	[ "$status" -ne 0 ]
	[ "$SECONDS" -lt 100 ]
}

@test "podman: the image's user, directory and entry point" {
	printf 'FROM %s\nUSER 1234:567\nWORKDIR /var\nENV A=b\nENTRYPOINT ["sh", "-c"]\n' \
		"$IMAGE" >Containerfile
	control build -q --network none -t defaults -f Containerfile . >/dev/null
	run -0 prun defaults 'id -u; id -g; pwd; echo $A'
	same "$output" $'1234\n567\n/var\nb'
	pod rmi -f defaults >/dev/null
}
