"""Networks as they are used: which layers have zeros; that channels cannot be cut out is told."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from torch import Tensor, nn

from benchmark import TensorData
from benchmark.contract.toy import toy
from benchmark.deployment.deployed import Deployed, as_used
from benchmark.deployment.runtimes import RUNTIMES, size_of
from benchmark.errors import VerificationFailed
from benchmark.pruning.masks import Masks
from tests.pruning.test_structured import Heads


class Packed(nn.Module):
    """A linear layer, a grouped convolution, and a matrix that is no layer's `weight`."""

    def __init__(self) -> None:
        super().__init__()
        self.linear, self.grouped = nn.Linear(18, 4), nn.Conv1d(4, 4, 1, groups=2)
        self.in_proj_weight = nn.Parameter(torch.ones(4, 4))

    def forward(self, inputs: Tensor) -> Tensor:
        hidden: Tensor = self.grouped(self.linear(inputs)[..., None]).squeeze(-1)
        return hidden @ self.in_proj_weight


def half(network: nn.Module, *names: str) -> Deployed:
    """A network as it is used, with every other output of some tensors pruned."""
    parameters = dict(network.named_parameters())
    masks = {name: torch.ones_like(parameter, dtype=torch.bool) for name, parameter in parameters.items()}
    with torch.no_grad():
        for name in names:
            masks[name][::2] = False
            parameters[name].mul_(masks[name])
    train = TensorData(torch.randn(4, 18), torch.tensor([0, 1, 0, 1]))
    return as_used(network, Masks(masks), deepcopy(network), toy, train, channels=False)


def test_tensors_that_are_no_weight_of_a_layer_are_none_of_the_runtimes() -> None:
    network = half(Packed(), "linear.weight", "in_proj_weight")
    assert network.zeros == ["linear"]
    assert not RUNTIMES["csr"].refuses(network)
    rows = RUNTIMES["csr"].prepare(network.network, network.zeros, network.call)
    assert size_of(network.parent) - size_of(rows) == 72 * 4 - (36 * 8 + 5 * 4), "of its 72 weights 36 are kept"


def test_compressed_rows_are_not_measured_where_no_layer_can_be_compressed() -> None:
    network = half(Packed(), "grouped.weight", "in_proj_weight")
    assert RUNTIMES["csr"].refuses(network) == "no linear layer or plain convolution of this network has zeros"


def test_a_network_may_be_one_layer() -> None:
    network = half(nn.Linear(18, 4), "weight")
    rows = RUNTIMES["csr"].prepare(network.network, network.zeros, network.call)
    assert size_of(rows) == 36 * 8 + 5 * 4 + 4 * 4, "values and columns, starts of rows, biases"
    assert torch.allclose(rows(torch.ones(2, 18)), network.network(torch.ones(2, 18)), atol=1e-5)


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
