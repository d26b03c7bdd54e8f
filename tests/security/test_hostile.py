#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""kata-proxy and kata-shim against a hostile agent, without a VM.

usage: test_hostile.py LIBEXEC_DIR [--every N] [--workers N] [NAME-PATTERN]

Each case of hostile_cases.py leads a container through its life (create,
start, stdin, output, signal, exec, end) by the real kata-proxy and kata-shim;
one answer of the agent is wrong. Seen to: what becomes of the verb and when,
what the user and the log are told, memory, the ends of both processes.
"""
import os
import re
import select
import signal
import socket
import struct
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from hostile_cases import (VM, BROKEN, REFUSED, DEADLINE, GOES_ON, METHODS,
                           VERBS, all_cases)
from shim_harness import (Agent, Ended, Shim, ERROR, OK, READBACK, SIGNAL,
                          item_text, readback_items,
                          STARTED, field, parse_record, record, signal_record,
                          spec, start_record, READ_BACK)
from proxy_harness import (World, Failed, RECORDS, RSS_LIMIT_KIB, check_log, expect,
                           peak_kib, run_all, stall)

SLACK_S = 1.0
SUSPECT_S = 0.5  # the proxy waits for a cause
LIBEXEC = ""
STATS_ARE = RECORDS["RECORD_SHIM_STATS_ARE"]
COMMANDS = {
    "pause": record(RECORDS["RECORD_SHIM_PAUSE"]),
    "resume": record(RECORDS["RECORD_SHIM_RESUME"]),
    "update": record(RECORDS["RECORD_SHIM_UPDATE"],
                     b'{"pids":{"limit":50}}'.ljust(8192, b"\0")),
    "stats": record(RECORDS["RECORD_SHIM_STATS"]),
    "oom": record(RECORDS["RECORD_SHIM_WAIT_OOM"]),
    "kill": signal_record(10),
}


class Evil(Agent):
    """An agent that does its work, but for one answer."""

    def __init__(self, sock, method, action):
        super().__init__(sock)
        sock.setblocking(False)
        self.target, self.action = method, action
        self.fired_at = None
        self.out = b""
        self.drip = self.flood = b""
        self.closed = False
        self.readers = {}
        self.waits = {}
        self.said = set()

    # --- bytes

    def raw(self, data):
        if not self.closed:
            self.out += data
            self.push()

    def push(self):
        try:
            while self.out:
                self.out = self.out[self.sock.send(self.out):]
            if self.flood:
                for _ in range(64):
                    self.sock.send(self.flood)
            elif self.drip:
                self.drip = self.drip[self.sock.send(self.drip[:1]):]
        except BlockingIOError:
            pass
        except OSError:
            self.closed = True
            self.out = self.flood = self.drip = b""

    def close(self):
        self.push()
        self.closed = True
        self.sock.shutdown(socket.SHUT_RDWR)

    def step(self):
        if self.closed:
            return
        self.push()
        try:
            self.serve(0)
        except (Ended, OSError):
            self.closed = True

    # --- calls

    def do(self, stream, method, request):
        ours = method not in ("WaitProcess", "ReadStdout", "ReadStderr") or \
            request[2][0] == b"c1"
        if method == "StartContainer" and 1000 in request:
            method += " of an exec"
        if method == self.target and self.fired_at is None and ours:
            self.fired_at = time.monotonic()
            self.action(self, stream, method)
        else:
            super().do(stream, method, request)

    def do_ExecProcess(self, stream, request):
        self.send(stream, READ_BACK)

    def do_WaitProcess(self, stream, request):
        self.waits[request[2][0]] = stream

    def read(self, stream, method, process):
        if (method, process) in self.said:
            self.readers.setdefault((method, process), []).append(stream)
        else:
            self.said.add((method, process))
            self.send(stream, field(1, b"some " + process))

    def do_ReadStdout(self, stream, request):
        self.read(stream, "ReadStdout", request[2][0])

    def do_ReadStderr(self, stream, request):
        self.read(stream, "ReadStderr", request[2][0])

    def exit_process(self, process, status):
        for key in [key for key in self.readers if key[1] == process]:
            for stream in self.readers.pop(key):
                self.send(stream)
        if process in self.waits:
            self.send(self.waits.pop(process), field(1, status))


def network_record():
    head = struct.pack("=BBB6sxxxI16s", 1, 1, 1, b"\2abcde", 1500, b"eth0")
    head += struct.pack("=BB16s", 2, 24, b"\x0a\0\0\2").ljust(8 * 18, b"\0")
    return start_record(head + struct.pack("=BBBB16s16s16sBxxxI", 2, 0, 0, 1,
                                           b"", b"\x0a\0\0\1", b"", 0, 0))


def check_stats(data):
    """struct record_stats: 19 figures, two counts, 64 values, 8 links."""
    names = [data[168 + 40 * i:][:32] for i in range(64)]
    names += [data[168 + 64 * 40 + 80 * i:][:16] for i in range(8)]
    expect(len(data) == 168 + 64 * 40 + 8 * 80, "size of the figures")
    for name in names:
        expect(b"\0" in name and all(32 <= c < 127 for c in
                                     name.split(b"\0")[0]), "name %s" % name)


class Life:
    """One container from create to its end, as far as it gets."""

    def __init__(self, method, action):
        self.world = World(LIBEXEC)
        self.shims = []
        self.peak = 0
        self.agent = Evil(self.world.guest, method, action)
        self.terminal = method == "TtyWinResize"
        self.network = method in ("UpdateInterface", "UpdateRoutes")
        self.results = {}  # verb: (error text or None, when)

    def pump(self, done, timeout):
        end = time.monotonic() + timeout
        while not done():
            if time.monotonic() > end:
                return False
            self.agent.step()
            self.world.qmp_serve()
            self.world.take_records()
            self.world.is_over()
            self.world.look()
            for shim in self.shims:
                self.peak = max(self.peak, peak_kib(shim.pid))
            if not self.agent.flood:
                select.select([self.world.guest, self.world.qmp], [], [], 0.01)
        return True

    def shim(self, **options):
        shim = Shim(os.path.join(LIBEXEC, "kata-shim"), base=self.world.base,
                    channel=self.world.agent_path, agent=self.agent,
                    extra_args=["--boot-timeout", "2"], **options)
        self.shims.append(shim)
        return shim

    def is_gone(self, shim):
        if shim.status is None:
            pid, status = os.waitpid(shim.pid, os.WNOHANG)
            if pid:
                shim.status = os.waitstatus_to_exitcode(status)
        return shim.status is not None

    def answer(self, verb, sock, timeout, ready=None):
        """Waits for a record; its error text, or None for success."""
        came = self.pump(ready or (lambda: select.select([sock], [], [], 0)[0]),
                         timeout)
        expect(came, "%s has no answer; log: %s" % (verb, self.world.log()))
        try:
            data = sock.recv(8192)
        except ConnectionResetError:
            data = b""
        if not data:
            text = "no answer"
        else:
            kind, _, text = parse_record(data)
            expect(kind in (ERROR, OK, READBACK, STARTED, STATS_ARE),
                   "record %d" % kind)
            if kind == STATS_ARE:
                check_stats(data)
            if kind == READBACK:
                for at in (len(data) - 128, len(data) - 64):
                    name = data[at:at + 64].split(b"\0")[0]
                    expect(all(32 <= c < 127 for c in name), "readback text")
                kind, text = self.items(sock, data, verb)
            if kind != ERROR:
                text = None
        self.results[verb] = (text, time.monotonic())
        return text

    def items(self, sock, data, verb):
        """What follows a READBACK."""
        for _ in range(readback_items(data)):
            data = sock.recv(8192)
            kind, _, text = parse_record(data)
            if kind == ERROR:
                return kind, text
            expect(all(32 <= c < 127 for c in item_text(data)), "item's text")
        return READBACK, None

    def command(self, verb, shim, data, timeout=40):
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with sock:
            try:
                sock.connect(shim.listen_path)
                sock.send(data)
            except OSError:
                self.results[verb] = ("no answer", time.monotonic())
                return "no answer"
            return self.answer(verb, sock, timeout)

    # --- verbs

    def create(self):
        ours, theirs = socket.socketpair()
        config = spec()
        config["process"]["terminal"] = self.terminal
        config["process"]["consoleSize"] = {"height": 24, "width": 80}
        self.main = self.shim(config=config,
                              console=theirs if self.terminal else None)
        theirs.close()
        failed = self.answer("create", self.main.control, 60,
                             self.main.has_record) is not None
        if self.terminal:
            self.pty = socket.recv_fds(ours, 64, 1)[1]
        ours.close()
        if not failed:
            self.main.control.send(record(OK))
        return failed

    def start(self):
        data = network_record() if self.network else start_record()
        return self.command("start", self.main, data) is not None

    def use(self):
        """Streams and a signal. True when the shim is gone."""
        main = self.main

        if self.terminal:
            os.write(self.pty[0], b"hello")
        else:
            os.write(main.stdin, b"hello")
        self.pump(lambda: self.is_gone(main) or
                  self.agent.stdin.endswith(b"o"), 1)
        if not self.terminal and not self.is_gone(main):
            os.close(main.stdin)
        if self.agent.target in ("WriteStdin", "CloseStdin", "ReadStdout",
                                 "ReadStderr", "TtyWinResize", "WaitProcess"):
            self.pump(lambda: self.is_gone(main), 1)
        if self.is_gone(main):
            return True
        verbs = ["kill"]
        phase = METHODS[self.agent.target][0]
        if phase in VERBS and phase != "kill":
            verbs += ["pause", phase] if phase == "resume" else [phase]
        for verb in verbs:
            if verb == "oom":
                self.wait_oom()
            else:
                self.command(verb, main, COMMANDS[verb])
        return self.is_gone(main)

    def wait_oom(self):
        """It has no deadline: whoever waits is not told before it happens."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as sock:
            sock.connect(self.main.listen_path)
            sock.send(COMMANDS["oom"])
            if self.pump(lambda: select.select([sock], [], [], 0)[0], 1):
                self.answer("oom", sock, 1)

    def exec(self):
        try:
            mntns = os.open("/proc/%d/ns/mnt" % self.main.pid, os.O_RDONLY)
        except OSError:  # gone meanwhile
            self.results["exec"] = ("no answer", time.monotonic())
            return
        shim = self.shim(role="exec", mntns=mntns, config={
            "args": ["true"], "cwd": "/", "user": {"uid": 0, "gid": 0}})
        os.close(mntns)
        if self.answer("exec", shim.control, 40, shim.has_record) is not None:
            return
        shim.control.send(record(OK))
        if self.answer("exec", shim.control, 40) is not None:
            return
        self.pump(lambda: self.is_gone(shim) or b"e1" in self.agent.waits, 5)
        self.agent.exit_process(b"e1", 7)
        expect(self.pump(lambda: self.is_gone(shim), 15), "exec does not end")

    def finish(self, limit):
        """The process ends, as far as the agent lets it be known."""
        self.agent.exit_process(b"c1", 42)
        if not self.pump(lambda: self.is_gone(self.main), limit):
            return False
        return self.pump(self.world.is_over, 6 + 5 * stall())

    def kill(self):
        """As delete --force does."""
        begin = time.monotonic()
        if not self.is_gone(self.main):
            os.kill(self.main.pid, signal.SIGKILL)
        over = self.pump(lambda: self.is_gone(self.main) and
                         self.world.is_over(), 10)
        expect(over and time.monotonic() - begin < 4 + 5 * stall(),
               "not over %.1f s after SIGKILL" % (time.monotonic() - begin))

    def end(self):
        for shim in self.shims:
            shim.end()
        self.world.end()

    # --- what is to hold in any case

    def check(self):
        check_log(self.world.log())
        expect(self.world.status == 0, "proxy's status %s" % self.world.status)
        expect(self.world.peak < RSS_LIMIT_KIB and self.peak < RSS_LIMIT_KIB,
               "memory: %d and %d KiB" % (self.world.peak, self.peak))
        for shim in self.shims:
            expect(self.pump(lambda s=shim: self.is_gone(s), 5),
                   "a shim stays")
            expect(shim.status in range(256) or shim.status == -9,
                   "a shim died by signal %d" % -shim.status)

    def stderr(self):
        """What the user sees at the end, also on a terminal."""
        if self.terminal:
            out = b""
            while select.select([self.pty[0]], [], [], 1)[0]:
                try:
                    out += os.read(self.pty[0], 65536)
                except OSError:  # the other end is closed
                    break
            return out.decode("latin-1")
        return self.main.read(self.main.stderr, 1).decode("latin-1")


