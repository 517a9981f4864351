"""prunebench: the benchmark for neural-network pruning.

What a plug-in needs is importable from here; names load on first use, so that importing the package needs no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmark.data import Data, Splits, TensorData
    from benchmark.define import algorithm
    from benchmark.masks import Masks
    from benchmark.options import Amount, Count, Fraction, Positive, Share, Sparsity
    from benchmark.run import Run, Snapshot, Step
    from benchmark.target import Target, keep_each, keep_top
    from benchmark.task import Recipe, Task

_HOME = {
    "benchmark.data": ("Data", "Splits", "TensorData"),
    "benchmark.define": ("algorithm",),
    "benchmark.masks": ("Masks",),
    "benchmark.options": ("Amount", "Count", "Fraction", "Positive", "Share", "Sparsity"),
    "benchmark.run": ("Run", "Snapshot", "Step"),
    "benchmark.target": ("Target", "keep_each", "keep_top"),
    "benchmark.task": ("Recipe", "Task"),
}

__all__ = [
    "Amount",
    "Count",
    "Data",
    "Fraction",
    "Masks",
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
    "keep_each",
    "keep_top",
]


def __getattr__(name: str) -> object:
    for module, names in _HOME.items():
        if name in names:
            return getattr(import_module(module), name)
    raise AttributeError(f"module 'benchmark' has no attribute '{name}'")
