#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""in-jail.py PID PATH...: tries to open each path for writing with the id and
the mount namespace of a jailed program, before the chroot it did itself. One
line a path; exit status 1 when one could be opened."""
import ctypes
import os
import sys

libc = ctypes.CDLL(None, use_errno=True)
pid = sys.argv[1]
spaces = [os.open(f"/proc/{pid}/ns/{name}", os.O_RDONLY) for name in ("user", "mnt")]
for space in spaces:
    if libc.setns(space, 0) != 0:
        sys.exit(f"setns: {os.strerror(ctypes.get_errno())}")
opened = 0
for path in sys.argv[2:]:
    try:
        os.close(os.open(path, os.O_WRONLY))
        print(f"{path}: opened")
        opened = 1
    except OSError as error:
        print(f"{path}: {error.strerror}")
sys.exit(opened)
