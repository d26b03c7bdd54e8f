# SPDX-License-Identifier: Apache-2.0
"""The guest as a machine: figures, volumes, CPUs; and what is refused."""
import os
import re
import shutil
import time

import guest as guests
from case import Case, EPHEMERAL, G
from case_seccomp import program

REFUSED = ("GetDiagnosticData", "ResizeVolume", "GetIPTables", "SetIPTables",
           "MemHotplugByProbe", "AddSwap", "AddSwapPath", "MemAgentMemcgSet",
           "MemAgentCompactSet", "CopyFile", "SetPolicy")


class Machine(Case):
    def test_metrics(self):
        line = re.compile(r'^[a-z_]+(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")?\})? '
                          r"-?[0-9.]+$")
        first = G.call("GetMetrics").metrics
        text = G.call("GetMetrics").metrics
        named = {}
        for at in text.splitlines():
            if at.startswith("# TYPE"):
                named[at.split()[2]] = set()
            elif not at.startswith("# HELP"):
                self.assertRegex(at, line)
                name = re.match("[a-z_]+", at).group()
                self.assertIn(name, named)
                named[name].add(at)
        for name in ("kata_agent_threads", "kata_agent_total_rss",
                     "kata_agent_proc_status", "kata_agent_proc_stat",
                     "kata_agent_process_open_fds", "kata_guest_load",
                     "kata_guest_tasks", "kata_guest_cpu_time",
                     "kata_guest_meminfo", "kata_guest_vm_stat",
                     "kata_guest_netdev_stat"):
            self.assertTrue(named.get(name), name)
        for at in ('kata_guest_meminfo{item="mem_total"} ',
                   'kata_guest_meminfo{item="active_anon"} ',
                   'kata_guest_netdev_stat{interface="lo",item="sent_bytes"} ',
                   'kata_guest_cpu_time{cpu="total",item="user"} ',
                   'kata_guest_load{item="load15"} ', "kata_agent_threads 1\n"):
            self.assertIn(at, text)
        count = [int(re.search("^kata_agent_scrape_count ([0-9]+)", t, re.M).
                     group(1)) for t in (first, text)]
        self.assertEqual(count[1], count[0] + 1)
        rss = re.search("^kata_agent_total_rss ([0-9]+)", text, re.M).group(1)
        self.assertLess(int(rss), 4 << 20)

    def test_volume(self):
        name, root = G.new_rootfs()
        inside = "%s/%s/rootfs" % (guests.SHARE, name)
        used = {}
        for path in (guests.SHARE, inside, EPHEMERAL):
            answer = G.call("GetVolumeStats", volume_guest_path=path)
            self.assertEqual([u.unit for u in answer.usage], [1, 2])
            self.assertFalse(answer.volume_condition.abnormal)
            for usage in answer.usage:
                self.assertGreaterEqual(usage.total,
                                        usage.used + usage.available)
            used[path] = answer.usage[0]
        self.assertEqual(used[EPHEMERAL].total, 1 << 20)
        host = os.statvfs(root)
        self.assertEqual(used[inside].total, host.f_blocks * host.f_frsize)

    def test_volume_elsewhere(self):
        name, root = G.new_rootfs()
        os.symlink("/", root + "/up")
        os.symlink("../../../../..", root + "/out")
        inside = "%s/%s/rootfs/" % (guests.SHARE, name)
        for path in ("", "/", "/proc", "/run/kata-containers",
                     guests.SHARE + "x"):
            self.fails("PERMISSION_DENIED", "volume_guest_path", G.call,
                       "GetVolumeStats", volume_guest_path=path)
        for path in (inside + "up", inside + "out/proc",
                     guests.SHARE + "/../../../../proc"):
            with self.assertRaises(guests.RpcError) as caught:
                G.call("GetVolumeStats", volume_guest_path=path)
            self.assertIn("volume_guest_path", caught.exception.message)
        self.fails("NOT_FOUND", "does not exist", G.call, "GetVolumeStats",
                   volume_guest_path=inside + "nothing")

    def test_ephemeral(self):
        agent = G.pb["agent"]
        name = self.start(["sleep", "100"],
                          mounts=[("/mnt", "bind", EPHEMERAL, ["rbind"])])
        write = ["dd", "if=/dev/zero", "of=/mnt/x", "bs=1M", "count=3"]
        self.assertIn("No space left", G.exec(name, write)[2])

        def update(mount_point, *options, driver="ephemeral"):
            G.call("UpdateEphemeralMounts", storages=[agent.Storage(
                driver=driver, mount_point=mount_point, options=options)])
        update(EPHEMERAL, "remount", "size=8m")
        self.assertEqual(G.exec(name, write)[0], 0)
        # Less than it holds: refused, and as before.
        self.fails("INVALID_ARGUMENT", "storages[0]", update, EPHEMERAL,
                   "size=1m")
        self.assertEqual(G.exec(name, ["rm", "-f", "/mnt/x"])[0], 0)
        update(EPHEMERAL, "size=1048576")
        self.fails("INVALID_ARGUMENT", "storages[0].options[1]", update,
                   EPHEMERAL, "size=1m", "mode=777")
        self.fails("NOT_FOUND", "storages[0].mount_point", update, "/run",
                   "size=1m")
        self.fails("INVALID_ARGUMENT", "storages[0].driver", update,
                   guests.SHARE, driver="virtio-fs")

    def test_stale_mounts(self):
        G.call("RemoveStaleVirtiofsShareMounts")
        # What is not stale stays.
        self.assertEqual(G.run(["echo", "x"])[1], "x\n")

    # Each line of mountinfo has it twice, and each space as four bytes: 31 KiB.
    DEEP = "/dev/shm/" + "/".join([" " * 255] * 15)

    def mounts(self, name, count):
        status, out, err = G.exec(name, ["mounts", self.DEEP, str(count)],
                                  caps=["CAP_SYS_ADMIN"])
        self.assertEqual((status, err), (0, ""))
        return int(out)

    def late(self, name):
        self.assertEqual(G.exec(name, ["mount", "-t", "tmpfs", "late", "/mnt"],
                                caps=["CAP_SYS_ADMIN"])[0], 0)

    def test_exec_where_much_is_mounted(self):
        if not shutil.which("cc"):
            self.skipTest("no C compiler")
        root = G.new_rootfs()
        os.link(program("mounts"), os.path.join(root[1], "bin/mounts"))
        name = self.start([], rootfs=root, process=G.process(
            ["sleep", "1000"], caps=["CAP_SYS_ADMIN"]))
        self.assertEqual(G.exec(name, ["mkdir", "-p", self.DEEP])[0], 0)
        self.assertGreater(self.mounts(name, 40), 1 << 20)
        self.late(name)
        self.assertEqual(G.exec(name, ["pwd"], Cwd="/mnt")[1], "/mnt\n")
        self.assertGreater(self.mounts(name, 520), 16 << 20)
        self.late(name)
        begin = time.monotonic()
        self.fails("INTERNAL", "the table of mounts is larger than 16 MiB",
                   G.exec, name, ["pwd"], Cwd="/mnt")
        print("  16 MiB of mountinfo: %.2f s" % (time.monotonic() - begin))
        # where a mount stands that was there before
        self.assertEqual(G.exec(name, ["pwd"])[1], "/\n")
        self.assertEqual(G.exec(name, ["pwd"], Cwd="/dev")[1], "/dev\n")

    def test_refused_with_a_reason(self):
        reasons = {}
        for method in REFUSED:
            with self.assertRaises(guests.RpcError) as caught:
                G.call(method)
            self.assertEqual(guests.CODES[caught.exception.code],
                             "UNIMPLEMENTED")
            reasons[method] = caught.exception.message
        with open(os.path.join(guests.ROOT, "docs/protocol.md")) as text:
            page = text.read()
        for method, reason in reasons.items():
            self.assertTrue(reason.startswith(method + ": "), reason)
            # The page says it in the same words.
            self.assertIn("| %s | %s |" % (method, reason.split(": ", 1)[1]),
                          page)


class Processors(Case):
    def test_online(self):
        other = self.ready(cpus=2, append="maxcpus=1")
        self.assertEqual(other.run(["nproc"])[1], "1\n")
        with self.assertRaises(guests.RpcError) as caught:
            other.call("OnlineCPUMem", nb_cpus=2, cpu_only=True)
        self.assertIn("nb_cpus: only 1 of 2", caught.exception.message)
        self.assertEqual(other.run(["nproc"])[1], "2\n")
        other.call("OnlineCPUMem", wait=True)
