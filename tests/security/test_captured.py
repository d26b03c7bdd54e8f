#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A captured QEMU and a captured file server: what they try, in a live sandbox
with a running container, and what comes of it. docs/captured-vmm.md has
the tables; every cell of them is a test here, and a difference fails.

usage: test_captured.py BUILD [--write] [--sample | --kvm] [unittest arguments]
--write puts what is found into the table instead of comparing. --sample leaves
half of it out: each program tries each action in one of the two modes, in turn;
layers are all there. --kvm is for a host with KVM (tests/vm/35-captured.bash):
QEMU under it, its column and its filters, nothing else. Needs root of the
initial namespace; the sandboxes of an ordinary user are E2E_USER's.
"""
import ctypes
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from captured_actions import ACTIONS, KVM_ACTIONS, Target
from captured_harness import TOP, Captive, Host, Killed, Place, bash, wait_until

DOC = TOP + "/docs/captured-vmm.md"
MODES = ("rootless", "root")
# Who is captured: column, program, thread. A queue's thread of the file server
# must fare as its main thread: it has no column of its own.
CAPTIVES = (("QEMU", "vmm", "main"), ("file server", "fs", "main"),
            ("its first thread", "fs", "first"))
WORKER = ("a queue's thread", "fs", "worker")
# Where KVM is: the same actions. So slow a host does not start a sandbox for each
# that kills; one does, the others end a program of ours under the same filters.
KVM_WHO, KVM_MODE, KVM_KILLS = "QEMU under KVM", "rootless", "mount"
CALLS_MAX = 66
LABELS = {"QEMU": "vmm", "file server": "fs", "its first thread": "fs_first_thread",
          "a queue's thread": "fs_queue_thread"}
found = {}  # (table, row, column) -> cell, for --write
places, hosts, work, build = {}, {}, "", ""


# --- the table ------------------------------------------------------------------
def columns():
    own = [f"{who}, {mode}" for who, _, _ in CAPTIVES for mode in MODES]
    return own[:len(MODES)] + [f"{KVM_WHO}, {KVM_MODE}"] + own[len(MODES):]


def expected():
    """(table, row, column) -> cell: tables by the name in their first column's head."""
    cells, head = {}, None
    with open(DOC, encoding="utf-8") as file:
        for line in file:
            if not line.startswith("|"):
                head = None
                continue
            row = [word.strip() for word in line.strip().strip("|").split("|")]
            if head is None:
                head = row
            elif not set(line) <= set("|-: \n"):
                name = re.match(r"`([^`]+)`", row[0])
                for column, cell in zip(head[1:], row[1:]):
                    cells[head[0], name[1] if name else row[0], column] = cell
    return cells


def write():
    """Puts what was found into the tables; rows and texts come from the code."""
    cells = expected()
    cells.update(found)
    lines = ["| action | " + " | ".join(columns()) + " | what stops it |",
             "|" + "---|" * (len(columns()) + 2)]
    for name, action in ACTIONS.items():
        lines.append(f"| `{name}` {action.text} | " +
                     " | ".join(cells.get(("action", name, c), "") for c in columns()) +
                     f" | {action.why} |")
    replace("actions", lines)
    lines = ["| layer | also left out | tried | with it | without |", "|---|---|---|---|---|"]
    for name, (mode, jail, _, others, which, action) in LAYERS.items():
        who = next(who for who, program, thread in CAPTIVES if (program, thread) == (jail, which))
        lines.append(f"| `{name}` | {others.replace('+', ', ')} | {who}, {mode}: {action} | " +
                     " | ".join(cells.get(("layer", name, column), "")
                                for column in ("with it", "without")) + " |")
    replace("layers", lines)
    lines = ["| under KVM | result | what stops it |", "|---|---|---|"]
    for name, (text, _, why) in KVM_ACTIONS.items():
        lines.append(f"| `{name}` {text} | {cells.get(('under KVM', name, 'result'), '')} | {why} |")
    replace("kvm", lines)


def replace(name, lines):
    with open(DOC, encoding="utf-8") as file:
        text = file.read()
    begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->\n"
    head, rest = text.split(begin)
    with open(DOC, "w", encoding="utf-8") as file:
        file.write(head + begin + "\n".join(lines) + "\n" + end + rest.split(end)[1])


