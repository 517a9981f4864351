"""Writes a trained network to files that others read: safetensors, ONNX, and programs of `torch.export`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

from benchmark.deployment import gpu, onnx
from benchmark.deployment.deployed import AGREES, Call, Deployed, deployed, require_near
from benchmark.deployment.onnx import onnx_bytes, program, quiet, session
from benchmark.errors import Inapplicable, PluginError
from benchmark.pruning.structured import Channels
from benchmark.sweep.again import Network
from benchmark.training.state import tensors

SIZES = (1, 5)
"""Sizes of the batches on which a file is compared with its network."""


def write_safetensors(folder: Path, trained: Network, network: Deployed) -> None:
    """Write weights.safetensors and masks.safetensors; with the pattern `channels`, smaller.safetensors, too."""
    whole = {name: value.contiguous() for name, value in tensors(trained.model).items()}
    save_file(whole, folder / "weights.safetensors")
    save_file({name: mask.contiguous() for name, mask in trained.masks.items()}, folder / "masks.safetensors")
    if isinstance(trained.beginning.target.pattern, Channels):
        smaller = {name: value.contiguous() for name, value in tensors(network.network).items()}
        save_file(smaller, folder / "smaller.safetensors")


def write_onnx(folder: Path, trained: Network, network: Deployed) -> None:
    """Write network.onnx. Raises VerificationFailed if its outputs in onnxruntime differ from those of torch."""
    content = onnx_bytes(program(network.network, network.call))
    runs = session(content, threads=1)
    for size in SIZES:
        call = network.call(size)
        require_near("onnxruntime", runs(call.tensors), call.of(network.network))
    (folder / "network.onnx").write_bytes(content)


def write_torch(folder: Path, trained: Network, network: Deployed) -> None:
    """Write network.pt2, which `torch.export.load` reads. Raises VerificationFailed if its outputs differ."""
    _write_program(folder / "network.pt2", network.network, network)


def write_two_of_four(folder: Path, network: Deployed) -> str:
    """Write network-2-4.pt2, in float16 for a GPU, if there are layers that sparse tensor cores support.

    Returns:
        Why it could not be written here; else empty.

    Raises:
        VerificationFailed: its outputs differ from the network's by more than `gpu.AGREES`.
    """
    if not gpu.two_of_four(network.network, network.zeros):
        return ""
    if reason := gpu.without_sparse_cores():
        return f"without network-2-4.pt2: {reason}"
    packed = gpu.packed(network.network, network.zeros)
    try:
        _write_program(folder / "network-2-4.pt2", packed, network, gpu.given, gpu.AGREES)
    except Inapplicable as problem:  # torch 2.11 traces such layers for one size of a batch alone
        return f"without network-2-4.pt2: {problem}"
    return ""


def _write_program(
    file: Path,
    module: nn.Module,
    network: Deployed,
    given: Callable[[Call], Call] = lambda call: call,
    agrees: float = AGREES,
) -> None:
    """Write a module as a program, whose outputs have to be those of the network."""
    torch.export.save(program(module, lambda size: given(network.call(size))), file)
    with quiet():
        loaded = torch.export.load(file).module()
    for size in SIZES:
        call = network.call(size)
        require_near(file.name, given(call).of(loaded), call.of(network.network), agrees)


FORMATS: Mapping[str, Callable[[Path, Network, Deployed], None]] = {
    "safetensors": write_safetensors,
    "onnx": write_onnx,
    "torch": write_torch,
}


def require_packages(formats: Collection[str]) -> None:
    """Raise PluginError if the packages for one of these formats are not installed: before a network is trained."""
    if "onnx" in formats:
        onnx.require()


def write_network(folder: Path, trained: Network, formats: list[str]) -> str:
    """Write a network in several formats.

    Returns:
        What could not be written on this machine, and why; else empty.

    Raises:
        PluginError: the network cannot be written in one of them, or the packages for it are not installed.
        VerificationFailed: the outputs of what was written differ from the network's.
    """
    network = deployed(trained)
    with torch.no_grad():
        for name in formats:
            try:
                FORMATS[name](folder, trained, network)
            except Inapplicable as problem:
                raise PluginError(f"--format {name}: {problem}") from None
        return write_two_of_four(folder, network) if "torch" in formats else ""
