#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# A plain user on hosts that lack something. Each call is made in a mount
# namespace where root put other files in the place of the machine's: who has
# which ids, and what newuidmap is. The user exists there alone.

load ../helpers

USER_ID=58123
FIRST_ID=3000000
UNSHARE=272 # its number on x86-64

setup_file() {
	WORLD=$(mktemp -d /var/tmp/kata-plain.XXXXXX)
	export WORLD
	chmod 0711 "$WORLD"
	mkdir -p "$WORLD/build" "$WORLD/hooks" "$WORLD/home"
	cp -r "${KATA%/bin/*}"/{bin,libexec,share} "$WORLD/build/"
	[ -z "$KATA_HOOKS" ] || cp -r "${KATA_HOOKS%/bin/*}"/{bin,libexec,share} "$WORLD/hooks/"
	chown -R root: "$WORLD/build" "$WORLD/hooks"
	install -d -o $USER_ID -g $USER_ID -m 0700 "$WORLD/run"
	(cat /etc/passwd && echo "plain-e2e:x:$USER_ID:$USER_ID::$WORLD/home:/bin/sh") \
		>"$WORLD/passwd"
	echo "plain-e2e:$FIRST_ID:65536" >"$WORLD/ranges"
	: >"$WORLD/none"
	printf '[security]\nsingle_id = true\n' >"$WORLD/single.toml"
	chmod 0644 "$WORLD"/{passwd,ranges,none,single.toml}
}

teardown_file() {
	rm -rf "$WORLD"
}

# Nothing here is root's: what could be left is looked for by the user's ids,
# in the user's directory and among the mounts.
setup() {
	cd "$BATS_TEST_TMPDIR" || return
	OCI_IDS=()
}

