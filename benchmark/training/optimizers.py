"""The optimizer that a recipe asks for, and the parameters that get no weight decay."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

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


def optimizer_of(named: Mapping[str, Tensor], recipe: Recipe, spared: Collection[str]) -> torch.optim.Optimizer:
    """The recipe's optimizer for named parameters, without weight decay for those in `spared`."""
    decaying = [parameter for name, parameter in named.items() if name not in spared]
    parameters: list[Any] = [{"params": decaying}] if decaying else []
    if spared:
        parameters.append({"params": [named[name] for name in named if name in spared], "weight_decay": 0.0})
    device = next(iter(named.values())).device
    on_gpu = device.type == "cuda"
    rate: float | Tensor = torch.tensor(recipe.rate, device=device) if on_gpu else recipe.rate
    if recipe.optimizer != "sgd":
        adam = torch.optim.AdamW if recipe.optimizer == "adamw" else torch.optim.Adam
        return adam(parameters, lr=rate, weight_decay=recipe.weight_decay, fused=True, capturable=on_gpu)
    return torch.optim.SGD(
        parameters,
        lr=rate,
        momentum=recipe.momentum,
        nesterov=recipe.nesterov,
        weight_decay=recipe.weight_decay,
        fused=True,
    )
