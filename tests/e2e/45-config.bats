#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# configuration.toml, its drop-ins, `env`, and the size of the VM.

load helpers

# config TEXT: $CONFIG for --config.
config() {
	mkdir -p "$BATS_TEST_TMPDIR/etc"
	CONFIG=$BATS_TEST_TMPDIR/etc/configuration.toml
	printf '%s\n' "$1" >"$CONFIG"
	chmod 644 "$CONFIG"
}

teardown() {
	rm -rf "${XDG_CONFIG_HOME:?}/kata"
	common_teardown
}

# refused PATTERN: create with $CONFIG is one line that names the file.
refused() {
	run rt --config "$CONFIG" create --bundle "$BUNDLE" refused
	same "$status" 1
	same "${#lines[@]}" 1
	has "$output" "^kata-runtime: configuration: .*$1"
	run -0 rt list -q
	same "$output" ""
}

# vm_args ID: the arguments of its QEMU, one a line.
vm_args() {
	inside sh -c "tr '\0' '\n' </proc/$(note "$1" .kata.vmmPid)/cmdline"
}

@test "config: a wrong file is one line with file and line, and nothing starts" {
	bundle refused
	config $'[hypervisor.qemu]\n\nkernle = "/k"'
	refused "$CONFIG:3: unknown key hypervisor.qemu.kernle"
	config $'[hypervisor.qemu]\npath = "/bin/true"'
	refused "$CONFIG:2: hypervisor.qemu.path: this key of Kata is refused: .*security.policies"
	config $'[runtime]\ndisable_guest_seccomp = true'
	refused "$CONFIG:2: runtime.disable_guest_seccomp: only false is possible"
	config $'[hypervisor.qemu]\ndefault_vcpus = "many"'
	refused "$CONFIG:2: .*must be a number"
	config $'[hypervisor.qemu]\nkernel_params = "rdinit=/bin/sh"'
	refused "$CONFIG:2: .*\"rdinit\" is not on the list"
	config $'[hypervisor.qemu'
	refused "$CONFIG:1: "
	config $'[hypervisor.qemu]\ninitrd = "/nonexistent/initrd"'
	run rt --config "$CONFIG" create --bundle "$BUNDLE" refused
	same "$status" 1
	has "$output" '/nonexistent/initrd: No such file'
	run -0 rt list -q
	same "$output" ""
}

@test "config: files that others may write are refused" {
	bundle refused
	config ''
	chmod 664 "$CONFIG"
	refused "$CONFIG: writable by group or others"
	chmod 644 "$CONFIG"
	chmod 777 "${CONFIG%/*}"
	refused "/etc: writable by group or others"
	chmod 755 "${CONFIG%/*}"
	mkdir -m 0775 "${CONFIG%/*}/config.d"
	refused "/etc/config.d: writable by group or others"
	chmod 755 "${CONFIG%/*}/config.d"
	ln -s "$CONFIG.other" "${CONFIG%/*}/config.d/a.toml"
	refused "/config.d/a.toml: No such file"
	: >"$CONFIG.other"
	chmod 666 "$CONFIG.other"
	refused "other: writable by group or others"
}

@test "config: env says what is in force and who set it" {
	local d=$XDG_CONFIG_HOME/kata json

	skip_unless_user
	mkdir -p "$d/config.d"
	printf '[hypervisor.qemu]\ndefault_memory = 300\ndefault_vcpus = 2\n' \
		>"$d/configuration.toml"
	printf '[hypervisor.qemu]\ndefault_memory = 320\n' >"$d/config.d/20-b.toml"
	printf '[hypervisor.qemu]\ndefault_memory = 310\n' >"$d/config.d/10-a.toml"
	json=$(rt env --json)
	same "$(jq -c '.Settings["hypervisor.qemu.default_memory"]' <<<"$json")" \
		"{\"Value\":320,\"Source\":\"$d/config.d/20-b.toml:2\"}"
	same "$(jq -r '.Settings["hypervisor.qemu.default_vcpus"].Source' <<<"$json")" \
		"$d/configuration.toml:3"
	same "$(jq -r '.Settings["security.required"].Source' <<<"$json")" default
	same "$(jq -r '.Runtime.Config.Path' <<<"$json")" "$d/configuration.toml"
	same "$(jq -r '.Runtime.Config.Files | length' <<<"$json")" 3
	has "$(jq -r '.Hypervisor.Version' <<<"$json")" '^QEMU emulator version [0-9]'
	has "$(jq -r '.Hypervisor.VirtioFSDaemonVersion' <<<"$json")" '^virtiofsd (version )?[0-9]'
	has "$(jq -r '.Jailer.BubblewrapVersion' <<<"$json")" '^bubblewrap [0-9]'
	has "$(jq -r '.Hypervisor.Accelerator' <<<"$json")" '^(tcg|kvm)$'
	same "$(jq -r '.Host.Kernel' <<<"$json")" "$(uname -r)"
	same "$(jq -r '.Security.Filters | map(.SHA256 == .BuiltSHA256) | all' <<<"$json")" true
	same "$(jq -r '.Security.Policies.virtiofsd.SHA256' <<<"$json")" \
		"$(sha256sum <"$(jq -r .Security.Policies.virtiofsd.Path <<<"$json")" | cut -c1-64)"
	run -0 rt kata-env
	has "$output" '^  MachineType = "microvm"$'
	has "$output" '^  \[Settings\."hypervisor\.qemu\.default_memory"\]$'
}

