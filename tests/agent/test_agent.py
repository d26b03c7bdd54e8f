#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""kata-agent in a real guest: one boot, then every case against it.

Run as root: tests/agent/test_agent.py [-v] [Case.test ...]
Skips (exit 77) when a tool is missing.
"""
import hashlib
import json
import os
import shutil
import struct
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import guest as guests  # noqa: E402
from case import Case, G, end  # noqa: E402
from case_attack import Direct, Helper, Ptrace, Siblings  # noqa: E402,F401
from case_held import HeldDirect, HeldHelper  # noqa: E402,F401
from case_guest import Machine, Processors  # noqa: E402,F401
from case_wire import Answers, Decoder, Definitions  # noqa: E402,F401
from case_stream import Output  # noqa: E402,F401
from case_resources import Freeze, Memory, Update  # noqa: E402,F401
from case_seccomp import Floor, Letter  # noqa: E402,F401
from case_walls import Walls  # noqa: E402,F401

SECCOMP_JSON = "/usr/share/containers/seccomp.json"


class Sandbox(Case):
    def test_versions_and_details(self):
        self.assertTrue(G.health("Version").agent_version)
        details = G.call("GetGuestDetails").agent_details
        self.assertIn("kata-c/1", details.extra_features)
        self.assertTrue(details.supports_seccomp)

    def test_create_again(self):
        G.call("CreateSandbox", sandbox_id="s1")
        self.fails("ALREADY_EXISTS", "s1", G.call, "CreateSandbox",
                   sandbox_id="s2")

    def test_every_other_call_is_refused_with_reason(self):
        for method in ("CopyFile", "SetPolicy", "AddSwap", "GetIPTables"):
            self.fails("UNIMPLEMENTED", method + ": ", G.call, method)
        with self.assertRaises(guests.RpcError):
            G.client.finish(G.client.start("grpc.AgentService", "Nothing", b""),
                            10)

    def test_clock_and_random(self):
        G.call("SetGuestDateTime", Sec=1700000000, Usec=5)
        self.assertLess(int(self.shell("date +%s")) - 1700000000, 60)
        G.call("ReseedRandomDev", data=os.urandom(64))
        self.fails("INVALID_ARGUMENT", "data", G.call, "ReseedRandomDev")

    def test_garbage_message(self):
        call = G.client.start("grpc.AgentService", "StartContainer",
                              b"\xff\xff\xff")
        with self.assertRaises(guests.RpcError):
            G.client.finish(call, 10)


class Life(Case):
    def test_exit_codes(self):
        for code in (0, 1, 126, 255):
            self.assertEqual(G.run(["sh", "-c", "exit %d" % code])[0], code)
        self.assertEqual(G.run(["sh", "-c", "kill -9 $$; sleep 1"])[0], 0)

    def test_signals(self):
        name, _ = G.create(["sleep", "100"])
        G.call("StartContainer", container_id=name)
        wait = G.begin("WaitProcess", container_id=name)
        # An init without a handler ignores it, as on any host.
        G.call("SignalProcess", container_id=name, exec_id=name, signal=15)
        G.call("SignalProcess", container_id=name, signal=9)
        self.assertEqual(G.end(wait).status, 137)
        self.fails("NOT_FOUND", "exited", G.call, "SignalProcess",
                   container_id=name, exec_id=name, signal=15)
        G.call("RemoveContainer", container_id=name)
        self.fails("NOT_FOUND", name, G.call, "WaitProcess", container_id=name)

    def test_trap(self):
        name, _ = G.create(["sh", "-c", "trap 'echo got; exit 3' TERM; "
                            "echo up; while :; do sleep 0.05; done"])
        G.call("StartContainer", container_id=name)
        self.assertEqual(G.call("ReadStdout", container_id=name, len=10).data,
                         b"up\n")
        G.call("SignalProcess", container_id=name, exec_id=name, signal=15)
        self.assertEqual(G.collect(name, "", remove=True), (3, "got\n", ""))

    def test_created_is_killed_by_term(self):
        name, _ = G.create(["sleep", "100"])
        G.call("SignalProcess", container_id=name, exec_id=name, signal=15)
        self.assertEqual(G.call("WaitProcess", container_id=name).status, 137)
        self.fails("FAILED_PRECONDITION", "", G.call, "StartContainer",
                   container_id=name)
        G.call("RemoveContainer", container_id=name)

    def test_remove_running(self):
        name, _ = G.create(["sleep", "100"])
        G.call("StartContainer", container_id=name)
        wait = G.begin("WaitProcess", container_id=name)
        read = G.begin("ReadStdout", container_id=name, len=10)
        G.call("RemoveContainer", container_id=name)
        self.assertEqual(G.end(wait).status, 137)
        self.assertEqual(G.end(read).data, b"")

    def test_remove_while_set_up(self):
        name, _ = G.new_rootfs()
        create = G.begin("CreateContainer", container_id=name,
                         OCI=G.spec(name, ["sleep", "100"]))
        try:
            G.call("RemoveContainer", container_id=name)
        except guests.RpcError as error:
            self.assertEqual(error.code, 5)
        try:
            G.end(create)
        except guests.RpcError:
            pass
        self.fails("NOT_FOUND", name, G.call, "WaitProcess", container_id=name)

    def test_names(self):
        for bad in ("", "../x", "a/b", "x" * 200):
            self.fails("INVALID_ARGUMENT", "container_id", G.call,
                       "CreateContainer", container_id=bad)
        name, _ = G.create(["true"])
        self.fails("ALREADY_EXISTS", name, G.call, "CreateContainer",
                   container_id=name, OCI=G.spec(name, ["true"]))
        G.call("RemoveContainer", container_id=name)

    def test_output_survives_exit(self):
        name, _ = G.create(["sh", "-c", "seq 1 20000; exit 4"])
        G.call("StartContainer", container_id=name)
        self.assertEqual(G.call("WaitProcess", container_id=name).status, 4)
        status, out, _ = G.collect(name, "", remove=True)
        self.assertEqual(status, 4)
        self.assertEqual(out, "".join("%d\n" % i for i in range(1, 20001)))

    def test_start_errors(self):
        text = "executable file not found in $PATH"
        self.fails("INTERNAL", 'exec: "nope": ' + text, G.create, ["nope"])
        self.fails("INTERNAL", "no such file or directory", G.create, ["/nope"])
        self.fails("INTERNAL", "permission denied", G.create, ["/etc/passwd"])
        self.fails("INTERNAL", "is a directory", G.create, ["/etc"])
        rootfs = G.new_rootfs()
        with open(rootfs[1] + "/bad", "w") as out:
            out.write("\x7fNOT A PROGRAM")
        os.chmod(rootfs[1] + "/bad", 0o755)
        name, _ = G.create(["/bad"], rootfs=rootfs)
        self.fails("INTERNAL", "exec /bad: Exec format error", G.call,
                   "StartContainer", container_id=name)
        G.call("RemoveContainer", container_id=name)


class Streams(Case):
    def test_large_stdin(self):
        name, _ = G.create(["md5sum"])
        G.call("StartContainer", container_id=name)
        data, total = os.urandom(256 << 10), hashlib.md5()
        start = time.time()
        for _ in range(64):
            total.update(data)
            answer = G.call("WriteStdin", container_id=name, data=data)
            self.assertEqual(answer.len, len(data))
        spent = time.time() - start
        out = G.collect(name, "", remove=True)[1]
        self.assertEqual(out.split()[0], total.hexdigest())
        print("  stdin: %.0f MiB/s" % (16 / spent), file=sys.stderr)

    def test_large_stdout(self):
        name, _ = G.create(["dd", "if=/dev/zero", "bs=64k", "count=512"])
        G.call("StartContainer", container_id=name)
        start = time.time()
        out = G.read_all(name)
        spent = time.time() - start
        self.assertEqual(len(out), 32 << 20)
        print("  stdout: %.0f MiB/s" % (32 / spent), file=sys.stderr)
        G.call("RemoveContainer", container_id=name)

    def test_back_pressure(self):
        name, _ = G.create(["sh", "-c", "sleep 1; wc -c"])
        G.call("StartContainer", container_id=name)
        pending = [G.begin("WriteStdin", container_id=name,
                           data=b"x" * (1 << 20)) for _ in range(3)]
        G.call("CloseStdin", container_id=name)
        for write in pending:
            self.assertEqual(G.end(write).len, 1 << 20)
        self.assertEqual(G.read_all(name), b"3145728\n")
        G.call("RemoveContainer", container_id=name)

    def test_write_after_close(self):
        name, _ = G.create(["sleep", "100"])
        G.call("StartContainer", container_id=name)
        G.call("CloseStdin", container_id=name)
        self.fails("INTERNAL", "closed", G.call, "WriteStdin",
                   container_id=name, data=b"x")
        G.call("RemoveContainer", container_id=name)

    def test_open_stdout_again_as_user(self):
        user = G.pb["oci"].User(UID=1000, GID=1000)
        process = G.process(["sh", "-c", "echo hi > /dev/stdout; "
                             "echo no > /dev/stderr"], User=user)
        self.assertEqual(G.run([], process=process), (0, "hi\n", "no\n"))


class Exec(Case):
    @classmethod
    def setUpClass(cls):
        cls.name, _ = G.create(["sleep", "1000"])
        G.call("StartContainer", container_id=cls.name)

    @classmethod
    def tearDownClass(cls):
        G.call("RemoveContainer", container_id=cls.name)

    def test_plain(self):
        self.assertEqual(G.exec(self.name, ["sh", "-c", "cat; exit 5"],
                                stdin=b"in"), (5, "in", ""))
        out = G.exec(self.name, ["ps"])[1]
        self.assertIn("sleep", out)
        self.assertNotIn("kata-agent", out)

    def test_same_namespaces(self):
        script = "for n in mnt pid ipc uts cgroup net; do " \
            "readlink /proc/1/ns/$n; readlink /proc/self/ns/$n; done"
        lines = G.exec(self.name, ["sh", "-c", script],
                       caps=["CAP_SYS_PTRACE"])[1].split()
        self.assertEqual(lines[::2], lines[1::2])
        self.assertEqual(len(lines), 12)

    def test_errors(self):
        self.fails("INTERNAL", "executable file not found in $PATH", G.exec,
                   self.name, ["nope"])
        self.fails("NOT_FOUND", "does not exist", G.exec, "zzz", ["true"])
        self.fails("INVALID_ARGUMENT", "process.args", G.exec, self.name, [])

    def test_report(self):
        answer = G.call("ExecProcess", container_id=self.name, exec_id="r",
                        process=G.process(["true"], caps=["CAP_KILL"]))
        self.assertEqual(answer.read_back.cap_effective, 1 << 5)
        self.assertEqual(answer.read_back.no_new_privs, 1)
        self.assertEqual(G.collect(self.name, "r")[0], 0)

    def test_many(self):
        calls = []
        for i in range(8):
            calls.append(G.begin("ExecProcess", container_id=self.name,
                                 exec_id="m%d" % i,
                                 process=G.process(["echo", str(i)])))
        for call in calls:
            G.end(call)
        for i in range(8):
            self.assertEqual(G.collect(self.name, "m%d" % i),
                             (0, "%d\n" % i, ""))

    def test_record_goes_when_all_is_taken(self):
        G.exec(self.name, ["true"])
        self.fails("NOT_FOUND", "no such process", G.call, "WaitProcess",
                   container_id=self.name, exec_id="x%d" % G.count)

    def test_kill(self):
        G.call("ExecProcess", container_id=self.name, exec_id="k",
               process=G.process(["sleep", "100"]))
        G.call("SignalProcess", container_id=self.name, exec_id="k", signal=15)
        self.assertEqual(G.collect(self.name, "k")[0], 143)

    def test_cwd_tricks(self):
        for n in range(3, 12):
            try:
                out = G.exec(self.name, ["ls"], Cwd="/proc/self/fd/%d" % n)[1]
                self.fail("entered: " + out)
            except guests.RpcError:
                pass


class Terminal(Case):
    def test_tty(self):
        box = G.pb["oci"].Box(Height=33, Width=101)
        process = G.process(["sh", "-c", "tty; stty size; ls -l /dev/console; "
                             "read x; echo got $x; stty size; echo bye"],
                            Terminal=True, ConsoleSize=box)
        name, _ = G.create([], process=process)
        G.call("StartContainer", container_id=name)
        time.sleep(1)
        G.call("TtyWinResize", container_id=name, row=44, column=55)
        G.call("WriteStdin", container_id=name, data=b"line\n")
        status, out, _ = G.collect(name, "", remove=True)
        self.assertEqual(status, 0)
        lines = out.replace("\r", "").split("\n")
        self.assertEqual(lines[:2], ["/dev/pts/0", "33 101"])
        self.assertIn("136,   0", lines[2])
        self.assertEqual(lines[-4:], ["got line", "44 55", "bye", ""])

    def test_exec_tty_and_interrupt(self):
        name, _ = G.create(["sleep", "100"])
        G.call("StartContainer", container_id=name)
        G.call("ExecProcess", container_id=name, exec_id="t",
               process=G.process(["sh", "-c", "echo up; sleep 100"],
                                 Terminal=True))
        self.assertIn(b"up", G.call("ReadStdout", container_id=name,
                                    exec_id="t", len=100).data)
        G.call("WriteStdin", container_id=name, exec_id="t", data=b"\x03")
        status, out, _ = G.collect(name, "t", terminal=True)
        self.assertEqual((status, out.strip()), (130, "^C"))
        self.fails("UNAVAILABLE", "no terminal", G.call, "TtyWinResize",
                   container_id=name, row=1, column=1)
        G.call("RemoveContainer", container_id=name)

    def test_survivor_on_the_terminal(self):
        """Who opens it again and again does not keep a reader waiting."""
        name = self.start(["sleep", "100"])
        script = ("trap '' HUP; (while :; do sleep 0.02 </dev/pts/0; done) & "
                  "echo hi; sleep 0.2")
        G.call("ExecProcess", container_id=name, exec_id="t",
               process=G.process(["sh", "-c", script], Terminal=True))
        status = G.call("WaitProcess", container_id=name, exec_id="t").status
        self.assertEqual(status, 0)
        time.sleep(0.1)
        self.assertEqual(G.read_all(name, "t"), b"hi\r\n")

    def test_late_output(self):
        process = G.process(["seq", "1", "3000"], Terminal=True)
        name, _ = G.create([], process=process)
        G.call("StartContainer", container_id=name)
        out = G.collect(name, "", remove=True)[1].replace("\r", "")
        self.assertEqual(out, "".join("%d\n" % i for i in range(1, 3001)))


def rules(*entries):
    oci = G.pb["oci"]
    return [oci.LinuxSyscall(**e) for e in entries]


def engine_profile():
    """The engine's default profile, as it resolves without capabilities."""
    oci, out = G.pb["oci"], []
    with open(SECCOMP_JSON) as text:
        data = json.load(text)
    for entry in data["syscalls"]:
        includes = entry.get("includes", {})
        if includes.get("caps") or "amd64" not in includes.get("arches",
                                                               ["amd64"]):
            continue
        args = [oci.LinuxSeccompArg(Index=a["index"], Value=a["value"],
                                    ValueTwo=a.get("valueTwo", 0), Op=a["op"])
                for a in entry.get("args") or []]
        call = oci.LinuxSyscall(Names=entry["names"], Action=entry["action"],
                                Args=args)
        if "errnoRet" in entry:
            call.errnoret = entry["errnoRet"]
        out.append(call)
    return oci.LinuxSeccomp(DefaultAction="SCMP_ACT_ERRNO",
                            DefaultErrnoRet=38, Syscalls=out,
                            Architectures=["SCMP_ARCH_X86_64",
                                           "SCMP_ARCH_X86", "SCMP_ARCH_X32"])


