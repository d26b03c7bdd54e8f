# SPDX-License-Identifier: Apache-2.0
"""A kernel of choice in QEMU without KVM, for seconds: its init is a shell
script, its files an initrd that the test makes, its answer what the script
prints between lines "== NAME". The script ends with "== end" and `reboot -f`."""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../bench"))
sys.path.insert(0, os.path.join(HERE, "../agent"))
from bench import cpio_entry  # noqa: E402
from guest import tsc_khz  # noqa: E402

TIMEOUT = 180

# Machine and command line: our kernel has no driver for what Debian's needs, and
# cannot find out how fast its clock is.
OURS = (("-cpu", "max,-vmx,-svm,-erms,-fsrm", "-M", "microvm,isa-serial=off,auto-kernel-cmdline=on", "-global",
         "virtio-mmio.force-legacy=false", "-device", "virtio-serial-device", "-device",
         "virtconsole,chardev=con"),
        "console=hvc0 reboot=t no_timer_check tsc_early_khz=%d lpj=%d" % (
            tsc_khz(), tsc_khz() * 4))
DEBIANS = (("-cpu", "max", "-M", "q35", "-serial", "chardev:con"), "console=ttyS0")

# What every init script begins with.
BEGIN = """#!/bin/sh
mount -t proc proc /proc
mount -t devtmpfs dev /dev
mkdir -p /dev/pts
mount -t devpts pts /dev/pts
exec </dev/console >/dev/console 2>&1
ip link set lo up
"""
END = """
echo == end
reboot -f
"""


def guest_kernel(build):
    """Linux 6.1, our own."""
    return f"{build}/share/kata/vmlinux"


def debian_kernel():
    """Linux 6.12 of Debian's."""
    done = subprocess.run([os.path.join(HERE, "../debian-kernel")], capture_output=True, text=True,
                          check=False)
    if done.returncode == 77:
        raise unittest.SkipTest(done.stderr.strip())
    return done.stdout.strip()


def read(path):
    with open(path, "rb") as file:
        return file.read()


class Archive:
    """Files of an initrd, with busybox for the script."""
    COMMANDS = ("sh", "mount", "mkdir", "ip", "sleep", "cat", "reboot", "cp", "switch_root",
                "timeout", "kill", "chroot", "rm", "ls", "grep")

    def __init__(self, init):
        busybox = shutil.which("busybox")
        if not busybox:
            raise unittest.SkipTest("no busybox (package busybox-static)")
        self.parts, self.seen = [], set()
        self.add("init", init.encode(), 0o755)
        self.add("bin/busybox", read(busybox), 0o755)
        for name in self.COMMANDS:
            self.link(f"bin/{name}", "busybox")
        for name in ("dev", "proc"):
            self.folder(name)

    def folder(self, name):
        if not name or name in self.seen:
            return
        self.folder(os.path.dirname(name))
        self.seen.add(name)
        self.parts.append(cpio_entry(name, 0o040755, b""))

    def add(self, name, data, mode=0o644):
        if name not in self.seen:
            self.folder(os.path.dirname(name))
            self.seen.add(name)
            self.parts.append(cpio_entry(name, 0o100000 | mode, data))

    def link(self, name, target):
        if name not in self.seen:
            self.folder(os.path.dirname(name))
            self.seen.add(name)
            self.parts.append(cpio_entry(name, 0o120777, target.encode()))

    def save(self, path):
        with open(path, "wb") as file:
            file.write(b"".join(self.parts) + cpio_entry("TRAILER!!!", 0, b""))


def boot(kernel, machine, line, archive, memory=512):
    """What the guest says, by section."""
    with tempfile.TemporaryDirectory() as work:
        archive.save(f"{work}/initrd")
        try:
            subprocess.run(
                ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none",
                 "-no-reboot", "-accel", "tcg",
                 "-m", f"{memory}M", "-chardev", f"file,id=con,path={work}/console", *machine[0],
                 "-kernel", kernel, "-initrd", f"{work}/initrd",
                 "-append", f"{machine[1]} quiet panic=-1 {line}"],
                stdin=subprocess.DEVNULL, timeout=TIMEOUT, check=True)
        except subprocess.TimeoutExpired:
            pass  # what it said says more
        text = read(f"{work}/console").decode(errors="replace").replace("\r", "")
    if "== end" not in text:
        raise RuntimeError(f"the guest did not come to its end: {text[-3000:]}")
    return dict(re.findall(r"^== ([a-z ]+)\n(.*?)(?=^== |\Z)", text, re.M | re.S))
