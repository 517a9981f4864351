"""The ways in which a network can be run: torch, onnxruntime, and torch with compressed rows of weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from benchmark.deployment.deployed import Call
from benchmark.deployment.onnx import onnx_bytes, program, session
from benchmark.deployment.sparse_layers import Rows, compressed
from benchmark.errors import VerificationFailed

AGREES = 1e-4
"""How far outputs may lie from those of torch, as a share of the largest, or of 1 if that is less."""

Answer = Callable[[Call], Tensor]
"""The outputs of a network for a call."""


@dataclass(frozen=True)
class Runtime:
    """A way to run networks.

    Args:
        prepare: makes what is loaded, a module or the bytes of a file, of a network, the names of its layers with
            zeros, and an example of a call. Raises Inapplicable where this runtime cannot run the network.
        load: what answers with that, with so many threads.
        package: that it needs beside torch.
    """

    prepare: Callable[[nn.Module, list[str], Call], Any]
    load: Callable[[Any, int], Answer]
    package: str = "torch"


def _eager(network: nn.Module, threads: int) -> Answer:
    torch.set_num_threads(threads)

    def answer(call: Call) -> Tensor:
        with torch.inference_mode():
            return first(call.of(network))

    return answer


def _session(content: bytes, threads: int) -> Answer:
    runs = session(content, threads)
    return lambda call: runs(call.tensors)


RUNTIMES: Mapping[str, Runtime] = {
    "torch": Runtime(lambda network, zeros, call: network, _eager),
    "onnxruntime": Runtime(lambda network, zeros, call: onnx_bytes(program(network, call)), _session, "onnxruntime"),
    "csr": Runtime(lambda network, zeros, call: compressed(network, zeros), _eager),
}
"""By name. In `csr`, layers with zeros compute with their nonzero weights alone."""


def first(outputs: Any) -> Tensor:
    """The tensor that a network answers with; the first one if there are several."""
    while not isinstance(outputs, Tensor):
        outputs = next(iter(outputs.values() if isinstance(outputs, Mapping) else outputs))
    return outputs


def require_near(name: str, outputs: Tensor, expected: Tensor) -> None:
    """Raise VerificationFailed if outputs are further from those of torch than `AGREES`."""
    allowed = AGREES * max(1.0, float(expected.abs().max()))
    apart = float((outputs - expected).abs().max())
    if not apart <= allowed:
        raise VerificationFailed(f"in {name}, outputs are {apart:.2g} from those of torch; {allowed:.2g} is allowed")


def size_of(prepared: nn.Module | bytes) -> int:
    """Bytes of what is loaded: of a file, or of parameters and buffers, compressed ones with their indices."""
    if isinstance(prepared, bytes):
        return len(prepared)
    plain = [*prepared.parameters(), *prepared.buffers()]
    rows = sum(module.bytes for module in prepared.modules() if isinstance(module, Rows))
    return rows + sum(value.numel() * value.element_size() for value in plain)
