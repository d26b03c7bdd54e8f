# SPDX-License-Identifier: Apache-2.0
"""An exec that waits, frozen, for StartContainer to name it: the host compares
what was read back of it before its program runs."""
import os
import time

import guest as guests
from case import Case, G
from case_attack import CAPS


class Held:
    """What must hold however an exec is born."""
    extra = {}

    def sleeper(self):
        self.root = G.new_rootfs()
        return self.start([], rootfs=self.root, process=G.process(
            ["sleep", "1000"], **self.extra))

    def hold(self, name, args, exec_id="h", **extra):
        return G.call("ExecProcess", container_id=name, exec_id=exec_id,
                      hold=True, process=G.process(
                          args, **dict(self.extra, **extra))).read_back

    def go(self, name, exec_id="h"):
        return G.call("StartContainer", container_id=name, exec_id=exec_id)

    def count(self, name):
        stats = G.call("StatsContainer", container_id=name)
        return stats.cgroup_stats.pids_stats.current

    def gone(self, name):
        """The held process has ended, and nobody is left to wait for it."""
        end = time.monotonic() + 10
        while self.count(name) > 1 and time.monotonic() < end:
            time.sleep(0.01)
        self.assertEqual(self.count(name), 1)
        self.fails("NOT_FOUND", "no such process", self.go, name)
        self.fails("NOT_FOUND", "no such process", G.call, "WaitProcess",
                   container_id=name, exec_id="h")

    def test_nothing_runs_before_the_word(self):
        name = self.sleeper()
        mark = os.path.join(self.root[1], "mark")
        report = self.hold(name, ["touch", "/mark"])
        self.assertGreater(report.guest_pid, 1)
        self.assertGreater(len(report.items), 0)
        time.sleep(0.5)
        self.assertFalse(os.path.exists(mark))
        self.assertEqual(self.count(name), 2)
        wait = G.begin("WaitProcess", container_id=name, exec_id="h")
        read = G.begin("ReadStdout", container_id=name, exec_id="h", len=9)
        self.go(name)
        self.assertEqual(G.end(wait).status, 0)
        self.assertEqual(G.end(read).data, b"")
        self.assertTrue(os.path.exists(mark))

    def test_without_hold_it_runs_at_once(self):
        name = self.sleeper()
        answer = G.call("ExecProcess", container_id=name, exec_id="h",
                        process=G.process(["echo", "x"], **self.extra))
        self.assertGreater(answer.read_back.guest_pid, 1)
        self.fails("FAILED_PRECONDITION", "already started", self.go, name)
        self.assertEqual(G.collect(name, "h")[:2], (0, "x\n"))

    def test_terminal_and_input(self):
        name = self.sleeper()
        self.hold(name, ["sh", "-c", "read a; tty; echo got $a"], Terminal=True)
        G.call("TtyWinResize", container_id=name, exec_id="h", row=9, column=50)
        G.call("WriteStdin", container_id=name, exec_id="h", data=b"early\n")
        self.go(name)
        status, out, _ = G.collect(name, "h", terminal=True)
        self.assertEqual(status, 0)
        self.assertIn("/dev/pts/", out)
        self.assertIn("got early", out)

    def test_word_to_nobody_and_twice(self):
        name = self.sleeper()
        self.fails("NOT_FOUND", "no such process", self.go, name)
        self.hold(name, ["sleep", "100"])
        self.fails("ALREADY_EXISTS", "h", self.hold, name, ["true"])
        self.go(name)
        self.fails("FAILED_PRECONDITION", "already started", self.go, name)
        # an empty name is the init's
        self.fails("FAILED_PRECONDITION", "already started", self.go, name, "")

    def test_killed_instead(self):
        """Any signal that would end a process; and its name is free again."""
        name = self.sleeper()
        for signal in (9, 15, 1):
            self.hold(name, ["touch", "/mark"])
            G.call("SignalProcess", container_id=name, exec_id="h",
                   signal=signal)
            self.gone(name)
        self.hold(name, ["touch", "/mark"])
        G.call("SignalProcess", container_id=name, exec_id="h", signal=28)
        self.assertFalse(os.path.exists(os.path.join(self.root[1], "mark")))
        self.go(name)
        self.assertEqual(G.collect(name, "h")[0], 0)

    def test_killed_by_the_container(self):
        name = self.sleeper()
        self.hold(name, ["true"])
        G.exec(name, ["sh", "-c", "kill -9 -1"])
        self.gone(name)

    def test_program_that_cannot_be_executed(self):
        name = self.sleeper()
        path = os.path.join(self.root[1], "bin/broken")
        with open(path, "wb") as out:
            out.write(b"\x7fELF and no more")
        os.chmod(path, 0o755)
        self.hold(name, ["broken"])
        with self.assertRaises(guests.RpcError) as caught:
            self.go(name)
        self.assertIn("exec /bin/broken", caught.exception.message)
        self.gone(name)

    def test_paused(self):
        name = self.sleeper()
        self.hold(name, ["echo", "x"])
        G.call("PauseContainer", container_id=name)
        self.fails("FAILED_PRECONDITION", "it is paused", self.go, name)
        G.call("ResumeContainer", container_id=name)
        self.go(name)
        self.assertEqual(G.collect(name, "h")[:2], (0, "x\n"))

    def test_end_of_the_container(self):
        name, _ = G.create([], process=G.process(["sleep", "1000"],
                                                 **self.extra))
        G.call("StartContainer", container_id=name)
        self.hold(name, ["true"])
        G.call("SignalProcess", container_id=name, exec_id="", signal=9)
        self.assertEqual(G.call("WaitProcess", container_id=name).status, 137)
        with self.assertRaises(guests.RpcError):
            self.go(name)
        G.call("RemoveContainer", container_id=name)
        self.fails("NOT_FOUND", name, self.go, name)


class HeldDirect(Held, Case):
    """Where nobody in the container may look into others."""


class HeldHelper(Held, Case):
    """Where somebody may."""
    extra = {"caps": CAPS}
