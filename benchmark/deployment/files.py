"""Writes a trained network to files that others read: safetensors, ONNX, and programs of `torch.export`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file

from benchmark.deployment.deployed import Deployed, deployed
from benchmark.deployment.onnx import onnx_bytes, program, session
from benchmark.deployment.runtimes import first, require_near
from benchmark.errors import Inapplicable, PluginError
from benchmark.pruning.structured import Channels
from benchmark.sweep.again import Network
from benchmark.training.state import tensors

SIZES = (1, 5)
"""Batches with which a file is compared with its network."""


def write_safetensors(folder: Path, trained: Network, network: Deployed) -> None:
    """Write weights.safetensors and masks.safetensors; of the pattern `channels`, smaller.safetensors, too."""
    whole = {name: value.contiguous() for name, value in tensors(trained.model).items()}
    save_file(whole, folder / "weights.safetensors")
    save_file({name: mask.contiguous() for name, mask in trained.masks.items()}, folder / "masks.safetensors")
    if isinstance(trained.beginning.target.pattern, Channels):
        smaller = {name: value.contiguous() for name, value in tensors(network.network).items()}
        save_file(smaller, folder / "smaller.safetensors")


def write_onnx(folder: Path, trained: Network, network: Deployed) -> None:
    """Write network.onnx. Raises VerificationFailed if onnxruntime answers otherwise with it than torch."""
    content = onnx_bytes(program(network.network, network.call(2)))
    runs = session(content, threads=1)
    for size in SIZES:
        call = network.call(size)
        require_near("onnxruntime", runs(call.tensors), first(call.of(network.network)))
    (folder / "network.onnx").write_bytes(content)


def write_torch(folder: Path, trained: Network, network: Deployed) -> None:
    """Write network.pt2, which `torch.export.load` reads. Raises VerificationFailed if it answers otherwise."""
    file = folder / "network.pt2"
    torch.export.save(program(network.network, network.call(2)), file)
    loaded = torch.export.load(file).module()
    for size in SIZES:
        call = network.call(size)
        require_near("the program", first(call.of(loaded)), first(call.of(network.network)))


FORMATS: Mapping[str, Callable[[Path, Network, Deployed], None]] = {
    "safetensors": write_safetensors,
    "onnx": write_onnx,
    "torch": write_torch,
}


def write_network(folder: Path, trained: Network, formats: list[str]) -> None:
    """Write a network in formats.

    Raises:
        PluginError: the network cannot be written in one of them, or its packages are not installed.
        VerificationFailed: what was written answers otherwise than the network.
    """
    network = deployed(trained)
    with torch.no_grad():
        for name in formats:
            try:
                FORMATS[name](folder, trained, network)
            except Inapplicable as problem:
                raise PluginError(f"--format {name}: {problem}") from None
