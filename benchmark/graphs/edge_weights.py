"""Edge weights: what an edit may return as `edge_weight`, torch-geometric's name for them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def edge_weights(data: Any, *, directed: bool = False) -> Tensor | None:
    """The weights of a `torch_geometric.data.Data`, float32 [e], in the order of `edge_index`; None without any.

    Raises:
        ValueError: there is not exactly one positive and finite number for every edge, and none for self-loops; or the
            two directions of an edge have different weights.
    """
    weights, ends = data.get("edge_weight"), data.edge_index.cpu()
    if weights is None:
        return None
    if not isinstance(weights, Tensor) or not weights.is_floating_point() or weights.shape != ends.shape[1:]:
        raise ValueError(
            f"edge weights are one floating-point number per edge, [{ends.shape[1]}], got {_kind(weights)}"
        )
    single = weights.detach().cpu().float()
    _require_positive(single, weights)
    _require_single(ends)
    if not directed:
        _require_symmetric(ends, single)
    return single


def _require_positive(single: Tensor, weights: Tensor) -> None:
    wrong = ~(single.isfinite() & (single > 0))
    if bool(wrong.any()):
        value = float(weights.detach().cpu()[wrong][0])
        raise ValueError(f"edge weights are positive and finite in float32, got {value:g}; delete what weighs 0")


def _require_single(ends: Tensor) -> None:
    """Raise ValueError if an edge occurs twice, or is a self-loop."""
    loops = ends[0] == ends[1]
    if bool(loops.any()):
        raise ValueError(f"node {ends[0][loops][0]} has a weighted self-loop; drop it, networks add theirs of weight 1")
    if len(torch.unique(_numbers(ends))) < ends.shape[1]:
        raise ValueError("an edge has two weights; sum them (torch_geometric.utils.coalesce)")


def _require_symmetric(ends: Tensor, weights: Tensor) -> None:
    """Raise ValueError unless both directions of every edge are there and have the same weight."""
    there, back = _numbers(ends).argsort(), _numbers(ends.flip(0)).argsort()
    if not bool((ends[:, there] == ends.flip(0)[:, back]).all()):
        raise ValueError("an edge is weighted in one direction only, in a graph without directions")
    wrong = weights[there] != weights[back]
    if bool(wrong.any()):
        (i, j), one, other = ends[:, there][:, wrong][:, 0].tolist(), weights[there][wrong][0], weights[back][wrong][0]
        raise ValueError(f"edge ({i}, {j}) weighs {one:g} and ({j}, {i}) {other:g}, in a graph without directions")


def _numbers(ends: Tensor) -> Tensor:
    """A number for each edge, in lexicographic order, [2, e] -> [e]."""
    return ends[0] * (1 + int(ends.max()) if ends.numel() else 1) + ends[1]


def _kind(weights: Any) -> str:
    return f"{weights.dtype} {list(weights.shape)}" if isinstance(weights, Tensor) else type(weights).__name__
