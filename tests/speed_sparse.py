"""How fast sparse steps are beside dense ones: `OMP_NUM_THREADS=1 python -m tests.speed_sparse --data-root DIR`.

LeNet-300-100 on MNIST with random masks, by `run.train()` with all that is around a step, in turns, in one process and
on one thread. The table gives medians of processor time over the rounds, and of ratios.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from statistics import median
from typing import Any

import torch

from benchmark import Masks, Target, Task
from benchmark.cli.output import emit
from benchmark.data.splits import Data
from benchmark.harness.network import build
from benchmark.plugins import registry
from benchmark.training.run_state import RunState
from tests.support.arguments import at_least, carry_out

MODEL = "lenet-300-100"
KEPT = (0.5, 0.4, 0.3, 0.2, 0.1, 0.05, 0.02, 0.01)
STEPS = 256


def trained(task: Task, data: Data, share: float, below: float) -> RunState:
    """A network of which a share of the weights is kept; of its output layer at least a half."""
    state = RunState(
        task, build(task, MODEL, 0), task.recipe("full", MODEL, len(data)), Target(share), data, 0, sparse=below
    )
    draws, last = torch.Generator().manual_seed(0), [*state.weights][-1]
    kept = {name: max(share, 0.5) if name == last else share for name in state.weights}
    state.prune(Masks({n: torch.rand(w.shape, generator=draws) < kept[n] for n, w in state.weights.items()}))
    state.train(STEPS)
    return state


def seconds(state: RunState) -> float:
    """Processor time of some steps."""
    begun = time.process_time()
    state.train(STEPS)
    return time.process_time() - begun


def measured(task: Task, data: Data, share: float, rounds: int) -> dict[str, Any]:
    """A row of the table."""
    dense, sparse = (trained(task, data, share, below) for below in (0.0, 1.0))
    pairs = [(seconds(dense), seconds(sparse)) for _ in range(rounds)]
    return {
        "kept": share,
        "dense, ms": round(1e3 * median(one for one, _ in pairs) / STEPS, 2),
        "sparse, ms": round(1e3 * median(one for _, one in pairs) / STEPS, 2),
        "dense / sparse": round(median(one / other for one, other in pairs), 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-root", type=Path, required=True)
    parser.add_argument("--rounds", type=at_least(1), default=7)
    given = parser.parse_args()
    torch.set_num_threads(1)
    task = registry.task("mnist")
    data = task.source.splits(given.data_root, 0).train
    rows = [measured(task, data, share, given.rounds) for share in KEPT]
    emit("table", {f"a training step of {MODEL}, on one thread": rows}, rows)


if __name__ == "__main__":
    carry_out(main)
