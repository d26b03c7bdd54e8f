# SPDX-License-Identifier: Apache-2.0
"""For test_captured.py: sandboxes of an ordinary user and of root, and threads
of their programs that execute the system calls they are told to (captured.c)."""

import ctypes
import errno
import json
import os
import signal
import socket
import struct
import subprocess
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = TOP + "/build"
START_SECONDS = 120
SCRATCH = 64 << 10
AT_FDCWD = -100
X32 = 0x40000000
AUDIT_X86_64 = 0xC000003E
AUDIT_I386 = 0x40000003

# x86_64 (linux/asm/unistd_64.h)
NR = {
    "read": 0, "write": 1, "close": 3, "mremap": 25, "mmap": 9, "mprotect": 10, "munmap": 11, "ioctl": 16, "mlock": 149,
    "shmget": 29, "getpid": 39, "socket": 41, "connect": 42, "sendto": 44, "sendmsg": 46,
    "clone": 56, "fork": 57, "vfork": 58, "execve": 59, "kill": 62, "uname": 63, "fcntl": 72,
    "chdir": 80, "mkdir": 83, "ptrace": 101, "capget": 125, "syslog": 103, "getgroups": 115, "setresuid": 117,
    "personality": 135, "setpriority": 141, "sched_setscheduler": 144, "modify_ldt": 154,
    "pivot_root": 155, "prctl": 157, "adjtimex": 159, "chroot": 161, "settimeofday": 164,
    "mount": 165, "umount2": 166, "swapon": 167, "reboot": 169, "sethostname": 170,
    "setdomainname": 171, "iopl": 172, "ioperm": 173, "init_module": 175, "delete_module": 176,
    "quotactl": 179, "getdents64": 217, "clock_settime": 227, "tgkill": 234,
    "mq_open": 240, "kexec_load": 246, "add_key": 248, "request_key": 249, "keyctl": 250,
    "openat": 257, "mknodat": 259, "unlinkat": 263, "symlinkat": 266, "linkat": 265,
    "unshare": 272, "vmsplice": 278, "perf_event_open": 298, "fanotify_init": 300,
    "prlimit64": 302, "name_to_handle_at": 303, "open_by_handle_at": 304, "clock_adjtime": 305,
    "setns": 308, "process_vm_readv": 310, "process_vm_writev": 311, "finit_module": 313,
    "seccomp": 317, "memfd_create": 319, "kexec_file_load": 320, "bpf": 321, "execveat": 322,
    "userfaultfd": 323, "pidfd_send_signal": 424, "io_uring_setup": 425, "io_uring_enter": 426,
    "io_uring_register": 427, "open_tree": 428, "move_mount": 429, "fsopen": 430,
    "fsmount": 432, "fspick": 433, "pidfd_open": 434, "clone3": 435, "pidfd_getfd": 438,
    "mount_setattr": 442, "rt_sigqueueinfo": 129, "rt_tgsigqueueinfo": 297, "tkill": 200,
    "semget": 64, "msgget": 68, "setxattr": 188,
}


class Killed(Exception):
    """The captured thread is no more: cell() says by what."""

    def __init__(self, text):
        super().__init__(text)
        self.text = text


# --- the filters as the kernel has them ---------------------------------------
def filter_result(code, number, arch, args):
    """What one classic BPF program of seccomp returns for a call."""
    data = struct.pack("<iIQ6Q", number, arch, 0, *[a & (1 << 64) - 1 for a in args])
    acc, at = 0, 0
    while True:
        op, jt, jf, k = struct.unpack_from("<HBBI", code, at * 8)
        at += 1
        if op == 0x20:  # BPF_LD | BPF_W | BPF_ABS
            acc = struct.unpack_from("<I", data, k)[0]
        elif op == 0x54:  # BPF_ALU | BPF_AND | BPF_K
            acc &= k
        elif op == 0x05:  # BPF_JMP | BPF_JA
            at += k
        elif op & 0x07 == 0x05:
            met = {0x10: acc == k, 0x20: acc > k, 0x30: acc >= k, 0x40: bool(acc & k)}[op & 0xF0]
            at += jt if met else jf
        elif op == 0x06:  # BPF_RET | BPF_K
            return k
        else:
            raise ValueError(f"BPF instruction {op:#x}")