class Rights(Case):
    def status(self, **extra):
        out = self.shell("cat /proc/self/status", **extra)
        return dict(l.split(":\t", 1) for l in out.splitlines() if ":\t" in l)

    def test_caps_exactly(self):
        oci = G.pb["oci"]
        sets = oci.LinuxCapabilities(
            Bounding=["CAP_CHOWN", "CAP_NET_RAW", "CAP_KILL"],
            Permitted=["CAP_CHOWN", "CAP_KILL"], Effective=["CAP_CHOWN"],
            Inheritable=["CAP_CHOWN"], Ambient=["CAP_CHOWN"])
        user = oci.User(UID=1000, GID=1001, AdditionalGids=[7, 9], Umask=0o27)
        process = G.process(["sh", "-c", "cat /proc/self/status; umask"],
                            User=user, Capabilities=sets)
        name, back = G.create([], process=process)
        self.assertEqual((back.cap_bounding, back.cap_permitted,
                          back.cap_effective, back.cap_inheritable,
                          back.cap_ambient), (0x2021, 0x21, 1, 1, 1))
        self.assertEqual((back.uid, back.gid, list(back.groups)),
                         (1000, 1001, [7, 9]))
        self.assertEqual(back.namespaces, 0b1110110)
        G.call("StartContainer", container_id=name)
        out = G.collect(name, "", remove=True)[1]
        self.assertIn("CapEff:\t0000000000000001", out)
        self.assertIn("CapBnd:\t0000000000002021", out)
        self.assertIn("Groups:\t7 9", out)
        self.assertEqual(out.splitlines()[-1], "0027")

    def test_no_caps(self):
        process = G.process(["cat", "/proc/self/status"])
        process.ClearField("Capabilities")
        out = G.run([], process=process)[1]
        for name in ("CapPrm", "CapEff", "CapBnd", "CapAmb", "CapInh"):
            self.assertIn(name + ":\t" + "0" * 16, out)

    def test_no_new_privs_off(self):
        process = G.process(["cat", "/proc/self/status"], NoNewPrivileges=False)
        linux = {"Seccomp": engine_profile()}
        name, back = G.create([], process=process, linux=linux)
        self.assertEqual((back.no_new_privs, back.seccomp_mode), (0, 2))
        self.assertEqual(back.cap_effective & 1 << 21, 0)
        G.call("StartContainer", container_id=name)
        out = G.collect(name, "", remove=True)[1]
        self.assertIn("NoNewPrivs:\t0", out)
        self.assertIn("Seccomp:\t2", out)

    def test_engine_profile(self):
        linux = {"Seccomp": engine_profile()}
        name, back = G.create(["sh", "-c", "mount -t tmpfs x /mnt; ls /; "
                               "unshare 2>&1; exit 0"], linux=linux)
        self.assertEqual((back.seccomp_mode, back.seccomp_filters), (2, 3))
        G.call("StartContainer", container_id=name)
        status, out, err = G.collect(name, "", remove=True)
        self.assertEqual(status, 0)
        self.assertIn("bin", out)
        self.assertIn("permission denied", err)

    def test_errno_values_and_exec(self):
        oci = G.pb["oci"]
        profile = oci.LinuxSeccomp(
            DefaultAction="SCMP_ACT_ALLOW", Syscalls=rules(
                {"Names": ["mkdir", "mkdirat"], "Action": "SCMP_ACT_ERRNO",
                 "errnoret": 28},
                {"Names": ["no_such_call"], "Action": "SCMP_ACT_ERRNO"}))
        name, back = G.create(["sleep", "100"], linux={"Seccomp": profile})
        self.assertEqual(list(back.seccomp_unknown), ["no_such_call"])
        G.call("StartContainer", container_id=name)
        err = G.exec(name, ["mkdir", "/tmp/x"])[2]
        self.assertIn("No space left", err)
        G.call("RemoveContainer", container_id=name)

    def test_default_errno(self):
        profile = engine_profile()
        for call in profile.Syscalls:
            for gone in ("mkdir", "mkdirat"):
                if gone in call.Names:
                    call.Names.remove(gone)
        profile.DefaultErrnoRet = 28
        err = G.run(["mkdir", "/tmp/x"], linux={"Seccomp": profile})[2]
        self.assertIn("No space left", err)

    def test_profile_that_cannot_start(self):
        oci = G.pb["oci"]
        profile = oci.LinuxSeccomp(
            DefaultAction="SCMP_ACT_ALLOW", Syscalls=rules(
                {"Names": ["read"], "Action": "SCMP_ACT_KILL_PROCESS"}))
        # It may die before or after the agent has looked at it.
        try:
            name, _ = G.create(["true"], linux={"Seccomp": profile})
        except guests.RpcError as error:
            self.assertIn("seccomp profile", error.message)
            return
        self.assertEqual(G.call("WaitProcess", container_id=name).status, 159)
        G.call("RemoveContainer", container_id=name)

    def test_bad_profile(self):
        oci = G.pb["oci"]
        self.fails("INVALID_ARGUMENT", "seccomp", G.create, ["true"],
                   linux={"Seccomp": oci.LinuxSeccomp(
                       DefaultAction="SCMP_ACT_FOO")})

    def test_rlimits_and_oom(self):
        oci = G.pb["oci"]
        process = G.process(
            ["sh", "-c", "ulimit -n; ulimit -Hn; cat /proc/self/oom_score_adj"],
            OOMScoreAdj=123, Rlimits=[oci.POSIXRlimit(
                Type="RLIMIT_NOFILE", Soft=64, Hard=128)])
        self.assertEqual(G.run([], process=process)[1], "64\n128\n123\n")

    def test_user_home_cwd(self):
        user = G.pb["oci"].User(UID=1000, GID=1000)
        process = G.process(["sh", "-c", "id -u; echo $HOME; pwd; ls -ld ."],
                            User=user, Cwd="/tmp/made/here")
        out = G.run([], process=process)[1].split("\n")
        self.assertEqual(out[:3], ["1000", "/home/user", "/tmp/made/here"])

    def test_cwd_symlink_stays_inside(self):
        rootfs = G.new_rootfs()
        os.symlink("../../../../../../tmp", rootfs[1] + "/out")
        self.assertEqual(self.shell("readlink -f .", rootfs=rootfs,
                                    process=G.process(["readlink", "-f", "."],
                                                      Cwd="/out")), "/tmp\n")


