# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# engines.bash - private containerd and docker daemons for the tests as root:
# own configuration, data, state and socket below $E2E_WORK, no network set-up
# of the host, ended by pid and removed at the end of the file.

CTRD_NAMESPACE=kata-e2e

# Runs a client of an engine within the time that a call may take.
client() {
	timeout -k 5 "$E2E_CALL_SECONDS" "$@" 3>&- 4>&-
}

# cannot NAME WHY, in setup_file: its tests are left out, with the reason; not
# where it must run. (bats 1.8 runs teardown_file wrongly after a skip there.)
cannot() {
	daemon_end "$1"
	if [[ " ${MUST_RUN:-} " == *" $1 "* ]]; then
		echo "$1: $2" >&2
		return 1
	fi
	echo "$1: $2" >"$BATS_FILE_TMPDIR/cannot"
}

setup() {
	[ ! -e "$BATS_FILE_TMPDIR/cannot" ] || skip "$(cat "$BATS_FILE_TMPDIR/cannot")"
	common_setup
}

is_left_out() {
	[ -e "$BATS_FILE_TMPDIR/cannot" ]
}

# daemon_start NAME COMMAND...: in the background, output in its directory.
daemon_start() {
	local name=$1

	shift
	mkdir -p "$E2E_WORK/$name"
	# what the daemons make outside of their directories
	{ find /run/containerd /run/docker -type d 2>/dev/null || true; } \
		>"$E2E_WORK/$name/run-before" # they may not be there at all
	setsid "$@" </dev/null >"$E2E_WORK/$name/log" 2>&1 3>&- 4>&- &
	echo $! >"$E2E_WORK/$name/pid"
}

# daemon_ready NAME COMMAND...: once it succeeds; not waiting for a dead one.
daemon_ready() {
	local pid

	pid=$(cat "$E2E_WORK/$1/pid")
	shift
	within 60 answered_or_gone "$pid" "$@" && "$@" >/dev/null 2>&1
}

answered_or_gone() {
	is_gone "$1" || "${@:2}" >/dev/null 2>&1
}

# daemon_end NAME: it, what it has mounted, its files. Fine when it never began.
daemon_end() {
	local dir=$E2E_WORK/$1 pid where

	if [ ! -e "$dir/pid" ]; then
		return
	fi
	pid=$(cat "$dir/pid")
	if [ -d "/proc/$pid" ]; then
		kill "$pid"
		within 30 is_gone "$pid" || kill -9 "$pid"
	fi
	while read -r where; do
		umount -l "$where"
	done < <(awk -v dir="$dir/" 'index($5, dir) == 1 { print $5 }' \
		/proc/self/mountinfo | sort -r)
	rm -rf "/run/containerd/runc/$CTRD_NAMESPACE" # the runtime's --root there
	{ find /run/containerd /run/docker -type d 2>/dev/null || true; } | sort -r |
		while read -r where; do
			grep -qxF "$where" "$dir/run-before" || rmdir "$where"
		done
	rm -rf "$dir"
}

# A single file that is an image, for import into an engine's own storage.
image_file() {
	local format=$1 file=$E2E_WORK/$1.tar

	[ -e "$file" ] || podman save -q --format "$format" -o "$file" "$IMAGE" >/dev/null
	echo "$file"
}

# --- containerd and its runc shim ---------------------------------------------

containerd_start() {
	local dir=$E2E_WORK/containerd

	if ! command -v containerd ctr >/dev/null; then
		cannot containerd "not installed"
		return
	fi
	mkdir -p "$dir"
	cat >"$dir/config.toml" <<-END
		version = 2
		root = "$dir/root"
		state = "$dir/state"
		disabled_plugins = ["io.containerd.grpc.v1.cri"]
		[grpc]
		  address = "$dir/sock"
		[ttrpc]
		  address = "$dir/ttrpc"
	END
	daemon_start containerd containerd --config "$dir/config.toml"
	if ! daemon_ready containerd ctrd version; then
		cannot containerd "does not start: $(tail -n 1 "$dir/log")"
	elif ! ctrd image import "$(image_file oci-archive)" >/dev/null ||
		! ctrd run --rm "$IMAGE:latest" warm true; then
		cannot containerd "does not run a container with runc"
	fi
}

ctrd() {
	client ctr --address "$E2E_WORK/containerd/sock" -n "$CTRD_NAMESPACE" "$@"
}

# ctrd_run [OPTIONS...] IMAGE ID COMMAND: by the runtime under test.
ctrd_run() {
	ctrd run --runtime io.containerd.runc.v2 --runc-binary "$KATA" "$@"
}

task_is() {
	ctrd task ls | grep -qE "^$1 .* $2"
}

# --- docker -------------------------------------------------------------------

docker_start() {
	local dir=$E2E_WORK/docker

	if [ ! -x /usr/sbin/dockerd ]; then
		cannot docker "not installed"
		return
	fi
	mkdir -p "$dir"
	cat >"$dir/daemon.json" <<-END
		{
		  "runtimes": { "kata": { "path": "$KATA" } },
		  "data-root": "$dir/data", "exec-root": "$dir/exec",
		  "pidfile": "$dir/docker.pid", "hosts": ["unix://$dir/sock"],
		  "storage-driver": "vfs", "bridge": "none", "iptables": false,
		  "ip6tables": false, "ip-forward": false, "ip-masq": false,
		  "deprecated-key-path": "$dir/key.json"
		}
	END
	daemon_start docker dockerd --config-file "$dir/daemon.json"
	if ! daemon_ready docker dock version; then
		cannot docker "does not start: $(tail -n 1 "$dir/log")"
	# also makes what docker keeps until its end (a mount of the host's netns)
	elif ! dock load -q -i "$(image_file docker-archive)" >/dev/null ||
		! dock run --rm --network host "$IMAGE" true; then
		cannot docker "does not run a container with runc"
	fi
}

dock() {
	client env DOCKER_HOST="unix://$E2E_WORK/docker/sock" DOCKER_BUILDKIT=0 \
		"$(docker_client)" "$@"
}

docker_client() {
	if [ -x /usr/bin/docker ]; then
		echo /usr/bin/docker
	else
		command -v docker
	fi
}

# drun OPTIONS... IMAGE COMMAND: by the runtime under test, without a network.
drun() {
	dock run --runtime kata --network none "$@"
}
