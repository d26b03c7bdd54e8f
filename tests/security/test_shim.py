#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""kata-shim against a scripted peer: its own behaviour, and hostile answers.

usage: test_shim.py LIBEXEC_DIR [unittest arguments]
Needs CAP_SYS_ADMIN in its user namespace (`unshare -Urm` is enough).
"""
import fcntl
import os
import re
import resource
import select
import signal
import socket
import struct
import subprocess
import sys
import termios
import time
import faulthandler
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from shim_harness import (LIBC, Agent, Ended, Shim, CONFINED, ERROR, OK, READBACK,
                          READ_BACK, STARTED,
                          item_text,
                          WILL, DONE, MAIN, field, frame, make_rootfs, parse_record,
                          response, signal_record, spec, record,
                          start_record)
from proxy_harness import RECORDS

PROGRAM = ""
READ_MAX = 256 << 10  # AGENT_READ_MAX


class Base(unittest.TestCase):
    def setUp(self):
        self.shims = []

    def tearDown(self):
        for shim in self.shims:
            shim.end()

    def shim(self, **options):
        shim = Shim(PROGRAM, **options)
        self.shims.append(shim)
        return shim

    def created(self, **options):
        shim = self.shim(**options)
        self.assertEqual(shim.create()[0], READBACK)
        self.assertEqual([item_text(i) for i in shim.items],
                         [rb"a\x1b[31m name"])
        return shim

    def running(self, **options):
        shim = self.created(**options)
        self.assertEqual(shim.start()[0], OK)
        shim.agent.until(lambda: "c1" in shim.agent.waits and
                         len(shim.agent.readers) >= 1)
        return shim


class Life(Base):
    def test_calls_and_status(self):
        shim = self.running()
        self.assertEqual(shim.agent.private[0][0], MAIN)
        shim.agent.exit("c1", 42)
        self.assertEqual(shim.wait(), 42)
        self.assertEqual(shim.agent.calls[:5], [
            "Check", "ReseedRandomDev", "SetGuestDateTime", "CreateSandbox",
            "CreateContainer"])
        self.assertEqual(shim.agent.calls[-1], "DestroySandbox")
        self.assertEqual(shim.agent.private[-1][0], DONE)

    def test_stdio(self):
        shim = self.running()
        os.write(shim.stdin, b"hello")
        shim.agent.until(lambda: shim.agent.stdin == b"hello")
        os.close(shim.stdin)
        shim.agent.until(lambda: shim.agent.stdin_closed)
        shim.agent.send(shim.agent.reader("ReadStdout"),
                        field(1, b"out\0\xff"))
        shim.agent.send(shim.agent.reader("ReadStderr"), field(1, b"err"))
        self.assertEqual(shim.read(shim.stdout), b"out\0\xff")
        self.assertEqual(shim.read(shim.stderr), b"err")
        shim.agent.exit("c1", 0)
        self.assertEqual(shim.wait(), 0)

    def test_back_pressure_loses_nothing(self):
        shim = self.running()
        chunks = [bytes([i]) * 65536 for i in range(20)]
        shim.agent.output["ReadStdout"] = list(chunks)
        shim.agent.send(shim.agent.reader("ReadStdout"),
                        field(1, b"first"))
        end = time.monotonic() + 1
        while time.monotonic() < end:
            shim.agent.serve(0.05)
        # The pipe is full: the shim asked for little more than it holds.
        self.assertGreater(len(shim.agent.output["ReadStdout"]), 15)
        got, want = b"", b"first" + b"".join(chunks)
        end = time.monotonic() + 20
        while len(got) < len(want) and time.monotonic() < end:
            shim.agent.serve(0.01)
            got += shim.read(shim.stdout, 0.05)
        self.assertEqual(got, want)
        shim.agent.exit("c1", 1)
        self.assertEqual(shim.wait(), 1)

    def test_two_reads_and_no_more(self):
        shim = self.running()
        agent = shim.agent
        agent.until(lambda: len(agent.readers.get("ReadStdout", [])) == 2)
        want = os.urandom(2 * READ_MAX)
        agent.send(agent.reader("ReadStdout"), field(1, want[:READ_MAX]))
        agent.send(agent.reader("ReadStdout"), field(1, want[READ_MAX:]))
        end = time.monotonic() + 1
        while time.monotonic() < end:
            agent.serve(0.05)
        # Nobody reads the pipe: what has come is kept, nothing more asked for.
        self.assertEqual(agent.calls.count("ReadStdout"), 2)
        self.assertEqual(shim.read(shim.stdout), want)
        agent.until(lambda: len(agent.readers.get("ReadStdout", [])) == 2)
        agent.exit("c1", 0)
        self.assertEqual(shim.wait(), 0)

    def test_nothing_after_the_end(self):
        shim = self.running()
        agent = shim.agent
        agent.until(lambda: len(agent.readers.get("ReadStdout", [])) == 2)
        agent.send(agent.reader("ReadStdout"))
        agent.send(agent.reader("ReadStdout"), field(1, b"late"))
        agent.exit("c1", 0)
        self.assertEqual(shim.wait(), 0)
        self.assertEqual(shim.read(shim.stdout, 1), b"")

    def test_reader_gone_does_not_stop_the_container(self):
        shim = self.running()
        os.close(shim.stdout)
        for _ in range(5):
            shim.agent.send(shim.agent.reader("ReadStdout"),
                            field(1, b"x" * 65536))
            shim.agent.until(lambda: "ReadStdout" in shim.agent.readers)
        shim.agent.exit("c1", 5)
        self.assertEqual(shim.wait(), 5)

    def test_output_after_exit_is_delivered(self):
        shim = self.running()
        stdout = shim.agent.reader("ReadStdout")
        stderr = shim.agent.reader("ReadStderr")
        shim.agent.send(shim.agent.waits.pop("c1"), field(1, 3))
        shim.agent.output["ReadStdout"] = [b"b" * 1000, b""]
        shim.agent.output["ReadStderr"] = [b""]
        shim.agent.send(stdout, field(1, b"a" * 1000))
        shim.agent.send(stderr, field(1, b""))
        self.assertEqual(shim.wait(), 3)
        self.assertEqual(shim.read(shim.stdout), b"a" * 1000 + b"b" * 1000)

    def test_signals_are_forwarded(self):
        seen = []

        class Recorder(Agent):
            def do_SignalProcess(self, stream, request):
                seen.append((request[2][0], request[3][0]))
                self.send(stream)

        shim = self.running(agent=Recorder)
        for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP,
                       signal.SIGPIPE, signal.SIGCHLD, 40):
            os.kill(shim.pid, number)
            shim.agent.until(lambda n=number: (b"c1", int(n)) in seen)
        self.assertEqual(shim.command(signal_record(10))[0], OK)
        self.assertEqual(seen[-1], (b"c1", 10))
        shim.agent.exit("c1", 143)
        self.assertEqual(shim.wait(), 143)

    def test_signal_ends_a_created_container(self):
        shim = self.created()
        self.assertEqual(shim.command(signal_record(0))[0], OK)
        self.assertEqual(shim.command(signal_record(28))[0], OK)
        self.assertEqual(shim.command(signal_record(9))[0], OK)
        self.assertEqual(shim.wait(), 137)
        self.assertIn("DestroySandbox", shim.agent.calls)
        shim = self.created()
        os.kill(shim.pid, signal.SIGTERM)
        self.assertEqual(shim.wait(), 143)

    def test_process_gone_is_told(self):
        class Gone(Agent):
            def do_SignalProcess(self, stream, request):
                self.send(stream, b"", 5, "no process")

        shim = self.running(agent=Gone)
        self.assertEqual(shim.command(signal_record(15)),
                         (ERROR, 3, "container not running"))

    def test_start_twice_and_start_errors(self):
        shim = self.running()
        answer = shim.start()
        self.assertEqual(answer[0], ERROR)
        self.assertIn("running", answer[2])

        class NotFound(Agent):
            def do_StartContainer(self, stream, request):
                self.send(stream, b"", 5,
                          'exec: "x": executable file not found in $PATH')

        shim = self.created(agent=NotFound)
        answer = shim.start()
        self.assertEqual(answer[0], ERROR)
        self.assertIn("executable file not found in $PATH", answer[2])
        self.assertEqual(shim.wait(), 127)

    def test_asks_nothing_before_it_was_looked_at(self):
        main = self.running()
        mntns = os.open("/proc/%d/ns/mnt" % main.pid, os.O_RDONLY)
        process = {"args": ["true"], "cwd": "/", "user": {"uid": 0, "gid": 0}}
        for options in ({}, {"role": "exec", "mntns": mntns, "config": process}):
            shim = self.shim(**options)
            self.assertTrue(select.select([shim.control], [], [], 20)[0])
            self.assertEqual(parse_record(shim.control.recv(4096))[0], CONFINED)
            for _ in range(5):
                shim.agent.serve(0.1)
            self.assertEqual(shim.agent.calls, [])
            shim.control.close()
            self.assertEqual(shim.wait(), 1)
            self.assertEqual(shim.agent.calls, [])
        os.close(mntns)

    def test_no_verdict_no_container(self):
        shim = self.shim()
        shim.until_told()
        shim.control.close()
        self.assertEqual(shim.wait(), 1)
        self.assertNotIn("StartContainer", shim.agent.calls)

    def test_no_verdict_no_exec(self):
        main = self.running()
        mntns = os.open("/proc/%d/ns/mnt" % main.pid, os.O_RDONLY)
        shim = self.shim(role="exec", mntns=mntns, config={
            "args": ["true"], "cwd": "/", "user": {"uid": 0, "gid": 0}})
        os.close(mntns)
        held = []
        shim.agent.do_ExecProcess = lambda stream, request: (
            held.append(request[1000]), shim.agent.send(stream, READ_BACK))
        shim.until_told()
        self.assertEqual(held, [[1]])
        for _ in range(5):
            shim.agent.serve(0.1)
        self.assertEqual(shim.agent.calls[-1], "ExecProcess")
        shim.control.close()
        self.assertEqual(shim.wait(), 1)
        self.assertNotIn("StartContainer", shim.agent.calls)
        # its will stands: the proxy ends the process
        self.assertEqual([kind for kind, _ in shim.agent.private], [WILL])

    def test_exec_that_does_not_start(self):
        class NotFound(Agent):
            def do_StartContainer(self, stream, request):
                if 1000 not in request:
                    return self.send(stream)
                return self.send(stream, b"", 5, 'no such process: "e1"')

        main = self.running()
        mntns = os.open("/proc/%d/ns/mnt" % main.pid, os.O_RDONLY)
        shim = self.shim(role="exec", mntns=mntns, agent=NotFound, config={
            "args": ["true"], "cwd": "/", "user": {"uid": 0, "gid": 0}})
        os.close(mntns)
        kind, _, text = shim.told()
        self.assertEqual(kind, ERROR)
        self.assertIn("no such process", text)
        self.assertEqual(shim.wait(), 1)
        self.assertEqual([kind for kind, _ in shim.agent.private], [WILL])

    def test_create_error_is_reported(self):
        class Refuses(Agent):
            def do_CreateContainer(self, stream, request):
                self.send(stream, b"", 3,
                          "process.cwd: no such file or directory\x1b[2J\n")

        shim = self.shim(agent=Refuses)
        answer = shim.create()
        self.assertEqual(answer, (
            ERROR, 22,
            "process.cwd: no such file or directory\\x1b[2J\\x0a"))
        self.assertEqual(shim.wait(), 1)

    def test_exec(self):
        shim = self.running()
        mntns = os.open("/proc/%d/ns/mnt" % shim.pid, os.O_RDONLY)
        child = self.shim(role="exec", mntns=mntns, config={
            "args": ["true"], "cwd": "/", "user": {"uid": 0, "gid": 0}})
        self.assertEqual(child.create()[0], STARTED)
        # what waits for it is there before it runs
        self.assertEqual(child.agent.calls[:5], [
            "ExecProcess", "WaitProcess", "ReadStdout", "ReadStdout", "ReadStderr"])
        self.assertIn("StartContainer", child.agent.calls)
        self.assertEqual(child.agent.private[0][0], WILL)
        self.assertIn(b"SignalProcess", child.agent.private[0][1])
        self.assertEqual(os.readlink("/proc/%d/ns/mnt" % child.pid),
                         os.readlink("/proc/%d/ns/mnt" % shim.pid))
        child.agent.until(lambda: "e1" in child.agent.waits)
        begin = time.monotonic()
        # A background process keeps the pipes open: the exec ends all the same.
        child.agent.send(child.agent.waits.pop("e1"), field(1, 7))
        self.assertEqual(child.wait(), 7)
        self.assertLess(time.monotonic() - begin, 3)
        self.assertEqual(child.agent.private[-1][0], DONE)
        self.assertNotIn("DestroySandbox", child.agent.calls)
        os.close(mntns)


    def foreground_exec(self, agent):
        shim = self.running()
        mntns = os.open("/proc/%d/ns/mnt" % shim.pid, os.O_RDONLY)
        child = self.shim(role="exec", mntns=mntns, agent=agent,
                          extra_args=["--foreground"], config={
                              "args": ["true"], "cwd": "/",
                              "user": {"uid": 0, "gid": 0}})
        os.close(mntns)
        self.assertEqual(child.told()[0], STARTED)
        child.agent.until(lambda: "e1" in child.agent.waits and
                          len(child.agent.readers) == 2)
        return child

    def test_foreground_exec_ends_with_its_caller(self):
        child = self.foreground_exec(Agent)
        child.control.close()
        child.agent.until(lambda: "SignalProcess" in child.agent.calls)
        self.assertIsNone(child.status)
        child.agent.exit("e1", 137)
        self.assertEqual(child.wait(5), 137)
        self.assertEqual(child.agent.private[-1][0], DONE)


class Terminal(Base):
    def test_pty_resize_and_bytes(self):
        ours, theirs = socket.socketpair()
        sizes = []

        class Recorder(Agent):
            def do_TtyWinResize(self, stream, request):
                sizes.append((request[3][0], request[4][0]))
                self.send(stream)

        config = spec()
        config["process"]["terminal"] = True
        config["process"]["consoleSize"] = {"height": 24, "width": 80}
        shim = self.shim(config=config, console=theirs, agent=Recorder)
        theirs.close()
        self.assertEqual(shim.create()[0], READBACK)
        data, fds, _, _ = socket.recv_fds(ours, 64, 1)
        self.assertTrue(data)
        master = fds[0]
        # conmon does this; raw mode makes it inert.
        attr = termios.tcgetattr(master)
        attr[1] |= termios.ONLCR
        termios.tcsetattr(master, termios.TCSANOW, attr)
        self.assertEqual(shim.start()[0], OK)
        shim.agent.until(lambda: sizes == [(24, 80)])
        fcntl.ioctl(master, termios.TIOCSWINSZ,
                    struct.pack("HHHH", 50, 132, 0, 0))
        shim.agent.until(lambda: sizes[-1] == (50, 132))
        shim.agent.until(lambda: "ReadStdout" in shim.agent.readers)
        self.assertNotIn("ReadStderr", shim.agent.calls)
        shim.agent.send(shim.agent.reader("ReadStdout"),
                        field(1, b"a\nb\r"))
        self.assertEqual(shim.read(master), b"a\nb\r")
        os.write(master, b"\x03\x04in\r")
        shim.agent.until(lambda: shim.agent.stdin == b"\x03\x04in\r")
        shim.agent.exit("c1", 0)
        self.assertEqual(shim.wait(), 0)
        os.close(master)

    def on_terminal(self, slave, **options):
        config = spec()
        config["process"]["terminal"] = True
        return self.running(config=config, terminal=slave, **options)

    @staticmethod
    def leave_little_room(master, slave):
        """poll says that it takes something, but it takes no page. What is
        in it."""
        own = os.open("/proc/self/fd/%d" % slave,
                      os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
        filled = 0
        try:
            while True:
                filled += os.write(own, b"x" * 256)
                time.sleep(0.002)  # the kernel moves it on meanwhile
        except BlockingIOError:
            os.close(own)
        while not select.select([], [slave], [], 0.02)[1]:
            filled -= len(os.read(master, 100))
        return filled

    def test_caller_that_does_not_read_its_terminal(self):
        master, slave = os.openpty()
        before = termios.tcgetattr(slave)
        shim = self.on_terminal(slave)
        filled = self.leave_little_room(master, slave)
        sent = b"y" * 60000
        shim.agent.send(shim.agent.reader("ReadStdout"), field(1, sent))
        shim.agent.serve(0.2)
        os.kill(shim.pid, signal.SIGTERM)
        shim.agent.until(lambda: "SignalProcess" in shim.agent.calls)
        # O_NONBLOCK is the shim's own.
        self.assertFalse(fcntl.fcntl(slave, fcntl.F_GETFL) & os.O_NONBLOCK)
        os.write(master, b"typed")
        shim.agent.until(lambda: shim.agent.stdin == b"typed")
        got = b""
        while len(got) < filled + len(sent) and \
                select.select([master], [], [], 5)[0]:
            got += os.read(master, 1 << 16)
        self.assertEqual(got, b"x" * filled + sent)
        shim.agent.exit("c1", 4)
        self.assertEqual(shim.wait(), 4)
        self.assertEqual(termios.tcgetattr(slave), before)
        os.close(master)
        os.close(slave)

    def open_dev_tty(self, slave):
        """/dev/tty of a session that has this terminal."""
        ours, theirs = socket.socketpair()
        pid = os.fork()
        if pid == 0:
            os.setsid()
            fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
            socket.send_fds(theirs, [b"x"], [os.open("/dev/tty", os.O_RDWR)])
            signal.pause()
        self.addCleanup(os.waitpid, pid, 0)
        self.addCleanup(os.kill, pid, signal.SIGKILL)
        with ours, theirs:
            return socket.recv_fds(ours, 1, 1)[1][0]

    def test_terminal_that_cannot_be_opened_again(self):
        master, slave = os.openpty()
        terminal = self.open_dev_tty(slave)
        shim = self.on_terminal(terminal)
        self.assertIn("cannot be opened again", shim.log())
        shim.agent.send(shim.agent.reader("ReadStdout"),
                        field(1, b"still"))
        self.assertEqual(shim.read(master), b"still")
        shim.agent.exit("c1", 0)
        self.assertEqual(shim.wait(), 0)
        for fd in (master, slave, terminal):
            os.close(fd)

    def test_no_terminal_is_an_error(self):
        config = spec()
        config["process"]["terminal"] = True
        shim = self.shim(config=config)
        answer = shim.create()
        self.assertEqual(answer[0], ERROR)
        self.assertIn("not a terminal", answer[2])


class Mirror(Base):
    def path(self, shim, name):
        return "/proc/%d/root/%s" % (shim.pid, name)

    def mounts(self, shim):
        with open("/proc/%d/mountinfo" % shim.pid, encoding="utf-8") as file:
            rows = [line.split() for line in file]
        return {row[4]: row[5].split(",") for row in rows}

    def test_confined_before_the_first_guest_byte(self):
        shim = self.shim()
        while not shim.agent.calls and shim.agent.serve(5):
            pass
        with open("/proc/%d/status" % shim.pid, encoding="utf-8") as file:
            status = dict(line.split(":", 1) for line in file)
        for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            self.assertEqual(int(status[name], 16), 0, name)
        self.assertEqual(status["NoNewPrivs"].strip(), "1")
        self.assertEqual(status["Seccomp"].strip(), "2")
        self.assertEqual(status["NSpid"].split()[-1], "1")
        with open("/proc/%d/cmdline" % shim.pid, "rb") as file:
            self.assertEqual(file.read().rstrip(b"\0"), b"kata-shim")

    def test_root_and_mounts(self):
        base = self.shim().base
        volume = os.path.join(base, "volume")
        os.makedirs(volume, exist_ok=True)
        with open(os.path.join(base, "file"), "w", encoding="ascii") as out:
            out.write("bound")
        config = spec()
        config["mounts"] += [
            {"destination": "/run", "type": "tmpfs", "source": "tmpfs"},
            {"destination": "/sys", "type": "sysfs", "source": "sysfs"},
            {"destination": "/vol", "type": "bind", "source": "/x",
             "options": ["rbind", "ro"]},
            {"destination": "/run/secret", "type": "bind", "source": "/y",
             "options": ["bind"]},
            {"destination": "/dev/thing", "type": "bind", "source": "/y",
             "options": ["bind"]},
        ]
        shim = self.created(config=config, base=base, mounts=[
            (5, volume), (6, os.path.join(base, "file")),
            (7, os.path.join(base, "file"))])
        mounts = self.mounts(shim)
        self.assertIn("ro", mounts["/vol"])
        self.assertIn("ro", mounts["/proc"])
        self.assertIn("ro", mounts["/dev"])
        self.assertIn("ro", mounts["/run"])
        self.assertIn("ro", mounts["/sys"])
        self.assertIn("rw", mounts["/"])
        self.assertIn("nosuid", mounts["/"])
        for name in ("run/secret", "dev/thing"):
            with open(self.path(shim, name), encoding="ascii") as file:
                self.assertEqual(file.read(), "bound")
        for name in ("run/x", "dev/x", "vol/x", "sys/x", "proc/x"):
            with self.assertRaises(OSError, msg=name):
                with open(self.path(shim, name), "w", encoding="ascii"):
                    pass
        with open(self.path(shim, "etc/new"), "w", encoding="ascii"):
            pass
        self.assertFalse(os.path.exists(self.path(shim, "home")))
        self.assertFalse(os.path.exists(self.path(shim, "usr")))

    def test_read_only_root(self):
        shim = self.created(config=spec(root={"path": "x", "readonly": True}))
        self.assertIn("ro", self.mounts(shim)["/"])
        with self.assertRaises(OSError):
            with open(self.path(shim, "etc/new"), "w", encoding="ascii"):
                pass

    def test_symlinks_of_the_image_do_not_lead_out(self):
        for name, target in (("proc", "/tmp"), ("dev", "../../../..")):
            base = self.shim().base + "-" + name
            rootfs = make_rootfs(base)
            os.rmdir(os.path.join(rootfs, name))
            os.symlink(target, os.path.join(rootfs, name))
            shim = self.shim(base=base, rootfs=rootfs)
            answer = shim.create()
            self.assertEqual(answer[0], ERROR)
            self.assertIn("/%s in the container's root" % name, answer[2])
        base = self.shim().base + "-vol"
        rootfs = make_rootfs(base)
        os.rmdir(os.path.join(rootfs, "vol"))
        os.symlink("../../../../../../tmp", os.path.join(rootfs, "vol"))
        config = spec()
        config["mounts"].append({"destination": "/vol", "type": "bind",
                                 "source": "/x", "options": ["bind"]})
        shim = self.created(base=base, rootfs=rootfs, config=config,
                            mounts=[(3, rootfs + "/etc")])
        self.assertIn("/tmp", self.mounts(shim))  # the root's own /tmp

    def test_nothing_of_the_host_stays_open(self):
        shim = self.running()
        for name in os.listdir("/proc/%d/fd" % shim.pid):
            try:
                target = os.readlink("/proc/%d/fd/%s" % (shim.pid, name))
            except FileNotFoundError:
                continue
            if int(name) >= 100:
                continue  # the harness's own
            self.assertTrue(
                target.startswith(("pipe:", "socket:", "anon_inode:")) or
                target in ("/dev/null", "/null") or target.endswith("/log") or
                "signalfd" in target, target)


class Confined(Base):
    """Ways through the code that the filter must let pass, or end plainly."""

    def test_stopped_while_it_waits(self):
        class Slow(Agent):
            waiting = None

            def do_SetGuestDateTime(self, stream, request):
                self.waiting = stream

        shim = self.shim(agent=Slow)
        shim.agent.until(lambda: not shim.has_record() and shim.agent.waiting)
        # A wait with a deadline that is broken off goes on by a call of its
        # own, restart_syscall(2).
        for _ in range(3):
            os.kill(shim.pid, signal.SIGSTOP)
            self.until_state(shim, "T")
            os.kill(shim.pid, signal.SIGCONT)
            self.until_state(shim, "S")
        shim.agent.send(shim.agent.waiting)
        self.assertEqual(shim.create()[0], READBACK)

    def until_state(self, shim, wanted):
        end = time.monotonic() + 10
        state = ""
        while state != wanted:
            self.assertLess(time.monotonic(), end, "state " + state)
            with open("/proc/%d/stat" % shim.pid, encoding="ascii") as file:
                state = file.read().rsplit(")", 1)[1].split()[0]

    def test_stdio_that_is_sockets(self):
        ours, theirs = socket.socketpair()
        shim = self.running(stdin=theirs.detach())
        ours.sendall(b"hello")
        shim.agent.until(lambda: shim.agent.stdin == b"hello")
        ours.shutdown(socket.SHUT_WR)
        shim.agent.until(lambda: shim.agent.stdin_closed)
        ours.close()
        shim.agent.exit("c1", 0)
        self.assertEqual(shim.wait(), 0)

    def test_what_is_left_in_its_namespace_is_reaped(self):
        shim = self.running()
        entry = os.open("/proc/%d/ns/pid" % shim.pid, os.O_RDONLY)
        told, tell = os.pipe()
        helper = os.fork()
        if helper == 0:
            # Only a child of a child is an orphan of that namespace.
            if LIBC.setns(entry, 0) < 0:
                os._exit(2)
            if os.fork() == 0:
                if os.fork() == 0:
                    time.sleep(0.3)
                    os.write(tell, b".")
                os._exit(0)
            os.wait()
            os._exit(0)
        self.assertEqual(os.waitpid(helper, 0)[1], 0)
        os.close(tell)
        os.close(entry)
        self.assertEqual(os.read(told, 1), b".")
        os.close(told)
        self.assertEqual(shim.command(signal_record(0))[0], OK)
        children = "/proc/%d/task/%d/children" % (shim.pid, shim.pid)
        end = time.monotonic() + 5
        while open(children, encoding="ascii").read().strip():
            self.assertLess(time.monotonic(), end, "a zombie is left")
        shim.agent.exit("c1", 0)
        self.assertEqual(shim.wait(), 0)

    def test_out_of_memory(self):
        shim = self.running()
        with open("/proc/%d/status" % shim.pid, encoding="ascii") as file:
            used = int(re.search(r"VmData:\s+(\d+)", file.read())[1]) << 10
        resource.prlimit(shim.pid, resource.RLIMIT_DATA, (used, used))
        # More than the heap has free, and nobody takes it.
        try:
            for _ in range(2):
                shim.agent.send(shim.agent.reader("ReadStdout"),
                                field(1, b"x" * READ_MAX))
        except Ended:
            pass  # the first was too much
        # SIGSYS would be a filter that forbids what the end takes.
        self.assertEqual(shim.wait(), -signal.SIGILL)
        self.assertEqual(shim.read(shim.stderr),
                         b"kata-shim: out of memory\n")


class Hostile(Base):
    """What no agent sends: the shim must end, soon, without harm."""

    def broken(self, send, text, **options):
        shim = self.running(**options)
        try:
            send(shim.agent)
        except Ended:
            pass
        self.assertEqual(shim.wait(), 255)
        self.assertIn(text, shim.log())
        self.assertIn(b"kata: sandbox ended:", shim.read(shim.stderr, 1))

    def test_channel_closed(self):
        self.broken(lambda a: a.sock.shutdown(socket.SHUT_RDWR), "closed")

    def test_unknown_stream(self):
        self.broken(lambda a: a.raw(frame(999, 2, response())),
                    "a call that was not made")

    def test_stream_zero(self):
        self.broken(lambda a: a.raw(frame(0, 2, response())),
                    "a call that was not made")

    def test_answer_twice(self):
        def twice(agent):
            stream = agent.reader("ReadStderr")
            agent.send(stream, field(1, b"x"))
            agent.send(stream, field(1, b"x"))
        self.broken(twice, "a call that was not made")

    def test_request_from_the_guest(self):
        self.broken(lambda a: a.raw(frame(2, 1, b"")), "type 1")

    def test_proxy_frame_from_the_guest(self):
        self.broken(lambda a: a.raw(frame(0, MAIN, b"")), "type 241")

    def test_huge_frame(self):
        self.broken(lambda a: a.raw(frame(1, 2, b"", 0xFFFFFFFF)), "limit")

    def test_frame_over_our_limit(self):
        self.broken(lambda a: a.raw(frame(1, 2, b"", (1 << 20) + 1)), "limit")

    def test_malformed_envelope(self):
        self.broken(lambda a: a.raw(frame(a.waits["c1"], 2, b"\xff" * 40)),
                    "malformed")

    def test_malformed_message(self):
        self.broken(lambda a: a.send(a.waits["c1"], b"\x08"), "malformed")

    def test_impossible_status(self):
        for status in (256, -1, 1 << 31):
            self.broken(lambda a, s=status: a.send(a.waits["c1"], field(1, s)),
                        "impossible exit status")

    def test_more_output_than_asked(self):
        self.broken(lambda a: a.send(a.reader("ReadStdout"),
                                     field(1, b"x" * (READ_MAX + 1))), "wrong length")

    def test_more_written_than_sent(self):
        class Liar(Agent):
            def do_WriteStdin(self, stream, request):
                self.send(stream, field(1, 1 << 31))

        def write(agent):
            agent.serve(2)

        shim = self.running(agent=Liar)
        os.write(shim.stdin, b"x")
        self.assertEqual(shim.wait(), 255)
        self.assertIn("wrong length", shim.log())

    def test_wait_refused(self):
        self.broken(lambda a: a.send(a.waits["c1"], b"", 13, "\x1b]0;x\x07"),
                    "\\x1b]0;x\\x07")

    def test_silent_agent(self):
        class Silent(Agent):
            def do_Check(self, stream, request):
                pass

        shim = self.shim(agent=Silent, extra_args=["--boot-timeout=1"])
        answer = shim.create()
        self.assertEqual(answer[0], ERROR)
        self.assertIn("did not answer within 1 s", answer[2])

    def test_exec_that_the_guest_does_not_end(self):
        class Keeps(Agent):
            def do_SignalProcess(self, stream, request):
                pass

        child = Life.foreground_exec(self, Keeps)
        begin = time.monotonic()
        child.control.close()
        child.agent.until(lambda: "SignalProcess" in child.agent.calls)
        # The caller's descriptors are its own again, at once.
        for fd in range(3):
            self.assertIn(os.readlink("/proc/%d/fd/%d" % (child.pid, fd)),
                          ("/dev/null", "/null"))
        self.assertEqual(child.wait(20), 137)
        self.assertGreater(time.monotonic() - begin, 9)
        # Without DONE the proxy sends the will: the guest is told once more.
        self.assertEqual([kind for kind, _ in child.agent.private], [WILL])

    def goes_on_talking(self, child, seconds):
        """Now and then a byte, until the shim ends or the time is over."""
        agent, end = child.agent, time.monotonic() + seconds
        try:
            while time.monotonic() < end:
                if "ReadStdout" in agent.readers:
                    agent.send(agent.reader("ReadStdout"), field(1, b"x"))
                agent.serve(0)
                time.sleep(0.1)
        except Ended:
            return
        self.fail("the shim goes on: " + child.log())

    def test_talk_after_the_end_of_an_exec_and_its_caller(self):
        child = Life.foreground_exec(self, Agent)
        child.agent.send(child.agent.waits.pop("e1"), field(1, 7))
        child.agent.serve(0.2)
        child.control.close()
        self.goes_on_talking(child, 3)
        self.assertEqual(child.wait(), 7)

    def test_talk_after_the_end_that_the_caller_did_not_see(self):
        child = Life.foreground_exec(self, Agent)
        child.control.close()
        child.agent.until(lambda: "SignalProcess" in child.agent.calls)
        child.agent.send(child.agent.waits.pop("e1"), field(1, 7))
        self.goes_on_talking(child, 13)
        self.assertEqual(child.wait(), 7)

    def test_talk_to_a_terminal_that_is_not_ours_any_more(self):
        master, slave = os.openpty()
        before = termios.tcgetattr(slave)
        config = spec()
        config["process"]["terminal"] = True
        shim = self.shim(config=config, terminal=slave,
                         extra_args=["--foreground"])
        self.assertEqual(shim.told()[0], READBACK)
        shim.control.send(record(OK))
        self.assertEqual(shim.start()[0], OK)
        shim.agent.until(lambda: "c1" in shim.agent.waits and
                         "ReadStdout" in shim.agent.readers)
        shim.agent.send(shim.agent.waits.pop("c1"), field(1, 5))
        shim.agent.serve(0.2)
        shim.control.close()
        self.goes_on_talking(shim, 3)
        self.assertEqual(shim.wait(), 5)
        self.assertEqual(termios.tcgetattr(slave), before)
        self.assertLess(len(shim.read(master, 0.2)), 10)
        os.close(master)
        os.close(slave)

    def test_one_record_a_connection(self):
        held = []

        class Holds(Agent):
            def do_GetOOMEvent(self, stream, request):
                held.append(stream)

        shim = self.running(agent=Holds)
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as conn:
            conn.connect(shim.listen_path)
            conn.send(record(RECORDS["RECORD_SHIM_WAIT_OOM"]))
            shim.agent.until(lambda: held)
            conn.send(signal_record(10))
            while not select.select([conn], [], [], 0)[0]:
                shim.agent.serve(0.05)
            self.assertEqual(conn.recv(4096), b"")
        self.assertNotIn("SignalProcess", shim.agent.calls)
        shim.agent.send(held.pop())
        self.assertEqual(shim.command(signal_record(12))[0], OK)
        shim.agent.exit("c1", 0)
        self.assertEqual(shim.wait(), 0)

    def test_no_read_back(self):
        class Old(Agent):
            def do_CreateContainer(self, stream, request):
                self.send(stream)

        answer = self.shim(agent=Old).create()
        self.assertEqual(answer[0], ERROR)
        self.assertIn("did not report", answer[2])

    def test_insane_read_back(self):
        class Odd(Agent):
            def do_CreateContainer(self, stream, request):
                self.send(stream, field(1000, field(1, 1) + field(2, 77)))

        answer = self.shim(agent=Odd).create()
        self.assertEqual(answer[0], ERROR)
        self.assertIn("malformed", answer[2])

    def test_bad_records_lose_the_connection_only(self):
        shim = self.running()
        for data in (b"x", record(READBACK, bytes(10)), record(77),
                     start_record()[:-1], signal_record(65)):
            self.assertEqual(shim.command(data)[0], 0)
        shim.agent.exit("c1", 9)
        self.assertEqual(shim.wait(), 9)

    def test_flood_of_connections(self):
        shim = self.running()
        socks = []
        for _ in range(6):
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            sock.connect(shim.listen_path)
            socks.append(sock)
        for sock in socks:
            sock.close()
        self.assertEqual(shim.command(signal_record(0))[0], OK)
        shim.agent.exit("c1", 0)
        self.assertEqual(shim.wait(), 0)


if __name__ == "__main__":
    faulthandler.dump_traceback_later(120, exit=True)
    PROGRAM = os.path.abspath(os.path.join(sys.argv.pop(1), "kata-shim"))
    unittest.main()
