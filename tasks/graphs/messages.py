"""Message passing: weighted sums over the neighbours of every node, differentiable to any order.

A sum over neighbours is an embedding bag, one bag per node. On a CPU that is forty times as fast as gather and scatter
(4 ms against 168 ms for 88,804 edges of 512 features), it holds no message per edge in memory, and as every bag is
summed in order it gives the same bits on every run, on a GPU too.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.weak import WeakIdKeyDictionary

PORTION = 1 << 15
"""Edges whose messages `along` holds in memory at a time."""


@dataclass(frozen=True, eq=False)
class Edges:
    """Directed edges, in the order of `edge_index`.

    Args:
        source: int64 [e].
        target: int64 [e].
        nodes: how many nodes there are, isolated ones included.
    """

    source: Tensor
    target: Tensor
    nodes: int

    @cached_property
    def bags(self) -> tuple[Tensor, Tensor, Tensor]:
        """The edges sorted by target: their order [e], their sources [e], and where each target's begin [n + 1]."""
        target, order = torch.sort(self.target, stable=True)
        begin = torch.searchsorted(target, torch.arange(self.nodes + 1, device=target.device))
        return order, self.source[order], begin

    @cached_property
    def reversed(self) -> Edges:
        """Every edge the other way, in the same order."""
        return Edges(self.target, self.source, self.nodes)

    @cached_property
    def looped(self) -> Edges:
        """With an edge from every node to itself, at the end."""
        loops = torch.arange(self.nodes, device=self.source.device)
        return Edges(torch.cat([self.source, loops]), torch.cat([self.target, loops]), self.nodes)

    @cached_property
    def indegree(self) -> Tensor:
        """Edges into every node, float32 [n]."""
        return self.bags[2].diff().float()


_KNOWN: Any = WeakIdKeyDictionary()  # sorting is done once per graph, not once per step; entries go with their key


def edges_of(edge_index: Tensor, nodes: int) -> Edges:
    """The edges of `edge_index`: int64 [2, e], in any order, sorted once for as long as the tensor lives."""
    version, known = _KNOWN.get(edge_index, (None, None))
    if version != edge_index._version or known.nodes != nodes:
        known = Edges(edge_index[0].clone(), edge_index[1].clone(), nodes)  # a view would keep its key alive
        _KNOWN[edge_index] = edge_index._version, known
    return cast("Edges", known)


def gather(x: Tensor, edges: Edges, weight: Tensor | None = None) -> Tensor:
    """The (weighted) sum over the edges into every node of what their sources hold: [n, d], [e] -> [n, d]."""
    return cast("Tensor", _Gather.apply(x, None if weight is None else weight.to(x.dtype), edges))


def along(ends: Tensor, starts: Tensor, edges: Edges) -> Tensor:
    """For every edge the scalar product of its target's row of `ends` and its source's of `starts`: -> [e]."""
    return cast("Tensor", _Along.apply(ends, starts, edges))


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor | None, edges: Edges) -> Tensor:
        ctx.save_for_backward(x if weight is not None and weight.requires_grad else None, weight)
        ctx.edges = edges
        order, sources, begin = edges.bags
        return F.embedding_bag(
            sources,
            x,
            begin,
            mode="sum",
            include_last_offset=True,
            per_sample_weights=None if weight is None else weight[order],
        )

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        x, weight = ctx.saved_tensors
        of_x = gather(grads[0], ctx.edges.reversed, weight) if ctx.needs_input_grad[0] else None
        of_weight = along(grads[0], x, ctx.edges) if ctx.needs_input_grad[1] else None
        return of_x, of_weight, None


class _Along(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, ends: Tensor, starts: Tensor, edges: Edges) -> Tensor:
        ctx.save_for_backward(ends, starts)
        ctx.edges = edges
        pairs = zip(torch.split(edges.target, PORTION), torch.split(edges.source, PORTION), strict=True)
        return torch.cat(
            [(ends.index_select(0, target) * starts.index_select(0, source)).sum(dim=-1) for target, source in pairs]
        )

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        ends, starts = ctx.saved_tensors
        of_ends = gather(starts, ctx.edges, grads[0]) if ctx.needs_input_grad[0] else None
        of_starts = gather(ends, ctx.edges.reversed, grads[0]) if ctx.needs_input_grad[1] else None
        return of_ends, of_starts, None


def mean(x: Tensor, edges: Edges, weight: Tensor | None = None) -> Tensor:
    """The (weighted) mean over the edges into every node; 0 where there are none."""
    total = _weights_into(edges, weight).to(x.dtype)
    return gather(x, edges, weight) / torch.where(total == 0, 1, total).unsqueeze(1)


def normalised(x: Tensor, edges: Edges, weight: Tensor | None = None) -> Tensor:
    """One step of D^-1/2 (A + I) D^-1/2 (Kipf & Welling, 2017): [n, d] -> [n, d]. Loops are added here, of weight 1."""
    if weight is not None:
        weight = torch.cat([weight, weight.new_ones(edges.nodes)])
    scale = _weights_into(edges.looped, weight).to(x.dtype).rsqrt().unsqueeze(1)
    return scale * gather(scale * x, edges.looped, weight)


def _weights_into(edges: Edges, weight: Tensor | None) -> Tensor:
    if weight is None:
        return edges.indegree
    return weight.new_zeros(edges.nodes).index_add(0, edges.target, weight)


def softmax(scores: Tensor, edges: Edges, weight: Tensor | None = None) -> Tensor:
    """Over the edges into every node: [e, heads] -> [e, heads]. `weight`, [e], multiplies the exponentials."""
    order, _, begin = edges.bags
    with torch.no_grad():
        highest = torch.segment_reduce(scores[order], "max", offsets=begin, initial=torch.finfo(scores.dtype).min)
    spread = (scores - highest.index_select(0, edges.target)).exp()
    if weight is not None:
        spread = spread * weight.to(spread.dtype).unsqueeze(1)
    total = spread.new_zeros(edges.nodes, spread.shape[1]).index_add(0, edges.target, spread)
    return spread / total.index_select(0, edges.target)


def pool(x: Tensor, ptr: Tensor) -> Tensor:
    """The mean over the nodes of every graph: [n, d] and where each graph begins, [g + 1] -> [g, d]."""
    sizes = ptr.diff()
    owner = torch.repeat_interleave(torch.arange(len(sizes), device=x.device), sizes, output_size=len(x))
    return x.new_zeros(len(sizes), x.shape[1]).index_add(0, owner, x) / sizes.to(x.dtype).unsqueeze(1)
