# SPDX-License-Identifier: Apache-2.0
"""What a captured QEMU or file server tries: one function an action, which
makes the calls in a captive (captured_harness.py) and notes what came of each.
An action ends early when a call kills. The first twenty are those that issue
and design demand; the others are what else such a process would think of."""

import os
import stat
import struct
import time

from captured_harness import AT_FDCWD, Killed, NR, X32, filter_result, is_kill, status, word, AUDIT_X86_64

O_DIRECTORY, O_WRONLY, O_CREAT, O_EXCL, O_RDWR = 0o200000, 1, 0o100, 0o200, 2
PROT_RWX, PROT_RX = 7, 5
SIGURG = 23  # ignored by who does not handle it
FILES_MAX = 2000
ACTIONS = {}  # name -> Action


class Action:
    def __init__(self, run, text, why, live_proxy, spends):
        self.run, self.text, self.why = run, text, why
        self.live_proxy = live_proxy  # the proxy must not be stopped meanwhile
        self.spends = spends  # whatever comes of it, the sandbox is not used again


def action(text, why, live_proxy=False, spends=False):
    def add(run):
        ACTIONS[run.__name__.replace("_", "-")] = Action(run, text, why, live_proxy, spends)
        return run
    return add


class Target:
    """The captive and where it is: program, sandbox, and what it holds."""

    def __init__(self, captive, program, which, sandbox):
        self.c, self.program, self.which, self.sandbox = captive, program, which, sandbox
        self.is_fs = program == "fs"
        self.fds = {}
        for name in os.listdir(f"/proc/{captive.pid}/fd"):
            try:
                self.fds[int(name)] = os.readlink(f"/proc/{captive.pid}/fd/{name}")
            except OSError:
                pass

    def directories(self):
        """Descriptors that lead somewhere, O_PATH ones too."""
        return [fd for fd in sorted(self.fds) if self.is_directory(fd)]

    def is_directory(self, fd):
        try:
            return stat.S_ISDIR(os.stat(f"/proc/{self.c.pid}/fd/{fd}").st_mode)
        except OSError:
            return False

    def sockets(self):
        return [fd for fd, name in sorted(self.fds.items()) if name.startswith("socket:")]

    def proc(self):
        """virtiofsd keeps /proc/self/fd open: the way to its jail's proc."""
        return [fd for fd, name in self.fds.items() if name == "/proc/1/fd"]

    def share(self):
        """Its share as this thread sees it: the main thread is below it."""
        prefix = "/share" if self.which == "first" else ""
        return f"{prefix}/{self.sandbox.name}/rootfs"

    def ways(self, path):
        """(directory descriptor, name) by which a path of the host might be met."""
        up = "../" * 12 + path[1:]
        yield AT_FDCWD, path
        yield AT_FDCWD, up
        for fd in self.directories()[:12]:
            yield fd, up
            yield fd, path[1:]
        for fd in self.proc():
            for name in ("root", "cwd", "task/1/root"):
                yield fd, f"../{name}{path}"
                yield fd, f"../{name}/{up}"
            yield fd, f"../../1/root{path}"
            yield fd, f"../../{self.c.pid}/root{path}"
            yield fd, f"../../../../../..{path}"

    def opens(self, path, flags=0):
        return [("openat", fd, name, flags) for fd, name in self.ways(path)]

    def linked(self, path):
        """Symlinks in its share: where the guest, too, could put them."""
        if not self.is_fs:
            return []
        names = []
        for i, target in enumerate((path, "../" * 12 + path[1:], "/proc/1/root" + path)):
            name = f"{self.share()}/captured-link-{i}"
            if self.c.call("symlinkat", target, AT_FDCWD, name) < 0:
                raise RuntimeError("symlinkat in its own share")
            names.append(name)
        return names

    def unlink(self, names):
        for name in names:
            self.c.call("unlinkat", AT_FDCWD, name, 0)


def reach(t, path, flags, done):
    """Opens a path of the host in every way there is; notes the errors."""
    links = t.linked(path)
    t.c.tries(done, t.opens(path, flags) + [("openat", AT_FDCWD, n, flags) for n in links])
    t.unlink(links)


# --- the twenty --------------------------------------------------------------
@action("read /etc/shadow", "its root has no such file; for the file server also through `..` "
        "from every directory it holds, through its jail's proc, and through symlinks in its share")
