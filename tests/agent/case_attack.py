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

    def attack(self, linux=None, new_privs=False, terminal=False):
        """Runs execs under attack; returns what the attacker printed."""
        name, root = G.new_rootfs()
        os.link(attacker(), os.path.join(root, "bin/attack"))
        extra = {"caps": CAPS, "NoNewPrivileges": not new_privs}
        self.start([], rootfs=(name, root), linux=linux,
                   process=G.process(["attack", SECRET], **extra))
        self.seen = G.call("ReadStdout", container_id=name, len=4096).data
        self.assertIn(b"up ", self.seen)
        for i in range(EXECS):
            exec_id = "a%d" % i
            G.call("ExecProcess", container_id=name, exec_id=exec_id,
                   process=G.process(["true"], Terminal=terminal, **extra))
            # Whatever the attacker does to it: it ends, and is told.
            status = G.collect(name, exec_id, terminal=terminal)[0]
            self.assertEqual(status, 0)
        pending = G.begin("ReadStdout", container_id=name, len=1 << 18)
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

    def test_with_filter(self):
        self.check(self.attack(self.profile()))

    def test_with_filter_and_new_privileges(self):
        self.check(self.attack(self.profile(), new_privs=True))

    def test_with_terminal(self):
        self.check(self.attack(self.profile(), terminal=True))


class Helper(Case):
    """What the two steps of an exec must not change."""

    def test_speed(self):
        name = self.start(["sleep", "100"])
        spent = []
        for i in range(15):
            start = time.monotonic()
            G.call("ExecProcess", container_id=name, exec_id="s%d" % i,
                   process=G.process(["true"]))
            spent.append(time.monotonic() - start)
            G.collect(name, "s%d" % i)
        spent.sort()
        print("  ExecProcess: median %.1f ms, best %.1f ms"
              % (spent[7] * 1000, spent[0] * 1000))

    def test_limit_of_one_process(self):
        oci = G.pb["oci"]
        name = self.start(["sleep", "100"])
        limits = [oci.POSIXRlimit(Type="RLIMIT_NPROC", Soft=1, Hard=1)]
        user = oci.User(UID=1234, GID=1234)
        out = G.exec(name, ["grep", "processes", "/proc/self/limits"],
                     Rlimits=limits, User=user)[1].split()
        self.assertEqual(out[2:4], ["1", "1"])
        err = G.exec(name, ["sh", "-c", "sleep 0 & wait"], Rlimits=limits,
                     User=user)[2]
        self.assertIn("can't fork", err)
        inherited = G.exec(name, ["cat", "/proc/self/limits"])[1]
        self.assertEqual(inherited, G.run(["cat", "/proc/self/limits"])[1])
        files = [l for l in inherited.split("\n") if "open files" in l]
        self.assertEqual(files[0].split()[3:5], ["1024", "4096"])

    def test_profile_that_forbids_clone(self):
        oci = G.pb["oci"]
        profile = oci.LinuxSeccomp(
            DefaultAction="SCMP_ACT_ALLOW", Syscalls=[oci.LinuxSyscall(
                Names=["clone"], Action="SCMP_ACT_ERRNO", errnoret=1)])
        name = self.start(["sleep", "100"], linux={"Seccomp": profile})
        self.fails("PERMISSION_DENIED", "clone the process", G.exec, name,
                   ["true"])
        self.fails("NOT_FOUND", "no such process", G.call, "WaitProcess",
                   container_id=name, exec_id="x%d" % G.count)

    def test_session_of_its_own(self):
        name = self.start(["sleep", "100"])
        out = G.exec(name, ["cat", "/proc/self/stat"])[1].split()
        pid, parent, group, session = out[0], out[3], out[4], out[5]
        self.assertEqual((parent, group, session), ("0", pid, pid))

    def test_full_of_processes(self):
        oci = G.pb["oci"]
        resources = oci.LinuxResources(Pids=oci.LinuxPids(Limit=2))
        name = self.start(["sh", "-c", "sleep 100 & sleep 100"],
                          linux={"Resources": resources})
        time.sleep(0.3)
        for _ in range(3):
            self.fails("INTERNAL", "Resource temporarily unavailable", G.exec,
                       name, ["true"])
        self.assertEqual(
            G.call("StatsContainer", container_id=name).cgroup_stats.
            pids_stats.current, 2)

    def test_many_descriptors(self):
        """More processes than 1024 descriptors could serve."""
        name = self.start(["sleep", "1000"])
        for i in range(280):
            G.call("ExecProcess", container_id=name, exec_id="d%d" % i,
                   process=G.process(["sleep", "1000"]))
        self.assertEqual(G.call("StatsContainer", container_id=name).
                         cgroup_stats.pids_stats.current, 281)

    def test_killed_in_the_middle(self):
        """Ends of every kind at every moment leave no process behind."""
        name, _ = G.create(["sleep", "1000"])
        G.call("StartContainer", container_id=name)
        for i in range(20):
            pending = G.begin("ExecProcess", container_id=name,
                              exec_id="k%d" % i,
                              process=G.process(["sleep", "100"]))
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
        self.assertEqual(G.call("StatsContainer", container_id=name).
                         cgroup_stats.pids_stats.current, 1)
        calls = [G.begin("ExecProcess", container_id=name, exec_id="l%d" % i,
                         process=G.process(["sleep", "100"]))
                 for i in range(8)]
        G.call("RemoveContainer", container_id=name)
        for call in calls:
            try:
                G.end(call)
            except guests.RpcError:
                pass
        # Its cgroup is gone, or the name could not be used again.
        spec = G.spec(name, ["true"])
        G.call("CreateContainer", container_id=name, OCI=spec)
        G.call("RemoveContainer", container_id=name)
