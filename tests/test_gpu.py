"""On a CUDA device: the same bits again, and the masks that the CPU finds where only chance decides."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from benchmark import Target, keep_top
from benchmark.contract.toy import toy
from benchmark.contract.trial import question
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


@pytest.mark.skipif(
    torch.cuda.is_available() and torch.cuda.get_device_capability() < (8, 0),
    reason="sparse tensor cores came with compute capability 8.0",
)
@pytest.mark.filterwarnings("default")  # torch calls it a prototype
def test_what_keeps_two_of_four_runs_on_sparse_tensor_cores() -> None:
    """They store two of every four inputs; what a wrong mask keeps beside them would be gone."""
    torch.manual_seed(0)
    layer, inputs = nn.Linear(128, 256).half().cuda(), torch.randn(64, 128).half().cuda()
    with torch.inference_mode():
        layer.weight.mul_(keep_top({"fc": layer.weight.abs()}, Target(0.5, pattern_named("2:4")))["fc"])
        dense = layer(inputs)
        layer.weight = nn.Parameter(torch.sparse.to_sparse_semi_structured(layer.weight))
        torch.testing.assert_close(layer(inputs), dense, rtol=1e-2, atol=1e-3)
