#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a captured VMM does to another pod whose processes have its own user id.

usage: same_uid.py reached|refused OWN.json OTHER.json [PEER.json]
The states of two pods, and of a third one with the first one's categories. The
captured VMM sees below /host/local/same-uid the process directories of the other
pod's and of the peer's VMM ("other", "peer"), and three files of the other's
state directory. Prints a line for each thing tried; exit code 1: one of them did
not end as the first word says. Root of the initial namespace.
"""
import errno
import json
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from captured_harness import AT_FDCWD, Captive
from captured_actions import sockaddr

SIGHT = "/host/local/same-uid"
SIGCONT, PTRACE_SEIZE = 18, 0x4206
REFUSED = (errno.EACCES, errno.EPERM)


def pods(*paths):
    for path in paths:
        with open(path, encoding="utf-8") as file:
            state = json.load(file)
        yield dict(state["kata"], shimPid=state["pid"])


def guest_memory(pid):
    """Number of the descriptor that is the guest's memory."""
    for name in os.listdir(f"/proc/{pid}/fd"):
        if re.match(r"/memfd:memory-backend-memfd", os.readlink(f"/proc/{pid}/fd/{name}")):
            return name
    raise RuntimeError(f"{pid} has no memory of a guest")


class Attacker:
    """The captured VMM; every try is a line of the answer."""

    def __init__(self, pod):
        self.captive = Captive(pod["vmmPid"], pod["vmmPid"])
        self.wrong = 0

    def told(self, what, result, expected):
        word = errno.errorcode.get(-result, str(result)) if result < 0 else "reached"
        good = result >= 0 if expected == "reached" else -result in REFUSED
        self.wrong += not good
        print(f"{what}: {word}{'' if good else f' (not {expected})'}")

    def opens(self, name, expected, flags=0):
        fd = self.captive.call("openat", AT_FDCWD, f"{SIGHT}/{name}", flags)
        self.told(f"open {name}", fd, expected)
        if fd >= 0:
            self.captive.call("close", fd)

    def connects(self, name, expected):
        fd = self.captive.call("socket", 1, 1, 0)
        addr = sockaddr(f"{SIGHT}/{name}".encode())
        self.told(f"connect {name}", self.captive.call("connect", fd, addr, len(addr)), expected)
        self.captive.call("close", fd)

    def signals(self, what, pid, expected, numbers=(0, SIGCONT)):
        for number in numbers:
            self.told(f"signal {number} to the {what}", self.captive.call("kill", pid, number),
                      expected)

    def traces(self, what, pid, expected):
        self.told(f"ptrace the {what}", self.captive.call("ptrace", PTRACE_SEIZE, pid, 0, 0),
                  expected)


def main():
    expected = sys.argv[1]
    own, other, *peers = pods(*sys.argv[2:])
    attacker = Attacker(own)
    attacker.opens("other/status", expected)
    attacker.opens("other/mem", expected)
    attacker.opens(f"other/fd/{guest_memory(other['vmmPid'])}", expected)
    attacker.opens("other/root/guest/initrd.img", expected)
    attacker.opens("state.json", expected)
    attacker.opens("log", expected)
    attacker.connects("agent.sock", expected)
    for key in ("vmmPid", "fileServerPid", "proxyPid", "shimPid"):
        attacker.signals(f"other's {key}", other[key], expected)
    attacker.traces("other's VMM", other["vmmPid"], expected)
    # Its own type and categories: what the type may, it can. (Nobody may signal 0.)
    for peer in peers:
        attacker.opens("peer/status", "reached")
        attacker.signals("peer's VMM", peer["vmmPid"], "reached", (SIGCONT,))
    attacker.captive.end()
    sys.exit(attacker.wrong > 0)


if __name__ == "__main__":
    main()
