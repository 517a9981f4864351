"""On a CUDA device: the same bits again, and the masks that the CPU finds where only chance decides."""

from __future__ import annotations

import subprocess
import sys
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from benchmark import Target, keep_top
from benchmark.contract.toy import toy
from benchmark.contract.trial import question
from benchmark.deployment import gpu
from benchmark.deployment.deployed import Call, Deployed, require_near
from benchmark.deployment.files import write_two_of_four
from benchmark.deployment.measure import measure
from benchmark.harness.answer import answer
from benchmark.harness.question import Question
from benchmark.plugins import catalog, registry
from benchmark.pruning.pattern_names import pattern_named
from benchmark.results.cell import Cell
from benchmark.results.record import Record

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no CUDA device"),
]
NAMES = [name for name, plugin in catalog.plugins("algorithm").items() if plugin.distribution == catalog.BUILT_IN]


@pytest.fixture(autouse=True)
def workspace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")


def on(device: str, name: str) -> Record:
    return answer(replace(question(name, budget="smoke"), device=torch.device(device)))


@pytest.mark.parametrize("name", NAMES)
def test_the_same_cell_has_the_same_bits(name: str) -> None:
    first, second = on("cuda", name), on("cuda", name)
    assert first.status == "ok", first.error
    assert (first.mask_digest, first.metrics) == (second.mask_digest, second.metrics)


def test_chance_is_the_same_on_every_device() -> None:
    assert on("cuda", "random").mask_digest == on("cpu", "random").mask_digest


def test_workers_find_the_device_whatever_their_server_imported(tmp_path: Path) -> None:
    """torch-geometric asks for a GPU when it is imported, and CUDA that has started does not survive a fork."""
    command = [sys.executable, "-c", "from benchmark.cli import main; main()", "run", "--algo", "dense,snip"]
    words = ["--task", "planted-partition", "--budget", "smoke", "--device", "cuda", "--jobs", "2", "--results"]
    done = subprocess.run([*command, *words, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("model", ["net", "residual"])
def test_recorded_steps_lead_where_plain_ones_lead(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = {}
    for capture in ("0", "1"):
        monkeypatch.setenv("PRUNEBENCH_CAPTURE", capture)
        algorithm = registry.algorithm("granet")
        options = algorithm.resolve({"interval": 4})
        cell = Cell(algorithm="granet", options=options, task="toy", model=model, sparsity=0.8, budget="short", seed=0)
        found[capture] = answer(Question(cell, algorithm, toy, device=torch.device("cuda")))
    assert found["0"].provenance["steps"] == "plain"
    assert found["1"].provenance["steps"] == "captured"
    assert found["1"].metrics["accuracy"] == pytest.approx(found["0"].metrics["accuracy"], abs=0.05)


@pytest.fixture
def two_of_four() -> Deployed:
    """A layer that keeps two of every four weights, and one that sparse tensor cores do not take."""
    if reason := gpu.without_sparse_cores():
        pytest.skip(reason)
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(128, 256), nn.ReLU(), nn.Linear(256, 10)).eval()
    with torch.no_grad():
        network[0].weight.mul_(keep_top({"fc": network[0].weight.abs()}, Target(0.5, pattern_named("2:4")))["fc"])
    return Deployed(network, deepcopy(network), ["0"], lambda count: Call((torch.randn(count, 128),), {}))


def test_what_keeps_two_of_four_runs_on_sparse_tensor_cores(two_of_four: Deployed) -> None:
    """They store two of every four inputs; what a wrong mask keeps beside them would be gone.

    Products of 128 numbers in float16, added up in float32 and rounded once, lie within 1e-3 of the largest output.
    """
    call = gpu.given(two_of_four.call(64))
    dense = gpu.answering(gpu.halved(two_of_four.network), 1)(call)
    packed = gpu.packed(two_of_four.network, two_of_four.zeros)
    assert isinstance(packed[0].weight, torch.sparse.SparseSemiStructuredTensor)
    require_near("2:4", gpu.answering(packed, 1)(call), dense, 1e-3)


def test_two_of_four_is_measured_and_written(two_of_four: Deployed, tmp_path: Path) -> None:
    plain, sparse = measure(two_of_four, ["cuda", "2:4"], [64], threads=1, rounds=6)
    assert sparse.size < plain.size == sparse.parent_size
    assert sparse.memory is not None
    assert sparse.memory > sparse.size
    with torch.no_grad():
        assert write_two_of_four(tmp_path, two_of_four) == ""
    assert (tmp_path / "network-2-4.pt2").exists()
