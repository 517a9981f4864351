"""Kills processes of sweeps until so many were killed, and says what was lost: `python -m tests.soak --kills 1000`.

Each round is a sweep in a new folder, with one to three drivers that share it. Workers, referees, servers and drivers
are killed at random moments, as if by the kernel or an operator; drivers are started again. When the sweep is done,
its records must be those of a sweep that nobody disturbed, but for times. It ends with 1 at the first that are not.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from benchmark.cli.output import emit
from tests.support.command import bench_process
from tests.support.disturb import Contents, contents, disturb

WORDS = ["run", "--algo", "dense,magnitude,snip,imp:fraction=0.5", "--task", "digits", "--budget", "smoke"]
WORDS += ["--seeds", "5", "--jobs", "2", "--results"]
CELLS = 20

PER_ROUND = 60
"""Kills in a round: with many more, the sweep is seldom done before its drivers are killed."""


def undisturbed(folder: Path) -> Contents:
    """The records of a sweep that nobody disturbs."""
    ended = bench_process(*WORDS, folder)
    assert ended.code == 0, ended.err
    found = contents(folder)
    assert len(found) == CELLS
    return found


def wrong(found: Contents, expected: Contents) -> dict[str, int]:
    """How many records are lost, and how many say something else."""
    changed = [key for key in found.keys() & expected.keys() if found[key] != expected[key]]
    return {"lost": len(expected.keys() - found.keys()), "other": len(found.keys() - expected.keys()) + len(changed)}


def soak(kills: int, seed: int) -> bool:
    """Kill so many processes. Prints a line a round and a table in the end; returns whether nothing was lost."""
    draw, killed, rounds, began = random.Random(seed), Counter[str](), 0, time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        expected = undisturbed(Path(folder, "undisturbed"))
        while killed.total() < kills:
            rounds += 1
            results = Path(folder, str(rounds))
            drivers = draw.choice([1, 2, 3])
            killed += disturb([*WORDS, results], min(PER_ROUND, kills - killed.total()), draw, drivers)
            found = wrong(contents(results), expected)
            print(f"round {rounds}, {drivers} drivers: {killed.total()} killed, {found}", file=sys.stderr, flush=True)
            if any(found.values()):
                return False
    minutes = (time.monotonic() - began) / 60
    totals = {"killed": killed.total(), "records": rounds * CELLS, "lost or other": 0, "minutes": round(minutes, 1)}
    emit("table", {"soak": [{"rounds": rounds, **dict(killed.most_common()), **totals}]})
    return True


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args(arguments)
    return 0 if soak(asked.kills, asked.seed) else 1


if __name__ == "__main__":
    sys.exit(main())
