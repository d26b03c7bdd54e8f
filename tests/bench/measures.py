# SPDX-License-Identifier: Apache-2.0
"""The bench's measurements of commands, of the output's way, and of files; the
targets. bench.py has those of starts and memory. Each comparison is with the
same QEMU and kernel without our programs, in interleaved pairs."""

import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import time

import bench
import jail

STDOUT_MIB = 1024
FILES_MIB = 32
LISTED = 200


def timed(runtime, *args):
    start = time.monotonic()
    runtime.call(*args)
    return time.monotonic() - start


def commands(runtime, work, pairs):
    """exec, state, and list over 200 records of running containers."""
    live = f"{os.environ['XDG_RUNTIME_DIR']}/kata/bench-live"
    root = f"{work}/listed"
    os.makedirs(root, mode=0o700)
    with open(f"{live}/state.json", encoding="utf-8") as file:
        text = file.read()
    for number in range(LISTED):
        os.mkdir(f"{root}/listed-{number}", mode=0o700)
        with open(f"{root}/listed-{number}/state.json", "w", encoding="utf-8",
                  opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            file.write(text.replace("bench-live", f"listed-{number}"))
    shown = runtime.call("--root", root, "list", "--quiet").stdout.split()
    if len(shown) != LISTED:
        raise SystemExit(f"list shows {len(shown)} of {LISTED} records")
    out = {"exec_s": [], "state_s": [], "list_s": []}
    timed(runtime, "exec", "bench-live", "/bin/true")
    for _ in range(pairs):
        out["exec_s"].append(timed(runtime, "exec", "bench-live", "/bin/true"))
        out["state_s"].append(timed(runtime, "state", "bench-live"))
        out["list_s"].append(timed(runtime, "--root", root, "list"))
    shutil.rmtree(root)
    return out


def drain(read, wanted):
    """Reads until the end or WANTED bytes; the time from the first byte."""
    start, got = None, 0
    while got < wanted:
        data = read(1 << 20)
        if not data:
            break
        start = start or time.monotonic()
        got += len(data)
    if got != wanted:
        raise SystemExit(f"{got} of {wanted} bytes arrived")
    return time.monotonic() - start


def our_stdout(runtime, mib):
    with subprocess.Popen([runtime.program, "exec", "bench-live", "/bin/dd", "if=/dev/zero",
                           "bs=64k", f"count={mib * 16}"], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as child:
        took = drain(lambda size: os.read(child.stdout.fileno(), size), mib << 20)
        child.wait(bench.TIMEOUT)
    return took


def with_initrd(argv, build, image, words):
    out = [image if word == f"{build}/share/kata/initrd.img" else word for word in argv]
    out[out.index("-append") + 1] += " " + words
    return out


def make_image(path, build):
    with open(f"{build}/bench/guest-work", "rb") as file:
        init = file.read()
    with open(path, "wb") as file:
        file.write(bench.cpio_entry("dev", 0o040755, b"") +
                   bench.cpio_entry("init", 0o100755, init) +
                   bench.cpio_entry("TRAILER!!!", 0, b""))


def bare_stdout(argv, mib):
    """The same bytes by a port of a bare QEMU, read from its socket."""
    pairs = [socket.socketpair() for _ in range(2)]
    theirs = {"agent": pairs[0][1].fileno(), "console": pairs[1][1].fileno()}
    words = bench.with_fds(argv, theirs)
    with subprocess.Popen(words, pass_fds=list(theirs.values()), env={},
                          stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as child:
        for pair in pairs:
            pair[1].close()
        pairs[0][0].settimeout(bench.TIMEOUT)
        took = drain(pairs[0][0].recv, mib << 20)
        child.wait(bench.TIMEOUT)
    for pair in pairs:
        pair[0].close()
    return took


def output(runtime, build, image, argv, pairs, mib):
    out = {"mib": mib, "ours_s": [], "bare_s": []}
    words = with_initrd(argv, build, image, f"role=port mib={mib}")
    for number in range(pairs):
        out["ours_s"].append(our_stdout(runtime, mib))
        out["bare_s"].append(bare_stdout(words, mib))
        bench.log(f"output {number + 1} of {pairs}: {out['ours_s'][-1]:.2f} s, "
                  f"bare port {out['bare_s'][-1]:.2f} s")
    return out


def work_times(text):
    match = re.search(r"guest-work ([\d.]+) ([\d.]+)", text)
    if not match:
        raise SystemExit(f"the files' work gave no times: {text.strip()[-300:]}")
    return float(match.group(1)), float(match.group(2))


def bare_files(argv, work, number):
    """QEMU and virtiofsd with the sandbox's own options, without jails."""
    share = f"{work}/share-{number}"
    os.mkdir(share)
    listen = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listen.bind(f"{work}/fs.sock")
    listen.listen(1)
    os.set_inheritable(listen.fileno(), True)
    server = subprocess.Popen(
        ["/usr/lib/qemu/virtiofsd", f"--fd={listen.fileno()}", "-o",
         f"source={share},sandbox=chroot,announce_submounts,cache=auto,xattr,log_level=err",
         "--thread-pool-size=0", "-f"], pass_fds=[listen.fileno()], stdin=subprocess.DEVNULL)
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    client.connect(f"{work}/fs.sock")
    try:
        return work_times(bench.console_of(argv, {"fs": client.fileno()}))
    finally:
        client.close()
        listen.close()
        server.kill()
        server.wait()
        os.unlink(f"{work}/fs.sock")
        os.rmdir(share)


def files(runtime, build, work, image, argv, pairs):
    out = {"ours_s": [], "bare_s": []}
    shutil.copy(f"{build}/bench/guest-work", f"{work}/bundle/rootfs/bin/guest-work")
    words = with_initrd(argv, build, image, f"role=files mib={FILES_MIB}")
    for number in range(pairs):
        done = runtime.call("exec", "bench-live", "/bin/guest-work", "files", "/root",
                            str(FILES_MIB))
        out["ours_s"].append(work_times(done.stdout))
        out["bare_s"].append(bare_files(words, work, number))
        bench.log(f"files {number + 1} of {pairs}: ours {out['ours_s'][-1]}, "
                  f"bare {out['bare_s'][-1]}")
    return out


# --- targets -------------------------------------------------------------------
def ratios(above, below):
    return [a / b for a, b in zip(above, below)]


def targets(data):
    """Rows of (name, value, unit, target, larger is better, all values)."""
    raw = data["raw"]
    mem = {name: one["pss_kib"] / 1024 for name, one in raw["memory"].items()}
    ours = sum(v for name, v in mem.items() if name not in ("QEMU", "virtiofsd"))
    rows = [
        ("run, cold, against bare QEMU", ratios(raw["run_s"], raw["bare_s"]), "×", 1.3, False),
        ("guest's first instruction to the agent's answer", raw["guest_start_s"], "s", 0.6, False),
        ("exec of true", [v * 1000 for v in raw["commands"]["exec_s"]], "ms", 60, False),
        ("state", [v * 1000 for v in raw["commands"]["state_s"]], "ms", 5, False),
        (f"list over {LISTED} state directories",
         [v * 1000 for v in raw["commands"]["list_s"]], "ms", 50, False),
        (f"{raw['output']['mib']} MiB through stdout against a bare port",
         ratios(raw["output"]["bare_s"], raw["output"]["ours_s"]), "×", 0.5, True),
    ]
    rows += jail.targets(raw["jail"])
    for at, name in ((0, "virtiofs, sequential"), (1, "virtiofs, small files")):
        rows.append((name + ", against bare", ratios([v[at] for v in raw["files"]["bare_s"]],
                                                    [v[at] for v in raw["files"]["ours_s"]]),
                     "×", 0.95, True))
    rows += [
        ("memory of our host processes with bwrap (PSS)", [ours], "MiB", 6, False),
        ("memory of a whole cold sandbox (PSS)", [sum(mem.values())], "MiB", 110, False),
        ("agent's RSS", [raw["agent"].get("rss_kib", 1e9) / 1024], "MiB", 2, False),
        ("initrd", [data["initrd_bytes"] / 1048576], "MiB", 2, False),
    ]
    return rows


def verdicts(data):
    """The table, and whether every target is met."""
    out = ["| what | target | median | middle half | n | verdict |", "|---|---|---|---|---|---|"]
    good = True
    for name, values, unit, target, larger in targets(data):
        value = statistics.median(values)
        met = value >= target if larger else value <= target
        good = good and met
        s = bench.spread(values)
        sign = "≥" if larger else "≤"
        half = f"{s['q1']:.2f}–{s['q3']:.2f}" if len(values) > 1 else ""
        out.append(f"| {name} | {sign} {target} {unit} | {value:.2f} | {half} | {len(values)} | "
                   f"{'met' if met else '**missed**'} |")
    return out, good
