"""Which weights of a network may be pruned, which matrices are left out, and why."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import reduce

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvTransposeNd

Policy = Callable[[nn.Module], list[str]]
"""A function from a network to the names of the tensors that may be pruned, in the network's order."""

LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)

TRANSPOSED = "transposed convolution"

_KINDS: tuple[tuple[type[nn.Module] | tuple[type[nn.Module], ...], str], ...] = (
    (torch.jit.ScriptModule, "scripted module"),
    ((nn.RNNBase, nn.RNNCellBase), "recurrent layer"),
    (nn.MultiheadAttention, "packed attention"),
    (_ConvTransposeNd, TRANSPOSED),
    ((nn.Embedding, nn.EmbeddingBag), "embedding"),
    (LAYERS, "the task does not prune it"),
)
"""Kinds of modules whose matrices are left out unless they are asked for by name, and how they are described."""


@dataclass(frozen=True)
class Prunable:
    """What may be pruned of a network.

    Args:
        names: the tensors that may be.
        left_out: the other matrices, each with the reason.
        share: prunable weights as a share of all parameters.
        matrices: prunable weights as a share of the weights of all matrices; 1 without any.
    """

    names: tuple[str, ...]
    left_out: Mapping[str, str]
    share: float
    matrices: float


@dataclass(frozen=True)
class Chosen:
    """A policy that takes a part of what another one declares, or names tensors by a pattern.

    Args:
        choice: `no-first`, `no-last` or `no-ends` of what is declared; or a pattern of names (`*` and `?` as in file
            names) of any matrices that can be masked: `*weight_hh*`.
    """

    choice: str
    declared: Policy

    def __call__(self, model: nn.Module) -> list[str]:
        names = self.declared(model)
        parts = {"all": names, "no-first": names[1:], "no-last": names[:-1], "no-ends": names[1:-1]}
        if self.choice in parts:
            return parts[self.choice]
        return [name for name, matrix in _matrices(model) if maskable(name, matrix) and fnmatchcase(name, self.choice)]


def chosen(choice: str, declared: Policy) -> Policy:
    """The policy for a value of `--prunable`; `all` is what is declared. Choosing twice is like choosing once."""
    return declared if choice == "all" or isinstance(declared, Chosen) else Chosen(choice, declared)


def conv_and_linear(model: nn.Module) -> list[str]:
    """The names of the tensors that are prunable by default: `.weight` of every convolution and linear layer.

    Linear layers of PyTorch Geometric count as well. Transposed convolutions do not.
    """
    layers = [(name, module) for name, module in model.named_modules() if is_layer(module)]
    names = {f"{name}.weight".lstrip(".") for name, _ in layers}
    named = model.named_parameters()  # tied weights count once
    return [name for name, parameter in named if name in names and maskable(name, parameter)]


def prunable_of(policy: Policy, model: nn.Module) -> Prunable:
    """What a policy takes of a network, and what it leaves out."""
    names, sizes = policy(model), {name: p.numel() for name, p in model.named_parameters()}
    taken, matrices = sum(sizes[name] for name in names), dict(_matrices(model))
    others = {name: _reason(policy, model, name, matrix) for name, matrix in matrices.items() if name not in names}
    all_matrices = sum(sizes[name] for name in matrices.keys() | set(names))
    return Prunable(
        tuple(names),
        others | dict(_tied(model)),
        taken / max(1, sum(sizes.values())),
        taken / all_matrices if all_matrices else 1.0,
    )


def is_layer(module: nn.Module) -> bool:
    """Whether a module is a convolution (no transposed one) or a linear layer, of torch or of PyTorch Geometric."""
    kind = type(module)
    return isinstance(module, LAYERS) or (kind.__module__, kind.__name__) == (
        "torch_geometric.nn.dense.linear",
        "Linear",
    )


def owner(model: nn.Module, name: str) -> nn.Module:
    """The module that a parameter belongs to. `get_submodule` does not work on scripted modules."""
    module: nn.Module = reduce(getattr, name.split(".")[:-1], model)
    return module


def maskable(name: str, parameter: Tensor) -> bool:
    """Whether pruned entries of a parameter can stay 0: it has any, and no weight is computed from it."""
    return parameter.numel() > 0 and not _computed(name)


def transposed(model: nn.Module, name: str) -> bool:
    """Whether a parameter has its inputs, and not its outputs, in dimension 0."""
    return isinstance(owner(model, name), _ConvTransposeNd)


def _matrices(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    return ((name, parameter) for name, parameter in model.named_parameters() if parameter.dim() > 1)


def _computed(name: str) -> bool:
    """Whether the name is one that `torch.nn.utils` gives to what a weight is computed from."""
    *owners, own = name.split(".")
    return "parametrizations" in owners or own.endswith(("_v", "_g", "_orig"))


def _reason(policy: Policy, model: nn.Module, name: str, matrix: Tensor) -> str:
    if isinstance(policy, Chosen) and name in policy.declared(model):
        return f"not in --prunable {policy.choice}"
    if not matrix.numel():
        return "it has no weights"
    if _computed(name):
        return "parametrised: the weight is computed from it"
    module = owner(model, name)
    kinds = (words for kind, words in _KINDS if isinstance(module, kind))
    return next(kinds, f"a parameter of {type(module).__name__}, which is not a known layer")


def _tied(model: nn.Module) -> Iterator[tuple[str, str]]:
    """The further names of tensors that have several."""
    first: dict[Tensor, str] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        known = first.setdefault(parameter, name)
        if known != name and parameter.dim() > 1:
            yield name, f"tied: the same tensor as '{known}', which counts once"
