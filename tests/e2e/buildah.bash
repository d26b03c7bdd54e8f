# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
# buildah.bash - what the tests of buildah as root and as an ordinary user share.

bah() {
	timeout -k 5 "$E2E_CALL_SECONDS" buildah "$@" 3>&- 4>&-
}

setup() {
	command -v buildah >/dev/null || skip "buildah is not installed"
	common_setup
}

# A build context: a file, a RUN that uses it, and one more that fails.
context() {
	mkdir context
	echo from the host >context/file
	cat >context/Dockerfile <<-END
		FROM $IMAGE
		COPY file /copied
		RUN uname -r >/kernel && cp /copied /made
		USER 1234
		WORKDIR /tmp
		RUN test "\$(id -u) \$PWD" = "1234 /tmp"
	END
	cat >context/Failing <<-END
		FROM $IMAGE
		RUN exit 9
	END
}

buildah_build() {
	context
	run -0 bah bud --runtime "$KATA" --isolation oci --network none -t built context
	same "$(control run --rm --network none built cat /made)" "from the host"
	lacks "$(control run --rm --network none built cat /kernel)" "^$(uname -r)\$"
	run bah bud --runtime "$KATA" --isolation oci --network none \
		-f context/Failing context
	same "$status" 9
	has "$output" 'exit status 9'
	bah rmi -f built >/dev/null
}

# $working is for the teardown.
buildah_run() {
	local options=(--runtime "$KATA" --isolation oci --network none)

	working=$(bah from "$IMAGE")
	run bah run "${options[@]}" "$working" sh -c 'echo out; exit 5'
	same "$status" 5
	has "$output" '^out$'
	run -0 bah run "${options[@]}" "$working" cat <<<text
	same "$output" text
	run clean_fds "$E2E_DIR/pty-run" --size 31x97 -- buildah run -t "${options[@]}" \
		"$working" sh -c 'sleep 1; probe tty; exit 6'
	has "$output" 'tty=31 97'
	same "$status" 6
	mkdir vol
	chmod 755 vol "$PWD"
	echo from the host >vol/file
	run bah run "${options[@]}" -v "$PWD/vol:/v:ro" --user 1234 "$working" \
		sh -c 'id -u; cat /v/file; touch /v/x'
	same "$status" 1
	has "$output" '^1234$'
	has "$output" '^from the host$'
	has "$output" 'Read-only file system'
}

buildah_teardown() {
	command -v buildah >/dev/null || return 0
	bah rm --all >/dev/null || return
	bah rmi --prune --force >/dev/null || return
	common_teardown
}
