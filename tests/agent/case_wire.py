# SPDX-License-Identifier: Apache-2.0
"""The wire against golden.py: the definitions, and the agent's own decoder.

The agent is not asked what it knows; it is made to show it. A field that it
knows cannot come with another wire type: such a message is "not a valid
message". A field that it does not know can come with any. (Bools are the
one exception: the library takes them in every form. They are compared in the
definitions, and set in every message that is sent whole.)
"""
import os
import time

import golden
import guest as guests
from case import Case, G
from guest import blob, fields, varint

NOT_DECODED = "not a valid message"


def encode_value(field, depth):
    if field.map:
        value = (blob(2, encode(field.message, depth + 1)) if field.message
                 else varint(2 << 3) + varint(1) if field.kind != "s"
                 else blob(2, b"v"))
        return blob(field.number, blob(1, b"k") + value)
    if field.message:
        return blob(field.number, encode(field.message, depth + 1))
    if field.kind in ("s", "b"):
        return blob(field.number, b"x")
    return varint(field.number << 3) + varint(1)


def encode(name, depth=0):
    """A message with every field set, by the table alone."""
    if depth > 8:
        return b""
    return b"".join(encode_value(f, depth) for f in golden.messages[name])


def wrong(number, wire):
    """The field with the other wire type."""
    if wire == 2:
        return varint(number << 3) + varint(1)
    return varint(number << 3 | 5) + b"\1\2\3\4"


def paths(name, seen=()):
    """All (way, message) that a request leads to, each message once."""
    yield (), name
    for field in golden.messages[name]:
        if not field.message or field.message in seen + (name,):
            continue
        for way, inner in paths(field.message, seen + (name,)):
            yield (field,) + way, inner


def wrap(way, data):
    for field in reversed(way):
        if field.map:
            data = blob(1, b"k") + blob(2, data)
        data = blob(field.number, data)
    return data


def check_answer(test, name, data, where=""):
    """Bytes of the agent, read by the table. Returns the fields found."""
    table = {f.number: f for f in golden.messages[name]}
    found = {}
    for number, value in fields(data):
        place = "%s.%d" % (where or name, number)
        if number >= 1000:
            continue
        test.assertIn(number, table, place)
        field = table[number]
        test.assertEqual(isinstance(value, int), field.is_number(), place)
        if field.map:
            entry = dict(fields(value))
            entry[1].decode()
            if field.message:
                check_answer(test, field.message, entry.get(2, b""), place)
            else:
                test.assertIsInstance(entry.get(2, 0), int, place)
        elif field.message:
            check_answer(test, field.message, value, place)
        elif field.kind == "s":
            value.decode()
        elif field.enum:
            test.assertIn(value, golden.ENUMS[field.enum].values(), place)
        elif field.kind == "bo":
            test.assertIn(value, (0, 1), place)
        found[field.name] = value
    return found


class Definitions(Case):
    """lib/proto as protoc understands it."""
    TYPES = {"s": 9, "b": 12, "bo": 8, "u32": 13, "u64": 4, "i32": 5,
             "i64": 3}

    def descriptors(self, name):
        """Every message of ours that has this form on the wire."""
        if name in ("Container", "Process_", "Empty", "IPTablesResponse"):
            return []
        short = name.split(".")[-1]
        for module in ("agent", "oci", "types", "health"):
            found = G.pb[module].DESCRIPTOR.message_types_by_name.get(short)
            if found:
                return [found]
        self.fail("no message " + name)

    def compare(self, name, descriptor):
        if name in golden.OPEN:
            return
        wanted = {(f.number, golden.SPELLED.get((name, f.name), f.name))
                  for f in golden.messages[name]}
        have = {(f.number, f.name) for f in descriptor.fields
                if f.number < 1000}
        self.assertEqual(have, wanted, name)
        for field in golden.messages[name]:
            self.compare_field(name, field,
                               descriptor.fields_by_number[field.number])

    def compare_field(self, name, field, have):
        where = "%s.%s" % (name, field.name)
        self.assertEqual(have.label == 3, field.repeated, where)
        # A oneof counts, not the presence that proto3 gives to messages.
        self.assertEqual(have.containing_oneof is not None, field.oneof,
                         where)
        if field.map:
            self.assertTrue(have.message_type.GetOptions().map_entry, where)
            key, have = (have.message_type.fields_by_number[n]
                         for n in (1, 2))
            self.assertEqual(key.type, 9, where)
        if field.message:
            self.assertEqual(have.type, 11, where)
            full = field.message if "." in field.message else \
                "grpc." + field.message
            self.assertEqual(have.message_type.full_name, full, where)
        elif field.enum:
            self.assertEqual(have.type, 14, where)
            self.assertEqual({v.name: v.number for v in
                              have.enum_type.values},
                             golden.ENUMS[field.enum], where)
        else:
            self.assertEqual(have.type, self.TYPES[field.kind], where)

    def test_messages(self):
        for name in golden.messages:
            for descriptor in self.descriptors(name):
                self.compare(name, descriptor)

    def compare_methods(self, service, table):
        self.assertEqual({m.name for m in service.methods}, set(table))
        for name, (request, response) in table.items():
            method = service.methods_by_name[name]
            self.compare(request, method.input_type)
            self.compare(response, method.output_type)

    def test_methods(self):
        agent = G.pb["agent"].DESCRIPTOR.services_by_name["AgentService"]
        health = G.pb["health"].DESCRIPTOR.services_by_name["Health"]
        self.assertEqual(agent.full_name, "grpc.AgentService")
        self.assertEqual(health.full_name, "grpc.Health")
        self.assertEqual(len(golden.methods), 42)
        self.compare_methods(agent, golden.methods)
        self.compare_methods(health, golden.health)


