"""Finds the channels that can be removed from a network, and removes them. torch-pruning traces which layers are tied.

Two layers are tied if they must lose the same channels: the layers that a residual connection adds up, for example.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from copy import deepcopy
from typing import Any

import torch
from torch import nn

from benchmark.data.splits import Batch
from benchmark.errors import Inapplicable
from benchmark.pruning.masks import Masks
from benchmark.pruning.structured import Channels
from benchmark.training.task import Task

LAYERS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)

SHARES = (0.5, 0.7)
"""The shares of channels that are kept when it is tested whether channels can be removed.

With one half alone, the kept channels may be exactly one head of two: attention cut down to that head has nearly the
same outputs while its weights are small.
"""

NORMS = (nn.modules.batchnorm._NormBase,)
"""Norm layers that treat every channel by itself: batch and instance norm."""


def trace(model: nn.Module, task: Task, batch: Batch) -> Channels:
    """Return the channels of a network that can be removed without a change of its input and output shapes.

    The result is tested on `batch`: a set of tied channels is left out if removing some of them (`SHARES`) gives other
    outputs than zeroing them. That happens before a layer norm, and in attention. Channels next to a grouped
    convolution are left out as well, because it needs the same number in every group; a depthwise convolution is no
    obstacle, as each of its channels is a group.

    Raises:
        Inapplicable: no channel can be removed, or the network cannot be traced.
    """
    try:
        channels = _trace_sets(model, task, batch)
        if not _removable(model, task, batch, channels):
            sets = [int(number) for number in torch.unique(channels.layers)]
            valid = [n for n in sets if _removable(model, task, batch, _trace_sets(model, task, batch, {n}))]
            channels = _trace_sets(model, task, batch, set(valid))
    except Inapplicable:
        raise
    except Exception as problem:  # torch-pruning fails on unfamiliar networks in many ways
        reason = f"{type(problem).__name__}: {' '.join(str(problem).split())}"
        raise Inapplicable(f"the channels of this network cannot be traced: {reason}") from problem
    return channels


def _trace_sets(model: nn.Module, task: Task, batch: Batch, allowed: Container[int] | None = None) -> Channels:
    """Return the channels of the sets of tied layers whose numbers are `allowed`; of all sets by default."""
    names = task.prunable(model)
    body = deepcopy(model).cpu()
    layers: dict[nn.Module, str] = {m: name for name, m in body.named_modules() if isinstance(m, LAYERS)}
    shapes = {name: p.shape for name, p in body.named_parameters() if name in names}
    outputs = {name: torch.full((shape[0],), -1) for name, shape in shapes.items()}
    inputs = {name: torch.full((shape[1],), -1) for name, shape in shapes.items()}
    norms = _scales(body)
    behind = {name: torch.full(p.shape, -1) for name, p in body.named_parameters() if name in norms.values()}
    sets: list[int] = []
    graph = _graph(body, task, batch)
    for number, (root, prune, width) in enumerate(_groups(graph, layers)):
        if allowed is not None and number not in allowed:
            continue
        for channel in range(width):
            for dependency, places in graph.get_pruning_group(root, prune, [channel]):
                name = f"{layers.get(dependency.target.module)}.weight"
                if name in shapes:
                    side = outputs if graph.is_out_channel_pruning_fn(dependency.handler) else inputs
                    side[name][torch.tensor(places)] = len(sets)
                if dependency.target.module in norms:
                    behind[norms[dependency.target.module]][torch.tensor(places)] = len(sets)
            sets.append(number)
    if not sets:
        raise Inapplicable("this network has no channel that could be removed")
    members = {
        name: tuple(
            numbers.view([-1 if axis == dim else 1 for axis in range(len(shapes[name]))])
            for dim, numbers in enumerate((outputs[name], inputs[name]))
            if bool((numbers >= 0).any())
        )
        for name in shapes
    }
    behind = {name: numbers for name, numbers in behind.items() if bool((numbers >= 0).any())}
    return Channels({name: several for name, several in members.items() if several}, torch.tensor(sets), behind)


def _scales(body: nn.Module) -> dict[nn.Module, str]:
    """The names of the scales of norm layers, by layer."""
    norms = {module: name for name, module in body.named_modules() if isinstance(module, NORMS)}
    return {module: f"{name}.weight".lstrip(".") for module, name in norms.items() if module.weight is not None}


def cut(model: nn.Module, task: Task, batch: Batch, masks: Masks) -> nn.Module:
    """Return a smaller dense network: a copy of a masked one without the channels that its masks prune entirely."""
    body = deepcopy(model).cpu()
    layers: dict[nn.Module, str] = {m: name for name, m in body.named_modules() if isinstance(m, LAYERS)}
    graph = _graph(body, task, batch)
    for root, prune, width in list(_groups(graph, layers)):
        mask = masks[f"{layers[root]}.weight"].cpu()
        gone = [channel for channel in range(width) if not bool(mask[channel].any())]
        if gone:
            graph.get_pruning_group(root, prune, gone).prune()
    return body


def _removable(model: nn.Module, task: Task, batch: Batch, channels: Channels) -> bool:
    """Whether the network gives the same outputs with some of these channels zeroed as with the same ones cut out."""
    return all(_alike(model, task, batch, channels, share) for share in SHARES)


def _alike(model: nn.Module, task: Task, batch: Batch, channels: Channels, share: float) -> bool:
    """The test of `_removable` with this share of the channels kept."""
    zeroed, draw = deepcopy(model).cpu(), torch.Generator().manual_seed(0)
    names = task.prunable(model)
    parameters = {name: parameter for name, parameter in zeroed.named_parameters() if name in names}
    masks = channels.keep({name: torch.rand(p.shape, generator=draw) for name, p in parameters.items()}, share)
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.mul_(masks[name])
    try:
        first, second = (_outputs(body, task, batch) for body in (zeroed, cut(zeroed, task, batch, masks)))
    except (RuntimeError, IndexError, ValueError):  # the shapes of the remaining layers do not match
        return False
    return all(torch.allclose(a, b, rtol=1e-3, atol=1e-4) for a, b in zip(first, second, strict=True))


def _outputs(body: nn.Module, task: Task, batch: Batch) -> list[torch.Tensor]:
    """The network's outputs for a batch, in eval mode: one tensor for every time that the task calls it."""
    outputs: list[torch.Tensor] = []
    handle = body.register_forward_hook(lambda module, args, output: outputs.append(output))
    try:
        with torch.no_grad():
            task.loss(body.eval(), batch)
    finally:
        handle.remove()
    return outputs


