"""prunebench: the benchmark for neural-network pruning.

Notebooks and scripts run and compare pruners with `evaluate`, `records`, `board` and `plot`. What a plug-in needs is
importable from here, too, `from benchmark import Run, algorithm, keep_top`, and from three modules:

- `benchmark.scores`: what several methods rank weights by;
- `benchmark.schedules`: when to prune and how much;
- `benchmark.graphs`: graphs, their spectra, and edits of their edges.

Everything else in this package is private. Names load on first use, so that importing the package needs no torch.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Doc

    from benchmark import graphs, schedules, scores
    from benchmark.data.dataset import DatasetData
    from benchmark.data.kept import kept
    from benchmark.data.source import DataSource, Download
    from benchmark.data.splits import Batch, Data, Graphless, Splits
    from benchmark.data.tensors import TensorData, carve, carved
    from benchmark.data.unpickling import read_arrays, read_pickle, read_tensors
    from benchmark.data.wheels import fetched
    from benchmark.errors import DataMissing, Inapplicable, PluginError, UsageError, unknown_name
    from benchmark.files import file_lock, user_cache
    from benchmark.leaderboard.figures.panels import panels
    from benchmark.machine import cores
    from benchmark.notebook.evaluate import evaluate
    from benchmark.notebook.frames import board, plot, records
    from benchmark.plugins.algorithm import algorithm
    from benchmark.plugins.options import Absent, Amount, Count, Follows, Fraction, Key, Positive, Share, Sparsity
    from benchmark.plugins.task import task
    from benchmark.pruning.fan_in import FanIn
    from benchmark.pruning.layer_densities import Distribution, allocate, weights_per_layer
    from benchmark.pruning.masks import Masks
    from benchmark.pruning.patterns import Anywhere, Layer, NofM
    from benchmark.pruning.ranking import keep_each, noise
    from benchmark.pruning.regrowth import regrow, sparse_start
    from benchmark.pruning.structured import Blocks, Channels
    from benchmark.pruning.target import Target, keep_top
    from benchmark.pruning.unit_scores import keep_units, norm_scales, unit_means, unit_sums
    from benchmark.studies.experiment import experiment
    from benchmark.studies.findings import Finding, paired, wilson
    from benchmark.studies.frames import by_seed, difference, without_result
    from benchmark.studies.study import Study
    from benchmark.studies.trained import Trained
    from benchmark.training.channel_tracing import cut
    from benchmark.training.from_module import from_module
    from benchmark.training.optimizers import Group
    from benchmark.training.parts import StreamPart
    from benchmark.training.recipe import Recipe, shortened
    from benchmark.training.run import Run
    from benchmark.training.step import Part, Snapshot, Step
    from benchmark.training.stream import Stream, before_last_layer, by_class
    from benchmark.training.task import Task

_HOME = {
    "benchmark.data.dataset": ("DatasetData",),
    "benchmark.data.kept": ("kept",),
    "benchmark.data.source": ("DataSource", "Download"),
    "benchmark.data.splits": ("Batch", "Data", "Graphless", "Splits"),
    "benchmark.data.tensors": ("TensorData", "carve", "carved"),
    "benchmark.data.unpickling": ("read_arrays", "read_pickle", "read_tensors"),
    "benchmark.data.wheels": ("fetched",),
    "benchmark.errors": ("DataMissing", "Inapplicable", "PluginError", "UsageError", "unknown_name"),
    "benchmark.files": ("file_lock", "user_cache"),
    "benchmark.leaderboard.figures.panels": ("panels",),
    "benchmark.machine": ("cores",),
    "benchmark.notebook.evaluate": ("evaluate",),
    "benchmark.notebook.frames": ("board", "plot", "records"),
    "benchmark.plugins.algorithm": ("algorithm",),
    "benchmark.studies.experiment": ("experiment",),
    "benchmark.plugins.options": (
        "Absent",
        "Amount",
        "Count",
        "Follows",
        "Fraction",
        "Key",
        "Positive",
        "Share",
        "Sparsity",
    ),
    "benchmark.plugins.task": ("task",),
    "benchmark.pruning.fan_in": ("FanIn",),
    "benchmark.pruning.layer_densities": ("Distribution", "allocate", "weights_per_layer"),
    "benchmark.pruning.masks": ("Masks",),
    "benchmark.pruning.patterns": ("Anywhere", "Layer", "NofM"),
    "benchmark.pruning.ranking": ("keep_each", "noise"),
    "benchmark.pruning.regrowth": ("regrow", "sparse_start"),
    "benchmark.pruning.structured": ("Blocks", "Channels"),
    "benchmark.pruning.target": ("Target", "keep_top"),
    "benchmark.pruning.unit_scores": ("keep_units", "norm_scales", "unit_means", "unit_sums"),
    "benchmark.studies.findings": ("Finding", "paired", "wilson"),
    "benchmark.studies.frames": ("by_seed", "difference", "without_result"),
    "benchmark.studies.study": ("Study",),
    "benchmark.studies.trained": ("Trained",),
    "benchmark.training.channel_tracing": ("cut",),
    "benchmark.training.from_module": ("from_module",),
    "benchmark.training.optimizers": ("Group",),
    "benchmark.training.parts": ("StreamPart",),
    "benchmark.training.recipe": ("Recipe", "shortened"),
    "benchmark.training.run": ("Run",),
    "benchmark.training.step": ("Part", "Snapshot", "Step"),
    "benchmark.training.stream": ("Stream", "before_last_layer", "by_class"),
    "benchmark.training.task": ("Task",),
    "typing_extensions": ("Doc",),
}
"""The names that `from benchmark import ...` offers, by the module that defines them."""

__all__ = [
    "Absent",
    "Amount",
    "Anywhere",
    "Batch",
    "Blocks",
    "Channels",
    "Count",
    "Data",
    "DataMissing",
    "DataSource",
    "DatasetData",
    "Distribution",
    "Doc",
    "Download",
    "FanIn",
    "Finding",
    "Follows",
    "Fraction",
    "Graphless",
    "Group",
    "Inapplicable",
    "Key",
    "Layer",
    "Masks",
    "NofM",
    "Part",
    "PluginError",
    "Positive",
    "Recipe",
    "Run",
    "Share",
    "Snapshot",
    "Sparsity",
    "Splits",
    "Step",
    "Stream",
    "StreamPart",
    "Study",
    "Target",
    "Task",
    "TensorData",
    "Trained",
    "UsageError",
    "algorithm",
    "allocate",
    "before_last_layer",
    "board",
    "by_class",
    "by_seed",
    "carve",
    "carved",
    "cores",
    "cut",
    "difference",
    "evaluate",
    "experiment",
    "fetched",
    "file_lock",
    "from_module",
    "graphs",
    "keep_each",
    "keep_top",
    "keep_units",
    "kept",
    "noise",
    "norm_scales",
    "paired",
    "panels",
    "plot",
    "read_arrays",
    "read_pickle",
    "read_tensors",
    "records",
    "regrow",
    "schedules",
    "scores",
    "shortened",
    "sparse_start",
    "task",
    "unit_means",
    "unit_sums",
    "unknown_name",
    "user_cache",
    "weights_per_layer",
    "wilson",
    "without_result",
]

if not (Path(__file__).parent / "algorithms").is_dir():  # a checkout: `algorithms/` and `tasks/` lie beside this folder
    __path__.append(str(Path(__file__).parent.parent))


def __getattr__(name: str) -> object:
    for module, names in _HOME.items():
        if name in names:
            return getattr(import_module(module), name)
    if name in __all__:
        return import_module(f"benchmark.{name}")
    raise AttributeError(f"module 'benchmark' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(__all__)
