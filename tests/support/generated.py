"""Records with made-up scores, for tests of tables and pictures alone; nothing of them is ever shown as a result.

python -m tests.support.generated DIR [--packed] [--algorithms 10 --sparsities 10 --tasks 5 --seeds 20]   # 10,000
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmark.results.cell import Cell
from benchmark.results.pack import pack
from benchmark.results.record import Cost, Density, LayerCount, Ranking, Record
from benchmark.results.store import Store

NAMES = ("imp", "granet", "gmp", "magnitude", "rigl", "grasp", "snip", "synflow", "set", "random", "force", "lamp")
LAYERS = {"conv1.weight": 500, "conv2.weight": 25_000, "fc1.weight": 235_200, "fc2.weight": 30_000, "fc3.weight": 1_000}


def cell(algorithm: str = "imp", seed: int = 0, **changes: Any) -> Cell:
    """A cell of one small table, with some fields changed."""
    given = {"task": "digits", "model": "mlp", "sparsity": 0.9, "budget": "short"}
    return Cell.model_validate({"algorithm": algorithm, "seed": seed} | given | changes)


def ran(of: Cell, score: float, direction: str = "max", *, validation: float | None = None, **cost: float) -> Record:
    """The record of a run that ended with this score."""
    ranking = Ranking.model_validate({"metric": "score", "direction": direction})
    return Record(
        key=of.key,
        cell=of,
        status="ok",
        ranking=ranking,
        metrics={"score": score},
        validation={} if validation is None else {"score": validation},
        cost=Cost.model_validate(cost),
    )


def generated(
    algorithms: Sequence[str] = NAMES[:6],
    sparsities: Sequence[float] = (0.5, 0.8, 0.9, 0.95, 0.98),
    tasks: Sequence[str] = ("first", "second", "third"),
    seeds: int = 3,
    *,
    control: str | None = None,
    draw: int = 0,
) -> Iterator[Record]:
    """A dense row and one for every algorithm and sparsity; later names are worse, and the more so the sparser."""
    rng = np.random.default_rng(draw)
    for place, task in enumerate(tasks):
        for seed in range(seeds):
            shared = rng.normal(0, 0.003)
            top = 0.98 - 0.04 * place
            yield _full(cell("dense", seed, task=task, sparsity=0.0), top + shared, 1.0, 0)
            for rank, name in enumerate(algorithms):
                for sparsity in sparsities:
                    fall = (0.004 + 0.006 * rank) * np.log10(1 - sparsity) ** 2
                    score = top + shared - fall + rng.normal(0, 0.002)
                    yield _full(
                        cell(name, seed, task=task, sparsity=sparsity), score, 16.0 if name == "imp" else 1, rank
                    )
                    if control:
                        of = cell(name, seed, task=task, sparsity=sparsity, options={"control": control})
                        yield _full(of, score - 0.01 * (rank % 2) + rng.normal(0, 0.002), 1.0, rank)


def _full(of: Cell, score: float, trainings: float, rank: int) -> Record:
    share = 1 - of.sparsity
    layers = {}
    for depth, (name, total) in enumerate(LAYERS.items()):
        kept = min(1.0, share * (1 + rank * 0.3 * (depth - 2))) if rank else share
        layers[name] = LayerCount(total=total, kept=max(1, int(total * max(kept, 0.002))), effective=1)
    flops = trainings * 1e12 * (share + 0.02) * (1 + rank / 20)
    return Record(
        key=of.key,
        cell=of,
        status="ok",
        ranking=Ranking(metric="accuracy", direction="max"),
        metrics={"accuracy": round(float(score), 4), "loss": 0.1},
        validation={"accuracy": round(float(score) - 0.002, 4), "loss": 0.1},
        density=Density(weights=share, parameters=share, effective=share),
        layers=layers,
        cost=Cost(trainings=trainings, training_steps=1000, training_flops=flops, seconds=flops / 1e10),
        where={"device": "cpu", "recipe": {"steps": 1000, "batch_size": 128}},
        mask_digest="0" * 64,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    for option, default in {"algorithms": 10, "sparsities": 10, "tasks": 5, "seeds": 20}.items():
        parser.add_argument(f"--{option}", type=int, default=default)
    parser.add_argument("--packed", action="store_true", help="into tables")
    given = parser.parse_args()
    levels = [round(1 - 0.7**power, 4) for power in range(1, given.sparsities + 1)]
    names = [f"task-{place}" for place in range(given.tasks)]
    store = Store(given.folder)
    for record in generated(NAMES[: given.algorithms], levels, names, given.seeds):
        path = store.path(record.cell)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(record.to_bytes())  # without the fsync of Store.put
    if given.packed:
        pack(store, write=True)