class Root(Case):
    def test_no_way_out(self):
        # chroot twice, the classic; and the mount table shows no agent.
        out = self.shell("mkdir /tmp/c; cp -a /bin /tmp/c 2>/dev/null; "
                         "cat /proc/self/mountinfo",
                         process=G.process(
                             ["sh", "-c", "cat /proc/self/mountinfo"],
                             caps=["CAP_SYS_CHROOT", "CAP_SYS_ADMIN"]))
        self.assertNotIn("/run/kata-containers", out)

    def test_readonly_root(self):
        status, _, err = G.run(["touch", "/x"], readonly=True)
        self.assertEqual(status, 1)
        self.assertIn("Read-only", err)
        self.shell("touch /dev/shm/x", readonly=True)

    def test_masked_and_readonly(self):
        out = self.shell("cat /proc/keys | wc -c; ls /sys/firmware | wc -l; "
                         "echo x 2>/dev/null > /proc/sys/kernel/core_pattern"
                         " || echo denied")
        self.assertEqual(out, "0\n0\ndenied\n")

    def test_symlinked_proc(self):
        rootfs = G.new_rootfs()
        os.rmdir(rootfs[1] + "/proc")
        os.symlink("/tmp", rootfs[1] + "/proc")
        self.fails("INTERNAL", "/proc", G.create, ["true"], rootfs=rootfs)

    def test_symlinked_target_stays_inside(self):
        rootfs = G.new_rootfs()
        os.symlink("../../../../../../../..", rootfs[1] + "/up")
        out = self.shell("ls /data; cat /proc/mounts | grep -c ' /data '",
                         rootfs=rootfs,
                         mounts=[("/up/data", "tmpfs", "t", ["size=1m"])])
        self.assertEqual(out, "1\n")

    def test_binds(self):
        name, root = G.new_rootfs()
        base = os.path.join(G.share, name)
        os.makedirs(base + "/m1")
        for path, text in (("/m1/f", "dir\n"), ("/m2", "file\n")):
            with open(base + path, "w") as out:
                out.write(text)
        source = guests.SHARE + "/" + name
        mounts = [("/a", "bind", source + "/m1", ["rbind", "ro", "rprivate"]),
                  ("/b/c", "bind", source + "/m2", ["bind", "rw"])]
        out = self.shell("cat /a/f /b/c; echo more >> /b/c; "
                         "touch /a/x 2>/dev/null || echo ro",
                         rootfs=(name, root), mounts=mounts)
        self.assertEqual(out, "dir\nfile\nro\n")
        with open(base + "/m2") as text:
            self.assertEqual(text.read(), "file\nmore\n")

    def test_refused_mounts(self):
        for mount, text in (
                (("/x", "bind", "/etc", ["bind"]), "mounts[7].source"),
                (("/x", "bind", "/run/kata-containers/../../etc", ["bind"]),
                 ""),
                (("/x", "ext4", "/dev/vda", []), "mounts[7].type"),
                (("/proc/sys", "tmpfs", "x", []), "mounts[7].destination"),
                (("/x", "tmpfs", "x", ["idmap"]), "mounts[7].options")):
            with self.assertRaises(guests.RpcError) as caught:
                G.create(["true"], mounts=[mount])
            self.assertIn(text, caught.exception.message)

    def test_tmpfs_copy_up(self):
        rootfs = G.new_rootfs()
        os.makedirs(rootfs[1] + "/var/d/e")
        with open(rootfs[1] + "/var/d/e/f", "w") as out:
            out.write("x" * 100000)
        os.symlink("e/f", rootfs[1] + "/var/d/l")
        os.chown(rootfs[1] + "/var/d/e/f", 5, 6)
        os.chmod(rootfs[1] + "/var", 0o750)
        out = self.shell("wc -c < /var/d/l; stat -c %u:%g:%a /var/d/e/f /var; "
                         "touch /var/new 2>/dev/null || echo ro",
                         rootfs=rootfs, mounts=[("/var", "tmpfs", "tmpfs",
                                                 ["ro", "tmpcopyup"])])
        self.assertEqual(out, "100000\n5:6:644\n0:0:750\nro\n")

    def test_hostname_and_sysctl(self):
        oci = G.pb["oci"]
        out = self.shell("hostname; cat /proc/sys/kernel/domainname "
                         "/proc/sys/kernel/shmmax",
                         hostname="h1", Domainname="d1",
                         linux={"Sysctl": {"kernel.shmmax": "12345678"}})
        self.assertEqual(out, "h1\nd1\n12345678\n")
        for key in ("kernel.core_pattern", "vm.swappiness", "net..x",
                    "net/../kernel/core_pattern"):
            with self.assertRaises(guests.RpcError) as caught:
                G.create(["true"], linux={"Sysctl": {key: "1"}})
            self.assertIn("linux.sysctl[", caught.exception.message)

    def test_refused(self):
        oci = G.pb["oci"]
        for linux, text in (
                ({"UIDMappings": [oci.LinuxIDMapping(Size=1)]},
                 "linux.uidMappings"),
                ({"Namespaces": [oci.LinuxNamespace(Type="user")]},
                 "linux.namespaces[0].type"),
                ({"Namespaces": [oci.LinuxNamespace(Type="pid", Path="/x")]},
                 "linux.namespaces[0].path"),
                ({"MountLabel": "x"}, "linux.mountLabel"),
                ({"Devices": [oci.LinuxDevice(Path="/dev/sda", Type="b",
                                              Major=8)]}, "linux.devices[0]"),
                ({"Resources": oci.LinuxResources(
                    Memory=oci.LinuxMemory(Kernel=1 << 20))},
                 "linux.resources.memory.kernel")):
            self.fails("UNIMPLEMENTED", text, G.create, ["true"], linux=linux)
        self.fails("UNIMPLEMENTED", "hooks", G.create, ["true"],
                   Hooks=oci.Hooks(Poststop=[oci.Hook(Path="/x")]))
        self.fails("UNIMPLEMENTED", "process.selinuxLabel", G.create, [],
                   process=G.process(["true"], SelinuxLabel="x"))

    def test_apparmor_is_noted(self):
        process = G.process(["true"], ApparmorProfile="some-profile")
        name, back = G.create([], process=process)
        self.assertEqual(back.apparmor_profile, "some-profile")
        G.call("RemoveContainer", container_id=name)

    def test_devices(self):
        caps = ["CAP_MKNOD", "CAP_SYS_ADMIN", "CAP_DAC_OVERRIDE"]
        script = "echo x > /dev/null; dd if=/dev/zero bs=1 count=1 2>/dev/null" \
            " | wc -c; mknod /dev/n c 229 0; " \
            "cat /dev/n 2>&1 | grep -c 'not permitted'; " \
            "mknod /dev/port c $(cat /sys/class/virtio-ports/vport1p1/dev " \
            "| tr : ' ') ; cat /dev/port 2>&1 | grep -c 'not permitted'"
        rootfs = G.new_rootfs()
        os.symlink("busybox", rootfs[1] + "/bin/tr")
        status, out, err = G.run([], rootfs=rootfs, process=G.process(
            ["sh", "-c", script.replace("vport1p1", "*p1")], caps=caps))
        self.assertEqual((status, out, err), (0, "1\n1\n1\n", ""))

    def test_device_rules(self):
        """Every form of a rule, the last one first. A number without a driver
        tells that the filter let it pass: ENXIO."""
        oci = G.pb["oci"]
        rules = [oci.LinuxDeviceCgroup(Allow=allow, Type=kind, Major=major,
                                       Minor=minor, Access=access)
                 for allow, kind, major, minor, access in (
                     (True, "c", 240, 7, "rwm"), (True, "c", 241, -1, "rwm"),
                     (False, "c", 241, 5, "rwm"), (True, "c", 242, 1, "r"),
                     (True, "b", 243, 2, "rwm"), (True, "c", -1, 99, "rwm"),
                     (True, "b", -1, -1, "r"), (False, "b", 244, -1, "w"),
                     # beyond any number: neither of them is 245:1 or 241:0
                     (True, "c", 244, (1 << 20) + 1, "rwm"),
                     (True, "c", 1 << 12 | 245, 1, "rwm"))]
        asked = [  # type, major, minor; may be read, may be written
            ("c", 240, 7, True, True), ("c", 240, 8, False, False),
            ("b", 240, 7, True, False), ("c", 241, 0, True, True),
            ("c", 241, 5, False, False), ("c", 242, 1, True, False),
            ("b", 243, 2, True, True), ("c", 243, 2, False, False),
            ("c", 250, 99, True, True), ("b", 250, 99, True, False),
            ("b", 244, 3, True, False), ("c", 244, 1, False, False),
            ("c", 245, 1, False, False), ("c", 1, 11, False, False)]
        script = "".join(
            f"mknod /dev/n {kind} {major} {minor}; true </dev/n; true >/dev/n; rm /dev/n; "
            for kind, major, minor, _, _ in asked)
        wanted = [may for one in asked for may in one[3:]]
        for first in ([oci.LinuxDeviceCgroup(Allow=False, Access="rwm")], []):
            _, _, err = G.run(
                [], process=G.process(["sh", "-c", script], caps=[
                    "CAP_MKNOD", "CAP_SYS_ADMIN", "CAP_DAC_OVERRIDE"]),
                linux={"Resources": oci.LinuxResources(Devices=first + rules)})
            lines = err.splitlines()
            self.assertEqual(len(lines), len(wanted), err)
            self.assertEqual(["not permitted" not in line for line in lines],
                             wanted, err)


