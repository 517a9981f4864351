"""Networks on graphs, as Tönshoff et al. (2023) configure them for the long-range graph benchmark.

Every layer maps the features of nodes and edges to new ones: (h [n, d], e [edges, d] or None). GCN, SAGE, and GIN
without edge features accept a differentiable `edge_weight` per edge; layers that use edge features refuse it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .messages import Edges, edges_of, gather, mean, normalised, pool, require_unweighted

ATOMS = (119, 5, 12, 12, 10, 6, 6, 2, 2)
"""Number of values of each atom feature: number, chirality, degree, charge, hydrogens, radicals, hybrid., two flags."""
BONDS = (5, 6, 2)
"""Number of values of each bond feature: type, stereo, conjugated."""

Activation = Callable[[Tensor], Tensor]
State = tuple[Tensor, Tensor | None]

POSITIONS = {"rwse": 28, "lappe": 16}
"""Width of the encoded positions in a node's features, by kind."""

HEADS = 4
"""Attention heads of GPS."""


class Embeddings(nn.Module):
    """Sums one embedding per categorical feature: whole numbers [n, features] -> [n, width]."""

    def __init__(self, sizes: Sequence[int], width: int) -> None:
        super().__init__()
        self.tables = nn.ModuleList(nn.Embedding(size, width) for size in sizes)
        for table in self.tables:
            nn.init.xavier_uniform_(cast("Tensor", table.weight))

    def forward(self, x: Tensor) -> Tensor:
        parts = [table(column) for table, column in zip(self.tables, x.long().unbind(1), strict=True)]
        return torch.stack(parts).sum(dim=0)


class Layer(nn.Module):
    """Base of the layers, with an activation, dropout and a residual connection."""

    def __init__(self, activation: Activation, dropout: float, *, residual: bool) -> None:
        super().__init__()
        self.activation, self.dropout, self.residual = activation, nn.Dropout(dropout), residual

    def after(self, before: Tensor, new: Tensor) -> Tensor:
        new = cast("Tensor", self.dropout(self.activation(new)))
        return before + new if self.residual else new


class GCN(Layer):
    """GCN (Kipf & Welling, 2017). Edge features are not used."""

    def __init__(
        self, width: int, activation: Activation, dropout: float, *, residual: bool = True, bias: bool = True
    ) -> None:
        super().__init__(activation, dropout, residual=residual)
        self.linear = nn.Linear(width, width, bias=bias)

    def forward(self, h: Tensor, e: Tensor | None, edges: Edges, weight: Tensor | None, ptr: Tensor) -> State:
        return self.after(h, normalised(self.linear(h), edges, weight)), e


class SAGE(Layer):
    """GraphSAGE with mean aggregation (Hamilton et al., 2017). Edge features are not used."""

    def __init__(self, width: int, activation: Activation, dropout: float, *, residual: bool = True) -> None:
        super().__init__(activation, dropout, residual=residual)
        self.linear = nn.Linear(2 * width, width)

    def forward(self, h: Tensor, e: Tensor | None, edges: Edges, weight: Tensor | None, ptr: Tensor) -> State:
        return self.after(h, self.linear(torch.cat([h, mean(h, edges, weight)], dim=1))), e


class GIN(Layer):
    """GIN (Xu et al., 2019). With edge features it is GINE (Hu et al., 2020), whose messages are relu(h + e)."""

    def __init__(self, width: int, activation: Activation, dropout: float, *, residual: bool = True) -> None:
        super().__init__(activation, dropout, residual=residual)
        self.linear1, self.linear2 = nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, h: Tensor, e: Tensor | None, edges: Edges, weight: Tensor | None, ptr: Tensor) -> State:
        if e is None:
            total = gather(h, edges, weight)
        else:
            require_unweighted("GINE", weight)
            total = torch.zeros_like(h).index_add(0, edges.target, F.relu(h.index_select(0, edges.source) + e))
        return self.after(h, self.linear2(F.relu(self.linear1(h + total)))), e


class GatedGCN(Layer):
    """GatedGCN (Bresson & Laurent, 2017), with batch norm and edge features that every layer updates."""

    def __init__(self, width: int, activation: Activation, dropout: float, *, residual: bool = True) -> None:
        super().__init__(activation, dropout, residual=residual)
        self.own, self.message, self.edge, self.source, self.target = (nn.Linear(width, width) for _ in range(5))
        self.norm, self.edge_norm = nn.BatchNorm1d(width), nn.BatchNorm1d(width)

    def forward(self, h: Tensor, e: Tensor | None, edges: Edges, weight: Tensor | None, ptr: Tensor) -> State:
        require_unweighted("GatedGCN", weight)
        if e is None:
            e = h.new_zeros(len(edges.source), h.shape[1])
        new_e = (
            self.edge(e) + self.source(h).index_select(0, edges.source) + self.target(h).index_select(0, edges.target)
        )
        gate = torch.sigmoid(new_e)
        zeros = torch.zeros_like(h)
        messages = zeros.index_add(0, edges.target, gate * self.message(h).index_select(0, edges.source))
        total = zeros.index_add(0, edges.target, gate) + 1e-6
        return self.after(h, self.norm(self.own(h) + messages / total)), self.after(e, self.edge_norm(new_e))


