"""Arguments and errors of the commands that measure speed (`python -m tests.speed`)."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from benchmark.errors import BenchError, DataMissing


def at_least(least: int) -> Callable[[str], int]:
    """A type of arguments: whole numbers from `least` on. Fewer rounds have no median, or no interval."""

    def number(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"it takes a whole number, {least} or more")
        return int(text)

    return number


def carry_out(main: Callable[[], None]) -> None:
    """Run a command. Where it cannot measure, such as without the data, that is one line and an exit code."""
    try:
        main()
    except FileNotFoundError as error:
        _end(f"there is no {error.filename}; say with --data-root where the data are", DataMissing.exit_code)
    except BenchError as error:
        _end(str(error), error.exit_code)


def _end(problem: str, code: int) -> None:
    print(f"Error: {problem}", file=sys.stderr)
    sys.exit(code)
