#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""kata-jail-exec and its rules on real kernels: this host's, the guest kernel
(6.1: Landlock ABI 2, and with Landlock off), and a newer one of Debian's (6.12:
ABI 6), each booted in QEMU without KVM and with an initrd of static programs.

usage: test_landlock.py BUILD-DIR
landlock-probe.c tries every attempt once freely and once under the rules. What
must come out follows from the ABI: EXPECTED says from which one on an attempt
is refused, and how. Needs QEMU and busybox-static; a kernel that cannot be had
is a skip with its reason.
"""
import ctypes
import json
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import small_vm  # noqa: E402
from small_vm import read  # noqa: E402

BUILD = "build"
TIMEOUT = 120
ABSTRACT = "\0kata-landlock-probe"
PROGRAM, READ, WRITE, DEVICE = 0x5, 0xC, 0x7FFE, 0x6

# attempt -> (ABI from which it is refused, errno), or None: never
EXPECTED = {
    "read_ro": None, "make_rw": None, "move_rw": None, "run_self": None, "signal_child": None,
    "write_ro": (1, "EACCES"), "make_ro": (1, "EACCES"), "read_other": (1, "EACCES"),
    "list_root": (1, "EACCES"), "run_rw": (1, "EACCES"), "run_jail_exec": (1, "EACCES"),
    "read_jail_exec": (1, "EACCES"), "cut_ro": (3, "EACCES"), "bind_tcp": (4, "EACCES"),
    "connect_tcp": (4, "EACCES"), "ask_device": (5, "EACCES"),
    "connect_abstract": (6, "EPERM"), "signal_other": (6, "EPERM"), "mount": (1, "EPERM"),
}
# What an attempt says where nothing refuses it; "ok" for the others.
# kata-jail-exec without its arguments ends with 125, the number of ECANCELED.
FREE = {"connect_tcp": "ECONNREFUSED", "run_jail_exec": "ECANCELED"}
ALLOW_ALL = struct.pack("<HBBI", 0x06, 0, 0, 0x7FFF0000)
KILL_ALL = struct.pack("<HBBI", 0x06, 0, 0, 0x80000000)


def words(least, *rules):
    text = [str(least)]
    for access, path in rules:
        text += ["%x" % access, path]
    return "".join(word + "\0" for word in text).encode()


def rules(top):
    return ((PROGRAM, f"{top}/landlock-probe"), (READ, f"{top}/ro"), (WRITE, f"{top}/rw"),
            (DEVICE, "/dev/ptmx"), (DEVICE, "/dev/pts"), (READ, f"{top}/nowhere"))


def expected(abi, attempt):
    """What comes out of an attempt under an ABI; 0: Landlock is absent."""
    rule = EXPECTED[attempt]
    return rule[1] if rule and abi >= rule[0] else FREE.get(attempt, "ok")


def parse(text):
    return dict(re.findall(r"^(\w+): (\w+)\r?$", text, re.M))


class Rules:
    """The tests of one kernel: what it said freely, under the rules, and with a
    rule set that asks for a later ABI than there is."""
    abi = None
    free, ruled, later, report, later_report = {}, {}, {}, "", ""

    def test_the_report_names_the_abi(self):
        self.assertEqual(self.report, f"landlock {self.abi}\n")

    def test_a_rule_set_for_a_later_abi_is_not_applied(self):
        self.assertEqual(self.later_report, "landlock 0\n")
        self.assertEqual(self.later, self.free)

    def test_the_tables_agree(self):
        """An attempt of the program without an expectation, or the reverse."""
        self.assertEqual(sorted(self.free), sorted(EXPECTED))

    def test_free(self):
        """Without the rules nothing of it is refused."""
        for attempt in EXPECTED:
            with self.subTest(attempt):
                self.assertEqual(self.free.get(attempt), expected(0, attempt))


def add_attempt(attempt):
    def test(self):
        self.assertEqual(self.ruled.get(attempt), expected(self.abi, attempt))
    setattr(Rules, f"test_ruled_{attempt}", test)


for one in EXPECTED:
    add_attempt(one)


# --- this host -------------------------------------------------------------------
def own_abi():
    return max(0, ctypes.CDLL(None).syscall(444, None, 0, 1))


FILES = {"ro/file": b"x", "rw/a/file": b"x", "secret": b"x"}
FOLDERS = ("ro", "rw", "rw/a", "rw/b")


def programs():
    probe = read(f"{BUILD}/security/landlock-probe")
    return {"landlock-probe": probe, "rw/program": probe,
            "kata-jail-exec": read(f"{BUILD}/libexec/kata/kata-jail-exec")}


def make_tree(top):
    for name in FOLDERS:
        os.mkdir(f"{top}/{name}")
    for name, data in {**FILES, **programs()}.items():
        with open(f"{top}/{name}", "wb") as file:
            file.write(data)
        os.chmod(f"{top}/{name}", 0o755)


def memfd(data):
    fd = os.memfd_create("x")
    os.write(fd, data)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


# Of namespaces of its own: it may mount there, as far as capabilities go.
AS_ROOT = ("unshare", "-U", "-m", "--map-root-user")


def call(*argv, **more):
    return subprocess.run([*AS_ROOT, *argv], capture_output=True, text=True, timeout=TIMEOUT,
                          check=False, **more)


def jail_exec(rule_set, *program, bpf=ALLOW_ALL, numbers=None):
    """What kata-jail-exec did, and its report."""
    out, into = os.pipe()
    fds = [memfd(rule_set), memfd(bpf), into]
    done = call(f"{BUILD}/libexec/kata/kata-jail-exec", *(numbers or map(str, fds)), *program,
                pass_fds=fds)
    for fd in fds:
        os.close(fd)
    with os.fdopen(out) as file:
        return done, file.read()


class Host(Rules, unittest.TestCase):
    """The kernel that this runs on."""

    @classmethod
    def setUpClass(cls):
        cls.abi = own_abi()
        if cls.abi == 0:
            raise unittest.SkipTest("this host's kernel has no Landlock")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(ABSTRACT)
            listener.listen()
            top = cls.fresh()
            cls.free = parse(call(f"{top}/landlock-probe").stdout)
            cls.report, cls.ruled = cls.under(1)
            cls.later_report, cls.later = cls.under(99)

    @classmethod
    def fresh(cls):
        top = tempfile.mkdtemp()
        cls.addClassCleanup(shutil.rmtree, top)
        make_tree(top)
        return top

    @classmethod
    def under(cls, least):
        top = cls.fresh()
        out, into = os.pipe()
        fds = [memfd(words(least, *rules(top))), memfd(ALLOW_ALL), into]
        done = call(f"{top}/kata-jail-exec", *map(str, fds), f"{top}/landlock-probe",
                    pass_fds=fds)
        for fd in fds:
            os.close(fd)
        with os.fdopen(out) as file:
            return file.read(), parse(done.stdout)


# --- kernels in a virtual machine --------------------------------------------------
INIT = small_vm.BEGIN + """
/free/landlock-probe serve /bin/busybox sleep 1000 &
sleep 1
echo == free
/free/landlock-probe
for one in ruled later; do
	echo == $one
	/$one/kata-jail-exec 3 4 5 /$one/landlock-probe 3</$one/rules 4</bpf 5>/$one/report
	echo == $one report
	cat /$one/report
