"""What runs on sparse tensor cores, tried on the CPU with torch's own compression; and why it does not elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from packaging.version import Version
from torch import Tensor, nn

from benchmark import Target, keep_top
from benchmark.deployment import gpu
from benchmark.deployment.deployed import Call, Deployed, require_near
from benchmark.deployment.files import write_two_of_four
from benchmark.deployment.measure import applicable, measure
from benchmark.deployment.runtimes import size_of
from benchmark.errors import VerificationFailed
from benchmark.pruning.pattern_names import pattern_named
from tests.support.sparse_cores import fake


def network(outputs: int = 64, inputs: int = 128) -> nn.Sequential:
    """A first layer that keeps two of every four weights, and a dense one that sparse tensor cores do not take."""
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Linear(inputs, outputs), nn.ReLU(), nn.Linear(outputs, 10)).eval()
    weight = layers[0].weight
    with torch.no_grad():
        weight.mul_(keep_top({"0.weight": weight.abs()}, Target(0.5, pattern_named("2:4")))["0.weight"])
    return layers


def examples(count: int) -> Call:
    return Call((torch.randn(count, 128, generator=torch.Generator().manual_seed(1)),), {})


def deployed() -> Deployed:
    return Deployed(network(), network(), ["0"], examples)


@pytest.fixture
def sparse_cores(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    yield from fake(monkeypatch)


def unpruned(layers: nn.Sequential) -> nn.Sequential:
    with torch.no_grad():
        layers[0].weight[3, 4:7] = 1.0
    return layers


def test_layers_that_keep_two_of_four_in_sizes_that_fit() -> None:
    assert gpu.two_of_four(network(), ["0", "2"]) == ["0"], "10 outputs are no multiple of 32"
    assert gpu.two_of_four(network(outputs=48), ["0"]) == gpu.two_of_four(network(inputs=96), ["0"]) == []
    assert gpu.two_of_four(unpruned(network()), ["0"]) == [], "three of four are kept in one place"
    assert gpu.two_of_four(nn.Sequential(nn.Conv2d(64, 32, 1)), ["0"]) == []


def test_kinds_of_linear_layers_that_compute_otherwise_are_left_alone() -> None:
    class Doubled(nn.Linear):
        def forward(self, inputs: Tensor) -> Tensor:
            return 2 * super().forward(inputs)

    doubled = Doubled(64, 32)
    nn.init.zeros_(doubled.weight)
    assert gpu.two_of_four(nn.Sequential(doubled), ["0"]) == []


@pytest.mark.usefixtures("sparse_cores")
def test_a_packed_network_answers_as_the_dense_one_and_stores_half_of_it() -> None:
    dense, packed, call = gpu.halved(network()), gpu.packed(network(), ["0"]), gpu.given(examples(5))
    require_near("2:4", gpu.answering(packed, 1)(call), gpu.answering(dense, 1)(call), 1e-3)
    assert packed[0].weight.packed.dtype == torch.float16
    kept, others = 64 * 128 // 2, 64 + 10 * 64 + 10
    assert size_of(dense) == 2 * (2 * kept + others), "two bytes each"
    assert size_of(packed) == 2 * (kept + others) + 2 * kept // 8, "and two bits that say where a weight was"


@pytest.mark.usefixtures("sparse_cores")
def test_a_weight_that_is_dense_would_not_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check sees what the compression drops."""
    monkeypatch.setattr(gpu, "two_of_four", lambda network, names: list(names))
    dense, call = unpruned(network()), examples(5)
    answers = gpu.answering(gpu.packed(dense, ["0"]), 1)(gpu.given(call))
    with pytest.raises(VerificationFailed, match="in 2:4, outputs are"):
        require_near("2:4", answers, call.of(dense).detach(), gpu.AGREES)


def test_integers_stay_integers_on_the_way_to_the_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "DEVICE", torch.device("cpu"))
    sent = gpu.given(Call((torch.tensor([1]),), {"x": torch.tensor([1.0])}))
    assert [value.dtype for value in sent.tensors] == [torch.int64, torch.float16]


def test_without_a_gpu_one_line_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    reasons = applicable(deployed())
    assert reasons["cuda"] == reasons["2:4"] == gpu.without_sparse_cores() == "torch finds no CUDA device here"


def test_an_older_gpu_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in fake(monkeypatch, capability=(7, 5)):
        reasons = applicable(deployed())
        assert reasons["cuda"] == ""
        assert reasons["2:4"] == "sparse tensor cores came with compute capability 8.0, and a fake has 7.5"


@pytest.mark.usefixtures("sparse_cores")
def test_a_network_without_such_layers_says_what_they_would_be() -> None:
    assert applicable(deployed())["2:4"] == ""
    reason = applicable(Deployed(network(outputs=48), network(), ["0"], examples))["2:4"]
    assert reason.startswith("no linear layer of this network keeps two of every four weights")
    assert reason.endswith("with outputs in multiples of 32 and inputs of 64")


@pytest.mark.runs
@pytest.mark.usefixtures("sparse_cores")
def test_it_is_measured_beside_the_dense_network_on_the_same_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmark.deployment.timing.LEAST", 0.0)
    plain, sparse = measure(deployed(), ["cuda", "2:4"], [3], threads=1, rounds=6)
    assert (plain.runtime, sparse.runtime) == ("cuda", "2:4")
    assert plain.parent_seconds == sparse.parent_seconds, "there is one parent"
    assert plain.size == plain.parent_size == sparse.parent_size > 1.5 * sparse.size
    assert (sparse.memory, sparse.parent_memory) == (sparse.size, sparse.parent_size), "a fake allocates nothing more"
    assert sparse.where["precision"] == "float16"


@pytest.mark.runs
@pytest.mark.usefixtures("sparse_cores")
def test_a_program_of_it_is_written_and_answers_as_the_network_does(tmp_path: Path) -> None:
    with torch.no_grad():
        reason = write_two_of_four(tmp_path, deployed())
        if Version(torch.__version__) < Version("2.14") and reason:
            assert reason.startswith("without network-2-4.pt2: torch.export cannot trace this network: ")
            assert list(tmp_path.iterdir()) == []
            return
        assert reason == ""
        program = torch.export.load(tmp_path / "network-2-4.pt2").module()
        call = examples(7)
        require_near("the program", gpu.given(call).of(program), call.of(network()), gpu.AGREES)


def test_where_no_program_of_it_can_be_written_one_line_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    expected = "without network-2-4.pt2: torch finds no CUDA device here"
    assert write_two_of_four(tmp_path, deployed()) == expected
    assert write_two_of_four(tmp_path, Deployed(network(outputs=48), network(), ["0"], examples)) == ""
    assert list(tmp_path.iterdir()) == []
