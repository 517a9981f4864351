"""Sparse tensor cores on the CPU: torch's own compression, and products of what it stores, made dense again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.sparse import SparseSemiStructuredTensorCUTLASS as TwoOfFour
from torch.sparse._semi_structured_conversions import (
    sparse_semi_structured_from_dense_cutlass,
    sparse_semi_structured_to_dense_cutlass,
)

from benchmark.deployment import gpu


def _compressed(weight: Tensor) -> TwoOfFour:
    stored, places = sparse_semi_structured_from_dense_cutlass(weight)
    nothing = dict.fromkeys(("packed_t", "meta_t", "compressed_swizzled_bitmask"))
    return TwoOfFour(weight.shape, packed=stored, meta=places, **nothing)


def _mm(stored: Tensor, places: Tensor, inputs: Tensor, **_: Any) -> Tensor:
    return (sparse_semi_structured_to_dense_cutlass(stored, places).float() @ inputs.float()).to(inputs.dtype)


def _addmm(bias: Tensor, stored: Tensor, places: Tensor, inputs: Tensor, **_: Any) -> Tensor:
    product = sparse_semi_structured_to_dense_cutlass(stored, places).float() @ inputs.float()
    return (product + bias.float()[:, None]).to(inputs.dtype)


def fake(monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int] = (9, 0)) -> Iterator[None]:
    """A GPU of this compute capability, which is the CPU."""
    monkeypatch.setattr(gpu, "DEVICE", torch.device("cpu"))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "a fake")
    for name in ("synchronize", "reset_peak_memory_stats"):
        monkeypatch.setattr(torch.cuda, name, lambda device: None)
    for name in ("memory_allocated", "max_memory_allocated"):
        monkeypatch.setattr(torch.cuda, name, lambda device: 0)
    monkeypatch.setattr(torch.sparse, "to_sparse_semi_structured", _compressed)
    with torch.library._scoped_library("aten", "IMPL") as kernels:
        kernels.impl("_sparse_semi_structured_mm", _mm, "CPU")
        kernels.impl("_sparse_semi_structured_addmm", _addmm, "CPU")
        yield
