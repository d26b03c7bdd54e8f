#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# docker of Debian 12 with us among its runtimes.

load ../helpers
load ../engines

setup_file() {
	docker_start
}

teardown_file() {
	daemon_end docker
}

teardown() {
	local ids

	! is_left_out || return 0
	ids=$(dock ps -aq)
	# shellcheck disable=SC2086 # a list
	[ -z "$ids" ] || dock rm -f $ids >/dev/null
	common_teardown
}

# docker_is NAME FIELD VALUE
docker_is() {
	[ "$(dock inspect -f "{{.State.$2}}" "$1")" = "$3" ]
}

has_log() {
	dock logs "$1" 2>&1 | grep -q "$2"
}

@test "docker: run, exit codes, stdin, terminal" {
	run drun --rm $IMAGE sh -c 'uname -r; echo err >&2; exit 42'
	same "$status" 42
	has "$output" '^err$'
	[ "${lines[0]}" != "$(uname -r)" ]
	run -0 drun -i --rm $IMAGE cat <<<text
	same "$output" text
	run client "$E2E_DIR/pty-run" --size 31x97 -- env \
		"DOCKER_HOST=unix://$E2E_WORK/docker/sock" "$(docker_client)" \
		run -it --rm --runtime kata --network none $IMAGE \
		sh -c 'sleep 1; probe tty; exit 6'
	has "$output" 'tty=31 97'
	same "$status" 6
	run -127 drun --rm $IMAGE /nonexistent
	has "$output" '/nonexistent.*no such file or directory'
}

@test "docker: exec, logs, top, stats, cp, pause, kill, wait, restart, rm" {
	drun -d --name life $IMAGE sh -c 'trap "exit 3" TERM; echo up; while :; do sleep 0.1; done'
	within 20 has_log life '^up$'
	run dock exec life sh -c 'echo out; exit 7'
	same "$status" 7
	same "$output" out
	run -0 dock exec -i life cat <<<text
	same "$output" text
	run -0 dock top life
	same "${#lines[@]}" 2
	has "$(dock stats --no-stream --format '{{.MemUsage}}' life)" '^[1-9][0-9.]+MiB'
	echo payload >file
	run -0 dock cp file life:/tmp/in
	same "$(dock exec life cat /tmp/in)" payload
	run -0 dock cp life:/tmp/in back
	same "$(cat back)" payload
	run -0 dock pause life
	docker_is life Status paused
	run -0 dock unpause life
	run -0 dock stop -t 20 life
	docker_is life ExitCode 3
	run -0 dock start life
	run -0 dock restart -t 0 life
	dock wait life >waited &
	sleep 1
	run -0 dock kill life
	wait $!
	same "$(cat waited)" 137
	run -0 dock rm life
}

@test "docker: user, directory, environment, read-only, tmpfs, volumes, limits" {
	mkdir vol
	echo from the host >vol/file
	chmod -R 755 "$PWD"
	run drun --rm -m 200m --cpus 1 --pids-limit 50 --user 1234:567 -w /tmp -e A=b \
		--read-only --tmpfs /t --ulimit nofile=100:200 -v "$PWD/vol:/v:ro" \
		--hostname inside --init $IMAGE sh -c 'id -u; id -g; echo "$A $PWD"; hostname
		touch /x; touch /v/x; touch /t/x; cat /v/file; ulimit -n; cat /proc/1/comm
		cat /sys/fs/cgroup/pids.max /sys/fs/cgroup/memory.max'
	for word in 1234 567 'b /tmp' inside 'from the host' 100 docker-init 50 209715200; do
		has "$output" "^$word\$"
	done
	same "$(grep -c 'Read-only file system' <<<"$output")" 2
	same "$status" 0
}

@test "docker: a bridge network, set up by docker's hook" {
	local address

	dock network create --subnet 10.197.31.0/24 \
		-o com.docker.network.bridge.name=kata-e2e-br net >/dev/null
	dock run -d --runtime kata --network net --name server $IMAGE \
		sh -c 'while :; do echo hello | nc -l -p 8080; done'
	address=$(dock inspect -f '{{.NetworkSettings.Networks.net.IPAddress}}' server)
	has "$address" '^10\.197\.31\.'
	within 20 answers "$address"
	run -0 dock run --rm --runtime kata --network net $IMAGE sh -c \
		"nc $address 8080 </dev/null; cat /etc/resolv.conf"
	has "$output" '^hello$'
	# written by docker while the container was being made
	has "$output" '^options ndots:0$'
	run -0 dock rm -f server
	run -0 dock network rm net
}

answers() {
	[ "$(timeout 5 busybox nc "$1" 8080 </dev/null)" = hello ]
}

@test "docker: a health check, update of limits" {
	drun -d --name sick -m 200m --memory-swap 200m \
		--health-cmd 'test -e /ok' --health-interval 1s $IMAGE sleep 1000
	run -0 dock exec sick touch /ok
	within 30 docker_is sick Health.Status healthy
	run -0 dock update --memory 150m --memory-swap 150m --cpus 0.5 --pids-limit 60 sick
	run -0 dock exec sick sh -c 'cd /sys/fs/cgroup; cat memory.max pids.max cpu.max'
	same "$output" $'157286400\n60\n50000 100000'
}

@test "docker: --privileged is all of the guest and nothing of the host" {
	run drun --rm --privileged $IMAGE sh -c 'grep CapEff /proc/self/status; cat /proc/1/comm
		[ -e /dev/vda ] || echo no disk'
	same "$status" 0
	has "$output" '^CapEff:.0*[13]ff[ef]+$'
	has "$output" '^sh$'
	has "$output" '^no disk$'
}

@test "docker: the host's namespaces are refused, the host's network stays" {
	local before

	before=$(ip -o addr)
	run dock run --rm --runtime kata --network host $IMAGE true
	same "$status" 125
	has "$output" 'a VM cannot share the host.s network'
	run drun --rm --pid host $IMAGE true
	same "$status" 125
	has "$output" 'a VM cannot see the host.s processes'
	run drun --rm --ipc host $IMAGE true
	same "$status" 125
	same "$(ip -o addr)" "$before"
}

@test "docker: the VMM's death ends the container" {
	local id

	id=$(drun -d --name crash $IMAGE sleep 1000)
	kill -9 "$("$KATA" --root "$E2E_WORK"/docker/exec/runtime-*/moby state "$id" |
		jq -re .kata.vmmPid)"
	within 20 docker_is crash Status exited
	docker_is crash ExitCode 255
}
