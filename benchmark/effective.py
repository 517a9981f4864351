"""Effective density: the kept weights that lie on a live path from input to output (Vysogorets & Kempe, 2023)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from benchmark.masks import Masks
from benchmark.task import Batch, Task

_NORMS = (
    nn.modules.batchnorm._BatchNorm,
    nn.modules.instancenorm._InstanceNorm,
    nn.GroupNorm,
    nn.LayerNorm,
    nn.RMSNorm,
)


def live_paths(model: nn.Module, task: Task, masks: Masks, batch: Batch) -> Masks:
    """The kept weights that a signal can pass through.

    The masks, scaled to a mean over the fan-in, stand in for the weights of a float64 copy without biases and norms,
    and ones for its input; a weight is live where the summed output depends on it. Nothing can cancel: every term is
    positive. Scaling keeps hundreds of layers within float64.
    """
    probe = deepcopy(model).cpu().double().eval()
    leaves = []
    with torch.no_grad():
        for name, parameter in probe.named_parameters():
            if name in masks:
                fan_in = max(1, parameter[0].numel())
                parameter.copy_(masks[name].cpu() / fan_in)
                leaves.append(parameter)
            elif name.endswith("bias"):
                parameter.zero_()
            else:
                parameter.abs_()
    with _probing(probe) as outputs, torch.random.fork_rng(devices=[]), torch.enable_grad():
        task.loss(probe, _to_cpu(batch))
        total = torch.stack([out.sum() for out in outputs]).sum()
        grads = torch.autograd.grad(total, leaves, allow_unused=True)
    live = {
        name: masks[name] & (grad > 0).to(masks[name].device) if grad is not None else torch.zeros_like(masks[name])
        for name, grad in zip((n for n, _ in probe.named_parameters() if n in masks), grads, strict=True)
    }
    return Masks(live)


@contextmanager
def _probing(probe: nn.Module) -> Iterator[list[Tensor]]:
    """Feed ones to the model whatever it is called with, skip its norms, and collect what it returns."""
    outputs: list[Tensor] = []

    def ones(module: nn.Module, args: Any, kwargs: Any) -> Any:
        return tree_map(_one, args), tree_map(_one, kwargs)

    def collect(module: nn.Module, args: Any, output: Any) -> None:
        outputs.append(output)

    def skip(module: nn.Module, args: Any, output: Any) -> Any:
        return args[0]

    handles = [probe.register_forward_pre_hook(ones, with_kwargs=True), probe.register_forward_hook(collect)]
    handles += [m.register_forward_hook(skip) for m in probe.modules() if isinstance(m, _NORMS)]
    try:
        yield outputs
    finally:
        for handle in handles:
            handle.remove()


def _one(value: Any) -> Any:
    return torch.ones_like(value, dtype=torch.float64) if _is_float(value) else value


def _to_cpu(batch: Batch) -> Batch:
    return tree_map(lambda value: value.cpu() if isinstance(value, Tensor) else value, batch)


def _is_float(value: Any) -> bool:
    return isinstance(value, Tensor) and value.is_floating_point()
