#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# A full disk, no descriptors, no memory, no processes left: create says so and
# leaves nothing; a delete needs none of them.

load helpers

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	CID=
	OCI_IDS=()
	"$E2E_DIR/snapshot" >"$BATS_TEST_TMPDIR/before"
	bundle limited '.process.args = ["/bin/sleep", "1000"]'
	ROOT=$XDG_RUNTIME_DIR/kata
}

no_ids() {
	same "$(ls "$XDG_RUNTIME_DIR/kata/.uids" 2>/dev/null)" ""
}

# refused PATTERN COMMAND...: sets limits and executes its arguments
refused() {
	local pattern=$1 status=0

	shift
	inside "$@" "$KATA" create --bundle "$BUNDLE" limited \
		</dev/null >out 2>&1 || status=$?
	echo "$*: status $status: $(cat out)"
	[ "$status" -eq 1 ]
	has "$(head -n 1 out)" "^kata-runtime: .*($pattern)"
	not test -e "$ROOT/limited"
	no_ids
	run -0 rt delete --force limited
}

# full MOUNT-OPTIONS: with the state root on a tmpfs of that size. Prints the
# status of create, what it left, and that of two deletes.
full() {
	local words

	mkdir -p root
	inside unshare -m sh -c "mount -t tmpfs -o mode=700,$1 tmpfs root || exit 9
		'$KATA' --root \"$PWD/root\" create --bundle '$BUNDLE' limited </dev/null >out 2>&1
		echo \"create \$? left \$(ls root)\"
		for i in 1 2; do '$KATA' --root \"$PWD/root\" delete --force limited; echo \"delete \$?\"
		done" >words 2>&1 || true
	words=$(tr '\n' ' ' <words)
	echo "$1: $words: $(head -n 1 out)"
	no_ids
	# with room enough it works, which the last size must
	[ "$words" = "create 1 left  delete 0 delete 0 " ] || {
		same "$words" "create 0 left limited delete 0 delete 0 "
		return
	}
	has "$(head -n 1 out)" "^kata-runtime: state root $PWD/root: .*No space left on device"
	FULL=$((FULL + 1))
}

@test "limits: no inode left below the state root" {
	local n

	FULL=0
	for n in 2 3 5 6 8 10 12 40; do
		full "nr_inodes=$n"
	done
	[ "$FULL" -ge 5 ]
	has "$(cat words)" 'create 0'
}

@test "limits: no block left below the state root" {
	local n

	FULL=0
	for n in 4 8 12 16 128; do
		full "size=${n}k"
	done
	[ "$FULL" -ge 3 ]
	has "$(cat words)" 'create 0'
}

@test "limits: a full /run" {
	local n

	mkdir run
	for n in 2 3 5 6; do
		inside unshare -m sh -c "mount -t tmpfs -o mode=700,nr_inodes=$n tmpfs run || exit 9
			export XDG_RUNTIME_DIR=\"$PWD/run\"
			'$KATA' create --bundle '$BUNDLE' limited </dev/null >out 2>&1
			echo \"create \$? left \$(ls run/kata)\"
			'$KATA' delete --force limited; echo \"delete \$?\"" >words 2>&1 || true
		echo "$n: $(cat words out)"
		same "$(tr '\n' ' ' <words)" "create 1 left  delete 0 "
		has "$(head -n 1 out)" '^kata-runtime: .*No space left on device'
	done
}

@test "limits: few descriptors" {
	local n

	for n in 16 32 63; do
		refused "limit of open files: $n here, at least 64 is needed \(ulimit -n\)" \
			prlimit "--nofile=$n:$n"
	done
	for n in 5 8 11; do
		refused 'Too many open files' prlimit "--nofile=$n:$n"
	done
}

@test "limits: descriptors that are in use already" {
	# all but a few of those that would do
	cat >hold.py <<-'END'
		import os, resource, sys
		resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
		for fd in range(3, int(sys.argv[1])):
		    os.dup2(os.open("/dev/null", os.O_RDONLY), fd, inheritable=True)
		os.execv(sys.argv[2], sys.argv[2:])
	END
	refused 'Too many open files' python3 hold.py 46
	refused 'Too many open files' python3 hold.py 40
}

@test "limits: little address space" {
	refused 'limit of address space in bytes: .*at least [0-9]+ is needed \(ulimit -v' \
		prlimit --as=100000000:100000000
	refused 'limit of file size in bytes: .*at least [0-9]+ is needed \(ulimit -f' \
		prlimit --fsize=1000000:1000000
}

@test "limits: no process left" {
	# what this user runs now counts as well
	refused 'Resource temporarily unavailable' prlimit --nproc=1:1
}