# --- each layer ------------------------------------------------------------------
# Without it an action gets further, or ends for another reason. Layer (with its
# jail) -> mode, jail, the switch of lib/hooks.h, the switches of what else stops
# the action and is left out as well in both columns, thread, action.
LAYERS = {
    "vmm seccomp": ("rootless", "vmm", "seccomp", "landlock", "main", "socket-inet"),
    "vmm layout": ("rootless", "vmm", "layout", "", "main", "low-memory"),
    "vmm own": ("rootless", "vmm", "own", "seccomp+landlock", "main", "execve"),
    "vmm landlock": ("rootless", "vmm", "landlock", "net+seccomp", "main", "abstract-socket"),
    "vmm seccomp and own": ("rootless", "vmm", "seccomp+own", "", "main", "unshare-newuser"),
    "vmm uid": ("rootless", "vmm", "uid", "pid+landlock", "main", "kill"),
    "vmm pid": ("rootless", "vmm", "pid", "", "main", "kill"),
    "vmm net": ("rootless", "vmm", "net", "landlock+seccomp", "main", "abstract-socket"),
    "vmm ipc": ("rootless", "vmm", "ipc", "seccomp+own", "main", "sysv-memory"),
    "vmm uts": ("rootless", "vmm", "uts", "seccomp", "main", "host-name"),
    "vmm cgroup": ("root", "vmm", "cgroup", "fds+landlock", "main", "cgroup-path"),
    "vmm caps": ("rootless", "vmm", "caps", "seccomp", "main", "capabilities"),
    "vmm fs": ("rootless", "vmm", "fs", "landlock", "main", "look-around"),
    "vmm env": ("rootless", "vmm", "env", "", "main", "environment"),
    "vmm groups": ("rootless", "vmm", "groups", "seccomp", "main", "groups"),
    "vmm rlimits": ("rootless", "vmm", "rlimits", "seccomp", "main", "pin-memory"),
    "vmm fds": ("rootless", "vmm", "fds", "landlock", "main", "held-directories"),
    "fs seccomp": ("rootless", "fs", "seccomp", "landlock", "first", "socket-inet"),
    "fs layout": ("rootless", "fs", "layout", "", "first", "low-memory"),
    "fs landlock": ("rootless", "fs", "landlock", "pid", "first", "kill"),
    "fs user": ("root", "fs", "user", "landlock", "main", "devices"),
    "fs pid": ("rootless", "fs", "pid", "landlock", "first", "kill"),
    "fs net": ("rootless", "fs", "net", "seccomp+landlock", "first", "abstract-socket"),
    "fs ipc": ("rootless", "fs", "ipc", "seccomp", "first", "sysv-memory"),
    "fs uts": ("rootless", "fs", "uts", "seccomp", "first", "host-name"),
    "fs cgroup": ("root", "fs", "cgroup", "landlock", "first", "cgroup-path"),
    "fs caps": ("rootless", "fs", "caps", "", "first", "capabilities"),
    "fs fs": ("rootless", "fs", "fs", "landlock", "first", "look-around"),
    "fs env": ("rootless", "fs", "env", "", "main", "environment"),
    "fs rlimits": ("rootless", "fs", "rlimits", "seccomp", "first", "pin-memory"),
    "fs fds": ("rootless", "fs", "fds", "landlock", "first", "held-directories"),
}


# --- one action ---------------------------------------------------------------
class Pool:
    """One sandbox a mode at a time, for as long as what is to be captured lives."""

    def __init__(self):
        self.sandbox = None

    def get(self, place, program, needs_proxy):
        box = self.sandbox
        # the file server ends with QEMU, which does not end with it
        needed = ("vmm", "fs") if needs_proxy or program == "fs" else ("vmm",)
        if box and (box.spent or not box.proxy_lives() or not all(map(box.lives, needed))):
            self.drop()
        if not self.sandbox:
            self.sandbox = place.start()
        return self.sandbox

    def drop(self):
        if self.sandbox:
            self.sandbox.end()
            self.sandbox = None


pools = {mode: Pool() for mode in MODES}


def attempt(box, host, name, program, which):
    """The cell: what the action noted, and what it was killed by."""
    action = ACTIONS[name]
    keeps = KVM and name != KVM_KILLS
    if not keeps:
        box.let_go()
    captive = box.keep(program, which) if keeps else box.capture(program, which)
    if keeps:
        captive.spare(work)
    try:
        action.run(Target(captive, program, which, box), host)
        return captive.cell()
    except Killed as killed:
        captive.note(killed.text)
        if killed.text != "executed" and not captive.stand_in:
            wait_until(10, lambda: not box.lives(program))
        else:
            box.spent = True
        return captive.cell()
    finally:
        if not keeps:
            captive.end()


