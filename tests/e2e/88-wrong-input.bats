#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Wrong input, and a host that lacks something: one line that names the thing
# and what to do, a non-zero exit, nothing left. No VM is started here.

load helpers

# A bundle that would work, without a rootfs worth the name.
setup() {
	cd "$BATS_TEST_TMPDIR" || return
	CID=
	OCI_IDS=()
	"$E2E_DIR/snapshot" >"$BATS_TEST_TMPDIR/before"
	BUNDLE=$BATS_TEST_TMPDIR/b
	mkdir -p "$BUNDLE/rootfs/bin"
	cp "$E2E_DIR/config.json" "$BUNDLE/config.json"
	SHARE=$(dirname "$(dirname "$KATA")")/share/kata
	ERRORS=$BATS_TEST_TMPDIR/errors
}

# one_line PATTERN STATUS: what was printed by the command that had STATUS
one_line() {
	echo "status $2: $(cat "$ERRORS")"
	[ "$2" -eq 1 ]
	same "$(wc -l <"$ERRORS")" 1
	has "$(cat "$ERRORS")" "^kata-runtime: .*($1)"
	not compgen -G "$XDG_RUNTIME_DIR/kata/[!.]*"
	[ ! -d "$XDG_RUNTIME_DIR/kata/.uids" ] ||
		same "$(ls "$XDG_RUNTIME_DIR/kata/.uids")" ""
}

# refused PATTERN ARGUMENT...: the runtime, in the place where engines call it
refused() {
	local pattern=$1 status=0

	shift
	rt "$@" </dev/null 2>"$ERRORS" >out || status=$?
	same "$(cat out)" ""
	one_line "$pattern" "$status"
}

# config FILTER: the bundle's config.json changed by jq
config() {
	jq "$1" "$E2E_DIR/config.json" >"$BUNDLE/config.json"
}

# wrong FILTER PATTERN: a config.json that is refused
wrong() {
	config "$1"
	refused "$2" create --bundle "$BUNDLE" wrong
}

# settings TEXT: written to ./c.toml
settings() {
	printf '%b' "$1" >c.toml
	chmod 600 c.toml
}

# refused_settings TEXT PATTERN
refused_settings() {
	settings "$1"
	refused "$2" --config "$PWD/c.toml" create --bundle "$BUNDLE" wrong
}

# lacking SETUP PATTERN: create in a mount namespace where SETUP was run
lacking() {
	local status=0

	inside unshare -m sh -ec "$1
		exec \"$KATA\" create --bundle \"$BUNDLE\" wrong" \
		</dev/null 2>"$ERRORS" >out || status=$?
	one_line "$2" "$status"
}

# without DIR NAME: shell commands that hide a file of a system directory
without() {
	mkdir -p upper work
	echo "mount -t overlay -o lowerdir=$1,upperdir=$PWD/upper,workdir=$PWD/work overlay $1
		rm $1/$2"
}

@test "wrong: bundle and config.json that are missing or broken" {
	refused 'bundle .*/none: No such file' create --bundle "$PWD/none" wrong
	mkdir empty
	refused 'empty/config.json: No such file' create --bundle "$PWD/empty" wrong
	refused 'Not a directory' create --bundle "$BUNDLE/config.json" wrong
	echo '{' >"$BUNDLE/config.json"
	refused 'config.json: JSON: parse error' create --bundle "$BUNDLE" wrong
	: >"$BUNDLE/config.json"
	refused 'config.json: JSON' create --bundle "$BUNDLE" wrong
	echo '[]' >"$BUNDLE/config.json"
	refused 'config.json: must be a JSON object' create --bundle "$BUNDLE" wrong
	python3 -c 'print("{\"a\":" + "[" * 200 + "]" * 200 + "}")' >"$BUNDLE/config.json"
	refused 'config.json: JSON: nested too deeply' create --bundle "$BUNDLE" wrong
	python3 -c 'print("{\"a\":\"" + "x" * 5000000 + "\"}")' >"$BUNDLE/config.json"
	refused 'config.json: larger than 4194304 bytes' create --bundle "$BUNDLE" wrong
}