teardown() {
	local id

	for id in "${OCI_IDS[@]}"; do
		as_plain ranges '' delete --force "$id" || return
	done
	OCI_IDS=()
	same "$(find "$WORLD/run/kata" -mindepth 1 -maxdepth 1 ! -name '.*' 2>/dev/null)" ""
	within 10 no_process || { processes; return 1; }
	lacks "$(cat /proc/self/mountinfo)" "$WORLD"
	lacks "$(cat /proc/net/unix)" "$WORLD"
	rm -rf "$WORLD"/*/rootfs
}

processes() {
	ps -eo uid=,pid=,stat=,args= | awk -v user=$USER_ID -v first=$FIRST_ID '
		$3 !~ /Z/ && ($1 == user || ($1 >= first && $1 < first + 65536))'
}

no_process() {
	[ -z "$(processes)" ]
}

# shellcheck disable=SC2016 # text for other shells

# in_world RANGES SETUP COMMAND...: SETUP is shell text run by root before.
in_world() {
	local ranges=$1 setup=$2

	shift 2
	timeout "$E2E_CALL_SECONDS" unshare -m bash -ec '
		mount --bind "$WORLD/passwd" /etc/passwd
		mount --bind "$WORLD/$1" /etc/subuid
		mount --bind "$WORLD/$1" /etc/subgid
		eval "$2"
		shift 2
		exec env -i HOME="$WORLD/home" XDG_RUNTIME_DIR="$WORLD/run" PATH="$PATH" \
			${KATA_TEST_BREAK:+KATA_TEST_BREAK="$KATA_TEST_BREAK"} "$@"
	' - "$ranges" "$setup" "$@" 3>&- 4>&-
}

# as_plain RANGES SETUP ARGUMENT...: the runtime, as the user.
as_plain() {
	local ranges=$1 setup=$2

	shift 2
	in_world "$ranges" "$setup" setpriv --reuid $USER_ID --regid $USER_ID --clear-groups \
		"$WORLD/build/bin/kata-runtime" "$@"
}

# world_bundle NAME [JQ-FILTER]: one that belongs to the user.
world_bundle() {
	BUNDLE=$WORLD/$1
	mkdir -p "$BUNDLE/rootfs"
	tar -xf "$E2E_WORK/image.tar" -C "$BUNDLE/rootfs"
	jq "${2:-.}" "$E2E_DIR/config.json" >"$BUNDLE/config.json"
	chown -R $USER_ID:$USER_ID "$BUNDLE"
}

field() {
	as_plain ranges '' state "$1" | jq -re "$2"
}

# refused RANGES SETUP PATTERN: run fails with it, and there is no state.
refused() {
	[ -d "$WORLD/refused/rootfs" ] || world_bundle refused
	run -1 as_plain "$1" "$2" run --bundle "$WORLD/refused" refused
	has "$output" "$3"
	same "${#lines[@]}" 1
	[ ! -e "$WORLD/run/kata/refused" ]
}

@test "plain: without subordinate ids the error names usermod and the key" {
	refused none '' 'usermod --add-subuids'
	has "$output" 'single_id = true'
	has "$output" plain-e2e
	# one of the two files is not enough
	refused ranges "mount --bind \$WORLD/none /etc/subgid" 'usermod --add-subuids'
}

@test "plain: subordinate ids that cannot be" {
	printf 'plain-e2e:3000000:100\nplain-e2e:3000099:100\n' >"$WORLD/overlap"
	refused overlap '' '/etc/subuid: the ranges 3000000:100 and 3000099:100 .*overlap'
	printf 'plain-e2e:3000000:100\nother:3000050:1\n' >"$WORLD/shared"
	refused shared '' "/etc/subuid: the range 3000000:100 is also, in part, other's"
	printf 'plain-e2e:58000:1000\n' >"$WORLD/own"
	refused own '' "holds the caller's own id $USER_ID"
	printf 'plain-e2e:x:1000\n' >"$WORLD/broken"
	refused broken '' '/etc/subuid: a line of plain-e2e is not NAME:FIRST:COUNT'
}

# Covers newuidmap by FILE.
covered() {
	echo "mount --bind $1 /usr/bin/newuidmap"
}

@test "plain: newuidmap is missing, without rights, failing or lying" {
	# a file that is taken out of a directory
	refused ranges 'mkdir "$WORLD/upper"; mount -t tmpfs t "$WORLD/upper"
		mkdir "$WORLD/upper/"{u,w}
		mount -t overlay o -o lowerdir=/usr/bin,upperdir="$WORLD/upper/u",workdir="$WORLD/upper/w" /usr/bin
		rm /usr/bin/newuidmap' '/usr/bin/newuidmap is needed .*uidmap'
	rmdir "$WORLD/upper"
	install -m 0755 /usr/bin/newuidmap "$WORLD/bare"
	refused ranges "$(covered "$WORLD/bare")" 'neither set-uid root nor has file capabilities'
	printf '#!/bin/sh\necho "newuidmap: no luck today" >&2\nexit 1\n' >"$WORLD/fails"
	chmod 4755 "$WORLD/fails"
	refused ranges "$(covered "$WORLD/fails")" 'newuidmap failed: newuidmap: no luck today;'
	printf '#!/bin/sh\nexit 0\n' >"$WORLD/lies"
	chmod 4755 "$WORLD/lies"
	refused ranges "$(covered "$WORLD/lies")" 'uid_map'
	install -m 4777 /usr/bin/newuidmap "$WORLD/loose"
	refused ranges "$(covered "$WORLD/loose")" 'newuidmap.*writable'
	refused ranges 'mount --bind /usr/bin /usr/bin; mount -o remount,bind,nosuid /usr/bin' \
		'mounted nosuid'
	# a range that was taken away between our look and newuidmap's
	printf 'plain-e2e:3000000:65536\nplain-e2e:4000000:1\n' >"$WORLD/more"
	printf '#!/bin/sh\nexec /bin/false\n' >"$WORLD/silent"
	chmod 4755 "$WORLD/silent"
	refused more "$(covered "$WORLD/silent")" 'gave no reason'
}

# filtered ERRNO COMMAND...: unshare(2) fails with it, as user; the filter is
# root's, so that no_new_privs stays off.
filtered() {
	python3 - "$UNSHARE" "$USER_ID" "$@" <<-'END'
		import ctypes, errno, os, struct, sys
		number, uid, code = int(sys.argv[1]), int(sys.argv[2]), getattr(errno, sys.argv[3])
		steps = [(0x20, 0, 0, 0), (0x15, 0, 1, number), (0x06, 0, 0, 0x00050000 | code),
		         (0x06, 0, 0, 0x7fff0000)]
		text = b"".join(struct.pack("HBBI", *step) for step in steps)
		buffer = ctypes.create_string_buffer(text)
		program = struct.pack("HxxxxxxQ", len(steps), ctypes.addressof(buffer))
		libc = ctypes.CDLL(None, use_errno=True)
		if libc.prctl(22, 2, program, 0, 0) != 0:
		    sys.exit(os.strerror(ctypes.get_errno()))
		os.setgroups([])
		os.setresgid(uid, uid, uid)
		os.setresuid(uid, uid, uid)
		os.execv(sys.argv[4], sys.argv[4:])
	END
}

@test "plain: user namespaces that the kernel refuses" {
	world_bundle nouser
	export -f filtered
	export USER_ID UNSHARE
	run -1 in_world ranges '' env USER_ID=$USER_ID UNSHARE=$UNSHARE "$BASH" -c \
		"$(declare -f filtered); filtered ENOSPC \"\$@\"" - \
		"$WORLD/build/bin/kata-runtime" run --bundle "$BUNDLE" nouser
	has "$output" 'user.max_user_namespaces'
	run -1 in_world ranges '' env USER_ID=$USER_ID UNSHARE=$UNSHARE "$BASH" -c \
		"$(declare -f filtered); filtered EPERM \"\$@\"" - \
		"$WORLD/build/bin/kata-runtime" run --bundle "$BUNDLE" nouser
	has "$output" 'seccomp filter, a chroot or a security module'
	[ ! -e "$WORLD/run/kata/nouser" ]
}

@test "plain: an effective id that is not the real one is refused" {
	world_bundle effective
	install -d -o $((USER_ID + 1)) -m 0700 "$WORLD/run2"
	run -1 in_world ranges '' setpriv --ruid $USER_ID --euid $((USER_ID + 1)) \
		--rgid $USER_ID --clear-groups \
		"$WORLD/build/bin/kata-runtime" --root "$WORLD/run2" run \
		--bundle "$BUNDLE" effective
	has "$output" 'an effective id that is not the real one'
	[ ! -e "$WORLD/run2/effective" ]
}

@test "plain: single_id: everything but the id holds, and is reported" {
	local pid key

	world_bundle one "$SLEEPS"
	OCI_IDS+=(one)
	as_plain none '' --config "$WORLD/single.toml" run --detach --bundle "$BUNDLE" one \
		</dev/null >"$WORLD/out" 2>&1 || { cat "$WORLD/out"; return 1; }
	same "$(field one .status)" running
	same "$(field one .kata.singleId)" true
	has "$(field one '.kata.absent[]')" "^own id: single_id is set"
	for pid in "$(field one .kata.vmmPid)" "$(field one .kata.fileServerPid)"; do
		same "$(stat -c %u "/proc/$pid")" $USER_ID
		has "$(cat "/proc/$pid/status")" '^NoNewPrivs:.1'
		has "$(cat "/proc/$pid/status")" '^Seccomp:.2'
		for key in user mnt pid net ipc uts cgroup; do
			[ "$(readlink "/proc/$pid/ns/$key")" != "$(readlink "/proc/self/ns/$key")" ]
			[ "$(readlink "/proc/$pid/ns/$key")" != \
				"$(readlink "/proc/$(field one .kata.proxyPid)/ns/$key")" ]
		done
	done
	for key in CapInh CapPrm CapEff CapBnd CapAmb; do
		has "$(cat "/proc/$(field one .kata.vmmPid)/status")" "^$key:.0000000000000000"
	done
	same "$(jq -r '.[] | select(.ok | not) | .jail' "$WORLD/run/kata/one/verified.json")" ""
	jq '.process | .args = ["/bin/sh", "-c", "id -u; exit 7"]' "$BUNDLE/config.json" \
		>"$BUNDLE/process.json"
	run as_plain none '' exec --process "$BUNDLE/process.json" one
	same "$status" 7
	same "$output" 0
	run -0 as_plain none '' kill one KILL
	run -0 as_plain none '' delete --force one
}

@test "plain: single_id is not used where there are ranges" {
	world_bundle both "$SLEEPS"
	OCI_IDS+=(both)
	as_plain ranges '' --config "$WORLD/single.toml" run --detach --bundle "$BUNDLE" both \
		</dev/null >"$WORLD/out" 2>&1 || { cat "$WORLD/out"; return 1; }
	same "$(field both .kata.singleId)" false
	same "$(stat -c %u "/proc/$(field both .kata.vmmPid)")" $((FIRST_ID + 65535))
	# the ranges are gone from the files and every process is gone: delete does
	# not need them
	kill -9 "$(field both .kata.proxyPid)" "$(field both .pid)"
	run -0 as_plain none '' delete --force both
}

@test "plain: single_id: a jail that lacks a layer is refused" {
	local break

	[ -n "$KATA_HOOKS" ] || skip "no build with test switches (make HOOKS=1)"
	world_bundle lacking
	for break in vmm:caps vmm:seccomp vmm:net vmm:env fs:user fs:seccomp; do
		export KATA_TEST_BREAK=$break
		run -1 in_world none '' setpriv --reuid $USER_ID --regid $USER_ID \
			--clear-groups "$WORLD/hooks/bin/kata-runtime" \
			--config "$WORLD/single.toml" run --bundle "$BUNDLE" lacking
		has "$output" '^kata-runtime: jail (qemu-tcg|virtiofsd)'
		has "$output" BAD
	done
	unset KATA_TEST_BREAK
}

# A uid that is neither the user's nor one of the ranges': in the sandbox's
# namespace it would look like root.
OTHERS=12345

# others_is_refused FILE: create does not use it once it is somebody else's.
others_is_refused() {
	chown $OTHERS "$WORLD/build/$1"
	run as_plain ranges '' run --bundle "$BUNDLE" others </dev/null
	chown root "$WORLD/build/$1"
	same "$status" 1
	has "$output" "/$1: owned by uid $OTHERS, must be root's or the caller's"
}

@test "plain: files of another user are refused, whatever they are for" {
	local file

	world_bundle others '.process.args = ["/bin/true"]'
	OCI_IDS+=(others)
	for file in libexec/kata/kata-{jailer,proxy,shim} share/kata/{vmlinux,initrd.img} \
		share/kata/policies/{qemu-kvm,qemu-tcg,"$FS",kata-proxy,kata-shim}.json \
		share/kata/seccomp/{qemu-kvm,qemu-tcg,"$FS",proxy,shim}.bpf; do
		others_is_refused $file
	done
	# QEMU itself: another's, from a place that only the owner tells
	install -o $OTHERS -m 0755 /usr/bin/qemu-system-x86_64 "$WORLD/qemu"
	refused ranges "mount --bind \$WORLD/qemu /usr/bin/qemu-system-x86_64" \
		"program of jail qemu-.*qemu-system-x86_64: owned by uid $OTHERS"
}

@test "plain: policies and filters that the user may not read" {
	local file

	for file in "policies/$FS.json" seccomp/proxy.bpf "seccomp/$FS.bpf" \
		seccomp/guest/default.json; do
		chmod 600 "$WORLD/build/share/kata/$file"
		refused ranges '' "/$file: Permission denied"
		chmod 644 "$WORLD/build/share/kata/$file"
	done
}

@test "plain: exec does not use a shim or a filter that became another user's" {
	local file

	world_bundle later "$SLEEPS"
	OCI_IDS+=(later)
	as_plain ranges '' run --detach --bundle "$BUNDLE" later </dev/null \
		>"$WORLD/out" 2>&1 || { cat "$WORLD/out"; return 1; }
	for file in libexec/kata/kata-shim share/kata/seccomp/shim.bpf; do
		chown $OTHERS "$WORLD/build/$file"
		run as_plain ranges '' exec later /bin/true </dev/null
		chown root "$WORLD/build/$file"
		[ "$status" -ne 0 ]
		has "$output" "/$file: owned by uid $OTHERS, must be root's or the caller's"
	done
	run -0 as_plain ranges '' exec later /bin/true </dev/null
}

# What may not be traced is not there for the user's other processes: so shut.
@test "plain: a /proc that hides what is not the user's own to trace" {
	world_bundle hidden '.process.args = ["/bin/probe", "exit", "42"]'
	run -42 as_plain ranges 'mount -t proc -o hidepid=2 proc /proc' \
		run --bundle "$WORLD/hidden" hidden
}