IDLE = {("rootless", "allocate")}  # does not apply, and does nothing


def perform(mode, name, program, which):
    action = ACTIONS[name]
    box = pools[mode].get(places[mode], program, action.live_proxy)
    # A stopped proxy does not end the sandbox when one of its jails dies: the
    # other can still be captured for the next test.
    if not action.live_proxy:
        os.kill(box.proxy, signal.SIGSTOP)
    try:
        return attempt(box, host_of(mode), name, program, which)
    finally:
        box.spent |= action.spends and (mode, name) not in IDLE
        if box.lives("vmm") and box.lives("fs") and not action.live_proxy:
            os.kill(box.proxy, signal.SIGCONT)


def host_of(mode):
    if mode not in hosts:
        hosts[mode] = Host(places[mode])
    return hosts[mode]


# What Landlock alone stops in a whole jail; the tables are of a kernel that has it.
NEEDS_LANDLOCK = ("write-outside",)


def landlock_abi():
    """landlock_create_ruleset(NULL, 0, LANDLOCK_CREATE_RULESET_VERSION)"""
    return ctypes.CDLL(None).syscall(444, 0, 0, 1)


def need_landlock(test):
    if landlock_abi() < 6:
        test.skipTest("the table is of a kernel with Landlock's ABI 6 or later")


class Captured(unittest.TestCase):
    maxDiff = None

    def check(self, mode, who, name, program, which):
        if name in NEEDS_LANDLOCK:
            need_landlock(self)
        cell = perform(mode, name, program, which)
        column = f"{who}, {mode}"
        if which == "worker":  # fares as the main thread
            key = ("action", name, f"file server, {mode}")
            self.assertEqual(cell, found.get(key, expected()[key]))
            return
        found["action", name, column] = cell
        if not WRITE:
            self.assertEqual(cell, expected().get(("action", name, column), "no such cell"))


class Layers(unittest.TestCase):
    """A jail without one layer: the start goes on although the verification
    refuses it (lib/hooks.h, test builds alone)."""
    maxDiff = None

    def attempt(self, name, layers):
        mode, jail, _, _, which, action = LAYERS[name]
        broken = (f"KATA_TEST_BREAK={jail}:{layers}", "KATA_TEST_UNVERIFIED=1") if layers else ()
        box = places["broken " + mode].start(broken)
        os.kill(box.proxy, signal.SIGSTOP)
        try:
            return attempt(box, host_of(mode), action, jail, which)
        finally:
            box.end()

    def check(self, name):
        need_landlock(self)
        _, _, layer, others, _, _ = LAYERS[name]
        cells = {"with it": self.attempt(name, others),
                 "without": self.attempt(name, layer + ("+" + others if others else ""))}
        for column, cell in cells.items():
            found["layer", name, column] = cell
        self.assertNotEqual(cells["with it"], cells["without"])
        if not WRITE:
            for column, cell in cells.items():
                self.assertEqual(cell, expected().get(("layer", name, column), "no such cell"))


def kvm_profile():
    return build + "/share/kata/seccomp/qemu-kvm.bpf"


class UnderKvm(unittest.TestCase):
    """QEMU's filters under KVM, on a program of ours: KVM itself is not needed
    to know what they do. The first is compiled for the jail, the second is read
    back from a live QEMU, which loads the same one under every accelerator.
    Where there is KVM both are the live QEMU's."""
    maxDiff = None

    def check(self, name):
        box = pools["rootless"].get(places["rootless"], "vmm", False)
        live = box.keep("vmm", "main")
        live.spare(work)
        box.let_go()
        files = live.stand_in if KVM else [kvm_profile(), live.stand_in[-1]]
        captive = Captive("--filtered", *files)
        try:
            KVM_ACTIONS[name][1](captive)
        except Killed as killed:
            captive.note(killed.text)
        finally:
            captive.end()
        cell = captive.cell()
        found["under KVM", name, "result"] = cell
        if not WRITE:
            self.assertEqual(cell, expected().get(("under KVM", name, "result"), "no such cell"))