class Hostile(Case):
    """An image or a running container against the agent."""

    def test_program_behind_a_descriptor(self):
        for n in range(3, 16):
            with self.assertRaises(guests.RpcError, msg=n):
                G.create(["/proc/self/fd/%d/self/exe" % n])

    def test_set_up_is_not_looked_into(self):
        name = self.start(["sh", "-c", "while :; do for p in /proc/[0-9]*; do "
                           "ls -l $p/exe $p/cwd $p/fd; done; done 2>/dev/null"])
        for _ in range(5):
            G.exec(name, ["true"])
        seen = G.call("ReadStdout", container_id=name, len=256 << 10).data
        self.assertIn(b"/bin/busybox", seen)
        for word in (b"/init", b"kata", b"anon_inode", b"/dev/console"):
            self.assertNotIn(word, seen)

    def test_destination_that_leads_into_proc(self):
        for target in ("/proc/sys", "/proc/self/attr", "../proc"):
            rootfs = G.new_rootfs()
            os.symlink(target, rootfs[1] + "/data")
            self.fails("PERMISSION_DENIED", "leads into a proc", G.create,
                       ["true"], rootfs=rootfs,
                       mounts=[("/data", "tmpfs", "t", [])])

    def test_exec_beside_nested_groups(self):
        mounts = [("/sys/fs/cgroup", "cgroup", "cgroup", ["rw"])]
        script = "cd /sys/fs/cgroup; mkdir -p a/b; echo 1 > a/b/cgroup.procs; " \
            "echo +pids > cgroup.subtree_control; echo up; exec sleep 100"
        name = self.start(["sh", "-c", script], mounts=mounts)
        self.assertEqual(G.call("ReadStdout", container_id=name, len=9).data,
                         b"up\n")
        self.assertEqual(G.exec(name, ["cat", "/proc/self/cgroup"])[1],
                         "0::/a/b\n")

    def test_deep_groups_are_removed(self):
        mounts = [("/sys/fs/cgroup", "cgroup", "cgroup", ["rw"])]
        script = "cd /sys/fs/cgroup; for i in $(seq 50); do " \
            "mkdir d 2>/dev/null && cd d || break; done; echo $i"
        rootfs = G.new_rootfs()
        for _ in range(2):
            self.assertEqual(self.shell(script, rootfs=rootfs, mounts=mounts),
                             "33\n")

    def test_survivors_write_for_ever(self):
        name = self.start(["sleep", "100"])
        status, out, _ = G.exec(name, ["sh", "-c", "yes & sleep 0.3; exit 6"])
        self.assertEqual(status, 6)
        self.assertIn("y\n", out)

    def test_exec_makes_no_directory(self):
        name = self.start(["sleep", "100"])
        self.fails("INTERNAL", "No such file or directory", G.exec, name,
                   ["true"], Cwd="/tmp/none")
        self.assertEqual(G.exec(name, ["ls", "/tmp"])[1], "")

    def test_stopped_before_start(self):
        name, _ = G.create(["sh", "-c", "exit 7"])
        for signal in (20, 19, 18):
            G.call("SignalProcess", container_id=name, signal=signal)
        G.call("StartContainer", container_id=name)
        self.assertEqual(G.collect(name, "", remove=True)[0], 7)

    def test_console_is_a_fifo(self):
        name, root = G.new_rootfs()
        os.makedirs(os.path.join(G.share, name, "dev"))
        for path in ("dev/console", "dev/pts/x"):
            os.makedirs(os.path.join(G.share, name, os.path.dirname(path)),
                        exist_ok=True)
            os.mkfifo(os.path.join(G.share, name, path))
        source = "%s/%s/dev" % (guests.SHARE, name)
        spec = G.spec(name, [], process=G.process(["true"], Terminal=True))
        for mount in spec.Mounts:
            if mount.destination == "/dev":
                mount.type, mount.source = "bind", source
                del mount.options[:]
                mount.options.append("rbind")
        self.fails("INTERNAL", "console", G.call, "CreateContainer", 10,
                   container_id=name, OCI=spec)


