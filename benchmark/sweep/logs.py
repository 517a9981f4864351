"""The logs of cells: what their workers printed. Empty ones are deleted, long ones are cut."""

from __future__ import annotations

import os
from contextlib import suppress
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
