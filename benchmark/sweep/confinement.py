"""Confines a worker, and the processes that it starts, to its own folder: they can write nowhere else (Landlock).

Landlock needs Linux 5.13; https://docs.kernel.org/userspace-api/landlock.html has the numbers below.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
"""Numbers of the system calls, on every processor."""

VERSION = 1
"""Flag of CREATE_RULESET: return the version of the interface."""

BENEATH = 1
"""Type of a rule: what may be done in a folder and all below it."""

WRITE_FILE = 1 << 1
REMOVE_AND_MAKE = sum(1 << bit for bit in range(4, 13))
"""The rights to remove folders and files, and to make files of every kind."""

REFER, TRUNCATE = 1 << 13, 1 << 14
"""The rights to rename between folders (version 2) and to cut a file (version 3)."""

SIGNALS = 1 << 1
"""Scope: signals reach only processes that are as confined (version 6)."""

NO_NEW_PRIVILEGES = 38
"""Option of prctl: what is started never has more rights."""

DIE_WITH_PARENT = 1
"""Option of prctl: the signal to send when the parent process ends."""


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scopes", ctypes.c_uint64))


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("folder", ctypes.c_int32))


@cache
def _library() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def version() -> int:
    """The version of Landlock; 0 where the kernel has none."""
    return max(0, int(_library().syscall(CREATE_RULESET, None, 0, VERSION)))


def confine(writable: Iterable[Path]) -> bool:
    """From here on, let this process write only in these folders, and signal only what it starts itself.

    Nothing can undo it, and processes that it starts inherit it. Returns False where the kernel has no Landlock.
    """
    found = version()
    if not found:
        return False
    rights = WRITE_FILE | REMOVE_AND_MAKE | (REFER if found >= 2 else 0) | (TRUNCATE if found >= 3 else 0)
    rules = _Ruleset(rights, 0, SIGNALS if found >= 6 else 0)
    ruleset = _call(CREATE_RULESET, ctypes.byref(rules), ctypes.sizeof(rules) if found >= 6 else 8, 0)
    for folder in writable:
        with suppress(FileNotFoundError):
            handle = os.open(folder, os.O_PATH | os.O_CLOEXEC)
            rule = _Beneath(rights, handle)
            _call(ADD_RULE, ruleset, BENEATH, ctypes.byref(rule), 0)
            os.close(handle)
    _library().prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    _call(RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)
    return True


def die_with_parent(signal: int) -> None:
    """Have this process sent a signal when its parent ends."""
    _library().prctl(DIE_WITH_PARENT, signal, 0, 0, 0)


def _call(number: int, *arguments: object) -> int:
    result = int(_library().syscall(number, *arguments))
    if result < 0:
        raise OSError(ctypes.get_errno(), f"Landlock: {os.strerror(ctypes.get_errno())}")
    return result
