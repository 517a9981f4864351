"""The files of the long-range graph benchmark (Dwivedi et al., 2022): read, checked, encoded and kept in a cache."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch
from threadpoolctl import threadpool_limits
from torch import Tensor
from torch_geometric.data import Data as Graph
from torch_geometric.data import download_url
from torch_geometric.datasets import LRGBDataset

from benchmark import Splits, kept, read_pickle, read_tensors

from ..graphs.checks import check_classes, check_ends, check_finite, require
from ..graphs.data import GraphData
from ..graphs.models import ATOMS, BONDS
from ._positions import ENCODINGS

Kind = Literal["atoms", "pixels"]
FORMAT = 2
"""Version of the cache files, to be increased when their contents change."""

COCO = torch.tensor([number for number in range(91) if number not in {12, 26, 29, 30, 45, 66, 68, 69, 71, 83}])
"""The numbers of COCO's 81 classes, which are not consecutive."""


@dataclass(frozen=True)
class Source:
    """A data set of the benchmark.

    Args:
        name: name of its folder in `lrgb/`.
        kind: what its nodes are: atoms of a molecule, or superpixels of an image.
        target: what a label belongs to: node, graph or pair.
        outputs: number of outputs of the network; 0 for its width.
        training: number of training graphs.
        graphs: number of all graphs.
    """

    name: str
    kind: Kind
    target: Literal["node", "graph", "pair"]
    outputs: int
    training: int
    graphs: int

    @property
    def files(self) -> tuple[str, ...]:
        """Paths of the published splits, relative to the data folder."""
        ending = "pt" if self.kind == "atoms" else "pickle"
        return tuple(f"lrgb/{self.name}/raw/{split}.{ending}" for split in ("train", "val", "test"))

    def fetch(self, folder: Path) -> None:
        """Download the archive and unpack its files."""
        place = folder / "lrgb" / self.name
        archive = download_url(LRGBDataset.urls[self.name], str(place), log=False)
        shutil.unpack_archive(archive, place, format="zip")
        (place / LRGBDataset.dwnld_file_name[self.name]).rename(place / "raw")
        Path(archive).unlink()


def load(source: Source, encodings: tuple[str, ...], folder: Path) -> Splits:
    """Load the published splits. They are encoded once and cached, since encoding takes minutes."""
    files = [folder / file for file in source.files]
    name = f"processed/{source.name}-{_key(files, encodings)}"
    stored = kept(name, partial(_encoded, source, encodings, files))
    splits = [GraphData(values, per, ptr, portion=100) for values, per, ptr in stored]
    return Splits(*(_standardised(data, splits[0]) for data in splits) if source.kind == "pixels" else splits)


def load_published(source: Source, encodings: tuple[str, ...], folder: Path) -> Splits:
    """`load`, for the whole data set. Raises ValueError if there are more or fewer graphs than were published."""
    splits = load(source, encodings, folder)
    train, *others = (len(part) for part in (splits.train, splits.validation, splits.test))
    found, expected = (train, sum(others)), (source.training, source.graphs - source.training)
    told = "{}: {:,} graphs for training and {:,} others; published are {:,} and {:,}"
    require(found == expected, told.format(folder / source.files[0], *found, *expected))
    return splits


def _encoded(source: Source, encodings: tuple[str, ...], files: list[Path]) -> Any:
    """Read and encode the splits."""
    with threadpool_limits(1):  # more threads slow down matrices this small
        return [_plain(read(source, encodings, file)) for file in files]


