# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# users.bash - for ./do, the e2e tests and the bench: an ordinary user to run
# as when root calls, and a podman whose settings, storage and run directory
# are its own, so that nobody's containers are touched.

say() {
	printf '== %s\n' "$*"
}

die() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

# Has the user subordinate ids? By name or number, as newuidmap looks.
has_subids() {
	grep -qE "^($1|$(id -u "$1")):[0-9]+:[0-9]+" /etc/subuid &&
		grep -qE "^($1|$(id -u "$1")):[0-9]+:[0-9]+" /etc/subgid
}

# First id above every range given out so far.
free_subid() {
	awk -F: -v next_id=100000 '$2 + $3 > next_id { next_id = $2 + $3 }
		END { print next_id }' /etc/subuid /etc/subgid
}

# ensure_user NAME: as root, make an ordinary user with subordinate ids.
ensure_user() {
	local start

	touch /etc/subuid /etc/subgid
	if ! id "$1" >/dev/null 2>&1; then
		say "creating the ordinary user $1 (remove it with: userdel -r $1)"
		useradd -m -s /bin/bash "$1" || return
	fi
	if ! has_subids "$1"; then
		start=$(free_subid)
		say "giving $1 the subordinate ids $start-$((start + 65535))"
		usermod --add-subuids "$start-$((start + 65535))" \
			--add-subgids "$start-$((start + 65535))" "$1" || return
	fi
}

# as_user NAME COMMAND...: with a clean environment; NAME may be the caller.
as_user() {
	local user=$1 home

	shift
	home=$(getent passwd "$user" | cut -d: -f6)
	if [ "$(id -un)" = "$user" ]; then
		env -i "HOME=$home" "USER=$user" "TERM=${TERM:-dumb}" \
			PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
			"$@"
	else
		runuser -u "$user" -- env -i "HOME=$home" "USER=$user" \
			"TERM=${TERM:-dumb}" \
			PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
			"$@"
	fi
}

# The caller's hard limit as SOFT:HARD, as podman wants it.
limit() {
	local hard

	hard=$(ulimit -H "$1")
	[ "$hard" != unlimited ] || hard=1048576
	echo "$hard:$hard"
}

# Has this host's policy the types that podman labels containers with? Debian's
# has not, and podman asks for them wherever SELinux is on.
has_container_labels() {
	[ ! -e /sys/fs/selinux/context ] ||
		printf 'system_u:object_r:container_file_t:s0' 2>/dev/null \
			>/sys/fs/selinux/context
}

# engine_env DIR: own podman configuration below DIR, exported.
engine_env() {
	export HOME=$1/home XDG_RUNTIME_DIR=$1/run
	export XDG_CONFIG_HOME=$1/home/.config XDG_DATA_HOME=$1/home/.local/share
	export CONTAINERS_CONF=$1/containers.conf
	export CONTAINERS_STORAGE_CONF=$1/storage.conf
	mkdir -p "$HOME" "$XDG_RUNTIME_DIR"
	chmod 0700 "$HOME" "$XDG_RUNTIME_DIR"
	cat >"$CONTAINERS_CONF" <<-END
		[containers]
		label = $(has_container_labels && echo true || echo false)
		log_driver = "k8s-file"
		default_ulimits = ["nofile=$(limit -n)", "nproc=4096:4096"]
		[engine]
		cgroup_manager = "cgroupfs"
		events_logger = "file"
		tmp_dir = "$1/run/libpod/tmp"
	END
	cat >"$CONTAINERS_STORAGE_CONF" <<-END
		[storage]
		driver = "${STORAGE_DRIVER:-overlay}"
		graphroot = "$1/storage"
		runroot = "$1/run/containers"
	END
}

# Ends what podman keeps for a user between commands, and the directory.
engine_end() {
	local pid

	podman rm -f -a -t 0 >/dev/null 2>&1 || echo "podman rm failed in $1" >&2
	pid=$(cat "$XDG_RUNTIME_DIR/libpod/tmp/pause.pid" 2>/dev/null)
	if [ "$(id -u)" -ne 0 ]; then
		# files of the containers belong to subordinate ids
		podman unshare sh -c 'umount -l "$1"/home/.local/share/containers/storage/* \
			"$1"/storage/* 2>/dev/null
			find "$1" -mindepth 1 -maxdepth 1 ! -name run -exec rm -rf {} +' - "$1"
	else
		umount -q -l "$1/storage/overlay"
	fi
	if [ -n "$pid" ] && [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = catatonit ]; then
		kill "$pid"
	fi
	rm -rf "$XDG_RUNTIME_DIR"
	find "$1" -mindepth 1 -delete
}

# busybox_tar FILE [EXTRA-FILE...]: a root file system of static programs.
busybox_tar() {
	local out=$1 dir name

	shift
	dir=$(mktemp -d) || return
	chmod 0755 "$dir"
	mkdir -p "$dir"/{bin,dev,etc,home,proc,root,run,sys,tmp,usr/bin,var/tmp}
	chmod 1777 "$dir/tmp" "$dir/var/tmp"
	cp "$(command -v busybox)" "$dir/bin/busybox"
	for name in $(busybox --list); do
		[ -e "$dir/bin/$name" ] || ln -s busybox "$dir/bin/$name"
	done
	printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:n:/:/bin/sh\n' \
		>"$dir/etc/passwd"
	printf 'root:x:0:\nnogroup:x:65534:\n' >"$dir/etc/group"
	for name in "$@"; do
		install -m 0755 "$name" "$dir/bin/"
	done
	tar -C "$dir" --owner=0 --group=0 --numeric-owner -cf "$out" . || return
	rm -rf "$dir"
}
