"""Networks as they are used: that channels cannot be cut out is told."""

from __future__ import annotations

import pytest
import torch

from benchmark import TensorData
from benchmark.contract.toy import toy
from benchmark.deployment.deployed import as_used
from benchmark.errors import VerificationFailed
from benchmark.pruning.masks import Masks
from tests.pruning.test_structured import Heads


@pytest.mark.parametrize("gone", [4, 3], ids=["as many channels as a head has", "fewer"])
def test_attention_that_cannot_be_cut_is_told(gone: int) -> None:
    torch.manual_seed(0)
    network, rows = Heads(), torch.randn(4, 18)
    masks = {
        f"{name}.weight": torch.ones_like(layer.weight, dtype=torch.bool) for name, layer in network.named_children()
    }
    for name in ("query", "key", "value"):
        masks[f"{name}.weight"][:gone] = False
    with torch.no_grad():
        for name, layer in network.named_children():
            layer.weight *= masks[f"{name}.weight"]
    train = TensorData(rows, torch.tensor([0, 1, 0, 1]))
    with pytest.raises(VerificationFailed, match="the channels that were removed cannot be cut out"):
        as_used(network, Masks(masks), Heads(), toy, train, channels=True)
