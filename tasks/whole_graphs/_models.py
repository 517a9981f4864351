"""The networks of Xu et al. (2019): layers of message passing, of which each is read out into scores that are added."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, cast

from torch import Tensor, nn
from torch.nn import functional as F

from ..graphs.messages import Edges, edges_of, gather, normalised, pool
from ..images._models import scaled

LAYERS = 4
"""Layers of message passing; the paper counts five, with the input."""

Readout = Literal["sum", "mean"]


class Isomorphism(nn.Module):
    """GIN: a network of two linear layers on the sum of a node and its neighbours, with epsilon 0."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.linear1, self.norm1 = nn.Linear(inputs, outputs), nn.BatchNorm1d(outputs)
        self.linear2, self.norm2 = nn.Linear(outputs, outputs), nn.BatchNorm1d(outputs)

    def forward(self, h: Tensor, edges: Edges, weight: Tensor | None) -> Tensor:
        hidden = F.relu(self.norm1(self.linear1(h + gather(h, edges, weight))))
        return F.relu(self.norm2(self.linear2(hidden)))


class Convolution(nn.Module):
    """GCN (Kipf & Welling, 2017), with batch norm."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.linear, self.norm = nn.Linear(inputs, outputs, bias=False), nn.BatchNorm1d(outputs)

    def forward(self, h: Tensor, edges: Edges, weight: Tensor | None) -> Tensor:
        return F.relu(self.norm(normalised(self.linear(h), edges, weight)))


class Summed(nn.Module):
    """Scores of graphs: the sum over the input and all layers of a linear map of what is read out there.

    Args:
        layer: makes a layer, from the numbers of its input and output features.
        readout: of the nodes of a graph.
        dropout: of the scores of every layer, in training.
    """

    def __init__(
        self,
        layer: Callable[[int, int], nn.Module],
        features: int,
        units: int,
        classes: int,
        readout: Readout,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layer(units if number else features, units) for number in range(LAYERS))
        self.heads = nn.ModuleList(nn.Linear(width, classes) for width in (features, *[units] * LAYERS))
        self.readout, self.dropout = readout, nn.Dropout(dropout)

    def forward(self, x: Tensor, edge_index: Tensor, ptr: Tensor, edge_weight: Tensor | None = None) -> Tensor:
        first, *heads = self.heads
        h = x.to(cast("Tensor", first.weight).dtype)  # stored as bytes
        edges = edges_of(edge_index, len(h))
        scores = self.dropout(first(self._read(h, ptr)))
        for layer, head in zip(self.layers, heads, strict=True):
            h = layer(h, edges, edge_weight)
            scores = scores + self.dropout(head(self._read(h, ptr)))
        return cast("Tensor", scores)

    def _read(self, h: Tensor, ptr: Tensor) -> Tensor:
        means = pool(h, ptr)
        return means * ptr.diff().to(h.dtype).unsqueeze(1) if self.readout == "sum" else means


KINDS: dict[str, Callable[[int, int], nn.Module]] = {"gin": Isomorphism, "gcn": Convolution}


def network(kind: str, features: int, units: int, classes: int, readout: Readout, *, width: float = 1.0) -> nn.Module:
    """Build a network; `width` scales its units."""
    return Summed(KINDS[kind], features, scaled(units, width), classes, readout)
