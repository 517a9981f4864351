"""Text files of TU Dortmund's collection of graphs (Morris et al., 2020), and ten folds of them by seed.

The format is that of torch-geometric's `read_tu_data`. Files are read here by numpy, which is faster by far and takes
no gigabytes for the larger sets, and checked: a file whose nodes are not in the order of their graphs would be cut in
the wrong places.
"""

from __future__ import annotations

import shutil
import warnings
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold
from torch import Tensor
from torch.nn import functional as F
from torch_geometric.data import Data as Graph
from torch_geometric.data import download_url
from torch_geometric.datasets import TUDataset

from benchmark import DataSource, Splits

from ..graphs.checks import require
from ..graphs.data import GraphData

FOLDS = 10
DEGREES = 128
"""Columns of a degree that is one-hot; larger ones share the last."""

Features = Literal["label", "degree", "one"]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Source:
    """A data set of the collection.

    Args:
        name: of its folder in `TUDataset/`, and of its files.
        graphs: number of graphs.
        classes: number of classes.
        features: what a node is described by: its label, one-hot; its degree, one-hot; or 1, the same for all nodes.
        labels: number of different labels of nodes.
    """

    name: str
    graphs: int
    classes: int
    features: Features
    labels: int = 0

    @property
    def width(self) -> int:
        """The number of features of a node."""
        return {"label": self.labels, "degree": DEGREES, "one": 1}[self.features]

    @property
    def data(self) -> DataSource:
        """The files that are read. There are no published checksums of them."""
        return DataSource(self.load, files=self._files, fetch=self._fetch, split_of_seed=self.split)

    @property
    def _files(self) -> tuple[str, ...]:
        parts = ["A", "graph_indicator", "graph_labels", *(["node_labels"] if self.features == "label" else [])]
        return tuple(f"TUDataset/{self.name}/raw/{self.name}_{part}.txt" for part in parts)

    def _fetch(self, folder: Path) -> None:
        """Download the archive and unpack its files."""
        place = folder / "TUDataset" / self.name
        archive = Path(download_url(f"{TUDataset.url}/{self.name}.zip", str(place), log=False))
        shutil.unpack_archive(archive, place, format="zip")
        (place / self.name).rename(place / "raw")
        archive.unlink()

    def load(self, folder: Path) -> Splits:
        """The splits of seed 0."""
        return self.split(folder, 0)

    def split(self, folder: Path, seed: int) -> Splits:
        """Ten folds, stratified by class: one of them is the test split, the next one validation.

        The folds are the same for all seeds, and a seed chooses among them.
        """
        data = self.read(folder)
        classes = data.values["y"].numpy()
        folds = [fold for _, fold in StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(classes, classes)]
        test, validation = folds[seed % FOLDS], folds[(seed + 1) % FOLDS]
        train = np.setdiff1d(np.arange(len(classes)), np.concatenate([test, validation]))
        return Splits(*(data.select(torch.from_numpy(np.sort(part))) for part in (train, validation, test)))

    def read(self, folder: Path) -> GraphData:
        """All graphs. Raises ValueError, with the folder, if the parts do not belong together."""
        ends, owner, classes, *labels = (_numbers(folder / file) for file in self._files)
        where = str((folder / self._files[0]).parent)
        sizes = self._check(where, ends, owner.ravel(), classes)
        x, y = self._features(where, ends, len(owner), labels), np.unique(classes, return_inverse=True)[1].ravel()
        begins = np.concatenate([[0], sizes.cumsum()])
        ends = ends[np.argsort(ends[:, 0], kind="stable")] - 1
        cuts = np.searchsorted(ends[:, 0], begins)
        graphs = [
            Graph(
                x=x[begin:end],
                edge_index=torch.from_numpy((ends[first:last] - begin).T.copy()),
                y=torch.tensor([int(label)]),
                num_nodes=int(end - begin),
            )
            for (begin, end), (first, last), label in zip(pairwise(begins), pairwise(cuts), y, strict=True)
        ]
        return GraphData.of(graphs, target="graph", portion=200)

    def _check(self, where: str, ends: Integers, owner: Integers, classes: Integers) -> Integers:
        """Check that nodes, edges and classes belong to the graphs that were published; return the sizes of these."""
        nodes, kinds = len(owner), len(np.unique(classes))
        require(ends.shape[1] == 2, f"{where}: edges are not pairs of nodes")
        require(bool(((ends >= 1) & (ends <= nodes)).all()), f"{where}: edges name nodes that are not there")
        require(bool((np.diff(owner) >= 0).all()), f"{where}: nodes are not in the order of their graphs")
        require(bool((owner[ends[:, 0] - 1] == owner[ends[:, 1] - 1]).all()), f"{where}: edges join two graphs")
        numbers, sizes = np.unique(owner, return_counts=True)
        told = f"{where}: {len(numbers):,} graphs and {len(classes):,} classes of graphs; published are {self.graphs:,}"
        require(len(classes) == self.graphs and numbers.tolist() == list(range(1, self.graphs + 1)), told)
        require(kinds == self.classes, f"{where}: {kinds} different classes; published are {self.classes}")
        return sizes

    def _features(self, where: str, ends: Integers, nodes: int, labels: list[Integers]) -> Tensor:
        """The features of all nodes, uint8 [nodes, width]."""
        if self.features == "one":
            return torch.ones(nodes, 1, dtype=torch.uint8)
        if self.features == "degree":
            codes = np.bincount(ends[:, 0] - 1, minlength=nodes).clip(max=DEGREES - 1)
        else:
            require(len(labels[0]) == nodes, f"{where}: {nodes:,} nodes, {len(labels[0]):,} labels of nodes")
            kinds, codes = np.unique(labels[0], return_inverse=True)
            require(len(kinds) == self.labels, f"{where}: {len(kinds)} labels of nodes; published are {self.labels}")
        return F.one_hot(torch.from_numpy(codes.ravel()).long(), self.width).to(torch.uint8)


def _numbers(file: Path) -> Integers:
    """The whole numbers of a file, [rows, columns]. Raises ValueError if it holds anything else."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # numpy warns of an empty file
        try:
            return np.loadtxt(file, np.int64, delimiter=",", ndmin=2, comments=None, encoding="utf-8")
        except (ValueError, UserWarning) as error:
            raise ValueError(f"{file}: {error}") from error
