#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""kata-proxy against a scripted, hostile QMP peer.

usage: test_qmp.py LIBEXEC_DIR [--quick] [NAME-PATTERN]
--quick leaves out the two cases that wait 30 s for a greeting.
Each case brings the proxy to a point of a VM's life, sends what no QEMU sends
(or nothing), and expects: an error that names QMP and the reason within the
deadline of that point plus one second, at the runtime and in the log; less
than 16 MiB; the proxy's own end.
"""
import json
import os
import re
import socket
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from shim_harness import Ended, record
from proxy_harness import (World, GREETING, CONT, ERROR, OK, QUIT, READY,
                           RSS_LIMIT_KIB, check_log, expect, run_all, stall)

GREETING_S, CAPABILITIES_S, CONT_S, QUIT_S = 30, 15, 8, 3
NOW = 0  # no deadline to wait for
SLACK_S = 1.0
LIBEXEC = ""


# --- where the proxy stands when the peer turns hostile -------------------------

def at_greeting(world):
    world.qmp_honest = False
    return {}


def at_capabilities(world):
    world.qmp_honest = False
    world.qmp_send(GREETING)
    return world.qmp_command("qmp_capabilities")


def at_idle(world):
    world.ready()
    world.qmp_honest = False
    return {"id": 1}


def at_cont(world):
    world.ready()
    world.qmp_honest = False
    world.control.send(record(CONT))
    return world.qmp_command("cont")


def at_running(world):
    world.running()
    world.qmp_honest = False
    return {"id": 2}


# --- what is sent: bytes, a function of the last command, or of the world ---------

def raw(data):
    return lambda world, last: world.qmp_raw(data)


def line(message):
    def send(world, last):
        text = json.dumps(message)
        world.qmp_raw(text.replace('"@ID"', str(last.get("id", 0))).encode() +
                      b"\r\n")
    return send


def nothing(world, last):
    pass


def half_close(world, last):
    world.qmp.shutdown(socket.SHUT_WR)


def close(world, last):
    world.qmp.close()
    world.qmp = socket.socketpair()[0]


def drip(world, last):
    """A byte at a time, never a whole line, until the proxy has enough."""
    end = time.monotonic() + GREETING_S + 5
    while time.monotonic() < end and not world.is_over():
        world.qmp_raw(b" ")
        world.take_records()
        world.look()
        if world.errors:
            return
        time.sleep(0.02)


def flood(text, megabytes=64):
    """As fast as it goes, without end."""
    def send(world, last):
        data = text.replace(b"@ID", b"%d" % last.get("id", 0))
        data *= max(1, 65536 // len(data))
        world.qmp.setblocking(False)
        left, end = megabytes << 20, time.monotonic() + 20
        while left > 0 and time.monotonic() < end:
            try:
                left -= world.qmp.send(data)
            except BlockingIOError:
                time.sleep(0.001)
            except (BrokenPipeError, ConnectionResetError):
                break
            world.look()
            world.take_records()
            if world.errors or world.is_over():
                break
        world.qmp.setblocking(True)
    return send


def deep(depth):
    return b'{"a":' * depth + b"1" + b"}" * depth + b"\n"


def wide(count):
    return b'{"event":"X","data":[' + b",".join([b"1"] * count) + b"]}\n"


ANSWER = {"return": {}, "id": "@ID"}

# name, where, what, seconds until the error (besides a second), its text
CASES = [
    ("greeting: none", at_greeting, nothing, GREETING_S,
     "QMP: the VMM did not greet in time"),
    ("greeting: dripped for ever", at_greeting, drip, GREETING_S,
     "QMP: the VMM did not greet in time"),
    ("greeting: closed", at_greeting, close, NOW,
     "QMP: the VMM closed its monitor"),
    ("greeting: half closed", at_greeting, half_close, NOW,
     "QMP: the VMM closed its monitor"),
    ("greeting: garbage", at_greeting, raw(bytes(range(256)) + b"\n"), NOW,
     "QMP: JSON"),
    ("greeting: of another protocol", at_greeting,
     raw(b"SSH-2.0-OpenSSH_9.2\r\n"), NOW, "QMP: JSON"),
    ("greeting: NULs", at_greeting, raw(b"\0" * 4096 + b"\n"), NOW,
     "QMP: JSON"),
    ("greeting: a NUL in a word", at_greeting, raw(b'{"QM\0P": {}}\n'), NOW,
     "QMP: JSON"),
    ("greeting: not an object", at_greeting, line([1, 2]), NOW,
     "QMP: the first message is no greeting"),
    ("greeting: of the wrong type", at_greeting, line({"QMP": "hello"}), NOW,
     "QMP: the first message is no greeting"),
    ("greeting: an event first", at_greeting, line({"event": "RESUME"}), NOW,
     "QMP: the first message is no greeting"),
    ("greeting: an answer first", at_greeting, line(ANSWER), NOW,
     "QMP: the first message is no greeting"),
    ("greeting: a line without end", at_greeting, flood(b"x"), NOW,
     "QMP: line longer than"),
    ("greeting: 15 levels, twice", at_greeting,
     raw(deep(15)), NOW, "QMP: the first message is no greeting"),
    ("greeting: 5000 levels", at_greeting, raw(deep(5000)), NOW, "QMP: JSON"),
    ("greeting: twice the same key", at_greeting,
     raw(b'{"QMP":{},"QMP":{}}\n'), NOW, "QMP: JSON"),
    ("greeting: no UTF-8", at_greeting, raw(b'{"QMP":{"v":"\xc0\xaf"}}\n'),
     NOW, "QMP: JSON"),
    ("greeting: twice", at_capabilities, line(GREETING), NOW,
     "QMP: a message that QEMU does not send"),

    ("capabilities: silence", at_capabilities, nothing, CAPABILITIES_S,
     "QMP: no answer to qmp_capabilities within 15 s"),
    ("capabilities: dripped", at_capabilities, drip, CAPABILITIES_S,
     "QMP: no answer to qmp_capabilities within 15 s"),
    ("capabilities: refused", at_capabilities,
     line({"error": {"class": "GenericError", "desc": "no"}, "id": "@ID"}),
     NOW, "QMP: the VMM refused qmp_capabilities: no"),
    ("capabilities: another number", at_capabilities,
     line({"return": {}, "id": 77}), NOW,
     "QMP: an answer to what was not asked"),
    ("capabilities: no number", at_capabilities, line({"return": {}}), NOW,
     "QMP: an answer to what was not asked"),
    ("capabilities: a text for a number", at_capabilities,
     line({"return": {}, "id": "1"}), NOW,
     "QMP: an answer to what was not asked"),
    ("capabilities: the number as 1.0", at_capabilities,
     raw(b'{"return":{},"id":1.0}\n'), NOW,
     "QMP: an answer to what was not asked"),
    ("capabilities: half closed", at_capabilities, half_close, NOW,
     "QMP: the VMM closed its monitor"),
    ("capabilities: 60000 values", at_capabilities, raw(wide(30000)), NOW,
     "QMP: JSON"),

    ("idle: an answer to nothing", at_idle, line(ANSWER), NOW,
     "QMP: an answer to what was not asked"),
    ("idle: an error to nothing", at_idle,
     line({"error": {"class": "x", "desc": "y"}, "id": "@ID"}), NOW,
     "QMP: an answer to what was not asked"),
    ("idle: answered before asked", at_idle, line({"return": {}, "id": 2}),
     NOW, "QMP: an answer to what was not asked"),
    ("idle: events without end", at_idle,
     flood(b'{"event":"RTC_CHANGE","data":{"offset":1}}\n'), NOW,
     "QMP: more than 200 messages"),
    ("idle: empty lines without end", at_idle, flood(b"\n"), NOW,
     "QMP: more than 200 messages"),

    ("cont: silence", at_cont, nothing, CONT_S,
     "QMP: no answer to cont within 8 s"),
    ("cont: refused, with escape codes", at_cont,
     line({"error": {"class": "x", "desc": "\x1b[2J\r\nroot\u202e"},
           "id": "@ID"}),
     NOW, r"QMP: the VMM refused cont: \x1b[2J\x0d\x0aroot\xe2\x80\xae"),
    ("cont: refused, at length", at_cont,
     line({"error": {"class": "x", "desc": "A" * 60000}, "id": "@ID"}), NOW,
     "QMP: the VMM refused cont: " + "A" * 100),
    ("cont: refused, without a reason", at_cont,
     line({"error": {}, "id": "@ID"}), NOW,
     "QMP: the VMM refused cont: no description"),
    ("cont: refused, reason of the wrong type", at_cont,
     line({"error": {"desc": {"a": 1}}, "id": "@ID"}), NOW,
     "QMP: the VMM refused cont: no description"),
    ("cont: an error that is a text", at_cont,
     line({"error": "no", "id": "@ID"}), NOW, "QMP: an answer of the wrong"),
    ("cont: a return that is a list", at_cont,
     line({"return": [], "id": "@ID"}), NOW, "QMP: an answer of the wrong"),
    ("cont: both return and error", at_cont,
     line({"return": {}, "error": {}, "id": "@ID"}), NOW,
     "QMP: an answer of the wrong"),
    ("cont: an event and an answer in one", at_cont,
     line({"event": "RESUME", "return": {}, "id": "@ID"}), NOW,
     "QMP: a message that QEMU does not send"),
    ("cont: neither", at_cont, line({"id": "@ID"}), NOW,
     "QMP: a message that QEMU does not send"),
    ("cont: an event without a name", at_cont, line({"event": 7}), NOW,
     "QMP: an event without a name"),
    ("cont: the number of the last answer", at_cont,
     line({"return": {}, "id": 1}), NOW,
     "QMP: an answer to what was not asked"),
    ("cont: events, but no answer", at_cont,
     lambda world, last: [world.qmp_send({"event": "RESUME"})
                          for _ in range(20)], CONT_S,
     "QMP: no answer to cont within 8 s"),
    ("cont: closed", at_cont, close, NOW, "QMP: the VMM closed its monitor"),
    ("cont: answered without end", at_cont,
     flood(b'{"return":{},"id":@ID}\n'), NOW,
     "QMP: (an answer to what was not asked|more than 200)"),

    ("running: a line without end", at_running, flood(b"\xff"), NOW,
     "QMP: line longer than"),
    ("running: events without end", at_running,
     flood(b'{"event":"NIC_RX_FILTER_CHANGED","data":{"path":"' +
           b"x" * 900 + b'"}}\n'), NOW, "QMP: more than 200 messages"),
    ("running: deep JSON without end", at_running, flood(deep(5000)), NOW,
     "QMP: JSON"),
    ("running: garbage", at_running, raw(b"\x00\xff\xfe{}\n"), NOW,
     "QMP: JSON"),
    ("running: half closed", at_running, half_close, NOW,
     "QMP: the VMM closed its monitor"),
    ("running: an answer to nothing", at_running, line(ANSWER), NOW,
     "QMP: an answer to what was not asked"),
    ("running: shut down for an odd reason", at_running,
     line({"event": "SHUTDOWN", "data": {"reason": "\x1b]0;x\x07" * 9}}), NOW,
     "the VM shut down by itself$"),
    ("running: shut down, data of the wrong type", at_running,
     line({"event": "SHUTDOWN", "data": [1]}), NOW,
     "the VM shut down by itself$"),
]


def hostile(where, what, seconds, text):
    world = World(LIBEXEC)
    try:
        begin = time.monotonic()  # the greeting's clock runs from the start
        last = where(world)
        if seconds != GREETING_S:
            begin = time.monotonic()
        try:
            what(world, last)
        except (Ended, BrokenPipeError, ConnectionResetError, OSError):
            pass
        late = SLACK_S + 5 * stall()
        limit = begin + seconds + late
        while not world.errors and time.monotonic() < limit:
            world.take_records()
            world.look()
            time.sleep(0.005)
        took = time.monotonic() - begin
        expect(world.errors, "no error within %.1f s; log: %s" %
               (took, world.log()))
        expect(took > seconds - 0.5, "after %.1f s" % took)
        error = world.errors[0]
        expect(re.search(text if "(" in text or "$" in text
                         else re.escape(text), error),
               "the error is: " + error)
        world.look()
        status = world.until_over(QUIT_S + 1 + late)
        expect(status == 0, "the proxy ended with %d" % status)
        expect(world.words and world.words[0] == 1 and
               world.words[1] in error, "last words %s" % (world.words,))
        expect(error.split(": ", 1)[1] in world.log(),
               "not in the log: " + world.log())
        check_log(world.log())
        expect(world.peak < RSS_LIMIT_KIB, "%d KiB" % world.peak)
    finally:
        world.end()


def silent_after_quit():
    """The end does not wait for an answer to "quit"."""
    world = World(LIBEXEC)
    try:
        at_running(world)
        begin = time.monotonic()
        world.control.send(record(QUIT))
        world.qmp_command("quit")
        expect(world.until_over(QUIT_S + 2 + 5 * stall()) == 0, "status")
        expect(time.monotonic() - begin > QUIT_S - 0.5, "did not wait")
    finally:
        world.end()


def answers_after_the_end():
    """What comes after a fault changes nothing, nor does it keep us."""
    world = World(LIBEXEC)
    try:
        last = at_cont(world)
        world.qmp_raw(b"nonsense\n" + b'{"return":{},"id":%d}\n' % last["id"] +
                      b'{"event":"SHUTDOWN"}\n' * 20)
        expect(world.until_over(QUIT_S + 2 + 5 * stall()) == 0, "status")
        expect(OK not in world.take_records(), "a success was reported")
        expect(len(world.errors) == 1, str(world.errors))
    finally:
        world.end()


def honest():
    """The harness itself: a QEMU that behaves leads to success."""
    world = World(LIBEXEC)
    try:
        world.running()
        world.qmp_send({"event": "RESUME"})
        world.qmp_send({"event": "RTC_CHANGE", "data": {"offset": 3}})
        time.sleep(0.2)
        world.control.send(record(QUIT))
        expect(world.until_over(5) == 0, "status")
        expect(not world.errors, str(world.errors))
        expect(world.commands == ["qmp_capabilities", "cont", "quit"],
               str(world.commands))
    finally:
        world.end()


def largest():
    """Messages as large as they may be are read, and nothing comes of them."""
    world = World(LIBEXEC)
    try:
        world.running()
        for _ in range(3):
            world.qmp_raw(wide(4090))
            world.qmp_raw(b'{"event":"X","data":"' + b"x" * 60000 + b'"}\n')
        world.qmp_raw(deep(15))
        time.sleep(0.2)
        world.take_records()
        expect(len(world.errors) == 1 and "does not send" in world.errors[0],
               str(world.errors))
        expect(world.until_over(QUIT_S + 2) == 0, "status")
        expect(world.peak < RSS_LIMIT_KIB, "%d KiB" % world.peak)
    finally:
        world.end()


def vmm_dies():
    """Its status says more than its closed sockets."""
    for code, text in ((1, "VMM ended with status 1"),
                       (159, "VMM was killed by its seccomp filter"),
                       (137, "VMM was killed \\(SIGKILL"),
                       (134, "VMM ended by signal 6")):
        world = World(LIBEXEC)
        try:
            at_running(world)
            world.guest.close()
            close(world, {})
            time.sleep(0.1)
            world.end_vmm(code)
            world.until_over(5)
            expect(re.search(text, world.words[1]), world.words[1])
        finally:
            world.end()


EXTRA = [("quit: silence", silent_after_quit),
         ("quit: answers after the end", answers_after_the_end),
         ("an honest peer", honest), ("the largest messages", largest), ("the VMM dies", vmm_dies)]


def main():
    global LIBEXEC
    quick = "--quick" in sys.argv
    if quick:
        sys.argv.remove("--quick")
    LIBEXEC = os.path.abspath(sys.argv[1])
    pattern = sys.argv[2] if len(sys.argv) > 2 else ""
    # The ones that wait for a deadline go first.
    table = sorted(CASES, key=lambda case: -case[3])
    jobs = [("qmp: " + case[0], hostile, case[1:]) for case in table
            if pattern in case[0] and not (quick and case[3] > CAPABILITIES_S)]
    jobs += [("qmp: " + name, function, ()) for name, function in EXTRA
             if pattern in name]
    return run_all(jobs, 10)


if __name__ == "__main__":
    sys.exit(main())
