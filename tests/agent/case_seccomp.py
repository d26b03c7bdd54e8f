# SPDX-License-Identifier: Apache-2.0
"""What filters do in the guest: the floor, and an engine's profile by the letter."""
import errno
import os
import shutil
import subprocess

from case import Case, G

READ, MKDIR, KEYCTL, GETPID, UNAME, SYNC = 0, 83, 250, 39, 63, 162
SOCKET, IOCTL, BPF, PERSONALITY, PRIORITY = 41, 16, 321, 135, 140
X32 = 0x40000000
ALL_CAPS = ["CAP_" + n for n in (
    "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID "
    "SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW "
    "IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT "
    "SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD "
    "LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG "
    "WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF "
    "CHECKPOINT_RESTORE").split()]


def program(name):
    path = os.path.join(G.share, name)
    if not os.path.exists(path):
        source = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                              name + ".c")
        subprocess.run(["cc", "-static", "-O2", "-D_GNU_SOURCE", "-Wall",
                        "-Werror", "-o", path, source], check=True)
    return path


class Calls(Case):
    """Containers whose program makes system calls by number."""

    def setUp(self):
        if not shutil.which("cc"):
            self.skipTest("no C compiler")

    def rootfs(self):
        name, root = G.new_rootfs()
        for part in ("calls", "devices"):
            os.link(program(part), os.path.join(root, "bin", part))
        return name, root

    def calls(self, *calls, linux=None, **extra):
        """{number: what came of it} by a container's init."""
        status, out, err = G.run([], rootfs=self.rootfs(), linux=linux,
                                 process=G.process(["calls", *calls], **extra))
        self.assertEqual((status, err), (0, ""))
        return self.read(out)

    @staticmethod
    def read(out):
        pairs = [line.split("=", 1) for line in out.splitlines()]
        return [(int(nr), int(r) if r.isdigit() else r) for nr, r in pairs]

    def results(self, *calls, **extra):
        return [r for _, r in self.calls(*calls, **extra)]

    @staticmethod
    def profile(*rules, default="SCMP_ACT_ALLOW", **more):
        oci = G.pb["oci"]
        return {"Seccomp": oci.LinuxSeccomp(
            DefaultAction=default, Architectures=["SCMP_ARCH_X86_64"],
            Syscalls=[oci.LinuxSyscall(**r) for r in rules], **more)}

    @staticmethod
    def arg(index, value, op, two=0):
        return G.pb["oci"].LinuxSeccompArg(Index=index, Value=value,
                                           ValueTwo=two, Op="SCMP_CMP_" + op)


class Floor(Calls):
    """Holds without a profile and with every capability."""
    DENIED = ["175", "313", "176", "246", "320", "167", "163", "172", "173",
              "298", "323", "%d:16:0x5412" % IOCTL, "%d:0:0x5412" % IOCTL,
              "%d:0:0x100005412" % IOCTL, "%d:0:0x541c" % IOCTL,
              "%d:13" % BPF, "%d:30" % BPF]
    FAMILIES = ["%d:38:2" % SOCKET, "%d:40:1" % SOCKET,
                "%d:0x100000028:1" % SOCKET]

    def check(self, **extra):
        extra.setdefault("NoNewPrivileges", False)
        self.assertEqual(self.results(*self.DENIED, caps=ALL_CAPS, **extra),
                         [errno.EPERM] * len(self.DENIED))
        self.assertEqual(self.results(*self.FAMILIES, caps=ALL_CAPS, **extra),
                         [errno.EAFNOSUPPORT] * len(self.FAMILIES))
        self.assertEqual(self.results("425", "426", caps=ALL_CAPS, **extra),
                         [errno.ENOSYS] * 2)
        # x32 has the number of a native call with a bit on top
        self.assertEqual(self.results(str(X32 | GETPID), caps=ALL_CAPS,
                                      **extra), ["SIG 31"])

    def test_unconfined(self):
        self.check()

    def test_unconfined_with_no_new_privs(self):
        self.check(NoNewPrivileges=True)

    def test_under_a_profile_that_allows_all(self):
        self.check(linux=self.profile())

    def test_under_a_profile_that_only_logs(self):
        self.check(linux=self.profile(default="SCMP_ACT_LOG"))

    def test_what_stays(self):
        """mount, a user namespace, keys: as before."""
        got = self.results("165:0:0:0", "272:0x10000000", "250:0:-3:0",
                           "%d:0:0x5413" % IOCTL, "%d:1:1:0" % SOCKET,
                           caps=ALL_CAPS, NoNewPrivileges=False)
        self.assertEqual(got, [errno.EFAULT, 0, 0, errno.ENOTTY, 0])

    def test_exec(self):
        name = self.start(["sleep", "1000"], rootfs=self.rootfs())
        status, out, err = G.exec(name, ["calls", *self.FAMILIES, "323"])
        self.assertEqual((status, err), (0, ""))
        self.assertEqual([r for _, r in self.read(out)],
                         [errno.EAFNOSUPPORT] * 3 + [errno.EPERM])

    def test_reported(self):
        every = {"Resources": G.pb["oci"].LinuxResources(Devices=[
            G.pb["oci"].LinuxDeviceCgroup(Allow=True, Major=-1, Minor=-1)])}
        for linux, filters in ((None, 2), (self.profile(), 3), (every, 1),
                               (dict(every, **self.profile()), 2)):
            name, back = G.create(["true"], linux=linux)
            self.assertEqual((back.seccomp_mode, back.seccomp_filters),
                             (2, filters))
            G.call("RemoveContainer", container_id=name)


