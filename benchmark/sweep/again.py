"""Answers the cell of a record again, as `bench run` would: in a worker, judged by a referee."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from torch import nn

from benchmark.data.folders import DataFolders
from benchmark.data.splits import Data
from benchmark.harness.handover import unpacked
from benchmark.harness.prepare import Beginning, begin
from benchmark.harness.question import Settings, Unloaded, question
from benchmark.harness.referee import on_device
from benchmark.plugins import catalog, registry
from benchmark.pruning.masks import Masks
from benchmark.records.record import Record
from benchmark.records.store import Store
from benchmark.sweep.apart import declaration
from benchmark.sweep.folder import sweep_folder
from benchmark.sweep.workers import run_in_processes
from benchmark.training.state import put


@dataclass(frozen=True)
class Network:
    """The network of a record, with the pruned weights zero, and some examples of its training data."""

    model: nn.Module
    masks: Masks
    beginning: Beginning
    train: Data


@dataclass(frozen=True)
class Again:
    """A second answer to the cell of a record.

    Args:
        network: None if the run did not end well.
    """

    record: Record
    network: Network | None


def answered_again(record: Record, device: str, data_root: Path | None) -> Again:
    """Train a record's cell again.

    Raises:
        DataMissing: the data set is not on this machine, and cannot be downloaded.
    """
    cell = record.cell
    label = catalog.label(cell.task, cell.task_options)
    data = DataFolders(data_root).readable(label, registry.task(cell.task, cell.task_options).source)
    settings, answers = Settings({cell.setting: data}, device), list[Record]()
    algorithm = declaration(cell.algorithm)
    with sweep_folder() as folder:
        store, handover, known = Store(folder / "results"), folder / "handover", {cell.algorithm: algorithm}
        run_in_processes([cell], settings, store, 1, answers.append, handover=handover, algorithms=known)
        well = answers[0].status == "ok"
        network = _network(record, settings, algorithm, handover.read_bytes()) if well else None
    return Again(answers[0], network)


def _network(record: Record, settings: Settings, algorithm: Unloaded, handover: bytes) -> Network:
    asked = question(record.cell, settings, algorithm)
    train = asked.task.source.splits(asked.folder, record.cell.seed).train
    beginning, left = begin(asked, train), unpacked(handover)
    put(beginning.model, on_device(left.state, beginning.model))
    masks = Masks({name: mask.to(asked.device) for name, mask in left.masks.items()})
    return Network(beginning.model, masks, beginning, train)