class Limits(Case):
    def test_files(self):
        oci = G.pb["oci"]
        resources = oci.LinuxResources(
            Memory=oci.LinuxMemory(Limit=64 << 20, Swap=64 << 20,
                                   Reservation=32 << 20),
            CPU=oci.LinuxCPU(Shares=1024, Quota=50000, Period=100000,
                             Cpus="0"),
            Pids=oci.LinuxPids(Limit=20), Unified={"memory.high": "50000000"},
            Devices=[oci.LinuxDeviceCgroup(Allow=False, Access="rwm")])
        name, back = G.create(
            ["sh", "-c", "cd /sys/fs/cgroup; cat memory.max memory.low "
             "memory.high cpu.max cpu.weight pids.max cpuset.cpus; "
             "cat /proc/self/cgroup"], linux={"Resources": resources})
        self.assertEqual((back.memory_max, back.pids_max, back.cpu_quota,
                          back.cpu_period), (64 << 20, 20, 50000, 100000))
        G.call("StartContainer", container_id=name)
        out = G.collect(name, "", remove=True)[1]
        self.assertEqual(out.split("\n")[:8], [
            "67108864", "33554432", "49999872", "50000 100000", "39", "20",
            "0", "0::/"])

    def test_pids(self):
        oci = G.pb["oci"]
        resources = oci.LinuxResources(Pids=oci.LinuxPids(Limit=5))
        err = G.run(["sh", "-c", "for i in 1 2 3 4 5 6 7; do sleep 1 & done"],
                    linux={"Resources": resources})[2]
        self.assertIn("can't fork", err)

    def test_memory(self):
        oci = G.pb["oci"]
        resources = oci.LinuxResources(Memory=oci.LinuxMemory(Limit=16 << 20))
        status = G.run(["dd", "if=/dev/zero", "of=/dev/shm/x", "bs=1M",
                        "count=40"], linux={"Resources": resources},
                       mounts=[("/dev/shm", "tmpfs", "x", ["size=100m"])])[0]
        self.assertEqual(status, 137)

    def test_limits_hold_inside(self):
        oci = G.pb["oci"]
        resources = oci.LinuxResources(Pids=oci.LinuxPids(Limit=20))
        mounts = [("/sys/fs/cgroup", "cgroup", "cgroup", ["rw"])]
        out = self.shell("echo max 2>/dev/null > /sys/fs/cgroup/pids.max || "
                         "echo kept; mkdir /sys/fs/cgroup/sub",
                         linux={"Resources": resources}, mounts=mounts)
        self.assertEqual(out, "kept\n")