class Letter(Calls):
    """Actions, numbers, comparisons, flags of a profile."""

    def test_actions(self):
        """TRACE without a tracer is ENOSYS; LOG lets through."""
        for action, want in (("ALLOW", 0), ("LOG", 0), ("ERRNO", errno.EPERM),
                             ("KILL", "SIG 31"), ("KILL_THREAD", "SIG 31"),
                             ("KILL_PROCESS", "SIG 31"), ("TRAP", "SIG 31"),
                             ("TRACE", errno.ENOSYS)):
            linux = self.profile({"Names": ["sync"],
                                  "Action": "SCMP_ACT_" + action})
            if action == "ALLOW":
                linux["Seccomp"].DefaultAction = "SCMP_ACT_LOG"
            with self.subTest(action):
                self.assertEqual(self.results(str(SYNC), linux=linux), [want])

    def test_errno_values(self):
        linux = self.profile(
            {"Names": ["sync"], "Action": "SCMP_ACT_ERRNO", "errnoret": 75},
            {"Names": ["mkdir"], "Action": "SCMP_ACT_ERRNO"},
            {"Names": ["uname"], "Action": "SCMP_ACT_ERRNO", "errnoret": 0})
        self.assertEqual(self.results(str(SYNC), str(MKDIR), str(UNAME),
                                      linux=linux), [75, errno.EPERM, 0])

    def test_comparisons(self):
        """On 64 bits, high ones included."""
        high = 1 << 40
        for op, value, two, hits, misses in (
                ("EQ", high | 5, 0, [high | 5], [5, high, high | 6]),
                ("NE", high | 5, 0, [5, high], [high | 5]),
                ("LT", high, 0, [high - 1, 0], [high, high + 1]),
                ("LE", high, 0, [high, 1], [high + 1]),
                ("GT", high, 0, [high + 1, 1 << 63], [high, 1]),
                ("GE", high, 0, [high, high + 1], [high - 1]),
                ("MASKED_EQ", high | 1, high, [high, high | 2],
                 [0, high | 1])):
            linux = self.profile({
                "Names": ["getpid"], "Action": "SCMP_ACT_ERRNO",
                "errnoret": 75, "Args": [self.arg(1, value, op, two)]})
            with self.subTest(op):
                got = self.results(*["%d:0:%d" % (GETPID, v)
                                     for v in hits + misses], linux=linux)
                self.assertEqual(got, [75] * len(hits) + [0] * len(misses))

    def test_two_arguments_are_both_asked(self):
        linux = self.profile({
            "Names": ["getpid"], "Action": "SCMP_ACT_ERRNO", "errnoret": 75,
            "Args": [self.arg(0, 1, "EQ"), self.arg(5, 2, "EQ")]})
        self.assertEqual(
            self.results("%d:1:0:0:0:0:2" % GETPID, "%d:1" % GETPID,
                         "%d:0:0:0:0:0:2" % GETPID, linux=linux), [75, 0, 0])

    def test_foreign_architectures(self):
        """Named or not: the guest's kernel has no entry, the filter kills."""
        for archs in ([], ["SCMP_ARCH_X86_64"], ["SCMP_ARCH_X86"],
                      ["SCMP_ARCH_X86", "SCMP_ARCH_X32"]):
            linux = self.profile()
            linux["Seccomp"].ClearField("Architectures")
            linux["Seccomp"].Architectures.extend(archs)
            with self.subTest(archs):
                self.assertEqual(self.results(str(X32 | GETPID), str(GETPID),
                                              linux=linux), ["SIG 31", 0])

    def test_flags(self):
        for flag in ("TSYNC", "LOG", "SPEC_ALLOW"):
            linux = self.profile(
                {"Names": ["sync"], "Action": "SCMP_ACT_ERRNO"},
                Flags=["SECCOMP_FILTER_FLAG_" + flag])
            with self.subTest(flag):
                self.assertEqual(self.results(str(SYNC), linux=linux),
                                 [errno.EPERM])
        self.fails("UNIMPLEMENTED", "linux.seccomp.flags[0]", G.create,
                   ["true"], linux=self.profile(
                       Flags=["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"]))

    def test_listener(self):
        for linux in (self.profile(default="SCMP_ACT_NOTIFY"),
                      self.profile({"Names": ["sync"],
                                    "Action": "SCMP_ACT_NOTIFY"})):
            self.fails("UNIMPLEMENTED", "SCMP_ACT_NOTIFY", G.create, ["true"],
                       linux=linux)

    def test_too_long(self):
        """4096 instructions are the kernel's limit; the agent grows by it."""
        other = self.ready()
        args = [{"Names": ["getpid"], "Action": "SCMP_ACT_ERRNO",
                 "Args": [self.arg(0, i << 33 | i, "EQ"),
                          self.arg(1, i << 34 | i, "EQ")]}
                for i in range(1, 1200)]
        self.fails("INTERNAL", "linux.seccomp: the filter", other.create,
                   ["true"],
                   linux=self.profile(*args))

    def test_unknown_names(self):
        """Named in the answer; what denies by such a name apart."""
        linux = self.profile(
            {"Names": ["no_such_call", "sync"], "Action": "SCMP_ACT_ERRNO"},
            {"Names": ["nor_this"], "Action": "SCMP_ACT_LOG"})
        name, back = G.create(["true"], linux=linux)
        self.assertEqual(list(back.seccomp_unknown),
                         ["no_such_call", "nor_this"])
        self.assertEqual(list(back.seccomp_unknown_denied), ["no_such_call"])
        G.call("RemoveContainer", container_id=name)
        linux = self.profile(
            {"Names": ["no_such_call", "exit_group"],
             "Action": "SCMP_ACT_ALLOW"}, default="SCMP_ACT_LOG")
        name, back = G.create(["true"], linux=linux)
        self.assertEqual((list(back.seccomp_unknown),
                          list(back.seccomp_unknown_denied)),
                         (["no_such_call"], []))
        G.call("RemoveContainer", container_id=name)

    def test_no_new_privs_off_as_a_user(self):
        """The filter is loaded before capabilities go; all of them do."""
        user = G.pb["oci"].User(UID=1000, GID=1000)
        linux = self.profile({"Names": ["sync"], "Action": "SCMP_ACT_ERRNO"})
        name, back = G.create([], rootfs=self.rootfs(), linux=linux,
                              process=G.process(["calls", str(SYNC)],
                                                User=user, caps=[],
                                                NoNewPrivileges=False))
        self.assertEqual((back.no_new_privs, back.seccomp_filters, back.uid,
                          back.cap_permitted, back.cap_bounding),
                         (0, 3, 1000, 0, 0))
        G.call("StartContainer", container_id=name)
        self.assertEqual(self.read(G.collect(name, "", remove=True)[1]),
                         [(SYNC, errno.EPERM)])

    def test_exec_has_the_same(self):
        """Ids, groups, capabilities, filters: /proc/self/status of both."""
        oci = G.pb["oci"]
        extra = {"User": oci.User(UID=7, GID=8, AdditionalGids=[3, 9])}
        linux = self.profile({"Names": ["sync"], "Action": "SCMP_ACT_ERRNO"})
        show = ["grep", "-E", "^(Uid|Gid|Groups|Cap|NoNew|Secc|Umask)",
                "/proc/self/status"]
        name, _ = G.create([], rootfs=self.rootfs(), linux=linux,
                           process=G.process(
                               ["sh", "-c", "%s; sleep 1000" % " ".join(
                                   "'%s'" % w for w in show)], **extra))
        self.addCleanup(G.call, "RemoveContainer", container_id=name)
        G.call("StartContainer", container_id=name)
        first = b""
        while first.count(b"\n") < 12:
            first += G.call("ReadStdout", container_id=name, len=65536).data
        status, out, err = G.exec(name, show, **extra)
        self.assertEqual((status, err), (0, ""))
        self.assertEqual(out, first.decode())
        self.assertEqual(self.read(G.exec(name, ["calls", str(SYNC)])[1]),
                         [(SYNC, errno.EPERM)])