def read_shadow(t, host):
    del host
    reach(t, "/etc/shadow", 0, "opened")


@action("list the user's home", "its root has no such directory")
def list_home(t, host):
    reach(t, host.home, O_DIRECTORY, "opened")


@action("open another VM's socket: open it, send to it, connect to it",
        "its root has no such file; `connect` is in no list, and the file server makes no socket")
def other_vm_socket(t, host):
    reach(t, host.socket_path(), 0, "opened")
    fd = t.c.try_("socket", "socket", 1, 2, 0)
    name = sockaddr(host.socket_path().encode())
    t.c.try_("sent", "sendto", fd, b"x", 1, 0x4000, name, len(name))
    t.c.try_("connected", "connect", fd, name, len(name))


@action("create a file in every directory outside its share, write to every file there",
        "everything it sees is mounted read-only; its proc too")
def write_outside(t, host):
    del host
    found = walk(t)
    if not t.is_fs:
        t.c.tries("written", [("openat", fd, name, O_RDWR | 0o2000000)
                              for fd, name, _ in found.files])
    calls = [("openat", fd, name + "/captured", O_CREAT | O_EXCL | O_WRONLY, 0o600)
             for fd, name, _ in found.directories]
    calls += [("openat", fd, name, O_WRONLY) for fd, name, _ in found.files]
    t.c.tries("written", calls)


@action("execute a program: where the filter wants the name to be, from its share, its own",
        "`execve` was spent by the start (`docs/decisions/0018`); the program's own filter has taken "
        "it away as well, but for the first thread; behind them Landlock, and a share that is noexec")
def execve(t, host):
    del host
    place, private = 0x10000000, 0x22
    t.c.variants(("execveat", 3, 0, 0, 0, 0x1000), ("mmap", place, 4096, 3, private | 0x10, -1, 0),
                 ("mmap", place, 4096, 3, private, -1, 0), ("mremap", 0, 4096, 4096, 3, place),
                 ("mmap", 1 << 32, 4096, 3, private | 0x100, -1, 0))
    # the last of the ways that kill where the call is not let through at all
    if not any(is_kill(filter_result(code, NR["execve"], AUDIT_X86_64, [place] + [0] * 5))
               for code in t.c.filters):
        t.c.try_("executed", "execve", place, 0, 0)
    own = "/usr/lib/qemu/virtiofsd" if t.is_fs else "/usr/bin/qemu-system-x86_64"
    t.c.try_("executed", "execve", t.share() + "/bin/busybox" if t.is_fs else own, 0, 0)
    t.c.try_("executed", "execve", own, 0, 0)


@action("memory at a low address, from a kernel that has no other left to give",
        "the layout of memory is set before the program begins (`docs/decisions/0018`): the kernel "
        "looks upwards from a third of the address space, never below")
def low_memory(t, host):
    del host
    held, size = [], 1 << 46
    while size >= 1 << 30:  # leaves the other threads enough to go on
        at = t.c.call("mmap", 0, size, 0, 0x22, -1, 0)
        if at > 0:
            held.append((at, size))
        else:
            size >>= 1
    for at, length in held:
        t.c.call("munmap", at, length)
    t.c.note("none" if held and min(held)[0] >= 1 << 32 else "below 4 GiB")


@action("fork", "no list has it; `clone` must make a thread")
def fork(t, host):
    del host
    t.c.variants(("fork",), ("vfork",), ("clone", 0x4111))
    t.c.try_("ENOSYS?", "clone3", 0, 0)
    t.c.try_("forked", "clone", 17, 0, 0, 0, 0)


@action("unshare a user namespace", "in no list (the file server's: CLONE_FS alone)")
def unshare_newuser(t, host):
    del host
    t.c.variants(("unshare", 0x10000000), ("unshare", 0x20000), ("unshare", 0x7C020000),
                 ("clone", 0x10000000 | 0x10F00))
    t.c.try_("made", "clone", 0x10000000 | 17, 0, 0, 0, 0)


def sockaddr(path):
    return struct.pack("<H", 1) + path + (b"" if path[:1] == b"\0" else b"\0")


@action("AF_INET: connect to a service of the host", "sockets of other families than UNIX kill; "
        "the network namespace is empty")