def live(life):
    """All of it, or until the container cannot go on."""
    if life.create():
        return
    if life.start():
        return
    if not life.use():
        try:
            life.exec()
        except OSError:
            # The second of two answers may have ended the sandbox before.
            if not life.pump(life.world.is_over, 6):
                raise


def check_time(life, verb, expected):
    text, when = life.results[verb]
    took = when - life.agent.fired_at
    limit = expected.after + SLACK_S + SUSPECT_S + 5 * stall()
    expect(took < limit, "%s ended after %.2f s, not within %.2f: %s" %
           (verb, took, limit, text))
    expect(took > expected.after - 0.6, "after %.2f s already" % took)


def fails(life, verb, expected, anyhow=False):
    """The verb has failed for the right reason, in time."""
    text = life.results.get(verb, (None, 0))[0]
    expect(text is not None, "%s succeeded" % verb)
    check_time(life, verb, expected)
    if not anyhow:
        expect(re.search(expected.text, text), "%s says: %s" % (verb, text))


def succeeds(life, *verbs):
    for verb in verbs:
        text = life.results.get(verb, ("was not reached", 0))[0]
        expect(text is None, "%s: %s" % (verb, text))


def outcome_vm(life, method, name, expected):
    phase = METHODS[method][0]

    life.finish(20)
    expect(life.pump(life.world.is_over, 6), "the proxy stays")
    if phase == "end":
        expect(life.main.status == 42, "status %s" % life.main.status)
    elif phase in ("create", "start", "exec"):
        # The first of two answers is a good one, and may have been taken.
        if not name.endswith("answered twice") or life.results.get(phase, (None, 0))[0]:
            fails(life, phase, expected, anyhow=True)
    if phase not in ("create", "end"):
        expect(life.main.status == 255, "status %s" % life.main.status)
        expect("kata: sandbox ended: " in life.stderr(), "stderr")
    # The shim may have had its answer and be through before it is seen.
    if method == "DestroySandbox" and name.endswith("answered twice"):
        return
    failed, reason, _ = life.world.words
    expect(failed == 1 and re.search(expected.text, reason),
           "the proxy says: %s" % reason)
    expect(reason in life.world.log(), "not in the log")


