#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The OCI command line itself, as engines call it, with the phrases they parse.

load helpers

@test "oci: create, state, start, state, kill, delete" {
	local pid

	made life "$SLEEPS"
	status_is life created
	pid=$(cat "$BUNDLE/pid")
	has "$pid" '^[0-9]+$'
	same "$(stat -c %s "$BUNDLE/pid")" "${#pid}"
	same "$(note life .pid)" "$pid"
	same "$(note life .bundle)" "$BUNDLE"
	same "$(note life .id)" life
	has "$(note life .ociVersion)" '^1\.'
	has "$(note life .created)" '^20[0-9]{2}-[0-9-]{5}T[0-9:]{8}(\.[0-9]+)?Z$'
	run -0 rt start life
	same "$output" ""
	status_is life running
	run -0 rt kill life KILL
	same "$output" ""
	within 20 status_is life stopped
	run -0 rt delete life
	same "$output" ""
	run -1 rt state life
}

@test "oci: create runs nothing of the container" {
	made quiet '.process.args = ["/bin/touch", "/ran"]'
	sleep 1
	[ ! -e "$BUNDLE/rootfs/ran" ]
	run -0 rt start quiet
	within 20 test -e "$BUNDLE/rootfs/ran"
}

@test "oci: create says nothing and leaves stdio to the container" {
	made silent '.process.args = ["/bin/echo", "hello"]'
	same "$(cat "$BUNDLE/out" "$BUNDLE/err")" ""
	rt start silent
	within 20 status_is silent stopped
	same "$(cat "$BUNDLE/out")" hello
	same "$(cat "$BUNDLE/err")" ""
}

@test "oci: run gives output and exit code, and deletes" {
	bundle fore '.process.args = ["/bin/sh", "-c", "echo run; exit 42"]'
	run rt run --bundle "$BUNDLE" fore
	same "$status" 42
	same "$output" run
	run -0 rt list -q
	same "$output" ""
}

@test "oci: a working directory that is not there is made" {
	bundle cwd '.process.cwd = "/made/by/run" | .process.args = ["/bin/pwd"]'
	run -0 rt run --bundle "$BUNDLE" cwd
	same "$output" /made/by/run
}

@test "oci: run of a command that is not there fails with 1" {
	bundle absent '.process.args = ["/no/such"]'
	run rt run --bundle "$BUNDLE" absent
	same "$status" 1
	has "$output" 'no such file or directory|executable file not found'
}

@test "oci: run of what is not executable says permission denied" {
	bundle noexec '.process.args = ["/etc/passwd"]'
	run rt run --bundle "$BUNDLE" noexec
	same "$status" 1
	has "$output" '[Pp]ermission denied'
}

@test "oci: run --detach, then delete --force" {
	bundle bg "$SLEEPS"
	OCI_IDS+=(bg)
	inside "$KATA" run --detach --bundle "$BUNDLE" --pid-file "$BUNDLE/pid" bg \
		</dev/null >/dev/null 2>&1
	status_is bg running
	run -0 rt delete --force bg
	run -0 rt delete --force bg
}

@test "oci: errors: start twice, delete running, kill stopped" {
	made errs "$SLEEPS"
	rt start errs
	run -1 rt start errs
	run -1 rt delete errs
	has "$output" 'not stopped'
	status_is errs running
	rt kill errs 9
	within 20 status_is errs stopped
	run -1 rt kill errs 9
	has "$output" 'container not running|no such process'
	run ! rt start errs
}

@test "oci: errors: unknown ids" {
	run -1 rt state nobody
	has "$output" 'does not exist'
	run -1 rt kill nobody TERM
	run -1 rt start nobody
	run -1 rt delete nobody
	has "$output" 'does not exist'
	run -0 rt delete --force nobody
	same "$output" ""
}

@test "oci: errors: an id in use" {
	made twice "$SLEEPS"
	run -1 rt create --bundle "$BUNDLE" twice </dev/null
	has "$output" 'container with given ID already exists: twice'
	status_is twice created
}

