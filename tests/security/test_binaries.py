#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How every program that we build and install was hardened, read from the ELF
file itself.

usage: test_binaries.py BUILD-DIR [MAKE]
Each program is a test of its own: in BUILD-DIR (bin, libexec, tools), and what
`MAKE install` puts below an empty DESTDIR. What cannot be seen in a stripped
static program (canary and fortified calls) is read from the objects that it
was linked from, and the program is then the one of BUILD-DIR, byte for byte.
Programs built to lack one of the marks must be told apart by the same code.
Needs binutils and a compiler, as the build does.
"""
import glob
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD, MAKE = "build", "make"
# static programs, and the objects of ours that they are linked from
STATIC = {"kata-agent": "agent/*.o", "kata-jail-exec": "jailer/jail-exec.o",
          "kata-jail-twin": "jailer/jail-twin.o"}

PT_LOAD, PT_DYNAMIC, PT_INTERP = 1, 2, 3
PT_GNU_STACK, PT_GNU_RELRO = 0x6474E551, 0x6474E552
PF_X, PF_W = 1, 2
ET_DYN = 3
DT_RPATH, DT_RUNPATH, DT_TEXTREL, DT_FLAGS, DT_FLAGS_1 = 15, 29, 22, 30, 0x6FFFFFFB
DF_TEXTREL, DF_BIND_NOW, DF_1_NOW, DF_1_PIE = 4, 8, 1, 0x08000000


class Elf:
    """Headers, program headers and dynamic section of a 64-bit program."""

    def __init__(self, path):
        with open(path, "rb") as file:
            self.data = file.read()
        (self.kind,) = struct.unpack_from("<H", self.data, 16)
        offset, = struct.unpack_from("<Q", self.data, 32)
        size, count = struct.unpack_from("<HH", self.data, 54)
        self.parts = [struct.unpack_from("<IIQQQQQQ", self.data, offset + n * size)
                      for n in range(count)]
        self.dynamic = {}
        for part in self.of(PT_DYNAMIC):
            for at in range(part[2], part[2] + part[5], 16):
                tag, value = struct.unpack_from("<qQ", self.data, at)
                self.dynamic[tag] = value

    def of(self, kind):
        return [part for part in self.parts if part[0] == kind]


def is_elf(path):
    with open(path, "rb") as file:
        return file.read(4) == b"\x7fELF"


def marks(path):
    """What this program lacks, by name; without canary and fortified calls."""
    elf = Elf(path)
    flags, flags_1 = elf.dynamic.get(DT_FLAGS, 0), elf.dynamic.get(DT_FLAGS_1, 0)
    missing = []
    if elf.kind != ET_DYN or not flags_1 & DF_1_PIE:
        missing.append("PIE")
    if not elf.of(PT_GNU_RELRO):
        missing.append("RELRO")
    if not (flags & DF_BIND_NOW or flags_1 & DF_1_NOW):
        missing.append("BIND_NOW")
    stack = elf.of(PT_GNU_STACK)
    if not stack or stack[0][1] & PF_X:
        missing.append("NX stack")
    if any(part[1] & PF_X and part[1] & PF_W for part in elf.of(PT_LOAD)):
        missing.append("W^X segments")
    if DT_RPATH in elf.dynamic or DT_RUNPATH in elf.dynamic:
        missing.append("no RPATH")
    if DT_TEXTREL in elf.dynamic or flags & DF_TEXTREL:
        missing.append("no text relocations")
    return missing


def undefined(*paths):
    """Names that a program or objects take from elsewhere, without version."""
    out = subprocess.run(["readelf", "-sW", *paths], check=True, text=True,
                         capture_output=True).stdout
    return {match.group(1) for match in re.finditer(r" UND (\S+?)(?:@\S+)?(?: \(\d+\))?$", out,
                                                    re.M)}


def fortified(names):
    return sorted(name for name in names if re.fullmatch(r"__\w+_chk", name))


def calls(names):
    """What these names lack of canary and fortified calls."""
    missing = []
    if "__stack_chk_fail" not in names:
        missing.append("canary")
    if not fortified(names):
        missing.append("FORTIFY")
    return missing


def has_cet(path):
    """IBT and SHSTK, in the note that the linker keeps when all inputs have it."""
    out = subprocess.run(["readelf", "-nW", path], check=True, text=True,
                         capture_output=True).stdout
    return bool(re.search(r"x86 feature: IBT, SHSTK", out))


def compile_program(path, *flags):
    """A program of its own canary and fortified call, hardened but for FLAGS."""
    source = "#include <stdio.h>\n#include <string.h>\n" \
        "int main(int c, char **v) { char b[64]; (void)c; strcpy(b, v[0]); " \
        "return printf(\"%s\", b); }\n"
    hard = ["-O2", "-fPIE", "-fstack-protector-strong", "-fcf-protection=full",
            "-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=2", "-pie", "-Wl,-z,relro", "-Wl,-z,now",
            "-Wl,-z,noexecstack"]
    subprocess.run(["gcc", *hard, *flags, "-x", "c", "-", "-o", path], input=source, text=True,
                   check=True, capture_output=True)


def our_objects(name):
    """The objects of ours in a static program."""
    return sorted(glob.glob(os.path.join(BUILD, "obj", STATIC[name])))


def read(path):
    with open(path, "rb") as file:
        return file.read()


class Binaries(unittest.TestCase):
    cet = False

    def check(self, path):
        name = os.path.basename(path)
        elf = Elf(path)
        missing = marks(path)
        if name in STATIC:
            self.assertEqual(elf.of(PT_INTERP), [], "static-pie: no loader")
            self.assertEqual(read(path), read(os.path.join(BUILD, "libexec/kata", name)))
            missing += calls(undefined(*our_objects(name)))
        else:
            self.assertEqual(len(elf.of(PT_INTERP)), 1, "dynamic: one loader")
            missing += calls(undefined(path))
        self.assertEqual(missing, [], "lacks these marks")
        if self.cet:
            self.assertTrue(has_cet(path), "no CET note, and the compiler gives it")


def programs(top):
    for here, _, names in sorted(os.walk(top)):
        for name in sorted(names):
            path = os.path.join(here, name)
            # the guest's kernel is an ELF file and no program of this host
            if not os.path.islink(path) and name != "vmlinux" and is_elf(path):
                yield os.path.relpath(path, top), path


def add(where, short, path):
    def test(self):
        self.check(path)
    test.__doc__ = f"{where}: {short}"
    setattr(Binaries, "test_%s_%s" % (where, re.sub(r"\W", "_", short)), test)


class Judge(unittest.TestCase):
    """The same code sees each mark that is missing."""

    CASES = {
        "PIE": ["-no-pie", "-fno-pie"],
        "RELRO": ["-Wl,-z,norelro"],
        "BIND_NOW": ["-Wl,-z,lazy"],
        "NX stack": ["-Wl,-z,execstack"],
        "no RPATH": ["-Wl,-rpath,/tmp"],
        "canary": ["-fno-stack-protector"],
        "FORTIFY": ["-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=0"],
    }

    def setUp(self):
        self.work = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.work)

    def judged(self, *flags):
        path = os.path.join(self.work, "program")
        compile_program(path, *flags)
        return marks(path) + calls(undefined(path))

    def test_a_hardened_program_lacks_nothing(self):
        self.assertEqual(self.judged(), [])

    def test_a_writable_program_segment_is_seen(self):
        path = os.path.join(self.work, "program")
        compile_program(path)
        data = bytearray(read(path))
        offset, = struct.unpack_from("<Q", data, 32)
        size, count = struct.unpack_from("<HH", data, 54)
        for at in range(offset, offset + count * size, size):
            kind, flags = struct.unpack_from("<II", data, at)
            if kind == PT_LOAD and flags & PF_X:
                struct.pack_into("<I", data, at + 4, flags | PF_W)
        with open(path, "wb") as file:
            file.write(data)
        self.assertEqual(marks(path), ["W^X segments"])

    def test_an_object_without_calls_is_seen(self):
        path = os.path.join(self.work, "one.o")
        compile_program(path, "-c", "-fno-stack-protector", "-D_FORTIFY_SOURCE=0")
        self.assertEqual(calls(undefined(path)), ["canary", "FORTIFY"])

    def test_what_is_there(self):
        """Tests were made for all programs, in both places."""
        names = " ".join(name for name in dir(Binaries) if name.startswith("test_"))
        for where in ("build", "installed"):
            for name in ("bin_kata_runtime", *("libexec_kata_kata_" + one for one in (
                    "agent", "jail_exec", "jailer", "proxy", "shim"))):
                self.assertIn(f"test_{where}_{name}", names)


def add_case(mark, flags):
    def test(self):
        self.assertIn(mark, self.judged(*flags))
    setattr(Judge, "test_it_sees_missing_" + re.sub(r"\W", "_", mark), test)


def compiler_gives_cet(work):
    compile_program(os.path.join(work, "cet"))
    return has_cet(os.path.join(work, "cet"))


def main():
    global BUILD, MAKE
    BUILD = os.path.abspath(sys.argv[1])
    MAKE = sys.argv[2] if len(sys.argv) > 2 else "make"
    for mark, flags in Judge.CASES.items():
        add_case(mark, flags)
    work = tempfile.mkdtemp()
    try:
        subprocess.run([MAKE, "--no-print-directory", "-s", "-C", TOP, "install",
                        f"DESTDIR={work}/dest", "PREFIX=/opt/kata"], check=True,
                       stdout=subprocess.DEVNULL)
        Binaries.cet = compiler_gives_cet(work)
        print("the compiler gives %sCET note" % ("the " if Binaries.cet else "no "))
        for folder in ("bin", "libexec", "tools"):
            for short, path in programs(os.path.join(BUILD, folder)):
                add("build", f"{folder}/{short}", path)
        for short, path in programs(f"{work}/dest/opt/kata"):
            add("installed", short, path)
        unittest.main(argv=[sys.argv[0], "-v"])
    finally:
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
