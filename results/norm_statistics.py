"""How many weights SNIP keeps under both statistics of norm layers: `python results/norm_statistics.py`.

For each seed, at initialisation: the share of the weights kept with the statistics of the scored batch that are also
kept with the running ones (`snip:norms=batch` and `norms=running`). Nothing is trained.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmark import Masks, Run, Target, Task, keep_top
from benchmark.cli.output import emit
from benchmark.data.folders import DataFolders
from benchmark.harness.network import build
from benchmark.plugins import registry
from benchmark.scores import sensitivity
from benchmark.training.objective import Norms
from benchmark.training.run_state import RunState


def kept(task: Task, folder: Path, model: str, sparsity: float, seed: int, norms: Norms) -> Masks:
    """SNIP's masks at initialisation, from the first scoring batch."""
    train, target = task.source.splits(folder, seed).train, Target(1 - sparsity)
    run = Run(RunState(task, build(task, model, seed), task.recipe("short", model), target, train, seed))
    return keep_top(sensitivity(run.weights, run.gradients(1, norms=norms)), run.target)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data-root", type=Path)
    parser.add_argument("--task", default="cifar10")
    parser.add_argument("--model", default="resnet-20")
    parser.add_argument("--sparsity", type=float, default=0.9)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--format", choices=["table", "md", "json"], default="table")
    given = parser.parse_args()
    task = registry.task(given.task)
    folder = DataFolders(given.data_root).readable(given.task, task.source)
    rows = []
    for seed in range(given.seeds):
        batch, running = (kept(task, folder, given.model, given.sparsity, seed, n) for n in ("batch", "running"))
        rows.append(
            {"seed": str(seed), "kept": f"{batch.kept:,}", "in both": f"{(batch & running).kept / batch.kept:.3f}"}
        )
    emit(given.format, {f"SNIP on {given.task}/{given.model} at sparsity {given.sparsity:g}": rows}, rows)


if __name__ == "__main__":
    main()