done
""" + small_vm.END


def archive():
    """Three trees alike, each for one run of the probe."""
    made = small_vm.Archive(INIT)
    made.add("bpf", ALLOW_ALL)
    for top, least in (("free", 1), ("ruled", 1), ("later", 99)):
        for name in FOLDERS:
            made.folder(f"{top}/{name}")
        for name, data in {**FILES, **programs()}.items():
            made.add(f"{top}/{name}", data, 0o755)
        made.add(f"{top}/rules", words(least, *rules(f"/{top}")))
    return made


class Guest(Rules):
    machine, line = None, ""

    @classmethod
    def find_kernel(cls):
        return small_vm.guest_kernel(BUILD)

    @classmethod
    def setUpClass(cls):
        said = small_vm.boot(cls.find_kernel(), cls.machine, cls.line, archive())
        cls.free, cls.ruled, cls.later = (parse(said[one]) for one in ("free", "ruled", "later"))
        cls.report, cls.later_report = said["ruled report"], said["later report"]


class GuestKernel(Guest, unittest.TestCase):
    """Linux 6.1, our own."""
    abi, machine, line = 2, small_vm.OURS, "lsm=landlock"


class Off(Guest, unittest.TestCase):
    """The same without Landlock: everything is said, nothing is taken."""
    abi, machine, line = 0, small_vm.OURS, "lsm=yama"


class DebianKernel(Guest, unittest.TestCase):
    """Linux 6.12 of Debian's."""
    abi, machine, line = 6, small_vm.DEBIANS, "lsm=landlock"

    @classmethod
    def find_kernel(cls):
        return small_vm.debian_kernel()