@test "wrong: types and values are named by their JSON path" {
	wrong '.process.args = "x"' 'process\.args: is a string, must be an array'
	wrong '.process.args = [1]' 'process\.args\[0\]: is a number, must be a string'
	wrong '.process.args = []' 'process\.args: is missing or empty'
	wrong 'del(.process)' 'process'
	wrong 'del(.root)' 'root: is missing'
	wrong '.process.cwd = "here"' 'process\.cwd: must be an absolute path'
	wrong '.mounts[0].destination = 5' 'mounts\[0\]\.destination: is a number'
	wrong '.linux.namespaces = [{"type": "bogus"}]' 'linux\.namespaces\[0\]\.type'
	wrong '.linux.resources.memory.limit = 1.5' 'linux\.resources\.memory\.limit: is 1\.5'
	wrong '.process.user.uid = -1' 'process\.user\.uid: is -1, must be'
	wrong '.hostname = {}' 'hostname: is an object, must be a string'
	wrong '.ociVersion = "9.0.0"' 'ociVersion: must be'
	wrong 'del(.ociVersion)' 'ociVersion: is missing'
}

@test "wrong: a root file system that is missing or a file" {
	wrong '.root.path = "none"' 'root\.path .*/none: No such file'
	wrong '.root.path = "config.json"' 'root\.path .*/config.json: Not a directory'
}

@test "wrong: ids" {
	local id

	for id in . .. a/b -x sp\ ace $'new\nline' é; do
		refused 'invalid container ID ".*": byte [12345]' \
			create --bundle "$BUNDLE" -- "$id"
	done
	refused 'invalid container ID of 0 bytes: must be 1 to 128' \
		create --bundle "$BUNDLE" -- ""
	refused 'invalid container ID of 129 bytes: must be 1 to 128' \
		create --bundle "$BUNDLE" "$(printf 'a%.0s' {1..129})"
	for id in state start kill delete; do
		refused 'invalid container ID' "$id" a/b
	done
}

@test "wrong: verbs, options and operands" {
	refused 'unknown command "frobnicate"; see --help' frobnicate x
	refused 'unknown option --frob; see --help' --frob list
	refused 'unknown option --frob; see --help' create --frob x
	refused 'option --bundle needs a value' create --bundle
	refused 'a container ID is needed' create --bundle "$BUNDLE"
	refused 'unexpected operand "b"' create --bundle "$BUNDLE" a b
	refused 'ID' kill
	refused 'unknown signal "NOPE"' kill x NOPE
	refused 'unexpected operand "x"' list x
	refused 'format' list --format xml
	refused 'log-format "xml": must be one of' --log-format xml list
	refused 'container "nobody" does not exist' start nobody
}

@test "wrong: the state root" {
	refused '--root .*: must be absolute' --root "" list
	inside env -u XDG_RUNTIME_DIR "$KATA" list 2>"$ERRORS" && return 1
	one_line 'XDG_RUNTIME_DIR is not set, .*--root' 1
	inside env XDG_RUNTIME_DIR=rel "$KATA" list 2>"$ERRORS" && return 1
	one_line 'XDG_RUNTIME_DIR is no absolute path, .*--root' 1
	mkdir -m 755 open
	inside env "XDG_RUNTIME_DIR=$PWD/open" "$KATA" list 2>"$ERRORS" && return 1
	one_line 'XDG_RUNTIME_DIR .*/open: must be the caller.s, mode 0700' 1
	refused 'root rel: must be absolute' --root rel list
	refused 'state root .*: Not a directory' --root "$BUNDLE/config.json" list
	ln -s open link
	refused 'state root .*/link: ' --root "$PWD/link" list
	refused 'state root /usr: owned by uid [0-9]+, must be' --root /usr list
	touch open/something
	refused 'state root .*/open: mode 0755, must be 0700' --root "$PWD/open" list
	same "$(stat -c %a open)" 755
	# one that is empty is made what it must be
	mkdir -m 755 new
	run -0 rt --root "$PWD/new" list -q
	same "$(stat -c %a new)" 700
}

@test "wrong: files that the engine names" {
	refused 'pid file .*/none/pid: directory' \
		create --bundle "$BUNDLE" --pid-file "$PWD/none/pid" wrong
	refused 'console-socket .*but process\.terminal is not set' \
		create --bundle "$BUNDLE" --console-socket "$PWD/none" wrong
	refused '--log .*/none/log: No such file' --log "$PWD/none/log" list
	refused 'none/p.json|nobody' exec --process "$PWD/none/p.json" nobody
	config '.process.terminal = true'
	refused 'process\.terminal.*--console-socket' create --bundle "$BUNDLE" wrong
}