class LiveKvm(unittest.TestCase):
    """A QEMU that runs under KVM, as the kernel shows it."""

    def setUp(self):
        self.box = pools["rootless"].get(places["rootless"], "vmm", False)

    def test_it_is_kvm(self):
        links = [os.readlink(f"/proc/{self.box.vmm}/fd/{fd}")
                 for fd in os.listdir(f"/proc/{self.box.vmm}/fd")]
        self.assertIn("anon_inode:kvm-vm", links)

    def test_its_filter_is_the_profile(self):
        live = self.box.keep("vmm", "main")
        self.box.let_go()
        with open(kvm_profile(), "rb") as file:
            self.assertEqual(live.filters[0], file.read())
        self.assertEqual(len(live.filters), 2)

    def test_usable_calls(self):
        told = subprocess.run([build + "/tools/filter-report", str(self.box.vmm)], check=True,
                              stdout=subprocess.PIPE).stdout
        calls = set()
        for stack in json.loads(told):
            calls |= set(stack["always"]) | set(stack["byArgument"])
            self.assertEqual(stack["foreign"], 0)
        print(f"{len(calls)} usable system calls", file=sys.stderr)
        self.assertGreater(len(calls), 20)  # it could be read
        self.assertLessEqual(len(calls), CALLS_MAX)

    def test_executable_memory_is_files(self):
        with open(f"/proc/{self.box.vmm}/maps", encoding="utf-8") as file:
            maps = [line.split(None, 5) for line in file if "x" in line.split()[1]]
        self.assertGreater(len(maps), 10)
        for _, rights, _, _, inode, *name in maps:
            self.assertNotIn("w", rights, name)
            self.assertTrue(inode != "0" or name[0].strip() in ("[vdso]", "[vsyscall]"), name)


def add_tests():
    for name in KVM_ACTIONS:
        setattr(UnderKvm, "test_kvm_" + name.replace("-", "_"),
                lambda self, a=name: self.check(a))
    if KVM:
        for name in ACTIONS:
            setattr(Captured, f"test_kvm_{name.replace('-', '_')}",
                    lambda self, a=name: self.check(KVM_MODE, KVM_WHO, a, "vmm", "main"))
        return
    del globals()["LiveKvm"]
    for layer in LAYERS:
        setattr(Layers, "test_layer_" + layer.replace(" ", "_"), lambda self, a=layer: self.check(a))
    cells = expected()
    for m, mode in enumerate(MODES):
        for a, (name, action) in enumerate(ACTIONS.items()):
            captives = list(CAPTIVES)
            # its filters are the main thread's: what ends that is not asked again
            main = cells.get(("action", name, f"file server, {mode}"), "SIGSYS")
            if "SIGSYS" not in main and not action.spends:
                captives.append(WORKER)
            for c, (who, program, which) in enumerate(captives):
                if SAMPLE and (m + a + c) % len(MODES):
                    continue
                setattr(Captured, f"test_{mode}_{name.replace('-', '_')}_{LABELS[who]}",
                        lambda self, a=(mode, who, name, program, which): self.check(*a))


def copy(tree, where):
    for part in ("bin", "libexec", "share"):
        shutil.copytree(f"{tree}/{part}", f"{where}/{part}")
    return where


def prepare():
    global work
    user = os.environ.get("E2E_USER", "kata-test")
    bash(f"ensure_user {user}")
    work = tempfile.mkdtemp(prefix="kata-captured.", dir="/var/tmp")
    os.chmod(work, 0o755)
    bash(f"busybox_tar {work}/image.tar")
    trees = [build] if KVM else [build, TOP + "/build/hooks"]
    if subprocess.run(["runuser", "-u", user, "--", "test", "-x", build + "/bin/kata-runtime"],
                      check=False).returncode != 0:
        trees = [copy(tree, f"{work}/{i}") for i, tree in enumerate(trees)]
    for mode in (KVM_MODE,) if KVM else MODES:
        places[mode] = Place(mode, work, trees[0], user)
        if not KVM:
            places["broken " + mode] = Place("broken-" + mode, work, trees[1], user)


def finish():
    """Everything, also where a part of it fails: that is told, and kept to look at."""
    failed = None
    for end in [pool.drop for pool in pools.values()] + \
            [thing.end for thing in [*hosts.values(), *places.values()]]:
        try:
            end()
        except (OSError, RuntimeError, subprocess.SubprocessError) as error:
            failed = error
    if failed:
        raise failed
    if work:
        shutil.rmtree(work)


def main():
    global build
    build = os.path.abspath(sys.argv.pop(1))
    add_tests()
    try:
        prepare()
        result = unittest.main(exit=False, verbosity=2).result
        if WRITE:
            write()
    finally:
        finish()
    sys.exit(not result.wasSuccessful())


WRITE, SAMPLE, KVM = (word in sys.argv for word in ("--write", "--sample", "--kvm"))
for word in ("--write", "--sample", "--kvm"):
    if word in sys.argv:
        sys.argv.remove(word)
if __name__ == "__main__":
    main()