@test "oci: --log with --log-format json holds one object" {
	run rt --log "$PWD/log.json" --log-format=json state nobody
	same "$(jq -rs 'length' log.json)" 1
	same "$(jq -r .level log.json)" error
	has "$(jq -r .msg log.json)" 'does not exist'
	jq -e .time log.json
}

@test "oci: a failed create leaves nothing" {
	bundle broken '.root.path = "no-such-directory"'
	run rt create --bundle "$BUNDLE" --pid-file "$BUNDLE/pid" broken
	[ "$status" -eq 1 ]
	[ ! -e "$BUNDLE/pid" ]
	run -0 rt list -q
	same "$output" ""
	bundle typed '.process.args = "not a list"'
	run rt create --bundle "$BUNDLE" typed
	[ "$status" -eq 1 ]
	has "$output" 'process\.args'
}

@test "oci: what cannot be done is refused with its path" {
	bundle hooked '.hooks = {"createContainer": [{"path": "/bin/true"}]}'
	run rt create --bundle "$BUNDLE" hooked
	[ "$status" -eq 1 ]
	has "$output" 'hooks\.createContainer'
}

@test "oci: the host's network by its path is refused, and stays" {
	local before

	before=$(ip -o link)
	bundle hostnet '.linux.namespaces |= map(if .type == "network" then
		.path = "/proc/self/ns/net" else . end)'
	OCI_IDS+=(hostnet)
	run rt create --bundle "$BUNDLE" hostnet </dev/null
	same "$status" 1
	has "$output" "the host's own \\(--network host\\)"
	same "$(ip -o link)" "$before"
}

@test "oci: kill takes numbers, names and names with SIG" {
	local sig

	made sigs '.process.args = ["/bin/probe", "signals", "15"]'
	rt start sigs
	within 20 grep -q ready "$BUNDLE/out"
	for sig in 1:HUP 10:SIGUSR1 12:12 34:RTMIN 36:SIGRTMIN+2; do
		run -0 rt kill sigs "${sig#*:}"
		within 10 grep -q "^got ${sig%:*}\$" "$BUNDLE/out"
	done
	run -0 rt kill sigs 0
	run ! rt kill sigs NOSUCH
	run ! rt kill sigs 65
	run -0 rt kill sigs
	within 20 status_is sigs stopped
}

@test "oci: kill works on a created container" {
	made early "$SLEEPS"
	run -0 rt kill early KILL
	within 20 status_is early stopped
	run -0 rt delete early
}

@test "oci: delete of a created container, as runc and crun have it" {
	local pid

	made unused "$SLEEPS"
	pid=$(cat "$BUNDLE/pid")
	run -0 rt delete unused
	same "$output" ""
	is_gone "$pid"
	run -1 rt state unused
}

@test "oci: delete --force of a created container" {
	made fresh "$SLEEPS"
	run -0 rt delete --force fresh
}

@test "oci: exec, foreground and detached" {
	made ex "$SLEEPS"
	rt start ex
	jq '.process | .args = ["/bin/sh", "-c", "echo inside; exit 7"]' \
		"$BUNDLE/config.json" >process.json
	run rt exec --process "$PWD/process.json" ex
	same "$status" 7
	same "$output" inside
	inside "$KATA" exec --process "$PWD/process.json" --detach \
		--pid-file "$PWD/exec.pid" ex </dev/null >out 2>&1
	has "$(cat exec.pid)" '^[0-9]+$'
	within 20 grep -q inside out
}

@test "oci: exec of what is not there" {
	made exno "$SLEEPS"
	rt start exno
	jq '.process | .args = ["/no/such"]' "$BUNDLE/config.json" >process.json
	run rt exec --process "$PWD/process.json" --detach --pid-file "$PWD/exec.pid" exno
	[ "$status" -eq 1 ]
	has "$output" 'no such file or directory|executable file not found'
	[ ! -e exec.pid ]
	status_is exno running
}