@test "wrong: configuration.toml" {
	refused 'none.toml: No such file' --config "$PWD/none.toml" create \
		--bundle "$BUNDLE" wrong
	refused_settings '[hypervisor.qemu]\nbogus = 1\n' 'c.toml:2: .*bogus'
	refused_settings '[hypervisor.qemu]\ndefault_memory = "x"\n' \
		'c.toml:2: .*default_memory'
	refused_settings '[hypervisor.qemu\n' 'c.toml:1: '
	settings ''
	chmod 666 c.toml
	refused 'c.toml: writable by group or others \(mode 0666\): chmod go-w' \
		--config "$PWD/c.toml" create --bundle "$BUNDLE" wrong
}

@test "wrong: guest kernel and initrd" {
	local k='[hypervisor.qemu]\nkernel = "'$PWD/k'"\n'
	local i='[hypervisor.qemu]\ninitrd = "'$PWD/k'"\n'

	refused_settings "$k" 'guest kernel: resolve .*/k: No such file'
	refused_settings "$i" 'guest initrd: resolve .*/k: No such file'
	: >k
	chmod 644 k
	refused_settings "$k" 'guest kernel .*/k: no kernel image'
	refused_settings "$i" 'guest initrd .*/k: empty; .*kata-osbuilder'
	head -c 100000 "$SHARE/vmlinux" >k
	refused_settings "$k" 'guest kernel .*/k: cut short; .*kata-osbuilder'
	chmod 600 k
	refused_settings "$k" 'guest kernel .*/k: mode 0600.*chmod a\+r'
	refused_settings "$i" 'guest initrd .*/k: mode 0600.*chmod a\+r'
	chmod 646 k
	refused_settings "$k" 'guest kernel: .*/k: writable by group or others'
	mkdir d
	refused_settings '[hypervisor.qemu]\nkernel = "'"$PWD/d"'"\n' \
		'guest kernel .*/d: not a regular file'
}

@test "wrong: policies and filters" {
	local p s

	p='[security]\npolicies = "'$PWD/policies'"\nseccomp = "'$PWD/seccomp'"\n'
	s='[security]\nseccomp = "'$PWD/seccomp'"\n'
	refused_settings "$s" 'seccomp filters: resolve .*/seccomp: No such file'
	mkdir seccomp
	refused_settings "$s" 'seccomp filter: resolve .*/proxy.bpf: No such file'
	cp "$SHARE"/seccomp/*.bpf seccomp/
	chmod 666 seccomp/shim.bpf
	refused_settings "$s" 'seccomp filter: .*/shim.bpf: writable by group'
	chmod 644 seccomp/shim.bpf
	# one bit, the length as it was; what stands beside it is no help
	printf '\x21' | dd of=seccomp/shim.bpf conv=notrunc status=none
	(cd seccomp && sha256sum shim.bpf >shim.sha256)
	refused_settings "$s" 'seccomp filter: .*/shim.bpf: altered'
	cp seccomp/proxy.bpf seccomp/shim.bpf
	refused_settings "$s" 'seccomp filter: .*/shim.bpf: altered'
	cp "$SHARE"/seccomp/shim.bpf seccomp/
	refused_settings "$s" "guest's seccomp profile: .*/default.json: No such file"
	cp -r "$SHARE/seccomp/guest" seccomp/
	chmod 646 seccomp/guest/default.json
	refused_settings "$s" "guest's seccomp profile: .*/default.json: writable by group"
	chmod 644 seccomp/guest/default.json
	mkdir policies
	refused_settings "$p" 'jail kata-proxy: policy: resolve .*/kata-proxy.json: No such file'
	cp "$SHARE"/policies/kata-*.json policies/
	refused_settings "$p" 'jail virtiofsd-rs: policy: resolve .*/virtiofsd-rs.json: No such file'
	cp "$SHARE"/policies/*.json policies/
	chmod 646 "policies/$FS.json"
	refused_settings "$p" "jail $FS: policy: .*: writable by group"
	chmod 644 "policies/$FS.json"
	truncate -s -8 seccomp/qemu-tcg.bpf
	refused_settings "$p" 'seccomp filter of jail qemu-tcg: .*/qemu-tcg.bpf: altered'
	cp "$SHARE"/seccomp/qemu-tcg.bpf seccomp/
	sed -i "s/\"seccomp\": \"$FS\"/\"seccomp\": \"mine\"/" "policies/$FS.json"
	cp "seccomp/$FS.bpf" seccomp/mine.bpf
	refused_settings "$p" "seccomp filter of jail $FS: .*/mine.bpf: this build has no filter"
	cp "$SHARE/policies/$FS.json" policies/
	rm "seccomp/$FS.bpf"
	refused_settings "$p" "seccomp filter of jail $FS: .*$FS.bpf: No such file"
	echo '{' >"policies/$FS.json"
	refused_settings "$p" "jail $FS: .*JSON"
}

