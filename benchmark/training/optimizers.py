"""The optimizer that a recipe asks for, and parameters that are trained differently from the recipe."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from inspect import unwrap
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.optim import Optimizer

from benchmark.training.recipe import Recipe


def norm_parameters(model: nn.Module) -> set[str]:
    """The names of parameters that belong to normalisation layers."""
    kinds = (_NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)
    modules = [(name, module) for name, module in model.named_modules() if isinstance(module, kinds)]
    return {
        f"{name}.{parameter}".lstrip(".")
        for name, module in modules
        for parameter, _ in module.named_parameters(recurse=False)
    }


@dataclass(frozen=True)
class Group:
    """How some of the scores of `Run.learning` are trained, if not as the recipe says.

    Args:
        rate: a factor for the learning rate.
        weight_decay: replaces the recipe's weight decay; None for the recipe's.
    """

    rate: float = 1.0
    weight_decay: float | None = None


@cache
def _plain(kind: type[Optimizer]) -> Callable[..., Optimizer]:
    """One of torch's optimizers without the decorators that import its compiler, which takes a second."""

    class Plain(kind):  # type: ignore[misc, valid-type]
        add_param_group = unwrap(kind.add_param_group)
        zero_grad = unwrap(kind.zero_grad)
        step = torch.no_grad()(unwrap(kind.step))

    return Plain


def optimizer_of(named: Mapping[str, Tensor], recipe: Recipe, groups: Mapping[str, Group]) -> Optimizer:
    """The recipe's optimizer for named parameters.

    Its parameter groups have the factor of their learning rate as `factor`.

    Args:
        groups: by name, settings of the parameters that are trained differently from the recipe.
    """
    device = next(iter(named.values())).device
    on_gpu = device.type == "cuda"
    parameters: dict[Group, list[Tensor]] = {}
    for name, parameter in named.items():
        parameters.setdefault(groups.get(name, Group()), []).append(parameter)
    given: list[Any] = [
        {
            "params": several,
            "factor": group.rate,
            "lr": torch.tensor(recipe.rate * group.rate, device=device) if on_gpu else recipe.rate * group.rate,
            "weight_decay": recipe.weight_decay if group.weight_decay is None else group.weight_decay,
        }
        for group, several in parameters.items()
    ]
    if recipe.optimizer != "sgd":
        adam = torch.optim.AdamW if recipe.optimizer == "adamw" else torch.optim.Adam
        return _plain(adam)(given, fused=True, capturable=on_gpu)
    return _plain(torch.optim.SGD)(given, momentum=recipe.momentum, nesterov=recipe.nesterov, fused=True)


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set the learning rate of a step. On CUDA it is a tensor, from which a recorded update reads it."""
    for group in optimizer.param_groups:
        own = group["factor"] * rate
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(own)
        else:
            group["lr"] = own


def start_late_momentum(optimizer: torch.optim.Optimizer, parameters: Iterable[Tensor]) -> None:
    """Give momentum 0 to a parameter whose first gradient comes later than others', which torch's fused SGD omits."""
    live = [parameter for parameter in parameters if parameter.grad is not None]
    missing = [parameter for parameter in live if not optimizer.state[parameter]]
    if missing and len(missing) < len(live):
        for parameter in missing:
            optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)


def remembered_by(optimizer: torch.optim.Optimizer, parameters: Iterable[Tensor]) -> list[Tensor]:
    """The tensors that an optimizer remembers of parameters, in a fixed order."""
    slots = [slot for parameter in parameters for slot in sorted(optimizer.state[parameter].items())]
    return [value for _, value in slots if isinstance(value, Tensor)]


def laid_out(value: Any, parameter: Tensor) -> Any:
    """A tensor in the memory layout of a parameter of its shape: torch's fused optimizers look at nothing else."""
    if not isinstance(value, Tensor) or value.shape != parameter.shape or value.stride() == parameter.stride():
        return value
    return torch.empty_like(parameter.detach(), dtype=value.dtype).copy_(value)