class Network(Case):
    def test_all(self):
        types, agent = G.pb["types"], G.pb["agent"]
        ip = types.IPAddress
        wanted = types.Interface(
            name="eth7", hwAddr="02:11:22:33:44:55", mtu=1400, device="eth7",
            IPAddresses=[ip(address="10.9.8.7", mask="24"),
                         ip(family=1, address="fd00::7", mask="64")])
        for _ in range(2):
            G.call("UpdateInterface", interface=wanted)
        routes = agent.Routes(Routes=[
            types.Route(gateway="10.9.8.1", device="eth7"),
            types.Route(dest="10.10.0.0/16", device="eth7", scope=253)])
        for _ in range(2):
            G.call("UpdateRoutes", routes=routes)
        G.call("AddARPNeighbors", neighbors=agent.ARPNeighbors(ARPNeighbors=[
            types.ARPNeighbor(toIPAddress=ip(address="10.9.8.1"), device="eth7",
                              lladdr="02:00:00:00:00:99", state=0x80)]))
        out = self.shell("ip addr; ip route; ip neigh")
        for text in ("eth7", "02:11:22:33:44:55", "mtu 1400", "10.9.8.7/24",
                     "fd00::7/64", "default via 10.9.8.1", "10.10.0.0/16",
                     "02:00:00:00:00:99", "127.0.0.1/8"):
            self.assertIn(text, out)
        names = [i.name for i in G.call("ListInterfaces").Interfaces]
        self.assertEqual(sorted(names), ["eth7", "lo"])
        gateways = [r.gateway for r in G.call("ListRoutes").Routes]
        self.assertIn("10.9.8.1", gateways)
        wanted.IPAddresses[0].address = "10.9.8.9"
        G.call("UpdateInterface", interface=wanted)
        out = self.shell("ip addr")
        self.assertIn("10.9.8.9/24", out)
        self.assertNotIn("10.9.8.7/24", out)
        wanted.hwAddr = "nonsense"
        self.fails("INVALID_ARGUMENT", "hwAddr", G.call, "UpdateInterface",
                   interface=wanted)