def _graph(body: nn.Module, task: Task, batch: Batch) -> Any:
    """torch-pruning's dependency graph, traced with the arguments that the task calls the network with."""
    from torch_pruning import DependencyGraph  # slow to import, and needed for this pattern only

    return DependencyGraph().build_dependency(body, example_inputs=arguments(body, task, batch))


def arguments(network: nn.Module, task: Task, batch: Batch) -> Any:
    """What the task calls a network with, for a batch: a tuple, or a dictionary if there are keywords."""
    calls: list[Any] = []
    handle = network.register_forward_pre_hook(lambda _, args, named: calls.append(named or args), with_kwargs=True)
    try:
        with torch.no_grad():
            task.loss(network.eval(), batch)
    finally:
        handle.remove()
    return calls[0]


def _groups(graph: Any, layers: dict[nn.Module, str]) -> Iterator[tuple[nn.Module, Any, int]]:
    """Yield, for each set of tied layers that may be cut, its root layer, torch-pruning's function and the width.

    The function prunes output channels of the root layer; the width is how many of them there are.
    """
    for group in graph.get_all_groups(root_module_types=list(LAYERS)):
        feeds = any(graph.is_in_channel_pruning_fn(dep.handler) and dep.target.module in layers for dep, _ in group)
        root = group[0].dep
        if feeds and not any(_grouped(dep.target.module) for dep, _ in group):
            yield root.target.module, root.handler, graph.get_out_channels(root.target.module)


def _grouped(module: nn.Module) -> bool:
    """Whether a layer is a grouped convolution that is not depthwise."""
    groups = getattr(module, "groups", 1) if isinstance(module, LAYERS) else 1
    return groups > 1 and not groups == module.in_channels == module.out_channels
