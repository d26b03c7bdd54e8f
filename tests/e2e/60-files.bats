#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Volumes, read-only, tmpfs. runc is the control for ownership on the host.

load helpers

# uid:gid mode name of everything below a directory, as the host sees it.
listing() {
	find "$1" -mindepth 1 -printf '%U:%G %M %y %P\n' | sort -k4
}

work_on_volume() { # ENGINE DIRECTORY
	"$1" run --rm --network none -v "$2:/v" $IMAGE sh -c '
		cd /v || exit 1
		echo text >plain
		echo other >owned && chown 33:44 owned && chmod 0640 owned
		mkdir -m 2775 dir && chown 1000:1000 dir
		ln -s plain link; ln plain hard
		mkfifo -m 0600 fifo
		cp /bin/busybox setuid && chmod 4755 setuid
		echo temp >gone && rm gone'
}

@test "files: -v rw: ownership and modes on the host as with runc" {
	mkdir ours theirs
	work_on_volume pod "$PWD/ours"
	work_on_volume control "$PWD/theirs"
	same "$(listing ours)" "$(listing theirs)"
	same "$(cat ours/plain)" text
}

@test "files: -v ro refuses writes and stays as it was" {
	mkdir data
	echo host >data/file
	run prun -v "$PWD/data:/v:ro" $IMAGE sh -c \
		'cat /v/file; echo no >/v/new; echo no >>/v/file; rm /v/file; mkdir /v/d'
	has "$output" '^host$'
	has "$output" 'Read-only file system'
	same "$(ls data)" file
	same "$(cat data/file)" host
}

@test "files: -v ro cannot be made rw from inside, not even with all capabilities" {
	mkdir data
	run prun --cap-add ALL --security-opt seccomp=unconfined \
		-v "$PWD/data:/v:ro" $IMAGE sh -c \
		'mount -o remount,rw /v; mount -o remount,bind,rw /v; echo no >/v/new'
	same "$(ls data)" ""
}

@test "files: a change on the host is seen inside and the other way round" {
	mkdir data
	start -v "$PWD/data:/v" $IMAGE sleep 1000
	echo from-host >data/a
	run -0 pod exec "$CID" cat /v/a
	same "$output" from-host
	pod exec "$CID" sh -c 'echo from-inside >/v/b'
	same "$(cat data/b)" from-inside
}

# The guest keeps pages over an open when the file had not changed for a minute
# (osbuilder/patches/0007): what is written then, of the same size and with the
# same mtime, must be read nevertheless, and what follows at once too.
@test "files: the host changes a file whose pages the guest kept" {
	local words='read -r a </v/a; read -r a </v/a; echo $a' n data=$E2E_WORK/old age

	skip_unless_user # once is enough: it may wait a minute
	age=$(($(date +%s) - $(stat -c %Z "$data/a")))
	[ "$age" -ge 62 ] || sleep $((62 - age))
	start -v "$data:/v" $IMAGE sleep 1000
	run -0 pod exec "$CID" sh -c "$words"
	same "$output" 0000
	for n in 1111 2222 3333; do
		echo $n 1<>"$data/a"
		touch -d '2020-01-01' "$data/a"
		run -0 pod exec "$CID" sh -c "$words"
		same "$output" $n
	done
	pod exec "$CID" sh -c 'echo 4444 >/v/a'
	run -0 pod exec "$CID" sh -c "$words"
	same "$output" 4444
}

@test "files: a single file as a volume" {
	echo one >file
	echo two >fixed
	run prun -v "$PWD/file:/etc/conf" -v "$PWD/fixed:/etc/fixed:ro" $IMAGE sh -c \
		'cat /etc/conf /etc/fixed; echo changed >/etc/conf; echo no >/etc/fixed'
	has "$output" '^one$'
	has "$output" '^two$'
	same "$(cat file)" changed
	same "$(cat fixed)" two
}

@test "files: a volume in a volume" {
	mkdir outer inner
	run -0 prun -v "$PWD/outer:/v" -v "$PWD/inner:/v/deep/inner" $IMAGE sh -c \
		'echo a >/v/a; echo b >/v/deep/inner/b'
	same "$(cat outer/a)" a
	same "$(cat inner/b)" b
	[ ! -e outer/deep/inner/b ]
}

@test "files: a named volume keeps its content" {
	run -0 prun -v keeps:/v $IMAGE sh -c 'echo kept >/v/file'
	run -0 prun -v keeps:/v $IMAGE cat /v/file
	same "$output" kept
	pod volume rm keeps
}

@test "files: --read-only" {
	run prun --read-only $IMAGE sh -c \
		'echo no >/file; echo no >>/etc/passwd; echo ok >/tmp/file && cat /tmp/file'
	has "$output" 'Read-only file system'
	has "$output" '^ok$'
	run prun --read-only --read-only-tmpfs=false --cap-add ALL \
		--security-opt seccomp=unconfined $IMAGE sh -c \
		'mount -o remount,rw /; echo no >/file'
	[ "$status" -ne 0 ]
}

@test "files: --tmpfs with size and mode" {
	run prun --tmpfs /t:size=1m,mode=0750 $IMAGE sh -c '
		stat -c %a /t; grep " /t " /proc/mounts
		dd if=/dev/zero of=/t/big bs=1M count=2'
	[ "$status" -ne 0 ]
	has "$output" '^750$'
	has "$output" 'tmpfs /t tmpfs .*size=1024k'
	has "$output" 'No space left'
}

@test "files: --shm-size" {
	run -0 prun --shm-size 2m $IMAGE sh -c 'df -k /dev/shm | tail -n 1'
	has "$output" '[^0-9]2048 '
}

@test "files: resolv.conf, hosts and hostname are podman's" {
	run -0 prun --hostname h1 --add-host other:192.0.2.7 $IMAGE cat /etc/hosts /etc/hostname
	has "$output" '192\.0\.2\.7.other'
	has "$output" '^h1$'
}

@test "files: /proc and /sys are masked as with runc" {
	run -0 prun $IMAGE sh -c '
		cat /proc/kcore /proc/keys 2>/dev/null | wc -c
		ls /sys/firmware | wc -l
		sh -c "echo 1 >/proc/sys/kernel/panic" 2>/dev/null || echo denied'
	same "${lines[0]}" 0
	same "${lines[1]}" 0
	has "$output" '^denied$'
}

@test "files: the devices a container needs" {
	run -0 prun $IMAGE sh -c '
		for d in null zero full random urandom tty ptmx; do
			[ -c /dev/$d ] || [ -L /dev/$d ] || echo missing $d
		done
		ls -l /dev/fd /dev/stdin | grep -c /proc/self/fd
		head -c 5 /dev/zero | wc -c; ls /dev | grep -E "^(vd|sd|mem|kvm)" | wc -l'
	same "${lines[0]}" 2
	same "${lines[1]}" 5
	same "${lines[2]}" 0
}

# files_of PLACE ENGINE OPTION...: what the probe finds on a volume.
files_of() {
	local place=$1

	shift
	mkdir "$place"
	chmod 777 "$place"
	"$@" -v "$PWD/$place:/v" $IMAGE probe files /v
}

@test "files: everything that a file system can be asked for, as with runc" {
	files_of ours prun >ours.out
	files_of theirs control run --rm --network none >theirs.out
	diff ours.out theirs.out
	# with it extended attributes of links get as far as the host
	files_of ours2 prun --cap-add sys_admin >ours.out
	files_of theirs2 control run --rm --network none --cap-add sys_admin >theirs.out
	diff ours.out theirs.out
}
