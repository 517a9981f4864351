"""The long-range graph benchmark: the original protocol (Dwivedi et al., 2022) and the one of Tönshoff et al. (2023).

Networks may have 500,000 parameters; the original ones exceed that by up to 27,000. The original protocol halves the
rate when validation stalls. Here nothing is validated during training, so the rate follows a cosine instead.
"""

from __future__ import annotations

import hashlib
import math
import os
import pickle
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch
from threadpoolctl import threadpool_limits
from torch import Tensor, nn
from torch.nn import functional as F
from torch_geometric.data import Data as Graph
from torch_geometric.datasets import LRGBDataset

from benchmark import DataSource, Recipe, Splits, Task, user_cache

from ..graphs.data import GraphData
from ..graphs.diagnosis import diagnose
from ..graphs.models import (
    ATOMS,
    BONDS,
    GCN,
    HEADS,
    LAYERS,
    POSITIONS,
    Embeddings,
    GraphNet,
    Head,
    Normed,
    Positions,
    unchanged,
)
from ..images._models import scaled
from ._positions import ENCODINGS

Protocol = Literal["tonshoff", "dwivedi"]
Kind = Literal["atoms", "pixels"]
FORMAT = 1
"""Version of the cache files, to be increased when their contents change."""

COCO = torch.tensor([number for number in range(91) if number not in {12, 26, 29, 30, 45, 66, 68, 69, 71, 83}])
"""The numbers of COCO's 81 classes, which are not consecutive."""


@dataclass(frozen=True)
class Shape:
    """The shape of a network: layers, width, layers of the head, dropout and positional encoding (empty for none)."""

    layers: int
    width: int
    head: int
    dropout: float = 0.0
    positions: Literal["", "rwse", "lappe"] = ""


@dataclass(frozen=True)
class Source:
    """A data set of the benchmark.

    Args:
        name: name of its folder in `lrgb/`.
        kind: what its nodes are: atoms of a molecule, or superpixels of an image.
        target: what a label belongs to: node, graph or pair.
        outputs: number of outputs of the network; 0 for its width.
        training: number of training graphs.
    """

    name: str
    kind: Kind
    target: Literal["node", "graph", "pair"]
    outputs: int
    training: int

    @property
    def files(self) -> tuple[str, ...]:
        """Paths of the published splits, relative to the data folder."""
        ending = "pt" if self.kind == "atoms" else "pickle"
        return tuple(f"lrgb/{self.name}/raw/{split}.{ending}" for split in ("train", "val", "test"))

    def fetch(self, folder: Path) -> None:
        """Download the files."""
        LRGBDataset(str(folder / "lrgb"), name=self.name)


@dataclass(frozen=True)
class Setting:
    """How a paper trains on a data set: shapes of networks, recipes by budget, and recipes of particular networks."""

    shapes: Mapping[str, Shape]
    recipes: Mapping[str, Recipe]
    model_recipes: Mapping[str, Mapping[str, Recipe]] = field(default_factory=dict)


def long_range(
    source: Source,
    protocol: Protocol,
    tuned: Setting,
    first: Setting,
    loss: Callable[[nn.Module, Any], Tensor],
    evaluate: Callable[[nn.Module, Iterable[Any]], dict[str, float]],
    metrics: Mapping[str, Literal["max", "min"]],
) -> Task:
    """Return the task of a data set under a protocol: `tuned` is the setting of tonshoff, `first` that of dwivedi."""
    setting, make = (tuned, network) if protocol == "tonshoff" else (first, published)
    encodings = tuple(sorted({shape.positions for shape in setting.shapes.values() if shape.positions}))
    return Task(
        models={name: partial(make, name, shape, source) for name, shape in setting.shapes.items()},
        recipes=setting.recipes,
        model_recipes=setting.model_recipes,
        data=DataSource(partial(load, source, encodings), files=source.files, fetch=source.fetch),
        loss=loss,
        evaluate=evaluate,
        metrics=metrics,
        prunes=frozenset({"weights", "edges"}),
        diagnose=diagnose,
    )


# --- networks ---------------------------------------------------------------------------------------------------------


def network(name: str, shape: Shape, source: Source, *, width: float = 1.0) -> nn.Module:
    """Build a network of Tönshoff et al.: GELU, residual connections, hidden layers in the head."""
    shape = _narrowed(shape, name, width)
    options: dict[str, Any] = {"norm": nn.LayerNorm} if name == "gps" and source.name == "coco-sp" else {}
    layers = [LAYERS[name](shape.width, F.gelu, shape.dropout, **options) for _ in range(shape.layers)]
    return _assembled(shape, source, layers, F.gelu, edges=name != "gcn")


def published(name: str, shape: Shape, source: Source, *, width: float = 1.0) -> nn.Module:
    """Build a network of Dwivedi et al.: ReLU; the GCN has batch norm and no residual connections."""
    shape = _narrowed(shape, name, width)
    if name == "gcn":
        plain = partial(GCN, shape.width, unchanged, 0.0, residual=False, bias=False)
        layers: list[nn.Module] = [Normed(plain(), shape.width, F.relu) for _ in range(shape.layers)]
    else:
        layers = [LAYERS[name](shape.width, F.relu, shape.dropout) for _ in range(shape.layers)]
    return _assembled(shape, source, layers, F.relu, edges=name != "gcn")


