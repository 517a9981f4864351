"""Checks that the parts of graphs belong together: nodes, edges, labels and splits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import torch
from torch import Tensor


class Stored(Protocol):
    """What is checked of `GraphData`: tensors by name, what their rows belong to, and the offsets of the graphs."""

    @property
    def values(self) -> Mapping[str, Tensor]: ...
    @property
    def per(self) -> Mapping[str, str]: ...
    @property
    def ptr(self) -> Mapping[str, Tensor]: ...


def require(holds: bool, problem: str) -> None:
    """Raise ValueError with the problem if something does not hold."""
    if not holds:
        raise ValueError(problem)


def check_finite(what: str, values: Tensor) -> None:
    """Raise ValueError if there are NaN or infinite numbers."""
    require(not values.is_floating_point() or bool(values.isfinite().all()), f"{what} have NaN or infinite numbers")


def check_ends(what: str, ends: Tensor, nodes: int | Tensor) -> None:
    """Raise ValueError unless `ends`, [e, 2], are numbers of nodes; `nodes` is how many there are, also as [e, 1]."""
    require(not ends.is_floating_point(), f"{what} are {ends.dtype}, not numbers of nodes")
    outside = (ends < 0) | (ends >= nodes)
    if bool(outside.any()):
        raise ValueError(f"{int(outside.any(dim=1).sum()):,} of {len(ends):,} {what} name nodes that are not there")


def check_classes(where: str, labels: Tensor, classes: int) -> None:
    """Raise ValueError unless all labels, [n], are one of the classes."""
    require(not labels.is_floating_point(), f"{where}: labels are {labels.dtype}, not classes")
    wrong = int(((labels < 0) | (labels >= classes)).sum())
    require(not wrong, f"{where}: {wrong:,} of {len(labels):,} labels are none of the {classes} classes")


def check_masks(where: str, masks: Tensor, nodes: int) -> None:
    """Raise ValueError unless `masks`, bool [3, splits, n], give each split nodes of its own."""
    require(masks.dtype == torch.bool, f"{where}: masks of splits are {masks.dtype}, not bool")
    require(masks.dim() == 3 and masks.shape[1] > 0, f"{where}: masks of splits have the shape {tuple(masks.shape)}")
    require(masks.shape[2] == nodes, f"{where}: {nodes:,} nodes, masks for {masks.shape[2]:,}")
    require(bool(masks.any(dim=2).all()), f"{where}: a split has no nodes")
    shared = int((masks.sum(dim=0) > 1).sum())
    require(not shared, f"{where}: {shared:,} nodes are in two splits")


def check_graphs(data: Stored) -> None:
    """Raise ValueError unless fields have a row for each node, edge or graph they belong to, and edges have nodes."""
    for name, of in data.per.items():
        rows, there = int(data.ptr[of][-1]), len(data.values[name])
        require(rows == there, f"{rows:,} {of}s, but {there:,} rows of {name}")
    for name in data.values.keys() & {"x", "edge_attr", "edge_weight"}:
        check_finite(f"features {name}", data.values[name])
    sizes = data.ptr["node"].diff()
    for name, ends in data.values.items():
        if name.endswith("_index"):
            counts = data.ptr[data.per[name]].diff()
            check_ends(f"{data.per[name]}s", ends, torch.repeat_interleave(sizes, counts).unsqueeze(1))
    if "mask" in data.values:
        require(bool(data.values["mask"].any()), "no node is in this split")