@test "oci: exec in a created or stopped container is refused" {
	made exst "$SLEEPS"
	jq .process "$BUNDLE/config.json" >process.json
	rt kill exst KILL
	within 20 status_is exst stopped
	run ! rt exec --process "$PWD/process.json" exst
}

@test "oci: list" {
	made one "$SLEEPS"
	made two "$SLEEPS"
	rt start two
	same "$(rt list -q | sort | tr '\n' ' ')" "one two "
	same "$(rt list --format json | jq -r 'map(.id + ":" + .status) | sort | join(" ")')" \
		"one:created two:running"
	has "$(rt list)" '^one +[0-9]+ +created '
}

@test "oci: --root keeps states apart" {
	made rooted "$SLEEPS"
	mkdir -m 0700 other
	same "$(rt --root "$PWD/other" list -q)" ""
	run -1 rt --root "$PWD/other" state rooted
}

@test "oci: config.json may change after create" {
	made changed '.process.args = ["/bin/echo", "first"]'
	jq '.process.args = ["/bin/echo", "second"]' "$BUNDLE/config.json" >c
	mv c "$BUNDLE/config.json"
	rt start changed
	within 20 status_is changed stopped
	same "$(cat "$BUNDLE/out")" first
}

@test "oci: the pid is a process of the container's namespaces, and its exit code" {
	local pid code=0

	bundle child '.process.args = ["/bin/sh", "-c", "exit 42"]'
	OCI_IDS+=(child)
	# a sub-reaper like conmon
	cat >reaper.py <<-'END'
		import ctypes, os, subprocess, sys
		ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
		kata, bundle, name = sys.argv[1:]
		subprocess.run([kata, "create", "--bundle", bundle, "--pid-file", bundle + "/pid", name],
		               check=True, stdin=subprocess.DEVNULL)
		pid = int(open(bundle + "/pid").read())
		for ns in ("mnt", "pid", "net", "ipc", "uts"):
		    if os.readlink(f"/proc/{pid}/ns/{ns}") == os.readlink(f"/proc/self/ns/{ns}"):
		        sys.exit(f"shares {ns}")
		subprocess.run([kata, "start", name], check=True)
		while True:
		    got, status = os.wait()
		    if got == pid:
		        print("code", os.waitstatus_to_exitcode(status))
		        break
	END
	run -0 inside python3 reaper.py "$KATA" "$BUNDLE" child
	has "$output" '^code 42$'
}

@test "oci: --console-socket receives the terminal" {
	bundle term '.process.terminal = true | .process.args = ["/bin/sh", "-c", "tty; probe tty"]
		| .process.consoleSize = {"height": 33, "width": 99}'
	OCI_IDS+=(term)
	cat >console.py <<-'END'
		import array, os, socket, subprocess, sys
		kata, bundle, name = sys.argv[1:]
		path = "/tmp/e2e-console-%d" % os.getpid()
		server = socket.socket(socket.AF_UNIX)
		server.bind(path)
		server.listen(1)
		subprocess.run([kata, "create", "--bundle", bundle, "--console-socket", path, name],
		               check=True, stdin=subprocess.DEVNULL)
		peer, _ = server.accept()
		os.unlink(path)
		_, fds, _, _ = socket.recv_fds(peer, 4096, 1)
		subprocess.run([kata, "start", name], check=True)
		out = b""
		try:
		    while True:
		        data = os.read(fds[0], 4096)
		        if not data:
		            break
		        out += data
		except OSError:
		    pass
		sys.stdout.write(out.decode().replace("\r", ""))
	END
	run -0 inside python3 console.py "$KATA" "$BUNDLE" term
	has "$output" '^/dev/(pts/0|console)$'
	has "$output" '^tty=33 99$'
}

@test "oci: --version and --help" {
	run -0 rt --version
	has "${lines[0]}" '^kata-runtime version [0-9]+\.[0-9]+'
	has "$output" '^commit: '
	run -0 rt --help
	has "$output" 'create'
	run ! rt no-such-verb
	run ! rt --no-such-option list
}
