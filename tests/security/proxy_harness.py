# SPDX-License-Identifier: Apache-2.0
"""Drives the real kata-proxy without a VM.

Starts the built program as the runtime does (descriptors by position, its own
mount namespace, its seccomp filter) with two shells in place of the jails, and
gives the test the other ends: QMP, the guest's port, the console, the
runtime's control socket. Needs CAP_SYS_ADMIN in the current user namespace.
"""
import json
import multiprocessing
import os
import re
import select
import shutil
import signal
import socket
import struct
import sys
import tempfile
import time
import traceback

from shim_harness import (LIBC, MAGIC, ERROR, OK, Ended, record)

READY, CONT, QUIT, PING = 3, 4, 5, 6
RSS_LIMIT_KIB = 16 * 1024
GREETING = {"QMP": {"version": {"qemu": {"micro": 0, "minor": 2, "major": 7},
                                "package": ""}, "capabilities": ["oob"]}}


def records_enum():
    """The number of a record type, from the header: others are added there."""
    here = os.path.dirname(os.path.abspath(__file__))
    text = open(os.path.join(here, "../../lib/records.h"),
                encoding="utf-8").read()
    body = text[text.index("enum record_type {"):]
    body = re.sub(r"/\*.*?\*/", "", body[:body.index("};")], flags=re.S)
    return {name: number + 1 for number, name in
            enumerate(re.findall(r"RECORD_[A-Z_]+", body))}


RECORDS = records_enum()
LAST_WORDS = RECORDS["RECORD_PROXY_LAST_WORDS"]


class Failed(Exception):
    """An expectation that does not hold."""


def expect(condition, what):
    if not condition:
        raise Failed(what)


def memfd(name, data):
    fd = os.memfd_create(name)
    os.write(fd, data)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def peak_kib(pid):
    """Most memory that a living process ever had, 0 when it is gone."""
    try:
        with open("/proc/%d/status" % pid, encoding="utf-8") as file:
            if not file.readline().startswith("Name:\tkata-"):
                return 0  # still the harness, before its exec
            for line in file:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1])
    except (FileNotFoundError, ProcessLookupError):
        pass
    return 0


