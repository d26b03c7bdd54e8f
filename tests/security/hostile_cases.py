# SPDX-License-Identifier: Apache-2.0
"""The table of test_hostile.py: every call that kata-shim makes, times every
way to answer it wrongly, and what has to come of it.

A case is (name, method, action, expectation). The action gets the scripted
agent and the stream of the first such call. Fields of the answers come from
lib/proto/*.proto, so that a new field has its cases the day it is added.
"""
import os
import re

from shim_harness import field, frame, response, varint, READ_BACK

MIB = 1 << 20

# What became of it. VM: the proxy ends the sandbox and says why. BROKEN: the
# shim that made the call ends. REFUSED: the verb fails, or what the call was
# for. DEADLINE: the same, when it is over. GOES_ON: nothing at all.
VM, BROKEN, REFUSED, DEADLINE, GOES_ON = "vm broken refused deadline ok".split()


class Expect:
    def __init__(self, kind, text="", after=0.0, status=None):
        self.kind = kind
        self.text = text  # regular expression
        self.after = after  # seconds that pass first
        self.status = status  # of the shim, where the kind does not say


# method: (phase, answer is decoded, deadline in seconds or None)
METHODS = {
    "Check": ("create", "HealthCheckResponse", 2),
    "ReseedRandomDev": ("create", None, 10),
    "SetGuestDateTime": ("create", None, 10),
    "CreateSandbox": ("create", None, 10),
    "CreateContainer": ("create", "CreateContainerResponse", 10),
    "UpdateInterface": ("start", None, 10),
    "UpdateRoutes": ("start", None, 10),
    "StartContainer": ("start", None, 10),
    "WaitProcess": ("run", "WaitProcessResponse", None),
    "ReadStdout": ("run", "ReadStreamResponse", None),
    "ReadStderr": ("run", "ReadStreamResponse", None),
    "WriteStdin": ("run", "WriteStreamResponse", None),
    "CloseStdin": ("quiet", None, 10),
    "TtyWinResize": ("quiet", None, 10),
    "SignalProcess": ("kill", None, 10),
    "PauseContainer": ("pause", None, 10),
    "ResumeContainer": ("resume", None, 10),
    "UpdateContainer": ("update", "UpdateContainerResponse", 10),
    "StatsContainer": ("stats", "StatsContainerResponse", 10),
    "GetOOMEvent": ("oom", "OOMEvent", None),
    "ExecProcess": ("exec", "ExecProcessResponse", 10),
    "StartContainer of an exec": ("exec", None, 10),
    "DestroySandbox": ("end", None, 10),
}
# Phases that are one verb towards a running container's shim.
VERBS = ("kill", "pause", "resume", "update", "stats", "oom")
# An honest answer to each that carries something.
HONEST = {
    "Check": field(1, 1),
    "CreateContainer": READ_BACK,
    "ExecProcess": READ_BACK,
    "UpdateContainer": READ_BACK,
    "StatsContainer": field(1, field(1, field(1, field(1, 1000))) +
                            field(2, field(1, 4096)) + field(3, field(1, 3))),
    "GetOOMEvent": field(1, b"c1"),
    "WaitProcess": field(1, 42),
    "ReadStdout": field(1, b"out"),
    "ReadStderr": field(1, b"err"),
    "WriteStdin": field(1, 5),
}


# --- actions -------------------------------------------------------------------

def sends(make):
    """make(stream, honest response) gives the bytes that go to the port."""
    def act(agent, stream, method):
        agent.raw(make(stream, response(HONEST.get(method, b""))))
    return act


def answers(payload=b"", code=0, message=b""):
    def act(agent, stream, method):
        status = (field(1, code) if code else b"") + \
            (field(2, message) if message else b"")
        agent.raw(frame(stream, 2, field(1, status) +
                        (field(2, payload) if payload else b"")))
    return act


def silent(agent, stream, method):
    pass


def closes(before):
    def act(agent, stream, method):
        agent.raw(before(stream))
        agent.close()
    return act