def socket_inet(t, host):
    t.c.variants(("socket", 10, 1, 0), ("socket", 17, 3, 0))
    fd = t.c.try_("socket", "socket", 2, 1, 0)
    addr = struct.pack("<H", 2) + struct.pack(">H", host.port) + bytes([127, 0, 0, 1]) + bytes(8)
    t.c.try_("connected", "connect", fd, addr, 16)


@action("AF_NETLINK", "as above")
def socket_netlink(t, host):
    del host
    t.c.try_("socket", "socket", 16, 3, 0)


@action("AF_ALG", "as above")
def socket_alg(t, host):
    del host
    t.c.try_("socket", "socket", 38, 5, 0)


@action("AF_VSOCK", "as above")
def socket_vsock(t, host):
    del host
    t.c.try_("socket", "socket", 40, 1, 0)


@action("an abstract socket of the host: send to it, connect to it",
        "abstract names are per network namespace, and its own is empty")
def abstract_socket(t, host):
    name = sockaddr(host.abstract.encode())
    fd = t.c.try_("socket", "socket", 1, 2, 0)
    t.c.try_("sent", "sendto", fd, b"x", 1, 0x4000, name, len(name))
    name = sockaddr(host.abstract.encode() + b"-stream")
    fd = t.c.call("socket", 1, 1, 0)
    t.c.try_("connected", "connect", fd, name, len(name))


@action("ptrace the other jail and another VM", "in no list; no such pid in its namespace")
def ptrace(t, host):
    t.c.variants(("ptrace", 0, 0, 0, 0), ("ptrace", 0x4206, 2, 0, 0))
    for pid in (t.sandbox.pid("vmm" if t.is_fs else "fs"), host.other.vmm):
        t.c.try_("attached", "ptrace", 16, pid, 0, 0)


def strangers(t, host):
    """Processes of the user, of both sandboxes: by the numbers that the host gives them."""
    return [host.sleeper_pid, t.sandbox.proxy, t.sandbox.pid("vmm" if t.is_fs else "fs"),
            host.other.vmm, host.other.proxy, host.other.fs]


@action("signal a process of the user, the proxy, another VM",
        "`tgkill` is allowed, but its pid namespace holds nobody else; `kill` is in no list")
def kill(t, host):
    t.c.tries("signalled", [("tgkill", pid, pid, SIGURG) for pid in strangers(t, host)])
    t.c.variants(("tkill", 2, SIGURG), ("rt_sigqueueinfo", 2, SIGURG, 0),
                 ("rt_tgsigqueueinfo", 2, 2, SIGURG, 0), ("pidfd_send_signal", 3, SIGURG, 0, 0))
    t.c.try_("signalled", "kill", host.sleeper_pid, SIGURG)


@action("mount", "in no list, and no capability for it")
def mount(t, host):
    del host
    t.c.variants(("umount2", 0, 0), ("pivot_root", 0, 0), ("move_mount", 0, 0, 0, 0, 0),
                 ("open_tree", 0, 0, 1), ("fsopen", 0, 0), ("fsmount", 0, 0, 0), ("fspick", 0, 0, 0),
                 ("mount_setattr", 0, 0, 0, 0, 0))
    t.c.try_("mounted", "mount", "none", t.share() if t.is_fs else "/guest", "tmpfs", 0, 0)


@action("bpf", "in no list")
def bpf(t, host):
    del host
    t.c.try_("map", "bpf", 0, struct.pack("<IIII", 1, 4, 8, 1) + bytes(112), 128)


@action("io_uring", "the filter answers `io_uring_setup` with an error, and kills the others")
def io_uring_setup(t, host):
    del host
    t.c.variants(("io_uring_enter", 0, 0, 0, 0), ("io_uring_register", 0, 0, 0, 0))
    t.c.try_("ring", "io_uring_setup", 4, bytes(120))


@action("open a file by its handle", "in no list; no CAP_DAC_READ_SEARCH")
def open_by_handle_at(t, host):
    del host
    handle = struct.pack("<Ii", 8, 1) + bytes(128)
    if t.is_fs:
        t.c.try_("handle", "name_to_handle_at", AT_FDCWD, ".", handle, t.c.scratch + 32768, 0)
    t.c.try_("opened", "open_by_handle_at", AT_FDCWD, struct.pack("<Ii", 8, 1) + bytes(8), 0)


