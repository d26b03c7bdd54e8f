# SPDX-License-Identifier: Apache-2.0
"""What all cases share: one guest, booted when the first of them needs it."""
import unittest

import guest as guests

EPHEMERAL = "/run/kata-containers/sandbox/memory"


class Shared:
    """Stands for the guest; boots it at the first use."""
    guest = None

    def __getattr__(self, name):
        if Shared.guest is None:
            Shared.guest = boot(memory=["size=1m"], hostname="sandbox")
        return getattr(Shared.guest, name)


def boot(memory=None, hostname="", **guest_arguments):
    """A guest with a sandbox; memory: the options of an ephemeral storage."""
    guest = guests.Guest(**guest_arguments)
    try:
        new = guest.pb["agent"].Storage
        storages = [new(driver="virtio-fs", source="kataShared",
                        fstype="virtiofs", mount_point=guests.SHARE)]
        if memory:
            storages.append(new(driver="ephemeral", fstype="tmpfs",
                                mount_point=EPHEMERAL, options=memory))
        guest.health("Check", 60)
        guest.call("CreateSandbox", hostname=hostname, sandbox_id="s1",
                   storages=storages)
    except BaseException:
        guest.close()
        raise
    return guest


def end():
    """The sandbox ends in order, and the agent still answers afterwards."""
    if Shared.guest is None:
        return
    try:
        Shared.guest.call("DestroySandbox", 60)
        answer = Shared.guest.health("Check")
        assert answer.status == 1
    finally:
        Shared.guest.close()


G = Shared()


class Case(unittest.TestCase):
    def fails(self, code, text, function, *args, **values):
        with self.assertRaises(guests.RpcError) as caught:
            function(*args, **values)
        self.assertIn(text, caught.exception.message)
        self.assertEqual(guests.CODES[caught.exception.code], code)

    def ready(self, **guest_arguments):
        """A guest of its own, with a sandbox; goes with the test."""
        other = boot(**guest_arguments)
        self.addCleanup(other.close)
        return other

    def shell(self, script, **extra):
        status, out, err = G.run(["sh", "-c", script], **extra)
        self.assertEqual((status, err), (0, ""))
        return out

    def start(self, args, **extra):
        """A running container that goes with the test."""
        name, _ = G.create(args, **extra)
        self.addCleanup(G.call, "RemoveContainer", container_id=name)
        G.call("StartContainer", container_id=name)
        return name
