#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Security figures of live sandboxes, against their limits.

usage: report.py BUILD FIGURES.md -- COMMAND...
COMMAND starts two sandboxes as an ordinary user, prints their states and
"ready", and ends them when its stdin closes. This program, root of the host,
looks at their processes in /proc and at the filters that the kernel holds for
them. It writes FIGURES.md and the same to stdout; exit code 1: some figure is
over its limit, 2: it could not be told.
"""
import json
import os
import re
import stat
import subprocess
import sys
import textwrap

NAMESPACES = ("user", "mnt", "pid", "net", "ipc", "uts", "cgroup")
CAP_SETS = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
# chown dac_override fowner fsetid setgid setuid mknod setfcap
FS_CAPS = 0x880000db
EVENTS = re.compile(r"anon_inode:\[(eventfd|eventpoll|signalfd|timerfd|pidfd)\]")
KVM = re.compile(r"anon_inode:kvm-|/dev/kvm$")


class Unknown(Exception):
    """A figure that cannot be told."""


def read(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


class Process:
    def __init__(self, what, pid):
        self.what, self.pid = what, pid
        self.status = dict(line.split(":\t", 1) for line in
                           read(f"/proc/{pid}/status").splitlines() if ":\t" in line)

    def uids(self):
        return [int(uid) for uid in self.status["Uid"].split()]

    def caps(self):
        """The union of each set over all threads."""
        sets = dict.fromkeys(CAP_SETS, 0)
        for task in os.listdir(f"/proc/{self.pid}/task"):
            for line in read(f"/proc/{self.pid}/task/{task}/status").splitlines():
                key, _, value = line.partition(":")
                if key in sets:
                    sets[key] |= int(value, 16)
        return sets

    def leader_caps(self):
        return {key: int(self.status[key], 16) for key in CAP_SETS}

    def namespace(self, name):
        return os.stat(f"/proc/{self.pid}/ns/{name}").st_ino

    def environment(self):
        with open(f"/proc/{self.pid}/environ", "rb") as file:
            return [entry for entry in file.read().split(b"\0") if entry]

    def strays(self, allowed):
        """Descriptors that are nothing of what the program works with."""
        found = []
        for number in os.listdir(f"/proc/{self.pid}/fd"):
            path = f"/proc/{self.pid}/fd/{number}"
            try:
                link, st = os.readlink(path), os.stat(path)
            except FileNotFoundError:
                continue
            if not allowed(int(number), link, st):
                found.append(f"{number}: {link}")
        return found


def is_common(link, st):
    """Sockets, pipes, events, /dev/null."""
    return (stat.S_ISSOCK(st.st_mode) or stat.S_ISFIFO(st.st_mode) or
            EVENTS.match(link) is not None or
            (stat.S_ISCHR(st.st_mode) and st.st_rdev == os.makedev(1, 3)))


def vmm_may(_number, link, st):
    return (is_common(link, st) or
            (link.startswith("/memfd:") and stat.S_ISREG(st.st_mode)) or
            KVM.match(link) is not None or
            (stat.S_ISCHR(st.st_mode) and st.st_rdev == os.makedev(10, 200)))


def fs_may(_number, link, st):
    """Beside the VM's memory: directories of its own /proc, and the share."""
    if re.match(r"/share(/|$)|/$", link):
        return True
    if stat.S_ISDIR(st.st_mode):
        return re.match(r"/proc/(1|\d+)/(fd|task)$", link) is not None
    return is_common(link, st) or link.startswith("/memfd:")


def own_may(number, link, st):
    """Standard streams are the engine's; one regular file is the log."""
    return (is_common(link, st) or number <= 2 or
            (stat.S_ISREG(st.st_mode) and link.endswith("/log")) or
            link.startswith("/dev/pts/") or link == "/dev/ptmx")


def descendants(roots):
    parents = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                text = read(f"/proc/{name}/stat")
            except (FileNotFoundError, ProcessLookupError):
                continue
            parents[int(name)] = int(text.rpartition(")")[2].split()[1])
    found, grown = set(roots), True
    while grown:
        more = {pid for pid, above in parents.items() if above in found} - found
        grown = bool(more)
        found |= more
    return found


