"""Data sets of graphs, stored in concatenated tensors. Batches are drawn without a Python loop."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch_geometric.data import Data as Graph

from .checks import check_graphs
from .editing import OF_EDGES, canonical, checked, of_edges

INPUTS = ("x", "edge_index", "edge_weight", "edge_attr", "rwse", "lappe", "ptr")
"""Fields of a batch that are passed to a model, if the batch has them."""


@dataclass(frozen=True, eq=False)
class GraphData:
    """One split of graphs, stored in concatenated tensors.

    Args:
        values: fields by name, concatenated over graphs along dimension 0. `edge_index` is [e, 2] here, and numbers the
            nodes of each graph from 0.
        per: for each field, what a row belongs to: node, edge, graph, or pair (a labelled pair of nodes).
        ptr: for each of these kinds, the offsets of the graphs' rows, int64 [graphs + 1].
        directed: whether edges are directed; otherwise both directions are stored.
        portion: largest number of graphs evaluated at a time.

    `y` holds the targets. If only some nodes belong to the split, `mask` marks them, and the other nodes have `y` -1,
    so that a batch of one split does not reveal the labels of another. A single graph has their numbers as `rows`.
    """

    values: Mapping[str, Tensor]
    per: Mapping[str, str]
    ptr: Mapping[str, Tensor]
    directed: bool = False
    portion: int = 1000

    @classmethod
    def of(
        cls, graphs: Sequence[Graph], target: str = "node", directed: bool = False, portion: int = 1000
    ) -> GraphData:
        """Create a split from graphs with `num_nodes` and equal fields.

        Args:
            target: what `y` belongs to: node, graph, or pair (of `pair_index`, [2, pairs]).
        """
        graphs = [canonical(graph, directed) for graph in graphs]
        names = [name for name, value in graphs[0].to_dict().items() if isinstance(value, Tensor)]
        per = {name: _belongs(name, target) for name in names}
        rows = {
            name: [graph[name].t() if name.endswith("_index") else graph[name] for graph in graphs] for name in names
        }
        sizes = {of: [len(row) for row in rows[name]] for name, of in per.items()}
        sizes |= {"node": [graph.num_nodes for graph in graphs], "graph": [1] * len(graphs)}
        ptr = {of: torch.tensor([0, *counts]).cumsum(0) for of, counts in sizes.items()}
        return cls({name: torch.cat(parts) for name, parts in rows.items()}, per, ptr, directed, portion)

    def __len__(self) -> int:
        return len(self.ptr["graph"]) - 1

    def check(self) -> None:
        """Raise ValueError if features are not finite, or rows, nodes and edges do not belong together."""
        check_graphs(self)

    @property
    def index_device(self) -> torch.device:
        """The device of the graphs."""
        return self.ptr["node"].device

    @property
    def replayable(self) -> bool:
        """Whether a recorded step may read its batch itself: a single graph is the same in every step."""
        return len(self) == 1

    def batch(self, index: Tensor) -> Graph:
        """Join the graphs at `index` into one, with node offsets in `ptr`. A data set of one graph gives it once."""
        if len(self) == 1:
            return copy.copy(self._whole)
        index = index.to(self.index_device)
        drawn = {of: _rows(ptr, index) for of, ptr in self.ptr.items()}
        values = {name: value.index_select(0, drawn[self.per[name]][0]) for name, value in self.values.items()}
        return self._joined(values, self._sizes(index), {of: owner for of, (_, owner) in drawn.items()})

    def select(self, index: Tensor) -> GraphData:
        """Return a copy of the graphs at `index`."""
        drawn = {of: _rows(ptr, index)[0] for of, ptr in self.ptr.items()}
        values = {name: value.index_select(0, drawn[self.per[name]]) for name, value in self.values.items()}
        sizes = {of: ptr[index + 1] - ptr[index] for of, ptr in self.ptr.items()}
        ptr = {of: torch.cat([counts.new_zeros(1), counts.cumsum(0)]) for of, counts in sizes.items()}
        return replace(self, values=values, ptr=ptr)

    @cached_property
    def _whole(self) -> Graph:
        owners = {of: ptr.new_zeros(int(ptr[-1])) for of, ptr in self.ptr.items()}
        whole = self._joined(dict(self.values), self._sizes(torch.zeros_like(self.ptr["graph"][:1])), owners)
        if "mask" in self.values:  # found once, because to ask a GPU how many they are stalls it
            whole.rows = self.values["mask"].nonzero().squeeze(1)
        return whole

    def _sizes(self, index: Tensor) -> Tensor:
        return self.ptr["node"][index + 1] - self.ptr["node"][index]

    def _joined(self, values: dict[str, Tensor], sizes: Tensor, owners: Mapping[str, Tensor]) -> Graph:
        """Join several graphs into one, with nodes numbered consecutively."""
        ptr = torch.cat([sizes.new_zeros(1), sizes.cumsum(0)])
        for name in [name for name in values if name.endswith("_index")]:
            values[name] = (values[name] + ptr[owners[self.per[name]]].unsqueeze(1)).t().contiguous()
        return Graph(**values, ptr=ptr, batch=owners["node"], num_nodes=len(owners["node"]))

    def graph(self, number: int) -> Graph:
        """Return one graph for an edit, on the CPU: nodes, edges, features and weights, without labels and split."""
        span = {of: slice(int(ptr[number]), int(ptr[number + 1])) for of, ptr in self.ptr.items()}
        shown = [name for name in self.values if name in ("x", "edge_index", *OF_EDGES)]
        fields = {name: self.values[name][span[self.per[name]]].cpu() for name in shown}
        fields["edge_index"] = fields["edge_index"].t().contiguous()
        return Graph(**fields, num_nodes=span["node"].stop - span["node"].start)

    def to(self, device: torch.device) -> GraphData:
        def moved(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
            return {name: tensor.to(device) for name, tensor in tensors.items()}

        if self.index_device == device:
            return self
        return replace(self, values=moved(self.values), ptr=moved(self.ptr))

    def rewrite(self, edit: Callable[[Any], Any]) -> GraphData:
        """Return the data with the edges of every graph edited and all else unchanged.

        If the edit gives any graph the weights `edge_weight` (`benchmark.graphs.edge_weights`), the edges of the others
        weigh 1.

        Raises:
            ValueError: the edit changed the nodes, or returned edges that are invalid for this data set.
        """
        graphs = [self._edited(number, edit) for number in range(len(self))]
        rows = {"edge_index": [graph.edge_index.t() for graph in graphs], **of_edges(graphs)}
        ends, device = rows["edge_index"], self.ptr["node"].device
        values = {name: torch.cat(parts).to(device) for name, parts in rows.items()}
        ptr = {"edge": torch.tensor([0, *map(len, ends)]).cumsum(0).to(device)}
        per = dict.fromkeys(rows, "edge")
        return replace(self, values={**self.values, **values}, per={**self.per, **per}, ptr={**self.ptr, **ptr})

    def _edited(self, number: int, edit: Callable[[Any], Any]) -> Graph:
        before = self.graph(number)
        after = edit(copy.copy(before))
        try:
            return checked(before, after, self.directed)
        except ValueError as problem:
            raise ValueError(f"graph {number}: {problem}") from None

    def relabelled(self, draw: torch.Generator) -> GraphData:
        y, mask = self.values["y"], self.values.get("mask")
        rows = torch.arange(len(y), device=y.device) if mask is None else mask.nonzero().squeeze(1)
        order = torch.randperm(len(rows), generator=draw).to(y.device)
        return replace(self, values={**self.values, "y": y.index_put((rows,), y[rows[order]])})

    @property
    def classes(self) -> Tensor | None:
        y = self.values["y"]
        return y.cpu() if self.per["y"] == "graph" and y.dim() == 1 and not y.is_floating_point() else None

    @property
    def node_classes(self) -> Tensor | None:
        y = self.values["y"]
        return y if len(self) == 1 and self.per["y"] == "node" and y.dim() == 1 and not y.is_floating_point() else None

    @cached_property
    def edges(self) -> int:
        ends = self.values["edge_index"]
        return len(ends) if self.directed else int((ends[:, 0] < ends[:, 1]).sum())

    @cached_property
    def digest(self) -> str:
        sha = hashlib.sha256()
        for name, tensor in sorted({**self.values, **{f"ptr of {of}": ptr for of, ptr in self.ptr.items()}}.items()):
            sha.update(f"{name}{tensor.dtype}{tuple(tensor.shape)}".encode())
            sha.update(tensor.cpu().contiguous().numpy().tobytes())
        return sha.hexdigest()


def inputs(batch: Graph) -> dict[str, Any]:
    """Return the fields of a batch to pass to a model, `model(**inputs(batch))`, without labels and masks."""
    return {name: batch[name] for name in INPUTS if batch.get(name) is not None}


def logits(model: nn.Module, batch: Graph) -> tuple[Tensor, Tensor]:
    """Return the outputs for a batch and `y`, for `y` with one class per row of the output."""
    return model(**inputs(batch)), batch.y


def cross_entropy(model: nn.Module, batch: Graph) -> Tensor:
    """Return the mean cross-entropy, for `y` with one class per row of the output."""
    return F.cross_entropy(*logits(model, batch))


def evaluate(model: nn.Module, batches: Iterable[Graph]) -> dict[str, float]:
    """Return top-1 accuracy and mean cross-entropy, for `y` with one class per row of the output."""
    right = count = 0
    loss = 0.0
    for batch in batches:
        outputs = model(**inputs(batch))
        right += int((outputs.argmax(dim=1) == batch.y).sum())
        loss += float(F.cross_entropy(outputs.double(), batch.y, reduction="sum"))
        count += len(batch.y)
    return {"accuracy": right / count, "loss": loss / count}


def for_nodes(graph: Graph, mask: Tensor) -> GraphData:
    """Return one graph as a split: the nodes of `mask` have their labels, the others -1."""
    hidden = torch.where(mask, graph.y, -1) if graph.y.dim() == 1 else graph.y.masked_fill(~mask.unsqueeze(1), -1)
    visible = Graph(x=graph.x, edge_index=graph.edge_index, y=hidden, mask=mask, num_nodes=graph.num_nodes)
    return GraphData.of([visible])


def _belongs(name: str, target: str) -> str:
    """Return what a row of a field belongs to: node, edge, graph or pair."""
    if name == "y":
        return target
    return {"edge_index": "edge", "pair_index": "pair", **dict.fromkeys(OF_EDGES, "edge")}.get(name, "node")


def _rows(ptr: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
    """Return the rows of the graphs at `index`, and for each row the position of its graph in `index`."""
    begin = ptr[index]
    sizes = ptr[index + 1] - begin
    owner = torch.repeat_interleave(torch.arange(len(index), device=ptr.device), sizes)
    within = torch.arange(len(owner), device=ptr.device) - (sizes.cumsum(0) - sizes)[owner]
    return begin[owner] + within, owner
