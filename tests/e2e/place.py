# SPDX-License-Identifier: Apache-2.0
"""What the drivers `faults` and `soak-many` share: the place where the runtime
is called, as the user that runs the tests or as root, its verbs as children,
and what is left behind. The environment is that of tests/e2e/suite: E2E_WORK,
E2E_DIR, XDG_RUNTIME_DIR."""

import ctypes
import json
import os
import subprocess
import time

VERB_SECONDS = 240
reaped = {}  # pid -> exit status, negative for a signal


class Failure(Exception):
    pass


class Place:
    """Where the runtime is called: podman's user namespace, or here as root."""

    def __init__(self, kata, name):
        ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
        self.kata = kata
        self.name = name
        self.work = f"{os.environ['E2E_WORK']}/{name}"
        self.snapshot = os.environ["E2E_DIR"] + "/snapshot"
        self.root = os.getuid() == 0
        self.prefix = []
        if self.root:
            self.state = "/run/kata"
        else:
            run = os.environ["XDG_RUNTIME_DIR"]
            self.state = run + "/kata"
            subprocess.run(["podman", "unshare", "true"], check=True)
            with open(run + "/libpod/tmp/pause.pid", encoding="ascii") as file:
                pause = file.read().strip()
            self.prefix = ["nsenter", "--preserve-credentials", "-U", "-m", "-t", pause]
        self.ranges = id_ranges()
        self.rootfs = self.work + "/rootfs"
        os.makedirs(self.rootfs, exist_ok=True)
        self.check("tar", "-xf", os.environ["E2E_WORK"] + "/image.tar", "-C", self.rootfs)

    def bundle(self, container, *args):
        """Makes one that runs args; returns its directory and its config."""
        where = f"{self.work}/{container}"
        os.makedirs(where, exist_ok=True)
        with open(os.environ["E2E_DIR"] + "/config.json", encoding="utf-8") as file:
            config = json.load(file)
        config["process"]["args"] = list(args)
        config["root"]["path"] = self.rootfs
        if self.root:
            config["linux"]["cgroupsPath"] = f"/kata-{self.name}-{container}"
        with open(where + "/config.json", "w", encoding="utf-8") as file:
            json.dump(config, file)
        return where, config

    def remove(self):
        self.check("rm", "-rf", self.work)

    def check(self, *command):
        subprocess.run(self.prefix + list(command), check=True)

    def output(self, *command):
        return subprocess.run(self.prefix + list(command), check=True, capture_output=True,
                              text=True).stdout

    def verb(self, *args, step=None, tag=""):
        """Starts one; output goes to files, which the container keeps open."""
        env = dict(os.environ)
        if step:
            env["KATA_TEST_STOP"] = step
        with open(f"{self.work}/out{tag}", "wb") as out, \
                open(f"{self.work}/err{tag}", "wb") as err:
            child = subprocess.Popen(self.prefix + [self.kata, *args], env=env, stdout=out,
                                     stderr=err, stdin=subprocess.DEVNULL)
        reaped.pop(child.pid, None)  # of an earlier process with that number
        return child

    def said(self, name):
        with open(f"{self.work}/{name}", encoding="utf-8", errors="replace") as file:
            return file.read().strip()

    def errors(self, tag=""):
        return self.said("err" + tag)

    def kill(self, pid, signo):
        subprocess.run(self.prefix + ["kill", f"-{signo}", str(pid)], check=False,
                       stderr=subprocess.DEVNULL)


def id_ranges():
    """Ids whose processes are looked at: see tests/e2e/snapshot."""
    uid = os.getuid()
    if uid == 0:
        # root's sandboxes: our own id, and the default pool of VMM ids
        return [(0, 1), (1900000000, 65536)]
    ranges = [(uid, 1)]
    with open("/etc/subuid", encoding="utf-8") as file:
        for line in file:
            owner, start, count = line.strip().split(":")
            if owner in (os.environ.get("USER"), str(uid)):
                ranges.append((int(start), int(count)))
    return ranges


def state_of(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            text = file.read()
    except OSError:
        return "gone"
    return text[text.rindex(")") + 2]


def reap():
    """We are the sub-reaper, as conmon is: a shim's namespace ends only when
    all that was in it has been waited for."""
    try:
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                break
            reaped[pid] = os.waitstatus_to_exitcode(status)
    except ChildProcessError:
        pass


def wait_for(seconds, condition, what):
    end = time.monotonic() + seconds
    reap()
    while not condition():
        if time.monotonic() > end:
            raise Failure(what)
        time.sleep(0.02)
        reap()


def has_ended(child):
    return child.pid in reaped


def finish(place, child, what):
    try:
        wait_for(VERB_SECONDS, lambda: has_ended(child),
                 f"{what} does not end in {VERB_SECONDS} s")
    except Failure:
        place.kill(child.pid, 9)
        wait_for(10, lambda: has_ended(child), f"{what} cannot be killed")
        raise
    child.returncode = reaped[child.pid]
    return child.returncode


def do(place, *args):
    status = finish(place, place.verb(*args), args[0])
    if status != 0:
        raise Failure(f"{args[0]}: status {status}: {place.errors()}")


def left_behind(place, before):
    reap()
    after = set(subprocess.run([place.snapshot], check=True, capture_output=True,
                               text=True).stdout.splitlines())
    pool = place.state + "/.uids"
    if os.path.isdir(pool):
        after |= {f"uid {name}" for name in os.listdir(pool)}
    return sorted(after - before)