def drips(agent, stream, method):
    """A byte now and then: the length says that much is to come."""
    agent.raw(frame(stream, 2, b"", 60000))
    agent.drip = b"\0" * 60000


def floods(make):
    def act(agent, stream, method):
        data = make(stream)
        agent.flood = data * max(1, 65536 // len(data))
    return act


# --- frames: the same for every call, as the proxy knows no calls ----------------

NOT_ASKED = "frame of type . for stream .*nobody asked"
LIMIT = "exceeds the limit"
CLOSED = "the VM closed the agent channel"


def typed(kind):
    return sends(lambda s, r: frame(s, kind, r))


FRAMES = [
    ("closed", closes(lambda s: b""), Expect(VM, CLOSED)),
    ("half a header, closed", closes(lambda s: frame(s, 2, b"")[:5]),
     Expect(VM, CLOSED)),
    ("half a frame, closed", closes(lambda s: frame(s, 2, b"x" * 10, 1000)),
     Expect(VM, CLOSED)),
    ("length 2^32-1", sends(lambda s, r: frame(s, 2, r, 0xFFFFFFFF)),
     Expect(VM, LIMIT)),
    ("length 4 MiB + 1", sends(lambda s, r: frame(s, 2, r, 4 * MIB + 1)),
     Expect(VM, LIMIT)),
    ("length 2^31", sends(lambda s, r: frame(s, 2, r, 1 << 31)),
     Expect(VM, LIMIT)),
    ("type request", typed(1), Expect(VM, NOT_ASKED)),
    ("type data", typed(3), Expect(VM, NOT_ASKED)),
    ("type 0", typed(0), Expect(VM, "unknown type 0")),
    ("type 255", typed(255), Expect(VM, "unknown type 255")),
    ("type WILL", typed(0xF0), Expect(VM, "unknown type 240")),
    ("type MAIN", typed(0xF1), Expect(VM, "unknown type 241")),
    ("type DONE", typed(0xF2), Expect(VM, "unknown type 242")),
    ("type END, forged", sends(lambda s, r: frame(0, 0xF3, b"all is well")),
     Expect(VM, "unknown type 243")),
    ("stream 0", sends(lambda s, r: frame(0, 2, r)), Expect(VM, NOT_ASKED)),
    ("stream 2^32-1", sends(lambda s, r: frame(0xFFFFFFFF, 2, r)),
     Expect(VM, NOT_ASKED)),
    ("stream of nobody", sends(lambda s, r: frame(s + 2000, 2, r)),
     Expect(VM, NOT_ASKED)),
    ("stream even", sends(lambda s, r: frame(s + 1, 2, r)),
     Expect(VM, NOT_ASKED)),
    ("answered twice", sends(lambda s, r: frame(s, 2, r) * 2),
     Expect(VM, NOT_ASKED)),
    ("flood of answers to nobody",
     floods(lambda s: frame(s + 4000, 2, response(b"x" * 900))),
     Expect(VM, NOT_ASKED)),
    ("flood of bytes", floods(lambda s: b"\xff" * 65536), Expect(VM, LIMIT)),
]

# --- what the shim reads in its frame ---------------------------------------------

MALFORMED = "malformed ttrpc response"


def payload_of(data):
    return sends(lambda s, r: frame(s, 2, data))


ENVELOPES = [
    ("frame of 1 MiB + 1", payload_of(b"\0" * (MIB + 1)), LIMIT),
    ("frame of 4 MiB", payload_of(b"\0" * (4 * MIB)), LIMIT),
    ("envelope: garbage", payload_of(b"\xff" * 40), MALFORMED),
    ("envelope: cut varint", payload_of(b"\x0a\x80"), MALFORMED),
    ("envelope: varint of 11 bytes", payload_of(b"\x08" + b"\x80" * 10 + b"\1"),
     MALFORMED),
    ("envelope: group", payload_of(b"\x0b\x0c"), MALFORMED),
    ("envelope: field 0", payload_of(b"\x02\x00"), MALFORMED),
    ("envelope: field beyond 2^29", payload_of(varint((1 << 33) | 2) + b"\0"),
     MALFORMED),
    ("envelope: longer than itself", payload_of(b"\x0a\x7f\x08\x01"),
     MALFORMED),
    ("envelope: status is a number", payload_of(b"\x08\x01"), MALFORMED),
    ("envelope: status twice", payload_of(field(1, b"") * 2), MALFORMED),
    ("envelope: payload twice", payload_of(field(2, b"") * 2), MALFORMED),
    ("envelope: payload is a number", payload_of(b"\x10\x01"), MALFORMED),
    ("envelope: code is a text", payload_of(field(1, field(1, b"x"))),
     MALFORMED),
    ("envelope: message twice",
     payload_of(field(1, field(1, 3) + field(2, b"a") + field(2, b"b"))),
     MALFORMED),
    ("envelope: message with a NUL",
     payload_of(field(1, field(1, 3) + field(2, b"a\0b"))), MALFORMED),
    ("envelope: message of 16 KiB + 1",
     payload_of(field(1, field(1, 3) + field(2, b"a" * 16385))), MALFORMED),
]

# message of a refusal, and how it reads for the user
REFUSALS = [
    ("escape codes", 13, b"\x1b]0;x\x07\x1b[2J", r"\\x1b\]0;x\\x07\\x1b\[2J"),
    ("a forged log line", 13, b"ok\n2026 error kata-proxy: all is well",
     r"ok\\x0a2026 error kata-proxy: all is well"),
    ("no UTF-8", 13, b"\xff\xfe\xc0\xaf", r"\\xff\\xfe\\xc0\\xaf"),
    ("text from right to left", 13, "\u202egnp.exe".encode(), r"\\xe2\\x80\\xae"),
    ("a path", 2, b"../../../../etc/shadow", r"\.\./etc/shadow"),
    ("conversions", 13, b"%s%s%n%n%1000000d", "%s%s%n%n%1000000d"),
    ("16 KiB", 13, b"A" * 16384, "A{300}"),
    ("code -1", -1, b"minus", "minus"),
    ("code 2^31-1", 0x7FFFFFFF, b"large", "large"),
    ("code 2^63", 1 << 63 | 1, b"huge", "huge"),
    ("no message", 13, b"", r"refused .* \(status 13\)"),
]

# --- messages: fields from the .proto files ----------------------------------------


def parse_protos():
    """Message name to [(field, type, number, repeated)]."""
    here = os.path.dirname(os.path.abspath(__file__))
    out = {}
    for name in ("agent", "health"):
        with open(os.path.join(here, "../../lib/proto/%s.proto" % name),
                  encoding="utf-8") as file:
            text = re.sub(r"//[^\n]*", "", file.read())
        for found in re.finditer(r"message (\w+) \{(.*?)\n\}", text, re.S):
            body = re.sub(r"enum \w+ \{.*?\}", "", found[2], flags=re.S)
            # a map is a list of pairs
            body = re.sub(r"map<string, (\w+)>", r"repeated pair-\1", body)
            out[found[1]] = [
                (row[2], row[1], int(row[3]), bool(row[0])) for row in
                re.findall(r"(repeated )?([\w.-]+)\s+(\w+)\s*=\s*(\d+)\s*;",
                           body)]
    for kind in ("uint64", "HugetlbStats"):
        out["pair-" + kind] = [("key", "string", 1, False),
                               ("value", kind, 2, False)]
    return out


PROTOS = parse_protos()
BAD_MESSAGE = "malformed"
SANE_LIMITS = {"seccomp_mode": (0, 3),
               "no_new_privs": (0, 2), "namespaces": (0, 128),
               "memory_max": (-1, 1 << 63), "pids_max": (-1, 1 << 63),
               "cpu_quota": (-1, 1 << 63), "cpu_period": (-1, 1 << 63),
               "shared_namespaces": (0, 128), "umask": (0, 0o1000),
               "memory_swap_max": (-2, 1 << 63), "memory_low": (-2, 1 << 63),
               "cpu_weight": (-2, 1 << 63), "io_weight": (-2, 1 << 63)}
TEXTS = [("escape codes", b"\x1b[2J\r\n"), ("a path", b"../../etc/shadow"),
         ("300 KiB", b"B" * 307200), ("no UTF-8", b"\xff\xfe"),
         ("with a NUL", b"a\0b")]
NUMBERS = [("0", 0), ("-1", -1), ("2^31", 1 << 31), ("2^63", 1 << 63)]


ITEMS = 33  # of ReadBack; an update's are not looked at
READ_BACK_METHODS = ("CreateContainer", "ExecProcess", "UpdateContainer")


def wrapped(method, data, path=()):
    """A field's bytes as they stand in the answer to this method."""
    for number in reversed(path):
        data = field(number, data)
    if method in READ_BACK_METHODS:
        # the last value of a field counts: the honest ones come first
        honest = READ_BACK[len(varint(1000 << 3 | 2)):]
        at = 1 if honest[0] < 0x80 else 2
        return field(1000, honest[at:] + data)
    return data


def as_type(kind, value):
    value &= (1 << 64) - 1
    bits = 64 if "64" in kind else 32
    value &= (1 << bits) - 1
    if kind.startswith("int") and value >> (bits - 1):
        value -= 1 << bits
    return value


def number_expected(method, name, kind, value):
    value = as_type(kind, value)
    if method == "CreateContainer" and name == "guest_pid" and value == 0:
        return Expect(REFUSED, "without a pid")
    if method in READ_BACK_METHODS and name in SANE_LIMITS:
        low, high = SANE_LIMITS[name]
        if not low <= value < high:
            return Expect(REFUSED, BAD_MESSAGE)
    if method == "WaitProcess":
        if not 0 <= value <= 255:
            return Expect(BROKEN, "impossible exit status")
        return Expect(GOES_ON, status=value)
    if method == "WriteStdin" and not 0 < value <= 5:
        return Expect(BROKEN, "wrong length")
    if method == "Check" and name == "status" and value != 1:
        return Expect(REFUSED, "not serving")
    return Expect(GOES_ON)


def message_cases(method):
    """Cases of one decoded answer."""
    bad = Expect(BROKEN, BAD_MESSAGE)
    yield "message: garbage", answers(b"\xff" * 40), bad
    yield "message: cut", answers(wrapped(method, b"\x08")[:-1] + b"\x88"), bad
    yield "message: 1 MiB of zeros", answers(b"\0" * (MIB - 64)), bad
    yield "message: groups, 10000 deep", answers(b"\x7b" * 10000), bad
    yield ("message: half a million unknown fields",
           answers(b"\x78\x01" * 500000), bad)
    deep = b""
    for _ in range(5000):
        deep = field(15, deep)
    yield ("message: 5000 deep in an unknown field",
           answers(HONEST[method] + deep), Expect(GOES_ON))
    yield "message: empty", answers(b""), EMPTY[method]
    name = METHODS[method][1]
    yield from fields_cases(method, "ReadBack" if method in READ_BACK_METHODS
                            else name, "", ())


def fields_cases(method, message, prefix, path):
    for name, kind, number, repeated in PROTOS[message]:
        if kind in PROTOS:
            bad = Expect(BROKEN, BAD_MESSAGE)
            for what, data in (("a number", field(number, 7)),
                               ("garbage", field(number, b"\xff" * 9)),
                               ("cut", varint(number << 3 | 2) + b"\x40\x08")):
                yield ("%s%s: %s" % (prefix, name, what),
                       answers(wrapped(method, data, path)), bad)
            if repeated:
                many = Expect(REFUSED, BAD_MESSAGE) if number == ITEMS and \
                    method in READ_BACK_METHODS else Expect(GOES_ON)
                yield ("%s%s: twenty thousand of them" % (prefix, name),
                       answers(wrapped(method, field(number, b"") * 20000,
                                       path)), many)
            yield from fields_cases(method, kind, prefix + name + ".",
                                    path + (number,))
        else:
            yield from field_cases(method, prefix, name, kind, number,
                                   repeated, path)


def field_cases(method, prefix, name, kind, number, repeated, path):
    bad = Expect(BROKEN, BAD_MESSAGE)

    def case(what, data, expected):
        # an item without a kind of its own is malformed
        if path == (ITEMS,) and expected.kind == GOES_ON and \
                method in ("CreateContainer", "ExecProcess") and \
                not (name == "kind" and "ten thousand" in what):
            expected = Expect(REFUSED, BAD_MESSAGE)
        return ("%s%s: %s" % (prefix, name, what),
                answers(wrapped(method, data, path)), expected)
    if kind in ("string", "bytes"):
        yield case("a number", field(number, 7), bad)
        yield case("longer than the message",
                   varint(number << 3 | 2) + b"\xff\xff\x7f", bad)
        for what, text in TEXTS:
            expected = Expect(GOES_ON)
            if kind == "bytes" and len(text) > 65536:
                expected = Expect(BROKEN, "wrong length")
            yield case(what, field(number, text), expected)
        return
    # protobuf-c takes a bool from any wire type
    typed = Expect(GOES_ON) if kind == "bool" else bad
    yield case("a text", field(number, b"\x80\x80"), typed)
    yield case("8 bytes", varint(number << 3 | 1) + b"\1" * 8, typed)
    yield case("a varint without end",
               varint(number << 3) + b"\xff" * 12, bad)
    for what, value in NUMBERS:
        yield case(what, varint(number << 3) + varint(value),
                   number_expected(method, name, kind, value))
    if repeated:
        # four bytes each once decoded: just below the limit; or eight
        yield case("a million of them", field(number, b"\1" * 1000000),
                   bad if "64" in kind else Expect(GOES_ON))
    else:
        yield case("ten thousand times", field(number, 1) * 10000,
                   number_expected(method, name, kind, 1))


EMPTY = {
    "Check": Expect(REFUSED, "not serving"),
    "CreateContainer": Expect(REFUSED, "did not report"),
    "ExecProcess": Expect(REFUSED, "did not report"),
    "UpdateContainer": Expect(REFUSED, "did not report"),
    "StatsContainer": Expect(GOES_ON),
    "GetOOMEvent": Expect(GOES_ON),
    "WaitProcess": Expect(GOES_ON, status=0),
    "ReadStdout": Expect(GOES_ON),
    "ReadStderr": Expect(GOES_ON),
    "WriteStdin": Expect(BROKEN, "wrong length"),
}


# --- all of them --------------------------------------------------------------------

def refusal_expected(method, text):
    phase = METHODS[method][0]
    if method == "WaitProcess":
        return Expect(BROKEN, text)
    if phase in ("create", "start", "exec") + VERBS:
        return Expect(REFUSED, text)
    return Expect(GOES_ON)


def method_cases(method):
    phase, decoded, deadline = METHODS[method]
    late = "did not answer" if deadline else ""
    if deadline:
        expected = Expect(DEADLINE, late, deadline)
    else:
        expected = Expect(DEADLINE, "", 0)
    yield "never answered", silent, expected
    if deadline:
        yield "dripped for ever", drips, expected
    for name, action, outcome in FRAMES:
        yield name, action, outcome
    for name, action, text in ENVELOPES:
        yield name, action, Expect(BROKEN, text)
    for name, code, message, text in REFUSALS:
        yield ("refused: " + name, answers(b"", code, message),
               refusal_expected(method, text))
    yield ("flags 0xff", sends(lambda s, r: frame(s, 2, r)[:9] + b"\xff" + r),
           Expect(GOES_ON))
    yield ("metadata that nobody asked for",
           sends(lambda s, r: frame(s, 2, r + field(9, b"x" * 4000) * 50)),
           Expect(GOES_ON))
    if decoded:
        yield from message_cases(method)
    else:
        yield ("a payload where none belongs", answers(b"\xff" * 5000),
               Expect(GOES_ON))


def all_cases():
    out = []
    for method in METHODS:
        for name, action, expected in method_cases(method):
            out.append(("%s: %s" % (method, name), method, action, expected))
    return out
