"""Networks that classify the nodes of one graph. All accept a differentiable `edge_weight` per edge."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from itertools import pairwise
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..graphs.messages import Edges, edges_of, gather, mean, normalised, softmax
from ..images._models import scaled

HEADS = 8


class FeedForward(nn.Module):
    """Two linear layers with GELU between them and dropout after each."""

    def __init__(self, inputs: int, width: int, dropout: float) -> None:
        super().__init__()
        self.linear1, self.linear2 = nn.Linear(inputs, width), nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.dropout(F.gelu(self.linear1(x)))
        return cast("Tensor", self.dropout(self.linear2(hidden)))


class GCN(nn.Module):
    """Symmetrically normalised sum over neighbours, then a feed-forward net."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.forward_net = FeedForward(width, width, dropout)

    def forward(self, x: Tensor, edges: Edges, weight: Tensor | None) -> Tensor:
        return cast("Tensor", self.forward_net(normalised(x, edges, weight)))


class SAGE(nn.Module):
    """A node concatenated with the mean of its neighbours, then a feed-forward net."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.forward_net = FeedForward(2 * width, width, dropout)

    def forward(self, x: Tensor, edges: Edges, weight: Tensor | None) -> Tensor:
        return cast("Tensor", self.forward_net(torch.cat([x, mean(x, edges, weight)], dim=1)))


class Attention(nn.Module):
    """Multi-head attention to neighbours and the node itself (Velickovic et al., 2018), [n, inputs] -> [n, width]."""

    def __init__(self, inputs: int, width: int, heads: int, *, bias: bool = True) -> None:
        super().__init__()
        self.heads = heads
        self.linear = nn.Linear(inputs, width, bias=bias)
        self.source, self.target = nn.Linear(width, heads), nn.Linear(width, heads, bias=False)

    def forward(self, x: Tensor, edges: Edges, weight: Tensor | None) -> Tensor:
        x, looped = self.linear(x), edges.looped
        if weight is not None:
            weight = torch.cat([weight, weight.new_ones(edges.nodes)])
        scores = self.source(x).index_select(0, looped.source) + self.target(x).index_select(0, looped.target)
        shares = softmax(F.leaky_relu(scores, 0.2), looped, weight)
        parts = zip(x.chunk(self.heads, dim=1), shares.unbind(1), strict=True)
        return torch.cat([gather(part.contiguous(), looped, share) for part, share in parts], dim=1)


class GAT(nn.Module):
    """Attention over the neighbours, then a feed-forward net."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.attention = Attention(width, width, HEADS)
        self.forward_net = FeedForward(width, width, dropout)

    def forward(self, x: Tensor, edges: Edges, weight: Tensor | None) -> Tensor:
        return cast("Tensor", self.forward_net(self.attention(x, edges, weight)))


class Block(nn.Module):
    """Layer norm and an aggregation with feed-forward net, with a residual connection."""

    def __init__(self, inner: nn.Module, width: int) -> None:
        super().__init__()
        self.norm, self.inner = nn.LayerNorm(width), inner

    def forward(self, x: Tensor, edges: Edges, weight: Tensor | None) -> Tensor:
        return x + cast("Tensor", self.inner(self.norm(x), edges, weight))


class Residual(nn.Module):
    """Residual blocks between two linear layers (Platonov et al., 2023)."""

    def __init__(
        self,
        inner: Callable[[int, float], nn.Module],
        features: int,
        outputs: int,
        layers: int,
        width: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.input, self.dropout = nn.Linear(features, width), nn.Dropout(dropout)
        self.layers = nn.ModuleList(Block(inner(width, dropout), width) for _ in range(layers))
        self.norm, self.output = nn.LayerNorm(width), nn.Linear(width, outputs)

    def forward(self, x: Tensor, edge_index: Tensor, edge_weight: Tensor | None = None, ptr: Any = None) -> Tensor:
        edges = edges_of(edge_index, len(x))
        x = F.gelu(self.dropout(self.input(x)))
        for layer in self.layers:
            x = layer(x, edges, edge_weight)
        return cast("Tensor", self.output(self.norm(x)))


class PlainGCN(nn.Module):
    """A linear map, then the symmetrically normalised sum over neighbours."""

    def __init__(self, inputs: int, outputs: int, *, bias: bool) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, outputs, bias=bias)

    def forward(self, x: Tensor, edges: Edges, weight: Tensor | None) -> Tensor:
        return normalised(self.linear(x), edges, weight)


class PlainSAGE(nn.Module):
    """A linear map of a node concatenated with the mean of its neighbours."""

    def __init__(self, inputs: int, outputs: int, *, bias: bool) -> None:
        super().__init__()
        self.linear = nn.Linear(2 * inputs, outputs, bias=bias)

    def forward(self, x: Tensor, edges: Edges, weight: Tensor | None) -> Tensor:
        return cast("Tensor", self.linear(torch.cat([x, mean(x, edges, weight)], dim=1)))


class Plain(nn.Module):
    """Layers of one linear map each, with ReLU and dropout between them, as in Kipf & Welling (2017).

    Args:
        kind: gcn, sage or gat.
    """

    def __init__(
        self, kind: str, features: int, outputs: int, layers: int, width: int, dropout: float, *, bias: bool = True
    ) -> None:
        super().__init__()
        widths = [features, *[width] * (layers - 1), outputs]
        make: dict[str, Any] = {"gcn": PlainGCN, "sage": PlainSAGE, "gat": partial(Attention, heads=HEADS)}
        self.layers = nn.ModuleList(make[kind](*ends, bias=bias) for ends in pairwise(widths[:-1]))
        last = partial(Attention, heads=1) if kind == "gat" else make[kind]
        self.layers.append(last(*widths[-2:], bias=bias))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, edge_index: Tensor, edge_weight: Tensor | None = None, ptr: Any = None) -> Tensor:
        edges = edges_of(edge_index, len(x))
        *hidden, last = self.layers
        for layer in hidden:
            x = F.relu(layer(self.dropout(x), edges, edge_weight))
        return cast("Tensor", last(self.dropout(x), edges, edge_weight))


def residual(features: int, outputs: int, layers: int, units: int, dropout: float) -> Mapping[str, Any]:
    """Return constructors of the networks of Platonov et al. (2023), by name; all accept a `width`."""
    kinds = {"gcn": GCN, "sage": SAGE, "gat": GAT}

    def make(kind: str, *, width: float = 1.0) -> nn.Module:
        return Residual(kinds[kind], features, outputs, layers, _units(kind, units, width), dropout)

    return {kind: partial(make, kind) for kind in kinds}


def plain(
    features: int, outputs: int, layers: int, units: int, dropout: float, *, bias: bool = True
) -> Mapping[str, Any]:
    """Return constructors of plain networks, by name; all accept a `width`."""

    def make(kind: str, *, width: float = 1.0) -> nn.Module:
        return Plain(kind, features, outputs, layers, _units(kind, units, width), dropout, bias=bias)

    return {kind: partial(make, kind) for kind in ("gcn", "sage", "gat")}


def _units(kind: str, units: int, width: float) -> int:
    """Return the number of units at a width, divisible by the heads of attention."""
    return HEADS * scaled(units // HEADS, width) if kind == "gat" else scaled(units, width)