class LastWords(Case):
    """Guests of their own, because they end them."""

    def end_of(self, act):
        other = guests.Guest()
        try:
            other.health("Check", 60)
            act(other)
            self.assertEqual(other.qemu.wait(30), 0)
            return other.console_text()
        finally:
            other.close()

    def test_host_hangs_up(self):
        self.end_of(lambda g: (g.client.sock.shutdown(2)))

    def test_all_memory_is_used(self):
        other = self.ready()
        mounts = [("/dev/shm", "tmpfs", "x", ["size=1g"])]
        status, _, _ = other.run(["dd", "if=/dev/zero", "of=/dev/shm/x",
                                  "bs=1M"], mounts=mounts)
        self.assertEqual(status, 137)
        self.assertEqual(other.run(["sh", "-c", "exit 3"])[0], 3)

    def test_fork_bomb_without_limit(self):
        other = self.ready()
        name, _ = other.create(["sh", "-c", "f() { f | f & f; }; f"])
        other.call("StartContainer", container_id=name)
        time.sleep(4)
        other.health("Check")
        other.call("RemoveContainer", container_id=name, timeout=60)
        self.assertEqual(other.run(["sh", "-c", "exit 3"])[0], 3)

    def test_broken_frame(self):
        text = self.end_of(lambda g: g.client.send_raw(
            struct.pack(">IIBB", 5 << 20, 1, 1, 0)))
        self.assertIn("bad frame", text)


if __name__ == "__main__":
    for tool in ("protoc", "qemu-system-x86_64", "busybox"):
        if not shutil.which(tool):
            print("skip: no %s" % tool)
            sys.exit(77)
    try:
        tests = unittest.main(verbosity=2, exit=False)
    finally:
        end()
    sys.exit(not tests.result.wasSuccessful())
