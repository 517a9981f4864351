"""Networks whose inputs differ in length from batch to batch, as ONNX."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from benchmark.deployment.deployed import Call, Deployed
from benchmark.deployment.measure import measure
from benchmark.deployment.onnx import available, onnx_bytes, program, session
from benchmark.errors import Inapplicable, PluginError

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


class MeanOfNeighbours(nn.Module):
    """A classifier of nodes: of one graph, or of several that are drawn beside each other."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(6, 3)

    def forward(self, nodes: Tensor, edges: Tensor) -> Tensor:
        answer: Tensor = self.linear(nodes.index_add(0, edges[1], nodes[edges[0]]))
        return answer


def one_graph(size: int) -> Call:
    """All of the graph, whatever the batch."""
    nodes = torch.arange(60.0).reshape(10, 6) / 60
    return Call((nodes, torch.tensor([[0, 1, 2, 3], [1, 2, 3, 9]])), {})


def several_graphs(size: int) -> Call:
    """One graph for each example, with as many nodes as its number, and more."""
    count = sum(number + 4 for number in range(size))
    nodes = torch.rand((count, 6), generator=torch.Generator().manual_seed(size))
    return Call((nodes, torch.stack([torch.arange(count - 1), torch.arange(1, count)])), {})


@pytest.mark.parametrize("call", [one_graph, several_graphs])
def test_graphs_of_any_size_are_answered_as_torch_does(call: Callable[[int], Call]) -> None:
    network = MeanOfNeighbours().eval()
    traced = program(network, call)
    runs, loaded = session(onnx_bytes(traced), threads=1), traced.module()
    for size in (1, 5):
        given = call(size)
        assert torch.allclose(runs(given.tensors), given.of(network), atol=1e-5)
        assert torch.allclose(given.of(loaded), given.of(network), atol=1e-5)


class OneByOne(MeanOfNeighbours):
    """Its loop over nodes is unrolled for as many as there are when it is traced."""

    def forward(self, nodes: Tensor, edges: Tensor) -> Tensor:
        return super().forward(torch.stack([nodes[place] for place in range(len(nodes))]), edges)


def test_a_program_for_one_number_of_nodes_alone_is_none() -> None:
    with pytest.raises(Inapplicable, match=r"cannot trace this network: .*specialized it to be a constant"):
        program(OneByOne().eval(), several_graphs)


class Sorted(MeanOfWords):
    """Its sort keeps the order of equals, for which ONNX has no operation."""

    def forward(self, words: Tensor) -> Tensor:
        return super().forward(words.sort(stable=True).values)


def test_what_onnx_lacks_is_named() -> None:
    with pytest.raises(Inapplicable, match=r"No ONNX function found for .*aten.sort"):
        onnx_bytes(program(Sorted().eval(), batches))


@pytest.mark.slow
def test_a_runtime_that_cannot_run_a_network_after_all_may_be_left_out() -> None:
    """As for a network on Cora: torch is measured, and why onnxruntime is not is said."""
    network, told = Deployed(Sorted().eval(), Sorted().eval(), [], batches), dict[str, str]()
    found = measure(network, ["onnxruntime", "torch"], [1], threads=1, rounds=6, leave_out=told.__setitem__)
    assert [one.runtime for one in found] == ["torch"]
    assert "No ONNX function found" in told["onnxruntime"]
    with pytest.raises(PluginError, match="onnxruntime: this network cannot be exported to ONNX"):
        measure(network, ["onnxruntime", "torch"], [1], threads=1, rounds=6)


@pytest.mark.slow
def test_networks_of_texts_are_measured_in_onnxruntime() -> None:
    network = Deployed(MeanOfWords().eval(), MeanOfWords().eval(), [], batches)
    found = measure(network, ["onnxruntime"], [1, 7], threads=1, rounds=6)
    assert [one.batch for one in found] == [1, 7]


def test_inputs_that_it_cannot_take_are_one_line() -> None:
    runs = session(onnx_bytes(program(nn.Linear(4, 2), lambda size: Call((torch.ones(size, 4),), {}))), threads=1)
    with pytest.raises(PluginError, match=r"cannot run this network on inputs of \(3, 5\): .*--runtime torch"):
        runs([torch.ones(3, 5)])
