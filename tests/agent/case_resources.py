# SPDX-License-Identifier: Apache-2.0
"""What a container may use and does use: pause, update, figures, memory."""
import time

from case import Case, G

COUNT = "i=0; while :; do i=$((i+1)); echo $i; sleep 0.02; done"


class Freeze(Case):
    def lines(self, name, seconds):
        """How many lines come within the time, and what they are."""
        end, out = time.time() + seconds, b""
        pending = G.begin("ReadStdout", container_id=name, len=4096)
        while time.time() < end:
            try:
                out += G.end(pending, max(0.05, end - time.time())).data
            except TimeoutError:
                # The read stays; the next call takes it up.
                self.pending = pending
                return out
            pending = G.begin("ReadStdout", container_id=name, len=4096)
        self.pending = pending
        return out

    def test_pause_and_resume(self):
        name = self.start(["sh", "-c", COUNT])
        self.assertIn(b"\n", self.lines(name, 1))
        G.call("PauseContainer", container_id=name)
        # What was on its way may still come; then nothing does.
        try:
            G.end(self.pending, 1)
        except TimeoutError:
            pass
        self.assertEqual(self.lines(name, 1), b"")
        self.fails("FAILED_PRECONDITION", "already paused", G.call,
                   "PauseContainer", container_id=name)
        G.call("ResumeContainer", container_id=name)
        self.assertIn(b"\n", G.end(self.pending).data)
        self.fails("FAILED_PRECONDITION", "not paused", G.call,
                   "ResumeContainer", container_id=name)

    def test_calls_on_a_paused_one(self):
        name = self.start(["sleep", "100"])
        G.call("PauseContainer", container_id=name)
        self.fails("FAILED_PRECONDITION", "cannot exec in a paused container",
                   G.exec, name, ["true"])
        stats = G.call("StatsContainer", container_id=name)
        self.assertEqual(stats.cgroup_stats.pids_stats.current, 1)
        oci = G.pb["oci"]
        G.call("UpdateContainer", container_id=name, resources=oci.
               LinuxResources(Pids=oci.LinuxPids(Limit=7)))
        G.call("ResumeContainer", container_id=name)
        self.assertEqual(G.exec(name, ["echo", "x"])[1], "x\n")

    def test_kill_a_paused_one(self):
        name = self.start(["sh", "-c", "trap 'exit 4' TERM; echo up; "
                           "while :; do sleep 0.05; done"])
        self.assertEqual(G.call("ReadStdout", container_id=name, len=9).data,
                         b"up\n")
        G.call("PauseContainer", container_id=name)
        wait = G.begin("WaitProcess", container_id=name)
        # Any other signal waits for the resume ...
        G.call("SignalProcess", container_id=name, exec_id=name, signal=15)
        with self.assertRaises(TimeoutError):
            G.end(wait, 0.5)
        # ... and this one does not.
        G.call("SignalProcess", container_id=name, exec_id=name, signal=9)
        self.assertEqual(G.end(wait).status, 137)
        self.fails("FAILED_PRECONDITION", "not running", G.call,
                   "ResumeContainer", container_id=name)

    def test_kill_all_of_a_paused_one(self):
        name = self.start(["sh", "-c", "sleep 99 & sleep 99"])
        G.call("PauseContainer", container_id=name)
        G.call("SignalProcess", container_id=name, signal=9)
        self.assertEqual(G.call("WaitProcess", container_id=name).status, 137)

    def test_signal_comes_with_the_resume(self):
        name = self.start(["sh", "-c", "trap 'exit 4' TERM; echo up; "
                           "while :; do sleep 0.05; done"])
        self.assertEqual(G.call("ReadStdout", container_id=name, len=9).data,
                         b"up\n")
        G.call("PauseContainer", container_id=name)
        G.call("SignalProcess", container_id=name, exec_id=name, signal=15)
        G.call("ResumeContainer", container_id=name)
        self.assertEqual(G.call("WaitProcess", container_id=name).status, 4)

    def test_paused_before_start(self):
        name, _ = G.create(["sh", "-c", "exit 6"])
        self.addCleanup(G.call, "RemoveContainer", container_id=name)
        G.call("PauseContainer", container_id=name)
        self.fails("FAILED_PRECONDITION", "is paused", G.call,
                   "StartContainer", container_id=name)
        G.call("ResumeContainer", container_id=name)
        G.call("StartContainer", container_id=name)
        self.assertEqual(G.call("WaitProcess", container_id=name).status, 6)

    def test_remove_a_paused_one(self):
        name, _ = G.create(["sleep", "100"])
        G.call("StartContainer", container_id=name)
        G.call("PauseContainer", container_id=name)
        G.call("RemoveContainer", container_id=name)
        self.fails("NOT_FOUND", name, G.call, "PauseContainer",
                   container_id=name)

    def test_after_the_end(self):
        name = self.start(["true"])
        G.call("WaitProcess", container_id=name)
        for method in ("PauseContainer", "ResumeContainer"):
            self.fails("FAILED_PRECONDITION", "not running", G.call, method,
                       container_id=name)
        self.fails("FAILED_PRECONDITION", "not running", G.call,
                   "UpdateContainer", container_id=name,
                   resources=G.pb["oci"].LinuxResources())

    def test_exec_is_frozen_with_it(self):
        name = self.start(["sleep", "100"])
        G.call("ExecProcess", container_id=name, exec_id="e",
               process=G.process(["sh", "-c", "sleep 0.3; exit 5"]))
        G.call("PauseContainer", container_id=name)
        wait = G.begin("WaitProcess", container_id=name, exec_id="e")
        with self.assertRaises(TimeoutError):
            G.end(wait, 1.5)
        G.call("ResumeContainer", container_id=name)
        self.assertEqual(G.end(wait).status, 5)


