"""The logs of cells: what their workers printed. Empty ones are deleted, long ones are cut."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

LONGEST = 10_000_000
"""Bytes of a log that are kept."""


def tidy(log: Path) -> None:
    """Delete a log that is empty, and cut what is over LONGEST bytes off one that is not, with a line that says so."""
    with suppress(OSError):  # another sweep may be running the same cell, with the same log
        excess = log.stat().st_size - LONGEST
        if excess == -LONGEST:
            log.unlink()
        elif excess > 0:
            os.truncate(log, LONGEST)
            with log.open("a") as file:
                file.write(f"\n[{excess:,} more bytes were cut off]\n")


@contextmanager
def output_to(log: Path) -> Iterator[None]:
    """Append what this process and its children print to a log."""
    streams = (sys.stdout, sys.stderr)
    before = [os.dup(stream.fileno()) for stream in streams]
    with log.open("a") as file:
        for stream in streams:
            os.dup2(file.fileno(), stream.fileno())
    try:
        yield
    finally:
        for stream, old in zip(streams, before, strict=True):
            stream.flush()
            os.dup2(old, stream.fileno())
            os.close(old)
