"""Graphs in the formats of Platonov et al. (2023) and of Planetoid (Yang et al., 2016), checked as they are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Data as Graph
from torch_geometric.data import download_url
from torch_geometric.datasets import HeterophilousGraphDataset, Planetoid

from benchmark import Download, read_arrays, read_pickle

from ..graphs.checks import check_classes, check_ends, check_finite, check_masks, require
from ..graphs.checksums import CHECKSUMS

VALIDATION = 500
"""Number of nodes for validation in the public splits of Planetoid, which follow those for training."""


@dataclass(frozen=True)
class Source:
    """A graph in the data folder.

    Args:
        read: reads, from the data folder, a graph with x, edge_index, y, num_nodes and the published splits as `masks`:
            bool [3, splits, n], for training, validation and test.
        url: address of the folder with the files.
        outputs: number of outputs of a network: one per class, or 1 for two classes that are scored by ranking.
    """

    read: Callable[[Path], Graph]
    files: tuple[str, ...]
    url: str
    features: int
    outputs: int

    @property
    def checksums(self) -> dict[str, str]:
        """The known checksums, by file."""
        return {file: CHECKSUMS[Path(file).name] for file in self.files if Path(file).name in CHECKSUMS}

    @property
    def downloads(self) -> tuple[Download, ...]:
        """The files with known checksums; none needs unpacking."""
        return tuple(Download(f"{self.url}/{Path(file).name}", file, sha) for file, sha in self.checksums.items())

    def fetch(self, folder: Path) -> None:
        """Download the files."""
        for file in self.files:
            download_url(f"{self.url}/{Path(file).name}", str((folder / file).parent), log=False)


# --- ten splits in an npz file ----------------------------------------------------------------------------------------

ARRAYS = ("node_features", "node_labels", "edges", "train_masks", "val_masks", "test_masks")


def heterophilous(name: str, features: int, classes: int, *, ranks: bool = False) -> Source:
    """Return a graph with ten splits in the format of Platonov et al. (2023), `heterophilous/<name>/raw/<name>.npz`."""
    file = f"heterophilous/{name}/raw/{name}.npz"

    def read(folder: Path) -> Graph:
        graph = _graph_of(str(folder / file), read_arrays(folder / file))
        _check(str(folder / file), graph, features, classes)
        return graph

    return Source(read, (file,), HeterophilousGraphDataset.url, features, 1 if ranks else classes)


def _graph_of(where: str, arrays: Mapping[str, Any]) -> Graph:
    lacking = [name for name in ARRAYS if name not in arrays]
    require(not lacking, f"{where} lacks the arrays {', '.join(lacking)}")
    numbers = all(arrays[name].dtype.kind in "biuf" for name in ARRAYS)
    require(numbers, f"{where} holds arrays of other than numbers")
    x, y, edges, *masks = (torch.from_numpy(arrays[name]) for name in ARRAYS)
    require(x.dim() == 2 and y.dim() == 1 and edges.shape[1:] == (2,), f"{where} holds arrays of other shapes")
    require(len({mask.shape for mask in masks}) == 1, f"{where}: masks of splits differ in shape")
    check_ends(f"edges of {where}", edges, len(y))
    check_classes(where, y, int(y.max()) + 1 if len(y) else 1)
    return Graph(x=x.float(), edge_index=edges.t().long(), y=y.long(), masks=torch.stack(masks), num_nodes=len(y))


def _check(where: str, graph: Graph, features: int, classes: int) -> None:
    """Check that a graph is one of a task. Raises ValueError, in numbers of nodes and features."""
    nodes, width = graph.x.shape
    require(nodes == len(graph.y), f"{where}: features of {nodes:,} nodes, {len(graph.y):,} labels")
    require(width == features, f"{where}: {width:,} features of a node; the published graph has {features:,}")
    check_finite(f"features of {where}", graph.x)
    check_classes(where, graph.y, classes)
    check_masks(where, graph.masks, nodes)


# --- the public split in eight files ----------------------------------------------------------------------------------


def planetoid(name: str, features: int, classes: int) -> Source:
    """Return a citation graph with its public split (Yang et al., 2016). Features of a node are scaled to sum to 1."""
    parts = ("x", "tx", "allx", "y", "ty", "ally", "graph", "test.index")
    files = tuple(f"planetoid/{name}/raw/ind.{name.lower()}.{part}" for part in parts)

    def read(folder: Path) -> Graph:
        *tables, graph, places = (folder / file for file in files)
        where = str(folder / files[0]).removesuffix(".x")
        x, tx, allx, y, ty, ally = (_table(file) for file in tables)
        test, ends = _places(places), _ends(graph)
        for one, other, what in ((x, y, "x"), (tx, ty, "tx"), (allx, ally, "allx"), (tx, test, "tx")):
            require(len(one) == len(other), f"{where}.{what}: {len(one):,} nodes, {len(other):,} labels or places")
        require({len(t[0]) for t in (y, ty, ally)} == {classes}, f"{where}: labels of other than {classes} classes")
        unique = len(set(test.tolist())) == len(test) and int(test.min()) >= len(allx)
        require(unique, f"{places}: a node is there twice, or among the {len(allx):,} others")
        require(len(x) + VALIDATION <= len(allx), f"{where}.allx: {len(allx):,} nodes are too few")
        require(bool((torch.cat([ty, ally]).sum(dim=1) == 1).all()), f"{where}: a node without a single class")
        nodes = int(test.max()) + 1
        check_ends(f"edges of {graph}", ends.t(), nodes)
        found = Graph(
            x=_placed(allx, tx, test, nodes),
            edge_index=ends,
            y=_placed(ally, ty, test, nodes).argmax(dim=1),
            masks=_public(len(x), test, nodes),
            num_nodes=nodes,
        )
        _check(where, found, features, classes)
        found.x = found.x / found.x.sum(dim=1, keepdim=True).clamp_min(1)
        return found

    return Source(read, files, Planetoid.url, features, classes)


def _table(file: Path) -> Tensor:
    """Read a matrix, dense or sparse, as float32 [n, columns]."""
    matrix = read_pickle(file, encoding="latin1")
    dense = np.asarray(matrix.todense() if hasattr(matrix, "todense") else matrix)
    require(dense.ndim == 2 and len(dense) > 0 and dense.dtype.kind in "biuf", f"{file} is no matrix of numbers")
    return torch.from_numpy(dense).float()


def _places(file: Path) -> Tensor:
    """Read the numbers of the test nodes, a line each, int64 [n]."""
    lines = file.read_text().split()
    require(bool(lines) and all(line.isascii() and line.isdigit() for line in lines), f"{file} is no list of nodes")
    return torch.tensor([int(line) for line in lines])


def _ends(file: Path) -> Tensor:
    """Read the edges from lists of neighbours, int64 [2, e]."""
    lists = read_pickle(file, encoding="latin1")
    whole = isinstance(lists, dict) and all(isinstance(near, list) for near in lists.values())
    require(whole, f"{file} holds no lists of neighbours")
    ends = list(chain(lists, *lists.values()))
    require(all(type(end) is int for end in ends), f"{file} holds neighbours that are no numbers of nodes")
    starts = list(chain.from_iterable(repeat(node, len(near)) for node, near in lists.items()))
    return torch.tensor([starts, ends[len(lists) :]])


def _placed(first: Tensor, others: Tensor, places: Tensor, nodes: int) -> Tensor:
    """Join rows: `first` at the beginning, `others` at their places, and zeros for isolated nodes (of CiteSeer)."""
    rows = first.new_zeros(nodes, first.shape[1])
    rows[: len(first)], rows[places] = first, others
    return rows


def _public(training: int, test: Tensor, nodes: int) -> Tensor:
    """Return the public split, bool [3, 1, nodes]: the first nodes, the 500 after them, and the test nodes."""
    masks = torch.zeros(3, 1, nodes, dtype=torch.bool)
    masks[0, 0, :training] = masks[1, 0, training : training + VALIDATION] = masks[2, 0, test] = True
    return masks
