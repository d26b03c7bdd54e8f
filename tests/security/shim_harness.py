# SPDX-License-Identifier: Apache-2.0
"""Drives kata-shim without a VM.

Starts the built kata-shim as the runtime does (fresh namespaces, descriptors
by position) and plays proxy and agent towards it from a script in Python.
Used for hostile answers, which a real agent never gives, and for the shim's
own behaviour. Needs CAP_SYS_ADMIN in the current user namespace.
"""
import ctypes
import json
import os
import select
import signal
import socket
import struct
import sys
import tempfile
import time

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC = 0x20000, 0x4000000, 0x8000000
CLONE_NEWPID, CLONE_NEWCGROUP = 0x20000000, 0x2000000
SYS_OPEN_TREE = 428
AT_FDCWD, AT_RECURSIVE, OPEN_TREE_CLONE = -100, 0x8000, 1
MAIN, WILL, DONE = 0xF1, 0xF0, 0xF2
MAGIC = 0x4B435231
ERROR, OK, READBACK, START, SIGNAL, STARTED, CONFINED = 1, 2, 7, 8, 9, 10, 22


def check(result, what):
    if result < 0:
        raise OSError(ctypes.get_errno(), what)
    return result


def open_tree(path):
    return check(LIBC.syscall(SYS_OPEN_TREE, AT_FDCWD, path.encode(),
                              OPEN_TREE_CLONE | AT_RECURSIVE | os.O_CLOEXEC),
                 "open_tree " + path)


# --- protobuf, only what is needed ---------------------------------------

def varint(value):
    out = b""
    value &= (1 << 64) - 1
    while value >= 0x80:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, str):
        value = value.encode()
    return varint(number << 3 | 2) + varint(len(value)) + value


def read_varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            return value, at


def fields(data):
    """Field number to list of values (int or bytes)."""
    out, at = {}, 0
    while at < len(data):
        tag, at = read_varint(data, at)
        if tag & 7 == 0:
            value, at = read_varint(data, at)
        else:
            assert tag & 7 == 2, "wire type"
            size, at = read_varint(data, at)
            value, at = data[at:at + size], at + size
        out.setdefault(tag >> 3, []).append(value)
    return out


def frame(stream, kind, payload, length=None):
    return struct.pack(">IIBB", len(payload) if length is None else length,
                       stream, kind, 0) + payload


def response(payload=b"", code=0, message=""):
    status = (field(1, code) if code else b"")
    status += field(2, message) if message else b""
    return field(1, status) + (field(2, payload) if payload else b"")


READ_BACK = field(1000, field(1, 42) + field(2, 2) + field(3, 1) +
                  field(8, 0xFF) + field(12, 0x7E) + field(13, -1) +
                  field(14, -1) + field(15, -1) + field(16, -1) +
                  field(17, "0.1.0") + field(18, "6.1.0\x1b[31m") +
                  field(30, "/kata/c1") + field(31, "/") +
                  field(33, field(1, 8) + field(4, "a\x1b[31m\tname")))


class Ended(Exception):
    pass