class Sandbox:
    def __init__(self, state):
        notes = state["kata"]
        self.accel = notes["accelerator"]
        self.vmm = Process("VMM", notes["vmmPid"])
        self.fs = Process("file server", notes["fileServerPid"])
        self.proxy = Process("kata-proxy", notes["proxyPid"])
        self.shim = Process("kata-shim", state["pid"])

    def all(self):
        return (self.vmm, self.fs, self.proxy, self.shim)


class Report:
    def __init__(self, build):
        self.build = build
        self.rows, self.lists, self.over = [], [], 0

    def row(self, what, limit, found, met):
        self.rows.append((what, limit, str(found), "met" if met else "**missed**"))
        self.over += not met

    def filters(self, process, *replace):
        run = subprocess.run([f"{self.build}/tools/filter-report", str(process.pid), *replace],
                             stdout=subprocess.PIPE, check=False)
        if run.returncode != 0:
            raise Unknown(f"{process.what}: its filters cannot be read")
        return json.loads(run.stdout)

    def profile(self, name):
        return f"{self.build}/share/kata/seccomp/{name}.bpf"

    def calls(self, what, stacks, most):
        """What any thread may call; each thread is under one of the stacks."""
        always = set().union(*(stack["always"] for stack in stacks))
        some = set().union(*(stack["byArgument"] for stack in stacks)) - always
        refused = set().union(*(stack["refused"] for stack in stacks)) - always - some
        foreign = sum(stack["foreign"] for stack in stacks)
        usable = len(always) + len(some)
        text = f"{usable} ({len(always)} always, {len(some)} by argument)"
        if len(stacks) > 1:
            main = len(stacks[0]["always"]) + len(stacks[0]["byArgument"])
            text += f"; its main thread {main}"
        self.row(f"{what}: usable system calls", f"≤ {most}", text, usable <= most)
        self.row(f"{what}: calls of x32 and i386 that do not kill", "0", foreign,
                 foreign == 0)
        self.lists.append((what, sorted(always), sorted(some), sorted(refused)))
        return len(some)

    def all_calls(self, box):
        args = {}
        tcg, kvm = self.profile("qemu-tcg"), self.profile("qemu-kvm")
        live, other = (kvm, tcg) if box.accel == "kvm" else (tcg, kvm)
        names = ("QEMU, KVM", "QEMU, TCG") if box.accel == "kvm" else \
            ("QEMU, TCG", "QEMU, KVM")
        args[names[0]] = self.calls(names[0], self.filters(box.vmm), 66)
        args[names[1]] = self.calls(names[1] + " profile under QEMU's own filter",
                                    self.filters(box.vmm, live, other), 66)
        for what, count in args.items():
            self.row(f"{what}: calls with argument rules", "≥ 8", count, count >= 8)
        self.calls("virtiofsd", self.filters(box.fs), 101)
        self.calls("kata-proxy", self.filters(box.proxy), 25)
        self.calls("kata-shim", self.filters(box.shim), 30)

    def twins(self, twins):
        for what, twin in zip(TWINS, twins):
            first = f": {twin['first']}" if twin["through"] else ""
            self.row(f"{what}: forbidden calls that did not end as they must in a twin "
                     f"jail (of {twin['tried']})", "0", f"{twin['through']}{first}",
                     twin["through"] == 0)

    def capabilities(self, box):
        for process in (box.vmm, box.proxy, box.shim):
            held = [key for key, bits in process.caps().items() if bits]
            self.row(f"{process.what}: capability sets that are not empty, of five",
                     "0", len(held), not held)
        caps = box.fs.leader_caps()
        own = box.fs.namespace("user") not in (box.proxy.namespace("user"),
                                               os.stat("/proc/self/ns/user").st_ino)
        good = (own and caps["CapEff"] == caps["CapPrm"] == FS_CAPS and
                not caps["CapInh"] | caps["CapBnd"] | caps["CapAmb"])
        self.row("file server: capabilities, in a user namespace of its own alone",
                 "the eight", f"{caps['CapEff'].bit_count()}"
                 f"{'' if own else ', in a namespace that others share'}", good)

    def namespaces(self, boxes):
        for pick in ("vmm", "fs"):
            mine = getattr(boxes[0], pick)
            others = [p for box in boxes for p in box.all() if p is not mine]
            private = 0
            for name in NAMESPACES:
                host = os.stat(f"/proc/self/ns/{name}").st_ino
                private += mine.namespace(name) not in \
                    [host] + [other.namespace(name) for other in others]
            self.row(f"{mine.what}: private namespaces", "7 of 7", f"{private} of 7",
                     private == 7)

    def inherited(self, boxes):
        kinds = {"VMM": vmm_may, "file server": fs_may}
        for index, what in enumerate(p.what for p in boxes[0].all()):
            strays, entries = [], 0
            for box in boxes:
                process = box.all()[index]
                strays += process.strays(kinds.get(what, own_may))
                entries = max(entries, len(process.environment()))
            self.row(f"{what}: stray descriptors", "0",
                     f"{len(strays)}{': ' + ', '.join(strays[:3]) if strays else ''}",
                     not strays)
            self.row(f"{what}: entries of the environment", "≤ 1", entries, entries <= 1)

    def identity(self, boxes):
        roots = [p.pid for box in boxes for p in (box.proxy, box.shim)]
        found = descendants(roots)
        real = [pid for pid in found if 0 in Process("", pid).uids()]
        self.row(f"processes of a rootless sandbox as real root (of {len(found)})", "0",
                 len(real), not real)
        ids = {box.vmm.uids()[0] for box in boxes}
        users = {uid for box in boxes for p in (box.proxy, box.shim, box.fs)
                 for uid in p.uids()}
        self.row(f"ids of {len(boxes)} VMMs, none shared with another process of theirs",
                 f"{len(boxes)} different", f"{len(ids - users)} different",
                 len(ids - users) == len(boxes))

    def text(self, boxes):
        lines = ["# Security figures", "",
                 "Written by `make security-report` (`tests/security/report.py`) from two live "
                 "rootless sandboxes that podman started: the seccomp filters are those the kernel "
                 "holds for each thread, evaluated over every call number with unknown arguments "
                 "(`lib/filter-eval.c`); everything else is from `/proc`, read by root of the host. "
                 "*Usable* is what some thread may call, always or with some arguments; a call that is "
                 "answered with an error does not count. The KVM profile is evaluated in the place of "
                 "the live one, under the filter that QEMU itself added. A *twin* is a jail of the "
                 "same policy in which each forbidden call is made, once in each interface.", "",
                 f"Linux {os.uname().release}; {version('/usr/bin/qemu-system-x86_64')}; "
                 f"accelerator of the live VMs: {boxes[0].accel}.", "",
                 "| what | limit | found | verdict |", "|---|---|---|---|"]
        lines += ["| " + " | ".join(row) + " |" for row in self.rows]
        for what, always, some, refused in self.lists:
            lines += ["", f"## {what}", "", f"Always ({len(always)}):", *wrap(always),
                      "", f"By argument ({len(some)}):", *wrap(some)]
            if refused:
                lines += ["", f"Answered with an error ({len(refused)}):", *wrap(refused)]
        return "\n".join(lines) + "\n"