class World:
    """One kata-proxy and what surrounds it."""

    def __init__(self, libexec):
        self.libexec = libexec
        self.base = tempfile.mkdtemp(prefix="kata-hostile-")
        self.root = os.path.join(self.base, "share")
        os.mkdir(self.root)
        self.log_path = os.path.join(self.base, "log")
        self.peak = 0
        self.status = None
        self.qmp_buffer = b""
        self.qmp_honest = True
        self.commands = []  # names, as the proxy sent them
        self.words = None  # last words: (failed, reason, headline)
        self.errors = []  # texts of RECORD_ERROR
        self.qmp, qmp = socket.socketpair()
        self.guest, guest = socket.socketpair()
        self.console, console = socket.socketpair()
        self.control, control = socket.socketpair(socket.AF_UNIX,
                                                  socket.SOCK_SEQPACKET)
        self.agent_path = os.path.join(self.base, "agent.sock")
        self.control_path = os.path.join(self.base, "control.sock")
        agent_listen = self.listen(self.agent_path, socket.SOCK_STREAM)
        control_listen = self.listen(self.control_path, socket.SOCK_SEQPACKET)
        self.spawn([("control", control), ("control_listen", control_listen),
                    ("agent_listen", agent_listen), ("qmp", qmp),
                    ("agent", guest), ("console", console)])
        for sock in (qmp, guest, console, control, agent_listen,
                     control_listen):
            sock.close()
        self.until_shells()

    def until_shells(self):
        """They share the proxy's mounts, which are gone once QMP is there."""
        said = b""
        while said != b"..":
            expect(select.select([self.up], [], [], 20)[0],
                   "the shells in place of the jails did not start")
            said += os.read(self.up, 2)

    @staticmethod
    def listen(path, kind):
        sock = socket.socket(socket.AF_UNIX, kind)
        sock.bind(path)
        sock.listen(8)
        return sock

    def spawn(self, socks):
        program = os.path.join(self.libexec, "kata-proxy")
        share = os.path.join(self.libexec, "../../share/kata")
        fds = [(name, os.dup(sock.fileno())) for name, sock in socks]
        fds.append(("log", os.open(self.log_path, os.O_CREAT | os.O_WRONLY |
                                   os.O_APPEND, 0o600)))
        fds.append(("seccomp", os.open(share + "/seccomp/proxy.bpf",
                                       os.O_RDONLY)))
        # A jail that ends with the status it is told, or when we are gone.
        shell = b"/bin/sh\0-c\0printf . >&4; read x <&3; exit ${x:-0}\0"
        fds.append(("vmm_argv", memfd("vmm", shell)))
        fds.append(("fs_argv", memfd("fs", shell)))
        read_vmm, self.vmm = os.pipe()
        read_fs, self.fs = os.pipe()
        for name in ("vmm_alive", "fs_alive", "vmm_info", "fs_info"):
            fds.append((name, os.open("/dev/null", os.O_RDONLY)))
        self.up, write_up = os.pipe()
        fds += [("vmm0", read_vmm), ("vmm1", write_up), ("fs0", read_fs),
                ("fs1", os.dup(write_up))]
        args = [program, "box", self.root,
                "--fds=" + ",".join(name for name, _ in fds)]
        self.pid = os.fork()
        if self.pid == 0:
            self.child(args, [fd for _, fd in fds])
        for _, fd in fds:
            os.close(fd)

    @staticmethod
    def child(args, fds):
        try:
            null = os.open("/dev/null", os.O_RDWR)
            high = [os.dup2(fd, 700 + i, inheritable=False)
                    for i, fd in enumerate([null, null, 2] + fds)]
            for i, fd in enumerate(high):
                os.dup2(fd, i, inheritable=True)
            os.closerange(len(high), 900)
            os.execve(args[0], args, {})
        except BaseException as error:
            sys.stderr.write("harness: %s\n" % error)
        os._exit(99)

    # --- QMP ---------------------------------------------------------------

    def qmp_raw(self, data):
        try:
            self.qmp.sendall(data)
        except (BrokenPipeError, ConnectionResetError) as gone:
            raise Ended() from gone

    def qmp_send(self, message):
        self.qmp_raw(json.dumps(message).encode() + b"\r\n")

    def qmp_take(self):
        """Commands that have come, as objects."""
        out = []
        while select.select([self.qmp], [], [], 0)[0]:
            try:
                data = self.qmp.recv(65536)
            except ConnectionResetError:
                break
            if not data:
                break
            self.qmp_buffer += data
        while b"\n" in self.qmp_buffer:
            line, self.qmp_buffer = self.qmp_buffer.split(b"\n", 1)
            out.append(json.loads(line))
            self.commands.append(out[-1]["execute"])
        return out

    def qmp_command(self, name, timeout=20):
        """Waits for one command, which must be this one."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            for command in self.qmp_take():
                expect(command["execute"] == name, "command %s" % command)
                return command
            self.look()
            time.sleep(0.005)
        raise Failed("no command %s; log: %s" % (name, self.log()))

    def qmp_serve(self):
        """As QEMU would."""
        for command in self.qmp_take():
            if not self.qmp_honest:
                continue
            try:
                self.qmp_send({"return": {}, "id": command["id"]})
            except Ended:
                return
            if command["execute"] == "quit":
                self.end_vmm(0)

    def end_vmm(self, status):
        os.write(self.vmm, b"%d\n" % status)

    # --- the runtime's part --------------------------------------------------

    def look(self):
        self.peak = max(self.peak, peak_kib(self.pid))

    def take_records(self):
        """Everything that has come over the control socket; types of it."""
        out = []
        while select.select([self.control], [], [], 0)[0]:
            try:
                data = self.control.recv(8192)
            except ConnectionResetError:
                break
            if not data:
                break
            magic, kind, size = struct.unpack("=IHH", data[:8])
            expect(magic == MAGIC and size == len(data), "record header")
            if kind == ERROR:
                self.errors.append(data[12:].split(b"\0")[0].decode("ascii"))
            elif kind == LAST_WORDS:
                self.words = (struct.unpack("=I", data[8:12])[0],
                              data[12:524].split(b"\0")[0].decode("ascii"),
                              data[524:764].split(b"\0")[0].decode("ascii"))
            out.append(kind)
        return out

    def until_record(self, kind, timeout):
        """Serves QMP meanwhile; True when the record came in time."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            if kind in self.take_records():
                return True
            self.qmp_serve()
            self.look()
            time.sleep(0.005)
        return False

    def ready(self):
        """Up to the stopped VM."""
        self.qmp_send(GREETING)
        expect(self.until_record(READY, 20), "not ready: " + self.log())

    def running(self):
        self.ready()
        self.control.send(record(CONT))
        expect(self.until_record(OK, 20), "not running: " + self.log())

    def is_over(self):
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
        return self.status is not None

    def until_over(self, timeout):
        end = time.monotonic() + timeout
        while not self.is_over():
            expect(time.monotonic() < end, "the proxy does not end; log: " +
                   self.log())
            self.take_records()
            self.qmp_serve()
            self.look()
            time.sleep(0.005)
        self.take_records()
        return self.status

    def log(self):
        with open(self.log_path, encoding="ascii") as file:
            return file.read()

    def end(self):
        if not self.is_over():
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self.status = -9
        for fd in (self.vmm, self.fs, self.up):
            os.close(fd)
        for sock in (self.qmp, self.guest, self.console, self.control):
            sock.close()
        shutil.rmtree(self.base, ignore_errors=True)