class Agent:
    """Answers calls on the proxy's socket. Override or add do_Method()."""

    def __init__(self, sock):
        self.sock = sock
        self.calls = []  # names in order
        self.private = []  # frames for the proxy
        self.waits = {}  # exec id -> stream of WaitProcess
        self.stdin = b""
        self.stdin_closed = False
        self.output = {"ReadStdout": [], "ReadStderr": []}
        self.readers = {}  # streams that wait, oldest first, by method
        self.buffer = b""

    def send(self, stream, payload=b"", code=0, message=""):
        self.raw(frame(stream, 2, response(payload, code, message)))

    def raw(self, data):
        try:
            self.sock.sendall(data)
        except (BrokenPipeError, ConnectionResetError) as gone:
            raise Ended() from gone

    def do(self, stream, method, request):
        handler = getattr(self, "do_" + method, None)
        if handler:
            handler(stream, request)
        else:
            self.send(stream)

    def do_Check(self, stream, request):
        self.send(stream, field(1, 1))

    def do_CreateContainer(self, stream, request):
        self.spec = request
        self.send(stream, READ_BACK)

    def do_ExecProcess(self, stream, request):
        self.send(stream, READ_BACK)

    def do_WaitProcess(self, stream, request):
        self.waits[request[2][0].decode()] = stream

    def do_WriteStdin(self, stream, request):
        self.stdin += request[3][0]
        self.send(stream, field(1, len(request[3][0])))

    def do_CloseStdin(self, stream, request):
        self.stdin_closed = True
        self.send(stream)

    def read(self, stream, method):
        if self.output[method]:
            self.send(stream, field(1, self.output[method].pop(0)))
        else:
            self.readers.setdefault(method, []).append(stream)

    def reader(self, method):
        """The oldest read that waits, to be answered by the caller."""
        stream = self.readers[method].pop(0)
        if not self.readers[method]:
            del self.readers[method]
        return stream

    def do_ReadStdout(self, stream, request):
        self.read(stream, "ReadStdout")

    def do_ReadStderr(self, stream, request):
        self.read(stream, "ReadStderr")

    def exit(self, process, status):
        for streams in self.readers.values():
            for stream in streams:
                self.send(stream)
        self.readers = {}
        self.output = {"ReadStdout": [b""], "ReadStderr": [b""]}
        self.send(self.waits.pop(process), field(1, status))

    def last_words(self):
        """What the shim sent before its end and nobody has read yet."""
        try:
            while self.serve(0):
                pass
        except Ended:
            pass

    def serve(self, timeout):
        """One step; False on timeout, Ended when the shim is gone."""
        if not select.select([self.sock], [], [], timeout)[0]:
            return False
        try:
            data = self.sock.recv(1 << 20)
        except ConnectionResetError as gone:
            raise Ended() from gone
        if not data:
            raise Ended()
        self.buffer += data
        while len(self.buffer) >= 10:
            size, stream, kind, _ = struct.unpack(">IIBB", self.buffer[:10])
            if len(self.buffer) < 10 + size:
                break
            payload = self.buffer[10:10 + size]
            self.buffer = self.buffer[10 + size:]
            if kind >= WILL:
                self.private.append((kind, payload))
                continue
            request = fields(payload)
            method = request[2][0].decode()
            self.calls.append(method)
            self.do(stream, method, fields(request.get(3, [b""])[0]))
        return True

    def until(self, condition, timeout=10):
        end = time.monotonic() + timeout
        while not condition():
            if time.monotonic() > end:
                raise TimeoutError("harness: condition never true; calls %s"
                                   % self.calls[-20:])
            self.serve(0.1)


# --- records --------------------------------------------------------------

def record(kind, body=b""):
    return struct.pack("=IHH", MAGIC, kind, 8 + len(body)) + body


def start_record(network=None):
    """struct record_start; without a network all zero."""
    head = struct.pack("=BBB6sxxxI16s", 0, 0, 0, bytes(6), 0, b"")
    if network:
        head = network
    size = START_SIZE - 8
    return record(START, head.ljust(size, b"\0"))


# 8 header, 3 + 6 + pad, mtu, name, 8 addresses of 18, 32 routes of 60
START_SIZE = 8 + 12 + 4 + 16 + 8 * 18 + 32 * 60 + 0


def signal_record(number, everything=0):
    return record(SIGNAL, struct.pack("=II", number, everything))


def parse_record(data):
    magic, kind, size = struct.unpack("=IHH", data[:8])
    assert magic == MAGIC and size == len(data), "record header"
    if kind == ERROR:
        code = struct.unpack("=i", data[8:12])[0]
        return kind, code, data[12:].split(b"\0")[0].decode()
    return kind, 0, ""


def readback_items(data):
    """How many records follow a READBACK: struct record_readback."""
    return struct.unpack("=I", data[88:92])[0]


def item_text(data):
    return data[40:].split(b"\0")[0]


# --- the shim -------------------------------------------------------------

