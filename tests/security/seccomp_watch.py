#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""seccomp_watch.py OUT.json [USER...]: as root, watches every QEMU and
virtiofsd that runs under a filter until SIGINT or SIGTERM: which calls they
make, with which arguments where a rule looks at them, which are answered with
an error, and which program of ours or of theirs ends by SIGSYS. With USER only
what runs with such a user's id, one of their subordinate ids, or for root one of
the pool for VMMs. Needs bpftrace.

The kernel's tracepoint for the entry of a call comes after the filters: what
they answer is seen at the exit alone (kernel/entry/common.c)."""

import json
import os
import pwd
import re
import signal
import subprocess
import sys
import tempfile
import time

from seccomp_items import OF_COMM, items, numbers

START_SECONDS = 60
END_SECONDS = 60
# Comparing with 0 is asking for a pointer: its value says nothing. Nor does an
# address, but that it is none, or above what an i386 program could reach.
POINTER = ("NE", 0)
ADDRESS = ("GE", 1 << 32)
# runtime/configuration.toml, sandbox_uid_base and count
POOL = (1900000000, 1900131071)
OURS = ["kata-proxy", "kata-shim", "kata-jailer", "kata-runtime", "bwrap"]


def watched_args():
    """Call -> index -> POINTER, ADDRESS or None, over all profiles."""
    found = {}
    for name in OF_COMM.values():
        for item in items(name):
            for c in item.conditions:
                args = found.setdefault(item.name, {})
                kind = (c.op, c.value)
                args[c.index] = kind if kind in (POINTER, ADDRESS) else args.get(c.index)
    return found


def value_of(index, kind):
    """What is counted of an argument, for bpftrace."""
    if kind == POINTER:
        return f"(uint64)($a{index} != 0)"
    if kind == ADDRESS:
        return f"($a{index} >= {ADDRESS[1]} ? (uint64){ADDRESS[1]} : $a{index})"
    return f"$a{index}"


def answered():
    """(Call, error) that a filter of ours gives."""
    return {(item.name, item.errno) for name in OF_COMM.values()
            for item in items(name) if item.errno is not None}


def ids_of(user):
    """The user's own id and others of their processes, as (first, last)."""
    found = [(pwd.getpwnam(user).pw_uid,) * 2]
    if user == "root":
        found.append(POOL)
    with open("/etc/subuid", encoding="ascii") as file:
        for line in file:
            name, first, count = line.strip().split(":")
            if name in (user, str(found[0][0])):
                found.append((int(first), int(first) + int(count) - 1))
    return found


def program(ids):
    """The text for bpftrace. Its maps: @n calls, @a arguments, @e answers."""
    number = numbers()
    leader = "curtask->group_leader->comm"
    # a jail has a pid namespace; who is asked for its version has a filter only
    which = " || ".join(f'{leader} == "{comm}"' for comm in OF_COMM)
    in_range = " || ".join(f"(uid >= {first} && uid <= {last})" for first, last in ids)
    in_range = f" && ({in_range})" if ids else ""
    jailed = "curtask->seccomp.mode == 2 && " \
        "curtask->nsproxy->pid_ns_for_children->level > 0"
    lines = ["tracepoint:raw_syscalls:sys_enter",
             f"/({which}) && {jailed}{in_range}/ {{",
             f"$c = {leader}; $i = args->id;"]
    lines += [f"$a{n} = args->args[{n}];" for n in range(6)]
    lines.append("@n[$c, $i] = count();")
    for call, args in sorted(watched_args().items()):
        for index, kind in sorted(args.items()):
            lines.append(f"if ($i == {number[call]}) {{ @a[$c, $i, (uint64){index}, "
                         f"{value_of(index, kind)}] = count(); }}")
    lines += ["}", "tracepoint:raw_syscalls:sys_exit",
              f"/({which}) && {jailed}{in_range}/ {{",
              f"$c = {leader}; $i = args->id; $r = args->ret;"]
    for call, errno in sorted(answered()):
        lines.append(f"if ($i == {number[call]} && $r == {-errno}) "
                     f"{{ @e[$c, $i, (uint64){errno}] = count(); }}")
    killed = " || ".join(f'{leader} == "{comm}"' for comm in list(OF_COMM) + OURS)
    lines += ["}", "tracepoint:signal:signal_generate",
              f"/args->sig == {int(signal.SIGSYS)} && ({killed}){in_range}/ {{",
              f'printf("SIGSYS %s %d\\n", {leader}, pid); }}', ""]
    return "\n".join(lines)


def parsed(text):
    """What bpftrace printed, by the name of the process."""
    name_of = {number: name for name, number in numbers().items()}
    found = {comm: {"calls": {}, "args": {}, "errors": {}} for comm in OF_COMM}
    kills = []
    for line in text.splitlines():
        match = re.match(r"@([nae])\[([^,]+), ([^\]]*)\]: (\d+)$", line)
        if line.startswith("SIGSYS "):
            kills.append(line[len("SIGSYS "):])
        if not match:
            continue
        kind, comm, count = match[1], match[2], int(match[4])
        key = [int(part) for part in match[3].split(",")]
        seen, call = found[comm], name_of.get(key[0], str(key[0]))
        if kind == "n":
            seen["calls"][call] = count
        elif kind == "a":
            values = seen["args"].setdefault(call, {}).setdefault(key[1], [])
            values.append(key[2] % 2**64)
        else:
            seen["errors"].setdefault(call, []).append(key[1])
    return {"seen": found, "kills": kills}


class Watch:
    """with Watch(ids) as watch: ...; then watch.result."""

    def __init__(self, ids=()):
        self.ids, self.result = ids, None

    def __enter__(self):
        self.dir = tempfile.TemporaryDirectory()
        text, self.out, errors = (f"{self.dir.name}/{n}" for n in ("bt", "out", "err"))
        with open(text, "w", encoding="ascii") as file:
            file.write(program(self.ids))
        with open(errors, "w", encoding="utf-8") as err:
            self.child = subprocess.Popen(
                ["bpftrace", "-o", self.out, text], stdout=err, stderr=err,
                env={**os.environ, "BPFTRACE_MAP_KEYS_MAX": "16384"})
        end = time.monotonic() + START_SECONDS
        while not self.attached(errors):
            if self.child.poll() is not None or time.monotonic() > end:
                self.child.kill()
                with open(errors, encoding="utf-8") as err:
                    raise RuntimeError("bpftrace: " + err.read()[-2000:])
            time.sleep(0.2)
        return self

    def attached(self, errors):
        for name in (self.out, errors):
            if os.path.exists(name):
                with open(name, encoding="utf-8", errors="replace") as file:
                    if "Attaching " in file.read():
                        time.sleep(1)
                        return self.child.poll() is None
        return False

    def __exit__(self, *_):
        self.child.send_signal(signal.SIGINT)
        self.child.wait(END_SECONDS)
        with open(self.out, encoding="utf-8", errors="replace") as file:
            self.result = parsed(file.read())
        self.dir.cleanup()


def main():
    ids = [pair for user in sys.argv[2:] for pair in ids_of(user)]
    stop = {signal.SIGINT, signal.SIGTERM}
    with Watch(ids) as watch:
        # now: bpftrace would inherit it
        signal.pthread_sigmask(signal.SIG_BLOCK, stop)
        print("watching", flush=True)
        signal.sigwait(stop)
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        json.dump(watch.result, file)


if __name__ == "__main__":
    main()
