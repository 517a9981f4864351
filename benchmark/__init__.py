"""prunebench: the benchmark for neural-network pruning.

What a plug-in needs is importable from here; names load on first use, so that importing the package needs no torch.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmark.data.splits import Data, Splits
    from benchmark.data.tensors import TensorData, carve
    from benchmark.errors import Inapplicable
    from benchmark.plugins.algorithm import algorithm
    from benchmark.plugins.options import Amount, Count, Fraction, Positive, Share, Sparsity
    from benchmark.plugins.task import task
    from benchmark.pruning.masks import Masks
    from benchmark.pruning.patterns import Anywhere
    from benchmark.pruning.ranking import keep_each, noise
    from benchmark.pruning.target import Target, keep_top
    from benchmark.training.recipe import Recipe
    from benchmark.training.run import Run
    from benchmark.training.step import Part, Snapshot, Step
    from benchmark.training.task import Task

_HOME = {
    "benchmark.data.splits": ("Data", "Splits"),
    "benchmark.data.tensors": ("TensorData", "carve"),
    "benchmark.errors": ("Inapplicable",),
    "benchmark.plugins.algorithm": ("algorithm",),
    "benchmark.plugins.options": ("Amount", "Count", "Fraction", "Positive", "Share", "Sparsity"),
    "benchmark.plugins.task": ("task",),
    "benchmark.pruning.masks": ("Masks",),
    "benchmark.pruning.patterns": ("Anywhere",),
    "benchmark.pruning.ranking": ("keep_each", "noise"),
    "benchmark.pruning.target": ("Target", "keep_top"),
    "benchmark.training.recipe": ("Recipe",),
    "benchmark.training.run": ("Run",),
    "benchmark.training.step": ("Part", "Snapshot", "Step"),
    "benchmark.training.task": ("Task",),
}

__all__ = [
    "Amount",
    "Anywhere",
    "Count",
    "Data",
    "Fraction",
    "Inapplicable",
    "Masks",
    "Part",
    "Positive",
    "Recipe",
    "Run",
    "Share",
    "Snapshot",
    "Sparsity",
    "Splits",
    "Step",
    "Target",
    "Task",
    "TensorData",
    "algorithm",
    "carve",
    "keep_each",
    "keep_top",
    "noise",
    "task",
]

if not (Path(__file__).parent / "algorithms").is_dir():  # a checkout: `algorithms/` and `tasks/` lie beside this folder
    __path__.append(str(Path(__file__).parent.parent))


def __getattr__(name: str) -> object:
    for module, names in _HOME.items():
        if name in names:
            return getattr(import_module(module), name)
    raise AttributeError(f"module 'benchmark' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(__all__)