# --- whole jails --------------------------------------------------------------------
# pivot_root does not work on an initrd's root: into a tmpfs first.
WHOLE_INIT = """#!/bin/sh
mount -t tmpfs -o mode=755 root /root
cp -a /bin /etc /lib /lib64 /usr /opt /init2 /root/
mkdir /root/proc /root/dev /root/share /root/tmp
exec switch_root /root /init2
"""
WHOLE_INIT2 = small_vm.BEGIN + """
jailer=/opt/libexec/kata/kata-jailer policies=/opt/share/kata/policies
vmm() {
	timeout $1 $jailer --policy $policies/qemu-tcg.json --fds=info --uid 1000 \
		--bind kernel=/opt/share/kata/vmlinux --bind initrd=/opt/share/kata/initrd.img \
		-- $2 3>/info
}
echo == version
vmm 60 --version
echo == version report
grep landlock /info
echo == stopped
vmm 8 "-S -nodefaults -no-user-config -display none -M microvm,accel=tcg -kernel /guest/vmlinux \
	-initrd /guest/initrd.img -sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"
echo status $?
echo == stopped report
grep landlock /info
echo == files
/opt/landlock-probe files /share.sock $jailer --policy $policies/virtiofsd.json \
	--fds=fs,info --share /share -- --fd=3 -o \
	source=/share,sandbox=chroot,announce_submounts,cache=auto,xattr,log_level=err \
	--thread-pool-size=0 -f
echo == files report
grep landlock /info
""" + small_vm.END


def loaded(program):
    """The loader and libraries of a dynamic program."""
    text = subprocess.run(["/lib64/ld-linux-x86-64.so.2", "--list", program], check=True,
                          capture_output=True, text=True).stdout
    return re.findall(r"(/\S+) \(0x", text)


def whole_archive():
    """kata-jailer, bubblewrap, QEMU and virtiofsd as this host has them."""
    made = small_vm.Archive(WHOLE_INIT)
    made.add("init2", WHOLE_INIT2.encode(), 0o755)
    made.folder("root")
    for link in ("lib", "lib64"):
        made.link(link, f"usr/{link}")
    made.add("etc/passwd", b"root:x:0:0::/:/bin/sh\n")
    made.add("opt/landlock-probe", read(f"{BUILD}/security/landlock-probe"), 0o755)
    for folder in ("libexec/kata", "share/kata/policies", "share/kata/seccomp"):
        for name in os.listdir(f"{BUILD}/{folder}"):
            if os.path.isfile(f"{BUILD}/{folder}/{name}"):
                made.add(f"opt/{folder}/{name}", read(f"{BUILD}/{folder}/{name}"),
                         0o755 if folder == "libexec/kata" else 0o644)
    for name in ("vmlinux", "initrd.img"):
        made.add(f"opt/share/kata/{name}", read(f"{BUILD}/share/kata/{name}"))
    binaries = ["/usr/bin/bwrap", *(json.loads(read(
        f"{BUILD}/share/kata/policies/{name}.json"))["program"] for name in ("qemu-tcg", "virtiofsd"))]
    for program in binaries:
        made.add(program[1:], read(program), 0o755)
    policy = json.loads(read(f"{BUILD}/share/kata/policies/qemu-tcg.json"))
    for bind in policy["binds"]:
        if "source" in bind and os.path.exists(bind["source"]):
            made.add(bind["source"][1:], read(bind["source"]))
    for program in (*binaries, f"{BUILD}/libexec/kata/kata-jailer"):
        for path in loaded(program):
            real = re.sub("^/(lib|lib64)/", r"usr/\1/", path)
            made.add(real.lstrip("/"), read(path), 0o755)
    return made


class Whole:
    """The shipped policies' jails, from kata-jailer on."""
    abi, machine, line = 2, small_vm.OURS, "lsm=landlock"

    @classmethod
    def find_kernel(cls):
        return small_vm.guest_kernel(BUILD)

    @classmethod
    def setUpClass(cls):
        cls.said = small_vm.boot(cls.find_kernel(), cls.machine, cls.line, whole_archive(), 1024)

    def test_qemu_runs(self):
        self.assertIn("QEMU emulator version", self.said["version"])

    def test_qemu_loads_all_it_needs(self):
        """Stopped, it waits until timeout(1) ends it."""
        self.assertRegex(self.said["stopped"], "status 143\n$")

    def test_virtiofsd_serves(self):
        self.assertIn("connected: runs\n", self.said["files"])

    def test_the_reports(self):
        for name in ("version", "stopped", "files"):
            with self.subTest(name):
                self.assertEqual(self.said[f"{name} report"], f"landlock {self.abi}\n")


class WholeGuestKernel(Whole, unittest.TestCase):
    """Linux 6.1, our own."""


class WholeOff(Whole, unittest.TestCase):
    """The same without Landlock."""
    abi, line = 0, "lsm=yama"


class WholeDebianKernel(Whole, unittest.TestCase):
    """Linux 6.12 of Debian's."""
    abi, machine = 6, small_vm.DEBIANS

    @classmethod
    def find_kernel(cls):
        return small_vm.debian_kernel()