def _narrowed(shape: Shape, name: str, width: float) -> Shape:
    """Return the shape at a share of its width, with room for positions and divisible by the attention heads."""
    heads = HEADS if name == "gps" else 1
    room = POSITIONS[shape.positions] + 1 if shape.positions else 1
    return replace(shape, width=heads * max(math.ceil(room / heads), scaled(shape.width // heads, width)))


def _assembled(shape: Shape, source: Source, layers: list[nn.Module], activation: Any, *, edges: bool) -> nn.Module:
    positions = Positions(shape.positions) if shape.positions else None
    inner = shape.width - (positions.width if positions else 0)
    atoms = source.kind == "atoms"
    return GraphNet(
        Embeddings(ATOMS, inner) if atoms else nn.Linear(14, inner),
        (Embeddings(BONDS, shape.width) if atoms else nn.Linear(2, shape.width)) if edges else None,
        positions,
        layers,
        "mean" if source.target == "graph" else "nodes",
        Head(shape.width, source.outputs or shape.width, shape.head, activation, shape.dropout),
    )


# --- recipes ----------------------------------------------------------------------------------------------------------


def adamw(
    source: Source, batch_size: int, *, epochs: int, warm: int = 0, clip: float = 0.0, rate: float = 1e-3
) -> dict[str, Recipe]:
    """Return AdamW recipes with a cosine schedule: `epochs` in full, `warm` of them warm-up, and 60 steps in short."""
    epoch = source.training // batch_size
    step = partial(Recipe, batch_size=batch_size, rate=rate, optimizer="adamw", cosine=True, clip=clip, augment=flipped)
    return {
        "smoke": step(steps=2),
        "short": step(steps=60, warmup=6),
        "full": step(steps=epochs * epoch, warmup=warm * epoch),
    }


def flipped(batch: Graph, draw: torch.Generator) -> Graph:
    """Flip the signs of the batch's eigenvectors at random, since their signs are arbitrary."""
    if "lappe" in batch:
        signs = 2 * torch.randint(2, (batch.lappe.shape[1],), generator=draw).to(batch.lappe) - 1
        batch.lappe = torch.stack([batch.lappe[..., 0] * signs, batch.lappe[..., 1]], dim=-1)
    return batch


# --- data -------------------------------------------------------------------------------------------------------------


def load(source: Source, encodings: tuple[str, ...], folder: Path) -> Splits:
    """Load the published splits. They are encoded once and cached, since encoding takes minutes."""
    files = [folder / file for file in source.files]
    cached = user_cache() / "processed" / f"{source.name}-{_key(files, encodings)}.pt"
    if not cached.is_file():
        cached.parent.mkdir(parents=True, exist_ok=True)
        part = cached.with_suffix(f".{os.getpid()}")
        with threadpool_limits(1):  # more threads slow down matrices this small
            torch.save([_plain(read(source, encodings, file)) for file in files], part)
        part.replace(cached)
    stored = torch.load(cached, weights_only=True)
    splits = [GraphData(values, per, ptr, portion=100) for values, per, ptr in stored]
    return Splits(*(_standardised(data, splits[0]) for data in splits) if source.kind == "pixels" else splits)


def _key(files: list[Path], encodings: tuple[str, ...]) -> str:
    """Return a key of the format, the encodings, and the files' names, sizes and modification times."""
    stats = [(str(file.resolve()), file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    return hashlib.sha256(repr((FORMAT, encodings, stats)).encode()).hexdigest()[:16]


def _plain(data: GraphData) -> tuple[dict[str, Tensor], dict[str, str], dict[str, Tensor]]:
    return dict(data.values), dict(data.per), dict(data.ptr)


def read(source: Source, encodings: tuple[str, ...], file: Path) -> GraphData:
    """Read one split from its file of tuples."""
    if source.kind == "atoms":
        rows = torch.load(file, weights_only=True)
    else:
        with file.open("rb") as stream:
            rows = pickle.load(stream)
    graphs = []
    for row in rows:
        graph = _graph(source, row)
        for name in encodings:
            graph[name] = ENCODINGS[name](graph.edge_index, graph.num_nodes)
        graphs.append(graph)
    return GraphData.of(graphs, target=source.target)


def _graph(source: Source, row: tuple[Any, ...]) -> Graph:
    x, edge_attr, edge_index, *rest = row
    if source.kind == "atoms":
        x, edge_attr = x.to(torch.uint8), edge_attr.to(torch.uint8)  # values are small: an eighth of the memory
    else:
        x, edge_attr = torch.as_tensor(x).float(), torch.as_tensor(edge_attr).float()
    graph = Graph(x=x, edge_index=edge_index, edge_attr=edge_attr, num_nodes=len(x))
    if source.target == "pair":
        graph.pair_index, graph.y = rest
    else:
        graph.y = torch.as_tensor(rest[0])
    if source.name == "coco-sp":
        graph.y = torch.searchsorted(COCO, graph.y.long())
    return graph


def _standardised(data: GraphData, train: GraphData) -> GraphData:
    """Scale features of nodes and edges to mean 0 and standard deviation 1 over the training set."""
    values = dict(data.values)
    for name in ("x", "edge_attr"):
        known = train.values[name]
        values[name] = (values[name] - known.mean(dim=0)) / known.std(dim=0).clamp_min(1e-8)
    return replace(data, values=values)
