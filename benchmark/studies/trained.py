"""Trained networks as values of points: a point names the network by its digest, its function is given the tensors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from benchmark.data.folders import DataFolders
from benchmark.data.networks import read_network
from benchmark.data.splits import Data
from benchmark.plugins import catalog, registry
from benchmark.results.record import Record
from benchmark.sweep.again import Here
from benchmark.sweep.kept_starts import kept_network
from benchmark.training.evaluation import evaluate
from benchmark.training.state import network_digest, put
from benchmark.training.task import Task


@dataclass(frozen=True)
class Trained:
    """The network of a record, the one that `--start KEY` begins with: a value of points (`Study.networks`).

    In the key of a point, its digest stands for it. Its tensors are made when a point that uses it is drawn, and kept.

    Args:
        digest: SHA-256 of its tensors.
        data_root: the data folder that the user names.
    """

    digest: str
    record: Record = field(compare=False, repr=False)
    data_root: Path | None = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        return self.digest

    @property
    def task(self) -> Task:
        """The task that it was trained for."""
        return registry.task(self.record.cell.task, self.record.cell.task_options)

    def tensors(self) -> Mapping[str, Tensor]:
        """Its parameters and buffers by name, pruned weights zero. Raises ValueError if it is not kept here."""
        file = kept_network(self.record)
        if file is None:
            raise ValueError(f"the network of record {self.record.key[:8]} is not kept on this machine")
        return read_network(file.read_bytes(), file.name)

    def model(self) -> nn.Module:
        """The network, in eval mode."""
        model = self.task.model(self.record.cell.model)()
        put(model, self.tensors())
        return model.eval()

    def test(self) -> Data:
        """The examples that it was tested on. Raises DataMissing if they are not on this machine."""
        cell, source = self.record.cell, self.task.source
        folder = DataFolders(self.data_root).locate(catalog.label(cell.task, cell.task_options), source)
        return source.splits(folder, cell.seed).test

    def measure(self, model: nn.Module) -> dict[str, float]:
        """The metrics of its task for another network, on the same examples."""
        return evaluate(self.task, model, self.test(), torch.device("cpu"))


def trained(record: Record, here: Here) -> Trained:
    """The network of a record as a value. It is made now only if its record has no digest.

    Raises:
        UsageError: the record has no network.
        VerificationFailed: trained again, it differs from its record.
    """
    known = record.network_digest
    return Trained(known or network_digest(here.network(record).tensors()), record, here.data_root)