# --- how late things may be ---------------------------------------------------

def stall():
    """Seconds that this machine lets a ready process wait, at worst."""
    worst = 0.0
    for _ in range(5):
        begin = time.monotonic()
        time.sleep(0.01)
        worst = max(worst, time.monotonic() - begin - 0.01)
    return worst


def check_log(text):
    """What a hostile peer makes us write: printable, short lines, few."""
    expect(all(c == "\n" or " " <= c <= "~" for c in text),
           "unprintable text in the log")
    lines = text.split("\n")
    expect(len(lines) < 400, "%d lines in the log" % len(lines))
    for line in lines:
        expect(len(line) < 1300, "a line of %d bytes in the log" % len(line))


# --- a table of cases, many at a time ------------------------------------------

JOBS = []  # inherited by the workers: functions do not travel


def run_case(index):
    name, function, arguments = JOBS[index]
    begin = time.monotonic()
    LIBC.prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
    signal.alarm(240)
    try:
        function(*arguments)
        error = None
    except Failed as failed:
        error = str(failed)
    except BaseException:
        error = traceback.format_exc()
    signal.alarm(0)
    return name, error, time.monotonic() - begin


def run_all(jobs, workers):
    """Prints as unittest does, so that one counter reads both."""
    begin = time.monotonic()
    failures = 0
    JOBS[:] = jobs
    multiprocessing.set_start_method("fork")
    with multiprocessing.Pool(workers) as pool:
        for name, error, seconds in pool.imap_unordered(
                run_case, range(len(jobs)), 1):
            failures += error is not None
            print("%s %s (%.1f s)" % ("FAIL:" if error else "ok", name,
                                      seconds), flush=True)
            if error:
                print("    " + error.replace("\n", "\n    "), flush=True)
    print("Ran %d tests in %.3fs\n" % (len(jobs), time.monotonic() - begin))
    print("FAILED (failures=%d)" % failures if failures else "OK")
    return 1 if failures else 0