@test "config: what is set reaches VM and file server" {
	config '[hypervisor.qemu]
		default_vcpus = 4
		default_memory = 160
		reclaim_guest_freed_memory = false
		kernel_params = "mitigations=off sysctl.vm.swappiness=7"
		cpu_features = "-aes"
		virtio_fs_cache = "never"
		[runtime]
		internetworking_model = "none"'
	bundle set '.process.args = ["/bin/sh", "-c", "nproc; cat /proc/sys/vm/swappiness;
		grep -cw aes /proc/cpuinfo; grep -c mitigations=off /proc/cmdline;
		grep MemTotal /proc/meminfo; ls /sys/class/net; sleep 1000"]'
	OCI_IDS+=(set)
	rt --config "$CONFIG" create --bundle "$BUNDLE" set </dev/null >out 2>&1
	same "$(note set .kata.vcpus)" 4
	same "$(note set .kata.memoryMiB)" 160
	same "$(note set .kata.network)" off
	lacks "$(vm_args set)" 'balloon|virtio-net'
	has "$(inside sh -c "tr '\0' '\n' </proc/$(note set .kata.fileServerPid)/cmdline")" \
		',cache=none,'
	rt start set
	within 20 grep -qx lo out
	same "$(sed -n 1p out)" 4
	same "$(sed -n 2p out)" 7
	same "$(sed -n 3p out)" 0
	same "$(sed -n 4p out)" 1
	[ "$(awk '/MemTotal/ { print $2 }' out)" -lt 163840 ]
	lacks "$(cat out)" eth0
}

@test "config: what was in force at create is what exec goes by" {
	local d=$XDG_CONFIG_HOME/kata

	skip_unless_user
	start $IMAGE sleep 1000
	mkdir -p "$d"
	printf '[shim.kata]\npath = "/nonexistent/shim"\n[nonsense]\n' >"$d/configuration.toml"
	run ! pod run --rm --network none $IMAGE true
	has "$output" '/nonexistent/shim'
	run -0 pod exec "$CID" echo fine
	same "$output" fine
}

@test "config: two annotations, when the administrator lets them" {
	config '[hypervisor.qemu]
		enable_annotations = ["default_memory"]
		default_maxmemory = 500'
	bundle noted '.annotations = {
		"io.katacontainers.config.hypervisor.default_memory": "501" }'
	refuse_note 'must be a number from 64 to 500'
	bundle noted '.annotations = {
		"io.katacontainers.config.hypervisor.default_vcpus": "2" }'
	refuse_note 'enable_annotations does not name default_vcpus'
	bundle noted '.annotations = {
		"io.katacontainers.config.hypervisor.default_memory": "100" }'
	OCI_IDS+=(noted)
	rt --config "$CONFIG" create --bundle "$BUNDLE" noted </dev/null >out 2>&1
	same "$(note noted .kata.memoryMiB)" 100
}

refuse_note() {
	run rt --config "$CONFIG" create --bundle "$BUNDLE" noted
	same "$status" 1
	same "${#lines[@]}" 1
	has "$output" "^kata-runtime: annotation .*$1"
}

@test "sizing: a VM as large as the limits, which end the container and not the VM" {
	bundle sized '.linux.resources = { "memory": { "limit": 104857600 },
			"cpu": { "quota": 150000, "period": 100000 } }
		| .linux.namespaces += [{ "type": "cgroup" }]
		| .mounts += [{ "destination": "/sys/fs/cgroup", "type": "cgroup",
			"source": "cgroup", "options": ["ro", "nosuid", "noexec", "nodev"] }]
		| .process.args = ["/bin/sh", "-c", "nproc
		dd if=/dev/zero of=/dev/null bs=94M count=1 2>/dev/null; echo under $?
		dd if=/dev/zero of=/dev/null bs=104M count=1 2>/dev/null; echo over $?
		dd if=/dev/zero of=/tmp/file bs=1M count=200 2>/dev/null; echo cache $?
		cat /sys/fs/cgroup/memory.events; sleep 1000"]'
	OCI_IDS+=(sized)
	rt create --bundle "$BUNDLE" sized </dev/null >out 2>&1
	same "$(note sized .kata.vcpus)" "$(($(nproc) < 2 ? 1 : 2))"
	same "$(note sized .kata.memoryMiB)" 170
	rt start sized
	within 60 grep -q oom_group_kill out
	same "$(sed -n 1p out)" "$(($(nproc) < 2 ? 1 : 2))"
	has "$(cat out)" '^under 0$'
	has "$(cat out)" '^over 137$'
	has "$(cat out)" '^cache 0$'
	has "$(cat out)" '^oom [1-9]' # the group's limit, not the guest's end
	has "$(cat out)" '^oom_kill 1$'
}

# MiB of guest memory that the host holds.
guest_mib() {
	inside awk '/memfd:memory-backend/ { on = 1; next } /^[0-9a-f]+-/ { on = 0 }
		on && /^Rss:/ { kib += $2 } END { print int(kib / 1024) }' \
		"/proc/$1/smaps"
}

below() {
	[ "$(guest_mib "$1")" -lt "$2" ]
}

above() {
	[ "$(guest_mib "$1")" -gt "$2" ]
}

@test "sizing: what the guest frees goes back to the host" {
	local pid before

	# dd keeps its buffer until somebody reads what it writes
	start $IMAGE sh -c 'until [ -e /take ]; do sleep 0.2; done
		dd if=/dev/zero bs=120M count=1 2>/dev/null |
			{ until [ -e /give ]; do sleep 0.2; done; cat >/dev/null; }
		sleep 1000'
	pid=$(note "$CID" .kata.vmmPid)
	before=$(guest_mib "$pid")
	[ "$before" -gt 10 ] # it is the right mapping
	pod exec "$CID" touch /take
	within 60 above "$pid" $((before + 100))
	pod exec "$CID" touch /give
	within 60 below "$pid" $((before + 40)) || {
		echo "before $before MiB, now $(guest_mib "$pid") MiB"
		return 1
	}
}
