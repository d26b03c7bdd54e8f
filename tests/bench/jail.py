# SPDX-License-Identifier: Apache-2.0
"""What a jail costs: QEMU's own `--version` in the jail of the policy qemu-tcg,
in bubblewrap alone with the very arguments that kata-jailer gives it
(jail-args.c), and bare, in interleaved triples; and ten jails at once. Nothing
else is started: the difference is kata-jailer, bubblewrap and kata-jail-exec.

usage: jail.py BUILD PAIRS   the two targets alone; exit 1 when one is missed
Runs inside a user namespace that has id 1000."""

import json
import os
import statistics
import subprocess
import sys
import time

TIMEOUT = 60
AT_ONCE = 10
POLICY = "qemu-tcg"


def program_of(build):
    with open(f"{build}/share/kata/policies/{POLICY}.json", encoding="utf-8") as file:
        return json.load(file)["program"]


class Ways:
    """The three ways to run the program, each as an argument list."""

    def __init__(self, build):
        share, libexec = f"{build}/share/kata", f"{build}/libexec/kata"
        self.policy = f"{share}/policies/{POLICY}.json"
        named = {"kernel": f"{share}/vmlinux", "initrd": f"{share}/initrd.img"}
        self.bare = [program_of(build), "--version"]
        self.jail = [f"{libexec}/kata-jailer", "--policy", self.policy, "--uid", "1000"]
        for name, path in named.items():
            self.jail += ["--bind", f"{name}={path}"]
        self.jail += ["--", "--version"]
        self.args = subprocess.run(
            [f"{build}/bench/jail-args", f"{libexec}/kata-jail-exec", self.policy,
             *(f"{name}={path}" for name, path in named.items())],
            capture_output=True, check=True, timeout=TIMEOUT).stdout

    def bwrap(self):
        """Its descriptor is read once: a new one for each run."""
        fd = os.memfd_create("args")
        os.write(fd, self.args)
        os.lseek(fd, 0, os.SEEK_SET)
        return ["bwrap", "--args", str(fd), "--", *self.bare], fd


def run(argv, count=1, fd=None):
    """Seconds until COUNT of them, started at once, have ended."""
    start = time.monotonic()
    children = [subprocess.Popen(argv, env={"PATH": "/usr/bin:/bin"}, stdin=subprocess.DEVNULL,
                                 stdout=subprocess.DEVNULL, pass_fds=[fd] if fd else [])
                for _ in range(count)]
    codes = [child.wait(TIMEOUT) for child in children]
    took = time.monotonic() - start
    if any(codes):
        raise SystemExit(f"{argv[0]} ended with {codes}")
    return took


def measure(build, pairs):
    ways = Ways(build)
    out = {"bare_s": [], "bwrap_s": [], "jail_s": [], "ten_s": [], "cpus": os.cpu_count()}
    run(ways.jail)  # the page cache
    for _ in range(max(15, pairs)):
        out["bare_s"].append(run(ways.bare))
        argv, fd = ways.bwrap()
        out["bwrap_s"].append(run(argv, fd=fd))
        os.close(fd)
        out["jail_s"].append(run(ways.jail))
        out["ten_s"].append(run(ways.jail, AT_ONCE))
    return out


def over_bare(raw):
    """p50 of the jail over bare exec, against that of bubblewrap alone."""
    bare, bwrap, jail = (statistics.median(raw[name]) for name in ("bare_s", "bwrap_s", "jail_s"))
    return (jail - bare) / (bwrap - bare)


def at_once(raw):
    """Ten share the processors there are: what is measured is whether they wait
    for each other, not that eleven things take longer on two processors."""
    share = AT_ONCE / min(AT_ONCE, raw["cpus"])
    one = statistics.median(raw["jail_s"])
    return [ten / share / one for ten in raw["ten_s"]]


def targets(raw):
    return [("jail over bare exec, against bubblewrap alone with the same arguments",
             [over_bare(raw)], "×", 1.5, False),
            ("ten jails at once, each its share of the processors, against one", at_once(raw), "×",
             2, False)]


def render(raw):
    """Lines for the report."""
    out = ["| | n | median, ms | least, ms |", "|---|---|---|---|"]
    for name, key in (("bare", "bare_s"), ("bubblewrap alone", "bwrap_s"), ("jail", "jail_s"),
                      (f"{AT_ONCE} jails at once", "ten_s")):
        values = [value * 1000 for value in raw[key]]
        out.append(f"| {name} | {len(values)} | {statistics.median(values):.1f} | "
                   f"{min(values):.1f} |")
    return out


def main():
    raw = measure(sys.argv[1], int(sys.argv[2]))
    good = True
    print("\n".join(render(raw)))
    for name, values, unit, target, _ in targets(raw):
        value = statistics.median(values)
        good = good and value <= target
        print(f"{name}: {value:.2f} {unit} (target ≤ {target}): "
              f"{'met' if value <= target else 'MISSED'}")
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
