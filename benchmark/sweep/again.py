"""Answers the cell of a record again, as `bench run` would: in a worker, judged by a referee."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from torch import Tensor, nn

from benchmark.data.folders import DataFolders
from benchmark.data.splits import Data
from benchmark.errors import VerificationFailed
from benchmark.harness.handover import unpacked
from benchmark.harness.prepare import Beginning, begin
from benchmark.harness.question import Settings, Unloaded, question
from benchmark.harness.referee import on_device
from benchmark.harness.rerun import differences, processes_of, sparse_below_of
from benchmark.harness.starts import StartFile
from benchmark.plugins import catalog, registry
from benchmark.pruning.masks import Masks
from benchmark.records.cell import Cell
from benchmark.records.record import Record
from benchmark.records.store import Store
from benchmark.sweep.apart import declaration
from benchmark.sweep.folder import sweep_folder
from benchmark.sweep.kept_starts import keep_network
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
    """A second answer to the cell of a record.

    Args:
        network: None if the run did not end well.
    """

    record: Record
    network: Network | None


@dataclass(frozen=True)
class Here:
    """What cells are answered with on this machine.

    Args:
        store: of the records whose networks are starts.
        data_root: the folder of the data that the user names.
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
    """Train the network of a record again, and keep it for cells that begin with it.

    Raises:
        VerificationFailed: the result differs from the record.
    """
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
        DataMissing: the data set, or the start, is not on this machine, and cannot be downloaded.
        VerificationFailed: it was trained by a number of processes that cannot be.
        PluginError: its steps were sparse, and Numba is not installed.
    """
    cell = record.cell
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
    answers = list[Record]()
    with sweep_folder() as folder:
        store, handover, known = Store(folder / "results"), folder / "handover", {cell.algorithm: algorithm}
        work = Work([cell], settings, store, answers.append, handover=handover, algorithms=known)
        run_in_processes(work, jobs=1)
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