def wrap(names):
    return textwrap.wrap(" ".join(names), 96, break_on_hyphens=False) or ["none"]


def version(program):
    run = subprocess.run([program, "--version"], stdout=subprocess.PIPE, text=True, check=True)
    return run.stdout.splitlines()[0]


TWINS = ("QEMU, TCG", "QEMU, KVM profile in the TCG jail", "virtiofsd")


def answers(command):
    """The states of the sandboxes, and what the twins found."""
    states, twins = [], []
    for line in command.stdout:
        if line.strip() == "ready":
            if len(states) < 2 or len(twins) < len(TWINS):
                break
            return states, twins
        found = json.loads(line)
        (twins if "tried" in found else states).append(found)
    raise Unknown("the sandboxes, or the twins of their jails, did not start")


def main():
    build, figures = sys.argv[1:3]
    with subprocess.Popen(sys.argv[4:], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          text=True) as command:
        states, twins = answers(command)
        boxes = [Sandbox(state) for state in states]
        report = Report(build)
        report.all_calls(boxes[0])
        report.twins(twins)
        report.capabilities(boxes[0])
        report.namespaces(boxes)
        report.inherited(boxes)
        report.identity(boxes)
        text = report.text(boxes)
        command.stdin.close()
        if command.wait() != 0:
            raise Unknown("the sandboxes did not end well")
    with open(figures, "w", encoding="utf-8") as file:
        file.write(text)
    print(text.partition("\n## ")[0])
    print(f"written to {os.path.relpath(figures)}; {report.over} over their limits")
    return 1 if report.over else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Unknown as why:
        print(f"security-report: {why}", file=sys.stderr)
        sys.exit(2)
