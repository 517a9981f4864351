"""prunebench: the benchmark for neural-network pruning.

What a plug-in needs is importable from here; names load on first use, so that importing the package needs no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmark.data import Data, Splits, TensorData, carve
    from benchmark.define import algorithm
    from benchmark.errors import Inapplicable
    from benchmark.masks import Masks
    from benchmark.options import Amount, Count, Fraction, Positive, Share, Sparsity
    from benchmark.patterns import Anywhere
    from benchmark.run import Part, Run, Snapshot, Step
    from benchmark.selection import keep_each, noise
    from benchmark.target import Target, keep_top
    from benchmark.task import Recipe, Task

_HOME = {
    "benchmark.data": ("Data", "Splits", "TensorData", "carve"),
    "benchmark.define": ("algorithm",),
    "benchmark.errors": ("Inapplicable",),
    "benchmark.masks": ("Masks",),
    "benchmark.options": ("Amount", "Count", "Fraction", "Positive", "Share", "Sparsity"),
    "benchmark.patterns": ("Anywhere",),
    "benchmark.run": ("Part", "Run", "Snapshot", "Step"),
    "benchmark.selection": ("keep_each", "noise"),
    "benchmark.target": ("Target", "keep_top"),
    "benchmark.task": ("Recipe", "Task"),
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
]


def __getattr__(name: str) -> object:
    for module, names in _HOME.items():
        if name in names:
            return getattr(import_module(module), name)
    raise AttributeError(f"module 'benchmark' has no attribute '{name}'")