@test "wrong: no QEMU, no virtiofsd" {
	lacking "$(without /usr/bin qemu-system-x86_64)" \
		'program of jail qemu-.* \(is it installed\?\): .*qemu-system-x86_64: No such file'
	mkdir none rust
	lacking "mount --bind $PWD/none /usr/lib/qemu
		[ ! -e /usr/libexec/virtiofsd ] || { $(cd rust && without /usr/libexec virtiofsd); }" \
		'program of jail virtiofsd \(is it installed\?\): .*virtiofsd: No such file'
}

@test "wrong: no bubblewrap, a setuid one, an old one" {
	lacking "$(without /usr/bin bwrap)" \
		'bubblewrap is needed \(install it\): /usr/bin/bwrap: No such file'
	cp /usr/bin/bwrap old
	chmod 4755 old
	lacking "mount --bind $PWD/old /usr/bin/bwrap" \
		'/usr/bin/bwrap is setuid or setgid: refused; remove the bit \(chmod ug-s\)'
	other_bwrap 'bubblewrap 0.7.9'
	lacking "mount --bind $PWD/old /usr/bin/bwrap" \
		'/usr/bin/bwrap is bubblewrap 0\.7\.9: 0\.8 or later is needed'
	other_bwrap 'bwrap of mine'
	lacking "mount --bind $PWD/old /usr/bin/bwrap" \
		'/usr/bin/bwrap tells no version: bubblewrap 0\.8 or later is needed'
	other_bwrap 'bubblewrap zero'
	lacking "mount --bind $PWD/old /usr/bin/bwrap" \
		'/usr/bin/bwrap is bubblewrap zero: 0\.8 or later is needed'
	printf '#!/nonexistent/interpreter\n' >old
	lacking "mount --bind $PWD/old /usr/bin/bwrap" "bubblewrap's version: .*"
}

# other_bwrap VERSION: ./old, which says so and can nothing; ./asked counts
other_bwrap() {
	rm -f old
	cat >old <<-END
		#!/bin/sh
		[ "\$1" = --version ] || exit 1
		echo "$1"
		echo asked >>"$PWD/asked"
	END
	chmod 755 old
}

# A create with ./old in bubblewrap's place; the sandbox's log follows the error.
create_with_old() {
	inside unshare -m sh -c "mount --bind $PWD/old /usr/bin/bwrap
		exec \"$KATA\" create --bundle \"$BUNDLE\" wrong" \
		</dev/null 2>"$ERRORS" >out && return 1
	has "$(head -n 1 "$ERRORS")" '^kata-runtime: VM: '
	not compgen -G "$XDG_RUNTIME_DIR/kata/[!.]*"
}

@test "wrong: bubblewrap is asked for its version once, and again when it is another" {
	local version

	for version in 'bubblewrap 0.8.0' 'bubblewrap 0.12.1-rc1' 'bubblewrap 1.0.0'; do
		rm -f asked
		other_bwrap "$version"
		create_with_old
		create_with_old
		same "$(cat asked)" asked
	done
}

# own_copy: policies and filters in ./, and the settings that name them in $OWN
own_copy() {
	cp -r "$SHARE/seccomp" .
	mkdir policies
	cp "$SHARE"/policies/*.json policies/
	OWN='[security]\npolicies = "'$PWD/policies'"\nseccomp = "'$PWD/seccomp'"\n'
}

# altered JAIL FILTER PATTERN: its policy changed by jq is refused
altered() {
	jq "$2" "$SHARE/policies/$1.json" >"policies/$1.json"
	refused_settings "$OWN" "jail $1: policy .*/policies/$1.json: $3"
	cp "$SHARE/policies/$1.json" policies/
}