def outcome_broken(life, method, expected):
    phase = METHODS[method][0]

    if phase in ("create", "start", "exec"):
        fails(life, phase, expected)
    over = life.finish(20)
    expect(over, "not over; log: " + life.world.log())
    if phase in ("start", "run", "quiet") + VERBS:
        expect(life.main.status == 255, "status %s" % life.main.status)
        expect(re.search("kata: sandbox ended: .*" + expected.text,
                         life.stderr()), "stderr")
    if phase in ("exec", "end"):
        expect(life.main.status == 42, "status %s" % life.main.status)
    expect(re.search(expected.text, life.world.log()), "not in the log")


def outcome_refused(life, method, expected):
    phase = METHODS[method][0]

    fails(life, phase, expected)
    expect(life.finish(20), "not over; log: " + life.world.log())
    wanted = {"create": 1, "start": 126}.get(phase, 42)
    expect(life.main.status == wanted, "status %s" % life.main.status)


def outcome_deadline(life, method, name, expected):
    phase = METHODS[method][0]

    if phase in ("create", "start", "exec") + VERBS and expected.after:
        fails(life, phase, expected)
    if phase in ("quiet", "exec") + VERBS and name.endswith("for ever"):
        life.kill()  # nothing else gets through to the shims
        return
    if method == "WaitProcess":
        expect(not life.finish(2), "ended without its process")
        life.kill()
        return
    expect(life.finish(24), "not over; log: " + life.world.log())
    wanted = {"create": 1, "start": 126}.get(phase, 42)
    expect(life.main.status == wanted, "status %s" % life.main.status)