@action("executable memory: a file of its own, anonymous, by mprotect",
        "the file server's list has PROT_EXEC for files alone, and its share is noexec; "
        "**TCG generates code: does not apply** to QEMU here")
def prot_exec(t, host):
    del host
    if t.is_fs:
        name = t.share() + "/captured-text"
        fd = t.c.call("openat", AT_FDCWD, name, O_RDWR | O_CREAT, 0o700)
        t.c.call("write", fd, b"\xc3" * 4096, 4096)
        t.c.try_("mapped", "mmap", 0, 4096, PROT_RX, 2, fd, 0)
        t.c.call("close", fd)
        t.c.call("unlinkat", AT_FDCWD, name, 0)
    else:
        t.c.try_("mprotect", "mprotect", t.c.scratch, 4096, PROT_RX)
    if t.is_fs:
        t.c.variants(("mprotect", 0, 4096, PROT_RX), ("mprotect", 0, 4096, PROT_RWX))
    t.c.variants(("mmap", 0, 4096, PROT_RWX, 0x22, -1, 0), ("mmap", 0, 4096, PROT_RX, 0x21, -1, 0))
    t.c.try_("mapped", "mmap", 0, 4096, PROT_RX, 0x22, -1, 0)


@action("allocate past memory.max", "the sandbox's memory control group; rootless without a "
        "delegated one: does not apply, and `state` says that cgroup is absent", spends=True)
def allocate(t, host):
    del host
    if not t.sandbox.place.root:
        t.c.note("does not apply")
        return
    for _ in range(64):
        try:
            t.c.call("mmap", 0, 64 << 20, 3, 0x8022, -1, 0)
        except Killed as killed:
            if killed.text != "SIGKILL":
                raise
            break
        if not (t.sandbox.lives("vmm") and t.sandbox.lives("fs")):
            break
    else:
        t.c.note("4 GiB")
        return
    t.c.note("the sandbox is killed")


# --- what else -----------------------------------------------------------------
@action("an i386 call", "the filters know one architecture")
def call_i386(t, host):
    del host
    result = t.c.raw("call32", 20, [0] * 6)
    t.c.note("no int 0x80 in its text" if result is None else word(result, "called"))


@action("an x32 call", "the filters know one architecture")
def call_x32(t, host):
    del host
    t.c.try_("called", NR["getpid"] | X32)


@action("execute what it made: memfd and execveat", "in no list")
def memfd_execveat(t, host):
    del host
    fd = t.c.try_("memfd", "memfd_create", "x", 1)
    t.c.call("write", fd, b"#!/bin/sh\n", 10)
    t.c.try_("executed", "execveat", fd, "", 0, 0, 0x1000)


@action("push descriptors onto the proxy and the peer (SCM_RIGHTS)",
        "nobody receives control data on these sockets", live_proxy=True, spends=True)
def scm_rights(t, host):
    del host
    before = len(os.listdir(f"/proc/{t.sandbox.proxy}/fd"))
    own = t.c.call("mmap", 0, 8192, 3, 0x22, -1, 0)
    control = struct.pack("<QiiI", 20, 1, 1, 0) + bytes(4)
    iov = struct.pack("<QQ", own + 256, 1)
    header = struct.pack("<QIIQQQQI", 0, 0, 0, own + 128, 1, own + 512, len(control), 0) + bytes(4)
    t.c.put_at(own, header)
    t.c.put_at(own + 128, iov)
    t.c.put_at(own + 256, b"\n")
    t.c.put_at(own + 512, control)
    sent = set()
    for fd in t.sockets():
        for _ in range(20):
            sent.add(word(t.c.call("sendmsg", fd, own, 0), "sent"))
    t.c.note("/".join(sorted(sent - {"EAGAIN", "EPIPE", "ECONNRESET"})) or "refused")
    time.sleep(0.3)
    try:
        after = len(os.listdir(f"/proc/{t.sandbox.proxy}/fd"))
    except OSError:
        after = 0
    t.c.note("none arrives" if after <= before else f"{after - before} arrive")


@action("flood the proxy on every socket", "its buffers are fixed, its memory limited; "
        "what is not QMP or ttrpc ends the sandbox; the file server's sockets lead to QEMU alone",
        live_proxy=True, spends=True)