class Decoder(Case):
    """The agent's own, over its port, in bytes that lib/proto has not seen."""
    # Theirs is to end the sandbox, or to wait for ever.
    NOT_CALLED = ("DestroySandbox", "GetOOMEvent")

    def outcome(self, service, method, request):
        call = G.client.start(service, method, request)
        try:
            return 0, G.client.finish(call, 60)
        except guests.RpcError as error:
            return error.code, error.message

    def all_methods(self):
        for table, service in ((golden.methods, "grpc.AgentService"),
                               (golden.health, "grpc.Health")):
            for method, (request, _) in table.items():
                if method not in self.NOT_CALLED:
                    yield service, method, request

    def test_every_field_set(self):
        """Decoded, whatever becomes of it then."""
        for service, method, request in self.all_methods():
            code, text = self.outcome(service, method, encode(request))
            with self.subTest(method):
                if code:
                    self.assertNotIn(NOT_DECODED, text)
                    self.assertTrue(text, method)

    def refused(self):
        return {m for s, m, r in self.all_methods()
                if self.outcome(s, m, b"\x0a")[0] == 12}

    def test_every_field_number(self):
        """Each field of each message, at every depth, of every request."""
        refused, seen, count = self.refused(), set(), 0
        for service, method, request in self.all_methods():
            if method in refused:
                continue  # it is refused before it is decoded
            for way, name in paths(request):
                if name in golden.OPEN or name in seen and way:
                    continue
                seen.add(name)
                count += self.probe(service, method, way, name)
        # Everything that a request holds was reached by one or the other.
        held = {n for m, (r, _) in golden.methods.items()
                if m not in refused for _, n in paths(r)} - set(golden.OPEN)
        self.assertEqual(held - seen, set())
        print("  %d fields of %d messages, %d methods refused undecoded"
              % (count, len(seen), len(refused)))
        self.assertGreater(count, 200)

    def probe(self, service, method, way, name):
        table = {f.number: f for f in golden.messages[name]}
        for number, field in table.items():
            if field.kind == "bo":
                continue  # protobuf-c takes a bool of any wire type
            code, text = self.outcome(
                service, method, wrap(way, wrong(number, field.wire())))
            where = "%s: %s.%s" % (method, name, field.name)
            self.assertEqual(code, 3, where)
            self.assertIn(NOT_DECODED, text, where)
        # The numbers beside them mean nothing; of any wire type.
        beside = {max(table, default=0) + 1} | \
            ({min(table) - 1} if table and min(table) > 1 else set())
        for number in beside:
            for data in (varint(number << 3) + b"\1", blob(number, b"x"),
                         varint(number << 3 | 5) + b"\1\2\3\4"):
                text = self.outcome(service, method,
                                    wrap(way, data))[1]
                self.assertNotIn(NOT_DECODED, str(text), name)
        return sum(f.kind != "bo" for f in table.values())


