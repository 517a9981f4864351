"""What a process is set to while it answers a cell."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from benchmark.harness.determinism import rounded
from benchmark.machine import device_facts


@pytest.fixture
def tf32() -> Iterator[None]:
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = matmul.allow_tf32, cudnn.allow_tf32
    yield
    matmul.allow_tf32, cudnn.allow_tf32 = before


@pytest.mark.usefixtures("tf32")
@pytest.mark.parametrize(("products", "convolutions"), [(True, False), (False, True)])
def test_rounding_is_set_recorded_and_put_back(
    products: bool, convolutions: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "a card")
    torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = products, convolutions

    @rounded()
    def fails() -> None:
        assert device_facts(torch.device("cuda"))["tf32"] == {"matmul": False, "convolutions": True}
        raise ArithmeticError

    with pytest.raises(ArithmeticError):
        fails()
    found = device_facts(torch.device("cuda"))["tf32"]
    assert found == {"matmul": products, "convolutions": convolutions}