@test "wrong: a policy that would open a jail, by its JSON path" {
	own_copy
	altered "$FS" '.capabilities += ["sys_admin"]' \
		'capabilities: cap_sys_admin is not among those a jail may have'
	altered "$FS" '.binds += [{source: "/", target: "/host"}]' 'binds\[1\]\.source: / is'
	altered "$FS" '.binds += [{source: "/etc", target: "/etc", writable: true}]' \
		'binds\[1\]\.writable: only a named bind may be'
	altered "$FS" '.binds[0].target = "/share/../x"' 'binds\[0\]\.target: .* plain form'
	altered "$FS" '.namespaces -= ["net"]' 'namespaces: net is missing'
	altered "$FS" '.name = "qemu-tcg"' 'name: is "qemu-tcg", not that of the file'
	altered "$FS" 'del(.seccomp)' 'seccomp: missing'
	altered "$FS" '.rlimits.core = 1' 'rlimits\.core: is 1'
	altered qemu-tcg '.capabilities = ["chown"]' 'capabilities: cap_chown is not among'
	altered qemu-tcg '.binds += [{source: "/dev/mem", target: "/dev/mem", device: true}]' \
		'binds\[[0-9]+\]\.source: /dev/mem is not among the devices'
	altered qemu-tcg '.binds += [.binds[0]]' 'binds\[[0-9]+\]\.target: .* is given twice'
	altered kata-proxy '.capabilities = ["sys_admin"]' 'capabilities: cap_sys_admin is not among'
	altered kata-shim '.namespaces = ["pid"]' 'namespaces: mnt is missing'
	altered kata-shim '.identity = "own"' 'program: must be an absolute path'
	altered qemu-tcg '.identity = "self"' 'program: .* is no name of a program of ours'
	altered qemu-tcg '.identity = "self" | .program = "qemu"' '[a-z]*: only a jail has this'
	altered qemu-tcg '.Seccomp = "x"' 'Seccomp: unknown key'
	altered qemu-tcg '.environment = null' 'environment: is null'
}

# fails PATTERN: create with ./c.toml comes as far as the jails; its first line
fails() {
	local status=0

	rt --config "$PWD/c.toml" create --bundle "$BUNDLE" wrong </dev/null 2>"$ERRORS" >out ||
		status=$?
	cat "$ERRORS"
	[ "$status" -eq 1 ]
	has "$(head -n 1 "$ERRORS")" "^kata-runtime: .*($1)"
	not compgen -G "$XDG_RUNTIME_DIR/kata/[!.]*"
	same "$(ls "$XDG_RUNTIME_DIR/kata/.uids")" ""
}

# jailed JAIL FILTER PATTERN: its policy is fine, what is in the jail is not
jailed() {
	jq "$2" "$SHARE/policies/$1.json" >"policies/$1.json"
	settings "$OWN"'[hypervisor.qemu]\naccelerator = "tcg"\n'
	fails "$3"
	cp "$SHARE/policies/$1.json" policies/
}

@test "wrong: QEMU or virtiofsd that is another program" {
	own_copy
	jailed qemu-tcg '.program = "/usr/bin/true"' 'VM: '
	jailed "$FS" '.program = "/usr/bin/true"' 'VM: '
	jailed qemu-tcg '.program = "/usr/bin/sleep"' 'VM: '
}

@test "wrong: QEMU or virtiofsd without the filter that it adds itself" {
	own_copy
	jailed qemu-tcg '.ownFilters = 2' 'jail qemu-tcg: seccomp'
	jailed "$FS" '.ownFilters = 2' "jail $FS: seccomp"
}

@test "wrong: no /proc" {
	lacking "mount -t tmpfs none /proc" '/proc: no procfs that shows this process: mount one'
}

@test "wrong: --log-format json says the same in one object" {
	local status args

	while read -r -a args; do
		status=0
		rm -f log.json
		rt --log "$PWD/log.json" --log-format json "${args[@]}" \
			</dev/null 2>"$ERRORS" >/dev/null || status=$?
		one_line . "$status"
		same "$(jq -rs length log.json)" 1
		same "kata-runtime: $(jq -r .msg log.json)" "$(cat "$ERRORS")"
		same "$(jq -r .level log.json)" error
	done <<-END
		create --bundle $PWD/none wrong
		create --bundle $BUNDLE a/b
		create --bundle $BUNDLE --pid-file $PWD/none/pid wrong
		frobnicate
	END
}
