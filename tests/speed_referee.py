"""Times what a cell costs besides its training: `python -m tests.speed_referee [--task digits] [--repeat 20]`.

The referee's part is what `benchmark.sweep.referee_process` does with a handover: read it, rebuild the network, audit,
measure and write the record. The worker's part is to write the handover.
"""

from __future__ import annotations

import argparse
import hashlib
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

from benchmark.data.folders import DataFolders
from benchmark.harness.question import Settings, question
from benchmark.harness.run_algorithm import run_algorithm
from benchmark.plugins import registry
from benchmark.results.cell import Cell
from benchmark.results.store import Store
from benchmark.sweep.referee_process import Court
from tests.support.arguments import at_least, carry_out


def timed(function: Callable[[], object], repeat: int) -> str:
    """The median and the range of the milliseconds of some calls, after one that does not count."""
    function()
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        function()
        times.append((time.perf_counter() - start) * 1000)
    return f"{statistics.median(times):7.1f} ms (n={repeat}, {min(times):.1f} to {max(times):.1f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--task", default="digits")
    parser.add_argument("--model", default="")
    parser.add_argument("--repeat", type=at_least(1), default=20)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    task = registry.task(asked.task)
    model = asked.model or next(iter(task.models))
    folder = DataFolders().readable(asked.task, task.source)
    cell = Cell(algorithm="magnitude", options={}, task=asked.task, model=model, sparsity=0.9, budget="smoke", seed=0)
    settings = Settings({asked.task: folder})
    run = question(cell, settings)
    ended = run_algorithm(run, task.source.splits(folder, 0).train)
    with tempfile.TemporaryDirectory() as place:
        content = ended.handover.to_bytes()
        (Path(place) / "handover").write_bytes(content)
        message = {
            "cell": cell.model_dump(), "prunes": ["weights"], "needs": [], "folder": place, "edges": [], "edits": 0,
            "digest": hashlib.sha256(content).hexdigest(), "confined": True, "seconds": 1.0, "peak_bytes": 1,
            "where": run.where,
        }  # fmt: skip
        court = Court(settings, Store(Path(place) / "results"))
        print(f"{asked.task}/{model}, {platform.processor() or platform.machine()}, torch {torch.__version__}")
        print("handover, by the worker ", timed(ended.handover.to_bytes, asked.repeat))
        print("verdict, by the referee ", timed(lambda: court.answer(message), asked.repeat))


if __name__ == "__main__":
    carry_out(main)
