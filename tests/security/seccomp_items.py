# SPDX-License-Identifier: Apache-2.0
"""The filters of seccomp-profiles/ as items, one for each thing that a rule
lets through or answers, and what was seen of QEMU and virtiofsd in runs.

An item is written as the profile means it:
	openat                          the call, whatever its arguments
	fcntl 1=3                       argument 1 is 3
	mmap 2&0xfffffffc=0             argument 2 has no other bits
	socketpair 0=1 1=0x80001        both
	clone3 -> 38                    answered with that error
"""

import json
import os
import re

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
PROFILES = os.path.join(TOP, "seccomp-profiles")
ALLOW, ERRNO = "SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO"
# Which profile a process of that name has. KVM's is held against what TCG
# showed; its own items must say why.
C_VIRTIOFSD = "/usr/lib/qemu/virtiofsd"  # a link to the Rust one where that is the one


def file_server():
    """The jail, and filter, of this host's virtiofsd."""
    is_c = os.path.exists(C_VIRTIOFSD) and not os.path.islink(C_VIRTIOFSD)
    return "virtiofsd" if is_c else "virtiofsd-rs"


OF_COMM = {"qemu-system-x86": "qemu-tcg", "virtiofsd": file_server()}


def numbers():
    """Names and numbers of x86-64, from the header that libc is built with."""
    found = {}
    with open("/usr/include/x86_64-linux-gnu/asm/unistd_64.h", encoding="ascii") as file:
        for line in file:
            match = re.match(r"#define __NR_(\w+) (\d+)", line)
            if match:
                found[match[1]] = int(match[2])
    return found


class Condition:
    """One comparison of one argument."""

    def __init__(self, arg):
        self.index, self.value = arg["index"], arg["value"]
        self.op = arg["op"].removeprefix("SCMP_CMP_")
        self.want = arg.get("valueTwo", 0)

    def holds(self, seen):
        return {"EQ": seen == self.value, "NE": seen != self.value,
                "LE": seen <= self.value, "LT": seen < self.value,
                "GE": seen >= self.value, "GT": seen > self.value,
                "MASKED_EQ": seen & self.value == self.want}[self.op]

    def __str__(self):
        def number(value):
            return str(value) if value < 4096 else hex(value)

        if self.op == "MASKED_EQ":
            return f"{self.index}&{self.value:#x}={number(self.want)}"
        sign = {"EQ": "=", "NE": "!=", "LE": "<=", "LT": "<", "GE": ">=", "GT": ">"}
        return f"{self.index}{sign[self.op]}{number(self.value)}"


class Item:
    """A call, the conditions that must all hold, and why it was not seen."""

    def __init__(self, name, rule, conditions):
        self.name, self.conditions = name, conditions
        self.reason = rule.get("unobserved", {}).get(name)
        self.errno = rule.get("errnoRet", 1) if rule["action"] == ERRNO else None

    def __str__(self):
        if self.errno is not None:
            return f"{self.name} -> {self.errno}"
        return " ".join([self.name] + [str(c) for c in self.conditions])

    def seen_in(self, seen):
        """seen: one process name's part of what seccomp_watch found."""
        if self.errno is not None:
            return self.errno in seen["errors"].get(self.name, ())
        if self.name not in seen["calls"]:
            return False
        values = seen["args"].get(self.name, {})
        return all(any(c.holds(v) for v in values.get(c.index, ()))
                   for c in self.conditions)


def profile(name):
    with open(f"{PROFILES}/{name}.json", encoding="utf-8") as file:
        return json.load(file)


def items(name):
    """In the order of the profile. Several conditions on one argument are
    alternatives, as lib/seccomp.c reads them."""
    found = []
    for rule in profile(name)["syscalls"]:
        conditions = [Condition(arg) for arg in rule.get("args", [])]
        repeated = len({c.index for c in conditions}) < len(conditions)
        for call in rule["names"]:
            for some in [[c] for c in conditions] if repeated else [conditions]:
                found.append(Item(call, rule, some))
    return found


def observed(name):
    """The committed list: item -> where it is seen ("start": at each)."""
    with open(f"{PROFILES}/{name}.observed", encoding="utf-8") as file:
        lines = [line.rstrip("\n") for line in file]
    return dict(line.split("\t", 1) for line in lines
                if line and not line.startswith("#"))