def is_kill(result):
    return result & 0xFFFF0000 in (0x80000000, 0)


# --- a captured thread ----------------------------------------------------------
class Captive:
    """A thread of a live program that does what it is told."""

    def __init__(self, *args):
        self.child = subprocess.Popen([BUILD + "/e2e/captured", *map(str, args)],
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.pid, self.tid = (args + (0, 0))[:2]
        self.stand_in = []  # files: see spare()
        if self.line() != "captured":
            raise RuntimeError(f"cannot capture {args}")
        self.filters = []
        self.send("filters")
        while (line := self.line()) != "ok":
            self.filters.append(bytes.fromhex(line.split()[1]))
        self.notes = []
        self.used = 0
        self.scratch = 0
        self.scratch = self.call("mmap", 0, SCRATCH, 3, 0x22, -1, 0)

    def end(self):
        self.child.stdin.close()
        self.child.wait(20)
        self.child.stdout.close()

    def send(self, text):
        self.child.stdin.write(text + "\n")
        self.child.stdin.flush()

    def line(self):
        return self.child.stdout.readline().strip()

    def put(self, data):
        """Address of a copy in the program's memory, until the next call is made."""
        if self.used + len(data) > SCRATCH:
            raise ValueError("scratch")
        addr = self.scratch + self.used
        self.used += len(data) + 15 & ~15
        self.put_at(addr, data)
        return addr

    def put_at(self, addr, data):
        self.send(f"put {addr:#x} {data.hex()}")
        if self.line() != "ok":
            raise RuntimeError("put")

    def get(self, addr, size):
        self.send(f"get {addr:#x} {size}")
        return bytes.fromhex(self.line().split()[1])

    def spare(self, work):
        """From here on what the filters would kill is called by a program of ours
        under these very filters, as the kernel gave them back, and ends that."""
        self.stand_in = []
        for i, code in enumerate(self.filters):
            self.stand_in.append(f"{work}/live-{i}.bpf")
            with open(self.stand_in[-1], "wb") as file:
                file.write(code)

    def raw(self, word, number, args):
        arch = AUDIT_I386 if word == "call32" else AUDIT_X86_64
        if self.stand_in and self.who(number, arch, args):
            other = Captive("--filtered", *self.stand_in)
            try:
                result = other.raw(word, number, args)
            finally:
                other.end()
            raise RuntimeError(f"{word} {number} {args}: {result}: the filters do not kill")
        numbers = " ".join(str(a & (1 << 64) - 1) for a in args)
        self.send(f"{word} {number} {numbers}")
        answer = self.line().split()
        if answer and answer[0] == "=":
            return int(answer[1])
        if answer == ["blocked"]:
            return -errno.EINTR
        if answer == ["none"]:
            return None
        if answer == ["executed"]:
            raise Killed("executed")
        if not answer or answer[0] != "killed":
            raise RuntimeError(f"captured: {answer}")
        if int(answer[1]) != signal.SIGSYS:
            raise Killed(signal.Signals(int(answer[1])).name if int(answer[1]) else "exit")
        raise Killed("SIGSYS" + self.who(number, arch, args))

    def who(self, number, arch, args):
        """Which of the stacked filters kill: 1 is the jail's, 2 the program's own."""
        args = (list(args) + [0] * 6)[:6]
        return "".join("₁₂₃₄"[i] for i, code in enumerate(self.filters)
                       if is_kill(filter_result(code, number, arch, args)))

    def call(self, name, *args):
        """Result as the kernel gives it; bytes and texts go by address."""
        number = NR[name] if isinstance(name, str) else name
        plain = [self.put(a.encode() + b"\0" if isinstance(a, str) else a)
                 if isinstance(a, (str, bytes)) else a for a in args]
        try:
            result = self.raw("call", number, plain)
        finally:
            self.used = 0
        if number in (NR["execve"], NR["execveat"]) and result == 0:
            raise Killed("executed")
        return result

    def note(self, text):
        self.notes.append(text)

    def try_(self, done, name, *args):
        """Makes a call and notes its error, or what it means that it went well."""
        result = self.call(name, *args)
        self.note(word(result, done))
        return result

    def tries(self, done, calls):
        """Several calls, noted as one: the set of what they gave."""
        seen = set()
        for name, *args in calls:
            result = self.call(name, *args)
            seen.add(word(result, done))
            if name == "openat" and result >= 0:
                self.call("close", result)
        self.note("/".join(sorted(seen)))

    def variants(self, *calls):
        """Calls that the filters would kill as well, by evaluation of what the
        kernel gave back: each costs a sandbox otherwise. Notes what they would not."""
        passed = set()
        for name, *args in calls:
            number = NR[name] if isinstance(name, str) else name
            full = (args + [0] * 6)[:6]
            results = [filter_result(code, number, AUDIT_X86_64, full) for code in self.filters]
            if any(is_kill(r) for r in results):
                continue
            refused = [r & 0xFFFF for r in results if r & 0xFFFF0000 == 0x00050000]
            passed.add(f"{name} {errno.errorcode.get(refused[0], '0') if refused else 'passes'}")
        if passed:
            self.note("/".join(sorted(passed)))

    def cell(self):
        return ", ".join(self.notes)


def word(result, done):
    return done if result >= 0 else errno.errorcode.get(-result, str(result))


# --- sandboxes ----------------------------------------------------------------
def bash(script):
    subprocess.run(["bash", "-c", f". {TOP}/tests/users.bash; {script}"], check=True)


class Place:
    """Where one mode's sandboxes live. tree: the build's programs."""

    def __init__(self, mode, work, tree, user):
        self.mode = mode
        self.root = mode.endswith("root")
        self.user = "root" if self.root else user
        self.kata = tree + "/bin/kata-runtime"
        self.work = f"{work}/{mode}"
        self.state = self.work + "/run/kata"
        self.serial = 0
        for name in ("", "/run", "/run/kata", "/rootfs", "/home"):
            os.mkdir(self.work + name)
        subprocess.run(["tar", "-xf", work + "/image.tar", "-C", self.work + "/rootfs"], check=True)
        subprocess.run(["chown", "-R", self.user + ":", self.work], check=True)
        os.chmod(self.work + "/run", 0o700)
        os.chmod(self.state, 0o700)

    def command(self, *args, env=()):
        words = ["env", "-i", "HOME=" + self.work + "/home", "PATH=" + os.environ["PATH"],
                 f"XDG_RUNTIME_DIR={self.work}/run", *env]
        if not self.root:
            words = ["runuser", "-u", self.user, "--"] + words
        options = ["--root", self.state] if self.root else []
        return words + [self.kata, *options, *args]

    def verb(self, *args, env=()):
        with open(self.work + "/out", "wb") as out:
            status = subprocess.run(self.command(*args, env=env), stdin=subprocess.DEVNULL,
                                    stdout=out, stderr=out, timeout=START_SECONDS,
                                    check=False).returncode
        with open(self.work + "/out", encoding="utf-8", errors="replace") as file:
            return status, file.read()

    def bundle(self, name):
        where = f"{self.work}/{name}"
        with open(TOP + "/tests/e2e/config.json", encoding="utf-8") as file:
            config = json.load(file)
        config["process"]["args"] = ["/bin/sleep", "100000"]
        config["root"]["path"] = self.work + "/rootfs"
        if self.root:
            config["linux"]["namespaces"] = [n for n in config["linux"]["namespaces"]
                                             if n["type"] != "user"]
            for key in ("uidMappings", "gidMappings"):
                config["linux"].pop(key, None)
            config["linux"]["cgroupsPath"] = f"/kata-captured-{os.getpid()}/{self.mode}-{name}"
            config["linux"].setdefault("resources", {})["memory"] = {"limit": 64 << 20}
        os.makedirs(where, exist_ok=True)
        with open(where + "/config.json", "w", encoding="utf-8") as file:
            json.dump(config, file)
        os.chmod(where, 0o755)
        return where

    def start(self, env=()):
        self.serial += 1
        return Sandbox(self, f"c{self.serial}", env)

    def end(self):
        for here, dirs, _ in os.walk("/sys/fs/cgroup"):
            if f"kata-captured-{os.getpid()}" in dirs:
                top = f"{here}/kata-captured-{os.getpid()}"
                for sub, _, _ in list(os.walk(top, topdown=False)):
                    os.rmdir(sub)


class Sandbox:
    def __init__(self, place, name, env):
        self.place = place
        self.name = name
        for _ in range(3):  # two state roots may give one id out at once, and see it
            status, text = place.verb("run", "--detach", "--bundle", place.bundle(name), name,
                                      env=env)
            if status == 0 or "try again" not in text:
                break
        if status != 0:
            raise RuntimeError(f"start: {text}")
        state = json.loads(subprocess.run(place.command("state", name), check=True,
                                          capture_output=True, text=True).stdout)
        self.vmm = state["kata"]["vmmPid"]
        self.fs = state["kata"]["fileServerPid"]
        self.proxy = state["kata"]["proxyPid"]
        self.shim = state["pid"]
        self.spent = False
        self.kept = None

    def pid(self, program):
        return self.vmm if program == "vmm" else self.fs

    def lives(self, program):
        try:
            with open(f"/proc/{self.pid(program)}/stat", encoding="ascii") as file:
                return file.read().rsplit(")", 1)[1].split()[0] not in "ZX"
        except OSError:
            return False

    def proxy_lives(self):
        return os.path.isdir(f"/proc/{self.proxy}/fd") and bool(os.listdir(f"/proc/{self.proxy}/fd"))

    def thread(self, program, which):
        """main; first: the one that virtiofsd's libraries start before it
        confines itself; worker: a queue's."""
        pid = self.pid(program)
        tids = sorted(map(int, os.listdir(f"/proc/{pid}/task")))
        if program == "vmm" or which == "main":
            return pid
        own = {tid: int(status(pid, tid)["Seccomp_filters"]) for tid in tids if tid != pid}
        for tid, filters in own.items():
            if (filters < int(status(pid, pid)["Seccomp_filters"])) == (which == "first"):
                return tid
        raise RuntimeError(f"no thread {which} in {own}")

    def capture(self, program, which="main"):
        return Captive(self.pid(program), self.thread(program, which))

    def keep(self, program, which):
        """The captive of before: to capture takes seconds where the CPU is emulated."""
        if not self.kept:
            self.kept = self.capture(program, which)
        self.kept.notes = []
        return self.kept

    def let_go(self):
        if self.kept:
            self.kept.end()
            self.kept = None

    def end(self):
        self.let_go()
        for pid in (self.proxy, ):
            try:
                os.kill(pid, signal.SIGCONT)
            except ProcessLookupError:
                pass
        code, text = self.place.verb("delete", "--force", self.name)
        if code != 0:
            raise RuntimeError(f"delete: {text}")


def status(pid, tid):
    with open(f"/proc/{pid}/task/{tid}/status", encoding="utf-8") as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


# --- what of the host is in reach, were it not for the jail ------------------------
class Host:
    """Things that an action goes for. One per mode."""

    def __init__(self, place):
        self.place = place
        self.home = place.work + "/home"
        self.other = place.start()
        prefix = [] if place.root else ["runuser", "-u", place.user, "--"]
        self.sleeper = subprocess.Popen(prefix + ["sh", "-c", "echo $$; exec sleep 100000"],
                                        stdout=subprocess.PIPE, text=True)
        self.sleeper_pid = int(self.sleeper.stdout.readline())
        self.abstract = f"\0kata-captured-{place.mode}-{os.getpid()}"
        self.datagram = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.datagram.bind(self.abstract)
        self.stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.stream.bind(self.abstract + "-stream")
        self.stream.listen(5)
        self.tcp = socket.socket()
        self.tcp.bind(("127.0.0.1", 0))
        self.tcp.listen(5)
        self.port = self.tcp.getsockname()[1]
        libc = ctypes.CDLL(None, use_errno=True)
        self.shm_key = 0x6B617461 + os.getpid()
        self.shm = libc.shmget(self.shm_key, 4096, 0o1666)
        self.libc = libc

    def socket_path(self):
        return f"{self.place.state}/{self.other.name}/agent.sock"

    def end(self):
        self.libc.shmctl(self.shm, 0, None)
        for sock in (self.datagram, self.stream, self.tcp):
            sock.close()
        try:
            os.kill(self.sleeper_pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.sleeper.wait()
        self.sleeper.stdout.close()
        self.other.end()


def wait_until(seconds, condition):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True
