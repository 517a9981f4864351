"""Arguments of the commands that measure speed (`python -m tests.speed`)."""

from __future__ import annotations

import argparse
from collections.abc import Callable


def at_least(least: int) -> Callable[[str], int]:
    """A type of arguments: whole numbers from `least` on. Fewer rounds have no median, or no interval."""

    def number(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"it takes a whole number, {least} or more")
        return int(text)

    return number
