#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What a container's process may do: ids, capabilities, seccomp, limits.

load helpers

# What a line of probe status says.
field() {
	sed -n "s/^$1=//p" <<<"$output"
}

@test "rights: the same status as with runc" {
	local ours theirs key

	ours=$(prun $IMAGE probe status)
	theirs=$(control run --rm --network none $IMAGE probe status)
	for key in Uid Gid CapInh CapPrm CapEff CapBnd CapAmb NoNewPrivs Seccomp umask; do
		same "$(grep "^$key=" <<<"$ours")" "$(grep "^$key=" <<<"$theirs")"
	done
}

@test "rights: --user by number, name and group" {
	run -0 prun --user 1000:2000 $IMAGE probe status
	same "$(field Uid)" $'1000\t1000\t1000\t1000'
	same "$(field Gid)" $'2000\t2000\t2000\t2000'
	same "$(field CapEff)" 0000000000000000
	run -0 prun --user nobody $IMAGE id -u
	same "$output" 65534
}

@test "rights: --group-add" {
	run -0 prun --user 1000:1000 --group-add 5000 --group-add 6000 $IMAGE id -G
	same "$output" "1000 5000 6000"
}

@test "rights: --user cannot read what is root's" {
	run prun --user 1000 $IMAGE sh -c 'id -u; touch /root/x /x'
	[ "$status" -ne 0 ]
	has "$output" 'Permission denied'
}

@test "rights: --cap-drop ALL" {
	run -0 prun --cap-drop ALL $IMAGE probe status
	same "$(field CapEff)" 0000000000000000
	same "$(field CapBnd)" 0000000000000000
	run prun --cap-drop ALL $IMAGE chown 1:1 /tmp
	[ "$status" -ne 0 ]
}

@test "rights: --cap-drop one, --cap-add one" {
	run -0 prun --cap-drop CHOWN --cap-add NET_ADMIN $IMAGE probe status
	same $((0x$(field CapEff) & 1)) 0
	same $((0x$(field CapEff) >> 12 & 1)) 1
	run -0 prun --cap-add NET_ADMIN $IMAGE ip link set lo down
}

@test "rights: --cap-add ALL is all the guest has" {
	run -0 prun --cap-add ALL $IMAGE probe status
	same $((0x$(field CapEff) >> 21 & 1)) 1
}

@test "rights: --security-opt no-new-privileges" {
	run -0 prun --security-opt no-new-privileges $IMAGE probe status
	same "$(field NoNewPrivs)" 1
}

@test "rights: the default seccomp profile is in force" {
	run -0 prun $IMAGE probe status
	same "$(field Seccomp)" 2
	run -0 prun $IMAGE probe errno keyctl -
	[ "$output" != "keyctl=0" ]
}

@test "rights: --security-opt seccomp=FILE with its own errno" {
	cat >profile.json <<-'END'
		{ "defaultAction": "SCMP_ACT_ALLOW",
		  "architectures": ["SCMP_ARCH_X86_64"],
		  "syscalls": [
			{ "names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 75 },
			{ "names": ["chroot"], "action": "SCMP_ACT_KILL_PROCESS" } ] }
	END
	run -0 prun --security-opt "seccomp=$PWD/profile.json" $IMAGE \
		probe errno mkdir /d
	same "$output" mkdir=75
	run prun --security-opt "seccomp=$PWD/profile.json" $IMAGE \
		probe errno chroot /
	same "$status" 159
}

@test "rights: defaultErrnoRet" {
	jq '{defaultAction: "SCMP_ACT_ERRNO", defaultErrnoRet: 88,
		architectures: .architectures,
		syscalls: [{action: "SCMP_ACT_ALLOW",
			names: [.syscalls[] | select(.action == "SCMP_ACT_ALLOW") | .names[]
				| select(. != "mkdir" and . != "chroot" and . != "mknod")]}]}' \
		/usr/share/containers/seccomp.json >profile.json
	run -0 prun --security-opt "seccomp=$PWD/profile.json" $IMAGE \
		probe errno mkdir /d
	same "$output" mkdir=88
}

@test "rights: seccomp=unconfined" {
	run -0 prun --security-opt seccomp=unconfined $IMAGE probe errno keyctl -
	run -0 prun --security-opt seccomp=unconfined $IMAGE probe errno mkdir /d
	same "$output" mkdir=0
}

@test "rights: a broken seccomp profile stops the start" {
	echo '{ "defaultAction": "SCMP_ACT_NO_SUCH" }' >profile.json
	run ! prun --security-opt "seccomp=$PWD/profile.json" $IMAGE true
}

@test "rights: --ulimit" {
	run -0 prun --ulimit nofile=100:200 --ulimit core=0:0 --ulimit nproc=50:60 \
		$IMAGE probe limits
	same "$(field nofile)" 100:200
	same "$(field core)" 0:0
	same "$(field nproc)" 50:60
}

@test "rights: --umask" {
	run -0 prun --umask 027 $IMAGE probe status
	same "$(field umask)" 027
}

@test "rights: --sysctl stays in the guest" {
	local before

	before=$(cat /proc/sys/net/ipv4/ip_default_ttl)
	run -0 prun --sysctl net.ipv4.ip_default_ttl=77 $IMAGE \
		cat /proc/sys/net/ipv4/ip_default_ttl
	same "$output" 77
	same "$(cat /proc/sys/net/ipv4/ip_default_ttl)" "$before"
}

@test "rights: six namespaces of the container are not the guest's" {
	local pid1

	run -0 prun $IMAGE sh -c 'probe ns; ls /proc/1/ns'
	pid1=$(grep -c '=' <<<"$output")
	same "$pid1" 7
	# the initial namespaces have these fixed numbers
	lacks "$output" 'pid:\[4026531836\]|ipc:\[4026531839\]|uts:\[4026531838\]'
}

@test "rights: without CAP_MKNOD no device node is made" {
	run -0 prun --cap-drop MKNOD $IMAGE probe errno mknod /dev/mem2
	same "$output" mknod=1
}

@test "rights: --privileged is all of the guest and nothing of the host" {
	run -0 prun --privileged --name all "$IMAGE" sh -c \
		'grep ^CapEff: /proc/self/status; ls /dev; : </dev/null && echo null'
	has "$output" '^CapEff:.*000001ffffffffff$'
	has "$output" '^null$'
	lacks "$output" '^(kvm|vda|mem|fuse|net|loop0|vsock)$'
	start --privileged "$IMAGE" sleep 1000
	has "$(note "$CID" '.kata.absent[]')" 'devices of the host left out'
}

@test "rights: a device of the host is refused without --privileged" {
	run prun --device /dev/fuse "$IMAGE" true
	same "$status" 126
	has "$output" '/dev/fuse.*device'
}
