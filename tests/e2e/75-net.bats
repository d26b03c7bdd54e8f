#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Networks: none, and slirp4netns to a server on the host's loopback.

load helpers

# An HTTP server on the loopback for this test alone; $PORT.
serve() {
	mkdir -p www
	head -c 8388608 /dev/urandom >www/big
	echo hello >www/small
	python3 -u - www >server.log 2>&1 3>&- 4>&- <<-'END' &
		import http.server, functools, sys
		handler = functools.partial(http.server.SimpleHTTPRequestHandler,
		                            directory=sys.argv[1])
		server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
		print(server.server_port, flush=True)
		server.serve_forever()
	END
	SERVER=$!
	within 10 grep -q . server.log
	PORT=$(head -n 1 server.log)
}

teardown() {
	[ -z "${SERVER:-}" ] || kill "$SERVER"
	unset SERVER
	common_teardown
}

need_tun() {
	skip_unless_user
	[ -w /dev/net/tun ] || skip "/dev/net/tun may not be opened by this user"
}

SLIRP=slirp4netns:allow_host_loopback=true

# The machine has a network card in any case (microvm cannot get one later);
# without a network it is down and has no address.
@test "net: none: loopback is up, nothing else is" {
	run -0 prun $IMAGE sh -c 'ip -o link; ip -o addr; ip route
		ping -c 1 -W 2 127.0.0.1 >/dev/null && echo reached'
	has "$output" 'inet 127\.0\.0\.1/8'
	has "$output" '^reached$'
	lacks "$(grep -v ' lo' <<<"$output")" 'state UP|[<,]UP[,>]|inet |default'
}

@test "net: none reaches nothing" {
	run prun $IMAGE probe fetch 10.0.2.2 80 /
	[ "$status" -ne 0 ]
}

@test "net: default network: address, route and MTU of the tap" {
	need_tun
	run -0 pod run --rm $IMAGE sh -c \
		'ip -4 addr; ip route; cat /sys/class/net/*/mtu; cat /etc/resolv.conf'
	has "$output" 'inet 10\.0\.2\.100/24'
	has "$output" 'default via 10\.0\.2\.2'
	has "$output" '^65520$'
	has "$output" 'nameserver 10\.0\.2\.3'
}

@test "net: slirp4netns reaches a server on the host" {
	need_tun
	serve
	run -0 pod run --rm --network $SLIRP $IMAGE \
		probe fetch 10.0.2.2 "$PORT" /small
	same "$output" hello
}

@test "net: 8 MiB down, checksum equal" {
	need_tun
	serve
	run -0 pod run --rm --network $SLIRP $IMAGE sh -c \
		"probe fetch 10.0.2.2 $PORT /big | sha256sum"
	same "${output%% *}" "$(sha256sum <www/big | cut -d' ' -f1)"
}

@test "net: --network host is refused or leaves the host alone" {
	local before

	before=$(ip -o link; ip -o addr; ip route)
	run pod run --rm --network host $IMAGE ip link set lo down
	same "$(ip -o link; ip -o addr; ip route)" "$before"
}
