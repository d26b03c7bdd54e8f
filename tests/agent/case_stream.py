# SPDX-License-Identifier: Apache-2.0
"""Output by both of its ways, moved and copied: no byte is lost, doubled or
out of order, whatever the container does to its pipes."""
import collections
import errno
import os
import random
import shutil
import subprocess
import threading
import time

from case import Case, G

CHUNK = 256 << 10  # most that one read gives


def random_file(root, size):
    data = random.Random(size).randbytes(size)
    with open(os.path.join(root, "data"), "wb") as out:
        out.write(data)
    return data


class Reader:
    """Several reads of one stream at a time, of these lengths in turn."""

    def __init__(self, name, method="ReadStdout", lens=(CHUNK,), depth=2):
        self.name, self.method, self.lens = name, method, list(lens)
        self.waiting, self.out = collections.deque(), []
        self.sizes, self.depth, self.asked = [], depth, 0

    def ask(self):
        size = self.lens[self.asked % len(self.lens)]
        self.asked += 1
        self.waiting.append((size, G.begin(self.method, container_id=self.name,
                                           len=size)))

    def take(self):
        """One answer; False at the end."""
        while len(self.waiting) < self.depth:
            self.ask()
        size, call = self.waiting.popleft()
        data = G.end(call).data
        assert len(data) <= size, (len(data), size)
        self.out.append(data)
        self.sizes.append(len(data))
        return bool(data)

    def all(self):
        while self.take():
            pass
        for _, call in self.waiting:
            assert G.end(call).data == b""  # an end stays one
        return b"".join(self.out)


