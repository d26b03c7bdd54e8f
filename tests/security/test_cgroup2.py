#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""runtime/cgroup*.c on a real cgroup v2 with nothing else mounted: the guest's
kernel (6.1) and Debian's (6.12), each booted in QEMU without KVM. A build
machine may have v1 alone; tests/e2e/root/25-cgroups.bats is for what it has.

usage: test_cgroup2.py BUILD-DIR
Needs QEMU and busybox-static; a kernel that cannot be had is a skip.
"""
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import small_vm  # noqa: E402

BUILD = "build"
STEPS = ["plan", "make", "made", "memory", "cpu", "tasks", "late", "inside", "outside", "update",
         "updated memory", "undone memory", "memory holds", "tasks hold", "kill file", "kill below",
         "remove"]
INIT = small_vm.BEGIN + """
mkdir -p /sys
mount -t sysfs sys /sys
mount -t cgroup2 cgroup /sys/fs/cgroup
echo == probe
timeout 120 /cgroup-probe
""" + small_vm.END


def archive():
    made = small_vm.Archive(INIT)
    made.add("cgroup-probe", small_vm.read(f"{BUILD}/security/cgroup-probe"), 0o755)
    return made


class Kernel:
    @classmethod
    def setUpClass(cls):
        said = small_vm.boot(cls.find_kernel(), cls.machine, "loglevel=1", archive())["probe"]
        cls.said = dict(line.rsplit(" ok", 1) if line.endswith(" ok") else (line, "failed")
                        for line in said.splitlines() if line)
        cls.text = said

    def check(self, step):
        self.assertEqual(self.said.get(step), "", self.text)


for number, name in enumerate(STEPS):
    def one(self, step=name):
        self.check(step)
    setattr(Kernel, f"test_{number:02}_{name.replace(' ', '_')}", one)


class GuestKernel(Kernel, unittest.TestCase):
    """Linux 6.1, our own."""
    machine = small_vm.OURS

    @classmethod
    def find_kernel(cls):
        return small_vm.guest_kernel(BUILD)


class DebianKernel(Kernel, unittest.TestCase):
    """Linux 6.12 of Debian's."""
    machine = small_vm.DEBIANS

    @classmethod
    def find_kernel(cls):
        return small_vm.debian_kernel()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        BUILD = sys.argv.pop(1)
    unittest.main(verbosity=2)
