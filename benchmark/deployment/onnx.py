"""Networks as files: programs of `torch.export`, and ONNX, which is compared with the network that it was made from."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from importlib.util import find_spec
from logging import WARNING, getLogger
from typing import Any

import torch
from torch import Tensor, nn

from benchmark.deployment.deployed import Call
from benchmark.errors import Inapplicable, PluginError, one_line

PACKAGES = ("onnx", "onnxscript", "onnxruntime")


def available() -> bool:
    """Whether the packages of the extra `onnx` are installed."""
    return all(find_spec(name) for name in PACKAGES)


def require() -> None:
    """Raise PluginError if the packages of the extra `onnx` are not installed."""
    if not available():
        raise PluginError("ONNX needs the packages of an extra: pip install 'prunebench[onnx]'")


SIZES = (2, 3, 16, 64)
"""Batch sizes that are compared to find dimensions that vary, such as lengths of texts; the first one is traced."""


def program(network: nn.Module, call: Callable[[int], Call]) -> Any:
    """The `torch.export.ExportedProgram` of a network, for batches of any size, and of any length where lengths differ.

    Args:
        call: returns the call for a batch of the given number of examples.

    Raises:
        Inapplicable: it is called with something other than tensors, or cannot be traced.
    """
    calls = [call(size) for size in SIZES]
    return _traced(network, calls[0], [_open(given) for given in zip(*(one.tensors for one in calls), strict=True)])


def _open(given: Sequence[Tensor]) -> dict[int, Any]:
    """The dimensions of an argument that a program leaves open: those in which batches differ.

    Those that are as long as the batch share one size. A network on a single graph has none: it is called with all of
    the graph, whatever the batch. Of the others, none may turn out to be fixed: a program of one size is of no use.
    """
    lengths = enumerate(zip(*(tensor.shape for tensor in given), strict=True))
    of_batch, other = torch.export.Dim("batch"), torch.export.Dim.DYNAMIC
    return {place: of_batch if sizes == SIZES else other for place, sizes in lengths if len(set(sizes)) > 1}


def _traced(network: nn.Module, call: Call, sizes: Sequence[dict[int, Any]]) -> Any:
    if not call.tensors:
        kinds = ", ".join(sorted({type(value).__name__ for value in (*call.args, *call.named.values())}))
        raise Inapplicable(f"this network is called with {kinds}; an exported program takes only tensors")
    shapes: Any = tuple(sizes) if call.args else dict(zip(call.named, sizes, strict=True))
    try:
        with quiet():
            return torch.export.export(_contiguous(network), call.args, call.named, dynamic_shapes=shapes)
    except Exception as problem:  # torch.export fails in many ways
        raise Inapplicable(f"torch.export cannot trace this network: {one_line(problem)[:300]}") from problem


def _contiguous(network: nn.Module) -> nn.Module:
    """The network, or a copy if it has tensors in another layout; torch 2.11 cannot copy weights of 2:4."""
    if all(tensor.is_contiguous() for tensor in network.state_dict().values()):
        return network
    return deepcopy(network).to(memory_format=torch.contiguous_format)


def onnx_bytes(exported: Any) -> bytes:
    """A program as ONNX.

    Raises:
        PluginError: the packages of the extra `onnx` are not installed.
        Inapplicable: ONNX has no operation for one of the network's.
    """
    require()
    try:
        with quiet():
            found = torch.onnx.export(exported, verbose=False)
        assert found is not None
        return bytes(found.model_proto.SerializeToString())
    except Exception as problem:
        raise Inapplicable(f"this network cannot be exported to ONNX: {one_line(_first(problem))[:300]}") from problem


def _first(problem: BaseException) -> BaseException:
    """The exception that others were raised from; the exporter's own say only at which step it was."""
    return _first(problem.__cause__) if problem.__cause__ else problem


def session(content: bytes, threads: int) -> Callable[[Sequence[Tensor]], Tensor]:
    """A function that runs an ONNX file in onnxruntime on the CPU, with this many threads.

    It raises PluginError for inputs that it cannot process.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3
    runs = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    names = [given.name for given in runs.get_inputs()]

    def answer(tensors: Sequence[Tensor]) -> Tensor:
        given = {name: tensor.numpy() for name, tensor in zip(names, tensors, strict=True)}
        try:
            return torch.from_numpy(runs.run(None, given)[0])
        except Exception as problem:  # onnxruntime has errors of its own for each of its status codes
            shapes = ", ".join(str(tuple(tensor.shape)) for tensor in tensors)
            raise PluginError(
                f"onnxruntime cannot run this network on inputs of {shapes}: {one_line(problem)[:200]}; "
                f"leave it out with --runtime torch"
            ) from None

    return answer


@contextmanager
def quiet() -> Iterator[None]:
    """Without the exporter's notes to its developers."""
    logger = getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(WARNING + 10)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