def _key(files: list[Path], encodings: tuple[str, ...]) -> str:
    """Return a key of the format, the encodings, and the files' names, sizes and modification times."""
    stats = [(str(file.resolve()), file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    return hashlib.sha256(repr((FORMAT, encodings, stats)).encode()).hexdigest()[:16]


def _plain(data: GraphData) -> tuple[dict[str, Tensor], dict[str, str], dict[str, Tensor]]:
    return dict(data.values), dict(data.per), dict(data.ptr)


def read(source: Source, encodings: tuple[str, ...], file: Path) -> GraphData:
    """Read one split from its file of tuples. Raises ValueError, with the number of the graph, if one is not whole."""
    rows = read_tensors(file) if source.kind == "atoms" else read_pickle(file)
    require(isinstance(rows, list | tuple) and len(rows) > 0, f"{file} holds no list of graphs")
    graphs = []
    for number, row in enumerate(rows):
        try:
            graph = _graph(source, row)
        except (ValueError, TypeError, IndexError) as error:
            raise ValueError(f"{file}: graph {number:,}: {error}") from error
        for name in encodings:
            graph[name] = ENCODINGS[name](graph.edge_index, graph.num_nodes)
        graphs.append(graph)
    return GraphData.of(graphs, target=source.target)


def _graph(source: Source, row: tuple[Any, ...]) -> Graph:
    wanted = 5 if source.target == "pair" else 4
    require(isinstance(row, list | tuple) and len(row) == wanted, f"it has other than {wanted} parts")
    x, edge_attr, edge_index, *rest = map(torch.as_tensor, row)
    require(edge_index.dim() == 2 and len(edge_index) == 2, "its edges are not [2, e]")
    check_ends("edges", edge_index.t(), len(x))
    require(
        len(edge_attr) == edge_index.shape[1], f"{edge_index.shape[1]:,} edges, {len(edge_attr):,} features of edges"
    )
    if source.kind == "atoms":
        _check_codes("features of atoms", x, ATOMS)
        _check_codes("features of bonds", edge_attr, BONDS)
        x, edge_attr = x.to(torch.uint8), edge_attr.to(torch.uint8)  # values are small: an eighth of the memory
    else:
        x, edge_attr = x.float(), edge_attr.float()
        require((x.shape[1:], edge_attr.shape[1:]) == ((14,), (2,)), "it has other than 14 and 2 features")
    graph = Graph(x=x, edge_index=edge_index, edge_attr=edge_attr, num_nodes=len(x))
    if source.target == "pair":
        graph.pair_index, graph.y = rest
        require(graph.pair_index.shape == (2, len(graph.y)), "its pairs and their labels differ in number")
        check_ends("pairs", graph.pair_index.t(), len(x))
        check_classes("pairs", graph.y.long(), 2)
    elif source.target == "graph":
        graph.y = rest[0]
        require(
            graph.y.shape == (1, source.outputs), f"its labels are {tuple(graph.y.shape)}, not (1, {source.outputs})"
        )
        check_finite("its labels", graph.y)
    else:
        graph.y = _consecutive(rest[0].long()) if source.name == "coco-sp" else rest[0].long()
        require(len(graph.y) == len(x), f"{len(x):,} nodes, {len(graph.y):,} labels")
        check_classes("nodes", graph.y, source.outputs)
    return graph


def _consecutive(labels: Tensor) -> Tensor:
    require(bool(torch.isin(labels, COCO).all()), "it has labels that are none of COCO's classes")
    return torch.searchsorted(COCO, labels)


def _check_codes(what: str, codes: Tensor, sizes: tuple[int, ...]) -> None:
    """Check that every column of codes, [n, columns], numbers the entries of a table of its size."""
    shape = codes.dim() == 2 and codes.shape[1] == len(sizes) and not codes.is_floating_point()
    require(shape, f"{what} are {codes.dtype} {tuple(codes.shape)}, not integers in {len(sizes)} columns")
    require(bool(((codes >= 0) & (codes < torch.tensor(sizes))).all()), f"{what} have a value that is none of theirs")


def _standardised(data: GraphData, train: GraphData) -> GraphData:
    """Scale features of nodes and edges to mean 0 and standard deviation 1 over the training set."""
    values = dict(data.values)
    for name in ("x", "edge_attr"):
        known = train.values[name]
        values[name] = (values[name] - known.mean(dim=0)) / known.std(dim=0).clamp_min(1e-8)
    return replace(data, values=values)
