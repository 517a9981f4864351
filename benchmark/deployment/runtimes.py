"""The ways in which a network can be run, on a processor and on a GPU, dense and with its zeros left out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.sparse import SparseSemiStructuredTensor

from benchmark.deployment import gpu
from benchmark.deployment.deployed import AGREES, Call, Deployed
from benchmark.deployment.onnx import available, onnx_bytes, program, session
from benchmark.deployment.sparse_layers import Rows, compressed, compressible

Answer = Callable[[Call], Tensor]
"""The outputs of a network for a call."""


def _same(call: Call) -> Call:
    return call


@dataclass(frozen=True)
class Runtime:
    """A way to run networks.

    Args:
        refuses: says why it does not run this network here; empty if it does.
        prepare: makes what is loaded, a module or the bytes of a file, from a network, the names of its layers with
            zeros, and calls by batch size. Raises Inapplicable if this runtime cannot run the network after all.
        load: returns the function that runs what was prepared, with the given number of threads.
        given: what that function is called with, if it is not the call itself.
        agrees: how far its outputs may lie from those of torch (`AGREES`).
        beside: the runtime of the dense parent, if that is another one.
        package: the package that it needs in addition to torch.
        on_gpu: whether it runs on a GPU.
    """

    refuses: Callable[[Deployed], str]
    prepare: Callable[[nn.Module, list[str], Callable[[int], Call]], Any]
    load: Callable[[Any, int], Answer]
    given: Callable[[Call], Call] = _same
    agrees: float = AGREES
    beside: str = ""
    package: str = "torch"
    on_gpu: bool = False


def _eager(network: nn.Module, threads: int) -> Answer:
    torch.set_num_threads(threads)

    def answer(call: Call) -> Tensor:
        with torch.inference_mode():
            return call.of(network)

    return answer


def _session(content: bytes, threads: int) -> Answer:
    runs = session(content, threads)
    return lambda call: runs(call.tensors)


def _not_tensors(network: Deployed) -> str:
    return "" if network.call(1).tensors else "this network is not called with tensors alone"


def _no_onnx(network: Deployed) -> str:
    return _not_tensors(network) if available() else "it is not installed: pip install 'prunebench[onnx]'"


def _no_rows(network: Deployed) -> str:
    if compressible(network.network, network.zeros):
        return ""
    kinds = "no linear layer or plain convolution of this network has zeros"
    return kinds if network.zeros else "no layer of this network has zeros"


def _no_gpu(network: Deployed) -> str:
    return gpu.without_gpu() or _not_tensors(network)


def _no_two_of_four(network: Deployed) -> str:
    sizes = f"outputs in multiples of {gpu.OUTPUTS} and inputs of {gpu.INPUTS}"
    fits = gpu.two_of_four(network.network, network.zeros)
    unfit = "" if fits else f"no linear layer of this network keeps two of every four weights, with {sizes}"
    return gpu.without_sparse_cores() or unfit or _not_tensors(network)


RUNTIMES: Mapping[str, Runtime] = {
    "torch": Runtime(lambda network: "", lambda network, zeros, call: network, _eager),
    "onnxruntime": Runtime(
        _no_onnx, lambda network, zeros, call: onnx_bytes(program(network, call)), _session, package="onnxruntime"
    ),
    "csr": Runtime(_no_rows, lambda network, zeros, call: compressed(network, zeros), _eager, beside="torch"),
    "cuda": Runtime(
        _no_gpu, lambda network, zeros, call: gpu.halved(network), gpu.answering, gpu.given, gpu.AGREES, on_gpu=True
    ),
    "2:4": Runtime(
        _no_two_of_four,
        lambda network, zeros, call: gpu.packed(network, zeros),
        gpu.answering,
        gpu.given,
        gpu.AGREES,
        beside="cuda",
        on_gpu=True,
    ),
}
"""The runtimes by name. In `csr` and `2:4`, layers with zeros compute with their nonzero weights alone."""


def size_of(prepared: nn.Module | bytes) -> int:
    """The size of what is loaded, in bytes: a file, or parameters and buffers, compressed ones with their indices."""
    if isinstance(prepared, bytes):
        return len(prepared)
    rows = sum(module.bytes for module in prepared.modules() if isinstance(module, Rows))
    return rows + sum(map(_bytes_of, [*prepared.parameters(), *prepared.buffers()]))


def _bytes_of(value: Tensor) -> int:
    if isinstance(value, SparseSemiStructuredTensor):
        parts = (value.packed, value.meta)
        return sum(part.numel() * part.element_size() for part in parts if part is not None)
    return value.numel() * value.element_size()
