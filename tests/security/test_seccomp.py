#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""test_seccomp.py [--write] [WATCHED.json WHICH]: finds what nobody needs in
the filters of QEMU and virtiofsd.

Without arguments the lists alone: each item of a profile is either in its list
of what was seen (seccomp-profiles/NAME.observed) or its rule says why it was
not seen ("unobserved"), never both, and the lists name nothing else.

With what seccomp_watch.py found, also: each item that the list has for WHICH
was seen; WHICH is "start" (any container shows it) or "all" (wide runs: then
no program may have been killed, either). --write writes the lists from it, with "start" for what
the list has so already."""

import json
import re
import subprocess
import sys
import unittest

from seccomp_items import OF_COMM, PROFILES, items, observed

NAMES = ["qemu-kvm", "qemu-tcg", "virtiofsd", "virtiofsd-rs"]
# No run under KVM: what both accelerators need is seen under TCG.
LISTS = {"qemu-kvm": "qemu-tcg", "qemu-tcg": "qemu-tcg", "virtiofsd": "virtiofsd",
         "virtiofsd-rs": "virtiofsd-rs"}
# Calls of QEMU 7.2 that QEMU 10 does not make any more.
BEFORE_10 = {"poll", "ioctl 1=0x800454d7"}
HEADER = "# Seen in runs, and where: tests/security/test_seccomp.py\n"
watched, which = None, None


def seen_texts(name):
    """Items of the list that is held against this profile."""
    listed = observed(LISTS[name])
    if name == LISTS[name]:
        return set(listed)
    ours = {str(item) for item in items(name)}
    return set(listed) & ours


def qemu_major():
    run = subprocess.run(["qemu-system-x86_64", "--version"], stdout=subprocess.PIPE,
                         text=True, check=True)
    return int(re.search(r"version (\d+)\.", run.stdout)[1])


class Lists(unittest.TestCase):
    def test_each_item_is_needed(self):
        for name in NAMES:
            seen = seen_texts(name)
            nobody = [str(item) for item in items(name)
                      if str(item) not in seen and not item.reason]
            self.assertEqual(nobody, [], f"{name}: neither seen nor with a reason")

    def test_no_reason_for_what_is_seen(self):
        for name in NAMES:
            seen = seen_texts(name)
            both = [str(item) for item in items(name)
                    if str(item) in seen and item.reason]
            self.assertEqual(both, [], f"{name}: seen, and with a reason why not")

    def test_lists_name_items_alone(self):
        for name in set(LISTS.values()):
            stale = set(observed(name)) - {str(item) for item in items(name)}
            self.assertEqual(stale, set(), f"{name}.observed")

    def test_no_item_twice(self):
        for name in NAMES:
            texts = [str(item) for item in items(name)]
            twice = {text for text in texts if texts.count(text) > 1}
            self.assertEqual(twice, set(), name)


class Watched(unittest.TestCase):
    def setUp(self):
        if watched is None:
            self.skipTest("no run was watched")

    def test_nobody_was_killed(self):
        if which != "all":
            self.skipTest("a container that was killed has failed")
        self.assertEqual(watched["kills"], [])

    def test_the_list_is_confirmed(self):
        past = BEFORE_10 if qemu_major() >= 10 else set()
        for comm, name in OF_COMM.items():
            where = observed(name)
            gone = [str(item) for item in items(name)
                    if which in ("all", where.get(str(item)))
                    and str(item) in where and not (name == "qemu-tcg" and str(item) in past)
                    and not item.seen_in(watched["seen"][comm])]
            self.assertEqual(gone, [], f"{name}: no longer seen")


def listed(name):
    try:
        return observed(name)
    except FileNotFoundError:
        return {}


def write():
    """A "start" run marks what it shows; an "all" run drops what it lacks."""
    for comm, name in OF_COMM.items():
        before, lines = listed(name), [HEADER]
        for item in items(name):
            text, seen = str(item), item.seen_in(watched["seen"][comm])
            if seen or (which == "start" and text in before):
                where = before.get(text, "wide")
                lines.append(f"{text}\t{'start' if seen and which == 'start' else where}\n")
        with open(f"{PROFILES}/{name}.observed", "w", encoding="utf-8") as file:
            file.writelines(lines)


def load(path):
    with open(path, encoding="utf-8") as file:
        found = json.load(file)
    for seen in found["seen"].values():
        seen["args"] = {call: {int(index): values for index, values in args.items()}
                        for call, args in seen["args"].items()}
    return found


if __name__ == "__main__":
    args = [arg for arg in sys.argv[1:] if arg != "--write"]
    if args:
        watched, which = load(args[0]), args[1]
    if "--write" in sys.argv:
        write()
    else:
        unittest.main(argv=[sys.argv[0]], verbosity=2)
