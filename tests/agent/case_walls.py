# SPDX-License-Identifier: Apache-2.0
"""What stands between a container that has every capability and the agent."""
import errno

from case import G
from case_seccomp import ALL_CAPS, Calls

# A privileged container, as engines ask for one.
EVERYTHING = {"caps": ALL_CAPS, "NoNewPrivileges": False}


class Walls(Calls):
    def sh(self, script, linux=None, **extra):
        values = dict(EVERYTHING, **extra)
        status, out, err = G.run([], linux=linux, process=G.process(
            ["sh", "-c", script], **values))
        return status, out, err

    def text(self, script, **extra):
        status, out, err = self.sh(script, **extra)
        self.assertEqual((status, err), (0, ""))
        return out.strip()

    def test_no_nested_virtualization(self):
        self.assertEqual(self.text("grep -Ecw 'vmx|svm' /proc/cpuinfo; true"),
                         "0")

    def test_devices(self):
        """A node can be made, and not opened: the agent's port, memory, log."""
        major = int(self.text("grep virtio-portsdev /proc/devices").split()[0])
        for number in ("%d 1" % major, "%d 0" % major, "1 1", "1 4", "1 11",
                       "10 235", "229 0", "4 0"):
            out = self.sh("mknod /tmp/n c %s && cat /tmp/n" % number)
            self.assertNotEqual(out[0], 0, number)
            self.assertIn("Operation not permitted", out[2], number)
        out = self.sh("mknod /tmp/n b 254 0 && cat /tmp/n")
        self.assertIn("Operation not permitted", out[2])
        # what everybody has
        self.assertEqual(self.text(
            "mknod /tmp/z c 1 5 && dd if=/tmp/z bs=7 count=1 2>/dev/null "
            "| wc -c"), "7")

    def test_devices_of_a_privileged_container(self):
        """Every device is allowed: the agent's port is still the agent's."""
        oci = G.pb["oci"]
        major = int(self.text("grep virtio-portsdev /proc/devices").split()[0])
        allow = oci.LinuxResources(Devices=[oci.LinuxDeviceCgroup(
            Allow=True, Access="rwm", Major=-1, Minor=-1)])
        out = self.sh("mknod /tmp/n c %d 1 && echo made; cat /tmp/n" % major,
                      linux={"Resources": allow})
        self.assertEqual(out[1], "made\n")
        self.assertRegex(out[2], "busy|No such device")

    def test_pids(self):
        """More processes than the limit: the next fork fails, others live."""
        oci = G.pb["oci"]
        limit = oci.LinuxResources(Pids=oci.LinuxPids(Limit=12))
        status, out, err = self.sh(
            "n=0; while [ $n -lt 40 ]; do sleep 20 & n=$((n+1)); done; echo all",
            linux={"Resources": limit})
        self.assertNotIn("all", out)
        self.assertIn("can't fork", err)
        self.assertEqual(self.text("echo fine"), "fine")

    def test_the_agent_is_not_there(self):
        """No number of its, in a proc of the container's or a new one."""
        script = ("mount -t proc proc /mnt && cd /mnt && "
                  "for p in [0-9]*; do cat $p/cmdline; echo; done")
        self.assertNotIn("init", self.text(script).split("\n")[0].split("\0"))
        self.assertEqual(
            self.text("cat /proc/1/cmdline; true").split("\0")[0], "sh")
        self.assertEqual(self.text("ls -d /proc/[0-9]* | wc -l; true"), "3")

    def test_the_agents_cgroup_is_not_there(self):
        """A cgroup2 of its own has its own group for the root."""
        seen = self.text("mount -t cgroup2 c /mnt && ls -d /mnt/*/ 2>/dev/null;"
                         " cat /proc/self/cgroup")
        self.assertEqual(seen, "0::/")
        status, _, err = self.sh("mount -t cgroup2 c /mnt && "
                                 "echo max >/mnt/memory.max")
        self.assertNotEqual((status, err), (0, ""))

    def test_its_device_filter_is_not_to_be_had(self):
        """By number it is refused, whoever asks, whatever the devices."""
        calls = ["321:%d:0:0" % c for c in (13, 14, 19, 30)]
        for linux in ({}, self.rules(("", True))):
            self.assertEqual(self.results(*calls, linux=linux, **EVERYTHING),
                             [errno.EPERM] * 4)

    @staticmethod
    def rules(*rules):
        """Pairs of "TYPE ACCESS" and whether it is allowed, in order."""
        oci = G.pb["oci"]
        return {"Resources": oci.LinuxResources(Devices=[
            oci.LinuxDeviceCgroup(
                Allow=allow, Type=(what.split() or [""])[0],
                Access="".join(what.split()[1:]), Major=-1, Minor=-1)
            for what, allow in rules])}

    def overrule(self, linux, shell=False):
        """A later device program that says yes: what came of each step."""
        script = "mount -t cgroup2 c /mnt && devices /mnt /tmp/mem"
        rootfs = self.rootfs()
        if shell:
            name = self.start(["sleep", "1000"], rootfs=rootfs, linux=linux,
                              process=G.process(["sleep", "1000"],
                                                **EVERYTHING))
            status, out, err = G.exec(name, ["sh", "-c", script],
                                      **EVERYTHING)
        else:
            status, out, err = G.run([], rootfs=rootfs, linux=linux,
                                     process=G.process(["sh", "-c", script],
                                                       **EVERYTHING))
        self.assertEqual((status, err), (0, ""))
        return dict(line.split("=") for line in out.split())

    def test_its_device_filter_is_not_overruled(self):
        """The last program's word counts, so it has none at all."""
        no = str(errno.EPERM)
        refused = {"before": no, "load": no, "after": no}
        for linux in ({}, self.rules(("", True), ("c rw", False)),
                      self.profile()):
            self.assertEqual(self.overrule(linux), refused)
        self.assertEqual(self.overrule({}, shell=True), refused)
        # nearly everything is not everything
        for linux in (self.rules(("a rw", True)), self.rules(("c", True))):
            self.assertEqual(self.overrule(linux)["load"], no)

    def test_programs_where_every_device_is_allowed(self):
        """The same program comes through where there is nothing to gain."""
        for linux in (self.rules(("", True)),
                      self.rules(("", False), ("a rwm", True),
                                 ("c rw", True))):
            got = self.overrule(linux)
            self.assertEqual((got["load"], got["attach"]), ("0", "0"))
            self.assertNotIn(str(errno.EPERM), got.values())

    def test_reported(self):
        """The agent about itself: lib/readback-kinds.h."""
        name, back = G.create(["true"])
        about = {i.index: i for i in back.items if i.kind == 11}
        self.assertEqual(list(about[0].value), [0])
        self.assertEqual(list(about[1].value), [15])
        self.assertEqual(about[2].text, "/agent")
        self.assertEqual((back.cgroup, back.cwd), ("/kata/" + name, "/"))
        G.call("RemoveContainer", container_id=name)

    def test_init_in_a_user_namespace_of_its_own(self):
        """An exec goes where the container is, and not deeper."""
        name = self.start([], process=G.process(
            ["busybox", "unshare", "-r", "sleep", "1000"], **EVERYTHING))
        for i in range(50):
            answer = G.call("ExecProcess", container_id=name,
                            exec_id="u%d" % i, process=G.process(["true"]))
            G.collect(name, "u%d" % i)
            if answer.read_back.shared_namespaces != 0x7F:
                break
        self.assertEqual((answer.read_back.shared_namespaces,
                          answer.read_back.namespaces), (0x7E, 0x76))
