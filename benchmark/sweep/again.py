"""Runs the cell of a record again, as `bench run` would: in a worker, judged by a referee."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from torch import Tensor, nn

from benchmark.data.folders import DataFolders
from benchmark.data.networks import read_network
from benchmark.data.splits import Data
from benchmark.errors import UsageError, VerificationFailed
from benchmark.harness.handover import unpacked
from benchmark.harness.prepare import Beginning, begin
from benchmark.harness.question import Question, Settings, Unloaded, question
from benchmark.harness.referee import on_device
from benchmark.harness.report import arrays
from benchmark.harness.rerun import differences, processes_of, sparse_below_of
from benchmark.harness.starts import StartFile
from benchmark.plugins import catalog, registry
from benchmark.plugins.sources import VARIABLE
from benchmark.pruning.masks import Masks
from benchmark.results.cell import Cell
from benchmark.results.mask_files import digest
from benchmark.results.record import Record
from benchmark.results.store import Store
from benchmark.sweep.apart import declaration
from benchmark.sweep.folder import sweep_folder
from benchmark.sweep.kept_starts import keep_network, kept_network
from benchmark.sweep.sources import Sources
from benchmark.sweep.starts import Files, Starts
from benchmark.sweep.work import Work
from benchmark.sweep.workers import run_in_processes
from benchmark.training.state import put, tensors
from benchmark.training.task import Task


@dataclass(frozen=True)
class Network:
    """The network of a record, with the pruned weights zero, and some examples of its training data."""

    model: nn.Module
    masks: Masks
    beginning: Beginning
    train: Data


@dataclass(frozen=True)
class Again:
    """The result of running the cell of a record a second time.

    Args:
        network: None if the run was not successful.
    """

    record: Record
    network: Network | None


@dataclass(frozen=True)
class Here:
    """What cells are run with on this machine.

    Args:
        store: the store of the records whose networks are starts.
        data_root: the data folder that the user names.
    """

    store: Store
    device: str = "cpu"
    data_root: Path | None = None

    def starts(self, cells: Iterable[Cell], tasks: Mapping[str, Task]) -> Files:
        """The files of the starts of cells. Raises what `Starts.files` does."""
        return self._starts.files(cells, tasks)

    def network(self, record: Record) -> StartFile:
        """The network of a record as `--start` begins with it: as it is kept, or trained again.

        Raises:
            UsageError: the record has no network.
            VerificationFailed: the network cannot be made again, or its kept file was changed.
        """
        return self._starts.of_record(record)

    @property
    def _starts(self) -> Starts:
        return Starts(self.store, DataFolders(self.data_root), self._trained)

    def _trained(self, record: Record) -> dict[str, Tensor]:
        cpu = record.provenance.get("device") == "cpu"  # elsewhere it has other bits
        return tensors(network_of(record, replace(self, device="cpu") if cpu else self).model)


def network_of(record: Record, here: Here) -> Network:
    """The network of a record as it is kept on this machine; else it is trained again, and kept.

    Raises:
        VerificationFailed: the result differs from the record, or its kept file was changed.
    """
    if kept := _kept(record, here):
        return kept
    second = answered_again(record, here)
    differs = differences(record, second.record)
    if second.network is None or differs:
        raise VerificationFailed(
            f"trained again, record {record.key[:8]} has {'; '.join(differs)}. Nothing is written. "
            f"It was made with torch {record.provenance.get('torch')} on {record.provenance.get('processor')}"
        )
    keep_network(record, tensors(second.network.model))
    return second.network


def answered_again(record: Record, here: Here) -> Again:
    """Train a record's cell again.

    Raises:
        UsageError: its algorithm or task is not here.
        DataMissing: the data set, or the start, is not on this machine, and cannot be downloaded.
        VerificationFailed: it was trained by a number of processes that cannot be.
        PluginError: its steps were sparse, and Numba is not installed.
    """
    cell = record.cell
    settings, algorithm = _settings(record, here)
    answers = list[Record]()
    with sweep_folder() as folder:
        store, handover, known = Store(folder / "results"), folder / "handover", {cell.algorithm: algorithm}
        work = Work([cell], settings, store, answers.append, handover=handover, algorithms=known)
        run_in_processes(work, jobs=1)
        left = unpacked(handover.read_bytes()) if answers[0].status == "ok" else None
    network = _network(question(cell, settings, algorithm), left.state, left.masks) if left else None
    return Again(answers[0], network)


def _settings(record: Record, here: Here) -> tuple[Settings, Unloaded]:
    """The settings for running the cell of a record, and its algorithm. Raises what `answered_again` does."""
    cell = record.cell
    _require_files(record)
    label = catalog.label(cell.task, cell.task_options)
    task = registry.task(cell.task, cell.task_options)
    data = DataFolders(here.data_root).readable(label, task.source)
    starts = here.starts([cell], {cell.setting: task})
    algorithm = declaration(cell.algorithm)
    found = Sources(here.store).files([cell], {cell.algorithm: algorithm})
    settings = Settings(
        {cell.setting: data},
        here.device,
        starts=starts,
        found=found,
        processes=processes_of(record),
        sparse_below=sparse_below_of(record),
    )
    return settings, algorithm


def _require_files(record: Record) -> None:
    """Raise UsageError if the algorithm or task of a record was in a user's file that is not known now."""
    kinds: tuple[Literal["algorithm", "task"], ...] = ("algorithm", "task")
    for kind in kinds:
        name: str = getattr(record.cell, kind)
        files = [origin for origin in record.origins(kind) if origin.endswith(".py")]
        if files and not all(catalog.found(kind, part) for part in name.split("+")):
            known = f"{VARIABLE}={os.pathsep.join(f'./{file}' for file in files)}"
            raise UsageError(f"{kind} '{name}' of record {record.key[:8]} was in a file; say where it is: {known}")


def _kept(record: Record, here: Here) -> Network | None:
    """The network of a record from its file on this machine; None if no file matches the digests in the record."""
    file = kept_network(record) if record.network_digest else None
    if file is None:
        return None
    state = read_network(file.read_bytes(), file.name)
    masks = Masks({name: state[name] != 0 for name in record.layers})
    if digest(arrays(masks)) != record.mask_digest:  # a weight that is kept is 0
        return None
    return _network(question(record.cell, *_settings(record, here)), state, masks)


def _network(asked: Question, state: Mapping[str, Tensor], masks: Mapping[str, Tensor]) -> Network:
    train = asked.task.source.splits(asked.folder, asked.cell.seed).train
    beginning = begin(asked, train)
    put(beginning.model, on_device(state, beginning.model))
    return Network(
        beginning.model, Masks({name: mask.to(asked.device) for name, mask in masks.items()}), beginning, train
    )
