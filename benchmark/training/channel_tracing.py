"""Finds a network's removable channels, and cuts them out. Which layers are tied is torch-pruning's to trace."""

from __future__ import annotations

from collections.abc import Container, Iterator
from contextlib import contextmanager
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


def trace(model: nn.Module, task: Task, batch: Batch) -> Channels:
    """The channels of a network whose removal leaves its inputs and outputs as they are, tried on a batch.

    Sets of tied channels are left out where the network without some of them computes something else than with zeros
    in their place: behind a layer norm, or in attention that is not traced through. So are those at either side of a
    grouped convolution, which only goes on with as many in every group; in a depthwise one each channel is its own.

    Raises:
        Inapplicable: there is none.
    """
    try:
        channels = _traced(model, task, batch)
        if not _sound(model, task, batch, channels):
            sets = [int(number) for number in torch.unique(channels.layers)]
            good = [n for n in sets if _sound(model, task, batch, _traced(model, task, batch, {n}))]
            channels = _traced(model, task, batch, set(good))
    except Inapplicable:
        raise
    except Exception as problem:  # torch-pruning meets foreign networks in many ways
        reason = f"{type(problem).__name__}: {' '.join(str(problem).split())}"
        raise Inapplicable(f"the channels of this network cannot be traced: {reason}") from problem
    return channels


def _traced(model: nn.Module, task: Task, batch: Batch, allowed: Container[int] | None = None) -> Channels:
    """Those of some sets of tied channels, by number; of all sets by default."""
    names = task.prunable(model)
    body = deepcopy(model).cpu()
    layers: dict[nn.Module, str] = {m: name for name, m in body.named_modules() if isinstance(m, LAYERS)}
    shapes = {name: p.shape for name, p in body.named_parameters() if name in names}
    outputs = {name: torch.full((shape[0],), -1) for name, shape in shapes.items()}
    inputs = {name: torch.full((shape[1],), -1) for name, shape in shapes.items()}
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
    return Channels({name: several for name, several in members.items() if several}, torch.tensor(sets))


def cut(model: nn.Module, task: Task, batch: Batch, masks: Masks) -> nn.Module:
    """A smaller dense network: a copy of a masked one without the channels that its masks drop whole."""
    body = deepcopy(model).cpu()
    layers: dict[nn.Module, str] = {m: name for name, m in body.named_modules() if isinstance(m, LAYERS)}
    graph = _graph(body, task, batch)
    for root, prune, width in list(_groups(graph, layers)):
        mask = masks[f"{layers[root]}.weight"].cpu()
        gone = [channel for channel in range(width) if not bool(mask[channel].any())]
        if gone:
            graph.get_pruning_group(root, prune, gone).prune()
    return body


def _sound(model: nn.Module, task: Task, batch: Batch, channels: Channels) -> bool:
    """Whether the network with half of these channels zeroed, and with them cut out, gives the same outputs."""
    zeroed, draw = deepcopy(model).cpu(), torch.Generator().manual_seed(0)
    names = task.prunable(model)
    parameters = {name: parameter for name, parameter in zeroed.named_parameters() if name in names}
    masks = channels.keep({name: torch.rand(p.shape, generator=draw) for name, p in parameters.items()}, 0.5)
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.mul_(masks[name])
    try:
        first, second = (_outputs(body, task, batch) for body in (zeroed, cut(zeroed, task, batch, masks)))
    except (RuntimeError, IndexError, ValueError):  # what is left does not fit together
        return False
    return all(torch.allclose(a, b, rtol=1e-3, atol=1e-4) for a, b in zip(first, second, strict=True))


def _outputs(body: nn.Module, task: Task, batch: Batch) -> list[torch.Tensor]:
    """What a network gives for a batch, in eval mode."""
    found: list[torch.Tensor] = []
    handle = body.register_forward_hook(lambda module, args, output: found.append(output))
    try:
        with torch.no_grad():
            task.loss(body.eval(), batch)
    finally:
        handle.remove()
    return found


def _graph(body: nn.Module, task: Task, batch: Batch) -> Any:
    """torch-pruning's dependency graph, traced with what the task calls the network with."""
    from torch_pruning import DependencyGraph  # heavy, and needed for this pattern alone

    with _called(body) as calls, torch.no_grad():
        task.loss(body.eval(), batch)
    return DependencyGraph().build_dependency(body, example_inputs=calls[0])


@contextmanager
def _called(body: nn.Module) -> Iterator[list[Any]]:
    """The arguments of every call: a tuple, or a dictionary where they are named."""
    calls: list[Any] = []
    handle = body.register_forward_pre_hook(lambda module, args, named: calls.append(named or args), with_kwargs=True)
    try:
        yield calls
    finally:
        handle.remove()


def _groups(graph: Any, layers: dict[nn.Module, str]) -> Iterator[tuple[nn.Module, Any, int]]:
    """A root layer, how its outputs are pruned, and how many it has, for each set of tied layers that may be cut."""
    for group in graph.get_all_groups(root_module_types=list(LAYERS)):
        feeds = any(graph.is_in_channel_pruning_fn(dep.handler) and dep.target.module in layers for dep, _ in group)
        root = group[0].dep
        if feeds and not any(_grouped(dep.target.module) for dep, _ in group):
            yield root.target.module, root.handler, graph.get_out_channels(root.target.module)


def _grouped(module: nn.Module) -> bool:
    """A convolution in groups, and not one for each channel."""
    groups = getattr(module, "groups", 1) if isinstance(module, LAYERS) else 1
    return groups > 1 and not groups == module.in_channels == module.out_channels
