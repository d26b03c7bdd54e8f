#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""bench.py measure BUILD WORK PAIRS    figures of this machine, JSON to stdout
bench.py report BUILD TOP RAW.json   build/bench.json and docs/figures.md

measure runs inside podman's user namespace as an ordinary user. Everything is
timed by the host's monotonic clock, in seconds."""

import json
import os
import re
import socket
import statistics
import struct
import subprocess
import sys
import time

TIMEOUT = 120


def log(text):
    print(f"   {text}", file=sys.stderr, flush=True)


# --- bundles -----------------------------------------------------------------
def write_config(work, args, change=None):
    """The e2e tests' config.json with other arguments."""
    here = os.path.dirname(os.path.abspath(__file__))
    with open(f"{here}/../e2e/config.json", encoding="utf-8") as file:
        config = json.load(file)
    config["process"]["args"] = args
    if change:
        change(config)
    with open(f"{work}/bundle/config.json", "w", encoding="utf-8") as file:
        json.dump(config, file)


class Runtime:
    """kata-runtime on one bundle."""

    def __init__(self, build, work):
        self.program = f"{build}/bin/kata-runtime"
        self.bundle = f"{work}/bundle"
        self.count = 0

    def call(self, *args, check=True):
        return subprocess.run([self.program, *args], check=check, timeout=TIMEOUT, text=True,
                              stdin=subprocess.DEVNULL, capture_output=True)

    def run(self):
        """A whole run: create, start, wait, delete. Returns seconds and output."""
        self.count += 1
        start = time.monotonic()
        done = self.call("run", "--bundle", self.bundle, f"bench-{self.count}")
        return time.monotonic() - start, done.stdout

    def detach(self, name):
        # a background container keeps its stdio: no pipes of ours
        subprocess.run([self.program, "run", "--detach", "--bundle", self.bundle, name], check=True,
                       timeout=TIMEOUT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        return json.loads(self.call("state", name).stdout)


# --- bare QEMU ---------------------------------------------------------------
def command_line(pid):
    with open(f"/proc/{pid}/cmdline", "rb") as file:
        return [word.decode() for word in file.read().split(b"\0")[:-1]]


def without_jail(argv, build, keep_fs=False):
    """The sandbox's own QEMU arguments, less what needs another process: the
    stop before verification, QMP, the network and, unless it is what is
    measured, the file server's device."""
    out = []
    at = 0
    while at < len(argv):
        word = argv[at]
        value = argv[at + 1] if at + 1 < len(argv) else ""
        if word == "-S":
            at += 1
            continue
        fs = (word == "-chardev" and "id=fs" in value) or \
            (word == "-device" and value.startswith("vhost-user-fs"))
        skip = (fs and not keep_fs) or (word == "-chardev" and "id=qmp" in value) or \
            word == "-mon" or (word in ("-netdev",)) or (word == "-device" and value.startswith("virtio-net"))
        if skip:
            at += 2
            continue
        out.append(word)
        at += 1
    out = [re.sub("^/guest/", f"{build}/share/kata/", word) for word in out]
    return out


def with_fds(argv, theirs):
    """The argument of each named chardev gets the descriptor of this call."""
    out = []
    for word in argv:
        match = re.search(r"id=(\w+),fd=(\d+)", word)
        if match and match.group(1) in theirs:
            word = word.replace(f"fd={match.group(2)}", f"fd={theirs[match.group(1)]}")
        out.append(word)
    return out


def encode_check(stream):
    """A ttrpc request frame: grpc.Health/Check with an empty message."""
    body = b""
    for number, text in ((1, b"grpc.Health"), (2, b"Check")):
        body += bytes([number << 3 | 2, len(text)]) + text
    return struct.pack(">IIBB", len(body), stream, 1, 0) + body


def wait_agent(channel):
    """Asks until the agent answers once."""
    stream = 1
    channel.settimeout(0.02)
    end = time.monotonic() + TIMEOUT
    while time.monotonic() < end:
        try:
            channel.send(encode_check(stream))
            stream += 2
            if channel.recv(4096):
                return
        except (TimeoutError, BlockingIOError):
            continue
    raise SystemExit("bare QEMU: the agent does not answer")


def bare(argv):
    """QEMU to the agent's first answer, and to its own end. Two times."""
    pairs = [socket.socketpair() for _ in range(2)]
    theirs = {"agent": pairs[0][1].fileno(), "console": pairs[1][1].fileno()}
    words = with_fds(argv, theirs)
    start = time.monotonic()
    with subprocess.Popen(words, pass_fds=list(theirs.values()), env={},
                          stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as child:
        for pair in pairs:
            pair[1].close()
        wait_agent(pairs[0][0])
        ready = time.monotonic() - start
        pairs[0][0].close()  # the agent ends the machine
        child.wait(TIMEOUT)
        total = time.monotonic() - start
    pairs[1][0].close()
    return ready, total


def guest_start(argv):
    """From QMP's cont, the first guest instruction, to the agent's answer, by
    the host's clock: the guest's own stands still while its kernel patches
    itself."""
    pairs = [socket.socketpair() for _ in range(3)]
    theirs = {"agent": pairs[0][1].fileno(), "console": pairs[1][1].fileno()}
    words = ["-S", "-chardev", f"socket,id=m,fd={pairs[2][1].fileno()},server=off",
             "-mon", "chardev=m,mode=control", *with_fds(argv[1:], theirs)]
    with subprocess.Popen([argv[0], *words], env={},
                          pass_fds=[pair[1].fileno() for pair in pairs],
                          stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as child:
        for pair in pairs:
            pair[1].close()
        monitor = pairs[2][0].makefile("rwb")
        monitor.readline()
        for command in (b"qmp_capabilities", b"cont"):
            start = time.monotonic()
            monitor.write(b'{"execute":"%s"}\n' % command)
            monitor.flush()
            if command != b"cont":
                monitor.readline()
        wait_agent(pairs[0][0])
        ready = time.monotonic() - start
        pairs[0][0].close()
        child.wait(TIMEOUT)
    return ready


# --- memory ------------------------------------------------------------------
def memory(pid):
    fields = {}
    with open(f"/proc/{pid}/smaps_rollup", encoding="utf-8") as file:
        for line in file:
            match = re.match(r"(\w+): +(\d+) kB", line)
            if match:
                fields[match.group(1)] = int(match.group(2))
    return {"pss_kib": fields["Pss"], "rss_kib": fields["Rss"],
            "private_kib": fields["Private_Clean"] + fields["Private_Dirty"]}


def parent(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        return int(file.read().rsplit(")", 1)[1].split()[1])


def sandbox_memory(state):
    kata = state["kata"]
    pids = {"shim": state["pid"], "proxy": kata["proxyPid"],
            "bwrap of QEMU": parent(kata["vmmPid"]),
            "bwrap of virtiofsd": parent(kata["fileServerPid"]),
            "QEMU": kata["vmmPid"], "virtiofsd": kata["fileServerPid"]}
    return {name: memory(pid) for name, pid in pids.items()}


def cpio_entry(name, mode, data):
    """One member of a newc archive, as the kernel unpacks it."""
    name = name.encode() + b"\0"
    fields = (1, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name), 0)
    head = b"070701" + b"".join(b"%08x" % field for field in fields)
    pad = b"\0" * (-(len(head) + len(name)) % 4)
    return head + name + pad + data + b"\0" * (-len(data) % 4)


def agent_memory(argv, build, work):
    """RSS of the agent as pid 1 of a namespace, told by the guest's real init
    (agent-rss.c) over the console, two seconds after its start."""
    with open(f"{build}/libexec/kata/kata-agent", "rb") as file:
        agent = file.read()
    with open(f"{build}/bench/agent-rss", "rb") as file:
        init = file.read()
    path = f"{work}/bench.img"
    with open(path, "wb") as file:
        for name in ("dev", "proc", "outer"):
            file.write(cpio_entry(name, 0o040755, b""))
        file.write(cpio_entry("init", 0o100755, init) + cpio_entry("agent", 0o100755, agent) +
                   cpio_entry("TRAILER!!!", 0, b""))
    words = [path if word == f"{build}/share/kata/initrd.img" else word for word in argv]
    text = console_of(words)
    match = re.search(r"agent-rss (\d+) kB", text)
    return {"rss_kib": int(match.group(1))} if match else {"unknown": text.strip()[-200:]}


def console_of(argv, more=None):
    """What a bare QEMU's guest prints until it ends. MORE: descriptors of
    other chardevs by name."""
    pairs = [socket.socketpair() for _ in range(2)]
    theirs = {"agent": pairs[0][1].fileno(), "console": pairs[1][1].fileno(), **(more or {})}
    out = b""
    with subprocess.Popen(with_fds(argv, theirs), pass_fds=list(theirs.values()), env={},
                          stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as child:
        for pair in pairs:
            pair[1].close()
        pairs[1][0].settimeout(TIMEOUT)
        while data := pairs[1][0].recv(4096):
            out += data
        child.wait(TIMEOUT)
    for pair in pairs:
        pair[0].close()
    return out.decode(errors="replace")


# --- measure -----------------------------------------------------------------
def wait_until_settled(work):
    """The guest trusts pages of a file over an open only when the file had not
    changed for a minute (osbuilder/patches/0007), as an image's have not."""
    left = os.stat(f"{work}/bundle/rootfs/bin/busybox").st_ctime + 62 - time.time()
    if left > 0:
        log(f"the image was unpacked just now: waiting {left:.0f} s")
        time.sleep(left)


def measure(build, work, pairs):
    runtime = Runtime(build, work)
    wait_until_settled(work)
    write_config(work, ["/bin/sleep", "10000"])
    state = runtime.detach("bench-live")
    argv = without_jail(command_line(state["kata"]["vmmPid"]), build)
    fs_argv = without_jail(command_line(state["kata"]["vmmPid"]), build, keep_fs=True)
    time.sleep(2)
    mem = sandbox_memory(state)
    image = f"{work}/work.img"
    measures.make_image(image, build)
    few = max(1, pairs // 5)
    commands = measures.commands(runtime, work, pairs)
    output = measures.output(runtime, build, image, argv, few,
                             measures.STDOUT_MIB if pairs >= 15 else 64)
    files = measures.files(runtime, build, work, image, fs_argv, few * 2)
    runtime.call("delete", "--force", "bench-live")
    agent = agent_memory(argv, build, work)
    jails = jail.measure(build, pairs)

    write_config(work, ["/bin/true"])
    runtime.run()
    bare(argv)  # one of each to warm the page cache
    runs, bares, readies, starts = [], [], [], []
    for number in range(pairs):
        took, _ = runtime.run()
        ready, total = bare(argv)
        runs.append(took)
        bares.append(total)
        starts.append(guest_start(argv))
        readies.append(ready)
        log(f"pair {number + 1} of {pairs}: run {took:.3f} s, bare {total:.3f} s")

    write_config(work, ["/bin/cat", "/proc/uptime"])
    uptimes = [float(runtime.run()[1].split()[0]) for _ in range(5)]
    json.dump({"accelerator": state["kata"]["accelerator"],
               "acceleratorReason": state["kata"]["acceleratorReason"],
               "run_s": runs, "bare_s": bares, "bare_ready_s": readies, "guest_start_s": starts,
               "uptime_at_container_s": uptimes, "memory": mem, "agent": agent,
               "jail": jails, "commands": commands, "output": output, "files": files,
               "bare_argv": argv}, sys.stdout)


# --- report ------------------------------------------------------------------
FOLDERS = ("lib", "runtime", "jailer", "shim", "agent", "osbuilder", "tests")


def lines_of(top, folder):
    counts = {"files": 0, "lines": 0, "code": 0}
    for here, _, names in os.walk(f"{top}/{folder}"):
        for name in names:
            if not name.endswith((".c", ".h")):
                continue
            counts["files"] += 1
            with open(os.path.join(here, name), encoding="utf-8") as file:
                text = file.read()
            counts["lines"] += text.count("\n")
            bare_text = re.sub(r"/\*.*?\*/|//[^\n]*", "", text, flags=re.S)
            counts["code"] += sum(1 for line in bare_text.split("\n") if line.strip())
    return counts


def longest_functions(top):
    sources = subprocess.run(["find", *(f"{top}/{one}" for one in FOLDERS if one != "tests"),
                              "-name", "*.c"], capture_output=True, text=True, check=True)
    tags = subprocess.run(["ctags", "--output-format=json", "--fields=+ne", "--kinds-C=f", "-f", "-",
                           "-L", "-"], input=sources.stdout, capture_output=True, text=True,
                          check=True)
    found = []
    for line in tags.stdout.splitlines():
        tag = json.loads(line)
        if "end" in tag:
            found.append((tag["end"] - tag["line"] + 1, tag["name"],
                          os.path.relpath(tag["path"], top)))
    return sorted(found, reverse=True)[:10]


def spread(values):
    ordered = sorted(values)
    quarter = statistics.quantiles(ordered, n=4) if len(ordered) > 1 else ordered * 3
    return {"n": len(values), "median": statistics.median(values), "min": ordered[0],
            "max": ordered[-1], "q1": quarter[0], "q3": quarter[2]}


def row(name, values):
    s = spread(values)
    return (f"| {name} | {s['n']} | {s['median']:.3f} | {s['q1']:.3f}–{s['q3']:.3f} | "
            f"{s['min']:.3f}–{s['max']:.3f} |")


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        model = re.search(r"model name\s*: (.*)", file.read())
    return f"{os.cpu_count()} × {model.group(1) if model else 'unknown'}, Linux {os.uname().release}"


def size(path):
    return os.stat(path).st_size


def render(data, table):
    raw = data["raw"]
    ours = ("shim", "proxy", "bwrap of QEMU", "bwrap of virtiofsd")
    total = sum(raw["memory"][name]["pss_kib"] for name in ours)
    out = ["# Figures", "",
           "Written by `make bench` (`tests/bench/bench.py`); the raw numbers are in "
           "`build/bench.json`. One machine, one run: use the ratios.", "",
           f"Machine: {machine()}. Accelerator: {raw['accelerator']} "
           f"({raw['acceleratorReason']}).", "",
           "## Targets", "", *table, "",
           "## Start", "",
           "Interleaved pairs, as an ordinary user inside podman's user namespace, seconds. *run* is "
           "`kata-runtime run` of `/bin/true`, from its execution to its exit: jails, verification, "
           "file server, boot, container, clean-up. *bare* is the same QEMU with the same arguments, "
           "kernel and initrd, but no jail, no QMP, no file server and no network card: from its "
           "execution until the agent has answered one Check, the channel was closed, the agent "
           "has ended the machine and QEMU has exited.", "",
           "| | n | median | middle half | range |", "|---|---|---|---|---|",
           row("run", raw["run_s"]), row("bare", raw["bare_s"]),
           row("bare, to the agent's answer", raw["bare_ready_s"]),
           row("guest's first instruction to the agent's answer", raw["guest_start_s"]),
           row("guest uptime when the container's process runs", raw["uptime_at_container_s"]), "",
           f"run / bare, median of the pairs: **{data['ratio']:.2f}** (aim ≤ 1.3).",
           "Aim for the guest's first instruction to the agent's answer: ≤ 0.6 s. It is taken by the "
           "host's clock, from QMP's `cont`, firmware included.", "",
           "## Jail", "",
           "QEMU's `--version` in its jail, in bubblewrap alone with the same arguments, and bare, "
           "interleaved.", "",
           *jail.render(raw["jail"]), "",
           "## Memory of one sandbox", "",
           "KiB, two seconds after the start of a sleeping container. Pages shared with other "
           "processes count in part (PSS).", "",
           "| process | PSS | private | RSS |", "|---|---|---|---|"]
    for name in (*ours, "QEMU", "virtiofsd"):
        m = raw["memory"][name]
        out.append(f"| {name} | {m['pss_kib']} | {m['private_kib']} | {m['rss_kib']} |")
    agent = raw["agent"]
    out += ["", f"Our host processes, bubblewrap included: **{total / 1024:.1f} MiB** PSS "
            "(aim ≤ 6).",
            f"Agent in the guest: {agent['rss_kib']} KiB RSS." if "rss_kib" in agent else
            f"Agent in the guest: not measured ({agent['unknown']}).", "",
            "## Guest", "",
            "| file | bytes |", "|---|---|",
            f"| kernel (ELF, stripped) | {data['kernel_bytes']} |",
            f"| initrd | {data['initrd_bytes']} |", "",
            "## Source", "", "C and headers; code is lines that are neither blank nor comment.", "",
            "| folder | files | lines | code |", "|---|---|---|---|"]
    for folder, c in data["lines"].items():
        out.append(f"| {folder} | {c['files']} | {c['lines']} | {c['code']} |")
    out += ["", "The ten longest functions:", "", "| lines | function | file |", "|---|---|---|"]
    out += [f"| {length} | {name} | {path} |" for length, name, path in data["longest"]]
    return "\n".join(out) + "\n"


def report(build, top, raw_path):
    with open(raw_path, encoding="utf-8") as file:
        raw = json.load(file)
    ratios = [run / bare_s for run, bare_s in zip(raw["run_s"], raw["bare_s"])]
    data = {"ratio": statistics.median(ratios), "raw": raw,
            "kernel_bytes": size(f"{build}/share/kata/vmlinux"),
            "initrd_bytes": size(f"{build}/share/kata/initrd.img"),
            "lines": {folder: lines_of(top, folder) for folder in FOLDERS},
            "longest": longest_functions(top)}
    table, good = measures.verdicts(data)
    text = render(data, table)
    data["met"] = good
    with open(f"{top}/docs/figures.md", "w", encoding="utf-8") as file:
        file.write(text)
    with open(f"{top}/build/bench.json", "w", encoding="utf-8") as file:
        json.dump(data, file, indent="\t")
    print("\n".join(table))
    return 0 if good else 1


def main():
    if sys.argv[1:2] == ["measure"] and len(sys.argv) == 5:
        measure(sys.argv[2], sys.argv[3], int(sys.argv[4]))
    elif sys.argv[1:2] == ["report"] and len(sys.argv) == 5:
        sys.exit(report(sys.argv[2], sys.argv[3], sys.argv[4]))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    sys.modules["bench"] = sys.modules["__main__"]
    import jail
    import measures
    main()
