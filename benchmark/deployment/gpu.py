"""Networks on a GPU in float16, and on its sparse tensor cores, which multiply two of every four inputs."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection
from copy import deepcopy

import torch
from torch import Tensor, nn

from benchmark.deployment.deployed import Call

DEVICE = torch.device("cuda")

AGREES = 1e-2
"""As `benchmark.deployment.deployed.AGREES`, for outputs in float16, whose numbers have 11 bits."""

OUTPUTS, INPUTS = 32, 64
"""What the sizes of a float16 weight have to be multiples of, whichever library torch was built with: these for
CUTLASS, 16 and 16 for cuSPARSELt (`_DTYPE_SHAPE_CONSTRAINTS` in torch/sparse/semi_structured.py)."""


def without_gpu() -> str:
    """Why nothing can run on a GPU here; empty if it can."""
    return "" if torch.cuda.is_available() else "torch finds no CUDA device here"


def without_sparse_cores() -> str:
    """Why nothing can run on sparse tensor cores here; empty if it can."""
    if reason := without_gpu():
        return reason
    major, minor = torch.cuda.get_device_capability(DEVICE)
    if (major, minor) >= (8, 0):
        return ""
    name = torch.cuda.get_device_name(DEVICE)
    return f"sparse tensor cores came with compute capability 8.0, and {name} has {major}.{minor}"


def two_of_four(network: nn.Module, names: Collection[str]) -> list[str]:
    """The layers, out of these, that sparse tensor cores support.

    They are linear layers that keep at most two of every four consecutive weights in an output's row, with sizes that
    are multiples of `OUTPUTS` and `INPUTS`.
    """
    return [name for name in names if _fits(network.get_submodule(name))]


def _fits(layer: nn.Module) -> bool:
    if type(layer) is not nn.Linear or layer.out_features % OUTPUTS or layer.in_features % INPUTS:
        return False
    fours = layer.weight.detach().reshape(-1, 4)
    return bool(((fours != 0).sum(dim=1) <= 2).all())


def halved(network: nn.Module) -> nn.Module:
    """A copy of a network on the GPU, in float16."""
    return deepcopy(network).to(DEVICE, torch.float16)


def packed(network: nn.Module, names: Collection[str]) -> nn.Module:
    """The same network, in which the layers that sparse tensor cores support store two of every four weights.

    Source: `torch.sparse.to_sparse_semi_structured`.
    """
    half = halved(network)
    for name in two_of_four(half, names):
        layer = half.get_submodule(name)
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # torch calls the type a prototype, once in every process
            weight = torch.sparse.to_sparse_semi_structured(layer.get_parameter("weight").contiguous())
        layer.weight = nn.Parameter(weight, requires_grad=False)
    return half


def given(call: Call) -> Call:
    """A call with its tensors on the GPU, floating-point ones in float16."""
    return call.mapped(lambda value: value.to(DEVICE, torch.float16 if value.is_floating_point() else None))


def answering(network: nn.Module, threads: int) -> Callable[[Call], Tensor]:
    """A function that computes outputs on the GPU and waits for them, with this many processor threads."""
    torch.set_num_threads(threads)

    def answer(call: Call) -> Tensor:
        with torch.inference_mode():
            outputs = call.of(network)
        torch.cuda.synchronize(DEVICE)
        return outputs

    return answer
