#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Images and requests made by an attacker. A start may fail or work; what lies
# outside the rootfs stays as it was.

load helpers

canary() {
	CANARY=$BATS_TEST_TMPDIR/canary
	mkdir -p "$CANARY/sub"
	echo sentinel >"$CANARY/file"
	echo sentinel >"$CANARY/passwd"
	find "$CANARY" -printf '%P %y %m %s %C@\n' | sort >"$BATS_TEST_TMPDIR/canary.before"
}

untouched() {
	find "$CANARY" -printf '%P %y %m %s %C@\n' | sort >"$BATS_TEST_TMPDIR/canary.after"
	diff "$BATS_TEST_TMPDIR/canary.before" "$BATS_TEST_TMPDIR/canary.after"
}

# replaced NAME TARGET: a rootfs where NAME is a link to TARGET; runs it.
replaced() {
	local id=hostile-${1//\//-}

	canary
	bundle "$id" '.process.args = ["/bin/sh", "-c",
		"echo x >/dev/null; echo x >/proc/self/comm; echo x >/etc/written; true"]
		| .mounts += [{"destination": "/etc/hosts", "type": "bind",
			"source": "'"$CANARY"'/file", "options": ["bind", "ro"]}]'
	inside rm -rf "$BUNDLE/rootfs/$1"
	inside mkdir -p "$(dirname "$BUNDLE/rootfs/$1")"
	inside ln -s "$2" "$BUNDLE/rootfs/$1"
	OCI_IDS+=("$id")
	run rt run --bundle "$BUNDLE" "$id"
	echo "status $status: $output"
	untouched
	rt delete --force "$id"
	untouched
}

@test "hostile: /proc is a link to the host" {
	replaced proc "$BATS_TEST_TMPDIR/canary"
}

@test "hostile: /dev is a link to the host" {
	replaced dev "$BATS_TEST_TMPDIR/canary"
}

@test "hostile: /etc is a link to the host" {
	replaced etc "$BATS_TEST_TMPDIR/canary"
}

@test "hostile: /sys is a link to the host" {
	replaced sys "$BATS_TEST_TMPDIR/canary"
}

@test "hostile: links with many .. lead nowhere" {
	replaced proc "../../../../../../../../../../..$BATS_TEST_TMPDIR/canary"
	replaced dev "../../../../../../../../../../..$BATS_TEST_TMPDIR/canary"
	replaced etc "../../../../../../../../../../..$BATS_TEST_TMPDIR/canary"
}

@test "hostile: /proc is a link to itself" {
	replaced proc proc
}

@test "hostile: /etc leads through the runtime's own /proc" {
	replaced etc /proc/self/root/etc
	replaced dev /proc/self/cwd
}

@test "hostile: /etc/hosts is a link to a file outside" {
	replaced etc/hosts "$BATS_TEST_TMPDIR/canary/passwd"
}

@test "hostile: /dev/null of the image is a link when paths are masked" {
	local before

	before=$(cat /proc/sys/kernel/hostname)
	canary
	bundle masked '.process.args = ["/bin/sh", "-c", "cat /proc/kcore | wc -c"]'
	inside rm -rf "$BUNDLE/rootfs/dev/null"
	inside ln -s /proc/sysrq-trigger "$BUNDLE/rootfs/dev/null"
	OCI_IDS+=(masked)
	run rt run --bundle "$BUNDLE" masked
	has "$output" '^0$'
	same "$(cat /proc/sys/kernel/hostname)" "$before"
}

@test "hostile: a working directory in /proc/self/fd is no way out" {
	local n

	for n in 3 5 7 9 11; do
		bundle "cwd$n" '.process.cwd = "/proc/self/fd/'$n'" |
			.process.args = ["/bin/cat", "../../../../../../etc/passwd"]'
		OCI_IDS+=("cwd$n")
		run rt run --bundle "$BUNDLE" "cwd$n"
		lacks "$output" "^$(id -un):"
	done
}

@test "hostile: entry #!/proc/self/exe leaves programs as they are" {
	local before here

	here=$(dirname "$(dirname "$KATA")")
	before=$(find "$here/bin" "$here/libexec" -type f -exec sha256sum {} +)
	start $IMAGE sh -c 'printf "#!/proc/self/exe\n" >/evil; chmod 755 /evil
		sleep 1000'
	run pod exec "$CID" /evil
	run pod exec "$CID" sh -c 'echo x >/proc/self/exe; echo x >/proc/1/exe'
	run -0 pod exec "$CID" true
	same "$(find "$here/bin" "$here/libexec" -type f -exec sha256sum {} +)" "$before"
}

@test "hostile: annotations choose no path, program or argument" {
	local key

	for key in _path .hypervisor.path .hypervisor.kernel .hypervisor.kernel_params \
		.hypervisor.virtio_fs_extra_args .hypervisor.default_memory \
		.runtime.disable_guest_seccomp .agent.policy; do
		bundle notes ".annotations = { \"io.katacontainers.config$key\": \"512\" }"
		run rt create --bundle "$BUNDLE" notes
		same "$status" 1
		has "$output" "^kata-runtime: annotation io.katacontainers.config$key"
		same "${#lines[@]}" 1
	done
	run -0 rt list -q
	same "$output" ""
}

# arguments ID: of QEMU and of the file server, and the sandbox's own name gone.
arguments() {
	local key

	for key in .kata.vmmPid .kata.fileServerPid; do
		inside sh -c "tr '\\0' '\\n' </proc/$(note "$1" $key)/cmdline"
	done | sed "s/$1/ID/g; s/mac=[0-9a-f:]*/mac=MAC/"
}

@test "hostile: three hundred annotations change no argument and join no sandbox" {
	local before

	made plain-one "$SLEEPS"
	before=$(arguments plain-one)
	made noted-one "$SLEEPS | .annotations = ([range(300) | { key: \"io.example/\\(.).path\",
			value: \"/etc/shadow,readonly=off -S \\(.)\" }] | from_entries) + {
		\"io.katacontainers.pkg.oci.bundle_path\": \"/\",
		\"io.katacontainers.pkg.oci.container_type\": \"pod_container\",
		\"io.kubernetes.cri-o.ContainerType\": \"container\",
		\"io.kubernetes.cri-o.SandboxID\": \"plain-one\",
		\"io.kubernetes.cri.container-type\": \"container\",
		\"io.kubernetes.cri.sandbox-id\": \"plain-one\",
		\"io.container.manager\": \"libpod\" }"
	same "$(arguments noted-one)" "$before"
	[ "$(note noted-one .kata.vmmPid)" != "$(note plain-one .kata.vmmPid)" ]
	[ "$(note noted-one .kata.vmmUid)" != "$(note plain-one .kata.vmmUid)" ]
}

@test "hostile: ids that are paths, options or too long" {
	local id

	bundle ids
	for id in .. . a/b /abs -v "" "$(printf 'a%.0s' {1..4096})" $'new\nline' 'sp ace' 'é'; do
		run rt create --bundle "$BUNDLE" -- "$id"
		[ "$status" -eq 1 ]
	done
	run -0 rt list -q
	same "$output" ""
}

@test "hostile: a container that forks without end ends with its VM" {
	start --ulimit nproc=100:100 --user 1000 $IMAGE sh -c 'f() { f | f & }; f; sleep 1000'
	sleep 2
	run -0 pod rm -f -t 0 "$CID"
}

@test "hostile: output full of control bytes stays output" {
	prun $IMAGE sh -c 'head -c 65536 /dev/urandom | tee /dev/stderr | sha256sum >/dev/null' \
		>o 2>e
	same "$(stat -c %s e)" 65536
}