def flood(t, host):
    del host
    if t.is_fs:
        t.c.note("has no socket to it")
        return
    own = t.c.call("mmap", 0, 1 << 16, 3, 0x22, -1, 0)
    peak = 0
    try:
        for fd in t.sockets():
            for _ in range(500):
                if t.c.call("write", fd, own, 1 << 16) <= 0:
                    break
                peak = max(peak, resident(t.sandbox.proxy))
    except Killed as killed:  # that is how its sandbox ends
        if killed.text != "SIGKILL":
            raise
    t.c.note("proxy below 16 MiB" if peak < 16 << 10 else f"proxy has {peak} KiB")


def resident(pid):
    try:
        return int(status(pid, pid)["VmRSS"].split()[0])
    except (OSError, KeyError):
        return 0


@action("type into a terminal (TIOCSTI)", "`ioctl` has a list of requests; it has no terminal")
def tiocsti(t, host):
    del host
    t.c.variants(*[("ioctl", fd, 0x541C) for fd in (0, 1, 2)])
    t.c.try_("typed", "ioctl", 0, 0x5412, b"x")


@action("signal others as the owner of a descriptor (F_SETOWN, F_SETOWN_EX, a process group)",
        "the owner is looked up in its pid namespace")
def fcntl_owner(t, host):
    fd = (t.sockets() or [0])[0]
    t.c.tries("owner", [("fcntl", fd, 8, pid) for pid in strangers(t, host)] +
              [("fcntl", fd, 8, -pid & (1 << 32) - 1) for pid in strangers(t, host)] +
              [("fcntl", fd, 15, struct.pack("<ii", kind, pid))
               for pid in strangers(t, host) for kind in (0, 1, 2)])


@action("keys of the user's keyrings", "in no list")
def keyctl(t, host):
    del host
    t.c.variants(("add_key", 0, 0, 0, 0, 0), ("request_key", 0, 0, 0, 0))
    t.c.try_("key", "keyctl", 0, -4, 0)


@action("read and write another process's memory", "in no list; no such pid in its namespace")
def process_vm(t, host):
    t.c.variants(("process_vm_writev", 2, 0, 0, 0, 0, 0))
    t.c.try_("read", "process_vm_readv", host.sleeper_pid, 0, 0, 0, 0, 0)


@action("take descriptors of another process (pidfd)", "in no list")
def pidfd(t, host):
    t.c.variants(("pidfd_getfd", 3, 0, 0))
    t.c.try_("pidfd", "pidfd_open", host.sleeper_pid, 0)


@action("enter a namespace by a descriptor it holds", "in no list")
def setns(t, host):
    del host
    t.c.try_("entered", "setns", (t.directories() or [0])[0], 0)


@action("device nodes: those of the host, one that it makes",
        "none in its root, all mounts nodev; the file server's CAP_MKNOD is of its own user namespace")
def devices(t, host):
    del host
    names = ("/dev/kvm", "/dev/net/tun", "/dev/mem", "/dev/fuse", "/dev/vhost-net", "/dev/ptmx")
    t.c.tries("opened", [call for name in names for call in t.opens(name)])
    where = (t.share() if t.is_fs else "/guest") + "/captured-node"
    t.c.try_("made", "mknodat", AT_FDCWD, where, stat.S_IFBLK | 0o600, 8 << 8)
    t.c.call("unlinkat", AT_FDCWD, where, 0)


@action("reconfigure the tap it holds", "`ioctl` has a list of requests; "
        "no CAP_NET_ADMIN over that network namespace")
def tap(t, host):
    del host
    held = [fd for fd, name in t.fds.items() if name.endswith("/net/tun")]
    if not held:
        t.c.note("has none")
        return
    t.c.variants(("ioctl", held[0], 0x400454CB), ("ioctl", held[0], 0x8924),
                 ("ioctl", held[0], 0x400454CC), ("ioctl", held[0], 0x801054DB),
                 ("ioctl", held[0], 0x400454D5), ("ioctl", held[0], 0x800454E0))
    t.c.try_("set", "ioctl", held[0], 0x400454CA, b"eth0" + bytes(12) + struct.pack("<H", 2) +
             bytes(22))