# --- kata-jail-exec fails closed ----------------------------------------------------
class Refused(unittest.TestCase):
    """Whatever is wrong, the program does not run."""

    def check_refused(self, text, rule_set=words(1), bpf=ALLOW_ALL, numbers=None):
        done, report = jail_exec(rule_set, "/bin/echo", "ran", bpf=bpf, numbers=numbers)
        self.assertEqual((done.returncode, done.stdout), (125, ""))
        self.assertRegex(done.stderr, f"kata-jail-exec: .*{text}")
        return report

    def test_it_runs_when_nothing_is_wrong(self):
        done, report = jail_exec(words(99), "/bin/echo", "ran")
        self.assertEqual((done.returncode, done.stdout, report), (0, "ran\n", "landlock 0\n"))

    def test_no_rules(self):
        self.check_refused("is no descriptor", numbers=("-", "4", "5"))

    def test_no_filter(self):
        self.check_refused("is no descriptor", numbers=("0", "-", "-"))

    def test_closed_descriptors(self):
        self.check_refused("is no descriptor", numbers=("900", "901", "902"))

    def test_empty_rules(self):
        self.check_refused("rules: empty", b"")

    def test_rules_without_an_end(self):
        self.check_refused("rules: no least ABI", b"1")

    def test_rules_without_an_abi(self):
        self.check_refused("rules: no least ABI", b"x\0")

    def test_negative_abi(self):
        self.check_refused("rules: no least ABI", b"-1\0")

    def test_a_rule_without_a_path(self):
        self.check_refused("rule 0", b"1\0c\0")

    def test_a_relative_path(self):
        self.check_refused("rule 0", words(1, (READ, "etc")))

    def test_an_unknown_right(self):
        self.check_refused("rule 1", words(1, (READ, "/etc"), (0x10000, "/etc")))

    def test_too_many_rules(self):
        self.check_refused("more than 256", words(1, *((READ, "/etc") for _ in range(257))))

    def test_too_long_rules(self):
        self.check_refused("too long", words(1, (READ, "/" + "x" * 70000)))

    def test_a_rule_below_a_file(self):
        if own_abi() == 0:
            self.skipTest("this host's kernel has no Landlock")
        self.check_refused("rule for /etc/passwd/x", words(1, (READ, "/etc/passwd/x")))

    def test_rules_that_leave_its_own_file_open(self):
        if own_abi() == 0:
            self.skipTest("this host's kernel has no Landlock")
        report = self.check_refused("can be opened", words(1, (0xD, "/")))
        self.assertEqual(report, "")

    def test_its_own_file_that_could_not_be_read_before(self):
        """EACCES after Landlock proves nothing when it was EACCES before."""
        if own_abi() == 0:
            self.skipTest("this host's kernel has no Landlock")
        if os.geteuid() != 0:
            self.skipTest("another user's file needs root")
        fds = [memfd(words(1, (0xD, "/usr"), (0xD, "/lib64"))), memfd(ALLOW_ALL)]
        with tempfile.TemporaryDirectory() as top:
            path = shutil.copy(f"{BUILD}/libexec/kata/kata-jail-exec", top)
            os.chmod(top, 0o755)
            os.chmod(path, 0o711)
            done = subprocess.run(
                ["setpriv", "--no-new-privs", "--reuid=65534", "--regid=65534", "--clear-groups",
                 path, *map(str, fds), "-", "/bin/echo", "ran"],
                capture_output=True, text=True, timeout=TIMEOUT, check=False, pass_fds=fds)
        self.assertEqual((done.returncode, done.stdout), (125, ""))
        self.assertRegex(done.stderr, "before Landlock: open .*Permission denied")

    def test_an_empty_filter(self):
        self.check_refused("filter: empty", words(99), b"")

    def test_half_a_filter(self):
        self.check_refused("7 bytes", words(99), ALLOW_ALL[:7])

    def test_a_filter_the_kernel_refuses(self):
        self.check_refused("load the seccomp filter", words(99), b"\0" * 8)

    def test_a_filter_without_execve(self):
        done, _ = jail_exec(words(99), "/bin/echo", "ran", bpf=KILL_ALL)
        self.assertEqual((done.returncode, done.stdout), (-31, ""))

    def test_a_program_the_rules_do_not_name(self):
        if own_abi() == 0:
            self.skipTest("this host's kernel has no Landlock")
        self.check_refused("execute /bin/echo: Permission denied")


def main():
    global BUILD
    BUILD = os.path.abspath(sys.argv[1])
    unittest.main(argv=[sys.argv[0], "-v", *sys.argv[2:]])


if __name__ == "__main__":
    main()