class Output(Case):
    def all_read(self, readers, data):
        """Each of them at once, and to the end."""
        threads = [threading.Thread(target=reader.all) for reader in readers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        for reader in readers:
            self.assertTrue(b"".join(reader.out) == data, reader.method)

    def run_on(self, script, size, **extra):
        """A started container with SIZE random bytes in /data."""
        rootfs = G.new_rootfs()
        data = random_file(rootfs[1], size) if size else b""
        name = self.start(["sh", "-c", script], rootfs=rootfs, **extra)
        return name, data

    def test_exact(self):
        for script in ("cat /data", "dd if=/data bs=1M", "dd if=/data bs=777"):
            name, data = self.run_on(script + " 2>/dev/null", 3 << 20)
            for_all = Reader(name, lens=(CHUNK, 1, 4096, 65537, 3, 10 << 20),
                             depth=3).all()
            self.assertEqual(len(for_all), len(data), script)
            self.assertTrue(for_all == data, script)

    def test_single_bytes(self):
        name, data = self.run_on("dd if=/data bs=1 2>/dev/null", 5000)
        self.assertEqual(Reader(name).all(), data)

    def test_both_streams_at_once(self):
        name, data = self.run_on("cat /data >&2 & cat /data; wait", 4 << 20)
        readers = [Reader(name, "ReadStdout", depth=4),
                   Reader(name, "ReadStderr", depth=4)]
        self.all_read(readers, data)

    def test_port_full(self):
        """The host does not read: frames wait, one of them in its middle."""
        name, data = self.run_on("cat /data >&2 & cat /data; wait", 6 << 20)
        readers = [Reader(name, "ReadStdout", depth=14),
                   Reader(name, "ReadStderr", depth=14)]
        G.client.flows.clear()
        try:
            for reader in readers:
                for _ in range(reader.depth):
                    reader.ask()
            checks = [G.client.start("grpc.Health", "Check", b"")
                      for _ in range(3)]
            time.sleep(2)
        finally:
            G.client.flows.set()
        for check in checks:
            G.client.finish(check, 30)
        self.all_read(readers, data)

    def test_end_with_data_left(self):
        name, data = self.run_on("cat /data", 900 << 10)
        self.assertEqual(G.call("WaitProcess", container_id=name).status, 0)
        self.assertTrue(Reader(name, lens=(100000,)).all() == data)

    def test_survivor_after_the_end(self):
        name, _ = G.create(["sleep", "1000"])
        self.addCleanup(G.call, "RemoveContainer", container_id=name)
        G.call("StartContainer", container_id=name)
        status, out, _ = G.exec(name, ["sh", "-c", "(while :; do echo late; "
                                       "done) & sleep 0.1; exit 4"])
        self.assertEqual(status, 4)
        self.assertRegex(out, r"^(late\n)*(l|la|lat|late)?$")

    def test_taken_back(self):
        """The container reads its own output: what is told is no less than
        the rest, and the agent stays in step."""
        script = "dd if=/dev/zero bs=64k count=128 2>/dev/null & " \
            "for i in 1 2 3 4 5 6; do dd if=/proc/self/fd/1 of=/tmp/$i " \
            "bs=4k count=50 2>/dev/null & done; sleep 3; kill %2 %3 %4 %5 " \
            "%6 %7 2>/dev/null; cat /tmp/? | wc -c >&2; exit 0"
        name, _ = self.run_on(script, 0)
        time.sleep(1)  # so that the agent is not the only one who takes
        out = Reader(name, depth=3).all()
        taken = int(G.read_all(name, stderr=True))
        self.assertEqual(out.strip(b"\0"), b"")
        self.assertGreater(taken, 0)
        self.assertEqual(len(out) + taken, 8 << 20)
        self.assertEqual(G.health("Check").status, 1)

    def start_pages(self, mode, size):
        """Runs pages.c; returns (id, what it writes)."""
        if not shutil.which("cc"):
            self.skipTest("no C compiler")
        path = os.path.join(G.share, "pages")
        if not os.path.exists(path):
            subprocess.run(["cc", "-O2", "-D_GNU_SOURCE", "-Wall", "-Werror",
                            "-static", "-o", path,
                            os.path.join(os.path.dirname(__file__), "pages.c")],
                           check=True)
        rootfs = G.new_rootfs()
        os.link(path, os.path.join(rootfs[1], "bin/pages"))
        if mode == "lost":
            self.small_hole(rootfs[1])
        name = self.start(["pages", mode, str(size)], rootfs=rootfs)
        return name, bytes((7 * i + i // 4096) & 255 for i in range(size))

    def small_hole(self, root):
        """/small/hole: a page that can be read, and has no room on the host."""
        small = os.path.join(root, "small")
        os.mkdir(small)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", small],
                       check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", small], check=True)
        with open(os.path.join(small, "hole"), "wb") as out:
            out.truncate(4096)
        try:
            with open(os.path.join(small, "rest"), "wb", buffering=0) as out:
                while out.write(bytes(4096)):
                    pass
        except OSError as error:
            self.assertEqual(error.errno, errno.ENOSPC)

    def test_other_pages(self):
        for mode, size in (("map", 1 << 20), ("gift", 1 << 20), ("tee", 1 << 20),
                           ("file", 1 << 20), ("packets", 40000),
                           ("bytes", 20000)):
            name, want = self.start_pages(mode, size)
            self.assertTrue(Reader(name, depth=2).all() == want, mode)
            self.assertEqual(G.call("WaitProcess", container_id=name).status, 0)

    def test_empty_buffers(self):
        """What writes that fault leave in a pipe stops nobody's output."""
        for mode, size in (("fault", 40000), ("fault-packets", 5000)):
            name, want = self.start_pages(mode, size)
            self.assertEqual(G.call("WaitProcess", container_id=name).status, 0)
            self.assertTrue(Reader(name).all() == want, mode)
        name, want = self.start_pages("fault", 400000)
        self.assertTrue(Reader(name).all() == want)
        name, data = self.run_on("cat /data", 1 << 20)
        self.assertTrue(Reader(name).all() == data)

    def test_lost_page(self):
        """A page that cannot be read when it has been promised is zeros, with
        the rest of its frame; what comes later is as it was."""
        name, want = self.start_pages("lost", 40000)
        self.assertEqual(G.call("WaitProcess", container_id=name).status, 0)
        out = Reader(name, lens=(3 * 4096,), depth=2).all()
        self.assertEqual(len(out), len(want) + 4096)
        self.assertEqual(out[:4096], want[:4096])
        self.assertEqual(out[4096:3 * 4096], bytes(2 * 4096))
        self.assertEqual(out[3 * 4096:], want[2 * 4096:])
        self.assertIn("zeros", G.console_text())