class Answers(Case):
    """Every answer that has content, decoded by the table."""

    def ask(self, method, *parts):
        call = G.client.start("grpc.AgentService", method, b"".join(parts))
        data = G.client.finish(call, 60)
        return check_answer(self, golden.methods[method][1], data)

    def test_processes(self):
        name = self.start(["sh", "-c", "read x; echo $x; echo e >&2; exit 9"])
        ident = blob(1, name.encode())
        wrote = self.ask("WriteStdin", ident, blob(3, b"word\n"))
        self.assertEqual(wrote, {"len": 5})
        size = varint(3 << 3) + varint(100)
        self.assertEqual(self.ask("ReadStdout", ident, size),
                         {"data": b"word\n"})
        self.assertEqual(self.ask("ReadStderr", ident, size),
                         {"data": b"e\n"})
        self.assertEqual(self.ask("WaitProcess", ident), {"status": 9})
        self.assertEqual(self.ask("ReadStdout", ident, size).get("data", b""),
                         b"")
        self.assertEqual(self.ask("CloseStdin", ident), {})

    def test_container(self):
        oci = G.pb["oci"]
        name = self.start(["sleep", "100"])
        ident = blob(1, name.encode())
        answer = self.ask("StatsContainer", ident)
        self.assertEqual(set(answer), {"cgroup_stats", "network_stats"})
        for method in ("PauseContainer", "ResumeContainer"):
            self.assertEqual(self.ask(method, ident), {})
        limits = oci.LinuxResources(Pids=oci.LinuxPids(Limit=9))
        self.assertEqual(self.ask("UpdateContainer", ident, blob(
            2, limits.SerializeToString())), {})
        self.assertEqual(self.ask("TtyWinResize", blob(1, self.terminal()),
                                  varint(3 << 3) + b"\5"), {})

    def terminal(self):
        return self.start([], process=G.process(["sleep", "100"],
                                                Terminal=True)).encode()

    def test_lack_of_memory(self):
        oci = G.pb["oci"]
        resources = oci.LinuxResources(Memory=oci.LinuxMemory(Limit=16 << 20))
        pending = G.client.start("grpc.AgentService", "GetOOMEvent", b"")
        self.start(["dd", "if=/dev/zero", "of=/dev/shm/x", "bs=1M",
                    "count=40"], linux={"Resources": resources},
                   mounts=[("/dev/shm", "tmpfs", "x", ["size=100m"])])
        found = check_answer(self, "OOMEvent", G.client.finish(pending, 60))
        self.assertIn("container_id", found)

    def test_network(self):
        self.assertEqual(set(self.ask("ListInterfaces")), {"Interfaces"})
        link = [i for i in G.call("ListInterfaces").Interfaces
                if i.name != "lo"][0]
        found = self.ask("UpdateInterface", blob(1, link.SerializeToString()))
        self.assertEqual(found["hwAddr"].decode(), link.hwAddr)
        link.IPAddresses.append(G.pb["types"].IPAddress(
            address="10.77.0.2", mask="24"))
        self.ask("UpdateInterface", blob(1, link.SerializeToString()))
        route = G.pb["types"].Route(dest="10.78.0.0/16", gateway="10.77.0.1",
                                    device=link.name)
        routes = blob(1, blob(1, route.SerializeToString()))
        self.assertEqual(set(self.ask("UpdateRoutes", routes)), {"Routes"})
        self.assertEqual(set(self.ask("ListRoutes")), {"Routes"})
        neighbour = G.pb["types"].ARPNeighbor(
            toIPAddress=G.pb["types"].IPAddress(address="10.77.0.1"),
            device=link.name, lladdr="02:00:00:00:00:98", state=0x80)
        self.assertEqual(self.ask("AddARPNeighbors", blob(1, blob(
            1, neighbour.SerializeToString()))), {})

    def test_guest(self):
        details = self.ask("GetGuestDetails")
        self.assertIn("agent_details", details)
        self.assertIn(b"kata_guest_load", self.ask("GetMetrics")["metrics"])
        path = guests.SHARE.encode()
        found = self.ask("GetVolumeStats", blob(1, path))
        self.assertEqual(set(found), {"usage", "volume_condition"})
        for method, parts in (
                ("SetGuestDateTime", [varint(1 << 3) +
                                      varint(int(time.time()))]),
                ("ReseedRandomDev", [blob(2, os.urandom(32))]),
                ("OnlineCPUMem", []), ("UpdateEphemeralMounts", []),
                ("RemoveStaleVirtiofsShareMounts", []),
                ("CreateSandbox", [blob(5, b"s1")])):
            self.assertEqual(self.ask(method, *parts), {}, method)

    def test_health(self):
        for method, (_, response) in golden.health.items():
            call = G.client.start("grpc.Health", method, b"")
            found = check_answer(self, response, G.client.finish(call, 30))
            self.assertTrue(found, method)
