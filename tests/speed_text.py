"""What it saves to let several texts share a row: `OMP_NUM_THREADS=1 python -m tests.speed_text --data-root DIR`.

Training steps of SST-2, by a run as `bench run` makes it, in three ways that compute the same: each text in a row of
its own, padded to the length of the task; in rows cut to the longest text of the batch, which is how transformers are
usually trained; and packed. In turns in one process; medians over the rounds of processor time, and their ratios.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

import torch
from benchmark.tasks.text import _heads
from benchmark.tasks.text._vocabulary import NOWHERE
from torch import Tensor

from benchmark import Run, Target
from benchmark.cli.output import emit
from benchmark.data.folders import DataFolders
from benchmark.harness.network import build
from benchmark.plugins import registry
from benchmark.training.run_state import RunState
from tests.support.arguments import at_least, carry_out

CASES = [
    (model, precision) for model in ("minilm", "minilm:layers=2", "bert-mini") for precision in ("float32", "bfloat16")
]

STEPS = 5
"""In a round."""


def training(model: str, precision: str, length: int, folder: Path) -> Callable[[int], None]:
    """Training of a dense network, as `bench run` does it."""
    task = registry.task("sst2", {"length": length, "precision": precision})
    network, data = build(task, model, 0), task.data(DataFolders(folder).locate("sst2", task.source)).train
    return Run(RunState(task, network, task.recipe("full", model), Target(0.5), data, 0)).train


@contextmanager
def padded() -> Iterator[None]:
    """Every text has a row of its own."""
    with patch.object(_heads, "PACKED", set()):
        yield


@contextmanager
def cut() -> Iterator[None]:
    """Every text has a row of its own, as long as the longest text of the batch."""
    whole = _heads._Encoder.encode

    def encode(self: Any, rows: Tensor) -> Any:
        return whole(self, rows[:, :, : int((rows[:, 1] != NOWHERE).sum(dim=1).max())])

    with padded(), patch.object(_heads._Encoder, "encode", encode):
        yield


@contextmanager
def packed() -> Iterator[None]:
    """As `bench run` does it."""
    yield


WAYS = (padded, cut, packed)


def measured(model: str, precision: str, length: int, folder: Path, rounds: int) -> dict[str, Any]:
    """A row of the table: milliseconds of a step in each way, and their ratios to a packed one."""
    trainings = {way: training(model, precision, length, folder) for way in WAYS}
    found: dict[Callable[..., Any], list[float]] = {way: [] for way in WAYS}
    for number in range(rounds + 1):
        for way, train in trainings.items():
            with way():
                start = time.process_time()
                train(STEPS)
                if number:  # the first round warms up
                    found[way].append((time.process_time() - start) / STEPS)
    ratios = {
        f"{way.__name__} / packed": round(median(a / b for a, b in zip(found[way], found[packed], strict=True)), 2)
        for way in (padded, cut)
    }
    times = {f"{way.__name__}, ms": round(1e3 * median(seconds), 1) for way, seconds in found.items()}
    return {"network": model, "precision": precision, **times, **ratios}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data-root", type=Path, default=Path(os.environ.get("PRUNEBENCH_DATA", "data")))
    parser.add_argument("--length", type=at_least(3), default=48, help="word pieces of a row")
    parser.add_argument("--rounds", type=at_least(1), default=7)
    parser.add_argument("--format", choices=["table", "md", "json"], default="table")
    given = parser.parse_args()
    torch.set_num_threads(1)
    rows = [measured(*case, given.length, given.data_root, given.rounds) for case in CASES]
    title = f"a step on 32 texts of SST-2 in rows of {given.length}, torch {torch.__version__}, 1 thread"
    emit(given.format, {title: rows}, rows)


if __name__ == "__main__":
    carry_out(main)