class Update(Case):
    FILES = ("memory.max", "memory.low", "cpu.max", "cpu.weight",
             "cpuset.cpus", "pids.max", "memory.high")

    def files(self, name):
        out = G.exec(name, ["sh", "-c", "cd /sys/fs/cgroup; for f in %s; do "
                            "echo $f $(cat $f); done" % " ".join(self.FILES)])
        return dict(line.split(" ", 1) if " " in line else (line, "")
                    for line in out[1].splitlines())

    def test_each_and_only_what_is_given(self):
        oci = G.pb["oci"]
        name = self.start(["sleep", "100"])
        before = self.files(name)
        answer = G.call("UpdateContainer", container_id=name,
                        resources=oci.LinuxResources(
                            Memory=oci.LinuxMemory(Limit=64 << 20,
                                                   Reservation=32 << 20,
                                                   Swap=80 << 20),
                            CPU=oci.LinuxCPU(Shares=2048, Quota=30000),
                            Pids=oci.LinuxPids(Limit=50),
                            Unified={"memory.high": "60000000"}))
        back = answer.read_back
        self.assertEqual((back.memory_max, back.pids_max, back.cpu_quota,
                          back.cpu_period), (64 << 20, 50, 30000, 100000))
        after = self.files(name)
        self.assertEqual(after, dict(
            before, **{"memory.max": str(64 << 20), "memory.low":
                       str(32 << 20), "cpu.max": "30000 100000",
                       "cpu.weight": "79", "pids.max": "50",
                       "memory.high": str(60000000 // 4096 * 4096)}))
        G.call("UpdateContainer", container_id=name, resources=oci.
               LinuxResources(CPU=oci.LinuxCPU(Period=50000, Cpus="0")))
        self.assertEqual(self.files(name), dict(
            after, **{"cpu.max": "30000 50000", "cpuset.cpus": "0"}))
        answer = G.call("UpdateContainer", container_id=name, resources=oci.
                        LinuxResources(Memory=oci.LinuxMemory(Limit=-1),
                                       CPU=oci.LinuxCPU(Quota=-1),
                                       Pids=oci.LinuxPids(Limit=-1)))
        back = answer.read_back
        self.assertEqual((back.memory_max, back.pids_max, back.cpu_quota,
                          back.cpu_period), (-1, -1, -1, 50000))

    def test_limit_holds(self):
        oci = G.pb["oci"]
        name = self.start(["sleep", "100"])
        G.call("UpdateContainer", container_id=name, resources=oci.
               LinuxResources(Pids=oci.LinuxPids(Limit=3)))
        err = G.exec(name, ["sh", "-c", "sleep 1 & sleep 1 & sleep 1 & "])[2]
        self.assertIn("can't fork", err)

    def test_all_or_nothing(self):
        oci = G.pb["oci"]
        name = self.start(["sleep", "100"])
        G.call("UpdateContainer", container_id=name, resources=oci.
               LinuxResources(CPU=oci.LinuxCPU(Quota=20000, Cpus="0")))
        before = self.files(name)
        memory = oci.LinuxMemory(Limit=32 << 20)
        pids = oci.LinuxPids(Limit=9)
        for cpu, more, code, text in (
                (oci.LinuxCPU(Cpus="999"), {}, "INVALID_ARGUMENT", "cpu.cpus"),
                (oci.LinuxCPU(Shares=3, Quota=1), {}, "INVALID_ARGUMENT",
                 "cpu.quota"),
                (oci.LinuxCPU(Cpus="0-"), {}, "INVALID_ARGUMENT", "cpu.cpus"),
                (oci.LinuxCPU(Quota=90000, Shares=77),
                 {"Unified": {"memory.nothing": "1"}}, "UNIMPLEMENTED",
                 "unified[memory.nothing]"),
                (oci.LinuxCPU(Quota=90000, Shares=77),
                 {"HugepageLimits": [oci.LinuxHugepageLimit(
                     Pagesize="2MB", Limit=0)]}, "UNIMPLEMENTED",
                 "hugepageLimits"),
                (oci.LinuxCPU(Shares=77),
                 {"BlockIO": oci.LinuxBlockIO(LeafWeight=7)},
                 "UNIMPLEMENTED", "blockIO.leafWeight"),
                (oci.LinuxCPU(Shares=77),
                 {"Devices": [oci.LinuxDeviceCgroup(Allow=True,
                                                    Access="rwm")]},
                 "UNIMPLEMENTED", "devices")):
            with self.subTest(text):
                self.fails(code, "linux.resources." + text, G.call,
                           "UpdateContainer", container_id=name,
                           resources=oci.LinuxResources(
                               CPU=cpu, Memory=memory, Pids=pids, **more))
                self.assertEqual(self.files(name), before)

    def test_refused(self):
        oci = G.pb["oci"]
        name = self.start(["sleep", "100"])
        self.fails("INVALID_ARGUMENT", "resources", G.call, "UpdateContainer",
                   container_id=name)
        self.fails("NOT_FOUND", "nobody", G.call, "UpdateContainer",
                   container_id="nobody", resources=oci.LinuxResources())
        self.fails("INVALID_ARGUMENT", "linux.resources.memory.swap", G.call,
                   "UpdateContainer", container_id=name, resources=oci.
                   LinuxResources(Memory=oci.LinuxMemory(Swap=4096)))

    def test_lowered_below_what_is_used(self):
        oci = G.pb["oci"]
        name = self.start(["sh", "-c", "dd if=/dev/zero of=/dev/shm/x bs=1M "
                           "count=40 2>/dev/null; echo full; sleep 100"],
                          mounts=[("/dev/shm", "tmpfs", "x", ["size=100m"])])
        self.assertEqual(G.call("ReadStdout", container_id=name, len=9).data,
                         b"full\n")
        event = G.begin("GetOOMEvent", **{"container_id": name})
        G.call("UpdateContainer", container_id=name, resources=oci.
               LinuxResources(Memory=oci.LinuxMemory(Limit=16 << 20)))
        self.assertEqual(G.end(event).container_id, name)
        self.assertEqual(G.call("WaitProcess", container_id=name).status, 137)


class Memory(Case):
    """Lack of memory, and the figures."""

    def eater(self):
        oci = G.pb["oci"]
        resources = oci.LinuxResources(Memory=oci.LinuxMemory(Limit=16 << 20))
        name, _ = G.create(["dd", "if=/dev/zero", "of=/dev/shm/x", "bs=1M",
                            "count=40"], linux={"Resources": resources},
                           mounts=[("/dev/shm", "tmpfs", "x", ["size=100m"])])
        self.addCleanup(G.call, "RemoveContainer", container_id=name)
        return name

    def drain(self):
        """Takes what earlier tests left behind."""
        while True:
            pending = G.begin("GetOOMEvent")
            name, _ = G.create(["true"])
            G.call("RemoveContainer", container_id=name)
            try:
                G.end(pending, 0.3)
            except TimeoutError:
                return pending

    def test_event(self):
        pending = self.drain()
        name = self.eater()
        named = [G.begin("GetOOMEvent", container_id=name) for _ in range(2)]
        other = self.start(["sleep", "100"])
        others = G.begin("GetOOMEvent", container_id=other)
        G.call("StartContainer", container_id=name)
        self.assertEqual(G.end(pending).container_id, name)
        for call in named:
            self.assertEqual(G.end(call).container_id, name)
        with self.assertRaises(TimeoutError):
            G.end(others, 0.3)
        stats = G.call("StatsContainer", container_id=name)
        self.assertEqual(stats.cgroup_stats.memory_stats.oom_kill, 1)
        self.assertGreater(stats.cgroup_stats.memory_stats.usage.failcnt, 0)

    def test_told_before_the_exit(self):
        name = self.eater()
        G.call("StartContainer", container_id=name)
        order = []
        waits = {"event": G.begin("GetOOMEvent", container_id=name),
                 "exit": G.begin("WaitProcess", container_id=name)}
        while len(order) < 2:
            for what, (_, call) in waits.items():
                if call["done"].is_set() and what not in order:
                    order.append(what)
            time.sleep(0.001)
        self.assertEqual(order[0], "event")

    def test_kept_for_who_asks_late(self):
        name = self.eater()
        G.call("StartContainer", container_id=name)
        self.assertEqual(G.call("WaitProcess", container_id=name).status, 137)
        event = G.call("GetOOMEvent", container_id=name)
        self.assertEqual(event.container_id, name)

    def test_ends_with_the_container(self):
        name, _ = G.create(["sleep", "100"])
        event = G.begin("GetOOMEvent", container_id=name)
        G.call("RemoveContainer", container_id=name)
        self.fails("NOT_FOUND", "removed", G.end, event)
        self.fails("NOT_FOUND", name, G.call, "GetOOMEvent", container_id=name)

    def test_stats(self):
        oci = G.pb["oci"]
        resources = oci.LinuxResources(
            Memory=oci.LinuxMemory(Limit=32 << 20),
            CPU=oci.LinuxCPU(Quota=10000, Period=100000),
            Pids=oci.LinuxPids(Limit=11))
        name = self.start(["sh", "-c", "while :; do :; done"],
                          linux={"Resources": resources})
        time.sleep(1)
        answer = G.call("StatsContainer", container_id=name)
        stats = answer.cgroup_stats
        self.assertGreater(stats.cpu_stats.cpu_usage.total_usage, 10000000)
        self.assertGreater(stats.cpu_stats.cpu_usage.usage_in_usermode, 0)
        self.assertGreater(stats.cpu_stats.throttling_data.periods, 2)
        self.assertGreater(stats.cpu_stats.throttling_data.throttled_time, 0)
        memory = stats.memory_stats
        self.assertEqual(memory.usage.limit, 32 << 20)
        self.assertGreater(memory.usage.usage, 0)
        self.assertGreaterEqual(memory.usage.max_usage, memory.usage.usage)
        self.assertIn("anon", memory.stats)
        self.assertEqual(memory.oom_kill, 0)
        self.assertEqual((stats.pids_stats.current, stats.pids_stats.limit),
                         (1, 11))
        self.assertTrue(stats.HasField("blkio_stats"))
        self.assertEqual(len(answer.network_stats), 1)
        self.assertTrue(answer.network_stats[0].name.startswith("eth"))