def spec(**extra):
    out = {
        "ociVersion": "1.0.2",
        "process": {"args": ["/bin/true"], "cwd": "/", "env": ["A=b"],
                    "user": {"uid": 0, "gid": 0, "umask": 18}},
        "root": {"path": "rootfs"},
        "hostname": "box",
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs"},
            {"destination": "/dev/shm", "type": "bind", "source": "/dev/shm",
             "options": ["bind"]},
        ],
        "linux": {"namespaces": [{"type": kind} for kind in
                                 ("pid", "mount", "ipc", "uts", "network")]},
    }
    out.update(extra)
    return out


def make_rootfs(base):
    root = os.path.join(base, "rootfs")
    for name in ("proc", "dev", "etc", "tmp", "bin", "sys", "vol", "run"):
        os.makedirs(os.path.join(root, name), exist_ok=True)
    with open(os.path.join(root, "etc/marker"), "w", encoding="ascii") as out:
        out.write("container\n")
    return root


class Shim:
    def __init__(self, program, config=None, role="container", mounts=(),
                 stdin=None, console=None, base=None, rootfs=None, mntns=-1,
                 agent=Agent, extra_args=(), channel=None, terminal=None):
        self.program = program
        self.base = base or tempfile.mkdtemp(prefix="shim-test-")
        self.rootfs = rootfs or make_rootfs(self.base)
        self.role = role
        self.config = config or spec()
        if channel:  # through a real kata-proxy
            theirs = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            theirs.connect(channel)
            self.agent = agent
        else:
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
            self.agent = agent(ours)
        self.control, control = socket.socketpair(socket.AF_UNIX,
                                                  socket.SOCK_SEQPACKET)
        self.listen_path = os.path.join(self.base, "shim%d.sock" % id(self))
        self.log_path = os.path.join(self.base, "log")
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        listener.bind(self.listen_path)
        listener.listen(8)
        log = os.open(self.log_path, os.O_CREAT | os.O_WRONLY | os.O_APPEND,
                      0o600)
        config_fd = os.memfd_create("config")
        os.write(config_fd, json.dumps(self.config).encode())
        os.lseek(config_fd, 0, os.SEEK_SET)
        share = os.path.normpath(os.path.join(os.path.dirname(program),
                                              "../../share/kata"))
        seccomp = os.open(share + "/seccomp/shim.bpf", os.O_RDONLY)
        profile = os.open(share + "/seccomp/guest/default.json", os.O_RDONLY)
        if role == "container":
            fds = [("proxy", theirs.fileno()), ("control", control.fileno()),
                   ("listen", listener.fileno()), ("config", config_fd),
                   ("log", log), ("seccomp", seccomp), ("profile", profile),
                   ("rootfs", open_tree(self.rootfs))]
            for index, path in mounts:
                fds.append(("m%d" % index, open_tree(path)))
        else:
            fds = [("proxy", theirs.fileno()), ("control", control.fileno()),
                   ("process", config_fd), ("log", log), ("seccomp", seccomp),
                   ("mntns", mntns)]
        if console is not None:
            fds.append(("console", console.fileno()))
        stdin_read, self.stdin = os.pipe() if stdin is None else (stdin, -1)
        self.stdout, stdout_write = os.pipe()
        self.stderr, stderr_write = os.pipe()
        if terminal is not None:  # in place of all three
            for fd in (stdin_read, stdout_write, stderr_write):
                os.dup2(terminal, fd)
        args = [program, "--role", role, "--id", "c1", "--boot-timeout", "10",
                "--fds=" + ",".join(name for name, _ in fds)]
        if role == "exec":
            args[5:5] = ["--exec-id", "e1"]
        args += extra_args
        self.pid = self.spawn(args, [stdin_read, stdout_write, stderr_write] +
                              [fd for _, fd in fds], role)
        for fd in [stdin_read, stdout_write, stderr_write, config_fd, log,
                   seccomp, profile] + [fd for name, fd in fds
                               if name == "rootfs" or name[0] == "m" and
                               name[1:].isdigit()]:
            os.close(fd)
        for sock in (theirs, control, listener):
            sock.close()
        self.status = None
        self.confined = False  # it was told that it may go on

    def spawn(self, args, fds, role):
        """Middle process: namespaces, then the shim as pid 1 of them."""
        read_fd, write_fd = os.pipe()
        middle = os.fork()
        if middle == 0:
            try:
                os.setsid()
                if role == "container":
                    check(LIBC.unshare(CLONE_NEWNS | CLONE_NEWUTS |
                                       CLONE_NEWIPC | CLONE_NEWPID |
                                       CLONE_NEWCGROUP), "unshare")
                pid = os.fork()
                if pid:
                    os.write(write_fd, b"%d" % pid)
                    os._exit(0)
                high = [os.dup2(fd, 700 + i, inheritable=False)
                        for i, fd in enumerate(fds)]
                for i, fd in enumerate(high):
                    os.dup2(fd, i, inheritable=True)
                os.closerange(len(fds), 900)
                os.execve(args[0], args, {})
            except BaseException as error:  # the parent sees no pid
                sys.stderr.write("harness: %s\n" % error)
            os._exit(99)
        os.close(write_fd)
        LIBC.prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
        os.waitpid(middle, 0)
        pid = os.read(read_fd, 32)
        os.close(read_fd)
        return int(pid)

    def has_record(self):
        """Is there one over control? CONFINED is answered, and is none."""
        if not select.select([self.control], [], [], 0)[0]:
            return False
        data = self.control.recv(4096, socket.MSG_PEEK)
        if self.confined or not data or parse_record(data)[0] != CONFINED:
            return True
        self.control.recv(4096)
        self.confined = True
        self.control.send(record(OK))
        return False

    def until_told(self, timeout=20):
        """Until the shim has sent a record over control."""
        end = time.monotonic() + timeout
        while not self.has_record():
            if time.monotonic() > end:
                raise TimeoutError("no record; log: " + self.log())
            try:
                self.agent.serve(0.05)
            except Ended:
                time.sleep(0.05)

    def told(self):
        """What the runtime is told: READBACK, of an exec (it gets its OK)
        STARTED, ERROR."""
        self.until_told()
        data = self.control.recv(4096)
        answer = parse_record(data)
        self.items = []
        if answer[0] != READBACK:
            return answer
        for _ in range(readback_items(data)):
            self.items.append(self.control.recv(4096))
        if self.role == "exec":
            self.control.send(record(OK))
            self.until_told()
            return parse_record(self.control.recv(4096))
        return answer

    def create(self):
        """Up to the read-back, answered by OK."""
        answer = self.told()
        if answer[0] == READBACK:
            self.control.send(record(OK))
        if answer[0] in (READBACK, STARTED):
            self.control.close()
        return answer

    def command(self, data):
        conn = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        conn.connect(self.listen_path)
        conn.send(data)
        end = time.monotonic() + 15
        while not select.select([conn], [], [], 0)[0]:
            if time.monotonic() > end:
                raise TimeoutError("no answer to a command")
            try:
                self.agent.serve(0.05)
            except Ended:
                break
        answer = conn.recv(4096)
        conn.close()
        return parse_record(answer) if answer else (0, 0, "")

    def start(self):
        return self.command(start_record())

    def wait(self, timeout=15):
        """Exit status (negative for a signal) while the agent answers."""
        end = time.monotonic() + timeout
        agent = True
        while self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
                self.agent.last_words()
                break
            if time.monotonic() > end:
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
                raise TimeoutError("the shim did not end")
            try:
                if not agent or not self.agent.serve(0.02):
                    time.sleep(0.01)
            except Ended:
                agent = False
        return self.status

    def log(self):
        with open(self.log_path, encoding="utf-8") as file:
            return file.read()

    def read(self, fd, timeout=5):
        """What comes until nothing comes for a moment."""
        out = b""
        while select.select([fd], [], [], timeout)[0]:
            data = os.read(fd, 1 << 16)
            if not data:
                break
            out += data
            timeout = 0.2
        return out

    def end(self):
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self.status = -9
        for fd in (self.stdin, self.stdout, self.stderr):
            try:
                os.close(fd)
            except OSError:
                pass  # a test closed it
        self.agent.sock.close()
        self.control.close()
