"""The long-range graph benchmark: the original protocol (Dwivedi et al., 2022) and the one of Tönshoff et al. (2023).

Networks may have 500,000 parameters; the original ones exceed that by up to 27,000. The original protocol halves the
rate when validation stalls. Here nothing is validated during training, so the rate follows a cosine instead.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch_geometric.data import Data as Graph

from benchmark import DataSource, Recipe, Task

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
from ._data import Source, load_published

Protocol = Literal["tonshoff", "dwivedi"]


@dataclass(frozen=True)
class Shape:
    """The shape of a network: layers, width, layers of the head, dropout and positional encoding (empty for none)."""

    layers: int
    width: int
    head: int
    dropout: float = 0.0
    positions: Literal["", "rwse", "lappe"] = ""


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
        data=DataSource(partial(load_published, source, encodings), files=source.files, fetch=source.fetch),
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
    """Return recipes of AdamW with a cosine schedule: full has `epochs`, `warm` of them warm-up; short has 60 steps."""
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
