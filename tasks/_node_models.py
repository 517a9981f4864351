"""Networks that classify the nodes of one graph. All of them take an `edge_weight`, differentiable, one per edge."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from itertools import pairwise
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tasks._messages import Edges, edges_of, gather, mean, normalised, softmax

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
    """Neighbours, normalised symmetrically, then a feed-forward net."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.forward_net = FeedForward(width, width, dropout)

    def forward(self, x: Tensor, edges: Edges, weight: Tensor | None) -> Tensor:
        return cast("Tensor", self.forward_net(normalised(x, edges, weight)))


class SAGE(nn.Module):
    """A node beside the mean of its neighbours, then a feed-forward net."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.forward_net = FeedForward(2 * width, width, dropout)

    def forward(self, x: Tensor, edges: Edges, weight: Tensor | None) -> Tensor:
        return cast("Tensor", self.forward_net(torch.cat([x, mean(x, edges, weight)], dim=1)))


class Attention(nn.Module):
    """Heads that attend to neighbours and to the node itself (Velickovic et al., 2018): [n, inputs] -> [n, width]."""

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


class Residual(nn.Module):
    """Blocks of norm, aggregation, feed-forward net and a way past them (Platonov et al., 2023)."""

    def __init__(
        self,
        block: Callable[[int, float], nn.Module],
        features: int,
        outputs: int,
        layers: int,
        width: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.input, self.dropout = nn.Linear(features, width), nn.Dropout(dropout)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(layers))
        self.blocks = nn.ModuleList(block(width, dropout) for _ in range(layers))
        self.norm, self.output = nn.LayerNorm(width), nn.Linear(width, outputs)

    def forward(self, x: Tensor, edge_index: Tensor, edge_weight: Tensor | None = None, ptr: Any = None) -> Tensor:
        edges = edges_of(edge_index, len(x))
        x = F.gelu(self.dropout(self.input(x)))
        for norm, block in zip(self.norms, self.blocks, strict=True):
            x = x + block(norm(x), edges, edge_weight)
        return cast("Tensor", self.output(self.norm(x)))


class Plain(nn.Module):
    """Layers of one matrix each, ReLU and dropout between them: the network of Kipf & Welling (2017) and its kin.

    Args:
        kind: gcn, sage or gat.
    """

    def __init__(
        self, kind: str, features: int, outputs: int, layers: int, width: int, dropout: float, *, bias: bool = True
    ) -> None:
        super().__init__()
        self.kind, self.dropout = kind, nn.Dropout(dropout)
        widths = [features, *[width] * (layers - 1), outputs]
        ends = list(pairwise(widths))
        self.layers = nn.ModuleList(self._layer(*pair, bias, last=pair is ends[-1]) for pair in ends)

    def _layer(self, inputs: int, outputs: int, bias: bool, *, last: bool) -> nn.Module:
        if self.kind == "gat":
            return Attention(inputs, outputs, 1 if last else HEADS, bias=bias)
        return nn.Linear((2 if self.kind == "sage" else 1) * inputs, outputs, bias=bias)

    def forward(self, x: Tensor, edge_index: Tensor, edge_weight: Tensor | None = None, ptr: Any = None) -> Tensor:
        edges = edges_of(edge_index, len(x))
        for number, layer in enumerate(self.layers):
            x = self._pass(layer, self.dropout(x), edges, edge_weight)
            if number < len(self.layers) - 1:
                x = F.relu(x)
        return x

    def _pass(self, layer: nn.Module, x: Tensor, edges: Edges, weight: Tensor | None) -> Tensor:
        if self.kind == "gat":
            return cast("Tensor", layer(x, edges, weight))
        if self.kind == "sage":
            return cast("Tensor", layer(torch.cat([x, mean(x, edges, weight)], dim=1)))
        return normalised(layer(x), edges, weight)


def residual(features: int, outputs: int, layers: int, width: int, dropout: float) -> Mapping[str, Any]:
    """The networks of Platonov et al. (2023), by name."""
    kinds = {"gcn": GCN, "sage": SAGE, "gat": GAT}
    return {name: partial(Residual, kind, features, outputs, layers, width, dropout) for name, kind in kinds.items()}


def plain(
    features: int, outputs: int, layers: int, width: int, dropout: float, *, bias: bool = True
) -> Mapping[str, Any]:
    """Plain networks, by name."""
    return {
        kind: partial(Plain, kind, features, outputs, layers, width, dropout, bias=bias)
        for kind in ("gcn", "sage", "gat")
    }