@action("limits and priority, its own and others'", "no CAP_SYS_RESOURCE or CAP_SYS_NICE; "
        "no such pid in its namespace")
def priority(t, host):
    t.c.tries("set", [("prlimit64", pid, 7, 0, t.c.scratch + 32768) for pid in strangers(t, host)])
    t.c.tries("set", [("prlimit64", 0, 7, struct.pack("<QQ", 1 << 20, 1 << 20), 0)])
    t.c.tries("set", [("setpriority", 0, 0, -20 & (1 << 64) - 1)])
    t.c.try_("set", "sched_setscheduler", 0, 1, struct.pack("<i", 1))


@action("the kernel's other large surfaces (performance events, modules, kexec, user faults, "
        "clock, names, ports, keys, SysV, ...)", "in no list")
def surfaces(t, host):
    del host
    t.c.variants(*[(name, 0, 0, 0, 0, 0) for name in (
        "userfaultfd", "init_module", "finit_module", "delete_module", "kexec_load",
        "kexec_file_load", "reboot", "swapon", "quotactl", "iopl", "ioperm", "modify_ldt",
        "settimeofday", "clock_settime", "adjtimex", "clock_adjtime", "sethostname",
        "setdomainname", "personality", "fanotify_init", "syslog", "vmsplice", "semget", "msgget",
        "mq_open")])
    t.c.try_("events", "perf_event_open", struct.pack("<II", 1, 128) + bytes(120), 0, -1, -1, 0)


# --- one for each further layer: what would be seen without it --------------------
class Found:
    def __init__(self):
        self.directories, self.files, self.pids = [], [], set()


def walk(t):
    """Everything in its jail but its own share and, of its proc, other than a
    sample, with the way to it: read from outside, since Landlock lets the
    captive list no directory. An attacker knows the names as well."""
    found = Found()
    fd, prefix = AT_FDCWD, ""
    if t.is_fs and t.which != "first":  # "/" is its share: by way of its proc
        fd, prefix = t.proc()[0], "../../.."
    first = t.sandbox.thread(t.program, "first")
    top = f"/proc/{t.c.pid}/task/{first}/root"
    count = {}  # below each directory of its root: of many more a sample will do
    for here, dirs, files in os.walk(top):
        path = here[len(top):]
        part = path.split("/")[1] if path else ""
        count[part] = count.get(part, 0) + len(files)
        if count[part] > FILES_MAX:
            dirs[:] = []
            continue
        if path == "/proc":
            found.pids |= {int(name) for name in dirs if name.isdigit()}
        dirs[:] = [name for name in dirs if f"{path}/{name}" not in ("/share", "/proc/1/task") and
                   not (path == "/proc" and name.isdigit() and name != "1") and
                   not (path == "/proc/1" and name in ("map_files", "net", "fdinfo"))]
        found.directories.append((fd, prefix + (path or "/"), path))
        for name in files:
            if not os.path.islink(f"{here}/{name}"):
                found.files.append((fd, f"{prefix}{path}/{name}", f"{path}/{name}"))
    if len(found.files) < 10:
        raise RuntimeError(f"{len(found.files)} files in its jail")
    return found


@action("list every file in sight", "its root holds its program, its libraries and what it "
        "serves; no other process is in its proc")
def look_around(t, host):
    del host
    found = walk(t)
    allowed = ("/usr/bin/qemu-system-x86_64", "/usr/share/seabios/", "/usr/share/qemu/",
               "/guest/", "/proc/", "/jail-exec")
    strange = []
    for fd, name, path in found.files:
        opened = t.c.call("openat", fd, name, 0)
        if opened < 0:
            continue
        t.c.call("close", opened)
        if not path.startswith(allowed) and not (path.startswith(("/usr/lib", "/lib")) and
                                                 (".so" in path or path.endswith("virtiofsd"))):
            strange.append(path)
    t.c.note("its own files" if not strange else "files of the host")
    if found.pids - {1}:
        t.c.note("processes of others")