def outcome_goes_on(life, method, expected):
    if METHODS[method][0] == "end" or method != "WaitProcess":
        succeeds(life, "create", "start", "kill", "exec",
                 *[verb for verb in VERBS if METHODS[method][0] == verb])
    expect(life.finish(24), "not over; log: " + life.world.log())
    wanted = 42 if expected.status is None else expected.status
    expect(life.main.status == wanted, "status %s" % life.main.status)
    expect(not life.world.errors, str(life.world.errors))


def hostile(name, method, action, expected):
    life = Life(method, action)
    try:
        life.world.running()
        live(life)
        if life.agent.fired_at is None:  # a call of the end
            expect(METHODS[method][0] == "end", "never called: %s; calls %s" %
                   (life.results, life.agent.calls))
        if expected.kind == VM:
            outcome_vm(life, method, name, expected)
        elif expected.kind == BROKEN:
            outcome_broken(life, method, expected)
        elif expected.kind == REFUSED:
            outcome_refused(life, method, expected)
        elif expected.kind == DEADLINE:
            outcome_deadline(life, method, name, expected)
        else:
            outcome_goes_on(life, method, expected)
        expect(life.agent.fired_at is not None, "the case never happened")
        life.check()
    finally:
        life.end()


def option(name, default):
    if name not in sys.argv:
        return default
    at = sys.argv.index(name)
    value = int(sys.argv[at + 1])
    del sys.argv[at:at + 2]
    return value


def main():
    global LIBEXEC
    every, workers = option("--every", 1), option("--workers", 12)
    LIBEXEC = os.path.abspath(sys.argv[1])
    pattern = sys.argv[2] if len(sys.argv) > 2 else ""
    cases = [case for case in all_cases() if re.search(pattern, case[0])]
    # Those that wait for a deadline first: the others fill the gaps.
    cases = sorted(cases[::every], key=lambda case: -case[3].after)
    return run_all([("hostile: " + case[0], hostile, case) for case in cases],
                   workers)


if __name__ == "__main__":
    sys.exit(main())
