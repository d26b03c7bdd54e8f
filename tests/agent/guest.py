# SPDX-License-Identifier: Apache-2.0
"""A guest with kata-agent as its init, driven by an encoder that is not ours.

Boots QEMU (microvm, TCG) with the built kernel and agent and a share with a
busybox rootfs, and speaks ttrpc over the port with Google's protobuf, from
the .proto files in lib/proto. No proxy, no shim, no jail: only the agent is
under test. Needs python3-protobuf, protoc, busybox (static), QEMU and its
virtiofsd.
"""
import gzip
import importlib
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, os.environ.get("B", "build"))
SHARE = "/run/kata-containers/shared/containers"
CODES = {3: "INVALID_ARGUMENT", 5: "NOT_FOUND", 6: "ALREADY_EXISTS",
         7: "PERMISSION_DENIED", 9: "FAILED_PRECONDITION",
         12: "UNIMPLEMENTED", 13: "INTERNAL", 14: "UNAVAILABLE"}


def load_protocol(work):
    """Compiles lib/proto; returns the modules agent, oci, types, health."""
    out = os.path.join(work, "pb")
    os.makedirs(out)
    source = os.path.join(ROOT, "lib/proto")
    subprocess.run(["protoc", "-I" + source, "--python_out=" + out]
                   + [os.path.join(source, n + ".proto")
                      for n in ("types", "oci", "health", "agent")], check=True)
    sys.path.insert(0, out)
    return {n: importlib.import_module(n + "_pb2")
            for n in ("agent", "oci", "types", "health")}


class RpcError(Exception):
    def __init__(self, code, message):
        super().__init__("%s: %s" % (CODES.get(code, code), message))
        self.code, self.message = code, message


# --- ttrpc ------------------------------------------------------------------

def varint(value):
    out = b""
    value &= (1 << 64) - 1
    while value >= 0x80:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def blob(number, data):
    return varint(number << 3 | 2) + varint(len(data)) + data


def fields(data):
    """(number, value) of a message, one level deep."""
    at = 0

    def number():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                return value

    while at < len(data):
        key = number()
        if key & 7 == 0:
            yield key >> 3, number()
        elif key & 7 == 2:
            size = number()
            yield key >> 3, data[at:at + size]
            at += size
        else:
            raise ValueError("wire type %d" % (key & 7))


class Client:
    """Any number of calls at once over one stream socket."""

    def __init__(self, sock):
        self.sock, self.next, self.waiting = sock, 1, {}
        self.lock, self.dead = threading.Lock(), None
        self.flows = threading.Event()  # cleared: nothing is read
        self.flows.set()
        threading.Thread(target=self._read, daemon=True).start()

    def _take(self, size):
        data = bytearray()
        while len(data) < size:
            self.flows.wait()
            part = self.sock.recv(size - len(data))
            if not part:
                raise EOFError("the guest closed the channel")
            data += part
        return bytes(data)

    def _read(self):
        try:
            while True:
                size, stream, kind, _ = struct.unpack(">IIBB", self._take(10))
                payload = self._take(size)
                assert kind == 2, kind
                call = self.waiting.pop(stream)
                call["payload"] = payload
                call["done"].set()
        except (EOFError, OSError, AssertionError, KeyError) as error:
            self.dead = error
            for call in list(self.waiting.values()):
                call["done"].set()

    def send_raw(self, data):
        with self.lock:
            self.sock.sendall(data)

    def start(self, service, method, request):
        payload = (blob(1, service.encode()) + blob(2, method.encode())
                   + blob(3, request))
        call = {"done": threading.Event(), "payload": None}
        with self.lock:
            stream, self.next = self.next, self.next + 2
            self.waiting[stream] = call
            self.sock.sendall(struct.pack(">IIBB", len(payload), stream, 1, 0)
                              + payload)
        return call

    def finish(self, call, timeout):
        if not call["done"].wait(timeout):
            raise TimeoutError("no answer")
        if call["payload"] is None:
            raise self.dead
        code, message, body = 0, "", b""
        for number, value in fields(call["payload"]):
            if number == 1:
                for inner, what in fields(value):
                    if inner == 1:
                        code = what
                    elif inner == 2:
                        message = what.decode()
            elif number == 2:
                body = value
        if code:
            raise RpcError(code, message)
        return body


# --- the machine --------------------------------------------------------------

def cpio_entry(name, mode, data=b""):
    name = name.encode() + b"\0"
    head = b"070701" + b"".join(b"%08x" % v for v in (
        cpio_entry.ino, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name), 0))
    cpio_entry.ino += 1
    out = head + name
    out += b"\0" * (-len(out) % 4)
    return out + data + b"\0" * (-len(data) % 4)


cpio_entry.ino = 1


def tsc_khz():
    """Cycles a millisecond, as the runtime gives it to the guest's kernel."""
    with open("/proc/cpuinfo") as text:
        for line in text:
            if line.startswith("cpu MHz"):
                return int(float(line.split(":")[1]) * 1000)
    return 2000000


