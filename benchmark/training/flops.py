"""Counts the floating-point operations of one dense batch, layer by layer; `benchmark.training.meter` adds them up."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from inspect import unwrap
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import flop_counter
from torch.utils.flop_counter import FlopCounterMode

from benchmark.data.splits import Batch
from benchmark.training.objective import Objective, hooked
from benchmark.training.prunable import owner


def _embedding_bag(table: Any, index: Any, offsets: Any, *rest: Any, **named: Any) -> int:
    """Operations of an embedding bag, which is how graph networks sum messages.

    An addition for every entry of every row that is looked up, and a product if the rows are weighted.
    """
    weighted = named.get("per_sample_weights", rest[3] if len(rest) > 3 else None) is not None
    return int((1 + weighted) * index[0] * table[1])


# On its first call, torch's counter imports torch's compiler, in 1.5 seconds, to be kept from it. Nothing that is
# counted is compiled, so that it may stand as kept from it already.
_dispatch: Any = unwrap(flop_counter._FlopCounterMode.__torch_dispatch__)
vars(_dispatch).setdefault("__dynamo_disable", _dispatch)

COUNTED = {
    torch.ops.aten._embedding_bag: _embedding_bag,
    torch.ops.aten._embedding_bag_forward_only: _embedding_bag,
}
"""Functions from shapes to operations, for operators that torch's counter does not know."""


@dataclass(frozen=True)
class Profile:
    """Operations of one dense batch, by torch's own counter (a multiply-add is 2).

    Args:
        forward: operations of the forward pass, by prunable tensor.
        both: operations of the forward and backward pass, by prunable tensor.
        rest: (forward, both) of all operations that involve no prunable tensor.
    """

    forward: Mapping[str, float]
    both: Mapping[str, float]
    rest: tuple[float, float]

    @classmethod
    def of(cls, objective: Objective, batch: Batch, names: list[str], trained: Collection[str]) -> Profile:
        """Count one forward and one forward-and-backward; the model is left untouched.

        Args:
            names: the prunable tensors.
            trained: the names of the parameters that have a gradient.
        """
        leaves = {name: p.detach().requires_grad_(name in trained) for name, p in objective.model.named_parameters()}
        wanted = [leaf for leaf in leaves.values() if leaf.requires_grad]
        layers = {name: name.rpartition(".")[0] for name in names}
        fed: dict[str, list[bool]] = {}  # by layer and call: the gradient of an input costs as much as the forward
        noting = _noting_inputs(objective.model, set(layers.values()), fed)
        alias = torch.ops.aten.alias.default  # the counter fails on modules that are called with a leaf
        used = {name: alias(leaf) for name, leaf in leaves.items()}
        with FlopCounterMode(display=False, custom_mapping=COUNTED) as counter:
            with noting:
                loss = objective.at(batch, used)
            counts, forward_all = counter.get_flop_counts(), counter.get_total_flops()
            inside = {at: sum(counts.get(f"Objective.model.{at}".rstrip("."), {}).values()) for at in layers.values()}
            torch.autograd.grad(loss, wanted, allow_unused=True)
        forward = {name: _part(inside[at], objective.model, name) for name, at in layers.items()}
        both = {name: forward[name] * (1 + (name in trained) + _share(fed.get(layers[name], []))) for name in names}
        both_all = counter.get_total_flops()
        return cls(forward, both, (forward_all - sum(forward.values()), both_all - sum(both.values())))


@contextmanager
def _noting_inputs(model: nn.Module, layers: set[str], fed: dict[str, list[bool]]) -> Iterator[None]:
    """Note in `fed`, for every call of a layer, whether any of its inputs has a gradient."""

    def look(layer: str) -> Callable[..., None]:
        def hook(module: nn.Module, args: tuple[Any, ...]) -> None:
            fed.setdefault(layer, []).append(any(isinstance(v, Tensor) and v.requires_grad for v in args))

        return hook

    with hooked() as handles:
        handles += [m.register_forward_pre_hook(look(name)) for name, m in model.named_modules() if name in layers]
        yield


def _part(operations: int, model: nn.Module, name: str) -> float:
    """The operations with a tensor, of those of its module: by its share of the matrices that lie in the module."""
    module, parameter = owner(model, name), dict(model.named_parameters())[name]
    matrices = [p.numel() for p in module.parameters() if p.dim() > 1]
    return operations if matrices in ([], [parameter.numel()]) else operations * parameter.numel() / sum(matrices)


def _share(calls: list[bool]) -> float:
    return sum(calls) / len(calls) if calls else 1.0
