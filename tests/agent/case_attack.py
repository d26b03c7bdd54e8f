# SPDX-License-Identifier: Apache-2.0
"""A container with CAP_SYS_PTRACE against the execs of its own sandbox."""
import os
import shutil
import subprocess
import time

import guest as guests
from case import Case, G

CAPS = ["CAP_SYS_PTRACE", "CAP_KILL", "CAP_SETUID", "CAP_DAC_OVERRIDE"]
EXECS = int(os.environ.get("EXECS", 16))
SECRET = "the-word-" + "of-another-container"


def attacker():
    """The program, built once into the share."""
    path = os.path.join(G.share, "attack")
    if not os.path.exists(path):
        source = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                              "attack.c")
        subprocess.run(["cc", "-static", "-O2", "-D_GNU_SOURCE", "-Wall",
                        "-Werror", "-o", path, source], check=True)
    return path


class Ptrace(Case):
    def setUp(self):
        if not shutil.which("cc"):
            self.skipTest("no C compiler")
        self.seen = b""

    def attack(self, linux=None, new_privs=False, terminal=False, caps=None,
               by_exec=False):
        """Runs execs under attack; returns what the attacker printed."""
        name, root = G.new_rootfs()
        os.link(attacker(), os.path.join(root, "bin/attack"))
        extra = {"caps": CAPS if caps is None else caps,
                 "NoNewPrivileges": not new_privs}
        first = ["sleep", "1000"] if by_exec else ["attack", SECRET]
        self.start([], rootfs=(name, root), linux=linux, process=G.process(
            first, **(dict(extra, caps=["CAP_KILL"]) if by_exec else extra)))
        ident = {"container_id": name}
        if by_exec:
            ident["exec_id"] = "attack"
            G.call("ExecProcess", process=G.process(["attack", SECRET],
                                                    **extra), **ident)
        self.seen = G.call("ReadStdout", len=4096, **ident).data
        self.assertIn(b"up ", self.seen)
        for i in range(EXECS):
            exec_id = "a%d" % i
            held = i % 2 == 1  # a longer time in sight
            G.call("ExecProcess", container_id=name, exec_id=exec_id, hold=held,
                   process=G.process(["true"], Terminal=terminal, **extra))
            if held:
                G.call("StartContainer", container_id=name, exec_id=exec_id)
            # Whatever the attacker does to it: it ends, and is told.
            status = G.collect(name, exec_id, terminal=terminal)[0]
            self.assertEqual(status, 0)
        pending = G.begin("ReadStdout", len=1 << 18, **ident)
        try:
            self.seen += G.end(pending, 2).data
        except TimeoutError:
            pass
        return self.seen.decode()

    def check(self, seen):
        lines = seen.split("\n")
        self.assertEqual([l for l in lines if l.startswith("MORE")], [], seen)
        self.assertEqual([l for l in lines if l.startswith("FOUND")], [], seen)
        # It did catch some: an attacker that sees nothing proves nothing.
        caught = [l for l in lines if l.startswith("caught")]
        print("  caught %d of %d" % (len(caught), EXECS))
        self.assertGreater(len(caught), EXECS // 8, seen)

    def profile(self):
        oci = G.pb["oci"]
        return {"Seccomp": oci.LinuxSeccomp(
            DefaultAction="SCMP_ACT_ALLOW", Syscalls=[oci.LinuxSyscall(
                Names=["clone3", "keyctl", "mount"], Action="SCMP_ACT_ERRNO",
                errnoret=38)])}

    def test_without_filter(self):
        other, _ = G.create(["sleep", "100"], process=G.process(
            ["sleep", "100"], Env=["PATH=/bin", "SECRET=" + SECRET]))
        self.addCleanup(G.call, "RemoveContainer", container_id=other)
        self.check(self.attack())

    def test_after_output(self):
        """What another container printed is not in what it catches."""
        out = G.run(["sh", "-c", "yes %s | head -n 8000" % SECRET])[1]
        self.assertGreater(len(out), 1 << 17)
        self.check(self.attack())

    def test_endless_report(self):
        """Whoever writes in the process's place is cut off."""
        root = G.new_rootfs()
        os.link(attacker(), os.path.join(root[1], "bin/attack"))
        name = self.start([], rootfs=root,
                          process=G.process(["attack", "-w"], caps=CAPS))
        self.seen = G.call("ReadStdout", container_id=name, len=3).data
        before = Direct.figure(self, "open")
        caught = 0
        for i in range(4):
            pending = G.begin("ExecProcess", container_id=name,
                              exec_id="w%d" % i,
                              process=G.process(["true"], caps=CAPS))
            self.assertEqual(G.health("Check", 10).status, 1)
            try:
                G.end(pending, 10)
                G.collect(name, "w%d" % i)
            except guests.RpcError as error:
                self.assertIn("set-up", error.message)
                caught += 1
        self.assertGreater(caught, 0)
        self.assertEqual(Direct.figure(self, "open"), before)

    def test_with_filter(self):
        self.check(self.attack(self.profile()))

    def test_with_filter_and_new_privileges(self):
        self.check(self.attack(self.profile(), new_privs=True))

    def test_by_an_exec_with_more_rights(self):
        self.check(self.attack(by_exec=True))

    def test_without_the_capability(self):
        """The kernel lets it look into no process before its exec."""
        seen = self.attack(caps=[c for c in CAPS if c != "CAP_SYS_PTRACE"])
        for word in ("caught", "MORE", "FOUND"):
            self.assertNotIn(word, seen)
        self.assertIn("late", seen)

    def test_with_terminal(self):
        self.check(self.attack(self.profile(), terminal=True))


class Siblings(Case):
    def test_children_without_end(self):
        """Each is the agent's to reap; it has other things to do."""
        if not shutil.which("cc"):
            self.skipTest("no C compiler")
        other = guests.Guest(cpus=2)
        self.addCleanup(other.close)
        storage = other.pb["agent"].Storage(
            driver="virtio-fs", source="kataShared", fstype="virtiofs",
            mount_point=guests.SHARE)
        other.health("Check", 60)
        other.call("CreateSandbox", sandbox_id="s1", storages=[storage])
        root = other.new_rootfs()
        shutil.copy(attacker(), os.path.join(root[1], "bin/attack"))
        name, _ = other.create(["sleep", "1000"], rootfs=root)
        other.call("StartContainer", container_id=name)
        for i in range(4):
            other.call("ExecProcess", container_id=name, exec_id="bomb%d" % i,
                       process=other.process(["attack", "-c"]))
        worst = 0
        for _ in range(50):
            start = time.monotonic()
            other.health("Check", 10)
            worst = max(worst, time.monotonic() - start)
        print("  worst answer: %.0f ms" % (worst * 1000))
        self.assertEqual(other.exec(name, ["echo", "x"])[1], "x\n")
        other.call("RemoveContainer", container_id=name, timeout=60)
        self.assertEqual(other.run(["sh", "-c", "exit 3"])[0], 3)


class Steps:
    """What must hold however an exec is born."""
    extra = {}

    def sleeper(self, **extra):
        return self.start([], process=G.process(["sleep", "1000"],
                                                **self.extra), **extra)

    def exec(self, name, args, **extra):
        return G.exec(name, args, **dict(self.extra, **extra))

    def begin(self, name, exec_id):
        return G.begin("ExecProcess", container_id=name, exec_id=exec_id,
                       process=G.process(["sleep", "100"], **self.extra))

    def count(self, name):
        stats = G.call("StatsContainer", container_id=name)
        return stats.cgroup_stats.pids_stats.current

    def test_limit_of_one_process(self):
        oci = G.pb["oci"]
        name = self.sleeper()
        limits = [oci.POSIXRlimit(Type="RLIMIT_NPROC", Soft=1, Hard=1)]
        user = oci.User(UID=1234, GID=1234)
        for _ in range(3):
            out = self.exec(name, ["grep", "processes", "/proc/self/limits"],
                            Rlimits=limits, User=user)[1].split()
            self.assertEqual(out[2:4], ["1", "1"])
        err = self.exec(name, ["sh", "-c", "sleep 0 & wait"], Rlimits=limits,
                        User=user, caps=["CAP_KILL"])[2]
        self.assertIn("can't fork", err)
        inherited = self.exec(name, ["cat", "/proc/self/limits"])[1]
        self.assertEqual(inherited, G.run(["cat", "/proc/self/limits"])[1])
        files = [l for l in inherited.split("\n") if "open files" in l]
        self.assertEqual(files[0].split()[3:5], ["1024", "4096"])

    def test_session_of_its_own(self):
        name = self.sleeper()
        out = self.exec(name, ["cat", "/proc/self/stat"])[1].split()
        pid, parent, group, session = out[0], out[3], out[4], out[5]
        self.assertEqual((parent, group, session), ("0", pid, pid))

    def test_full_of_processes(self):
        oci = G.pb["oci"]
        resources = oci.LinuxResources(Pids=oci.LinuxPids(Limit=1))
        name = self.sleeper(linux={"Resources": resources})
        for _ in range(3):
            self.fails("INTERNAL", "Resource temporarily unavailable",
                       self.exec, name, ["true"])
        self.assertEqual(self.count(name), 1)

    def test_killed_in_the_middle(self):
        """Ends at every moment leave no process and no group behind."""
        name, _ = G.create([], process=G.process(["sleep", "1000"],
                                                 **self.extra))
        G.call("StartContainer", container_id=name)
        for i in range(16):
            pending = self.begin(name, "k%d" % i)
            time.sleep(0.002 * i)
            try:
                G.call("SignalProcess", container_id=name, exec_id="k%d" % i,
                       signal=9)
            except guests.RpcError as error:
                self.assertEqual(guests.CODES[error.code], "NOT_FOUND")
            try:
                G.end(pending)
                status = G.call("WaitProcess", container_id=name,
                                exec_id="k%d" % i).status
                self.assertEqual(status, 137)
            except guests.RpcError as error:
                self.assertIn("signal 9", error.message)
        self.assertEqual(self.count(name), 1)
        calls = [self.begin(name, "l%d" % i) for i in range(8)]
        G.call("RemoveContainer", container_id=name)
        for call in calls:
            try:
                G.end(call)
            except guests.RpcError:
                pass
        # Its cgroup is gone, or the name could not be used again.
        G.call("CreateContainer", container_id=name, OCI=G.spec(name, ["true"]))
        G.call("RemoveContainer", container_id=name)

    def test_speed(self):
        name = self.sleeper()
        spent = []
        for i in range(15):
            start = time.monotonic()
            G.call("ExecProcess", container_id=name, exec_id="s%d" % i,
                   process=G.process(["true"], **self.extra))
            spent.append(time.monotonic() - start)
            G.collect(name, "s%d" % i)
        spent.sort()
        print("  ExecProcess: median %.1f ms, best %.1f ms"
              % (spent[7] * 1000, spent[0] * 1000))


class Direct(Steps, Case):
    """Where nobody in the container may look into others."""

    def test_clone_is_not_needed(self):
        oci = G.pb["oci"]
        profile = oci.LinuxSeccomp(
            DefaultAction="SCMP_ACT_ALLOW", Syscalls=[oci.LinuxSyscall(
                Names=["clone", "setsid"], Action="SCMP_ACT_ERRNO",
                errnoret=1)])
        name = self.sleeper(linux={"Seccomp": profile})
        self.assertEqual(self.exec(name, ["echo", "x"])[1], "x\n")

    def stopped(self, name):
        """A call of an exec that the container stops before its program."""
        for i in range(8):
            pending = self.begin(name, "stopped%d" % i)
            try:
                G.end(pending, 1)
            except TimeoutError:
                return pending, "stopped%d" % i
            G.call("WriteStdin", container_id=name, data=b"\n")
        self.fail("nothing was stopped in time")

    def test_none_becomes_prey(self):
        """An exec begun where none could look, then one that could."""
        if not shutil.which("cc"):
            self.skipTest("no C compiler")
        root = G.new_rootfs()
        os.link(attacker(), os.path.join(root[1], "bin/attack"))
        name = self.start(["attack", "-s"], rootfs=root)
        self.assertEqual(G.call("ReadStdout", container_id=name, len=9).data,
                         b"up\n")
        pending, exec_id = self.stopped(name)
        self.fails("FAILED_PRECONDITION", "set up", G.exec, name, ["true"],
                   caps=CAPS)
        G.call("SignalProcess", container_id=name, exec_id=exec_id, signal=9)
        self.fails("INTERNAL", "signal 9", G.end, pending)
        self.assertEqual(G.exec(name, ["true"], caps=CAPS)[0], 0)

    def figure(self, name):
        for line in G.call("GetMetrics").metrics.splitlines():
            if line.startswith("kata_agent_process_%s_fds " % name):
                return int(line.split()[1])

    def test_descriptors(self):
        """As many as the most containers need, and they are given back."""
        before = self.figure("open")
        name = self.sleeper()
        for i in range(8):
            G.end(self.begin(name, "d%d" % i))
        each = (self.figure("open") - before) / 9
        self.assertLess(each, 8)
        # 256 containers, with 15 processes each besides the init.
        self.assertGreater(self.figure("max"), 256 * 16 * each)
        self.doCleanups()
        self.assertEqual(self.figure("open"), before)


class Helper(Steps, Case):
    """Where somebody may."""
    extra = {"caps": CAPS}

    def test_profile_that_forbids_clone(self):
        oci = G.pb["oci"]
        profile = oci.LinuxSeccomp(
            DefaultAction="SCMP_ACT_ALLOW", Syscalls=[oci.LinuxSyscall(
                Names=["clone"], Action="SCMP_ACT_ERRNO", errnoret=1)])
        name = self.sleeper(linux={"Seccomp": profile})
        self.fails("PERMISSION_DENIED", "clone the process", self.exec, name,
                   ["true"])
        self.fails("NOT_FOUND", "no such process", G.call, "WaitProcess",
                   container_id=name, exec_id="x%d" % G.count)
