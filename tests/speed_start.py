"""How much processor time the command takes around its work: `python -m tests.speed_start [--checkout DIR ...]`.

Each command is a process of its own, and what it starts is counted with it: its workers, their server and the referee.
Beside them stands a process that imports torch. With further checkouts (`git worktree add`), the same commands of their
code, in turns. The table gives medians over the rounds, and the least.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from statistics import median
from typing import Any

from benchmark.cli.output import emit
from tests.support.arguments import at_least, carry_out
from tests.support.spent import spent

BENCH = ["-m", "benchmark"]
COMMANDS = {
    "import torch": ["-c", "import torch"],
    "bench list": [*BENCH, "list"],
    "bench run, an unknown name": [*BENCH, "run", "--algo", "snipp", "--task", "digits"],
    "bench run, one cell of digits": [*BENCH, "run", "--algo", "snip", "--task", "digits", "--budget", "smoke"],
}


def seconds(words: list[str], checkout: Path) -> float:
    """User and system time of a command and of all that it has started."""
    with tempfile.TemporaryDirectory() as results:
        where = os.environ | {"PRUNEBENCH_RESULTS": results, "PYTHONPATH": str(checkout)}
        used, _ = spent([sys.executable, *words], env=where, cwd=results, capture_output=True)
        return used


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--checkout", type=Path, action="append", help="Of other code.  [default: this one]")
    parser.add_argument("--rounds", type=at_least(1), default=7)
    parser.add_argument("--command", choices=COMMANDS, action="append")
    parser.add_argument("--format", choices=["table", "md", "json"], default="table")
    given = parser.parse_args()
    checkouts = given.checkout or [Path(__file__).parent.parent]
    cases = [(name, checkout.resolve()) for name in given.command or COMMANDS for checkout in checkouts]
    times: dict[Any, list[float]] = defaultdict(list)
    for _ in range(given.rounds):
        for name, checkout in cases:
            times[name, checkout].append(seconds(COMMANDS[name], checkout))
    rows: list[dict[str, Any]] = [
        {
            "command": name,
            "code": checkout.name,
            "CPU seconds": round(median(taken), 2),
            "least": round(min(taken), 2),
        }
        for (name, checkout), taken in times.items()
    ]
    emit(given.format, {f"processor time, medians of {given.rounds} rounds": rows}, rows)


if __name__ == "__main__":
    carry_out(main)
