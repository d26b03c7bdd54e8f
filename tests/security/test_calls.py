#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Which calls of their filters kata-proxy and kata-shim really make.

usage: test_calls.py LIBEXEC_DIR [--verbose]
Runs the tests that drive both programs against scripted peers, and counts by
tracepoint what each process calls once its filter is loaded. A call that the
filter allows, that no run made and whose tag in the code does not say
"unobserved: why" fails: the right is not needed. So does a death by the
filter. Needs root of the host and bpftrace.
"""
import collections
import glob
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
PROGRAMS = {"proxy": "kata-proxy", "shim": "kata-shim"}
DRIVERS = (["test_shim.py"], ["test_qmp.py", "--quick"],
           ["test_hostile.py", "--every", "23"])
UNISTD = ("/usr/include/x86_64-linux-gnu/asm/unistd_64.h",
          "/usr/include/asm/unistd_64.h")
SCRIPT = """
tracepoint:sched:sched_process_exec
/str(args->filename) == "%(proxy)s"/ { @ours[pid] = 1; }
tracepoint:sched:sched_process_exec
/str(args->filename) == "%(shim)s"/ { @ours[pid] = 2; }
tracepoint:syscalls:sys_exit_seccomp
/@ours[pid] && args->ret == 0/ { @confined[pid] = @ours[pid]; @count[@ours[pid]] = count(); }
tracepoint:raw_syscalls:sys_enter
/@confined[pid]/ { @calls[@confined[pid], args->id] = count(); }
tracepoint:signal:signal_generate
/@confined[args->pid] && args->sig == 31/ { @killed[@confined[args->pid]] = count(); }
BEGIN { printf("ready\\n"); }
END { clear(@ours); clear(@confined); }
"""


def skip(why):
    print("skip: " + why)
    sys.exit(0)


def numbers():
    """Name of each call of x86-64."""
    for path in UNISTD:
        if os.path.exists(path):
            with open(path, encoding="ascii") as file:
                return {int(number): name for name, number in re.findall(
                    r"#define __NR_(\w+)\s+(\d+)", file.read())}
    return skip("the kernel's headers are not installed")


def allowed(process):
    """Name of each call that the filter allows, to all its comments."""
    path = os.path.join(TOP, "seccomp-profiles", process + ".json")
    with open(path, encoding="utf-8") as file:
        rules = json.load(file)["syscalls"]
    return {name for rule in rules for name in rule["names"]}


def excused(process):
    """Calls whose tag says why no test makes them."""
    tag = re.compile(r"#syscalls:(\S+) ([a-z0-9_ ]+) - unobserved: ")
    names = set()
    for folder in ("shim", "lib"):
        for path in glob.glob(os.path.join(TOP, folder, "*.[ch]")):
            with open(path, encoding="utf-8") as file:
                for owners, calls in tag.findall(file.read()):
                    if process in owners.split(","):
                        names.update(calls.split())
    return names


class Tracer:
    """bpftrace over the programs of one build."""

    def __init__(self, libexec):
        paths = {process: os.path.join(libexec, program)
                 for process, program in PROGRAMS.items()}
        longest = max(len(path) for path in paths.values())
        if longest >= 200:
            skip("the build's path is too long to compare in a tracepoint")
        env = dict(os.environ, BPFTRACE_STRLEN="200")
        self.proc = subprocess.Popen(
            ["bpftrace", "-f", "json", "-e", SCRIPT % paths], env=env,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for line in self.proc.stdout:
            if "ready" in line:
                return
        skip("bpftrace does not work here: " +
             self.proc.stderr.read().strip().replace("\n", " ")[:200])

    def end(self):
        self.proc.send_signal(signal.SIGINT)
        out, _ = self.proc.communicate(timeout=60)
        maps = collections.defaultdict(dict)
        for line in out.splitlines():
            if '"map"' in line:
                for name, content in json.loads(line)["data"].items():
                    maps[name].update(content)
        return maps


def run_drivers(libexec):
    for driver, *arguments in DRIVERS:
        done = subprocess.run(
            ["/usr/bin/python3", os.path.join(HERE, driver), libexec] +
            arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, timeout=400, check=False)
        print("%s: %s" % (driver, (re.findall(r"Ran \d+ tests.*",
                                              done.stdout) or ["?"])[-1]))
        if done.returncode:
            print(done.stdout)
            yield "%s failed" % driver


def judge(maps, verbose):
    """(name of the check, what is wrong or None)."""
    names = numbers()
    for index, (process, program) in enumerate(PROGRAMS.items(), 1):
        made = {names.get(int(key.split(",")[1]), key): count
                for key, count in maps["@calls"].items()
                if key.startswith("%d," % index)}
        may, excuse = allowed(process), excused(process)
        runs = maps["@count"].get(str(index), 0)
        yield program + " was seen", None if runs else "no process"
        killed = maps["@killed"].get(str(index), 0)
        yield (program + " was not killed by its filter",
               "%d were" % killed if killed else None)
        for name in sorted(may):
            wrong = None
            if name not in made and name not in excuse:
                wrong = "allowed, never made, and no tag says why"
            elif verbose:
                print("%s %s: %d" % (program, name, made.get(name, 0)))
            yield "%s %s" % (program, name), wrong
        for name in sorted(excuse & set(made)):
            print("note: %s makes %s after all" % (program, name))


def main():
    libexec = os.path.abspath(sys.argv[1])
    if os.geteuid() != 0 or not shutil.which("bpftrace"):
        skip("needs root of the host and bpftrace")
    begin = time.monotonic()
    tracer = Tracer(libexec)
    try:
        wrong = list(run_drivers(libexec))
    finally:
        maps = tracer.end()
    count = len(DRIVERS)
    for check, what in judge(maps, "--verbose" in sys.argv):
        count += 1
        print("%s calls: %s%s" % ("FAIL:" if what else "ok", check,
                                  ": " + what if what else ""))
        if what:
            wrong.append(check)
    print("Ran %d tests in %.3fs\n" % (count, time.monotonic() - begin))
    print("FAILED (failures=%d)" % len(wrong) if wrong else "OK")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
