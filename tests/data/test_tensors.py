"""Digests of examples in memory: the same bytes for every type of numbers, however the tensors lie."""

from __future__ import annotations

import hashlib

import pytest
import torch
from torch import Tensor

from benchmark import DatasetData, TensorData
from benchmark.contract.task_rules import _rows
from benchmark.data.tensors import bytes_of

NUMBERS = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
TYPES = [torch.float32, torch.float64, torch.float16, torch.int64, torch.uint8, torch.bool, torch.complex64]


@pytest.mark.parametrize("kind", TYPES, ids=str)
def test_the_digest_is_that_of_types_shapes_and_bytes(kind: torch.dtype) -> None:
    inputs, targets = NUMBERS.to(kind), torch.tensor([0, 1])
    written = f"{kind}(2, 2)".encode() + inputs.numpy().tobytes() + b"torch.int64(2,)" + targets.numpy().tobytes()
    assert TensorData(inputs, targets).digest == hashlib.sha256(written).hexdigest()


VIEWS = [NUMBERS.t(), NUMBERS[:, 1:], NUMBERS[0, 0], NUMBERS[:0]]


@pytest.mark.parametrize("values", VIEWS, ids=lambda values: str(values.shape))
def test_bytes_are_in_the_order_of_the_elements(values: Tensor) -> None:
    assert bytes_of(values).numpy().tobytes() == values.numpy().tobytes()


def test_numbers_that_numpy_does_not_have() -> None:
    half = TensorData(NUMBERS.bfloat16(), torch.tensor([0, 1]))
    other = TensorData((NUMBERS + 1).bfloat16(), torch.tensor([0, 1]))
    assert half.digest != other.digest
    assert len(set(_rows(half))) == 2
    pairs = [(example, 0) for example in half.inputs]
    assert DatasetData(pairs).digest != DatasetData([(example, 0) for example in other.inputs]).digest