class GPS(nn.Module):
    """GPS (Rampášek et al., 2022): GatedGCN in parallel with global attention, then a feed-forward net."""

    def __init__(
        self, width: int, activation: Activation, dropout: float, *, norm: Callable[[int], nn.Module] = nn.BatchNorm1d
    ) -> None:
        super().__init__()
        self.local = GatedGCN(width, activation, dropout)
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))
        self.linear1, self.linear2 = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)
        self.norms = nn.ModuleList(norm(width) for _ in range(3))
        self.heads, self.activation = HEADS, activation
        self.dropout, self.attention_dropout = nn.Dropout(dropout), nn.Dropout(0.5)

    def forward(self, h: Tensor, e: Tensor | None, edges: Edges, weight: Tensor | None, ptr: Tensor) -> State:
        local, e = self.local(h, e, edges, weight, ptr)
        both = self.norms[0](local) + self.norms[1](h + self.dropout(self.out(self._attend(h, ptr))))
        hidden = self.dropout(self.activation(self.linear1(both)))
        return self.norms[2](both + self.dropout(self.linear2(hidden))), e

    def _attend(self, h: Tensor, ptr: Tensor) -> Tensor:
        """Apply softmax attention within every graph. Graphs of equal size are batched, so that nothing is padded."""
        q, k, v = (linear(h).view(len(h), self.heads, -1) for linear in (self.query, self.key, self.value))
        sizes = ptr.diff()
        attended, rows = [], []
        for size in torch.unique(sizes).tolist():
            at = (ptr[:-1][sizes == size].unsqueeze(1) + torch.arange(size, device=h.device)).flatten()
            queries, keys, values = (
                part.index_select(0, at).view(-1, size, *part.shape[1:]).transpose(1, 2) for part in (q, k, v)
            )
            shares = torch.softmax(queries @ keys.transpose(2, 3) / queries.shape[-1] ** 0.5, dim=-1)
            attended.append((self.attention_dropout(shares) @ values).transpose(1, 2).reshape(len(at), -1))
            rows.append(at)
        return torch.cat(attended).index_select(0, torch.argsort(torch.cat(rows)))


LAYERS: dict[str, Any] = {"gcn": GCN, "gin": GIN, "gine": GIN, "sage": SAGE, "gatedgcn": GatedGCN, "gps": GPS}


def unchanged(x: Tensor) -> Tensor:
    """Return the input: the identity activation."""
    return x


class Normed(nn.Module):
    """A layer, followed by batch norm and an activation."""

    def __init__(self, layer: nn.Module, width: int, activation: Activation) -> None:
        super().__init__()
        self.layer, self.norm, self.activation = layer, nn.BatchNorm1d(width), activation

    def forward(self, h: Tensor, *rest: object) -> State:
        h, e = self.layer(h, *rest)
        return self.activation(self.norm(h)), e


class Positions(nn.Module):
    """Encodes positions: return probabilities [n, 20] or eigenvectors with eigenvalues [n, 10, 2].

    Return probabilities are normalised and mapped linearly (Dwivedi et al., 2022). Eigenvectors go through a small
    network one by one and are summed (Rampášek et al., 2022). In graphs with fewer than 10 nodes the missing
    eigenvectors are NaN, and are ignored.
    """

    def __init__(self, kind: Literal["rwse", "lappe"]) -> None:
        super().__init__()
        self.kind, self.width = kind, POSITIONS[kind]
        if kind == "rwse":
            self.norm, self.linear = nn.BatchNorm1d(20), nn.Linear(20, self.width)
        else:
            self.linear1, self.linear2 = nn.Linear(2, 2 * self.width), nn.Linear(2 * self.width, self.width)

    def forward(self, pe: Tensor) -> Tensor:
        if self.kind == "rwse":
            return cast("Tensor", self.linear(self.norm(pe)))
        missing = pe.isnan()
        hidden = F.relu(self.linear2(F.relu(self.linear1(pe.masked_fill(missing, 0)))))
        return hidden.masked_fill(missing[..., :1], 0).sum(dim=1)


class GraphNet(nn.Module):
    """A network of encoders, message-passing layers, a read-out and a head.

    Args:
        nodes: encodes x to [n, width], minus the width of the positions.
        edges: encodes edge_attr to [e, width]; None if the layers do not use edge features.
        layers: the message-passing layers.
        readout: input of the head: all nodes, the mean over the nodes of each graph, or the first node of each graph.
        head: maps the read-out to the outputs.
    """

    def __init__(
        self,
        nodes: nn.Module,
        edges: nn.Module | None,
        positions: Positions | None,
        layers: Sequence[nn.Module],
        readout: Literal["nodes", "mean", "first"],
        head: nn.Module,
    ) -> None:
        super().__init__()
        self.nodes, self.edges, self.positions = nodes, edges, positions
        self.layers, self.readout, self.head = nn.ModuleList(layers), readout, head

    def forward(
        self,
        x: Tensor,
        edge_index: Tensor,
        ptr: Tensor,
        edge_weight: Tensor | None = None,
        edge_attr: Tensor | None = None,
        rwse: Tensor | None = None,
        lappe: Tensor | None = None,
    ) -> Tensor:
        h = self.nodes(x)
        if self.positions is not None:
            h = torch.cat([h, self.positions(rwse if self.positions.kind == "rwse" else lappe)], dim=1)
        e = self.edges(edge_attr) if self.edges is not None else None
        edges = edges_of(edge_index, len(h))
        for layer in self.layers:
            h, e = layer(h, e, edges, edge_weight, ptr)
        if self.readout == "mean":
            h = pool(h, ptr)
        elif self.readout == "first":
            h = h[ptr[:-1]]
        return cast("Tensor", self.head(h))


class Head(nn.Module):
    """Linear layers with activation and dropout between them; the last one maps to the outputs."""

    def __init__(self, width: int, outputs: int, layers: int, activation: Activation, dropout: float) -> None:
        super().__init__()
        widths = [*[width] * layers, outputs]
        self.linears = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(widths))
        self.activation, self.dropout = activation, nn.Dropout(dropout)

    def forward(self, h: Tensor) -> Tensor:
        *hidden, last = self.linears
        for linear in hidden:
            h = self.dropout(self.activation(linear(h)))
        return cast("Tensor", last(h))