@action("read its environment", "it is empty")
def environment(t, host):
    del host
    with open(f"/proc/{t.c.pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    start, end = int(fields[47]), int(fields[48])
    text = t.c.get(start, end - start).decode(errors="replace") if end > start else ""
    names = sorted(line.split("=")[0] for line in text.split("\0") if line)
    t.c.note(" ".join(names) or "nothing")


@action("groups it holds", "all were dropped")
def groups(t, host):
    del host
    t.c.note(f"{t.c.call('getgroups', 0, 0)} groups")


@action("the host's name", "its own UTS namespace")
def host_name(t, host):
    del host
    t.c.call("uname", t.c.scratch + 32768)
    own = t.c.get(t.c.scratch + 32768 + 65, 65).split(b"\0")[0].decode()
    t.c.note("the host's" if own == os.uname().nodename else own)


@action("the control group it is in", "its own cgroup namespace; QEMU has no proc")
def cgroup_path(t, host):
    del host
    ways = [(fd, "../cgroup") for fd in t.proc()] + [(AT_FDCWD, "/proc/self/cgroup")] + \
        [(fd, "proc/self/cgroup") for fd in t.directories()]
    for fd, name in ways:
        opened = t.c.call("openat", fd, name, 0)
        if opened < 0:
            continue
        size = t.c.call("read", opened, t.c.scratch + 32768, 8192)
        text = t.c.get(t.c.scratch + 32768, size).decode()
        t.c.call("close", opened)
        t.c.note("the host's path" if "/kata-captured" in text else "/")
        return
    t.c.note("ENOENT")


@action("capabilities it has", "all sets are empty; the file server's are of its own user namespace")
def capabilities(t, host):
    del host
    data = t.c.scratch + 32768
    t.c.call("capget", struct.pack("<Ii", 0x20080522, 0), data)
    low, high = (struct.unpack_from("<I", t.c.get(data + at, 4))[0] for at in (4, 16))
    t.c.note(f"{bin(high << 32 | low).count('1')}")


@action("more open files than its limit", "RLIMIT_NOFILE")
def open_files(t, host):
    del host
    t.c.try_("more", "fcntl", 0, 0, 65536 if t.is_fs else 1024)


@action("pin memory (mlock)", "RLIMIT_MEMLOCK is 0")
def pin_memory(t, host):
    del host
    t.c.try_("pinned", "mlock", t.c.scratch, 4096)


@action("shared memory of the host (SysV)", "in no list; its own IPC namespace")
def sysv_memory(t, host):
    t.c.try_("found", "shmget", host.shm_key, 0, 0)


@action("leave by a directory it holds", "no directory of the host is among its descriptors")
def held_directories(t, host):
    del host
    names = ("etc/shadow", "usr/bin/id", "proc/1/environ", "../../../../usr/bin/id")
    calls = [("openat", fd, name, 0) for fd in t.directories() for name in names]
    if not calls:
        t.c.note("holds none")
    else:
        t.c.tries("opened", calls)


# --- executable memory under QEMU's KVM filters: on a program of ours --------------
def map_anonymous(c):
    c.variants(("mmap", 0, 4096, PROT_RWX, 0x22, -1, 0), ("mmap", 0, 4096, PROT_RX, 0x21, -1, 0))
    c.try_("mapped", "mmap", 0, 4096, PROT_RX, 0x22, -1, 0)


def make_executable(c):
    c.variants(("mprotect", 0, 4096, PROT_RWX))
    c.try_("done", "mprotect", c.scratch, 4096, PROT_RX)


def map_writable_file(c):
    fd = c.try_("memfd", "memfd_create", "x", 1)
    c.try_("mapped", "mmap", 0, 4096, PROT_RWX, 1, fd, 0)


def map_own_file(c):
    fd = c.try_("memfd", "memfd_create", "x", 1)
    c.call("write", fd, b"\xc3" * 4096, 4096)
    c.try_("mapped", "mmap", 0, 4096, PROT_RX, 2, fd, 0)


KVM_ACTIONS = {
    "anonymous": ("anonymous memory, executable", map_anonymous,
                  "`mmap` with PROT_EXEC is for files"),
    "mprotect": ("memory made executable", make_executable, "`mprotect` never with PROT_EXEC"),
    "writable": ("a file of its own (memfd), writable and executable", map_writable_file,
                 "PROT_EXEC excludes PROT_WRITE"),
    "memfd": ("a file of its own (memfd), executable", map_own_file,
              "**nothing**: a filter cannot tell a memfd from a library, which the loader maps "
              "after the filter is there. Native code is what that gives, no call more"),
}
