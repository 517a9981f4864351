"""Networks whose inputs differ in length from batch to batch, as ONNX."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from benchmark.deployment.deployed import Call, Deployed
from benchmark.deployment.measure import measure
from benchmark.deployment.onnx import available, onnx_bytes, program, session
from benchmark.errors import PluginError

pytestmark = [pytest.mark.runs, pytest.mark.skipif(not available(), reason="needs prunebench[onnx]")]


class MeanOfWords(nn.Module):
    """A classifier of texts of any length; 0 is no word."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.linear = nn.Embedding(50, 8), nn.Linear(8, 3)

    def forward(self, words: Tensor) -> Tensor:
        there = (words > 0).float().unsqueeze(-1)
        mean = (self.embedding(words) * there).sum(1) / there.sum(1).clamp(min=1)
        answer: Tensor = self.linear(mean)
        return answer


def batches(size: int) -> Call:
    """As long as their longest text: larger batches have longer ones."""
    drawn = torch.randint(1, 50, (size, 4 + size), generator=torch.Generator().manual_seed(size))
    return Call((), {"words": drawn})


def test_a_batch_of_any_length_is_answered_as_torch_does() -> None:
    network = MeanOfWords().eval()
    runs = session(onnx_bytes(program(network, batches)), threads=1)
    for size in (1, 5, 90):
        call = batches(size)
        assert torch.allclose(runs(call.tensors), call.of(network), atol=1e-5)


@pytest.mark.slow
def test_networks_of_texts_are_measured_in_onnxruntime() -> None:
    network = Deployed(MeanOfWords().eval(), MeanOfWords().eval(), [], batches)
    found = measure(network, ["onnxruntime"], [1, 7], threads=1, rounds=6)
    assert [one.batch for one in found] == [1, 7]


def test_inputs_that_it_cannot_take_are_one_line() -> None:
    runs = session(onnx_bytes(program(nn.Linear(4, 2), lambda size: Call((torch.ones(size, 4),), {}))), threads=1)
    with pytest.raises(PluginError, match=r"cannot run this network on inputs of \(3, 5\): .*--runtime torch"):
        runs([torch.ones(3, 5)])