class Guest:
    def __init__(self, cpus=1, append=""):
        self.cpus, self.append = cpus, append
        self.work = tempfile.mkdtemp(prefix="agent-test-")
        self.pb = load_protocol(self.work)
        self.share = os.path.join(self.work, "share")
        os.makedirs(self.share)
        self.processes, self.count = [], 0
        self._boot()

    def _initrd(self):
        with open(os.path.join(BUILD, "libexec/kata/kata-agent"), "rb") as text:
            agent = text.read()
        path = os.path.join(self.work, "initrd")
        with open(path, "wb") as out:
            out.write(gzip.compress(cpio_entry("init", 0o100755, agent)
                                    + cpio_entry("TRAILER!!!", 0), 1))
        return path

    def _boot(self):
        fs_sock = os.path.join(self.work, "fs.sock")
        os.makedirs("/var/run/virtiofsd", exist_ok=True)
        virtiofsd = subprocess.Popen(
            ["/usr/lib/qemu/virtiofsd", "--socket-path=" + fs_sock, "-o",
             "source=" + self.share, "-o", "sandbox=chroot,announce_submounts",
             "-f"], stderr=subprocess.DEVNULL)
        self.processes.append(virtiofsd)
        while not os.path.exists(fs_sock):
            time.sleep(0.01)
        host, guest = socket.socketpair()
        self.console = os.path.join(self.work, "console")
        khz = tsc_khz()
        args = [
            "qemu-system-x86_64", "-nodefaults", "-no-user-config",
            "-nographic", "-no-reboot", "-accel", "tcg,thread=multi",
            "-cpu", "max,-vmx,-svm,-erms,-fsrm", "-m", "256M",
            "-smp", str(self.cpus), "-M",
            "microvm,memory-backend=mem,isa-serial=off,auto-kernel-cmdline=on",
            "-object", "memory-backend-memfd,id=mem,size=256M,share=on",
            "-global", "virtio-mmio.force-legacy=false",
            "-kernel", os.path.join(BUILD, "share/kata/vmlinux"),
            "-initrd", self._initrd(), "-append",
            "console=hvc0 quiet panic=-1 reboot=t tsc_early_khz=%d "
            "no_timer_check lpj=%d agent.log=debug %s"
            % (khz, khz * 4, self.append),
            "-device", "virtio-serial-device,max_ports=3",
            "-chardev", "file,id=con,path=" + self.console,
            "-device", "virtconsole,chardev=con,nr=0",
            "-chardev", "socket,id=agent,fd=%d,server=off" % guest.fileno(),
            "-device", "virtserialport,chardev=agent,name=agent.channel.0,nr=1",
            "-chardev", "socket,id=fs,path=" + fs_sock,
            "-device", "vhost-user-fs-device,chardev=fs,tag=kataShared",
            "-netdev", "hubport,id=net,hubid=0",
            "-device", "virtio-net-device,netdev=net,mac=02:00:00:00:00:01",
            "-object", "rng-builtin,id=rng",
            "-device", "virtio-rng-device,rng=rng"]
        if os.environ.get("SHOW_COMMAND"):
            print(" ".join(args))
        self.started = time.time()
        self.qemu = subprocess.Popen(args, pass_fds=[guest.fileno()],
                                     stdin=subprocess.DEVNULL)
        self.processes.append(self.qemu)
        guest.close()
        self.client = Client(host)

    def close(self):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()
        shutil.rmtree(self.work)

    def console_text(self):
        with open(self.console, errors="replace") as text:
            return text.read()

    # --- calls --------------------------------------------------------------

    def begin(self, method, **values):
        """Starts a call of the agent service; finish it with end()."""
        service = self.pb["agent"].DESCRIPTOR.services_by_name["AgentService"]
        entry = service.methods_by_name[method]
        request = getattr(self.pb["agent"], entry.input_type.name)(**values)
        answer = getattr(self.pb[entry.output_type.file.name.split(".")[0]],
                         entry.output_type.name)()
        return answer, self.client.start("grpc.AgentService", method,
                                         request.SerializeToString())

    def end(self, pending, timeout=30):
        answer, call = pending
        answer.ParseFromString(self.client.finish(call, timeout))
        return answer

    def call(self, method, timeout=30, **values):
        return self.end(self.begin(method, **values), timeout)

    def health(self, method, timeout=30):
        health = self.pb["health"]
        call = self.client.start("grpc.Health", method,
                                 health.CheckRequest().SerializeToString())
        answer = (health.HealthCheckResponse() if method == "Check"
                  else health.VersionCheckResponse())
        answer.ParseFromString(self.client.finish(call, timeout))
        return answer

    # --- containers -----------------------------------------------------------

    def new_rootfs(self):
        """A busybox root below the share; returns (id, host path)."""
        self.count += 1
        name = "c%d" % self.count
        root = os.path.join(self.share, name, "rootfs")
        for part in ("bin", "etc", "proc", "sys", "dev", "tmp", "root", "home",
                     "mnt", "var"):
            os.makedirs(os.path.join(root, part))
        os.chmod(os.path.join(root, "tmp"), 0o1777)
        busybox = os.path.join(self.share, "busybox")
        if not os.path.exists(busybox):
            shutil.copy("/bin/busybox", busybox)
        os.link(busybox, os.path.join(root, "bin/busybox"))
        for applet in ("sh cat echo id sleep true false ls stat env pwd tty "
                       "stty kill mount umount readlink ps head tail wc dd "
                       "hostname grep md5sum sync touch chmod ip test mknod "
                       "mkdir chroot yes seq dmesg nproc date rm").split():
            os.symlink("busybox", os.path.join(root, "bin", applet))
        with open(os.path.join(root, "etc/passwd"), "w") as out:
            out.write("root:x:0:0:root:/root:/bin/sh\n"
                      "user:x:1000:1000::/home/user:/bin/sh\n")
        return name, root

    def process(self, args, **extra):
        oci = self.pb["oci"]
        caps = extra.pop("caps", ["CAP_CHOWN", "CAP_KILL", "CAP_SETUID",
                                  "CAP_SETGID", "CAP_NET_BIND_SERVICE"])
        sets = oci.LinuxCapabilities(Bounding=caps, Effective=caps,
                                     Permitted=caps)
        values = dict(Args=args, Cwd="/", Capabilities=sets,
                      Env=["PATH=/bin:/usr/bin", "TERM=xterm"],
                      NoNewPrivileges=True)
        values.update(extra)
        return oci.Process(**values)

    def spec(self, name, args, mounts=(), linux=None, process=None,
             readonly=False, hostname="box", **extra):
        oci = self.pb["oci"]
        linux = dict(linux or {})
        linux.setdefault("Namespaces", [oci.LinuxNamespace(Type=t) for t in
                                        ("pid", "network", "ipc", "uts",
                                         "mount", "cgroup")])
        linux.setdefault("MaskedPaths", ["/proc/acpi", "/proc/kcore",
                                         "/proc/keys", "/proc/timer_list",
                                         "/sys/firmware"])
        linux.setdefault("ReadonlyPaths", ["/proc/bus", "/proc/fs",
                                           "/proc/irq", "/proc/sys"])
        base = [
            ("/proc", "proc", "proc", ["nosuid", "noexec", "nodev"]),
            ("/dev", "tmpfs", "tmpfs", ["nosuid", "strictatime", "mode=755",
                                        "size=65536k"]),
            ("/dev/pts", "devpts", "devpts",
             ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620",
              "gid=5"]),
            ("/dev/shm", "tmpfs", "shm", ["nosuid", "noexec", "nodev",
                                          "mode=1777", "size=1024k"]),
            ("/dev/mqueue", "mqueue", "mqueue", ["nosuid", "noexec", "nodev"]),
            ("/sys", "sysfs", "sysfs", ["nosuid", "noexec", "nodev", "ro"]),
            ("/sys/fs/cgroup", "cgroup", "cgroup",
             ["rprivate", "nosuid", "noexec", "nodev", "relatime", "ro"]),
        ]
        return oci.Spec(
            Version="1.0.2", Hostname=hostname,
            Root=oci.Root(Path="%s/%s/rootfs" % (SHARE, name),
                          Readonly=readonly),
            Process=process or self.process(args),
            Mounts=[oci.Mount(destination=d, type=t, source=s, options=o)
                    for d, t, s, o in base + list(mounts)],
            Linux_=oci.Linux(**linux), **extra)

    def create(self, args, **extra):
        """CreateContainer; returns (id, read-back)."""
        name, _ = extra.pop("rootfs", None) or self.new_rootfs()
        answer = self.call("CreateContainer", container_id=name, exec_id=name,
                           OCI=self.spec(name, args, **extra))
        return name, answer.read_back

    def read_all(self, name, exec_id="", stderr=False):
        data = []
        while True:
            part = self.call("ReadStderr" if stderr else "ReadStdout",
                             container_id=name, exec_id=exec_id, len=65536).data
            if not part:
                return b"".join(data)
            data.append(part)

    def run(self, args, stdin=None, **extra):
        """create, start, feed, drain, wait, remove: (status, out, err)."""
        name, _ = self.create(args, **extra)
        self.call("StartContainer", container_id=name)
        return self.collect(name, "", stdin, remove=True)

    def exec(self, name, args, stdin=None, **extra):
        self.count += 1
        exec_id = "x%d" % self.count
        self.call("ExecProcess", container_id=name, exec_id=exec_id,
                  process=self.process(args, **extra))
        return self.collect(name, exec_id, stdin)

    def collect(self, name, exec_id, stdin=None, remove=False, terminal=False):
        wait = self.begin("WaitProcess", container_id=name, exec_id=exec_id)
        if stdin:
            self.call("WriteStdin", container_id=name, exec_id=exec_id,
                      data=stdin)
        self.call("CloseStdin", container_id=name, exec_id=exec_id)
        out = self.read_all(name, exec_id)
        err = b"" if terminal else self.read_all(name, exec_id, stderr=True)
        status = self.end(wait).status
        if remove:
            self.call("RemoveContainer", container_id=name)
        return status, out.decode(errors="replace"), err.decode(errors="replace")
