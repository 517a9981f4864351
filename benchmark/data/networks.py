"""Reads the tensors of trained networks from files: safetensors and torch state dicts. Nothing in them is executed."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import safetensors.torch
from torch import Tensor

SUFFIXES = (".safetensors", ".pth", ".pt", ".bin")
"""The suffixes of files with networks."""

WRAPPERS = ("state_dict", "model", "model_state_dict")
"""The entries of a checkpoint under which training programs put the state dict."""


def read_network(content: bytes, name: str) -> dict[str, Tensor]:
    """The tensors of a network by name, from the bytes of a file.

    Args:
        name: the name of the file. Its suffix says whether it is safetensors, or was written by `torch.save`.

    Raises:
        ValueError: there are no tensors in it, or there is something that would have to be executed.
    """
    if name.endswith(".safetensors"):
        try:
            return safetensors.torch.load(content)
        except safetensors.SafetensorError as error:
            raise ValueError(f"{name} is not a safetensors file: {error}") from None
    from benchmark.data.unpickling import read_tensors  # which scipy comes with

    read = read_tensors(io.BytesIO(content), name)
    inner = next((read[key] for key in WRAPPERS if isinstance(read, Mapping) and key in read), read)
    found = {str(key): value for key, value in _items(inner).items() if isinstance(value, Tensor)}
    if not found:
        raise ValueError(f"{name} is not a state dict: it has no tensors by name")
    return found


def _items(read: Any) -> Mapping[Any, Any]:
    return read if isinstance(read, Mapping) else {}
