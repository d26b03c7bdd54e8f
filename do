#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# do - from a fresh Debian 12 to a running container, or to tested:
#	./do deps	install what is missing (root, or sudo)
#	./do demo	deps, build, run containers in jailed VMs, show who runs what
#	./do test	deps, build, every test (make test)
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")"
# shellcheck source=tests/users.bash
. tests/users.bash

DEMO_USER=kata-demo

missing_packages() {
	local name

	grep -vE '^(#|$)' tests/packages.txt | while read -r name; do
		[ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)" = installed ] ||
			echo "$name"
	done
}

as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	elif ! command -v sudo >/dev/null; then
		die "these packages are missing and there is no sudo; as root: apt-get install ${missing[*]}"
	elif [ -t 0 ]; then
		sudo "$@"
	else
		sudo -n "$@" || die "sudo wants a password and there is no terminal; as root: apt-get install ${missing[*]}"
	fi
}

deps() {
	local missing

	command -v apt-get >/dev/null ||
		die "this script knows Debian 12; elsewhere install the likes of tests/packages.txt and run make"
	mapfile -t missing < <(missing_packages)
	if [ "${#missing[@]}" -eq 0 ]; then
		say "all packages are there"
		return
	fi
	say "installing ${#missing[@]} packages: ${missing[*]}"
	as_root apt-get -q update ||
		say "apt-get update failed; going on with the lists that are there"
	as_root env DEBIAN_FRONTEND=noninteractive \
		apt-get -q -y --no-install-recommends install "${missing[@]}"
}

# One short line a file, the whole output in build/make.log.
build() {
	say "building with $(nproc) processors (whole output: build/make.log)"
	mkdir -p build
	make -j"$(nproc)" all 2>&1 | tee build/make.log | sed -u \
		-e 's/^[a-z]*\(gcc\|clang\|cc\) .* -c -o [^ ]* \([^ ]*\)$/  compile \2/' \
		-e 's/^[a-z]*\(gcc\|clang\|cc\) .* -o \([^ ]*\) .*$/  link    \2/' ||
		{
			tail -n 40 build/make.log
			die "the build failed"
		}
}

# Prints the directory that holds bin/ for a user: build/, or a copy below the
# user's home when this checkout is closed to that user.
reachable_build() {
	local home

	if as_user "$1" test -x "$PWD/build/bin/kata-runtime" \
		-a -r "$PWD/build/share/kata/vmlinux" -a -r "$PWD/tests/demo"; then
		echo "$PWD"
		return
	fi
	home=$(getent passwd "$1" | cut -d: -f6)/kata
	rm -rf "$home"
	mkdir -p "$home/build" "$home/tests"
	cp -r build/{bin,libexec,share} "$home/build/"
	cp tests/demo tests/users.bash "$home/tests/"
	chown -R "$1:" "$home"
	echo "$home"
}

demo() {
	local user tree runtime_dir

	build
	user=$(id -un)
	if [ "$(id -u)" -eq 0 ]; then
		ensure_user "$DEMO_USER"
		user=$DEMO_USER
		say "called by root: the demo runs as the ordinary user $user"
	elif ! has_subids "$user"; then
		die "$user has no subordinate ids; as root: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 $user"
	fi
	tree=$(reachable_build "$user")
	[ "$tree" = "$PWD" ] || say "$user cannot reach $PWD: running a copy in $tree"
	# What a login would have made.
	runtime_dir=/run/user/$(id -u "$user")
	if [ "$(id -u)" -eq 0 ] && [ ! -d "$runtime_dir" ]; then
		install -d -m 0755 /run/user
		install -d -m 0700 -o "$user" -g "$(id -g "$user")" "$runtime_dir"
		say "made $runtime_dir for $user"
	fi
	as_user "$user" bash "$tree/tests/demo" "$tree/build/bin/kata-runtime"
}

case ${1:-} in
deps) deps ;;
demo)
	deps
	demo
	;;
test)
	deps
	status=0
	make --no-print-directory test || status=$?
	# make's own last words come after the counts: once more, for readers of
	# the last line
	[ "$status" -eq 0 ] || tests/run-all --sum || exit
	exit "$status"
	;;
*)
	sed -n '3,6s/^# \{0,1\}//p' "$0"
	exit 2
	;;
esac
